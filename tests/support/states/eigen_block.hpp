// SPDX-License-Identifier: MIT
// A block of an Eigen matrix as a state: its columns are apart.
#pragma once

#include <deque>
#include <diffusion/eigen.hpp>
#include <vector>

namespace kind {

using Scalar = float;
inline constexpr std::size_t size = 6, samples = 3;
using Owner = Eigen::MatrixXf;
inline Owner owner(const std::vector<double>& values) {
  Owner x;
  x.resize(2, 3);
  for (Eigen::Index j = 0; j < 3; ++j)
    for (Eigen::Index i = 0; i < 2; ++i) x(i, j) = static_cast<Scalar>(values.at(std::size_t(j * 2 + i)));
  return x;
}
inline auto make(const std::vector<double>& values) {
  static std::deque<Eigen::MatrixXf> memory;
  memory.push_back(Eigen::MatrixXf::Constant(5, 4, 77.0f));
  memory.back().block(1, 1, 2, 3) = owner(values);
  return memory.back().block(1, 1, 2, 3);
}
inline std::vector<double> read(const auto& x) {  // column by column
  std::vector<double> values;
  for (Eigen::Index j = 0; j < x.cols(); ++j)
    for (Eigen::Index i = 0; i < x.rows(); ++i) values.push_back(static_cast<double>(x(i, j)));
  return values;
}

}  // namespace kind
