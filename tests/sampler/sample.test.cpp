// SPDX-License-Identifier: MIT
#include <diffusion/sampler/sample.hpp>

#include <diffusion/ddim.hpp>
#include <diffusion/sampler/plan.hpp>

#include <complex>

#include "../support/allocations.hpp"
#include "../support/catch.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

// A sampler that remembers: x <- x_0_hat + what the last step left, to show that history is kept within a run only.
struct Remembering {
  template <class X>
  struct History {
    int steps = 0;
    X last{};
  };
  template <class D, class Real, class X, class Draw>
  void step(D& denoiser, const NoiseLevel<Real>&, const NoiseLevel<Real>& t, X& x, X& x_0_hat, const Draw& draw,
            History<X>& history) const {
    x_0_hat = denoiser(x, t);
    x = x_0_hat + history.last + (history.steps++ == 0 ? draw() : 0);
    history.last = x_0_hat;
  }
};

// A sampler that shows what it is given: s, t and, by draw(), the step and the state that the noise is for.
struct Showing {
  std::vector<double>& seen;
  template <class D, class Real, class X, class Draw>
  void step(D& denoiser, const NoiseLevel<Real>& s, const NoiseLevel<Real>& t, X& x, X& x_0_hat, const Draw& draw,
            NoHistory&) const {
    seen.insert(seen.end(), {s.time(), t.time(), draw()});
    x_0_hat = denoiser(x, t);
    x = x_0_hat;
  }
};

const auto schedule = linear_schedule(4);
const auto half = [](double x, const NoiseLevel<double>&) { return x / 2; };
const auto one = [](int, double) { return 1.0; };

}  // namespace

static_assert(Sampler<Remembering, decltype(half), double>);
static_assert(!Sampler<int, decltype(half), double>);
static_assert(NoiseSource<decltype(one), double> && !NoiseSource<decltype(half), double>);
static_assert(std::same_as<sampler_history_t<Remembering, double>, Remembering::History<double>>);
static_assert(std::same_as<sampler_history_t<int, double>, NoHistory>);

TEST_CASE("a sampler's history starts anew with every run", "[sample]") {
  const std::vector<NoiseLevel<double>> levels{schedule(4), schedule(2), schedule(0)};
  const double first = sample(Remembering{}, half, levels, 8.0, one);
  REQUIRE(first == 6.5);  // 8 -> 4 + 0 + 1 = 5 -> 2.5 + 4
  REQUIRE(sample(Remembering{}, half, levels, 8.0, one) == first);
}

TEST_CASE("the observer sees every step and can stop", "[sample]") {
  const std::vector<NoiseLevel<double>> levels{schedule(4), schedule(3), schedule(1), schedule(0)};
  std::vector<double> seen;
  sample(Remembering{}, half, levels, 8.0, one, [&](const Progress<double, double>& p) {
    REQUIRE(p.steps == 3);
    REQUIRE(p.from.time() == levels[std::size_t(p.step)].time());
    REQUIRE(p.to.time() == levels[std::size_t(p.step) + 1].time());
    seen.insert(seen.end(), {p.x_0_hat, p.x});
  });
  REQUIRE(seen == std::vector<double>{4, 5, 2.5, 6.5, 3.25, 5.75});
  const double x = sample(Remembering{}, half, levels, 8.0, one,
                          [](const auto& p) { return p.step == 1 ? Loop::stop : Loop::proceed; });
  REQUIRE(x == 6.5);
}

TEST_CASE("a step is given both levels, and the noise its index and state", "[sample][ho2020.alg2]") {
  std::vector<double> seen;
  const auto noise = [](int k, double x) { return 100 * k + x; };
  sample(Showing{seen}, half, std::vector{schedule(4), schedule(2), schedule(1)}, 8.0, noise);
  REQUIRE(seen == std::vector<double>{2, 4, 8, 1, 2, 104});
}

TEST_CASE("a network of the noise or the score is not asked about pure noise", "[sample][errors]") {
  const auto pure = alpha_bar_level(0), tiny = alpha_bar_level(1e-300), middle = alpha_bar_level(0.5);
  const auto run = [](auto denoiser, std::vector<NoiseLevel<double>> levels) {
    return message([&] { return sample(Remembering{}, denoiser, levels, 1.0, one); });
  };
  const std::string expected =
      "diffusion::sample: levels: a signal = 0, expected more than 0 for a prediction of noise or score: predict v or "
      "x_0";
  REQUIRE(run(predicts_noise(half), {pure, middle}) == expected);
  REQUIRE(run(predicts_score(half), {pure, middle}) == expected);
  REQUIRE(run(clip_x0(predicts_noise(half)), {pure, middle}) == expected);
  REQUIRE(run(predicts_v(half), {pure, middle}) == "nothing thrown");
  REQUIRE(run(half, {pure, middle}) == "nothing thrown");
  REQUIRE(run(predicts_noise(half), {tiny, middle}) == "nothing thrown");
  REQUIRE(run(predicts_noise(half), {tiny}) == "nothing thrown");
}

