// SPDX-License-Identifier: MIT
// Normals in memory of the caller's against std::normal_distribution.
#include <benchmark/benchmark.h>

#include <diffusion/random/noise.hpp>
#include <random>
#include <vector>

namespace {

void count(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * state.range(0)); }

template <class F>
void normals(benchmark::State& state) {
  std::vector<F> x(static_cast<std::size_t>(state.range(0)));
  const diffusion::NormalNoise noise{.seed = 1};
  int step = 0;
  for (auto _ : state) {
    noise.fill(step++, std::span<F>(x));
    benchmark::ClobberMemory();
  }
  count(state);
}

template <class F>
void normals_std(benchmark::State& state) {
  std::vector<F> x(static_cast<std::size_t>(state.range(0)));
  std::mt19937_64 engine(1);
  std::normal_distribution<F> normal;
  for (auto _ : state) {
    for (F& v : x) v = normal(engine);
    benchmark::ClobberMemory();
  }
  count(state);
}

BENCHMARK(normals<float>)->Arg(1 << 15);
BENCHMARK(normals_std<float>)->Arg(1 << 15);
BENCHMARK(normals<double>)->Arg(1 << 15);
BENCHMARK(normals_std<double>)->Arg(1 << 15);

}  // namespace
