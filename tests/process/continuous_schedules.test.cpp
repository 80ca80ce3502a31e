// SPDX-License-Identifier: MIT
#include <diffusion/process/continuous_schedules.hpp>

#include <boost/math/constants/constants.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;

namespace {

// Times in [0, 1], near to both ends and between.
std::vector<double> times() {
  std::vector<double> t{0.0, 1.0, 0.5, 0.25, std::nextafter(1.0, 0.0), 1e-5, 1e-3, 0x1p-60};
  for (int i = 0; i < 2000; ++i) {
    const double u = random_arguments::uniform(0, 1);
    t.insert(t.end(), {u, random_arguments::log_uniform(1e-12, 1), 1 - u * 1e-6});
  }
  return t;
}

// What a schedule is, in the truth; the log-SNR apart where it is simpler than the squares, and may be a tie.
struct Squares {
  truth::Real signal, noise, log_snr;
  Squares(const truth::Real& s, const truth::Real& n) : signal(s), noise(n), log_snr(log(s / n)) {}
  Squares(const truth::Real& s, const truth::Real& n, const truth::Real& l) : signal(s), noise(n), log_snr(l) {}
};

Squares of_log_snr(const truth::Real& log_snr) {
  const truth::Real e = exp(-log_snr);
  return {1 / (1 + e), e / (1 + e), log_snr};
}

// Every scalar of the levels against squares(t); also that time_at is the inverse, to the last bit.
template <class Schedule, class SquaresAt>
void require_schedule(const Schedule& schedule, SquaresAt squares, double first_time = 0, double last_time = 1) {
  rounding::Misrounded wrong;
  for (const double t : times()) {
    const auto level = schedule(t);
    REQUIRE(level.time() == t);
    REQUIRE(schedule.time_at(level) == t);
    if (t < first_time || t > last_time) continue;  // an end where the textbook formula is infinite
    const Squares exact = squares(truth::Real(t));
    rounding::compare_level(wrong, level, 0, exact.signal, exact.noise, false);
    wrong.compare("log_snr", 0, level.log_snr(), abs(exact.log_snr) < 1e-110 ? truth::Real(0) : exact.log_snr);
  }
  wrong.require_none();
}

}  // namespace

TEST_CASE("the linear VP schedule is correctly rounded and invertible", "[continuous][rounding][song2021.33]") {
  for (const auto& ends : {std::pair(0.1, 20.0), std::pair(1.0, 1.0), std::pair(1e-3, 700.0)}) {
    require_schedule(
        VpLinearSchedule(ends.first, ends.second),
        [low = ends.first, high = ends.second](const truth::Real& t) -> Squares {
          const truth::Real integral = truth::Real(low) * t + (truth::Real(high) - truth::Real(low)) * t * t / 2;
          return {exp(-integral), -expm1(-integral)};
        },
        1e-300);
  }
  REQUIRE(VpLinearSchedule<>()(0.0).noise() == 0);
}

TEST_CASE("the linear log-SNR schedule is correctly rounded and invertible",
          "[continuous][rounding][kingma2021.linear]") {
  for (const auto& ends : {std::pair(13.3, -5.0), std::pair(10.0, -10.0), std::pair(2.0, 1.0)})
    require_schedule(LinearLogSnrSchedule(ends.first, ends.second),
                     [high = ends.first, low = ends.second](const truth::Real& t) {
                       return of_log_snr(truth::Real(high) - (truth::Real(high) - truth::Real(low)) * t);
                     });
  REQUIRE(LinearLogSnrSchedule<>()(0.0).log_snr() == 13.3);
  REQUIRE(LinearLogSnrSchedule<>()(1.0).log_snr() == -5);
}

TEST_CASE("the cosine schedule is correctly rounded and invertible", "[continuous][rounding][hoogeboom2023.cosine]") {
  const truth::Real half_pi = boost::math::constants::half_pi<truth::Real>();
  require_schedule(
      CosineLogSnrSchedule<>(),
      [&](const truth::Real& t) -> Squares {
        const truth::Real c = t > 0.5 ? sin(half_pi * (1 - t)) : cos(half_pi * t);
        const truth::Real s = t > 0.5 ? cos(half_pi * (1 - t)) : sin(half_pi * t);
        return {c * c, s * s};
      },
      1e-300, 0x1.fffffffffffffp-1);
  require_schedule(CosineLogSnrSchedule(15.0, -15.0), [&](const truth::Real& t) -> Squares {
    const truth::Real a = atan(exp(truth::Real(-7.5))), b = atan(exp(truth::Real(7.5))), angle = a + (b - a) * t;
    return {cos(angle) * cos(angle), sin(angle) * sin(angle)};
  });
  REQUIRE(CosineLogSnrSchedule<>()(0.0).log_snr() == std::numeric_limits<double>::infinity());
  REQUIRE(CosineLogSnrSchedule<>()(1.0).log_snr() == -std::numeric_limits<double>::infinity());
  REQUIRE(CosineLogSnrSchedule<>()(1.0).signal() == 0);
  REQUIRE(CosineLogSnrSchedule<>()(0.5).log_snr() == 0);
}

