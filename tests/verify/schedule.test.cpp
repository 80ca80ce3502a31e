// SPDX-License-Identifier: MIT
#include <diffusion/verify/schedule.hpp>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <diffusion/process/grid.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/catch.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

void require_report(const Report& report) {
  INFO(report.table());
  REQUIRE(report);
}

// The identities that fail, by name.
std::vector<std::string> failures(const Report& report) {
  std::vector<std::string> names;
  for (const Finding& finding : report.findings)
    if (!finding.holds()) names.emplace_back(finding.identity);
  return names;
}

const Finding& finding(const Report& report, std::string_view identity) {
  for (const Finding& f : report.findings)
    if (f.identity == identity) return f;
  FAIL("no identity " << identity);
  return report.findings.front();
}

// Tables as a model file would hold them, the product taken in Product.
template <class Real, class Product>
struct Tables {
  std::vector<Real> betas, alpha_bars;
  explicit Tables(const DiscreteSchedule<double>& schedule) {
    Product product = 1;
    for (int t = 1; t <= schedule.steps(); ++t) {
      betas.push_back(static_cast<Real>(schedule.beta(t)));
      product *= 1 - static_cast<Product>(betas.back());
      alpha_bars.push_back(static_cast<Real>(product));
    }
  }
  TabulatedSchedule<Real> schedule() const { return TabulatedSchedule<Real>(betas, alpha_bars); }
};

const char* const step = "alpha_bar_t = alpha_t alpha_bar_(t-1)";
const char* const product = "alpha_bar_t = alpha_1 ... alpha_t";
const char* const variance = "1 - alpha_bar_t from the betas";

}  // namespace

TEMPLATE_TEST_CASE("every schedule of the library holds", "[verify][ho2020.4][ho2020.6][ho2020.7][ho2020.11]", float,
                   double, long double) {
  using Real = TestType;
  const int steps = GENERATE(1, 2, 3, 10, 100, 1000);
  require_report(verify(linear_schedule<Real>(steps)));
  require_report(verify(scaled_linear_schedule<Real>(steps)));
  require_report(verify(quadratic_schedule<Real>(steps)));
  require_report(verify(constant_schedule<Real>(steps)));
  require_report(verify(warmup_schedule<Real>(steps)));
  require_report(verify(jensen_shannon_schedule<Real>(steps)));
  require_report(verify(cosine_schedule<Real>(steps)));
  require_report(verify(sigmoid_schedule<Real>(steps)));
  if (steps > 1) require_report(verify(rescale_zero_terminal_snr(linear_schedule<Real>(steps))));
  require_report(verify(VpLinearSchedule<Real>(), steps));
  require_report(verify(CosineLogSnrSchedule<Real>(), steps));
  require_report(verify(LinearLogSnrSchedule<Real>(), steps));
  require_report(verify(VeGeometricSchedule<Real>(), steps));
}

TEST_CASE("a long chain, a respaced grid and a multiprecision schedule hold", "[verify]") {
  require_report(verify(linear_schedule(20000, 5e-6, 1e-3)));
  require_report(verify(level_grid(cosine_schedule(1000), 37)));
  require_report(verify(level_grid(linear_schedule(1000), {900, 500, 1})));
  using Big = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<80>, boost::multiprecision::et_off>;
  require_report(verify(linear_schedule<Big>(50)));
}

TEST_CASE("every identity is executed at every step that has it", "[verify]") {
  const Report report = verify(linear_schedule(100));
  REQUIRE(report.findings.size() == 19);
  for (const Finding& f : report.findings) {
    const bool once = std::string_view(f.identity) == "t = 0 is clean data" ||
                      std::string_view(f.identity) == "KL terms add up to (SNR_1 - SNR_T) / 2";
    const bool of_posterior = std::string_view(f.identity).starts_with("Bayes");
    REQUIRE(f.cases == (once ? 1u : of_posterior ? 99u : 100u));
    REQUIRE(f.bound < 1.5 * 100);
  }
}

TEST_CASE("a misplaced beta is seen where it is", "[verify]") {
  Tables<double, double> tables(linear_schedule(1000));
  std::swap(tables.betas[499], tables.betas[500]);
  const Report report = verify(tables.schedule(), 1e4);
  REQUIRE(failures(report) == std::vector<std::string>{step, product, variance});
  REQUIRE(finding(report, step).time >= 500);
  REQUIRE(finding(report, step).time <= 501);

  // all betas one place too late, as with t counted from 0
  Tables<double, double> late(linear_schedule(1000));
  std::rotate(late.betas.begin(), late.betas.begin() + 1, late.betas.end());
  REQUIRE_FALSE(verify(late.schedule(), 1e4));
}

TEST_CASE("a table of alpha_bar that is no product is seen where it is", "[verify]") {
  Tables<double, double> tables(cosine_schedule(100));
  tables.alpha_bars[41] *= 1 + 1e-9;
  const Report report = verify(tables.schedule(), 1e4);
  REQUIRE_FALSE(report);
  REQUIRE(finding(report, step).time >= 42);
  REQUIRE(finding(report, step).time <= 43);
}

