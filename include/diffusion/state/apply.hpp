// SPDX-License-Identifier: MIT
// The one operation that every step and conversion is made of: a row of coefficients applied to states.
//
// Use it to write a step of your own: exact scalars in, one pass over the arrays, any kind of state, one row or a row
// for each sample of a batch, a new state or one of the caller's. All sizes are checked before anything is written.
// apply_step is the same with an estimate made, clipped and kept on the way: a whole step of a sampler in one pass.
// Threads are used only where the destination brings them: into(out, parallel). The last state of a row may be a source
// of elements, such as noise.at(k), which is then never in memory as a whole.
//
// Accuracy: elements are combined from left to right in their own type, to which the coefficients are rounded first.
// Each product and each sum of floats and doubles is rounded by itself, never contracted: a scalar, an element of an
// array, of a batch and of a part of it have the same bits, whatever the instruction set (kernels.hpp).
#pragma once

#include <utility>

#include "../numerics/require.hpp"
#include "element_source.hpp"
#include "kernels.hpp"

namespace diffusion {

/// A state with the name that an error message calls it by.
template <class X>
struct Named {
  const char* name;
  const X& state;
};
template <class X>
Named(const char*, const X&) -> Named<X>;

/// into(out), with the work on states of more than 2^16 elements given to parallel(count, part): it must call part(k)
/// for each k = 0..count-1, in any order, on whichever threads it has, and return when all are done. Every number of
/// threads gives the same bits. With OpenMP:
///   [](std::size_t count, auto part) {
///   #pragma omp parallel for
///     for (std::size_t k = 0; k < count; ++k) part(k);
///   }
template <class X, class Parallel>
struct ParallelInto : Into<X> {
  const Parallel& parallel;
};
template <class X, class Parallel>
ParallelInto<X, Parallel> into(X&& out, const Parallel& parallel) {
  return {{static_cast<X&&>(out)}, parallel};
}

/// What apply_step makes of its second state before it enters the sum: nothing, the state clipped to [low, high],
/// row[0] first + row[1] second, or that clipped. NaN stays NaN.
template <class Real, kernels::Second second>
struct Estimate {
  std::array<Real, 2> row{};
  Real low{}, high{};
};

/// The estimate clipped to [low, high], after it was perhaps clipped to other bounds.
template <class Real, kernels::Second second>
auto clipped(const Estimate<Real, second>& estimate, const Real& low, const Real& high) {
  const auto clip = [&](const Real& e) { return e < low ? low : high < e ? high : e; };
  constexpr auto kind = kernels::combines(second) ? kernels::Second::combined_and_clipped : kernels::Second::clipped;
  if constexpr (kernels::clips(second))
    return Estimate<Real, kind>{estimate.row, clip(estimate.low), clip(estimate.high)};
  else
    return Estimate<Real, kind>{estimate.row, low, high};
}

/// The estimate of apply_step is not wanted in memory.
struct NotKept {};

namespace state_details {

/// c[0] x[0] + c[1] x[1] + ... of scalars or closed states.
template <class X, class T, std::size_t terms, class... Terms>
X combined(const std::array<T, terms>& c, const Terms&... x) {
  return [&]<std::size_t... j>(std::index_sequence<j...>) -> X {
    if constexpr (KernelScalar<X>) {
      std::array<X, terms> products;
      (kernels::compiled_for::multiply(products[j], c[j], x), ...);
      return (... + products[j]);
    } else {
      return static_cast<X>((... + (c[j] * x)));
    }
  }(std::make_index_sequence<terms>());
}

/// Elements that no kernel is for: those apart in memory, and those of other types.
template <class T, std::size_t terms, class... Terms>
void combine(T* out, std::size_t n, std::size_t stride, const std::array<T, terms>& c, const Terms*... x) {
  for (std::size_t i = 0; i < n * stride; i += stride) out[i] = combined<T>(c, x[i]...);
}

/// The estimate of one element.
template <class X, kernels::Second second>
X estimated(const Estimate<X, second>& estimate, const X& x, const X& y) {
  X e = y;
  if constexpr (kernels::combines(second)) e = combined<X>(estimate.row, x, y);
  if constexpr (kernels::clips(second)) e = e < estimate.low ? estimate.low : estimate.high < e ? estimate.high : e;
  return e;
}

/// Runs a pass, or a part of one that begins at element `first`; where its last state is a source of elements, in
/// pieces for which there is room on the stack.
template <kernels::Second second, bool kept, class T, std::size_t terms, class Source>
void run_pieces(const kernels::Pass<T, terms>& pass, std::size_t first, bool streaming, const Source& source) {
  if constexpr (std::same_as<Source, NoElements<T>>) {
    kernels::run<second, kept>(pass, streaming);
  } else {
    constexpr std::size_t most = 4096 / sizeof(T);
    alignas(64) T room[most];
    for (std::size_t done = 0; done < pass.n; done += most) {
      auto piece = pass.part(done, pass.n - done < most ? pass.n - done : most);
      piece.x[terms - 1] = source.elements(first + done, std::span<T>(room, piece.n));
      kernels::run<second, kept>(piece, streaming);
    }
  }
}

/// Runs a pass, in parts where the destination brings threads.
template <kernels::Second second, bool kept, class Out, class T, std::size_t terms, class Source>
void run(const Out& out, const kernels::Pass<T, terms>& pass, const Source& source) {
  const bool streaming = kernels::is_streaming(pass);
  if constexpr (requires { out.parallel; }) {
    constexpr std::size_t size = std::size_t(1) << 16;
    const std::size_t parts = (pass.n + size - 1) / size;
    if (parts > 1) {
      out.parallel(parts, [&](std::size_t k) {
        run_pieces<second, kept>(pass.part(k * size, k + 1 < parts ? size : pass.n - k * size), k * size, streaming,
                                 source);
      });
      return;
    }
  }
  run_pieces<second, kept>(pass, 0, streaming, source);
}

template <class T, std::size_t terms, class... Terms>
kernels::Pass<T, terms> pass(T* out, std::size_t n, const std::array<T, terms>& c, const Terms*... x) {
  kernels::Pass<T, terms> p{.n = n, .x = {x...}, .out = out};
  for (std::size_t j = 0; j < terms; ++j) p.row[j] = c[j];
  if (p.x[terms - 1] == nullptr) p.x[terms - 1] = p.x[0];  // until there are elements
  return p;
}

template <class T, class Real, std::size_t terms>
std::array<T, terms> row_as(const std::array<Real, terms>& row) {
  std::array<T, terms> converted{};
  for (std::size_t i = 0; i < terms; ++i) converted[i] = static_cast<T>(row[i]);
  return converted;
}

template <class V, class X, class Y>
void require_like(const char* function, const Named<X>& first, std::size_t size, const Named<Y>& other,
                  std::size_t other_size) {
  if (other_size != size) numerics::fail_size(function, other.name, other_size, size, first.name);
  // X's own: that of its value would turn a view into a copy
  if constexpr (requires { state_traits<X>::same_shape(first.state, other.state); })
    if (!state_traits<X>::same_shape(first.state, other.state))
      numerics::fail_shape(function, other.name, first.name, "another shape");
}

/// An output may be an input, element by element, but an element must not be read after another was written over it.
template <class T>
void require_no_overlap(const char* function, const char* name, const T* out, std::size_t size, const char* other_name,
                        const T* other) {
  const auto a = reinterpret_cast<std::uintptr_t>(out), b = reinterpret_cast<std::uintptr_t>(other);
  if (a != b && (a < b ? b - a : a - b) < size * sizeof(T))
    numerics::fail_shape(function, name, other_name, "overlaps it in part");
}

/// Calls body(out, size, pointers to the elements of each state...) once all sizes are checked; returns what Out asks
/// for.
template <class Out, class Body, class X, class... Rest>
auto with_elements(const char* function, Out& out, Body body, const Named<X>& first, const Named<Rest>&... rest) {
  using V = value_t<X>;
  const auto first_view = state_traits<V>::view(first.state);
  const std::size_t size = first_view.size();
  const auto checked = [&](const auto&... views) {
    (require_like<V>(function, first, size, rest, views.size()), ...);
    if constexpr (std::same_as<Out, NewState>) {
      V result = state_traits<X>::like(first.state);
      body(state_traits<V>::elements(result).data(), size, first_view.data(), views.data()...);
      return result;
    } else {
      using Target = std::remove_reference_t<decltype(out.target)>;
      static_assert(
          requires { state_traits<Target>::elements(out.target); },
          "into(out) needs a state that can be written to in contiguous memory");
      static_assert(std::same_as<scalar_t<Target>, scalar_t<X>>, "into(out) needs the element type of the arguments");
      const auto target = state_traits<Target>::elements(out.target);
      require_like<V>(function, first, size, Named{"out", out.target}, target.size());
      if (state_traits<V>::view(out.target).data() != target.data())
        numerics::fail_shape(function, "out", first.name, "another storage order");
      const scalar_t<X>* elements = target.data();
      require_no_overlap(function, "out", elements, size, first.name, first_view.data());
      (require_no_overlap(function, "out", elements, size, rest.name, views.data()), ...);
      body(target.data(), size, first_view.data(), views.data()...);
    }
  };
  return checked(view_of<V>(rest.state, size)...);
}

template <class X>
BatchLayout batch_layout(const char* function, const Named<X>& first, std::size_t size, std::size_t samples) {
  if constexpr (requires { state_traits<X>::batch_layout(first.state, samples); }) {
    const BatchLayout layout = state_traits<X>::batch_layout(first.state, samples);
    if (layout.samples != samples) numerics::fail_samples(function, first.name, layout.samples, samples);
    return layout;
  } else {
    if (samples == 0 || size % samples != 0) numerics::fail_parts(function, first.name, size, samples);
    return {samples, size / samples, false};
  }
}

}  // namespace state_details

/// row[0] first + row[1] rest + ...; errors name `function` and the states.
template <class Real, std::size_t terms, class Out, class X, class... Rest>
auto apply_row(const char* function, const std::array<Real, terms>& row, Out& out, const Named<X>& first,
               const Named<Rest>&... rest) {
  static_assert(terms == 1 + sizeof...(Rest));
  using state_details::combined, state_details::row_as;
  if constexpr (StoredState<X>) {
    using T = scalar_t<X>;
    const auto body = [&](T* target, std::size_t size, const auto*... elements) {
      if constexpr (state_details::KernelScalar<T>)
        state_details::run<kernels::Second::plain, false>(
            out, state_details::pass(target, size, row_as<T>(row), elements...),
            state_details::source_in<X>(rest.state...));
      else
        state_details::combine(target, size, 1, row_as<T>(row), elements...);
    };
    return state_details::with_elements(function, out, body, first, rest...);
  } else {
    using T = std::conditional_t<ScalarState<X>, X, Real>;
    if constexpr (requires { first.state.size(); })  // such as std::valarray, which would not check
      (state_details::require_like<X>(function, first, first.state.size(), rest, rest.state.size()), ...);
    if constexpr (std::same_as<Out, NewState>)
      return combined<X>(row_as<T>(row), first.state, state_details::closed<X>(rest.state)...);
    else
      out.target = combined<X>(row_as<T>(row), first.state, state_details::closed<X>(rest.state)...);
  }
}

/// The same for a batch, sample k with the row that row_of(k) returns, k = 0..samples-1.
template <class RowOf, class Out, class X, class... Rest>
auto apply_rows(const char* function, std::size_t samples, RowOf row_of, Out& out, const Named<X>& first,
                const Named<Rest>&... rest) {
  static_assert(StoredState<X>, "a batch of levels needs a state of several elements");
  static_assert((... && !ElementSource<Rest, X>), "a batch of levels needs its noise as a state: noise(k, x)");
  using T = scalar_t<X>;
  constexpr std::size_t terms = 1 + sizeof...(Rest);
  const auto body = [&](T* target, std::size_t size, const auto*... elements) {
    const BatchLayout layout = state_details::batch_layout(function, first, size, samples);
    if constexpr (state_details::KernelScalar<T>) {
      if (!layout.interleaved || samples == 1) {
        const auto whole = state_details::pass(target, size, std::array<T, terms>{}, elements...);
        const bool streaming = kernels::is_streaming(whole);
        for (std::size_t k = 0; k < samples; ++k) {
          auto part = whole.part(k * layout.length, layout.length);
          const auto row = state_details::row_as<T>(row_of(k));
          for (std::size_t j = 0; j < terms; ++j) part.row[j] = row[j];
          kernels::run<kernels::Second::plain, false>(part, streaming);
        }
        return;
      }
    }
    const std::size_t step = layout.interleaved ? 1 : layout.length, stride = layout.interleaved ? samples : 1;
    for (std::size_t k = 0; k < samples; ++k)
      state_details::combine(target + k * step, layout.length, stride, state_details::row_as<T>(row_of(k)),
                             (elements + k * step)...);
  };
  return state_details::with_elements(function, out, body, first, rest...);
}

/// row[0] first + row[1] e + row[2] rest + ... into out, where e is the estimate that is made of first and second; e
/// into kept, unless that is NotKept. One pass: each state is read once, and out and kept may be any of the states. The
/// shape of an ancestral or DDIM step from the output of a network with its estimate of x_0 clipped, and, with e kept,
/// of a step of DPM-Solver++. The bits are those of apply_row for the estimate, a clip, and apply_row for the step.
template <class Real, kernels::Second second, std::size_t terms, class Out, class Kept, class X, class Y, class... Rest>
void apply_step(const char* function, const Estimate<Real, second>& estimate, const std::array<Real, terms>& row,
                Out out, Kept kept, const Named<X>& x, const Named<Y>& y, const Named<Rest>&... rest) {
  static_assert(terms == 2 + sizeof...(Rest) && !std::same_as<Out, NewState>);
  constexpr bool keep = !std::same_as<Kept, NotKept>;
  using state_details::combined, state_details::row_as;
  if constexpr (StoredState<X>) {
    using T = scalar_t<X>;
    using V = value_t<X>;
    const Estimate<T, second> bounds{row_as<T>(estimate.row), static_cast<T>(estimate.low),
                                     static_cast<T>(estimate.high)};
    const auto body = [&](T* target, std::size_t size, const auto*... elements) {
      auto pass = state_details::pass(target, size, row_as<T>(row), elements...);
      pass.of_first = bounds.row[0], pass.of_second = bounds.row[1], pass.low = bounds.low, pass.high = bounds.high;
      if constexpr (keep) {
        using Target = std::remove_reference_t<decltype(kept.target)>;
        static_assert(std::same_as<value_t<Target>, V>, "the estimate is kept in a state of the kind of the first");
        const auto estimates = state_traits<Target>::elements(kept.target);
        state_details::require_like<V>(function, x, size, Named{"the estimate", kept.target}, estimates.size());
        const T* written = estimates.data();
        if (written == target && size > 0) numerics::fail_shape(function, "out", "the estimate", "is the same memory");
        state_details::require_no_overlap<T>(function, "the estimate", written, size, "out", target);
        const char* names[] = {x.name, y.name, rest.name...};
        for (std::size_t j = 0; j < terms; ++j)
          state_details::require_no_overlap(function, "the estimate", written, size, names[j], pass.x[j]);
        pass.second_out = estimates.data();
      }
      if constexpr (state_details::KernelScalar<T>) {
        state_details::run<second, keep>(out, pass, state_details::source_in<X>(rest.state...));
      } else {
        for (std::size_t i = 0; i < size; ++i) {
          const std::array<T, terms> e{elements[i]...};
          const T made = state_details::estimated(bounds, e[0], e[1]);
          [&]<std::size_t... j>(std::index_sequence<j...>) {
            target[i] = combined<T>(row_as<T>(row), e[0], made, e[j + 2]...);
          }(std::make_index_sequence<terms - 2>());
          if constexpr (keep) pass.second_out[i] = made;
        }
      }
    };
    state_details::with_elements(function, out, body, x, y, rest...);
  } else {
    using T = std::conditional_t<ScalarState<X>, X, Real>;
    const X& second_state = static_cast<const X&>(y.state);
    X e = second_state;
    if constexpr (ScalarState<X>)
      e = state_details::estimated(Estimate<X, second>{row_as<X>(estimate.row), X(estimate.low), X(estimate.high)},
                                   x.state, second_state);
    else if constexpr (kernels::combines(second))
      e = combined<X>(estimate.row, x.state, second_state);
    static_assert(ScalarState<X> || !kernels::clips(second), "a closed state has no order to be clipped in");
    out.target = combined<X>(row_as<T>(row), x.state, e, state_details::closed<X>(rest.state)...);
    if constexpr (keep) kept.target = std::move(e);
  }
}

/// Clips each element of x to [low, high], in place; NaN stays NaN.
template <State X, class Real>
void clip_elements(X& x, const Real& low, const Real& high) {
  using T = scalar_t<X>;
  const T lower = static_cast<T>(low), upper = static_cast<T>(high);
  if constexpr (StoredState<X>) {
    const auto elements = state_traits<X>::elements(x);
    if constexpr (state_details::KernelScalar<T>) {
      auto pass = state_details::pass<T, 1>(elements.data(), elements.size(), {T(1)}, elements.data());
      pass.low = lower, pass.high = upper;
      kernels::run<kernels::Second::clipped, false>(pass, false);
    } else {
      for (T& e : elements) e = state_details::estimated(Estimate<T, kernels::Second::clipped>{{}, lower, upper}, e, e);
    }
  } else {
    x = state_details::estimated(Estimate<X, kernels::Second::clipped>{{}, lower, upper}, x, x);
  }
}

}  // namespace diffusion
