// SPDX-License-Identifier: MIT
// Bits per dimension of images that the network has not seen: the variational bound, and two baselines.
//
// All are of the grey levels, not of a density: lower is better, and a guess of equal chances has log2(17) = 4.09.
#pragma once

#include <Eigen/Eigenvalues>
#include <diffusion/objective/bound_estimate.hpp>
#include <diffusion/objective/dequantization.hpp>
#include <diffusion/process/diagonal_gaussian.hpp>
#include <numbers>

#include "../support/progress.hpp"
#include "grey_denoiser.hpp"

namespace digits {

/// A mean and its standard error.
struct Estimate {
  double mean, error;
};
inline Estimate estimate(const std::vector<double>& values) {
  const Eigen::Map<const Eigen::ArrayXd> x(values.data(), Eigen::Index(values.size()));
  const double n = double(values.size());
  return {x.mean(), std::sqrt((x - x.mean()).square().sum() / (n * (n - 1)))};
}

inline double bits_per_pixel(double nats) { return nats / (pixels * std::numbers::ln2); }

/// Pixels that know nothing of each other: how often each grey level occurs in each pixel.
inline Estimate histogram_bits(const Eigen::ArrayXXf& training, const Eigen::ArrayXXf& held_out) {
  const Table log_probability = log_frequencies(training);
  std::vector<double> bits;
  for (Eigen::Index k = 0; k < held_out.cols(); ++k) {
    double nats = 0;
    for (Eigen::Index i = 0; i < pixels; ++i) nats -= double(log_probability(grey_index(held_out(i, k)), i));
    bits.push_back(bits_per_pixel(nats));
  }
  return estimate(bits);
}

/// A Gaussian with the mean and the covariance of the images, uniformly dequantised: the mean over u of the bound, in
/// closed form. In the axes of the covariance the Gaussian is diagonal.
inline Estimate gaussian_bits(const Eigen::ArrayXXf& training, const Eigen::ArrayXXf& held_out) {
  const Eigen::MatrixXd x = training.matrix().cast<double>();
  const Eigen::VectorXd mean = x.rowwise().mean();
  const Eigen::MatrixXd centred = x.colwise() - mean;
  const double width = (grey.high - grey.low) / (grey.levels - 1), spread = width * width / 12;  // variance of a bin
  const Eigen::MatrixXd covariance = centred * centred.transpose() / double(x.cols());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> axes(covariance);
  const Eigen::ArrayXd variances = axes.eigenvalues().array() + spread;
  const diffusion::DiagonalGaussian gaussian{Eigen::ArrayXd(Eigen::ArrayXd::Zero(pixels)),
                                             Eigen::ArrayXd(variances.log())};
  const double from_spread = -(spread / variances).sum() / 2;  // the mean of log_density over u, less that at u = 1/2
  std::vector<double> bits;
  for (Eigen::Index k = 0; k < held_out.cols(); ++k) {
    const Eigen::ArrayXd y = axes.eigenvectors().transpose() * (held_out.col(k).matrix().cast<double>() - mean);
    const double log_density = diffusion::log_density(gaussian, y) + from_spread;
    bits.push_back(bits_per_pixel(-diffusion::dequantized_log_likelihood(log_density, pixels, grey)));
  }
  return estimate(bits);
}

// [bound]
/// The bound of the chain that samples, in nats: the mean over the images, of one draw of noise each. Its error is of
/// the images and of the noise.
template <class D>
diffusion::BoundEstimate<> bound(const D& denoiser, const std::vector<Level>& levels, const Eigen::ArrayXXf& images) {
  std::vector<Eigen::ArrayXXf> batches;  // of any size: the noise of an image is its own
  for (Eigen::Index first = 0; first < images.cols(); first += 50)
    batches.push_back(images.middleCols(first, std::min<Eigen::Index>(50, images.cols() - first)));
  const auto variance = diffusion::decoder_variance(levels);
  const auto terms = [&](const Eigen::ArrayXXf& x_0, const diffusion::NormalNoise& noise) {
    return diffusion::elbos(levels, x_0, std::size_t(x_0.cols()), denoiser, noise, variance, grey);
  };
  examples::Progress progress("likelihood");
  const auto show = [&](const auto& p) {
    progress.show(double(p.bound.samples()) / double(images.cols()), "held-out digits");
  };
  return diffusion::bound_over_data(batches, diffusion::NormalNoise{.seed = 7}, terms, show).estimate();
}
// [bound]

}  // namespace digits
