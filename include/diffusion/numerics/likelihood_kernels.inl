// SPDX-License-Identifier: MIT
// The loops of likelihood_kernels.hpp, compiled once for each instruction set; no header by itself.

#include "vector_math.inl"

// ---- the divergence of two normals ----

/// (exp(d) - 1 - d + difference^2 / variance_q) / 2 with d = log_p - log_q; the rests are added to d and to -log_q.
/// `largest` is the size of the log-variances.
template <class S>
DIFFUSION_INLINE Ieee<S> divergence(Ieee<S> difference, Ieee<S> log_p, Ieee<S> log_q, Ieee<S> rest, Ieee<S> rest_q,
                                    Ieee<S>& largest) {
  const Ieee<S> d = log_p - log_q;
  largest = larger(largest, larger(absolute(log_q), absolute(d)));
  if constexpr (sizeof(S) == 8) {  // the rounding error of the difference, by Knuth: exp would multiply it by d
    const Ieee<S> part = d - log_p;
    rest = rest + ((log_p - (d - part)) - (log_q + part));
  }
  const Exponential<S> ratio = exponential(d, rest), inverse = exponential(-log_q, rest_q);
  // With d = k log 2 + r, exp(d) - 1 - d = (2^k - 1 - k log 2) + (2^k - 1) r + 2^k (exp(r) - 1 - r): where k = 0 only
  // the last part is left, which has all its digits.
  const Ieee<S> power = ratio.power_of_two(), p = power - S(1);
  const Ieee<S> tangent = power * ratio.tail + (p * ratio.r + ((p - ratio.high) - ratio.low));
  return (tangent + difference * inverse.value() * difference) * S(0.5);
}

/// The divergences of n elements, a multiple of group_size; whether some are left out.
template <class S, class T>
bool evaluate(const Divergence<S, T>& arguments, std::size_t first, std::size_t n, S* out) {
  const Divergence<S, T> of = arguments;  // a copy: the values cannot be it
  const Ieee<S> rest = all(of.log_p_rest - of.log_q_rest), rest_q = all(-of.log_q_rest);
  Ieee<S> log_p = all(of.one_log_p), log_q = all(of.one_log_q);
  Ieee<S> largest = all(S(0));
  for (std::size_t i = first; i < first + n; i += lanes<S>, out += lanes<S>) {
    if (of.log_p != nullptr) log_p = load<S>(of.log_p + i);
    if (of.log_q != nullptr) log_q = load<S>(of.log_q + i);
    const Ieee<S> difference = (load<S>(of.mean_p + i) - load<S>(of.mean_q + i)) * of.factor;
    store(divergence(difference, log_p, log_q, rest, rest_q, largest), out);
  }
  return any<S>(Range<S>::log_variance < largest);
}

// ---- the probability of a grey level ----

/// One over a scale, in two parts; `refused` are scales too far from 1.
template <class S>
struct Inverse {
  Ieee<S> value, rest;
  MaskOf<S> refused;
};
template <class S>
DIFFUSION_INLINE Inverse<S> inverse_scale(Ieee<S> log_scale) {
  const Exponential<S> e = exponential(-log_scale);
  const Ieee<S> power = e.power_of_two(), t = e.r + e.tail, sum = t + S(1);
  return {sum * power, (((S(1) - sum) + t) + ((e.tail - (t - e.r)) + e.r_rest)) * power,
          Range<S>::log_scale < absolute(log_scale)};
}

/// The leading half of the bits of x, whose products with each other are exact.
DIFFUSION_INLINE Ieee<double> leading_half(Ieee<double> x) {
  using F = Register<double>::F;
  return Ieee<double>(bits_as<F>(bits_as<BitsOf<double>>(x.value) & (~std::uint64_t(0) << 27)));
}

/// What rounding took from product = a b, by Dekker.
DIFFUSION_INLINE Ieee<double> lost_in_product(Ieee<double> a, Ieee<double> b, Ieee<double> product) {
  const Ieee<double> a1 = leading_half(a), a2 = a - a1, b1 = leading_half(b), b2 = b - b1;
  return ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2;
}

/// (phi(z + z_rest) / phi(0)) ratio, for z at most 40.
DIFFUSION_INLINE Ieee<double> tail(Ieee<double> z, Ieee<double> z_rest, Ieee<double> ratio) {
  using F = Register<double>::F;
  const Ieee<double> leading = leading_half(z);
  const Exponential<double> e =
      exponential(leading * leading * -0.5, ((z - leading) * (z + leading) + z * z_rest * 2.0) * -0.5);
  // in two factors, for it may be below the normal numbers
  const BitsOf<double> exponents = e.exponent + Constants<double>::bias, one = exponents >> 1;
  const Ieee<double> power(bits_as<F>(one << 52)), other(bits_as<F>((exponents - one) << 52));
  return (e.r + e.tail + 1.0) * ratio * power * other;
}

/// Of a bin narrower than a deviation: 1 + the sum over even k of half^k He_k(middle) / (k + 1)!, from k on; `even` is
/// term k - 2 without its denominator k - 1, and `odd` term k - 1 without k.
template <int k, class S>
DIFFUSION_INLINE Ieee<S> narrow_series(Ieee<S> product, Ieee<S> square, Ieee<S> even, Ieee<S> odd) {
  const Ieee<S> next = (product * odd - square * even) * S(1.0 / k), term = next * S(1.0 / (k + 1));
  if constexpr (k == Range<S>::narrow_terms)
    return term;
  else
    return narrow_series<k + 2>(product, square, next, product * term - square * odd * S(1.0 / (k + 1))) + term;
}

