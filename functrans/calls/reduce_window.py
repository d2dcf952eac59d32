"""Reductions over sliding windows: pooling.

The operand is padded with the initial value, the windows are a view of it, and the window's axes are reduced, by the reduction that
the computation stands for or, if it stands for none, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.calls.folds import reduce
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.convolution import positive_integers, window_pads
from functrans.primitives.convolve import dilated
from functrans.primitives.movement import pad
from functrans.primitives.sliding import sliding_windows
from functrans.primitives.structural import convert_element_type
from functrans.tree_util import tree_flatten, tree_unflatten

__all__ = ["reduce_window", "reduce_window_shape_tuple"]


def _sizes(name: str, xs: Sequence[int] | None, n: int) -> tuple[int, ...]:
    return positive_integers(f"reduce_window: {name}", xs, n, "axes")


def reduce_window(operand: Any, init_value: Any, computation: Callable[[Any, Any], Any], window_dimensions: Sequence[int],
                  window_strides: Sequence[int] | None = None, padding: Any = "VALID", base_dilation: Sequence[int] | None = None,
                  window_dilation: Sequence[int] | None = None) -> Any:
    """The elements of each window of an array combined, beginning with `init_value`.

    Args:
        operand: an array, or a pytree of arrays of one shape.
        init_value: the value to begin and to pad with, which must leave every other unchanged; of the same structure.
        computation: of two values (of that structure), associative.
        window_dimensions: the size of the windows along every axis.
        window_strides: from one window to the next; 1 unless given.
        padding: "VALID", "SAME" or "SAME_LOWER", or a pair of sizes for each axis.
        base_dilation: spreads the operand.
        window_dilation: spreads the windows.

    >>> import numpy as np
    >>> from functrans import lax
    >>> reduce_window(np.arange(6.0), -np.inf, lax.max, (2,), (2,))
    Array([1., 3., 5.], dtype=float64)
    """
    leaves, tree = tree_flatten(operand)
    inits, init_tree = tree_flatten(init_value)
    if tree != init_tree or not leaves:
        raise TypeError(f"reduce_window: operand and init_value must have the same structure; got {tree} and {init_tree}, at "
                        f"{describe(user_source())}.")
    shape = typeof(leaves[0]).shape
    n = len(shape)
    window, strides, spread, dilation = (_sizes(name, xs, n) for name, xs in (
        ("window_dimensions", window_dimensions), ("window_strides", window_strides), ("base_dilation", base_dilation),
        ("window_dilation", window_dilation)))
    extents = [dilated(k, d) for k, d in zip(window, dilation, strict=True)]
    pads = window_pads([dilated(k, d) for k, d in zip(shape, spread, strict=True)], extents, strides, padding)
    views, starts = [], []
    for x, init in zip(leaves, inits, strict=True):
        init = convert_element_type(init, typeof(x).dtype)
        padded = pad(x, init, tuple((lo, hi, s - 1) for (lo, hi), s in zip(pads, spread, strict=True)))
        views.append(sliding_windows(padded, window, strides, dilation))
        starts.append(init)
    return reduce(tree_unflatten(tree, views), tree_unflatten(tree, starts), computation, tuple(range(n, 2 * n)))


def reduce_window_shape_tuple(operand_shape: Sequence[int], window_dimensions: Sequence[int], window_strides: Sequence[int], padding: Any,
                              base_dilation: Sequence[int] | None = None, window_dilation: Sequence[int] | None = None) -> tuple[int, ...]:
    """The shape of `reduce_window`.

    >>> reduce_window_shape_tuple((5, 6), (2, 2), (1, 2), "VALID")
    (4, 3)
    """
    n = len(operand_shape)
    spread, dilation = _sizes("base_dilation", base_dilation, n), _sizes("window_dilation", window_dilation, n)
    sizes = [dilated(k, d) for k, d in zip(operand_shape, spread, strict=True)]
    extents = [dilated(k, d) for k, d in zip(window_dimensions, dilation, strict=True)]
    pads = window_pads(sizes, extents, window_strides, padding)
    return tuple(max(0, (k + lo + hi - w) // s + 1) for k, w, s, (lo, hi) in zip(sizes, extents, window_strides, pads, strict=True))
