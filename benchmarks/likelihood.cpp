// SPDX-License-Identifier: MIT
// Divergences and likelihoods of grey levels over arrays, beside what a user would write instead.
//
// Names are operation/type/elements/who; sizes are 2^10, 2^12, 2^15 and 2^20. scripts/benchmark runs them and makes the
// table of docs/performance.md.
#include "likelihood.hpp"

#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <cmath>
#include <diffusion/objective/fast_likelihood.hpp>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace bench {
namespace {

// x uniform over bytes, means near it, scales around that of a bin.
template <class F>
Elements<F> elements(std::size_t n) {
  struct Arrays {
    std::vector<F> x, mean, log_scale, log_p, other_mean, log_q;
  };
  static std::map<std::size_t, Arrays> all;
  Arrays& a = all[n];
  if (a.x.empty()) {
    std::minstd_rand engine(1);
    std::uniform_int_distribution<int> byte(0, 255);
    std::normal_distribution<double> normal;
    for (std::size_t i = 0; i < n; ++i) {
      a.x.push_back(static_cast<F>(-1 + byte(engine) * (2. / 255)));
      a.mean.push_back(static_cast<F>(a.x.back() + 0.03 * normal(engine)));
      a.other_mean.push_back(static_cast<F>(a.x.back() + 0.03 * normal(engine)));
      a.log_scale.push_back(static_cast<F>(-4 + 0.5 * normal(engine)));
      a.log_p.push_back(static_cast<F>(-8 + normal(engine)));
      a.log_q.push_back(static_cast<F>(-8 + normal(engine)));
    }
  }
  return {n, a.x.data(), a.mean.data(), a.log_scale.data(), a.log_p.data(), a.other_mean.data(), a.log_q.data()};
}

// ---- the library ----------------------------------------------------------------------------------------------------

template <class F>
struct Library {
  using Span = std::span<const F>;
  static diffusion::DiagonalGaussian<Span> p(const Elements<F>& e) { return {{e.mean, e.n}, {e.log_p, e.n}}; }
  static diffusion::DiagonalGaussian<Span> q(const Elements<F>& e) { return {{e.other_mean, e.n}, {e.log_q, e.n}}; }
  static double divergence(const Elements<F>& e) { return kl_divergence(p(e), q(e)); }
  static double fast_divergence(const Elements<F>& e) { return fast_kl_divergence(p(e), q(e)); }
  static double log_likelihood(const Elements<F>& e) {
    return diffusion::discretized_gaussian_log_likelihood(Span(e.x, e.n), Span(e.mean, e.n), Span(e.log_scale, e.n));
  }
  static double fast_log_likelihood(const Elements<F>& e) {
    return diffusion::fast_discretized_gaussian_log_likelihood(Span(e.x, e.n), Span(e.mean, e.n),
                                                               Span(e.log_scale, e.n));
  }
};

// ---- a plain loop, and an expression of Eigen -----------------------------------------------------------------------

template <class F>
struct Loop {
  [[gnu::noinline]] static double divergence(const Elements<F>& e) {
    double sum = 0;
    for (std::size_t i = 0; i < e.n; ++i) {
      const F difference = e.mean[i] - e.other_mean[i];
      sum += (e.log_q[i] - e.log_p[i] - 1 + std::exp(e.log_p[i] - e.log_q[i]) +
              difference * difference * std::exp(-e.log_q[i])) /
             2;
    }
    return sum;
  }
  // With each difference of probabilities in the tail where it loses least, and a floor.
  [[gnu::noinline]] static double log_likelihood(const Elements<F>& e) {
    const F half = F(1) / 255, root = std::sqrt(F(0.5));
    const auto tail = [=](F z) { return std::erfc(z * root) / 2; };
    double sum = 0;
    for (std::size_t i = 0; i < e.n; ++i) {
      const F inverse = std::exp(-e.log_scale[i]), difference = e.x[i] - e.mean[i];
      const F lower = (difference - half) * inverse, upper = (difference + half) * inverse;
      const F p = e.x[i] < F(-0.999)  ? tail(-upper)
                  : e.x[i] > F(0.999) ? tail(lower)
                  : difference < 0    ? tail(-upper) - tail(-lower)
                                      : tail(lower) - tail(upper);
      sum += std::log(std::max(p, F(1e-30)));
    }
    return sum;
  }
};

template <class F>
double eigen_divergence(const Elements<F>& e) {
  const auto of = [&](const F* p) {
    return Eigen::Map<const Eigen::Array<F, Eigen::Dynamic, 1>>(p, static_cast<Eigen::Index>(e.n));
  };
  const auto log_p = of(e.log_p), log_q = of(e.log_q);
  return (F(0.5) *
          (log_q - log_p - 1 + (log_p - log_q).exp() + (of(e.mean) - of(e.other_mean)).square() * (-log_q).exp()))
      .sum();
}

// ---- registration ---------------------------------------------------------------------------------------------------

template <class F>
void add(const std::string& operation, const std::string& type, std::size_t n, const std::string& who,
         double (*run)(const Elements<F>&)) {
  const std::string name = operation + '/' + type + '/' + std::to_string(n) + '/' + who;
  benchmark::RegisterBenchmark(name.c_str(), [n, run](benchmark::State& state) {
    const Elements<F> e = elements<F>(n);
    for (auto _ : state) benchmark::DoNotOptimize(run(e));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(n));
  });
}

template <class F>
void add_type(const std::string& type) {
  for (const int log_n : {10, 12, 15, 20}) {
    const std::size_t n = std::size_t(1) << log_n;
    add<F>("kl", type, n, "diffusion", Library<F>::divergence);
    add<F>("kl", type, n, "diffusion_fast", Library<F>::fast_divergence);
    add<F>("kl", type, n, "loop", Loop<F>::divergence);
    add<F>("kl", type, n, "eigen", eigen_divergence<F>);
    add<F>("log_likelihood", type, n, "diffusion", Library<F>::log_likelihood);
    add<F>("log_likelihood", type, n, "diffusion_fast", Library<F>::fast_log_likelihood);
    add<F>("log_likelihood", type, n, "loop", Loop<F>::log_likelihood);
#ifdef DIFFUSION_BENCHMARK_TORCH
    add<F>("kl", type, n, "torch", TorchLikelihood<F>::divergence);
    add<F>("log_likelihood", type, n, "torch", TorchLikelihood<F>::log_likelihood);
#endif
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::add_type<float>("float");
  bench::add_type<double>("double");
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
