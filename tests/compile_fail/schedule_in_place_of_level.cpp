// SPDX-License-Identifier: MIT
// expects: Levels
#include <diffusion/ddpm.hpp>

auto run() {
  const auto schedule = diffusion::linear_schedule(10);
#ifdef SHOULD_FAIL
  return diffusion::x0_from_noise(schedule, 0.5, -1.0);
#else
  return diffusion::x0_from_noise(schedule(3), 0.5, -1.0);
#endif
}
