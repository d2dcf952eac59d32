"""Greatest and least elements where an approximation would do: on this machine the exact ones, by `top_k`."""

from __future__ import annotations

from typing import Any

from functrans.arguments import integer
from functrans.core.dtypes import is_float
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.arithmetic import neg
from functrans.primitives.base import operand_error
from functrans.primitives.sort import top_k
from functrans.util import canonicalize_axis

__all__ = ["approx_max_k", "approx_min_k"]


def _check(name: str, operand: Any, k: int, axis: int, recall_target: float) -> None:
    if not is_float(typeof(operand).dtype):
        raise operand_error(name, "floating-point numbers are needed.", typeof(operand))
    size = typeof(operand).shape[canonicalize_axis(axis, typeof(operand).ndim)]
    if not 0 <= integer(k, "k") <= size:
        raise ValueError(f"{name}: k must be between 0 and {size}, the size of axis {axis}; got {k}, at {describe(user_source())}.")
    if not isinstance(recall_target, (int, float)) or not 0 < recall_target <= 1:
        raise ValueError(f"{name}: recall_target must be greater than 0 and at most 1; got {recall_target}, at {describe(user_source())}.")


def approx_max_k(operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95, reduction_input_size_override: int = -1,
                 aggregate_to_topk: bool = True) -> tuple[Any, Any]:
    """The `k` greatest elements along an axis, in falling order, and their int32 indices: exactly those of `top_k`.

    Args:
        operand: floating-point numbers.
        k: how many, at most the size of the axis.
        reduction_dimension: the axis.
        recall_target: the part of them that is wanted at least, in (0, 1]; all are given.
        reduction_input_size_override, aggregate_to_topk: accepted and ignored.

    Raises:
        TypeError: for other dtypes.
        ValueError: if `k` or `recall_target` is out of its range.

    >>> import numpy as np
    >>> approx_max_k(np.array([1.0, 5.0, 2.0]), 2)
    (Array([5., 2.], dtype=float64), Array([1, 2], dtype=int32))
    """
    _check("approx_max_k", operand, k, reduction_dimension, recall_target)
    return top_k(operand, k, axis=reduction_dimension)


def approx_min_k(operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95, reduction_input_size_override: int = -1,
                 aggregate_to_topk: bool = True) -> tuple[Any, Any]:
    """The `k` least elements along an axis, in rising order, and their int32 indices; nan counts as less than all else.

    Arguments and errors are those of `approx_max_k`.

    >>> import numpy as np
    >>> approx_min_k(np.array([1.0, 5.0, 2.0]), 2)
    (Array([1., 2.], dtype=float64), Array([0, 2], dtype=int32))
    """
    _check("approx_min_k", operand, k, reduction_dimension, recall_target)
    values, places = top_k(neg(operand), k, axis=reduction_dimension)
    return neg(values), places
