// SPDX-License-Identifier: MIT
// A denoiser for pixels of few grey levels: the network says how likely each level is, and Bayes' rule the rest.
//
// What q(x_t | x_0) says of a pixel by itself is known, a Gaussian about each grey level, and so is how often the level
// occurs. The network adds what the other pixels and the label say. With no answer of the network the estimate is the
// exact E[x_0 | x_t] of independent pixels, whose bound is that of their histograms: this is where training starts. A
// pixel that is hardly noisy has its grey level whatever the network says, so no noise is too little.
//
// Source: the loss is the bound in continuous time, Kingma et al. 2021, section 4.
#pragma once

#include <cmath>
#include <diffusion/eigen.hpp>
#include <diffusion/vdm.hpp>

#include "../support/network.hpp"
#include "data.hpp"

namespace digits {

using Schedule = diffusion::LinearLogSnrSchedule<double>;
using Level = diffusion::NoiseLevel<double>;

/// A number for each grey level, down, of each pixel of an image, across.
using Table = Eigen::Array<float, grey.levels, pixels>;
using GreyColumn = Eigen::Array<float, grey.levels, 1>;

inline GreyColumn grey_levels() { return GreyColumn::LinSpaced(float(grey.low), float(grey.high)); }
inline Eigen::Index grey_index(float x) {
  return std::lround((double(x) - grey.low) / (grey.high - grey.low) * (grey.levels - 1));
}

/// The logarithms of how often each grey level occurs in each pixel, with one image more that has all of them.
inline Table log_frequencies(const Eigen::ArrayXXf& images) {
  Table counts = Table::Constant(1.0f / float(grey.levels));
  for (Eigen::Index k = 0; k < images.cols(); ++k)
    for (Eigen::Index i = 0; i < pixels; ++i) counts(grey_index(images(i, k)), i) += 1;
  return (counts / float(images.cols() + 1)).log();
}

/// A number for each pixel.
using Row = Eigen::Array<float, 1, pixels>;

/// p(x_0 | x_t), pixel by pixel.
struct Posterior {
  Table probability;
  Row mean;

  /// From the logarithms of the probabilities before x_t is seen, each but for a number of its pixel. That of q(x_t |
  /// g) is SNR (x_t g / signal - g^2 / 2) but for such a number.
  Posterior(const Table& log_prior, const Eigen::ArrayXf& x_t, const Level& level) : probability(log_prior) {
    const GreyColumn g = grey_levels();
    const auto snr = static_cast<float>(level.snr()), scale = static_cast<float>(level.snr() / level.signal());
    probability += ((scale * g).matrix() * x_t.matrix().transpose()).array();
    probability.colwise() -= snr / 2 * g.square();
    probability.rowwise() -= probability.colwise().maxCoeff().eval();
    probability = probability.exp();
    probability.rowwise() /= probability.colwise().sum().eval();
    mean = (g.matrix().transpose() * probability.matrix()).array();
  }

  /// The slope of a function by log_prior, from that by the mean.
  Table slope(const Row& by_mean) const {
    Table result = grey_levels().replicate<1, pixels>();
    result.rowwise() -= mean;
    result.rowwise() *= by_mean;
    return probability * result;
  }
};

/// The network's answer for an image, one number for each entry of a Table, added to what is known without it.
inline Table log_prior(const Table& frequencies, const Eigen::MatrixXf& output, Eigen::Index image) {
  return frequencies + Eigen::Map<const Table>(output.col(image).data());
}

/// The estimate of x_0, of one label for all columns or of one a column. The network and the table must outlive it.
inline auto denoiser(const examples::Network& network, const Table& frequencies, std::vector<int> labels) {
  return [&network, &frequencies, labels = std::move(labels)](const Eigen::ArrayXXf& x_t, const Level& level) {
    const auto count = static_cast<std::size_t>(x_t.cols());
    const std::vector<float> times(count, static_cast<float>(level.time()));
    const std::vector<int> same(labels.size() == 1 ? count : 0, labels.front());
    const Eigen::MatrixXf output = network(x_t.matrix(), times, same.empty() ? labels : same);
    Eigen::ArrayXXf x_0_hat(x_t.rows(), x_t.cols());
    for (Eigen::Index k = 0; k < x_t.cols(); ++k)
      x_0_hat.col(k) = Posterior(log_prior(frequencies, output, k), x_t.col(k), level).mean.transpose();
    return x_0_hat;
  };
}

// [loss]
/// The terms of the bound that are trained, in nats a pixel, at levels drawn as evenly as can be.
struct BoundLoss {
  const Schedule& schedule;
  const Table& frequencies;
  diffusion::NormalNoise noise;

  double operator()(examples::Network& network, const Eigen::ArrayXXf& x_0, const std::vector<int>& labels,
                    int step) const {
    const auto levels = diffusion::low_discrepancy_levels(schedule, labels.size(), noise, step).levels;
    const auto slope = [this](const Level& level) { return schedule.log_snr_slope(level.time()); };
    const auto weights = diffusion::loss_weight(diffusion::VdmWeight{slope}, diffusion::X0Prediction{}, levels);
    const Eigen::ArrayXXf x_t = diffusion::q_sample(levels, x_0, noise(step, x_0));
    std::vector<float> times;
    for (const Level& level : levels) times.push_back(static_cast<float>(level.time()));
    Eigen::MatrixXf output = network.forward(x_t.matrix(), times, labels);
    Eigen::ArrayXXf x_0_hat(x_0.rows(), x_0.cols());
    for (Eigen::Index k = 0; k < x_0.cols(); ++k) {
      const auto i = static_cast<std::size_t>(k);
      const Posterior p(log_prior(frequencies, output, k), x_t.col(k), levels[i]);
      x_0_hat.col(k) = p.mean.transpose();
      const float factor = 2 * static_cast<float>(weights[i]) / float(x_0.size());
      Eigen::Map<Table>(output.col(k).data()) = p.slope(factor * (p.mean - x_0.col(k).transpose()));
    }
    network.backward(output);
    return diffusion::weighted_loss(x_0_hat, x_0, weights);
  }
};
// [loss]

}  // namespace digits
