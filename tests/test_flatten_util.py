"""`ravel_pytree`: order, dtypes, the way back, transformations."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.flatten_util import ravel_pytree


def test_round_trip_of_one_dtype() -> None:
    tree = {"b": np.arange(6.0).reshape(2, 3), "a": [np.array(7.0), ()], "c": np.zeros((0, 2))}
    flat, restore = ravel_pytree(tree)
    np.testing.assert_array_equal(flat, [7, 0, 1, 2, 3, 4, 5])
    back = restore(flat)
    assert ft.tree.structure(back) == ft.tree.structure(tree)
    ft.tree.map(np.testing.assert_array_equal, back, tree)


def test_mixed_dtypes_are_promoted_and_restored() -> None:
    tree = [np.array([1, 2], "int32"), np.array([0.5], "float32"), np.array([1j], "complex64")]
    flat, restore = ravel_pytree(tree)
    assert flat.dtype == "complex64"
    assert [x.dtype for x in restore(flat)] == ["int32", "float32", "complex64"]
    ft.tree.map(np.testing.assert_array_equal, restore(flat), tree)


def test_no_leaves() -> None:
    flat, restore = ravel_pytree({"a": ()})
    assert flat.shape == (0,) and restore(flat) == {"a": ()}


def test_under_transformations() -> None:
    def f(tree: object) -> object:
        flat, restore = ravel_pytree(tree)
        return fnp.sum(restore(flat ** 2)["a"] * 3)

    tree = {"a": np.array([1.0, 2.0]), "b": np.array(5.0)}
    gradient = ft.jit(ft.grad(f))(tree)
    np.testing.assert_array_equal(gradient["a"], [6, 12])
    np.testing.assert_array_equal(gradient["b"], 0)
    rows = ft.vmap(lambda t: ravel_pytree(t)[0])({"a": np.ones((4, 2)), "b": np.zeros(4)})
    assert rows.shape == (4, 3)


def test_errors_name_the_line() -> None:
    _, restore = ravel_pytree([np.ones(3, "float32")])
    with pytest.raises(ValueError, match=r"takes a vector of shape \(3,\); got shape \(4,\), at .*test_flatten_util"):
        restore(np.ones(4, "float32"))
    with pytest.raises(TypeError, match=r"takes dtype float32, that of the leaves; got float64, at .*test_flatten_util"):
        restore(np.ones(3))
    with pytest.raises(TypeError, match=r"ravel_pytree.*test_flatten_util"):
        ravel_pytree(["text"])
