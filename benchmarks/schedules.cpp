// SPDX-License-Identifier: MIT
// Construction of tables against the usual loops in plain doubles, and its growth with T.
#include <benchmark/benchmark.h>

#include <cmath>
#include <diffusion/ddpm.hpp>

namespace {

void linear(benchmark::State& state) {
  const auto steps = static_cast<int>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(diffusion::linear_schedule(steps, 0.1 / steps, 20.0 / steps));
  state.SetComplexityN(steps);
}

void cosine(benchmark::State& state) {
  const auto steps = static_cast<int>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(diffusion::cosine_schedule(steps));
  state.SetComplexityN(steps);
}

// What the textbook says, with all the digits that it loses.
void linear_naive(benchmark::State& state) {
  const auto steps = static_cast<int>(state.range(0));
  for (auto _ : state) {
    std::vector<double> alpha_bar;
    alpha_bar.reserve(static_cast<std::size_t>(steps));
    double product = 1;
    for (int t = 0; t < steps; ++t) alpha_bar.push_back(product *= 1 - (0.1 / steps + 19.9 / steps * t / (steps - 1)));
    benchmark::DoNotOptimize(alpha_bar);
  }
  state.SetComplexityN(steps);
}

void posterior_coefficients(benchmark::State& state) {
  const auto schedule = diffusion::linear_schedule(1000);
  int t = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(diffusion::q_posterior(schedule(t - 1), schedule(t)));
    t = t == 1000 ? 2 : t + 1;
  }
}

void level_signal_and_noise(benchmark::State& state) {
  const auto schedule = diffusion::linear_schedule(1000);
  int t = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(diffusion::q_marginal(schedule(t)));
    t = t == 1000 ? 1 : t + 1;
  }
}

BENCHMARK(linear)->RangeMultiplier(10)->Range(1000, 1000000)->Complexity(benchmark::oN);
BENCHMARK(cosine)->RangeMultiplier(10)->Range(1000, 1000000)->Complexity(benchmark::oN);
BENCHMARK(linear_naive)->RangeMultiplier(10)->Range(1000, 1000000)->Complexity(benchmark::oN);
BENCHMARK(posterior_coefficients);
BENCHMARK(level_signal_and_noise);

}  // namespace
