#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The identities behind the formulas of the library, for all levels: computer algebra, not samples.

Every claim is left = right for all values of its symbols, by a decision procedure (is_zero). Every claim also has a
slip, which alters it by a sign, a root, an index or a term, where a source document has a mistake by that mistake, and
which must be refused: so the prover is tested too. Chapters are the pages of docs/derivations, keys in brackets those
of docs/equations.

What is proven here is mathematics, on paper; that the headers compute these formulas is what enclosures.cpp proves.
Needs SymPy 1.11 or later. Exit status 0 if all claims are proven and all slips refused.
"""
import pathlib
import sys
import tomllib

import sympy as sp

log, sqrt, half = sp.log, sp.sqrt, sp.Rational(1, 2)


def positive(names):
    return sp.symbols(names, positive=True)


def real(names):
    return sp.symbols(names, real=True)


# ---- the letters ----------------------------------------------------------------------------------------------------
# Two levels of any process, as in posterior.md: x_s = a x_0 + b eps, x_t = c x_s + sqrt(v) eps'. Every pair in order,
# but for the ends, is one choice of these four positive numbers.
a, b, c, v = positive("a b c v")
A, B = c * a, sqrt(c**2 * b**2 + v)  # signal and noise of t
SNR_s, SNR_t = a**2 / b**2, A**2 / B**2
x0, xt, variance = a * v / B**2, c * b**2 / B**2, v * b**2 / B**2  # of the posterior, as q_posterior computes them

# Two levels of DDPM. A number between 0 and 1 is 1 / (1 + p) for one p > 0, which makes all factors below positive.
p, q = positive("p q")
alpha, bar_s = 1 / (1 + q), 1 / (1 + p)  # alpha_t, alpha_bar_{t-1}
beta, noise_s = sp.factor(1 - alpha), sp.factor(1 - bar_s)
bar = alpha * bar_s  # alpha_bar_t
noise_t = sp.factor(1 - bar)
Sigma = beta * noise_s / noise_t
Sigma_printed = beta * noise_s / noise_s  # note.sigma

d, u, w, eta, sigma, gamma = positive("d u w eta sigma gamma")
m, x_0, x_s, x_t, eps, eps_s, eps_t, x_0_hat, eps_hat = real("m x_0 x_s x_t eps eps_s eps_t x_0_hat eps_hat")
mu = (sqrt(alpha) * noise_s * x_t + sqrt(bar_s) * beta * x_0) / noise_t
T = sp.Symbol("T", integer=True, positive=True)


def ddpm(expression):
    """A function of any two levels at those of DDPM."""
    return expression.subs({a: sqrt(bar_s), b: sqrt(noise_s), c: sqrt(alpha), v: beta}, simultaneous=True)


# ---- Gaussians ------------------------------------------------------------------------------------------------------
def log_normal(x, mean, variance_):
    """log N(x; mean, variance) of one element."""
    return -log(2 * sp.pi * variance_) / 2 - (x - mean)**2 / (2 * variance_)


def log_normal_vector(difference, variance_):
    """log N(x; m, variance I) in d dimensions, where x - m is a sum of factors of vectors, given by their names."""
    def inner(x, y):
        return sp.Symbol("<%s,%s>" % tuple(sorted((x, y))), real=True)
    square = sum(f * g * inner(x, y) for x, f in difference.items() for y, g in difference.items())
    return -d / 2 * log(2 * sp.pi * variance_) - square / (2 * variance_)


def mean_over(polynomial, z):
    """The expectation over z ~ N(0, 1) of a polynomial of degree two; its three moments are integrals."""
    density = sp.exp(-z**2 / 2) / sqrt(2 * sp.pi)
    coefficients = sp.Poly(sp.expand(polynomial), z).all_coeffs()[::-1]
    assert len(coefficients) <= 3
    return sum(f * sp.integrate(z**k * density, (z, -sp.oo, sp.oo)) for k, f in enumerate(coefficients))


def kl(mean_p, variance_p, mean_q, variance_q):
    """KL(N(mean_p, variance_p) || N(mean_q, variance_q)) of one element, as the integral that defines it."""
    z = sp.Symbol("z", real=True)
    x = mean_p + sqrt(variance_p) * z
    return mean_over(log_normal(x, mean_p, variance_p) - log_normal(x, mean_q, variance_q), z)


# ---- the claims -----------------------------------------------------------------------------------------------------
CHAPTERS, CLAIMS = [], []


def chapter(function):
    CHAPTERS.append(function)
    return function


def claim(keys, what, left, right, slip, altered):
    """left = right; the slip, in words, makes `altered` of right."""
    CLAIMS.append((keys.split(), what, left, right, slip, altered))


@chapter
def forward_process():
    """The forward process: steps compose, and a chain has the marginals of its levels"""
    a_1, a_2, r, e_1, e_2 = bar_s, alpha, positive("r"), *real("e_1 e_2")
    a_3 = 1 / (1 + r)
    last = sqrt(1 - a_2) * e_2
    claim("intuitions.line_4", "two steps, multiplied out", sqrt(a_2) * (sqrt(a_1) * x_0 + sqrt(1 - a_1) * e_1) + last,
          sqrt(a_1 * a_2) * x_0 + sqrt(a_2 - a_1 * a_2) * e_1 + last,
          "only the image is scaled [intuitions.only_the_image]", sqrt(a_1 * a_2) * x_0 + sqrt(1 - a_1) * e_1 + last)
    claim("intuitions.merge", "variance of the merged noise", (a_2 - a_1 * a_2) + (1 - a_2), 1 - a_1 * a_2,
          "the printed rule [intuitions.merge_by_printed_rule]", (sqrt(a_2 - a_1 * a_2) + sqrt(1 - a_2))**2)
    claim("intuitions.line_7", "x_0 in three steps", sqrt(a_3) * sqrt(a_1 * a_2), sqrt(a_1 * a_2 * a_3),
          "as printed, from x_2", sqrt(a_1 * a_2 * a_3) * sqrt(a_1 * a_2))

    # The integral over x_s of q(x_t | x_s) N(x_s; m, w): the factor that holds x_s integrates to one.
    joint = log_normal(x_t, c * x_s, v) + log_normal(x_s, m, w)
    total = v + c**2 * w
    inner = log_normal(x_s, (w * c * x_t + v * m) / total, v * w / total)
    claim("kingma2021.22", "N(x_t; c x_s, v) N(x_s; m, w) = N(x_s; ...) N(x_t; c m, v + c^2 w)", joint - inner,
          log_normal(x_t, c * m, total), "c for its square", log_normal(x_t, c * m, v + c * w))
    claim("kingma2021.22", "... of which the first factor integrates to one",
          sp.integrate(sp.exp(log_normal(x_s, m, w)), (x_s, -sp.oo, sp.oo)), 1, "two", 2)
    at_one = {c: 1, m: 0}
    claim("intuitions.sum_of_gaussians", "N(0, w) + N(0, v) is N(0, w + v)", (joint - inner).subs(at_one),
          log_normal(x_t, 0, w + v), "as printed, of the sum of the deviations",
          log_normal(x_t, 0, (sqrt(w) + sqrt(v))**2))

    r_scale, r_variance = positive("r_scale r_variance")  # x_s from a level r of variance w: r_scale x_r + ...
    total = v + c**2 * (r_variance + r_scale**2 * w)
    claim("kingma2021.22", "variance of two transitions = noise_t^2 - scale^2 noise_r^2", c**2 * r_variance + v,
          total - (c * r_scale)**2 * w, "the scale without its square", total - c * r_scale * w)
    claim("joint.marginal ho2020.4", "marginal of T = 1: variance", alpha * 0 + beta, 1 - alpha, "a root",
          sqrt(1 - alpha))
    claim("joint.marginal ho2020.4", "from T to T + 1: factor of x_0", sqrt(alpha) * sqrt(bar_s), sqrt(bar),
          "the factor of one step, as printed", sqrt(alpha))
    claim("joint.marginal ho2020.4", "from T to T + 1: variance", alpha * noise_s + beta, 1 - bar,
          "the variance of one step, as printed", beta)
    claim("ho2020.2 nichol2021.respaced", "scale^2 and variance of a step by alpha_bars", sp.Matrix([alpha, beta]),
          sp.Matrix([bar / bar_s, 1 - bar / bar_s]), "a difference of alpha_bars",
          sp.Matrix([bar / bar_s, bar_s - bar]))
    claim("note.because_betas_increase", "alpha_bar falls by beta_t alpha_bar_{t-1}", bar_s - bar, beta * bar_s,
          "alpha_bar_t", beta * bar)
    claim("intuitions.snr_falls", "SNR_s / SNR_t = 1 + v / (c b)^2, more than one", SNR_s / SNR_t, 1 + v / (c * b)**2,
          "without c", 1 + v / b**2)
    claim("intuitions.x_t_is_noise", "mean square distance of x_t and its noise",
          mean_over((sqrt(bar) * x_0 + sqrt(noise_t) * eps - eps)**2, eps),
          bar * x_0**2 + (1 - sqrt(noise_t))**2, "as if the noise were x_t", 0)


@chapter
def posterior():
    """The posterior: Bayes' rule by completing the square"""
    precision = alpha / beta + 1 / noise_s
    linear = sqrt(alpha) * x_t / beta + sqrt(bar_s) * x_0 / noise_s
    bracket = ((x_t - sqrt(alpha) * x_s)**2 / beta + (x_s - sqrt(bar_s) * x_0)**2 / noise_s
               - (x_t - sqrt(bar) * x_0)**2 / noise_t)
    claim("note.square_precision", "1 / Sigma", precision, 1 / Sigma, "as printed [note.exponent_denominator]",
          1 / Sigma_printed)
    claim("note.square_mean note.mu", "the mean is the linear factor times Sigma", Sigma * linear, mu, "alpha, no root",
          mu.subs(x_t, sqrt(alpha) * x_t))
    claim("note.square_by_powers note.exponent_constant", "the bracket by powers of x_{t-1}", bracket,
          precision * x_s**2 - 2 * linear * x_s + mu**2 / Sigma, "no constant [note.exponent_constant]",
          precision * x_s**2 - 2 * linear * x_s)
    claim("note.square_completed", "the square", bracket, (x_s - mu)**2 / Sigma, "as printed [note.sigma]",
          (x_s - mu)**2 / Sigma_printed)
    claim("note.exponent", "slope of the exponent in x_{t-1}", sp.diff(-bracket / 2, x_s), -(x_s - mu) / Sigma,
          "the bracket as printed [note.exponent_bracket]", -x_s / Sigma - 2 * mu)

    def back(x0_, xt_, variance_):
        return log_normal_vector({"x_s": 1, "x_0": -x0_, "x_t": -xt_}, variance_)

    bayes = (log_normal_vector({"x_t": 1, "x_s": -c}, v) + log_normal_vector({"x_s": 1, "x_0": -a}, b**2)
             - log_normal_vector({"x_t": 1, "x_0": -A}, B**2))
    mu_x0, mu_xt = sp.diff(mu, x_0), sp.diff(mu, x_t)
    claim("note.posterior_of_normals luo2022.84 ho2020.6 ho2020.7", "the quotient of three densities, with constants, "
          "any d", ddpm(bayes), back(mu_x0, mu_xt, Sigma), "as printed [note.posterior_normal]",
          back(mu_x0, mu_xt, Sigma_printed))
    claim("note.posterior_any_levels luo2022.bayes", "the same between any two levels", bayes, back(x0, xt, variance),
          "the factors of x_0 and x_t exchanged", back(xt, x0, variance))
    claim("note.posterior_any_levels", "precisions add", 1 / variance, 1 / b**2 + c**2 / v, "c for its square",
          1 / b**2 + c / v)
    share = 1 - SNR_t / SNR_s
    claim("kingma2021.24 kingma2021.32", "variance = noise_s^2 (1 - SNR_t / SNR_s)", variance, b**2 * share,
          "the quotient upside down", b**2 * (1 - SNR_s / SNR_t))
    claim("kingma2021.22 kingma2021.25", "transition and mean by SNRs, as formulas.hpp has them",
          sp.Matrix([v, x0, xt]), sp.Matrix([B**2 * share, a * share, SNR_t / SNR_s / c]), "noise_s^2",
          sp.Matrix([b**2 * share, a * share, SNR_t / SNR_s / c]))
    claim("note.z_makes_it_normal", "back to the marginal: the mean", x0 + xt * A, a, "without x_0", xt * A)
    claim("note.z_makes_it_normal", "back to the marginal: the variance", xt**2 * B**2 + variance, b**2,
          "the deviation", b)
    claim("joint.forward_joint", "Cov(x_s, x_t) by the posterior and by the transition", xt * B**2, c * b**2,
          "the transition's variance", c * v)
    claim("note.draw", "variance of mu + sqrt(Sigma) z", mean_over((sqrt(Sigma) * eps)**2, eps), Sigma,
          "Sigma z, as printed", mean_over((Sigma * eps)**2, eps))
    w_s = a**2 * u + b**2  # variance of x_s for data of variance u
    w_t = c**2 * w_s + v
    claim("note.only_the_mean_is_sought note.same_as_12_to_14", "Var(x_s | x_t) for Gaussian data", v * w_s / w_t,
          variance + x0**2 * u * B**2 / w_t, "Sigma, as printed", variance)
    ends = sp.Matrix([x0, xt, variance])
    claim("note.posterior_ends", "s clean: the point x_0", ends.subs(b, 0), sp.Matrix([a, 0, 0]), "x_t",
          sp.Matrix([0, 1 / c, 0]))
    claim("note.posterior_ends", "t pure noise: q(x_s | x_0)", ends.subs(c, 0), sp.Matrix([a, 0, b**2]), "x_0",
          sp.Matrix([a, 0, 0]))


