// SPDX-License-Identifier: MIT
// Enclosed: a scalar that goes through the library's own templates and comes out with a proof.
//
// It stands for the values that a program computes at all parameters of a box at once. Three things travel with it: the
// formula so far as an exact function of the parameters (exact.hpp), a ball that encloses the values of that function
// over the box, and bounds on the relative and on the absolute error of what a machine computes for it, whose
// operations and functions err relatively by at most what Arithmetic says. A comparison that the bounds do not decide
// is taken both ways, in two runs of the program (all_paths), and consistently so within each. Without a box it is the
// exact function alone, for all parameters.
//
// Not a model of overflow and underflow: Wide, whose exponent has 31 bits, has neither here.
// Source: running error analysis, Higham, Accuracy and Stability of Numerical Algorithms, 2002, 3.3.
#pragma once

#include <diffusion/numerics/special.hpp>
#include <type_traits>

#include "exact.hpp"

namespace proofs {

/// The outcomes of the undecided comparisons of a run, and the way to the next run.
class Path {
 public:
  void start() { used_ = 0; }
  bool next_decision() {
    if (used_ == decisions_.size()) decisions_.push_back(false);
    if (used_ == 64) throw std::runtime_error("a program with too many undecided comparisons");
    return decisions_[used_++];
  }
  /// The next path in the order of a tree, false after the last.
  bool advance() {
    while (!decisions_.empty() && decisions_.back()) decisions_.pop_back();
    if (!decisions_.empty()) decisions_.back() = true;
    return !decisions_.empty();
  }

 private:
  std::vector<bool> decisions_;
  std::size_t used_ = 0;
};

/// What is assumed of a machine's arithmetic; by default, of Wide.
struct Arithmetic {
  Bound unit{0x1p-191};            // of + - * / sqrt, wide.hpp
  Bound function_error{0x1p-180};  // of exp log expm1 log1p, wide_functions.hpp, and of the series in minus_log1p
  double tolerance = 0x1p-170;     // numerics::working_tolerance
};

/// What Enclosed computes on: the arithmetic, the box, and the path that the program takes.
struct Machine {
  Arithmetic arithmetic;
  const Box* box = nullptr;
  long box_number = 0;
  Path path;
  std::map<std::pair<long, long>, bool> decided;  // undecidable comparisons a < b of this path, by the names of a and b
  long names = 0;
};
inline Machine machine;

/// Runs the program once for each outcome of the comparisons that are undecided.
template <class Program>
void all_paths(Program program) {
  machine.path = Path();
  do {
    machine.path.start();
    machine.decided.clear();
    program();
  } while (machine.path.advance());
}

class Enclosed {
 public:
  Enclosed() : Enclosed(0) {}
  template <class N>
    requires std::is_arithmetic_v<N>
  Enclosed(N constant)
      : exact_(static_cast<double>(constant)),
        value_(static_cast<double>(constant)),
        name_(constant_name(static_cast<double>(constant))) {}
  /// A value that is known up to a relative error.
  static Enclosed input(const Exact& exact, Bound error) {
    Enclosed r(exact, over_box(exact));
    r.finish(error, Bound::infinite(), Bound());
    return r;
  }

  const Exact& exact() const { return exact_; }
  Bound relative_error() const { return relative_; }
  Bound absolute_error() const { return absolute_; }

  Enclosed operator-() const {
    Enclosed r(-exact_, -value_);
    r.relative_ = relative_;
    r.absolute_ = absolute_;
    return r;
  }
  friend Enclosed operator+(const Enclosed& a, const Enclosed& b) { return sum(a, b, a.value_ + b.value_); }
  friend Enclosed operator-(const Enclosed& a, const Enclosed& b) { return a + -b; }
  friend Enclosed operator*(const Enclosed& a, const Enclosed& b) {
    Enclosed r(a.exact_ * b.exact_, a.value_ * b.value_);
    const Bound size_a = a.value_.largest(), size_b = b.value_.largest();
    r.finish(compound(a.relative_, b.relative_),
             size_a * b.absolute_ + size_b * a.absolute_ + a.absolute_ * b.absolute_, machine.arithmetic.unit);
    return r;
  }
  friend Enclosed operator/(const Enclosed& a, const Enclosed& b) {
    Enclosed r(a.exact_ / b.exact_, a.value_ / b.value_);
    r.finish((a.relative_ + b.relative_) / lower_difference(1, b.relative_), Bound::infinite(),
             machine.arithmetic.unit);
    return r;
  }
  friend Enclosed sqrt(const Enclosed& a) {
    Enclosed r(sqrt(a.exact_), sqrt(a.value_));
    // |sqrt(1 + e) - 1| <= |e| / (1 + (1 - |e|)) for |e| < 1
    r.finish(a.relative_ < Bound{1} ? a.relative_ / lower_difference(2, a.relative_) : Bound::infinite(),
             Bound::infinite(), machine.arithmetic.unit);
    return r;
  }
  friend Enclosed exp(const Enclosed& a) {
    Enclosed r(exp(a.exact_), exp(a.value_));
    r.finish(widened(a.absolute_), Bound::infinite(), machine.arithmetic.function_error);
    return r;
  }
  friend Enclosed log(const Enclosed& a) {
    Enclosed r(log(a.exact_), log(a.value_));
    // log(a (1 + e)) - log(a) = log(1 + e)
    r.finish(Bound::infinite(), widened(a.relative_), machine.arithmetic.function_error);
    return r;
  }
  friend Enclosed log1p(const Enclosed& a) {
    Enclosed r(log1p(a.exact_), log1p(a.value_));
    // log(1 + a + e) - log(1 + a) = log(1 + e / (1 + a))
    const Ball argument = meet(over_box(Exact(1) + a.exact_), Ball(1) + a.value_);
    r.finish(Bound::infinite(), widened(a.absolute_ / argument.smallest()), machine.arithmetic.function_error);
    return r;
  }
  friend Enclosed rounded_to_bits(const Enclosed& a, int bits) {
    Enclosed r(a.exact_, a.value_);
    r.finish(a.relative_, a.absolute_, Bound{std::ldexp(1, -bits)});
    return r;
  }
  /// a - log(1 + a). Below 1/64 the library sums its series, which is one function here: with errors of their own, the
  /// exact sum and the steps on the way would hide what it is.
  static Enclosed minus_log1p(const Enclosed& a) {
    // It falls below zero and grows above: the values of both terms apart would not show how small their difference is.
    const auto at = [](const Ball& x) { return x - log1p(x); };
    const bool one_side = a.value_.is_positive() || a.value_.is_negative();
    const Ball value = one_side ? hull(at(a.value_.lower()), at(a.value_.upper())) : at(a.value_);
    if (!(diffusion::numerics::absolute(a) < Enclosed(0.015625))) return sum(a, -log1p(a), value);
    Enclosed r(a.exact_ - log1p(a.exact_), value);
    // f = a^2/2 - a^3/3 + ... >= a^2/2 (1 - 1/96), and f' = a / (1 + a): f moves at most 2.1 times as far as a.
    r.finish(a.relative_ < Bound{0x1p-10} ? Bound{2.125} * a.relative_ : Bound::infinite(), Bound::infinite(),
             machine.arithmetic.function_error);
    return r;
  }

