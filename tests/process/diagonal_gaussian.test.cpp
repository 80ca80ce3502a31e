// SPDX-License-Identifier: MIT
#include <diffusion/process/diagonal_gaussian.hpp>

#include <boost/math/constants/constants.hpp>

#include "../support/dual.hpp"
#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

Real log_two_pi() { return log(boost::math::constants::two_pi<Real>()); }

Real true_divergence(const Real& difference, const Real& log_p, const Real& log_q) {
  return (exp(Real(log_p - log_q)) - 1 - (log_p - log_q) + difference * difference * exp(Real(-log_q))) / 2;
}

Real true_log_density(const Real& difference, const Real& log_variance) {
  return -(log_two_pi() + log_variance + difference * difference * exp(Real(-log_variance))) / 2;
}

// In turn: far apart, of any variances; means 30 deviations apart; almost equal.
struct Pair {
  double mean_p, log_p, mean_q, log_q;
};
Pair random_pair(int i) {
  Pair pair{uniform(-3, 3), uniform(-40, 40), uniform(-3, 3), uniform(-40, 40)};
  if (i % 3 == 1) pair.mean_q = pair.mean_p + 30 * std::exp(pair.log_q / 2);
  if (i % 3 == 2) {
    pair.mean_q = pair.mean_p * (1 + uniform(-1e-12, 1e-12));
    pair.log_q = pair.log_p + uniform(-1e-12, 1e-12);
  }
  return pair;
}

// The bound: 1e-14, or 1e-12 where the value itself is below 1e-8 in magnitude.
void require_close(double value, const Real& exactly) {
  CAPTURE(value, exactly);
  REQUIRE(abs(Real(value) - exactly) <= (abs(exactly) < 1e-8 ? 1e-12 : 1e-14) * abs(exactly));
}

}  // namespace

TEST_CASE("density, entropy and divergence of scalars are correctly rounded", "[diagonal_gaussian][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 6000; ++i) {
    const auto [mean_p, log_p, mean_q, log_q] = random_pair(i);
    const DiagonalGaussian p{mean_p, log_p}, q{mean_q, log_q};
    const Real difference = Real(mean_p) - Real(mean_q);
    wrong.compare("kl_divergence", i, kl_divergence(p, q), true_divergence(difference, log_p, log_q));
    wrong.compare("log_density", i, log_density(p, mean_q), true_log_density(difference, log_p));
    wrong.compare("entropy", i, entropy(p), (1 + log_two_pi() + Real(log_p)) / 2);
    const double v = std::exp(log_q);
    const Real log_v = log(Real(v));
    wrong.compare("to one variance", i, kl_divergence(p, Gaussian{mean_q, v}),
                  true_divergence(difference, log_p, log_v));
    wrong.compare("from one variance", i, kl_divergence(Gaussian{mean_q, v}, p),
                  true_divergence(difference, log_v, log_p));
  }
  wrong.require_none();
}

TEST_CASE("log-variances whose exponential leaves the range of double are those of scalars", "[diagonal_gaussian]") {
  using V = std::vector<double>;
  for (const double log_variance : {-800.0, -720.0, -705.0, 705.0, 720.0, 800.0})
    for (const double difference : {0.0, 1e-170, 1e-3, 1e160})
      for (const double other : {0.0, -3.0, 900.0}) {
        const DiagonalGaussian p{0.0, log_variance + other}, q{difference, log_variance};
        const DiagonalGaussian<V> p_array{{0.0}, {p.log_variance}}, q_array{{difference}, {log_variance}};
        CAPTURE(log_variance, difference, other);
        const double exact = kl_divergence(p, q), density = log_density(p, difference);
        const double got = kl_divergence(p_array, q_array), got_density = log_density(p_array, V{difference});
        REQUIRE((got == exact || std::abs(got - exact) <= 1e-14 * exact));
        REQUIRE((got_density == density || std::abs(got_density - density) <= 1e-14 * std::abs(density)));
      }
}

