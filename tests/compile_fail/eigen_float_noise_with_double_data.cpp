// SPDX-License-Identifier: MIT
// expects: CompatibleState
#include <diffusion/ddpm.hpp>
#include <diffusion/eigen.hpp>

auto run() {
  const Eigen::ArrayXd x_0 = Eigen::ArrayXd::Ones(4);
#ifdef SHOULD_FAIL
  const Eigen::ArrayXf eps = Eigen::ArrayXf::Ones(4);
#else
  const Eigen::ArrayXd eps = Eigen::ArrayXd::Ones(4);
#endif
  return diffusion::q_sample(diffusion::vp_level(0.0), x_0, eps);
}
