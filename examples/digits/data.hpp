// SPDX-License-Identifier: MIT
// The digits of data/digits.csv.gz as columns of an array, pixels in [-1, 1].
#pragma once

#include <Eigen/Core>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include <zlib.h>

namespace digits {

inline constexpr int side = 8, pixels = side * side, classes = 10;

struct Data {
  Eigen::ArrayXXf images;   // pixels x n
  std::vector<int> labels;  // n
};

/// Reads rows of 64 pixels in 0..16 and a label in 0..9; errors name the file and the row.
inline Data load(const std::string& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw std::runtime_error(path + ": cannot be opened");
  std::vector<float> values;
  Data data;
  char line[512];
  std::string error;
  while (error.empty() && gzgets(file, line, sizeof line) != nullptr) {
    const char* position = line;
    int value = 0, length = 0, count = 0;
    for (; count <= pixels && std::sscanf(position, count < pixels ? "%d,%n" : "%d%n", &value, &length) == 1; ++count) {
      if (value < 0 || value > (count < pixels ? 16 : classes - 1)) break;
      if (count < pixels)
        values.push_back(static_cast<float>(value) / 8 - 1);
      else
        data.labels.push_back(value);
      position += length;
    }
    if (count != pixels + 1)
      error = path + ", row " + std::to_string(data.labels.size() + 1) +
              ": expected 64 pixels in 0..16 and a label in 0..9";
  }
  int code = Z_OK;
  gzerror(file, &code);
  gzclose(file);
  if (code != Z_OK && code != Z_STREAM_END) error = path + ": cut short or damaged";
  if (error.empty() && data.labels.empty()) error = path + ": no rows";
  if (!error.empty()) throw std::runtime_error(error);
  data.images = Eigen::Map<Eigen::ArrayXXf>(values.data(), pixels, static_cast<Eigen::Index>(data.labels.size()));
  return data;
}

}  // namespace digits
