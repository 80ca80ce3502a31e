// SPDX-License-Identifier: MIT
// Whole ancestral loops of 100 steps with clipped noise prediction, beside LibTorch: the cost of a step for states of
// 16, 16 x 7 and 16 x 3 x 32 x 32, where the network costs nothing but a copy of its answer.
//
// Names are loop/float/elements/who; a time is that of one step.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <diffusion/ddpm.hpp>
#include <diffusion/sampler/plan.hpp>
#include <string>

#include "arrays.hpp"

namespace bench {
namespace {

using State = std::vector<float>;
constexpr int steps = 100;
const auto levels = diffusion::level_grid(diffusion::linear_schedule(1000), steps);

State wave(std::size_t n, double phase) {
  State x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(std::sin(0.7 * double(i) + phase));
  return x;
}

template <class Loop>
void add(std::size_t n, const std::string& who, Loop loop) {
  const std::string name = "loop/float/" + std::to_string(n) + '/' + who;
  benchmark::RegisterBenchmark(name.c_str(), [n, loop](benchmark::State& state) {
    const State start = wave(n, 0), answer = wave(n, 1), z = wave(n, 2);
    while (state.KeepRunningBatch(steps)) benchmark::DoNotOptimize(loop(start, answer, z));
  });
}

void add_size(std::size_t n) {
  using diffusion::Into;
  const auto net = [](const State& answer) {
    return diffusion::clip_x0(
        diffusion::predicts_noise(diffusion::writes([&answer](const State&, const auto&, Into<State&> out) {
          std::copy(answer.begin(), answer.end(), out.target.begin());
        })));
  };
  const auto given = [](const State& z) {
    return diffusion::writes(
        [&z](int, const State&, Into<State&> out) { std::copy(z.begin(), z.end(), out.target.begin()); });
  };
  const diffusion::NormalNoise normal{.seed = 1};
  static const auto plan =
      diffusion::sampling_plan(diffusion::AncestralSampler{},
                               diffusion::clip_x0(diffusion::predicts_noise([](const State& x) { return x; })), levels);
  add(n, "plan", [=](const State& start, const State& answer, const State& z) {
    return diffusion::sample(plan, net(answer), start, given(z));
  });
  add(n, "plan_normal_noise", [=](const State& start, const State& answer, const State&) {
    return diffusion::sample(plan, net(answer), start, normal);
  });
  add(n, "no_plan", [=](const State& start, const State& answer, const State& z) {
    return diffusion::sample(diffusion::AncestralSampler{}, net(answer), levels, start, given(z));
  });
#ifdef DIFFUSION_BENCHMARK_TORCH
  add(n, "torch", [n](State x, const State& answer, const State& z) {
    return torch_loop(x.data(), answer.data(), z.data(), n, steps);
  });
  add(n, "torch_in_place", [n](State x, const State& answer, const State& z) {
    return torch_loop_in_place(x.data(), answer.data(), z.data(), n, steps);
  });
  add(n, "torch_in_place_normal", [n](State x, const State& answer, const State&) {
    return torch_loop_in_place(x.data(), answer.data(), nullptr, n, steps);
  });
#endif
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::add_size(16);
  bench::add_size(16 * 7);
  bench::add_size(16 * 3 * 32 * 32);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
