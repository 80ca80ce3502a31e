// SPDX-License-Identifier: MIT
// What is particular to Eigen; the laws of states run on its kinds in state/state.test.cpp.
#include <stdexcept>
#define EIGEN_RUNTIME_NO_MALLOC  // Eigen, which does not use operator new, says where it allocates
#define eigen_assert(holds) \
  if (!(holds)) throw std::logic_error(#holds)
#include <diffusion/eigen.hpp>

#include <diffusion/ddim.hpp>
#include <diffusion/model/exact.hpp>
#include <diffusion/sampler/plan.hpp>

#include "support/allocations.hpp"
#include "support/bounds_of_samples.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace diffusion;

namespace {

const auto level = linear_schedule(1000)(500);

}  // namespace

TEST_CASE("results are plain and of the shape and kind of the first argument", "[eigen]") {
  const Eigen::ArrayXXd a = Eigen::ArrayXXd::Random(3, 4);
  const Eigen::MatrixXd m = a.matrix();
  static_assert(std::same_as<decltype(q_sample(level, a, a)), Eigen::ArrayXXd>);
  static_assert(std::same_as<decltype(q_sample(level, m, a)), Eigen::MatrixXd>);
  static_assert(std::same_as<decltype(q_sample(level, 2 * m, m)), Eigen::MatrixXd>);
  static_assert(std::same_as<decltype(q_sample(level, m.col(0), m.col(1))), Eigen::VectorXd>);
  static_assert(std::same_as<decltype(q_sample(level, m.row(0), m.row(1))), Eigen::RowVectorXd>);
  const Eigen::MatrixXd expected = level.signal() * m + level.noise() * m;
  REQUIRE(q_sample(level, m, a).isApprox(expected));
  REQUIRE(q_sample(level, m.transpose(), a.transpose()).isApprox(expected.transpose()));
  REQUIRE(q_sample(level, m.block(1, 1, 2, 2), m.block(1, 1, 2, 2)).isApprox(expected.block(1, 1, 2, 2)));
  REQUIRE(q_sample(level, m.row(1), m.row(1)).isApprox(expected.row(1)));
  REQUIRE(q_sample(level, m * m.transpose(), m * m.transpose())
              .isApprox((level.signal() + level.noise()) * (m * m.transpose())));
}

TEST_CASE("storage orders may be mixed", "[eigen]") {
  const Eigen::MatrixXd m = Eigen::MatrixXd::Random(3, 4);
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> r = m;
  REQUIRE(q_sample(level, m, r) == q_sample(level, m, m));
  REQUIRE(q_sample(level, r, m) == q_sample(level, m, m));
  static_assert(decltype(q_sample(level, r, m))::IsRowMajor);
  REQUIRE(denoising_kl(linear_schedule(10)(3), linear_schedule(10)(4), m, r) == 0);
}

TEST_CASE("into writes to maps, references, columns and contiguous blocks", "[eigen]") {
  const Eigen::MatrixXd x = Eigen::MatrixXd::Random(3, 2), expected = q_sample(level, x, x);
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(3, 4);
  q_sample(level, x, x, into(out.middleCols(1, 2)));
  REQUIRE(out.middleCols(1, 2) == expected);
  REQUIRE(out.col(0).isZero());
  q_sample(level, x.col(1), x.col(1), into(out.col(3)));
  REQUIRE(out.col(3) == expected.col(1));
  std::vector<double> memory(6);
  q_sample(level, x, x, into(Eigen::Map<Eigen::MatrixXd>(memory.data(), 3, 2)));
  REQUIRE(Eigen::Map<Eigen::MatrixXd>(memory.data(), 3, 2) == expected);
  Eigen::Ref<Eigen::MatrixXd> reference = out.leftCols(2);
  q_sample(level, x, x, into(reference));
  REQUIRE(out.leftCols(2) == expected);
}

TEST_CASE("shapes and orders that do not fit are named, and nothing is written", "[eigen][errors]") {
  const Eigen::MatrixXd x = Eigen::MatrixXd::Ones(3, 2);
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(2, 3), wide = Eigen::MatrixXd::Zero(5, 2);
  REQUIRE(message([&] { return q_sample(level, x, x.transpose()); }) ==
          "diffusion::q_sample: eps has as many elements as x_0, but another shape");
  REQUIRE(message([&] { q_sample(level, x, x, into(out)); }) ==
          "diffusion::q_sample: out has as many elements as x_0, but another shape");
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows(3, 2);
  rows.setZero();
  REQUIRE(message([&] { q_sample(level, x, x, into(rows)); }) ==
          "diffusion::q_sample: out has as many elements as x_0, but another storage order");
  REQUIRE(message([&] { q_sample(level, x, x, into(wide.topRows(3))); }) ==
          "diffusion::into: out is a block whose elements are not contiguous");
  REQUIRE(message([&] { q_sample(level, x, x, into(wide)); }) ==
          "diffusion::q_sample: out has 10 elements, expected 6, as x_0");
  REQUIRE((out.isZero() && wide.isZero() && rows.isZero()));
}

TEST_CASE("empty arrays are states too", "[eigen]") {
  const Eigen::ArrayXd none(0);
  REQUIRE(q_sample(level, none, none).size() == 0);
  REQUIRE(prior_kl(level, none) == 0);
}

TEST_CASE("noise counts elements column by column in either order", "[eigen]") {
  const NormalNoise noise{.seed = 3};
  const Eigen::MatrixXf a = noise(0, Eigen::MatrixXf(5, 7));
  const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> b =
      noise(0, Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>(5, 7));
  REQUIRE(a == b);
  REQUIRE(noise(0, Eigen::MatrixXf(5, 3)) == a.leftCols(3));  // fewer samples, the same numbers
}

TEST_CASE("exact denoisers take each column for a sample of the shape of a mean", "[eigen][exact]") {
  const std::vector<Eigen::ArrayXf> means{Eigen::ArrayXf::LinSpaced(3, -1, 1), Eigen::ArrayXf::LinSpaced(3, 2, 0)};
  const GaussianMixtureDenoiser denoiser(Eigen::ArrayXd::Ones(2).eval(), means, Eigen::ArrayXd::Zero(2).eval());
  static_assert(std::same_as<decltype(denoiser), const GaussianMixtureDenoiser<Eigen::ArrayXf>>);
  static_assert(Denoiser<decltype(denoiser), Eigen::ArrayXXf> && !Denoiser<decltype(denoiser), Eigen::ArrayXXd>);
  const Eigen::ArrayXXf x = Eigen::ArrayXXf::Random(3, 4);
  const Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = x;
  const auto schedule = linear_schedule(1000);
  const std::vector<NoiseLevel<double>> levels{schedule(0), schedule(10), schedule(500), schedule(1000)};
  const Eigen::ArrayXXf estimate = denoiser(x, level), at_levels = denoiser(x, levels);
  for (int k = 0; k < 4; ++k) {
    REQUIRE((estimate.col(k) == denoiser(x.col(k), level)).all());
    REQUIRE((at_levels.col(k) == denoiser(Eigen::ArrayXf(x.col(k)), levels[std::size_t(k)])).all());
  }
  REQUIRE((denoiser(rows, level) == estimate).all());
  REQUIRE((denoiser(rows, levels) == at_levels).all());
  REQUIRE((denoiser(x + 0, level) == estimate).all());
  REQUIRE(denoiser.log_density(rows, levels) == denoiser.log_density(x, levels));
  REQUIRE(message([&] { return denoiser(Eigen::ArrayXXf::Zero(4, 3).eval(), level); }) ==
          "diffusion::GaussianMixtureDenoiser: x_t has 12 elements, expected 3, as the mean, or a batch of samples of "
          "its shape");
  // a mean of two dimensions, in either order
  const Eigen::MatrixXd mean = Eigen::MatrixXd::Random(2, 3), y = Eigen::MatrixXd::Random(2, 3);
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> y_rows = y;
  const GaussianDenoiser gaussian(mean, 0.5 * mean.cwiseAbs());
  REQUIRE(gaussian(y_rows, level) == gaussian(y, level));
  REQUIRE(gaussian.score(y_rows, level) == gaussian.score(y, level));
}

TEST_CASE("bounds of samples are those of columns, in either order", "[eigen]") {
  const Eigen::ArrayXXf x_0 = Eigen::ArrayXXf::Random(3, 4);
  const Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = x_0;
  const auto column = [](const auto& x, std::size_t k) { return Eigen::ArrayXf(x.col(Eigen::Index(k))); };
  batches::require_bounds_of_samples(x_0, 4, column);
  batches::require_bounds_of_samples(rows, 4, column);
}

TEST_CASE("steps into memory, and the loop, allocate nothing where network and noise write", "[eigen][allocations]") {
  const auto schedule = linear_schedule(100);
  const auto levels = level_grid(schedule);
  const auto require_none = [&]<class X>(const X& start) {
    const auto net = writes([](const X& x, const auto& t, Into<X&> out) {
      out.target = 0.5 * x;
      out.target *= t.signal();
    });
    const auto noise = writes([](int k, const X& x, Into<X&> out) { out.target = -0.25 * double(k) * x; });
    const auto denoiser = clip_x0(predicts_noise(net));
    const auto plan = sampling_plan(AncestralSampler{}, denoiser, levels);
    std::size_t before = 0;
    sample(plan, denoiser, start, noise, [&](const auto& p) {  // from the second step on
      if (p.step == 0) before = allocations::count();
      if (p.step == 99) REQUIRE(allocations::count() == before);
      Eigen::internal::set_is_malloc_allowed(p.step == 99);
    });
    X out = start;
    const auto s = schedule(40), t = schedule(50);
    const X x = start, y = 2 * start;
    Eigen::internal::set_is_malloc_allowed(false);
    before = allocations::count();
    q_sample(t, x, y, into(out));
    x0_from_noise(t, x, y, into(out));
    ancestral_step(s, t, x, y, x, into(out));
    ddim_step(s, t, x, y, 0.5, x, into(out));
    ddim_step(s, t, x.leftCols(1), y.leftCols(1), into(out.leftCols(1)));
    Eigen::internal::set_is_malloc_allowed(true);
    REQUIRE(allocations::count() == before);
  };
  require_none(Eigen::ArrayXd::LinSpaced(37, -2, 2).eval());
  require_none(Eigen::MatrixXd::Random(5, 7).eval());
}

TEST_CASE("samples by rows have the bits of samples by columns", "[eigen]") {
  const Eigen::MatrixXf x = Eigen::MatrixXf::Random(5, 3), y = Eigen::MatrixXf::Random(5, 3);
  const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> x_rows = x, y_rows = y;
  const auto schedule = linear_schedule(1000);
  const std::vector<NoiseLevel<double>> levels{schedule(10), schedule(500), schedule(1000)};
  REQUIRE(q_sample(levels, x_rows, y_rows) == q_sample(levels, x, y));
}

static_assert(!State<Eigen::ArrayXi>);
