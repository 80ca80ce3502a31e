// SPDX-License-Identifier: MIT
#include <diffusion/objective/bound_estimate.hpp>

#include <algorithm>
#include <list>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

struct Draw {
  double prior, denoising, reconstruction;
  Real total() const { return Real(prior) + Real(denoising) + Real(reconstruction); }
};

std::vector<Draw> random_draws(std::size_t n, double offset) {
  std::vector<Draw> draws;
  for (std::size_t k = 0; k < n; ++k) draws.push_back({uniform(0, 1), offset + uniform(-1, 5), uniform(-2, 2)});
  return draws;
}

BoundEstimate<> estimate_of(const std::vector<Draw>& draws, std::size_t dimension) {
  BoundEstimate<> estimate(dimension);
  for (const Draw& draw : draws) estimate.add(draw.prior, draw.denoising, draw.reconstruction);
  return estimate;
}

/// The textbook's mean and the square of its standard error, in two passes.
struct Moments {
  Real mean = 0, squared_error = 0;
  explicit Moments(const std::vector<Real>& x) {
    const Real n = x.size();
    for (const Real& value : x) mean += value;
    mean /= n;
    for (const Real& value : x) squared_error += (value - mean) * (value - mean) / (n * (n - 1));
  }
};

Moments moments_of(const std::vector<Draw>& draws) {
  std::vector<Real> totals;
  for (const Draw& draw : draws) totals.push_back(draw.total());
  return Moments(totals);
}

}  // namespace

TEST_CASE("means, standard errors and bits are correctly rounded, and no digit is lost to a large mean",
          "[bound_estimate]") {
  for (int i = 0; i < 200; ++i) {
    const std::size_t n = 2 + std::size_t(i) % 20, dimension = 1 + std::size_t(i) % 7;
    const auto draws = random_draws(n, i % 3 == 0 ? 0 : i % 3 == 1 ? 1e9 : -1e15);
    const auto estimate = estimate_of(draws, dimension);
    const Moments truth = moments_of(draws);
    Real prior = 0, denoising = 0, reconstruction = 0;
    for (const Draw& draw : draws) {
      prior += draw.prior;
      denoising += draw.denoising;
      reconstruction += draw.reconstruction;
    }
    const Real bit = dimension * log(Real(2));
    REQUIRE(estimate.count() == n);
    REQUIRE(estimate.dimension() == dimension);
    REQUIRE(estimate.prior() == truth::rounded<double>(prior / n));
    REQUIRE(estimate.denoising() == truth::rounded<double>(denoising / n));
    REQUIRE(estimate.reconstruction() == truth::rounded<double>(reconstruction / n));
    REQUIRE(estimate.total() == truth::rounded<double>(truth.mean));
    REQUIRE(estimate.bits_per_dimension() == truth::rounded<double>(truth.mean / bit));
    REQUIRE(estimate.standard_error() == truth::rounded<double>(sqrt(truth.squared_error)));
    REQUIRE(estimate.bits_per_dimension_error() == truth::rounded<double>(sqrt(truth.squared_error) / bit));
    const double t = numerics::student_half_width(0.9, n - 1);
    REQUIRE_THAT(estimate.half_width(0.9), Catch::Matchers::WithinRel(t * estimate.standard_error(), 1e-15));
    REQUIRE(estimate.half_width() == estimate.half_width(0.95));
  }
}

TEST_CASE("neither order nor parts count", "[bound_estimate]") {
  for (int i = 0; i < 50; ++i) {
    auto draws = random_draws(30, 1e6);
    const auto whole = estimate_of(draws, 3);
    std::shuffle(draws.begin(), draws.end(), random_arguments::engine);
    BoundEstimate<> merged(3);
    for (std::size_t first = 0; first < 30;) {
      const std::size_t last = std::min<std::size_t>(30, first + 1 + random_arguments::engine() % 9);
      merged.merge(estimate_of({draws.begin() + std::ptrdiff_t(first), draws.begin() + std::ptrdiff_t(last)}, 3));
      first = last;
    }
    REQUIRE(merged.count() == 30);
    REQUIRE(merged.prior() == whole.prior());
    REQUIRE(merged.denoising() == whole.denoising());
    REQUIRE(merged.reconstruction() == whole.reconstruction());
    REQUIRE(merged.total() == whole.total());
    REQUIRE(merged.standard_error() == whole.standard_error());
  }
}

TEST_CASE("the terms of a full bound are one estimate", "[bound_estimate]") {
  BoundEstimate<> estimate(2);
  REQUIRE(std::isnan(estimate.total()));
  estimate.add(ElboTerms<double>{1, {2, 3, 4}, 5, 2});
  REQUIRE(estimate.total() == 15);
  REQUIRE(std::isnan(estimate.standard_error()));
  estimate.add(ElboTerms<double>{1, {2, 3, 6}, 7, 2});
  REQUIRE(estimate.prior() == 1);
  REQUIRE(estimate.denoising() == 10);
  REQUIRE(estimate.reconstruction() == 6);
  REQUIRE(estimate.standard_error() == 2);
}

