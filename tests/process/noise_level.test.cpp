// SPDX-License-Identifier: MIT
#include <diffusion/process/noise_level.hpp>

#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;

namespace {

const double inf = std::numeric_limits<double>::infinity(), nan_ = std::numeric_limits<double>::quiet_NaN();

template <class Real>
void compare_vp(rounding::Misrounded& wrong, Real log_snr) {
  const auto level = vp_level<Real>(log_snr);
  const truth::Real e = exp(-truth::Real(log_snr)), alpha_bar = 1 / (1 + e), noise_variance = e / (1 + e);
  rounding::compare_level(wrong, level, 0, alpha_bar, noise_variance, false);
  wrong.compare("log_snr", 0, level.log_snr(), truth::Real(log_snr));
  wrong.compare("snr", 0, level.snr(), exp(truth::Real(log_snr)));
}

}  // namespace

TEMPLATE_TEST_CASE("a level of given log-SNR is correctly rounded",
                   "[noise_level][rounding][kingma2021.4][kingma2021.5]", double, float) {
  rounding::Misrounded wrong;
  for (int i = 0; i < 20000; ++i) compare_vp(wrong, static_cast<TestType>(uniform(-40, 40)));
  for (int i = 0; i < 2000; ++i) compare_vp(wrong, static_cast<TestType>(uniform(-1500, 1500)));
  for (const double x : {0.0, 1e-300, -1e-300, 5e-324, 1e-20, -1e-38, 0.5, 1.0, 36.7, -36.8, 745.2, -745.2, 1e5, -1e5})
    compare_vp(wrong, static_cast<TestType>(x));
  wrong.require_none();
}

TEST_CASE("a level of given sigma, alpha_bar or signal and noise is correctly rounded",
          "[noise_level][rounding][kingma2021.2][luo2022.109][karras2022.sigma]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 5000; ++i) {
    const double sigma = random_arguments::log_uniform(1e-12, 1e12), alpha_bar = uniform(0, 1);
    const truth::Real exact = sigma, half = alpha_bar;
    rounding::compare_level(wrong, ve_level(sigma), 0, 1, exact * exact, false);
    wrong.compare("log_snr", 0, ve_level(sigma).log_snr(), -2 * log(exact));
    rounding::compare_level(wrong, alpha_bar_level(alpha_bar), 0, half, 1 - half, true);
    const double t = uniform(0, 1);
    const truth::Real signal = 1.0 - t, noise = t;
    rounding::compare_level(wrong, signal_noise_level(1.0 - t, t), 0, signal * signal, noise * noise, false);
  }
  // near to SNR 1 the logarithm is a difference of almost equal numbers
  const double above = std::nextafter(1.0, 2.0), below = std::nextafter(0.5, 0.0);
  wrong.compare("log_snr", 0, ve_level(above).log_snr(), -2 * log(truth::Real(above)));
  wrong.compare("log_snr", 0, alpha_bar_level(below).log_snr(), log(truth::Real(below) / (1 - truth::Real(below))));
  wrong.require_none();
}

TEST_CASE("infinite ends are ordinary levels", "[noise_level]") {
  const auto clean = vp_level(inf), pure = vp_level(-inf);
  REQUIRE((clean.signal() == 1 && clean.noise() == 0 && clean.snr() == inf && clean.log_snr() == inf &&
           clean.sigma() == 0));
  REQUIRE(
      (pure.signal() == 0 && pure.noise() == 1 && pure.snr() == 0 && pure.log_snr() == -inf && pure.sigma() == inf));
  const NoiseLevel<> standard;
  REQUIRE((standard.signal() == 1 && standard.noise() == 0 && standard.log_snr() == inf && standard.time() == 0));
  REQUIRE(
      (ve_level(0).log_snr() == inf && alpha_bar_level(0).log_snr() == -inf && alpha_bar_level(1).log_snr() == inf));
  REQUIRE((signal_noise_level(0, 1).log_snr() == -inf && signal_noise_level(1, 0).log_snr() == inf));
  REQUIRE(ve_level(2.5).sigma() == 2.5);
  REQUIRE(ve_level(2.5).noise() == 2.5);
}

