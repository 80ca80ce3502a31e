// SPDX-License-Identifier: MIT
// Exact functions of the parameters of a pair of levels: what a formula is, apart from any rounding.
//
// Rational is a quotient of polynomials with integer coefficients in positive parameters, in lowest terms. Exact is
// what formulas of levels make of them: a sum of +-sqrt(r), plus f log(q), with Rational r, f, q; it is unknown where a
// formula leaves this class, or where the sign of a term does not show in the signs of its coefficients. Not a computer
// algebra system: roots are merged only where their quotient is a square, so that two functions that are the same may
// go unrecognised, which makes a proof fail; two that differ are never taken for the same.
//
// Accuracy: exact; at() encloses the values over a box of parameters, from the ends of its intervals.
#pragma once

#include <flint/fmpz_mpoly.h>

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "ball.hpp"

namespace proofs {

/// The parameters, all positive. Variance preserving levels: snr_t = exp(lambda_t), step = exp(lambda_s - lambda_t)
/// - 1. Any levels: signal_s^2, noise_s^2, and of the transition scale^2 and variance.
enum class Parameter : std::size_t { snr_t, step, signal_s, noise_s, scale, variance };
inline constexpr std::size_t parameters = 6;

/// An interval of each parameter, as its ends.
struct Box {
  std::array<Ball, parameters> low, high;

  void set(Parameter p, const Ball& at_least, const Ball& at_most) {
    low[static_cast<std::size_t>(p)] = at_least;
    high[static_cast<std::size_t>(p)] = at_most;
  }
};

struct Integer {
  Integer() { fmpz_init(value); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  ~Integer() { fmpz_clear(value); }
  fmpz_t value;
};

class Polynomial {
 public:
  Polynomial() { fmpz_mpoly_init(value_, context()); }
  explicit Polynomial(Parameter p) : Polynomial() { fmpz_mpoly_gen(value_, static_cast<slong>(p), context()); }
  /// A constant, which must be an integer.
  Polynomial(double constant) : Polynomial() {
    Integer c;
    fmpz_set_d(c.value, constant);
    fmpz_mpoly_set_fmpz(value_, c.value, context());
  }
  Polynomial(const Polynomial& other) : Polynomial() { fmpz_mpoly_set(value_, other.value_, context()); }
  Polynomial(Polynomial&& other) noexcept : Polynomial() { fmpz_mpoly_swap(value_, other.value_, context()); }
  Polynomial& operator=(Polynomial other) noexcept {
    fmpz_mpoly_swap(value_, other.value_, context());
    return *this;
  }
  ~Polynomial() { fmpz_mpoly_clear(value_, context()); }

  friend Polynomial operator+(const Polynomial& a, const Polynomial& b) { return make(fmpz_mpoly_add, a, b); }
  friend Polynomial operator*(const Polynomial& a, const Polynomial& b) { return make(fmpz_mpoly_mul, a, b); }
  friend bool operator==(const Polynomial& a, const Polynomial& b) {
    return fmpz_mpoly_equal(a.value_, b.value_, context()) != 0;
  }
  friend Polynomial common_divisor(const Polynomial& a, const Polynomial& b) {
    Polynomial r;
    return fmpz_mpoly_gcd(r.value_, a.value_, b.value_, context()) != 0 ? r : Polynomial(1);
  }
  /// The quotient, where the divisor is known to divide.
  Polynomial divided_by(const Polynomial& divisor) const {
    Polynomial r;
    fmpz_mpoly_divides(r.value_, value_, divisor.value_, context());
    return r;
  }
  /// The positive square root, if it is a polynomial whose sign is the one of its coefficients.
  std::optional<Polynomial> root() const {
    Polynomial r;
    if (fmpz_mpoly_sqrt(r.value_, value_, context()) == 0 || r.sign() == 0) return std::nullopt;
    return r * Polynomial(r.sign());
  }

