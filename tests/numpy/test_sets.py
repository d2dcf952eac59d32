"""Distinct elements and sets against NumPy, of concrete arrays and, with a static size, of traced ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.errors import ConcretizationTypeError
from functrans.transforms.vmap import vmap
from tests.numpy.checks import close

RNG = np.random.default_rng(6)
ARRAYS = {
    "integers": RNG.integers(0, 5, 12), "a matrix": RNG.integers(0, 5, (3, 4)), "nan": np.array([1.0, np.nan, 0.0, np.nan, 1.0]),
    "booleans": np.array([True, False, True]), "complex": RNG.integers(0, 2, 6) + 1j, "one": np.array([7]), "a number": np.array(3.0),
}
A, B = RNG.integers(0, 9, 8), RNG.integers(0, 9, 8)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("equal_nan", [True, False])
def test_unique(name: str, equal_nan: bool) -> None:
    x = ARRAYS[name]
    values, indices, inverse, counts = np.unique(x, True, True, True, equal_nan=equal_nan)
    inverse, k = inverse.reshape(x.shape), len(values)
    close(fnp.unique(x, True, True, True, equal_nan=equal_nan), (values, indices, inverse, counts))
    sized = jit(lambda x, size: fnp.unique(x, True, True, True, equal_nan=equal_nan, size=size), static_argnames="size")
    close(sized(x, size=k), (values, indices, inverse, counts))
    more = sized(x, size=k + 2)
    close(more[0], np.concatenate([values, [values[0]] * 2]))
    close(more[3], np.concatenate([counts, [0, 0]]))
    close(sized(x, size=1)[0], values[:1])


def test_unique_forms() -> None:
    x = ARRAYS["integers"]
    for name in ("unique_all", "unique_counts", "unique_inverse"):
        got, want = getattr(fnp, name)(x), getattr(np, name)(x)
        assert got._fields == want._fields
        close(tuple(got), tuple(want))
    close(fnp.unique_values(x), np.sort(np.unique_values(x)))  # NumPy does not promise an order
    close(fnp.unique(x, size=7, fill_value=-3)[-1], np.int64(-3))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_unique_slices(axis: int) -> None:
    x = RNG.integers(0, 2, (5, 3))
    values, indices, inverse, counts = np.unique(x, True, True, True, axis=axis)
    want = (values, indices, inverse.reshape(-1), counts)
    close(fnp.unique(x, True, True, True, axis=axis), want)
    k = values.shape[axis]
    close(jit(lambda x: fnp.unique(x, True, True, True, axis=axis, size=k))(x), want)


def test_unique_maps() -> None:
    rows = RNG.integers(0, 4, (3, 9))
    got = vmap(lambda r: fnp.unique(r, size=4, fill_value=99))(rows)
    for row, found in zip(rows, np.asarray(got), strict=True):
        values = np.unique(row)
        np.testing.assert_array_equal(found, [*values, *[99] * (4 - len(values))])


@pytest.mark.parametrize("name", ["union1d", "setdiff1d", "setxor1d", "intersect1d"])
def test_two_sets(name: str) -> None:
    ours, numpys = getattr(fnp, name), getattr(np, name)
    for a, b in ((A, B), (A, A), (A, B[:0]), (A.reshape(2, 4), B[:3].astype(float))):
        want = numpys(a, b)
        close(ours(a, b), want)
        sized = jit(ours, static_argnames="size")(a, b, size=len(want) + 2, fill_value=-1)
        close(sized, np.concatenate([want, np.full(2, -1, want.dtype)]).astype(want.dtype))


def test_default_fillings() -> None:
    """As the reference library fills them."""
    a, b = np.array([3, 1, 1, 2]), np.array([1, 2, 2])
    close(fnp.setdiff1d(a, b[:1], size=4), np.array([2, 3, 0, 0]))
    close(fnp.setxor1d(a, b, size=5), np.array([3, 3, 3, 3, 3]))
    close(fnp.union1d(a, b, size=5), np.array([1, 2, 3, 1, 1]))
    got = fnp.intersect1d(a, b, return_indices=True, size=5)
    close(got, (np.array([1, 2, 1, 1, 1]), np.array([1, 3, 4, 4, 4]), np.array([0, 1, 3, 3, 3])))


def test_intersection_with_indices() -> None:
    want = np.intersect1d(A, B, return_indices=True)
    close(fnp.intersect1d(A, B, return_indices=True), want)
    close(jit(lambda a, b: fnp.intersect1d(a, b, return_indices=True, size=len(want[0])))(A, B), want)


@pytest.mark.parametrize("method", ["auto", "sort", "binary_search", "compare_all"])
@pytest.mark.parametrize("invert", [False, True])
def test_isin(method: str, invert: bool) -> None:
    x, tests = np.array([[1.0, np.nan], [3.0, 9.0]]), np.array([3.0, 1.0, np.nan])
    for f in (lambda x, t: fnp.isin(x, t, invert=invert, method=method), jit(lambda x, t: fnp.isin(x, t, invert=invert, method=method))):
        close(f(x, tests), np.isin(x, tests, invert=invert))
        close(f(x, tests[:0]), np.isin(x, tests[:0], invert=invert))


def test_errors() -> None:
    def refuses(f: Any, message: str, kind: Any = ValueError) -> None:
        with pytest.raises(kind, match=message):
            f()

    refuses(lambda: jit(fnp.unique)(A), "static size=n", ConcretizationTypeError)
    refuses(lambda: jit(fnp.setxor1d)(A, B), "static size=n", ConcretizationTypeError)
    refuses(lambda: fnp.unique(A, size=-1), "size=-1 is negative")
    refuses(lambda: fnp.isin(A, B, method="guess"), "options are")
    refuses(lambda: fnp.unique(A, axis=1), "axis", np.exceptions.AxisError)
    refuses(lambda: fnp.unique([1, 2]), "ndarray or scalar", TypeError)
