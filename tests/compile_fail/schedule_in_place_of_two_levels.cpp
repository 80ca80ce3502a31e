// SPDX-License-Identifier: MIT
// expects: Level
#include <diffusion/ddpm.hpp>

auto run() {
  const auto schedule = diffusion::linear_schedule(10);
#ifdef SHOULD_FAIL
  return diffusion::q_posterior(schedule, schedule);
#else
  return diffusion::q_posterior(schedule(3), schedule(4));
#endif
}
