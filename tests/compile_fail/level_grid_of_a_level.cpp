// SPDX-License-Identifier: MIT
// expects: DiscreteTimeSchedule
#include <diffusion/ddpm.hpp>

auto run() {
  const auto schedule = diffusion::linear_schedule(10);
#ifdef SHOULD_FAIL
  return diffusion::level_grid(schedule(3));
#else
  return diffusion::level_grid(schedule);
#endif
}
