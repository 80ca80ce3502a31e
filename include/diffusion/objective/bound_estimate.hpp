// SPDX-License-Identifier: MIT
// What independent estimates of a bound say of it together, and what the bounds of samples say of a data set: means,
// standard errors and intervals, in nats and in bits per dimension.
//
// Use a BoundEstimate for several draws of one bound, as elbo_estimate returns, or add the ElboTerms of elbo() to one.
// Use bound_over_data for a data set that is read batch by batch, or the BoundOverData that it fills: parts of the data
// are merged, in any order. Draws that depend on each other (times that share an offset, a batch of one stream of
// noise) are one estimate together, not several.
//
// Two errors are not the same. sampling_error() of a BoundOverData is that of the mean bound of these very samples, and
// vanishes with more draws; the standard_error() of its estimate() is that of the mean over all data that the samples
// were drawn from, sampling included, and vanishes with more samples.
//
// A standard error is the root of an unbiased variance. An interval of half_width() has its coverage where an estimate
// is nearly normal: means over many draws are, single draws of a skewed term are not, and a few of them that miss the
// tail give an error that is too small.
//
// Accuracy: sums are exact up to 2^-190 for float and double, so that neither order nor parts count.
// Source: Kingma & Welling 2013, section 2.3, for the estimator; Student 1908 for the interval.
#pragma once

#include "../numerics/loop.hpp"
#include "../numerics/student.hpp"
#include "elbo.hpp"

namespace diffusion {

/// The mean of independent estimates of one bound on -log p(x_0), summed over the elements of x_0, in nats.
template <class S = double>
class BoundEstimate {
  using W = numerics::Working<S>;

 public:
  /// dimension: the number of elements of x_0, at least 1.
  explicit BoundEstimate(std::size_t dimension) : dimension_(dimension) {
    numerics::require(dimension >= 1, "BoundEstimate", "dimension", dimension, "at least 1");
  }

  /// Takes in one estimate: its terms, of which the sum over the steps is `denoising`.
  void add(const S& prior, const S& denoising, const S& reconstruction) {
    const W parts[] = {W(prior), W(denoising), W(reconstruction)}, whole = parts[0] + parts[1] + parts[2];
    for (std::size_t i = 0; i < 3; ++i) terms_[i] = terms_[i] + parts[i];
    sum_ = sum_ + whole;
    squares_ = squares_ + whole * whole;
    ++count_;
  }
  void add(const ElboTerms<S>& terms) {
    require_dimension("BoundEstimate::add", terms.dimension);
    W denoising(0);
    for (const S& term : terms.denoising) denoising = denoising + W(term);
    add(terms.prior, numerics::round_to<S>(denoising), terms.reconstruction);
  }

  /// Takes in all that `other` has: other estimates of the same bound.
  void merge(const BoundEstimate& other) {
    require_dimension("BoundEstimate::merge", other.dimension_);
    for (std::size_t i = 0; i < 3; ++i) terms_[i] = terms_[i] + other.terms_[i];
    sum_ = sum_ + other.sum_;
    squares_ = squares_ + other.squares_;
    count_ += other.count_;
  }

  std::size_t count() const { return count_; }
  std::size_t dimension() const { return dimension_; }

  /// Means over the estimates; NaN of none.
  S prior() const { return mean(terms_[0]); }
  S denoising() const { return mean(terms_[1]); }
  S reconstruction() const { return mean(terms_[2]); }
  S total() const { return mean(sum_); }
  /// total() / (dimension log 2).
  S bits_per_dimension() const { return numerics::round_to<S>(W(sum_ / (W(size(count_)) * nats_of_a_bit()))); }

  /// The standard error of total(): the root of the variance of the estimates over their number. NaN of one.
  S standard_error() const { return numerics::round_to<S>(W(sqrt(working_variance()))); }
  /// The same of bits_per_dimension().
  S bits_per_dimension_error() const { return numerics::round_to<S>(W(sqrt(working_variance()) / nats_of_a_bit())); }
  /// The interval total() +- half_width() has the bound in it with the probability `coverage`, in (0, 1), if the
  /// estimates are normal: by Student's distribution with count() - 1 degrees of freedom. count() >= 2.
  S half_width(double coverage = 0.95) const {
    numerics::require(count_ >= 2, "BoundEstimate::half_width", "count()", count_, "at least 2");
    return numerics::round_to<S>(W(W(numerics::student_half_width(coverage, count_ - 1)) * sqrt(working_variance())));
  }