TEST_CASE("a divergence to or from what is no variance is an error", "[diagonal_gaussian][errors]") {
  const DiagonalGaussian p{0.0, 0.0};
  REQUIRE(message([&] { return kl_divergence(p, Gaussian{0.0, 0.0}); }) ==
          "diffusion::kl_divergence: q.variance = 0, expected a number > 0");
  REQUIRE(message([&] { return kl_divergence(Gaussian{0.0, -1.0}, p); }) ==
          "diffusion::kl_divergence: p.variance = -1, expected a number >= 0");
}

TEMPLATE_TEST_CASE("density, entropy and divergence of arrays", "[diagonal_gaussian]", float, double) {
  using X = std::vector<TestType>;
  for (int i = 0; i < 3000; ++i) {
    const std::size_t n = i % 5 == 0 ? 40 : 1 + std::size_t(i) % 4;
    // of arrays that almost agree, and of others
    const int kind = i % 2 == 0 ? 2 : i % 4;
    DiagonalGaussian<X> p, q;
    const double v = std::exp(i % 4 == 0 ? uniform(-600, 600) : uniform(-40, 40));
    Gaussian<X> one{{}, v};
    const Real log_v = log(Real(v));
    Real divergence = 0, density = 0, disorder = 0, to_one = 0, from_one = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const auto pair = random_pair(kind);
      const auto m_p = TestType(pair.mean_p), m_q = TestType(pair.mean_q), l_p = TestType(pair.log_p),
                 l_q = TestType(pair.log_q);
      // near to `one`, for the divergences that have it
      const auto l_one = TestType(i % 3 == 0 ? double(log_v) : uniform(-40, 40));
      p.mean.push_back(m_p);
      p.log_variance.push_back(i % 3 == 0 ? l_one : l_p);
      q.mean.push_back(m_q);
      q.log_variance.push_back(l_q);
      one.mean.push_back(i % 3 == 0 ? m_p : m_q);
      const Real difference = Real(m_p) - Real(m_q), log_p = p.log_variance.back();
      divergence += true_divergence(difference, log_p, l_q);
      density += true_log_density(difference, log_p);
      disorder += (1 + log_two_pi() + log_p) / 2;
      to_one += true_divergence(Real(m_p) - Real(one.mean.back()), log_p, log_v);
      from_one += true_divergence(Real(m_p) - Real(one.mean.back()), log_v, log_p);
    }
    static_assert(std::same_as<decltype(kl_divergence(p, q)), double>);
    require_close(kl_divergence(p, q), divergence);
    require_close(log_density(p, q.mean), density);
    require_close(entropy(p), disorder);
    require_close(kl_divergence(p, one), to_one);
    require_close(kl_divergence(one, p), from_one);
    const X drawn = sample(p, q.mean);  // any noise
    for (std::size_t k = 0; k < n; ++k) {
      const Real exactly = p.mean[k] + exp(Real(p.log_variance[k]) / 2) * q.mean[k];
      const Real size = 1 + exp(Real(p.log_variance[k]) / 2) * abs(Real(q.mean[k]));
      if (size < std::numeric_limits<TestType>::max())
        REQUIRE(abs(drawn[k] - exactly) <= 4 * std::numeric_limits<TestType>::epsilon() * size);
    }
  }
}

TEST_CASE("a density whose parts cancel keeps its digits", "[diagonal_gaussian]") {
  for (int i = 0; i < 500; ++i) {
    DiagonalGaussian<std::vector<double>> p;
    std::vector<double> x;
    Real exactly = 0;
    for (int k = 0; k < 8; ++k) {
      const double log_variance = uniform(-9, -4);
      p.mean.push_back(uniform(-1, 1));
      p.log_variance.push_back(log_variance);
      x.push_back(p.mean.back() + std::exp(log_variance / 2) * std::sqrt(-log_variance - 1.8378770664093454));
      exactly += true_log_density(Real(x.back()) - Real(p.mean.back()), log_variance);
    }
    require_close(log_density(p, x), exactly);
  }
}