@chapter
def noise_form():
    """The mean by the noise, by v and by the score; what a network predicts"""
    noised = sqrt(bar) * x_0 + sqrt(noise_t) * eps
    by_noise = (x_t - sqrt(noise_t) * eps) / sqrt(bar)
    mean = mu.subs(x_0, by_noise)
    claim("note.x0_from_noise ho2020.15", "x_0 from x_t and the noise", by_noise.subs(x_t, noised), x_0,
          "by the noise form of the mean [note.noise_gives_x0]",
          ((x_t - beta / sqrt(noise_t) * eps) / sqrt(alpha)).subs(x_t, noised))
    root, both = sqrt(alpha) * noise_t, x_t - sqrt(noise_t) * eps
    claim("note.mean_x0_inserted", "the mean, line 1", mean,
          (sqrt(alpha) * noise_s * x_t + sqrt(bar_s) * beta / sqrt(bar) * both) / noise_t, "a root of alpha_bar lost",
          (sqrt(alpha) * noise_s * x_t + sqrt(bar_s) * beta / bar * both) / noise_t)
    claim("note.mean_common_root", "the mean, line 2", mean, (alpha * noise_s * x_t + beta * both) / root,
          "the root of alpha twice", (sqrt(alpha) * noise_s * x_t + beta * both) / root)
    claim("note.mean_split", "the mean, line 3", mean,
          ((alpha - bar) * x_t + beta * x_t) / root - beta * sqrt(noise_t) * eps / root, "alpha_bar_{t-1}",
          ((alpha - bar_s) * x_t + beta * x_t) / root - beta * sqrt(noise_t) * eps / root)
    claim("note.mean_sorted", "the mean, line 4", mean,
          (alpha * x_t - bar * x_t + x_t - alpha * x_t) / root - beta * eps / (sqrt(alpha) * sqrt(noise_t)),
          "a sign", (alpha * x_t + bar * x_t + x_t - alpha * x_t) / root - beta * eps / (sqrt(alpha) * sqrt(noise_t)))
    claim("note.mean_by_noise ho2020.11 luo2022.mean_by_noise", "the mean by the noise", mean,
          (x_t - beta / sqrt(noise_t) * eps) / sqrt(alpha), "all noise is subtracted "
          "[note.predicted_noise_is_subtracted]", (x_t - sqrt(noise_t) * eps) / sqrt(alpha))
    velocity, score = sqrt(bar) * eps - sqrt(noise_t) * x_0, (sqrt(bar) * x_0 - x_t) / noise_t
    claim("note.mean_by_v", "the mean by v", mu.subs(x_t, noised),
          sqrt(alpha) * noised - sqrt(bar_s) * beta / sqrt(noise_t) * velocity, "the sign of v",
          sqrt(alpha) * noised + sqrt(bar_s) * beta / sqrt(noise_t) * velocity)
    claim("note.mean_by_score luo2022.mean_by_score", "the mean by the score", mu, (x_t + beta * score) / sqrt(alpha),
          "1 - alpha_bar", (x_t + noise_t * score) / sqrt(alpha))
    claim("luo2022.151", "the score of q(x_t | x_0) is -noise / sqrt(1 - alpha_bar)",
          sp.diff(log_normal(x_t, sqrt(bar) * x_0, noise_t), x_t).subs(x_t, noised), -eps / sqrt(noise_t), "no root",
          -eps / noise_t)

    # Between any two levels.
    any_mean = x0 * (x_t - B * eps) / A + xt * x_t
    claim("kingma2021.28", "the mean by the noise, as q_posterior_from_noise has it", any_mean,
          x_t / c - v / (c * B) * eps, "noise_t^2", x_t / c - v / (c * B**2) * eps)
    claim("kingma2021.25", "the mean by the score", x0 * x_0 + xt * x_t, (x_t + v * (A * x_0 - x_t) / B**2) / c,
          "noise_t", (x_t + v * (A * x_0 - x_t) / B) / c)
    claim("kingma2021.33", "the mean by log-SNRs", any_mean, a / A * (x_t - B * (1 - SNR_t / SNR_s) * eps),
          "the quotient upside down", a / A * (x_t - B * (1 - SNR_s / SNR_t) * eps))
    claim("note.epsilon_of_all_steps note.noise_of_step_t", "the noise in x_t, from those of the steps",
          c * (a * x_0 + b * eps_s) + sqrt(v) * eps_t, A * x_0 + B * (c * b * eps_s + sqrt(v) * eps_t) / B,
          "the noise of step t, as printed", A * x_0 + B * eps_t)
    w_t = A**2 * u + B**2  # variance of x_t for data N(m, u)
    noise_given = B * (x_t - A * m) / w_t
    claim("note.algorithm2_mean", "the mean by E[eps | x_t] is E[x_s | x_t], for data N(m, u)",
          any_mean.subs(eps, noise_given), a * m + c * (a**2 * u + b**2) / w_t * (x_t - A * m),
          "the noise itself, as printed", any_mean)
    claim("note.noise_is_predicted", "noise_t^2 Var(eps | x_t) = signal_t^2 Var(x_0 | x_t)", B**2 * (1 - B**2 / w_t),
          A**2 * u * B**2 / w_t, "the noise is found, as printed", 0)

    # Each prediction by (x_0, eps); then x_0 and eps by (x_t, prediction), with the coefficients of conversions.hpp.
    total = A**2 + B**2
    for keys, name, row, to_x0, to_eps in (
            ("ho2020.15 kingma2021.29", "eps", [0, 1], [1 / A, -B / A], [0, 1]),
            ("salimans2022.x_by_v salimans2022.noise_by_v", "v", [-B, A], [A / total, -B / total],
             [B / total, A / total]),
            ("luo2022.tweedie kingma2021.30", "score", [0, -1 / B], [1 / A, B**2 / A], [0, -B]),
            ("kingma2021.10", "x_0", [1, 0], [0, 1], [1 / B, -A / B])):
        there, back = sp.Matrix([[A, B], row]), sp.Matrix([to_x0, to_eps])
        claim(keys, f"(x_0, eps) to (x_t, {name}) and back, any level", back * there, sp.eye(2), "a sign",
              sp.diag(1, -1))

    # An error of x_0 by those of the noise and of v, at one x_t and variance preserving; w is min(SNR, gamma).
    ratio = bar / noise_t
    error = (x_0 - x_0_hat)**2
    noise_error, v_error = error * bar / noise_t, error / noise_t
    noise_of = [(x_t - sqrt(bar) * x) / sqrt(noise_t) for x in (x_0, x_0_hat)]
    v_of = [(sqrt(bar) * x_t - x) / sqrt(noise_t) for x in (x_0, x_0_hat)]
    claim("salimans2022.snr_weight", "an error of the noise is SNR times that of x_0", (noise_of[0] - noise_of[1])**2,
          ratio * error, "1 / SNR", error / ratio)
    claim("salimans2022.x_by_v", "an error of v is SNR + 1 times that of x_0", (v_of[0] - v_of[1])**2,
          (ratio + 1) * error, "SNR", ratio * error)
    claim("hang2023.min_snr", "the weights on x_0, noise and v are one objective", sp.Matrix([w * error, w * error]),
          sp.Matrix([w / ratio * noise_error, w / (ratio + 1) * v_error]), "the weight of the noise on v",
          sp.Matrix([w / ratio * noise_error, w / ratio * v_error]))


