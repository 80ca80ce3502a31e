// SPDX-License-Identifier: MIT
// The message of a call that must throw std::invalid_argument.
#pragma once

#include <stdexcept>
#include <string>

template <class F>
std::string message(F call) {
  try {
    (void)call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing thrown";
}
