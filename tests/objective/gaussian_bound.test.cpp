// SPDX-License-Identifier: MIT
#include <diffusion/objective/gaussian_bound.hpp>

#include <cmath>
#include <diffusion/process/forward.hpp>
#include <diffusion/process/grid.hpp>
#include <diffusion/process/schedules.hpp>
#include <diffusion/random/noise.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

using Vector = std::vector<double>;

const double two_pi = 2 * std::acos(-1.0);

/// A positive definite matrix a = l l^T, by its factor.
Vector factor(const Vector& a, std::size_t n) {
  Vector l(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = i == j ? std::sqrt(sum) : sum / l[j * n + j];
    }
  return l;
}
Vector times(const Vector& a, const Vector& x) {
  const std::size_t n = x.size();
  Vector y(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) y[i] += a[i * n + j] * x[j];
  return y;
}
/// l^-1 r.
Vector solved(const Vector& l, Vector r) {
  const std::size_t n = r.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) r[i] -= l[i * n + j] * r[j];
    r[i] /= l[i * n + i];
  }
  return r;
}
double squares(const Vector& x) {
  double sum = 0;
  for (const double e : x) sum += e * e;
  return sum;
}

/// -E log N(x; mean_p, l_p l_p^T) over x ~ N(mean_q, l_q l_q^T).
double cross_entropy(const Vector& mean_q, const Vector& l_q, const Vector& mean_p, const Vector& l_p) {
  const std::size_t n = mean_q.size();
  Vector difference = mean_q;
  for (std::size_t i = 0; i < n; ++i) difference[i] -= mean_p[i];
  double sum = squares(solved(l_p, difference));
  for (std::size_t j = 0; j < n; ++j) {
    Vector column(n);
    for (std::size_t i = 0; i < n; ++i) column[i] = l_q[i * n + j];
    sum += squares(solved(l_p, column)) + std::log(two_pi) + 2 * std::log(l_p[j * n + j]);
  }
  return sum / 2;
}

/// N(mean, C) and what the chain of its denoiser generates, by matrices.
struct Dense {
  Vector mean, factor_of_data, generated_mean, factor_of_generated;
};
template <class L, class V>
Dense dense(const L& levels, const FullGaussianDenoiser<Vector>& data, const Vector& covariance, const V& variance,
            double prior_variance) {
  const std::size_t n = data.mean().size();
  Vector mean(n), p(n * n);
  for (std::size_t i = 0; i < n; ++i) p[i * n + i] = prior_variance;
  for (std::size_t k = 0; k + 1 < levels.size(); ++k) {
    const auto q = q_posterior(levels[k + 1], levels[k]);
    // E[x_s | x_t] = a x_t + b
    Vector a(n * n), next(n * n), b = data(Vector(n), levels[k]);
    for (std::size_t j = 0; j < n; ++j) {
      Vector unit(n);
      unit[j] = 1;
      const Vector column = data.jvp(unit, levels[k], unit);
      for (std::size_t i = 0; i < n; ++i) a[i * n + j] = q.x0 * column[i] + q.xt * unit[i];
    }
    mean = times(a, mean);
    for (std::size_t i = 0; i < n; ++i) mean[i] += q.x0 * b[i];
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        next[i * n + j] = i == j ? double(variance(levels[k + 1], levels[k]).template round_to<double>()) : 0;
        for (std::size_t r = 0; r < n; ++r)
          for (std::size_t c = 0; c < n; ++c) next[i * n + j] += a[i * n + r] * p[r * n + c] * a[j * n + c];
      }
    p = next;
  }
  return {data.mean(), factor(covariance, n), mean, factor(p, n)};
}

const Vector mean{0.5, -1, 0.25};
const Vector covariance{1, 0.6, 0.2, 0.6, 0.8, -0.3, 0.2, -0.3, 0.7};

}  // namespace

