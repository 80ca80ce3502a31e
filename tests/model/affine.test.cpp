// SPDX-License-Identifier: MIT
#include <diffusion/model/affine.hpp>

#include <diffusion/process/schedules.hpp>

#include "../support/catch.hpp"
#include "../support/message.hpp"

using namespace diffusion;

TEST_CASE("an affine denoiser is slope x_t + offset at the level it is asked about", "[affine]") {
  const auto schedule = linear_schedule(10);
  const AffineDenoiser scalar{[](const NoiseLevel<double>& t) { return AffineEstimate{0.5, t.time()}; }};
  static_assert(Denoiser<decltype(scalar), double> && AffineInX<decltype(scalar), double>);
  static_assert(!AffineInX<int, double>);
  REQUIRE(scalar(3.0, schedule(4)) == 5.5);
  REQUIRE(scalar(-1.0, schedule(0)) == -0.5);
  using V = std::vector<float>;
  const AffineDenoiser vector{[](const NoiseLevel<double>&) { return AffineEstimate{2.0, V{1, -1}}; }};
  static_assert(Denoiser<decltype(vector), V> && AffineInX<decltype(vector), V>);
  static_assert(!AffineInX<decltype(vector), std::vector<double>>);
  REQUIRE(vector(V{1, 2}, schedule(1)) == V{3, 3});
  REQUIRE(message([&] { return vector(V{1, 2, 3}, schedule(1)); }) ==
          "diffusion::AffineDenoiser: offset has 2 elements, expected 3, as x_t");
}
