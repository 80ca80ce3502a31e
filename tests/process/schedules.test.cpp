// SPDX-License-Identifier: MIT
#include <diffusion/process/schedules.hpp>

#include <boost/math/constants/constants.hpp>
#include <cstdlib>
#include <random>

#include "../support/rounding.hpp"

using namespace diffusion;

namespace {

truth::Real cosine_alpha_bar(int t, int steps, double offset) {
  const truth::Real half_pi = boost::math::constants::half_pi<truth::Real>();
  const auto f = [&](int k) -> truth::Real {
    const truth::Real c = cos((truth::Real(k) / steps + truth::Real(offset)) / (1 + truth::Real(offset)) * half_pi);
    return c * c;
  };
  return f(t) / f(0);
}

truth::Real sigmoid(const truth::Real& x) { return 1 / (1 + exp(-x)); }

truth::Real sigmoid_alpha_bar(int t, int steps, double start, double end, double tau) {
  const truth::Real u = truth::Real(t) / steps, s = start, e = end, k = tau;
  return (sigmoid(e / k) - sigmoid((u * (e - s) + s) / k)) / (sigmoid(e / k) - sigmoid(s / k));
}

// beta_t of a chain given by alpha_bar(t), cut at `most`.
template <class AlphaBar>
auto ratio_betas(AlphaBar alpha_bar, double most) {
  return [=, before = truth::Real(1)](int t) mutable -> truth::Real {
    const truth::Real now = alpha_bar(t), beta = 1 - now / before;
    before = now;
    return beta < most ? beta : truth::Real(most);
  };
}

template <class Real>
auto linear_betas(int steps, Real first, Real last) {
  return [=](int t) -> truth::Real {
    return steps == 1 ? truth::Real(first)
                      : truth::Real(first) + (t - 1) * (truth::Real(last) - truth::Real(first)) / (steps - 1);
  };
}

template <class Real>
auto scaled_linear_betas(int steps, Real first, Real last) {
  return [=](int t) -> truth::Real {
    const truth::Real a = sqrt(truth::Real(first)), b = sqrt(truth::Real(last));
    const truth::Real root = steps == 1 ? a : truth::Real(a + (t - 1) * (b - a) / (steps - 1));
    return root * root;
  };
}

}  // namespace

TEMPLATE_TEST_CASE("every scalar of the named schedules is correctly rounded",
                   "[rounding][ho2020.linear][rombach2022.scaled_linear][nichol2021.17][jabri2022.sigmoid]", double,
                   float) {
  using Real = TestType;
  const int steps = GENERATE(1, 2, 3, 10, 100, 1000, 4000);
  using rounding::require_correct_rounding;
  DYNAMIC_SECTION("linear, T = " << steps)
  require_correct_rounding(linear_schedule<Real>(steps), linear_betas(steps, Real(1e-4), Real(0.02)));
  DYNAMIC_SECTION("scaled linear, T = " << steps)
  require_correct_rounding(scaled_linear_schedule<Real>(steps), scaled_linear_betas(steps, Real(0.00085), Real(0.012)));
  DYNAMIC_SECTION("quadratic, T = " << steps)
  require_correct_rounding(quadratic_schedule<Real>(steps), scaled_linear_betas(steps, Real(1e-4), Real(0.02)));
  DYNAMIC_SECTION("cosine, T = " << steps)
  require_correct_rounding(
      cosine_schedule<Real>(steps),
      ratio_betas([=](int t) { return cosine_alpha_bar(t, steps, double(Real(0.008))); }, double(Real(0.999))));
  DYNAMIC_SECTION("sigmoid, T = " << steps)
  require_correct_rounding(
      sigmoid_schedule<Real>(steps),
      ratio_betas([=](int t) { return sigmoid_alpha_bar(t, steps, -3, 3, 1); }, double(Real(0.999))));
  DYNAMIC_SECTION("constant, T = " << steps)
  require_correct_rounding(constant_schedule<Real>(steps), [](int) { return truth::Real(Real(0.02)); });
}

