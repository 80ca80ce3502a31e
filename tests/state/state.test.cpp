// SPDX-License-Identifier: MIT
// The laws of a state, compiled once for each kind of state in support/states (see CMakeLists.txt).
#include <diffusion/ddim.hpp>
#include STATE_KIND

#include <cmath>
#include <limits>
#include <random>

#include "../support/catch.hpp"

namespace state_laws {

using namespace diffusion;
using kind::make;
using kind::read;
using Values = std::vector<double>;
using State_ = decltype(make(Values()));  // the argument: perhaps a view or an expression
using Value = value_t<State_>;            // what functions return
using Scalar = kind::Scalar;

namespace {

const double epsilon = static_cast<double>(std::numeric_limits<Scalar>::epsilon());

// Values that are exact in float, different at every call.
Values draw(unsigned seed, std::size_t size = kind::size) {
  std::mt19937 engine(seed);
  Values values(size);
  for (double& v : values) v = double(engine() % 4001) / 1024 - 2;
  return values;
}

const auto schedule = linear_schedule(1000);

// sum of coefficients times values, element by element, up to the rounding of the element type
template <class Coefficients>
void require_combination(const Value& result, const Coefficients& coefficients, const std::vector<Values>& terms) {
  const Values got = read(result);
  REQUIRE(got.size() == terms[0].size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    double sum = 0, size = 0;
    for (std::size_t k = 0; k < terms.size(); ++k) {
      sum += coefficients[k] * terms[k][i];
      size += std::abs(coefficients[k] * terms[k][i]);
    }
    REQUIRE(std::abs(got[i] - sum) <= 3 * epsilon * size);
  }
}

void require_equal(const Value& a, const Value& b) { REQUIRE(read(a) == read(b)); }

}  // namespace

static_assert(State<State_> && NormedState<State_>);
static_assert(CompatibleState<State_, Value> && CompatibleState<Value, State_>);
static_assert(std::same_as<scalar_t<State_>, Scalar>);
static_assert(std::same_as<value_t<Value>, Value>);
static_assert(!CompatibleState<std::vector<long double>, State_>);

TEST_CASE("make and read are inverse", "[state]") {
  const Values values = draw(1);
  REQUIRE(read(make(values)) == values);
  REQUIRE(dimension(make(values)) == kind::size);
}

TEST_CASE("steps and conversions are their coefficients, element by element", "[state]") {
  const Values a = draw(2), b = draw(3), c = draw(4);
  const State_ x = make(a), y = make(b), z = make(c);
  const auto s = schedule(300), t = schedule(500);
  require_combination(q_sample(t, x, y), std::array{t.signal(), t.noise()}, {a, b});
  require_combination(q_marginal(t, x).mean, std::array{t.signal()}, {a});
  require_combination(q_transition(s, t, x).mean, std::array{q_transition(s, t).scale}, {a});
  const auto p = q_posterior(s, t);
  require_combination(q_posterior(s, t, x, y).mean, std::array{p.xt, p.x0}, {a, b});
  require_combination(x0_from_noise(t, x, y), std::array{1 / t.signal(), -t.sigma()}, {a, b});
  require_combination(noise_from_x0(t, x, y), std::array{1 / t.noise(), -1 / t.sigma()}, {a, b});
  require_combination(v_from(t, x, y), std::array{-t.noise(), t.signal()}, {a, b});
  require_combination(v_from_noise(t, x, y), std::array{-t.sigma(), 1 / t.signal()}, {a, b});
  require_combination(v_from_x0(t, x, y), std::array{1 / t.sigma(), -1 / t.noise()}, {a, b});
  require_combination(score_from_x0(t, x, y), std::array{-1 / t.noise_variance(), t.signal() / t.noise_variance()},
                      {a, b});
  require_combination(x0_from_v(t, x, y), std::array{t.signal(), -t.noise()}, {a, b});
  require_combination(noise_from_v(t, x, y), std::array{t.noise(), t.signal()}, {a, b});
  require_combination(score_from_noise(t, x), std::array{-1 / t.noise()}, {a});
  require_combination(noise_from_score(t, x), std::array{-t.noise()}, {a});
  require_combination(x0_from_score(t, x, y), std::array{1 / t.signal(), t.noise_variance() / t.signal()}, {a, b});
  require_combination(ancestral_step(s, t, x, y, z), std::array{p.xt, p.x0, std::sqrt(p.variance)}, {a, b, c});
  const auto d = ddim_coefficients(s, t, 0.5);
  require_combination(ddim_step(s, t, x, y, 0.5, z), std::array{d.xt, d.x0, d.noise}, {a, b, c});
  require_combination(sample(Gaussian<Value>{q_marginal(s, x).mean, 0.25}, y), std::array{s.signal(), 0.5}, {a, b});
}

TEST_CASE("into writes what is otherwise returned, also over an argument", "[state]") {
  const State_ x = make(draw(8)), y = make(draw(9)), z = make(draw(10));
  const auto s = schedule(300), t = schedule(500);
  Value out = q_sample(s, x, y);
  q_sample(t, x, y, into(out));
  require_equal(out, q_sample(t, x, y));
  ddim_step(s, t, x, y, 0.5, z, into(out));
  require_equal(out, ddim_step(s, t, x, y, 0.5, z));
  const Value before = q_sample(t, x, y);
  Value over = q_sample(t, x, y);
  ancestral_step(s, t, over, y, z, into(over));
  require_equal(over, ancestral_step(s, t, before, y, z));
}

TEST_CASE("densities and divergences are sums over the elements", "[state]") {
  const Values a = draw(13), b = draw(14);
  const State_ x = make(a), y = make(b);
  const Gaussian<Value> p{q_sample(schedule(0), x, y), 0.7}, q{q_sample(schedule(0), y, x), 0.9};
  double density = 0, divergence = 0, prior = 0, denoising = 0;
  const auto s = schedule(300), t = schedule(500);
  for (std::size_t i = 0; i < kind::size; ++i) {
    density += log_density(Gaussian<double>{a[i], 0.7}, b[i]);
    divergence += kl_divergence(Gaussian<double>{a[i], 0.7}, Gaussian<double>{b[i], 0.9});
    prior += prior_kl(t, a[i]);
    denoising += denoising_kl(s, t, a[i], b[i]);
  }
  REQUIRE_THAT(log_density(p, y), Catch::Matchers::WithinRel(density, 1e-13));
  REQUIRE_THAT(kl_divergence(p, q), Catch::Matchers::WithinRel(divergence, 1e-13));
  REQUIRE_THAT(prior_kl(t, x), Catch::Matchers::WithinRel(prior, 1e-13));
  REQUIRE_THAT(denoising_kl(s, t, x, y), Catch::Matchers::WithinRel(denoising, 1e-13));
  REQUIRE(kl_divergence(p, p) == 0);
  static_assert(std::same_as<decltype(log_density(p, y)), double>);
}

TEST_CASE("densities of paths are sums over the elements", "[state]") {
  const Values a = draw(17), b = draw(18), c = draw(19);
  const std::vector levels{schedule(700), schedule(200)};
  const auto value = [](const Values& values) {
    const State_ x = make(values);
    return Value(q_sample(schedule(0), x, x));
  };
  const std::vector<Value> path{value(a), value(b)};
  const ReverseModel model{[&](const Value&, const NoiseLevel<double>&) -> Value { return value(c); }};
  double forward = 0, reverse = 0;
  for (std::size_t i = 0; i < kind::size; ++i) {
    const std::vector<double> one{a[i], b[i]};
    forward += forward_joint_log_density(levels, one);
    reverse += reverse_joint_log_density(levels, one, ReverseModel{[&](double, const auto&) { return c[i]; }});
  }
  REQUIRE_THAT(forward_joint_log_density(levels, path), Catch::Matchers::WithinRel(forward, 1e-13));
  REQUIRE_THAT(reverse_joint_log_density(levels, path, model), Catch::Matchers::WithinRel(reverse, 1e-13));
}

TEST_CASE("noise is the same numbers for every kind of state", "[state]") {
  const NormalNoise noise{.seed = 17, .stream = 3};
  std::vector<Scalar> expected(kind::size);
  noise.fill(5, std::span<Scalar>(expected));
  REQUIRE(read(noise(5, make(draw(15)))) == Values(expected.begin(), expected.end()));
}

TEST_CASE("noise that is made in the pass of a step is the same noise", "[state]") {
  const NormalNoise noise{.seed = 17, .stream = 3};
  const auto called = [&](int k, const Value& x) -> Value { return noise(k, x); };
  const auto half = [](const Value& x, const auto& level) -> Value { return q_sample(level, x, x); };
  const auto levels = level_grid(schedule, 5);
  const Value x = noise.initial(make(draw(15)));
  require_equal(sample(AncestralSampler{}, half, levels, x, noise),
                sample(AncestralSampler{}, half, levels, x, called));
  const auto require_step = [&]<class Z>(const Z& z) {  // unless elements lie in another order than the noise
    if constexpr (StepNoise<Z, Value>)
      require_equal(ancestral_step(levels[3], levels[2], x, x, z),
                    ancestral_step(levels[3], levels[2], x, x, noise(5, x)));
  };
  require_step(noise.at(5));
}

TEST_CASE("every sampler returns the data of an exact denoiser", "[state]") {
  const Values data = draw(16);
  const State_ x_0 = make(data);
  const NormalNoise noise{.seed = 1};
  const auto levels = level_grid(schedule, trailing_steps(1000, 20));
  const auto net = [&](const Value& x_t, const auto& level) -> Value { return noise_from_x0(level, x_t, x_0); };
  const auto exact = predicts_x0([&](const Value&, const auto&) -> Value { return q_sample(schedule(0), x_0, x_0); });
  static_assert(Denoiser<decltype(predicts_noise(net)), Value> && !Denoiser<int, Value>);
  const auto start = noise.initial(x_0);
  const auto require_data = [&](const Value& result, double tolerance) {
    const Values got = read(result);
    for (std::size_t i = 0; i < kind::size; ++i) REQUIRE(std::abs(got[i] - data[i]) <= tolerance);
  };
  require_data(sample(AncestralSampler{}, exact, levels, start, noise), 0);
  require_data(sample(AncestralSampler{TransitionVariance{}}, exact, levels, start, noise), 0);
  require_data(sample(DdimSampler{}, exact, levels, start, noise), 0);
  require_data(sample(DdimSampler{.eta = 1}, predicts_noise(net), levels, start, noise), 2000 * epsilon);
  int steps = 0;
  const Value stopped = sample(DdimSampler{}, exact, levels, start, noise, [&](const auto& progress) {
    REQUIRE(progress.step == steps++);
    REQUIRE(progress.steps == 20);
    REQUIRE(progress.from.time() > progress.to.time());
    REQUIRE(read(progress.x_0_hat) == data);
    return progress.step == 4 ? Loop::stop : Loop::proceed;
  });
  REQUIRE(steps == 5);
  REQUIRE(read(stopped) != data);
}

TEST_CASE("the estimate of a clipped denoiser is bounded", "[state]") {
  const State_ x = make(Values(kind::size, 3.0));
  const auto denoiser = clip_x0(predicts_x0([](const Value& x_t, const auto&) -> Value { return x_t; }), -0.5, 1.5);
  REQUIRE(read(denoiser(Value(q_sample(schedule(0), x, x)), schedule(500))) == Values(kind::size, 1.5));
}

}  // namespace state_laws
