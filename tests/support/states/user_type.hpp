// SPDX-License-Identifier: MIT
// A type of the user's own with one specialisation of state_traits.
#pragma once

#include <algorithm>
#include <diffusion/state/state.hpp>
#include <memory>
#include <vector>

namespace kind {

/// An image that owns its pixels and has neither operators nor iterators.
struct Image {
  std::size_t width = 0, height = 0;
  std::shared_ptr<float[]> pixels;
};
inline Image blank(std::size_t width, std::size_t height) {
  return {width, height, std::make_shared<float[]>(width * height)};
}

using Scalar = float;
inline constexpr std::size_t size = 6, samples = 3;
inline Image make(const std::vector<double>& values) {
  Image image = blank(2, 3);
  std::copy(values.begin(), values.end(), image.pixels.get());
  return image;
}
inline std::vector<double> read(const Image& x) { return {x.pixels.get(), x.pixels.get() + x.width * x.height}; }

}  // namespace kind

template <>
struct diffusion::state_traits<kind::Image> {
  using scalar = float;
  using value = kind::Image;
  static std::span<const float> view(const kind::Image& x) { return {x.pixels.get(), x.width * x.height}; }
  static std::span<float> elements(kind::Image& x) { return {x.pixels.get(), x.width * x.height}; }
  static kind::Image like(const kind::Image& x) { return kind::blank(x.width, x.height); }
  static bool same_shape(const kind::Image& x, const kind::Image& y) { return x.width == y.width; }
};
