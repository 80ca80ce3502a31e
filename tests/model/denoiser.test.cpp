// SPDX-License-Identifier: MIT
#include <diffusion/model/denoiser.hpp>

#include <diffusion/process/schedules.hpp>

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

TEST_CASE("a named network is referred to, a temporary one kept", "[denoiser]") {
  double weight = 1;
  auto net = [&weight](double x, const auto&) { return weight * x; };
  const auto denoiser = predicts_x0(net);
  weight = 2;  // trained on after the denoiser was made
  REQUIRE(denoiser(1.5, vp_level(0.0)) == 3);
  static_assert(std::is_reference_v<decltype(denoiser.net)>);
  static_assert(!std::is_reference_v<decltype(predicts_x0(Zero()).net)>);
}

TEST_CASE("clip_x0 bounds the estimate and leaves NaN", "[denoiser]") {
  const auto identity = predicts_x0([](const std::vector<double>& x, const auto&) { return x; });
  const auto clipped = clip_x0(identity);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto result = clipped(std::vector<double>{-3, -1, 0.5, 1, 3, nan}, vp_level(0.0));
  REQUIRE(std::vector<double>(result.begin(), result.begin() + 5) == std::vector<double>{-1, -1, 0.5, 1, 1});
  REQUIRE(result[5] != result[5]);
  REQUIRE(clip_x0(right, 0, 0.25)(3.0, vp_level(0.0)) == 0.25);
  REQUIRE(message([&] { return clip_x0(right, 1, -1); }) ==
          "diffusion::clip_x0: low = 1, expected a number below high");
}
