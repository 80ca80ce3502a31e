// SPDX-License-Identifier: MIT
// The steps of steps.cpp and loops.cpp in LibTorch: one operation an array, as diffusers' schedulers write them in
// Python, and with every operation in place. One thread.
#include <torch/torch.h>

#include <cmath>

#include "arrays.hpp"

namespace bench {

namespace {

template <class F>
at::Tensor tensor(const F* memory, std::size_t n) {
  static const bool one_thread = (at::set_num_threads(1), true);
  static_cast<void>(one_thread);
  constexpr auto type = sizeof(F) == 4 ? at::kFloat : at::kDouble;
  return at::from_blob(const_cast<F*>(memory), {static_cast<std::int64_t>(n)}, at::TensorOptions().dtype(type));
}

// The estimate of x_0 in two operations and a clamp.
template <class F>
at::Tensor estimate(const at::Tensor& x, const at::Tensor& eps, const Coefficients<F>& c) {
  return at::clamp((x - (-c.of_y / c.of_x) * eps) / (1 / c.of_x), -1, 1);
}
template <class F>
void estimate_in_place(at::Tensor& x_0, const at::Tensor& x, const at::Tensor& eps, const Coefficients<F>& c) {
  at::mul_out(x_0, x, at::scalar_tensor(c.of_x, x.options()));
  x_0.add_(eps, c.of_y).clamp_(-1, 1);
}

}  // namespace

template <class F>
void Torch<F>::q_sample(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  const at::Tensor out = c.signal * tensor(a.x, a.n) + c.noise * tensor(a.y, a.n);
}
template <class F>
void Torch<F>::q_sample_in_place(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  at::Tensor out = tensor(a.out, a.n);
  const at::Tensor x = tensor(a.x, a.n);
  at::mul_out(out, x, at::scalar_tensor(c.signal, x.options()));
  out.add_(tensor(a.y, a.n), c.noise);
}
template <class F>
void Torch<F>::ancestral(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  const at::Tensor x = tensor(a.x, a.n), x_0 = estimate(x, tensor(a.y, a.n), c);
  const at::Tensor mean = c.ancestral[1] * x_0 + c.ancestral[0] * x;
  const at::Tensor out = mean + c.ancestral[2] * tensor(a.z, a.n);
}
template <class F>
void Torch<F>::ancestral_in_place(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  const at::Tensor x = tensor(a.x, a.n);
  at::Tensor out = tensor(a.out, a.n);
  estimate_in_place(out, x, tensor(a.y, a.n), c);
  out.mul_(c.ancestral[1]).add_(x, c.ancestral[0]).add_(tensor(a.z, a.n), c.ancestral[2]);
}
template <class F>
void Torch<F>::ancestral_normal(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  tensor(a.kept, a.n).normal_();
  ancestral({a.n, a.x, a.y, a.kept, a.out, a.kept}, c);
}
template <class F>
void Torch<F>::ancestral_normal_in_place(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  tensor(a.kept, a.n).normal_();
  ancestral_in_place({a.n, a.x, a.y, a.kept, a.out, a.kept}, c);
}
template <class F>
void Torch<F>::ddim(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  const at::Tensor x = tensor(a.x, a.n), x_0 = estimate(x, tensor(a.y, a.n), c);
  const at::Tensor eps = (x - c.signal * x_0) / c.noise;  // the noise that belongs to the clipped estimate
  const at::Tensor direction = (c.ddim[0] * c.noise) * eps;
  const at::Tensor out = (c.ddim[1] + c.ddim[0] * c.signal) * x_0 + direction;
}
template <class F>
void Torch<F>::ddim_in_place(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  const at::Tensor x = tensor(a.x, a.n);
  at::Tensor out = tensor(a.out, a.n);
  estimate_in_place(out, x, tensor(a.y, a.n), c);
  out.mul_(c.ddim[1]).add_(x, c.ddim[0]);
}
template <class F>
void Torch<F>::two_output(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  const at::Tensor x = tensor(a.x, a.n), x_0 = estimate(x, tensor(a.y, a.n), c), before = tensor(a.z, a.n);
  const at::Tensor slope = 2 * (x_0 - before);
  const at::Tensor out = c.two_output[0] * x + (c.two_output[1] + c.two_output[2]) * x_0 + 0.5 * slope;
}
template <class F>
void Torch<F>::two_output_in_place(const Arrays<F>& a, const Coefficients<F>& c) {
  const at::NoGradGuard guard;
  const at::Tensor x = tensor(a.x, a.n);
  at::Tensor out = tensor(a.out, a.n), kept = tensor(a.kept, a.n);
  estimate_in_place(kept, x, tensor(a.y, a.n), c);
  at::mul_out(out, x, at::scalar_tensor(c.two_output[0], x.options()));
  out.add_(kept, c.two_output[1]).add_(tensor(a.z, a.n), c.two_output[2]);
}

template struct Torch<float>;
template struct Torch<double>;

namespace {

// alpha_bar of the linear schedule at every tenth of 1000 steps, in plain doubles.
struct Tables {
  std::vector<float> of_x, of_y, xt, x0, noise;
  explicit Tables(int steps) {
    std::vector<double> alpha_bar{1};
    for (int t = 0; t < 1000; ++t) alpha_bar.push_back(alpha_bar.back() * (1 - (1e-4 + t * (0.02 - 1e-4) / 999)));
    for (int k = 0; k < steps; ++k) {
      const double now = alpha_bar[std::size_t(1000 - k * (1000 / steps))],
                   before = alpha_bar[std::size_t(1000 - (k + 1) * (1000 / steps))], beta = 1 - now / before;
      of_x.push_back(float(1 / std::sqrt(now)));
      of_y.push_back(float(-std::sqrt((1 - now) / now)));
      x0.push_back(float(std::sqrt(before) * beta / (1 - now)));
      xt.push_back(float(std::sqrt(now / before) * (1 - before) / (1 - now)));
      noise.push_back(float(std::sqrt((1 - before) / (1 - now) * beta)));
    }
  }
};

}  // namespace

double torch_loop(float* memory, const float* y, const float* z, std::size_t n, int steps) {
  static const Tables t(steps);
  const at::NoGradGuard guard;
  at::Tensor x = tensor(memory, n);
  const at::Tensor answer = tensor(y, n), noise = tensor(z, n);
  for (std::size_t k = 0; k < std::size_t(steps); ++k) {
    const at::Tensor eps = answer.clone();
    const at::Tensor x_0 = at::clamp((x - (-t.of_y[k] / t.of_x[k]) * eps) / (1 / t.of_x[k]), -1, 1);
    x = t.x0[k] * x_0 + t.xt[k] * x;
    if (t.noise[k] > 0) x = x + t.noise[k] * noise.clone();
  }
  return x.data_ptr<float>()[0];
}
double torch_loop_in_place(float* memory, const float* y, const float* z, std::size_t n, int steps) {
  static const Tables t(steps);
  const at::NoGradGuard guard;
  at::Tensor x = tensor(memory, n), x_0 = at::empty_like(x), drawn = at::empty_like(x);
  const at::Tensor answer = tensor(y, n), noise = z == nullptr ? drawn : tensor(z, n);
  for (std::size_t k = 0; k < std::size_t(steps); ++k) {
    x_0.copy_(answer).mul_(t.of_y[k]).add_(x, t.of_x[k]).clamp_(-1, 1);
    x.mul_(t.xt[k]).add_(x_0, t.x0[k]);
    if (t.noise[k] > 0) x.add_(z == nullptr ? drawn.normal_() : drawn.copy_(noise), t.noise[k]);
  }
  return x.data_ptr<float>()[0];
}

}  // namespace bench
