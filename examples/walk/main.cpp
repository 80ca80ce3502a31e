// SPDX-License-Identifier: MIT
// The walk of the third document, in numbers and pictures: where it ends and how far from its start, in the plane and
// in 3072 dimensions, and the field of estimates of x_0 that leads back. No network: everything here is exact.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "ends.hpp"
#include "field.hpp"

int main(int argc, char** argv) {
  std::string out = "pictures";
  int walks = 100;
  std::uint64_t seed = 1;
  CLI::App app("Where the forward process ends, and what leads back.");
  app.add_option("--out", out, "the folder for the pictures")->capture_default_str();
  app.add_option("--walks", walks, "walks in 3072 dimensions, a fortieth of those in the plane")
      ->capture_default_str()
      ->check(CLI::Range(5, 10000));
  app.add_option("--seed", seed, "seed of the walks")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    std::filesystem::create_directories(out);
    const auto schedule = diffusion::linear_schedule(1000);
    walk::show_ends(out + "/walk-ends.png", schedule, walks, seed);
    walk::show_way_back(out + "/walk-back.png", schedule, seed);
    std::printf("\npictures %s/walk-ends.png, walk-back.png\n", out.c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "walk: %s\n", error.what());
    return 1;
  }
}
