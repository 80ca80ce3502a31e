// SPDX-License-Identifier: MIT
#include <diffusion/objective/probability_flow.hpp>

#include <cmath>
#include <diffusion/model/exact.hpp>
#include <diffusion/model/full_gaussian.hpp>
#include <diffusion/process/schedules.hpp>
#include <functional>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

using Vector = std::vector<double>;
static_assert(FlowSchedule<VpLinearSchedule<>> && FlowSchedule<DiscreteSchedule<>> &&
              FlowSchedule<VeGeometricSchedule<float>>);
constexpr auto straight_line = [](double t) { return signal_noise_level(1 - t, t, t); };
static_assert(!FlowSchedule<decltype(straight_line)>);  // it has no time_at

constexpr double infinity = std::numeric_limits<double>::infinity();
const VpLinearSchedule<> vp_linear;
const CosineLogSnrSchedule<> cosine;
const VeGeometricSchedule<> ve_geometric;
const LinearLogSnrSchedule<> linear_log_snr;

Vector draw(std::size_t n, double low = -2, double high = 2) {
  Vector values(n);
  for (double& value : values) value = uniform(low, high);
  return values;
}

Vector random_covariance(std::size_t n) {
  const Vector b = draw(n * n, -1, 1);
  Vector a(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      a[i * n + j] = i == j ? 0.05 : 0;
      for (std::size_t l = 0; l < n; ++l) a[i * n + j] += b[std::max(i, j) * n + l] * b[std::min(i, j) * n + l];
    }
  return a;
}

/// The flow whose latent states have the very density of the data at the last level: then the likelihood is exact.
template <class G>
auto own_prior(const G& data) {
  return [&data](const auto& x_t, const auto& level) { return data.log_density(x_t, level); };
}

/// Data of any kind with a point near them, as one type.
struct World {
  using Level = NoiseLevel<>;
  std::function<Vector(const Vector&, const Level&)> estimate;
  std::function<double(const Vector&, const Level&)> trace, density;
  Vector x;

  Vector operator()(const Vector& at, const Level& level) const { return estimate(at, level); }
  double divergence(const Vector& at, const Level& level) const { return trace(at, level); }
  double log_density(const Vector& at, const Level& level) const { return density(at, level); }
};
template <class G>
World world(const G& data, const Vector& mean, const Vector& variances) {
  Vector x = mean;
  for (std::size_t k = 0; k < x.size(); ++k) x[k] += uniform(-1.5, 1.5) * std::sqrt(variances[k]);
  return {data, [data](const Vector& at, const NoiseLevel<>& level) { return data.divergence(at, level); },
          [data](const Vector& at, const NoiseLevel<>& level) { return data.log_density(at, level); }, x};
}

World random_world(int i) {
  const std::size_t n = std::size_t(1 + i % 4);
  const Vector mean = draw(n), variances = draw(n, 0.02, 2), equal(n, std::exp(uniform(-4, 1)));
  if (i % 4 == 0) return world(GaussianDenoiser(mean, equal[0]), mean, equal);
  if (i % 4 == 1) return world(GaussianDenoiser(mean, variances), mean, variances);
  if (i % 4 == 2) {
    const Vector covariance = random_covariance(n);
    Vector diagonal(n);
    for (std::size_t k = 0; k < n; ++k) diagonal[k] = covariance[k * n + k];
    return world(FullGaussianDenoiser(mean, covariance), mean, diagonal);
  }
  const Vector widths{equal[0], 0.5, uniform(0.02, 1)};
  return world(GaussianMixtureDenoiser(draw(3, 0.2, 1), std::vector<Vector>{mean, draw(n), draw(n)}, widths), mean,
               equal);
}

/// The likelihood of a world's point from level s, and how far from the truth it is.
struct Answer {
  double off, error;
  int evaluations;
};
template <class T>
Answer answer(const T& schedule, const NoiseLevel<>& s, const World& data, double tolerance) {
  const auto r =
      flow_log_likelihood(schedule, s, data.x, data, ExactDivergence{}, {.tolerance = tolerance}, own_prior(data));
  REQUIRE(r.standard_error == 0);
  return {std::abs(r.log_likelihood - data.log_density(data.x, s)), r.error, r.evaluations};
}

