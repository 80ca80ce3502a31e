// SPDX-License-Identifier: MIT
#include <diffusion/numerics/student.hpp>

#include <boost/math/distributions/students_t.hpp>

#include "../support/catch.hpp"
#include "../support/message.hpp"

using diffusion::numerics::student_half_width;

TEST_CASE("the half-width of an interval is a quantile of Student's distribution", "[student]") {
  const double coverages[] = {0.1, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.999999};
  for (const int degrees : {1, 2, 3, 4, 5, 7, 8, 19, 20, 99, 100, 399, 400, 401, 402, 1000, 54321, 100000000})
    for (const double coverage : coverages) {
      CAPTURE(degrees, coverage);
      const double expected = quantile(boost::math::students_t(double(degrees)), coverage / 2 + 0.5);
      REQUIRE_THAT(student_half_width(coverage, std::size_t(degrees)),
                   Catch::Matchers::WithinRel(expected, coverage < 0.9999 ? 1e-11 : 1e-8));
    }
}

TEST_CASE("coverages and degrees of freedom are checked", "[student][errors]") {
  REQUIRE(message([] { return student_half_width(0, 3); }) ==
          "diffusion::student_half_width: coverage = 0, expected a number in (0, 1)");
  REQUIRE(message([] { return student_half_width(1, 3); }) ==
          "diffusion::student_half_width: coverage = 1, expected a number in (0, 1)");
  REQUIRE(message([] { return student_half_width(0.5, 0); }) ==
          "diffusion::student_half_width: degrees = 0, expected at least 1");
}