TEST_CASE("a level has the time that it is given, and 0 otherwise", "[noise_level]") {
  REQUIRE((vp_level(0.0, 7.0).time() == 7 && vp_level(0.0).time() == 0));
  REQUIRE((ve_level(1, 0.25).time() == 0.25 && ve_level(1).time() == 0));
  REQUIRE((alpha_bar_level(0.5, 3).time() == 3 && alpha_bar_level(0.5).time() == 0));
  REQUIRE((signal_noise_level(0.5, 0.5, 0.5).time() == 0.5 && signal_noise_level(0.5, 0.5).time() == 0));
}

TEST_CASE("the working values of a level, noise^2 - 1 even where it is tiny", "[noise_level][rounding]") {
  rounding::Misrounded wrong;
  const auto compare = [&](const NoiseLevel<double>& level, const truth::Real& signal_squared,
                           const truth::Real& noise_squared, const truth::Real& minus_one) {
    const auto rounded = [](const numerics::Wide& x) { return x.round_to<double>(); };
    wrong.compare("signal^2", 0, rounded(level.working_signal_squared()), signal_squared);
    wrong.compare("noise^2", 0, rounded(level.working_noise_squared()), noise_squared);
    wrong.compare("noise^2 - 1", 0, rounded(level.working_noise_squared_minus_one()), minus_one);
    wrong.compare("log_snr", 0, rounded(level.working_log_snr()), log(signal_squared / noise_squared));
  };
  for (int i = 0; i < 2000; ++i) {
    const double log_snr = uniform(-700, 700), sigma = random_arguments::log_uniform(1e-6, 1e6), t = uniform(0, 1);
    const truth::Real e = exp(-truth::Real(std::abs(log_snr))), large = 1 / (1 + e), small = e / (1 + e);
    const auto level = vp_level(log_snr);
    if (log_snr > 0)
      compare(level, large, small, -large);
    else
      compare(level, small, large, -small);
    const truth::Real squared = truth::Real(sigma) * truth::Real(sigma), signal = 1 - t, noise = t;
    compare(ve_level(sigma), 1, squared, squared - 1);
    compare(signal_noise_level(1 - t, t), signal * signal, noise * noise, noise * noise - 1);
  }
  wrong.require_none();
  REQUIRE(ve_level(1.0).working_noise_squared_minus_one().is_zero());
}

TEST_CASE("bad arguments of levels are named", "[noise_level][errors]") {
  REQUIRE(message([] { return vp_level(nan_); }) == "diffusion::vp_level: log_snr = nan, expected a number");
  const auto text = [](double x) {
    std::ostringstream out;
    out << x;
    return out.str();
  };
  for (const double bad : {-0.25, 1.25}) {
    REQUIRE(message([=] { return alpha_bar_level(bad); }) ==
            "diffusion::alpha_bar_level: alpha_bar = " + text(bad) + ", expected a number in [0, 1]");
  }
  for (const double bad : {-0.25, inf, nan_}) {
    const std::string expected = " = " + text(bad) + ", expected a number in [0, infinity)";
    REQUIRE(message([=] { return ve_level(bad); }) == "diffusion::ve_level: sigma" + expected);
    REQUIRE(message([=] { return signal_noise_level(bad, 0.5); }) ==
            "diffusion::signal_noise_level: signal" + expected);
    REQUIRE(message([=] { return signal_noise_level(0.5, bad); }) == "diffusion::signal_noise_level: noise" + expected);
  }
  REQUIRE(message([] { return signal_noise_level(0.0, 0.0); }) ==
          "diffusion::signal_noise_level: noise = 0, expected more than 0 where signal is 0");
}
