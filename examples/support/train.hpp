// SPDX-License-Identifier: MIT
// The training loop for the network of these examples, Algorithm 1 in it, and the trained network as a denoiser.
//
// Source: Ho et al. 2020, algorithm 1; the target is v (Salimans & Ho 2022).
#pragma once

#include <chrono>
#include <diffusion/ddpm.hpp>
#include <diffusion/eigen.hpp>
#include <numbers>

#include "network.hpp"
#include "progress.hpp"

namespace examples {

using Clock = std::chrono::steady_clock;
inline double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// How long to train: a number of updates, which gives the same network on every run, or a time.
struct Plan {
  int updates = 0;  // 0: until the time is over
  double seconds = 60;
  int batch = 128;
  double decay = 0;  // of the weights
  std::uint64_t seed = 1;
  bool show = true;  // the progress
};

struct Trained {
  long updates;
  double loss;  // a running mean of the last ones
};

/// Trains on the columns of `images`. loss(network, x_0, labels, step) adds the gradient of a batch to the network.
template <class Loss>
Trained train(Network& network, const Eigen::ArrayXXf& images, const std::vector<int>& labels, const Plan& plan,
              const Loss& loss) {
  const auto count = static_cast<std::uint64_t>(images.cols());
  const auto batch = static_cast<std::size_t>(plan.batch);
  Progress progress("training");
  const auto start = Clock::now();
  double smooth = 1;
  Eigen::ArrayXXf x_0(images.rows(), plan.batch);
  std::vector<int> shown(batch);
  for (int step = 0;; ++step) {
    const double done = plan.updates > 0 ? double(step) / plan.updates : since(start) / plan.seconds;
    char note[64];
    std::snprintf(note, sizeof note, "step %d  loss %.4f", step, smooth);
    if (plan.show) progress.show(std::min(done, 1.0), note);
    if (done >= 1) return {step, smooth};
    for (std::size_t k = 0; k < batch; ++k) {
      const auto bits =
          diffusion::philox4x32({std::uint32_t(k), std::uint32_t(step), 0, 2}, {std::uint32_t(plan.seed), 0});
      const auto pick = static_cast<std::size_t>(std::uint64_t(bits[0]) * count >> 32);
      x_0.col(Eigen::Index(k)) = images.col(Eigen::Index(pick));
      shown[k] = labels[pick];
    }
    const double now = loss(network, x_0, shown, step);
    const double warm_up = std::min(1.0, (step + 1) / 100.0), decay = (1 + std::cos(std::numbers::pi * done)) / 2;
    network.update(static_cast<float>(2e-3 * warm_up * decay), static_cast<float>(plan.decay));
    smooth += 0.01 * (now - smooth);
  }
}

/// Algorithm 1: the simple loss of v at steps drawn uniformly.
struct SimpleLoss {
  const diffusion::DiscreteSchedule<double>& schedule;
  diffusion::NormalNoise noise;

  double operator()(Network& network, const Eigen::ArrayXXf& x_0, const std::vector<int>& labels, int step) const {
    const auto sample = diffusion::training_batch(diffusion::VPrediction{}, schedule, labels.size(), x_0, noise, step);
    std::vector<float> times;
    for (const auto& level : sample.levels) times.push_back(static_cast<float>(level.time() / schedule.steps()));
    const Eigen::MatrixXf output = network.forward(sample.x_t.matrix(), times, labels);
    network.backward(2.0f / float(output.size()) * (output - sample.target.matrix()));
    return diffusion::simple_loss(output, sample.target);
  }
};

/// The network as a denoiser, of one label for all columns or of one a column.
inline auto denoiser(const Network& network, std::vector<int> labels, int steps) {
  return diffusion::predicts_v(
      [&network, labels = std::move(labels), steps](const Eigen::ArrayXXf& x_t, const auto& level) -> Eigen::ArrayXXf {
        const auto count = static_cast<std::size_t>(x_t.cols());
        const std::vector<float> time(count, static_cast<float>(level.time() / steps));
        const std::vector<int> same(labels.size() == 1 ? count : 0, labels.front());
        return network(x_t.matrix(), time, same.empty() ? labels : same).array();
      });
}

}  // namespace examples