/// A schedule of each kind, in turn, at a level near clean data.
Answer on_schedule(int i, const World& data, double tolerance) {
  static const auto ddpm = linear_schedule(1000), to_noise = rescale_zero_terminal_snr(linear_schedule(50));
  if (i % 5 == 0) return answer(vp_linear, vp_linear(1e-4), data, tolerance);
  if (i % 5 == 1) return answer(cosine, cosine(0.01), data, tolerance);
  if (i % 5 == 2) return answer(ve_geometric, ve_geometric(0), data, tolerance);
  if (i % 5 == 3) return answer(linear_log_snr, linear_log_snr(0.1), data, tolerance);
  return i % 2 == 0 ? answer(ddpm, ddpm(1), data, tolerance) : answer(to_noise, to_noise(1), data, tolerance);
}

double rms_of(const Vector& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum / double(values.size()));
}

}  // namespace

TEST_CASE("the likelihood is the density of Gaussians and mixtures on every schedule, and the error is honest",
          "[probability_flow][song2021.39][chen2018.trace]") {
  for (const double tolerance : {1e-6, 1e-9}) {
    std::vector<double> excess;
    for (int i = 0; i < 60; ++i) {
      const Answer a = on_schedule(i, random_world(i), tolerance);
      CAPTURE(i, tolerance, a.off, a.error, a.evaluations);
      REQUIRE(a.off < 100 * tolerance);
      REQUIRE(a.off <= a.error + 2e-11);  // and rounding errors, magnified by the signal-to-noise ratio of s
      REQUIRE(a.error < 2000 * tolerance);
      excess.push_back(a.error / (a.off + 1e-13));
    }
    std::sort(excess.begin(), excess.end());
    REQUIRE(excess[excess.size() / 2] < 1000);  // an estimate, and not only a bound
  }
}

TEST_CASE("the error is too small as seldom as the header says", "[.survey]") {  // a minute: run by its tag
  std::vector<World> worlds;
  for (int i = 0; i < 9000; ++i) worlds.push_back(random_world(i));
  const auto check = [&](double tolerance, std::size_t most, double factor) {
    std::vector<double> excess;
    std::size_t exceptions = 0;
    for (int i = 0; i < 9000; ++i) {
      const Answer a = on_schedule(i, worlds[std::size_t(i)], tolerance);
      excess.push_back(a.error / (a.off + 1e-13));
      if (a.off <= a.error + 2e-11) continue;
      ++exceptions;
      CAPTURE(i, tolerance, a.off, a.error);
      CHECK(a.off < factor * a.error);
    }
    std::sort(excess.begin(), excess.end());
    CAPTURE(tolerance, exceptions, excess[4500]);
    CHECK(exceptions <= most);
    CHECK(excess[4500] > 30);
    CHECK(excess[4500] < 70);
  };
  check(1e-5, 9, 4.5);
  check(1e-6, 1, 1.2);
  check(1e-7, 0, 1);
}

TEST_CASE("the error falls with the tolerance", "[probability_flow][song2021.39]") {
  const Vector mean{0.3, -0.5, 1}, covariance{1, 0.5, 0.2, 0.5, 0.8, -0.1, 0.2, -0.1, 0.6};
  World data = world(FullGaussianDenoiser(mean, covariance), mean, {1, 1, 1});
  data.x = {0.1, 0.2, 0.7};
  double before = 1;
  int evaluations = 0;
  for (const double tolerance : {1e-3, 1e-7, 1e-9, 1e-11}) {
    const Answer a = answer(vp_linear, vp_linear(1e-4), data, tolerance);
    CAPTURE(tolerance, a.off, a.evaluations);
    REQUIRE(a.off < 10 * tolerance);
    REQUIRE(a.off < before);
    REQUIRE(a.evaluations > evaluations);
    before = a.off;
    evaluations = a.evaluations;
  }
  REQUIRE(evaluations < 600);
}

TEST_CASE("with fixed steps the likelihood converges with the order of the pair",
          "[probability_flow][song2021.39][hairer1993.runge_kutta]") {
  const GaussianDenoiser data(0.3, 0.2);
  const auto s = cosine(0.2);
  Vector errors;
  for (const int steps : {16, 32, 64}) {
    const auto r = flow_log_likelihood(cosine, s, 0.8, data, ExactDivergence{},
                                       {.tolerance = infinity, .longest = 1.0 / steps}, own_prior(data));
    REQUIRE(r.evaluations == 1 + 6 * steps);
    errors.push_back(std::abs(r.log_likelihood - data.log_density(0.8, s)));
  }
  for (std::size_t k = 1; k < 3; ++k) REQUIRE(std::abs(std::log2(errors[k - 1] / errors[k]) - 5) < 0.5);
}

