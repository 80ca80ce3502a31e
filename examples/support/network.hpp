// SPDX-License-Identifier: MIT
// A small residual network on column batches, written with Eigen: forward, backward and Adam in one file.
//
// Input: the noisy image, a sinusoidal embedding of the time and a label (or none). Output: as many numbers a sample as
// the training target asks for. The library knows nothing of it. A toy: images of more than some hundred pixels want
// convolutions.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <diffusion/random/noise.hpp>
#include <numbers>
#include <span>
#include <vector>

namespace examples {

/// A weight matrix with its gradient, Adam moments and running average.
struct Parameter {
  Eigen::MatrixXf value, gradient, first, second, average;

  Parameter(Eigen::Index rows, Eigen::Index columns, float scale, const diffusion::NormalNoise& noise)
      : value(scale * noise(0, Eigen::MatrixXf(rows, columns))),
        gradient(Eigen::MatrixXf::Zero(rows, columns)),
        first(gradient),
        second(gradient),
        average(value) {}
};

/// Labels are 0..classes-1, and `classes` itself for none. In training the inner activations of the blocks are
/// multiplied by draws of N(1, dropout / (1 - dropout)): Gaussian dropout, Srivastava et al. 2014, section 10.
struct Shape {
  int image, outputs, classes, width, blocks;
  double dropout = 0;
};

class Network {
 public:
  static constexpr int frequencies = 16;

  Network(const Shape& shape, std::uint64_t seed) : shape_(shape), seed_(seed) {
    std::uint32_t stream = 0;
    const auto add = [&](int rows, int columns, double gain) {
      const auto scale = static_cast<float>(gain / std::sqrt(double(columns)));
      parameters_.emplace_back(rows, columns + 1, scale, diffusion::NormalNoise{.seed = seed, .stream = stream++});
      parameters_.back().value.rightCols(1).setZero();
      parameters_.back().average = parameters_.back().value;
    };
    add(shape.width, input(), 1);
    for (int k = 0; k < shape.blocks; ++k) {
      add(shape.width, shape.width, 1.4);
      add(shape.width, shape.width, 0.3);
    }
    add(shape.outputs, shape.width, 0.1);
  }

  /// Outputs for the columns of x_t. `time` is in [0, 1] and one value a column, as is the label.
  Eigen::MatrixXf operator()(const Eigen::MatrixXf& x_t, std::span<const float> time,
                             std::span<const int> label) const {
    std::vector<Eigen::MatrixXf> unused;
    return run(x_t, time, label, unused, true);
  }

  /// The output with the current weights, keeping what backward needs.
  Eigen::MatrixXf forward(const Eigen::MatrixXf& x_t, std::span<const float> time, std::span<const int> label) {
    return run(x_t, time, label, kept_, false);
  }

  /// Adds the gradient of a loss whose derivative by the output of the last forward is `slope`.
  void backward(const Eigen::MatrixXf& slope) {
    std::size_t p = parameters_.size(), k = kept_.size();
    Eigen::MatrixXf down = add_gradient(parameters_[--p], kept_[--k], slope);
    while (p > 1) {  // a block: x + B dropped(silu(A silu(x)))
      const Eigen::MatrixXf active = dropped(silu(kept_[k - 1]), p - 1);
      const Eigen::MatrixXf through = dropped(add_gradient(parameters_[p - 1], active, down), p - 1);
      const Eigen::MatrixXf inner = through.cwiseProduct(silu_slope(kept_[k - 1]));
      const Eigen::MatrixXf outer = add_gradient(parameters_[p - 2], silu(kept_[k - 2]), inner);
      down += outer.cwiseProduct(silu_slope(kept_[k - 2]));
      p -= 2;
      k -= 2;
    }
    add_gradient(parameters_[0], kept_[0], down);
  }

