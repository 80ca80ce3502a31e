// SPDX-License-Identifier: MIT
#include <diffusion/random/vector_normals.hpp>

#include <vector>

#include "../support/catch.hpp"
#include "../support/random.hpp"

using namespace diffusion;
using namespace diffusion::vector_normals;

// Every register that this processor has; the sizes of the runs are those that the header promises.
TEMPLATE_TEST_CASE("all registers make the numbers that are made one by one", "[vector_normals]", float, double) {
  using F = TestType;
  auto& engine = random_arguments::engine;
  for (const Registers registers : {Registers::sse2, Registers::avx2, Registers::avx512}) {
    if (!has(registers)) continue;
    const std::size_t groups = groups_in(registers);
    // The last two pass from 32 to 33 bits of the index of a block, and from its greatest to its least.
    for (const std::uint64_t group : {std::uint64_t(0), std::uint64_t(engine() >> 2), (std::uint64_t(1) << 30) - 5,
                                      (std::uint64_t(1) << 62) - 3}) {
      const std::uint64_t seed = engine();
      const auto stream = static_cast<std::uint32_t>(engine()), step = static_cast<std::uint32_t>(engine());
      const std::size_t runs = 2000;
      std::vector<F> one(runs * groups * group_size<F>), many(one.size() + 1, F(7));
      vector_normals::fill(Registers::none, seed, stream, step, group, runs * groups, one.data());
      vector_normals::fill(registers, seed, stream, step, group, runs, many.data());
      REQUIRE(many.back() == F(7));
      many.pop_back();
      CAPTURE(static_cast<int>(registers), group);
      REQUIRE(many == one);
    }
  }
  REQUIRE(has(widest()));
}

TEST_CASE("an address is a counter and a key of Philox", "[vector_normals]") {
  REQUIRE(block(0x0123456789abcdef, 0x11111111, 0x22222222, 0xfedcba9876543210) ==
          philox4x32({0x76543210, 0xfedcba98, 0x22222222, 0x11111111}, {0x89abcdef, 0x01234567}));
  float f[16];
  double d[8];
  vector_normals::fill(Registers::none, 5, 6, 7, 8, 1, f);
  vector_normals::fill(Registers::none, 5, 6, 7, 8, 1, d);
  for (std::size_t lane = 0; lane < 4; ++lane) {
    const auto words = block(5, 6, 7, 4 * 8 + lane);
    const auto a = box_muller(words[0], words[1]), b = box_muller(words[2], words[3]);
    REQUIRE((f[lane] == a.first && f[4 + lane] == a.second && f[8 + lane] == b.first && f[12 + lane] == b.second));
    const auto pair = box_muller(words[0] | std::uint64_t(words[1]) << 32, words[2] | std::uint64_t(words[3]) << 32);
    REQUIRE((d[lane] == pair.first && d[4 + lane] == pair.second));
  }
}
