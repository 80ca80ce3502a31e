// SPDX-License-Identifier: MIT
// What is particular to xtensor; the laws of states run on its kinds in state/state.test.cpp.
#include <diffusion/xtensor.hpp>

#include <diffusion/ddim.hpp>
#include <diffusion/model/exact.hpp>
#include <diffusion/sampler/plan.hpp>
#if __has_include(<xtensor/views/xview.hpp>)
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xview.hpp>
#endif

#include "support/allocations.hpp"
#include "support/bounds_of_samples.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace diffusion;
using Columns = xt::xtensor<double, 2, xt::layout_type::column_major>;

namespace {

const auto level = linear_schedule(1000)(500);

}  // namespace

TEST_CASE("results are containers of the rank of the first argument", "[xtensor]") {
  const xt::xarray<double> a{{1, 2, 3}, {4, 5, 6}};
  const xt::xtensor<double, 2> t = a;
  static_assert(std::same_as<decltype(q_sample(level, a, a)), xt::xarray<double>>);
  static_assert(std::same_as<decltype(q_sample(level, t, t)), xt::xtensor<double, 2>>);
  static_assert(std::same_as<decltype(q_sample(level, t + t, t)), xt::xtensor<double, 2>>);
  static_assert(std::same_as<decltype(q_sample(level, a * 2.0, a)), xt::xarray<double>>);
  const xt::xarray<double> expected = level.signal() * a + level.noise() * (2.0 * a);
  const auto close = [](const auto& x, const auto& y) { return xt::allclose(x, y); };
  REQUIRE(close(q_sample(level, a, 2.0 * a), expected));
  REQUIRE(close(q_sample(level, t, 2.0 * a), expected));  // ranks known at compile time and at run time
  REQUIRE(close(q_sample(level, xt::view(a, 1), xt::view(2.0 * a, 1)), xt::view(expected, 1)));
}

TEST_CASE("storage orders may be mixed", "[xtensor]") {
  const xt::xtensor<double, 2> rows{{1, 2, 3}, {4, 5, 6}};
  const Columns columns = rows;
  const xt::xtensor<double, 2> expected = q_sample(level, rows, rows);
  REQUIRE(xt::allclose(q_sample(level, columns, rows), expected));
  REQUIRE(xt::allclose(q_sample(level, rows, columns), expected));
  static_assert(decltype(q_sample(level, columns, rows))::static_layout == xt::layout_type::column_major);
}

TEST_CASE("a batch runs along the first axis, whatever the rank and order", "[xtensor]") {
  xt::xarray<float> x_0 = xt::xarray<float>::from_shape({2, 3, 4}), eps = x_0;
  const NormalNoise noise{.seed = 8};
  x_0 = noise(0, x_0);
  eps = noise(1, eps);
  const std::vector<NoiseLevel<double>> levels{linear_schedule(10)(2), linear_schedule(10)(9)};
  const xt::xarray<float> batch = q_sample(levels, x_0, eps);
  for (std::size_t k = 0; k < 2; ++k)
    REQUIRE(xt::allclose(xt::view(batch, k), q_sample(levels[k], xt::view(x_0, k), xt::view(eps, k))));
  const xt::xtensor<float, 3, xt::layout_type::column_major> c = x_0, d = eps;
  REQUIRE(xt::allclose(q_sample(levels, c, d), batch));
  REQUIRE(xt::allclose(noise(0, c), x_0));
}

TEST_CASE("into writes to containers and contiguous views", "[xtensor]") {
  const xt::xtensor<double, 1> x{1, 2, 3};
  const xt::xtensor<double, 1> expected = q_sample(level, x, x);
  xt::xtensor<double, 2> out = xt::zeros<double>({2, 3});
  q_sample(level, x, x, into(xt::view(out, 1)));
  REQUIRE(xt::allclose(xt::view(out, 1), expected));
  REQUIRE(xt::allclose(xt::view(out, 0), xt::zeros<double>({3})));
}

TEST_CASE("shapes and orders that do not fit are named, and nothing is written", "[xtensor][errors]") {
  const xt::xarray<double> x{{1, 2, 3}, {4, 5, 6}}, y{{1, 2}, {3, 4}, {5, 6}};
  REQUIRE(message([&] { return q_sample(level, x, y); }) ==
          "diffusion::q_sample: eps has as many elements as x_0, but another shape");
  Columns columns = xt::zeros<double>({2, 3});
  REQUIRE(message([&] { q_sample(level, x, x, into(columns)); }) ==
          "diffusion::q_sample: out has as many elements as x_0, but another storage order");
  xt::xarray<double> large = xt::zeros<double>({4, 5});
  REQUIRE(message([&] { q_sample(level, x, x, into(xt::view(large, xt::range(0, 2), xt::range(0, 3)))); }) ==
          "diffusion::into: out is a view whose elements are not contiguous");
  REQUIRE(xt::allclose(columns, xt::zeros<double>({2, 3})));
  REQUIRE(xt::allclose(large, xt::zeros<double>({4, 5})));
}