TEST_CASE("schedules with other arguments are correctly rounded",
          "[rounding][ho2020.linear][nichol2021.17][jabri2022.sigmoid][sohldickstein2015.beta]") {
  using rounding::require_correct_rounding;
  require_correct_rounding(cosine_schedule(50, 0.0, 1.0),
                           ratio_betas([](int t) { return cosine_alpha_bar(t, 50, 0.0); }, 1.0));
  require_correct_rounding(cosine_schedule(50, 0.2, 0.03),
                           ratio_betas([](int t) { return cosine_alpha_bar(t, 50, 0.2); }, 0.03));
  require_correct_rounding(sigmoid_schedule(77, 0.0, 3.0, 0.9),
                           ratio_betas([](int t) { return sigmoid_alpha_bar(t, 77, 0.0, 3.0, 0.9); }, 0.999));
  require_correct_rounding(sigmoid_schedule(64, -9.0, 1.5, 0.3, 0.5),
                           ratio_betas([](int t) { return sigmoid_alpha_bar(t, 64, -9.0, 1.5, 0.3); }, 0.5));
  require_correct_rounding(linear_schedule(40, 0.9, 1.0), linear_betas(40, 0.9, 1.0));
  require_correct_rounding(linear_schedule(40, 0.5, 1e-12), linear_betas(40, 0.5, 1e-12));
  require_correct_rounding(linear_schedule(9, 0x1p-54, 0x1p-52), linear_betas(9, 0x1p-54, 0x1p-52));
  require_correct_rounding(warmup_schedule(200, 0.1),
                           [](int t) { return t > 20 ? truth::Real(0.02) : linear_betas(20, 1e-4, 0.02)(t); });
  require_correct_rounding(warmup_schedule(100),
                           [](int t) { return t > 10 ? truth::Real(0.02) : linear_betas(10, 1e-4, 0.02)(t); });
  require_correct_rounding(warmup_schedule(10, 0.39, 0.25, 0.5),
                           [](int t) { return t > 3 ? truth::Real(0.5) : linear_betas(3, 0.25, 0.5)(t); });
  require_correct_rounding(warmup_schedule(5, 1, 0.5, 0.25), linear_betas(5, 0.5, 0.25));
  require_correct_rounding(warmup_schedule(5, 0, 0.5, 0.25), [](int) { return truth::Real(0.25); });
  require_correct_rounding(warmup_schedule(20, 0.05, 1e-3, 0.5),
                           [](int t) { return t > 1 ? truth::Real(0.5) : truth::Real(1e-3); });
  require_correct_rounding(jensen_shannon_schedule(500), [](int t) { return truth::Real(1) / (500 - t + 1); });
}

TEST_CASE("a linear schedule of a million steps is correctly rounded", "[rounding][long]") {
  // Every value; the logarithms at every 25th step, or at all (in minutes) with DIFFUSION_EXHAUSTIVE in the
  // environment.
  const long stride = std::getenv("DIFFUSION_EXHAUSTIVE") != nullptr ? 1 : 25;
  constexpr int steps = 1000000;
  rounding::require_correct_rounding(linear_schedule(steps, 0.1 / steps, 20.0 / steps),
                                     linear_betas(steps, 0.1 / steps, 20.0 / steps), stride);
}

TEST_CASE("the middle of a symmetric schedule has log-SNR zero, exactly", "[schedules]") {
  for (const int steps : {2, 10, 100, 1000, 4000, 1000000}) {
    REQUIRE(sigmoid_schedule(steps)(steps / 2).log_snr() == 0.0);
    REQUIRE(sigmoid_schedule(steps)(steps / 2).alpha_bar() == 0.5);
    REQUIRE(jensen_shannon_schedule(steps)(steps / 2).log_snr() == 0.0);
  }
}

