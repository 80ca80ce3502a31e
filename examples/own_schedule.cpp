// SPDX-License-Identifier: MIT
// A schedule of your own, verified: the tables of a model file, as they should be and with two usual mistakes.
#include <cstdio>
#include <diffusion/ddpm.hpp>
#include <diffusion/verify.hpp>

int main() {
  // [own_schedule]
  // What a training script saved: betas, and their cumulative product taken in float.
  const auto trained = diffusion::scaled_linear_schedule(1000);
  std::vector<double> betas, alpha_bars;
  float product = 1;
  for (int t = 1; t <= trained.steps(); ++t) {
    betas.push_back(trained.beta(t));
    product *= 1 - static_cast<float>(trained.beta(t));
    alpha_bars.push_back(product);
  }
  const diffusion::Report tables = diffusion::verify(diffusion::TabulatedSchedule<double>(betas, alpha_bars));
  std::printf("the tables: %s\n%s\n", tables ? "hold" : "fail", tables.table().c_str());

  // The same betas taken as exact.
  const diffusion::DiscreteSchedule<double> schedule(betas);
  const diffusion::Report exact = diffusion::verify(schedule), chain = diffusion::verify_chain(schedule);
  std::printf("the betas: %s\n%s%s", exact && chain ? "hold" : "fail", exact.table().c_str(), chain.table().c_str());
  // [own_schedule]

  std::swap(betas[499], betas[500]);  // against the exact alpha_bars, two betas changed places
  for (int t = 1; t <= trained.steps(); ++t) alpha_bars[static_cast<std::size_t>(t - 1)] = trained(t).alpha_bar();
  const diffusion::Report misplaced = diffusion::verify(diffusion::TabulatedSchedule<double>(betas, alpha_bars), 1e4);
  std::printf("\na misplaced beta: %s\n%s", misplaced ? "holds" : "fails", misplaced.table().c_str());
  return !tables && exact && chain && !misplaced ? 0 : 1;
}
