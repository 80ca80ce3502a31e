// SPDX-License-Identifier: MIT
// Document 000, "Intuitions on Diffusion Model": all of its checks, in the order of the text.
#pragma once

#include "intuitions_derivation.hpp"
#include "intuitions_forward.hpp"

namespace equations::intuitions {

inline std::vector<Check> checks() {
  std::vector<Check> all = forward_checks();
  const std::vector<Check> derivation = derivation_checks();
  all.insert(all.end(), derivation.begin(), derivation.end());
  return all;
}

}  // namespace equations::intuitions
