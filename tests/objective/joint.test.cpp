// SPDX-License-Identifier: MIT
#include <diffusion/objective/joint.hpp>

#include <boost/math/constants/constants.hpp>

#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using T = truth::Real;

namespace {

const T two_pi = boost::math::constants::two_pi<T>();

/// A Gaussian over all states of a path, by its mean and full covariance: the brute force that everything is compared
/// with.
struct Multivariate {
  std::vector<T> mean;
  std::vector<std::vector<T>> covariance;

  explicit Multivariate(std::size_t n) : mean(n, T(0)), covariance(n, std::vector<T>(n, T(0))) {}
  std::size_t size() const { return mean.size(); }

  /// The lower triangle of the Cholesky factor.
  std::vector<std::vector<T>> factor() const {
    auto l = covariance;
    for (std::size_t i = 0; i < size(); ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        T sum = covariance[i][j];
        for (std::size_t k = 0; k < j; ++k) sum -= l[i][k] * l[j][k];
        l[i][j] = i == j ? T(sqrt(sum)) : T(sum / l[j][j]);
      }
    return l;
  }
  /// The inverse of the factor applied to y.
  static std::vector<T> solve(const std::vector<std::vector<T>>& l, std::vector<T> y) {
    for (std::size_t i = 0; i < y.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) y[i] -= l[i][k] * y[k];
      y[i] /= l[i][i];
    }
    return y;
  }
  T log_determinant() const {
    T sum = 0;
    const auto l = factor();
    for (std::size_t i = 0; i < size(); ++i) sum += 2 * log(l[i][i]);
    return sum;
  }
  T log_density(const std::vector<T>& x) const {
    std::vector<T> y(size());
    for (std::size_t i = 0; i < size(); ++i) y[i] = x[i] - mean[i];
    T square = 0;
    for (const T& e : solve(factor(), y)) square += e * e;
    return -(T(size()) * log(two_pi) + log_determinant() + square) / 2;
  }
  T entropy() const { return (T(size()) * (1 + log(two_pi)) + log_determinant()) / 2; }
  /// -E log p(x) over x of q.
  static T cross_entropy(const Multivariate& q, const Multivariate& p) {
    const auto l = p.factor(), m = q.factor();
    T trace = 0;
    for (std::size_t j = 0; j < q.size(); ++j) {
      std::vector<T> column(q.size());
      for (std::size_t i = j; i < q.size(); ++i) column[i] = m[i][j];
      for (const T& e : solve(l, column)) trace += e * e;
    }
    std::vector<T> difference(q.size());
    for (std::size_t i = 0; i < q.size(); ++i) difference[i] = q.mean[i] - p.mean[i];
    T square = 0;
    for (const T& e : solve(l, difference)) square += e * e;
    return (T(q.size()) * log(two_pi) + p.log_determinant() + trace + square) / 2;
  }
};

enum class Variance { posterior, transition, own };

/// A grid, Gaussian data and an affine model, and the same as two multivariate Gaussians from the definitions alone.
struct Case {
  std::vector<NoiseLevel<double>> levels;
  std::vector<T> signal_squared, noise_squared;
  std::vector<double> slope, offset;
  double mean, data_variance, prior_variance;
  Variance kind;
  double decoder = 0.125;

  static double own_variance(const NoiseLevel<double>& s, const NoiseLevel<double>& t) {
    return 0.25 + s.time() / 1024 + t.time() / 64;
  }

  explicit Case(int i) : kind(static_cast<Variance>(i % 3)) {
    const int count = 1 + i % 5;
    const bool clean_end = i % 2 == 0;
    double signal = uniform(0, 0.25), noise = uniform(1, 1.5);
    for (int k = 0; k < count; ++k) {
      const bool clean = clean_end && k == count - 1;
      const double a = i % 7 == 3 && k == 0 && !clean ? 0.0 : signal, b = clean ? 0.0 : noise;
      levels.push_back(signal_noise_level(a, b, k));
      signal_squared.push_back(T(a) * a);
      noise_squared.push_back(T(b) * b);
      signal += uniform(0.05, 0.4);
      noise *= uniform(0.3, 0.9);
      slope.push_back(uniform(-1, 2));
      offset.push_back(uniform(-2, 2));
    }
    mean = uniform(-2, 2);
    data_variance = uniform(0.1, 3);
    prior_variance = i % 4 == 0 ? uniform(0.5, 2) : 1;
  }
  std::size_t size() const { return levels.size(); }
  Gaussian<double> data() const { return {mean, data_variance}; }