TEST_CASE("a state goes to where its Gaussian takes it, and back", "[probability_flow][song2021.13]") {
  // along each axis the flow keeps the distance from the mean in deviations
  const Vector mean{0.5, -1}, covariance{1, 0.6, 0.6, 0.8}, x{1.2, -0.3};
  const FullGaussianDenoiser data(mean, covariance);
  const auto require_transport = [&](const auto& schedule, const auto& s, const auto& t) {
    const Vector moved = flow_transport(schedule, s, t, x, data, {.tolerance = 1e-10});
    Vector expected(2);
    for (std::size_t k = 0; k < 2; ++k) {
      const auto total = [&](const auto& level) {
        return level.alpha_bar() * data.variances()[k] + level.noise_variance();
      };
      double z = 0;
      for (std::size_t i = 0; i < 2; ++i) z += data.axes()[k][i] * (x[i] - s.signal() * mean[i]);
      for (std::size_t i = 0; i < 2; ++i) expected[i] += z * std::sqrt(total(t) / total(s)) * data.axes()[k][i];
    }
    const Vector back = flow_transport(schedule, t, s, moved, data, {.tolerance = 1e-10});
    const double size = 1 + t.noise();
    for (std::size_t i = 0; i < 2; ++i) {
      expected[i] += t.signal() * mean[i];
      CAPTURE(i, moved[i], expected[i]);
      REQUIRE(std::abs(moved[i] - expected[i]) < 1e-8 * size);
      REQUIRE(std::abs(back[i] - x[i]) < 1e-7);
    }
  };
  require_transport(vp_linear, vp_linear(1e-4), vp_linear(1));
  require_transport(cosine, cosine(0.01), cosine(1));  // to pure noise
  require_transport(ve_geometric, ve_geometric(0), ve_geometric(1));
  require_transport(linear_log_snr, linear_log_snr(0.3), linear_log_snr(0.7));
  const auto ddpm = scaled_linear_schedule(100);
  require_transport(ddpm, ddpm(1), ddpm(100));
  REQUIRE(flow_transport(cosine, cosine(0.5), cosine(0.5), x, data) == x);
}

TEST_CASE("the latent state is that of the transport, and has the density that is reported",
          "[probability_flow][song2021.13][song2021.39]") {
  const GaussianMixtureDenoiser data({0.5, 0.5}, {Vector{-1, 0}, Vector{1, 0.5}}, {0.1, 0.3});
  const Vector x{0.4, -0.2};
  const auto s = ve_geometric(0);
  const auto r = flow_log_likelihood(ve_geometric, s, x, data, ExactDivergence{}, {.tolerance = 1e-9});
  const Vector moved = flow_transport(ve_geometric, s, ve_geometric(1), x, data, {.tolerance = 1e-9});
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(std::abs(moved[i] - r.latent[i]) < 1e-5);
  // between two priors the likelihoods differ by those of the latent state
  const auto flat = [](const Vector&, const auto&) { return 3.0; };
  const auto other = flow_log_likelihood(ve_geometric, s, x, data, ExactDivergence{}, {.tolerance = 1e-9}, flat);
  const auto last = ve_geometric(1);
  REQUIRE(std::abs(r.log_likelihood - other.log_likelihood - (SamplingPrior{}(r.latent, last) - 3)) < 1e-12);
  // that of samplers: N(0, sigma_max^2 I), and N(0, I) if variance preserving, whatever is left of the signal
  REQUIRE(std::abs(SamplingPrior{}(r.latent, last) -
                   log_density(Gaussian<Vector>{{0, 0}, last.noise_variance()}, r.latent)) < 1e-14);
  REQUIRE(std::abs(SamplingPrior{}(x, vp_linear(1)) - log_density(Gaussian<Vector>{{0, 0}, 1}, x)) < 1e-14);
}

