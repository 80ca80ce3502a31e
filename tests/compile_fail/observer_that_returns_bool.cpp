// SPDX-License-Identifier: MIT
// expects: Loop
#include <diffusion/ddpm.hpp>

auto run() {
  const auto schedule = diffusion::linear_schedule(10);
  const auto denoiser = [](double x, const diffusion::NoiseLevel<double>&) { return x; };
#ifdef SHOULD_FAIL
  const auto observer = [](const auto& progress) { return progress.step < 5; };
#else
  const auto observer = [](const auto& p) { return p.step < 5 ? diffusion::Loop::proceed : diffusion::Loop::stop; };
#endif
  return diffusion::sample(diffusion::AncestralSampler{}, denoiser, diffusion::level_grid(schedule), 0.0,
                           diffusion::NormalNoise{}, observer);
}