  T transition_variance(std::size_t k) const {
    return noise_squared[k] - signal_squared[k] / signal_squared[k + 1] * noise_squared[k + 1];
  }
  T scale(std::size_t k) const { return sqrt(T(signal_squared[k] / signal_squared[k + 1])); }
  T reverse_variance(std::size_t k) const {
    if (kind == Variance::transition) return transition_variance(k);
    if (kind == Variance::own) return own_variance(levels[k + 1], levels[k]);
    if (noise_squared[k + 1] == 0) return decoder;
    return transition_variance(k) * noise_squared[k + 1] / noise_squared[k];
  }
  T x0(std::size_t k) const { return sqrt(signal_squared[k + 1]) * transition_variance(k) / noise_squared[k]; }
  T xt(std::size_t k) const { return scale(k) * noise_squared[k + 1] / noise_squared[k]; }

  /// q(x_T, ..., x_0): x_s = signal_s x_0 + noise, and cov(x_s, x_t) = scale var(x_s) for s the cleaner.
  Multivariate forward() const {
    Multivariate q(size());
    for (std::size_t k = 0; k < size(); ++k) {
      q.mean[k] = sqrt(signal_squared[k]) * mean;
      for (std::size_t j = k; j < size(); ++j)
        q.covariance[j][k] = q.covariance[k][j] = (j == k ? T(1) : T(sqrt(T(signal_squared[k] / signal_squared[j])))) *
                                                  (signal_squared[j] * data_variance + noise_squared[j]);
    }
    return q;
  }
  /// p(x_T, ..., x_0): one linear step after the other.
  Multivariate reverse() const {
    Multivariate p(size());
    p.covariance[0][0] = prior_variance;
    for (std::size_t k = 0; k + 1 < size(); ++k) {
      const T factor = x0(k) * slope[k] + xt(k);
      p.mean[k + 1] = factor * p.mean[k] + x0(k) * offset[k];
      for (std::size_t j = 0; j <= k; ++j)
        p.covariance[k + 1][j] = p.covariance[j][k + 1] = factor * p.covariance[k][j];
      p.covariance[k + 1][k + 1] = factor * factor * p.covariance[k][k] + reverse_variance(k);
    }
    return p;
  }

  /// Calls `use` with the model as the library knows it.
  template <class Use>
  void with_model(const Use& use) const {
    const AffineDenoiser denoiser{[this](const NoiseLevel<double>& level) {
      const auto k = static_cast<std::size_t>(level.time());
      return AffineEstimate{slope[k], offset[k]};
    }};
    if (kind == Variance::posterior) use(ReverseModel{denoiser, DecoderVariance{decoder}, prior_variance});
    if (kind == Variance::transition) use(ReverseModel{denoiser, TransitionVariance{}, prior_variance});
    if (kind == Variance::own) use(ReverseModel{denoiser, &own_variance, prior_variance});
  }
};

/// The best denoiser for data that are N(mean, variance), in any scalar.
template <class X>
auto best_denoiser(X mean, X variance) {
  return AffineDenoiser{[=](const NoiseLevel<X>& t) {
    const X slope = t.signal() * variance / (t.alpha_bar() * variance + t.noise_variance());
    return AffineEstimate{slope, X(mean - slope * t.signal() * mean)};
  }};
}

