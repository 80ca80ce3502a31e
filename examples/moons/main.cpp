// SPDX-License-Identifier: MIT
// The document's example: a model of full and half moons, asked for what lies between them. Does it make a
// three-quarter moon? Measured for a small network, for the exact denoiser of the data, for the blend of the pixels,
// and for the same network trained on moons of all phases, which shows that the measure knows one when it sees one.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <diffusion/model/exact.hpp>
#include <filesystem>
#include <functional>
#include <future>

#include "../support/between.hpp"
#include "../support/moon.hpp"
#include "../support/picture.hpp"
#include "../support/train.hpp"

namespace {

using Eigen::ArrayXf, Eigen::ArrayXXf, Eigen::Index;

constexpr int side = 12, pixels = side * side;
// Moons differ in place and size: within `off` pixels of the middle, and of a radius of least_radius to most_radius.
constexpr double off = 1, least_radius = 3, most_radius = 4.5;

struct Options {
  std::string out = "pictures";
  int updates = 4000, width = 384, moons = 2048, samples = 200;
  std::uint64_t seed = 1;
};

ArrayXf moon(double lit, double x, double y, double radius) {
  const std::vector<float> picture = examples::moon(lit, x, y, radius, side);
  return Eigen::Map<const ArrayXf>(picture.data(), pixels);
}

double uniform(std::uint32_t bits, double low, double high) { return low + (high - low) * bits * 0x1p-32; }

/// The moon with the place and size of a pair, in a phase.
ArrayXf moon_of_pair(const Options& options, int pair, double lit) {
  const auto bits = diffusion::philox4x32({std::uint32_t(pair), 0, 0, 0}, {std::uint32_t(options.seed), 3});
  return moon(lit, side / 2 + uniform(bits[0], -off, off), side / 2 + uniform(bits[1], -off, off),
              uniform(bits[2], least_radius, most_radius));
}

/// Pairs of moons, one after the other: full and half or, of all phases, each of its own.
ArrayXXf draw_moons(const Options& options, bool all_phases) {
  ArrayXXf moons(pixels, options.moons);
  for (int k = 0; k < options.moons; ++k) {
    const auto bits = diffusion::philox4x32({std::uint32_t(k), 1, 0, 0}, {std::uint32_t(options.seed), 3});
    const double lit = all_phases ? uniform(bits[0], 0.5, 1) : k % 2 == 0 ? 1 : 0.5;
    moons.col(k) = moon_of_pair(options, k / 2, lit);
  }
  return moons;
}

ArrayXXf columns(const std::vector<ArrayXf>& pictures) {
  ArrayXXf all(pixels, Index(pictures.size()));
  for (std::size_t k = 0; k < pictures.size(); ++k) all.col(Index(k)) = pictures[k];
  return all;
}

// [ruler]
/// What a picture is, by the nearest of many drawn ones of every place and size: a moon of some phase, or a double
/// exposure, a full moon whose left half is dimmed.
class Ruler {
 public:
  enum Kind { full, half, between, double_exposure, kinds };

  Ruler() {
    std::vector<ArrayXf> drawn;
    constexpr int places = 9, sizes = 6;
    for (int k = 0; k < places * places * sizes; ++k) {
      const double x = side / 2 + off * (k % places * 2.0 / (places - 1) - 1);
      const double y = side / 2 + off * (k / places % places * 2.0 / (places - 1) - 1);
      const double radius = least_radius + (most_radius - least_radius) * (k / (places * places)) / (sizes - 1);
      for (int twentieth = 10; twentieth <= 20; ++twentieth) {
        drawn.push_back(moon(twentieth / 20.0, x, y, radius));
        kinds_.push_back(twentieth <= 11 ? half : twentieth >= 19 ? full : between);
      }
      for (int tenth = 2; tenth <= 8; ++tenth) {
        drawn.push_back(float(tenth) / 10 * moon(1, x, y, radius) + float(10 - tenth) / 10 * moon(0.5, x, y, radius));
        kinds_.push_back(double_exposure);
      }
    }
    templates_.resize(Index(drawn.size()), pixels);
    for (std::size_t k = 0; k < drawn.size(); ++k) templates_.row(Index(k)) = drawn[k].matrix().transpose();
    squares_ = templates_.rowwise().squaredNorm();
  }

  struct Reading {
    std::array<int, kinds> counts{};
    double distance = 0;  // root mean square over pixels to the nearest drawn picture, mean over pictures
  };
  Reading operator()(const ArrayXXf& pictures) const {
    Reading reading;
    for (Index k = 0; k < pictures.cols(); ++k) {
      Index nearest = 0;
      const float least = (squares_ - 2 * templates_ * pictures.col(k).matrix()).minCoeff(&nearest);
      reading.counts[kinds_[std::size_t(nearest)]] += 1;
      reading.distance +=
          std::sqrt(std::max(0.0f, least + pictures.col(k).matrix().squaredNorm()) / pixels) / double(pictures.cols());
    }
    return reading;
  }

