// SPDX-License-Identifier: MIT
// Columns of 8 x 8 pixels in [-1, 1] as a grid in a PNG file.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <png.h>

#include "data.hpp"

namespace digits {

/// Writes the images left to right and top to bottom, `columns` in a row, each pixel as a square; dark ink on white
/// paper.
inline void write_png(const std::string& path, const Eigen::ArrayXXf& images, int columns) {
  constexpr int scale = 6, gap = 4, cell = side * scale + gap;
  const int count = static_cast<int>(images.cols()), rows = (count + columns - 1) / columns;
  const int width = columns * cell + gap, height = rows * cell + gap;
  std::vector<png_byte> bytes(static_cast<std::size_t>(width * height), 255);
  for (int k = 0; k < count; ++k) {
    const int left = gap + k % columns * cell, top = gap + k / columns * cell;
    for (int y = 0; y < side * scale; ++y)
      for (int x = 0; x < side * scale; ++x) {
        const float ink = std::clamp((images(y / scale * side + x / scale, k) + 1) / 2, 0.0f, 1.0f);
        bytes[static_cast<std::size_t>((top + y) * width + left + x)] =
            static_cast<png_byte>(std::lround(235 * (1 - ink)));
      }
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_GRAY;
  if (png_image_write_to_file(&image, path.c_str(), 0, bytes.data(), 0, nullptr) == 0)
    throw std::runtime_error(path + ": " + image.message);
}

}  // namespace digits
