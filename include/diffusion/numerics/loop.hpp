// SPDX-License-Identifier: MIT
// How an observer of a loop speaks: it sees the progress, and says whether the loop goes on.
//
// Use it for every loop of the library that a user may watch: sample(), bound_over_data().
#pragma once

namespace diffusion {

/// What an observer may return; one that returns nothing lets the loop proceed.
enum class Loop { proceed, stop };

struct NoObserver {
  void operator()(const auto&) const {}
};

}  // namespace diffusion
