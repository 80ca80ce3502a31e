// SPDX-License-Identifier: MIT
#include <diffusion/objective/weights.hpp>

#include <diffusion/objective/kl.hpp>
#include <diffusion/objective/training.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/dual.hpp"
#include "../support/exact.hpp"
#include "../support/interleaved.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using truth::Real;

namespace {

const double infinity = std::numeric_limits<double>::infinity();

/// Calls f(name, weight, the same weight on x_0 by the paper's formula of the SNR).
template <class F>
void for_each_weight(F f) {
  f("x_0", Unweighted{X0Prediction{}}, [](const Real&) { return Real(1); });
  f("simple", SnrWeight{}, [](const Real& snr) { return snr; });
  f("truncated SNR", TruncatedSnrWeight{}, [](const Real& snr) { return std::max(snr, Real(1)); });
  f("min-SNR", MinSnrWeight{5}, [](const Real& snr) { return std::min(snr, Real(5)); });
  f("min-SNR, 0.5", MinSnrWeight{0.5}, [](const Real& snr) { return std::min(snr, Real(0.5)); });
  f("P2", P2Weight{1, 1}, [](const Real& snr) { return Real(snr / (1 + snr)); });
  f("P2, half", P2Weight{0.5, 2}, [](const Real& snr) { return Real(snr / sqrt(2 + snr)); });
  f("P2, 0.1", P2Weight{0.1, 1}, [](const Real& snr) { return Real(snr * exp(-Real(0.1) * log(1 + snr))); });
  f("P2, 20.25", P2Weight{20.25, 1}, [](const Real& snr) { return Real(snr * exp(-Real(20.25) * log(1 + snr))); });
  f("EDM", EdmWeight{{0.5}}, [](const Real& snr) {
    const Real variance = 1 / snr;
    return Real((variance + Real(0.25)) / (variance / 4));
  });
  f("sigmoid", SigmoidWeight{2}, [](const Real& snr) { return Real(snr / (1 + exp(Real(-2)) * snr)); });
  f("a number", [](const auto& level) { return level.noise(); }, nullptr);
  f("VDM", VdmWeight{[](const auto&) { return -18.25; }}, [](const Real& snr) { return Real(snr * Real(18.25) / 2); });
  f("Kingma & Gao", VdmWeight{[](const auto&) { return -3.0; }, SigmoidWeight{-1}},
    [](const Real& snr) { return Real(3 * snr / (1 + exp(Real(1)) * snr) / 2); });
}

template <class F>
void for_each_prediction(F f) {
  f(X0Prediction{});
  f(NoisePrediction{});
  f(VPrediction{});
  f(ScorePrediction{});
  f(EdmPrediction{0.5});
}

}  // namespace

TEST_CASE("a weight makes the same loss for every prediction",
          "[weights][hang2023.min_snr][choi2022.p2][kingmagao2023.sigmoid][salimans2022.truncated_snr]"
          "[karras2022.weight][salimans2022.snr_weight][kingmagao2023.weighted]") {
  for (int i = 0; i < 60; ++i) {
    const auto t = exact::random_level(i);
    const Real x_0 = exact::number(), eps = exact::number(), x_t = q_sample(t, x_0, eps);
    for_each_weight([&]<class Formula>(const char* name, const auto& weight, Formula formula) {
      CAPTURE(name, t.log_snr());
      const Real on_x0 = loss_weight(weight, X0Prediction{}, t);
      if constexpr (!std::is_same_v<Formula, std::nullptr_t>) exact::require_equal(on_x0 / formula(t.snr()), 1);
      for_each_prediction([&](const auto& prediction) {
        const Real output = exact::number();  // any answer of the network
        const Real error = x_0 - prediction.x0(t, x_t, output), own = prediction.target(t, x_0, eps) - output;
        exact::require_equal(loss_weight(weight, prediction, t) * own * own / (on_x0 * error * error), 1, 1e-80);
      });
    });
  }
}

