// SPDX-License-Identifier: MIT
#include <diffusion/random/noise.hpp>

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <complex>
#include <numeric>

#include "../support/catch.hpp"

using namespace diffusion;

namespace {

template <class F>
std::vector<F> normals(const NormalNoise& noise, int step, std::size_t n) {
  std::vector<F> x(n);
  noise.fill(step, std::span<F>(x));
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("a value depends on its address alone", "[noise]", float, double) {
  using F = TestType;
  const NormalNoise noise{.seed = 123, .stream = 4};
  const auto all = normals<F>(noise, 9, 1000);
  for (const std::size_t n : {0u, 1u, 2u, 3u, 7u, 8u, 15u, 16u, 17u, 100u}) {  // any size is a prefix
    const auto few = normals<F>(noise, 9, n);
    REQUIRE(std::equal(few.begin(), few.end(), all.begin()));
  }
  for (const std::size_t first : {1u, 5u, 8u, 16u, 33u, 900u}) {  // any part is that part
    NormalNoise part = noise;
    part.first_element = first;
    const auto rest = normals<F>(part, 9, 100);
    REQUIRE(std::equal(rest.begin(), rest.end(), all.begin() + std::ptrdiff_t(first)));
  }
  REQUIRE(noise(9, F(0)) == all[0]);
  REQUIRE(noise(9, std::vector<F>(1000)) == all);
  REQUIRE(noise.initial(std::vector<F>(5)) == normals<F>(noise, -1, 5));
  std::vector<F> written(1000);
  noise(9, written, into(written));
  REQUIRE(written == all);
  F one = 0;
  noise(9, one, into(one));
  REQUIRE(one == all[0]);
}

TEMPLATE_TEST_CASE("noise by its elements is the same noise", "[noise]", float, double) {
  using F = TestType;
  const NormalNoise noise{.seed = 5, .stream = 6, .first_element = 7};
  const auto all = normals<F>(noise, 9, 3000);
  for (const std::size_t first : {0u, 1u, 9u, 1024u, 2000u})
    for (const std::size_t n : {0u, 1u, 16u, 100u, 999u}) {
      std::vector<F> room(n + 1, F(7));
      REQUIRE(noise.at(9).elements(first, std::span<F>(room.data(), n)) == room.data());
      REQUIRE(std::equal(room.begin(), room.end() - 1, all.begin() + std::ptrdiff_t(first)));
      REQUIRE(room.back() == F(7));
    }
}

TEMPLATE_TEST_CASE("noise of several steps at a time is the same noise", "[noise]", float, double) {
  using F = TestType;
  constexpr std::size_t most = NormalsAhead<F>::most;
  for (const std::size_t n : {std::size_t(1), std::size_t(2), std::size_t(16), std::size_t(17), most - 1, most})
    for (const std::size_t first : {0u, 1u, 15u}) {
      const NormalNoise noise{.seed = 5, .stream = 6, .first_element = first};
      NormalsAhead<F> ahead;
      const auto require_step = [&](int step, int steps) {
        const auto expected = normals<F>(noise, step, n);
        REQUIRE(std::equal(expected.begin(), expected.end(), ahead(noise, step, steps, n)));
      };
      for (int step = 0; step < 150; ++step) require_step(step, 150);
      for (const int step : {149, 3, 3, 100, 4, 99, 0}) require_step(step, 150);  // in any order
      require_step(1000, 1001);
    }
}

static_assert(std::invocable<NormalNoise, int, float> && std::invocable<NormalNoise, int, std::vector<double>>);
static_assert(!std::invocable<NormalNoise, int, std::complex<double>> &&
              !std::invocable<NormalNoise, int, std::vector<int>>);

TEMPLATE_TEST_CASE("no two addresses share their numbers", "[noise]", float, double) {
  using F = TestType;
  std::vector<F> values;
  for (const std::uint64_t seed : {std::uint64_t(0), std::uint64_t(1), std::uint64_t(1) << 32})
    for (const std::uint32_t stream : {0u, 1u, 0x80000000u})
      for (const int step : {-1, 0, 1, 1000})
        for (const std::uint64_t first : {std::uint64_t(0), std::uint64_t(1) << 40}) {
          const auto part = normals<F>({.seed = seed, .stream = stream, .first_element = first}, step, 64);
          values.insert(values.end(), part.begin(), part.end());
        }
  const std::size_t n = values.size();
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  REQUIRE(values.size() + 2 >= n);  // two floats may agree by chance
}

TEST_CASE("noise of a seed is what it always was", "[noise]") {
  // These numbers are a promise of the major version. They were printed by this library when box_muller.hpp had been
  // compared with the exact transform (box_muller.test.cpp), and are compared between compilers by
  // portability/noise.cpp.
  const NormalNoise noise{.seed = 42};
  const auto f = normals<float>(noise, 0, 4);
  const auto d = normals<double>(noise, 0, 4);
  CAPTURE(f[0], f[1], f[2], f[3], d[0], d[1], d[2], d[3]);
  REQUIRE(f == std::vector<float>{-0x1.1900fcp-1f, 0x1.7e0ed4p-5f, -0x1.35cce2p-1f, -0x1.85f3fap-1f});
  REQUIRE(d == std::vector<double>{0x1.0c60e56aaf6eap-2, -0x1.6de158fcf97fp-1, -0x1.168b74e54dce9p-1,
                                   -0x1.7ba4377448fcdp-6});
}

// The seeds are fixed, so the statistics below are too: each bound is one that a true normal exceeds once in 1000.
TEMPLATE_TEST_CASE("the numbers are standard normal", "[noise]", float, double) {
  using F = TestType;
  const std::size_t n = 1 << 20;
  auto x = normals<F>({.seed = 2024}, 3, n);
  double moment[9] = {};
  for (const F v : x) {
    double power = 1;
    for (double& m : moment) {
      m += power / double(n);
      power *= double(v);
    }
  }
  const double exact[] = {1, 0, 1, 0, 3, 0, 15, 0, 105}, deviation[] = {0, 1, 2, 15, 96, 945, 10170, 135135, 2016000};
  for (std::size_t k = 1; k <= 8; ++k) {  // variance of x^k is E x^2k - (E x^k)^2
    CAPTURE(k, moment[k]);
    REQUIRE(std::abs(moment[k] - exact[k]) < 3.3 * std::sqrt(deviation[k] / double(n)));
  }
  for (const std::size_t lag : {1u, 2u, 4u, 8u, 12u, 16u, 64u}) {
    double product = 0, squares = 0;
    for (std::size_t i = 0; i + lag < n; ++i) {
      product += double(x[i]) * double(x[i + lag]);
      squares += (double(x[i]) * double(x[i]) - 1) * (double(x[i + lag]) * double(x[i + lag]) - 1);
    }
    CAPTURE(lag);
    REQUIRE(std::abs(product) < 3.3 * std::sqrt(double(n)));
    REQUIRE(std::abs(squares) < 3.3 * 2 * std::sqrt(double(n)));
  }
  std::sort(x.begin(), x.end());
  double distance = 0;  // Kolmogorov-Smirnov
  for (std::size_t i = 0; i < n; ++i) {
    const double cdf = boost::math::erfc(-double(x[i]) / std::sqrt(2.0)) / 2;
    distance = std::max({distance, std::abs(cdf - double(i) / double(n)), std::abs(cdf - double(i + 1) / double(n))});
  }
  REQUIRE(distance * std::sqrt(double(n)) < 1.95);
}

TEST_CASE("neighbouring steps, streams and seeds are uncorrelated", "[noise]") {
  const std::size_t n = 1 << 18;
  const auto x = normals<double>({.seed = 7, .stream = 1}, 5, n);
  for (const auto& y :
       {normals<double>({.seed = 7, .stream = 1}, 6, n), normals<double>({.seed = 7, .stream = 2}, 5, n),
        normals<double>({.seed = 8, .stream = 1}, 5, n)})
    REQUIRE(std::abs(std::inner_product(x.begin(), x.end(), y.begin(), 0.0)) < 3.3 * std::sqrt(double(n)));
}
