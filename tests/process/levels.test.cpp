// SPDX-License-Identifier: MIT
// The laws of batches, compiled once for each kind of state that holds several samples (see CMakeLists.txt).
#include <diffusion/ddim.hpp>
#include <diffusion/objective/weights.hpp>
#include STATE_KIND

#include <random>
#include <string>

#include "../support/catch.hpp"

namespace batch_laws {

using namespace diffusion;
using kind::make;
using kind::read;
using Values = std::vector<double>;
using State_ = decltype(make(Values()));
using Value = value_t<State_>;

namespace {

const auto schedule = linear_schedule(1000);

Values draw(unsigned seed) {
  std::mt19937 engine(seed);
  Values values(kind::size);
  for (double& v : values) v = double(engine() % 4001) / 1024 - 2;
  return values;
}

std::vector<NoiseLevel<double>> some_levels(int shift) {
  std::vector<NoiseLevel<double>> levels;
  for (std::size_t k = 0; k < kind::samples; ++k) levels.push_back(schedule(100 + 200 * int(k) + shift));
  return levels;
}

// A batched function gives each sample what the function of one level gives it.
template <class Batched, class Single>
void require_samples(const Batched& batched, Single single) {
  const Values all = read(batched);
  const std::size_t length = all.size() / kind::samples;
  for (std::size_t k = 0; k < kind::samples; ++k) {
    const Values one = read(single(k));
    for (std::size_t i = k * length; i < (k + 1) * length; ++i) REQUIRE(all[i] == one[i]);
  }
}

// The message of a call that must fail.
template <class F>
std::string message(F call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("each sample of a batch has its own level", "[state]") {
  const State_ x = make(draw(5)), y = make(draw(6)), z = make(draw(7));
  const auto s = some_levels(0), t = some_levels(50);
  const std::span<const NoiseLevel<double>> s_span(s), t_span(t);
  require_samples(q_sample(t_span, x, y), [&](std::size_t k) { return q_sample(t[k], x, y); });
  require_samples(x0_from_noise(t, x, y), [&](std::size_t k) { return x0_from_noise(t[k], x, y); });
  require_samples(noise_from_x0(t, x, y), [&](std::size_t k) { return noise_from_x0(t[k], x, y); });
  require_samples(v_from(t, x, y), [&](std::size_t k) { return v_from(t[k], x, y); });
  require_samples(x0_from_v(t, x, y), [&](std::size_t k) { return x0_from_v(t[k], x, y); });
  require_samples(noise_from_v(t, x, y), [&](std::size_t k) { return noise_from_v(t[k], x, y); });
  require_samples(score_from_noise(t, x), [&](std::size_t k) { return score_from_noise(t[k], x); });
  require_samples(noise_from_score(t, x), [&](std::size_t k) { return noise_from_score(t[k], x); });
  require_samples(x0_from_score(t, x, y), [&](std::size_t k) { return x0_from_score(t[k], x, y); });
  require_samples(ancestral_step(s_span, t, x, y, z),
                  [&](std::size_t k) { return ancestral_step(s[k], t[k], x, y, z); });
  require_samples(ddim_step(s, t_span, x, y, 0.3, z),
                  [&](std::size_t k) { return ddim_step(s[k], t[k], x, y, 0.3, z); });
  const auto marginal = q_marginal(t, x);
  const auto transition = q_transition(s, t, x);
  const auto posterior = q_posterior(s, t, x, y);
  require_samples(marginal.mean, [&](std::size_t k) { return q_marginal(t[k], x).mean; });
  require_samples(transition.mean, [&](std::size_t k) { return q_transition(s[k], t[k], x).mean; });
  require_samples(posterior.mean, [&](std::size_t k) { return q_posterior(s[k], t[k], x, y).mean; });
  require_samples(sample(posterior, z), [&](std::size_t k) { return sample(q_posterior(s[k], t[k], x, y), z); });
  for (std::size_t k = 0; k < kind::samples; ++k) {
    REQUIRE(marginal.variance[k] == t[k].noise_variance());
    REQUIRE(transition.variance[k] == q_transition(s[k], t[k]).variance);
    REQUIRE(posterior.variance[k] == q_posterior(s[k], t[k]).variance);
  }
}

TEST_CASE("each sample of a batch has its own loss", "[levels]") {
  const Values a = draw(5), b = draw(6);  // whose squared differences have an exact sum
  const auto losses = sample_losses(make(a), make(b), kind::samples);
  REQUIRE(losses.size() == kind::samples);
  const std::size_t length = kind::size / kind::samples;
  for (std::size_t k = 0; k < kind::samples; ++k) {
    double sum = 0;
    for (std::size_t i = k * length; i < (k + 1) * length; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    REQUIRE(losses[k] == sum / double(length));
  }
}

TEST_CASE("a batch is written into memory of the caller", "[levels]") {
  const State_ x = make(draw(8)), y = make(draw(9));
  const auto s = some_levels(0), t = some_levels(50);
  Value out = q_sample(schedule(1), x, y);
  q_sample(s, x, y, into(out));
  require_samples(out, [&](std::size_t k) { return q_sample(s[k], x, y); });
  ddim_step(s, t, x, y, into(out));
  require_samples(out, [&](std::size_t k) { return ddim_step(s[k], t[k], x, y); });
}

TEST_CASE("the order of a grid: noisiest first, no two of the same noise", "[levels][errors]") {
  const auto error = [](std::vector<NoiseLevel<double>> levels) {
    return message([&] { require_noisiest_first("f", levels); });
  };
  const auto wrong = [](const NoiseLevel<double>& level) {
    return message([&] {
      numerics::require(false, "f", "levels: a log-SNR", level.log_snr(), "more than the one before: noisiest first");
    });
  };
  REQUIRE(error({}) == "diffusion::f: levels.size() = 0, expected at least one level");
  const auto pure = alpha_bar_level(0), low = vp_level(-3), high = vp_level(2), clean = ve_level(0);
  REQUIRE(error({low}) == "nothing thrown");
  REQUIRE(error({pure, low, high, clean}) == "nothing thrown");
  REQUIRE(error({ve_level(8), ve_level(5), ve_level(2)}) == "nothing thrown");
  REQUIRE(error({signal_noise_level(2, 6), signal_noise_level(0.25, 0.5), signal_noise_level(8, 7)}) ==
          "nothing thrown");
  REQUIRE(error({signal_noise_level(0.25, 0.5), signal_noise_level(2, 6)}) == wrong(signal_noise_level(2, 6)));
  REQUIRE(error({high, low}) == wrong(low));
  REQUIRE(error({low, low}) == wrong(low));
  REQUIRE(error({pure, high, low, clean}) == wrong(low));
  REQUIRE(error({pure, low, clean, high}) == wrong(high));
}

TEST_CASE("batches of other sizes are named, and nothing is written", "[levels][errors]") {
  const State_ x = make(draw(11)), y = make(draw(12));
  Value out = q_sample(schedule(1), x, y);
  const Values before = read(out);
  const std::vector<NoiseLevel<double>> four(4, schedule(5)), none, two(2, schedule(5));
  // An array with a shape knows its number of samples; plain memory has equal parts, whatever their number.
  const auto expected = [](std::size_t levels) {
    const std::string n = std::to_string(levels);
    return std::array{"diffusion::q_sample: x_0 is a batch of 3 samples, but there are " + n + " levels",
                      "diffusion::q_sample: x_0 has 6 elements, which " + n + " levels do not divide"};
  };
  for (const auto& levels : {four, none}) {
    const std::string text = message([&] { q_sample(levels, x, y, into(out)); });
    REQUIRE((text == expected(levels.size())[0] || text == expected(levels.size())[1]));
  }
  REQUIRE(message([&] { ddim_step(some_levels(0), two, x, y, 0.5, y, into(out)); }) ==
          "diffusion::ddim_step: t has 2 elements, expected 3, as s");
  REQUIRE(message([&] { q_posterior(two, some_levels(0), x, y); }) ==
          "diffusion::q_posterior: t has 3 elements, expected 2, as s");
  auto reversed = some_levels(0);
  reversed.back() = schedule(900);  // only the last sample has its levels in the wrong order
  REQUIRE(message([&] { ddim_step(reversed, some_levels(50), x, y, 0.5, y, into(out)); }).find("the cleaner level") !=
          std::string::npos);
  REQUIRE(read(out) == before);
}

}  // namespace batch_laws