TEST_CASE("exact denoisers take each index of the first axis for a sample", "[xtensor][exact]") {
  const std::vector<xt::xtensor<double, 2>> means{{{-1, 0, 1}, {2, 1, 0}}, {{1, 1, 1}, {0, 0, 3}}};
  const GaussianMixtureDenoiser denoiser(std::vector<double>{1, 2}, means, std::vector<double>{0.5, 0});
  const xt::xtensor<double, 3> x{{{0, 1, 0}, {1, 0, 2}}, {{1, 1, 0}, {0, 0, 2}}, {{-1, 0, 1}, {1, 1, 1}}};
  const xt::xtensor<double, 3, xt::layout_type::column_major> columns = x;
  static_assert(Denoiser<decltype(denoiser), xt::xtensor<double, 3>> && Denoiser<decltype(denoiser), Columns>);
  const auto schedule = linear_schedule(1000);
  const std::vector<NoiseLevel<double>> levels{schedule(10), schedule(500), schedule(1000)};
  const xt::xtensor<double, 3> estimate = denoiser(x, level), at_levels = denoiser(x, levels);
  for (std::size_t k = 0; k < 3; ++k) {
    const xt::xtensor<double, 2> sample = xt::view(x, k);
    REQUIRE((xt::view(estimate, k) == denoiser(sample, level)));
    REQUIRE((xt::view(at_levels, k) == denoiser(xt::view(x, k), levels[k])));
  }
  REQUIRE(xt::allclose(denoiser(columns, level), estimate, 1e-14));
  REQUIRE(xt::allclose(denoiser(columns, levels), at_levels, 1e-14));
}

TEST_CASE("bounds of samples are those of the first axis", "[xtensor]") {
  const xt::xtensor<double, 3> x_0{{{-1, 1, 0}, {1, 0.5, -0.25}}, {{0.75, 0.25, -0.5}, {0.125, -0.75, 0}}};
  batches::require_bounds_of_samples(
      x_0, 2, [](const auto& x, std::size_t k) { return xt::xtensor<double, 2>(xt::view(x, k)); });
}

static_assert(!State<xt::xarray<int>>);

TEST_CASE("steps into memory, and the loop, allocate nothing where network and noise write", "[xtensor][allocations]") {
  const auto schedule = linear_schedule(100);
  const auto levels = level_grid(schedule);
  const auto require_none = [&]<class X>(const X& start) {
    const auto net = writes([](const X& x, const auto& t, Into<X&> out) {
      for (std::size_t i = 0; i < x.size(); ++i) out.target.data()[i] = 0.5 * t.signal() * x.data()[i];
    });
    const auto noise = writes([](int k, const X& x, Into<X&> out) {
      for (std::size_t i = 0; i < x.size(); ++i) out.target.data()[i] = -0.25 * double(k) * x.data()[i];
    });
    const auto denoiser = clip_x0(predicts_noise(net));
    std::vector<std::size_t> counts(100);
    sample(sampling_plan(AncestralSampler{}, denoiser, levels), denoiser, start, noise,
           [&](const auto& p) { counts[std::size_t(p.step)] = allocations::count(); });
    REQUIRE(counts.back() == counts.front());
    X out = start;
    const auto s = schedule(40), t = schedule(50);
    const X x = start, y = 2 * start;
    const std::size_t before = allocations::count();
    q_sample(t, x, y, into(out));
    x0_from_noise(t, x, y, into(out));
    ancestral_step(s, t, x, y, x, into(out));
    ddim_step(s, t, x, y, 0.5, x, into(out));
    REQUIRE(allocations::count() == before);
  };
  require_none(xt::xarray<double>{{1, -2, 0.5}, {-0.25, 0, 3}});
  require_none(xt::xtensor<double, 2>{{1, -2, 0.5}, {-0.25, 0, 3}});
  require_none(xt::xtensor_fixed<double, xt::xshape<2, 3>>{{1, -2, 0.5}, {-0.25, 0, 3}});
}
