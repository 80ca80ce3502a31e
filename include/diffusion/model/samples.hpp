// SPDX-License-Identifier: MIT
// The samples that a state holds: how a denoiser that knows the shape of its data answers to one of them or to a batch.
//
// Use it to write a denoiser with parameters of the shape of the data, as those of exact.hpp. A state is one sample of
// that shape or a batch of them: columns in Eigen, the first axis in xtensor, equal parts of plain memory; where the
// shape is that of a number, every element is a sample. There is one level for all, or one for each part of the batch.
// Networks that take batches need none of it.
//
// Accuracy: elements of float and double are computed in double, other ones in their working precision, and rounded
// once.
#pragma once

#include <vector>

#include "../process/levels.hpp"
#include "../state/norm.hpp"

namespace diffusion {

/// A state that holds samples of the shape of a mean: of its library and element type or, if the mean is a number, any.
template <class X, class M>
concept SamplesLike = NormedState<X> && std::same_as<sum_t<X>, sum_t<M>> && (ScalarState<M> || CompatibleState<M, X>);

namespace samples_details {

/// What the elements of a sample are computed in.
template <class X>
using Arithmetic =
    std::conditional_t<StoredState<X> && std::same_as<sum_t<X>, double>, double, numerics::Working<sum_t<X>>>;

/// The elements of a mean in the order of those of X.
template <class X, class M>
auto elements(const M& mean) {
  if constexpr (StoredState<M>)
    return state_traits<value_t<X>>::view(mean);
  else
    return std::span<const M, 1>(&mean, 1);
}

}  // namespace samples_details

/// The samples in x_t, each of the shape of `mean` and at its level.
template <class X, class M, Levels L>
struct Samples {
  using A = samples_details::Arithmetic<X>;
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  const char* function;
  const X& x_t;
  const M& mean;
  const L& levels;

  /// x_t with each sample replaced by what answer(prepare(level), sample, result) leaves in `result`. An answer may
  /// also take the place of the sample: its element i is element first + i stride of x_t.
  template <class Prepare, class Answer>
  value_t<X> mapped(const Prepare& prepare, const Answer& answer) const {
    using T = scalar_t<X>;
    std::vector<A> result(dimension(mean));
    const auto body = [&](T* target, std::size_t, const T* x) {
      visit(x, prepare, [&](const auto& at, std::size_t, const auto& sample, std::size_t first, std::size_t stride) {
        if constexpr (requires { answer(at, sample, result, first, stride); })
          answer(at, sample, result, first, stride);
        else
          answer(at, sample, result);
        for (std::size_t i = 0; i < result.size(); ++i) target[first + i * stride] = numerics::round_to<T>(result[i]);
      });
    };
    if constexpr (StoredState<X>) {
      NewState out;
      return state_details::with_elements(function, out, body, Named{"x_t", x_t});
    } else {
      X target = x_t;
      body(&target, 1, &x_t);
      return target;
    }
  }

  /// The sum of density(prepare(level), sample) over all samples or, for a batch of levels, over those of each.
  template <class Prepare, class Density>
  auto summed(const Prepare& prepare, const Density& density) const {
    std::vector<W> sums(1, W(0));
    if constexpr (LevelBatch<L>) sums.assign(std::size(levels), W(0));
    const auto all = samples_details::elements<X>(x_t);
    visit(all.data(), prepare,
          [&](const auto& at, std::size_t k, const auto& sample, auto...) { sums[k] = sums[k] + density(at, sample); });
    if constexpr (LevelBatch<L>) {
      std::vector<S> result;
      for (const W& sum : sums) result.push_back(numerics::round_to<S>(sum));
      return result;
    } else {
      return numerics::round_to<S>(sums[0]);
    }
  }

 private:
  /// act(prepare(level), index of the level, sample, first, stride): element i of the sample is first + i stride of x.
  template <class T, class Prepare, class Act>
  void visit(const T* x, const Prepare& prepare, const Act& act) const {
    std::vector<A> sample(dimension(mean));
    const auto part = [&](const auto& at, std::size_t k, std::size_t first, std::size_t stride) {
      for (std::size_t i = 0; i < sample.size(); ++i) sample[i] = A(x[first + i * stride]);
      act(at, k, sample, first, stride);
    };
    const BatchLayout layout = this->layout();
    const std::size_t step = layout.interleaved ? 1 : layout.length, stride = layout.interleaved ? layout.samples : 1;
    const auto samples = [&](const auto& at, std::size_t level, std::size_t k) {
      if constexpr (ScalarState<M>)
        for (std::size_t i = 0; i < layout.length; ++i) part(at, level, k * step + i * stride, 1);
      else
        part(at, level, k * step, stride);
    };
    if constexpr (LevelBatch<L>) {
      for (std::size_t k = 0; k < layout.samples; ++k) samples(prepare(levels[k]), k, k);
    } else {
      const auto at = prepare(levels);
      for (std::size_t k = 0; k < layout.samples; ++k) samples(at, 0, k);
    }
  }

  BatchLayout layout() const {
    const std::size_t size = dimension(x_t), length = dimension(mean);
    if constexpr (LevelBatch<L>) {
      static_assert(StoredState<X>, "a batch of levels needs a state of several elements");
      const BatchLayout layout = state_details::batch_layout(function, Named{"x_t", x_t}, size, std::size(levels));
      if (StoredState<M> && layout.length != length)
        numerics::fail_size(function, "a sample of x_t", layout.length, length, "the mean");
      return layout;
    } else {
      if constexpr (StoredState<M>) {
        bool one = size == length;
        if constexpr (requires { state_traits<X>::same_shape(x_t, mean); })
          one = state_traits<X>::same_shape(x_t, mean);
        if (!one) {
          BatchLayout layout{length == 0 ? 0 : size / length, length, false};
          if constexpr (requires { state_traits<X>::batch_layout(x_t, 1); })
            layout = state_traits<X>::batch_layout(x_t, layout.samples);
          if (layout.length != length || layout.samples * length != size)
            numerics::fail_size(function, "x_t", size, length, "the mean, or a batch of samples of its shape");
          return layout;
        }
      }
      return {1, size, false};
    }
  }
};
template <class X, class M, class L>
Samples(const char*, const X&, const M&, const L&) -> Samples<X, M, L>;

}  // namespace diffusion