TEST_CASE("the bound over data has the error of the population, and that of sampling", "[bound_estimate]") {
  std::vector<BoundEstimate<>> samples;
  std::vector<Real> totals;
  Real sampling = 0;
  for (std::size_t k = 0; k < 40; ++k) {
    const auto draws = random_draws(2 + k % 3, double(k));
    samples.push_back(estimate_of(draws, 5));
    sampling += moments_of(draws).squared_error;
    totals.push_back(Real(samples.back().prior()) + Real(samples.back().denoising()) +
                     Real(samples.back().reconstruction()));
  }
  const Moments truth(totals);
  BoundOverData<> bound, left, right, none;
  bound.add(samples);
  for (std::size_t k = 0; k < 40; ++k) (k % 3 == 0 ? left : right).add(samples[k]);
  left.merge(none);
  none.merge(left);
  none.merge(right);
  for (const auto& data : {bound, none}) {
    REQUIRE(data.samples() == 40);
    REQUIRE(data.estimate().dimension() == 5);
    REQUIRE(data.estimate().total() == truth::rounded<double>(truth.mean));
    REQUIRE(data.estimate().standard_error() == truth::rounded<double>(sqrt(truth.squared_error)));
    REQUIRE_THAT(data.sampling_error(), Catch::Matchers::WithinRel(double(sqrt(sampling) / 40), 1e-15));
  }
  bound.add(estimate_of(random_draws(1, 0), 5));
  REQUIRE(std::isnan(bound.sampling_error()));
  REQUIRE(bound.estimate().standard_error() > 0);
}

TEST_CASE("single draws of samples have an error as a population, and none of sampling", "[bound_estimate]") {
  const std::vector<ElboTerms<double>> samples{{1, {2, 3, 4}, 5, 2}, {2, {2, 3, 6}, 8, 2}};
  BoundOverData<> bound, one_by_one;
  bound.add(samples);
  for (const auto& sample : samples) one_by_one.add(sample);
  for (const auto& data : {bound, one_by_one}) {
    REQUIRE(data.samples() == 2);
    REQUIRE(data.estimate().dimension() == 2);
    REQUIRE(data.estimate().prior() == 1.5);
    REQUIRE(data.estimate().denoising() == 10);
    REQUIRE(data.estimate().reconstruction() == 6.5);
    REQUIRE(data.estimate().standard_error() == 3);
    REQUIRE(std::isnan(data.sampling_error()));
  }
}

TEST_CASE("data are read batch by batch, each with the noise at its own address", "[bound_estimate]") {
  const std::list<std::vector<double>> data{{1, 2, 3, 4}, {5, 6}, {7, 8, 9, 10, 11, 12}, {13, 14}};
  const NormalNoise noise{.seed = 7, .stream = 3, .first_element = 100};
  std::vector<std::uint64_t> addresses;
  // two elements to a sample
  const auto estimate = [&](const std::vector<double>& batch, const NormalNoise& own) {
    REQUIRE(own.seed == 7);
    REQUIRE(own.stream == 3);
    addresses.push_back(own.first_element);
    std::vector<BoundEstimate<>> result;
    for (std::size_t k = 0; k < batch.size(); k += 2) result.push_back(estimate_of({{batch[k], batch[k + 1], 1}}, 2));
    return result;
  };
  const auto all = bound_over_data(data, noise, estimate);
  REQUIRE(addresses == std::vector<std::uint64_t>{100, 104, 106, 112});
  REQUIRE(all.samples() == 7);
  REQUIRE(all.estimate().prior() == 7);
  REQUIRE(all.estimate().denoising() == 8);
  REQUIRE(all.estimate().reconstruction() == 1);

  std::size_t seen = 0;
  const auto part = bound_over_data(data, noise, estimate, [&](const DataProgress<double>& progress) {
    REQUIRE(progress.batches == ++seen);
    REQUIRE(progress.bound.samples() == std::vector<std::size_t>{2, 3, 6, 7}[seen - 1]);
    return progress.bound.samples() > 3 ? Loop::stop : Loop::proceed;
  });
  REQUIRE(seen == 3);
  REQUIRE(part.samples() == 6);
  bound_over_data(data, noise, estimate, [&](const auto&) { ++seen; });
  REQUIRE(seen == 7);
  const auto single = [](const std::vector<double>& batch, const NormalNoise&) {
    return estimate_of({{batch[0], batch[1], 1}}, 2);
  };
  REQUIRE(bound_over_data(data, noise, single).estimate().prior() == 6.5);
  const auto terms = [](const std::vector<double>& batch, const NormalNoise&) {
    return ElboTerms<double>{batch[0], {}, batch[1], 2};
  };
  REQUIRE(bound_over_data(data, noise, terms).estimate().reconstruction() == 7.5);
  REQUIRE(bound_over_data(std::list<std::vector<double>>{}, noise, single).samples() == 0);
}

TEST_CASE("bounds of other samples and of no element are named", "[bound_estimate][errors]") {
  const auto error = [](auto call) {
    return message([&] {
      call();
      return 0;
    });
  };
  REQUIRE(error([] { BoundEstimate<>(0); }) == "diffusion::BoundEstimate: dimension = 0, expected at least 1");
  BoundEstimate<> estimate(3);
  estimate.add(1, 2, 3);
  REQUIRE(error([&] { estimate.half_width(); }) ==
          "diffusion::BoundEstimate::half_width: count() = 1, expected at least 2");
  REQUIRE(error([&] { estimate.merge(BoundEstimate<>(2)); }) ==
          "diffusion::BoundEstimate::merge: x_0 has 2 elements, expected 3, as before");
  REQUIRE(error([&] { estimate.add(ElboTerms<double>{1, {}, 2, 4}); }) ==
          "diffusion::BoundEstimate::add: x_0 has 4 elements, expected 3, as before");
  REQUIRE(estimate.total() == 6);
  BoundOverData<> bound;
  bound.add(estimate);
  const std::string other = "diffusion::BoundOverData: a sample has 2 elements, expected 3, as those before";
  REQUIRE(error([&] { bound.add(BoundEstimate<>(2)); }) == other);
  BoundOverData<> smaller;
  smaller.add(estimate_of(random_draws(2, 0), 2));
  REQUIRE(error([&] { bound.merge(smaller); }) == other);
  REQUIRE(bound.samples() == 1);
}