TEST_CASE("a single level is where one already is", "[sample]") {
  REQUIRE(sample(Remembering{}, half, std::vector{schedule(3)}, 8.0, one) == 8);
}

TEST_CASE("the denoiser and the noise may have state", "[sample]") {
  int calls = 0;
  auto counting = [&calls](double x, const NoiseLevel<double>&) mutable {
    ++calls;
    return x;
  };
  auto last = 0.0;
  auto changing = [last](int, double) mutable { return last += 1; };
  sample(Remembering{}, counting, std::vector{schedule(4), schedule(2), schedule(0)}, 1.0, changing);
  REQUIRE(calls == 2);
}

TEST_CASE("bad grids of levels are named before anything runs", "[sample][errors]") {
  int calls = 0;
  const auto counting = [&calls](double x, const NoiseLevel<double>&) {
    ++calls;
    return x;
  };
  REQUIRE(message([&] { return sample(Remembering{}, counting, std::vector<NoiseLevel<double>>(), 1.0, one); }) ==
          "diffusion::sample: levels.size() = 0, expected at least one level");
  REQUIRE(message([&] {
            return sample(Remembering{}, counting, std::vector{schedule(0), schedule(4)}, 1.0, one);
          }).starts_with("diffusion::sample: levels: a log-SNR = "));
  REQUIRE(message([&] {
            return sample(Remembering{}, counting, std::vector{schedule(4), schedule(4)}, 1.0, one);
          }).ends_with("expected more than the one before: noisiest first"));
  REQUIRE(calls == 0);
}

namespace {

// A network and a source of noise that return, and the same that write.
const auto net = [](const std::vector<float>& x, const auto& t) {
  std::vector<float> y = x;
  for (float& e : y) e = 0.5f * e * e - static_cast<float>(t.signal());
  return y;
};
const auto writing_net = writes([](const std::vector<float>& x, const auto& t, Into<std::vector<float>&> out) {
  for (std::size_t i = 0; i < x.size(); ++i) out.target[i] = 0.5f * x[i] * x[i] - static_cast<float>(t.signal());
});
const auto some_noise = [](int k, const std::vector<float>& x) {
  std::vector<float> z = x;
  for (float& e : z) e = 0.25f * e - static_cast<float>(k);
  return z;
};
const auto writing_noise = writes([](int k, const std::vector<float>& x, Into<std::vector<float>&> out) {
  for (std::size_t i = 0; i < x.size(); ++i) out.target[i] = 0.25f * x[i] - static_cast<float>(k);
});

const std::vector<NoiseLevel<double>> grid{schedule(4), schedule(3), schedule(1), schedule(0)};
const std::vector<float> start{-2, -1, 0, 0.25f, 1, 3, 0.5f, 0.75f, -0.3f};

// A run, and all that its observer saw.
template <class... Arguments>
auto observed(const Arguments&... arguments) {
  std::vector<std::vector<float>> seen;
  seen.push_back(sample(arguments..., [&seen](const auto& p) {
    seen.push_back(p.x);
    seen.push_back(p.x_0_hat);
    seen.push_back({float(p.step), float(p.steps), float(p.from.time()), float(p.to.time())});
  }));
  return seen;
}

}  // namespace

static_assert(WritingNoise<decltype(writing_noise), std::vector<float>> &&
              !WritingNoise<decltype(some_noise), std::vector<float>>);

