// SPDX-License-Identifier: MIT
// An xtensor expression as a state: evaluated once.
#pragma once

#include <diffusion/xtensor.hpp>
#if __has_include(<xtensor/containers/xadapt.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xview.hpp>
#endif
#include <deque>
#include <vector>

namespace kind {

using Scalar = double;
inline constexpr std::size_t size = 6, samples = 3;
using Owner = xt::xarray<double>;
inline Owner owner(const std::vector<double>& values) {
  Owner x = Owner::from_shape({3, 2});
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 2; ++j) x(i, j) = static_cast<Scalar>(values.at(2 * i + j));
  return x;
}
inline auto make(const std::vector<double>& values) {
  static std::deque<xt::xarray<double>> memory;
  memory.push_back(owner(values));
  return memory.back() * 1.0;
}
inline std::vector<double> read(const auto& x) {  // in row-major order
  std::vector<double> values;
  for (std::size_t i = 0; i < x.shape()[0]; ++i)
    for (std::size_t j = 0; j < x.shape()[1]; ++j) values.push_back(static_cast<double>(x(i, j)));
  return values;
}

}  // namespace kind
