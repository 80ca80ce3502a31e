// SPDX-License-Identifier: MIT
// An xtensor of two axes and floats as a state.
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

using Scalar = float;
inline constexpr std::size_t size = 6, samples = 3;
using Owner = xt::xtensor<float, 2>;
inline Owner owner(const std::vector<double>& values) {
  Owner x = Owner::from_shape({3, 2});
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 2; ++j) x(i, j) = static_cast<Scalar>(values.at(2 * i + j));
  return x;
}
inline Owner make(const std::vector<double>& values) { return owner(values); }
inline std::vector<double> read(const auto& x) {  // in row-major order
  std::vector<double> values;
  for (std::size_t i = 0; i < x.shape()[0]; ++i)
    for (std::size_t j = 0; j < x.shape()[1]; ++j) values.push_back(static_cast<double>(x(i, j)));
  return values;
}

}  // namespace kind
