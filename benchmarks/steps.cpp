// SPDX-License-Identifier: MIT
// Steps over arrays in memory of the caller's, beside their limit and what a user would write instead.
//
// Names are operation/type/elements/who, so that --benchmark_filter chooses: q_sample/float/32768/. Sizes are the
// powers of two from 2^4 to 2^26. scripts/benchmark runs them and makes the table of docs/performance.md.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <diffusion/ddim.hpp>
#include <diffusion/eigen.hpp>
#include <diffusion/xtensor.hpp>
#include <map>
#include <random>
#include <string>
#include <xtensor/xadapt.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xnoalias.hpp>

#include "arrays.hpp"

namespace bench {
namespace {

const auto schedule = diffusion::linear_schedule(1000);
const auto t = schedule(500), s = schedule(480);

template <class F>
Coefficients<F> coefficients() {
  const auto a = diffusion::ancestral_coefficients(s, t);
  const auto d = diffusion::ddim_coefficients(s, t, 0.0);
  const auto f = [](double v) { return static_cast<F>(v); };
  return {f(t.signal()),
          f(t.noise()),
          f(1 / t.signal()),
          f(-t.sigma()),
          {f(a.xt), f(a.x0), f(a.noise)},
          {f(d.xt), f(d.x0)},
          {f(d.xt), f(1.5 * d.x0), f(-0.5 * d.x0)}};
}

// Arrays in pages of 2 MiB where there are such, touched before anything is timed, at different offsets in a page.
template <class F>
const Arrays<F>& arrays(std::size_t n) {
  static std::map<std::size_t, Arrays<F>> all;
  if (const auto found = all.find(n); found != all.end()) return found->second;
  const std::size_t stride = (n * sizeof(F) + 4095) / 4096 * 4096 + 4096 + 832, size = 5 * stride + (4 << 20);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, size, MADV_HUGEPAGE);
  char* base = static_cast<char*>(memory);
  F* part[5];
  std::minstd_rand engine(1);
  std::normal_distribution<F> normal;
  std::vector<F> some(std::min(n, std::size_t(1) << 16));
  for (std::size_t k = 0; k < 5; ++k) {
    part[k] = reinterpret_cast<F*>(base + k * stride);
    for (F& v : some) v = normal(engine);
    for (std::size_t i = 0; i < n; ++i) part[k][i] = some[i % some.size()];
  }
  return all[n] = {n, part[0], part[1], part[2], part[3], part[4]};
}

// ---- the library, on plain memory, Eigen and xtensor ----------------------------------------------------------------

template <class F>
struct Memory {
  static std::span<const F> in(const F* p, std::size_t n) { return {p, n}; }
  static std::span<F> out(F* p, std::size_t n) { return {p, n}; }
};
template <class F>
struct InEigen {
  using Array = Eigen::Array<F, Eigen::Dynamic, 1>;
  static Eigen::Map<const Array> in(const F* p, std::size_t n) { return {p, Eigen::Index(n)}; }
  static Eigen::Map<Array> out(F* p, std::size_t n) { return {p, Eigen::Index(n)}; }
};
template <class F>
struct InXtensor {
  static auto in(const F* p, std::size_t n) {
    return xt::adapt(p, n, xt::no_ownership(), std::array<std::size_t, 1>{n});
  }
  static auto out(F* p, std::size_t n) { return xt::adapt(p, n, xt::no_ownership(), std::array<std::size_t, 1>{n}); }
};

template <class F, template <class> class In>
struct Library {
  static void q_sample(const Arrays<F>& a, const Coefficients<F>& c) {
    const auto x = In<F>::in(a.x, a.n), y = In<F>::in(a.y, a.n);
    auto out = diffusion::into(In<F>::out(a.out, a.n));
    diffusion::apply_row("q_sample", std::array{c.signal, c.noise}, out, diffusion::Named{"x_0", x},
                         diffusion::Named{"eps", y});
  }
  template <std::size_t terms, class Kept, class... Z>
  static void step(const Arrays<F>& a, const Coefficients<F>& c, const std::array<F, terms>& row, Kept kept,
                   const Z&... z) {
    using diffusion::Named;
    const auto x = In<F>::in(a.x, a.n), y = In<F>::in(a.y, a.n);
    const diffusion::Estimate<F, diffusion::kernels::Second::combined_and_clipped> estimate{
        {c.of_x, c.of_y}, F(-1), F(1)};
    diffusion::apply_step("step", estimate, row, diffusion::into(In<F>::out(a.out, a.n)), kept, Named{"x_t", x},
                          Named{"eps", y}, Named{"z", z}...);
  }
  static void ancestral(const Arrays<F>& a, const Coefficients<F>& c) {
    step(a, c, std::to_array(c.ancestral), diffusion::NotKept{}, In<F>::in(a.z, a.n));
  }
  static void ddim(const Arrays<F>& a, const Coefficients<F>& c) {
    step(a, c, std::to_array(c.ddim), diffusion::NotKept{});
  }
  static void two_output(const Arrays<F>& a, const Coefficients<F>& c) {
    step(a, c, std::to_array(c.two_output), diffusion::into(In<F>::out(a.kept, a.n)), In<F>::in(a.z, a.n));
  }
  // The ancestral step with its noise, made in its pass; its noise alone; and one after the other.
  static void ancestral_noise(const Arrays<F>& a, const Coefficients<F>& c) {
    step(a, c, std::to_array(c.ancestral), diffusion::NotKept{}, diffusion::NormalNoise{.seed = 1}.at(7));
  }
  static void noise(const Arrays<F>& a, const Coefficients<F>&) {
    diffusion::NormalNoise{.seed = 1}.fill(7, std::span<F>(a.kept, a.n));
  }
  static void noise_then_ancestral(const Arrays<F>& a, const Coefficients<F>& c) {
    noise(a, c);
    step(a, c, std::to_array(c.ancestral), diffusion::NotKept{}, In<F>::in(a.kept, a.n));
  }
};

// ---- a plain loop ---------------------------------------------------------------------------------------------------

template <class F>
struct Loop {
  [[gnu::noinline]] static void q_sample(const Arrays<F>& a, const Coefficients<F>& k) {
    const auto [n, x, y, z, out, kept] = a;
    const auto c = k;
    for (std::size_t i = 0; i < n; ++i) out[i] = c.signal * x[i] + c.noise * y[i];
  }
  [[gnu::noinline]] static void ancestral(const Arrays<F>& a, const Coefficients<F>& k) {
    const auto [n, x, y, z, out, kept] = a;
    const auto c = k;
    for (std::size_t i = 0; i < n; ++i) {
      const F x_0 = std::clamp(c.of_x * x[i] + c.of_y * y[i], F(-1), F(1));
      out[i] = c.ancestral[0] * x[i] + c.ancestral[1] * x_0 + c.ancestral[2] * z[i];
    }
  }
  [[gnu::noinline]] static void ddim(const Arrays<F>& a, const Coefficients<F>& k) {
    const auto [n, x, y, z, out, kept] = a;
    const auto c = k;
    for (std::size_t i = 0; i < n; ++i) {
      const F x_0 = std::clamp(c.of_x * x[i] + c.of_y * y[i], F(-1), F(1));
      out[i] = c.ddim[0] * x[i] + c.ddim[1] * x_0;
    }
  }
  [[gnu::noinline]] static void two_output(const Arrays<F>& a, const Coefficients<F>& k) {
    const auto [n, x, y, z, out, kept] = a;
    const auto c = k;
    for (std::size_t i = 0; i < n; ++i) {
      const F x_0 = std::clamp(c.of_x * x[i] + c.of_y * y[i], F(-1), F(1));
      out[i] = c.two_output[0] * x[i] + c.two_output[1] * x_0 + c.two_output[2] * z[i];
      kept[i] = x_0;
    }
  }
};

// ---- fused expressions ----------------------------------------------------------------------------------------------

template <class F>
struct EigenExpression {
  using E = InEigen<F>;
  static void q_sample(const Arrays<F>& a, const Coefficients<F>& c) {
    E::out(a.out, a.n) = c.signal * E::in(a.x, a.n) + c.noise * E::in(a.y, a.n);
  }
  static void ancestral(const Arrays<F>& a, const Coefficients<F>& c) {
    const auto x = E::in(a.x, a.n), y = E::in(a.y, a.n), z = E::in(a.z, a.n);
    E::out(a.out, a.n) =
        c.ancestral[0] * x + c.ancestral[1] * (c.of_x * x + c.of_y * y).max(F(-1)).min(F(1)) + c.ancestral[2] * z;
  }
  static void ddim(const Arrays<F>& a, const Coefficients<F>& c) {
    const auto x = E::in(a.x, a.n), y = E::in(a.y, a.n);
    E::out(a.out, a.n) = c.ddim[0] * x + c.ddim[1] * (c.of_x * x + c.of_y * y).max(F(-1)).min(F(1));
  }
  static void two_output(const Arrays<F>& a, const Coefficients<F>& c) {  // an expression has one result: two passes
    const auto x = E::in(a.x, a.n), y = E::in(a.y, a.n), z = E::in(a.z, a.n);
    auto kept = E::out(a.kept, a.n);
    kept = (c.of_x * x + c.of_y * y).max(F(-1)).min(F(1));
    E::out(a.out, a.n) = c.two_output[0] * x + c.two_output[1] * kept + c.two_output[2] * z;
  }
};

template <class F>
struct XtensorExpression {
  using E = InXtensor<F>;
  static void q_sample(const Arrays<F>& a, const Coefficients<F>& c) {
    auto out = E::out(a.out, a.n);
    const auto x = E::in(a.x, a.n), y = E::in(a.y, a.n);
    xt::noalias(out) = c.signal * x + c.noise * y;
  }
  static void ancestral(const Arrays<F>& a, const Coefficients<F>& c) {
    auto out = E::out(a.out, a.n);
    const auto x = E::in(a.x, a.n), y = E::in(a.y, a.n), z = E::in(a.z, a.n);
    xt::noalias(out) =
        c.ancestral[0] * x + c.ancestral[1] * xt::clip(c.of_x * x + c.of_y * y, F(-1), F(1)) + c.ancestral[2] * z;
  }
  static void ddim(const Arrays<F>& a, const Coefficients<F>& c) {
    auto out = E::out(a.out, a.n);
    const auto x = E::in(a.x, a.n), y = E::in(a.y, a.n);
    xt::noalias(out) = c.ddim[0] * x + c.ddim[1] * xt::clip(c.of_x * x + c.of_y * y, F(-1), F(1));
  }
  static void two_output(const Arrays<F>& a, const Coefficients<F>& c) {
    auto out = E::out(a.out, a.n), kept = E::out(a.kept, a.n);
    const auto x = E::in(a.x, a.n), y = E::in(a.y, a.n), z = E::in(a.z, a.n);
    xt::noalias(kept) = xt::clip(c.of_x * x + c.of_y * y, F(-1), F(1));
    xt::noalias(out) = c.two_output[0] * x + c.two_output[1] * kept + c.two_output[2] * z;
  }
};

// ---- registration ---------------------------------------------------------------------------------------------------

template <class F>
void add(const std::string& operation, const std::string& type, std::size_t n, const std::string& who, Run<F> run) {
  const std::string name = operation + '/' + type + '/' + std::to_string(n) + '/' + who;
  benchmark::RegisterBenchmark(name.c_str(), [n, run](benchmark::State& state) {
    const Arrays<F>& a = arrays<F>(n);
    const Coefficients<F> c = coefficients<F>();
    run(a, c);
    for (auto _ : state) {
      run(a, c);
      benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(n));
  });
}

template <class F, class Who>
void add_all(const std::string& type, std::size_t n, const std::string& who) {
  add<F>("q_sample", type, n, who, Who::q_sample);
  add<F>("ancestral", type, n, who, Who::ancestral);
  add<F>("ddim", type, n, who, Who::ddim);
  add<F>("two_output", type, n, who, Who::two_output);
}

template <class F>
void add_type(const std::string& type) {
  for (int log_n = 4; log_n <= 26; ++log_n) {
    const std::size_t n = std::size_t(1) << log_n;
    for (const char* operation : {"q_sample", "ancestral", "ddim", "two_output"}) {
      add<F>(operation, type, n, "limit", triad<F>);
      add<F>(operation, type, n, "limit_streaming", triad_streaming<F>);
    }
    add_all<F, Library<F, Memory>>(type, n, "diffusion");
    using Plain = Library<F, Memory>;
    add<F>("ancestral_noise", type, n, "limit", Plain::noise);
    add<F>("ancestral_noise", type, n, "diffusion", Plain::ancestral_noise);
    add<F>("ancestral_noise", type, n, "diffusion_apart", Plain::noise_then_ancestral);
    add_all<F, Library<F, InEigen>>(type, n, "diffusion_on_eigen");
    add_all<F, Library<F, InXtensor>>(type, n, "diffusion_on_xtensor");
    add_all<F, Loop<F>>(type, n, "loop");
    add_all<F, EigenExpression<F>>(type, n, "eigen");
    add_all<F, XtensorExpression<F>>(type, n, "xtensor");
#ifdef DIFFUSION_BENCHMARK_TORCH
    using T = Torch<F>;
    add_all<F, T>(type, n, "torch");
    add<F>("q_sample", type, n, "torch_in_place", T::q_sample_in_place);
    add<F>("ancestral", type, n, "torch_in_place", T::ancestral_in_place);
    add<F>("ddim", type, n, "torch_in_place", T::ddim_in_place);
    add<F>("two_output", type, n, "torch_in_place", T::two_output_in_place);
    add<F>("ancestral_noise", type, n, "torch", T::ancestral_normal);
    add<F>("ancestral_noise", type, n, "torch_in_place", T::ancestral_normal_in_place);
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
