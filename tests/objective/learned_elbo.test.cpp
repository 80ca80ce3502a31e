// SPDX-License-Identifier: MIT
#include <diffusion/objective/learned_elbo.hpp>

#include <diffusion/process/schedules.hpp>

#include "../support/batches.hpp"
#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using truth::Real;

namespace {

using Vector = std::vector<double>;

const Vector x_0{0.1, -0.5, 1};

/// A network of learned variance whose estimate of x_0 and whose variances depend on the level alone.
auto steady() {
  return predicts_x0_and_variance<VarianceRange>([](const Vector& x, const NoiseLevel<>& level) {
    LearnedOutput<Vector> output{x_0, Vector(x.size())};
    for (std::size_t i = 0; i < x.size(); ++i) {
      output.prediction[i] += 0.1 * double(i + 1) * level.noise();
      output.variance[i] = level.signal() - 0.3 * double(i);
    }
    return output;
  });
}

}  // namespace

TEST_CASE("the bound of learned variances is the sum of its terms", "[learned_elbo][nichol2021.vlb]") {
  for (int i = 0; i < 30; ++i) {
    const exact::Chain chain(5);
    const auto levels = level_grid(chain.schedule);
    const Real x = exact::number(-1, 1), slope = exact::number(), share = exact::number(0, 1);
    std::vector<Real> eps;
    for (int k = 0; k < 5; ++k) eps.push_back(exact::number());
    const auto denoiser = predicts_x0_and_variance([&](const Real& x_t, const auto& level) {
      return LearnedOutput<Real>{Real(slope * x_t), Real(share * level.signal())};
    });
    const auto noise = [&](int k, const Real&) { return eps[std::size_t(k)]; };
    const auto bounds = second_step_variances(chain.schedule);
    const auto terms = elbo(levels, x, denoiser, noise, bounds, GaussianDecoder{});
    REQUIRE(terms.denoising.size() == 4);
    exact::require_equal(terms.prior, prior_kl(levels[0], x));
    for (int t = 1; t <= 5; ++t) {
      const auto s_level = chain.schedule(t - 1), t_level = chain.schedule(t);
      const Real x_t = q_sample(t_level, x, eps[std::size_t(5 - t)]);
      const auto p = learned_reverse(s_level, t_level, x_t, Real(slope * x_t), Real(share * t_level.signal()), bounds);
      const Real term =
          t == 1 ? Real(-log_density(p, x)) : Real(kl_divergence(q_posterior(s_level, t_level, x_t, x), p));
      exact::require_equal(t == 1 ? terms.reconstruction : terms.denoising[std::size_t(t) - 2], term);
    }
  }
}

TEST_CASE("grey levels, codes and clipping are those of the network", "[learned_elbo]") {
  const auto schedule = linear_schedule(20);
  const auto bounds = second_step_variances(schedule);
  const NormalNoise noise{.seed = 3};
  const auto terms = elbo(schedule, x_0, steady(), noise, bounds);
  const auto clipped = elbo(schedule, x_0, clip_x0(steady()), noise, bounds);
  REQUIRE(terms.denoising.size() == 19);
  for (int t = 1; t <= 20; ++t) {
    const auto answer = steady().estimate(x_0, schedule(t));
    Vector inside = answer.x_0;
    for (double& e : inside) e = std::min(e, 1.0);
    const auto log_variance =
        learned_log_variance<VarianceRange>(schedule(t - 1), schedule(t), answer.variance, bounds);
    const auto term = [&](const Vector& x_0_hat) {
      return learned_vlb_term(schedule(t - 1), schedule(t), x_0, x_0_hat, log_variance, GreyLevels{});
    };
    REQUIRE((t == 1 ? terms.reconstruction : terms.denoising[std::size_t(t) - 2]) == term(answer.x_0));
    REQUIRE((t == 1 ? clipped.reconstruction : clipped.denoising[std::size_t(t) - 2]) == term(inside));
    REQUIRE(term(inside) != term(answer.x_0));
  }
}

