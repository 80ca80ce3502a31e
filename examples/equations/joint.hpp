// SPDX-License-Identifier: MIT
// Document 003, joint distributions: the forward and the reverse chain as distributions of a whole path, and the KL
// divergence between them. All of its checks, by parts of the text.
#pragma once

#include "joint_forward.hpp"
#include "joint_kl.hpp"
#include "joint_reverse.hpp"

namespace equations::joint {

inline std::vector<Check> checks() {
  std::vector<Check> all;
  for (const auto& part : {forward_checks(), reverse_checks(), kl_checks()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace equations::joint
