// SPDX-License-Identifier: MIT
// The Jacobian of a denoiser in its input: Jacobian-vector products, and its trace, the divergence, exactly or
// estimated from random probes.
//
// Use it for likelihoods by the flow (objective/probability_flow.hpp). A denoiser, or the network inside predicts_noise
// and its sisters, has a Jacobian-vector product if it offers jvp(x_t, level, tangent), as frameworks with forward mode
// do, if it is affine in x_t, or if it also takes Dual numbers in place of the elements of x_t: a number as a Dual<T>,
// plain memory as a std::vector<Dual<T>>. One that offers divergence(x_t, level) needs nothing else for the exact
// trace; the denoisers of exact.hpp and full_gaussian.hpp do. Otherwise the exact trace costs a product for each
// element: HutchinsonDivergence estimates it from a few. Of a batch at one level the trace is the sum over all samples.
//
// Accuracy: exact traces that of the denoiser's arithmetic. The estimate has mean the trace; from signs, its variance
// for one probe is twice the sum of the squares of the symmetric part of the Jacobian off the diagonal, from normals
// that with the diagonal.
// Source: Hutchinson 1990; Grathwohl et al. 2019; Song et al. 2021, eq. 40.
#pragma once

#include "../numerics/dual.hpp"
#include "../random/noise.hpp"
#include "../state/inner_product.hpp"
#include "affine.hpp"

namespace diffusion {

namespace jacobian_details {

/// What std::ref refers to, or the thing itself.
template <class D>
decltype(auto) unwrapped(D& denoiser) {
  if constexpr (requires {
                  typename D::type;
                  denoiser.get();
                })
    return denoiser.get();
  else
    return (denoiser);
}

template <class X>
struct DualState {};
template <ScalarState X>
struct DualState<X> {
  using type = Dual<X>;
};
template <StoredState X>
  requires requires(const X& x) { std::span<const scalar_t<X>>(x); }
struct DualState<X> {
  using type = std::vector<Dual<scalar_t<X>>>;
};

template <class D, class X, class L>
concept HasJvp = requires(D& denoiser, const X& x, const L& level) {
  { denoiser.jvp(x, level, x) } -> CompatibleState<X>;
};
template <class D, class X, class L>
concept HasDivergence = requires(D& denoiser, const X& x, const L& level) { sum_t<X>(denoiser.divergence(x, level)); };
/// An output that is linear in x_t and in that of a network.
template <class D>
concept Adapter = requires(D& denoiser) {
  typename std::remove_cvref_t<D>::prediction;
  denoiser.net;
  denoiser.output;
};
template <class D, class X, class L>
concept TakesDuals = requires(D& denoiser, const typename DualState<X>::type& x, const L& level) {
  { denoiser(x, level) } -> std::convertible_to<typename DualState<X>::type>;
};

template <class D, class X, class L>
constexpr bool differentiable() {
  if constexpr (HasJvp<D, X, L> || AffineInX<D, X, level_real_t<L>> || TakesDuals<D, X, L>)
    return true;
  else if constexpr (Adapter<D>)
    return differentiable<std::remove_reference_t<decltype(unwrapped(std::declval<D&>().net))>, X, L>();
  else
    return false;
}

}  // namespace jacobian_details

/// A denoiser with Jacobian-vector products at a level: see the top of this header.
template <class D, class X, class L = NoiseLevel<double>>
concept DifferentiableDenoiser = jacobian_details::differentiable<
    std::remove_reference_t<decltype(jacobian_details::unwrapped(std::declval<std::remove_reference_t<D>&>()))>,
    value_t<X>, L>();

/// (d x_0_hat / d x_t) tangent, at x_t. The tangent is shaped like x_t.
template <NormedState X, Level L, DifferentiableDenoiser<X, L> D, CompatibleState<X> T>
value_t<X> denoiser_jvp(D&& denoiser, const X& x_t, const L& level, const T& tangent) {
  using namespace jacobian_details;
  using V = value_t<X>;
  auto& d = unwrapped(denoiser);
  using Model = std::remove_reference_t<decltype(d)>;
  const char* function = "denoiser_jvp";
  NewState fresh;
  if constexpr (StoredState<X>)
    state_details::require_like<V>(function, Named{"x_t", x_t}, dimension(x_t), Named{"tangent", tangent},
                                   state_traits<V>::view(tangent).size());
  if constexpr (HasJvp<Model, V, L>) {
    return d.jvp(x_t, level, tangent);
  } else if constexpr (AffineInX<Model, V, level_real_t<L>>) {
    return apply_row(function, std::array{sum_t<X>(d.coefficients(level).slope)}, fresh, Named{"tangent", tangent});
  } else if constexpr (Adapter<Model> && !TakesDuals<Model, V, L>) {
    const V inner = denoiser_jvp(d.net, x_t, level, tangent);
    return d.output.x0(level, tangent, inner);
  } else {
    using Duals = typename DualState<V>::type;
    if constexpr (StoredState<X>) {
      const auto x = state_traits<V>::view(x_t);
      const auto t = state_traits<V>::view(tangent);
      Duals duals(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) duals[i] = {x.data()[i], t.data()[i]};
      const Duals output = d(static_cast<const Duals&>(duals), level);
      if (output.size() != x.size()) numerics::fail_size(function, "the output", output.size(), x.size(), "x_t");
      V result = state_traits<X>::like(x_t);
      const auto elements = state_traits<V>::elements(result);
      for (std::size_t i = 0; i < x.size(); ++i) elements[i] = output[i].slope;
      return result;
    } else {
      return Duals(d(Duals(x_t, tangent), level)).slope;
    }
  }
}

/// The trace of d x_0_hat / d x_t at x_t: the denoiser's own, or by a Jacobian-vector product for each element.
template <NormedState X, Level L, class D>
sum_t<X> denoiser_divergence(D&& denoiser, const X& x_t, const L& level) {
  using namespace jacobian_details;
  using S = sum_t<X>;
  using V = value_t<X>;
  auto& d = unwrapped(denoiser);
  using Model = std::remove_reference_t<decltype(d)>;
  const S n(static_cast<double>(dimension(x_t)));
  if constexpr (HasDivergence<Model, V, L>) {
    return S(d.divergence(x_t, level));
  } else if constexpr (AffineInX<Model, V, level_real_t<L>>) {
    return n * S(d.coefficients(level).slope);
  } else if constexpr (requires {
                         requires Adapter<Model>;
                         requires HasDivergence<std::remove_reference_t<decltype(unwrapped(d.net))>, V, L>;
                       }) {
    return n * S(d.output.x0(level, S(1), S(0))) +
           S(d.output.x0(level, S(0), S(1))) * S(unwrapped(d.net).divergence(x_t, level));
  } else {
    static_assert(DifferentiableDenoiser<Model, V, L>,
                  "the exact divergence needs divergence(x_t, level), jvp(x_t, level, tangent) or Dual elements");
    if constexpr (StoredState<X>) {
      V tangent = state_traits<X>::like(x_t);
      const auto elements = state_traits<V>::elements(tangent);
      for (auto& e : elements) e = scalar_t<X>(0);
      S trace(0);
      for (std::size_t i = 0; i < elements.size(); ++i) {
        elements[i] = scalar_t<X>(1);
        const V column = denoiser_jvp(d, x_t, level, tangent);
        trace = trace + S(state_traits<V>::view(column).data()[i]);
        elements[i] = scalar_t<X>(0);
      }
      return trace;
    } else {
      return denoiser_jvp(d, x_t, level, S(1));
    }
  }
}

/// Independent signs, 1 or -1, those of the normals at the same address: the probes of least variance.
template <class N = NormalNoise>
struct SignNoise {
  N noise{};

