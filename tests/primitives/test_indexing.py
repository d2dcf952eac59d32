"""gather and scatter against naive loops over XLA's definition; rules against differences, dot products and loops."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functrans.primitives import indexing as ix
from functrans.primitives.indexing import GatherDimensionNumbers, GatherScatterMode, ScatterDimensionNumbers
from tests.primitives.test_movement import FEW, batch_dims, check_aval, check_batch, check_jvp, check_transpose, sample, seeds

MODES = [GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP, GatherScatterMode.PROMISE_IN_BOUNDS]
COMBINE = {
    ix.scatter_p: lambda old, new: new, ix.scatter_add_p: operator.add, ix.scatter_mul_p: operator.mul,
    ix.scatter_min_p: min, ix.scatter_max_p: max,
}
SCATTERS = pytest.mark.parametrize("prim", list(COMBINE), ids=str)
ROWS = GatherDimensionNumbers((1,), (0,), (0,))
PICK = ScatterDimensionNumbers((), (0,), (0,))


# -- the definition, point by point -----------------------------------------------------------------------------------

def places(x_shape: Any, indices: np.ndarray, d: GatherDimensionNumbers, sizes: Any, shape: Any, mode: Any) -> Any:
    """For each point of the result (updates), in row-major order, the element it belongs to; None where outside."""
    kept = [a for a in range(len(x_shape)) if a not in (*d.collapsed_slice_dims, *d.operand_batching_dims)]
    for point in np.ndindex(*shape):
        at = tuple(p for i, p in enumerate(point) if i not in d.offset_dims)
        start = [0] * len(x_shape)
        for k, a in enumerate(d.start_index_map):
            start[a] = int(indices[(*at, k)])
        inside = all(0 <= s <= n - k for s, n, k in zip(start, x_shape, sizes, strict=True))
        start = [min(max(s, 0), n - k) for s, n, k in zip(start, x_shape, sizes, strict=True)]
        for a, i in zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True):
            start[a] = at[i]
        for a, i in zip(kept, d.offset_dims, strict=True):
            start[a] += point[i]
        yield point, tuple(start) if inside or mode is not GatherScatterMode.FILL_OR_DROP else None


def naive_gather(x: np.ndarray, indices: np.ndarray, shape: Any, fill: Any, dimension_numbers: Any, slice_sizes: Any, mode: Any,
                 **_: Any) -> np.ndarray:
    out = np.empty(shape, x.dtype)
    for point, place in places(x.shape, indices, dimension_numbers, slice_sizes, shape, mode):
        out[point] = fill if place is None else x[place]
    return out


def naive_scatter(combine: Any, x: np.ndarray, indices: np.ndarray, updates: np.ndarray, sizes: Any, dimension_numbers: Any,
                  mode: Any, **_: Any) -> np.ndarray:
    out = x.copy()
    for point, place in places(x.shape, indices, GatherDimensionNumbers(*dimension_numbers), sizes, updates.shape, mode):
        if place is not None:
            out[place] = combine(out[place], updates[point])
    return out


@st.composite
def cases(draw: Any) -> Any:
    """An operand's shape, indices, dimension numbers, window sizes and the shape of the result."""
    ndim = draw(st.integers(0, 3))
    shape = tuple(draw(st.integers(1, 4)) for _ in range(ndim))
    kinds = [draw(st.sampled_from(["window", "collapsed", "batch"])) for _ in range(ndim)]
    batching = [a for a in range(ndim) if kinds[a] == "batch"]
    sizes = tuple(draw(st.integers(0, n)) if k == "window" else 1 for n, k in zip(shape, kinds, strict=True))
    free = [draw(st.integers(0, 3)) for _ in range(draw(st.integers(0, 2)))]
    axes = [shape[a] for a in batching] + free
    order = draw(st.permutations(range(len(axes))))
    place_shape = tuple(axes[i] for i in order)
    index_map = tuple(draw(st.permutations([a for a in range(ndim) if kinds[a] != "batch" and draw(st.booleans())])))
    offsets = [a for a in range(ndim) if kinds[a] == "window"]
    rank = len(offsets) + len(place_shape)
    offset_dims = tuple(sorted(draw(st.permutations(range(rank)))[:len(offsets)]))
    d = GatherDimensionNumbers(offset_dims, tuple(a for a in range(ndim) if kinds[a] == "collapsed"), index_map, tuple(batching),
                               tuple(order.index(j) for j in range(len(batching))))
    rng = np.random.default_rng(draw(seeds))
    indices = rng.integers(-1, 5, (*place_shape, len(index_map))).astype(draw(st.sampled_from(["int8", "int64"])))
    window, place = iter([sizes[a] for a in offsets]), iter(place_shape)
    result = tuple(next(window) if i in offset_dims else next(place) for i in range(rank))
    return shape, indices, d, sizes, result, rng


