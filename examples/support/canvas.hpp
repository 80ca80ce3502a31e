// SPDX-License-Identifier: MIT
// A colour picture with smooth lines and discs, and panels of it that have coordinates of their own.
//
// Enough for the figures of the documents; there is no text. Everything is drawn by its distance from a pixel's centre.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <png.h>

namespace examples {

/// Red, green and blue in [0, 1].
using Colour = std::array<float, 3>;
inline Colour mix(const Colour& a, const Colour& b, float share) {
  return {a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])};
}
inline constexpr Colour white{1, 1, 1}, ink{0.13f, 0.14f, 0.17f}, grey{0.72f, 0.73f, 0.75f}, blue{0.12f, 0.42f, 0.70f},
    red{0.84f, 0.29f, 0.18f}, green{0.15f, 0.55f, 0.37f}, gold{0.93f, 0.63f, 0.11f};

struct Point {
  double x, y;
};

class Canvas {
 public:
  Canvas(int width, int height)
      : width_(width), height_(height), pixels_(static_cast<std::size_t>(width * height), white) {}

  int width() const { return width_; }
  int height() const { return height_; }
  Colour& at(int x, int y) { return pixels_[static_cast<std::size_t>(y * width_ + x)]; }

  /// All pixels within `radius` of the segment from a to b, in pixels; a disc where a = b.
  void stroke(Point a, Point b, double radius, const Colour& colour, float opacity = 1) {
    const auto from = [&](double v) { return std::max(0, static_cast<int>(std::floor(v - radius - 1))); };
    const auto to = [&](double v, int end) { return std::min(end - 1, static_cast<int>(std::ceil(v + radius + 1))); };
    const double dx = b.x - a.x, dy = b.y - a.y, length_squared = dx * dx + dy * dy;
    for (int y = from(std::min(a.y, b.y)); y <= to(std::max(a.y, b.y), height_); ++y)
      for (int x = from(std::min(a.x, b.x)); x <= to(std::max(a.x, b.x), width_); ++x) {
        const double px = x + 0.5 - a.x, py = y + 0.5 - a.y;
        const double along = length_squared > 0 ? std::clamp((px * dx + py * dy) / length_squared, 0.0, 1.0) : 0;
        const double cover = std::clamp(radius + 0.5 - std::hypot(px - along * dx, py - along * dy), 0.0, 1.0);
        if (cover > 0) at(x, y) = mix(at(x, y), colour, opacity * static_cast<float>(cover));
      }
  }

  /// In 52 levels a channel, which compress better than 256 and look the same.
  void write(const std::string& path) const {
    std::vector<png_byte> bytes;
    for (const Colour& pixel : pixels_)
      for (const float channel : pixel)
        bytes.push_back(static_cast<png_byte>(5 * std::lround(51 * std::clamp(channel, 0.0f, 1.0f))));
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width_);
    image.height = static_cast<png_uint_32>(height_);
    image.format = PNG_FORMAT_RGB;
    if (png_image_write_to_file(&image, path.c_str(), 0, bytes.data(), 0, nullptr) == 0)
      throw std::runtime_error(path + ": " + image.message);
  }

 private:
  int width_, height_;
  std::vector<Colour> pixels_;
};

/// A part of a canvas that shows [low.x, high.x] x [low.y, high.y], y upwards. Lengths of strokes stay in pixels.
class Panel {
 public:
  Panel(Canvas& canvas, int left, int top, int width, int height, Point low, Point high)
      : canvas_(canvas), left_(left), top_(top), width_(width), height_(height), low_(low), high_(high) {}

  /// Every pixel by the colour of its point.
  template <class ColourAt>
  void fill(ColourAt colour_at) {
    for (int y = 0; y < height_; ++y)
      for (int x = 0; x < width_; ++x)
        canvas_.at(left_ + x, top_ + y) = colour_at(Point{low_.x + (x + 0.5) / width_ * (high_.x - low_.x),
                                                          high_.y - (y + 0.5) / height_ * (high_.y - low_.y)});
  }
  void line(Point a, Point b, double radius, const Colour& colour, float opacity = 1) {
    if (inside(a) && inside(b)) canvas_.stroke(pixel(a), pixel(b), radius, colour, opacity);
  }
  void disc(Point a, double radius, const Colour& colour, float opacity = 1) { line(a, a, radius, colour, opacity); }
  void ring(Point centre, double radius, double thickness, const Colour& colour) {
    constexpr int corners = 240;
    const auto corner = [&](int k) {
      const double angle = 2 * 3.14159265358979 * k / corners;
      return Point{centre.x + radius * std::cos(angle), centre.y + radius * std::sin(angle)};
    };
    for (int k = 0; k < corners; ++k) line(corner(k), corner(k + 1), thickness, colour);
  }
  void arrow(Point a, Point b, double thickness, const Colour& colour) {
    const double dx = b.x - a.x, dy = b.y - a.y;
    line(a, b, thickness, colour);
    for (const double side : {-0.25, 0.25})
      line(b, {b.x - 0.4 * dx + side * dy, b.y - 0.4 * dy - side * dx}, thickness, colour);
  }
  void frame(const Colour& colour) {
    for (const Point corner : {low_, high_})
      for (const Point other : {Point{low_.x, high_.y}, Point{high_.x, low_.y}})
        canvas_.stroke(pixel(corner), pixel(other), 0.5, colour);
  }

 private:
  bool inside(Point a) const { return a.x >= low_.x && a.x <= high_.x && a.y >= low_.y && a.y <= high_.y; }
  Point pixel(Point a) const {
    return {left_ + (a.x - low_.x) / (high_.x - low_.x) * width_,
            top_ + (high_.y - a.y) / (high_.y - low_.y) * height_};
  }
  Canvas& canvas_;
  int left_, top_, width_, height_;
  Point low_, high_;
};

}  // namespace examples
