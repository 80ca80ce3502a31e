// SPDX-License-Identifier: MIT
// The one way this library reports a bad argument: function, argument, value and what was expected.
//
// Use it at the border of a public function, before anything is written. Not inside formulas: there NaN propagates.
// Throws std::invalid_argument; in a program built with -fno-exceptions it prints the same sentence and aborts. Include
// <stdexcept> where you catch it: here it would be a quarter of all that a user of the library compiles.
#pragma once

#include <cstddef>
#include <cstdio>

#ifndef __cpp_exceptions
#include <cstdlib>
#elif defined(__GLIBCXX__)
#include <bits/functexcept.h>  // the function by which libstdc++'s own containers throw, without <string>
#else
#include <stdexcept>
#endif

namespace diffusion::numerics {

[[noreturn]] inline void fail(const char* message) {
#ifndef __cpp_exceptions
  std::fprintf(stderr, "%s\n", message);
  std::abort();
#elif defined(__GLIBCXX__)
  std::__throw_invalid_argument(message);
#else
  throw std::invalid_argument(message);
#endif
}

[[noreturn]] inline void fail_value(const char* function, const char* argument, double value, const char* expected) {
  char message[256];
  std::snprintf(message, sizeof message, "diffusion::%s: %s = %.17g, expected %s", function, argument, value, expected);
  fail(message);
}

[[noreturn]] inline void fail_element(const char* function, const char* argument, std::size_t index, double value,
                                      const char* expected) {
  char message[256];
  std::snprintf(message, sizeof message, "diffusion::%s: %s[%zu] = %.17g, expected %s", function, argument, index,
                value, expected);
  fail(message);
}

[[noreturn]] inline void fail_size(const char* function, const char* argument, std::size_t size, std::size_t expected,
                                   const char* like) {
  char message[256];
  std::snprintf(message, sizeof message, "diffusion::%s: %s has %zu elements, expected %zu, as %s", function, argument,
                size, expected, like);
  fail(message);
}

[[noreturn]] inline void fail_shape(const char* function, const char* argument, const char* like, const char* but) {
  char message[256];
  std::snprintf(message, sizeof message, "diffusion::%s: %s has as many elements as %s, but %s", function, argument,
                like, but);
  fail(message);
}

[[noreturn]] inline void fail_samples(const char* function, const char* argument, std::size_t samples,
                                      std::size_t levels) {
  char message[256];
  std::snprintf(message, sizeof message, "diffusion::%s: %s is a batch of %zu samples, but there are %zu levels",
                function, argument, samples, levels);
  fail(message);
}

[[noreturn]] inline void fail_parts(const char* function, const char* argument, std::size_t size, std::size_t levels) {
  char message[256];
  std::snprintf(message, sizeof message, "diffusion::%s: %s has %zu elements, which %zu levels do not divide", function,
                argument, size, levels);
  fail(message);
}

/// The number to show of a value of any scalar type: NaN if it does not convert to double.
template <class Real>
constexpr double shown(const Real& value) {
  if constexpr (requires { static_cast<double>(value); })
    return static_cast<double>(value);
  else
    return 0.0 / 0.0;
}

/// Fails unless `holds`.
template <class Real>
constexpr void require(bool holds, const char* function, const char* argument, const Real& value,
                       const char* expected) {
  if (!holds) fail_value(function, argument, shown(value), expected);
}

/// The same for element `index` of an argument.
template <class Real>
constexpr void require_element(bool holds, const char* function, const char* argument, std::size_t index,
                               const Real& value, const char* expected) {
  if (!holds) fail_element(function, argument, index, shown(value), expected);
}

}  // namespace diffusion::numerics