def gather_params(d: Any, sizes: Any, mode: Any, fill_value: Any = None) -> dict[str, Any]:
    return {"dimension_numbers": d, "slice_sizes": sizes, "indices_are_sorted": False, "unique_indices": False, "mode": mode,
            "fill_value": fill_value}


def scatter_params(d: Any, mode: Any, unique: bool = False) -> dict[str, Any]:
    return {"dimension_numbers": ScatterDimensionNumbers(*d), "indices_are_sorted": False, "unique_indices": unique, "mode": mode}


def batched_indices(rng: np.random.Generator, indices: np.ndarray, dim: int | None, size: int) -> np.ndarray:
    if dim is None:
        return indices
    return rng.integers(-1, 5, (*indices.shape[:dim], size, *indices.shape[dim:])).astype(indices.dtype)


# -- gather -----------------------------------------------------------------------------------------------------------

@FEW
@given(cases(), st.sampled_from(MODES), st.data())
def test_gather(case: Any, mode: Any, data: Any) -> None:
    shape, indices, d, sizes, result, rng = case
    params = gather_params(d, sizes, mode)
    x = sample(rng, shape, data.draw(st.sampled_from(["float64", "complex64", "float16"])))
    np.testing.assert_array_equal(check_aval(ix.gather_p, x, indices, **params), naive_gather(x, indices, result, np.nan, **params))
    params["fill_value"] = 2.5
    x = sample(rng, shape)
    np.testing.assert_array_equal(ix.gather_p.bind(x, indices, **params), naive_gather(x, indices, result, 2.5, **params))
    check_jvp(ix.gather_p, [x, indices], [0], rng, **params)
    params["fill_value"] = 0
    check_transpose(ix.gather_p, [x, indices], [0], rng, **params)
    dims = batch_dims(data.draw, [len(shape), indices.ndim - 1])
    xs = x if dims[0] is None else sample(rng, (*shape[:dims[0]], 3, *shape[dims[0]:]))
    check_batch(ix.gather_p, [xs, batched_indices(rng, indices, dims[1], 3)], dims, 3, **params)


@pytest.mark.parametrize("dtype, fill", [("float32", np.nan), ("int8", -128), ("uint8", 255), ("bool", True)])
def test_default_fill(dtype: str, fill: Any) -> None:
    # jax.lax.gather(x, [[0], [5]], ..., mode="fill") gives the same.
    out = ix.gather(np.zeros((2, 1), dtype), np.array([[0], [5]]), ROWS, (1, 1))
    np.testing.assert_array_equal(out, np.array([[0], [fill]], dtype))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_whole_rows_are_taken(axis: int) -> None:
    x = np.arange(24).reshape(2, 3, 4)
    indices = np.array([[[1], [0], [1]], [[0], [0], [1]]])
    offsets = (*range(axis), *range(axis + 2, 4))
    sizes = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
    out = ix.gather(x, indices, GatherDimensionNumbers(offsets, (axis,), (axis,)), sizes)
    np.testing.assert_array_equal(out, np.take(x, indices[..., 0], axis))


def test_huge_unsigned_indices() -> None:
    x = np.arange(3.0)
    numbers = GatherDimensionNumbers((), (0,), (0,))
    top = np.array([[2**64 - 1]], "uint64")
    assert np.asarray(ix.gather(x, top, numbers, (1,), mode="clip")).tolist() == [2.0]
    assert np.isnan(ix.gather(x, top, numbers, (1,), mode="fill"))


