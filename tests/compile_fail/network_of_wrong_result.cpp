// SPDX-License-Identifier: MIT
// expects: Network
#include <diffusion/ddpm.hpp>

auto run() {
  const auto schedule = diffusion::linear_schedule(10);
  const diffusion::NormalNoise noise;
#ifdef SHOULD_FAIL
  const auto network = [](const std::vector<float>&, const auto&) { return std::vector<double>(3); };
#else
  const auto network = [](const std::vector<float>&, const auto&) { return std::vector<float>(3); };
#endif
  return diffusion::sample(diffusion::AncestralSampler{}, diffusion::clip_x0(diffusion::predicts_noise(network)),
                           diffusion::level_grid(schedule), std::vector<float>(3), noise);
}
