// SPDX-License-Identifier: MIT
#include <diffusion/numerics/likelihood_kernels.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <vector>

#include "../support/catch.hpp"
#include "../support/random.hpp"
#include "../support/truth.hpp"

using namespace diffusion::numerics;
using namespace diffusion::numerics::likelihood_kernels;
using random_arguments::uniform;

namespace {

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> here;
  for (const InstructionSet set : {InstructionSet::compiled_for, InstructionSet::avx2, InstructionSet::avx512})
    if (has(set)) here.push_back(set);
  return here;
}

/// The same bits, or both NaN.
template <class S>
bool same(S a, S b) {
  using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
  return std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b) || (a != a && b != b);
}

/// Bytes on [-1, 1].
template <class S>
BinEdges<S> byte_edges() {
  const double slack = 0.25 / 255;
  const auto half = static_cast<S>(1.0 / 255);
  return {static_cast<S>(-1 - slack),
          static_cast<S>(-1 + slack),
          static_cast<S>(1 - slack),
          static_cast<S>(1 + slack),
          half,
          static_cast<S>(static_cast<long double>(1) / 255 - static_cast<long double>(half))};
}

/// Grey levels, both ends more often; means near and far, and on edges; any scale; any two log-variances, and equal
/// ones.
template <class T>
struct Elements {
  std::vector<T> x, mean, log_scale, log_p, log_q;

  explicit Elements(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const int k = i % 5 == 0 ? 0 : i % 5 == 1 ? 255 : int(uniform(0, 256));
      x.push_back(static_cast<T>(-1 + k * (2.0 / 255)));
      log_scale.push_back(static_cast<T>(i % 3 == 0 ? uniform(-20, 20) : uniform(-9, 0)));
      mean.push_back(static_cast<T>(x.back() + uniform(-30, 30) * std::exp(double(log_scale.back()))));
      if (i % 7 == 0) mean.back() = static_cast<T>(x.back() + 1 / 255.0);
      if (i % 11 == 0) mean.back() = x.back();
      log_p.push_back(static_cast<T>(uniform(-40, 40)));
      log_q.push_back(i % 4 == 0 ? log_p.back() : static_cast<T>(uniform(-40, 40)));
    }
  }
  template <class S>
  BinProbability<S, T> bins() const {
    return {x.data(), mean.data(), log_scale.data(), 0, 0, byte_edges<S>()};
  }
  template <class S>
  Divergence<S, T> divergence() const {
    return {mean.data(), x.data(), log_p.data(), log_q.data()};
  }
};

/// Puts values in that no data have.
template <class T>
void spoil(Elements<T>& elements) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const T wrong[] = {std::numeric_limits<T>::quiet_NaN(), infinity, -infinity, T(1e30), T(-90), T(-800), T(0)};
  for (auto* array : {&elements.x, &elements.mean, &elements.log_scale, &elements.log_p, &elements.log_q})
    for (std::size_t i = 0; i < array->size(); i += 1 + random_arguments::engine() % 60)
      (*array)[i] = wrong[random_arguments::engine() % 7];
}

/// What is computed in, and of what.
template <class S, class T>
struct Kind {
  using arithmetic = S;
  using element = T;
};

}  // namespace

TEMPLATE_TEST_CASE("all instruction sets make the same bits", "[likelihood_kernels]", (Kind<float, float>),
                   (Kind<double, float>), (Kind<double, double>)) {
  using S = typename TestType::arithmetic;
  using T = typename TestType::element;
  for (int round = 0; round < 40; ++round) {
    Elements<T> elements(block_size + 16);
    if (round % 2 == 1) spoil(elements);
    const auto compare = [&](const auto& of) {
      for (const std::size_t first : {std::size_t(0), std::size_t(5)}) {
        std::vector<S> one(block_size), many(block_size);
        const bool some = evaluate(InstructionSet::compiled_for, of, first, block_size, one.data());
        const double total = sum(InstructionSet::compiled_for, one.data(), block_size);
        for (const InstructionSet set : instruction_sets()) {
          CAPTURE(static_cast<int>(set), first);
          REQUIRE(evaluate(set, of, first, block_size, many.data()) == some);
          REQUIRE(std::equal(one.begin(), one.end(), many.begin(), same<S>));
          REQUIRE(same(total, sum(set, many.data(), block_size)));
        }
      }
    };
    compare(elements.template bins<S>());
    compare(elements.template divergence<S>());
    auto with_constants = elements.template divergence<S>();
    with_constants.log_p = with_constants.log_q = nullptr;
    with_constants.one_log_p = static_cast<S>(uniform(-5, 5));
    with_constants.log_q_rest = static_cast<S>(1e-9);
    with_constants.factor = static_cast<S>(0.3);
    compare(with_constants);
    auto with_one_scale = elements.template bins<S>();
    with_one_scale.log_scale = nullptr;
    with_one_scale.one_log_scale = static_cast<S>(uniform(-9, 0));
    with_one_scale.log_scale_rest = static_cast<S>(1e-9);
    compare(with_one_scale);
  }
}

