// SPDX-License-Identifier: MIT
// Proves, for whole ranges of log-SNR at once, what the scalars of the library are and how well they are computed.
//
// The library's templates run on Enclosed (enclosed.hpp), which assumes of Wide only what Arithmetic says. For each
// result of formulas.hpp, along every path of comparisons that is not ruled out:
//   * in exact arithmetic it is its textbook form: for all levels, variance preserving or not;
//   * its error before the last rounding is below the bound of its family of levels, over the range of pieces().
// docs/proofs.md says what follows from it and what does not. Then the prover is tested: by mistakes that it must
// refuse, and at points, where the errors of Wide and of a narrower arithmetic must keep below the bounds.
#include <boost/multiprecision/mpfr.hpp>
#include <cstdio>
#include <random>

#include "../tests/support/truth.hpp"
#include "formulas.hpp"

using namespace proofs;

namespace {

// ---- the levels ----------------------------------------------------------------------------------------------------

enum class Family {
  vp_level,  // levels that vp_level makes of log-SNRs
  table,     // variance preserving, with relative errors of the squares up to 2^-172, as in a DiscreteSchedule
  ve_level,  // signal 1, noise^2 exact, as ve_level makes them
  any        // any signals and noises, s cleaner than t; exact functions only
};
constexpr Bound table_error{0x1p-172};
constexpr Bound bound_of(Family family) {
  return {family == Family::table ? 0x1p-157 : family == Family::vp_level ? 0x1p-166 : 0x1p-180};
}

constexpr double range = 40;           // lambda_s and lambda_t lie in [-range, range]
constexpr double least_gap = 0x1p-52;  // lambda_s - lambda_t is at least that

/// lambda_t in [low, high], lambda_s - lambda_t in [gap_low, gap_high].
struct Region {
  double low, high, gap_low, gap_high;

  std::string text() const {
    char text[160];
    std::snprintf(text, sizeof text, "lambda_t in [%.9g, %.9g], lambda_s - lambda_t in [%.9g, %.9g]", low, high,
                  gap_low, gap_high);
    return text;
  }
  /// What takes the error of a claim to the one that has the bound: its largest value in the region.
  Bound factor(Error error) const { return {error == Error::near ? std::min(1.0, gap_high) : 1}; }
};

Squares squares_of(Family family, bool s) {
  const Exact one(1);
  if (family == Family::any) {
    const Squares clean{Exact(Parameter::signal_s), Exact(Parameter::noise_s)};
    const Exact factor(Parameter::scale);
    return s ? clean : Squares{factor * clean.signal, factor * clean.noise + Exact(Parameter::variance)};
  }
  const Exact snr = Exact(Parameter::snr_t) * (s ? Exact(Parameter::step) + one : one);
  return family == Family::ve_level ? Squares{one, one / snr} : Squares{snr / (snr + one), one / (snr + one)};
}

NoiseLevel<Enclosed> level(Family family, bool s) {
  const Squares squares = squares_of(family, s);
  if (family == Family::vp_level) return diffusion::vp_level<Enclosed>(Enclosed::input(log(squares.snr()), Bound()));
  const Bound error = family == Family::table ? table_error : Bound();
  return {Enclosed::input(squares.signal, error), Enclosed::input(squares.noise, error), Enclosed(0)};
}

template <class F>
Claims claims_of(Family family) {
  return F::claims(squares_of(family, true), squares_of(family, false));
}

// ---- the proof -----------------------------------------------------------------------------------------------------

/// What is known of the results of a formula: their errors, and what keeps them from being its textbook form.
struct Proven {
  std::string objection;
  std::vector<Bound> errors;
};

/// Runs a formula on a region, or for all parameters, along every path of its comparisons.
template <class F>
Proven run(Family family, const Region* region) {
  static Box box;
  if (region) {
    box.set(Parameter::snr_t, exp(Ball(region->low)), exp(Ball(region->high)));
    box.set(Parameter::step, expm1(Ball(region->gap_low)), expm1(Ball(region->gap_high)));
    ++machine.box_number;
  }
  machine.box = region ? &box : nullptr;
  const bool variance_preserving = family == Family::vp_level || family == Family::table;
  const auto claims = claims_of<F>(family);
  Proven proven{{}, std::vector<Bound>(claims.size())};
  try {
    all_paths([&] {
      const auto results = F::computed(level(family, true), level(family, false));
      for (std::size_t i = 0; i < claims.size(); ++i) {
        if (!claims[i].any_levels && !variance_preserving) continue;
        if (!same(results[i].exact(), claims[i].textbook))
          proven.objection = claims[i].name + " is not its textbook form";
        const bool absolute = claims[i].error == Error::absolute;
        proven.errors[i] =
            std::max(proven.errors[i], absolute ? results[i].absolute_error() : results[i].relative_error());
      }
    });
  } catch (const std::exception& e) {
    proven.objection = e.what();
  }
  return proven;
}

/// What a proof of a formula over a range comes to: its failure, or for each claim the worst error, times its factor.
struct Theorem {
  std::string failure;
  std::vector<Bound> worst;
};

/// Proves the claims of F on a region, by halves where the whole is too wide: there a path that no machine takes may
/// not be ruled out.
template <class F>
void prove(Theorem& theorem, Family family, const Region& region, int halvings = 12) {
  if (!theorem.failure.empty()) return;
  auto [objection, errors] = run<F>(family, &region);
  const auto claims = claims_of<F>(family);
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const Bound factor = region.factor(claims[i].error);
    errors[i] = errors[i] * factor;
    if (errors[i] > bound_of(family) + claims[i].last * factor) objection = "the error of " + claims[i].name;
  }
  if (objection.empty()) {
    theorem.worst.resize(claims.size());
    for (std::size_t i = 0; i < claims.size(); ++i) theorem.worst[i] = std::max(theorem.worst[i], errors[i]);
  } else if (halvings == 0) {
    theorem.failure = "no proof at " + region.text() + ": " + objection;
  } else {
    Region first = region, second = region;
    if (region.high - region.low > std::log(region.gap_high / region.gap_low))
      first.high = second.low = (region.low + region.high) / 2;
    else
      first.gap_high = second.gap_low = std::sqrt(region.gap_low * region.gap_high);
    prove<F>(theorem, family, first, halvings - 1);
    prove<F>(theorem, family, second, halvings - 1);
  }
}

