"""`ds`: slices with a traced start, read and written, under every transformation."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import ds

X = np.arange(24.0).reshape(4, 6)


def test_known_starts_are_slices() -> None:
    x = fnp.asarray(X)
    np.testing.assert_array_equal(x[ds(1, 2)], X[1:3])
    np.testing.assert_array_equal(x[:, ds(2)], X[:, :2])
    np.testing.assert_array_equal(x[ds(None), ds(1, 3, 2)], X[:, 1:6:2])
    np.testing.assert_array_equal(x[ds(1, 2), ds(fnp.asarray(3), 2)], X[1:3, 3:5])
    np.testing.assert_array_equal(x[-1, None, ds(-3, 2)], X[-1, None, 3:5])
    np.testing.assert_array_equal(x[ds(1, 0)], X[1:1])
    np.testing.assert_array_equal(x[np.array([0, 2]), ds(1, 2)], X[[0, 2], 1:3])
    np.testing.assert_array_equal(x.at[ds(1, 2), 0].set(-1.0), np.vstack([X[:1], np.c_[[-1, -1], X[1:3, 1:]], X[3:]]))


@pytest.mark.parametrize("start", [0, 1, 2, -2])
def test_traced_starts(start: int) -> None:
    begin = start % 4
    index = {"rows": (lambda i: ds(i, 2), np.s_[begin:begin + 2]), "columns": (lambda i: (slice(None), ds(i + 0, 2)), None),
             "between": (lambda i: (0, slice(None, None, 2), ds(i, 2), 1), np.s_[0, ::2, begin:begin + 2, 1])}
    rows = index["rows"]
    got = ft.jit(lambda x, i: x[rows[0](i)])(X, start)
    np.testing.assert_array_equal(got, X[rows[1]])
    deep = np.arange(2 * 3 * 4 * 2.0).reshape(2, 3, 4, 2)
    between = index["between"]
    np.testing.assert_array_equal(ft.jit(lambda x, i: x[between[0](i)])(deep, start), deep[between[1]])
    np.testing.assert_array_equal(ft.vmap(lambda i: fnp.asarray(X)[ds(i, 2)])(np.array([0, start])), np.stack([X[:2], X[rows[1]]]))
    want = np.zeros_like(X)
    want[rows[1]] = 1
    np.testing.assert_array_equal(ft.jit(ft.grad(lambda x, i: x[ds(i, 2)].sum()))(X, start), want)
    changed = X.copy()
    changed[rows[1]] += 5
    np.testing.assert_array_equal(ft.jit(lambda x, i: x.at[ds(i, 2)].add(5.0))(X, start), changed)
    np.testing.assert_array_equal(ft.jit(lambda x, i: x[ds(i, 2, 3)] if i == 0 else x[ds(0, 2, 3)])(X, start), X[0:4:3])


def test_slices_travel_through_jit() -> None:
    np.testing.assert_array_equal(ft.jit(lambda x, s: x[s])(X, ds(2, 2)), X[2:])


@pytest.mark.parametrize("way", [lambda f: f, ft.jit])
def test_bounds_are_checked(way) -> None:  # type: ignore[no-untyped-def]
    for start in (3, -5, 9):
        with pytest.raises(IndexError, match=r"out of bounds for axis 0 with size 4.*test_slices"):
            way(lambda x, i: x[ds(i, 2)])(fnp.asarray(X), start)
    np.testing.assert_array_equal(way(lambda x, i: x.at[ds(i, 2)].set(0.0, mode="drop"))(fnp.asarray(X), 3), np.vstack([X[:3], 0 * X[3:]]))


@pytest.mark.parametrize(("call", "error", "pattern"), [
    (lambda: ds(1.5, 2), TypeError, "the start must be an integer scalar; got 1.5"),
    (lambda: ds(0, "2"), TypeError, "the size must be an int; got '2'"),
    (lambda: ds(0, -1), ValueError, "the size must not be negative"),
    (lambda: ds(0, 1, 0), ValueError, "the stride must be positive"),
    (lambda: ds(np.arange(2), 1), TypeError, "the start must be an integer scalar"),
    (lambda: ft.jit(lambda x, i: x[ds(i, 1), ds(i, 1)], strict=True)(X, 0), TypeError, "stands beside an index array or another ds"),
])
def test_bad_calls(call, error, pattern) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=pattern) as info:
        call()
    assert "test_slices" in str(info.value)
