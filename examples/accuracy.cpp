// SPDX-License-Identifier: MIT
// How many digits the textbook formulas lose in plain doubles. The reference is the library, whose values are the
// correctly rounded ones (tests/process/schedules.test.cpp shows it against 126 digits).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <diffusion/ddpm.hpp>

namespace {

struct Worst {
  double relative = 0;
  void add(double value, double exact) { relative = std::max(relative, std::abs(value - exact) / std::abs(exact)); }
};

void compare(const char* name, const diffusion::DiscreteSchedule<double>& schedule) {
  Worst noise_variance, log_snr, posterior_variance, posterior_x0, prior;
  double alpha_bar = 1;
  for (int t = 1; t <= schedule.steps(); ++t) {
    const double before = alpha_bar, beta = schedule.beta(t);
    alpha_bar *= 1 - beta;
    const auto s = schedule(t - 1), level = schedule(t);
    noise_variance.add(1 - alpha_bar, level.noise_variance());
    log_snr.add(std::log(alpha_bar / (1 - alpha_bar)), level.log_snr());
    prior.add(0.5 * (-1 - std::log(1 - alpha_bar) + (1 - alpha_bar)), diffusion::prior_kl(level, 0.0));
    if (t == 1) continue;
    const auto p = diffusion::q_posterior(s, level);
    posterior_variance.add(beta * (1 - before) / (1 - alpha_bar), p.variance);
    posterior_x0.add(std::sqrt(before) * beta / (1 - alpha_bar), p.x0);
  }
  std::printf("%-22s %10.1e %10.1e %10.1e %10.1e %10.1e\n", name, noise_variance.relative, log_snr.relative,
              posterior_variance.relative, posterior_x0.relative, prior.relative);
}

}  // namespace

int main() {
  std::printf("worst relative error of the textbook in doubles (a correctly rounded double: 1.1e-16)\n");
  std::printf("%-22s %10s %10s %10s %10s %10s\n", "schedule", "1-abar", "log SNR", "post. var.", "post. x0",
              "prior KL");
  compare("linear, T = 1000", diffusion::linear_schedule(1000));
  compare("scaled linear, T = 1000", diffusion::scaled_linear_schedule(1000));
  compare("cosine, T = 1000", diffusion::cosine_schedule(1000));
  compare("cosine, T = 4000", diffusion::cosine_schedule(4000));
  compare("linear, T = 1000000", diffusion::linear_schedule(1000000, 1e-7, 2e-5));
}
