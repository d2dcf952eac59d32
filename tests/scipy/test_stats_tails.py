"""Tails of distributions against mpmath: small probabilities, logarithms that underflow or are near 0, extreme parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
from functrans.scipy import stats

mp.mp.dps = 60


def normal(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def normal_mass(a: Any, b: Any) -> Any:
    return normal(-a) - normal(-b) if a > 0 else normal(b) - normal(a)


def normal_quantile(q: Any) -> Any:
    return mp.findroot(lambda y: mp.log(normal(y)) - mp.log(q), -mp.sqrt(-2 * mp.log(q)))


def upper(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, regularized=True)


def lower(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def left_beta(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def log_t(y: Any, df: Any) -> Any:
    return mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2 - (df + 1) / 2 * mp.log1p(y * y / df)


def log_binomial(k: Any, n: Any, p: Any) -> Any:
    return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1) + k * mp.log(p) + (n - k) * mp.log1p(-p)


def cauchy_left(y: Any) -> Any:
    return mp.atan2(1, -y) / mp.pi


def gumbel_right(y: Any) -> Any:
    return -mp.expm1(-mp.exp(-y))


ROWS: list[tuple[str, tuple[float, ...], Callable[..., Any]]] = [
    ("norm.cdf", (-30.0,), normal),
    ("norm.cdf", (-5.5,), normal),
    ("norm.sf", (30.0,), lambda y: normal(-y)),
    ("norm.logcdf", (-1e3,), lambda y: mp.log(normal(y))),
    ("norm.logcdf", (-19.0,), lambda y: mp.log(normal(y))),
    ("norm.logcdf", (25.0,), lambda y: mp.log1p(-normal(-y))),
    ("norm.logsf", (1e3,), lambda y: mp.log(normal(-y))),
    ("norm.logsf", (-25.0,), lambda y: mp.log1p(-normal(y))),
    ("norm.ppf", (1e-300,), normal_quantile),
    ("norm.ppf", (1e-6,), normal_quantile),
    ("norm.isf", (1e-300,), lambda q: -normal_quantile(q)),
    ("cauchy.logpdf", (1e200,), lambda y: -mp.log(mp.pi) - mp.log1p(y * y)),
    ("cauchy.cdf", (-1e20,), cauchy_left),
    ("cauchy.sf", (1e20,), lambda y: cauchy_left(-y)),
    ("cauchy.logcdf", (1e20,), lambda y: mp.log1p(-cauchy_left(-y))),
    ("cauchy.logsf", (1e20,), lambda y: mp.log(cauchy_left(-y))),
    ("cauchy.ppf", (1e-30,), lambda q: -1 / mp.tan(mp.pi * q)),
    ("cauchy.ppf", (0.5 + 2.0**-40,), lambda q: mp.tan(mp.pi * (q - 0.5))),
    ("cauchy.isf", (1e-30,), lambda q: 1 / mp.tan(mp.pi * q)),
    ("laplace.cdf", (-700.0,), lambda y: mp.exp(y) / 2),
    ("logistic.logpdf", (800.0,), lambda y: -y - 2 * mp.log1p(mp.exp(-y))),
    ("logistic.cdf", (-700.0,), lambda y: 1 / (1 + mp.exp(-y))),
    ("logistic.sf", (700.0,), lambda y: 1 / (1 + mp.exp(y))),
    ("logistic.ppf", (1e-300,), lambda q: mp.log(q) - mp.log1p(-q)),
    ("logistic.isf", (0.5 + 2.0**-40,), lambda q: mp.log1p(-q) - mp.log(q)),
    ("gumbel_r.sf", (60.0,), gumbel_right),
    ("gumbel_r.logsf", (2000.0,), lambda y: -y),
    ("gumbel_r.logsf", (29.0,), lambda y: mp.log(gumbel_right(y))),
    ("gumbel_r.logsf", (-3.0,), lambda y: mp.log(gumbel_right(y))),
    ("gumbel_r.ppf", (1e-300,), lambda q: -mp.log(-mp.log(q))),
    ("gumbel_l.cdf", (-60.0,), lambda y: gumbel_right(-y)),
    ("gumbel_l.logcdf", (-2000.0,), lambda y: y),
    ("gumbel_l.ppf", (1e-300,), lambda q: mp.log(-mp.log1p(-q))),
    ("expon.cdf", (1e-30,), lambda y: -mp.expm1(-y)),
    ("expon.logcdf", (1e-30,), lambda y: mp.log(-mp.expm1(-y))),
    ("expon.logcdf", (100.0,), lambda y: mp.log1p(-mp.exp(-y))),
    ("expon.logsf", (1e4,), lambda y: -y),
    ("expon.ppf", (1e-30,), lambda q: -mp.log1p(-q)),
    ("pareto.sf", (1e20, 3.0), lambda y, b: y**-b),
    ("pareto.logcdf", (1e20, 3.0), lambda y, b: mp.log1p(-y**-b)),
    ("pareto.logsf", (1e20, 300.0), lambda y, b: -b * mp.log(y)),
    ("pareto.ppf", (1e-12, 3.0), lambda q, b: (1 - q) ** (-1 / b)),
    ("gamma.cdf", (1e-20, 2.5), lambda y, a: lower(a, y)),
    ("gamma.sf", (300.0, 2.5), lambda y, a: upper(a, y)),
    ("gamma.logcdf", (300.0, 2.5), lambda y, a: mp.log1p(-upper(a, y))),
    ("gamma.logcdf", (1e-20, 2.5), lambda y, a: mp.log(lower(a, y))),
    ("gamma.logsf", (300.0, 2.5), lambda y, a: mp.log(upper(a, y))),
    ("gamma.logsf", (1e-10, 2.5), lambda y, a: mp.log1p(-lower(a, y))),
    ("chi2.logsf", (600.0, 5.0), lambda y, df: mp.log(upper(df / 2, y / 2))),
    ("chi2.logcdf", (600.0, 5.0), lambda y, df: mp.log1p(-upper(df / 2, y / 2))),
    ("beta.cdf", (1e-30, 2.5, 0.5), lambda y, a, b: left_beta(a, b, y)),
    ("beta.sf", (1 - 2.0**-30, 0.5, 2.5), lambda y, a, b: left_beta(b, a, 1 - y)),
    ("beta.logcdf", (0.9, 2.0, 50.0), lambda y, a, b: mp.log1p(-left_beta(b, a, 1 - y))),
    ("beta.logcdf", (1e-30, 2.5, 0.5), lambda y, a, b: mp.log(left_beta(a, b, y))),
    ("beta.logsf", (0.9, 2.0, 50.0), lambda y, a, b: mp.log(left_beta(b, a, 1 - y))),
    ("beta.logsf", (1e-5, 2.0, 5.0), lambda y, a, b: mp.log1p(-left_beta(a, b, y))),
    ("beta.logpdf", (1e-9, 0.5, 1e8), lambda y, a, b: (a - 1) * mp.log(y) + (b - 1) * mp.log1p(-y) - mp.log(mp.beta(a, b))),
    ("t.logpdf", (1e200, 3.0), log_t),
    ("t.logpdf", (1.5, 1e9), log_t),
    ("t.logpdf", (1.5, 1e-3), log_t),
    ("gennorm.cdf", (-30.0, 1.5), lambda y, beta: upper(1 / beta, abs(y) ** beta) / 2),
    ("truncnorm.logpdf", (40.5, 40.0, 41.0), lambda y, a, b: mp.log(mp.npdf(y) / normal_mass(a, b))),
    ("truncnorm.logpdf", (-40.5, -41.0, -40.0), lambda y, a, b: mp.log(mp.npdf(y) / normal_mass(a, b))),
    ("truncnorm.logpdf", (0.0, -1e-9, 1e-9), lambda y, a, b: mp.log(mp.npdf(y) / normal_mass(a, b))),
    ("truncnorm.cdf", (20.001, 20.0, mp.inf), lambda y, a, b: normal_mass(a, y) / normal(-a)),
    ("truncnorm.sf", (25.0, 20.0, mp.inf), lambda y, a, b: normal(-y) / normal(-a)),
    ("truncnorm.logcdf", (3.0, -10.0, 10.0), lambda y, a, b: mp.log1p(-normal_mass(y, b) / normal_mass(a, b))),
    ("truncnorm.logsf", (9.0, -10.0, 10.0), lambda y, a, b: mp.log(normal_mass(y, b) / normal_mass(a, b))),
    ("vonmises.logpdf", (1e-4, 1e6), lambda y, k: k * mp.cos(y) - mp.log(2 * mp.pi * mp.besseli(0, k))),
    ("wrapcauchy.logpdf", (1e-7, 1 - 2.0**-20), lambda y, c: mp.log((1 - c * c) / (2 * mp.pi * (1 + c * c - 2 * c * mp.cos(y))))),
    ("poisson.cdf", (3.0, 200.0), lambda k, mu: upper(k + 1, mu)),
    ("binom.logpmf", (3.0, 1e9, 1e-9), log_binomial),
    ("nbinom.logpmf", (0.0, 1e7, 0.9999999), lambda k, n, p: n * mp.log(p)),
    ("geom.logpmf", (1e8, 1e-9), lambda k, p: (k - 1) * mp.log1p(-p) + mp.log(p)),
]


@pytest.mark.parametrize(("name", "args", "exact"), ROWS, ids=[f"{r[0]}-{r[1][0]:g}" for r in ROWS])
def test_tails(name: str, args: tuple[float, ...], exact: Callable[..., Any]) -> None:
    distribution, method = name.split(".")
    want = float(exact(*map(mp.mpf, args)))
    with ft.disable_jit():
        got = getattr(getattr(stats, distribution), method)(*map(float, args))
    np.testing.assert_allclose(got, want, rtol=3e-12)


def log_beta_density(y: Any, a: Any, b: Any) -> Any:
    return (a - 1) * mp.log(y) + (b - 1) * mp.log1p(-y) + mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b)


def log_nbinom(k: Any, n: Any, p: Any) -> Any:
    return mp.loggamma(k + n) - mp.loggamma(k + 1) - mp.loggamma(n) + n * mp.log(p) + k * mp.log1p(-p)


def log_poisson(k: Any, mu: Any) -> Any:
    return k * mp.log(mu) - mu - mp.loggamma(k + 1)


def log_gamma_density(y: Any, a: Any) -> Any:
    return (a - 1) * mp.log(y) - y - mp.loggamma(a)


def log_betabinom(k: Any, n: Any, a: Any, b: Any) -> Any:
    choices = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
    return choices + sum(s * mp.loggamma(v) for v, s in ((k + a, 1), (n - k + b, 1), (n + a + b, -1), (a, -1), (b, -1), (a + b, 1)))


LARGE: list[tuple[str, tuple[float, ...], Callable[..., Any]]] = [
    ("beta.pdf", (0.5, 1e8, 1e8), log_beta_density), ("beta.pdf", (0.3, 3e5, 7e5), log_beta_density),
    ("beta.pdf", (0.301, 3e5, 7e5), log_beta_density), ("beta.pdf", (0.25, 10.0, 30.0), log_beta_density),
    ("beta.pdf", (0.5, 10.0, 40.0), log_beta_density), ("beta.pdf", (0.1, 9.9, 30.0), log_beta_density),
    ("binom.pmf", (300000.0, 1e6, 0.3), log_binomial), ("binom.pmf", (301000.0, 1e6, 0.3), log_binomial),
    ("binom.pmf", (12.0, 1e8, 1e-7), log_binomial), ("binom.pmf", (500.0, 1010.0, 0.25), log_binomial),
    ("nbinom.pmf", (7e5, 3e5, 0.3), log_nbinom), ("nbinom.pmf", (12.0, 1e4, 0.999), log_nbinom),
    ("poisson.pmf", (1e8, 1e8), log_poisson), ("poisson.pmf", (10020.0, 1e4), log_poisson), ("poisson.pmf", (30.0, 3.0), log_poisson),
    ("gamma.pdf", (1e8 + 5000, 1e8), log_gamma_density), ("gamma.pdf", (3.0, 30.0), log_gamma_density),
    ("gamma.pdf", (500.0, 200.0), log_gamma_density),
    ("betabinom.pmf", (301000.0, 1e6, 3e5, 7e5), log_betabinom), ("betabinom.pmf", (20.0, 1e4, 12.0, 1e3), log_betabinom),
]


@pytest.mark.parametrize(("name", "args", "exact"), LARGE, ids=[f"{r[0]}-{r[1]}" for r in LARGE])
def test_large_parameters(name: str, args: tuple[float, ...], exact: Callable[..., Any]) -> None:
    """The density and, against differences of the logarithm, the derivatives by every argument that is no count."""
    distribution, method = name.split(".")
    module = getattr(stats, distribution)
    with mp.workdps(60):
        got = float(getattr(module, method)(*args))
        want = mp.exp(exact(*map(mp.mpf, args)))
        assert abs(mp.mpf(got) / want - 1) < 5e-13
        for n in range(len(args)) if method == "pdf" else range(1, len(args)):
            if n == 1 and name in ("binom.pmf", "betabinom.pmf"):
                continue
            slope = ft.grad(getattr(module, "log" + method), n)(*args)
            order = tuple(int(i == n) for i in range(len(args)))
            true = float(mp.diff(exact, tuple(map(mp.mpf, args)), order, h=mp.mpf(10) ** -20))
            np.testing.assert_allclose(float(slope), true, rtol=1e-9, atol=1e-9)  # a rounding of the count times p


def test_large_parameters_in_float32() -> None:
    got = stats.beta.pdf(np.float32(0.5), np.float32(1e6), np.float32(1e6))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, float(mp.exp(log_beta_density(mp.mpf(0.5), mp.mpf(10**6), mp.mpf(10**6)))), rtol=1e-6)
    assert stats.beta.pdf(0.0, 20.0, 30.0) == 0 and stats.gamma.pdf(0.0, 20.0) == 0
    assert stats.binom.pmf(20, 50, 0.0) == 0 and stats.nbinom.pmf(20, 30, 1.0) == 0 and stats.poisson.pmf(20, 0.0) == 0


NARROW: list[tuple[str, tuple[float, ...]]] = [
    ("norm.cdf", (-10.0,)), ("norm.logcdf", (-1e3,)), ("norm.logsf", (5.0,)), ("norm.ppf", (1e-30,)), ("cauchy.logpdf", (1e30,)),
    ("cauchy.sf", (1e20,)), ("cauchy.logcdf", (1e20,)), ("logistic.sf", (80.0,)), ("gumbel_r.logsf", (60.0,)), ("expon.logcdf", (40.0,)),
    ("gamma.logcdf", (40.0, 2.5)), ("gamma.logsf", (60.0, 2.5)), ("truncnorm.logpdf", (40.5, 40.0, 41.0)), ("t.logpdf", (1.5, 1e9)),
]


@pytest.mark.parametrize(("name", "args"), NARROW, ids=[f"{name}-{args[0]:g}" for name, args in NARROW])
def test_tails_in_float32(name: str, args: tuple[float, ...]) -> None:
    exact = next(row[2] for row in ROWS if row[0] == name)
    distribution, method = name.split(".")
    narrow = [np.float32(a) for a in args]
    want = float(exact(*(mp.mpf(float(a)) for a in narrow)))
    with ft.disable_jit():
        got = getattr(getattr(stats, distribution), method)(*narrow)
    assert got.dtype == np.float32
    np.testing.assert_allclose(float(got), want, rtol=2e-5)


def entropy(mu: float) -> float:
    k, total = 0, mp.mpf(0)
    while k < mu + 40 * mp.sqrt(mu) + 60:
        logarithm = k * mp.log(mu) - mu - mp.loggamma(k + 1)
        total -= mp.exp(logarithm) * logarithm
        k += 1
    return float(total)


def test_poisson_entropy() -> None:
    """On both sides of the change from the sum to the series; its derivative too."""
    mu = np.array([1e-6, 0.5, 3.0, 25.0, 39.99, 40.01, 75.0, 300.0])
    np.testing.assert_allclose(stats.poisson.entropy(mu), [entropy(m) for m in mu], rtol=1e-14)
    assert stats.poisson.entropy(0.0) == 0.0
    assert np.isnan(stats.poisson.entropy(np.array([-1.0, np.nan]))).all()
    np.testing.assert_allclose(float(stats.poisson.entropy(1e12)), 0.5 * np.log(2 * np.pi * np.e * 1e12), rtol=1e-14)
    for m in (0.5, 39.0, 41.0):
        want = float(mp.diff(entropy_exact(m), m, h=mp.mpf(10) ** -15))
        np.testing.assert_allclose(ft.grad(stats.poisson.entropy)(m), want, rtol=1e-11)
    narrow = stats.poisson.entropy(np.float32([0.5, 30.0, 50.0]))
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, [entropy(m) for m in (0.5, 30.0, 50.0)], rtol=2e-6)


def entropy_exact(about: float) -> Callable[[Any], Any]:
    terms = int(about + 200)

    def of(mu: Any) -> Any:
        total = mp.mpf(0)
        for k in range(terms):
            logarithm = k * mp.log(mu) - mu - mp.loggamma(k + 1)
            total -= mp.exp(logarithm) * logarithm
        return total

    return of


def test_infinite_bounds_have_derivatives() -> None:
    """A half-open truncation: the location's derivative goes through bounds that are infinite, and is no nan."""
    def log_density(loc: float, lower: float, upper: float) -> Any:
        return stats.truncnorm.logpdf(1.3, (lower - loc) / 2.0, (upper - loc) / 2.0, loc, 2.0)

    for lower_, upper_ in ((-np.inf, np.inf), (0.5, np.inf), (-np.inf, 2.0), (-np.inf, 60.0)):
        def exact(loc: Any, a: float = lower_, b: float = upper_) -> Any:
            y = (mp.mpf(1.3) - loc) / 2
            return mp.log(mp.npdf(y)) - mp.log(normal_mass((mp.mpf(a) - loc) / 2, (mp.mpf(b) - loc) / 2))

        np.testing.assert_allclose(ft.grad(log_density)(0.7, lower_, upper_), float(mp.diff(exact, mp.mpf(0.7))), rtol=1e-11)


def test_second_derivatives() -> None:
    """Of the normal and of the logistic distribution at the centre, where a density of |x| would lose them."""
    np.testing.assert_allclose(ft.grad(ft.grad(stats.norm.logpdf))(0.3), -1.0)
    np.testing.assert_allclose(ft.grad(ft.grad(stats.logistic.logpdf))(0.0), -0.5)
    hazard = float(mp.npdf(30) / normal(mp.mpf(-30)))
    np.testing.assert_allclose(ft.grad(stats.norm.logsf)(30.0), -hazard, rtol=1e-12)
