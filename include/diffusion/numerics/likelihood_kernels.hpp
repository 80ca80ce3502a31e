// SPDX-License-Identifier: MIT
// Sums over arrays in vector registers: of the divergences of two normals, and of the log-probabilities of grey levels.
//
// Use them through kl_divergence (process/diagonal_gaussian.hpp), discretized_gaussian_log_likelihood
// (objective/decoder.hpp) and their fast forms (objective/fast_likelihood.hpp), which check the arguments. With g++ and
// clang on x86-64 there is a version for registers of 128, 256 and 512 bits, all of them compiled whatever the flags;
// the widest that the processor has is chosen when the program runs. On arm64 there is the one of 128 bits; elsewhere
// it is one element at a time. All make the same bits, of the elements and of the sum, with -ffast-math as well; a sum
// depends on its elements and their order alone.
//
// Accuracy, of each element: in doubles, of floats or doubles, relative error below 1e-14, and 1e-12 for
// log-probabilities less than 1e-8 from zero. In floats, of divergences 1e-6, and 6e-8 more for each unit between the
// log-variances; of log-probabilities 1e-6 of it, or 1e-6 nats if that is more. Of the sum, (20 + log2 n) units of
// rounding at most. What is beyond the range of exp in that type, and scales and distances that no pixels have, is left
// to the caller.
#pragma once

#include <cstring>

#include "instruction_set.hpp"
#include "vector_math.hpp"

namespace diffusion::numerics::likelihood_kernels {

/// Elements are counted in groups, the widest register of floats.
inline constexpr std::size_t group_size = 16;
/// And a sum is made of blocks of them, which stay in the nearest cache.
inline constexpr std::size_t block_size = 16 * group_size;

/// What a type takes and needs. Of divergences: the log-variances, and their differences, that are not left out. Of
/// bins: the log-scales and the distances in deviations that are not left out; the argument below which exp is nothing
/// beside what it is added to; how far away nothing is left outside; below which width times distance a bin is narrow,
/// and the last term of its series.
template <class S>
struct Range;
template <>
struct Range<float> {
  static constexpr float log_variance = 87, log_scale = 40, deviations = 1e9f;
  static constexpr float least_exp = -80, farthest = 12.6f, narrow = 0.15f;
  static constexpr int narrow_terms = 4;
};
template <>
struct Range<double> {
  static constexpr double log_variance = 697, log_scale = 300, deviations = 1e15;
  static constexpr double least_exp = -700, farthest = 40, narrow = 0.25;
  static constexpr int narrow_terms = 12;
};

/// The last elements of up to four arrays, as a group of their own: the last of them is repeated.
template <class T>
struct Padding {
  T memory[4][group_size];

  const T* copied(std::size_t k, const T* elements, std::size_t first, std::size_t n) {
    if (elements == nullptr) return nullptr;
    for (std::size_t j = 0; j < group_size; ++j) memory[k][j] = elements[first + (j < n ? j : n - 1)];
    return memory[k];
  }
};

/// The divergences of N(mean_p, exp(log_p)) from N(mean_q, exp(log_q)), the difference of the means times `factor`. A
/// log-variance that is null is the same for all elements: a number and what rounding took from it.
template <class S, class T>
struct Divergence {
  const T *mean_p, *mean_q, *log_p = nullptr, *log_q = nullptr;
  S factor = 1, one_log_p = 0, log_p_rest = 0, one_log_q = 0, log_q_rest = 0;

