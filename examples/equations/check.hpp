// SPDX-License-Identifier: MIT
// What it takes to execute an equation of a document: both sides in 192 bits, at random levels, and a verdict.
//
// A check computes the formula as it is printed, compares it with the function of the library or with the line before
// it in the derivation, and remembers the worst case. Where the print is wrong, a second function computes what is
// true.
#pragma once

#include <cstdio>
#include <diffusion/ddpm.hpp>
#include <string>

namespace equations {

using W = diffusion::numerics::Wide;
using diffusion::numerics::absolute;

/// What executing an equation found: whether it holds, how far its sides are apart, and the worst case in words.
struct Outcome {
  bool holds = true;
  double residual = 0;
  std::string witness;
};

/// An equation of docs/equations. `corrected` stays empty where the equation holds as printed.
struct Check {
  const char* key;
  Outcome (*printed)();
  Outcome (*corrected)() = nullptr;
};

inline double to_double(const W& x) { return x.round_to<double>(); }

/// What a witness says, in the manner of printf.
template <class... Values>
std::string text(const char* format, Values... values) {
  char out[160];
  std::snprintf(out, sizeof out, format, values...);
  return out;
}

/// Collects the cases of one equation.
class Cases {
 public:
  /// Two sides in 192 bits: equal up to 2^-140 of the larger one.
  void equal(const W& left, const W& right, const std::string& where = {}) {
    const W difference = absolute(W(left - right));
    const W size = absolute(left) < absolute(right) ? absolute(right) : absolute(left);
    const double residual = left == right ? 0 : to_double(difference / size);
    add(residual <= 0x1p-140, residual, left, right, where);
  }
  /// A scalar of the library and the formula that it should be: the double nearest to it.
  void equal(double value, const W& formula, const std::string& where = {}) {
    const double residual = formula.is_zero() ? std::abs(value) : to_double(absolute(W(W(value) / formula - W(1))));
    add(value == formula.round_to<double>(), residual, W(value), formula, where);
  }
  /// A statement that is true or not; `residual` says by how much it fails.
  void require(bool holds, const std::string& where, double residual = 1) {
    ++count_;
    if (holds) return;
    if (outcome_.holds) outcome_ = {false, residual, where};
  }
  Outcome outcome() const { return count_ > 0 ? outcome_ : Outcome{false, 1, "no case was executed"}; }

 private:
  void add(bool holds, double residual, const W& left, const W& right, const std::string& where) {
    ++count_;
    if (!(residual > outcome_.residual) && !(outcome_.holds && !holds)) return;
    outcome_.residual = residual;
    if (holds) return;
    outcome_.holds = false;
    outcome_.witness =
        text("%s%s%.6g against %.6g", where.c_str(), where.empty() ? "" : ": ", to_double(left), to_double(right));
  }
  Outcome outcome_;
  long count_ = 0;
};

/// Numbers for the cases, the same on every machine.
class Draw {
 public:
  explicit Draw(std::uint32_t seed) : seed_(seed) {}
  double between(double low, double high) {
    const auto bits = diffusion::philox4x32({index_++, 0, 0, 0}, {seed_, 7});
    return low + (high - low) * (bits[0] * 0x1p-32);
  }
  double normal() { return diffusion::NormalNoise{.seed = seed_, .stream = 7}(static_cast<int>(index_++), 0.0); }

 private:
  std::uint32_t seed_, index_ = 0;
};

/// A chain with random betas: the schedule of the library, and the same quantities by the papers' definitions in 192
/// bits. Index t = 0..T; beta[0] is not used.
struct Chain {
  diffusion::DiscreteSchedule<double> schedule;
  std::vector<W> beta, alpha, alpha_bar;

  static Chain random(std::uint32_t seed, int steps, double largest_beta = 0.5) {
    Draw draw(seed);
    std::vector<double> betas;
    for (int t = 0; t < steps; ++t) betas.push_back(draw.between(1e-4, largest_beta));
    Chain chain{diffusion::DiscreteSchedule<double>(betas), {W(0)}, {W(1)}, {W(1)}};
    for (const double beta : betas) {
      chain.beta.push_back(W(beta));
      chain.alpha.push_back(W(1) - W(beta));
      chain.alpha_bar.push_back(chain.alpha_bar.back() * chain.alpha.back());
    }
    return chain;
  }
  int steps() const { return schedule.steps(); }
};

}  // namespace equations
