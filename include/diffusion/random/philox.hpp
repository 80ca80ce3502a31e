// SPDX-License-Identifier: MIT
// Philox4x32-10: a block of 128 random bits as a pure function of a 128-bit counter and a 64-bit key.
//
// Use it where results must not depend on order, batch size or number of threads: there is no state to share. Not for
// cryptography.
//
// Exact: integer arithmetic, equal to the published known-answer vectors.
// Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>

namespace diffusion {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Ten rounds of a multiplication of two of the words and a swap, the key stepped between rounds. [salmon2011.philox]
constexpr PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t(0xD2511F53) * counter[0], p1 = std::uint64_t(0xCD9E8D57) * counter[2];
    counter = {std::uint32_t(p1 >> 32) ^ counter[1] ^ key[0], std::uint32_t(p1),
               std::uint32_t(p0 >> 32) ^ counter[3] ^ key[1], std::uint32_t(p0)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};  // the golden ratio and sqrt(3) - 1
  }
  return counter;
}

}  // namespace diffusion
