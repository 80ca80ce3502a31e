// SPDX-License-Identifier: MIT
#include <diffusion/model/estimate.hpp>

#include <diffusion/model/edm_prediction.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/catch.hpp"
#include "../support/random.hpp"

using namespace diffusion;
using kernels::Second;
using random_arguments::uniform;
using State_ = std::vector<float>;

namespace {

const auto level = linear_schedule(1000)(300);

State_ random_state() {
  State_ x(37);
  for (float& e : x) e = static_cast<float>(uniform(-3, 3));
  return x;
}

const auto returning = [](const State_& x, const auto& t) {
  State_ y = x;
  for (float& e : y) e = static_cast<float>(0.75 * e * e - t.signal());
  return y;
};
const auto writing = writes([](const State_& x, const auto& t, auto out) { out.target = returning(x, t); });

// The whole estimate and the one that a step finishes have the bits of the denoiser that returns.
template <class Returning, class Writing>
void require_same(const Returning& a, const Writing& b) {
  const State_ x = random_state(), expected = a(x, level);
  REQUIRE(b(x, level) == expected);
  State_ one(37), other(37);
  denoise_into(a, x, level, one);
  denoise_into(b, x, level, other);
  REQUIRE(one == expected);
  REQUIRE(other == expected);
  const auto row = [&] {
    using P = prediction_t<Returning>;
    if constexpr (LinearPrediction<P>)
      return std::array{P::x0(level, 1.0, 0.0), P::x0(level, 0.0, 1.0)};
    else
      return NoRow{};
  }();
  const auto finish = [&](auto& denoiser, const auto& with) {
    State_ y(37);
    const auto estimate = begin_estimate(denoiser, x, level, with, y);
    NewState fresh;
    const std::array step{0.3, 0.6};
    const State_ wanted = apply_row("f", step, fresh, Named{"x", x}, Named{"e", expected});
    State_ out(37);
    apply_step("f", estimate, step, into(out), NotKept{}, Named{"x", x}, Named{"y", y});
    REQUIRE(out == wanted);
    return estimate;
  };
  finish(a, NoRow{});
  finish(b, NoRow{});
  finish(a, row);
  finish(b, row);
}

}  // namespace

static_assert(WritingNetwork<decltype(writing), State_> && !WritingNetwork<decltype(returning), State_>);
static_assert(LinearPrediction<NoisePrediction> && LinearPrediction<VPrediction> && LinearPrediction<ScorePrediction>);
static_assert(!LinearPrediction<X0Prediction>);

TEST_CASE("an estimate that is written has the bits of the one that is returned", "[estimate]") {
  for (int i = 0; i < 10; ++i) {
    require_same(returning, writing);
    require_same(predicts_x0(returning), predicts_x0(writing));
    require_same(predicts_noise(returning), predicts_noise(writing));
    require_same(predicts_v(returning), predicts_v(writing));
    require_same(predicts_score(returning), predicts_score(writing));
    require_same(predicts(EdmPrediction{0.7}, returning), predicts(EdmPrediction{0.7}, writing));
    require_same(clip_x0(predicts_noise(returning)), clip_x0(predicts_noise(writing)));
    require_same(clip_x0(returning, -0.25, 0.5), clip_x0(writing, -0.25, 0.5));
    require_same(clip_x0(clip_x0(predicts_v(returning), -1, 0.5), 0, 2),
                 clip_x0(clip_x0(predicts_v(writing), -1, 0.5), 0, 2));
    require_same(clip_x0(clip_x0(returning, -1, -0.5), 0, 2), clip_x0(clip_x0(writing, -1, -0.5), 0, 2));
  }
}

TEST_CASE("what is left of an estimate is no more than is needed", "[estimate]") {
  const State_ x = random_state();
  State_ y(37);
  const std::array row{0.5, 2.0};
  const auto left = [&](auto denoiser, const auto& with) { return begin_estimate(denoiser, x, level, with, y); };
  static_assert(std::same_as<decltype(left(returning, NoRow{})), Estimate<double, Second::plain>>);
  static_assert(std::same_as<decltype(left(predicts_x0(returning), row)), Estimate<double, Second::plain>>);
  static_assert(std::same_as<decltype(left(clip_x0(returning), NoRow{})), Estimate<double, Second::clipped>>);
  static_assert(
      std::same_as<decltype(left(clip_x0(predicts_v(returning)), NoRow{})), Estimate<double, Second::clipped>>);
  const auto estimate = left(clip_x0(predicts_noise(returning), -0.5, 0.75), row);
  static_assert(std::same_as<decltype(estimate), const Estimate<double, Second::combined_and_clipped>>);
  REQUIRE((estimate.row == row && estimate.low == -0.5 && estimate.high == 0.75));
  REQUIRE(y == returning(x, level));  // the network's own output
}

TEST_CASE("scalars have estimates too", "[estimate]") {
  const auto net = [](double x, const auto&) { return 2 * x; };
  const auto into_net = writes([](double x, const auto&, Into<double&> out) { out.target = 2 * x; });
  double out = 0;
  denoise_into(clip_x0(predicts_noise(net), -1, 1), 0.4, level, out);
  REQUIRE(out == clip_x0(predicts_noise(net), -1, 1)(0.4, level));
  denoise_into(predicts_noise(into_net), 0.4, level, out);
  REQUIRE(out == predicts_noise(net)(0.4, level));
}
