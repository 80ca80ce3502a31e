// SPDX-License-Identifier: MIT
#include <diffusion/model/edm_prediction.hpp>

#include <diffusion/ddpm.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using truth::Real;

TEST_CASE("F is the network inside the preconditioning of EDM", "[edm][karras2022.preconditioning]") {
  for (int i = 0; i < 60; ++i) {
    const auto t = exact::random_level(i);
    const EdmPrediction prediction{random_arguments::log_uniform(0.1, 10)};
    const Real data = prediction.sigma_data, x_0 = exact::number(), eps = exact::number();
    const Real x_t = t.signal() * x_0 + t.noise() * eps;
    const Real sigma = t.sigma(), x = x_t / t.signal(), total = sigma * sigma + data * data;
    const Real skip = data * data / total, out = sigma * data / sqrt(total);
    const Real f = prediction.target(t, x_0, eps), other = exact::number();
    exact::require_equal(f, (x_0 - skip * x) / out);
    exact::require_equal(prediction.x0(t, x_t, f), x_0);
    exact::require_equal(prediction.x0(t, x_t, other), skip * x + out * other);
    if (i % 3 == 0) exact::require_equal(EdmPrediction{1}.target(t, x_0, eps), -v_from(t, x_0, eps));
  }
}

TEST_CASE("the targets of F have unit variance on data of sigma_data", "[edm][karras2022.preconditioning]") {
  const EdmPrediction prediction{0.5};
  for (const double sigma : {0.002, 0.5, 80.0}) {
    const auto t = ve_level<Real>(sigma);
    const Real by_data = prediction.target(t, Real(1), Real(0)), by_noise = prediction.target(t, Real(0), Real(1));
    exact::require_equal(by_data * by_data * Real(0.25) + by_noise * by_noise, 1);
  }
}

TEST_CASE("F says something of x_0 at clean data and at pure noise", "[edm]") {
  const EdmPrediction prediction{0.5};
  const double infinity = std::numeric_limits<double>::infinity();
  REQUIRE(prediction.x0(vp_level(infinity), 3.0, 7.0) == 3);
  REQUIRE(prediction.target(vp_level(infinity), 3.0, 7.0) == -7);
  REQUIRE(prediction.x0(vp_level(-infinity), 3.0, 7.0) == 3.5);
  REQUIRE(prediction.target(vp_level(-infinity), 3.0, 7.0) == 6);
  REQUIRE(message([] { return EdmPrediction{0}.x0(NoiseLevel<>(), 1.0, 1.0); }) ==
          "diffusion::EdmPrediction: sigma_data = 0, expected a finite number > 0");
  REQUIRE(message([=] { return EdmPrediction{infinity}.target(NoiseLevel<>(), 1.0, 1.0); }) ==
          "diffusion::EdmPrediction: sigma_data = inf, expected a finite number > 0");
}

TEST_CASE("a network of F is a denoiser", "[edm]") {
  const auto net = [](double x_t, const NoiseLevel<double>& t) { return 2 * x_t + t.noise(); };
  const auto denoiser = predicts(EdmPrediction{0.7}, net);
  for (const double log_snr : {-3.0, 0.0, 4.0}) {
    const auto t = vp_level(log_snr);
    REQUIRE(denoiser(1.5, t) == EdmPrediction{0.7}.x0(t, 1.5, net(1.5, t)));
    REQUIRE(denoiser(1.5, t) != EdmPrediction{0.5}.x0(t, 1.5, net(1.5, t)));
  }
  const std::vector<NoiseLevel<double>> levels{vp_level(-std::numeric_limits<double>::infinity()),
                                               NoiseLevel<double>()};
  REQUIRE(sample(AncestralSampler{}, denoiser, levels, 0.25, NormalNoise{}) == denoiser(0.25, levels[0]));
}
