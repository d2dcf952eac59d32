"""Distributions of vectors, kernel densities and summaries of samples in `functrans.scipy.stats`, against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats as ss

import functrans as ft
from functrans import numpy as fnp
from functrans import random
from functrans.scipy import stats

rng = np.random.default_rng(3)
A = rng.standard_normal((3, 3))
COV = A @ A.T + np.eye(3)
MEAN = rng.standard_normal(3)
POINTS = rng.standard_normal((5, 3))


def close(got: Any, want: Any, rtol: float = 1e-11) -> None:
    np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-13)


def difference(f: Any, x: np.ndarray, v: np.ndarray, h: float = 1e-3) -> float:
    coarse, fine = ((f(x + k * v) - f(x - k * v)) / (2 * k) for k in (h, h / 2))
    return float((4 * fine - coarse) / 3)


# -- distributions of vectors -----------------------------------------------------------------------------------------

def test_multivariate_normal() -> None:
    law, ours = ss.multivariate_normal, stats.multivariate_normal
    close(ours.logpdf(POINTS, MEAN, COV), law.logpdf(POINTS, MEAN, COV))
    close(ours.pdf(POINTS[0], MEAN, COV), law.pdf(POINTS[0], MEAN, COV))
    close(ours.logpdf(POINTS, MEAN, 2.5), law.logpdf(POINTS, MEAN, 2.5))
    close(ours.logpdf(POINTS, 0.5, 2.5), ss.norm.logpdf(POINTS, 0.5, 2.5**0.5))
    close(ours.logpdf(POINTS, 0.5, COV), law.logpdf(POINTS, np.full(3, 0.5), COV))
    covs, means = np.stack([COV, 2 * COV]), np.stack([MEAN, -MEAN])
    want = [[law.logpdf(p, m, c) for m, c in zip(means, covs, strict=True)] for p in POINTS]
    close(ft.jit(ours.logpdf)(POINTS[:, None], means, covs), want)
    close(ft.vmap(ours.logpdf, (None, 0, 0))(POINTS, means, covs), np.transpose(want))
    narrow = ours.logpdf(POINTS.astype("f4"), MEAN.astype("f4"), COV.astype("f4"))
    assert narrow.dtype == np.float32
    close(narrow, law.logpdf(POINTS, MEAN, COV), rtol=1e-5)
    assert ours.logpdf(np.zeros((0, 3)), MEAN, COV).shape == (0,)
    assert np.isnan(ours.logpdf(POINTS, MEAN, -COV)).all()


def test_multivariate_normal_derivatives() -> None:
    law = ss.multivariate_normal
    gradients = ft.jit(ft.grad(stats.multivariate_normal.logpdf, argnums=(0, 1, 2)))(POINTS[0], MEAN, COV)
    close(gradients[0], -np.linalg.solve(COV, POINTS[0] - MEAN))
    close(gradients[1], np.linalg.solve(COV, POINTS[0] - MEAN))
    v = rng.standard_normal((3, 3))
    v = v + v.T
    close(np.sum(gradients[2] * v), difference(lambda c: law.logpdf(POINTS[0], MEAN, c), COV, v), rtol=1e-7)


def test_multivariate_normal_refuses() -> None:
    logpdf = stats.multivariate_normal.logpdf
    with pytest.raises(ValueError, match=r"cov must be a number or have shape \(..., 3, 3\).*got shape \(3,\).*test_stats_samples"):
        logpdf(POINTS, MEAN, np.ones(3))
    with pytest.raises(ValueError, match=r"the last axis of x must have size 3; got shape \(5, 2\)"):
        logpdf(POINTS[:, :2], MEAN, COV)
    with pytest.raises(NotImplementedError, match=r"allow_singular is not supported, at .*test_stats_samples"):
        logpdf(POINTS, MEAN, COV, allow_singular=True)


def test_dirichlet() -> None:
    alpha = np.array([0.7, 1.0, 2.5])
    x = rng.dirichlet(alpha, size=4).T
    close(stats.dirichlet.logpdf(x, alpha), ss.dirichlet.logpdf(x, alpha))
    close(stats.dirichlet.pdf(x[:-1], alpha), ss.dirichlet.pdf(x[:-1], alpha))
    close(stats.dirichlet.logpdf(x[:, 0].astype("f4"), alpha.astype("f4")), ss.dirichlet.logpdf(x[:, 0], alpha), rtol=1e-5)
    close(ft.vmap(stats.dirichlet.logpdf, (1, None))(x, alpha), ss.dirichlet.logpdf(x, alpha))
    close(stats.dirichlet.logpdf([0.0, 1.0], [1.0, 2.0]), np.log(2))
    np.testing.assert_array_equal(stats.dirichlet.logpdf([[0.5, -0.5], [0.4, 1.5]], [1.0, 2.0]), [-np.inf, -np.inf])
    assert np.isnan(stats.dirichlet.logpdf([0.5, 0.5], [1.0, -2.0]))
    inner, v = x[:-1, 0], np.array([1.0, -0.5])
    by_x, by_alpha = ft.jit(ft.grad(stats.dirichlet.logpdf, argnums=(0, 1)))(inner, alpha)
    close(by_x @ v, difference(lambda y: ss.dirichlet.logpdf(y, alpha), inner, v, 1e-4), rtol=1e-6)
    close(by_alpha @ alpha, difference(lambda a: ss.dirichlet.logpdf(inner, a), alpha, alpha), rtol=1e-8)
    assert np.isfinite(ft.grad(lambda a: stats.dirichlet.logpdf([0.5, 0.1], a))(np.array([1.0, 2.0]))).all()
    with pytest.raises(ValueError, match=r"first axis of x must have the size of alpha, 3, or one less; got shape \(4, 3\)"):
        stats.dirichlet.logpdf(x.T, alpha)
    with pytest.raises(ValueError, match=r"alpha must be a vector.*got shape \(1, 3\)"):
        stats.dirichlet.logpdf(x, alpha[None])


def test_multinomial() -> None:
    p = np.array([0.2, 0.5, 0.3])
    x = rng.multinomial(6, p, size=4)
    close(stats.multinomial.logpmf(x, 6, p), ss.multinomial.logpmf(x, 6, p))
    close(stats.multinomial.pmf(x[0], 6, p), ss.multinomial.pmf(x[0], 6, p))
    close(ft.vmap(stats.multinomial.logpmf, (0, None, None))(x, 6, p), ss.multinomial.logpmf(x, 6, p))
    close(stats.multinomial.logpmf(x, np.array([6, 6, 6, 6]), p), ss.multinomial.logpmf(x, 6, p))
    assert stats.multinomial.logpmf(x.astype("i4"), np.int32(6), p.astype("f4")).dtype == np.float32
    close(stats.multinomial.logpmf([0, 2], 2, [0.0, 1.0]), 0.0)
    impossible = np.array([[1, 1, 1], [-1, 4, 3], [1, 0, 0]])
    np.testing.assert_array_equal(stats.multinomial.logpmf(impossible, 6, p), ss.multinomial.logpmf(impossible, 6, p))
    np.testing.assert_array_equal(stats.multinomial.logpmf([1.5, 1.5], 3, [0.5, 0.5]), -np.inf)
    assert np.isnan(stats.multinomial.logpmf([1, 2], 3, [-0.5, 0.5]))
    close(ft.grad(lambda q: stats.multinomial.logpmf(x[0], 6, q))(p), x[0] / p)
    np.testing.assert_array_equal(ft.grad(lambda q: stats.multinomial.logpmf(impossible[0], 6, q))(p), 0)


# -- kernel densities -------------------------------------------------------------------------------------------------

DATA = rng.standard_normal((2, 30))
WEIGHTS = rng.random(30)


@pytest.mark.parametrize("method", [None, "scott", "silverman", 0.4, lambda kde: kde.neff**-0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_gaussian_kde(method: Any, weights: np.ndarray | None) -> None:
    ours, theirs = stats.gaussian_kde(DATA, method, weights), ss.gaussian_kde(DATA, method, weights)
    assert (ours.d, ours.n) == (theirs.d, theirs.n)
    for name in ("dataset", "weights", "covariance", "inv_cov", "neff"):
        close(getattr(ours, name), getattr(theirs, name))
    at = rng.standard_normal((2, 4))
    close(ours(at), theirs(at))
    close(ours.evaluate(at[:, 0]), theirs.evaluate(at[:, 0]))
    close(ours.logpdf(40 * at), theirs.logpdf(40 * at))
    close(ours.integrate_gaussian(at[:, 0], COV[:2, :2]), theirs.integrate_gaussian(at[:, 0], COV[:2, :2]))
    close(ours.integrate_kde(stats.gaussian_kde(DATA[::-1])), theirs.integrate_kde(ss.gaussian_kde(DATA[::-1])))


def test_gaussian_kde_on_a_line() -> None:
    ours, theirs = stats.gaussian_kde(DATA[0]), ss.gaussian_kde(DATA[0])
    close(ours.pdf([0.3, 2.0]), theirs.pdf([0.3, 2.0]))
    close(ours.integrate_box_1d(-0.3, 1.1), theirs.integrate_box_1d(-0.3, 1.1))
    close(ours.integrate_box_1d(-np.inf, np.inf), 1.0)
    assert stats.gaussian_kde(DATA[0].astype("f4")).pdf([0.3]).dtype == np.float32


def test_gaussian_kde_is_a_pytree() -> None:
    """Through jit and grad: the density's slope, and that of a bandwidth chosen by likelihood."""
    at = np.array([0.4])

    def density(kde: Any, x: Any) -> Any:
        return kde.pdf(x)[0]

    close(ft.jit(ft.grad(density, argnums=1))(stats.gaussian_kde(DATA[0]), at),
          difference(lambda x: ss.gaussian_kde(DATA[0]).pdf(x)[0], at, np.ones(1)), rtol=1e-8)

    def fit(width: Any, law: Any) -> Any:
        return law(DATA, width).logpdf(DATA[:, :3]).sum()

    want = difference(lambda w: fit(float(w[0]), ss.gaussian_kde), np.array([0.5]), np.ones(1))
    close(ft.grad(fit)(0.5, stats.gaussian_kde), want, rtol=1e-8)


