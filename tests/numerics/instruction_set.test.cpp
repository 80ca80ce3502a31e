// SPDX-License-Identifier: MIT
#include <diffusion/numerics/instruction_set.hpp>

#include "../support/catch.hpp"

using namespace diffusion::numerics;

TEST_CASE("the instruction set that is chosen is the widest that the machine has", "[instruction_set]") {
  REQUIRE(has(InstructionSet::compiled_for));
  REQUIRE(has(widest()));
  for (const InstructionSet set : {InstructionSet::avx2, InstructionSet::avx512})
    if (has(set)) REQUIRE(widest() >= set);
  REQUIRE(has(widest_at_full_clock()));
  REQUIRE(widest_at_full_clock() <= widest());
#if defined(__GNUC__) && defined(__x86_64__)
  REQUIRE(has(InstructionSet::avx2) == bool(__builtin_cpu_supports("avx2")));
  if (widest_at_full_clock() != widest()) REQUIRE(!__builtin_cpu_supports("avx512vbmi2"));
  if (widest_at_full_clock() == InstructionSet::avx512) REQUIRE(__builtin_cpu_supports("avx512vbmi2"));
#else
  REQUIRE(widest() == InstructionSet::compiled_for);
#endif
}
