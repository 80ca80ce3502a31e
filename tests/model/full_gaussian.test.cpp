// SPDX-License-Identifier: MIT
#include <diffusion/model/full_gaussian.hpp>

#include <cmath>
#include <diffusion/process/forward.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

using Vector = std::vector<double>;
using Exact = std::vector<Real>;
static_assert(Denoiser<FullGaussianDenoiser<Vector>, Vector> &&
              Denoiser<FullGaussianDenoiser<Vector>, std::span<const double>, std::vector<NoiseLevel<double>>>);
static_assert(!Denoiser<FullGaussianDenoiser<Vector>, std::vector<float>> &&
              !Denoiser<FullGaussianDenoiser<Vector>, double>);
static_assert(std::same_as<decltype(FullGaussianDenoiser(std::array{0.0}, Vector{1})),
                           FullGaussianDenoiser<std::array<double, 1>>>);

Vector draw(std::size_t n, double low, double high) {
  Vector values(n);
  for (double& value : values) value = uniform(low, high);
  return values;
}

/// B B^T for a random n x k matrix B.
Vector random_covariance(std::size_t n, std::size_t k) {
  const Vector b = draw(n * k, -1, 1);
  Vector a(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t l = 0; l < k; ++l) a[i * n + j] += b[i * k + l] * b[j * k + l];
  return a;
}

/// A positive definite system by elimination: the solution of A z = r, and the determinant of A.
struct Solved {
  Exact z;
  Real determinant;
};
Solved solve(Exact a, Exact r) {
  const std::size_t n = r.size();
  Real determinant = 1;
  for (std::size_t p = 0; p < n; ++p) {
    determinant *= a[p * n + p];
    for (std::size_t i = p + 1; i < n; ++i) {
      const Real factor = a[i * n + p] / a[p * n + p];
      for (std::size_t j = p; j < n; ++j) a[i * n + j] -= factor * a[p * n + j];
      r[i] -= factor * r[p];
    }
  }
  for (std::size_t p = n; p-- > 0;) {
    for (std::size_t j = p + 1; j < n; ++j) r[p] -= a[p * n + j] * r[j];
    r[p] /= a[p * n + p];
  }
  return {r, determinant};
}

Exact times(const Exact& a, const Exact& x) {
  const std::size_t n = x.size();
  Exact product(n, Real(0));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) product[i] += a[i * n + j] * x[j];
  return product;
}

/// All of it by linear algebra in 126 digits: x_t ~ N(signal m, S) with S = signal^2 C + noise^2 I.
struct Truth {
  Exact mean, covariance;
  Real signal, noise_squared;

  Truth(const Exact& m, const Exact& c, const Real& signal_squared, const Real& noise)
      : mean(m), covariance(c), signal(sqrt(signal_squared)), noise_squared(noise) {}

  std::size_t size() const { return mean.size(); }
  Exact total() const {
    Exact s(size() * size());
    for (std::size_t i = 0; i < s.size(); ++i) s[i] = signal * signal * covariance[i];
    for (std::size_t i = 0; i < size(); ++i) s[i * size() + i] += noise_squared;
    return s;
  }
  Solved solved(const Exact& x) const {
    Exact r(size());
    for (std::size_t i = 0; i < size(); ++i) r[i] = x[i] - signal * mean[i];
    return solve(total(), r);
  }
  /// m + signal C S^-1 (x - signal m).
  Exact estimate(const Exact& x) const {
    Exact result = times(covariance, solved(x).z);
    for (std::size_t i = 0; i < size(); ++i) result[i] = mean[i] + signal * result[i];
    return result;
  }
  /// signal C S^-1 t.
  Exact jvp(const Exact& t) const {
    Exact result = times(covariance, solve(total(), t).z);
    for (Real& e : result) e *= signal;
    return result;
  }
  Real trace() const {
    Real sum = 0;
    for (std::size_t i = 0; i < size(); ++i) {
      Exact unit(size(), Real(0));
      unit[i] = 1;
      sum += jvp(unit)[i];
    }
    return sum;
  }
  Exact score(const Exact& x) const {
    Exact z = solved(x).z;
    for (Real& e : z) e = -e;
    return z;
  }
  Real log_density(const Exact& x) const {
    const Solved s = solved(x);
    Real quadratic = 0;
    for (std::size_t i = 0; i < size(); ++i) quadratic += s.z[i] * (x[i] - signal * mean[i]);
    return -(Real(double(size())) * log(8 * atan(Real(1))) + log(s.determinant) + quadratic) / 2;
  }
};

