// SPDX-License-Identifier: MIT
// An Eigen array of doubles as a state.
#pragma once

#include <diffusion/eigen.hpp>
#include <vector>

namespace kind {

using Scalar = double;
inline constexpr std::size_t size = 6, samples = 1;
using Owner = Eigen::ArrayXd;
inline Owner owner(const std::vector<double>& values) {
  Owner x;
  x.resize(6, 1);
  for (Eigen::Index j = 0; j < 1; ++j)
    for (Eigen::Index i = 0; i < 6; ++i) x(i, j) = static_cast<Scalar>(values.at(std::size_t(j * 6 + i)));
  return x;
}
inline Owner make(const std::vector<double>& values) { return owner(values); }
inline std::vector<double> read(const auto& x) {  // column by column
  std::vector<double> values;
  for (Eigen::Index j = 0; j < x.cols(); ++j)
    for (Eigen::Index i = 0; i < x.rows(); ++i) values.push_back(static_cast<double>(x(i, j)));
  return values;
}

}  // namespace kind
