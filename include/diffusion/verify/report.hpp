// SPDX-License-Identifier: MIT
// What a verification found: for each identity the worst residual, where it is, and whether it is within its bound.
//
// A Report converts to bool, true if every identity held, and prints as a table: table(), or << to any stream. A
// residual of rounding errors is in units in the last place of the scalar type; its bound counts the roundings that go
// into it.
//
// Accuracy: residuals are computed in working precision. Source: Higham, Accuracy and Stability of Numerical
// Algorithms, 2002, chapter 3, for counting roundings.
#pragma once

#include <string>
#include <vector>

#include "../numerics/require.hpp"
#include "../numerics/special.hpp"

namespace diffusion {

/// One identity over all levels where it was executed.
struct Finding {
  const char* identity;
  const char* equation;      // its key in docs/equations
  const char* unit = "ulp";  // of residual and bound
  double residual = 0;       // the worst, in proportion to its bound
  double bound = 0;          // what that case may reach
  double time = 0;           // of the level where it is
  std::size_t cases = 0;     // where the identity was executed

  /// NaN does not hold.
  bool holds() const { return residual <= bound; }
};

struct Report {
  std::vector<Finding> findings;

  /// Every identity held, and there was one.
  explicit operator bool() const {
    for (const Finding& finding : findings)
      if (!finding.holds()) return false;
    return !findings.empty();
  }

  /// One line for each identity: verdict, residual, bound, where, how many cases, equation.
  std::string table() const {
    std::string text;
    char line[256];
    for (const Finding& f : findings) {
      std::snprintf(line, sizeof line, "%-5s %-46s %10.3g of %8.3g %-4s at t = %-8.6g %8zu cases  [%s]\n",
                    f.holds() ? "holds" : "FAILS", f.identity, f.residual, f.bound, f.unit, f.time, f.cases,
                    f.equation);
      text += line;
    }
    return text;
  }
};

/// Prints the table on any stream that takes a std::string.
template <class Stream>
  requires requires(Stream& stream, const std::string& text) { stream << text; }
Stream& operator<<(Stream& stream, const Report& report) {
  stream << report.table();
  return stream;
}

namespace verify_details {

/// |value - exact| in units in the last place of Real at `exact`, subnormal numbers included.
template <class Real, class W>
double ulps(const W& value, const W& exact) {
  using numerics::absolute;
  if (numerics::is_nan(value) || numerics::is_nan(exact)) return 0.0 / 0.0;
  if (value == exact) return 0;
  const W difference = absolute(W(value - exact));
  if constexpr (std::same_as<W, numerics::Wide>) {
    using Limits = std::numeric_limits<Real>;
    const int exponent =
        exact.is_zero() || exact.exponent() < Limits::min_exponent - 1 ? Limits::min_exponent - 1 : exact.exponent();
    return scaled(difference, Limits::digits - 1 - exponent).template round_to<double>();
  } else {
    return numerics::shown(W(difference / (absolute(exact) * W(std::numeric_limits<Real>::epsilon()))));
  }
}

/// Executes one identity and keeps its worst case.
template <class Real>
class Identity {
 public:
  using W = numerics::Working<Real>;
  Identity(const char* identity, const char* equation, const char* unit = "ulp") : finding_{identity, equation, unit} {}

  /// Two sides that may differ by `bound` units in the last place of Real.
  void compare(const W& left, const W& right, double bound, const Real& time) {
    add(ulps<Real>(left, right), bound, time);
  }
  void require(bool holds, const Real& time) { add(holds ? 0 : 1.0 / 0.0, 0, time); }
  void add(double residual, double bound, const Real& time) {
    const double share = residual == 0 ? 0 : residual / bound;
    ++finding_.cases;
    if (finding_.cases > 1 && (share <= share_ || share_ != share_)) return;  // NaN stays
    share_ = share;
    finding_.residual = residual;
    finding_.bound = bound;
    finding_.time = numerics::shown(time);
  }
  void append_to(Report& report) const {
    if (finding_.cases > 0) report.findings.push_back(finding_);
  }

 private:
  Finding finding_;
  double share_ = 0;  // of the bound, at the worst
};

}  // namespace verify_details

}  // namespace diffusion