TEST_CASE("the density is one: its integral over all states", "[probability_flow][song2021.39]") {
  // a denoiser that belongs to no data at all, with the prior of samplers: still a density
  const auto odd = []<class T>(const T& x, const auto& level) { return T(tanh(T(1.5) * x) * T(level.signal())); };
  const auto density = [&](double x) {
    return std::exp(
        flow_log_likelihood(cosine, cosine(0.2), x, odd, ExactDivergence{}, {.tolerance = 1e-5}).log_likelihood);
  };
  double sum = 0;
  const double h = 0.125;
  for (double x = -6; x <= 6; x += h) sum += h * density(x);  // the rule converges fast: all derivatives vanish there
  REQUIRE(std::abs(sum - 1) < 1e-3);
}

TEST_CASE("the network is told the time of its level", "[probability_flow]") {
  const GaussianDenoiser data(0.5, 0.3);
  const auto times_of = [&](const auto& schedule, const auto& s) {
    Vector times;
    const auto net = [&](double x, const NoiseLevel<>& level) {
      times.push_back(level.time());
      if constexpr (ContinuousTimeSchedule<std::remove_cvref_t<decltype(schedule)>>) {
        const auto at = schedule(level.time());
        REQUIRE((at.signal() == level.signal() && at.noise() == level.noise()));
      } else {
        // between two steps
        const auto below = schedule(int(std::floor(level.time()))), above = schedule(int(std::ceil(level.time())));
        REQUIRE((level.sigma() >= below.sigma() * (1 - 1e-15) && level.sigma() <= above.sigma() * (1 + 1e-15)));
        REQUIRE(std::abs(level.alpha_bar() + level.noise_variance() - 1) < 1e-15);
        const auto angle = [](const auto& l) { return std::atan2(l.noise(), l.signal()); };
        if (below.time() < above.time())
          REQUIRE(std::abs(level.time() - below.time() -
                           (angle(level) - angle(below)) / (angle(above) - angle(below))) < 1e-9);
      }
      return data(x, level);
    };
    const auto divergence = GivenDivergence{[&](double x, const auto& level) { return data.divergence(x, level); }};
    const auto r = flow_log_likelihood(schedule, s, 0.7, net, divergence);
    REQUIRE(std::size_t(r.evaluations) == times.size());
    REQUIRE(r.standard_error == 0);
    REQUIRE(times.front() == s.time());
    for (const double t : times) REQUIRE((t >= times.front() && t <= times.back()));
    return times.back();
  };
  REQUIRE(times_of(vp_linear, vp_linear(1e-3)) == 1);
  REQUIRE(times_of(cosine, cosine(0.05)) == 1);
  REQUIRE(times_of(ve_geometric, ve_geometric(0)) == 1);
  REQUIRE(times_of(linear_log_snr, linear_log_snr(0)) == 1);
  const auto ddpm = linear_schedule(1000);
  REQUIRE(times_of(ddpm, ddpm(1)) == 1000);
  REQUIRE(times_of(ddpm, ddpm(400)) == 1000);
  const auto to_noise = rescale_zero_terminal_snr(cosine_schedule(10));
  REQUIRE(times_of(to_noise, to_noise(2)) == 10);
  const auto one = linear_schedule(1, 0.5, 0.5);
  REQUIRE(times_of(one, one(1)) == 1);
}

TEST_CASE("divergences by dual numbers, products and probes agree with the exact one",
          "[probability_flow][song2021.40][baydin2018.dual]") {
  const auto s = vp_linear(0.01);
  // of a network in dual numbers, against its trace by hand
  const auto net = [](const auto& x, const auto& level) {
    using T = typename std::remove_cvref_t<decltype(x)>::value_type;
    auto y = x;
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = tanh(x[i] + x[(i + 1) % x.size()]) * T(level.signal());
    return y;
  };
  const auto by_hand = GivenDivergence{[&](const Vector& x, const auto& level) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double y = std::tanh(x[i] + x[(i + 1) % x.size()]);
      sum += (1 - y * y) * level.signal();
    }
    return sum;
  }};
  const Vector x{0.5, -1, 0.25};
  const auto scalar_tanh = [&](const Vector& at, const auto& level) {
    Vector y = at;
    for (std::size_t i = 0; i < at.size(); ++i) y[i] = std::tanh(at[i] + at[(i + 1) % at.size()]) * level.signal();
    return y;
  };
  const auto given = flow_log_likelihood(vp_linear, s, x, scalar_tanh, by_hand);
  const struct {
    decltype(net) duals;
    decltype(scalar_tanh) doubles;
    Vector operator()(const Vector& at, const NoiseLevel<>& level) const { return doubles(at, level); }
    std::vector<Dual<>> operator()(const std::vector<Dual<>>& at, const NoiseLevel<>& level) const {
      return duals(at, level);
    }
  } both{net, scalar_tanh};
  const auto dual = flow_log_likelihood(vp_linear, s, x, both);
  REQUIRE(std::abs(dual.log_likelihood - given.log_likelihood) < 1e-11);
  // signs are exact where elements do not depend on each other
  const GaussianDenoiser diagonal(Vector{0.5, -1, 0.25}, Vector{1, 0.5, 0.2});
  const auto exactly = flow_log_likelihood(vp_linear, s, x, diagonal);
  const auto signs = flow_log_likelihood(vp_linear, s, x, diagonal, HutchinsonDivergence{SignNoise{NormalNoise{}}, 3});
  REQUIRE(std::abs(signs.log_likelihood - exactly.log_likelihood) < 1e-12);
  REQUIRE(signs.standard_error < 1e-12);
}

