// SPDX-License-Identifier: MIT
// That functions of batches say of each sample, bit for bit, what those of one state say of it alone.
#pragma once

#include <diffusion/random/noise.hpp>
#include <diffusion/state/norm.hpp>

#include "catch.hpp"
#include "interleaved.hpp"

namespace batches {

/// Of ElboTerms, BoundEstimates or MultiSampleBounds.
template <class B>
void require_same(const B& a, const B& b) {
  if constexpr (requires { a.log_weights; }) {
    REQUIRE(a.log_weights == b.log_weights);
    REQUIRE(a.dimension == b.dimension);
  } else if constexpr (requires { a.denoising(); }) {
    REQUIRE(a.count() == b.count());
    REQUIRE(a.dimension() == b.dimension());
    REQUIRE(a.prior() == b.prior());
    REQUIRE(a.denoising() == b.denoising());
    REQUIRE(a.reconstruction() == b.reconstruction());
    REQUIRE(a.standard_error() == b.standard_error());
  } else {
    REQUIRE(a.prior == b.prior);
    REQUIRE(a.denoising == b.denoising);
    REQUIRE(a.reconstruction == b.reconstruction);
    REQUIRE(a.dimension == b.dimension);
  }
}

/// bounds(x_0, noise) has for sample k what bound(sample_of(x_0, k), noise) says with the noise of its address.
template <class X, class SampleOf, class Bounds, class Bound>
void require_as_alone(const X& x_0, std::size_t samples, const SampleOf& sample_of, const Bounds& bounds,
                      const Bound& bound) {
  const diffusion::NormalNoise noise{.seed = 4, .stream = 2, .first_element = 40};
  const auto together = bounds(x_0, noise);
  REQUIRE(together.size() == samples);
  for (std::size_t k = 0; k < samples; ++k) {
    diffusion::NormalNoise own = noise;
    own.first_element += k * (diffusion::dimension(x_0) / samples);
    require_same(together[k], bound(sample_of(x_0, k), own));
  }
}

/// Sample k of plain memory that holds samples of `length` elements.
inline auto part_of(std::size_t length) {
  return [length](const auto& x, std::size_t k) {
    const auto first = x.begin() + std::ptrdiff_t(k * length);
    return std::vector(first, first + std::ptrdiff_t(length));
  };
}

/// The same batch, or its noise, with the samples interleaved.
inline Interleaved interleaved(const std::vector<double>& x, std::size_t samples) {
  const std::size_t length = x.size() / samples;
  Interleaved result{x};
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t i = 0; i < length; ++i) result.numbers[i * samples + k] = x[k * length + i];
  return result;
}

}  // namespace batches
