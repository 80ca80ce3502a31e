// SPDX-License-Identifier: MIT
// expects: DiscreteTimeSchedule
#include <diffusion/ddpm.hpp>

auto run() {
  const auto schedule = diffusion::linear_schedule(10);
#ifdef SHOULD_FAIL
  return diffusion::rescale_zero_terminal_snr(schedule(10));
#else
  return diffusion::rescale_zero_terminal_snr(schedule);
#endif
}
