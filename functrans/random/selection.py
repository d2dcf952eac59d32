"""Choices among given things: categories, elements of an array.

A category of unnormalized log-probabilities is where their sum with Gumbel numbers is greatest (the Gumbel-max trick; E. J. Gumbel,
"Statistical theory of extreme values", 1954).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.core.trace import typeof
from functrans.numpy.util import check_arraylike, promote_inexact
from functrans.random.arguments import Shape, checked_shape, concrete_int, refuse, shape_of, size_of
from functrans.random.continuous import gumbel_mode, gumbels
from functrans.random.jitted import jitted
from functrans.random.keys import check_key, typed
from functrans.random.uniform import randint, unit
from functrans.util import canonicalize_axis

__all__ = ["categorical", "choice"]


# -- categories -------------------------------------------------------------------------------------------------------

@jitted("axis", "shape", "mode")
def _categorical(key: Any, logits: Any, axis: int, shape: Shape, mode: str) -> Any:
    """`axis` counts from the end."""
    given = typeof(logits)
    extra = shape[:len(shape) - given.ndim + 1]
    inner = list(shape[len(extra):])
    inner.insert(given.ndim + axis, given.shape[axis])
    return fnp.argmax(gumbels(typed(key), (*extra, *inner), given.dtype, mode) + logits, axis=axis)


def categorical(
    key: Any, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True, mode: str | None = None, *,
    out_sharding: Any = None,
) -> Any:
    """Categories drawn with probabilities proportional to ``exp(logits)`` along `axis`.

    Args:
        logits: a floating array; the axes other than `axis` are independent distributions.
        shape: the shape of the result, to which the shape of `logits` without `axis` must broadcast.
        mode: precision of the Gumbel numbers, as of `gumbel`.

    >>> from functrans.random import key
    >>> print(categorical(key(0), np.log(np.array([0.1, 0.9])), shape=(6,)))
    [1 0 1 1 1 0]
    """
    check_key("categorical", key)
    check_arraylike("categorical", logits)
    logits = fnp.asarray(logits)
    given = typeof(logits)
    if given.dtype.kind != "f":
        refuse(TypeError, f"categorical: logits must be floating, got {given.dtype}")
    axis = canonicalize_axis(axis, given.ndim)
    rest = np.broadcast_to(np.False_, given.shape[:axis] + given.shape[axis + 1:])
    shape = rest.shape if shape is None else checked_shape("categorical", shape, rest)
    return _categorical(key, logits, axis=axis - given.ndim, shape=shape, mode=gumbel_mode(mode))


# -- choices ----------------------------------------------------------------------------------------------------------

@jitted("shape")
def _weighted(key: Any, p: Any, shape: Shape) -> Any:
    """Indices drawn with probabilities proportional to `p`: where a uniform number falls among the partial sums."""
    sums = lax.associative_scan(fnp.add, p)
    r = sums[-1] * (1 - unit(typed(key), shape, typeof(p).dtype))
    return _first_not_below(sums, r)


def _first_not_below(sums: Any, r: Any) -> Any:
    """The index of the first of the sorted `sums` that is not below `r`, by bisection."""
    low, high = fnp.zeros(shape_of(r), np.int64), fnp.full(shape_of(r), shape_of(sums)[0], np.int64)
    for _ in range(shape_of(sums)[0].bit_length()):
        middle = (low + high) // 2
        left = r <= sums.at[middle].get(mode="clip")
        low, high = fnp.where(left, low, middle), fnp.where(left, middle, high)
    return high


def choice(
    key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0, mode: str | None = None,
) -> Any:
    """Random elements of `a` along `axis`, or of ``arange(a)`` where it is an integer.

    Args:
        shape: how many, in which shape; it takes the place of `axis` in the shape of the result.
        replace: whether an element may be drawn more than once.
        p: the probability of each, by default all equal.
        mode: without replacement and with `p`, the precision of the Gumbel numbers, as of `gumbel`.

    Raises:
        TypeError: where `shape` is not a sequence. ValueError: where more are to be drawn than there are, or `p` has another
            size than the axis.

    >>> from functrans.random import key
    >>> print(choice(key(0), np.array([2.0, 3.0, 5.0]), (4,)))
    [2. 5. 5. 5.]
    """
    check_key("choice", key)
    if not isinstance(shape, Sequence):
        refuse(TypeError, f"shape argument of functrans.random.choice must be a sequence, got {shape!r}")
    shape = checked_shape("choice", shape)
    check_arraylike("choice", a)
    array = fnp.asarray(a)
    whole = not shape_of(array)
    axis = 0 if whole else canonicalize_axis(axis, len(shape_of(array)))
    n = concrete_int("choice", "the number of elements", a) if whole else shape_of(array)[axis]
    count = size_of(shape)
    if count == 0:
        return fnp.zeros(shape, typeof(array).dtype)
    if n <= 0:
        refuse(ValueError, "choice: a must be greater than 0 unless no samples are taken")
    if not replace and count > n:
        refuse(ValueError, f"choice: cannot take a larger sample (size {count}) than population (size {n}) when replace=False")
    if p is None:
        index = randint(key, shape, 0, n)
    else:
        (p,) = promote_inexact(p)
        if shape_of(p) != (n,):
            refuse(ValueError, "choice: p must be None or a 1D vector with the same size as a.shape[axis]. p has shape "
                               f"{shape_of(p)} and a.shape[axis] is {n}")
        index = _weighted(key, p, shape=shape)
    return index if whole else fnp.take(array, index, axis)
