// SPDX-License-Identifier: MIT
// The bounds of the samples of a batch, run on a kind of array.
#pragma once

#include <diffusion/objective/learned_elbo.hpp>
#include <diffusion/objective/multi_sample_bound.hpp>
#include <diffusion/process/schedules.hpp>

#include "batches.hpp"

namespace batches {

/// x_0: grey levels in [-1, 1]; sample_of(x_0, k): sample k as a state.
template <class X, class SampleOf>
void require_bounds_of_samples(const X& x_0, std::size_t samples, const SampleOf& sample_of) {
  // by elements
  const auto denoiser = clip_x0(diffusion::predicts_noise_and_variance([](const auto& x, const auto& level) {
    return diffusion::LearnedOutput{q_sample(level, x, x), v_from(level, x, x)};
  }));
  const auto levels = level_grid(diffusion::linear_schedule(1000), 5);
  const auto learned = second_step_variances(levels);
  const auto fixed = decoder_variance(levels);
  const auto check = [&](const auto& bounds, const auto& bound) {
    require_as_alone(x_0, samples, sample_of, bounds, bound);
  };
  check([&](const X& x, const auto& noise) { return elbos(levels, x, samples, denoiser, noise, learned); },
        [&](const auto& x, const auto& noise) { return elbo(levels, x, denoiser, noise, learned); });
  check([&](const X& x, const auto& noise) { return iwae_bounds(levels, x, samples, denoiser, noise, 2, fixed); },
        [&](const auto& x, const auto& noise) { return iwae_bound(levels, x, denoiser, noise, 2, fixed); });
}

}  // namespace batches