TEST_CASE(
    "the weights on noise and v are those that the papers print",
    "[weights][hang2023.min_snr][choi2022.p2][kingmagao2023.sigmoid][salimans2022.snr_weight][karras2022.weight]") {
  for (int i = 0; i < 40; ++i) {
    const auto t = vp_level<Real>(exact::number(-12, 12));
    const Real snr = t.snr(), clipped = std::min(snr, Real(5));
    exact::require_equal(loss_weight(MinSnrWeight{}, NoisePrediction{}, t), clipped / snr);
    exact::require_equal(loss_weight(MinSnrWeight{}, VPrediction{}, t), clipped / (snr + 1));
    exact::require_equal(loss_weight(P2Weight{0.5, 1}, NoisePrediction{}, t), 1 / sqrt(1 + snr));
    exact::require_equal(loss_weight(SigmoidWeight{2}, NoisePrediction{}, t), 1 / (1 + exp(t.log_snr() - 2)));
    exact::require_equal(loss_weight(SnrWeight{}, NoisePrediction{}, t), 1);
    exact::require_equal(loss_weight(Unweighted{VPrediction{}}, X0Prediction{}, t) / (snr + 1), 1);
    exact::require_equal(loss_weight(EdmWeight{{0.3}}, EdmPrediction{0.3}, t), 1);
    // a sigmoid weight is one of P2 up to a factor, and smooth where min-SNR has its edge
    const Real k = exp(Real(0.5));
    exact::require_equal(loss_weight(SigmoidWeight{0.5}, NoisePrediction{}, t), k / (k + snr));
    exact::require_equal(loss_weight(P2Weight{1, 2}, NoisePrediction{}, t), 1 / (2 + snr));
  }
}

TEST_CASE("the weight of a step is the coefficient of its KL", "[weights][ho2020.12]") {
  const exact::Chain chain(12);
  const VlbWeight posterior{chain.schedule};
  const VlbWeight transition{chain.schedule, TransitionVariance{}};
  for (int t = 1; t <= 12; ++t) {
    const auto level = chain.schedule(t);
    const std::size_t k = std::size_t(t);
    const Real noise_variance = 1 - chain.alpha_bar[k], beta = chain.beta[k];
    if (t > 1) {
      const auto s = chain.schedule(t - 1);
      exact::require_equal(loss_weight(posterior, X0Prediction{}, level), denoising_kl(s, level, Real(1), Real(0)));
      exact::require_equal(loss_weight(posterior, X0Prediction{}, level), (s.snr() - level.snr()) / 2);
      exact::require_equal(loss_weight(posterior, NoisePrediction{}, level),
                           beta * beta / (2 * q_posterior(s, level).variance * chain.alpha[k] * noise_variance));
    }
    exact::require_equal(loss_weight(transition, NoisePrediction{}, level),
                         beta * beta / (2 * beta * chain.alpha[k] * noise_variance));
  }
  // the first step ends in a point
  const auto schedule = linear_schedule(1000);
  REQUIRE(loss_weight(VlbWeight{schedule}, NoisePrediction{}, schedule(1)) == infinity);
  REQUIRE(message([&] { return loss_weight(VlbWeight{schedule}, X0Prediction{}, schedule(0)); }) ==
          "diffusion::VlbWeight: level.time() = 0, expected a step 1..T of the schedule");
  REQUIRE(message([&] { return loss_weight(VlbWeight{schedule}, X0Prediction{}, vp_level(1, 2.5)); }) ==
          "diffusion::VlbWeight: level.time() = 2.5, expected a step 1..T of the schedule");
  REQUIRE(message([&] { return loss_weight(VlbWeight{schedule}, X0Prediction{}, vp_level(1, 1001)); }) ==
          "diffusion::VlbWeight: level.time() = 1001, expected a step 1..T of the schedule");
}

TEST_CASE("the bound in continuous time has the derivative of the SNR", "[weights][kingma2021.weight]") {
  const auto level_at = [](const Real& t) { return vp_level<Real>(Real(Real(13.25) - 18 * t - t * t), t); };
  const VdmWeight weight{[](const auto& level) { return Real(-18 - 2 * level.time()); }};
  for (int i = 0; i < 10; ++i) {
    const auto level = level_at(exact::number(0.1, 0.9));
    const Real slope = exact::slope([&](const Real& t) { return level_at(t).snr(); }, level.time());
    exact::require_equal(loss_weight(weight, X0Prediction{}, level), -slope / 2, exact::slope_tolerance);
    exact::require_equal(loss_weight(weight, NoisePrediction{}, level), (18 + 2 * level.time()) / 2);
  }
  REQUIRE(loss_weight(VdmWeight{[](const auto&) { return 0.0; }}, X0Prediction{}, vp_level(1)) == 0);
  REQUIRE(message([] {
            return loss_weight(VdmWeight{[](const auto&) { return 1.0; }}, X0Prediction{}, vp_level(1));
          }) == "diffusion::VdmWeight: slope = 1, expected a finite number <= 0");
  REQUIRE(message([] {
            return loss_weight(VdmWeight{[](const auto&) { return -infinity; }}, X0Prediction{}, vp_level(1));
          }) == "diffusion::VdmWeight: slope = -inf, expected a finite number <= 0");
}

