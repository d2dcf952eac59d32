"""Sliding windows over trailing axes, and their transpose, the sum of overlapping windows.

``sliding_windows`` reads element ``o * stride + k * dilation`` of each of the last axes at place o and window position k. Compiled,
it is a change of strides and moves nothing. `overlap_add` puts every element of every window back where it was read, and adds.
Convolutions and reductions over windows are made of these: a convolution is a product of the windows with the kernel.

Both are linear, and each is the transpose of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from functrans.arguments import integers
from functrans.core.aval import ShapedArray
from functrans.core.low_precision import low_precision_format
from functrans.core.trace import Primitive
from functrans.kernel import Expr, affine_index
from functrans.primitives.base import linear, operand_error
from functrans.primitives.movement import checked
from functrans.primitives.structural import move_axis

__all__ = ["overlap_add_p", "sliding_windows", "sliding_windows_p"]

Sizes = tuple[int, ...]


def _places(size: int, window: int, stride: int, dilation: int) -> int:
    """How many windows there are along an axis."""
    return max(0, (size - (window - 1) * dilation - 1) // stride + 1) if window else 0


def _windows_abstract(x: ShapedArray, *, window: Sizes, strides: Sizes, dilation: Sizes) -> ShapedArray:
    n = len(window)
    if not len(strides) == len(dilation) == n <= x.ndim or any(v < 1 for v in (*window, *strides, *dilation)):
        raise operand_error("sliding_windows", f"window {window}, strides {strides} and dilation {dilation} must be positive, one for "
                            "each of the last axes.", x)
    places = tuple(map(_places, x.shape[x.ndim - n:], window, strides, dilation))
    return x.update(shape=(*x.shape[:x.ndim - n], *places, *window))


def _windows_impl(x: np.ndarray, *, window: Sizes, strides: Sizes, dilation: Sizes) -> np.ndarray:
    lead = x.ndim - len(window)
    shape = _windows_abstract(ShapedArray(x.shape, x.dtype), window=window, strides=strides, dilation=dilation).shape
    if 0 in shape:
        return np.empty(shape, x.dtype)
    moves = [[s * step for s, step in zip(x.strides[lead:], each, strict=True)] for each in (strides, dilation)]
    steps = (*x.strides[:lead], *moves[0], *moves[1])
    if low_precision_format(x.dtype) is None:
        return np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)
    codes = x.view(f"u{x.dtype.itemsize}")  # the array interface, by which NumPy sets strides, does not tell these dtypes apart
    return np.lib.stride_tricks.as_strided(codes, shape, steps, writeable=False).view(x.dtype)


def _read_index(shape: Sizes, lead: int, strides: Sizes, dilation: Sizes) -> list[Expr]:
    """For each axis of the array, the index that a point of the windows reads."""
    n, rank = len(strides), len(shape)

    def index(parts: dict[int, int]) -> Expr:
        return Expr(shape, np.dtype(np.int64), (affine_index(0, [parts.get(a, 0) for a in range(rank)]),))

    return [*(index({d: 1}) for d in range(lead)), *(index({lead + d: strides[d], lead + n + d: dilation[d]}) for d in range(n))]


def _windows_lower(b: Any, x: Any, *, window: Sizes, strides: Sizes, dilation: Sizes) -> Any:
    lead = len(x.shape) - len(window)
    shape = _windows_abstract(ShapedArray(x.shape, x.dtype), window=window, strides=strides, dilation=dilation).shape
    if 0 in shape:
        return b.broadcast(b.const(0, x.dtype), shape, ())
    return b.take(x, _read_index(shape, lead, strides, dilation)) if shape else x


def _windows_batch(size: int, x: Any, dim: int, **params: Any) -> tuple[Any, int]:
    return sliding_windows_p.bind(move_axis(x, dim, 0), **params), 0


sliding_windows_p: Primitive = linear(
    "sliding_windows", view=True, impl=checked(_windows_abstract, _windows_impl), abstract=_windows_abstract,
    transpose=lambda ct, x, *, window, strides, dilation: overlap_add_p.bind(
        ct, sizes=x.shape[x.ndim - len(window):], strides=strides, dilation=dilation),
    batch=_windows_batch, lower=_windows_lower)


def sliding_windows(x: Any, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> Any:
    """The windows over the last axes: the other axes, then the places of the windows, then the positions in them.

    Args:
        x: an array.
        window: the size of the windows along each of the last axes.
        strides: from one window to the next.
        dilation: from one element of a window to the next.

    >>> sliding_windows(np.arange(5), (3,), (1,), (1,))
    Array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]], dtype=int64)
    """
    return sliding_windows_p.bind(x, window=integers(window, "window"), strides=integers(strides, "strides"),
                                  dilation=integers(dilation, "dilation"))


# -- the transpose ----------------------------------------------------------------------------------------------------

def _overlap_abstract(x: ShapedArray, *, sizes: Sizes, strides: Sizes, dilation: Sizes) -> ShapedArray:
    n = len(sizes)
    lead = x.ndim - 2 * n
    window = x.shape[lead + n:] if lead >= 0 else ()
    if lead < 0 or tuple(map(_places, sizes, window, strides, dilation)) != x.shape[lead:lead + n]:
        raise operand_error("overlap_add", f"the operand must hold all windows of {sizes} with strides {strides} and dilation "
                            f"{dilation}.", x)
    return x.update(shape=(*x.shape[:lead], *sizes))


def _overlap_impl(x: np.ndarray, *, sizes: Sizes, strides: Sizes, dilation: Sizes) -> np.ndarray:
    n = len(sizes)
    lead = x.ndim - 2 * n
    places, window = x.shape[lead:lead + n], x.shape[lead + n:]
    out = np.zeros((*x.shape[:lead], *sizes), x.dtype)
    if not x.size:
        return out
    for position in itertools.product(*map(range, window)):
        target = tuple(slice(k * d, k * d + (o - 1) * s + 1, s) for k, d, o, s in zip(position, dilation, places, strides, strict=True))
        source, place = x[cast(Any, (..., *position))], cast(Any, (..., *target))
        out[place] += source
    return out


def _overlap_lower(b: Any, x: Any, *, sizes: Sizes, strides: Sizes, dilation: Sizes) -> Any:
    n, rank = len(sizes), len(x.shape)
    lead = rank - 2 * n
    out_shape = (*x.shape[:lead], *sizes)
    zero = b.broadcast(b.const(0, x.dtype), out_shape, ())
    if 0 in x.shape or not n:
        return x if not n else zero
    # The places go innermost: within one position of the windows no element is written twice.
    order = [*range(lead), *range(lead + n, rank), *range(lead, lead + n)]
    index = [b.transpose(i, order) for i in _read_index(x.shape, lead, strides, dilation)]
    return b.scatter(zero, index, b.transpose(x, order), "max" if x.dtype == np.bool_ else "add", None)


def _overlap_batch(size: int, x: Any, dim: int, **params: Any) -> tuple[Any, int]:
    return overlap_add_p.bind(move_axis(x, dim, 0), **params), 0


overlap_add_p: Primitive = linear(
    "overlap_add", impl=checked(_overlap_abstract, _overlap_impl), abstract=_overlap_abstract,
    transpose=lambda ct, x, *, sizes, strides, dilation: sliding_windows_p.bind(
        ct, window=_window_of(x, len(sizes)), strides=strides, dilation=dilation),
    batch=_overlap_batch, lower=_overlap_lower)


def _window_of(x: ShapedArray, n: int) -> Sizes:
    """The window of an array of windows over `n` axes."""
    return x.shape[x.ndim - n:]