Exact exactly(const Vector& x) { return {x.begin(), x.end()}; }

template <class X>
void require_close(const X& left, const Exact& right, double tolerance) {
  REQUIRE(left.size() == right.size());
  for (std::size_t i = 0; i < right.size(); ++i) {
    CAPTURE(i, Real(left[i]), right[i]);
    REQUIRE(abs(Real(left[i]) - right[i]) <= tolerance);
  }
}

template <class Denoiser, class X>
void require_truth(const Denoiser& denoiser, const Truth& truth, const NoiseLevel<scalar_t<X>>& level, const X& x,
                   const X& tangent, const Exact& x_exact, const Exact& tangent_exact, double tolerance) {
  require_close(denoiser(x, level), truth.estimate(x_exact), tolerance);
  require_close(denoiser.jvp(x, level, tangent), truth.jvp(tangent_exact), tolerance);
  REQUIRE(abs(Real(denoiser.divergence(x, level)) - truth.trace()) <= tolerance * double(x.size()));
  const Real sharp = 1 / truth.noise_squared;
  require_close(denoiser.score(x, level), truth.score(x_exact), tolerance * double(1 + sharp));
  const Real density = truth.log_density(x_exact);
  REQUIRE(abs(Real(denoiser.log_density(x, level)) - density) <= tolerance * double(1 + sharp + abs(density)));
}

}  // namespace

TEST_CASE("all answers are those of linear algebra", "[full_gaussian][bishop2006.linear]") {
  for (int i = 0; i < 30; ++i) {
    const std::size_t n = std::size_t(1 + i % 6), rank = i % 5 == 4 && n > 1 ? n - 1 : n + 2;
    const Vector mean = draw(n, -2, 2), covariance = random_covariance(n, rank), x = draw(n, -3, 3), t = draw(n, -1, 1);
    const double log_snr = uniform(-8, 4);
    const Truth truth(exactly(mean), exactly(covariance), 1 / (1 + exp(-Real(log_snr))), 1 / (1 + exp(Real(log_snr))));
    const FullGaussianDenoiser denoiser(mean, covariance);
    require_truth(denoiser, truth, vp_level(log_snr), x, t, exactly(x), exactly(t), 3e-14);
    const double sigma = std::exp(uniform(-1, 3));
    const Truth exploding(exactly(mean), exactly(covariance), 1, Real(sigma) * Real(sigma));
    require_truth(denoiser, exploding, ve_level(sigma), x, t, exactly(x), exactly(t), 3e-14);
  }
  // in 126 digits
  for (int i = 0; i < 3; ++i) {
    const std::size_t n = std::size_t(2 + i);
    const Exact mean = exactly(draw(n, -2, 2)), x = exactly(draw(n, -3, 3)), t = exactly(draw(n, -1, 1));
    const Exact covariance = exactly(random_covariance(n, n + 1));
    const auto level = exact::random_level(i);
    Exact symmetric = covariance;
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t c = 0; c < r; ++c) symmetric[r * n + c] = symmetric[c * n + r];
    const Truth truth(mean, symmetric, level.alpha_bar(), level.noise_variance());
    require_truth(FullGaussianDenoiser(mean, symmetric), truth, level, x, t, x, t, 1e-100);
  }
}

