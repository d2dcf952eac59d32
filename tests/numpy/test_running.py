"""Running sums and products against NumPy, trapezoids and phases, and their derivatives where elements vanish or tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functrans import lax
from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.transforms.api import grad, jacfwd, jacrev
from tests.numpy.checks import agrees, close, differentiates

RNG = np.random.default_rng(8)
X = RNG.normal(size=(3, 5, 4))
HOLES = np.where(RNG.random(X.shape) < 0.3, np.nan, X)
UFUNCS: dict[str, Any] = {
    "cumsum": np.add, "cumprod": np.multiply, "cummax": np.maximum, "cummin": np.minimum, "cumlogsumexp": np.logaddexp,
}


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_sums_and_products(axis: int | None) -> None:
    agrees(lambda x: fnp.cumsum(x, axis), lambda x: np.cumsum(x, axis), X)
    agrees(lambda x: fnp.cumprod(x, axis), lambda x: np.cumprod(x, axis), X)
    agrees(lambda x: fnp.nancumsum(x, axis), lambda x: np.nancumsum(x, axis), HOLES)
    agrees(lambda x: fnp.nancumprod(x, axis), lambda x: np.nancumprod(x, axis), HOLES)
    close(fnp.asarray(X).cumsum(axis), np.cumsum(X, axis))
    close(jit(lambda x: np.cumprod(x, axis))(X), np.cumprod(X, axis))


@pytest.mark.parametrize("include_initial", [False, True])
def test_cumulative(include_initial: bool) -> None:
    agrees(lambda x: fnp.cumulative_sum(x, axis=1, include_initial=include_initial),
           lambda x: np.cumulative_sum(x, axis=1, include_initial=include_initial), X)
    agrees(lambda x: fnp.cumulative_prod(x, axis=0, include_initial=include_initial),
           lambda x: np.cumulative_prod(x, axis=0, include_initial=include_initial), X)
    close(fnp.cumulative_sum(np.arange(3)), np.array([0, 1, 3]))
    with pytest.raises(ValueError, match="axis was not set to an explicit value"):
        fnp.cumulative_sum(X)
    with pytest.raises(ValueError, match="non-scalar"):
        fnp.cumulative_sum(np.float64(1))


def test_dtypes() -> None:
    assert fnp.cumsum(np.ones(3, bool)).dtype == np.int64
    assert fnp.cumsum(np.ones(3, np.int8)).dtype == np.int8 and fnp.cumulative_sum(np.ones(3, np.int8)).dtype == np.int64
    assert fnp.cumsum(np.ones(3, np.float16)).dtype == np.float16
    assert fnp.cumsum(np.ones(3, np.int8), dtype=np.float32).dtype == np.float32
    with pytest.raises(TypeError):
        lax.cumsum(np.ones(3, bool))
    with pytest.raises(NotImplementedError, match="out="):
        fnp.cumsum(X, out=X)


@pytest.mark.parametrize("name", UFUNCS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_running_operations(name: str, reverse: bool, axis: int) -> None:
    turn = (lambda x: np.flip(x, axis)) if reverse else (lambda x: x)
    agrees(lambda x: getattr(lax, name)(x, axis, reverse), lambda x: turn(UFUNCS[name].accumulate(turn(x), axis)), X, tol=1e-13)
    differentiates(lambda x: getattr(lax, name)(x, axis, reverse), X)


def test_products_have_derivatives_at_zeros() -> None:
    x = np.array([2.0, 0.0, 3.0, 0.0, 5.0])
    want = np.zeros((5, 5))
    for i in range(5):
        for j in range(i + 1):
            want[i, j] = np.prod(np.delete(x[:i + 1], j))
    for jacobian in (jacfwd, jacrev):
        close(jacobian(lax.cumprod)(x), want)
        close(jit(jacobian(lax.cumprod))(x), want)
    second = jacfwd(jacrev(lambda x: lax.cumprod(x)[2]))(x)
    close(second, np.array([[0, 3, 0, 0, 0], [3, 0, 2, 0, 0], [0, 2, 0, 0, 0], [0] * 5, [0] * 5], np.float64))


def test_ties_share() -> None:
    """The running maximum and an element equal to it have half of the tangent each, the maximum of the two again half of that."""
    for x, want in (([1.0, 3.0, 3.0, 3.0], [0, 0.25, 0.25, 0.5]), ([3.0, 1.0], [1, 0]), ([-np.inf, 1.0], [0, 1])):
        close(grad(lambda x: lax.cummax(x)[-1])(np.array(x)), np.array(want, np.float64))
        close(jit(grad(lambda x: lax.cummin(-x)[-1]))(np.array(x)), -np.array(want, np.float64))


def test_cumlogsumexp_does_not_overflow() -> None:
    x = np.array([-np.inf, -np.inf, 1000.0, 1000.0, -np.inf])
    want = np.array([-np.inf, -np.inf, 1000.0, 1000.0 + np.log(2), 1000.0 + np.log(2)])
    close(lax.cumlogsumexp(x), want)
    close(jit(lax.cumlogsumexp)(x), want)
    close(grad(lambda x: lax.cumlogsumexp(x)[-1])(x), np.array([0, 0, 0.5, 0.5, 0]))


def test_linear_recurrence() -> None:
    a, b = RNG.normal(size=(2, 6, 3))
    want = b.copy()
    for i in range(1, 6):
        want[i] += a[i] * want[i - 1]
    close(lax.linear_recurrence(a, b), want)
    close(jit(lambda a, b: lax.linear_recurrence(a[::-1], b[::-1], reverse=True))(a, b), want[::-1])
    differentiates(lax.linear_recurrence, a, b)
    differentiates(jacrev(lambda a, b: fnp.sum(lax.linear_recurrence(a, b) ** 2)), a, b)


def test_trapezoid() -> None:
    xs = np.sort(RNG.normal(size=5))
    agrees(lambda y: fnp.trapezoid(y, axis=1), lambda y: np.trapezoid(y, axis=1), X)
    agrees(lambda y: fnp.trapezoid(y, dx=0.3), lambda y: np.trapezoid(y, dx=0.3), X)
    agrees(lambda y: fnp.trapezoid(y, xs, axis=1), lambda y: np.trapezoid(y, xs, axis=1), X)
    agrees(lambda y, x: fnp.trapezoid(y, x, axis=0), lambda y, x: np.trapezoid(y, x, axis=0), X, 2 * X)
    differentiates(lambda y, x: fnp.trapezoid(y, x, axis=1), X, xs)


def test_trapezoid_refuses() -> None:
    for y, options, words in [(np.ones(3), {"x": np.ones(4)}, "trapezoid: x must be as long as the axis of y, 3"),
                              (np.ones((3, 2)), {"x": np.ones((2, 3)), "axis": 0}, "trapezoid: x must be as long"),
                              (np.ones((2, 3)), {"x": np.ones(1)}, "trapezoid: x must be as long"),
                              (np.ones(3), {"x": np.float64(1)}, "trapezoid: x must be an array"),
                              (np.ones(3), {"dx": np.ones(3)}, "trapezoid: dx must be a number, or as long as the axis of y, 2")]:
        with pytest.raises(ValueError, match=words) as error:
            fnp.trapezoid(y, **options)
        assert "test_running.py" in str(error.value)
    assert fnp.trapezoid(np.ones((2, 3)), np.ones((1, 3))).tolist() == [0, 0]


@pytest.mark.parametrize("period", [2 * np.pi, 5.0])
def test_unwrap(period: float) -> None:
    agrees(lambda p: fnp.unwrap(p, period=period), lambda p: np.unwrap(p, period=period), 6 * X)
    agrees(lambda p: fnp.unwrap(p, 4.0, 0, period), lambda p: np.unwrap(p, 4.0, 0, period=period), 6 * X)
    agrees(fnp.unwrap, np.unwrap, np.arange(8) * np.pi)
    differentiates(lambda p: fnp.unwrap(p, period=period), 6 * X)


@pytest.mark.parametrize("period", [4, 7])
def test_unwrap_of_integers(period: int) -> None:
    agrees(lambda p: fnp.unwrap(p, period=period), lambda p: np.unwrap(p, period=period), RNG.integers(-20, 20, (3, 9)))
