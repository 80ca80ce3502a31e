// SPDX-License-Identifier: MIT
// A dual number, a + b e with e^2 = 0: the least that a scalar of the user's own must offer.
#pragma once

#include <cmath>

struct Dual {
  double value = 0, slope = 0;
  Dual() = default;
  Dual(double v, double s = 0) : value(v), slope(s) {}
  explicit operator double() const { return value; }

  Dual operator-() const { return {-value, -slope}; }
  friend Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator*(Dual a, Dual b) { return {a.value * b.value, a.slope * b.value + a.value * b.slope}; }
  friend Dual operator/(Dual a, Dual b) {
    return {a.value / b.value, (a.slope - a.value / b.value * b.slope) / b.value};
  }
  friend bool operator==(Dual a, Dual b) { return a.value == b.value; }
  friend bool operator<(Dual a, Dual b) { return a.value < b.value; }
  friend bool operator>(Dual a, Dual b) { return a.value > b.value; }
  friend bool operator<=(Dual a, Dual b) { return a.value <= b.value; }
  friend bool operator>=(Dual a, Dual b) { return a.value >= b.value; }

  friend Dual sqrt(Dual a) { return {std::sqrt(a.value), a.slope / (2 * std::sqrt(a.value))}; }
  friend Dual exp(Dual a) { return {std::exp(a.value), a.slope * std::exp(a.value)}; }
  friend Dual log(Dual a) { return {std::log(a.value), a.slope / a.value}; }
  friend Dual sin(Dual a) { return {std::sin(a.value), a.slope * std::cos(a.value)}; }
  friend Dual cos(Dual a) { return {std::cos(a.value), -a.slope * std::sin(a.value)}; }
  friend Dual atan(Dual a) { return {std::atan(a.value), a.slope / (1 + a.value * a.value)}; }
};
