// SPDX-License-Identifier: MIT
#include <diffusion/model/denoiser.hpp>

#include <diffusion/process/schedules.hpp>
#include <functional>

#include "../support/catch.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

struct Zero {
  int calls = 0;
  template <class X, class L>
  X operator()(const X& x, const L&) const {
    return X(x.size());
  }
};
[[maybe_unused]] const auto wrong_arguments = [](double) { return 0.0; };
[[maybe_unused]] const auto wrong_result = [](double, const NoiseLevel<double>&) { return 0.0f; };
const auto right = [](double x, const NoiseLevel<double>&) { return x; };

}  // namespace

static_assert(Denoiser<decltype(right), double>);
static_assert(!Denoiser<decltype(wrong_arguments), double>);
static_assert(!Denoiser<decltype(wrong_result), double>);
static_assert(!Denoiser<int, double>);
static_assert(!Denoiser<decltype(predicts_noise(wrong_arguments)), double>);
static_assert(!Denoiser<decltype(clip_x0(predicts_noise(wrong_result))), double>);
static_assert(std::same_as<prediction_t<decltype(clip_x0(predicts_v(Zero())))>, VPrediction>);
static_assert(std::same_as<prediction_t<decltype(right)>, X0Prediction>);
static_assert(Denoiser<Zero, std::vector<float>> && Denoiser<decltype(predicts_v(Zero())), std::vector<float>>);
static_assert(Denoiser<decltype(clip_x0(predicts_v(Zero()))), std::vector<float>>);

TEST_CASE("networks become denoisers by what they predict", "[denoiser]") {
  const auto level = linear_schedule(1000)(500);
  const double x_0 = 0.3, eps = -1.2, x_t = q_sample(level, x_0, eps);
  const auto told = [&](double value) {
    return [&level, value](double, const NoiseLevel<double>& t) {
      REQUIRE(t.time() == level.time());
      return value;
    };
  };
  const auto near = Catch::Matchers::WithinRel(x_0, 1e-14);
  REQUIRE(predicts_x0(told(x_0))(x_t, level) == x_0);
  REQUIRE_THAT(predicts_noise(told(eps))(x_t, level), near);
  REQUIRE_THAT(predicts_v(told(v_from(level, x_0, eps)))(x_t, level), near);
  REQUIRE_THAT(predicts_score(told(score_from_noise(level, eps)))(x_t, level), near);
}

TEST_CASE("a network is kept by value, and referred to by std::ref", "[denoiser]") {
  struct Net {
    double weight = 1;
    double operator()(double x, const NoiseLevel<double>&) const { return weight * x; }
  } net;
  const auto made = [] {
    const Net local{3};
    return clip_x0(predicts_x0(local), -100, 100);  // a factory of models
  }();
  const auto copied = predicts_x0(net);
  const auto referred = predicts_x0(std::ref(net));
  net.weight = 2;  // trained on
  REQUIRE(made(1.5, vp_level(0.0)) == 4.5);
  REQUIRE(copied(1.5, vp_level(0.0)) == 1.5);
  REQUIRE(referred(1.5, vp_level(0.0)) == 3);
}

TEST_CASE("a network may change when it is called", "[denoiser]") {
  auto denoiser = clip_x0(predicts_x0([calls = 0.0](double, const auto&) mutable { return calls += 1; }), -10, 10);
  static_assert(Denoiser<decltype(denoiser), double> && !Denoiser<const decltype(denoiser), double>);
  REQUIRE(denoiser(0.0, vp_level(0.0)) == 1);
  REQUIRE(denoiser(0.0, vp_level(0.0)) == 2);
}

TEST_CASE("clip_x0 bounds the estimate and leaves NaN", "[denoiser]") {
  const auto identity = predicts_x0([](const std::vector<double>& x, const auto&) { return x; });
  const auto clipped = clip_x0(identity);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto result = clipped(std::vector<double>{-3, -1, 0.5, 1, 3, nan}, vp_level(0.0));
  REQUIRE(std::vector<double>(result.begin(), result.begin() + 5) == std::vector<double>{-1, -1, 0.5, 1, 1});
  REQUIRE(result[5] != result[5]);
  REQUIRE(clip_x0(right, 0, 0.25)(3.0, vp_level(0.0)) == 0.25);
  const std::vector levels{vp_level(0.0), vp_level(1.0)};
  const auto batch = predicts_x0([&](const std::vector<double>& x, const std::vector<NoiseLevel<double>>& each) {
    REQUIRE(each.size() == 2);
    return x;
  });
  REQUIRE(clip_x0(batch)(std::vector<double>{-3, -0.5, 0.5, 3}, levels) == std::vector<double>{-1, -0.5, 0.5, 1});
  REQUIRE(message([&] { return clip_x0(right, 1, -1); }) ==
          "diffusion::clip_x0: low = 1, expected a number below high");
  REQUIRE(message([&] { return clip_x0(right, 1, 1); }) == "diffusion::clip_x0: low = 1, expected a number below high");
}