@chapter
def elbo():
    """The variational bound: divergences of Gaussians, and telescoping sums by induction"""
    r = w / u
    divergence = kl(m, w, x_0, u)
    claim("kingma2013.kl note.elbo_step_constant", "KL of two Gaussians, by its integral", divergence,
          (r - 1 - log(r)) / 2 + (m - x_0)**2 / (2 * u), "the sign of the logarithm",
          (r - 1 + log(r)) / 2 + (m - x_0)**2 / (2 * u))
    claim("ho2020.8", "... of equal variance", divergence.subs(w, u), (m - x_0)**2 / (2 * u), "no square",
          (m - x_0) / (2 * u))
    claim("note.elbo_prior ho2020.5", "the prior term", kl(sqrt(bar) * x_0, noise_t, 0, 1),
          (bar * x_0**2 - bar - log(noise_t)) / 2, "log of the deviation",
          (bar * x_0**2 - bar - log(sqrt(noise_t))) / 2)
    means = [x0 * x + xt * x_t for x in (x_0, x_0_hat)]
    claim("kingma2021.13 luo2022.snr_difference", "KL of two posteriors = (SNR_s - SNR_t) / 2 |x_0 - x_0_hat|^2",
          kl(means[0], variance, means[1], variance), (SNR_s - SNR_t) / 2 * (x_0 - x_0_hat)**2, "a sign",
          (SNR_t - SNR_s) / 2 * (x_0 - x_0_hat)**2)
    claim("luo2022.99", "... as denoising_kl weighs it", a**2 * v / (B**2 * b**2), SNR_s - SNR_t, "roots",
          sqrt(SNR_s) - sqrt(SNR_t))
    gap = (mu - mu.subs(x_0, x_0_hat))**2
    claim("note.elbo_denoising luo2022.99", "the denoising term of DDPM", gap / (2 * Sigma),
          (bar_s / noise_s - bar / noise_t) / 2 * (x_0 - x_0_hat)**2, "Sigma as printed [note.sigma]",
          gap / (2 * Sigma_printed))
    by_noise = [(x_t - beta / sqrt(noise_t) * e) / sqrt(alpha) for e in (eps, eps_hat)]
    weight = beta**2 / (2 * sigma**2 * alpha * noise_t)
    claim("note.elbo_weight_by_noise ho2020.12 luo2022.loss_by_noise", "... by the noise, any reverse variance",
          (by_noise[0] - by_noise[1])**2 / (2 * sigma**2), weight * (eps - eps_hat)**2, "without alpha",
          weight * alpha * (eps - eps_hat)**2)
    claim("kingma2021.14", "... for the posterior's: SNR_{t-1} / SNR_t - 1", beta**2 / (Sigma * alpha * noise_t),
          bar_s / noise_s / (bar / noise_t) - 1, "the quotient upside down", 1 - bar / noise_t / (bar_s / noise_s))

    f, forward, back, marginal, model, prior, steps = map(
        sp.Function, ("SNR", "log_q_step", "log_q_back", "log_q", "log_p_step", "log_p_end", "sum_of_steps"))
    claim("note.elbo_weights_telescope", "sum of SNR_{t-1} - SNR_t over t = 2..T, from T to T + 1",
          (f(1) - f(T)) + (f(T) - f(T + 1)), f(1) - f(T + 1), "an index", f(1) - f(T))

    def bayes_rule(t):  # log q(x_t | x_{t-1}), by the chapter on the posterior, for t >= 2
        return back(t) + marginal(t) - marginal(t - 1)

    claim("note.elbo_telescope", "q(x_1 | x_0) and the quotients of marginals over t = 2..T, from T to T + 1",
          marginal(T) + (marginal(T + 1) - marginal(T)), marginal(T + 1), "an index", marginal(T))

    # log p(x_{0:T}) - log q(x_{1:T} | x_0) = head(T) + the sum of log_p_step(t) - log_q_back(t) over t = 2..T.
    def head(t):
        return model(1) + prior(t) - marginal(t)

    claim("note.elbo_regrouped ho2020.elbo", "the bound on every path, T = 1", prior(1) + model(1) - forward(1),
          head(1).subs(marginal(1), forward(1)), "a sign", head(1).subs(marginal(1), -forward(1)))
    # A step more: the end moves from x_T to x_{T+1}, and there are a model's and a forward step more.
    claim("note.elbo_regrouped note.elbo_bayes ho2020.elbo", "... from T to T + 1",
          head(T) - prior(T) + prior(T + 1) + model(T + 1) - bayes_rule(T + 1),
          head(T + 1) + model(T + 1) - back(T + 1), "an index", head(T + 1) + model(T + 1) - back(T))
    # log q(x_{0:T}) - log p(x_{0:T}) is minus_bound(T) + log q(x_0), which is its definition for T = 1.
    data = real("log_q_0")

    def minus_bound(t):  # steps(t): the sum of log_q_step - log_p_step over 1..t
        return steps(t) - prior(t)

    claim("joint.kl_ii yang2022.joint_kl", "the divergence of the joints on every path, from T to T + 1",
          minus_bound(T) + data + prior(T) - prior(T + 1) + forward(T + 1) - model(T + 1),
          minus_bound(T + 1).subs(steps(T + 1), steps(T) + forward(T + 1) - model(T + 1)) + data,
          "the constant of (i) [joint.one_constant]",
          minus_bound(T + 1).subs(steps(T + 1), steps(T) + forward(T + 1) - model(T + 1)) + data + forward(T + 1))


