// SPDX-License-Identifier: MIT
// What one training step needs: levels drawn for a batch, the noisy batch, the regression target, the simple loss.
//
// Use it with any network and optimiser: the library supplies x_t, the levels and the target, and says what the loss
// is; the gradient is the network's business. Sample k of a batch is column k in Eigen, index k of the first axis in
// xtensor, the k-th equal part of plain memory.
//
// Accuracy: the noisy batch and the target as in conversions.hpp; the loss as the squared norms of norm.hpp.
// Source: Ho et al. 2020, algorithm 1 and eq. 14.
#pragma once

#include "../model/prediction.hpp"
#include "../numerics/limbs.hpp"
#include "../process/discrete_schedule.hpp"
#include "../random/noise.hpp"

namespace diffusion {

/// The levels, the input and the regression target of a network for one batch.
template <class X, class Real>
struct TrainingBatch {
  std::vector<NoiseLevel<Real>> levels;
  X x_t;
  X target;
};

/// `samples` levels at steps drawn uniformly from 1..T, a pure function of (seed, stream, step) of the noise and of the
/// index of the sample. Ho et al. 2020, algorithm 1, line 3.
template <DiscreteTimeSchedule S>
auto uniform_levels(const S& schedule, std::size_t samples, const NormalNoise& noise, int step) {
  std::vector<decltype(schedule(1))> levels;
  levels.reserve(samples);
  // Another key than that of the normals, so that times and noise are independent.
  const std::uint64_t key = noise.seed ^ 0x74696d65732e2e2eu;
  for (std::size_t k = 0; k < samples; ++k) {
    const auto bits = noise_details::block(key, noise.stream, static_cast<std::uint32_t>(step), k);
    const numerics::Limb word = bits[0] | numerics::Limb(bits[1]) << 32;
    const auto t = numerics::multiply_limbs(word, static_cast<numerics::Limb>(schedule.steps())).high;
    levels.push_back(schedule(1 + static_cast<int>(t)));
  }
  return levels;
}

/// x_t = signal x_0 + noise eps and what a network of this prediction should answer to it, each sample at its own
/// level. Ho et al. 2020, algorithm 1, line 5.
template <class Prediction, LevelBatch L, StoredState X, CompatibleState<X> E>
auto training_batch(const Prediction& prediction, const L& levels, const X& x_0, const E& eps) {
  using Real = level_real_t<L>;
  return TrainingBatch<value_t<X>, Real>{std::vector<NoiseLevel<Real>>(std::begin(levels), std::end(levels)),
                                         q_sample(levels, x_0, eps), prediction.target(levels, x_0, eps)};
}

/// All of algorithm 1 but the gradient: `samples` levels drawn from the schedule and normals drawn for step `step`.
template <class Prediction, DiscreteTimeSchedule S, StoredState X>
auto training_batch(const Prediction& prediction, const S& schedule, std::size_t samples, const X& x_0,
                    const NormalNoise& noise, int step) {
  return training_batch(prediction, uniform_levels(schedule, samples, noise, step), x_0, noise(step, x_0));
}

/// The mean of (output - target)^2 over all elements. Ho et al. 2020, eq. 14, divided by the number of elements as
/// every implementation reports it.
template <NormedState X, CompatibleState<X> Y>
sum_t<X> simple_loss(const X& output, const Y& target) {
  using W = numerics::Working<sum_t<X>>;
  const W distance = squared_distance("simple_loss", Named{"output", output}, Named{"target", target});
  return numerics::round_to<sum_t<X>>(W(distance / W(static_cast<double>(dimension(output)))));
}

}  // namespace diffusion
