// SPDX-License-Identifier: MIT
// The library builds with -fno-exceptions -fno-rtti; a bad argument then prints its sentence and aborts.
#include <diffusion/ddim.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>

int main() {
  const auto schedule = diffusion::linear_schedule(10);
  const auto denoiser = [](double x, const diffusion::NoiseLevel<double>&) { return x / 2; };
  const double x = diffusion::sample(diffusion::DdimSampler{}, denoiser, diffusion::level_grid(schedule), 1.0,
                                     diffusion::NormalNoise{});
  if (!(x > 0)) return EXIT_FAILURE;
  std::signal(SIGABRT, [](int) { std::_Exit(EXIT_SUCCESS); });
  (void)diffusion::linear_schedule(0);
  return EXIT_FAILURE;
}
