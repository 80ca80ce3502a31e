// SPDX-License-Identifier: MIT
// The one way this library reports a bad argument: function, argument, value and what was expected.
//
// Use it at the border of a public function, before anything is written. Not inside formulas: there NaN propagates.
// Throws std::invalid_argument; in a program built with -fno-exceptions it prints the same sentence and aborts.
#pragma once

#include <cstddef>
#include <cstdio>
#include <stdexcept>

#ifndef __cpp_exceptions
#include <cstdlib>
#endif

namespace diffusion::numerics {

[[noreturn]] inline void fail(const char* message) {
#ifdef __cpp_exceptions
  throw std::invalid_argument(message);
#else
  std::fprintf(stderr, "%s\n", message);
  std::abort();
#endif
}

[[noreturn]] inline void fail_value(const char* function, const char* argument, double value, const char* expected) {
  char message[256];
  std::snprintf(message, sizeof message, "diffusion::%s: %s = %.17g, expected %s", function, argument, value, expected);
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

/// Fails unless `holds`; `value` may be of any scalar type and is shown if it converts to double.
template <class Real>
constexpr void require(bool holds, const char* function, const char* argument, const Real& value,
                       const char* expected) {
  if (holds) return;
  if constexpr (requires { static_cast<double>(value); })
    fail_value(function, argument, static_cast<double>(value), expected);
  else
    fail_value(function, argument, 0.0 / 0.0, expected);
}

}  // namespace diffusion::numerics