  bool is_zero() const { return fmpz_mpoly_is_zero(value_, context()) != 0; }
  bool leads_negative() const { return !is_zero() && coefficient_sign(0) < 0; }
  /// 1 or -1 if all coefficients have this sign, otherwise 0.
  int sign() const {
    const int first = is_zero() ? 0 : coefficient_sign(0);
    for (slong i = 1; i < fmpz_mpoly_length(value_, context()); ++i)
      if (coefficient_sign(i) != first) return 0;
    return first;
  }
  /// The monomials grow with the parameters, so that the extremes of each sum of one sign lie at the ends.
  Ball at(const Box& box) const {
    Ball low, high;
    for (slong i = 0; i < fmpz_mpoly_length(value_, context()); ++i) {
      std::array<ulong, parameters> exponents;
      Integer coefficient;
      fmpz_mpoly_get_term_exp_ui(exponents.data(), value_, i, context());
      fmpz_mpoly_get_term_coeff_fmpz(coefficient.value, value_, i, context());
      Ball at_low = Ball::integer(coefficient.value), at_high = at_low;
      for (std::size_t k = 0; k < parameters; ++k)
        for (ulong n = 0; n < exponents[k]; ++n) {
          at_low = at_low * box.low[k];
          at_high = at_high * box.high[k];
        }
      if (fmpz_sgn(coefficient.value) < 0) std::swap(at_low, at_high);
      low = low + at_low;
      high = high + at_high;
    }
    return hull(low, high);
  }

 private:
  static const fmpz_mpoly_ctx_struct* context() {
    static const auto ring = [] {
      std::array<fmpz_mpoly_ctx_struct, 1> r;
      fmpz_mpoly_ctx_init(r.data(), parameters, ORD_LEX);
      return r;
    }();
    return ring.data();
  }
  int coefficient_sign(slong term) const {
    Integer c;
    fmpz_mpoly_get_term_coeff_fmpz(c.value, value_, term, context());
    return fmpz_sgn(c.value);
  }
  static Polynomial make(void (*f)(fmpz_mpoly_t, const fmpz_mpoly_t, const fmpz_mpoly_t, const fmpz_mpoly_ctx_t),
                         const Polynomial& a, const Polynomial& b) {
    Polynomial r;
    f(r.value_, a.value_, b.value_, context());
    return r;
  }
  fmpz_mpoly_t value_;
};

class Rational {
 public:
  explicit Rational(Parameter p) : above_(p), below_(1) {}
  /// A double is a dyadic number, taken as exact.
  Rational(double number) : below_(1) {
    int exponent = 0;
    std::frexp(number, &exponent);
    const int places = std::max(0, 53 - exponent);
    *this = Rational(std::ldexp(number, places), std::ldexp(1, places));
  }

  friend Rational operator+(const Rational& a, const Rational& b) {
    return {a.above_ * b.below_ + b.above_ * a.below_, a.below_ * b.below_};
  }
  friend Rational operator*(const Rational& a, const Rational& b) { return {a.above_ * b.above_, a.below_ * b.below_}; }
  friend Rational operator/(const Rational& a, const Rational& b) { return {a.above_ * b.below_, a.below_ * b.above_}; }
  Rational operator-() const { return *this * Rational(-1); }
  friend bool operator==(const Rational& a, const Rational& b) { return a.above_ == b.above_ && a.below_ == b.below_; }

  bool is_zero() const { return above_.is_zero(); }
  /// 1 or -1 if the coefficients show that sign for all parameters, otherwise 0.
  int sign() const { return above_.sign() * below_.sign(); }
  /// The positive square root, if it is one of these.
  std::optional<Rational> root() const {
    const auto above = above_.root(), below = below_.root();
    if (!above || !below) return std::nullopt;
    return Rational(*above, *below);
  }
  Ball at(const Box& box) const {
    const Ball a = above_.at(box), b = below_.at(box);
    if (!b.is_positive()) return a / b;
    return hull(a.lower() / (a.is_nonnegative() ? b.upper() : b.lower()),
                a.upper() / (a.is_nonpositive() ? b.upper() : b.lower()));
  }