TEMPLATE_TEST_CASE("nothing of the range that data have is left out", "[likelihood_kernels]", (Kind<float, float>),
                   (Kind<double, float>), (Kind<double, double>)) {
  using S = typename TestType::arithmetic;
  const Elements<typename TestType::element> elements(block_size);
  std::vector<S> values(block_size);
  REQUIRE_FALSE(evaluate(widest(), elements.template divergence<S>(), 0, block_size, values.data()));
  for (const S value : values) REQUIRE(value >= 0);
  REQUIRE_FALSE(evaluate(widest(), elements.template bins<S>(), 0, block_size, values.data()));
  for (const S value : values) REQUIRE(value <= 0);
}

TEST_CASE("what is left out is asked for, in order, and nothing else", "[likelihood_kernels]") {
  const float infinity = std::numeric_limits<float>::infinity();
  Elements<float> elements(700);
  for (std::size_t i = 0; i < 700; ++i) {  // values of ordinary sizes
    elements.log_scale[i] = -4;
    elements.mean[i] = elements.x[i] + static_cast<float>(uniform(-0.05, 0.05));
    elements.log_p[i] = static_cast<float>(uniform(-3, 3));
    elements.log_q[i] = static_cast<float>(uniform(-3, 3));
  }
  std::vector<std::size_t> asked;
  const auto total_of = [&](const auto& of) {
    asked.clear();
    return total(of, 700, [&](std::size_t i) {
      asked.push_back(i);
      return 1000.0 * double(i);
    });
  };
  const auto expect = [&](double before, double after, const std::vector<std::size_t>& which) {
    REQUIRE(asked == which);
    double sum = 0;
    for (const std::size_t i : which) sum += 1000.0 * double(i);
    REQUIRE(std::abs(after - before - sum) < 0.1 * std::abs(before));  // those elements are no longer in it
  };
  const double probability = total_of(elements.bins<float>()), divergence = total_of(elements.divergence<float>());
  REQUIRE(asked.empty());

  auto unlikely = elements;
  unlikely.x[3] = 1.01f;
  unlikely.x[17] = -1.01f;
  unlikely.log_scale[255] = -41;
  unlikely.log_scale[256] = 41;
  unlikely.mean[400] = infinity;
  unlikely.mean[699] = 3e7f;  // more than a thousand million deviations
  expect(probability, total_of(unlikely.bins<float>()), {3, 17, 255, 256, 400, 699});

  auto far = elements;
  far.log_p[2] = 95;
  far.log_q[300] = -90;
  far.log_q[301] = 91;
  far.log_p[302] = 50, far.log_q[302] = -40;
  far.log_p[698] = infinity;
  expect(divergence, total_of(far.divergence<float>()), {2, 300, 301, 302, 698});
}

TEMPLATE_TEST_CASE("a total is the sum of its elements, in any number of blocks", "[likelihood_kernels]",
                   (Kind<float, float>), (Kind<double, double>)) {
  using S = typename TestType::arithmetic;
  using T = typename TestType::element;
  const Elements<T> elements(5000);
  const auto of = elements.template divergence<S>();
  const auto never = [](std::size_t) -> double { throw std::logic_error("left out"); };
  std::vector<S> value(group_size);
  for (const auto n : std::to_array<std::size_t>({0, 1, 2, 15, 16, 17, 255, 256, 257, 511, 512, 513, 769, 5000})) {
    truth::Real exactly = 0;
    for (std::size_t i = 0; i < n; ++i) {
      Padding<T> padding;
      evaluate(InstructionSet::compiled_for, of.padded(i, 1, padding), 0, group_size, value.data());
      exactly += value[0];
    }
    for (const InstructionSet set : instruction_sets()) {
      const double sum = total(set, of, 0, n, never);
      CAPTURE(n, sum, exactly, static_cast<int>(set));
      REQUIRE(abs(sum - exactly) <= 16 * std::numeric_limits<double>::epsilon() * exactly);
      REQUIRE(sum == total(InstructionSet::compiled_for, of, 0, n, never));
    }
  }
}
