// SPDX-License-Identifier: MIT
// What the benchmarks of likelihoods run on: bytes on [-1, 1], two Gaussians an element, and a rival in LibTorch.
#pragma once

#include <cstddef>

namespace bench {

template <class F>
struct Elements {
  std::size_t n;
  const F *x, *mean, *log_scale;        // of the decoder; mean and log_p are one Gaussian,
  const F *log_p, *other_mean, *log_q;  // other_mean and log_q the other
};

#ifdef DIFFUSION_BENCHMARK_TORCH
/// One operation an array, as guided-diffusion computes them in Python; the decoder with a tanh in place of erfc, and a
/// floor.
template <class F>
struct TorchLikelihood {
  static double divergence(const Elements<F>&);
  static double log_likelihood(const Elements<F>&);
};
#endif

}  // namespace bench
