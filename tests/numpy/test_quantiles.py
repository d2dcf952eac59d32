"""Quantiles against NumPy: methods, axes, nan, weights, derivatives."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.transforms.api import grad
from tests.numpy.checks import agrees, close, differentiates

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 7, 3))
HOLES = np.where(RNG.random(X.shape) < 0.25, np.nan, X)
Q = np.array([0.0, 0.1, 0.5, 0.77, 1.0])
METHODS = ["linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("axis", [None, 0, -2, (0, 2)])
def test_quantiles(method: Any, axis: Any) -> None:
    for q in (Q, np.float64(0.3)):
        agrees(lambda x, q=q: fnp.quantile(x, q, axis, method=method), lambda x, q=q: np.quantile(x, q, axis, method=method), X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy warns of slices that are all nan
            agrees(lambda x, q=q: fnp.nanquantile(x, q, axis, method=method, keepdims=True),
                   lambda x, q=q: np.nanquantile(x, q, axis, method=method, keepdims=True), HOLES)
            close(fnp.quantile(HOLES, q, axis, method=method), np.quantile(HOLES, q, axis, method=method))


@pytest.mark.parametrize("axis", [None, 1, (0, 1)])
def test_percentiles_and_medians(axis: Any) -> None:
    agrees(lambda x: fnp.percentile(x, 100 * Q, axis), lambda x: np.percentile(x, 100 * Q, axis), X)
    agrees(lambda x: fnp.nanpercentile(x, 30, axis), lambda x: np.nanpercentile(x, 30, axis), X)
    agrees(lambda x: fnp.median(x, axis, keepdims=True), lambda x: np.median(x, axis, keepdims=True), X)
    agrees(lambda x: fnp.nanmedian(x, axis), lambda x: np.nanmedian(x, axis), np.where(X > 1.2, np.nan, X))


def test_dtypes_infinities_and_nothing() -> None:
    assert fnp.median(np.ones(3, np.float32)).dtype == np.float32
    assert fnp.median(np.ones(3, np.float16)).dtype == np.float16
    assert fnp.median(np.arange(4)).dtype == np.float64 and fnp.median(np.arange(4)) == 1.5
    assert fnp.quantile(np.array([np.inf, np.inf, 1.0]), 0.9) == np.inf
    assert np.isnan(fnp.median(np.zeros(0))) and np.isnan(fnp.nanmedian(np.full(3, np.nan)))
    assert np.isnan(fnp.median(np.array([1.0, np.nan, 3.0])))


def test_weights() -> None:
    w = np.array([0, 2, 1, 0, 3, 1, 1])
    close(fnp.quantile(X, Q, 1, method="inverted_cdf", weights=w), np.quantile(X, Q, 1, method="inverted_cdf", weights=w))
    close(jit(lambda x: fnp.quantile(x, Q, 1, method="inverted_cdf", weights=w))(X), np.quantile(X, Q, 1, method="inverted_cdf", weights=w))
    line = HOLES[0, :, 0]
    close(fnp.nanquantile(line, Q, method="inverted_cdf", weights=w + 1), np.nanquantile(line, Q, method="inverted_cdf", weights=w + 1))
    with pytest.raises(NotImplementedError, match="only the method 'inverted_cdf' supports weights"):
        fnp.quantile(X, Q, 1, weights=w)
    with pytest.raises(ValueError, match="weights must have the shape of a"):
        fnp.quantile(X, Q, 1, method="inverted_cdf", weights=w[:3])


def test_derivatives() -> None:
    differentiates(lambda x: fnp.quantile(x, Q, 1), X)
    differentiates(lambda x: fnp.median(x, (0, 1)), X)
    differentiates(lambda x, q: fnp.quantile(x, q, 1), X, np.array([0.2, 0.61]))
    close(grad(fnp.median)(np.array([1.0, 5.0, 2.0, 9.0])), np.array([0.0, 0.5, 0.5, 0.0]))


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"Quantiles must be in the range \[0, 1\], at .*test_quantiles\.py"):
        fnp.quantile(X, 1.5)
    with pytest.raises(ValueError, match=r"Percentiles must be in the range \[0, 100\]"):
        fnp.percentile(X, 101)
    with pytest.raises(ValueError, match="method must be one of"):
        fnp.quantile(X, 0.5, method="hazen")
    with pytest.raises(ValueError, match="complex numbers"):
        fnp.median(X + 1j)
    with pytest.raises(np.exceptions.AxisError):
        fnp.median(X, 3)
