"""Counts, histograms and interpolation against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.errors import ConcretizationTypeError
from tests.numpy.checks import agrees, close, differentiates

RNG = np.random.default_rng(9)
X = RNG.normal(size=40)
W = RNG.random(40)
EDGES = np.array([-2.0, -0.5, 0.0, 0.1, 3.0])


def test_bincount() -> None:
    x = np.array([1, 3, 1, 0, 7])
    w = np.array([0.5, 1.0, 2.0, 3.0, -1.0])
    agrees(lambda x: fnp.bincount(x, length=8), lambda x: np.bincount(x, minlength=8), x)
    agrees(lambda x, w: fnp.bincount(x, w, length=8), lambda x, w: np.bincount(x, w, minlength=8), x, w)
    close(fnp.bincount(x, minlength=10), np.bincount(x, minlength=10))
    close(fnp.bincount(np.array([1, -1, 5]), length=3), np.array([1, 1, 0]))  # as the reference library counts
    close(fnp.bincount(np.zeros(0, int)), np.zeros(0, int))
    differentiates(lambda w: fnp.bincount(x, w, length=8), w)
    with pytest.raises(TypeError, match="must be integers"):
        fnp.bincount(w)
    with pytest.raises(ValueError, match="'minlength' must not be negative"):
        fnp.bincount(x, minlength=-1)
    with pytest.raises(ValueError, match="must be a vector"):
        fnp.bincount(x.reshape(1, 5))
    with pytest.raises(ConcretizationTypeError, match="static length=n"):
        jit(fnp.bincount)(x)


@pytest.mark.parametrize("bins", [1, 7, EDGES])
@pytest.mark.parametrize("density", [None, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_histogram(bins: Any, density: Any, weighted: bool) -> None:
    w = W if weighted else None
    agrees(lambda x: fnp.histogram(x, bins, weights=w, density=density), lambda x: np.histogram(x, bins, weights=w, density=density), X)


def test_ranges_and_edges() -> None:
    agrees(lambda x: fnp.histogram(x, 5, (-1, 1)), lambda x: np.histogram(x, 5, (-1, 1)), X)
    agrees(lambda x: fnp.histogram_bin_edges(x, 4), lambda x: np.histogram_bin_edges(x, 4), X)
    close(fnp.histogram(np.full(3, 2.0), 4), np.histogram(np.full(3, 2.0), 4))
    close(fnp.histogram(np.zeros(0), 4), np.histogram(np.zeros(0), 4))
    close(fnp.histogram(np.array([1, 2, 2, 5]), 3), np.histogram(np.array([1, 2, 2, 5]), 3))
    on_edges = np.array([-2.0, -0.5, 3.0, 3.5, -2.5])
    close(fnp.histogram(on_edges, EDGES)[0], np.histogram(on_edges, EDGES)[0])
    with pytest.raises(TypeError, match="rules for bins are not supported"):
        fnp.histogram(X, "auto")
    with pytest.raises(ValueError, match="weights should have the same shape"):
        fnp.histogram(X, 3, weights=W[:4])
    with pytest.raises(ValueError, match="at least 1"):
        fnp.histogram(X, 0)


@pytest.mark.parametrize("density", [None, True])
@pytest.mark.parametrize("bins", [3, [2, 4], [EDGES, 3]])
def test_histograms_of_points(bins: Any, density: Any) -> None:
    x, y = RNG.normal(size=(2, 30))
    got, want = fnp.histogram2d(x, y, bins, density=density), np.histogram2d(x, y, bins, density=density)
    np.testing.assert_allclose(np.asarray(got[0]), want[0])
    close(got[1:], want[1:])
    np.testing.assert_allclose(np.asarray(jit(lambda x, y: fnp.histogram2d(x, y, bins)[0])(x, y)), np.histogram2d(x, y, bins)[0])
    points = RNG.normal(size=(30, 3))
    got_n, edges = fnp.histogramdd(points, [2, 3, 4], [(-1, 1), None, (0, 2)], weights=W[:30], density=density)
    want_n, want_edges = np.histogramdd(points, [2, 3, 4], [(-1, 1), None, (0, 2)], weights=W[:30], density=density)
    close(got_n, want_n)
    close(edges, list(want_edges))


XP = np.array([-1.0, 0.0, 0.5, 2.0])
FP = np.array([3.0, -1.0, 2.0, 0.0])
AT = np.array([[-2.0, -1.0, -0.3], [0.5, 1.9, 7.0]])


def test_interp() -> None:
    agrees(lambda x: fnp.interp(x, XP, FP), lambda x: np.interp(x, XP, FP), AT)
    agrees(lambda x: fnp.interp(x, XP, FP, left=9, right=-9), lambda x: np.interp(x, XP, FP, left=9, right=-9), AT)
    agrees(lambda x: fnp.interp(x, XP, FP, period=2.5), lambda x: np.interp(x, XP, FP, period=2.5), AT)
    agrees(lambda x: fnp.interp(x, XP, FP + 1j), lambda x: np.interp(x, XP, FP + 1j), AT)
    agrees(lambda x: fnp.interp(x, XP[:1], FP[:1]), lambda x: np.interp(x, XP[:1], FP[:1]), AT)
    close(fnp.interp(np.array([-2.0, 3.0]), XP, FP, left="extrapolate", right="extrapolate"), np.array([7.0, -4.0 / 3]))
    close(fnp.interp(np.array([-2.0, 3.0]), XP, FP, right="extrapolate"), np.array([3.0, -4.0 / 3]))
    inside = RNG.uniform(-0.9, 1.9, 6)
    differentiates(lambda x, fp: fnp.interp(x, XP, fp), inside, FP)
    differentiates(lambda xp: fnp.interp(inside, xp, FP), XP)
    with pytest.raises(ValueError, match="'extrapolate', but got: 'foo'"):
        fnp.interp(AT, XP, FP, left="foo")
    with pytest.raises(ValueError, match="equal size"):
        fnp.interp(AT, XP, FP[:2])
    with pytest.raises(ValueError, match="period"):
        fnp.interp(AT, XP, FP, period=0)
