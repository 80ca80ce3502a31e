// SPDX-License-Identifier: MIT
#include <diffusion/model/guidance.hpp>

#include "../support/exact.hpp"
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
  using V = std::vector<double>;
  using Levels_ = std::vector<NoiseLevel<double>>;
  const auto three = [](const V& x, const Levels_&) { return V(x.size(), 3.0); };
  const auto one = [](const V& x, const Levels_&) { return V(x.size(), 1.0); };
  REQUIRE(guided(three, one, 2.5)(V{0, 0}, Levels_{level, level}) == V{6, 6});
}

TEST_CASE("guidance of x_0 is guidance of the noise", "[guidance][hosalimans2022.6]") {
  using truth::Real;
  const auto says = [](const Real& value) { return [value](const Real&, const auto&) { return value; }; };
  for (int i = 0; i < 100; ++i) {
    const auto level = exact::random_level(i);
    const Real x_t = exact::number(), a = exact::number(), b = exact::number();
    const double w = random_arguments::uniform(-1, 8), scale = 1 + w;
    const Real eps = Real(scale) * a - (Real(scale) - 1) * b;
    exact::require_equal(guided(predicts_noise(says(a)), predicts_noise(says(b)), scale)(x_t, level),
                         x0_from_noise(level, x_t, eps));
  }
}

TEST_CASE("guidance may change its networks, needs a signal if one of them does, and both must be denoisers",
          "[guidance]") {
  auto counting =
      guided([n = 0.0](double, const auto&) mutable { return ++n; }, [](double, const auto&) { return 0.0; }, 1);
  const auto level = vp_level(0.5);
  REQUIRE((counting(0.25, level) == 1 && counting(0.25, level) == 2));
  const auto zero = [](double, const NoiseLevel<double>&) { return 0.0; };
  const auto v = predicts_v(zero);
  const auto noise = predicts_noise(zero);
  static_assert(prediction_t<decltype(guided(v, noise, 1))>::needs_signal);
  static_assert(prediction_t<decltype(guided(noise, v, 1))>::needs_signal);
  static_assert(std::same_as<prediction_t<decltype(guided(v, v, 1))>, VPrediction>);
  static_assert(!Denoiser<decltype(guided(zero, [](int) { return 0.0; }, 1)), double>);
}

TEST_CASE("a bad scale is named", "[guidance][errors]") {
  const auto zero = [](double, const NoiseLevel<double>&) { return 0.0; };
  REQUIRE(message([&] { return guided(zero, zero, 1.0 / 0.0); }) ==
          "diffusion::guided: scale = inf, expected a finite number");
}
