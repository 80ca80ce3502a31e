// SPDX-License-Identifier: MIT
// Dual<T>: a number with a derivative, a + b e with e^2 = 0, for derivatives that are exact to rounding.
//
// Use it to differentiate code that is a template of its element type along one direction: a denoiser that takes a
// Dual<double>, or a std::vector of them, has Jacobian-vector products and an exact divergence (model/jacobian.hpp). It
// is a scalar of the library, so levels, coefficients and likelihoods of Dual differentiate, too. Not for gradients of
// many parameters: one pass is one direction.
//
// Accuracy: that of the operations of T, those of float and double by the C library. Comparisons are of values alone,
// so a branch has the derivative of the side that is taken. Source: Baydin et al. 2018, for dual numbers.
#pragma once

#include <concepts>
#include <type_traits>

#include "libm.hpp"

namespace diffusion {

/// value + slope e. [baydin2018.dual]
template <class T = double>
struct Dual {
  T value = T(0), slope = T(0);

  constexpr Dual() = default;
  constexpr Dual(const T& v, const T& s) : value(v), slope(s) {}
  /// A constant.
  template <class N>
    requires std::same_as<N, T> || std::is_arithmetic_v<N>
  constexpr Dual(const N& constant) : value(static_cast<T>(constant)) {}
  explicit constexpr operator double() const { return static_cast<double>(value); }

  constexpr Dual operator-() const { return {-value, -slope}; }
  friend constexpr Dual operator+(const Dual& a, const Dual& b) { return {a.value + b.value, a.slope + b.slope}; }
  friend constexpr Dual operator-(const Dual& a, const Dual& b) { return {a.value - b.value, a.slope - b.slope}; }
  friend constexpr Dual operator*(const Dual& a, const Dual& b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend constexpr Dual operator/(const Dual& a, const Dual& b) {
    const T quotient = a.value / b.value;
    return {quotient, (a.slope - quotient * b.slope) / b.value};
  }
  constexpr Dual& operator+=(const Dual& b) { return *this = *this + b; }
  constexpr Dual& operator-=(const Dual& b) { return *this = *this - b; }
  constexpr Dual& operator*=(const Dual& b) { return *this = *this * b; }
  constexpr Dual& operator/=(const Dual& b) { return *this = *this / b; }

  friend constexpr bool operator==(const Dual& a, const Dual& b) { return a.value == b.value; }
  friend constexpr bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend constexpr bool operator>(const Dual& a, const Dual& b) { return a.value > b.value; }
  friend constexpr bool operator<=(const Dual& a, const Dual& b) { return a.value <= b.value; }
  friend constexpr bool operator>=(const Dual& a, const Dual& b) { return a.value >= b.value; }

  friend Dual sqrt(const Dual& a) {
    const T root = call(a.value, [](auto x) { return numerics::libm::sqrt(x); }, [](const auto& x) { return sqrt(x); });
    return {root, a.slope / (T(2) * root)};
  }
  friend Dual exp(const Dual& a) {
    const T e = call(a.value, [](auto x) { return numerics::libm::exp(x); }, [](const auto& x) { return exp(x); });
    return {e, a.slope * e};
  }
  friend Dual log(const Dual& a) {
    const T l = call(a.value, [](auto x) { return numerics::libm::log(x); }, [](const auto& x) { return log(x); });
    return {l, a.slope / a.value};
  }
  friend Dual sin(const Dual& a) { return {sine(a.value), a.slope * cosine(a.value)}; }
  friend Dual cos(const Dual& a) { return {cosine(a.value), -a.slope * sine(a.value)}; }
  friend Dual tanh(const Dual& a) {
    const T t = call(a.value, [](auto x) { return numerics::libm::tanh(x); }, [](const auto& x) { return tanh(x); });
    return {t, a.slope * (T(1) - t) * (T(1) + t)};
  }
  friend Dual atan(const Dual& a) {
    const T t = call(a.value, [](auto x) { return numerics::libm::atan(x); }, [](const auto& x) { return atan(x); });
    return {t, a.slope / (T(1) + a.value * a.value)};
  }

 private:
  /// A function of the C library for float and double, and for other types the one found beside the type.
  template <class Libm, class Own>
  static T call(const T& x, Libm libm, Own own) {
    if constexpr (std::same_as<T, double> || std::same_as<T, float>)
      return static_cast<T>(libm(static_cast<double>(x)));
    else
      return T(own(x));
  }
  static T sine(const T& x) {
    return call(x, [](auto y) { return numerics::libm::sin(y); }, [](const auto& y) { return sin(y); });
  }
  static T cosine(const T& x) {
    return call(x, [](auto y) { return numerics::libm::cos(y); }, [](const auto& y) { return cos(y); });
  }
};
template <class T>
Dual(T, T) -> Dual<T>;
template <class T>
Dual(T) -> Dual<T>;

}  // namespace diffusion
