// SPDX-License-Identifier: MIT
// expects: NoiseSource
#include <diffusion/ddpm.hpp>

double run() {
  const auto schedule = diffusion::linear_schedule(10);
  const auto denoiser = [](double x, const diffusion::NoiseLevel<double>&) { return x; };
#ifdef SHOULD_FAIL
  const auto noise = [](int, double) { return 0.0f; };
#else
  const auto noise = [](int, double) { return 0.0; };
#endif
  return diffusion::sample(diffusion::AncestralSampler{}, denoiser, diffusion::level_grid(schedule), 0.0, noise);
}