@chapter
def joint_kl():
    """The divergence of the joints in closed form: data N(m, u), reverse steps N(g x_t + k, sigma^2), per element"""
    g, k, z, y = real("g k z y")
    w_s = a**2 * u + b**2
    w_t = c**2 * w_s + v
    miss = x_s - g * x_t - k  # with x_s = a m + sqrt(w_s) z and x_t = c x_s + sqrt(v) y
    there = {x_s: a * m + sqrt(w_s) * z, x_t: c * (a * m + sqrt(w_s) * z) + sqrt(v) * y}
    r = a * m - g * A * m - k
    spread = (1 - g * c)**2 * w_s + g**2 * v
    claim("ho2020.3", "the cross entropy of a step", mean_over(mean_over((miss**2).subs(there), y), z), spread + r**2,
          "the noise is forgotten", (1 - g * c)**2 * w_s + r**2)
    claim("yang2022.joint_kl", "its part by the best slope c w_s / w_t", spread,
          (c * w_s / w_t - g)**2 * w_t + v * w_s / w_t, "the slope c", (c - g)**2 * w_t + v * w_s / w_t)
    rho = v * w_s / (w_t * sigma**2)
    cross = log(2 * sp.pi * sigma**2) / 2 + (spread + r**2) / (2 * sigma**2)
    entropy = log(2 * sp.pi * v * w_s / w_t) / 2 + half
    claim("yang2022.joint_kl", "cross entropy - entropy of x_s given x_t", cross - entropy,
          (rho - 1 - log(rho)) / 2 + ((c * w_s / w_t - g)**2 * w_t + r**2) / (2 * sigma**2), "rho upside down",
          (1 / rho - 1 + log(rho)) / 2 + ((c * w_s / w_t - g)**2 * w_t + r**2) / (2 * sigma**2))
    claim("joint.kl_i joint.kl_ii", "entropies: (x_s | x_t) + x_t = x_s + (x_t | x_s)", log(v * w_s / w_t) + log(w_t),
          log(w_s) + log(v), "a sign", log(w_s) - log(v))
    exact = sp.Matrix([ddpm(x0 * A + xt), ddpm(variance + x0**2 * B**2)])  # as E[x_0 | x_t] = A x_t, of variance B^2
    claim("joint.reverses", "data N(0, 1), variance preserving: the exact step back is N(sqrt(alpha) x_t, beta)", exact,
          sp.Matrix([sqrt(alpha), beta]), "the posterior's variance", sp.Matrix([sqrt(alpha), Sigma]))


