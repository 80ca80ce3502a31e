// SPDX-License-Identifier: MIT
// Steps over arrays against the same expression in Eigen and in a plain loop, and noise against
// std::normal_distribution.
#include <benchmark/benchmark.h>

#include <diffusion/ddim.hpp>
#include <diffusion/eigen.hpp>
#include <random>

namespace {

const auto schedule = diffusion::linear_schedule(1000);

void count(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * state.range(0)); }

void q_sample_into(benchmark::State& state) {
  const Eigen::ArrayXf x_0 = Eigen::ArrayXf::Random(state.range(0)), eps = Eigen::ArrayXf::Random(state.range(0));
  Eigen::ArrayXf out = x_0;
  const auto level = schedule(500);
  for (auto _ : state) {
    diffusion::q_sample(level, x_0, eps, diffusion::into(out));
    benchmark::ClobberMemory();
  }
  count(state);
}

void q_sample_eigen(benchmark::State& state) {
  const Eigen::ArrayXf x_0 = Eigen::ArrayXf::Random(state.range(0)), eps = Eigen::ArrayXf::Random(state.range(0));
  Eigen::ArrayXf out = x_0;
  const auto level = schedule(500);
  const auto signal = static_cast<float>(level.signal()), noise = static_cast<float>(level.noise());
  for (auto _ : state) {
    out = signal * x_0 + noise * eps;
    benchmark::ClobberMemory();
  }
  count(state);
}

void ancestral_into(benchmark::State& state) {
  const Eigen::ArrayXf x_0 = Eigen::ArrayXf::Random(state.range(0)), z = Eigen::ArrayXf::Random(state.range(0));
  Eigen::ArrayXf x = x_0;
  const auto s = schedule(499), t = schedule(500);
  for (auto _ : state) {
    diffusion::ancestral_step(s, t, x, x_0, z, diffusion::into(x));
    benchmark::ClobberMemory();
  }
  count(state);
}

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

BENCHMARK(q_sample_into)->Arg(1 << 10)->Arg(1 << 15)->Arg(1 << 24);
BENCHMARK(q_sample_eigen)->Arg(1 << 10)->Arg(1 << 15)->Arg(1 << 24);
BENCHMARK(ancestral_into)->Arg(1 << 10)->Arg(1 << 15)->Arg(1 << 24);
BENCHMARK(normals<float>)->Arg(1 << 15);
BENCHMARK(normals_std<float>)->Arg(1 << 15);
BENCHMARK(normals<double>)->Arg(1 << 15);
BENCHMARK(normals_std<double>)->Arg(1 << 15);

}  // namespace