TEST_CASE("a plan, and what writes in place of returning, give the same bits", "[sample][plan]") {
  const auto require_same = [](const auto& sampler, const auto& denoiser, const auto& writing) {
    const auto expected = observed(sampler, denoiser, grid, start, some_noise);
    REQUIRE(expected.size() == 10);
    REQUIRE(observed(sampler, writing, grid, start, writing_noise) == expected);
    const auto plan = sampling_plan(sampler, denoiser, grid);
    const auto bare = sampling_plan(sampler, grid);
    for (int runs = 0; runs < 2; ++runs) {
      REQUIRE(observed(plan, denoiser, start, some_noise) == expected);
      REQUIRE(observed(plan, writing, start, writing_noise) == expected);
      REQUIRE(observed(bare, denoiser, start, some_noise) == expected);
      REQUIRE(observed(bare, writing, start, writing_noise) == expected);
    }
  };
  const auto require_all = [&](const auto& sampler) {
    require_same(sampler, net, writing_net);
    require_same(sampler, clip_x0(net, -0.5, 0.5), clip_x0(writing_net, -0.5, 0.5));
    require_same(sampler, predicts_noise(net), predicts_noise(writing_net));
    require_same(sampler, clip_x0(predicts_noise(net)), clip_x0(predicts_noise(writing_net)));
    require_same(sampler, clip_x0(predicts_v(net)), clip_x0(predicts_v(writing_net)));
    require_same(sampler, clip_x0(predicts_score(net)), clip_x0(predicts_score(writing_net)));
  };
  require_all(AncestralSampler{});
  require_all(AncestralSampler{TransitionVariance{}});
  require_all(DdimSampler{});
  require_all(DdimSampler{.eta = 0.5});
}

namespace {

// The same noise, of which a sampler knows nothing but that it can be called.
template <class X>
auto unaddressed(const NormalNoise& noise) {
  return [noise](int k, const X& x) { return noise(k, x); };
}

struct AskingForState {
  template <class D, class Real, class X, class Draw>
  void step(D& denoiser, const NoiseLevel<Real>&, const NoiseLevel<Real>& t, X& x, X& x_0_hat, const Draw& draw,
            NoHistory&) const {
    denoise_into(denoiser, static_cast<const X&>(x), t, x_0_hat);
    x = draw();
  }
};

}  // namespace

static_assert(AddressedNoise<NormalNoise, std::vector<float>> && AddressedNoise<NormalNoise, double>);
static_assert(!AddressedNoise<NormalNoise, std::complex<double>> &&
              !AddressedNoise<decltype(writing_noise), std::vector<float>>);

TEMPLATE_TEST_CASE("noise that is made in the pass of a step has the bits of noise that was made before",
                   "[sample][plan]", std::vector<float>, std::vector<double>, float, double) {
  using X = TestType;
  const auto middle = linear_schedule(200);
  const auto many = level_grid(middle, 80);
  for (const std::size_t n : {1u, 3u, 16u, 112u, 113u, 240u, 241u, 3000u}) {
    X x{};
    if constexpr (StoredState<X>) x = X(n, scalar_t<X>(0.5));
    const NormalNoise noise{.seed = n, .stream = 3, .first_element = n % 5};
    const auto denoiser = clip_x0(predicts_noise([](const X& x_t, const auto&) { return x_t; }));
    const auto require_same = [&](const auto& sampler) {
      const X expected = sample(sampler, denoiser, many, x, unaddressed<X>(noise));
      REQUIRE(sample(sampler, denoiser, many, x, noise) == expected);
      REQUIRE(sample(sampling_plan(sampler, denoiser, many), denoiser, x, noise) == expected);
    };
    require_same(AncestralSampler{});
    require_same(DdimSampler{.eta = 0.5});
    require_same(AskingForState{});
    const auto s = middle(30), t = middle(40);
    REQUIRE(ancestral_step(s, t, x, x, noise.at(4)) == ancestral_step(s, t, x, x, noise(4, x)));
    REQUIRE(ancestral_step(s, t, x, x, noise.at(4), TransitionVariance{}) ==
            ancestral_step(s, t, x, x, noise(4, x), TransitionVariance{}));
    REQUIRE(ddim_step(s, t, x, x, 0.5, noise.at(4)) == ddim_step(s, t, x, x, 0.5, noise(4, x)));
    X out = x;
    reverse_step(ancestral_coefficients(s, t), x, x, noise.at(4), into(out));
    REQUIRE(out == ancestral_step(s, t, x, x, noise(4, x)));
    if constexpr (!StoredState<X>) break;
  }
}