def test_error_mode_names_index_axis_size_and_line() -> None:
    x = np.zeros((3, 4))
    with pytest.raises(IndexError, match=r"index 7 is out of bounds for axis 0 with size 3, at .*test_indexing\.py:\d+ \(test_error"):
        ix.gather(x, np.array([[0], [7]]), ROWS, (1, 4), mode="error")
    with pytest.raises(IndexError, match="start of a window of 2 elements 3 is out of bounds for axis 1 with size 4"):
        ix.gather(x, np.array([3]), GatherDimensionNumbers((0, 1), (), (1,)), (3, 2), mode="error")
    with pytest.raises(IndexError, match="index -1 is out of bounds for axis 0 with size 3"):
        ix.scatter_add(np.zeros(3), np.array([[-1]]), np.ones(1), PICK, mode="error")
    assert ix.gather(x, np.zeros((0, 1), int), ROWS, (1, 4), mode="error").shape == (0, 4)


def test_gather_refuses() -> None:
    x, indices = np.zeros((3, 4)), np.zeros((2, 1), int)
    for numbers, sizes, why in [
        (ROWS, (2, 4), "size 1 along collapsed"), (ROWS, (1, 5), "must fit into the operand"),
        (ROWS._replace(offset_dims=(1, 0)), (1, 4), "increasing order"),
        (ROWS._replace(start_index_map=(0, 1)), (1, 4), "index vectors of length 1"),
        (ROWS._replace(collapsed_slice_dims=()), (1, 4), "each axis of the operand must be"),
        (ROWS._replace(operand_batching_dims=(0,), start_indices_batching_dims=(0,)), (1, 4), "a batching axis must not be"),
    ]:
        with pytest.raises(TypeError, match=why):
            ix.gather(x, indices, numbers, sizes)
    with pytest.raises(TypeError, match="must be integers"):
        ix.gather(x, indices.astype(float), ROWS, (1, 4))
    with pytest.raises(ValueError, match="unknown mode 'wrap'"):
        ix.gather(x, indices, ROWS, (1, 4), mode="wrap")


# -- scatter ----------------------------------------------------------------------------------------------------------

@SCATTERS
@FEW
@given(cases(), st.sampled_from(MODES), st.data())
def test_scatter(prim: Any, case: Any, mode: Any, data: Any) -> None:
    shape, indices, d, sizes, result, rng = case
    sizes = tuple(s if d.offset_dims and a not in (*d.collapsed_slice_dims, *d.operand_batching_dims) else 1
                  for a, s in enumerate(sizes))
    params = scatter_params(d, mode)
    x, updates = sample(rng, shape), sample(rng, result)
    out = check_aval(prim, x, indices, updates, **params)
    np.testing.assert_allclose(out, naive_scatter(COMBINE[prim], x, indices, updates, sizes, **params), rtol=1e-12, atol=1e-12)
    small = sample(rng, shape, "int8"), indices, sample(rng, result, "int8")
    assert check_aval(prim, *small, **params).dtype == "int8"

    active = [[0]] if prim is ix.scatter_mul_p else [[0], [2], [0, 2]]
    for some in active:
        check_jvp(prim, [x, indices, updates], some, rng, tol=1e-6, **params)
    if prim is ix.scatter_p or prim is ix.scatter_add_p:
        check_transpose(prim, [x, indices, updates], [0, 2], rng, **params)
        check_transpose(prim, [np.zeros_like(x), indices, updates], [2], rng, **params)
    if prim is ix.scatter_mul_p:
        check_transpose(prim, [x, indices, updates], [0], rng, **params)

    dims = batch_dims(data.draw, [len(shape), indices.ndim - 1, len(result)])
    args = [a if dim is None else sample(rng, (*a.shape[:dim], 3, *a.shape[dim:]))
            for a, dim in zip((x, np.zeros(()), updates), (dims[0], None, dims[2]), strict=True)]
    args[1] = batched_indices(rng, indices, dims[1], 3)
    check_batch(prim, args, dims, 3, **params)


