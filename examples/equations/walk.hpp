// SPDX-License-Identifier: MIT
// Document 002, "Diffusion": all prose, a walk in a space of many dimensions. Its claims, executed.
#pragma once

#include "walk_back.hpp"
#include "walk_between.hpp"
#include "walk_forward.hpp"
#include "walk_pictures.hpp"

namespace equations::walk {

inline std::vector<Check> checks() {
  std::vector<Check> all = picture_checks();
  for (const auto& more : {forward_checks(), back_checks(), between_checks()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace equations::walk
