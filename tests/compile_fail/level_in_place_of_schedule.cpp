// SPDX-License-Identifier: MIT
// expects: DiscreteTimeSchedule
#include <diffusion/ddpm.hpp>

auto run() {
  const auto schedule = diffusion::linear_schedule(10);
#ifdef SHOULD_FAIL
  return diffusion::uniform_levels(schedule(3), 8, diffusion::NormalNoise{}, 0);
#else
  return diffusion::uniform_levels(schedule, 8, diffusion::NormalNoise{}, 0);
#endif
}
