// SPDX-License-Identifier: MIT
// expects: Denoiser
#include <diffusion/ddpm.hpp>

double run() {
  const auto schedule = diffusion::linear_schedule(10);
#ifdef SHOULD_FAIL
  const auto denoiser = [](double x) { return x; };  // does not take the level
#else
  const auto denoiser = [](double x, const diffusion::NoiseLevel<double>&) { return x; };
#endif
  return diffusion::sample(diffusion::AncestralSampler{}, denoiser, diffusion::level_grid(schedule), 0.0,
                           diffusion::NormalNoise{});
}