  friend bool operator<(const Enclosed& a, const Enclosed& b) {
    if (a.name_ == b.name_) return false;
    if (const int sign = sign_of_difference(a, b); sign != 0) return sign < 0;
    const auto [place, fresh] = machine.decided.try_emplace({a.name_, b.name_}, false);
    if (fresh) place->second = machine.path.next_decision();
    return place->second;
  }
  friend bool operator>(const Enclosed& a, const Enclosed& b) { return b < a; }
  friend bool operator<=(const Enclosed& a, const Enclosed& b) { return !(b < a); }
  friend bool operator>=(const Enclosed& a, const Enclosed& b) { return !(a < b); }
  friend bool operator==(const Enclosed& a, const Enclosed& b) {
    if (a.name_ == b.name_) return true;
    if (sign_of_difference(a, b) == 0) throw std::runtime_error("an equality that the bounds do not decide");
    return false;
  }

 private:
  Enclosed(const Exact& exact, const Ball& natural)
      : exact_(exact), value_(exact.known() ? meet(over_box(exact), natural) : natural), name_(++machine.names) {}

  static Ball over_box(const Exact& exact) {
    return machine.box && exact.known() ? exact.at(*machine.box, machine.box_number) : Ball::unknown();
  }
  // a + b, whose exact values lie in the ball.
  static Enclosed sum(const Enclosed& a, const Enclosed& b, const Ball& value) {
    Enclosed r(a.exact_ + b.exact_, value);
    const bool one_sign = (a.value_.is_nonnegative() && b.value_.is_nonnegative()) ||
                          (a.value_.is_nonpositive() && b.value_.is_nonpositive());
    r.finish(one_sign ? std::max(a.relative_, b.relative_) : a.share_of_error(r) + b.share_of_error(r),
             a.absolute_ + b.absolute_, machine.arithmetic.unit);
    return r;
  }
  // The error that came in, and then the one of the operation, of which neither makes the other smaller.
  void finish(Bound relative, Bound absolute, Bound operation) {
    const Bound size = value_.largest();
    relative_ = compound(relative, operation);
    absolute_ = std::min(absolute + operation * (size + absolute), size * relative_);
    relative_ = std::min(relative_, absolute_ / value_.smallest());
  }
  // The error of a term, relative to a sum.
  Bound share_of_error(const Enclosed& sum) const {
    return std::min(over_box(exact_ / sum.exact_).largest() * relative_, absolute_ / sum.value_.smallest());
  }
  // 1 or -1 if what is computed for a is certainly more or less than what is computed for b, otherwise 0.
  static int sign_of_difference(const Enclosed& a, const Enclosed& b) {
    const Exact difference = a.exact_ - b.exact_;
    if (!machine.box) return difference.sign();
    const Ball d = meet(over_box(difference), a.value_ - b.value_);
    const int sign = d.is_positive() ? 1 : d.is_negative() ? -1 : 0;
    if (b.exact_.is_zero() && b.absolute_ == Bound() && a.relative_ < Bound{1}) return sign;
    return a.absolute_ + b.absolute_ < Bound{d.smallest()} ? sign : 0;
  }
  static long constant_name(double constant) {
    static std::map<double, long> names;
    const auto [place, fresh] = names.try_emplace(constant, 0);
    if (fresh) place->second = -static_cast<long>(names.size());
    return place->second;
  }

  Exact exact_;
  Ball value_;
  Bound relative_, absolute_;
  long name_;  // of the computed value; copies share it
};

}  // namespace proofs

template <>
struct std::numeric_limits<proofs::Enclosed> {
  static constexpr bool is_specialized = true;
  static double epsilon() { return proofs::machine.arithmetic.tolerance / 64; }
};

namespace diffusion::numerics {
template <>
inline proofs::Enclosed minus_log1p(const proofs::Enclosed& u) {
  return proofs::Enclosed::minus_log1p(u);
}
template <>
inline proofs::Enclosed without_noise(const proofs::Enclosed& x) {
  return rounded_to_bits(x, 150);
}
}  // namespace diffusion::numerics
