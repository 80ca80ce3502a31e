// SPDX-License-Identifier: MIT
#include <diffusion/model/jacobian.hpp>

#include <cmath>
#include <diffusion/model/edm_prediction.hpp>
#include <diffusion/model/exact.hpp>
#include <diffusion/model/full_gaussian.hpp>
#include <functional>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

using Vector = std::vector<double>;
using Exact = std::vector<Real>;

/// A network that is a template of its elements: tanh of a mixture of neighbours, and of the level. It counts its
/// calls.
struct Net {
  mutable int calls = 0;

  template <class T, class L>
  std::vector<T> operator()(const std::vector<T>& x, const L& level) const {
    ++calls;
    const std::size_t n = x.size();
    std::vector<T> y(n);
    for (std::size_t i = 0; i < n; ++i)
      y[i] = tanh(x[i] * T(level.signal()) - T(0.5) * x[(i + 1) % n]) + T(0.25) * x[i] * x[(i + 2) % n];
    return y;
  }
  template <ScalarState T, class L>
  T operator()(const T& x, const L& level) const {
    return tanh(x * T(level.signal())) + x * x / T(4);
  }
};
/// The same without a way to differentiate it.
struct Opaque {
  Vector operator()(const Vector& x, const NoiseLevel<>& level) const { return Net{}(x, level); }
};
/// The same with Jacobian-vector products by central differences.
struct OwnJvp : Opaque {
  Vector jvp(const Vector& x, const NoiseLevel<>& level, const Vector& tangent) const {
    Vector up = x, down = x;
    for (std::size_t i = 0; i < x.size(); ++i) up[i] += 1e-5 * tangent[i], down[i] -= 1e-5 * tangent[i];
    Vector result = (*this)(up, level);
    const Vector below = (*this)(down, level);
    for (std::size_t i = 0; i < x.size(); ++i) result[i] = (result[i] - below[i]) / 2e-5;
    return result;
  }
};
struct OwnDivergence : Opaque {
  double divergence(const Vector&, const NoiseLevel<>&) const { return 7; }
};

static_assert(DifferentiableDenoiser<Net, Vector> && DifferentiableDenoiser<Net, double> &&
              DifferentiableDenoiser<OwnJvp, Vector> && !DifferentiableDenoiser<Opaque, Vector>);
static_assert(DifferentiableDenoiser<std::reference_wrapper<Net>, Vector> &&
              DifferentiableDenoiser<decltype(predicts_noise(OwnJvp{})), Vector> &&
              DifferentiableDenoiser<decltype(predicts_v(std::ref(std::declval<Net&>()))), Vector> &&
              !DifferentiableDenoiser<decltype(predicts_noise(Opaque{})), Vector>);
static_assert(DifferentiableDenoiser<GaussianDenoiser<double>, double> &&
              DifferentiableDenoiser<GaussianDenoiser<Vector, Vector>, Vector> &&
              DifferentiableDenoiser<GaussianMixtureDenoiser<Vector>, Vector>);

Vector draw(std::size_t n, double low = -2, double high = 2) {
  Vector values(n);
  for (double& value : values) value = uniform(low, high);
  return values;
}
Exact exactly(const Vector& x) { return {x.begin(), x.end()}; }

/// The derivative of a denoiser along t, and its trace, by differences in 126 digits.
template <class D>
Exact slope_along(D denoiser, const NoiseLevel<Real>& level, const Exact& x, const Exact& t) {
  Exact result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    result[i] = exact::slope(
        [&](const Real& h) {
          Exact at = x;
          for (std::size_t j = 0; j < x.size(); ++j) at[j] += h * t[j];
          return Exact(denoiser(at, level))[i];
        },
        Real(0));
  return result;
}
template <class D>
Real trace_of(D denoiser, const NoiseLevel<Real>& level, const Exact& x) {
  Real sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Exact unit(x.size(), Real(0));
    unit[i] = 1;
    sum += slope_along(denoiser, level, x, unit)[i];
  }
  return sum;
}

