#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the polynomial coefficients of random/box_muller.hpp and of numerics/vector_math.hpp, both in include/diffusion.

It needs Debian's python3-mpmath.

Each is the polynomial of its degree that interpolates the function in Chebyshev points with 60 digits, rounded to the
type; the error that is left, relative to the whole function, is printed beside it.
"""
from mpmath import mp, mpf, matrix, lu_solve, cos, sin, pi, exp, log, sqrt, atanh, erfc, nstr
import struct

mp.dps = 60


def fit(function, low, high, degree):
    n = degree + 1
    points = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    return lu_solve(matrix([[x**j for j in range(n)] for x in points]), matrix([function(x) for x in points]))


def to_float(x):
    return struct.unpack("f", struct.pack("f", float(x)))[0]


def show(name, function, low, high, degree, rounded, whole):
    coefficients = [rounded(c) for c in fit(function, mpf(low), mpf(high), degree)]
    error = max(abs(whole(x, sum(mpf(c) * x**j for j, c in enumerate(coefficients))))
                for x in (low + (high - low) * mpf(k) / 1000 for k in range(1, 1000)))
    print(f"{name}: relative error {nstr(error, 3)} = 2^{nstr(log(error, 2), 4)}")
    print("  {" + ", ".join(c.hex() for c in coefficients) + "}")


def relative(approximation, truth):
    return approximation / truth - 1 if truth != 0 else mpf(0)


def log1p_tail(x):  # log(1 + x) = x - x^2 / 2 + x^3 tail(x)
    return (log(1 + x) - x + x * x / 2) / x**3 if abs(x) > mpf(10)**-15 else mpf(1) / 3 - x / 4


def atanh_tail(z):  # 2 artanh(s) = 2 s + s^3 tail(s^2)
    s = sqrt(z)
    return (2 * atanh(s) - 2 * s) / s**3 if z > mpf(10)**-25 else mpf(2) / 3 + 2 * z / 5


def sine(z):  # sin(pi t / 2) = t sine(t^2)
    return sin(pi * sqrt(z) / 2) / sqrt(z) if z > 0 else pi / 2


def cosine(z):
    return cos(pi * sqrt(z) / 2)


def exp_tail(r):  # exp(r) = 1 + r + r^2 tail(r)
    return (exp(r) - 1 - r) / r**2 if abs(r) > mpf(10)**-15 else mpf(1) / 2 + r / 6


def scaled_mills_ratio(t):  # (x + 4) (1 - Phi(x)) / phi(x) at x = 4 (1 + t) / (1 - t)
    x = 4 * (1 + t) / (1 - t)
    return (x + 4) * sqrt(pi / 2) * exp(x * x / 2) * erfc(x / sqrt(mpf(2)))


if __name__ == "__main__":
    low, high = sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1
    s_max = (high / (2 + high))**2
    show("float log1p", log1p_tail, low, high, 7, to_float,
         lambda x, p: relative(x - x * x / 2 + x**3 * p, log(1 + x)))
    show("float sine", sine, mpf(0), mpf(1) / 4, 3, to_float, lambda z, p: relative(p, sine(z)))
    show("float cosine", cosine, mpf(0), mpf(1) / 4, 4, to_float, lambda z, p: relative(p, cosine(z)))
    show("double artanh", atanh_tail, mpf(0), s_max, 7, float,
         lambda z, p: relative(2 * sqrt(z) + sqrt(z)**3 * p, 2 * atanh(sqrt(z))))
    show("double sine", sine, mpf(0), mpf(1) / 4, 7, float, lambda z, p: relative(p, sine(z)))
    show("double cosine", cosine, mpf(0), mpf(1) / 4, 8, float, lambda z, p: relative(p, cosine(z)))
    show("double Mills' ratio", scaled_mills_ratio, mpf(-1), mpf(1), 24, float,
         lambda t, p: relative(p, scaled_mills_ratio(t)))
    half = log(mpf(2)) / 2
    show("float exp", exp_tail, -half, half, 4, to_float, lambda r, p: relative(p, exp_tail(r)))
    show("double exp", exp_tail, -half, half, 10, float, lambda r, p: relative(p, exp_tail(r)))
    show("float artanh", atanh_tail, mpf(0), s_max, 2, to_float,
         lambda z, p: relative(2 * sqrt(z) + sqrt(z)**3 * p, 2 * atanh(sqrt(z))))
    show("float Mills' ratio", scaled_mills_ratio, mpf(-1), mpf(1), 9, to_float,
         lambda t, p: relative(p, scaled_mills_ratio(t)))