def test_gaussian_kde_resamples() -> None:
    """The moments of the mixture: the weighted mean, and the data's covariance plus the kernel's."""
    kde = stats.gaussian_kde(DATA, weights=WEIGHTS)
    sample = np.asarray(kde.resample(random.key(0), (40000,)))
    assert sample.shape == (2, 40000)
    assert kde.resample(random.key(0)).shape == (2,)
    np.testing.assert_allclose(sample.mean(1), DATA @ kde.weights, atol=0.03)
    np.testing.assert_allclose(np.cov(sample), np.cov(DATA, aweights=WEIGHTS, bias=True) + kde.covariance, atol=0.04)


def test_gaussian_kde_refuses() -> None:
    kde = stats.gaussian_kde(DATA)
    for make, text in [
        (lambda: stats.gaussian_kde([1.0]), r"dataset must have shape \(n,\) or \(d, n\) with n > 1; got \(1, 1\).*test_stats_samples"),
        (lambda: stats.gaussian_kde(DATA, "wide"), r"bw_method must be .* not 'wide'"),
        (lambda: stats.gaussian_kde(DATA, weights=[1.0]), r"weights must have shape \(30,\)"),
        (lambda: stats.gaussian_kde(DATA + 1j), r"gaussian_kde is defined for real numbers"),
        (lambda: kde.pdf(np.zeros((3, 4))), r"points must have shape \(m,\) or \(d, m\) with d = 2"),
        (lambda: kde.integrate_box_1d(0, 1), r"needs data of one coordinate; this has 2"),
        (lambda: kde.integrate_kde(stats.gaussian_kde(DATA[0])), r"as many coordinates; got 2 and 1"),
        (lambda: kde.integrate_gaussian(0.0, 1.0), r"must have shapes \(2,\) and \(2, 2\)"),
    ]:
        with pytest.raises(ValueError, match=text):
            make()
    with pytest.raises(NotImplementedError, match="immutable"):
        kde.set_bandwidth(0.3)
    with pytest.raises(NotImplementedError, match="no closed form"):
        kde.integrate_box([0, 0], [1, 1])