TEST_CASE("likelihood and entropy are those of matrices", "[gaussian_bound][bishop2006.linear]") {
  const auto require_dense = [](const auto& levels, const auto& data, const Vector& c, const auto& variance,
                                double prior_variance) {
    const auto b = gaussian_bound(levels, data, variance, prior_variance);
    const Dense d = dense(levels, data, c, variance, prior_variance);
    const double likelihood = cross_entropy(d.mean, d.factor_of_data, d.generated_mean, d.factor_of_generated);
    CAPTURE(b.bound, b.negative_log_likelihood, likelihood, b.entropy);
    REQUIRE(std::abs(b.negative_log_likelihood - likelihood) < 1e-11 * (1 + std::abs(likelihood)));
    REQUIRE(std::abs(b.entropy - cross_entropy(d.mean, d.factor_of_data, d.mean, d.factor_of_data)) < 1e-12);
    REQUIRE(b.gap() == b.bound - b.negative_log_likelihood);
    REQUIRE(b.gap() > 0);
    REQUIRE(b.negative_log_likelihood > b.entropy);
  };
  const FullGaussianDenoiser data(mean, covariance);
  require_dense(level_grid(linear_schedule(1000), 10), data, covariance, DecoderVariance{0.01}, 1);
  require_dense(level_grid(cosine_schedule(50)), data, covariance, DecoderVariance{0.001}, 1);
  require_dense(std::vector{ve_level(20), ve_level(3), ve_level(0.5), ve_level(0)}, data, covariance,
                DecoderVariance{0.1}, 400);
  // one axis, and the rest
  const Vector axis{0.6, 0, 0.8};
  Vector c(9);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) c[i * 3 + j] = (i == j ? 0.4 : 0) + (2 - 0.4) * axis[i] * axis[j];
  require_dense(level_grid(linear_schedule(1000), 10),
                FullGaussianDenoiser(mean, std::vector<Vector>{axis}, Vector{2}, 0.4), c, DecoderVariance{0.01}, 1);
}

TEST_CASE("the bound is the mean over paths of the chain", "[gaussian_bound][ho2020.3][monte-carlo]") {
  // A mean of n independent terms is within 5 of its standard errors but once in 1.7 million; the seed is fixed.
  const auto levels = level_grid(linear_schedule(1000), std::vector{1000, 600, 200, 30});
  const FullGaussianDenoiser data(mean, covariance);
  const DecoderVariance variance{0.3, TransitionVariance{}};
  const ReverseModel model{data, variance, 1.5};
  const Vector l = factor(covariance, 3);
  const int n = 8000;
  double sum = 0, square = 0;
  for (int i = 0; i < n; ++i) {
    const NormalNoise own{.seed = 21, .stream = static_cast<std::uint32_t>(i)};
    std::vector<Vector> path(levels.size());
    path.back() = times(l, own(0, mean));
    for (std::size_t k = 0; k < 3; ++k) path.back()[k] += mean[k];
    for (std::size_t k = levels.size() - 1; k-- > 0;)
      path[k] = sample(q_transition(levels[k + 1], levels[k], path[k + 1]), own(static_cast<int>(k) + 1, mean));
    const double term = forward_joint_log_density(levels, path) - reverse_joint_log_density(levels, path, model);
    sum += term / n;
    square += term * term / n;
  }
  const double error = std::sqrt((square - sum * sum) / n), bound = gaussian_bound(levels, data, variance, 1.5).bound;
  CAPTURE(sum, error, bound);
  REQUIRE(error < 0.05);
  REQUIRE(std::abs(sum - bound) < 5 * error);
}

TEST_CASE("the axes of one variance are data of one variance", "[gaussian_bound][ho2020.3]") {
  const auto levels = level_grid(cosine_schedule(20));
  const ReverseModel model{GaussianDenoiser(mean, 0.3), DecoderVariance{0.001}};
  const Gaussian<Vector> isotropic{mean, 0.3};
  const double bound = negative_vlb(levels, isotropic, model);
  const auto require_same = [&](const auto& data) {
    const auto b = gaussian_bound(levels, data, DecoderVariance{0.001});
    REQUIRE(std::abs(b.bound - bound) < 1e-12);
    REQUIRE(std::abs(b.entropy - entropy(isotropic)) < 1e-13);
    REQUIRE(std::abs(b.bound - b.entropy - joint_kl(levels, isotropic, model)) < 1e-12);
  };
  require_same(FullGaussianDenoiser(mean, Vector{0.3, 0, 0, 0, 0.3, 0, 0, 0, 0.3}));
  require_same(FullGaussianDenoiser(mean, std::vector<Vector>{}, Vector{}, 0.3));
  require_same(FullGaussianDenoiser(mean, std::vector<Vector>{{0.6, 0, 0.8}}, Vector{0.3}, 0.3));
}

TEST_CASE("more steps close the gap", "[gaussian_bound]") {
  const FullGaussianDenoiser data(mean, covariance);
  double before = std::numeric_limits<double>::infinity();
  for (const int steps : {2, 8, 32, 128}) {
    const double gap = gaussian_bound(level_grid(linear_schedule(1000), steps), data, DecoderVariance{1e-3}).gap();
    REQUIRE((gap > 0 && gap < before));
    before = gap;
  }
  REQUIRE(message([&] {
            return gaussian_bound(level_grid(linear_schedule(10)), data, PosteriorVariance{});
          }).starts_with("diffusion::"));
}
