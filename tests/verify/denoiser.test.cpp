// SPDX-License-Identifier: MIT
#include <diffusion/verify/denoiser.hpp>

#include <diffusion/process/grid.hpp>
#include <diffusion/process/schedules.hpp>
#include <diffusion/random/noise.hpp>

#include "../support/catch.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

// As VPrediction, but for one sign on the way back.
struct WrongPrediction : VPrediction {
  template <class L, class X, class Y, class Out = NewState>
  static auto x0(const L& level, const X& x_t, const Y& output, Out out = {}) {
    return v_from(level, x_t, output, out);
  }
};

std::vector<NoiseLevel<double>> levels() {
  auto grid = level_grid(cosine_schedule(1000), 50);
  for (const double sigma : {80.0, 1.0, 1e-3, 0.0}) grid.push_back(ve_level(sigma));
  grid.push_back(vp_level(-std::numeric_limits<double>::infinity()));
  return grid;
}

}  // namespace

TEMPLATE_TEST_CASE("every prediction leads back to x_0, noise, v and score", "[verify][ho2020.15]", double, float) {
  using X = std::vector<TestType>;
  const auto answer = [](const X& x, const auto& level) {
    X result;
    for (std::size_t k = 0; k < x.size(); ++k)
      result.push_back(static_cast<TestType>(level.signal()) * x[k] - TestType(0.1) * static_cast<TestType>(k));
    return result;
  };
  const X x_0 = NormalNoise{.seed = 3}(0, X(40));
  const auto check = [&](const auto& denoiser) {
    const Report report = verify(denoiser, levels(), x_0, NormalNoise{.seed = 4});
    INFO(report.table());
    REQUIRE(report);
    REQUIRE(report.findings.size() == 7);
    REQUIRE(report.findings[1].cases == levels().size());
  };
  check(predicts_x0(answer));
  check(predicts_v(answer));
  check(answer);
}

TEST_CASE("predictions of noise and score hold above pure noise, and say so at pure noise", "[verify]") {
  const auto answer = [](double x, const auto&) { return 0.5 * x; };
  auto grid = levels();
  REQUIRE_FALSE(verify(predicts_noise(answer), grid, 0.3, NormalNoise{}));
  grid.pop_back();  // pure noise
  REQUIRE(verify(predicts_noise(answer), grid, 0.3, NormalNoise{}));
  REQUIRE(verify(predicts_score(answer), grid, 0.3, NormalNoise{}));
}

TEST_CASE("a wrong way from an output to x_0 is found out", "[verify]") {
  const auto answer = [](double x, const auto&) { return 0.5 * x; };
  const Predicts<WrongPrediction, decltype(answer)> wrong{answer};
  const Report report = verify(wrong, levels(), 0.3, NormalNoise{});
  REQUIRE_FALSE(report);
  REQUIRE_FALSE(report.findings[0].holds());
}

TEST_CASE("an answer that is not finite or of another shape is found out", "[verify]") {
  const auto nan = [](double, const auto&) { return std::numeric_limits<double>::quiet_NaN(); };
  REQUIRE_FALSE(verify(nan, levels(), 0.3, NormalNoise{}));
  using X = std::vector<double>;
  const auto shorter = [](const X& x, const auto&) { return X(x.size() - 1); };
  REQUIRE(message([&] { return verify(shorter, levels(), X(3), NormalNoise{}); }) ==
          "diffusion::noise_from_x0: x_0 has 2 elements, expected 3, as x_t");
  REQUIRE(message([&] { return verify(nan, std::vector<NoiseLevel<double>>(), 0.3, NormalNoise{}); }) ==
          "diffusion::verify: levels.size() = 0, expected at least one level");
}