# -- summaries --------------------------------------------------------------------------------------------------------

TABLE = np.array([[1, 2, 2.0, 5], [1, np.nan, 3, 5], [2, 2, 3, np.nan], [2, 1, 0, np.nan]])
AXES = [0, 1, -1, None]
POLICIES = ["propagate", "omit"]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("policy", POLICIES)
def test_summaries(axis: int | None, policy: str) -> None:
    with ft.disable_jit():
        check_summaries(axis, policy)


def test_compiled_ranks() -> None:
    for method in ("average", "dense"):
        got = ft.jit(lambda a, m=method: stats.rankdata(a, m, axis=0, nan_policy="omit"))(TABLE)
        np.testing.assert_array_equal(got, ss.rankdata(TABLE, method, axis=0, nan_policy="omit"))


def check_summaries(axis: int | None, policy: str) -> None:
    for keepdims in (False, True):
        got, want = stats.mode(TABLE, axis, policy, keepdims), ss.mode(TABLE, axis, nan_policy=policy, keepdims=keepdims)
        np.testing.assert_array_equal(got.mode, want.mode)
        np.testing.assert_array_equal(got.count, want.count)
        assert got.mode.shape == np.shape(want.mode)
        close(stats.sem(TABLE, axis, 1, policy, keepdims=keepdims), ss.sem(TABLE, axis, 1, policy, keepdims=keepdims))
    for method in ("average", "min", "max", "dense", "ordinal"):
        want = np.asarray(ss.rankdata(TABLE, method, axis=axis, nan_policy=policy), float)
        got = stats.rankdata(TABLE, method, axis=axis, nan_policy=policy)
        np.testing.assert_array_equal(got, want)
        assert got.dtype == np.float64