void require_close(const Vector& left, const Exact& right, double tolerance) {
  REQUIRE(left.size() == right.size());
  for (std::size_t i = 0; i < right.size(); ++i) {
    CAPTURE(i, left[i], right[i]);
    REQUIRE(abs(left[i] - right[i]) < tolerance);
  }
}

/// The products and the trace of a denoiser of doubles against those of the same in 126 digits.
template <class D, class E>
void require_derivatives(D denoiser, E in_digits, double log_snr, std::size_t n, double tolerance) {
  const auto level = vp_level(log_snr);
  const auto exact_level = vp_level<Real>(log_snr);
  const Vector x = draw(n), t = draw(n);
  require_close(denoiser_jvp(denoiser, x, level, t), slope_along(in_digits, exact_level, exactly(x), exactly(t)),
                tolerance);
  REQUIRE(abs(denoiser_divergence(denoiser, x, level) - trace_of(in_digits, exact_level, exactly(x))) <
          tolerance * double(n));
}

/// A random mixture in one or several dimensions, in doubles and in 126 digits.
struct Mixture {
  Vector weights = draw(3, 0.1, 2), variances = draw(3, 0.05, 2);
  std::vector<Vector> means;
  explicit Mixture(std::size_t n) {
    for (int k = 0; k < 3; ++k) means.push_back(draw(n));
  }
  GaussianMixtureDenoiser<Vector> in_double() const { return {weights, means, variances}; }
  GaussianMixtureDenoiser<Exact> in_digits() const {
    std::vector<Exact> exact_means;
    for (const Vector& mean : means) exact_means.push_back(exactly(mean));
    return {exactly(weights), exact_means, exactly(variances)};
  }
};

}  // namespace

TEST_CASE("dual elements differentiate a network, whatever it predicts", "[jacobian][baydin2018.dual]") {
  for (int i = 0; i < 4; ++i) {
    const double log_snr = uniform(-3, 3);
    const std::size_t n = std::size_t(3 + i % 3);
    require_derivatives(Net{}, Net{}, log_snr, n, 1e-13);
    require_derivatives(predicts_x0(Net{}), predicts_x0(Net{}), log_snr, n, 1e-13);
    require_derivatives(predicts_noise(Net{}), predicts_noise(Net{}), log_snr, n, 1e-12);
    require_derivatives(predicts_v(Net{}), predicts_v(Net{}), log_snr, n, 1e-13);
    require_derivatives(predicts_score(Net{}), predicts_score(Net{}), log_snr, n, 1e-12);
    // products of the network's own, and the adapter around them
    require_derivatives(OwnJvp{}, Net{}, log_snr, n, 1e-8);
    require_derivatives(predicts_noise(OwnJvp{}), predicts_noise(Net{}), log_snr, n, 1e-7);
    require_derivatives(predicts_v(OwnJvp{}), predicts_v(Net{}), log_snr, n, 1e-8);
    require_derivatives(predicts(EdmPrediction{0.5}, OwnJvp{}), predicts(EdmPrediction{0.5}, Net{}), log_snr, n, 1e-8);
  }
  const double x = uniform(-2, 2), t = uniform(-2, 2);
  const auto exact_net = [](const Real& at) { return predicts_v(Net{})(at, vp_level<Real>(0.5)); };
  const Real slope = exact::slope(exact_net, Real(x));
  REQUIRE(abs(denoiser_jvp(predicts_v(Net{}), x, vp_level(0.5), t) - t * slope) < 1e-14);
  REQUIRE(abs(denoiser_divergence(predicts_v(Net{}), x, vp_level(0.5)) - slope) < 1e-14);
}

