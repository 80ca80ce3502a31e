// SPDX-License-Identifier: MIT
#include <diffusion/random/vector_normals.hpp>

#include <algorithm>
#include <vector>

#include "../support/catch.hpp"
#include "../support/random.hpp"

using namespace diffusion;
using namespace diffusion::vector_normals;

// Every set that this processor has; the sizes of the runs are those that the header promises. Rows of every length
// about that of a run, and one of all; half of them come after step 2^32 - 1 to step 0.
TEMPLATE_TEST_CASE("all registers make the numbers that are made one by one", "[vector_normals]", float, double) {
  using F = TestType;
  auto& engine = random_arguments::engine;
  for (const InstructionSet set : {InstructionSet::compiled_for, InstructionSet::avx2, InstructionSet::avx512}) {
    if (!numerics::has(set)) continue;
    // The last two pass from 32 to 33 bits of the index of a block, and from its greatest to its least.
    for (const std::uint64_t group :
         {std::uint64_t(0), std::uint64_t(engine() >> 2), (std::uint64_t(1) << 30) - 5, (std::uint64_t(1) << 62) - 3}) {
      for (const std::size_t length : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 12u, 17u, 100u, 5000u}) {
        const auto stream = static_cast<std::uint32_t>(engine()), step = static_cast<std::uint32_t>(engine());
        const Rows rows{engine(), stream, length % 2 == 0 ? step : ~std::uint32_t(0), group, length};
        const std::size_t runs = length == 5000 ? 5000 / groups_in(set) : 40, groups = runs * groups_in(set);
        std::vector<F> one(groups * group_size<F>), many(one.size() + 1, F(7));
        one_by_one::normals(rows, groups, one.data());
        vector_normals::fill(set, rows, runs, many.data());
        REQUIRE(many.back() == F(7));
        many.pop_back();
        CAPTURE(static_cast<int>(set), group, length);
        REQUIRE(many == one);
      }
    }
  }
  REQUIRE(numerics::has(numerics::widest()));
}

TEST_CASE("rows are steps, and each begins with the same group", "[vector_normals]") {
  const std::uint32_t last = ~std::uint32_t(0);  // the step after it is 0
  float rows[6 * 16], row[2 * 16];
  one_by_one::normals({5, 6, last, 8, 2}, 6, rows);
  for (std::uint32_t k = 0; k < 3; ++k) {
    one_by_one::normals({5, 6, last + k, 8, 2}, 2, row);
    REQUIRE(std::equal(row, row + 32, rows + 32 * k));
  }
}

TEST_CASE("an address is a counter and a key of Philox", "[vector_normals]") {
  REQUIRE(block(0x0123456789abcdef, 0x11111111, 0x22222222, 0xfedcba9876543210) ==
          philox4x32({0x76543210, 0xfedcba98, 0x22222222, 0x11111111}, {0x89abcdef, 0x01234567}));
  float f[16];
  double d[8];
  one_by_one::normals({5, 6, 7, 8, 1}, 1, f);
  one_by_one::normals({5, 6, 7, 8, 1}, 1, d);
  for (std::size_t lane = 0; lane < 4; ++lane) {
    const auto words = block(5, 6, 7, 4 * 8 + lane);
    const auto a = box_muller(words[0], words[1]), b = box_muller(words[2], words[3]);
    REQUIRE((f[lane] == a.first && f[4 + lane] == a.second && f[8 + lane] == b.first && f[12 + lane] == b.second));
    const auto pair = box_muller(words[0] | std::uint64_t(words[1]) << 32, words[2] | std::uint64_t(words[3]) << 32);
    REQUIRE((d[lane] == pair.first && d[4 + lane] == pair.second));
  }
}