@chapter
def ddim():
    """DDIM: every eta keeps the marginals, between any two levels"""
    deviation = eta * sqrt(variance)

    def step(deviation_):
        factor = sqrt(sp.factor(b**2 - deviation_**2)) / B
        return a - factor * A, factor

    x0_, xt_ = step(deviation)
    claim("ddim2020.lemma1 ddim2020.7", "the mean of the marginal", x0_ + xt_ * A, a, "signal_t", A)
    claim("ddim2020.lemma1 ddim2020.7", "the variance of the marginal", xt_**2 * B**2 + deviation**2, b**2, "noise_t^2",
          B**2)
    x0_, xt_ = step(sqrt(variance))
    claim("ddim2020.16 ho2020.7", "eta = 1 is ancestral: x_t, by the squares of positive factors", xt_**2, xt**2, "x_0",
          x0**2)
    claim("ddim2020.16 ho2020.7", "eta = 1 is ancestral: x_0", a - xt * A, x0, "no signal_t", a - xt)
    x0_, xt_ = step(0)
    claim("ddim2020.12", "eta = 0 keeps the noise of x_t", x0_ * x_0 + xt_ * (A * x_0 + B * eps), a * x_0 + b * eps,
          "noise_t", a * x_0 + B * eps)
    claim("ddim2020.13", "eta = 0 is an Euler step in x / signal", (x0_ * (x_t - B * eps) / A + xt_ * x_t) / a,
          x_t / A + (b / a - B / A) * eps, "a sign", x_t / A + (b / a + B / A) * eps)