  template <NormedState X>
    requires NoiseSource<const N, X>
  value_t<X> operator()(int step, const X& like) const {
    value_t<X> result = noise(step, like);
    const auto sign = [](auto& e) { e = static_cast<std::remove_reference_t<decltype(e)>>(e < 0 ? -1 : 1); };
    if constexpr (StoredState<X>)
      for (auto& e : state_traits<value_t<X>>::elements(result)) sign(e);
    else
      sign(result);
    return result;
  }
};
template <class N>
SignNoise(N) -> SignNoise<N>;

// How a likelihood finds a divergence: prepared(x) -> values, values.count() numbers whose mean is the divergence or
// an unbiased estimate, values(denoiser, x, level, out).

/// The exact divergence.
struct ExactDivergence {
  struct Values {
    static constexpr bool exact = true;
    std::size_t count() const { return 1; }
    template <class D, class X, class L>
    void operator()(D& denoiser, const X& x, const L& level, std::span<sum_t<X>> out) const {
      out[0] = denoiser_divergence(denoiser, x, level);
    }
  };
  template <class X>
  Values prepared(const X&) const {
    return {};
  }
};

/// z^T (d x_0_hat / d x_t) z for `probes` draws z = noise(0, x), noise(1, x), ..., by a Jacobian-vector product each.
/// The same draws serve all of a trajectory, so that the integrand is smooth. probes >= 1. [hutchinson1990.trace]
template <class N = SignNoise<>>
struct HutchinsonDivergence {
  N noise{};
  int probes = 1;

  template <class X>
  struct Values {
    static constexpr bool exact = false;
    std::vector<X> probes;
    std::size_t count() const { return probes.size(); }
    template <class D, class L>
      requires DifferentiableDenoiser<D, X, L>
    void operator()(D& denoiser, const X& x, const L& level, std::span<sum_t<X>> out) const {
      for (std::size_t k = 0; k < probes.size(); ++k) {
        const X product = denoiser_jvp(denoiser, x, level, probes[k]);
        out[k] = numerics::round_to<sum_t<X>>(
            inner_product("HutchinsonDivergence", Named{"probe", probes[k]}, Named{"jvp", product}));
      }
    }
  };
  template <class X>
    requires NoiseSource<const N, X>
  Values<X> prepared(const X& x) const {
    numerics::require(probes >= 1, "HutchinsonDivergence", "probes", probes, "at least 1");
    Values<X> values;
    for (int k = 0; k < probes; ++k) values.probes.push_back(noise(k, x));
    return values;
  }
};
template <class N>
HutchinsonDivergence(N, int) -> HutchinsonDivergence<N>;
template <class N>
HutchinsonDivergence(N) -> HutchinsonDivergence<N>;

/// A divergence of the user's own: of(x_t, level) -> the trace of d x_0_hat / d x_t.
template <class F>
struct GivenDivergence {
  F of;

  template <class X>
  struct Values {
    static constexpr bool exact = true;
    const F& of;
    std::size_t count() const { return 1; }
    template <class D, class L>
    void operator()(D&, const X& x, const L& level, std::span<sum_t<X>> out) const {
      out[0] = sum_t<X>(of(x, level));
    }
  };
  template <class X>
  Values<X> prepared(const X&) const {
    return {of};
  }
};
template <class F>
GivenDivergence(F) -> GivenDivergence<F>;

}  // namespace diffusion