 private:
  Rational(const Polynomial& above, const Polynomial& below) {
    const Polynomial divisor = common_divisor(above, below) * Polynomial(below.leads_negative() ? -1 : 1);
    above_ = above.divided_by(divisor);
    below_ = below.divided_by(divisor);
  }
  Polynomial above_, below_;
};

/// A handle on a function that lives as long as the program. The default one is unknown, as is what is made of it.
class Exact {
 public:
  Exact() = default;
  /// A number, taken as exact.
  Exact(double number) {
    static std::map<double, Node*> all;
    const auto [place, fresh] = all.try_emplace(number, nullptr);
    if (fresh) place->second = intern(of(Rational(number)));
    node_ = place->second;
  }
  explicit Exact(Parameter p) {
    static std::map<Parameter, Node*> all;
    const auto [place, fresh] = all.try_emplace(p, nullptr);
    if (fresh) place->second = intern(of(Rational(p)));
    node_ = place->second;
  }

  bool known() const { return node_ != nullptr; }
  bool is_zero() const { return known() && node_->value.roots.empty() && node_->value.factor.is_zero(); }
  /// 1 or -1 if that is the sign for all parameters; 0 if it is zero, not known, or has both.
  int sign() const {
    const bool one_term = known() && node_->value.roots.size() == 1 && node_->value.factor.is_zero();
    return one_term ? node_->value.roots[0].sign : 0;
  }
  /// The same function? Not if one is unknown.
  friend bool same(const Exact& a, const Exact& b) { return (a - b).is_zero(); }

  friend Exact operator+(const Exact& a, const Exact& b) { return remembered('+', a, b, add); }
  friend Exact operator*(const Exact& a, const Exact& b) { return remembered('*', a, b, multiply); }
  friend Exact operator/(const Exact& a, const Exact& b) { return remembered('/', a, b, divide); }
  Exact operator-() const { return *this * Exact(-1); }
  friend Exact operator-(const Exact& a, const Exact& b) { return a + -b; }
  friend Exact sqrt(const Exact& a) { return remembered('r', a, a, root); }
  friend Exact exp(const Exact& a) { return remembered('e', a, a, exponential); }
  friend Exact log(const Exact& a) { return remembered('l', a, a, logarithm); }
  friend Exact log1p(const Exact& a) { return log(a + Exact(1)); }

  /// Of a known function; evaluated once for each box, which callers number.
  Ball at(const Box& box, long number) const {
    if (node_->seen != number) node_->last = enclose(node_->value, box);
    node_->seen = number;
    return node_->last;
  }

 private:
  struct Root {
    int sign;
    Rational square;  // sign sqrt(square)
    Ball at(const Box& box) const { return Ball(sign) * sqrt(square.at(box)); }
  };
  struct Value {  // the sum of the roots, whose quotients are no squares, + factor log(argument)
    std::vector<Root> roots;
    Rational factor = 0, argument = 1;
  };
  using MaybeValue = std::optional<Value>;
  struct Node {
    Value value;
    long seen = -1;
    Ball last = {};
  };
  explicit Exact(Node* node) : node_(node) {}

  static Node* intern(Value value) {
    static std::deque<Node> all;
    all.push_back({.value = std::move(value)});
    return &all.back();
  }
  // The same operations recur in every box, so that each is done once.
  static Exact remembered(char operation, const Exact& a, const Exact& b, MaybeValue (*f)(const Value&, const Value&)) {
    static std::map<std::tuple<char, Node*, Node*>, Node*> memory;
    if (!a.known() || !b.known()) return {};
    const auto [place, fresh] = memory.try_emplace({operation, a.node_, b.node_}, nullptr);
    if (fresh)
      if (auto value = f(a.node_->value, b.node_->value)) place->second = intern(std::move(*value));
    return Exact(place->second);
  }

