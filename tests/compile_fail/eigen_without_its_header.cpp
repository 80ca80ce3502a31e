// SPDX-License-Identifier: MIT
// expects: IncludeEigenHppOrXtensorHppOrSpecialiseStateTraits
#include <Eigen/Core>
#include <diffusion/ddpm.hpp>
#ifndef SHOULD_FAIL
#include <diffusion/eigen.hpp>
#endif

auto run() {
  const Eigen::ArrayXd x = Eigen::ArrayXd::Ones(4);
  return diffusion::q_sample(diffusion::vp_level(0.0), x, x);
}
