// SPDX-License-Identifier: MIT
// The same templates for every scalar: float, double, long double, multiprecision and a dual number agree.
#include <diffusion/numerics/working.hpp>

#include <diffusion/ddim.hpp>

#include "../support/catch.hpp"
#include "../support/dual.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;

namespace {

// A value from every formula of the core, in the scalar Real.
template <class Real>
std::vector<Real> everything() {
  std::vector<Real> values;
  const std::vector<Real> betas{Real(0.125), Real(0.25), Real(0.5)}, alpha_bars{Real(0.75), Real(0.5), Real(0.125)};
  const auto jensen = jensen_shannon_schedule<Real>(30);
  const auto add_schedule = [&](const DiscreteSchedule<Real>& schedule) {
    const int last = schedule.steps();
    for (const int t : {last / 2, last}) {
      const auto s = schedule(t - 1), level = schedule(t);
      values.insert(values.end(),
                    {schedule.beta(t), schedule.alpha(t), level.alpha_bar(), level.noise_variance(), level.signal(),
                     level.noise(), level.snr(), level.log_snr(), level.sigma(), level.time()});
      const auto p = q_posterior(s, level);
      const auto n = q_posterior_from_noise(s, level);
      values.insert(values.end(), {q_transition(s, level).scale, q_transition(s, level).variance, p.x0, p.xt,
                                   p.variance, n.xt, n.eps, n.variance});
      const Real x(0.5), y(-1.5), z(0.75);
      values.insert(
          values.end(),
          {q_sample(level, x, y), x0_from_noise(level, x, y), noise_from_x0(level, x, y), v_from(level, x, y),
           x0_from_v(level, x, y), noise_from_v(level, x, y), score_from_noise(level, x), x0_from_score(level, x, y),
           q_posterior(s, level, x, y).mean, ancestral_step(s, level, x, y, z), ddim_step(s, level, x, y, 0.5, z),
           Real(prior_kl(level, x)), Real(kl_divergence(q_marginal(level, x), q_marginal(level, y))),
           Real(log_density(q_marginal(level, x), y))});
      if (t > 1) values.insert(values.end(), {p.log_variance, Real(denoising_kl(s, level, x, y))});
      const auto denoiser = predicts_noise([](const Real& a, const auto& l) { return Real(a / (Real(1) + l.time())); });
      values.push_back(sample(DdimSampler{}, denoiser, level_grid(schedule, trailing_steps(last, 3)), x,
                              [](int, const Real& a) { return a; }));
      values.push_back(sample(AncestralSampler{}, denoiser, level_grid(schedule, trailing_steps(last, 2)), x,
                              [](int, const Real& a) { return a; }));
    }
  };
  add_schedule(linear_schedule<Real>(30));
  add_schedule(scaled_linear_schedule<Real>(30));
  add_schedule(cosine_schedule<Real>(30));
  add_schedule(sigmoid_schedule<Real>(30));
  add_schedule(constant_schedule<Real>(30));
  add_schedule(warmup_schedule<Real>(30, 0.5));
  add_schedule(DiscreteSchedule<Real>(std::span<const Real>(betas)));
  add_schedule(schedule_from_alpha_bars(alpha_bars));
  values.push_back(jensen(10).log_snr());
  values.push_back(rescale_zero_terminal_snr(scaled_linear_schedule<Real>(30))(15).alpha_bar());
  const auto add_continuous = [&](const auto& schedule) {
    for (const double t : {0.25, 0.75}) {
      const auto level = schedule(Real(t));
      values.insert(values.end(),
                    {level.alpha_bar(), level.noise_variance(), level.log_snr(), schedule.time_at(level)});
    }
  };
  add_continuous(VpLinearSchedule<Real>());
  add_continuous(LinearLogSnrSchedule<Real>());
  add_continuous(CosineLogSnrSchedule<Real>());
  add_continuous(CosineLogSnrSchedule<Real>(Real(15), Real(-15)));
  add_continuous(VeGeometricSchedule<Real>());
  for (const double x : {-2.0, 0.5})
    values.insert(values.end(), {vp_level<Real>(Real(x)).noise(), ve_level<Real>(Real(x * x)).snr()});
  return values;
}

template <class Real>
void require_agreement(double relative) {
  const auto values = everything<Real>();
  const auto reference = everything<double>();
  REQUIRE(values.size() == reference.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    const double value = static_cast<double>(values[i]), expected = reference[i];
    REQUIRE((value == expected || std::abs(value - expected) <= relative * std::max(1.0, std::abs(expected))));
  }
}

}  // namespace

TEST_CASE("float, long double, multiprecision and dual numbers agree with double", "[scalars]") {
  require_agreement<float>(2e-4);
  require_agreement<long double>(1e-14);
  require_agreement<truth::Real>(1e-14);
  require_agreement<Dual>(1e-10);
}

TEST_CASE("long double results are correctly rounded as well", "[scalars][rounding]") {
  rounding::Misrounded wrong;
  truth::Real alpha_bar = 1, noise_variance = 0;
  const long double first = 1e-4L, last = 0.02L;
  const auto schedule = linear_schedule<long double>(500, first, last);
  for (int t = 1; t <= 500; ++t) {
    const truth::Real beta = truth::Real(first) + (t - 1) * (truth::Real(last) - truth::Real(first)) / 499;
    noise_variance += alpha_bar * beta;
    alpha_bar *= 1 - beta;
    wrong.compare("beta", t, schedule.beta(t), beta);
    wrong.compare("alpha_bar", t, schedule(t).alpha_bar(), alpha_bar);
    wrong.compare("noise", t, schedule(t).noise(), sqrt(noise_variance));
    wrong.compare("log_snr", t, schedule(t).log_snr(), log(alpha_bar / noise_variance));
  }
  wrong.require_none();
}

TEST_CASE("a dual number carries the derivative of alpha_bar by beta_last", "[scalars]") {
  const auto dual = linear_schedule<Dual>(100, Dual(1e-4), Dual(0.02, 1));
  const double h = 1e-6;
  const auto up = linear_schedule(100, 1e-4, 0.02 + h), down = linear_schedule(100, 1e-4, 0.02 - h);
  for (const int t : {2, 50, 100}) {
    const double expected = (up(t).alpha_bar() - down(t).alpha_bar()) / (2 * h);
    REQUIRE_THAT(dual(t).alpha_bar().slope, Catch::Matchers::WithinRel(expected, 1e-6));
    const double log_snr = (up(t).log_snr() - down(t).log_snr()) / (2 * h);
    REQUIRE_THAT(dual(t).log_snr().slope, Catch::Matchers::WithinRel(log_snr, 1e-6));
  }
}