TEST_CASE("weights are correctly rounded", "[weights]") {
  const auto require_rounded = []<class F>(F) {
    for (int i = 0; i < 200; ++i) {
      const F signal = F(random_arguments::log_uniform(1e-6, 1)), noise = F(random_arguments::log_uniform(1e-6, 1));
      const auto t = signal_noise_level<F>(signal, noise);
      const auto exactly = signal_noise_level<Real>(Real(signal), Real(noise));
      for_each_weight([&]<class Formula>(const char* name, const auto& weight, Formula) {
        if constexpr (!std::is_same_v<Formula, std::nullptr_t>)
          for_each_prediction([&](const auto& prediction) {
            CAPTURE(name, signal, noise);
            REQUIRE(loss_weight(weight, prediction, t) == truth::rounded<F>(loss_weight(weight, prediction, exactly)));
          });
      });
    }
  };
  require_rounded(double());
  require_rounded(float());
}

TEST_CASE("weights at clean data and at pure noise are limits", "[weights]") {
  const auto clean = vp_level(infinity), pure = vp_level(-infinity);
  const auto require_ends = [&](const auto& weight, const auto& prediction, double at_clean, double at_pure) {
    CHECK(loss_weight(weight, prediction, clean) == at_clean);
    CHECK(loss_weight(weight, prediction, pure) == at_pure);
  };
  require_ends(SnrWeight{}, X0Prediction{}, infinity, 0);
  require_ends(SnrWeight{}, NoisePrediction{}, 1, 1);
  require_ends(SnrWeight{}, VPrediction{}, 1, 0);
  require_ends(SnrWeight{}, ScorePrediction{}, 0, 1);
  require_ends(SnrWeight{}, EdmPrediction{0.5}, 1, 0);
  require_ends(Unweighted{ScorePrediction{}}, NoisePrediction{}, infinity, 1);
  require_ends(TruncatedSnrWeight{}, NoisePrediction{}, 1, infinity);
  require_ends(TruncatedSnrWeight{}, VPrediction{}, 1, 1);
  require_ends(MinSnrWeight{5}, X0Prediction{}, 5, 0);
  require_ends(MinSnrWeight{5}, NoisePrediction{}, 0, 1);
  require_ends(MinSnrWeight{5}, VPrediction{}, 0, 0);
  require_ends(P2Weight{1, 1}, X0Prediction{}, 1, 0);
  require_ends(P2Weight{0.5, 1}, X0Prediction{}, infinity, 0);
  require_ends(P2Weight{0.5, 4}, NoisePrediction{}, 0, 0.5);
  require_ends(P2Weight{0.1, 1}, NoisePrediction{}, 0, 1);
  require_ends(P2Weight{0, 1}, NoisePrediction{}, 1, 1);
  require_ends(EdmWeight{{0.5}}, EdmPrediction{0.5}, 1, 1);
  require_ends(EdmWeight{{0.5}}, X0Prediction{}, infinity, 4);
  require_ends(SigmoidWeight{0}, X0Prediction{}, 1, 0);
  require_ends(SigmoidWeight{3}, NoisePrediction{}, 0, 1);
  require_ends(VdmWeight{[](const auto&) { return -4.0; }}, NoisePrediction{}, 2, 2);
}

TEST_CASE("parameters of weights are checked", "[weights]") {
  const auto of = [](const auto& weight) {
    return message([&] { return loss_weight(weight, X0Prediction{}, vp_level(1)); });
  };
  REQUIRE(of(MinSnrWeight{0}) == "diffusion::MinSnrWeight: gamma = 0, expected a finite number > 0");
  REQUIRE(of(MinSnrWeight{infinity}) == "diffusion::MinSnrWeight: gamma = inf, expected a finite number > 0");
  REQUIRE(of(P2Weight{-1, 1}) == "diffusion::P2Weight: gamma = -1, expected a finite number >= 0");
  REQUIRE(of(P2Weight{infinity, 1}) == "diffusion::P2Weight: gamma = inf, expected a finite number >= 0");
  REQUIRE(of(P2Weight{1, 0}) == "diffusion::P2Weight: k = 0, expected a finite number > 0");
  REQUIRE(of(P2Weight{1, infinity}) == "diffusion::P2Weight: k = inf, expected a finite number > 0");
  REQUIRE(of(SigmoidWeight{-infinity}) == "diffusion::SigmoidWeight: bias = -inf, expected a finite number");
  REQUIRE(of(EdmWeight{{-1}}) == "diffusion::EdmPrediction: sigma_data = -1, expected a finite number > 0");
}

