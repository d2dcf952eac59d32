"""Rows of `functrans.lax`: arrays moved, reduced, ordered, indexed, multiplied and convolved. References are naive NumPy expressions."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import lax
from tests.names.rows import ANY, COMPLEX, FLOAT, NUMBER, REAL, Name, R, Z, distinct, fixed
from tests.primitives.test_convolution import naive

__all__ = ["LAX_ARRAYS"]

X = R(3, 4)
CUBE = R(2, 3, 4)
ORDERED = distinct(3, 4)
START = Z(low=0, high=2)
IMAGES = R(2, 2, 5, 4)
KERNELS = R(3, 2, 3, 2)
PLAIN = [(0, 0), (0, 0)]
ROWS_BY_NUMBER = lax.GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
ROWS_TO_NUMBER = lax.ScatterDimensionNumbers(update_window_dims=(1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
TWICE_THE_SAME = fixed(np.array([[2], [0], [2]]))
APART = fixed(np.array([[2], [0], [1]]))


def spread(x: Any, shape: Any, places: Any) -> Any:
    """`broadcast_in_dim`: the axes of x at `places` of `shape`."""
    kept = [1] * len(shape)
    for place, size in zip(places, x.shape, strict=True):
        kept[place] = size
    return np.broadcast_to(x.reshape(kept), shape)


def padded(x: Any, value: Any, config: Any) -> Any:
    """`pad`: elements apart by the interior padding, between the edges; negative edges cut."""
    for axis, (low, high, interior) in enumerate(config):
        size = (x.shape[axis] - 1) * (interior + 1) + 1
        y = np.full((*x.shape[:axis], size, *x.shape[axis + 1:]), value)
        y[(slice(None),) * axis + (slice(None, None, interior + 1),)] = x
        y = np.delete(y, range(size + high, size), axis) if high < 0 else y
        edges = [(max(low, 0), max(high, 0)) if a == axis else (0, 0) for a in range(x.ndim)]
        x = np.pad(y, edges, constant_values=value)[(slice(None),) * axis + (slice(max(-low, 0), None),)]
    return x


def began(starts: Any, shape: Any, sizes: Any) -> tuple[slice, ...]:
    """The slices that begin at `starts`, moved so that they fit."""
    first = [int(np.clip(s, 0, n - m)) for s, n, m in zip(starts, shape, sizes, strict=True)]
    return tuple(slice(s, s + m) for s, m in zip(first, sizes, strict=True))


def written(x: Any, update: Any, starts: Any) -> Any:
    y = x.copy()
    y[began(starts, x.shape, update.shape)] = update
    return y


def scattered(combine: Any) -> Any:
    """Rows combined into those of x one after the other."""

    def reference(x: Any, places: Any, updates: Any, numbers: Any, **options: Any) -> Any:
        y = x.copy()
        for i, row in zip(places[:, 0], updates, strict=True):
            y[i] = combine(y[i], row)
        return y

    return reference


def applied(x: Any, places: Any, f: Any, numbers: Any, update_shape: Any) -> Any:
    """A function of rows, for each time that a row is named."""
    y = x.copy()
    for i in places[:, 0]:
        y[i] = f(y[i])
    return y


def running(f: Any) -> Any:
    return lambda x, axis, reverse=False: np.flip(f(np.flip(x, axis), axis), axis) if reverse else f(x, axis)


def both_ways(f: Any, x: Any) -> list[Any]:
    return [f(x, 1), f(x, 0, reverse=True)]


def recurrence(a: Any, b: Any, axis: int, reverse: bool = False) -> Any:
    """``y[i] = a[i] * y[i - 1] + b[i]``."""
    y, out = 0 * b[0], []
    for i in range(len(b))[::-1 if reverse else 1]:
        y = a[i] * y + b[i]
        out.append(y)
    return np.stack(out[::-1] if reverse else out)


def convolved(x: Any, k: Any, strides: Any, pads: Any, *dilations: Any, **options: Any) -> Any:
    """The naive convolution of `tests.primitives.test_convolution`, in the dtype of x."""
    named = dict(zip(("lhs_dilation", "rhs_dilation"), dilations, strict=False))
    pads = PLAIN if pads == "VALID" else pads
    parts = [naive(a, b, strides, pads, **named, **options) for a in (x.real, x.imag) for b in (k.real, k.imag)]
    return (parts[0] - parts[3] + (1j * (parts[1] + parts[2]) if x.dtype.kind == "c" else 0)).astype(x.dtype)


def patches(x: Any, shape: Any, strides: Any, padding: Any) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, shape, (2, 3))[:, :, ::strides[0], ::strides[1]]
    return np.moveaxis(windows, (4, 5), (2, 3)).reshape(x.shape[0], -1, *windows.shape[2:4])


def local(x: Any, k: Any, strides: Any, padding: Any, shape: Any) -> Any:
    return np.einsum("nfhw,ofhw->nohw", patches(x, shape, strides, padding), k)


def transposed(x: Any, k: Any, strides: Any, padding: Any, **options: Any) -> Any:
    """The convolution of x with zeros between its elements; its edges wide enough for every overlap."""
    pads = [(n - 1, n - 1) for n in k.shape[2:]]
    return convolved(x, k, (1, 1), pads, strides)


def windows_reduced(x: Any, init: Any, f: Any, window: Any, strides: Any) -> Any:
    views = np.lib.stride_tricks.sliding_window_view(x, window)[::strides[0], ::strides[1]]
    return np.max(views, (2, 3)) if f is lax.max else np.sum(views, (2, 3))


def in_windows(x: Any, window: Any, strides: Any, dilation: Any) -> Any:
    views = np.lib.stride_tricks.sliding_window_view(x, [(w - 1) * d + 1 for w, d in zip(window, dilation, strict=True)])
    return views[::strides[0], ::strides[1], ::dilation[0], ::dilation[1]]


def best(x: Any, k: int, axis: int = -1) -> Any:
    order = np.argsort(-x, axis, kind="stable").take(range(k), axis)
    return np.take_along_axis(x, order, axis), order.astype("int32")


def least(x: Any, k: int, axis: int = -1) -> Any:
    order = np.argsort(x, axis, kind="stable").take(range(k), axis)
    return np.take_along_axis(x, order, axis), order.astype("int32")


def contracted(x: Any, y: Any, numbers: Any) -> Any:
    return np.einsum("bik,bkj->bij", x, y)


def reduced(f: Any) -> Any:
    return lambda x, axes: f(x, axis=tuple(axes))


LAX_ARRAYS = (
    # -- made
    Name("lax.iota", (), lambda f: [f("int64", 4), f("float32", 3)], lambda d, n: np.arange(n, dtype=d)),
    Name("lax.broadcasted_iota", (), lambda f: f("int64", (2, 3), 1), lambda d, s, a: np.broadcast_to(np.arange(s[a]), s)),
    Name("lax.full", (R(),), lambda f, x: f((2, 3), x), np.full, dtypes=ANY),
    Name("lax.full_like", (X, R()), lambda f, x, v: f(x, v), np.full_like, dtypes=ANY),
    Name("lax.empty", (), lambda f: f((2, 3), "float32").shape[1], np.empty),
    # -- moved
    Name("lax.reshape", (X,), lambda f, x: f(x, (2, 6)), np.reshape, dtypes=ANY),
    Name("lax.collapse", (CUBE,), lambda f, x: [f(x, 0, 2), f(x, 1)], lambda x, a, b=3: x.reshape(*x.shape[:a], -1, *x.shape[b:]),
         dtypes=ANY),
    Name("lax.transpose", (CUBE,), lambda f, x: f(x, (2, 0, 1)), np.transpose, dtypes=ANY),
    Name("lax.rev", (CUBE,), lambda f, x: f(x, (0, 2)), np.flip, dtypes=ANY),
    Name("lax.squeeze", (R(1, 3, 1),), lambda f, x: f(x, (0,)), np.squeeze, dtypes=ANY),
    Name("lax.expand_dims", (X,), lambda f, x: f(x, (0, 2)), np.expand_dims, dtypes=ANY),
    Name("lax.broadcast", (X,), lambda f, x: f(x, (2, 1)), lambda x, s: np.broadcast_to(x, (*s, *x.shape)), dtypes=ANY),
    Name("lax.broadcast_in_dim", (X,), lambda f, x: f(x, (3, 2, 4), (0, 2)), spread, dtypes=ANY),
    Name("lax.broadcast_to_rank", (X,), lambda f, x: f(x, 4), lambda x, n: x.reshape((1,) * (n - x.ndim) + x.shape), dtypes=ANY),
    Name("lax.broadcast_like", (R(3, 1), X), lambda f, x, y: f(x, y), lambda x, y: np.broadcast_to(x, y.shape), dtypes=ANY),
    Name("lax.tile", (X,), lambda f, x: f(x, (2, 3)), np.tile, dtypes=ANY),
    Name("lax.concatenate", (X, X), lambda f, x, y: f([x, y], 1), np.concatenate, dtypes=ANY),
    Name("lax.stack", (X, X), lambda f, x, y: f([x, y], 1), np.stack, dtypes=ANY),
    Name("lax.unstack", (X,), lambda f, x: [*f(x, 1)], lambda x, axis: np.moveaxis(x, axis, 0), dtypes=ANY),
    Name("lax.split", (X,), lambda f, x: [*f(x, (1, 3), 1)], lambda x, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis), dtypes=ANY),
    Name("lax.pad", (X, R()), lambda f, x, v: f(x, v, ((1, 2, 1), (-1, 0, 0))), padded, dtypes=ANY),
    Name("lax.convert_element_type", (R(3, 4, low=0),), lambda f, x: f(x, "float64"), lambda x, d: x.astype(d), dtypes=("bool", *REAL),
         widens=True),
    Name("lax.bitcast_convert_type", (R(3, dtype="float32"),), lambda f, x: f(x, "int32"), lambda x, d: x.view(d), dtypes=("float32",)),
    Name("lax.slice", (CUBE,), lambda f, x: f(x, (0, 1, 0), (2, 3, 4), (1, 1, 2)),
         lambda x, a, b, s: x[tuple(map(slice, a, b, s))], dtypes=ANY),
    Name("lax.slice_in_dim", (X,), lambda f, x: f(x, 1, -1, 2, 1), lambda x, a, b, s, axis: x[:, a:b:s], dtypes=ANY),
    Name("lax.index_in_dim", (X,), lambda f, x: [f(x, 2, 1), f(x, 0, keepdims=False)],
         lambda x, i, axis=0, keepdims=True: x.take([i] if keepdims else i, axis), dtypes=ANY),
    Name("lax.index_take", (X, Z(5, high=2), Z(5, high=3)), lambda f, x, i, j: f(x, np.stack([i, j]), (0, 1)), lambda x, ij, axes: x[*ij],
         dtypes=ANY),
    Name("lax.sliding_windows", (X,), lambda f, x: f(x, (2, 2), (1, 1), (1, 2)), in_windows, dtypes=NUMBER),
    # -- at places that are computed
    Name("lax.dynamic_slice", (CUBE, START, START), lambda f, x, i, j: f(x, (0, i, j), (1, 2, 3)),
         lambda x, starts, sizes: x[began(starts, x.shape, sizes)], dtypes=ANY),
    Name("lax.dynamic_slice_in_dim", (X, START), lambda f, x, i: f(x, i, 2, 1), lambda x, i, n, axis: x[:, i:i + n], dtypes=ANY),
    Name("lax.dynamic_index_in_dim", (X, START), lambda f, x, i: f(x, i, 0), lambda x, i, axis: x[i:i + 1], dtypes=ANY),
    Name("lax.dynamic_update_slice", (X, R(2, 2), START, START), lambda f, x, u, i, j: f(x, u, (i, j)), written, dtypes=ANY),
    Name("lax.dynamic_update_slice_in_dim", (X, R(3, 2), START), lambda f, x, u, i: f(x, u, i, 1),
         lambda x, u, i, axis: written(x, u, (0, i)), dtypes=ANY),
    Name("lax.dynamic_update_index_in_dim", (X, R(4), START), lambda f, x, u, i: f(x, u, i, 0),
         lambda x, u, i, axis: written(x, u[None], (i, 0)), dtypes=ANY),
    Name("lax.gather", (X, Z(5, 1, high=2)), lambda f, x, i: f(x, i, ROWS_BY_NUMBER, (1, 4)), lambda x, i, n, s: x[i[:, 0]], dtypes=ANY),
    *(Name(f"lax.{name}", (X, TWICE_THE_SAME, distinct(3, 4)), lambda f, x, i, u: f(x, i, u, ROWS_TO_NUMBER), scattered(combine),
           dtypes=kinds)
      for name, combine, kinds in [("scatter_add", np.add, NUMBER), ("scatter_sub", np.subtract, NUMBER), ("scatter_max", np.maximum, REAL),
                                   ("scatter_min", np.minimum, REAL)]),
    *(Name(f"lax.{name}", (X, APART, R(3, 4)), lambda f, x, i, u: f(x, i, u, ROWS_TO_NUMBER, unique_indices=True), scattered(combine),
           dtypes=NUMBER) for name, combine in [("scatter", lambda x, u: u), ("scatter_mul", np.multiply)]),
    Name("lax.scatter_apply", (X, Z(5, 1, high=2)), lambda f, x, i: f(x, i, lambda v: v * v, ROWS_TO_NUMBER, update_shape=(5, 4)), applied,
         dtypes=NUMBER),
    # -- reduced, running, in order
    *(Name(f"lax.reduce_{name}", (operand,), lambda f, x: f(x, (0, 2)), reduced(f), dtypes=kinds) for name, operand, f, kinds in [
        ("sum", CUBE, lambda x, axis: np.sum(x, axis, x.dtype), NUMBER), ("prod", CUBE, lambda x, axis: np.prod(x, axis, x.dtype), NUMBER),
        ("max", distinct(2, 3, 4), np.max, REAL), ("min", distinct(2, 3, 4), np.min, REAL), ("and", CUBE, np.all, ("bool",)),
        ("or", CUBE, np.any, ("bool",)), ("xor", CUBE, np.logical_xor.reduce, ("bool",))]),
    Name("lax.reduce", (X,), lambda f, x: [f(x, x.dtype.type(0), lax.add, (1,)), f(x, x.dtype.type(1), lax.mul, (0,))],
         lambda x, init, g, axes: (np.sum if g is lax.add else np.prod)(x, axes, x.dtype), dtypes=NUMBER),
    Name("lax.argmax", (ORDERED,), lambda f, x: f(x, 1), np.argmax, dtypes=REAL),
    Name("lax.argmin", (ORDERED,), lambda f, x: f(x, 1), np.argmin, dtypes=REAL),
    *(Name(f"lax.{name}", (ORDERED,), both_ways, running(f), dtypes=kinds) for name, f, kinds in [
        ("cumsum", lambda x, a: np.cumsum(x, a, x.dtype), NUMBER), ("cumprod", lambda x, a: np.cumprod(x, a, x.dtype), NUMBER),
        ("cummax", np.maximum.accumulate, REAL), ("cummin", np.minimum.accumulate, REAL),
        ("cumlogsumexp", np.logaddexp.accumulate, FLOAT)]),
    Name("lax.linear_recurrence", (X, X), lambda f, a, b: [f(a, b, 0), f(a, b, 0, reverse=True)], recurrence, dtypes=COMPLEX),
    Name("lax.sort", (ORDERED,), lambda f, x: [f(x), f(x, 0)], np.sort, dtypes=REAL),
    Name("lax.sort_key_val", (distinct(5), R(5)), lambda f, k, v: [*f(k, v)], lambda k, v: (np.sort(k), v[np.argsort(k)]), dtypes=REAL),
    Name("lax.top_k", (ORDERED,), lambda f, x: [*f(x, 2), *f(x, 2, axis=0)], best, dtypes=REAL),
    Name("lax.approx_max_k", (ORDERED,), lambda f, x: [*f(x, 2), *f(x, 2, 0)], best, dtypes=FLOAT),
    Name("lax.approx_min_k", (ORDERED,), lambda f, x: [*f(x, 2), *f(x, 2, 0)], least, dtypes=FLOAT),
    # -- products
    Name("lax.dot", (X, R(4, 2)), lambda f, x, y: f(x, y), np.dot, dtypes=NUMBER),
    Name("lax.batch_matmul", (CUBE, R(2, 4, 2)), lambda f, x, y: f(x, y), np.matmul, dtypes=NUMBER),
    Name("lax.dot_general", (CUBE, R(2, 4, 2)), lambda f, x, y: f(x, y, (((2,), (1,)), ((0,), (0,)))), contracted, dtypes=NUMBER),
    Name("lax.fft", (R(2, 6),), lambda f, x: f(x + 0j, "FFT", (6,)), lambda x, kind, n: np.fft.fft(x).astype(x.dtype)),
    # -- convolutions
    Name("lax.conv", (IMAGES, KERNELS), lambda f, x, k: f(x, k, (2, 1), "VALID"), convolved, dtypes=COMPLEX),
    Name("lax.conv_with_general_padding", (IMAGES, KERNELS), lambda f, x, k: f(x, k, (1, 1), [(1, 2), (0, 1)], (1, 2), (1, 1)), convolved,
         dtypes=COMPLEX),
    Name("lax.conv_general_dilated", (IMAGES, KERNELS), lambda f, x, k: f(x, k, (1, 2), [(2, 0), (1, 1)], (2, 1), (1, 2)), convolved,
         dtypes=COMPLEX),
    Name("lax.conv_general_dilated_patches", (IMAGES,), lambda f, x: f(x, (3, 2), (1, 2), "VALID"), patches),
    Name("lax.conv_general_dilated_local", (IMAGES, R(3, 12, 3, 2)), lambda f, x, k: f(x, k, (1, 2), "VALID", (3, 2)), local),
    Name("lax.conv_transpose", (IMAGES, KERNELS),
         lambda f, x, k: f(x, k, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW")), transposed),
    Name("lax.reduce_window", (distinct(4, 5),), lambda f, x: [f(x, x.dtype.type(-99), lax.max, (2, 3), (1, 2)),
                                                            f(x, x.dtype.type(0), lax.add, (2, 3), (1, 2))], windows_reduced, dtypes=REAL),
)
