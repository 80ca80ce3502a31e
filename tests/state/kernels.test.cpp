// SPDX-License-Identifier: MIT
#include <diffusion/state/kernels.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "../support/catch.hpp"
#include "../support/random.hpp"

using namespace diffusion::kernels;
using random_arguments::uniform;

namespace {

// The instruction sets that this machine has, of those that there are kernels for.
std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets{InstructionSet::compiled_for};
  for (const InstructionSet set : {InstructionSet::avx2, InstructionSet::avx512})
    if (diffusion::numerics::has(set)) sets.push_back(set);
  return sets;
}

template <class T>
auto bits(T x) {
  if constexpr (sizeof(T) == 4)
    return std::bit_cast<std::uint32_t>(x);
  else
    return std::bit_cast<std::uint64_t>(x);
}

// Nothing that is stored in a volatile is contracted.
template <class T>
T kept(T x) {
  volatile T stored = x;
  return stored;
}

// Ordinary and special values: signs of zero, infinities, NaN, numbers whose products are subnormal.
template <class T>
T value(std::size_t i) {
  constexpr T special[] = {T(0),
                           -T(0),
                           std::numeric_limits<T>::infinity(),
                           -std::numeric_limits<T>::infinity(),
                           std::numeric_limits<T>::quiet_NaN(),
                           std::numeric_limits<T>::min(),
                           -std::numeric_limits<T>::denorm_min(),
                           std::numeric_limits<T>::max()};
  return i % 13 == 5 ? special[random_arguments::engine() % 8] : static_cast<T>(uniform(-3, 3));
}

// What a pass is to compute, in a plain loop.
template <Second second, class T, std::size_t terms>
void expected(const Pass<T, terms>& p, std::vector<T>& out, std::vector<T>& estimates) {
  for (std::size_t i = 0; i < p.n; ++i) {
    T x[terms];
    for (std::size_t j = 0; j < terms; ++j) x[j] = p.x[j][i];
    T& e = x[terms == 1 ? 0 : 1];
    if (combines(second)) e = kept(kept(p.of_first * x[0]) + kept(p.of_second * e));
    if (clips(second)) e = e < p.low ? p.low : p.high < e ? p.high : e;
    T sum = kept(p.row[0] * x[0]);
    for (std::size_t j = 1; j < terms; ++j) sum = kept(sum + kept(p.row[j] * x[j]));
    out.push_back(sum);
    estimates.push_back(e);
  }
}

// Memory of one alignment, as streaming needs of two outputs.
template <class T>
struct Buffer {
  alignas(64) T values[128];
};

template <class T>
void require_same(const Buffer<T>& got, const std::vector<T>& expected, std::size_t first) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const T a = got.values[first + i], b = expected[i];
    wrong += !(bits(a) == bits(b) || (a != a && b != b));  // which NaN is not told
  }
  REQUIRE(wrong == 0);
}

// All lengths up to several registers, at any alignment, with outputs of their own or over the inputs.
template <Second second, bool kept_too, bool streaming, class T, std::size_t terms>
void check() {
  for (const InstructionSet set : instruction_sets()) {
    for (std::size_t n = 0; n < 75; ++n) {
      const std::size_t first = random_arguments::engine() % 40, over = random_arguments::engine() % (terms + 1);
      const std::size_t size = first + n + 3;
      Buffer<T> x[terms], out, estimate;
      for (T& v : out.values) v = T(7);
      for (T& v : estimate.values) v = T(8);
      Pass<T, terms> p{.n = n};
      for (std::size_t j = 0; j < terms; ++j) {
        for (std::size_t i = 0; i < size; ++i) x[j].values[i] = value<T>(i);
        p.x[j] = x[j].values + first;
        p.row[j] = static_cast<T>(uniform(-2, 2));
      }
      p.of_first = static_cast<T>(uniform(-2, 2)), p.of_second = static_cast<T>(uniform(-2, 2));
      p.low = static_cast<T>(uniform(-2, 0)), p.high = static_cast<T>(uniform(0, 2));
      std::vector<T> sums, estimates;
      expected<second>(p, sums, estimates);
      Buffer<T>& target = over < terms ? x[over] : out;
      p.out = target.values + first;
      Buffer<T>& kept_in = kept_too && over != 1 && terms > 1 ? x[terms > 1 ? 1 : 0] : estimate;
      p.second_out = kept_in.values + first;
      const Buffer<T> before = target, kept_before = kept_in;
      run_on<second, kept_too, streaming>(set, p);
      require_same(target, sums, first);
      if (kept_too) require_same(kept_in, estimates, first);
      for (std::size_t i = 0; i < size; ++i) {  // nothing beside the n elements is written
        if (i >= first && i < first + n) continue;
        REQUIRE(bits(target.values[i]) == bits(before.values[i]));
        REQUIRE(bits(kept_in.values[i]) == bits(kept_before.values[i]));
      }
    }
  }
}

template <class T, bool streaming>
void check_all() {
  check<Second::plain, false, streaming, T, 1>();
  check<Second::plain, false, streaming, T, 2>();
  check<Second::plain, false, streaming, T, 3>();
  check<Second::plain, false, streaming, T, 4>();
  check<Second::clipped, false, streaming, T, 1>();
  check<Second::clipped, false, streaming, T, 3>();
  check<Second::clipped, true, streaming, T, 2>();
  check<Second::combined, true, streaming, T, 3>();
  check<Second::combined_and_clipped, false, streaming, T, 3>();
  check<Second::combined_and_clipped, true, streaming, T, 4>();
}

}  // namespace

TEST_CASE("every kernel is its formula, each operation rounded by itself, on every instruction set", "[kernels]") {
  check_all<float, false>();
  check_all<double, false>();
}

TEST_CASE("stores past the caches write the same", "[kernels]") {
  check_all<float, true>();
  check_all<double, true>();
}

TEST_CASE("only large outputs that were not read, and aligned alike, go past the caches", "[kernels]") {
  alignas(64) static float memory[64];
  const std::size_t large = streaming_bytes / sizeof(float) / 3;
  Pass<float, 2> p{.n = large, .x = {memory, memory + 1}, .out = memory + 2};  // nothing is read or written here
  REQUIRE(is_streaming(p));
  p.n = large - 1;
  REQUIRE(!is_streaming(p));
  p.n = large;
  p.second_out = memory + 2 + 16;  // a stream more, so a smaller size is enough
  p.n = streaming_bytes / sizeof(float) / 4;
  REQUIRE(is_streaming(p));
  p.second_out = memory + 3;
  REQUIRE(!is_streaming(p));
  p.second_out = nullptr;
  p.n = large;
  p.out = memory + 1;
  REQUIRE(!is_streaming(p));
}

TEST_CASE("a part of a pass is the pass of a part", "[kernels]") {
  std::vector<double> x(10), y(10), out(10), e(10);
  const Pass<double, 2> p{.n = 10, .row = {2, 3}, .x = {x.data(), y.data()}, .out = out.data(), .second_out = e.data()};
  const auto part = p.part(4, 3);
  REQUIRE((part.n == 3 && part.x[0] == &x[4] && part.x[1] == &y[4] && part.out == &out[4] && part.second_out == &e[4]));
  Pass<double, 2> without = p;
  without.second_out = nullptr;
  REQUIRE(without.part(4, 3).second_out == nullptr);
}