std::vector<NoiseLevel<T>> exact_levels(int steps) {
  return level_grid(DiscreteSchedule<T>::from_betas(
      steps, [&](int t) { return T(1) / 10000 + T(t - 1) / (steps - 1) * (T(200) / 10000 - T(1) / 10000); }));
}

}  // namespace

TEST_CASE("the density of a path of scalars is correctly rounded",
          "[joint][rounding][ho2020.1][ho2020.forward_joint]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 3000; ++i) {
    const Case c(i);
    std::vector<double> path;
    for (std::size_t k = 0; k < c.size(); ++k) path.push_back(uniform(-3, 3));
    T forward = 0, reverse = -(log(two_pi * c.prior_variance) + T(path[0]) * path[0] / c.prior_variance) / 2;
    const auto estimate = [](double x, const NoiseLevel<double>& t) { return std::tanh(x) / (1 + t.time()); };
    for (std::size_t k = 0; k + 1 < c.size(); ++k) {
      const T v = c.transition_variance(k), from_s = path[k] - c.scale(k) * path[k + 1];
      forward -= (log(two_pi * v) + from_s * from_s / v) / 2;
      const T w = c.reverse_variance(k),
              from_t = path[k + 1] - c.xt(k) * path[k] - c.x0(k) * T(estimate(path[k], c.levels[k]));
      reverse -= (log(two_pi * w) + from_t * from_t / w) / 2;
    }
    wrong.compare("forward", i, forward_joint_log_density(c.levels, path), forward);
    c.with_model([&](const auto& model) {
      const ReverseModel other{estimate, model.variance, model.prior_variance};
      wrong.compare("reverse", i, reverse_joint_log_density(c.levels, path, other), reverse);
    });
  }
  wrong.require_none();
}

TEST_CASE("a path has the density of one large Gaussian", "[joint][ho2020.1][ho2020.forward_joint]") {
  for (int i = 0; i < 300; ++i) {
    const Case c(i);
    std::vector<double> path;
    for (std::size_t k = 0; k < c.size(); ++k) path.push_back(uniform(-3, 3));
    const std::vector<T> x(path.begin(), path.end());
    // q(x_T, ..., x_1 | x_0) = q(x_T, ..., x_0) / q(x_0)
    const std::size_t last = c.size() - 1;
    Multivariate end(1);
    end.mean[0] = c.forward().mean[last];
    end.covariance[0][0] = c.forward().covariance[last][last];
    const T conditional = c.forward().log_density(x) - end.log_density({x[last]});
    REQUIRE_THAT(forward_joint_log_density(c.levels, path),
                 Catch::Matchers::WithinAbs(truth::rounded<double>(conditional),
                                            1e-14 * (1 + std::abs(truth::rounded<double>(conditional)))));
    const double joint = truth::rounded<double>(c.reverse().log_density(x));
    c.with_model([&](const auto& model) {
      REQUIRE_THAT(reverse_joint_log_density(c.levels, path, model),
                   Catch::Matchers::WithinAbs(joint, 1e-13 * (1 + std::abs(joint))));
    });
  }
}

TEST_CASE("the divergence of the joints, and its parts, are correctly rounded",
          "[joint][rounding][ho2020.3][yang2022.joint_kl]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 600; ++i) {
    const Case c(i);
    const Multivariate q = c.forward(), p = c.reverse();
    const T cross = Multivariate::cross_entropy(q, p), entropy = q.entropy();
    T transitions = 0;
    for (std::size_t k = 0; k + 1 < c.size(); ++k) transitions += (1 + log(two_pi * c.transition_variance(k))) / 2;
    c.with_model([&](const auto& model) {
      wrong.compare("joint_cross_entropy", i, joint_cross_entropy(c.levels, c.data(), model), cross);
      wrong.compare("joint_entropy", i, joint_entropy(c.levels, c.data()), entropy);
      wrong.compare("negative_vlb", i, negative_vlb(c.levels, c.data(), model), cross - transitions);
      wrong.compare("joint_kl", i, joint_kl(c.levels, c.data(), model), cross - entropy);
      const Gaussian<double> end = reverse_marginal(c.levels, model);
      wrong.compare("reverse_marginal mean", i, end.mean, p.mean.back());
      wrong.compare("reverse_marginal variance", i, end.variance, p.covariance.back().back());
    });
  }
  wrong.require_none();
}

