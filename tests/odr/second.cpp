// SPDX-License-Identifier: MIT
#include <diffusion/ddim.hpp>

double second(double x) {
  const auto schedule = diffusion::linear_schedule(10);
  return diffusion::ddim_step(schedule(4), schedule(5), x, 0.5, 0.0, 0.0);
}
