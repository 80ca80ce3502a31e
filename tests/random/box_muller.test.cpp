// SPDX-License-Identifier: MIT
#include <diffusion/random/box_muller.hpp>

#include <bit>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "../support/catch.hpp"
#include "../support/random.hpp"
#include "../support/truth.hpp"

using namespace diffusion;

namespace {

// The exact transform of u in (0, 1) and an angle in turns.
std::pair<truth::Real, truth::Real> exact(const truth::Real& u, const truth::Real& turn) {
  const truth::Real radius = sqrt(-2 * (u < 0.5 ? log(u) : log1p(u - 1))),
                    angle = boost::math::constants::two_pi<truth::Real>() * turn;
  return {radius * cos(angle), radius * sin(angle)};
}

template <class F>
double ulps(F value, const truth::Real& expected) {
  const F nearest = truth::rounded<F>(abs(expected));
  const F ulp = std::nextafter(nearest, std::numeric_limits<F>::infinity()) - nearest;
  return abs((truth::Real(value) - expected) / truth::Real(ulp)).convert_to<double>();
}

double worst(std::uint32_t a, std::uint32_t b) {
  const truth::Real u = ldexp(truth::Real(a >> 1) + 0.5, -31);
  const truth::Real turn = (truth::Real(b >> 30) + ldexp(truth::Real(b & 0x3fffffff) + 0.5, -30) - 0.5) / 4;
  const auto [x, y] = exact(u, turn);
  const auto pair = box_muller(a, b);
  return std::max(ulps(pair.first, x), ulps(pair.second, y));
}

double worst(std::uint64_t a, std::uint64_t b) {
  const truth::Real u = ldexp(truth::Real(a >> 12) + 0.5, -52);
  const truth::Real turn = (truth::Real(b >> 62) + ldexp(truth::Real((b << 2) >> 12) + 0.5, -52) - 0.5) / 4;
  const auto [x, y] = exact(u, turn);
  const auto pair = box_muller(a, b);
  return std::max(ulps(pair.first, x), ulps(pair.second, y));
}

}  // namespace

// The bound is the one that box_muller.hpp states.
TEMPLATE_TEST_CASE("normals are within 4 units in the last place of the exact transform",
                   "[box_muller][boxmuller1958.transform]", std::uint32_t, std::uint64_t) {
  using Bits = TestType;
  const Bits top = std::numeric_limits<Bits>::max();
  std::vector<Bits> edges{
      0, 1, 2, Bits(top / 2), Bits(top / 2 + 1), top, Bits(top - 1), Bits(top / 4), Bits(top / 8 * 7)};
  for (int shift = 0; shift < std::numeric_limits<Bits>::digits; ++shift) edges.push_back(Bits(top >> shift));
  double most = 0;
  for (const Bits a : edges)
    for (const Bits b : edges) most = std::max(most, worst(a, b));
  for (int i = 0; i < 100000; ++i) {
    const Bits a = static_cast<Bits>(random_arguments::engine()), b = static_cast<Bits>(random_arguments::engine());
    most = std::max(most, worst(static_cast<Bits>(a >> (i % 3 == 0 ? random_arguments::engine() % 20 : 0)), b));
  }
  CAPTURE(most);
  REQUIRE(most < 4);
}

TEST_CASE("the tails reach as far as the header says", "[box_muller]") {
  const auto radius = [](auto pair) { return std::hypot(double(pair.first), double(pair.second)); };
  REQUIRE(radius(box_muller(std::uint32_t(0), std::uint32_t(0))) > 6.6);
  REQUIRE(radius(box_muller(std::uint64_t(0), std::uint64_t(0))) > 8.5);
  REQUIRE(radius(box_muller(~std::uint32_t(0), std::uint32_t(0))) < 1e-4);
  REQUIRE(radius(box_muller(~std::uint64_t(0), std::uint64_t(0))) < 1e-7);
  REQUIRE(radius(box_muller(~std::uint64_t(0), std::uint64_t(0))) > 0);
}

TEST_CASE("the numbers are part of the contract, to the last bit", "[box_muller]") {
  const auto checksum = [](auto bits) {
    using Bits = decltype(bits);
    using F = std::conditional_t<sizeof(Bits) == 4, float, double>;
    std::mt19937_64 engine(1);
    std::uint64_t sum = 0;
    for (int i = 0; i < 20000; ++i) {
      const Bits a = static_cast<Bits>(engine() >> (i % 40)), b = static_cast<Bits>(engine());
      const auto pair = box_muller(i % 2 == 0 ? a : static_cast<Bits>(~a), b);
      for (const F x : {pair.first, pair.second}) sum = sum * 0x100000001b3u + std::bit_cast<Bits>(x);
    }
    return sum;
  };
  REQUIRE(checksum(std::uint32_t()) == 0xdedc48f48d229102u);
  REQUIRE(checksum(std::uint64_t()) == 0x1977f2348db38554u);
}