def test_summaries_of_integers_and_none() -> None:
    a = rng.integers(0, 4, (3, 7))
    for axis in AXES:
        np.testing.assert_array_equal(stats.mode(a, axis), ss.mode(a, axis))
        np.testing.assert_array_equal(stats.rankdata(a, axis=axis), ss.rankdata(a, axis=axis))
        close(stats.sem(a, axis, 0), ss.sem(a, axis, 0))
    np.testing.assert_array_equal(ft.vmap(stats.rankdata)(a), ss.rankdata(a, axis=1))
    assert stats.mode(a).mode.dtype == stats.mode(a).count.dtype == np.int64
    assert stats.mode(np.float32([1.0, 1.0])).mode.dtype == np.float32
    np.testing.assert_array_equal(stats.mode(np.zeros((0, 2))), ([np.nan, np.nan], [0, 0]))
    np.testing.assert_array_equal(stats.mode(2.0), (2.0, 1))
    np.testing.assert_array_equal(stats.rankdata(2.0), [1.0])
    assert stats.rankdata(np.zeros((0, 3))).shape == (0,)
    assert stats.rankdata(np.zeros((0, 3)), axis=0).shape == (0, 3)
    assert stats.sem(np.zeros((3, 0))).shape == (0,)


def test_sem_has_derivatives() -> None:
    x, v = rng.standard_normal(6), rng.standard_normal(6)
    close(ft.grad(stats.sem)(x) @ v, difference(ss.sem, x, v), rtol=1e-9)


def test_summaries_refuse() -> None:
    for function in (stats.mode, stats.rankdata, stats.sem):
        with pytest.raises(NotImplementedError, match=rf"{function.__name__}: nan_policy='raise' is not supported.*test_stats_samples"):
            function(TABLE, nan_policy="raise")
        with pytest.raises(ValueError, match=rf"{function.__name__}: nan_policy must be 'propagate' or 'omit', not 'skip'"):
            function(TABLE, nan_policy="skip")
    with pytest.raises(ValueError, match=r"method must be one of 'average'.*not 'mean'"):
        stats.rankdata(TABLE, "mean")
    with pytest.raises(np.exceptions.AxisError):
        stats.sem(TABLE, 2)
    assert fnp.isnan(stats.sem([3.0]))
