// SPDX-License-Identifier: MIT
// The digits of data/digits.csv.gz as columns of an array, pixels in [-1, 1], and the parts of them to be held out.
#pragma once

#include <Eigen/Core>
#include <cstdio>
#include <diffusion/objective/decoder.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include <zlib.h>

namespace digits {

inline constexpr int side = 8, pixels = side * side, classes = 10;
inline constexpr diffusion::GreyLevels grey{.levels = 17};

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

/// The images to train on and those to be held out. 297 that are spread evenly over the data are the test, every fifth
/// of the others is for validation. Settings are chosen by the validation images, without a look at the test; then all
/// but the test are trained on.
struct Parts {
  Data training, held_out;
};
enum class HeldOut { validation, test };
inline Parts split(const Data& data, HeldOut what) {
  constexpr Eigen::Index tests = 297;
  std::vector<Eigen::Index> columns[2];
  Eigen::Index others = 0;
  for (Eigen::Index k = 0; k < data.images.cols(); ++k) {
    const bool test = k * tests % data.images.cols() < tests, validation = !test && others++ % 5 == 0;
    if (what == HeldOut::test)
      columns[test].push_back(k);
    else if (!test)
      columns[validation].push_back(k);
  }
  const auto part = [&](const std::vector<Eigen::Index>& chosen) {
    Data result{data.images(Eigen::all, chosen), {}};
    for (const Eigen::Index k : chosen) result.labels.push_back(data.labels[std::size_t(k)]);
    return result;
  };
  return {part(columns[0]), part(columns[1])};
}

/// What the network is told beside the digit 0..9: that the picture was moved, or nothing.
inline constexpr int moved = classes, no_label = classes + 1;

/// Each image four times, twice with its label and twice without one, and moved by a pixel to each side, which has a
/// label of its own: the network learns from moved digits what strokes are, and where digits lie from the others.
inline Data with_moved(const Data& data) {
  Data result{Eigen::ArrayXXf::Constant(pixels, 8 * data.images.cols(), float(grey.low)), {}};
  const auto next = [&](int label) {
    result.labels.push_back(label);
    return result.images.col(Eigen::Index(result.labels.size()) - 1).reshaped(side, side);
  };
  for (Eigen::Index k = 0; k < data.images.cols(); ++k) {
    const auto image = data.images.col(k).reshaped(side, side);
    for (const int label : {data.labels[std::size_t(k)], no_label}) {
      next(label) = image;
      next(label) = image;
    }
    next(moved).topRows(side - 1) = image.bottomRows(side - 1);
    next(moved).bottomRows(side - 1) = image.topRows(side - 1);
    next(moved).leftCols(side - 1) = image.rightCols(side - 1);
    next(moved).rightCols(side - 1) = image.leftCols(side - 1);
  }
  return result;
}

}  // namespace digits
