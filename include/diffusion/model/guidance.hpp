// SPDX-License-Identifier: MIT
// Classifier-free guidance: a denoiser that goes beyond the conditional estimate, away from the unconditional one.
//
// Use it with two denoisers, or one network asked twice. Guidance of x_0 is the same as guidance of noise, v or score,
// since the conversions are linear; clip the result, not the parts. It calls both denoisers at every step.
//
// Accuracy: one rounding of each term.
// Source: Ho & Salimans 2022, eq. 6, with scale = 1 + w.
#pragma once

#include "denoiser.hpp"

namespace diffusion {

/// unconditional + scale (conditional - unconditional): scale 1 is the conditional denoiser, 0 the unconditional one.
/// [hosalimans2022.6]
template <class C, class U>
struct GuidedDenoiser {
  // that of the two which says less at pure noise
  using prediction =
      std::conditional_t<requires { requires prediction_t<C>::needs_signal; }, prediction_t<C>, prediction_t<U>>;
  C conditional;
  U unconditional;
  double scale;

  template <State X, Levels L>
    requires DenoiserAt<const C, X, L> && DenoiserAt<const U, X, L>
  value_t<X> operator()(const X& x_t, const L& level) const {
    return combined<X>(conditional(x_t, level), unconditional(x_t, level));
  }
  template <State X, Levels L>
    requires DenoiserAt<C, X, L> && DenoiserAt<U, X, L>
  value_t<X> operator()(const X& x_t, const L& level) {
    return combined<X>(conditional(x_t, level), unconditional(x_t, level));
  }

 private:
  template <class X>
  value_t<X> combined(const value_t<X>& c, const value_t<X>& u) const {
    using Real = sum_t<X>;
    NewState out;
    return apply_row("guided", std::array{Real(scale), Real(1 - scale)}, out, Named{"conditional", c},
                     Named{"unconditional", u});
  }
};

/// The two denoisers guided by `scale`, a finite number.
template <class C, class U>
GuidedDenoiser<C, U> guided(C conditional, U unconditional, double scale) {
  numerics::require(scale - scale == 0, "guided", "scale", scale, "a finite number");
  return {std::move(conditional), std::move(unconditional), scale};
}

}  // namespace diffusion
