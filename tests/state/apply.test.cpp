// SPDX-License-Identifier: MIT
#include <diffusion/state/apply.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <thread>

#include "../support/catch.hpp"
#include "../support/dual.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"

using namespace diffusion;
using kernels::Second;
using random_arguments::uniform;

namespace {

template <class X>
X random_state(std::size_t n) {
  if constexpr (StoredState<X>) {
    X x(n);
    for (auto& e : x) e = static_cast<scalar_t<X>>(uniform(-2, 2));
    return x;
  } else {
    return X(uniform(-2, 2));
  }
}

const auto clipped_by_hand = [](auto e, auto low, auto high) { return e < low ? low : high < e ? high : e; };

// What apply_step promises: the estimate by apply_row and a clip, then the step by apply_row.
template <class X, Second second, std::size_t terms>
void require_two_passes(std::size_t n) {
  const X x = random_state<X>(n), y = random_state<X>(n), z = random_state<X>(n), w = random_state<X>(n);
  const Estimate<double, second> estimate{{uniform(-2, 2), uniform(-2, 2)}, uniform(-1, 0), uniform(0, 1)};
  std::array<double, terms> row;
  for (double& c : row) c = uniform(-2, 2);
  NewState fresh;
  X e = y;
  if (kernels::combines(second)) e = apply_row("f", estimate.row, fresh, Named{"x", x}, Named{"y", y});
  if (kernels::clips(second)) {
    if constexpr (StoredState<X>) {
      using T = scalar_t<X>;
      for (T& v : e) v = clipped_by_hand(v, static_cast<T>(estimate.low), static_cast<T>(estimate.high));
    } else {
      e = clipped_by_hand(e, X(estimate.low), X(estimate.high));
    }
  }
  const auto with_rest = [&](auto call) {
    if constexpr (terms == 2)
      return call();
    else if constexpr (terms == 3)
      return call(Named{"z", z});
    else
      return call(Named{"z", z}, Named{"w", w});
  };
  const X expected =
      with_rest([&](const auto&... rest) { return apply_row("f", row, fresh, Named{"x", x}, Named{"e", e}, rest...); });
  X out = z, over_x = x, over_y = y, kept = w, kept_over_y = y;
  with_rest([&](const auto&... rest) {
    apply_step("f", estimate, row, into(out), NotKept{}, Named{"x", x}, Named{"y", y}, rest...);
    apply_step("f", estimate, row, into(over_y), NotKept{}, Named{"x", x}, Named{"y", over_y}, rest...);
    if constexpr (second != Second::plain)
      apply_step("f", estimate, row, into(over_x), into(kept), Named{"x", over_x}, Named{"y", y}, rest...);
  });
  REQUIRE(out == expected);
  REQUIRE(over_y == expected);
  if constexpr (second != Second::plain) {
    REQUIRE(over_x == expected);
    REQUIRE(kept == e);
    with_rest([&](const auto&... rest) {
      apply_step("f", estimate, row, into(out), into(kept_over_y), Named{"x", x}, Named{"y", kept_over_y}, rest...);
    });
    REQUIRE(out == expected);
    REQUIRE(kept_over_y == e);
  }
}

// Calls the parts from threads of their own, last part first.
struct Threads {
  mutable std::size_t calls = 0, parts = 0;
  template <class Part>
  void operator()(std::size_t count, Part part) const {
    ++calls;
    parts += count;
    std::vector<std::thread> threads;
    for (std::size_t k = count; k-- > 0;) threads.emplace_back([&part, k] { part(k); });
    for (auto& thread : threads) thread.join();
  }
};

}  // namespace

TEMPLATE_TEST_CASE("a step in one pass has the bits of the estimate, a clip and a row", "[apply]", double, float,
                   std::vector<float>, std::vector<double>, std::vector<long double>) {
  for (std::size_t n = 0; n < 50; ++n) {
    require_two_passes<TestType, Second::plain, 3>(n);
    require_two_passes<TestType, Second::clipped, 2>(n);
    require_two_passes<TestType, Second::combined, 3>(n);
    require_two_passes<TestType, Second::combined_and_clipped, 2>(n);
    require_two_passes<TestType, Second::combined_and_clipped, 4>(n);
  }
}

