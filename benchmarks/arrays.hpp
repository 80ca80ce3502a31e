// SPDX-License-Identifier: MIT
// What the benchmarks of steps run on: arrays of one size, the coefficients of one step, and the names of its rivals.
#pragma once

#include <cstddef>

namespace bench {

/// x_t, the output of a network that predicts noise, noise or the previous estimate; the new state, the new estimate.
template <class F>
struct Arrays {
  std::size_t n;
  const F *x, *y, *z;
  F *out, *kept;
};

/// x_0_hat = of_x x + of_y y, clipped to [-1, 1]; out = step[0] x + step[1] x_0_hat + step[2] z.
template <class F>
struct Coefficients {
  F signal, noise;
  F of_x, of_y;
  F ancestral[3], ddim[2], two_output[3];
};

template <class F>
using Run = void (*)(const Arrays<F>&, const Coefficients<F>&);

/// out = x + c y, 16 bytes an element with ordinary stores, with the instructions of this machine.
template <class F>
void triad(const Arrays<F>& a, const Coefficients<F>& c);
/// The same with stores past the caches.
template <class F>
void triad_streaming(const Arrays<F>& a, const Coefficients<F>& c);

#ifdef DIFFUSION_BENCHMARK_TORCH
/// LibTorch, one operation an array, as diffusers writes it in Python; and with every operation in place.
template <class F>
struct Torch {
  static void q_sample(const Arrays<F>&, const Coefficients<F>&);
  static void q_sample_in_place(const Arrays<F>&, const Coefficients<F>&);
  static void ancestral(const Arrays<F>&, const Coefficients<F>&);
  static void ancestral_in_place(const Arrays<F>&, const Coefficients<F>&);
  static void ancestral_normal(const Arrays<F>&, const Coefficients<F>&);  // the noise drawn by normal_() into kept
  static void ancestral_normal_in_place(const Arrays<F>&, const Coefficients<F>&);
  static void ddim(const Arrays<F>&, const Coefficients<F>&);
  static void ddim_in_place(const Arrays<F>&, const Coefficients<F>&);
  static void two_output(const Arrays<F>&, const Coefficients<F>&);
  static void two_output_in_place(const Arrays<F>&, const Coefficients<F>&);
};
/// An ancestral loop over x in place, as a port of diffusers to C++ would be: steps of clipped noise prediction where
/// the network's output and the noise are y and z; without z the noise is drawn by normal_().
double torch_loop(float* x, const float* y, const float* z, std::size_t n, int steps);
double torch_loop_in_place(float* x, const float* y, const float* z, std::size_t n, int steps);
#endif

}  // namespace bench