/// The whole range in pieces; of one level, all lambda_t.
std::vector<Region> pieces(bool one_level) {
  std::vector<Region> all;
  for (double low = -range; low < range; low += 2) {
    if (one_level) all.push_back({low, low + 2, 1, 1});
    for (double gap = least_gap, step; low + gap < range && !one_level; gap += step) {
      step = std::min(3 * gap, 2.0);
      all.push_back({low, low + 2, gap, gap + step});
    }
  }
  return all;
}

template <class F>
Theorem theorem_of(Family family) {
  Theorem theorem;
  for (const Region& region : pieces(requires { F::one_level; })) prove<F>(theorem, family, region);
  return theorem;
}

int failures = 0;
void require(bool holds, const std::string& what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what.c_str());
  ++failures;
}

template <class F>
void prove_everywhere() {
  const std::string objection = run<F>(Family::any, nullptr).objection;
  require(objection.empty(), "for any levels: " + objection);
  std::vector<Theorem> theorems;
  for (const Family family : {Family::vp_level, Family::table, Family::ve_level}) {
    theorems.push_back(theorem_of<F>(family));
    require(theorems.back().failure.empty(), theorems.back().failure);
  }
  const auto claims = claims_of<F>(Family::any);
  for (std::size_t i = 0; i < claims.size(); ++i) {
    std::printf("%-36s", claims[i].name.c_str());
    for (const Theorem& theorem : theorems) {
      const double worst = i < theorem.worst.size() ? theorem.worst[i].value : 0;
      if (worst > 0x1p-500)
        std::printf(" 2^%-7.1f", std::log2(worst));
      else
        std::printf(" %-9s", claims[i].any_levels ? "exact" : "-");
    }
    std::printf(" %s\n", claims[i].error == Error::near       ? "times min(1, lambda_s - lambda_t)"
                         : claims[i].error == Error::absolute ? "absolute"
                                                              : "");
  }
}

