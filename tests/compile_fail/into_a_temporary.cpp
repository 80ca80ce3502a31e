// SPDX-License-Identifier: MIT
// expects: into
#include <diffusion/ddpm.hpp>

void run(std::vector<double>& memory) {
  const std::vector<double> x_0{1}, eps{2};
  const auto level = diffusion::linear_schedule(10)(5);
#ifdef SHOULD_FAIL
  diffusion::q_sample(level, x_0, eps, diffusion::into(std::vector<double>(1)));
#else
  diffusion::q_sample(level, x_0, eps, diffusion::into(std::span<double>(memory)));
#endif
}
