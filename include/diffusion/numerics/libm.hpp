// SPDX-License-Identifier: MIT
// The few functions of the C library that the numerics start from, without <cmath>.
//
// Use them only for first approximations and for IEEE square roots: their last bits differ between platforms. <cmath>
// would be a quarter of what a user of the library compiles, most of it special functions that are not needed here.
#pragma once

#ifndef __GNUC__
#include <cmath>
#endif

namespace diffusion::numerics::libm {

#ifdef __GNUC__
inline float sqrt(float x) noexcept { return __builtin_sqrtf(x); }
inline double sqrt(double x) noexcept { return __builtin_sqrt(x); }
inline double exp(double x) noexcept { return __builtin_exp(x); }
inline double log(double x) noexcept { return __builtin_log(x); }
inline double log1p(double x) noexcept { return __builtin_log1p(x); }
inline double sin(double x) noexcept { return __builtin_sin(x); }
inline double cos(double x) noexcept { return __builtin_cos(x); }
inline double atan(double x) noexcept { return __builtin_atan(x); }
inline double tanh(double x) noexcept { return __builtin_tanh(x); }
inline double floor(double x) noexcept { return __builtin_floor(x); }
inline double erfc(double x) noexcept { return __builtin_erfc(x); }
inline long double ldexp(long double x, int n) noexcept { return __builtin_ldexpl(x, n); }
inline long double frexp(long double x, int* n) noexcept { return __builtin_frexpl(x, n); }
#else
using std::atan, std::cos, std::erfc, std::exp, std::floor, std::frexp, std::ldexp, std::log, std::log1p, std::sin,
    std::sqrt, std::tanh;
#endif

}  // namespace diffusion::numerics::libm
