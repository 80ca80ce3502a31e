// SPDX-License-Identifier: MIT
// Columns of square pictures, pixels in [-1, 1], as a grid in a PNG file.
#pragma once

#include <Eigen/Core>

#include "canvas.hpp"

namespace examples {

/// What stands for 1: dark ink on white paper, or light on a dark sky.
enum class Shows { dark, light };

/// Writes the pictures left to right and top to bottom, `columns` in a row, each pixel as a square.
inline void write_png(const std::string& path, const Eigen::ArrayXXf& pictures, int columns,
                      Shows shows = Shows::dark) {
  const int side = static_cast<int>(std::lround(std::sqrt(double(pictures.rows()))));
  const int scale = std::max(2, 48 / side), gap = 4, cell = side * scale + gap;
  const int count = static_cast<int>(pictures.cols()), rows = (count + columns - 1) / columns;
  Canvas canvas(columns * cell + gap, rows * cell + gap);
  const Colour one = shows == Shows::dark ? Colour{0, 0, 0} : Colour{1, 0.98f, 0.9f};
  const Colour minus_one = shows == Shows::dark ? Colour{0.92f, 0.92f, 0.92f} : Colour{0.07f, 0.08f, 0.14f};
  for (int k = 0; k < count; ++k)
    for (int y = 0; y < side * scale; ++y)
      for (int x = 0; x < side * scale; ++x) {
        const float value = std::clamp((pictures(y / scale * side + x / scale, k) + 1) / 2, 0.0f, 1.0f);
        canvas.at(gap + k % columns * cell + x, gap + k / columns * cell + y) = mix(minus_one, one, value);
      }
  canvas.write(path);
}

}  // namespace examples
