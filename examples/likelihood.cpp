// SPDX-License-Identifier: MIT
// The likelihood of a datum under a model: the bound with its terms and error, the likelihood itself by the
// probability flow, and, since the data of this example are Gaussian, the truth beside them.
#include <cstdio>
#include <diffusion/score_sde.hpp>
#include <diffusion/vdm.hpp>
#include <vector>

int main() {
  // [likelihood]
  const auto schedule = diffusion::cosine_schedule(1000);
  const diffusion::NormalNoise noise{.seed = 1};
  // Your model: predicts_noise(network), say. This one is exact for data from N(0, 1/4).
  const diffusion::GaussianDenoiser model(0.0, 0.25);
  const std::vector<double> x_0 = sample(diffusion::Gaussian{std::vector<double>(64), 0.25},
                                         diffusion::NormalNoise{.seed = 2}(0, std::vector<double>(64)));

  // A bound on -log p(x_0), of 512 draws of the 1000 steps; GreyLevels{256} in place of the density for integer data.
  const auto bound = diffusion::elbo_estimate(schedule, x_0, model, noise, diffusion::GaussianTimes{.draws = 64},
                                              diffusion::TransitionVariance{}, diffusion::GaussianDecoder{});
  std::printf("prior %.4f + denoising %.4f + reconstruction %.4f = %.4f +- %.4f nats\n", bound.prior(),
              bound.denoising(), bound.reconstruction(), bound.total(), bound.standard_error());

  // -log p itself at the first level, by an ordinary differential equation and the exact divergence of its field.
  const auto x_1 = q_sample(schedule(1), x_0, noise(1000, x_0));
  const auto flow = diffusion::flow_log_likelihood(schedule, schedule(1), x_1, model);
  std::printf("by the flow %.6f nats, in error by about %.0e; in truth %.6f\n", -flow.log_likelihood, flow.error,
              -model.log_density(x_1, schedule(1)));
  // [likelihood]
}