/// The probability of the bin of x under N(mean, scale^2), or what it is but for a factor of which added_to_log is the
/// logarithm. Lanes in left_out have 1, and add 1: those that are in no bin, or too many deviations away.
template <class S>
DIFFUSION_INLINE Ieee<S> probability(Ieee<S> x, Ieee<S> mean, const Inverse<S>& inverse, const BinEdges<S>& bins,
                                     MaskOf<S>& left_out, Ieee<S>& added_to_log) {
  // The difference with its rounding error. All is mirrored so that the bin is at or above the mean, or reaches to plus
  // infinity.
  const Ieee<S> d = x - mean, part = d - x, lost = (x - (d - part)) - (mean + part), size = absolute(d);
  const MaskOf<S> closed = (bins.closed_from <= x) & (x <= bins.closed_to);
  const MaskOf<S> mirrored = (x < bins.closed_from) | ((d < S(0)) & closed);
  const Ieee<S> towards = negated(mirrored, d), rest = negated(mirrored, lost) - bins.half_rest;
  const Ieee<S> middle = size * inverse.value, half = inverse.value * bins.half;
  const Ieee<S> upper = (size + bins.half) * inverse.value, edge = towards - bins.half;
  Ieee<S> lower = (edge + rest) * inverse.value, lower_rest = lower;
  if constexpr (sizeof(S) == 8) {
    // in two parts: where a probability is near 1, its logarithm multiplies the error of an edge by 30
    const Ieee<S> back = edge - towards, more = rest + ((towards - (edge - back)) - (back + bins.half));
    const Ieee<S> first = edge + more, second = (edge - first) + more;
    lower = first * inverse.value;
    lower_rest = lost_in_product(first, inverse.value, lower) + first * inverse.rest + second * inverse.value;
  }
  const Ieee<S> nearest = absolute(lower), far_away = all(Range<S>::farthest);
  // Mills' ratios of both edges by one division; phi(upper) / phi(lower) = exp(-2 half middle)
  const Ieee<S> a = nearest + S(4), b = upper + S(4), y = S(1) / (a * b);
  const Ieee<S> fall = exp_from(Range<S>::least_exp, half * middle * S(-2));
  const Ieee<S> beyond = choose(closed, mills_ratio(a * y) * fall, all(S(0)));
  const MaskOf<S> narrow = (half * (middle + S(1)) < Range<S>::narrow) & closed,
                  straddles = without(lower < S(0), narrow);
  const Ieee<S> ratio = mills_ratio(b * y) + choose(straddles, beyond, -beyond);
  // the probability without phi of the lower edge, or, for a narrow bin, of the middle
  const Ieee<S> product = half * middle, series = narrow_series<2>(product, half * half, all(S(1)), product) + S(1);
  const Ieee<S> inside = choose(narrow, half * S(2) * series, ratio);
  // the probability outside the bin
  const Ieee<S> z = choose(nearest < far_away, nearest, far_away);
  Ieee<S> outside = ratio;
  if constexpr (sizeof(S) == 8)
    outside = tail(z, -lower_rest, ratio);
  else
    outside = exponential(z * z * S(-0.5)).value() * ratio;
  outside = outside * Constants<S>::inverse_root_two_pi;
  const Ieee<S> complement = S(1) - outside, at = choose(narrow, middle, lower);
  const Ieee<S> result = choose(straddles, complement, inside * Constants<S>::inverse_root_two_pi);
  const MaskOf<S> refused = inverse.refused | (x < bins.first) | (bins.last < x) | (Range<S>::deviations < upper);
  left_out = left_out | refused;
  added_to_log = choose(refused, all(S(1)), choose(straddles, (S(1) - complement) - outside, at * at * S(-0.5)));
  return choose(refused, all(S(1)), result);
}

/// The log-probabilities of n elements, a multiple of group_size; whether some are left out, as 1. The logarithms are
/// taken in a loop of their own: in one loop, too much waits for too long.
template <class S, class T>
bool evaluate(const BinProbability<S, T>& arguments, std::size_t first, std::size_t n, S* out) {
  const BinProbability<S, T> of = arguments;
  MaskOf<S> left_out{};
  Inverse<S> inverse = inverse_scale(all(of.one_log_scale));
  inverse.value = inverse.value - inverse.value * of.log_scale_rest;
  S added_to_log[block_size];
  for (std::size_t i = 0; i < n; i += lanes<S>) {
    const std::size_t k = first + i;
    if (of.log_scale != nullptr) inverse = inverse_scale(load<S>(of.log_scale + k));
    Ieee<S> added = all(S(0));
    store(probability(load<S>(of.x + k), load<S>(of.mean + k), inverse, of.bins, left_out, added), out + i);
    store(added, added_to_log + i);
  }
  for (std::size_t i = 0; i < n; i += lanes<S>) store(log(load<S>(out + i)) + load<S>(added_to_log + i), out + i);
  return any<S>(left_out);
}

// ---- sums ----

/// The sum of n values, a multiple of group_size, in doubles: of each place in a group first, then halves.
template <class S>
double sum(const S* values, std::size_t n) {
  constexpr std::size_t registers = group_size / lanes<double>;
  typename Register<double>::F partial[registers]{};
  for (std::size_t i = 0; i < n; i += group_size) {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 8  // at -O2 it would keep the loop
#endif
    for (std::size_t j = 0; j < registers; ++j)
      partial[j] = (Ieee<double>(partial[j]) + load<double>(values + i + j * lanes<double>)).value;
  }
  double sums[group_size];
  std::memcpy(sums, partial, sizeof sums);
  for (std::size_t half = group_size / 2; half > 0; half /= 2)
    for (std::size_t j = 0; j < half; ++j) sums[j] = added(sums[j], sums[j + half]);
  return sums[0];
}