  /// Whether element i is left out by evaluate.
  bool left_out(std::size_t i, S) const {
    const S q = log_q == nullptr ? one_log_q : S(log_q[i]), d = (log_p == nullptr ? one_log_p : S(log_p[i])) - q;
    constexpr S largest = Range<S>::log_variance;
    return d < -largest || d > largest || q < -largest || q > largest;
  }
  Divergence padded(std::size_t first, std::size_t n, Padding<T>& to) const {
    Divergence part = *this;
    part.mean_p = to.copied(0, mean_p, first, n);
    part.mean_q = to.copied(1, mean_q, first, n);
    part.log_p = to.copied(2, log_p, first, n);
    part.log_q = to.copied(3, log_q, first, n);
    return part;
  }
};

/// Data are in [first, last]; their bins are closed in [closed_from, closed_to], and half a bin is half + half_rest.
template <class S>
struct BinEdges {
  S first, closed_from, closed_to, last, half, half_rest;
};

/// The log-probabilities of the bins of x under N(mean, exp(2 log_scale)); a null log_scale is the same for
/// all, in two parts.
template <class S, class T>
struct BinProbability {
  const T *x, *mean, *log_scale;
  S one_log_scale, log_scale_rest;
  BinEdges<S> bins;

  bool left_out(std::size_t, S value) const { return value == 1; }
  BinProbability padded(std::size_t first, std::size_t n, Padding<T>& to) const {
    BinProbability part = *this;
    part.x = to.copied(0, x, first, n);
    part.mean = to.copied(1, mean, first, n);
    part.log_scale = to.copied(2, log_scale, first, n);
    return part;
  }
};

/// a + b: not even -ffast-math reorders these sums.
inline double added(double a, double b) {
  volatile double sum = a + b;
  return sum;
}

using vector_math::Constants;
#define DIFFUSION_LOOPS "../numerics/likelihood_kernels.inl"
#include "each_instruction_set.inl"

/// Writes `n` values, of elements from `first` on; n is a multiple of group_size, block_size at most. Whether some are
/// left out: those that of.left_out(i, value) says.
template <class Of, class S>
bool evaluate(InstructionSet set, const Of& of, std::size_t first, std::size_t n, S* values) {
#ifdef DIFFUSION_HAS_SETS
  if (set == InstructionSet::avx512) return avx512::evaluate(of, first, n, values);
  if (set == InstructionSet::avx2) return avx2::evaluate(of, first, n, values);
#endif
  (void)set;
  return compiled_for::evaluate(of, first, n, values);
}
template <class S>
double sum(InstructionSet set, const S* values, std::size_t n) {
#ifdef DIFFUSION_HAS_SETS
  if (set == InstructionSet::avx512) return avx512::sum(values, n);
  if (set == InstructionSet::avx2) return avx2::sum(values, n);
#endif
  (void)set;
  return compiled_for::sum(values, n);
}

/// The sum of an `Of` over n elements from `first` on, of blocks first and then of halves; left_out(i) is that of an
/// element i that its loop leaves out.
template <class S, template <class, class> class Of, class T, class LeftOut>
double total(InstructionSet set, const Of<S, T>& of, std::size_t first, std::size_t n, const LeftOut& left_out) {
  if (n > block_size) {
    const std::size_t half = (n / 2 + block_size - 1) / block_size * block_size;
    const double before = total(set, of, first, half, left_out);
    return added(before, total(set, of, first + half, n - half, left_out));
  }
  S values[block_size];
  const std::size_t whole = n / group_size * group_size;
  bool some = whole > 0 && evaluate(set, of, first, whole, values);
  std::size_t size = whole;
  if (whole < n) {
    Padding<T> padding;
    some = evaluate(set, of.padded(first + whole, n - whole, padding), 0, group_size, values + whole) || some;
    size += group_size;
    for (std::size_t j = n; j < size; ++j) values[j] = 0;
  }
  double rest = 0;
  if (some)
    for (std::size_t j = 0; j < n; ++j)
      if (of.left_out(first + j, values[j])) {
        values[j] = 0;
        rest = added(rest, left_out(first + j));
      }
  return added(sum(set, values, size), rest);
}
template <class Of, class LeftOut>
double total(const Of& of, std::size_t n, const LeftOut& left_out) {
  return total(widest(), of, 0, n, left_out);
}

}  // namespace diffusion::numerics::likelihood_kernels