TEST_CASE("the exact denoisers know their own derivatives", "[jacobian][exact]") {
  for (int i = 0; i < 6; ++i) {
    const double log_snr = uniform(-4, 3);
    const std::size_t n = std::size_t(1 + i % 3);
    const Mixture mixture(n);
    require_derivatives(mixture.in_double(), mixture.in_digits(), log_snr, n, 1e-12);
    const Vector mean = draw(n), variances = draw(n, 0, 2);
    require_derivatives(GaussianDenoiser(mean, variances), GaussianDenoiser(exactly(mean), exactly(variances)), log_snr,
                        n, 1e-14);
    require_derivatives(GaussianDenoiser(mean, 0.7), GaussianDenoiser(exactly(mean), Real(0.7)), log_snr, n, 1e-14);
  }
  const FullGaussianDenoiser full(Vector{1, 2}, Vector{2, 0.5, 0.5, 1});
  REQUIRE(denoiser_divergence(full, Vector{0, 0}, vp_level(1)) == full.divergence(Vector{0, 0}, vp_level(1)));
  REQUIRE(denoiser_jvp(full, Vector{0, 0}, vp_level(1), Vector{1, 3}) ==
          full.jvp(Vector{0, 0}, vp_level(1), Vector{1, 3}));
}

TEST_CASE("of a batch at one level the divergence is the sum, at a level for each one of each", "[jacobian][exact]") {
  const Mixture mixture(2);
  const auto denoiser = mixture.in_double();
  const GaussianDenoiser diagonal(mixture.means[0], mixture.means[1][0] > 0 ? Vector{1, 2} : Vector{2, 1});
  const Vector x = draw(6), t = draw(6);
  const std::vector<NoiseLevel<double>> levels{vp_level(1), vp_level(-1), vp_level(0)};
  const auto require_parts = [&](const auto& d) {
    const Vector traces = d.divergence(x, levels), product = d.jvp(x, levels, t);
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const std::span<const double> one = std::span(x).subspan(2 * k, 2), tangent = std::span(t).subspan(2 * k, 2);
      REQUIRE(traces[k] == d.divergence(one, levels[k]));
      const Vector p = d.jvp(one, levels[k], tangent);
      REQUIRE((product[2 * k] == p[0] && product[2 * k + 1] == p[1]));
      sum += d.divergence(one, levels[0]);
    }
    REQUIRE(std::abs(denoiser_divergence(d, x, levels[0]) - sum) < 1e-14);
  };
  require_parts(denoiser);
  require_parts(diagonal);
  // where the mean is a number, every element is a sample
  const GaussianMixtureDenoiser numbers({1.0, 2.0}, {-1.0, 1.5}, {0.5, 0.25});
  double sum = 0;
  for (const double e : x) sum += numbers.divergence(e, levels[0]);
  REQUIRE(std::abs(denoiser_divergence(numbers, x, levels[0]) - sum) < 1e-14);
}

TEST_CASE("what a denoiser offers is preferred to passes over it", "[jacobian]") {
  const Net net;
  const Vector x = draw(5);
  const auto level = vp_level(0.5);
  REQUIRE(denoiser_divergence(OwnDivergence{}, x, level) == 7);
  // x_0 = x / signal - (noise / signal) net: five slopes of x, and the trace of the network
  REQUIRE(std::abs(denoiser_divergence(predicts_noise(OwnDivergence{}), x, level) -
                   (5 - 7 * level.noise()) / level.signal()) < 1e-13);
  (void)denoiser_divergence(std::ref(net), x, level);
  REQUIRE(net.calls == 5);
  (void)denoiser_jvp(predicts_v(std::ref(net)), x, level, x);
  REQUIRE(net.calls == 6);
  const AffineDenoiser affine{[](const auto& t) { return AffineEstimate<Vector>{0.5 * t.signal(), Vector(5)}; }};
  REQUIRE(denoiser_divergence(affine, x, level) == 5 * (0.5 * level.signal()));
  REQUIRE(denoiser_jvp(affine, Vector{1, 2, 3, 4, 5}, level, x)[3] == 0.5 * level.signal() * x[3]);
}

TEST_CASE("signs are those of the normals, on every kind of state", "[jacobian][hutchinson1990.trace]") {
  const NormalNoise normals{.seed = 5};
  const SignNoise<> signs{normals};
  const Vector z = normals(3, Vector(200)), s = signs(3, Vector(200));
  int positive = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    REQUIRE(s[i] == (z[i] < 0 ? -1 : 1));
    positive += s[i] > 0 ? 1 : 0;
  }
  REQUIRE((positive > 70 && positive < 130));
  REQUIRE(std::abs(signs(0, 1.0)) == 1);
  REQUIRE(std::abs(signs(0, 1.0f)) == 1);
}