TEST_CASE("the geometric VE schedule is correctly rounded and invertible", "[continuous][rounding][song2021.31]") {
  for (const auto& ends : {std::pair(0.01, 50.0), std::pair(0.02, 100.0), std::pair(0.5, 2.0)})
    require_schedule(VeGeometricSchedule(ends.first, ends.second),
                     [low = ends.first, high = ends.second](const truth::Real& t) -> Squares {
                       const truth::Real sigma = truth::Real(low) * exp(t * log(truth::Real(high) / truth::Real(low)));
                       return {1, sigma * sigma};
                     });
  REQUIRE(VeGeometricSchedule<>()(0.0).sigma() == 0.01);
  REQUIRE(VeGeometricSchedule<>()(1.0).sigma() == 50);
}

TEST_CASE("the schedules of the SDEs solve the equations of their mean and variance",
          "[continuous][song2021.31][song2021.33]") {
  // For dx = f x dt + g dw: d signal / dt = f signal, and d noise^2 / dt = 2 f noise^2 + g^2.
  using truth::Real;
  const auto require_solution = [](const auto& schedule, auto f, auto g_squared) {
    for (int i = 0; i < 50; ++i) {
      const Real t = exact::number(0.01, 0.99);
      const auto level = schedule(t);
      const auto slope = [&](auto scalar) {
        return exact::slope([&](const Real& u) { return scalar(schedule(u)); }, t);
      };
      exact::require_equal(slope([](const auto& l) { return l.signal(); }), f(t) * level.signal(),
                           exact::slope_tolerance);
      exact::require_equal(slope([](const auto& l) { return l.noise_variance(); }),
                           2 * f(t) * level.noise_variance() + g_squared(t), exact::slope_tolerance);
    }
  };
  const Real low = 0.25, high = 15, ratio = high / low;
  const auto beta = [&](const Real& t) -> Real { return low + (high - low) * t; };
  require_solution(VpLinearSchedule<Real>(low, high), [&](const Real& t) -> Real { return -beta(t) / 2; }, beta);
  require_solution(
      VeGeometricSchedule<Real>(low, high), [](const Real&) { return Real(0); },
      [&](const Real& t) -> Real { return low * low * pow(ratio, Real(2 * t)) * 2 * log(ratio); });
}

TEST_CASE("a time near 0 is found where the schedule is clean at 0, whatever it is near to", "[continuous]") {
  const VpLinearSchedule<> vp;
  const CosineLogSnrSchedule<> cosine, finite(1e3, -1e3);
  for (const double t : {1e-30, 1e-60, 1e-200}) {
    REQUIRE(vp.time_at(vp(t)) == t);
    REQUIRE(cosine.time_at(cosine(t)) == t);
    REQUIRE(finite.time_at(finite(t)) == t);
  }
}

TEST_CASE("the parameters of the papers are the defaults", "[continuous]") {
  for (const double t : {0.25, 1.0}) {
    REQUIRE(VpLinearSchedule<>()(t).log_snr() == VpLinearSchedule(0.1, 20.0)(t).log_snr());
    REQUIRE(LinearLogSnrSchedule<>()(t).log_snr() == LinearLogSnrSchedule(13.3, -5.0)(t).log_snr());
    REQUIRE(VeGeometricSchedule<>()(t).log_snr() == VeGeometricSchedule(0.01, 50.0)(t).log_snr());
  }
}

TEST_CASE("the slope of the log-SNR is its derivative, correctly rounded", "[continuous][rounding]") {
  using truth::Real;
  const auto check = [](const auto& in_digits, const auto& in_double) {
    for (int i = 0; i < 20; ++i) {
      const Real t = exact::number(0.01, 0.99);
      const Real slope = exact::slope([&](const Real& at) { return in_digits(at).log_snr(); }, t);
      exact::require_equal(in_digits.log_snr_slope(t), slope, exact::slope_tolerance);
      const auto t_double = static_cast<double>(t);
      REQUIRE(in_double.log_snr_slope(t_double) == truth::rounded<double>(in_digits.log_snr_slope(Real(t_double))));
    }
    REQUIRE(message([&] { return in_double.log_snr_slope(1.5); }).ends_with("t = 1.5, expected a time in [0, 1]"));
  };
  check(VpLinearSchedule(Real(0.25), Real(20)), VpLinearSchedule(0.25, 20.0));
  check(LinearLogSnrSchedule(Real(12.5), Real(-5)), LinearLogSnrSchedule(12.5, -5.0));
  check(CosineLogSnrSchedule<Real>(), CosineLogSnrSchedule<>());
  check(CosineLogSnrSchedule(Real(5), Real(-7)), CosineLogSnrSchedule(5.0, -7.0));
  check(VeGeometricSchedule(Real(0.5), Real(50)), VeGeometricSchedule(0.5, 50.0));
  const double infinity = std::numeric_limits<double>::infinity();
  REQUIRE(VpLinearSchedule<>().log_snr_slope(0) == -infinity);
  for (const double t : {0.0, 1.0}) REQUIRE(CosineLogSnrSchedule<>().log_snr_slope(t) == -infinity);
}

