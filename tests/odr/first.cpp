// SPDX-License-Identifier: MIT
// Two translation units that include everything link to one program: no definition is made twice.
#include <diffusion/ddim.hpp>

double second(double x);

int main() {
  const auto schedule = diffusion::linear_schedule(10);
  const double x = diffusion::ddim_step(schedule(4), schedule(5), 0.25, 0.5, 0.0, 0.0);
  return x == second(0.25) ? 0 : 1;
}