# ---- the prover -----------------------------------------------------------------------------------------------------
def is_root(expression):
    return expression.is_Pow and expression.exp.is_Rational and expression.exp.q == 2


def is_zero(expression):
    """True only if the expression is zero for all values of its symbols: logarithms become sums of logarithms of
    factors, and then letters; each root w = sqrt(r) is a letter with w^2 = r; what is left, a rational function, has
    numerator zero."""
    if isinstance(expression, sp.MatrixBase):
        return all(is_zero(e) for e in expression)
    expression = sp.sympify(expression).replace(
        lambda e: isinstance(e, log), lambda e: sp.expand_log(log(sp.factor(sp.together(e.args[0])))))
    expression = expression.xreplace({e: sp.Dummy() for e in expression.atoms(log)})
    return is_zero_with_roots(expression.replace(is_root, lambda e: sp.factor(e.base)**e.exp))


def is_zero_with_roots(expression):
    radicands = {e.base for e in expression.atoms(sp.Pow) if is_root(e)}
    if not radicands:
        return sp.expand(sp.numer(sp.together(expression))) == 0
    radicand = max(radicands, key=lambda r: (r.count_ops(), str(r)))  # an outermost one
    root = sp.Dummy()
    expression = expression.replace(lambda e: is_root(e) and e.base == radicand, lambda e: root**(2 * e.exp))
    parts = [sp.Integer(0)] * 2  # the numerator is parts[0] + parts[1] w
    for power, coefficient in enumerate(sp.Poly(sp.numer(sp.together(expression)), root).all_coeffs()[::-1]):
        parts[power % 2] += coefficient * radicand**(power // 2)
    return all(is_zero_with_roots(part) for part in parts)


def size_at_a_point(expression):
    """The size of the expression where every symbol has another value."""
    expression = sp.Matrix([expression])
    atoms = sorted(expression.atoms(sp.core.function.AppliedUndef) | expression.free_symbols, key=str)
    point = {x: sp.Rational(prime, 1009) for x, prime in zip(atoms, sp.primerange(100, 1000))}
    return max(abs(e.subs(point, simultaneous=True).evalf(30)) for e in expression)


def main():
    registry = pathlib.Path(__file__).resolve().parent.parent / "docs/equations"
    known = {e["key"] for path in registry.glob("*.toml") for e in tomllib.loads(path.read_text())["equation"]}
    failures, count = [], 0
    for prove in CHAPTERS:
        print(f"\n{prove.__doc__}")
        CLAIMS.clear()
        prove()
        for keys, what, left, right, slip, altered in CLAIMS:
            proven = is_zero(left - right) and size_at_a_point(left - right) < 1e-20
            refused = not is_zero(left - altered) and size_at_a_point(left - altered) > 1e-9
            verdict = "NOT PROVEN" if not proven else "SLIP NOT REFUSED" if not refused else "proven"
            print(f"  {verdict}  {' '.join(f'[{k}]' for k in keys)} {what}; refused: {slip}")
            failures += [f"{what}: {verdict}"] if verdict != "proven" else []
            failures += [f"{what}: {k} is not in the registry" for k in keys if k not in known]
            count += 1
    print("\n" + ("\n".join(failures) or f"{count} identities proven, and a slip in each refused"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