TEST_CASE("KL of the joints = -L_VLB + const >= E[-log p(x_0)] + const", "[joint][ho2020.3][yang2022.joint_kl]") {
  for (const double variance : {0.01, 0.25, 1.0, 4.0}) {
    const auto levels = level_grid(linear_schedule(1000), 200);
    const Gaussian<double> data{0.5, variance};
    const auto check = [&](const auto& model) {
      const double kl = joint_kl(levels, data, model), bound = negative_vlb(levels, data, model);
      REQUIRE(kl > 0);
      REQUIRE_THAT(joint_cross_entropy(levels, data, model) - joint_entropy(levels, data),
                   Catch::Matchers::WithinAbs(kl, 1e-11));
      REQUIRE_THAT(bound - entropy(data), Catch::Matchers::WithinAbs(kl, 1e-13));
      const Gaussian<double> generated = reverse_marginal(levels, model);
      REQUIRE(kl > kl_divergence(data, generated));
      REQUIRE(bound > entropy(data) + kl_divergence(data, generated));
    };
    check(ReverseModel{best_denoiser(0.5, variance), TransitionVariance{}});
    check(ReverseModel{best_denoiser(0.5, variance), DecoderVariance{1e-4}});
    check(ReverseModel{best_denoiser(0.4, 2 * variance), TransitionVariance{}});
  }
}

TEST_CASE("the divergence vanishes where the reverse chain is the forward chain", "[joint]") {
  // Data that are N(0, I), the variance of the transition: every q(x_s | x_t) is p(x_s | x_t).
  const auto levels = exact_levels(50);
  const Gaussian<T> data{T(0), T(1)};
  const ReverseModel exact{best_denoiser(T(0), T(1)), TransitionVariance{}};
  REQUIRE(joint_kl(levels, data, exact) < 1e-110);
  REQUIRE(abs(negative_vlb(levels, data, exact) - entropy(data)) < 1e-110);
  REQUIRE(kl_divergence(data, reverse_marginal(levels, exact)) < 1e-110);
  // Any other Gaussian data, with the true variance of every step: only the prior is left.
  for (const double v : {0.1, 3.0}) {
    const Gaussian<T> other{T(0.75), T(v)};
    const auto truth_variance = [v](const NoiseLevel<T>& s, const NoiseLevel<T>& t) {
      const T v_s = s.alpha_bar() * v + s.noise_variance(), v_t = t.alpha_bar() * v + t.noise_variance();
      return T(v_s * q_transition(s, t).variance / v_t);
    };
    const T left = joint_kl(levels, other, ReverseModel{best_denoiser(T(0.75), T(v)), truth_variance});
    const auto& last = levels.front();
    const Gaussian<T> noisy{T(last.signal() * 0.75), T(last.alpha_bar() * v + last.noise_variance())};
    REQUIRE(abs(left / kl_divergence(noisy, Gaussian<T>{T(0), T(1)}) - 1) < 1e-100);
  }
}

TEST_CASE("for data at one point the bound is the sum of the terms of Ho et al., eq. 5", "[joint]") {
  const auto levels = exact_levels(20);
  const T x_0 = T(3) / 4, decoder = T(1) / 64;
  const auto denoiser = best_denoiser(T(0.5), T(0.25));
  const ReverseModel model{denoiser, DecoderVariance{1.0 / 64}};
  // L_T, E L_{t-1} by the mean square of x_0 - x_0_hat, and -E log p(x_0 | x_1)
  T sum = prior_kl(levels.front(), x_0);
  for (std::size_t k = 0; k + 1 < levels.size(); ++k) {
    const auto &t = levels[k], &s = levels[k + 1];
    const auto c = denoiser.coefficients(t);
    const T bias = (1 - c.slope * t.signal()) * x_0 - c.offset;
    const T square = bias * bias + c.slope * c.slope * t.noise_variance();
    if (k + 2 == levels.size())
      sum += (log(two_pi * decoder) + square / decoder) / 2;
    else
      sum += (s.snr() - t.snr()) * square / 2;
  }
  REQUIRE(abs(negative_vlb(levels, Gaussian<T>{x_0, T(0)}, model) / sum - 1) < 1e-100);
  REQUIRE(joint_kl(levels, Gaussian<T>{x_0, T(0)}, model) == std::numeric_limits<T>::infinity());
  REQUIRE(joint_entropy(levels, Gaussian<T>{x_0, T(0)}) == -std::numeric_limits<T>::infinity());
}

