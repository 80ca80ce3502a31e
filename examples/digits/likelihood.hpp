// SPDX-License-Identifier: MIT
// Bits per dimension of images that the network has not seen: the variational bound, and two baselines.
//
// All are of the grey levels, not of a density: lower is better, and a guess of equal chances has log2(17) = 4.09.
#pragma once

#include <Eigen/Eigenvalues>
#include <diffusion/objective/dequantization.hpp>
#include <diffusion/objective/elbo.hpp>
#include <diffusion/process/diagonal_gaussian.hpp>
#include <numbers>
#include <numeric>

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
/// The bound of the chain that samples, in bits per dimension, and its terms.
struct Bound {
  Estimate bits;
  double prior = 0, denoising = 0, reconstruction = 0;
};

/// Over images in groups of eleven, each with draws of noise of its own: the error is of the images and the noise.
template <class D>
Bound bound_bits(const D& denoiser, const std::vector<Level>& levels, const Eigen::ArrayXXf& images) {
  constexpr Eigen::Index group = 11;
  examples::Progress progress("likelihood");
  Bound bound;
  std::vector<double> bits;
  for (Eigen::Index first = 0; first + group <= images.cols(); first += group) {
    const Eigen::ArrayXXf x_0 = images.middleCols(first, group);
    const diffusion::NormalNoise noise{.seed = 7, .first_element = std::uint64_t(first * pixels)};
    const auto terms = diffusion::elbo(levels, x_0, denoiser, noise, diffusion::decoder_variance(levels), grey);
    bits.push_back(terms.bits_per_dimension());
    bound.prior += bits_per_pixel(terms.prior / group);
    bound.denoising += bits_per_pixel(std::accumulate(terms.denoising.begin(), terms.denoising.end(), 0.0) / group);
    bound.reconstruction += bits_per_pixel(terms.reconstruction / group);
    progress.show(double(first + group) / double(images.cols()), "held-out digits");
  }
  for (double* term : {&bound.prior, &bound.denoising, &bound.reconstruction}) *term /= double(bits.size());
  bound.bits = estimate(bits);
  return bound;
}
// [bound]

}  // namespace digits
