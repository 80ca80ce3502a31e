// SPDX-License-Identifier: MIT
// Log-densities of jointly Gaussian variables, as quadratic forms in 192 bits: the chain q and a linear model p of it.
//
// Sums of log-densities, integrals over a variable and expectations are then exact linear algebra, so that the steps of
// a variational bound can be executed without a sample.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "check.hpp"

namespace equations {

/// log f(x) = -y' Q y / 2 with y = (x_0, ..., x_{n-1}, 1).
class Quadratic {
 public:
  explicit Quadratic(int variables) : size_(variables + 1), q_(static_cast<std::size_t>(size_ * size_)) {}

  /// The index of the 1 at the end of y.
  int one() const { return size_ - 1; }
  W& operator()(int i, int j) { return q_[static_cast<std::size_t>(i * size_ + j)]; }
  const W& operator()(int i, int j) const { return q_[static_cast<std::size_t>(i * size_ + j)]; }

  /// Adds the log-density of a normal residual: N(sum of factor y_i over the terms; 0, variance).
  Quadratic& add(std::initializer_list<std::pair<int, W>> terms, const W& variance) {
    for (const auto& [i, a] : terms)
      for (const auto& [j, b] : terms) (*this)(i, j) += a * b / variance;
    (*this)(one(), one()) += log(W(2) * diffusion::numerics::wide_pi * variance);
    return *this;
  }
  friend Quadratic operator-(Quadratic a, const Quadratic& b) {
    for (std::size_t k = 0; k < a.q_.size(); ++k) a.q_[k] -= b.q_[k];
    return a;
  }
  /// log of the integral of f over x_k, which is left out of the form.
  Quadratic integrated(int k) const {
    Quadratic result = *this;
    for (int i = 0; i < size_; ++i)
      for (int j = 0; j < size_; ++j) result(i, j) -= (*this)(i, k) * (*this)(k, j) / (*this)(k, k);
    for (int i = 0; i < size_; ++i) result(i, k) = result(k, i) = W(0);
    result(one(), one()) += log((*this)(k, k) / (W(2) * diffusion::numerics::wide_pi));
    return result;
  }
  /// log f at x, or its expectation: product(i, j) is y_i y_j, or E y_i y_j.
  template <class Product>
  W value(Product product) const {
    W sum;
    for (int i = 0; i < size_; ++i)
      for (int j = 0; j < size_; ++j)
        if (!(*this)(i, j).is_zero()) sum += (*this)(i, j) * product(i, j);
    return sum / W(-2);
  }
  W at(std::vector<W> y) const {
    y.push_back(W(1));
    return value([&](int i, int j) { return y[static_cast<std::size_t>(i)] * y[static_cast<std::size_t>(j)]; });
  }

 private:
  int size_;
  std::vector<W> q_;
};

}  // namespace equations
