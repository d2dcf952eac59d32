"""Movement primitives against NumPy and naive loops; the checks of rules here serve the other families too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans.core.aval import Linear, Zero, tangent_aval
from functrans.core.trace import typeof
from functrans.primitives import dynamic_slice as dynamic
from functrans.primitives import movement

DTYPES = ["bool", "int8", "int32", "uint64", "float16", "float32", "float64", "complex64", "complex128"]
FEW = settings(max_examples=100, deadline=None)


# -- checks of rules --------------------------------------------------------------------------------------------------

def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = "float64") -> np.ndarray:
    """Random values of any dtype, small integers among them."""
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.kind == "f":
        return np.asarray(rng.normal(size=shape), dtype)
    return np.asarray(rng.integers(0, 2 if dtype.kind == "b" else 9, shape)).astype(dtype)


def check_aval(prim: Any, *args: Any, **params: Any) -> np.ndarray:
    """The value, after a check that the aval rule foretells it."""
    y = prim.bind(*args, **params)
    assert prim.abstract(*map(typeof, args), **params).same_type(typeof(y))
    return np.asarray(y)


def check_jvp(prim: Any, args: list[Any], active: list[int], rng: np.random.Generator, step: float = 1e-6, tol: float = 1e-7,
              **params: Any) -> None:
    """The tangent along a random direction in the `active` operands, against central differences."""
    tangents: list[Any] = [Zero(tangent_aval(typeof(a))) for a in args]
    ahead, behind = list(args), list(args)
    for i in active:
        tangents[i] = sample(rng, args[i].shape, args[i].dtype)
        ahead[i], behind[i] = args[i] + step * tangents[i], args[i] - step * tangents[i]
    y, y_dot = prim.jvp(args, tangents, **params)
    np.testing.assert_array_equal(y, prim.bind(*args, **params))
    expected = (np.asarray(prim.bind(*ahead, **params)) - np.asarray(prim.bind(*behind, **params))) / (2 * step)
    assert typeof(y_dot) == tangent_aval(typeof(y))
    np.testing.assert_allclose(y_dot, expected, rtol=tol, atol=tol)
    _, none = prim.jvp(args, [Zero(tangent_aval(typeof(a))) for a in args], **params)
    assert type(none) is Zero and none.aval == tangent_aval(typeof(y))


def check_transpose(prim: Any, args: list[Any], active: list[int], rng: np.random.Generator, **params: Any) -> None:
    """``<ct, f(x)> == <f^T(ct), x>`` for f linear in the `active` operands together."""
    y = np.asarray(prim.bind(*args, **params))
    ct = sample(rng, y.shape, y.dtype)
    operands = [Linear(typeof(a)) if i in active else a for i, a in enumerate(args)]
    bars = prim.transpose(ct, *operands, **params)
    assert len(bars) == len(args) and all((bar is not None) == (i in active) for i, bar in enumerate(bars))
    for i in active:
        assert typeof(bars[i]).same_type(typeof(args[i]))
    total = sum(np.sum(np.asarray(bars[i]) * args[i]) for i in active)
    np.testing.assert_allclose(total, np.sum(ct * y), rtol=1e-9, atol=1e-9)


def check_batch(prim: Any, args: list[Any], dims: list[int | None], size: int, **params: Any) -> None:
    """The batching rule against a loop over the batch."""
    out, dim = prim.batch(size, args, dims, **params)
    rows = [prim.bind(*(a if d is None else np.take(a, i, d) for a, d in zip(args, dims, strict=True)), **params)
            for i in range(size)]
    expected = np.stack([np.asarray(r) for r in rows])
    assert typeof(out).dtype == expected.dtype
    np.testing.assert_allclose(np.moveaxis(np.asarray(out), dim, 0), expected, rtol=1e-12, atol=1e-12)


def batch_dims(draw: Any, ranks: list[int]) -> list[int | None]:
    """A batch axis or None for operands of the given ranks; at least one is batched."""
    dims = [draw(st.none() | st.integers(0, r)) for r in ranks]
    if all(d is None for d in dims):
        i = draw(st.integers(0, len(ranks) - 1))
        dims[i] = draw(st.integers(0, ranks[i]))
    return dims


def with_batch(rng: np.random.Generator, x: np.ndarray, dim: int | None, size: int) -> np.ndarray:
    """`x` and variations of it along a new axis `dim`."""
    if dim is None:
        return x
    rows = [x, *(rng.permutation(x.reshape(-1)).reshape(x.shape) for _ in range(size - 1))]
    return np.stack(rows, dim)


seeds = st.integers(0, 2**32 - 1)


# -- slice ------------------------------------------------------------------------------------------------------------

@st.composite
def slices(draw: Any) -> tuple[tuple[int, ...], dict[str, Any]]:
    shape = tuple(draw(st.lists(st.integers(0, 5), max_size=3)))
    starts = tuple(draw(st.integers(0, n)) for n in shape)
    limits = tuple(draw(st.integers(s, n)) for s, n in zip(starts, shape, strict=True))
    strides = draw(st.none() | st.tuples(*(st.integers(1, 3) for _ in shape)))
    return shape, {"start_indices": starts, "limit_indices": limits, "strides": strides}


@FEW
@given(slices(), seeds, st.sampled_from(DTYPES), st.data())
def test_slice(drawn: Any, seed: int, dtype: str, data: Any) -> None:
    shape, params = drawn
    rng = np.random.default_rng(seed)
    x = sample(rng, shape, dtype)
    steps = params["strides"] or (1,) * len(shape)
    expected = x[tuple(slice(*t) for t in zip(params["start_indices"], params["limit_indices"], steps, strict=True))]
    np.testing.assert_array_equal(check_aval(movement.slice_p, x, **params), expected)
    x = sample(rng, shape)
    check_jvp(movement.slice_p, [x], [0], rng, **params)
    check_transpose(movement.slice_p, [x], [0], rng, **params)
    dim = data.draw(st.integers(0, len(shape)))
    check_batch(movement.slice_p, [with_batch(rng, x, dim, 3)], [dim], 3, **params)


@pytest.mark.parametrize("bounds", [((0,), (4,), None), ((2,), (1,), None), ((-1,), (2,), None), ((0,), (3,), (0,)),
                                    ((0, 0), (1, 1), None)])
def test_slice_refuses(bounds: Any) -> None:
    starts, limits, strides = bounds
    with pytest.raises(TypeError, match="slice: "):
        movement.slice_p.bind(np.zeros(3), start_indices=starts, limit_indices=limits, strides=strides)


def test_slice_functions() -> None:
    x = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(movement.slice_in_dim(x, -2, None, axis=1), x[:, -2:])
    np.testing.assert_array_equal(movement.slice_in_dim(x, None, None, 2, axis=-1), x[:, ::2])
    np.testing.assert_array_equal(movement.index_in_dim(x, -1), x[-1:])
    np.testing.assert_array_equal(movement.index_in_dim(x, 2, axis=1, keepdims=False), x[:, 2])
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 1 of size 4"):
        movement.index_in_dim(x, 4, axis=1)
    left, right = movement.split(x, (1, 3), axis=1)
    np.testing.assert_array_equal(np.concatenate([left, right], 1), x)
    with pytest.raises(ValueError, match="add up to 4"):
        movement.split(x, (1, 2), axis=1)


def test_a_view_does_not_follow_its_source() -> None:
    x = np.arange(4.0)
    y = movement.slice(x, (1,), (3,))
    x[:] = 9
    assert np.asarray(y).tolist() == [1.0, 2.0]


# -- pad --------------------------------------------------------------------------------------------------------------

def naive_pad(x: np.ndarray, value: Any, config: Any) -> np.ndarray:
    for axis, (lo, hi, interior) in enumerate(config):
        rows = []
        for i, row in enumerate(np.moveaxis(x, axis, 0)):
            rows += [np.full_like(row, value)] * (interior if i else 0) + [row]
        blank = np.full(x.shape[:axis] + x.shape[axis + 1:], value, x.dtype)
        rows = [blank] * max(lo, 0) + rows + [blank] * max(hi, 0)
        rows = rows[max(-lo, 0): len(rows) - max(-hi, 0)]
        x = np.stack(rows, axis) if rows else np.empty((*x.shape[:axis], 0, *x.shape[axis + 1:]), x.dtype)
    return x


@st.composite
def pads(draw: Any) -> tuple[tuple[int, ...], Any]:
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    config = []
    for n in shape:
        interior = draw(st.integers(0, 2))
        whole = n + max(n - 1, 0) * interior
        lo = draw(st.integers(-whole, 3))
        config.append((lo, draw(st.integers(-(whole + lo), 3)), interior))
    return shape, tuple(config)


@FEW
@given(pads(), seeds, st.sampled_from(DTYPES), st.data())
def test_pad(drawn: Any, seed: int, dtype: str, data: Any) -> None:
    shape, config = drawn
    rng = np.random.default_rng(seed)
    x, value = sample(rng, shape, dtype), sample(rng, (), dtype)
    np.testing.assert_array_equal(check_aval(movement.pad_p, x, value, padding_config=config), naive_pad(x, value, config))
    x, value = sample(rng, shape), sample(rng, ())
    for active in ([0], [1], [0, 1]):
        check_jvp(movement.pad_p, [x, value], active, rng, padding_config=config)
    check_transpose(movement.pad_p, [x, value], [0, 1], rng, padding_config=config)
    check_transpose(movement.pad_p, [x, np.zeros(())], [0], rng, padding_config=config)
    check_transpose(movement.pad_p, [np.zeros(shape), value], [1], rng, padding_config=config)
    dims = batch_dims(data.draw, [len(shape), 0])
    args = [sample(rng, a.shape if d is None else (*a.shape[:d], 2, *a.shape[d:])) for a, d in zip((x, value), dims, strict=True)]
    check_batch(movement.pad_p, args, dims, 2, padding_config=config)


def test_pad_beyond_the_operand() -> None:
    assert np.asarray(movement.pad(np.array([1, 2, 3]), 0, [(-5, 4, 0)])).tolist() == [0, 0]  # jax.lax.pad agrees
    with pytest.raises(TypeError, match="crops more than there is"):
        movement.pad(np.zeros(3), 0.0, [(-2, -2, 0)])
    with pytest.raises(TypeError, match="scalar of the operand's dtype"):
        movement.pad(np.zeros(3), np.float32(0), [(0, 0, 0)])


# -- concatenate, rev, iota -------------------------------------------------------------------------------------------

@FEW
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.lists(st.integers(0, 3), min_size=1, max_size=4), seeds, st.data())
def test_concatenate(shape: list[int], sizes: list[int], seed: int, data: Any) -> None:
    rng = np.random.default_rng(seed)
    axis = data.draw(st.integers(0, len(shape) - 1))
    xs = [sample(rng, (*shape[:axis], n, *shape[axis + 1:])) for n in sizes]
    np.testing.assert_array_equal(check_aval(movement.concatenate_p, *xs, dimension=axis), np.concatenate(xs, axis))
    some = sorted(data.draw(st.sets(st.integers(0, len(xs) - 1), min_size=1)))
    check_jvp(movement.concatenate_p, xs, some, rng, dimension=axis)
    masked = [x if i in some else np.zeros_like(x) for i, x in enumerate(xs)]
    check_transpose(movement.concatenate_p, masked, some, rng, dimension=axis)
    dims = batch_dims(data.draw, [len(shape)] * len(xs))
    args = [with_batch(rng, x, d, 2) for x, d in zip(xs, dims, strict=True)]
    check_batch(movement.concatenate_p, args, dims, 2, dimension=axis)


def test_concatenate_refuses() -> None:
    with pytest.raises(TypeError, match="equal dtypes, and equal shapes but for axis 0"):
        movement.concatenate([np.zeros(2), np.zeros(2, "float32")], 0)
    with pytest.raises(ValueError, match="at least one operand"):
        movement.concatenate([], 0)


@pytest.mark.parametrize("dims", [(0,), (2, 0), (0, 1, 2)])
def test_rev(dims: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = sample(rng, (2, 3, 4))
    np.testing.assert_array_equal(check_aval(movement.rev_p, x, dimensions=dims), np.flip(x, dims))
    check_jvp(movement.rev_p, [x], [0], rng, dimensions=dims)
    check_transpose(movement.rev_p, [x], [0], rng, dimensions=dims)
    for dim in range(4):
        check_batch(movement.rev_p, [sample(rng, (*x.shape[:dim], 2, *x.shape[dim:]))], [dim], 2, dimensions=dims)
    with pytest.raises(TypeError, match="rev: dimensions"):
        movement.rev_p.bind(x, dimensions=(0, 0))


@pytest.mark.parametrize("dtype", ["int8", "uint32", "float16", "complex64"])
def test_iota(dtype: str) -> None:
    out = check_aval(movement.iota_p, dtype=np.dtype(dtype), shape=(2, 3, 2), dimension=1)
    np.testing.assert_array_equal(out, np.broadcast_to(np.arange(3).reshape(3, 1), (2, 3, 2)))
    y, y_dot = movement.iota_p.jvp([], [], dtype=np.dtype(dtype), shape=(3,), dimension=0)
    assert type(y_dot) is Zero and y_dot.aval == tangent_aval(typeof(y))
    with pytest.raises(TypeError, match="cannot count"):
        movement.iota(bool, 3)


def test_constants_and_shapes() -> None:
    assert typeof(movement.full((2,), 1)) == typeof(movement.full((2,), 1)).update(dtype=np.dtype("int64"), weak_type=True)
    cases = [(1, "float32", 1.0), (2.5, "complex64", 2.5), (-1, "uint8", 255), (1.7, "int32", 1), (1j, "float64", 0.0)]
    for fill, dtype, expected in cases:
        out = movement.full((2,), fill, dtype)
        assert out.dtype == dtype and not out.weak_type and np.asarray(out).tolist() == [expected] * 2
    x = np.zeros((2, 1, 3), "float32")
    assert movement.full_like(x, 2).dtype == "float32" and movement.full_like(x, 2, shape=(4,)).shape == (4,)
    assert movement.zeros_like(x).shape == x.shape
    assert movement.squeeze(x, (1,)).shape == (2, 3)
    assert movement.expand_dims(x, (0, -1)).shape == (1, 2, 1, 3, 1)
    assert movement.collapse(x, 0, 2).shape == (2, 3) and movement.collapse(x, 1).shape == (2, 3)
    assert movement.broadcast(x, (5, 4)).shape == (5, 4, 2, 1, 3)
    assert movement.broadcast_to_rank(x, 5).shape == (1, 1, 2, 1, 3)
    with pytest.raises(ValueError, match="size 1"):
        movement.squeeze(x, (0,))


# -- dynamic slices ---------------------------------------------------------------------------------------------------

@st.composite
def windows(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], list[np.ndarray]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    sizes = tuple(draw(st.integers(0, n)) for n in shape)
    starts = [np.asarray(draw(st.integers(-3, 6)), draw(st.sampled_from(["int8", "int64", "int32"]))) for _ in shape]
    return shape, sizes, starts


@FEW
@given(windows(), seeds, st.data())
def test_dynamic_slice(drawn: Any, seed: int, data: Any) -> None:
    shape, sizes, starts = drawn
    rng = np.random.default_rng(seed)
    x = sample(rng, shape)
    at = tuple(slice(c, c + k) for c, k in ((int(np.clip(s, 0, n - k)), k) for s, n, k in zip(starts, shape, sizes, strict=True)))
    prim = dynamic.dynamic_slice_p
    np.testing.assert_array_equal(check_aval(prim, x, *starts, slice_sizes=sizes), x[at])
    check_jvp(prim, [x, *starts], [0], rng, slice_sizes=sizes)
    check_transpose(prim, [x, *starts], [0], rng, slice_sizes=sizes)
    dims = batch_dims(data.draw, [len(shape)] + [0] * len(shape))
    args = [with_batch(rng, x, dims[0], 3),
            *(s if d is None else rng.integers(-3, 6, 3).astype(s.dtype) for s, d in zip(starts, dims[1:], strict=True))]
    check_batch(prim, args, dims, 3, slice_sizes=sizes)

    update = sample(rng, sizes)
    expected = x.copy()
    expected[at] = update
    prim = dynamic.dynamic_update_slice_p
    np.testing.assert_array_equal(check_aval(prim, x, update, *starts), expected)
    for active in ([0], [1], [0, 1]):
        check_jvp(prim, [x, update, *starts], active, rng)
    check_transpose(prim, [x, update, *starts], [0, 1], rng)
    check_transpose(prim, [np.zeros_like(x), update, *starts], [1], rng)
    u_dim = data.draw(st.none() | st.integers(0, len(shape)))
    check_batch(prim, [args[0], with_batch(rng, update, u_dim, 3), *args[1:]], [dims[0], u_dim, *dims[1:]], 3)


def test_dynamic_functions() -> None:
    x = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(dynamic.dynamic_slice(x, (-2, 1), (1, 2)), x[1:2, 1:3])
    np.testing.assert_array_equal(dynamic.dynamic_slice(x, np.array([2, -1], "int8"), (2, 2)), x[1:3, 2:4])
    np.testing.assert_array_equal(dynamic.dynamic_slice(x, (np.uint64(2**64 - 1), 0), (1, 4)), x[2:])
    np.testing.assert_array_equal(dynamic.dynamic_slice_in_dim(x, np.int32(3), 2, axis=1), x[:, 2:])
    np.testing.assert_array_equal(dynamic.dynamic_index_in_dim(x, -1, keepdims=False), x[2])
    out = dynamic.dynamic_update_index_in_dim(x, np.zeros(3, int), 1, axis=1)
    np.testing.assert_array_equal(out, np.where(np.arange(4) == 1, 0, x))
    out = dynamic.dynamic_update_slice_in_dim(x, np.zeros((1, 4), int), -1, axis=0)
    np.testing.assert_array_equal(out, np.where(np.arange(3)[:, None] == 2, 0, x))
    with pytest.raises(TypeError, match="2 start indices are needed"):
        dynamic.dynamic_slice(x, (0,), (1, 1))
    with pytest.raises(TypeError, match="integer scalars"):
        dynamic.dynamic_slice_p.bind(x, 0.5, 0, slice_sizes=(1, 1))
    with pytest.raises(TypeError, match="must fit into the operand"):
        dynamic.dynamic_slice(x, (0, 0), (4, 1))
