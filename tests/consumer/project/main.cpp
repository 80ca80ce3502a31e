// SPDX-License-Identifier: MIT
#include <diffusion/ddpm.hpp>
#ifdef WITH_EIGEN
#include <diffusion/eigen.hpp>
#endif

int main() {
  const auto schedule = diffusion::linear_schedule(1000);
#ifdef WITH_EIGEN
  const Eigen::Array2d x_0(0.25, -0.5);
  return diffusion::q_sample(schedule(0), x_0, x_0).isApprox(x_0) ? 0 : 1;
#else
  return schedule.steps() == 1000 ? 0 : 1;
#endif
}
