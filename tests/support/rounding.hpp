// SPDX-License-Identifier: MIT
// The rounding law: every scalar of a schedule equals its textbook formula in 420 bits, rounded once.
//
// A schedule is tested by one line, require_correct_rounding(schedule, betas), where betas(t) is the exact beta_t.
#pragma once

#include <diffusion/ddpm.hpp>
#include <sstream>
#include <string>

#include "catch.hpp"
#include "truth.hpp"

namespace rounding {

/// Counts values that are not the correctly rounded truth, and remembers the first.
class Misrounded {
 public:
  template <class F>
  void compare(const char* name, long t, F value, const truth::Real& exact) {
    ++compared_;
    const F expected = truth::rounded<F>(exact);
    if (truth::same(value, expected)) return;
    if (count_++ == 0) {
      std::ostringstream text;
      text.precision(25);
      text << name << " at t = " << t << ": " << value << ", expected " << expected << ", exactly " << exact;
      first_ = text.str();
    }
    if (count_ == 100) FAIL(first_);  // the rest would be as wrong
  }
  void require_none() const {
    INFO(first_);
    CHECK(count_ == 0);
    REQUIRE(compared_ > 0);
  }

 private:
  long compared_ = 0, count_ = 0;
  std::string first_;
};

/// Every scalar of a level with the given squares. Logarithms dominate the cost, and can be left out.
template <class Real>
void compare_level(Misrounded& wrong, const diffusion::NoiseLevel<Real>& level, long t, const truth::Real& alpha_bar,
                   const truth::Real& noise_variance, bool logarithms) {
  wrong.compare("alpha_bar", t, level.alpha_bar(), alpha_bar);
  wrong.compare("noise_variance", t, level.noise_variance(), noise_variance);
  wrong.compare("signal", t, level.signal(), sqrt(alpha_bar));
  wrong.compare("noise", t, level.noise(), sqrt(noise_variance));
  wrong.compare("snr", t, level.snr(), alpha_bar / noise_variance);
  wrong.compare("sigma", t, level.sigma(), sqrt(noise_variance / alpha_bar));
  if (!logarithms) return;
  // log SNR = 0 exactly where alpha_bar = noise_variance; a truth with rounding errors of its own must say so
  const truth::Real log_snr = log(alpha_bar / noise_variance);
  wrong.compare("log_snr", t, level.log_snr(), abs(log_snr) < 1e-110 ? truth::Real(0) : log_snr);
  for (const double x : {0.0, 0.3, 1.0}) {
    const Real x_0 = static_cast<Real>(x);
    // -alpha_bar - log(1 - alpha_bar), by its series where the difference would lose digits
    truth::Real part = 0;
    if (alpha_bar > 1e-25) {
      part = -alpha_bar - log(noise_variance);
    } else {
      for (int k = 9; k >= 2; --k) part = part * alpha_bar + truth::Real(1) / k;
      part *= alpha_bar * alpha_bar;
    }
    using Sum = diffusion::sum_t<Real>;
    const truth::Real kl = (part + alpha_bar * truth::Real(x_0) * truth::Real(x_0)) / 2;
    wrong.compare("prior_kl", t, diffusion::prior_kl(level, x_0), kl);
    static_assert(std::is_same_v<decltype(diffusion::prior_kl(level, x_0)), Sum>);
  }
}

/// Every coefficient between the levels t - 1 and t, by the formulas of Ho et al. 2020.
template <class Real>
void compare_step(Misrounded& wrong, const diffusion::NoiseLevel<Real>& s, const diffusion::NoiseLevel<Real>& t,
                  long index, const truth::Real& beta, const truth::Real& alpha, const truth::Real& alpha_bar_s,
                  const truth::Real& noise_s, const truth::Real& noise_t, bool logarithms) {
  const auto transition = diffusion::q_transition(s, t);
  wrong.compare("transition scale", index, transition.scale, sqrt(alpha));
  wrong.compare("transition variance", index, transition.variance, beta);
  const truth::Real variance = beta * noise_s / noise_t;
  const auto posterior = diffusion::q_posterior(s, t);
  wrong.compare("posterior x0", index, posterior.x0, sqrt(alpha_bar_s) * beta / noise_t);
  wrong.compare("posterior xt", index, posterior.xt, sqrt(alpha) * noise_s / noise_t);
  wrong.compare("posterior variance", index, posterior.variance, variance);
  const auto from_noise = diffusion::q_posterior_from_noise(s, t);
  wrong.compare("noise form xt", index, from_noise.xt, 1 / sqrt(alpha));
  wrong.compare("noise form eps", index, from_noise.eps, -beta / (sqrt(alpha) * sqrt(noise_t)));
  wrong.compare("noise form variance", index, from_noise.variance, variance);
  if (!logarithms) return;
  wrong.compare("posterior log variance", index, posterior.log_variance, log(variance));
  if (noise_s != 0) {
    const truth::Real weight =
        alpha_bar_s * variance / (noise_s * noise_s) / 2;  // alpha_bar_s beta / (2 noise_s noise_t)
    wrong.compare("denoising_kl", index, diffusion::denoising_kl(s, t, Real(0.25), Real(0.5)), weight / 16);
  }
}

/// Compares every scalar of `schedule` with the chain of exact betas; logarithms at every `stride`-th step and the
/// ends.
template <class Real, class Betas>
void require_correct_rounding(const diffusion::DiscreteSchedule<Real>& schedule, Betas betas, long stride = 1) {
  Misrounded wrong;
  truth::Real alpha_bar = 1, noise_variance = 0;
  diffusion::NoiseLevel<Real> s = schedule(0);
  for (int t = 1; t <= schedule.steps(); ++t) {
    const truth::Real beta = betas(t), alpha = 1 - beta, alpha_bar_s = alpha_bar, noise_s = noise_variance;
    noise_variance += alpha_bar * beta;
    alpha_bar *= alpha;
    const diffusion::NoiseLevel<Real> level = schedule(t);
    const bool logarithms = t % stride == 0 || t < 10 || t > schedule.steps() - 10;
    wrong.compare("beta", t, schedule.beta(t), beta);
    wrong.compare("alpha", t, schedule.alpha(t), alpha);
    compare_level(wrong, level, t, alpha_bar, noise_variance, logarithms);
    compare_step(wrong, s, level, t, beta, alpha, alpha_bar_s, noise_s, noise_variance, logarithms);
    s = level;
  }
  wrong.require_none();
}

}  // namespace rounding