  /// One step of Adam, the weights decayed towards 0 by rate * decay (Loshchilov & Hutter 2019), and the running
  /// average of the weights that operator() uses.
  void update(float rate, float decay = 0) {
    ++updates_;
    const float b1 = 0.9f, b2 = 0.99f;
    const float c1 = 1 - std::pow(b1, float(updates_)), c2 = 1 - std::pow(b2, float(updates_));
    const float keep = std::min(0.999f, float(updates_) / float(updates_ + 10));
    for (Parameter& p : parameters_) {
      p.first += (1 - b1) * (p.gradient - p.first);
      p.second += (1 - b2) * (p.gradient.cwiseAbs2() - p.second);
      p.value.leftCols(p.value.cols() - 1) *= 1 - rate * decay;
      p.value.array() -= rate / c1 * p.first.array() / ((p.second.array() / c2).sqrt() + 1e-8f);
      p.average += (1 - keep) * (p.value - p.average);
      p.gradient.setZero();
    }
  }

  int no_label() const { return shape_.classes; }
  long parameter_count() const {
    long count = 0;
    for (const Parameter& p : parameters_) count += static_cast<long>(p.value.size());
    return count;
  }

 private:
  int input() const { return shape_.image + 2 * frequencies + shape_.classes + 1; }

  static Eigen::MatrixXf silu(const Eigen::MatrixXf& x) { return (x.array() / (1 + (-x.array()).exp())).matrix(); }
  static Eigen::MatrixXf silu_slope(const Eigen::MatrixXf& x) {
    const Eigen::ArrayXXf s = 1 / (1 + (-x.array()).exp());
    return (s * (1 + x.array() * (1 - s))).matrix();
  }

  // The last column of a weight is its bias.
  static Eigen::MatrixXf apply(const Eigen::MatrixXf& weight, const Eigen::MatrixXf& x) {
    return (weight.leftCols(weight.cols() - 1) * x).colwise() + weight.col(weight.cols() - 1);
  }
  static Eigen::MatrixXf add_gradient(Parameter& p, const Eigen::MatrixXf& x, const Eigen::MatrixXf& slope) {
    const Eigen::Index last = p.value.cols() - 1;
    p.gradient.leftCols(last).noalias() += slope * x.transpose();
    p.gradient.col(last) += slope.rowwise().sum();
    return p.value.leftCols(last).transpose() * slope;
  }

  /// The activations, or their slopes, that enter layer p times the noise of this update: the same on the way back.
  Eigen::MatrixXf dropped(Eigen::MatrixXf x, std::size_t p) const {
    if (shape_.dropout == 0) return x;
    const diffusion::NormalNoise noise{.seed = seed_, .stream = 100 + static_cast<std::uint32_t>(p)};
    const auto spread = static_cast<float>(std::sqrt(shape_.dropout / (1 - shape_.dropout)));
    x.array() *= 1 + spread * noise(static_cast<int>(updates_), x).array();
    return x;
  }

  Eigen::MatrixXf run(const Eigen::MatrixXf& x_t, std::span<const float> time, std::span<const int> label,
                      std::vector<Eigen::MatrixXf>& kept, bool average) const {
    const auto weight = [&](std::size_t p) -> const Eigen::MatrixXf& {
      return average ? parameters_[p].average : parameters_[p].value;
    };
    Eigen::MatrixXf in = Eigen::MatrixXf::Zero(input(), x_t.cols());
    const int image = shape_.image;
    in.topRows(image) = x_t;
    for (Eigen::Index j = 0; j < x_t.cols(); ++j) {
      const auto k = static_cast<std::size_t>(j);
      for (int f = 0; f < frequencies; ++f) {
        const float angle = std::numbers::pi_v<float> * time[k] * std::exp2(0.5f * float(f) - 1);
        in(image + 2 * f, j) = std::sin(angle);
        in(image + 2 * f + 1, j) = std::cos(angle);
      }
      in(image + 2 * frequencies + label[k], j) = 1;
    }
    kept.clear();
    kept.push_back(in);
    Eigen::MatrixXf x = apply(weight(0), in);
    for (std::size_t p = 1; p + 1 < parameters_.size(); p += 2) {
      const Eigen::MatrixXf inner = apply(weight(p), silu(x));
      kept.push_back(x);
      kept.push_back(inner);
      x += apply(weight(p + 1), average ? silu(inner) : dropped(silu(inner), p + 1));
    }
    kept.push_back(x);
    return apply(weight(parameters_.size() - 1), x);
  }

  Shape shape_;
  std::uint64_t seed_;
  std::vector<Parameter> parameters_;
  std::vector<Eigen::MatrixXf> kept_;
  long updates_ = 0;
};

}  // namespace examples