def test_scatter_mul_by_unique_updates() -> None:
    rng = np.random.default_rng(0)
    x, indices, updates = sample(rng, (6,)), np.array([[4], [0], [9]]), sample(rng, (3,))
    for mode in (GatherScatterMode.FILL_OR_DROP, GatherScatterMode.CLIP):
        params = scatter_params(PICK, mode, unique=True)
        check_jvp(ix.scatter_mul_p, [x, indices, updates], [0, 2], rng, **params)
    with pytest.raises(NotImplementedError, match="needs unique_indices=True"):
        ix.scatter_mul_p.jvp([x, indices, updates], [x, None, updates], **scatter_params(PICK, mode))


@pytest.mark.parametrize("unique", [False, True])
def test_the_last_update_stays_and_gets_the_cotangent(unique: bool) -> None:
    x, indices = np.zeros(4), np.array([[1], [1], [3], [8]] if not unique else [[1], [2], [3], [8]])
    updates = np.array([1.0, 2.0, 3.0, 4.0])
    params = scatter_params(PICK, GatherScatterMode.FILL_OR_DROP, unique)
    out = np.asarray(ix.scatter_p.bind(x, indices, updates, **params))
    assert out.tolist() == ([0, 1, 2, 3] if unique else [0, 2, 0, 3])
    check_transpose(ix.scatter_p, [x, indices, updates], [0, 2], np.random.default_rng(0), **params)


def test_extrema_share_ties() -> None:
    x, updates, indices = np.array([1.0, 2.0]), np.array([1.0, 1.0, 3.0]), np.array([[0], [0], [1]])
    params = scatter_params(PICK, GatherScatterMode.FILL_OR_DROP)
    _, y_dot = ix.scatter_max_p.jvp([x, indices, updates], [np.array([3.0, 9.0]), None, np.array([6.0, 0.0, 7.0])], **params)
    assert np.asarray(y_dot).tolist() == [3.0, 7.0]  # (3 + 6 + 0) / 3, and the update alone


def test_the_operand_is_not_changed() -> None:
    for layout in (np.zeros((2, 3)), np.zeros((3, 2)).T, np.zeros((4, 3))[::2]):
        x = layout
        out = ix.scatter(x, np.array([[1]]), np.ones((1, 3)), ScatterDimensionNumbers((1,), (0,), (0,)))
        assert np.asarray(out).tolist() == [[0, 0, 0], [1, 1, 1]] and not x.any() and x.flags.writeable


def test_scatter_sub_and_bool() -> None:
    out = ix.scatter_sub(np.zeros(3), np.array([[1], [1]]), np.array([1.0, 2.0]), PICK)
    assert np.asarray(out).tolist() == [0.0, -3.0, 0.0]
    mask = ix.scatter_add(np.array([True, False, False]), np.array([[0], [1]]), np.array([False, True]), PICK)
    assert np.asarray(mask).tolist() == [True, True, False]
    assert np.asarray(ix.scatter_mul(np.ones(2, "int8"), np.array([[1], [1]]), 3 * np.ones(2, "int8"), PICK)).tolist() == [1, 9]


def test_scatter_refuses() -> None:
    x, indices = np.zeros(3), np.zeros((2, 1), int)
    with pytest.raises(TypeError, match=r"updates must have shape \(2,\)"):
        ix.scatter(x, indices, np.zeros(4), PICK)
    with pytest.raises(TypeError, match="equal dtypes"):
        ix.scatter(x, indices, np.zeros(2, "float32"), PICK)
    with pytest.raises(TypeError, match="scatter_max: accepts"):
        ix.scatter_max(x.astype(complex), indices, np.zeros(2, complex), PICK)
    with pytest.raises(TypeError, match="must fit into the operand"):
        ix.scatter(x, np.zeros(1, int), np.zeros(4), ScatterDimensionNumbers((0,), (), (0,)))
    with pytest.raises(TypeError, match="must be an offset, a collapsed or a batching axis"):
        ix.scatter(x, np.zeros(1, int), np.zeros(()), ScatterDimensionNumbers((), (), (0,)))
