// SPDX-License-Identifier: MIT
#include <diffusion/verify/report.hpp>

#include <limits>
#include <sstream>

#include "../support/catch.hpp"

using namespace diffusion;
using numerics::Wide;

TEST_CASE("a report holds if every finding does, and there is one", "[verify]") {
  Report report;
  REQUIRE_FALSE(report);
  report.findings.push_back({"one", "ho2020.4", "ulp", 0.5, 1, 3, 10});
  REQUIRE(report);
  report.findings.push_back({"two", "ho2020.4", "ulp", 2, 1, 3, 10});
  REQUIRE_FALSE(report);
  report.findings.back().residual = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_FALSE(report);
}

TEST_CASE("a report prints a line for each finding", "[verify]") {
  const Report report{{{"one", "ho2020.4", "ulp", 0.5, 1, 3, 10}, {"two", "ho2020.6", "sd", 7, 4, 0.25, 8}}};
  std::ostringstream stream;
  stream << report;
  REQUIRE(stream.str() == report.table());
  REQUIRE(stream.str().find("holds one ") == 0);
  REQUIRE(stream.str().find("\nFAILS two ") != std::string::npos);
  REQUIRE(stream.str().find("7 of        4 sd   at t = 0.25            8 cases  [ho2020.6]\n") != std::string::npos);
}

TEST_CASE("units in the last place", "[verify]") {
  using verify_details::ulps;
  REQUIRE(ulps<double>(Wide(1), Wide(1)) == 0);
  REQUIRE(ulps<double>(Wide(1 + 0x1p-52), Wide(1)) == 1);
  REQUIRE(ulps<double>(Wide(1 - 0x1p-53), Wide(1)) == 0.5);
  REQUIRE(ulps<float>(Wide(3 + 0x1p-22), Wide(3)) == 1);
  REQUIRE(ulps<double>(Wide(0x1p-1074), Wide(0)) == 1);
  REQUIRE(ulps<double>(Wide(3 * 0x1p-1074), Wide(0x1p-1074)) == 2);
  const double none = ulps<double>(Wide::nan(), Wide(1));
  REQUIRE(none != none);
}

TEST_CASE("an identity keeps its worst case in proportion to the bound", "[verify]") {
  verify_details::Identity<double> identity("one", "ho2020.4");
  Report report;
  identity.append_to(report);
  REQUIRE(report.findings.empty());
  identity.add(1, 2, 5);
  identity.add(3, 10, 6);
  identity.add(0.9, 2, 7);
  identity.append_to(report);
  REQUIRE((report.findings[0].residual == 1 && report.findings[0].bound == 2 && report.findings[0].time == 5));
  REQUIRE(report.findings[0].cases == 3);
  identity.require(true, 8);
  identity.append_to(report);
  REQUIRE(report.findings[1].holds());
  identity.require(false, 9);
  identity.add(1, 2, 10);
  identity.require(true, 10);
  identity.append_to(report);
  REQUIRE_FALSE(report.findings[2].holds());
  REQUIRE(report.findings[2].time == 9);
  identity.add(std::numeric_limits<double>::quiet_NaN(), 2, 11);
  identity.add(1, 2, 12);
  identity.append_to(report);
  REQUIRE_FALSE(report.findings[3].holds());
  REQUIRE(report.findings[3].time == 11);
}
