// SPDX-License-Identifier: MIT
// expects: Sampler
#include <diffusion/ddpm.hpp>

double run() {
  const auto schedule = diffusion::linear_schedule(10);
  const auto denoiser = [](double x, const diffusion::NoiseLevel<double>&) { return x; };
#ifdef SHOULD_FAIL
  const auto sampler = diffusion::PosteriorVariance{};
#else
  const auto sampler = diffusion::AncestralSampler{};
#endif
  return diffusion::sample(sampler, denoiser, diffusion::level_grid(schedule), 0.0, diffusion::NormalNoise{});
}