TEST_CASE("draws of a rule estimate it", "[learned_elbo]") {
  const auto schedule = linear_schedule(40);
  const auto bounds = second_step_variances(schedule);
  const NormalNoise noise{.seed = 3};
  const auto terms = elbo(schedule, x_0, steady(), noise, bounds);
  Real denoising = 0;
  for (const double term : terms.denoising) denoising += term;
  const auto all = elbo_estimate(schedule, x_0, steady(), noise, AllTimes{2}, bounds);
  REQUIRE(all.prior() == terms.prior);
  REQUIRE(all.reconstruction() == terms.reconstruction);
  REQUIRE_THAT(all.denoising(), Catch::Matchers::WithinRel(double(denoising), 1e-14));
  REQUIRE(all.standard_error() == 0);
  const auto drawn = elbo_estimate(schedule, x_0, steady(), noise, UniformTimes{16, 200}, bounds, GreyLevels{});
  REQUIRE(drawn.standard_error() < 0.1 * double(denoising));
  // false alarm 1 in 1000 of a normal estimate; the seed is fixed
  REQUIRE(std::abs(drawn.denoising() - double(denoising)) < 3.3 * drawn.standard_error());
  const auto binned = elbo_estimate(schedule, x_0, steady(), noise, AllTimes{2}, bounds, GreyLevels{17});
  REQUIRE(binned.reconstruction() != all.reconstruction());
}

TEST_CASE("a sample of a batch has the bound of learned variances that it has alone", "[learned_elbo]") {
  const Vector batch{-1, 0.2, 0.9, 1, -0.4, 0.6, 0.1, -0.8};
  // by elements, at one level or at one for each sample
  const auto denoiser = predicts_noise_and_variance<VarianceRange>([](const Vector& x, const auto& level) {
    return LearnedOutput<Vector>{q_sample(level, x, x), v_from(level, x, x)};
  });
  const auto schedule = linear_schedule(8);
  const auto levels = level_grid(schedule);
  const auto bounds = second_step_variances(schedule);
  const auto check = [&](const auto& together, const auto& alone) {
    batches::require_as_alone(batch, 2, batches::part_of(4), together, alone);
  };
  const auto check_all = [&](const auto& model, const auto&... end) {
    check([&](const Vector& x, const auto& noise) { return elbos(schedule, x, 2, model, noise, bounds, end...); },
          [&](const Vector& x, const auto& noise) { return elbo(schedule, x, model, noise, bounds, end...); });
    const UniformTimes rule{.draws = 3, .replicates = 2};
    check([&](const Vector& x,
              const auto& noise) { return elbo_estimates(schedule, x, 2, model, noise, rule, bounds, end...); },
          [&](const Vector& x, const auto& noise) {
            return elbo_estimate(levels, x, model, noise, rule, bounds, end...);
          });
  };
  check_all(denoiser);
  check_all(clip_x0(denoiser), GaussianDecoder{});

  // of any layout
  const NormalNoise noise{.seed = 2};
  const auto by_columns = [&](int k, const Interleaved&) { return batches::interleaved(noise(k, batch), 2); };
  const auto columns = predicts_noise_and_variance<VarianceRange>([](const Interleaved& x, const auto& level) {
    return LearnedOutput<Interleaved>{{q_sample(level, x.numbers, x.numbers)}, {v_from(level, x.numbers, x.numbers)}};
  });
  const auto of_columns = elbos(levels, batches::interleaved(batch, 2), 2, columns, by_columns, bounds);
  const auto of_parts = elbos(levels, batch, 2, denoiser, noise, bounds);
  REQUIRE(of_columns.size() == 2);
  for (std::size_t k = 0; k < 2; ++k) batches::require_same(of_columns[k], of_parts[k]);
}

TEST_CASE("chains of learned variance without a bound are named", "[learned_elbo][errors]") {
  const std::vector noisy{vp_level(-3), vp_level(3)};
  REQUIRE(message([&] {
            return elbo(noisy, x_0, steady(), NormalNoise{}, ExactVariances{});
          }).starts_with("diffusion::elbo: levels.back().noise() = "));
  REQUIRE(message([&] {
            return elbo_estimate(noisy, x_0, steady(), NormalNoise{}, AllTimes{}, ExactVariances{});
          }).starts_with("diffusion::elbo_estimate: levels.back().noise() = "));
  const auto short_of = [&](std::size_t prediction, std::size_t variance) {
    const auto denoiser = predicts_x0_and_variance([=](const Vector&, const NoiseLevel<>&) {
      return LearnedOutput<Vector>{Vector(prediction), Vector(variance)};
    });
    const auto schedule = linear_schedule(5);
    return message([&] { return elbos(schedule, x_0, 1, denoiser, NormalNoise{}, second_step_variances(schedule)); });
  };
  REQUIRE(short_of(2, 3) == "diffusion::elbos: the denoiser's answer has 2 elements, expected 3, as x_0");
  REQUIRE(short_of(3, 2) == "diffusion::elbos: the denoiser's variance has 2 elements, expected 3, as x_0");
}
