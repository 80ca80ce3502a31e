// SPDX-License-Identifier: MIT
// Prints the bits of many normals, of scalars and of a short chain; run with every compiler, standard library and
// instruction set, whose outputs must be equal. Needs no test framework, which may be built for one library only.
#include <diffusion/ddim.hpp>

#include <cstdio>
#include <cstring>

namespace {

/// FNV-1a over the bytes of the values, in an order that does not depend on the machine.
template <class F>
std::uint64_t hash(const std::vector<F>& values) {
  std::uint64_t h = 1469598103934665603u;
  for (const F value : values) {
    std::uint64_t bits = 0;
    if constexpr (sizeof(F) == 8)
      bits = std::bit_cast<std::uint64_t>(value);
    else
      bits = std::bit_cast<std::uint32_t>(value);
    for (std::size_t i = 0; i < sizeof(F); ++i) h = (h ^ ((bits >> (8 * i)) & 0xff)) * 1099511628211u;
  }
  return h;
}

template <class F>
void print_normals(const char* name) {
  std::vector<F> x(1 << 16);
  for (const std::uint64_t seed : {std::uint64_t(0), std::uint64_t(42), ~std::uint64_t(0)}) {
    for (const int step : {-1, 0, 999}) {
      const diffusion::NormalNoise noise{.seed = seed, .stream = 7};
      noise.fill(step, std::span<F>(x));
      std::printf("%s seed %llx step %d: %016llx\n", name, static_cast<unsigned long long>(seed), step,
                  static_cast<unsigned long long>(hash(x)));
    }
  }
}

template <class Real>
void print_scalars(const char* name, const diffusion::DiscreteSchedule<Real>& schedule) {
  std::vector<Real> scalars;
  for (int t = 1; t <= schedule.steps(); ++t) {
    const auto s = schedule(t - 1), level = schedule(t);
    const auto p = diffusion::q_posterior(s, level);
    scalars.insert(scalars.end(),
                   {schedule.beta(t), level.signal(), level.noise(), level.log_snr(), p.x0, p.xt, p.variance});
  }
  std::printf("%s: %016llx\n", name, static_cast<unsigned long long>(hash(scalars)));
}

}  // namespace

int main() {
  print_normals<float>("float");
  print_normals<double>("double");
  print_scalars("linear", diffusion::linear_schedule(1000));
  print_scalars("cosine", diffusion::cosine_schedule(1000));
  print_scalars("sigmoid float", diffusion::sigmoid_schedule<float>(1000));
}