 private:
  Eigen::MatrixXf templates_;  // one a row
  Eigen::VectorXf squares_;
  std::vector<Kind> kinds_;
};
// [ruler]

void print(const char* what, const Ruler::Reading& reading) {
  std::printf("%-38s %6d %7d %8d %9d %6.3f\n", what, reading.counts[Ruler::full], reading.counts[Ruler::half],
              reading.counts[Ruler::between], reading.counts[Ruler::double_exposure], reading.distance);
}

constexpr int pairs = 16, points = 17;  // of the ways from a full to a half moon

struct Model {
  const char* name;
  ArrayXXf samples;
  examples::Ways ways;
};

void write_pictures(const Options& options, const ArrayXXf& data, const std::vector<Model>& models) {
  // The ways of two pairs. A row each: the moons of the phases between, the blend of the pixels, and the arc of the
  // noises walked back by each model.
  std::vector<ArrayXf> pictures;
  const auto add = [&](const ArrayXXf& columns, Index first) {
    for (Index k = 0; k < points; ++k) pictures.emplace_back(columns.col(first + k));
  };
  for (const int pair : {0, 1}) {
    for (int k = 0; k < points; ++k) pictures.push_back(moon_of_pair(options, pair, 1 - 0.5 * k / (points - 1)));
    add(models[0].ways.blended, pair * points);
    for (const Model& model : models) add(model.ways.by_arc, pair * points);
  }
  examples::write_png(options.out + "/moons-between.png", columns(pictures), points, examples::Shows::light);
  // A row each: the data, and samples of the models.
  pictures.clear();
  add(data, 0);
  for (const Model& model : models) add(model.samples, 0);
  examples::write_png(options.out + "/moons-samples.png", columns(pictures), points, examples::Shows::light);
}

int run(const Options& options) {
  const auto start = examples::Clock::now();
  std::filesystem::create_directories(options.out);
  const auto schedule = diffusion::cosine_schedule(1000);
  const auto levels = diffusion::level_grid(schedule, 100);
  const Ruler ruler;
  const ArrayXXf two_phases = draw_moons(options, false), all_phases = draw_moons(options, true);

  std::printf("%-38s   full    half  full to    double    how\n", "nearest to a");
  std::printf("%-38s   moon    moon     half  exposure   near\n", "");
  print("drawn, full and half", ruler(two_phases.leftCols(options.samples)));
  print("drawn, of all phases", ruler(all_phases.leftCols(options.samples)));

  // The ways from the full to the half moon of some pairs of the data.
  ArrayXXf from(pixels, pairs), to(pixels, pairs);
  for (Index k = 0; k < pairs; ++k) {
    from.col(k) = two_phases.col(2 * k);
    to.col(k) = two_phases.col(2 * k + 1);
  }
  const std::vector<double> ones(std::size_t(options.moons), 1), zeros(std::size_t(options.moons), 0);
  const std::vector<ArrayXf> data(two_phases.colwise().begin(), two_phases.colwise().end());
  const diffusion::GaussianMixtureDenoiser exact(ones, data, zeros);

  const diffusion::NormalNoise noise{.seed = options.seed, .stream = 2};
  const ArrayXXf x_T = noise.initial(ArrayXXf(pixels, options.samples));
  const auto ask = [&](const char* name, const auto& denoiser) {
    return Model{name, diffusion::sample(diffusion::AncestralSampler{}, denoiser, levels, x_T, noise),
                 examples::ways(denoiser, levels, from, to, points)};
  };
  const auto of_network = [&](const char* name, const ArrayXXf& moons, bool show) {
    examples::Network network({pixels, pixels, 0, options.width, 2}, options.seed);
    const std::vector<int> labels(std::size_t(options.moons), network.no_label());
    examples::train(network, moons, labels, {.updates = options.updates, .seed = options.seed, .show = show},
                    examples::SimpleLoss{schedule, {.seed = options.seed, .stream = 1}});
    return ask(name, examples::denoiser(network, {network.no_label()}, schedule.steps()));
  };
  // The three models at the same time.
  auto of_two = std::async(std::launch::async, of_network, "network, full and half", std::cref(two_phases), true);
  auto of_all = std::async(std::launch::async, of_network, "network, all phases", std::cref(all_phases), false);
  std::vector<Model> models{ask("exact denoiser of full and half", exact)};
  models.push_back(of_two.get());
  models.push_back(of_all.get());
  for (const Model& model : models) print((std::string("samples: ") + model.name).c_str(), ruler(model.samples));
  std::printf("%d points on %d ways from a full to a half moon\n", pairs * points, pairs);
  print("blend of the pixels", ruler(models[0].ways.blended));
  for (const Model& model : models) print((std::string("arc: ") + model.name).c_str(), ruler(model.ways.by_arc));
  for (const Model& model : models) print((std::string("segment: ") + model.name).c_str(), ruler(model.ways.straight));
  for (const Model& model : models) print((std::string("at T/2: ") + model.name).c_str(), ruler(model.ways.halfway));
  for (const Model& model : models)
    std::printf("to noise and back errs by %.3f a pixel; the noises' size is %.3f a pixel: %s\n",
                model.ways.return_error, model.ways.noise_size, model.name);

  write_pictures(options, two_phases, models);
  std::printf("pictures %s/moons-between.png, moons-samples.png; %.0f s\n", options.out.c_str(),
              examples::since(start));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Trains a diffusion model on full and half moons, and asks it for what lies between.");
  app.add_option("--out", options.out, "the folder for the pictures")->capture_default_str();
  app.add_option("--updates", options.updates, "steps of training, for each of two networks")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000000));
  app.add_option("--moons", options.moons, "moons to train on")->capture_default_str()->check(CLI::Range(32, 65536));
  app.add_option("--samples", options.samples, "samples of each model")
      ->capture_default_str()
      ->check(CLI::Range(17, 10000));
  app.add_option("--width", options.width, "width of the network")->capture_default_str()->check(CLI::Range(8, 4096));
  app.add_option("--seed", options.seed, "seed of moons, weights and samples")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moons: %s\n", error.what());
    return 1;
  }
}