TEST_CASE("the divergence is the mean of log q - log p over paths of the forward chain", "[joint][monte-carlo]") {
  // A mean of n independent terms is within 5 of its standard errors but once in 1.7 million; the seed is fixed.
  const auto levels = level_grid(linear_schedule(1000), std::vector{1000, 700, 300, 50});
  const std::vector<double> mean{0.5, -1, 0.25};
  const Gaussian<std::vector<double>> data{mean, 0.5};
  const auto coefficients = [&](const NoiseLevel<double>& t) {
    const double slope = 0.75 * t.signal();
    return AffineEstimate{slope, std::vector<double>{0.25, -0.5, t.signal()}};
  };
  const ReverseModel model{AffineDenoiser{coefficients}, DecoderVariance{0.25}};
  const int n = 20000;
  const auto require_mean = [&](double sum, double squares, double expected) {
    const double average = sum / n, error = std::sqrt((squares / n - average * average) / n);
    INFO("mean " << average << ", standard error " << error << ", closed form " << expected);
    REQUIRE(error < std::abs(expected) / 100);
    REQUIRE(std::abs(average - expected) < 5 * error);
  };
  double ratio = 0, ratio_squares = 0, cross = 0, cross_squares = 0;
  for (int i = 0; i < n; ++i) {
    const NormalNoise own{.seed = 11, .stream = static_cast<std::uint32_t>(i)};
    std::vector<std::vector<double>> path(levels.size());
    path.back() = sample(data, own(0, mean));
    for (std::size_t k = levels.size() - 1; k-- > 0;)
      path[k] = sample(q_transition(levels[k + 1], levels[k], path[k + 1]), own(static_cast<int>(k) + 1, mean));
    const double p = reverse_joint_log_density(levels, path, model),
                 r = log_density(data, path.back()) + forward_joint_log_density(levels, path) - p;
    ratio += r;
    ratio_squares += r * r;
    cross -= p;
    cross_squares += p * p;
  }
  require_mean(ratio, ratio_squares, joint_kl(levels, data, model));
  require_mean(cross, cross_squares, joint_cross_entropy(levels, data, model));
}

TEST_CASE("samples of the reverse chain have its marginal", "[joint][monte-carlo]") {
  const auto schedule = linear_schedule(1000);
  const std::vector levels{schedule(1000), schedule(600), schedule(200), schedule(20)};  // noisy at its end, too
  const auto denoiser = best_denoiser(0.5, 0.25);
  const Gaussian<double> expected = reverse_marginal(levels, ReverseModel{denoiser, TransitionVariance{}});
  const std::vector<double> shape(100000);
  const NormalNoise noise{.seed = 5};
  const auto batch = [&](const std::vector<double>& x, const NoiseLevel<double>& t) {
    std::vector<double> x_0_hat;
    for (const double e : x) x_0_hat.push_back(denoiser(e, t));
    return x_0_hat;
  };
  const auto x = sample(AncestralSampler{TransitionVariance{}}, batch, levels, noise.initial(shape), noise);
  double sum = 0, squares = 0;
  for (const double e : x) sum += e - expected.mean, squares += (e - expected.mean) * (e - expected.mean);
  const double n = static_cast<double>(x.size());
  // 5 standard errors of the mean and of the variance of n normals: once in 1.7 million, and the seed is fixed
  REQUIRE(std::abs(sum / n) < 5 * std::sqrt(expected.variance / n));
  REQUIRE(std::abs(squares / n - expected.variance) < 5 * expected.variance * std::sqrt(2 / n));
}

