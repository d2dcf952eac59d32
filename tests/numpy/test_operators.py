"""Operators and methods of arrays and tracers, with every kind of other operand."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import functrans
from functrans import numpy as fnp
from functrans.core.array import Array
from functrans.transforms.api import grad, jvp

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow, divmod]
COMPARE = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
BITS = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
X = np.array([1.5, -2.0, 3.0])


def same(got: Any, expected: Any) -> None:
    for g, e in zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]:
        assert type(g) is Array
        np.testing.assert_allclose(np.asarray(g), e, rtol=1e-14)


@pytest.mark.parametrize("op", ARITHMETIC + COMPARE)
@pytest.mark.parametrize("other", [2, 2.0, np.float64(2), np.array(2.0), np.array([2.0, 1.0, 3.0]), True])
def test_both_orders(op: Any, other: Any) -> None:
    x = fnp.array(X)
    if other is True and op is divmod:
        other = 1.0
    with np.errstate(all="ignore"):
        same(op(x, other), op(X, other))
        same(op(other, x), op(other, X))


@pytest.mark.parametrize("op", BITS)
def test_bits(op: Any) -> None:
    n = np.array([5, 6, 3])
    same(op(fnp.array(n), 2), op(n, 2))
    same(op(2, fnp.array(n)), op(2, n))


def test_unary() -> None:
    x = fnp.array(X)
    for op in (operator.neg, operator.pos, abs, round):
        same(op(x), op(X) if op is not round else np.round(X))
    same(~fnp.array([True, False]), [False, True])
    same(round(x, 1), np.round(X, 1))


@pytest.mark.parametrize("other", ["a", None, [1.0, 2.0, 3.0], {}, object()])
def test_unknown_operands(other: Any) -> None:
    with pytest.raises(TypeError):
        fnp.array(X) + other
    with pytest.raises(TypeError):
        other - fnp.array(X)
    assert (fnp.array(X) == other) is False


def test_a_foreign_class_may_take_over() -> None:
    class Foreign:
        __array_ufunc__ = None

        def __radd__(self, other: Any) -> str:
            return "taken"

    assert fnp.array(X) + Foreign() == "taken"


def test_containers() -> None:
    m = fnp.arange(6).reshape(2, 3)
    assert [row.tolist() for row in m] == [[0, 1, 2], [3, 4, 5]]
    assert 4 in m and 9 not in m and len(m) == 2
    assert m[1, 2] == 5 and m[:, ::2].tolist() == [[0, 2], [3, 5]]
    with pytest.raises(TypeError, match="rank 0"):
        iter(fnp.array(1.0))
    with pytest.raises(TypeError, match="immutable"):
        m[0] = 1
    assert m.at[0, 0].set(9)[0, 0] == 9 and m[0, 0] == 0


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "any", "all", "argmax", "argmin", "std", "var",
                                  "round", "conj", "copy"])
def test_methods(name: str) -> None:
    same(getattr(fnp.array(X), name)(), getattr(X, name)())


def test_shape_methods() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    ours = fnp.array(x)
    same(ours.T, x.T)
    same(ours.mT, np.swapaxes(x, 1, 2))
    same(ours.reshape(6, -1), x.reshape(6, -1))
    same(ours.reshape((4, 6)), x.reshape(4, 6))
    same(ours.transpose(2, 0, 1), x.transpose(2, 0, 1))
    same(ours.swapaxes(0, 1), x.swapaxes(0, 1))
    same(ours.ravel(), x.ravel())
    same(ours.flatten(), x.flatten())
    same(ours.astype("float32"), x.astype("float32"))
    same(ours[0] @ np.ones(4), x[0] @ np.ones(4))
    same(np.ones(3) @ ours[0], np.ones(3) @ x[0])
    same(ours.clip(2, 5), x.clip(2, 5))
    same(fnp.array([1 + 2j]).imag, [2.0])


def test_tracers_have_them_all() -> None:
    def f(x: Any) -> Any:
        assert isinstance(x, fnp.ndarray)
        y = (np.arange(3.0) + x) * 2 - np.float64(1) / (x + 5)
        y = y ** 2 + divmod(x, 2)[1] + abs(-x)
        return (y.at[0].add(x[1]) * (x > 0)).sum() + x.T @ x.reshape(3) + sum(x) + x.mean()

    x = np.array([0.5, 1.5, 2.25])
    assert grad(f)(x).shape == (3,)
    value, tangent = jvp(f, (x,), (np.ones(3),))
    numeric = (f(fnp.array(x + 1e-6)) - f(fnp.array(x - 1e-6))) / 2e-6
    np.testing.assert_allclose(tangent, numeric, rtol=1e-7)
    np.testing.assert_allclose(functrans.vmap(f)(np.stack([x, x]))[1], value, rtol=1e-13)


def test_in_place_operators_rebind() -> None:
    x = y = fnp.array(X)
    x += 1
    assert x is not y and y.tolist() == X.tolist()
    z = X.copy()
    z += fnp.ones(3)
    assert type(z) is np.ndarray and z.tolist() == (X + 1).tolist()