TEST_CASE("the estimate by probes covers the truth as often as its standard error says",
          "[probability_flow][hutchinson1990.trace][song2021.40]") {
  const FullGaussianDenoiser data(Vector{0.5, -1, 0}, Vector{1, 0.6, 0.2, 0.6, 0.8, -0.3, 0.2, -0.3, 0.7});
  const auto s = cosine(0.05);
  const Vector x{1, 0, -0.5};
  const double exactly = flow_log_likelihood(cosine, s, x, data).log_likelihood;
  const auto require_coverage = [&](const auto& probes_of) {
    const int runs = 100;
    Vector z;
    int within = 0;
    for (int i = 0; i < runs; ++i) {
      const auto r =
          flow_log_likelihood(cosine, s, x, data, HutchinsonDivergence{probes_of(i), 24}, {.tolerance = 1e-4});
      z.push_back((r.log_likelihood - exactly) / r.standard_error);
      within += std::abs(z.back()) < 2.069 ? 1 : 0;  // 95 in 100, of Student's t with 23 degrees of freedom
    }
    CAPTURE(within, rms_of(z));
    // binomial bounds of 1 in 1000; the probes of a run are not normal, but nearly
    REQUIRE((within >= 87 && within <= 100));
    REQUIRE((rms_of(z) > 0.75 && rms_of(z) < 1.3));
    double mean = 0;
    for (const double value : z) mean += value / runs;
    REQUIRE(std::abs(mean) < 0.35);
  };
  require_coverage([](int i) { return SignNoise{NormalNoise{.seed = 1, .stream = std::uint32_t(i)}}; });
  require_coverage([](int i) { return NormalNoise{.seed = 2, .stream = std::uint32_t(i)}; });
  const auto one = flow_log_likelihood(cosine, s, x, data, HutchinsonDivergence{NormalNoise{}});
  REQUIRE(one.standard_error != one.standard_error);  // one probe says nothing of itself
}

TEST_CASE("standard errors are those of the probes", "[probability_flow][hutchinson1990.trace]") {
  const FullGaussianDenoiser data(Vector{0.5, -1}, Vector{1, 0.6, 0.6, 0.8});
  const auto s = cosine(0.05);
  const Vector x{1, 0};
  // each probe alone, on the same steps
  const StepControl control{.tolerance = infinity, .longest = 0.02};
  const NormalNoise noise{.seed = 9};
  const int n = 6;
  Vector alone;
  for (int k = 0; k < n; ++k) {
    const auto only = [&](int, const Vector& like) { return noise(k, like); };
    alone.push_back(flow_log_likelihood(cosine, s, x, data, HutchinsonDivergence{only, 1}, control).log_likelihood);
  }
  const auto together = flow_log_likelihood(cosine, s, x, data, HutchinsonDivergence{noise, n}, control);
  double mean = 0, squares = 0;
  for (const double v : alone) mean += v / n;
  for (const double v : alone) squares += (v - mean) * (v - mean);
  REQUIRE(std::abs(together.log_likelihood - mean) < 1e-12);
  REQUIRE(std::abs(together.standard_error - std::sqrt(squares / (n * (n - 1)))) < 1e-12);
}

