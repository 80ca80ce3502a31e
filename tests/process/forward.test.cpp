// SPDX-License-Identifier: MIT
#include <diffusion/process/forward.hpp>

#include <diffusion/process/schedules.hpp>

#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::log_uniform;
using random_arguments::uniform;

namespace {

// signal^2 and noise^2 of a level, exactly as it was asked for.
struct Exact {
  NoiseLevel<double> level;
  truth::Real signal_squared, noise_squared;
};

Exact random_vp() {
  const double log_snr = uniform(-30, 30);
  const truth::Real e = exp(-truth::Real(log_snr));
  return {vp_level(log_snr), 1 / (1 + e), e / (1 + e)};
}
Exact random_ve() {
  const double sigma = log_uniform(1e-3, 1e3);
  return {ve_level(sigma), 1, truth::Real(sigma) * truth::Real(sigma)};
}
Exact random_flow() {
  const double t = uniform(0.01, 0.99);
  return {signal_noise_level(1 - t, t), truth::Real(1 - t) * truth::Real(1 - t), truth::Real(t) * truth::Real(t)};
}

// All coefficients between two levels by the general formulas: Kingma et al. 2021, appendix A.
void compare(rounding::Misrounded& wrong, const Exact& s, const Exact& t) {
  const truth::Real ratio = t.signal_squared / s.signal_squared, variance = t.noise_squared - ratio * s.noise_squared;
  const truth::Real posterior = variance * s.noise_squared / t.noise_squared;
  const auto q = q_transition(s.level, t.level);
  wrong.compare("scale", 0, q.scale, sqrt(ratio));
  wrong.compare("variance", 0, q.variance, variance);
  const auto p = q_posterior(s.level, t.level);
  wrong.compare("x0", 0, p.x0, sqrt(s.signal_squared) * variance / t.noise_squared);
  wrong.compare("xt", 0, p.xt, sqrt(ratio) * s.noise_squared / t.noise_squared);
  wrong.compare("posterior variance", 0, p.variance, posterior);
  wrong.compare("posterior log variance", 0, p.log_variance, log(posterior));
  const auto n = q_posterior_from_noise(s.level, t.level);
  wrong.compare("noise form xt", 0, n.xt, 1 / sqrt(ratio));
  wrong.compare("noise form eps", 0, n.eps, -variance / sqrt(ratio * t.noise_squared));
  wrong.compare("noise form log variance", 0, n.log_variance, log(posterior));
}

template <class Make>
void require_rounding(Make make) {
  rounding::Misrounded wrong;
  for (int i = 0; i < 5000; ++i) {
    Exact a = make(), b = make();
    const bool ordered = a.signal_squared * b.noise_squared > b.signal_squared * a.noise_squared;
    compare(wrong, ordered ? a : b, ordered ? b : a);
  }
  wrong.require_none();
}

}  // namespace

TEST_CASE("coefficients between any two levels are correctly rounded", "[forward][rounding]") {
  require_rounding(random_vp);
  require_rounding(random_ve);
  require_rounding(random_flow);
}

TEST_CASE("coefficients between levels that almost agree are correctly rounded", "[forward][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 2000; ++i) {
    const double log_snr = uniform(-20, 20);
    double lower = log_snr;
    for (int k = 0; k <= i % 5; ++k) lower = std::nextafter(lower, -100.0);
    const truth::Real e = exp(-truth::Real(log_snr)), f = exp(-truth::Real(lower));
    compare(wrong, {vp_level(log_snr), 1 / (1 + e), e / (1 + e)}, {vp_level(lower), 1 / (1 + f), f / (1 + f)});
  }
  wrong.require_none();
}

TEST_CASE("transition and posterior of the ends", "[forward]") {
  const auto clean = vp_level(std::numeric_limits<double>::infinity()),
             pure = vp_level(-std::numeric_limits<double>::infinity());
  const auto middle = vp_level(0.5);
  const auto first = q_posterior(clean, middle);
  REQUIRE((first.x0 == 1 && first.xt == 0 && first.variance == 0));
  REQUIRE(first.log_variance == -std::numeric_limits<double>::infinity());
  REQUIRE(q_transition(clean, middle).scale == middle.signal());
  REQUIRE(q_transition(clean, middle).variance == middle.noise_variance());
  const auto last = q_posterior(middle, pure);
  REQUIRE((last.x0 == middle.signal() && last.xt == 0 && last.variance == middle.noise_variance()));
  REQUIRE((q_transition(middle, pure).scale == 0 && q_transition(middle, pure).variance == 1));
  const auto all = q_posterior(clean, pure);
  REQUIRE((all.x0 == 1 && all.xt == 0 && all.variance == 0));
  REQUIRE((q_transition(middle, middle).scale == 1 && q_transition(middle, middle).variance == 0));
  REQUIRE(q_posterior(middle, middle).xt == 1);
  REQUIRE(std::isinf(q_posterior_from_noise(middle, pure).xt));
}

TEST_CASE("the coefficients are those of Bayes' rule and of composition", "[forward]") {
  // N(x_t; scale x_s, v) N(x_s; signal_s x_0, n_s) is, in x_s, the posterior: precisions add, means are weighted by
  // them.
  for (int i = 0; i < 500; ++i) {
    const Exact a = random_vp(), b = random_vp();
    const bool ordered = a.level.log_snr() > b.level.log_snr();
    const auto s = (ordered ? a : b).level, t = (ordered ? b : a).level;
    const auto q = q_transition(s, t);
    const auto p = q_posterior(s, t);
    if (s.noise_variance() < 1e-8 || q.variance < 1e-8) continue;
    const double precision = q.scale * q.scale / q.variance + 1 / s.noise_variance();
    REQUIRE_THAT(p.variance, Catch::Matchers::WithinRel(1 / precision, 1e-7));
    REQUIRE_THAT(p.xt, Catch::Matchers::WithinRel(q.scale / q.variance / precision, 1e-7));
    REQUIRE_THAT(p.x0, Catch::Matchers::WithinRel(s.signal() / s.noise_variance() / precision, 1e-7));
    REQUIRE_THAT(q.scale * s.signal(), Catch::Matchers::WithinRel(t.signal(), 1e-14));
    REQUIRE_THAT(q.scale * q.scale * s.noise_variance() + q.variance,
                 Catch::Matchers::WithinRel(t.noise_variance(), 1e-14));
    REQUIRE_THAT(p.x0 + p.xt * t.signal(), Catch::Matchers::WithinRel(s.signal(), 1e-14));
  }
}

TEST_CASE("levels in the wrong order are named", "[forward][errors]") {
  REQUIRE(message([] { return q_posterior(vp_level(-1.0), vp_level(1.0)); }) ==
          "diffusion::q_posterior: s: a log-SNR = -1, expected at least that of t: s is the cleaner level");
  REQUIRE(message([] { return q_transition(vp_level(-1.0), vp_level(1.0), 0.5); }) ==
          "diffusion::q_transition: s: a log-SNR = -1, expected at least that of t: s is the cleaner level");
}
