// SPDX-License-Identifier: MIT
#include <diffusion/sampler/sample.hpp>

#include <diffusion/process/schedules.hpp>

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
