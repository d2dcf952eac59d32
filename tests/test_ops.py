"""Segment reductions against loops, and what JAX gives for empty segments and ids out of range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import ops

RNG = np.random.default_rng(0)
IDS = np.array([0, 2, 0, -1, 7, 2, 4])
OPERATIONS = {"sum": (np.add, 0.0), "prod": (np.multiply, 1.0), "max": (np.maximum, -np.inf), "min": (np.minimum, np.inf)}


def reference(name: str, data: np.ndarray, ids: np.ndarray, n: int) -> np.ndarray:
    combine, neutral = OPERATIONS[name]
    out = np.full((n, *data.shape[1:]), neutral)
    for row, i in zip(data, ids, strict=True):
        if 0 <= i < n:
            out[i] = combine(out[i], row)
    return out


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 0)])
@pytest.mark.parametrize("bucket", [None, 1, 3, 100])
def test_against_a_loop(name: str, shape: tuple[int, ...], bucket: int | None) -> None:
    data = RNG.normal(size=shape)
    f = getattr(ops, f"segment_{name}")
    expected = reference(name, data, IDS, 5)
    for run in (f, ft.jit(f, static_argnames=("num_segments", "bucket_size"))):
        np.testing.assert_allclose(run(data, IDS, num_segments=5, bucket_size=bucket), expected, rtol=1e-14)


def test_integers_and_empty_segments() -> None:
    ids, data = np.array([0, 2, 0, 1, 1]), np.arange(5, dtype="int32")
    info = np.iinfo("int32")
    for name, expected in (("sum", [2, 7, 1, 0]), ("prod", [0, 12, 1, 1]), ("max", [2, 4, 1, info.min]), ("min", [0, 3, 1, info.max])):
        out = getattr(ops, f"segment_{name}")(data, ids, 4)
        assert out.dtype == "int32"
        np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(ops.segment_sum(data, ids), [2, 7, 1])
    assert ops.segment_sum(np.zeros((0, 2)), np.zeros(0, int)).shape == (0, 2)
    assert ops.segment_sum(np.ones((2, 3)), np.array([0, 0]), 0).shape == (0, 3)


def test_derivatives_and_vmap() -> None:
    data, weights = RNG.normal(size=(7, 2)), RNG.normal(size=(5, 2))
    gradient = ft.grad(lambda x: (ops.segment_sum(x, IDS, 5) * weights).sum())(data)
    expected = np.where(((IDS >= 0) & (IDS < 5))[:, None], weights[np.clip(IDS, 0, 4)], 0)
    np.testing.assert_allclose(gradient, expected)
    gradient = ft.grad(lambda x: ops.segment_max(x, np.array([0, 1, 0]), 2).sum())(np.array([1.0, 5.0, 2.0]))
    np.testing.assert_allclose(gradient, [0, 1, 1])
    batch = RNG.integers(-1, 6, size=(3, 7))
    np.testing.assert_allclose(ft.vmap(lambda i: ops.segment_sum(data, i, 5))(batch),
                               [reference("sum", data, i, 5) for i in batch], atol=1e-14)


def test_modes() -> None:
    np.testing.assert_array_equal(ops.segment_sum(np.ones(3), np.array([0, 5, -3]), 2, mode="clip"), [2, 1])


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: ops.segment_sum(np.ones(3), np.array([0, 1])), ValueError, "segment_ids must be one integer for each row"),
    (lambda: ops.segment_max(np.ones(3), np.ones(3)), ValueError, "segment_max: segment_ids must be one integer"),
    (lambda: ops.segment_sum(np.ones(3), np.zeros(3, int), -1), ValueError, "num_segments must be 0 or more; got -1"),
    (lambda: ops.segment_sum(np.ones(3), np.zeros(3, int), 1, bucket_size=0), ValueError, "bucket_size must be 1 or more; got 0"),
    (lambda: ft.make_jaxpr(lambda i: ops.segment_sum(np.ones(3), i))(np.zeros(3, int)), ft.errors.ConcretizationTypeError,
     "Give num_segments|num_segments"),
])
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