TEST_CASE("time_at takes any level of the same log-SNR", "[continuous]") {
  const VeGeometricSchedule<> ve;
  const VpLinearSchedule<> vp;
  rounding::Misrounded wrong;
  for (int i = 0; i < 300; ++i) {
    const double log_snr = random_arguments::uniform(-7, 9);
    const truth::Real log_sigma = -truth::Real(log_snr) / 2, low = log(truth::Real(0.01));
    wrong.compare("ve", i, ve.time_at(vp_level(log_snr)), (log_sigma - low) / (log(truth::Real(50)) - low));
    wrong.compare("linear", i, LinearLogSnrSchedule<>(10, -8).time_at(ve_level(std::exp(-log_snr / 2))),
                  (10 + 2 * log(truth::Real(std::exp(-log_snr / 2)))) / 18);
  }
  wrong.require_none();
  const auto level = ve(0.25);
  REQUIRE_THAT(vp(vp.time_at(level)).log_snr(), Catch::Matchers::WithinRel(level.log_snr(), 1e-14));
}

TEST_CASE("bad arguments of continuous schedules are named", "[continuous][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE(message([] { return VpLinearSchedule<>()(1.5); }) ==
          "diffusion::VpLinearSchedule: t = 1.5, expected a time in [0, 1]");
  REQUIRE(message([] { return VpLinearSchedule<>()(-0.5); }) ==
          "diffusion::VpLinearSchedule: t = -0.5, expected a time in [0, 1]");
  REQUIRE(message([&] { return VpLinearSchedule<>()(nan); }) ==
          "diffusion::VpLinearSchedule: t = nan, expected a time in [0, 1]");
  REQUIRE(message([] { return VpLinearSchedule(0.0, 20.0); }) ==
          "diffusion::VpLinearSchedule: beta_min = 0, expected a number above 0");
  const double inf = std::numeric_limits<double>::infinity();
  REQUIRE(message([] { return VpLinearSchedule(2.0, 1.0); }) ==
          "diffusion::VpLinearSchedule: beta_max = 1, expected a finite number, at least beta_min");
  REQUIRE(message([&] { return VpLinearSchedule(2.0, inf); }) ==
          "diffusion::VpLinearSchedule: beta_max = inf, expected a finite number, at least beta_min");
  REQUIRE(message([&] { return LinearLogSnrSchedule(inf, 2.0); }) ==
          "diffusion::LinearLogSnrSchedule: log_snr_max = inf, expected a finite number");
  REQUIRE(message([&] { return LinearLogSnrSchedule(2.0, -inf); }) ==
          "diffusion::LinearLogSnrSchedule: log_snr_min = -inf, expected a finite number below log_snr_max");
  for (const double high : {1.0, 2.0}) {
    REQUIRE(message([=] { return LinearLogSnrSchedule(high, 2.0); }) ==
            "diffusion::LinearLogSnrSchedule: log_snr_min = 2, expected a finite number below log_snr_max");
    REQUIRE(message([=] { return CosineLogSnrSchedule(high, 2.0); }) ==
            "diffusion::CosineLogSnrSchedule: log_snr_min = 2, expected a number below log_snr_max");
    REQUIRE(message([=] { return VeGeometricSchedule(high, 1.0); }) ==
            "diffusion::VeGeometricSchedule: sigma_max = 1, expected a finite number above sigma_min");
  }
  REQUIRE(message([&] { return VeGeometricSchedule(1.0, inf); }) ==
          "diffusion::VeGeometricSchedule: sigma_max = inf, expected a finite number above sigma_min");
  REQUIRE(message([] { return VeGeometricSchedule(0.0, 1.0); }) ==
          "diffusion::VeGeometricSchedule: sigma_min = 0, expected a number above 0");
  REQUIRE(message([] { return VeGeometricSchedule(-0.5, 1.0); }) ==
          "diffusion::VeGeometricSchedule: sigma_min = -0.5, expected a number above 0");
  REQUIRE(
      message([] { return VeGeometricSchedule<>().time_at(vp_level(50.0)); }) ==
      "diffusion::VeGeometricSchedule::time_at: level.log_snr() = 50, expected a log-SNR within those of the schedule");
  REQUIRE(message([] { return LinearLogSnrSchedule<>().time_at(vp_level(-6.0)); }) ==
          "diffusion::LinearLogSnrSchedule::time_at: level.log_snr() = -6, expected a log-SNR within those of the "
          "schedule");
}

static_assert(ContinuousTimeSchedule<VpLinearSchedule<double>> && !ContinuousTimeSchedule<NoiseLevel<double>>);
