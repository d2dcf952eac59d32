"""`scatter_apply`: a function applied to computed elements of an array, as often as each of them is named.

How often an element is named is counted by a `scatter_add` of ones; then the function is applied to all elements, in turns, and each
keeps what it has after as many turns as it was named. So the order of the indices does not matter, and derivatives come of themselves.

Known limits: every turn computes the function of the whole array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.calls.while_loop import while_loop
from functrans.core.aval import ShapedArray
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.util import as_operand, asarray_internal
from functrans.primitives.indexing import GatherScatterMode, ScatterDimensionNumbers, scatter_add
from functrans.primitives.movement import full
from functrans.primitives.reduction import reduce_max
from functrans.primitives.structural import convert_element_type, reshape, zeros
from functrans.transforms.flatten import fun_name
from functrans.transforms.vmap import vmap

__all__ = ["scatter_apply"]

_INT64 = np.dtype(np.int64)


def scatter_apply(
    operand: Any, scatter_indices: Any, func: Callable[[Any], Any], dimension_numbers: ScatterDimensionNumbers, *,
    update_shape: Sequence[int] = (), indices_are_sorted: bool = False, unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """A copy of `operand` in which `func` has been applied to computed elements; to one that is named twice, twice.

    Args:
        operand: the array copied.
        scatter_indices: integers; each vector along the last axis is the start of a window.
        func: a function of a scalar that keeps its dtype.
        dimension_numbers: which axes are what; see `scatter`.
        update_shape: the shape that updates at these indices would have.
        indices_are_sorted: a promise that nothing here needs.
        unique_indices: a promise that no element is named twice.
        mode: what becomes of windows that are not wholly inside; None drops them.

    Raises:
        TypeError: if the dimension numbers do not fit, or `func` is no function from scalars to scalars.
        IndexError: in mode ERROR, if a window is not wholly inside.

    >>> numbers = ScatterDimensionNumbers((), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
    >>> scatter_apply(np.arange(4.0), np.array([[1], [1], [3]]), lambda x: 2 * x + 1, numbers, update_shape=(3,))
    Array([0., 7., 2., 7.], dtype=float64)
    """
    if not callable(func):
        raise TypeError(f"scatter_apply: func must be callable; got {func!r}, at {describe(user_source())}.")
    x = asarray_internal(as_operand(operand))
    aval = typeof(x)
    counts = scatter_add(zeros(ShapedArray(aval.shape, _INT64)), scatter_indices, full(tuple(update_shape), 1, _INT64), dimension_numbers,
                         indices_are_sorted=indices_are_sorted, unique_indices=unique_indices, mode=mode)
    if not aval.size:
        return x

    def turn(x: Any) -> Any:
        y = vmap(func)(reshape(x, (aval.size,)))
        if typeof(y).shape != (aval.size,):
            raise TypeError(f"scatter_apply: func must return a scalar for a scalar; {fun_name(func)} returns shape {typeof(y).shape[1:]}, "
                            f"at {describe(user_source())}.")
        return reshape(convert_element_type(y, aval.dtype, aval.weak_type), aval.shape)

    if unique_indices:
        return where(counts > 0, turn(x), x)
    last = reduce_max(counts, tuple(range(aval.ndim)))
    return while_loop(lambda c: c[0] < last, lambda c: (c[0] + 1, where(counts > c[0], turn(c[1]), c[1])), (np.int64(0), x))[1]