TEST_CASE("an element of an array has the bits of the scalar", "[apply]") {
  for (int i = 0; i < 1000; ++i) {
    const std::array<double, 4> row{uniform(-2, 2), uniform(-2, 2), uniform(-2, 2), uniform(-2, 2)};
    const double a = uniform(-2, 2), b = uniform(-2, 2), c = uniform(-2, 2), d = uniform(-2, 2);
    const std::vector<double> x(9, a), y(9, b), z(9, c), w(9, d);
    NewState fresh;
    const double one = apply_row("f", row, fresh, Named{"x", a}, Named{"y", b}, Named{"z", c}, Named{"w", d});
    REQUIRE(apply_row("f", row, fresh, Named{"x", x}, Named{"y", y}, Named{"z", z}, Named{"w", w}) ==
            std::vector<double>(9, one));
    volatile double sum = row[0] * a;  // nothing is contracted, from left to right
    volatile double product = row[1] * b;
    sum = sum + product;
    product = row[2] * c;
    sum = sum + product;
    product = row[3] * d;
    sum = sum + product;
    REQUIRE(one == sum);
  }
}

TEST_CASE("clips of clips are one", "[apply]") {
  const Estimate<double, Second::combined> plain{{2, 3}};
  static_assert(std::same_as<decltype(clipped(plain, -1.0, 1.0)), Estimate<double, Second::combined_and_clipped>>);
  for (int i = 0; i < 1000; ++i) {
    const double a = uniform(-1, 1), b = a + uniform(0, 1), c = uniform(-1, 1), d = c + uniform(0, 1);
    const auto inner = clipped(Estimate<double, Second::plain>{}, a, b);
    const auto both = clipped(inner, c, d);
    static_assert(std::same_as<decltype(both), const Estimate<double, Second::clipped>>);
    const double e = uniform(-2, 2);
    double out = 0;
    apply_step("f", both, std::array{0.0, 1.0}, into(out), NotKept{}, Named{"x", 1.0}, Named{"y", e});
    REQUIRE(out == clipped_by_hand(clipped_by_hand(e, a, b), c, d));
  }
  REQUIRE(clipped(plain, -1.0, 1.0).row == plain.row);
  REQUIRE(clipped(clipped(plain, -1.0, 1.0), 0.0, 2.0).row == plain.row);
}

TEST_CASE("clipping in place keeps what is not a number", "[apply]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  std::vector<double> x{-3, -1, -0.0, 0.5, 1, infinity, -infinity, nan, 7};
  clip_elements(x, -1, 1);
  REQUIRE(std::vector<double>(x.begin(), x.begin() + 7) == std::vector<double>{-1, -1, 0, 0.5, 1, 1, -1});
  REQUIRE((std::signbit(x[2]) && std::isnan(x[7]) && x[8] == 1));
  std::vector<long double> wide{-3, 0.5L, 3};
  clip_elements(wide, -1, 1);
  REQUIRE(wide == std::vector<long double>{-1, 0.5L, 1});
  double one = 3;
  clip_elements(one, -1, 1);
  REQUIRE(one == 1);
}

TEST_CASE("a batch has the bits of its samples", "[apply]") {
  for (const std::size_t length : {1u, 3u, 16u, 37u}) {
    const auto x = random_state<std::vector<float>>(5 * length), y = random_state<std::vector<float>>(5 * length);
    const auto row = [](std::size_t k) { return std::array{0.1 * double(k + 1), -1.0 / double(k + 3)}; };
    NewState fresh;
    const auto batch = apply_rows("f", 5, row, fresh, Named{"x", x}, Named{"y", y});
    for (std::size_t k = 0; k < 5; ++k) {
      const std::span x_k = std::span(x).subspan(k * length, length), y_k = std::span(y).subspan(k * length, length);
      const auto one = apply_row("f", row(k), fresh, Named{"x", x_k}, Named{"y", y_k});
      REQUIRE(std::equal(one.begin(), one.end(), batch.begin() + std::ptrdiff_t(k * length)));
    }
  }
}

