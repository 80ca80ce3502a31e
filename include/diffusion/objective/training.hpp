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
#include "../process/continuous_schedules.hpp"
#include "../process/discrete_schedule.hpp"
#include "../random/noise.hpp"

namespace diffusion {

/// The levels, the noise, the input and the regression target of a network for one batch.
template <class X, class Real>
struct TrainingBatch {
  std::vector<NoiseLevel<Real>> levels;  // of the samples
  X eps;
  X x_t;
  X target;
};

namespace training_details {

/// 64 random bits for each sample, of another key than the normals, so that times and noise are independent.
inline constexpr std::uint64_t times_key = 0x74696d65732e2e2eu;
inline numerics::Limb bits(const NormalNoise& noise, int step, std::size_t sample) {
  const auto words =
      vector_normals::block(noise.seed ^ times_key, noise.stream, static_cast<std::uint32_t>(step), sample);
  return words[0] | numerics::Limb(words[1]) << 32;
}

/// The level at the position bits / 2^64 of a schedule: each of 1..T has an equal part, or t in (0, 1).
template <DiscreteTimeSchedule S>
auto level_at(const S& schedule, numerics::Limb bits) {
  const auto steps = static_cast<numerics::Limb>(schedule.steps());
  return schedule(1 + static_cast<int>(numerics::multiply_limbs(bits, steps).high));
}
template <ContinuousTimeSchedule S>
auto level_at(const S& schedule, numerics::Limb bits) {
  using Real = typename level_details::LevelReal<decltype(schedule(0.5))>::type;
  // 23 bits are exact in a float, too, and never 0 or 1
  return schedule(Real(2 * static_cast<int>(bits >> 42) + 1) / Real(1 << 23));
}

}  // namespace training_details

/// `samples` levels at steps drawn uniformly from 1..T, a pure function of (seed, stream, step) of the noise and of the
/// index of the sample, which counts from first_sample; in continuous time t is uniform in (0, 1). [ho2020.alg1], line
/// 3; Kingma et al. 2021, section 4.
template <class S>
  requires DiscreteTimeSchedule<S> || ContinuousTimeSchedule<S>
auto uniform_levels(const S& schedule, std::size_t samples, const NormalNoise& noise, int step,
                    std::size_t first_sample = 0) {
  std::vector<decltype(training_details::level_at(schedule, 0))> levels;
  levels.reserve(samples);
  for (std::size_t k = 0; k < samples; ++k)
    levels.push_back(training_details::level_at(schedule, training_details::bits(noise, step, first_sample + k)));
  return levels;
}

/// x_t = signal x_0 + noise eps and what a network of this prediction should answer to it, each sample at its own
/// level. [ho2020.alg1], line 5.
template <class Prediction, LevelBatch L, StoredState X, CompatibleState<X> E>
auto training_batch(const Prediction& prediction, const L& levels, const X& x_0, const E& eps) {
  using V = value_t<X>;
  using Real = level_real_t<L>;
  const std::array<sum_t<X>, 1> one{sum_t<X>(1)};
  NewState out;
  V x_t =
      apply_at("training_batch", At{levels}, forward_details::sample_row, out, Named{"x_0", x_0}, Named{"eps", eps});
  return TrainingBatch<V, Real>{{std::begin(levels), std::end(levels)},
                                apply_row("training_batch", one, out, Named{"eps", eps}),
                                std::move(x_t),
                                prediction.target(levels, x_0, eps)};
}

/// All of [ho2020.alg1] but the gradient: `samples` levels drawn from the schedule and normals drawn for step `step`.
template <class Prediction, class S, StoredState X>
  requires DiscreteTimeSchedule<S> || ContinuousTimeSchedule<S>
auto training_batch(const Prediction& prediction, const S& schedule, std::size_t samples, const X& x_0,
                    const NormalNoise& noise, int step) {
  // a part of a larger batch draws the levels of its own samples
  const std::size_t length = samples == 0 ? 0 : dimension(x_0) / samples;
  const std::uint64_t first = noise.first_element;
  numerics::require(length == 0 ? first == 0 : first % length == 0, "training_batch", "noise.first_element", first,
                    "the first element of a sample");
  const std::size_t first_sample = length == 0 ? 0 : static_cast<std::size_t>(first / length);
  return training_batch(prediction, uniform_levels(schedule, samples, noise, step, first_sample), x_0,
                        noise(step, x_0));
}

/// The mean of (output - target)^2 over all elements. [ho2020.14], divided by the number of elements as every
/// implementation reports it; no element is an error.
template <NormedState X, CompatibleState<X> Y>
sum_t<X> simple_loss(const X& output, const Y& target) {
  using W = numerics::Working<sum_t<X>>;
  const W distance = squared_distance("simple_loss", Named{"output", output}, Named{"target", target});
  const std::size_t elements = dimension(output);
  numerics::require(elements > 0, "simple_loss", "elements of output", elements, "at least 1");
  return numerics::round_to<sum_t<X>>(W(distance / W(static_cast<double>(elements))));
}

}  // namespace diffusion