TEST_CASE("rescaling to zero terminal SNR", "[schedules][lin2023.alg1]") {
  const auto schedule = scaled_linear_schedule(1000);
  const auto rescaled = rescale_zero_terminal_snr(schedule);
  truth::Real last = 1, first = 0;
  std::vector<truth::Real> roots{1};
  for (int t = 1; t <= 1000; ++t) {
    last *= 1 - scaled_linear_betas(1000, 0.00085, 0.012)(t);
    roots.push_back(sqrt(last));
  }
  first = roots[1];
  last = roots[1000];
  rounding::Misrounded wrong;
  for (int t = 1; t < 1000; ++t) {
    const truth::Real signal = (roots[std::size_t(t)] - last) * first / (first - last);
    rounding::compare_level(wrong, rescaled(t), t, signal * signal, 1 - signal * signal, true);
    const truth::Real before = t == 1 ? truth::Real(1) : (roots[std::size_t(t - 1)] - last) * first / (first - last);
    wrong.compare("beta", t, rescaled.beta(t), 1 - signal * signal / (before * before));
  }
  wrong.require_none();
  REQUIRE(rescaled(1).alpha_bar() == schedule(1).alpha_bar());
  REQUIRE(rescaled(1000).signal() == 0);
  REQUIRE(rescaled(1000).noise() == 1);
  REQUIRE(rescaled.beta(1000) == 1);
  const auto twice = rescale_zero_terminal_snr(rescaled);
  for (int t = 0; t <= 1000; ++t) REQUIRE(twice(t).alpha_bar() == rescaled(t).alpha_bar());
}

TEST_CASE("a schedule from its own alpha_bars", "[schedules]") {
  std::mt19937_64 engine(5);
  std::vector<double> alpha_bars;
  double alpha_bar = 1;
  for (int t = 1; t <= 200; ++t) alpha_bars.push_back(alpha_bar *= 1 - 0.1 * double(engine() >> 11) * 0x1p-53);
  const auto schedule = schedule_from_alpha_bars(alpha_bars);
  rounding::Misrounded wrong;
  for (int t = 1; t <= 200; ++t) {
    const truth::Real now = alpha_bars[std::size_t(t - 1)], before = t == 1 ? 1.0 : alpha_bars[std::size_t(t - 2)];
    rounding::compare_level(wrong, schedule(t), t, now, 1 - now, true);
    wrong.compare("beta", t, schedule.beta(t), 1 - now / before);
    wrong.compare("alpha", t, schedule.alpha(t), now / before);
  }
  wrong.require_none();
  const std::vector<double> to_zero{0.5, 0.0};
  REQUIRE(schedule_from_alpha_bars(std::span<const double>(to_zero))(2).log_snr() ==
          -std::numeric_limits<double>::infinity());
}

