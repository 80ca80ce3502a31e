// SPDX-License-Identifier: MIT
// The shortest whole use of the library: a schedule, a network of your own, samples. Here the "network" is a formula.
// [quickstart]
#include <cstdio>
#include <diffusion/ddpm.hpp>
#include <diffusion/eigen.hpp>

int main() {
  const auto schedule = diffusion::linear_schedule(1000);
  const diffusion::NormalNoise noise{.seed = 42};
  const Eigen::ArrayXXf shape(2, 500);  // 500 points in the plane, one a column

  // Your network: the noisy points and their level in, its prediction of the noise out. This one knows the answer for
  // data on the unit circle: go to the nearest point of it.
  const auto network = [](const Eigen::ArrayXXf& x_t, const auto& level) -> Eigen::ArrayXXf {
    const Eigen::ArrayXXf x_0 = x_t.matrix().colwise().normalized();
    return diffusion::noise_from_x0(level, x_t, x_0);
  };

  const Eigen::ArrayXXf x = diffusion::sample(diffusion::AncestralSampler{}, diffusion::predicts_noise(network),
                                              diffusion::level_grid(schedule), noise.initial(shape), noise);
  std::printf("radius %.3f to %.3f\n", x.matrix().colwise().norm().minCoeff(), x.matrix().colwise().norm().maxCoeff());
}
// [quickstart]
