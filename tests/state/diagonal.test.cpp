// SPDX-License-Identifier: MIT
// Laws of diagonal Gaussians and learned variances, compiled once for each kind of state (see CMakeLists.txt).
#include <diffusion/improved_ddpm.hpp>
#include STATE_KIND

#include "../support/catch.hpp"
#include "../support/message.hpp"

namespace diagonal_laws {

using namespace diffusion;
using kind::make;
using kind::read;
using Values = std::vector<double>;
using State_ = decltype(make(Values()));
using Value = value_t<State_>;

namespace {

// Values that are exact in float.
Values values(int seed, double low, double step) {
  Values x;
  for (std::size_t i = 0; i < kind::size; ++i) x.push_back(low + step * double((7 * i + std::size_t(seed)) % 5));
  return x;
}
const Values m = values(1, -1, 0.5), n = values(2, -0.75, 0.25), a = values(3, -2, 0.5), b = values(4, -1, 0.75),
             z = values(0, -1.5, 0.75), v = values(2, 0, 0.25);

// sum over the elements of a function of scalars
template <class F>
double sum(F f) {
  double total = 0;
  for (std::size_t i = 0; i < kind::size; ++i) total += f(i);
  return total;
}
auto near(double value) { return Catch::Matchers::WithinRel(value, 1e-13); }

// elements that a function of double scalars says, to the rounding of the element type
template <class F>
void require_elements(const Value& got, F f) {
  const Values elements = read(got);
  REQUIRE(elements.size() == kind::size);
  const double epsilon = double(std::numeric_limits<kind::Scalar>::epsilon());
  for (std::size_t i = 0; i < kind::size; ++i)
    REQUIRE(std::abs(elements[i] - f(i)) <= 8 * epsilon * (2 + std::abs(f(i))));
}

}  // namespace

TEST_CASE("diagonal Gaussians of arrays are those of their elements", "[diagonal_gaussian]") {
  const DiagonalGaussian<State_> p{make(m), make(a)}, q{make(n), make(b)};
  const Gaussian<State_> one{make(n), 0.75};
  const auto p_i = [](std::size_t i) { return DiagonalGaussian{m[i], a[i]}; };
  const auto q_i = [](std::size_t i) { return DiagonalGaussian{n[i], b[i]}; };
  const auto one_i = [](std::size_t i) { return Gaussian{n[i], 0.75}; };
  static_assert(std::same_as<decltype(sample(p, make(z))), Value>);
  require_elements(sample(p, make(z)), [&](std::size_t i) { return sample(p_i(i), z[i]); });
  REQUIRE_THAT(kl_divergence(p, q), near(sum([&](std::size_t i) { return kl_divergence(p_i(i), q_i(i)); })));
  REQUIRE_THAT(kl_divergence(p, one), near(sum([&](std::size_t i) { return kl_divergence(p_i(i), one_i(i)); })));
  REQUIRE_THAT(kl_divergence(one, p), near(sum([&](std::size_t i) { return kl_divergence(one_i(i), p_i(i)); })));
  REQUIRE_THAT(log_density(p, make(z)), near(sum([&](std::size_t i) { return log_density(p_i(i), z[i]); })));
  REQUIRE_THAT(entropy(p), near(sum([&](std::size_t i) { return entropy(p_i(i)); })));
  Value out = sample(p, make(m));
  sample(p, make(z), into(out));
  REQUIRE(read(out) == read(sample(p, make(z))));
}

TEST_CASE("learned variances and the hybrid loss of arrays are those of their elements", "[hybrid]") {
  const auto schedule = linear_schedule(100);
  const auto bounds = second_step_variances(schedule);
  for (const int step : {1, 2, 50}) {
    const auto s = schedule(step - 1), t = schedule(step);
    const auto logs = [&](std::size_t i) { return learned_log_variance(s, t, v[i], bounds); };
    require_elements(learned_log_variance(s, t, make(v), bounds), logs);
    const auto p = learned_reverse(s, t, make(m), make(n), make(v), bounds);
    static_assert(std::same_as<decltype(p), const DiagonalGaussian<Value>>);
    require_elements(p.log_variance, logs);
    require_elements(p.mean, [&](std::size_t i) { return q_posterior(s, t, m[i], n[i]).mean; });
    REQUIRE_THAT(learned_vlb_term(s, t, make(m), make(n), make(a)),
                 near(sum([&](std::size_t i) { return learned_vlb_term(s, t, m[i], n[i], a[i]); })));
    require_elements(learned_vlb_gradient(s, t, make(m), make(n), make(a)),
                     [&](std::size_t i) { return learned_vlb_gradient(s, t, m[i], n[i], a[i]); });
    const LearnedOutput<State_> output{make(n), make(v)};
    const auto loss = hybrid_loss<X0Prediction>(s, t, make(m), make(z), output, bounds, 0.5);
    const auto size = double(kind::size);
    require_elements(loss.prediction_gradient, [&](std::size_t i) { return 2 * (n[i] - m[i]) / size; });
    double vlb = 0;
    for (std::size_t i = 0; i < kind::size; ++i)
      vlb += hybrid_loss<X0Prediction>(s, t, m[i], z[i], LearnedOutput{n[i], v[i]}, bounds, 0.5).vlb / size;
    REQUIRE_THAT(loss.vlb, Catch::Matchers::WithinRel(vlb, std::same_as<kind::Scalar, float> ? 1e-5 : 1e-12));
  }
}

TEST_CASE("a denoiser of learned variance samples any state", "[learned_sampler]") {
  const auto network = [](const Value&, const auto&) {
    NewState out;
    const std::array<double, 1> one{1};
    return LearnedOutput<Value>{apply_row("network", one, out, Named{"n", make(n)}),
                                apply_row("network", one, out, Named{"v", make(v)})};
  };
  const auto noise = [](int, const Value& x) {
    NewState out;
    return apply_row("noise", std::array<double, 1>{0.5}, out, Named{"x", x});
  };
  const Value x = sample(LearnedVarianceSampler{}, clip_x0(predicts_x0_and_variance(network), -0.5, 0.5),
                         level_grid(linear_schedule(100), 4), make(m), noise);
  require_elements(x, [](std::size_t i) { return std::min(0.5, std::max(-0.5, n[i])); });
}

}  // namespace diagonal_laws
