"""Polynomials against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.errors import ConcretizationTypeError
from tests.numpy.checks import agrees, close, differentiates

RNG = np.random.default_rng(12)
P, R = RNG.normal(size=5), RNG.normal(size=3)
X = RNG.normal(size=(2, 4))


def test_values() -> None:
    agrees(lambda p, x: fnp.polyval(p, x), np.polyval, P, X)
    close(fnp.polyval(np.array([1, 2, 3]), np.array([0, 1])), np.array([3, 6]))
    close(fnp.polyval(np.zeros(0), X), np.zeros_like(X))
    close(fnp.polyval(np.stack([P, 2 * P], 1), 0.5), np.polyval(P, 0.5) * np.array([1.0, 2.0]))
    differentiates(fnp.polyval, P, X)


@pytest.mark.parametrize("name", ["polyadd", "polysub", "polymul"])
def test_arithmetic(name: str) -> None:
    for a, b in ((P, R), (R, P), (np.array([1, 2]), np.array([3, 4, 5]))):
        agrees(getattr(fnp, name), getattr(np, name), a, b)
    differentiates(getattr(fnp, name), P, R)


def test_leading_zeros() -> None:
    a, b = np.array([0.0, 2.0, 3.0]), np.array([1.0, 1.0])
    close(fnp.polymul(a, b), np.array([0.0, 2.0, 5.0, 3.0]))
    close(fnp.polymul(a, b, trim_leading_zeros=True), np.polymul(a, b))
    close(fnp.polydiv(np.array([1.0, 2.0, 3.0]), b), (np.array([1.0, 1.0]), np.array([0.0, 0.0, 2.0])))


def test_division() -> None:
    for u, v in ((P, R), (R, P), (np.array([2.0, 4.0, 2.0]), np.array([1.0, 1.0])), (P, P[:1])):
        close(fnp.polydiv(u, v, trim_leading_zeros=True), np.polydiv(u, v))
        q, r = jit(fnp.polydiv)(u, v)
        close(fnp.polyadd(fnp.polymul(q, v), r)[-len(u):], u)
    differentiates(lambda u, v: fnp.polydiv(u, v)[0], P, R)


@pytest.mark.parametrize("m", [0, 1, 3, 7])
def test_derivatives_and_integrals(m: int) -> None:
    agrees(lambda p: fnp.polyder(p, m), lambda p: np.polyder(p, m) if m < 6 else np.zeros(0), P)
    agrees(lambda p: fnp.polyint(p, m), lambda p: np.polyint(p, m), P)
    if m:
        agrees(lambda p: fnp.polyint(p, m, 2.0), lambda p: np.polyint(p, m, 2.0), P)
        close(fnp.polyint(P, m, np.arange(1.0, m + 1)), np.polyint(P, m, np.arange(1.0, m + 1)))
    differentiates(lambda p: fnp.polyint(p, m), P)


def test_zeros() -> None:
    agrees(fnp.poly, np.poly, R)
    matrix = RNG.normal(size=(3, 3))
    close(np.real(fnp.poly(matrix)), np.poly(matrix), 1e-10)
    for p in (P, np.array([0.0, 1.0, -3.0, 2.0, 0.0]), np.array([2.0]), np.zeros(3)):
        close(np.sort_complex(np.asarray(fnp.roots(p))), np.sort_complex(np.roots(p).astype(complex)), 1e-9)
    roots = np.asarray(jit(lambda p: fnp.roots(p, strip_zeros=False))(P))
    close(np.sort_complex(roots), np.sort_complex(np.roots(P).astype(complex)), 1e-9)
    with pytest.raises(ConcretizationTypeError, match="strip_zeros=False"):
        jit(fnp.roots)(P)


@pytest.mark.parametrize("columns", [None, 0, 1, 6])
@pytest.mark.parametrize("increasing", [False, True])
def test_vander(columns: Any, increasing: bool) -> None:
    for x in (P, np.array([1, 2, 3])):
        agrees(lambda x: fnp.vander(x, columns, increasing), lambda x: np.vander(x, columns, increasing), x)
    with pytest.raises(ValueError, match="one-dimensional"):
        fnp.vander(X)


def test_fits() -> None:
    x = np.arange(9.0)
    y, w = np.sin(x), RNG.random(9) + 0.5
    agrees(lambda x, y: fnp.polyfit(x, y, 3), lambda x, y: np.polyfit(x, y, 3), x, y, tol=1e-8)
    close(fnp.polyfit(x, y, 2, w=w), np.polyfit(x, y, 2, w=w), 1e-9)
    both = np.stack([y, 2 * y - 1], 1)
    close(fnp.polyfit(x, both, 2), np.polyfit(x, both, 2), 1e-9)
    for cov in (True, "unscaled"):
        close(fnp.polyfit(x, y, 2, w=w, cov=cov), np.polyfit(x, y, 2, w=w, cov=cov), 1e-9)
    c, residuals, rank, s, rcond = fnp.polyfit(x, y, 2, full=True)
    want = np.polyfit(x, y, 2, full=True)
    close((c, residuals, s), (want[0], want[1], want[3]), 1e-9)
    assert int(rank) == want[2] and abs(rcond - want[4]) < 1e-20
    differentiates(lambda y: fnp.polyfit(x, y, 2), y)


def test_errors() -> None:
    with pytest.raises(ValueError, match="order must not be negative"):
        fnp.polyder(P, -1)
    with pytest.raises(ValueError, match="constants of integration"):
        fnp.polyint(P, 3, np.ones(2))
    with pytest.raises(ValueError, match="deg >= 0"):
        fnp.polyfit(P, P, -1)
    with pytest.raises(TypeError, match="as many rows"):
        fnp.polyfit(P, R, 1)
    with pytest.raises(ValueError, match="number of data points must exceed"):
        fnp.polyfit(R, R, 2, cov=True)
    with pytest.raises(ValueError, match="square matrix"):
        fnp.poly(X)
