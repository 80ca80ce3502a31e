// SPDX-License-Identifier: MIT
#include <diffusion/model/guidance.hpp>

#include "../support/catch.hpp"
#include "../support/message.hpp"

using namespace diffusion;

TEST_CASE("guidance is linear in the two estimates", "[guidance]") {
  const auto conditional = [](double, const NoiseLevel<double>&) { return 3.0; };
  const auto unconditional = [](double, const NoiseLevel<double>&) { return 1.0; };
  const auto level = vp_level(0.5);
  REQUIRE(guided(conditional, unconditional, 1)(0.25, level) == 3);
  REQUIRE(guided(conditional, unconditional, 0)(0.25, level) == 1);
  REQUIRE(guided(conditional, unconditional, 2.5)(0.25, level) == 6);
  static_assert(Denoiser<decltype(guided(conditional, unconditional, 2)), double>);
}

TEST_CASE("guidance of x_0 is guidance of the noise", "[guidance]") {
  const auto level = vp_level(-0.7);
  const double x_t = 0.3, a = 0.9, b = -0.4, scale = 4;
  const auto says = [](double value) { return [value](double, const auto&) { return value; }; };
  const double by_noise = x0_from_noise(level, x_t, b + scale * (a - b));
  REQUIRE_THAT(guided(predicts_noise(says(a)), predicts_noise(says(b)), scale)(x_t, level),
               Catch::Matchers::WithinRel(by_noise, 1e-14));
}

TEST_CASE("a bad scale is named", "[guidance][errors]") {
  const auto zero = [](double, const NoiseLevel<double>&) { return 0.0; };
  REQUIRE(message([&] { return guided(zero, zero, 1.0 / 0.0); }) ==
          "diffusion::guided: scale = inf, expected a finite number");
}
