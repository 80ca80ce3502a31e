// SPDX-License-Identifier: MIT
// The main job, on real digits: train a small network against the library's target, sample with the ancestral sampler,
// and write what happens as pictures.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <diffusion/ddpm.hpp>
#include <diffusion/eigen.hpp>
#include <filesystem>

#include "data.hpp"
#include "network.hpp"
#include "picture.hpp"
#include "progress.hpp"

namespace {

struct Options {
  std::string data = DIGITS_DATA, out = "pictures";
  double seconds = 60;
  int steps = 1000, batch = 128, width = 384, blocks = 2;
  std::uint64_t seed = 1;
};

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// What the network is told of levels: their time as a fraction of the chain.
std::vector<float> times(const std::vector<diffusion::NoiseLevel<double>>& levels, int steps) {
  std::vector<float> times;
  for (const auto& level : levels) times.push_back(static_cast<float>(level.time() / steps));
  return times;
}

/// Algorithm 1 of Ho et al. until the time is over; returns the mean loss of the last tenth.
double train(digits::Network& network, const digits::Data& data, const diffusion::DiscreteSchedule<double>& schedule,
             const Options& options, long& iterations) {
  const auto count = static_cast<std::uint64_t>(data.images.cols());
  const auto batch = static_cast<std::size_t>(options.batch);
  const diffusion::NormalNoise noise{.seed = options.seed, .stream = 1};
  digits::Progress progress("training");
  const auto start = Clock::now();
  double smooth = 1;
  Eigen::ArrayXXf x_0(digits::pixels, options.batch);
  std::vector<int> labels(batch);
  for (int step = 0;; ++step) {
    const double done = since(start) / options.seconds;
    char note[64];
    std::snprintf(note, sizeof note, "step %d  loss %.4f", step, smooth);
    progress.show(std::min(done, 1.0), note);
    if (done >= 1) {
      iterations = step;
      return smooth;
    }
    for (std::size_t k = 0; k < batch; ++k) {  // a random image for each column, every tenth without its label
      const auto bits =
          diffusion::philox4x32({std::uint32_t(k), std::uint32_t(step), 0, 2}, {std::uint32_t(options.seed), 0});
      const auto pick = static_cast<std::size_t>(std::uint64_t(bits[0]) * count >> 32);
      x_0.col(Eigen::Index(k)) = data.images.col(Eigen::Index(pick));
      labels[k] = bits[1] % 10 == 0 ? digits::Network::no_label : data.labels[pick];
    }
    const auto sample = diffusion::training_batch(diffusion::VPrediction{}, schedule, batch, x_0, noise, step);
    const Eigen::MatrixXf output = network.forward(sample.x_t.matrix(), times(sample.levels, schedule.steps()), labels);
    const double loss = diffusion::simple_loss(output, sample.target);
    network.backward(2.0f / float(output.size()) * (output - sample.target.matrix()));
    network.update(static_cast<float>(2e-3 * std::min(1.0, (step + 1) / 100.0) * (1 + std::cos(3.14159 * done)) / 2));
    smooth += 0.01 * (loss - smooth);
  }
}

/// The network as a denoiser for columns with these labels.
auto denoiser(const digits::Network& network, std::vector<int> labels, int steps) {
  auto net = [&network, labels = std::move(labels), steps](const Eigen::ArrayXXf& x_t,
                                                           const auto& level) -> Eigen::ArrayXXf {
    const std::vector<float> time(static_cast<std::size_t>(x_t.cols()), static_cast<float>(level.time() / steps));
    return network(x_t.matrix(), time, labels).array();
  };
  return diffusion::clip_x0(diffusion::predicts_v(std::move(net)));
}

/// Ten samples of each digit, a row for each.
Eigen::ArrayXXf sample_all(const digits::Network& network, const diffusion::DiscreteSchedule<double>& schedule,
                           std::uint64_t seed) {
  std::vector<int> labels;
  for (int k = 0; k < 100; ++k) labels.push_back(k / 10);
  const diffusion::NormalNoise noise{.seed = seed, .stream = 2};
  digits::Progress progress("sampling");
  const Eigen::ArrayXXf shape(digits::pixels, 100);
  return diffusion::sample(diffusion::AncestralSampler{}, denoiser(network, labels, schedule.steps()),
                           diffusion::level_grid(schedule), noise.initial(shape), noise,
                           [&](const auto& p) { progress.show(double(p.step + 1) / p.steps, "100 digits"); });
}

/// One digit at eleven levels of the forward process, clean first.
Eigen::ArrayXXf forward_strip(const Eigen::ArrayXf& x_0, const diffusion::DiscreteSchedule<double>& schedule) {
  Eigen::ArrayXXf strip(digits::pixels, 11);
  const Eigen::ArrayXf eps = diffusion::NormalNoise{.seed = 3}(0, x_0);
  for (int k = 0; k <= 10; ++k) strip.col(k) = diffusion::q_sample(schedule(k * schedule.steps() / 10), x_0, eps);
  return strip;
}

/// Two rows: x_t on the way from noise to a digit, and the estimate of x_0 at the same levels.
Eigen::ArrayXXf reverse_strip(const digits::Network& network, int label,
                              const diffusion::DiscreteSchedule<double>& schedule) {
  Eigen::ArrayXXf strip(digits::pixels, 22);
  const diffusion::NormalNoise noise{.seed = 5};
  const Eigen::ArrayXXf shape(digits::pixels, 1), start = noise.initial(shape);
  strip.col(0) = start.col(0);
  diffusion::sample(diffusion::AncestralSampler{}, denoiser(network, {label}, schedule.steps()),
                    diffusion::level_grid(schedule), start, noise, [&](const auto& p) {
                      if (p.step == 0) strip.col(11) = p.x_0_hat.col(0);
                      if ((p.step + 1) * 10 % p.steps != 0) return;
                      const int k = (p.step + 1) * 10 / p.steps;
                      strip.col(k) = p.x.col(0);
                      strip.col(11 + k) = p.x_0_hat.col(0);
                    });
  return strip;
}

int run(const Options& options) {
  const auto start = Clock::now();
  std::filesystem::create_directories(options.out);
  const digits::Data data = digits::load(options.data);
  const auto schedule = diffusion::cosine_schedule(options.steps);
  digits::Network network(options.width, options.blocks, options.seed);
  long iterations = 0;
  const double loss = train(network, data, schedule, options, iterations);
  const Eigen::ArrayXXf samples = sample_all(network, schedule, options.seed);
  digits::write_png(options.out + "/samples.png", samples, 10);
  digits::write_png(options.out + "/forward.png", forward_strip(data.images.col(9), schedule), 11);
  digits::write_png(options.out + "/reverse.png", reverse_strip(network, 3, schedule), 11);

  const auto spread = [](const Eigen::ArrayXXf& x) { return std::sqrt((x - x.mean()).square().mean()); };
  std::printf("data       %td digits of %d pixels\n", data.images.cols(), digits::pixels);
  std::printf("network    %ld weights, %ld steps of %d digits, loss %.4f\n", network.parameter_count(), iterations,
              options.batch, loss);
  std::printf("chain      cosine, T = %d, log-SNR %.2f to %.2f\n", schedule.steps(), schedule(1).log_snr(),
              schedule(schedule.steps()).log_snr());
  std::printf("prior      KL of the last level to N(0, I): %.3g nats for the first digit\n",
              diffusion::prior_kl(schedule(schedule.steps()), Eigen::ArrayXf(data.images.col(0))));
  std::printf("pixels     mean %.3f, deviation %.3f in the data; %.3f, %.3f in 100 samples\n",
              double(data.images.mean()), double(spread(data.images)), double(samples.mean()), double(spread(samples)));
  std::printf("pictures   %s/samples.png, forward.png, reverse.png\n", options.out.c_str());
  std::printf("time       %.0f s\n", since(start));
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
  app.add_option("--seed", options.seed, "seed of weights, noise and samples")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "digits: %s\n", error.what());
    return 1;
  }
}