TEST_CASE("axes with variances, and one for the rest, are a covariance", "[full_gaussian]") {
  for (int i = 0; i < 12; ++i) {
    const std::size_t n = 5, count = std::size_t(i % 6);
    const FullGaussianDenoiser whole(draw(n, -1, 1), random_covariance(n, n));
    const double rest = i % 4 == 3 ? 0 : uniform(0.1, 2);
    const std::vector<Vector> axes(whole.axes().begin(), whole.axes().begin() + std::ptrdiff_t(count));
    const Vector variances = draw(count, 0.1, 3);
    Exact covariance(n * n, Real(0));
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t c = 0; c < n; ++c) {
        covariance[r * n + c] = r == c ? rest : 0;
        for (std::size_t k = 0; k < count; ++k)
          covariance[r * n + c] += (Real(variances[k]) - rest) * Real(axes[k][r]) * Real(axes[k][c]);
      }
    const double log_snr = uniform(-6, 3);
    const Truth truth(exactly(whole.mean()), covariance, 1 / (1 + exp(-Real(log_snr))), 1 / (1 + exp(Real(log_snr))));
    const FullGaussianDenoiser denoiser(whole.mean(), axes, variances, rest);
    const Vector x = draw(n, -3, 3), t = draw(n, -1, 1);
    require_truth(denoiser, truth, vp_level(log_snr), x, t, exactly(x), exactly(t), 3e-14);
    REQUIRE((denoiser.axes() == axes && denoiser.variances() == variances && denoiser.rest() == rest));
  }
}

TEST_CASE("a diagonal covariance is one variance for each element", "[full_gaussian]") {
  const Vector mean{1, -2, 0.5}, variances{0.5, 2, 0.125}, x{0.3, 1.5, -1};
  const FullGaussianDenoiser full(mean, Vector{0.5, 0, 0, 0, 2, 0, 0, 0, 0.125});
  const GaussianDenoiser diagonal(mean, variances);
  for (const auto& level : {vp_level(-3), vp_level(2), ve_level(0.7), ve_level(0)}) {
    REQUIRE(std::abs(full.log_density(x, level) - diagonal.log_density(x, level)) < 1e-13);
    const Vector a = full(x, level), b = diagonal(x, level);
    for (std::size_t i = 0; i < 3; ++i) REQUIRE(std::abs(a[i] - b[i]) < 1e-14);
  }
  REQUIRE((full.variances() == Vector{2, 0.5, 0.125} && full.axes()[0] == Vector{0, 1, 0} && full.rest() == 0));
}

TEST_CASE("the estimate is Tweedie's, of the score that is the slope of the log-density",
          "[full_gaussian][luo2022.tweedie]") {
  const Exact mean{Real(0.5), Real(-1)}, covariance{Real(2), Real(0.7), Real(0.7), Real(0.5)};
  const FullGaussianDenoiser denoiser(mean, covariance);
  for (int i = 0; i < 9; ++i) {
    const auto level = exact::random_level(i);
    const Exact x{exact::number(), exact::number()}, score = denoiser.score(x, level);
    const auto along = [&](const Real& at) { return denoiser.log_density(Exact{x[0], at}, level); };
    exact::require_equal(score[1], exact::slope(along, x[1]), exact::slope_tolerance);
    const Exact estimate = denoiser(x, level), tweedie = x0_from_score(level, x, score);
    exact::require_equal(estimate[0], tweedie[0], 1e-80);
    exact::require_equal(estimate[1], tweedie[1], 1e-80);
  }
}

TEST_CASE("singular covariances have no variance where they have none; the ends", "[full_gaussian]") {
  const FullGaussianDenoiser line(Vector{1, 1}, Vector{1, 1, 1, 1});
  REQUIRE(line.variances()[1] == 0);
  const auto clean = ve_level(0);
  const Vector on = line(Vector{3, 3}, clean), off = line(Vector{3, 1}, clean);
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(std::abs(on[i] - 3) < 1e-15);
    REQUIRE(std::abs(off[i] - 2) < 1e-15);  // the nearest of the line
  }
  const Vector pure = line(Vector{7, -4}, vp_level(-std::numeric_limits<double>::infinity()));
  REQUIRE(pure == Vector{1, 1});
  const FullGaussianDenoiser same(Vector{0.5, 2}, std::vector<Vector>{}, Vector{}, 0.25);
  const GaussianDenoiser isotropic(Vector{0.5, 2}, 0.25);
  REQUIRE(same.log_density(Vector{1, 1}, vp_level(1)) == isotropic.log_density(Vector{1, 1}, vp_level(1)));
}