TEST_CASE("the digits that a cumulative product loses are counted", "[verify]") {
  const auto exact = linear_schedule(1000);
  const Report in_double = verify(Tables<double, double>(exact).schedule());
  REQUIRE(failures(in_double) == std::vector<std::string>{variance});
  REQUIRE(finding(in_double, variance).residual > 1500);
  REQUIRE(finding(in_double, variance).residual < 2500);
  REQUIRE(verify(Tables<double, double>(exact).schedule(), 2000));

  const Report in_float = verify(Tables<float, float>(exact).schedule());
  REQUIRE(failures(in_float) == std::vector<std::string>{variance});
  REQUIRE(finding(in_float, variance).residual > 1000);

  // a float product behind a double interface: 29 bits are missing
  const Report mixed = verify(Tables<double, float>(exact).schedule(), 1e4);
  REQUIRE_FALSE(mixed);
  REQUIRE(finding(mixed, step).residual > 1e8);
  REQUIRE(mixed.table().find("FAILS alpha_bar_t = alpha_t alpha_bar_(t-1)") != std::string::npos);
}

TEST_CASE("a schedule that breaks one promise fails it", "[verify]") {
  struct Broken {
    DiscreteSchedule<double> exact = linear_schedule(20);
    double (*alpha_of)(double beta) = [](double beta) { return 1 - beta; };
    NoiseLevel<double> (*level_of)(const NoiseLevel<double>&) = [](const NoiseLevel<double>& level) { return level; };
    int steps() const { return 20; }
    double beta(int t) const { return exact.beta(t); }
    double alpha(int t) const { return alpha_of(exact.beta(t)); }
    NoiseLevel<double> operator()(int t) const { return level_of(exact(t)); }
  };
  REQUIRE(verify(Broken{}, 4));
  Broken alpha;
  alpha.alpha_of = [](double beta) { return 1 - beta * (1 + 1e-9); };
  REQUIRE(failures(verify(alpha, 4)).front() == "alpha_t = 1 - beta_t");
  Broken shifted;
  shifted.level_of = [](const NoiseLevel<double>& level) {
    return NoiseLevel<double>(level.working_signal_squared(), level.working_noise_squared(), level.time() - 1);
  };
  REQUIRE(failures(verify(shifted, 4)) == std::vector<std::string>{"a level knows its t"});
  Broken exploding;  // noise as it was, signal 1
  exploding.level_of = [](const NoiseLevel<double>& level) { return ve_level(level.noise(), level.time()); };
  REQUIRE(failures(verify(exploding, 1e6)).front() == "variance preserving: signal^2 + noise^2 = 1");
  Broken noisy_data;
  noisy_data.level_of = [](const NoiseLevel<double>& level) { return level.time() == 0 ? vp_level(20.0) : level; };
  REQUIRE(failures(verify(noisy_data, 4)).front() == "t = 0 is clean data");
  Broken flat;  // two levels are the same
  flat.level_of = [](const NoiseLevel<double>& level) { return level.time() == 7 ? linear_schedule(20)(6) : level; };
  REQUIRE(finding(verify(flat, 1e12), "SNR falls from level to level").residual > 0);
}

TEST_CASE("a schedule without betas need not preserve variance", "[verify]") {
  struct StraightLine {
    int steps() const { return 20; }
    NoiseLevel<double> operator()(int t) const { return signal_noise_level<double>(1 - t / 20.0, t / 20.0, t); }
  };
  REQUIRE(verify(StraightLine{}));
}

TEST_CASE("what cannot be verified is named", "[verify][errors]") {
  const std::vector<double> one{0.5};
  const TabulatedSchedule<double> table(one, one);
  REQUIRE(message([&] { return table(2); }) == "diffusion::TabulatedSchedule: t = 2, expected 0..T");
  REQUIRE(message([&] { return table(-1); }) == "diffusion::TabulatedSchedule: t = -1, expected 0..T");
  REQUIRE(message([&] { return table.beta(0); }) == "diffusion::TabulatedSchedule::beta: t = 0, expected 1..T");
  REQUIRE(message([&] { return table.beta(2); }) == "diffusion::TabulatedSchedule::beta: t = 2, expected 1..T");
  const std::vector<double> betas{0.1, 0.2}, alpha_bars{0.9};
  REQUIRE(message([&] { return TabulatedSchedule<double>(betas, alpha_bars); }) ==
          "diffusion::TabulatedSchedule: alpha_bars has 1 elements, expected 2, as betas");
  const std::vector<double> bad{0.9, 1.5};
  REQUIRE(message([&] { return TabulatedSchedule<double>(betas, bad); }) ==
          "diffusion::TabulatedSchedule: alpha_bars[1] = 1.5, expected a number in [0, 1]");
  REQUIRE(message([&] { return TabulatedSchedule<double>({}, {}); }) ==
          "diffusion::TabulatedSchedule: betas.size() = 0, expected at least one beta");
  REQUIRE(message([] { return verify(std::vector<NoiseLevel<double>>(1)); }) ==
          "diffusion::verify: levels.size() = 1, expected at least two levels");
  REQUIRE(message([] { return verify(VpLinearSchedule<>(), 0); }) == "diffusion::verify: n = 0, expected at least 1");
  REQUIRE(message([] { return verify(linear_schedule(3), 0.5); }) ==
          "diffusion::verify: slack = 0.5, expected a finite number, at least 1");
}