TEST_CASE("bad arguments of schedules are named", "[schedules][errors]") {
  using Catch::Matchers::Equals;
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto message = [](auto make) -> std::string {
    try {
      (void)make();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  const auto bad = [&](auto make, const std::string& function, const std::string& argument, double value,
                       const std::string& expected) {
    std::ostringstream text;
    text << "diffusion::" << function << ": " << argument << " = " << value << ", expected " << expected;
    REQUIRE(message([&] { return make(value); }) == text.str());
  };
  for (const int n : {0, -3}) {
    bad([](double x) { return linear_schedule(int(x)); }, "linear_schedule", "steps", n, "at least 1");
    bad([](double x) { return scaled_linear_schedule(int(x)); }, "scaled_linear_schedule", "steps", n, "at least 1");
    bad([](double x) { return constant_schedule(int(x)); }, "constant_schedule", "steps", n, "at least 1");
    bad([](double x) { return warmup_schedule(int(x)); }, "warmup_schedule", "steps", n, "at least 1");
    bad([](double x) { return jensen_shannon_schedule(int(x)); }, "jensen_shannon_schedule", "steps", n, "at least 1");
    bad([](double x) { return cosine_schedule(int(x)); }, "cosine_schedule", "steps", n, "at least 1");
    bad([](double x) { return sigmoid_schedule(int(x)); }, "sigmoid_schedule", "steps", n, "at least 1");
  }
  for (const double beta : {0.0, -0.5, 1.5, nan}) {
    const std::string in = "a number in (0, 1]", first = "beta_first", last = "beta_last";
    bad([](double x) { return linear_schedule(9, x); }, "linear_schedule", first, beta, in);
    bad([](double x) { return linear_schedule(9, 0.25, x); }, "linear_schedule", last, beta, in);
    bad([](double x) { return scaled_linear_schedule(9, x); }, "scaled_linear_schedule", first, beta, in);
    bad([](double x) { return scaled_linear_schedule(9, 0.25, x); }, "scaled_linear_schedule", last, beta, in);
    bad([](double x) { return constant_schedule(9, x); }, "constant_schedule", "beta", beta, in);
    bad([](double x) { return warmup_schedule(9, 0.5, x); }, "warmup_schedule", first, beta, in);
    bad([](double x) { return warmup_schedule(9, 0.5, 0.25, x); }, "warmup_schedule", last, beta, in);
    bad([](double x) { return cosine_schedule(9, 0, x); }, "cosine_schedule", "beta_max", beta, in);
    bad([](double x) { return sigmoid_schedule(9, -3, 3, 1, x); }, "sigmoid_schedule", "beta_max", beta, in);
  }
  for (const double x : {-0.5, 1.5, nan})
    bad([](double w) { return warmup_schedule(3, w); }, "warmup_schedule", "warmup", x, "a number in [0, 1]");
  for (const double x : {-0.5, inf, nan})
    bad([](double o) { return cosine_schedule(3, o); }, "cosine_schedule", "offset", x, "a number in [0, infinity)");
  for (const double x : {inf, -inf, nan}) {
    bad([](double s) { return sigmoid_schedule(3, s); }, "sigmoid_schedule", "start", x, "a finite number");
    bad([](double e) { return sigmoid_schedule(3, 1, e); }, "sigmoid_schedule", "end", x,
        "a finite number above start");
    bad([](double k) { return sigmoid_schedule(3, -3, 3, k); }, "sigmoid_schedule", "tau", x,
        "a finite number above 0");
  }
  for (const double x : {1.0, -3.0})
    bad([](double e) { return sigmoid_schedule(3, 1, e); }, "sigmoid_schedule", "end", x,
        "a finite number above start");
  for (const double x : {0.0, -0.5})
    bad([](double k) { return sigmoid_schedule(3, -3, 3, k); }, "sigmoid_schedule", "tau", x,
        "a finite number above 0");
  REQUIRE(message([] { return rescale_zero_terminal_snr(linear_schedule(1)); }) ==
          "diffusion::rescale_zero_terminal_snr: schedule.steps() = 1, expected at least 2");
  for (const double x : {1.0, -0.5, nan})
    bad([](double a) { return schedule_from_alpha_bars(std::vector{a}); }, "schedule_from_alpha_bars", "alpha_bars[0]",
        x, "a number in [0, 1), less than the one before");
  bad([](double a) { return schedule_from_alpha_bars(std::vector{0.5, a}); }, "schedule_from_alpha_bars",
      "alpha_bars[1]", 0.5, "a number in [0, 1), less than the one before");
  REQUIRE(message([] { return schedule_from_alpha_bars(std::vector<double>{0.9, 0.95}); }) ==
          "diffusion::schedule_from_alpha_bars: alpha_bars[1] = 0.94999999999999996, expected a number in [0, 1), less "
          "than the one before");
  REQUIRE(message([] { return schedule_from_alpha_bars(std::vector<double>{}); }) ==
          "diffusion::schedule_from_alpha_bars: alpha_bars.size() = 0, expected at least one");
}
