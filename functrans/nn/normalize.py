"""Functions that normalise along axes, and `one_hot`: `softmax`, `log_softmax`, `standardize`.

`softmax` has the derivative rule ``y_dot = y * (x_dot - sum(y * x_dot))``, which keeps one array for the backward pass and is
finite where nothing is selected. In `log_softmax` the greatest element is subtracted as a constant to differentiation.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.calls.custom_jvp import custom_jvp
from functrans.calls.jitted import jit
from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import where as where_
from functrans.numpy.elementary import exp, log
from functrans.numpy.manipulation import expand_dims
from functrans.numpy.reductions import max as max_
from functrans.numpy.reductions import mean as mean_
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.reductions import var as var_
from functrans.numpy.ufuncs import maximum, real, sqrt
from functrans.numpy.util import (
    as_operand,
    canonical_axes,
    check_arraylike,
    default_float,
    unary_inexact,
    unary_operand,
)
from functrans.primitives.stop_gradient import stop_gradient
from functrans.primitives.structural import convert_element_type
from functrans.transforms.collectives import axis_index, axis_size
from functrans.util import canonicalize_axis

__all__ = ["log_softmax", "one_hot", "softmax", "standardize"]


def _selected(where: Any) -> dict[str, Any]:
    return {} if where is None else {"where": where}


def _exponents(x: Any, where: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """``x - max(x)``, -inf where not selected, and its exponential."""
    if where is not None:
        x = where_(where, x, -np.inf)
    empty = 0 in typeof(x).shape
    top = stop_gradient(max_(real(x), axes, keepdims=True, initial=-np.inf if empty else None))
    if where is not None:
        top = where_(top == -np.inf, 0, top)  # nothing selected: exponents of -inf, not nan
    shifted = x - convert_element_type(top, typeof(x).dtype)
    return shifted, exp(shifted)


# -- softmax ----------------------------------------------------------------------------------------------------------

def softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """``exp(x) / sum(exp(x))`` over `axis`, without overflow.

    Args:
        x: an array.
        axis: the axis or axes that sum to 1, None for all.
        where: which elements take part; the others are 0.

    Raises:
        numpy.exceptions.AxisError: if an axis is out of range.

    >>> softmax(np.array([1000.0, 1000.0]))
    Array([0.5, 0.5], dtype=float64)
    """
    x = unary_inexact("softmax", x)
    return _softmax(x, **_selected(where), axes=canonical_axes(axis, typeof(x).ndim))


def _softmax_of(x: Any, where: Any = None, *, axes: tuple[int, ...]) -> Any:
    return _softmax_all(x, axes) if where is None else _softmax_where(x, where, axes)


_softmax = jit(_softmax_of, static_argnames="axes")


@partial(custom_jvp, nondiff_argnums=(1,))
def _softmax_all(x: Any, axes: tuple[int, ...]) -> Any:
    _, e = _exponents(x, None, axes)
    return e / sum_(e, axes, keepdims=True)


@partial(custom_jvp, nondiff_argnums=(2,))
def _softmax_where(x: Any, where: Any, axes: tuple[int, ...]) -> Any:
    _, e = _exponents(x, where, axes)
    total = sum_(e, axes, keepdims=True)
    return e / where_(total == 0, 1, total)


def _softmax_tangent(y: Any, x_dot: Any, axes: tuple[int, ...]) -> Any:
    return y * (x_dot - sum_(y * x_dot, axes, keepdims=True))


@_softmax_all.defjvp
def _softmax_all_jvp(axes: Any, primals: Any, tangents: Any) -> Any:
    y = _softmax_all(*primals, axes)
    return y, _softmax_tangent(y, tangents[0], axes)


@_softmax_where.defjvp
def _softmax_where_jvp(axes: Any, primals: Any, tangents: Any) -> Any:
    y = _softmax_where(*primals, axes)
    return y, _softmax_tangent(y, tangents[0], axes)


def log_softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """``x - log(sum(exp(x)))`` over `axis`, the logarithm of `softmax`, without overflow.

    Args:
        x: an array.
        axis: the axis or axes, None for all.
        where: which elements take part; the others are -inf.

    >>> log_softmax(np.array([1000.0, 1000.0]))
    Array([-0.69314718, -0.69314718], dtype=float64)
    """
    x = unary_inexact("log_softmax", x)
    return _log_softmax(x, **_selected(where), axes=canonical_axes(axis, typeof(x).ndim))


def _log_softmax_of(x: Any, where: Any = None, *, axes: tuple[int, ...]) -> Any:
    shifted, e = _exponents(x, where, axes)
    total = sum_(e, axes, keepdims=True)
    if where is None:
        return shifted - log(total)
    return where_(where, shifted - log(where_(total == 0, 1, total)), -np.inf)


_log_softmax = jit(_log_softmax_of, static_argnames="axes")


# -- standardize ------------------------------------------------------------------------------------------------------

def standardize(
    x: Any, axis: Any = -1, mean: Any = None, variance: Any = None, epsilon: Any = 1e-5, where: Any = None, *, algorithm: str = "fast",
) -> Any:
    """``(x - mean) / sqrt(variance + epsilon)`` over `axis`: mean 0 and variance 1.

    Args:
        x: an array.
        axis: the axis or axes over which mean and variance are taken, None for all.
        mean: the mean to use in place of that of `x`.
        variance: the variance to use in place of that of `x`.
        epsilon: what keeps the division from 0.
        where: which elements count in mean and variance.
        algorithm: ``"fast"`` takes the variance as ``mean(x**2) - mean**2``, in one pass, and loses all digits where the mean is
            much greater than the deviation; ``"stable"`` as the mean of squared deviations.

    Raises:
        ValueError: for another algorithm.

    >>> standardize(np.array([1.0, 2.0, 3.0]), epsilon=0.0)
    Array([-1.22474487,  0.        ,  1.22474487], dtype=float64)
    """
    if algorithm not in ("fast", "stable"):
        raise ValueError(f"standardize: algorithm must be 'fast' or 'stable'; got {algorithm!r}, at {describe(user_source())}.")
    given = {k: v for k, v in (("mean", mean), ("variance", variance), ("where", where)) if v is not None}
    check_arraylike("standardize", x, *given.values())
    x = unary_inexact("standardize", x)
    return _standardize(x, epsilon, **given, axes=canonical_axes(axis, typeof(x).ndim), algorithm=algorithm)


def _standardize_of(
    x: Any, epsilon: Any, mean: Any = None, variance: Any = None, where: Any = None, *, axes: tuple[int, ...], algorithm: str,
) -> Any:
    if mean is None:
        mean = mean_(x, axes, keepdims=True, where=where)
    if variance is None and algorithm == "fast":
        square = real(x * x.conj()) if typeof(x).dtype.kind == "c" else x * x
        mean_square = real(mean * mean.conj()) if typeof(x).dtype.kind == "c" else mean * mean
        variance = maximum(mean_(square, axes, keepdims=True, where=where) - mean_square, 0)
    elif variance is None:
        variance = var_(x, axes, keepdims=True, where=where)
    return (x - mean) / sqrt(variance + epsilon)


_standardize = jit(_standardize_of, static_argnames=("axes", "algorithm"))


# -- one_hot ----------------------------------------------------------------------------------------------------------

def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: Any = -1) -> Any:
    """A vector of `num_classes` zeros and a one at the place that each index names.

    Args:
        x: indices, of any shape. An index out of range gives zeros alone.
        num_classes: the size of the axis that is added.
        dtype: of the result, the default float unless given.
        axis: where the axis is put, or the name of a mapped axis, over which the classes are spread.

    Raises:
        ValueError: if `num_classes` is negative, or differs from the size of the named axis.

    >>> one_hot(np.array([0, 2, 5]), 3)
    Array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]], dtype=float64)
    """
    x = unary_operand("one_hot", x)
    num_classes = integer(num_classes, "num_classes")
    if num_classes < 0:
        raise ValueError(f"one_hot: num_classes must be 0 or more; got {num_classes}, at {describe(user_source())}.")
    wanted = default_float() if dtype is None else canonical(dtype)
    if not isinstance(axis, int):
        if axis_size(axis) != num_classes:
            raise ValueError(f"one_hot: the mapped axis {axis!r} has size {axis_size(axis)}, and num_classes is {num_classes}, at "
                             f"{describe(user_source())}. They must be equal.")
        return convert_element_type(x == axis_index(axis), wanted)
    ndim = typeof(as_operand(x)).ndim
    axis = canonicalize_axis(axis, ndim + 1)
    classes = np.arange(num_classes, dtype=typeof(x).dtype).reshape([-1 if d == axis else 1 for d in range(ndim + 1)])
    return convert_element_type(expand_dims(x, axis) == classes, wanted)