TEST_CASE("batches, each sample at its level, and floats", "[full_gaussian]") {
  const Vector mean{0.5, -1}, covariance{1, 0.5, 0.5, 2}, x{0.1, 0.2, -1, 2, 3, 0.5}, t{1, 2, 0, 1, -1, 3};
  const FullGaussianDenoiser denoiser(mean, covariance);
  const std::vector<NoiseLevel<double>> levels{vp_level(1), ve_level(2), vp_level(-2)};
  const Vector estimate = denoiser(x, levels), product = denoiser.jvp(x, levels, t);
  const Vector density = denoiser.log_density(x, levels), trace = denoiser.divergence(x, levels);
  double all = 0, traces = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const std::span<const double> one = std::span(x).subspan(2 * k, 2), tangent = std::span(t).subspan(2 * k, 2);
    const Vector e = denoiser(one, levels[k]), p = denoiser.jvp(one, levels[k], tangent);
    for (std::size_t i = 0; i < 2; ++i) REQUIRE((estimate[2 * k + i] == e[i] && product[2 * k + i] == p[i]));
    REQUIRE(density[k] == denoiser.log_density(one, levels[k]));
    REQUIRE(trace[k] == denoiser.divergence(one, levels[k]));
    all += denoiser.log_density(one, levels[0]);
    traces += denoiser.divergence(one, levels[0]);
  }
  REQUIRE(std::abs(denoiser.log_density(x, levels[0]) - all) < 1e-14);
  REQUIRE(std::abs(denoiser.divergence(x, levels[0]) - traces) < 1e-14);

  const FullGaussianDenoiser of_floats(std::vector<float>{0.5f, -1}, std::vector<float>{1, 0.5f, 0.5f, 2});
  const std::vector<float> result = of_floats(std::vector<float>{0.25f, 0.5f}, vp_level(1));
  const Vector expected = denoiser(Vector{0.25, 0.5}, vp_level(1));
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(std::abs(double(result[i]) - expected[i]) < 1e-6);
}

TEST_CASE("what is no covariance is named", "[full_gaussian][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto error = [](const Vector& mean, const Vector& covariance) {
    return message([&] { return FullGaussianDenoiser(mean, covariance); });
  };
  const std::string start = "diffusion::FullGaussianDenoiser: ";
  REQUIRE(error({0, 0}, {1, 2, 3}) == start + "covariance has 3 elements, expected 4, as the square of the mean");
  REQUIRE(error({}, {}) == start + "mean = 0, expected at least one element; it has that many");
  REQUIRE(error({0, infinity}, {1, 0, 0, 1}) == start + "mean[1] = inf, expected finite elements");
  REQUIRE(error({0, 0}, {1, 0, 0, nan}).starts_with(start + "covariance[3] = "));
  REQUIRE(error({0, 0}, {1, 0.5, 0.25, 1}) == start + "covariance[2] = 0.25, expected a symmetric matrix");
  REQUIRE(error({0, 0}, {1, 2, 2, 1}).starts_with(start + "eigenvalues of covariance[1] = -"));
  REQUIRE(error({0, 0}, {1, 0.5, 0.5 * (1 + 4e-16), 1}) == "nothing thrown");
  REQUIRE(error({0, 0}, {1, 1, 1, 1 - 4e-16}) == "nothing thrown");

  const auto of_axes = [](const std::vector<Vector>& axes, const Vector& variances, double rest) {
    return message([&] { return FullGaussianDenoiser(Vector{0, 0}, axes, variances, rest); });
  };
  REQUIRE(of_axes({{0, 1}}, {1, 2}, 1) == start + "variances has 2 elements, expected 1, as axes");
  REQUIRE(of_axes({{0, 1}}, {-1}, 1) == start + "variances[0] = -1, expected a finite number >= 0");
  REQUIRE(of_axes({{0, 1}}, {1}, nan).starts_with(start + "rest = "));
  REQUIRE(of_axes({{0, 1}, {0, nan}}, {1, 1}, 1).starts_with(start + "axes[1] = "));
  REQUIRE(of_axes({{1}}, {1}, 1) == start + "one of axes has 1 elements, expected 2, as mean");
  REQUIRE(of_axes({{0, 1.5}}, {1}, 1) == start + "axes: an inner product of axis[0] = 2.25, expected orthonormal axes");
  REQUIRE(of_axes({{0, 1}, {0.6, 0.8}}, {1, 1}, 1).starts_with(start + "axes: an inner product of axis[1] = 0.8"));
}