TEST_CASE("bits per dimension, batches, and other states", "[probability_flow]") {
  const GaussianDenoiser data(0.5, 0.3);
  const auto s = vp_linear(1e-3);
  const Vector x{0.1, 0.4, 1.1};
  const auto r = flow_log_likelihood(vp_linear, s, x, data);
  REQUIRE(std::abs(r.bits_per_dimension() + r.log_likelihood / (3 * std::log(2.0))) < 1e-15);
  double sum = 0;
  for (const double e : x) sum += flow_log_likelihood(vp_linear, s, e, data).log_likelihood;
  REQUIRE(std::abs(sum - r.log_likelihood) < 1e-5);
  const auto of_span = flow_log_likelihood(vp_linear, s, std::span<const double>(x), data);
  REQUIRE(of_span.log_likelihood == r.log_likelihood);
  const auto fixed =
      flow_log_likelihood(vp_linear, s, std::array<double, 3>{0.1, 0.4, 1.1}, GaussianDenoiser(0.5, 0.3));
  REQUIRE(fixed.log_likelihood == r.log_likelihood);
  const auto floats = flow_log_likelihood(vp_linear, s, std::vector<float>{0.1f, 0.4f, 1.1f}, data, ExactDivergence{},
                                          {.tolerance = 1e-4});
  REQUIRE(std::abs(floats.log_likelihood - r.log_likelihood) < 1e-3);
  const VpLinearSchedule<float> coarse;
  REQUIRE(std::abs(flow_log_likelihood(coarse, coarse(1e-3f), x, data).log_likelihood - r.log_likelihood) < 1e-4);
  const VpLinearSchedule<Real> fine(Real(0.1), Real(20));
  const GaussianDenoiser<Real> in_digits(Real(0.5), Real(0.3));
  const auto precise = flow_log_likelihood(fine, fine(Real(0.5)), Real(0.4), in_digits, ExactDivergence{},
                                           {.tolerance = 1e-14}, own_prior(in_digits));
  REQUIRE(abs(precise.log_likelihood - in_digits.log_density(Real(0.4), fine(Real(0.5)))) < 1e-13);
}

TEST_CASE("what has no flow is named", "[probability_flow][errors]") {
  const GaussianDenoiser data(0.5, 0.3);
  const auto error = [&](const auto& schedule, const auto& s, const auto& x) {
    return message([&] { return flow_log_likelihood(schedule, s, x, data); });
  };
  const std::string start = "diffusion::flow_log_likelihood: ";
  const double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE(error(vp_linear, vp_linear(0), 1.0) == start + "s = inf, expected a level with noise; its log-SNR");
  REQUIRE(error(vp_linear, vp_linear(0.1), nan).starts_with(start + "x = "));
  REQUIRE(error(vp_linear, vp_linear(0.1), Vector{}) == start + "x: elements = 0, expected at least 1");
  REQUIRE(error(ve_geometric, ve_level(0.001), 1.0).starts_with("diffusion::VeGeometricSchedule::time_at: "));
  const auto ddpm = linear_schedule(10);
  REQUIRE(error(ddpm, ddpm(0), 1.0) == start + "s = inf, expected a level with noise; its log-SNR");
  REQUIRE(error(ddpm, vp_level(30), 1.0) == start + "s = 30, expected a level from 1 to T; its log-SNR");
  REQUIRE(error(ddpm, vp_level(-20), 1.0) == start + "s = -20, expected a level from 1 to T; its log-SNR");
  REQUIRE(error(ddpm, ve_level(0.2), 1.0).ends_with("expected a level from 1 to T; its log-SNR"));
  const auto few = message([&] {
    return flow_log_likelihood(vp_linear, vp_linear(0.1), 1.0, data, ExactDivergence{}, {.max_evaluations = 10});
  });
  REQUIRE(few == start + "evaluations = 13, expected at most max_evaluations");
  const auto broken = [=](double, const NoiseLevel<>&) { return nan; };
  REQUIRE(message([&] {
            return flow_transport(cosine, cosine(0.1), cosine(1), 1.0, broken);
          }).starts_with("diffusion::flow_transport: a step = "));
  REQUIRE(message([&] { return flow_transport(cosine, cosine(0.1), cosine(0), 1.0, data); }) ==
          "diffusion::flow_transport: t = inf, expected a level with noise; its log-SNR");
}