TEST_CASE("the parameters of the papers are the defaults of weights", "[weights]") {
  const auto require_same = [](const auto& by_default, const auto& weight) {
    REQUIRE(loss_weight(by_default, X0Prediction{}, vp_level(3)) == loss_weight(weight, X0Prediction{}, vp_level(3)));
  };
  require_same(MinSnrWeight{}, MinSnrWeight{5});
  require_same(P2Weight{}, P2Weight{1, 1});
  require_same(SigmoidWeight{}, SigmoidWeight{2});
  require_same(EdmWeight{}, EdmWeight{{0.5}});
}

TEST_CASE("weights work on dual numbers", "[weights]") {
  const Dual log_snr(0.5, 1);
  const Dual weight = loss_weight(SigmoidWeight{2}, NoisePrediction{}, vp_level<Dual>(log_snr));
  const double expected = 1 / (1 + std::exp(0.5 - 2));
  REQUIRE(std::abs(weight.value - expected) < 1e-15);
  REQUIRE(std::abs(weight.slope + expected * (1 - expected)) < 1e-15);
}

TEST_CASE("a weighted loss is the same for every prediction, each sample at its own level", "[weights]") {
  std::vector<exact::Level> levels;
  std::vector<Real> x_0, eps, x_0_hat;
  for (int i = 0; i < 12; ++i) {
    if (i % 2 == 0) levels.push_back(exact::random_level(i / 2));
    x_0.push_back(exact::number());
    eps.push_back(exact::number());
    x_0_hat.push_back(exact::number());
  }
  const auto x_t = q_sample(levels, x_0, eps);
  const MinSnrWeight weight{2};
  const std::vector<Real> importance{1, 2, 3, 4, 5, 6};
  Real sum = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    const Real error = x_0[i] - x_0_hat[i], snr = levels[i / 2].snr();
    sum += std::min(snr, Real(2)) * importance[i / 2] * error * error;
  }
  const auto require_loss = [&](const auto& prediction, const std::vector<Real>& output) {
    exact::require_equal(
        weighted_loss(output, prediction.target(levels, x_0, eps), loss_weight(weight, prediction, levels), importance),
        sum / 12, 1e-80);
  };
  require_loss(X0Prediction{}, x_0_hat);
  require_loss(NoisePrediction{}, noise_from_x0(levels, x_t, x_0_hat));
  require_loss(VPrediction{}, v_from_x0(levels, x_t, x_0_hat));
  require_loss(ScorePrediction{}, score_from_x0(levels, x_t, x_0_hat));
}

TEST_CASE("a weighted loss is a mean over elements", "[weights]") {
  const std::vector<float> output{1, 2, 3, 4, 5, 6}, target{1, 0, 3, 5, 2, 6};
  REQUIRE(sample_losses(output, target, 3) == std::vector<double>{2, 0.5, 4.5});
  REQUIRE(sample_losses(output, target, 2) == std::vector<double>{4.0 / 3, 10.0 / 3});
  REQUIRE(sample_losses(Interleaved{{1, 2, 3, 4, 5, 6}}, Interleaved{{1, 0, 3, 5, 2, 6}}, 3) ==
          std::vector<double>{0.5, 6.5, 0});
  const std::vector<double> ones(3, 1), weights{1, 2, 3}, others{4, 1, 0};
  REQUIRE(weighted_loss(output, target, ones) == simple_loss(output, target));
  REQUIRE(weighted_loss(output, target, weights) == (2 * 1 + 0.5 * 2 + 4.5 * 3) / 3);
  REQUIRE(weighted_loss(output, target, weights, others) == (2 * 4 + 0.5 * 2) / 3);
  REQUIRE(message([&] { return weighted_loss(output, target, weights, std::vector<double>(2)); }) ==
          "diffusion::weighted_loss: weights has 2 elements, expected 3, as the first weights");
  REQUIRE(message([&] { return weighted_loss(output, target, std::vector<double>(4)); }) ==
          "diffusion::weighted_loss: output has 6 elements, which 4 levels do not divide");
  REQUIRE(message([&] { return sample_losses(output, std::vector<float>(5), 1); }) ==
          "diffusion::sample_losses: target has 5 elements, expected 6, as output");
}