TEST_CASE("a plan of any sampler can be made, with coefficients or without", "[sample][plan]") {
  const auto plan = sampling_plan(Remembering{}, std::vector{schedule(4), schedule(2), schedule(0)});
  REQUIRE(sample(plan, half, 8.0, one) == 6.5);
  REQUIRE(sample(plan, half, 8.0, one) == 6.5);
  REQUIRE(plan.levels().size() == 3);
  const auto ancestral = sampling_plan(AncestralSampler{}, predicts_noise(half), grid);
  for (std::size_t k = 0; k < 3; ++k) {
    const auto c = ancestral_coefficients(grid[k + 1], grid[k]);
    REQUIRE(ancestral[k].coefficients.x0 == c.x0);
    REQUIRE(ancestral[k].coefficients.noise == c.noise);
    REQUIRE((ancestral[k].s.time() == grid[k + 1].time() && ancestral[k].t.time() == grid[k].time()));
    REQUIRE(ancestral[k].row[0] == x0_from_noise(grid[k], 1.0, 0.0));
    REQUIRE(ancestral[k].row[1] == -grid[k].sigma());
  }
  REQUIRE(sample(sampling_plan(AncestralSampler{}, std::vector{schedule(3)}), half, 8.0, one) == 8);
}

TEST_CASE("bad plans are named", "[sample][plan][errors]") {
  REQUIRE(message([&] { return sampling_plan(DdimSampler{}, std::vector<NoiseLevel<double>>()); }) ==
          "diffusion::sampling_plan: levels.size() = 0, expected at least one level");
  REQUIRE(message([&] {
            return sampling_plan(DdimSampler{}, std::vector{schedule(0), schedule(4)});
          }).starts_with("diffusion::sampling_plan: levels: a log-SNR = "));
  REQUIRE(
      message([&] { return sampling_plan(DdimSampler{.eta = -1}, grid); }).starts_with("diffusion::sample: eta = -1"));
  const auto plan = sampling_plan(DdimSampler{}, std::vector{alpha_bar_level(0.0), alpha_bar_level(0.5)});
  REQUIRE(message([&] {
            return sample(plan, predicts_noise(half), 1.0, one);
          }).starts_with("diffusion::sample: levels: a signal = 0"));
  REQUIRE(message([&] { return sample(plan, half, 1.0, one); }) == "nothing thrown");
}

TEST_CASE("the loop allocates nothing where network and noise write", "[sample][allocations]") {
  const auto long_grid = level_grid(linear_schedule(100));
  const auto require_none = [&](const auto& denoiser) {
    std::vector<std::size_t> counts(100);
    const auto count = [&](const auto& p) { counts[std::size_t(p.step)] = allocations::count(); };
    sample(AncestralSampler{}, denoiser, long_grid, start, writing_noise, count);
    REQUIRE(counts.back() == counts.front());
    const auto plan = sampling_plan(AncestralSampler{}, denoiser, long_grid);
    sample(plan, denoiser, start, writing_noise, count);
    REQUIRE(counts.back() == counts.front());
    for (const std::size_t n : {1u, 100u, 1000u}) {
      const std::vector<float> large(n);
      sample(plan, denoiser, large, NormalNoise{}, count);
      REQUIRE(counts.back() == counts.front());
      sample(AskingForState{}, denoiser, long_grid, large, NormalNoise{}, count);
      REQUIRE(counts.back() == counts.front());
    }
  };
  require_none(writing_net);
  require_none(clip_x0(predicts_noise(writing_net)));
  std::size_t before = allocations::count();
  ::operator delete(::operator new(3));         // a call, which unlike a vector is not left out by a compiler
  REQUIRE(allocations::count() == before + 1);  // the counter counts
  std::vector<float> out = start;
  const auto s = schedule(2), t = schedule(3);
  const std::span<const float> x(start), y(start);
  before = allocations::count();
  q_sample(t, x, y, into(out));
  x0_from_noise(t, x, y, into(out));
  ancestral_step(s, t, x, y, y, into(out));
  ddim_step(s, t, x, y, 0.5, y, into(out));
  reverse_step(ancestral_coefficients(s, t), x, y, y, into(std::span<float>(out)));
  ancestral_step(s, t, x, y, NormalNoise{}.at(3), into(out));
  ddim_step(s, t, x, y, 0.5, NormalNoise{}.at(3), into(out));
  REQUIRE(allocations::count() == before);
}

TEST_CASE("steps with known coefficients are the steps", "[sample][plan]") {
  const auto s = schedule(2), t = schedule(3);
  const auto c = ancestral_coefficients(s, t);
  REQUIRE(reverse_step(c, start, net(start, t), some_noise(1, start)) ==
          ancestral_step(s, t, start, net(start, t), some_noise(1, start)));
  REQUIRE(reverse_step(ddim_coefficients(s, t, 0.0), start, net(start, t)) == ddim_step(s, t, start, net(start, t)));
}
