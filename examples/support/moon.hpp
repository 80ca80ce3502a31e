// SPDX-License-Identifier: MIT
// A moon as a picture: 1 where it is lit, -1 elsewhere, the pixels of the edge between them.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace examples {

/// A moon of `side` x `side` pixels, row by row, with centre (x, y) and radius in pixels. `lit` in [0, 1] is the
/// share of its disc that is lit, from the right: 1 is full, 1/2 is half. The border of the light is half an ellipse.
inline std::vector<float> moon(double lit, double x, double y, double radius, int side) {
  constexpr int fine = 8;  // samples a pixel, along each axis
  std::vector<float> picture;
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column) {
      int count = 0;
      for (int k = 0; k < fine * fine; ++k) {
        const double dx = column + (k % fine + 0.5) / fine - x, dy = row + (k / fine + 0.5) / fine - y;
        const double half_width = std::sqrt(std::max(0.0, radius * radius - dy * dy));
        count += dx <= half_width && dx >= (1 - 2 * lit) * half_width && half_width > 0 ? 1 : 0;
      }
      picture.push_back(2 * float(count) / (fine * fine) - 1);
    }
  return picture;
}

}  // namespace examples