// ---- the prover tested ---------------------------------------------------------------------------------------------

template <class F>
void must_fail(Family family, const std::string& reason) {
  const std::string failure = theorem_of<F>(family).failure;
  require(failure.find(reason) != std::string::npos, "not refused: " + reason + "; " + failure);
  std::printf("refused: %s\n", failure.c_str());
}

template <class F, class Real>
Results<Real> computed_at(const Region& point) {
  using diffusion::vp_level;
  return F::computed(vp_level<Real>(Real(point.low + point.gap_low)), vp_level<Real>(Real(point.low)));
}

truth::Real exact_value(const diffusion::numerics::Wide& x) { return truth::exact(x); }
template <class Number>
truth::Real exact_value(const Number& x) {
  return truth::Real(x);
}

/// At random points the errors of an arithmetic must not exceed the bounds. Returns the largest share of a bound.
template <class F, class Number>
double largest_share(const Arithmetic& arithmetic) {
  machine.arithmetic = arithmetic;
  std::mt19937 random(7);
  const auto draw = [&random](int low, int high) {  // a multiple of 2^-10
    return std::ldexp(low + static_cast<int>(random() % static_cast<unsigned>(high - low)), -10);
  };
  double largest = 0;
  for (int n = 0; n < 100; ++n) {
    const double t = draw(-8 << 10, 8 << 10), gap = draw(1, 8 << 10);
    const Region point{t, t, gap, gap};
    const auto claims = claims_of<F>(Family::vp_level);
    const auto bounds = run<F>(Family::vp_level, &point).errors;
    const auto computed = computed_at<F, Number>(point);
    const auto exact = computed_at<F, truth::Real>(point);
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (exact[i] == 0) continue;
      const truth::Real error = abs(exact_value(computed[i]) - exact[i]);
      const truth::Real size = claims[i].error == Error::absolute ? truth::Real(1) : abs(exact[i]);
      const double share = static_cast<double>(truth::Real(error / size / bounds[i].value));
      require(share <= 1, claims[i].name + ": the bound is too low, " + point.text());
      largest = std::max(largest, share);
    }
  }
  machine.arithmetic = {};
  return largest;
}

/// Every number and function of MPFR is rounded to nearest, so that only the series of minus_log1p errs by more.
using Narrow =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<24>, boost::multiprecision::et_off>;
Arithmetic narrow_arithmetic() {
  const double unit = std::ldexp(1, -static_cast<int>(mpfr_get_prec(Narrow(1).backend().data())));
  return {{unit}, {4 * unit}, 64 * static_cast<double>(std::numeric_limits<Narrow>::epsilon())};
}

template <class... F>
void prove_all() {
  std::printf("Errors before the last rounding, at most. lambda in [-%g, %g], lambda_s - lambda_t >= 2^%g\n", range,
              range, std::log2(least_gap));
  std::printf("%-36s vp_level  table     ve_level\n", "");
  (prove_everywhere<F>(), ...);
  (largest_share<F, diffusion::numerics::Wide>({}), ...);
  std::printf("\nAt points, the errors of Wide keep below their bounds, and those of 80 bits, up to %.0f %% of them\n",
              100 * std::max({largest_share<F, Narrow>(narrow_arithmetic())...}));
}

}  // namespace

int main() {
  prove_all<Levels, LogSnr, Conversions, PriorKl, Transition, Posterior, PosteriorFromNoise, DenoisingKl, Ancestral,
            Ddim<0>, Ddim<1>, Ddim<2>>();
  require(!run<WrongVariance>(Family::any, nullptr).objection.empty(), "a wrong formula was proven for any levels");
  must_fail<WrongVariance>(Family::vp_level, "beta is not its textbook form");
  must_fail<TextbookNoise>(Family::vp_level, "the error of 1 - alpha_bar");
  must_fail<TextbookBeta>(Family::table, "the error of 1 - alpha_bar_t / alpha_bar_s");
  std::printf("%s\n", failures == 0 ? "all proven" : "NOT PROVEN");
  return failures != 0;
}
