// SPDX-License-Identifier: MIT
#include <diffusion/state/norm.hpp>

#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using numerics::Wide;
using random_arguments::uniform;

TEST_CASE("norm and distance of scalars are exact", "[norm][rounding]") {
  for (int i = 0; i < 100; ++i) {
    const double x = uniform(-2, 2), y = uniform(-2, 2);
    const truth::Real difference = truth::Real(x) - truth::Real(y);
    REQUIRE(truth::exact(squared_norm(x)) == truth::Real(x) * truth::Real(x));
    REQUIRE(truth::exact(squared_distance("f", Named{"x", x}, Named{"y", y})) == difference * difference);
    REQUIRE(dimension(x) == 1);
  }
}

TEST_CASE("norm and distance of arrays are sums over the elements, however many", "[norm]") {
  for (const std::size_t n : {0u, 1u, 2u, 15u, 16u, 17u, 32u, 33u, 50u, 1000u}) {
    std::vector<double> x, y;
    double norm = 0, distance = 0;
    for (std::size_t i = 0; i < n; ++i) {  // integers, so that sums are exact in any order
      x.push_back(std::floor(uniform(-9, 9)));
      y.push_back(std::floor(uniform(-9, 9)));
      norm += x[i] * x[i];
      distance += (x[i] - y[i]) * (x[i] - y[i]);
    }
    REQUIRE(dimension(x) == n);
    REQUIRE(squared_norm(x) == Wide(norm));
    REQUIRE(squared_distance("f", Named{"x", x}, Named{"y", y}) == Wide(distance));
    REQUIRE(combined_squared_norm("f", std::array{Wide(1), Wide(-1)}, Named{"x", x}, Named{"y", y}) == Wide(distance));
  }
  const std::vector<float> large{16777216.0f}, one{-1.0f};  // float data are subtracted and summed in double
  REQUIRE(squared_norm(large) == Wide(16777216.0 * 16777216.0));
  REQUIRE(squared_distance("f", Named{"x", large}, Named{"y", one}) == Wide(16777217.0 * 16777217.0));
  const std::vector<float> three(3);
  REQUIRE(message([&] { return squared_distance("f", Named{"x", three}, Named{"y", one}); }) ==
          "diffusion::f: y has 1 elements, expected 3, as x");
}

TEST_CASE("the error of a sum grows with the logarithm of its length", "[norm][rounding]") {
  for (const std::size_t n : {1000u, 65536u, 1000000u}) {  // equal elements: a plain sum errs to one side, by n / 10
    const std::vector<double> x(n, 0.1), zero(n);
    const truth::Real exact = truth::Real(0.1) * truth::Real(0.1) * n;
    const double bound = std::ldexp(8 + std::log2(double(n)), -53);
    REQUIRE(abs(truth::exact(squared_norm(x)) / exact - 1) < bound);
    REQUIRE(abs(truth::exact(squared_distance("f", Named{"x", x}, Named{"y", zero})) / exact - 1) < bound);
  }
}

TEST_CASE("the norm of a combination of scalars is exact", "[norm][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 2000; ++i) {
    const double x = uniform(-2, 2), y = i % 2 == 0 ? x + uniform(-1e-12, 1e-12) : uniform(-2, 2), z = uniform(-2, 2);
    const std::array<Wide, 3> row{Wide(uniform(-1, 1)) / Wide(3), Wide(uniform(-1, 1)) / Wide(7), Wide(-1) / Wide(9)};
    const truth::Real a = truth::exact(row[0]), b = truth::exact(row[1]), c = truth::exact(row[2]);
    const auto squared = [](const truth::Real& e) { return truth::Real(e * e); };
    const Named first{"x", x}, second{"y", y}, third{"z", z};
    wrong.compare("one", i, combined_squared_norm("f", std::array{row[0]}, first).round_to<double>(), squared(a * x));
    wrong.compare("difference", i,
                  combined_squared_norm("f", std::array{Wide(1), Wide(-1)}, first, second).round_to<double>(),
                  squared(truth::Real(x) - y));
    wrong.compare("three", i, combined_squared_norm("f", row, first, second, third).round_to<double>(),
                  squared(a * x + b * y + c * z));
  }
  wrong.require_none();
}

TEST_CASE("the norm of a combination of arrays is a sum over the elements", "[norm]") {
  const std::vector<float> x{1, 2, 3}, y{0.5f, 0.25f, -1}, z{4, 0, 1};
  const std::array<Wide, 3> row{Wide(2), Wide(-4), Wide(0.5)};
  REQUIRE(combined_squared_norm("f", row, Named{"x", x}, Named{"y", y}, Named{"z", z}) ==
          Wide(2.0 * 2.0 + 3.0 * 3.0 + 10.5 * 10.5));
  // float data are combined and summed in double
  const std::vector<float> large{16777216.0f}, one{1.0f};
  REQUIRE(combined_squared_norm("f", std::array{Wide(1), Wide(1)}, Named{"x", large}, Named{"y", one}) ==
          Wide(16777217.0 * 16777217.0));
  REQUIRE(message([&] {
            return combined_squared_norm("f", std::array{Wide(1), Wide(1)}, Named{"x", x}, Named{"y", one});
          }) == "diffusion::f: y has 1 elements, expected 3, as x");
}