TEST_CASE("equal variances are those of Gaussian, and the mean of a ratio is the divergence",
          "[diagonal_gaussian][kingma2013.kl]") {
  for (int i = 0; i < 200; ++i) {
    const Real v_p = exact::number(0.01, 5), v_q = exact::number(0.01, 5);
    const Gaussian<Real> p{exact::number(), v_p}, q{exact::number(), v_q};
    const DiagonalGaussian<Real> p_log{p.mean, log(v_p)}, q_log{q.mean, log(v_q)};
    const Real x = exact::number(), z = exact::number();
    exact::require_equal(kl_divergence(p_log, q_log), kl_divergence(p, q));
    exact::require_equal(kl_divergence(p, q_log), kl_divergence(p, q));
    exact::require_equal(kl_divergence(p_log, q), kl_divergence(p, q));
    exact::require_equal(log_density(p_log, x), log_density(p, x));
    exact::require_equal(entropy(p_log), entropy(p));
    exact::require_equal(sample(p_log, z), sample(p, z));
    const auto ratio = [&](const Real& eps) -> Real {
      return log_density(p_log, sample(p_log, eps)) - log_density(q_log, sample(p_log, eps));
    };
    exact::require_equal(kl_divergence(p_log, q_log), (ratio(1) + ratio(-1)) / 2);
  }
}

TEST_CASE("arrays of the user's own scalars", "[diagonal_gaussian]") {
  const DiagonalGaussian<std::vector<Real>> p{{1, 2}, {Real(0.5), -1}}, q{{3, -1}, {2, Real(0.25)}};
  exact::require_equal(kl_divergence(p, q), true_divergence(-2, Real(0.5), 2) + true_divergence(3, -1, Real(0.25)));
  exact::require_equal(log_density(p, q.mean), true_log_density(-2, Real(0.5)) + true_log_density(3, -1));
  // the slope in a log-variance: (exp(d) - 1) / 2
  REQUIRE_THAT(kl_divergence(DiagonalGaussian<Dual>{0.0, {0.3, 1}}, DiagonalGaussian<Dual>{0.0, 0.1}).slope,
               Catch::Matchers::WithinRel(std::expm1(0.2) / 2, 1e-14));
}

TEST_CASE("ends and errors of diagonal Gaussians", "[diagonal_gaussian][errors]") {
  const double infinity = std::numeric_limits<double>::infinity();
  using X = std::vector<double>;
  const DiagonalGaussian<X> point{{1, 2}, {-infinity, -infinity}}, p{{1, 2}, {0.5, 1}};
  REQUIRE(sample(point, X{7, 8}) == X{1, 2});
  REQUIRE(kl_divergence(point, p) == infinity);
  REQUIRE(kl_divergence(p, p) == 0);
  REQUIRE(entropy(point) == -infinity);
  REQUIRE(std::isnan(kl_divergence(DiagonalGaussian<X>{{1}, {std::nan("")}}, DiagonalGaussian<X>{{1}, {0}})));
  X out(2);
  sample(p, X{0, 0}, into(out));
  REQUIRE(out == p.mean);
  const DiagonalGaussian<X> uneven{{1, 2}, {0}};
  REQUIRE(message([&] { return sample(uneven, X{1, 2}); }) ==
          "diffusion::sample: log_variance has 1 elements, expected 2, as mean");
  REQUIRE(message([&] { return log_density(uneven, X{1, 2}); }) ==
          "diffusion::log_density: log_variance has 1 elements, expected 2, as mean");
  REQUIRE(message([&] { return kl_divergence(p, uneven); }) ==
          "diffusion::kl_divergence: q.log_variance has 1 elements, expected 2, as p.mean");
}
