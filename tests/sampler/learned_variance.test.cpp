// SPDX-License-Identifier: MIT
#include <diffusion/sampler/learned_variance.hpp>

#include <diffusion/process/grid.hpp>
#include <diffusion/process/schedules.hpp>
#include <diffusion/sampler/ancestral.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using truth::Real;

namespace {

const auto noise = [](int k, const auto& x) { return std::remove_cvref_t<decltype(x)>(cos(Real(k))); };

}  // namespace

TEMPLATE_TEST_CASE("sampling with a learned variance is algorithm 2 of Ho et al. with eq. 15 for sigma^2",
                   "[learned_sampler][nichol2021.15][ho2020.alg2]", VarianceFraction, VarianceRange) {
  const exact::Chain chain(25);
  const auto eps = [](const Real& x, const auto& t) -> Real { return sin(x) / 2 + t.time() / 100; };
  const auto v = [](const Real& x) -> Real { return (1 + cos(x)) / 2; };
  const auto net = [&](const Real& x, const auto& t) {
    return LearnedOutput<Real>{eps(x, t), TestType::low + TestType::width * v(x)};
  };
  Real x = exact::number();
  const Real ours = sample(LearnedVarianceSampler{}, predicts_noise_and_variance<TestType>(net),
                           level_grid(chain.schedule), x, noise);
  for (std::size_t t = 25; t >= 1; --t) {
    const Real alpha = chain.alpha[t], now = chain.alpha_bar[t], before = chain.alpha_bar[t - 1], beta = chain.beta[t];
    const Real mean = (x - (1 - alpha) / sqrt(1 - now) * eps(x, chain.schedule(int(t)))) / sqrt(alpha);
    const Real share = t == 1 ? Real(0) : Real(pow(beta, v(x)) * pow((1 - before) / (1 - now) * beta, 1 - v(x)));
    x = mean + sqrt(share) * (t > 1 ? noise(int(25 - t), x) : Real(0));
  }
  exact::require_equal(ours, x, 1e-85);
}

TEST_CASE("the ends of a learned variance are the two ancestral samplers, clipped or not", "[learned_sampler]") {
  const auto levels = level_grid(cosine_schedule(200), 20);
  for (const bool clip : {false, true})
    for (const int v : {0, 1}) {
      const auto eps = [](double x, const auto&) { return 0.6 * x; };
      const auto net = [=](double x, const auto& t) { return LearnedOutput{eps(x, t), double(v)}; };
      const auto run = [&](const auto& sampler, auto denoiser) {
        return clip ? sample(sampler, clip_x0(denoiser, -0.2, 0.2), levels, 1.5, noise)
                    : sample(sampler, denoiser, levels, 1.5, noise);
      };
      const double learned = run(LearnedVarianceSampler{}, predicts_noise_and_variance(net));
      const double expected = v == 0 ? run(AncestralSampler{}, predicts_noise(eps))
                                     : run(AncestralSampler{TransitionVariance{}}, predicts_noise(eps));
      REQUIRE_THAT(learned, Catch::Matchers::WithinRel(expected, 1e-12));
    }
}

TEST_CASE("arrays are sampled element by element, and no noise is drawn for clean data", "[learned_sampler]") {
  const auto levels = level_grid(linear_schedule(100), 5);
  std::vector<int> drawn;
  const auto source = [&](int k, const std::vector<double>& x) {
    drawn.push_back(k);
    return std::vector<double>(x.size(), 0.5);
  };
  const auto net = [](const std::vector<double>& x, const auto&) {
    return LearnedOutput<std::vector<double>>{{0.1 * x[0], 0.2 * x[1]}, {0.25, 0.75}};
  };
  const auto x = sample(LearnedVarianceSampler{}, predicts_v_and_variance(net), levels, std::vector{1.0, -1.0}, source);
  REQUIRE(drawn == std::vector<int>{0, 1, 2, 3});
  const auto one = [&](double slope, double v, double start) {
    const auto scalar = [=](double y, const auto&) { return LearnedOutput{slope * y, v}; };
    return sample(LearnedVarianceSampler{}, predicts_v_and_variance(scalar), levels, start,
                  [](int, double) { return 0.5; });
  };
  REQUIRE_THAT(x[0], Catch::Matchers::WithinRel(one(0.1, 0.25, 1), 1e-12));
  REQUIRE_THAT(x[1], Catch::Matchers::WithinRel(one(0.2, 0.75, -1), 1e-12));
}
