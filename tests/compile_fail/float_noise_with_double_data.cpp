// SPDX-License-Identifier: MIT
// expects: CompatibleState
#include <diffusion/ddpm.hpp>

auto run() {
  const std::vector<double> x_0{1, 2, 3};
#ifdef SHOULD_FAIL
  const std::vector<float> eps{1, 2, 3};
#else
  const std::vector<double> eps{1, 2, 3};
#endif
  return diffusion::q_sample(diffusion::vp_level(0.0), x_0, eps);
}