TEST_CASE("the joint of an array is the sum over its elements", "[joint]") {
  const auto levels = level_grid(linear_schedule(100), std::vector{100, 40, 7});
  const std::vector<float> mean{0.5f, -1.0f, 2.0f};
  const auto coefficients = [](double offset) {
    return [=](const NoiseLevel<double>& t) { return AffineEstimate{0.5 * t.signal(), offset}; };
  };
  const auto model_of = [&](double offset) {
    return ReverseModel{AffineDenoiser{coefficients(offset)}, DecoderVariance{0.25, TransitionVariance{}}, 1.5};
  };
  const auto vector_coefficients = [](const NoiseLevel<double>& t) {
    return AffineEstimate{0.5 * t.signal(), std::vector<float>{0.25f, 0.5f, -0.75f}};
  };
  const ReverseModel model{AffineDenoiser{vector_coefficients}, DecoderVariance{0.25, TransitionVariance{}}, 1.5};
  const Gaussian<std::vector<float>> data{mean, 0.5};
  const double offsets[] = {0.25, 0.5, -0.75};
  std::vector<std::vector<float>> path;
  for (std::size_t k = 0; k < levels.size(); ++k)
    path.push_back({float(uniform(-1, 1)), float(uniform(-1, 1)), float(uniform(-1, 1))});
  double forward = 0, reverse = 0, kl = 0, bound = 0, cross = 0, own = 0;
  const Gaussian<std::vector<float>> generated = reverse_marginal(levels, model);
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<double> element;
    for (const auto& x : path) element.push_back(x[i]);
    const auto one = model_of(offsets[i]);
    const Gaussian<double> datum{mean[i], 0.5};
    forward += forward_joint_log_density(levels, element);
    reverse += reverse_joint_log_density(levels, element, one);
    kl += joint_kl(levels, datum, one);
    bound += negative_vlb(levels, datum, one);
    cross += joint_cross_entropy(levels, datum, one);
    own += joint_entropy(levels, datum);
    REQUIRE_THAT(generated.mean[i], Catch::Matchers::WithinAbs(reverse_marginal(levels, one).mean, 1e-6));
    REQUIRE(generated.variance == reverse_marginal(levels, one).variance);
  }
  const auto near = [](double expected, double tolerance) { return Catch::Matchers::WithinRel(expected, tolerance); };
  REQUIRE_THAT(forward_joint_log_density(levels, path), near(forward, 1e-13));
  REQUIRE_THAT(reverse_joint_log_density(levels, path, model), near(reverse, 1e-6));  // the estimate is in float
  REQUIRE_THAT(joint_kl(levels, data, model), near(kl, 1e-13));
  REQUIRE_THAT(negative_vlb(levels, data, model), near(bound, 1e-13));
  REQUIRE_THAT(joint_cross_entropy(levels, data, model), near(cross, 1e-13));
  REQUIRE_THAT(joint_entropy(levels, data), near(own, 1e-13));
}

TEST_CASE("a network that predicts noise is a reverse model as any other", "[joint]") {
  const auto schedule = linear_schedule(10);
  const std::vector levels{schedule(8), schedule(3)};
  const std::vector path{0.5, -0.25};
  const auto net = [](double x, const NoiseLevel<double>&) { return 0.5 * x; };
  const double x_0_hat = x0_from_noise(levels[0], path[0], 0.25);
  REQUIRE_THAT(reverse_joint_log_density(levels, path, ReverseModel{predicts_noise(net)}),
               Catch::Matchers::WithinRel(log_density(Gaussian<double>{0, 1}, 0.5) +
                                              log_density(q_posterior(levels[1], levels[0], 0.5, x_0_hat), -0.25),
                                          1e-14));
}

