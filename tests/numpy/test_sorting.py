"""Sorting and searching against NumPy: orders, ties, nan and zeros, several keys, edges of bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from functrans import lax
from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.transforms.api import grad
from functrans.transforms.vmap import vmap
from tests.numpy.checks import agrees, close, differentiates

RNG = np.random.default_rng(11)
NUMBERS = RNG.normal(size=(4, 60))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "uint64", "float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize(("shape", "axis"), [((5,), 0), ((60,), -1), ((3, 50), 1), ((50, 3), 0), ((2, 7, 3), 1), ((4, 5), None)])
def test_sort_and_argsort(dtype: str, shape: tuple[int, ...], axis: int | None) -> None:
    x = (RNG.integers(-9 if dtype[0] != "u" else 0, 9, shape) + (1j * RNG.integers(0, 3, shape) if dtype[0] == "c" else 0)).astype(dtype)
    agrees(lambda x: fnp.sort(x, axis), lambda x: np.sort(x, axis), x)
    agrees(lambda x: fnp.argsort(x, axis), lambda x: np.argsort(x, axis, kind="stable"), x)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, st.integers(0, 90), elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324])))
def test_the_order_of_special_values(x: np.ndarray) -> None:
    """nan last, zeros of both signs equal and in their own order: what a stable sort by Python gives."""
    want = np.array(sorted(x.tolist(), key=lambda v: (v != v, v if v == v else 0)), np.float64)
    for got in (fnp.sort(x), jit(fnp.sort)(x)):
        np.testing.assert_array_equal(np.asarray(got), want)
        np.testing.assert_array_equal(np.signbit(got)[~np.isnan(want)], np.signbit(want)[~np.isnan(want)])


def test_descending_keeps_the_order_of_equals() -> None:
    x = np.array([2.0, 1.0, 2.0, np.nan, 1.0])
    for f in (fnp.argsort, jit(lambda x, descending: fnp.argsort(x, descending=True), static_argnames="descending")):
        np.testing.assert_array_equal(np.asarray(f(x, descending=True)), [3, 0, 2, 1, 4])
    close(fnp.sort(x, descending=True), np.array([np.nan, 2.0, 2.0, 1.0, 1.0]))
    assert fnp.argsort(x, dtype="int32").dtype == np.int32


def test_a_sort_by_several_keys() -> None:
    a, b, c = RNG.integers(0, 3, 200), RNG.integers(0, 3, 200).astype(np.float32), RNG.normal(size=200)
    agrees(lambda *keys: fnp.lexsort(keys), lambda *keys: np.lexsort(keys), c, b, a)
    order = np.lexsort((b, a))
    close(jit(lambda *xs: lax.sort(xs, num_keys=2))(a, b, c), (a[order], b[order], c[order]))
    close(lax.sort_key_val(a, c), (np.sort(a), c[np.argsort(a, kind="stable")]))
    with pytest.raises(ValueError, match="same shape"):
        fnp.lexsort((a, a[:3]))
    with pytest.raises(ValueError, match="num_keys must be between 1 and the number of operands"):
        lax.sort((a, b), num_keys=3)


def test_what_is_approximate_elsewhere_is_exact() -> None:
    x = np.array([[1.0, 3.0, 2.0, 5.0], [4.0, 1.0, 9.0, 0.0]])
    values, places = lax.approx_max_k(x, 1, 0, aggregate_to_topk=False)
    assert values.tolist() == [[4, 3, 9, 5]] and places.tolist() == [[1, 0, 1, 0]]
    values, places = lax.approx_min_k(x, 2, recall_target=0.5)
    assert values.tolist() == [[1, 2], [0, 1]] and places.tolist() == [[0, 2], [3, 1]]
    for arguments, kind, words in [((np.arange(4), 2), TypeError, "floating-point"), ((x, 5), ValueError, "k must be between 0 and 4"),
                                   ((x, 2, -1, 2.0), ValueError, "recall_target must be")]:
        for f in (lax.approx_max_k, lax.approx_min_k):
            with pytest.raises(kind, match=f"{f.__name__}.*{words}"):
                f(*arguments)


@pytest.mark.parametrize("axis", [0, 1])
def test_top_k(axis: int) -> None:
    x = np.round(NUMBERS, 1)
    order = np.argsort(-x, axis=axis, kind="stable")[:3] if axis == 0 else np.argsort(-x, axis=axis, kind="stable")[:, :3]
    agrees(lambda x: lax.top_k(x, 3, axis=axis), lambda x: (np.take_along_axis(x, _top(x, axis), axis), _top(x, axis)), x)
    close(lax.top_k(x, 3, axis=axis)[1], order.astype(np.int32))
    with pytest.raises(ValueError, match="k must be between 0 and"):
        lax.top_k(x, 99)


def _top(x: np.ndarray, axis: int) -> np.ndarray:
    return np.take(np.argsort(-x, axis=axis, kind="stable"), range(3), axis).astype(np.int32)


def test_partitions() -> None:
    for kth in (0, 7, -1):
        got, places = np.asarray(fnp.partition(NUMBERS, kth)), np.asarray(fnp.argpartition(NUMBERS, kth))
        np.testing.assert_array_equal(got[:, kth], np.partition(NUMBERS, kth)[:, kth])
        assert (got[:, :kth] <= got[:, [kth]]).all()
        np.testing.assert_array_equal(np.take_along_axis(NUMBERS, places, 1)[:, kth], got[:, kth])
    with pytest.raises(ValueError, match="out of bounds"):
        fnp.partition(NUMBERS, 60)


def test_sort_complex() -> None:
    close(fnp.sort_complex(np.array([3, 1])), np.sort_complex(np.array([3, 1])))
    assert fnp.sort_complex(np.ones(2, np.float32)).dtype == np.complex64


def test_derivatives() -> None:
    weights = RNG.normal(size=60)
    differentiates(lambda x: fnp.sort(x) * weights, NUMBERS)
    differentiates(lambda x: lax.top_k(x, 5)[0], NUMBERS)
    differentiates(lambda k, v: lax.sort((k, v))[1], NUMBERS, RNG.normal(size=NUMBERS.shape))
    twice = grad(lambda x: fnp.sum(grad(lambda x: fnp.sum(fnp.sort(x) ** 3 * weights))(x)))
    order = np.argsort(NUMBERS[0])
    want = np.empty(60)
    want[order] = 6 * NUMBERS[0][order] * weights
    close(jit(twice)(NUMBERS[0]), want)
    close(jit(vmap(twice))(NUMBERS)[0], want)


def test_errors() -> None:
    with pytest.raises(TypeError, match=r"kind='quicksort' is not supported, at .*test_sorting\.py"):
        fnp.sort(NUMBERS, kind="quicksort")  # type: ignore[arg-type]
    with pytest.raises(np.exceptions.AxisError):
        fnp.sort(NUMBERS, 2)
    with pytest.raises(np.exceptions.AxisError):
        fnp.argsort(np.float64(1.0))


def test_methods_and_numpys_own_functions() -> None:
    x = fnp.asarray(NUMBERS)
    close(x.sort(0), np.sort(NUMBERS, 0))
    close(x.argsort(), np.argsort(NUMBERS))
    close(np.sort(x, axis=0), np.sort(NUMBERS, 0))
    close(jit(lambda x: np.argsort(x))(NUMBERS), np.argsort(NUMBERS))
    assert isinstance(np.sort(x), type(x))


# -- searching --------------------------------------------------------------------------------------------------------

SORTED = {
    "numbers": np.array([-1.0, 0.0, 0.0, 2.5, np.inf, np.nan, np.nan]), "integers": np.array([1, 1, 3, 7]), "one": np.array([2.0]),
    "none": np.array([], np.float64), "complex": np.sort(RNG.integers(0, 3, 20) + 1j * RNG.integers(0, 3, 20)),
}


@pytest.mark.parametrize("name", SORTED)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("method", ["scan", "compare_all"])
def test_searchsorted(name: str, side: Any, method: str) -> None:
    a = SORTED[name]
    v = np.array([[0.0, 1.0, -5.0, 3.0], [np.nan, 7.0, np.inf, 2.5]]) if a.dtype.kind == "f" else np.tile(a, (2, 1)) + 1
    want = np.searchsorted(a, v, side)
    for f in (fnp.searchsorted, jit(fnp.searchsorted, static_argnames=("side", "method"))):
        close(f(a, v, side=side, method=method), want)
    close(vmap(lambda v: fnp.searchsorted(a, v, side, method=method))(v), want)


def test_searchsorted_by_an_order() -> None:
    a = np.array([3.0, 1.0, 2.0])
    close(fnp.searchsorted(a, 1.5, sorter=np.argsort(a)), np.int64(1))
    close(fnp.asarray(np.sort(a)).searchsorted(2.5), np.int64(2))
    with pytest.raises(ValueError, match="invalid value for side"):
        fnp.searchsorted(a, 1.0, side="middle")
    with pytest.raises(ValueError, match="method"):
        fnp.searchsorted(a, 1.0, method="guess")


@pytest.mark.parametrize("bins", [[0.0, 1.0, 2.5], [2.5, 1.0, 0.0], [1.0]])
@pytest.mark.parametrize("right", [False, True])
def test_digitize(bins: list[float], right: bool) -> None:
    edges = np.array(bins)
    agrees(lambda x: fnp.digitize(x, edges, right), lambda x: np.digitize(x, edges, right), np.array([-1.0, 0.0, 0.5, 1.0, 2.5, 9.0]))