namespace {

// A state in pieces, as noise comes. It may say where they are, or write them.
template <class T>
struct Pieces {
  const std::vector<T>& all;
  bool written;
  mutable std::atomic<std::size_t> count{0};

  const T* elements(std::size_t first, std::span<T> room) const {
    count += room.size();
    if (first + room.size() > all.size() || room.size_bytes() > 4096) std::abort();
    if (!written) return all.data() + first;
    std::copy_n(all.begin() + std::ptrdiff_t(first), room.size(), room.begin());
    return room.data();
  }
};

}  // namespace

static_assert(ElementSource<Pieces<float>, std::vector<float>> && ElementSource<Pieces<float>, float>);
static_assert(!ElementSource<Pieces<float>, std::vector<double>> && !ElementSource<std::vector<float>, float>);
static_assert(!ElementSource<Pieces<long double>, std::vector<long double>>);

TEMPLATE_TEST_CASE("a source of elements stands for its state", "[apply]", float, double) {
  using X = std::vector<TestType>;
  const std::array row{0.25, -1.5, 0.75};
  const Estimate<double, Second::combined_and_clipped> estimate{{1, 2}, -1, 1};
  NewState fresh;
  const std::size_t piece = 4096 / sizeof(TestType);
  for (const std::size_t n : {std::size_t(0), std::size_t(1), std::size_t(17), piece - 1, piece, piece + 1,
                              3 * piece + 5, std::size_t(200000)}) {
    const X x = random_state<X>(n), y = random_state<X>(n), z = random_state<X>(n);
    const auto expected = apply_row("f", row, fresh, Named{"x", x}, Named{"y", y}, Named{"z", z});
    X step(n), kept(n), out(n), kept_too(n);
    apply_step("f", estimate, row, into(step), into(kept), Named{"x", x}, Named{"y", y}, Named{"z", z});
    for (const bool written : {false, true}) {
      const Pieces<TestType> pieces{z, written};
      REQUIRE(apply_row("f", row, fresh, Named{"x", x}, Named{"y", y}, Named{"z", pieces}) == expected);
      REQUIRE(pieces.count == n);
      out = x;
      apply_step("f", estimate, row, into(out), into(kept_too), Named{"x", out}, Named{"y", y}, Named{"z", pieces});
      REQUIRE((out == step && kept_too == kept));
      const Threads threads;
      auto to = into(out, threads);
      apply_row("f", row, to, Named{"x", x}, Named{"y", y}, Named{"z", pieces});
      REQUIRE(out == expected);
      REQUIRE(pieces.count == 3 * n);
    }
  }
  const X one{TestType(0.3)};
  const Pieces<TestType> piece_of_one{one, true};
  const TestType a(1.5), b(-0.5);
  REQUIRE(apply_row("f", row, fresh, Named{"x", a}, Named{"y", b}, Named{"z", piece_of_one}) ==
          apply_row("f", row, fresh, Named{"x", a}, Named{"y", b}, Named{"z", one[0]}));
  TestType out = 0, expected = 0;
  apply_step("f", estimate, row, into(out), NotKept{}, Named{"x", a}, Named{"y", b}, Named{"z", piece_of_one});
  apply_step("f", estimate, row, into(expected), NotKept{}, Named{"x", a}, Named{"y", b}, Named{"z", one[0]});
  REQUIRE(out == expected);
}