TEST_CASE("data of no variance that a Gaussian can have are an error", "[joint][errors]") {
  const auto levels = level_grid(linear_schedule(4));
  const ReverseModel model{AffineDenoiser{[](const auto&) { return AffineEstimate<double>{0.5, 0.0}; }},
                           TransitionVariance{}};
  for (const auto& [variance, shown] : {std::pair{-1.0, "-1"}, {1.0 / 0.0, "inf"}, {std::abs(std::nan("")), "nan"}}) {
    const Gaussian<double> data{0.0, variance};
    const std::string expected = std::string(": data.variance = ") + shown + ", expected a finite number >= 0";
    REQUIRE(message([&] { return joint_kl(levels, data, model); }) == "diffusion::joint_kl" + expected);
    REQUIRE(message([&] { return joint_entropy(levels, data); }) == "diffusion::joint_entropy" + expected);
    REQUIRE(message([&] { return negative_vlb(levels, data, model); }) == "diffusion::negative_vlb" + expected);
    REQUIRE(message([&] { return joint_cross_entropy(levels, data, model); }) ==
            "diffusion::joint_cross_entropy" + expected);
  }
}

TEST_CASE("what has no density is an error", "[joint][errors]") {
  const auto levels = level_grid(linear_schedule(3));
  const std::vector<double> path(4);
  const auto denoiser = best_denoiser(0.5, 0.25);
  const Gaussian<double> data{0.5, 0.25};
  const std::string needs =
      "variance[2] = 0, expected a number > 0 (DecoderVariance has one for the step to clean data)";
  REQUIRE(message([&] { return reverse_joint_log_density(levels, path, ReverseModel{denoiser}); }) ==
          "diffusion::reverse_joint_log_density: " + needs);
  REQUIRE(message([&] { return joint_kl(levels, data, ReverseModel{denoiser}); }) == "diffusion::joint_kl: " + needs);
  REQUIRE(message([&] { return negative_vlb(levels, data, ReverseModel{denoiser}); }) ==
          "diffusion::negative_vlb: " + needs);
  REQUIRE(message([&] { return joint_cross_entropy(levels, data, ReverseModel{denoiser}); }) ==
          "diffusion::joint_cross_entropy: " + needs);
  REQUIRE(message([&] { return reverse_marginal(levels, ReverseModel{denoiser}); }) ==
          "diffusion::reverse_marginal: " + needs);
  REQUIRE(message([&] { return joint_kl(levels, data, ReverseModel{denoiser, DecoderVariance{0.0}}); }) ==
          "diffusion::joint_kl: " + needs);
  REQUIRE(message([&] { return joint_kl(levels, data, ReverseModel{denoiser, TransitionVariance{}, 0.0}); }) ==
          "diffusion::joint_kl: prior_variance = 0, expected a number > 0");
  const std::vector<double> shorter(3);
  REQUIRE(message([&] { return forward_joint_log_density(levels, shorter); }) ==
          "diffusion::forward_joint_log_density: path has 3 elements, expected 4, as levels");
  REQUIRE(message([&] {
            return reverse_joint_log_density(levels, shorter, ReverseModel{denoiser, TransitionVariance{}});
          }) == "diffusion::reverse_joint_log_density: path has 3 elements, expected 4, as levels");
  const std::vector wrong{levels[2], levels[1]};
  REQUIRE(message([&] {
            return forward_joint_log_density(wrong, std::vector<double>(2));
          }).ends_with("expected more than the one before: noisiest first"));
  REQUIRE(message([&] { return joint_entropy(std::vector<NoiseLevel<double>>(), data); }) ==
          "diffusion::joint_entropy: levels.size() = 0, expected at least one level");
  const std::vector<std::vector<double>> uneven{{1, 2}, {1, 2, 3}};
  REQUIRE(message([&] { return forward_joint_log_density(std::vector{levels[0], levels[1]}, uneven); }) ==
          "diffusion::forward_joint_log_density: path has 3 elements, expected 2, as path");
}