TEST_CASE("each probe is an unbiased estimate of the trace, of the variance that is promised",
          "[jacobian][hutchinson1990.trace][song2021.40]") {
  const FullGaussianDenoiser denoiser(Vector{0, 0, 0}, Vector{2, 0.8, -0.3, 0.8, 1, 0.4, -0.3, 0.4, 0.5});
  const auto level = ve_level(0.7);
  const Vector x = draw(3);
  Vector jacobian;  // column by column
  for (std::size_t j = 0; j < 3; ++j) {
    Vector unit(3);
    unit[j] = 1;
    for (const double e : denoiser.jvp(x, level, unit)) jacobian.push_back(e);
  }
  double off = 0, on = 0, trace = 0;
  for (std::size_t i = 0; i < 9; ++i) (i % 4 == 0 ? on : off) += jacobian[i] * jacobian[i];
  for (std::size_t i = 0; i < 9; i += 4) trace += jacobian[i];
  const int n = 20000;
  const auto require_moments = [&](const auto& hutchinson, double variance) {
    const auto values = hutchinson.prepared(x);
    REQUIRE(values.count() == std::size_t(n));
    Vector out(values.count());
    values(denoiser, x, level, std::span(out));
    double mean = 0, square = 0;
    for (const double v : out) mean += v / n, square += (v - trace) * (v - trace) / n;
    // five standard errors of a mean; the fourth moment is below 60 squares of the variance
    REQUIRE(std::abs(mean - trace) < 5 * std::sqrt(variance / n));
    REQUIRE(std::abs(square / variance - 1) < 5 * std::sqrt(60.0 / n));
    // by the definition
    const Vector z = hutchinson.noise(17, x);
    double product = 0;
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) product += z[i] * jacobian[3 * j + i] * z[j];
    REQUIRE(std::abs(out[17] - product) < 1e-13);
  };
  require_moments(HutchinsonDivergence{SignNoise{NormalNoise{.seed = 3}}, n}, 2 * off);
  require_moments(HutchinsonDivergence{NormalNoise{.seed = 4}, n}, 2 * (on + off));
  REQUIRE(message([&] { return HutchinsonDivergence{NormalNoise{}, 0}.prepared(x).count(); }) ==
          "diffusion::HutchinsonDivergence: probes = 0, expected at least 1");
}

TEST_CASE("sizes that differ are named", "[jacobian][errors]") {
  const auto error = [](const auto& denoiser) {
    return message([&] { return denoiser_jvp(denoiser, Vector{1, 2, 3}, vp_level(0), Vector{1}); });
  };
  REQUIRE(error(Net{}) == "diffusion::denoiser_jvp: tangent has 1 elements, expected 3, as x_t");
  REQUIRE(error(OwnJvp{}) == "diffusion::denoiser_jvp: tangent has 1 elements, expected 3, as x_t");
  const auto own = [](const auto& denoiser) {
    return message([&] { return denoiser.jvp(Vector{1, 2, 3}, vp_level(0), Vector{1}); });
  };
  REQUIRE(own(GaussianMixtureDenoiser<double>({1.0}, {0.0}, {1.0})) ==
          "diffusion::GaussianMixtureDenoiser: tangent has 1 elements, expected 3, as x_t");
  REQUIRE(own(GaussianDenoiser(0, 1)) == "diffusion::GaussianDenoiser: tangent has 1 elements, expected 3, as x_t");
  const auto shorter = [](const auto& x, const NoiseLevel<>&) {
    return std::remove_cvref_t<decltype(x)>(x.begin(), x.begin() + 2);
  };
  REQUIRE(error(shorter).starts_with("diffusion::denoiser_jvp: "));
  REQUIRE(message([&] { return denoiser_divergence(shorter, Vector{1, 2, 3}, vp_level(0)); }) ==
          "diffusion::denoiser_jvp: the output has 2 elements, expected 3, as x_t");
}
