// SPDX-License-Identifier: MIT
// A progress bar on standard error: a line that is rewritten on a terminal, a line every tenth otherwise.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include <unistd.h>

namespace examples {

class Progress {
 public:
  explicit Progress(std::string title) : title_(std::move(title)) {}

  /// done in [0, 1]; note is shown beside the bar.
  void show(double done, const std::string& note) {
    const auto now = std::chrono::steady_clock::now();
    const bool finished = done >= 1;
    const int tenth = static_cast<int>(done * 10);
    if (!finished && (terminal_ ? now - shown_ < std::chrono::milliseconds(100) : tenth == tenth_)) return;
    shown_ = now;
    tenth_ = tenth;
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const double left = done > 0 ? elapsed / done * (1 - done) : 0;
    std::string bar(30, '-');
    for (std::size_t i = 0; i < bar.size() && double(i) < done * 30; ++i) bar[i] = '#';
    std::fprintf(stderr, "%s%s [%s] %3.0f %%  %s  %4.0f s left%s", terminal_ ? "\r" : "", title_.c_str(), bar.c_str(),
                 100 * done, note.c_str(), left, finished || !terminal_ ? "\n" : "");
    std::fflush(stderr);
  }

 private:
  std::string title_;
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  int tenth_ = -1;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), shown_{};
};

}  // namespace examples
