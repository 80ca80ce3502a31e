// SPDX-License-Identifier: MIT
// A model of document 001 for which every term of the variational bound has a closed form: normal kernels with affine
// means.
#pragma once

#include "note_forward.hpp"

namespace equations::note {

/// The forward chain q(. | x_0), and a model p(x_T) = N(0, 1), p(x_{t-1} | x_t) = N(gain_t x_t + offset_t, variance_t).
struct Model {
  Chain chain;
  W x_0;
  std::vector<W> gain, offset, variance;  // index t; 0 is not used

  static Model random(std::uint32_t seed, int steps) {
    Model model{Chain::random(seed, steps), {}, {W(0)}, {W(0)}, {W(0)}};
    Draw draw(seed + 200);
    model.x_0 = draw.normal();
    for (int t = 1; t <= steps; ++t) {
      model.gain.push_back(draw.between(0.5, 1));
      model.offset.push_back(draw.between(-0.2, 0.2));
      model.variance.push_back(draw.between(0.2, 0.6));
    }
    return model;
  }
  /// The model whose joint is that of q for data N(0, 1).
  static Model exact(std::uint32_t seed, int steps) {
    Model model = random(seed, steps);
    for (std::size_t t = 1; t < model.gain.size(); ++t) {
      model.gain[t] = sqrt(model.chain.alpha[t]);
      model.offset[t] = 0;
      model.variance[t] = model.chain.beta[t];
    }
    return model;
  }

  int steps() const { return chain.steps(); }
  W alpha(int t) const { return chain.alpha[std::size_t(t)]; }
  W beta(int t) const { return chain.beta[std::size_t(t)]; }
  W bar(int t) const { return chain.alpha_bar[std::size_t(t)]; }

  // [model]
  /// log p(x_{0:T}) and log q(x_{1:T} | x_0).
  Quadratic log_p() const {
    Quadratic p(steps() + 1);
    p.add({{steps(), 1}}, 1);
    for (int t = 1; t <= steps(); ++t) p.add({{t - 1, 1}, {t, -gain[k(t)]}, {p.one(), -offset[k(t)]}}, variance[k(t)]);
    return p;
  }
  Quadratic log_q() const {
    Quadratic q(steps() + 1);
    for (int t = 1; t <= steps(); ++t) q.add({{t, 1}, {t - 1, -sqrt(alpha(t))}}, beta(t));
    return q;
  }
  /// E of the log-density f over q(x_{1:T} | x_0).
  W expected(const Quadratic& f) const {
    const auto mean = [&](int t) { return t > steps() ? W(1) : W(sqrt(bar(t)) * x_0); };
    return f.value([&](int i, int j) {
      const int s = std::min(i, j), t = std::max(i, j);  // steps() + 1 is the constant
      const W covariance = t > steps() ? W(0) : W(sqrt(bar(t) / bar(s)) * (1 - bar(s)));
      return mean(s) * mean(t) + covariance;
    });
  }
  // [model]
  W elbo() const { return expected(log_p() - log_q()); }

  // [evidence]
  /// log p(x_0): mean and variance of the model's x_0 by the laws of total mean and variance, from T down.
  W evidence() const {
    W m = 0, v = 1;
    for (int t = steps(); t >= 1; --t) {
      m = gain[k(t)] * m + offset[k(t)];
      v = gain[k(t)] * gain[k(t)] * v + variance[k(t)];
    }
    return log_normal(x_0, m, v);
  }
  // [evidence]
  /// log of the integral of f over x_1, ..., x_T.
  W integral(Quadratic f) const {
    for (int t = 1; t <= steps(); ++t) f = f.integrated(t);
    return f.at(path_from(x_0));
  }
  std::vector<W> path_from(const W& start) const {
    std::vector<W> path(k(steps()) + 1);
    path[0] = start;
    return path;
  }
  /// Some path x_{0:T}, to compare densities at.
  std::vector<W> some_path(std::uint32_t seed) const {
    Draw draw(seed + 300);
    std::vector<W> path = path_from(x_0);
    for (int t = 1; t <= steps(); ++t) path[k(t)] = draw.normal();
    return path;
  }

  // [terms]
  /// The three terms of the bound, in closed form.
  W reconstruction() const {
    const W miss = x_0 - gain[1] * sqrt(bar(1)) * x_0 - offset[1];
    return log_normal(miss, 0, variance[1]) - gain[1] * gain[1] * (1 - bar(1)) / (2 * variance[1]);
  }
  W prior() const { return (bar(steps()) * x_0 * x_0 - bar(steps()) - log(1 - bar(steps()))) / 2; }
  W denoising(int t) const {
    const W x0 = sqrt(bar(t - 1)) * (1 - alpha(t)) / (1 - bar(t)),
            xt = sqrt(alpha(t)) * (1 - bar(t - 1)) / (1 - bar(t));
    const W own = (1 - alpha(t)) * (1 - bar(t - 1)) / (1 - bar(t)), ratio = own / variance[k(t)];
    const W miss = x0 * x_0 + (xt - gain[k(t)]) * sqrt(bar(t)) * x_0 - offset[k(t)];  // of the means, on average
    const W spread = (xt - gain[k(t)]) * (xt - gain[k(t)]) * (1 - bar(t));
    return (ratio - 1 - log(ratio) + (miss * miss + spread) / variance[k(t)]) / 2;
  }
  W all_denoising() const {
    W sum;
    for (int t = 2; t <= steps(); ++t) sum += denoising(t);
    return sum;
  }
  // [terms]

 private:
  static std::size_t k(int t) { return static_cast<std::size_t>(t); }
};

/// Runs a check of (cases, model) on random models of five steps.
template <auto check>
Outcome at_models() {
  Cases cases;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) check(cases, Model::random(seed, 5));
  return cases.outcome();
}

/// Runs a check of (cases, model, path) at a path of each model, on the log-densities of the factors.
template <auto check>
Outcome at_paths() {
  Cases cases;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    const Model model = Model::random(seed, 5);
    check(cases, model, model.some_path(seed));
  }
  return cases.outcome();
}

// [factors]
/// log-densities of the factors, at a path x.
inline W log_q_step(const Model& m, const std::vector<W>& x, int t) {
  return log_normal(x[std::size_t(t)], sqrt(m.alpha(t)) * x[std::size_t(t) - 1], m.beta(t));
}
inline W log_q_marginal(const Model& m, const std::vector<W>& x, int t) {
  return log_normal(x[std::size_t(t)], sqrt(m.bar(t)) * x[0], 1 - m.bar(t));
}
inline W log_q_posterior(const Model& m, const std::vector<W>& x, int t) {
  const W x0 = sqrt(m.bar(t - 1)) * (1 - m.alpha(t)) / (1 - m.bar(t));
  const W xt = sqrt(m.alpha(t)) * (1 - m.bar(t - 1)) / (1 - m.bar(t));
  return log_normal(x[std::size_t(t) - 1], x0 * x[0] + xt * x[std::size_t(t)],
                    (1 - m.alpha(t)) * (1 - m.bar(t - 1)) / (1 - m.bar(t)));
}
inline W log_p_step(const Model& m, const std::vector<W>& x, int t) {
  const auto k = static_cast<std::size_t>(t);
  return log_normal(x[k - 1], m.gain[k] * x[k] + m.offset[k], m.variance[k]);
}
// [factors]

}  // namespace equations::note
