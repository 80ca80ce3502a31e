// SPDX-License-Identifier: MIT
// Ieee<F>: arithmetic of float or double exactly as written, so that the same source gives the same bits everywhere.
//
// Use it where a result must not depend on the compiler: g++ and clang contract a * b + c to one rounding when the
// machine has an FMA instruction, and -ffast-math reorders sums. Each operation here ends in a barrier that the
// optimiser cannot see through and that costs no instruction. Not for speed where bits do not matter.
//
// Accuracy: every operation is the IEEE 754 one, rounded to nearest (in the default rounding mode).
#pragma once

#include "../numerics/libm.hpp"

namespace diffusion {

template <class F>
class Ieee {
 public:
  Ieee(F value) noexcept : value_(value) {}
  F value() const noexcept { return value_; }

  friend Ieee operator+(Ieee a, Ieee b) noexcept { return kept(a.value_ + b.value_); }
  friend Ieee operator-(Ieee a, Ieee b) noexcept { return kept(a.value_ - b.value_); }
  friend Ieee operator*(Ieee a, Ieee b) noexcept { return kept(a.value_ * b.value_); }
  friend Ieee operator/(Ieee a, Ieee b) noexcept { return kept(a.value_ / b.value_); }
  friend Ieee sqrt(Ieee a) noexcept {
#ifdef __FAST_MATH__  // there clang estimates the root of a float; that of a double, rounded to float, is exactly
                      // rounded too
    return kept(
        static_cast<F>(Ieee<double>::kept(numerics::libm::sqrt(Ieee<double>::kept(static_cast<double>(a.value_))))));
#else
    return kept(numerics::libm::sqrt(a.value_));
#endif
  }

 private:
  template <class>
  friend class Ieee;

  static F kept(F x) noexcept {
#if defined(__GNUC__) && (defined(__SSE2__) || defined(__x86_64__))
    asm("" : "+x"(x));
#elif defined(__GNUC__) && defined(__aarch64__)
    asm("" : "+w"(x));
#else
    volatile F stored = x;
    x = stored;
#endif
    return x;
  }
  F value_;
};

}  // namespace diffusion
