// SPDX-License-Identifier: MIT
#include <diffusion/random/philox.hpp>

#include "../support/catch.hpp"

using namespace diffusion;

// The known-answer vectors that the authors publish with Random123 (kat_vectors, philox4x32 with ten rounds).
static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
              PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

TEST_CASE("philox4x32 equals its known answers at run time too", "[philox][salmon2011.philox]") {
  volatile std::uint32_t zero = 0;
  const std::uint32_t z = zero;
  REQUIRE(philox4x32({z, z, z, z}, {z, z}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
}
