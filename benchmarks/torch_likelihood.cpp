// SPDX-License-Identifier: MIT
// The likelihoods of likelihood.cpp in LibTorch: one operation an array. One thread.
#include "likelihood.hpp"

#include <torch/torch.h>

#include <cmath>
#include <numbers>

namespace bench {

namespace {

template <class F>
at::Tensor tensor(const F* memory, std::size_t n) {
  static const bool one_thread = (at::set_num_threads(1), true);
  static_cast<void>(one_thread);
  constexpr auto type = sizeof(F) == 4 ? at::kFloat : at::kDouble;
  return at::from_blob(const_cast<F*>(memory), {static_cast<std::int64_t>(n)}, at::TensorOptions().dtype(type));
}

at::Tensor tanh_cdf(const at::Tensor& z) {
  return 0.5 * (1 + at::tanh(std::sqrt(2 / std::numbers::pi) * (z + 0.044715 * at::pow(z, 3))));
}
at::Tensor floored_log(const at::Tensor& p) { return at::log(at::clamp(p, 1e-12)); }

}  // namespace

template <class F>
double TorchLikelihood<F>::divergence(const Elements<F>& e) {
  const at::NoGradGuard guard;
  const at::Tensor log_p = tensor(e.log_p, e.n), log_q = tensor(e.log_q, e.n);
  const at::Tensor square = at::pow(tensor(e.mean, e.n) - tensor(e.other_mean, e.n), 2);
  const at::Tensor kl = 0.5 * (log_q - log_p - 1 + at::exp(log_p - log_q) + square * at::exp(-log_q));
  return kl.sum().template item<double>();
}
template <class F>
double TorchLikelihood<F>::log_likelihood(const Elements<F>& e) {
  const at::NoGradGuard guard;
  const at::Tensor x = tensor(e.x, e.n), difference = x - tensor(e.mean, e.n);
  const at::Tensor inverse = at::exp(-tensor(e.log_scale, e.n));
  const at::Tensor upper = tanh_cdf(inverse * (difference + 1. / 255));
  const at::Tensor lower = tanh_cdf(inverse * (difference - 1. / 255));
  const at::Tensor inner = at::where(x > 0.999, floored_log(1 - lower), floored_log(upper - lower));
  return at::where(x < -0.999, floored_log(upper), inner).sum().template item<double>();
}

template struct TorchLikelihood<float>;
template struct TorchLikelihood<double>;

}  // namespace bench