  static Value of(const Rational& value) {  // whose sign shows
    Value r;
    if (!value.is_zero()) r.roots.push_back({value.sign(), value * value});
    return r;
  }
  static std::optional<Rational> rational(const Value& v) {
    if (!v.factor.is_zero() || v.roots.size() > 1) return std::nullopt;
    if (v.roots.empty()) return 0;
    const auto size = v.roots[0].square.root();
    return size ? std::optional(Rational(v.roots[0].sign) * *size) : std::nullopt;
  }
  static bool add_root(std::vector<Root>& roots, const Root& more) {
    for (auto own = roots.begin(); own != roots.end(); ++own)
      if (const auto quotient = (more.square / own->square).root()) {
        const Rational factor = Rational(own->sign) + Rational(more.sign) * *quotient;
        if (factor.is_zero())
          roots.erase(own);
        else
          *own = {factor.sign(), factor * factor * own->square};
        return factor.is_zero() || factor.sign() != 0;
      }
    roots.push_back(more);
    return true;
  }

  static MaybeValue add(const Value& a, const Value& b) {
    Value r = a;
    for (const Root& root : b.roots)
      if (!add_root(r.roots, root)) return std::nullopt;
    if (r.factor.is_zero()) {
      r.factor = b.factor;
      r.argument = b.argument;
    } else if (r.factor == b.factor) {
      r.argument = r.argument * b.argument;
    } else if (r.factor == -b.factor) {
      r.argument = r.argument / b.argument;
    } else if (!b.factor.is_zero()) {
      return std::nullopt;
    }
    if (r.argument == Rational(1)) r.factor = 0;
    return r;
  }
  static MaybeValue multiply(const Value& a, const Value& b) {
    if (!a.factor.is_zero()) return b.factor.is_zero() ? multiply(b, a) : std::nullopt;
    Value r;
    if (!b.factor.is_zero()) {
      const auto factor = rational(a);
      if (!factor) return std::nullopt;
      r.factor = *factor * b.factor;
      r.argument = b.argument;
    }
    for (const Root& x : a.roots)
      for (const Root& y : b.roots)
        if (!add_root(r.roots, {x.sign * y.sign, x.square * y.square})) return std::nullopt;
    return r;
  }
  static MaybeValue divide(const Value& a, const Value& b) {
    if (b.roots.size() != 1 || !b.factor.is_zero()) return std::nullopt;
    Value inverse;
    inverse.roots.push_back({b.roots[0].sign, Rational(1) / b.roots[0].square});
    return multiply(a, inverse);
  }
  static MaybeValue root(const Value& a, const Value&) {
    const auto square = rational(a);
    if (!square || square->sign() < 0) return std::nullopt;
    Value r;
    if (!square->is_zero()) r.roots.push_back({1, *square});
    return r;
  }
  static MaybeValue exponential(const Value& a, const Value&) {
    if (!a.roots.empty()) return std::nullopt;
    if (a.factor.is_zero()) return of(1);
    if (a.factor == Rational(0.5)) return Value{{{1, a.argument}}};
    if (a.factor == Rational(-0.5)) return Value{{{1, Rational(1) / a.argument}}};
    return std::nullopt;
  }
  static MaybeValue logarithm(const Value& a, const Value&) {
    if (a.roots.size() != 1 || a.roots[0].sign < 0 || !a.factor.is_zero()) return std::nullopt;
    return Value{{}, a.roots[0].square == Rational(1) ? 0 : 0.5, a.roots[0].square};
  }

  static Ball enclose(const Value& v, const Box& box) {
    Ball sum;
    if (v.roots.size() == 2 && v.roots[0].sign != v.roots[1].sign) {
      // a - b = (a^2 - b^2) / (a + b), whose numerator has cancelled exactly
      const Root &a = v.roots[0], &b = v.roots[1];
      sum = (a.square + -b.square).at(box) / (a.at(box) - b.at(box));
    } else {
      for (const Root& r : v.roots) sum = sum + r.at(box);
    }
    if (v.factor.is_zero()) return sum;
    // Near one the logarithm is known by what the argument differs from one, elsewhere by the argument.
    return sum + v.factor.at(box) * meet(log(v.argument.at(box)), log1p((v.argument + Rational(-1)).at(box)));
  }

  Node* node_ = nullptr;
};

}  // namespace proofs
