// SPDX-License-Identifier: MIT
// The main job, on real digits: train a small network for likelihood, sample with the ancestral sampler, say in bits
// how well it knows digits that it has not seen, walk from one digit to another, and write what happens as pictures.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <diffusion/model/guidance.hpp>
#include <filesystem>

#include "../support/between.hpp"
#include "../support/picture.hpp"
#include "../support/train.hpp"
#include "data.hpp"
#include "likelihood.hpp"

namespace {

using examples::Network;

struct Options {
  std::string data = DIGITS_DATA, out = "pictures";
  double seconds = 45, dropout = 0.3, decay = 0.3, guidance = 2;
  int updates = 0, steps = 1000, batch = 128, width = 256, blocks = 2;
  bool validate = false;
  std::uint64_t seed = 1;
};

using examples::Levels;

/// A chain of `steps` steps, even in log-SNR down to the least noise, and the last of them from there to clean data.
Levels chain(const digits::Schedule& schedule, int steps) {
  Levels levels = diffusion::level_grid(schedule, steps - 1);
  levels.push_back({});
  return levels;
}

/// Ten samples of each digit, a row for each.
template <class D>
Eigen::ArrayXXf sample_all(const D& denoiser, const Levels& levels, std::uint64_t seed) {
  const diffusion::NormalNoise noise{.seed = seed, .stream = 2};
  examples::Progress progress("sampling");
  const Eigen::ArrayXXf shape(digits::pixels, 100);
  return diffusion::sample(diffusion::AncestralSampler{}, denoiser, levels, noise.initial(shape), noise,
                           [&](const auto& p) { progress.show(double(p.step + 1) / p.steps, "100 digits"); });
}

/// One digit at eleven levels of the forward process, clean first.
Eigen::ArrayXXf forward_strip(const Eigen::ArrayXf& x_0, const digits::Schedule& schedule) {
  Eigen::ArrayXXf strip(digits::pixels, 11);
  const Eigen::ArrayXf eps = diffusion::NormalNoise{.seed = 3}(0, x_0);
  for (int k = 0; k <= 10; ++k) strip.col(k) = diffusion::q_sample(schedule(k / 10.0), x_0, eps);
  return strip;
}

/// Two rows: x_t on the way from noise to a digit, and the estimate of x_0 at the same levels.
template <class D>
Eigen::ArrayXXf reverse_strip(const D& denoiser, const Levels& levels) {
  Eigen::ArrayXXf strip(digits::pixels, 22);
  const diffusion::NormalNoise noise{.seed = 5};
  const Eigen::ArrayXXf shape(digits::pixels, 1), start = noise.initial(shape);
  strip.col(0) = start.col(0);
  diffusion::sample(diffusion::AncestralSampler{}, denoiser, levels, start, noise, [&](const auto& p) {
    if (p.step == 0) strip.col(11) = p.x_0_hat.col(0);
    if ((p.step + 1) * 10 % p.steps != 0) return;
    const int k = (p.step + 1) * 10 / p.steps;
    strip.col(k) = p.x.col(0);
    strip.col(11 + k) = p.x_0_hat.col(0);
  });
  return strip;
}

/// The columns of the first digit of each label.
Eigen::ArrayXXf first_of(const digits::Data& data, const std::vector<int>& labels) {
  Eigen::ArrayXXf images(digits::pixels, Eigen::Index(labels.size()));
  for (std::size_t k = 0; k < labels.size(); ++k)
    images.col(Eigen::Index(k)) =
        data.images.col(std::find(data.labels.begin(), data.labels.end(), labels[k]) - data.labels.begin());
  return images;
}

/// Index of the digit of the data that is nearest to x, other than the one at `self`; and how far it is.
struct Nearest {
  Eigen::Index index;
  float distance;
};
Nearest nearest(const digits::Data& data, const Eigen::ArrayXf& x, Eigen::Index self = -1) {
  Eigen::ArrayXf squares = (data.images.colwise() - x).square().colwise().sum().transpose();
  if (self >= 0) squares(self) = std::numeric_limits<float>::max();
  Eigen::Index index = 0;
  const float least = squares.minCoeff(&index);
  return {index, std::sqrt(least)};
}

/// What the columns are like: how far from the nearest digit of the data, and how often that has another label than
/// both of the pair which the column is halfway between.
void print_halfway(const char* what, const digits::Data& data, const Eigen::ArrayXXf& columns,
                   const std::vector<std::pair<int, int>>& pairs) {
  double distance = 0;
  int third = 0;
  for (Eigen::Index k = 0; k < columns.cols(); ++k) {
    const Nearest digit = nearest(data, columns.col(k));
    const int label = data.labels[std::size_t(digit.index)];
    const auto& [from, to] = pairs[std::size_t(k)];
    distance += double(digit.distance) / double(columns.cols());
    third += label != from && label != to ? 1 : 0;
  }
  std::printf("           %-34s %6.2f %10zu %8d\n", what, distance, pairs.size() - std::size_t(third), third);
}

// [halfway]
/// Halfway between pairs of digits with different labels: by the pixels, and by the noises that they are walked to.
template <class D>
void report_halfway(const D& unlabelled, const examples::Levels& levels, const digits::Data& data) {
  constexpr std::size_t most = 200;
  std::vector<Eigen::Index> from, to;
  std::vector<std::pair<int, int>> pairs;
  double real = 0;
  for (Eigen::Index a = 0, b = data.images.cols() - 1; pairs.size() < most && a < b; ++a, --b) {
    const std::pair labels{data.labels[std::size_t(a)], data.labels[std::size_t(b)]};
    if (labels.first == labels.second) continue;
    from.push_back(a);
    to.push_back(b);
    pairs.push_back(labels);
    real += double(nearest(data, data.images.col(a), a).distance);
  }
  const auto ways = examples::ways(unlabelled, levels, data.images(Eigen::all, from), data.images(Eigen::all, to), 3);
  const auto middle = [](const Eigen::ArrayXXf& way) {
    return Eigen::ArrayXXf(way(Eigen::all, Eigen::seq(1, Eigen::last, 3)));
  };
  std::printf("halfway    of %zu pairs of digits, the nearest   is at   one of the pair  a third\n", pairs.size());
  std::printf("           %-34s %6.2f\n", "from a digit of the data, another", real / double(pairs.size()));
  print_halfway("from the blend of the pixels", data, middle(ways.blended), pairs);
  print_halfway("from where the noises' arc leads", data, middle(ways.by_arc), pairs);
  print_halfway("from where their segment leads", data, middle(ways.straight), pairs);
  print_halfway("from where a blend at T / 2 leads", data, middle(ways.halfway), pairs);
  std::printf("           to noise and back errs by %.3f a pixel; the noises' size is %.3f a pixel\n",
              ways.return_error, ways.noise_size);
}
// [halfway]

void print(const char* what, const digits::Estimate& bits) {
  std::printf("           %-34s %6.3f +- %.3f\n", what, bits.mean, bits.error);
}

template <class D>
void report_likelihood(const D& unlabelled, const Levels& levels, const digits::Parts& parts, const char* held_out) {
  const auto& training = parts.training.images;
  const auto& images = parts.held_out.images;
  const auto bound = digits::bound(unlabelled, levels, images);
  std::printf("likelihood of %td %-27s bits per dimension\n", images.cols(), held_out);
  print("a Gaussian of full covariance", digits::gaussian_bits(training, images));
  print("histograms of the pixels", digits::histogram_bits(training, images));
  print("the network's bound", {bound.bits_per_dimension(), bound.bits_per_dimension_error()});
  std::printf("           = %.4f prior + %.4f denoising + %.4f reconstruction\n", digits::bits_per_pixel(bound.prior()),
              digits::bits_per_pixel(bound.denoising()), digits::bits_per_pixel(bound.reconstruction()));
}

int run(const Options& options) {
  const auto start = examples::Clock::now();
  std::filesystem::create_directories(options.out);
  const digits::Data data = digits::load(options.data);
  const digits::Parts parts =
      digits::split(data, options.validate ? digits::HeldOut::validation : digits::HeldOut::test);
  // The least noise is a tenth of the distance between grey levels, which it still tells apart; less costs only steps.
  const digits::Schedule schedule(9, -7);
  const digits::Table frequencies = digits::log_frequencies(parts.training.images);
  Network network({.image = digits::pixels,
                   .outputs = int(frequencies.size()),
                   .classes = digits::no_label,
                   .width = options.width,
                   .blocks = options.blocks,
                   .dropout = options.dropout},
                  options.seed);
  const digits::Data shown = digits::with_moved(parts.training);
  const auto trained = examples::train(network, shown.images, shown.labels,
                                       {.updates = options.updates,
                                        .seconds = options.seconds,
                                        .batch = options.batch,
                                        .decay = options.decay,
                                        .seed = options.seed},
                                       digits::BoundLoss{schedule, frequencies, {.seed = options.seed, .stream = 1}});
  const auto denoiser = [&](std::vector<int> labels) {
    return digits::denoiser(network, frequencies, std::move(labels));
  };
  const auto unlabelled = denoiser({digits::no_label});
  const auto labelled = [&](std::vector<int> labels) {
    return diffusion::clip_x0(diffusion::guided(denoiser(std::move(labels)), unlabelled, options.guidance));
  };
  const Levels levels = chain(schedule, options.steps);
  std::vector<int> ten_each;
  for (int k = 0; k < 100; ++k) ten_each.push_back(k / 10);
  const Eigen::ArrayXXf samples = sample_all(labelled(ten_each), levels, options.seed);
  examples::write_png(options.out + "/samples.png", samples, 10);
  examples::write_png(options.out + "/forward.png", forward_strip(data.images.col(9), schedule), 11);
  examples::write_png(options.out + "/reverse.png", reverse_strip(labelled({3}), levels), 11);

  const auto spread = [](const Eigen::ArrayXXf& x) { return std::sqrt((x - x.mean()).square().mean()); };
  std::printf("data       %td digits of %d pixels, %td of them to train on\n", data.images.cols(), digits::pixels,
              parts.training.images.cols());
  std::printf("network    %ld weights, %ld steps of %d digits, loss %.4f bits per dimension\n",
              network.parameter_count(), trained.updates, options.batch, trained.loss / std::numbers::ln2);
  std::printf("chain      T = %zu, log-SNR %.0f to %.0f\n", levels.size() - 1, levels[levels.size() - 2].log_snr(),
              levels.front().log_snr());
  std::printf("pixels     mean %.3f, deviation %.3f in the data; %.3f, %.3f in 100 samples\n",
              double(data.images.mean()), double(spread(data.images)), double(samples.mean()), double(spread(samples)));
  report_likelihood(unlabelled, levels, parts, options.validate ? "validation digits" : "test digits");

  const Levels coarse = chain(schedule, std::min(100, options.steps));
  constexpr int points = 11;
  const auto ways =
      examples::ways(unlabelled, coarse, first_of(data, {0, 1, 3, 4}), first_of(data, {6, 7, 5, 9}), points);
  Eigen::ArrayXXf rows(digits::pixels, 2 * ways.by_arc.cols());
  for (Eigen::Index k = 0; k < ways.by_arc.cols(); k += points)
    rows.middleCols(2 * k, 2 * points) << ways.blended.middleCols(k, points), ways.by_arc.middleCols(k, points);
  examples::write_png(options.out + "/between.png", rows, points);
  report_halfway(unlabelled, coarse, data);
  std::printf("pictures   %s/samples.png, forward.png, reverse.png, between.png\n", options.out.c_str());
  std::printf("time       %.0f s\n", examples::since(start));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Trains a diffusion model on 8 x 8 digits and draws what it learnt.");
  app.add_option("--data", options.data, "the digits, a gzipped CSV file")->capture_default_str();
  app.add_option("--out", options.out, "the folder for the pictures")->capture_default_str();
  app.add_option("--seconds", options.seconds, "how long to train")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--updates", options.updates, "steps of training, which give the same network again; 0 for --seconds")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000000));
  app.add_option("--steps", options.steps, "T, the length of the chain")
      ->capture_default_str()
      ->check(CLI::Range(10, 100000));
  app.add_option("--batch", options.batch, "digits in a training step")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  app.add_option("--width", options.width, "width of the network")->capture_default_str()->check(CLI::Range(8, 4096));
  app.add_option("--blocks", options.blocks, "residual blocks of the network")
      ->capture_default_str()
      ->check(CLI::Range(0, 16));
  app.add_option("--dropout", options.dropout, "noise on the inner activations in training")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.95));
  app.add_option("--decay", options.decay, "decay of the weights")->capture_default_str()->check(CLI::Range(0.0, 10.0));
  app.add_option("--guidance", options.guidance, "how far samples go towards their label; 1 is as learnt")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10.0));
  app.add_flag("--validate", options.validate, "hold out digits to choose settings by, in place of the test digits");
  app.add_option("--seed", options.seed, "seed of weights, noise and samples")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "digits: %s\n", error.what());
    return 1;
  }
}