TEST_CASE("a destination with threads has the same bits, and uses them for large states only", "[apply]") {
  for (const std::size_t n : {0u, 1000u, 65536u, 65537u, 200001u}) {
    const auto x = random_state<std::vector<float>>(n), y = random_state<std::vector<float>>(n);
    const std::array row{0.25, -1.5};
    NewState fresh;
    const auto expected = apply_row("f", row, fresh, Named{"x", x}, Named{"y", y});
    std::vector<float> out(n), estimate(n), estimate_expected(n);
    const Threads threads;
    auto to = into(out, threads);
    apply_row("f", row, to, Named{"x", x}, Named{"y", y});
    REQUIRE(out == expected);
    REQUIRE(threads.calls == (n > 65536));
    REQUIRE(threads.parts == (n > 65536 ? (n + 65535) / 65536 : 0));
    const Estimate<double, Second::combined_and_clipped> e{{1, 2}, -1, 1};
    std::vector<float> step(n), step_expected(n);
    apply_step("f", e, row, into(step_expected), into(estimate_expected), Named{"x", x}, Named{"y", y});
    apply_step("f", e, row, into(step, threads), into(estimate), Named{"x", x}, Named{"y", y});
    REQUIRE((step == step_expected && estimate == estimate_expected));
  }
}

TEST_CASE("large states, whose stores go past the caches, have the same bits", "[apply]") {
  const std::size_t n = kernels::streaming_bytes / sizeof(float) / 3 + 5;
  const std::vector<float> x(n, 0.75f), y(n, -0.3f);
  const std::array row{0.1, 0.7};
  NewState fresh;
  const auto one = apply_row("f", row, fresh, Named{"x", x[0]}, Named{"y", y[0]});
  REQUIRE(apply_row("f", row, fresh, Named{"x", x}, Named{"y", y}) == std::vector<float>(n, one));
  const auto rows = [&](std::size_t) { return row; };
  const std::vector<float> x_batch(x.begin(), x.begin() + std::ptrdiff_t(n / 7 * 7)), &y_batch = x_batch;
  const auto same = apply_row("f", row, fresh, Named{"x", x[0]}, Named{"y", x[0]});
  REQUIRE(apply_rows("f", 7, rows, fresh, Named{"x", x_batch}, Named{"y", y_batch}) ==
          std::vector<float>(x_batch.size(), same));
}

TEST_CASE("destinations that overlap an argument in part are refused, and nothing is written", "[apply][errors]") {
  std::vector<float> memory(20);
  for (std::size_t i = 0; i < 20; ++i) memory[i] = float(i);
  const auto before = memory;
  const std::vector<float> other(10);
  const auto part = [&](std::size_t first) { return std::span(memory).subspan(first, 10); };
  const std::array row{1.0, 1.0};
  const auto add = [&](std::span<float> x, std::span<const float> y, std::span<float> target) {
    return message([&] {
      auto to = into(target);
      apply_row("f", row, to, Named{"x", x}, Named{"y", y});
      return 0;
    });
  };
  REQUIRE(add(part(0), other, part(1)) == "diffusion::f: out has as many elements as x, but overlaps it in part");
  REQUIRE(add(part(9), other, part(0)) == "diffusion::f: out has as many elements as x, but overlaps it in part");
  REQUIRE(add(part(10), part(5), part(0)) == "diffusion::f: out has as many elements as y, but overlaps it in part");
  const auto step = [&](std::span<float> x, std::span<float> out, std::span<float> kept) {
    return message([&] {
      apply_step("f", Estimate<double, Second::clipped>{{}, -1, 1}, row, into(out), into(kept), Named{"x", x},
                 Named{"y", other});
      return 0;
    });
  };
  std::vector<float> free(10), short_one(9);
  REQUIRE(step(part(0), free, part(1)) ==
          "diffusion::f: the estimate has as many elements as x, but overlaps it in part");
  REQUIRE(step(part(0), part(10), part(9)) ==
          "diffusion::f: the estimate has as many elements as out, but overlaps it in part");
  REQUIRE(step(part(0), part(10), part(10)) ==
          "diffusion::f: out has as many elements as the estimate, but is the same memory");
  REQUIRE(step(part(0), free, short_one) == "diffusion::f: the estimate has 9 elements, expected 10, as x");
  REQUIRE(memory == before);
  REQUIRE(add(part(0), part(10), part(10)) == "nothing thrown");
  REQUIRE(add(part(0), part(0), part(0)) == "nothing thrown");
}