  /// The square of standard_error() in working precision.
  W working_variance() const {
    const W n(size(count_));
    const W deviations = squares_ - sum_ * sum_ / n;
    return (deviations < W(0) ? W(0) : deviations) / (n * (n - W(1)));  // below 0 by rounding alone
  }

 private:
  static double size(std::size_t n) { return static_cast<double>(n); }
  S mean(const W& sum) const { return numerics::round_to<S>(W(sum / W(size(count_)))); }
  W nats_of_a_bit() const { return W(size(dimension_)) * log(W(2)); }
  void require_dimension(const char* function, std::size_t other) const {
    if (other != dimension_) numerics::fail_size(function, "x_0", other, dimension_, "before");
  }

  std::size_t dimension_, count_ = 0;
  W terms_[3] = {W(0), W(0), W(0)}, sum_ = W(0), squares_ = W(0);
};

/// The bounds of independent samples of one size.
template <class S = double>
class BoundOverData {
  using W = numerics::Working<S>;

 public:
  /// Takes in the bound of one sample.
  void add(const BoundEstimate<S>& sample) {
    start(sample.dimension());
    estimate_.add(sample.prior(), sample.denoising(), sample.reconstruction());
    sampling_ = sampling_ + sample.working_variance();
  }
  /// The same of a single draw of elbo().
  void add(const ElboTerms<S>& sample) {
    BoundEstimate<S> one(sample.dimension);
    one.add(sample);
    add(one);
  }
  /// Takes in the bounds of the samples of a batch, as elbo_estimates or elbos returns them.
  template <class Bound>
  void add(const std::vector<Bound>& samples) {
    for (const auto& sample : samples) add(sample);
  }
  /// Takes in all samples of `other`, another part of the data.
  void merge(const BoundOverData& other) {
    if (other.samples() == 0) return;
    start(other.estimate_.dimension());
    estimate_.merge(other.estimate_);
    sampling_ = sampling_ + other.sampling_;
  }

  std::size_t samples() const { return estimate_.count(); }

  /// The mean bound of a sample, in nats, with its standard error as a mean over the distribution of the data.
  const BoundEstimate<S>& estimate() const { return estimate_; }

  /// The standard error of estimate().total() as the mean bound of these very samples. NaN where one of them has a
  /// single estimate.
  S sampling_error() const { return numerics::round_to<S>(W(sqrt(sampling_) / W(static_cast<double>(samples())))); }

 private:
  void start(std::size_t dimension) {
    if (samples() == 0) estimate_ = BoundEstimate<S>(dimension);
    if (dimension != estimate_.dimension())
      numerics::fail_size("BoundOverData", "a sample", dimension, estimate_.dimension(), "those before");
  }

  BoundEstimate<S> estimate_{1};
  W sampling_ = W(0);
};

/// What an observer of bound_over_data sees after each batch.
template <class S>
struct DataProgress {
  std::size_t batches;
  const BoundOverData<S>& bound;
};

/// Reads batches one by one, adds estimate(batch, noise) of each (a BoundEstimate or ElboTerms where a batch is one
/// sample, or a vector with one for each of its samples), and returns what has come together. The noise that a batch is
/// given begins at the address where the batch before ended: the result does not depend on how the data are cut into
/// batches, if each sample has an estimate of its own. The observer is called with a DataProgress after each batch;
/// where it returns Loop::stop the rest is not read. An observer that stops at a small error favours small errors.
template <class Data, class Estimate, class Observer = NoObserver>
auto bound_over_data(Data&& data, const NormalNoise& noise, Estimate&& estimate, Observer&& observer = {}) {
  using Batch = std::remove_cvref_t<decltype(*std::begin(data))>;
  using S = sum_t<Batch>;
  using Verdict = std::invoke_result_t<Observer&, const DataProgress<S>&>;
  static_assert(std::same_as<Verdict, Loop> || std::same_as<Verdict, void>,
                "an observer returns Loop::proceed, Loop::stop or nothing");
  BoundOverData<S> bound;
  NormalNoise own = noise;
  std::size_t batches = 0;
  for (const auto& batch : data) {
    bound.add(estimate(batch, static_cast<const NormalNoise&>(own)));
    own.first_element += dimension(batch);
    const DataProgress<S> progress{++batches, bound};
    if constexpr (std::same_as<Verdict, Loop>) {
      if (observer(progress) == Loop::stop) break;
    } else {
      observer(progress);
    }
  }
  return bound;
}

}  // namespace diffusion
