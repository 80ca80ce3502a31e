// SPDX-License-Identifier: MIT
// Arb's balls as a value type, and upper bounds of errors.
//
// Not for tight enclosures over wide sets: sums of balls that depend on each other lose width, so exact.hpp simplifies
// first and evaluates at the ends of intervals. Accuracy: rigorous, rounded outwards. Source: Johansson, "Arb:
// efficient arbitrary-precision midpoint-radius interval arithmetic", 2017.
#pragma once

#if __has_include(<flint/arb.h>)  // FLINT 3 holds Arb
#include <flint/arb.h>
#else
#include <arb.h>
#endif

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace proofs {

/// An upper bound of a number >= 0; infinite where nothing is known. Each operation is rounded up.
struct Bound {
  double value = 0;

  static Bound infinite() { return {std::numeric_limits<double>::infinity()}; }
  friend Bound operator+(Bound a, Bound b) { return up(a.value + b.value); }
  friend Bound operator*(Bound a, Bound b) { return up(a.value * b.value); }
  /// By a lower bound of the divisor.
  friend Bound operator/(Bound a, double lower) { return up(a.value / lower); }
  friend auto operator<=>(const Bound&, const Bound&) = default;

 private:
  // The next double after a result to nearest. NaN comes from 0 times infinity: of that nothing is known.
  static Bound up(double nearest) { return nearest == nearest ? Bound{std::nextafter(nearest, HUGE_VAL)} : infinite(); }
};

/// A lower bound of n - a, or 0.
inline double lower_difference(double n, Bound a) { return std::max(0.0, std::nextafter(n - a.value, -HUGE_VAL)); }
/// (1 + a) (1 + b) - 1.
inline Bound compound(Bound a, Bound b) { return a + b + a * b; }
/// a / (1 - a), which is at least exp(a) - 1 and at least -log(1 - a).
inline Bound widened(Bound a) { return a / lower_difference(1, a); }

/// A closed interval of real numbers, or all of them.
class Ball {
 public:
  Ball(double x = 0) {
    arb_init(value_);
    arb_set_d(value_, x);
  }
  Ball(const Ball& other) : Ball() { arb_set(value_, other.value_); }
  Ball(Ball&& other) noexcept : Ball() { arb_swap(value_, other.value_); }
  Ball& operator=(Ball other) noexcept {
    arb_swap(value_, other.value_);
    return *this;
  }
  ~Ball() { arb_clear(value_); }
  static Ball integer(const fmpz* x) {
    Ball r;
    arb_set_fmpz(r.value_, x);
    return r;
  }
  static Ball unknown() { return Ball(0) / Ball(0); }

  friend Ball operator+(const Ball& a, const Ball& b) { return make(arb_add, a, b); }
  friend Ball operator-(const Ball& a, const Ball& b) { return make(arb_sub, a, b); }
  friend Ball operator*(const Ball& a, const Ball& b) { return make(arb_mul, a, b); }
  friend Ball operator/(const Ball& a, const Ball& b) { return make(arb_div, a, b); }
  Ball operator-() const { return Ball(0) - *this; }
  // Growing functions, at the ends.
  friend Ball sqrt(const Ball& a) { return make(arb_sqrt, a); }
  friend Ball exp(const Ball& a) { return make(arb_exp, a); }
  friend Ball log(const Ball& a) { return make(arb_log, a); }
  friend Ball expm1(const Ball& a) { return make(arb_expm1, a); }
  friend Ball log1p(const Ball& a) { return make(arb_log1p, a); }

  /// The smallest ball that holds both.
  friend Ball hull(const Ball& a, const Ball& b) { return make(arb_union, a, b); }
  /// Of one number that is in both.
  friend Ball meet(const Ball& a, const Ball& b) {
    if (!a.is_finite()) return b;
    if (!b.is_finite()) return a;
    Ball r;
    if (arb_intersection(r.value_, a.value_, b.value_, precision) == 0)
      throw std::logic_error("two enclosures of one number that do not meet");
    return r;
  }
  Ball lower() const { return end(arb_get_lbound_arf); }
  Ball upper() const { return end(arb_get_ubound_arf); }

  bool is_finite() const { return arb_is_finite(value_) != 0; }
  bool is_positive() const { return arb_is_positive(value_) != 0; }
  bool is_negative() const { return arb_is_negative(value_) != 0; }
  bool is_nonnegative() const { return arb_is_nonnegative(value_) != 0; }
  bool is_nonpositive() const { return arb_is_nonpositive(value_) != 0; }
  // Of |x|; as a double a magnitude becomes 0 below 2^-1000, and infinite above 2^1000.
  Bound largest() const {
    const double size = magnitude(arb_get_mag);
    return {size > 0 || arb_is_zero(value_) ? size : 0x1p-1000};
  }
  double smallest() const { return std::min(magnitude(arb_get_mag_lower), 0x1p1000); }

 private:
  static constexpr slong precision = 192;

  static Ball make(void (*f)(arb_t, const arb_t, const arb_t, slong), const Ball& a, const Ball& b) {
    Ball r;
    f(r.value_, a.value_, b.value_, precision);
    return r;
  }
  static Ball make(void (*f)(arb_t, const arb_t, slong), const Ball& a) {
    Ball low, high;
    f(low.value_, a.lower().value_, precision);
    f(high.value_, a.upper().value_, precision);
    return hull(low, high);
  }
  Ball end(void (*f)(arf_t, const arb_t, slong)) const {
    Ball r;
    f(arb_midref(r.value_), value_, precision);
    return r;
  }
  double magnitude(void (*f)(mag_t, const arb_t)) const {
    mag_t m;
    mag_init(m);
    f(m, value_);
    const double r = mag_get_d(m);
    mag_clear(m);
    return r;
  }

  arb_t value_;
};

}  // namespace proofs
