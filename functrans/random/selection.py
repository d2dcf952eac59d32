"""Choices among given things: categories, elements of an array, orders.

A category of unnormalized log-probabilities is where their sum with Gumbel numbers is greatest (the Gumbel-max trick; E. J. Gumbel,
"Statistical theory of extreme values", 1954).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.core.dtypes import is_float, is_integer
from functrans.core.trace import typeof
from functrans.numpy.util import check_arraylike, promote_inexact
from functrans.random.arguments import Shape, checked_shape, concrete_int, default_int, refuse, shape_of, size_of
from functrans.random.bits import random_bits, split_key
from functrans.random.continuous import gumbel_mode, gumbels
from functrans.random.jitted import jitted
from functrans.random.keys import KeyArray, check_key, typed
from functrans.random.uniform import randint, unit
from functrans.util import canonicalize_axis

__all__ = ["categorical", "choice", "permutation"]


# -- categories -------------------------------------------------------------------------------------------------------

@jitted("axis", "shape", "mode")
def _categorical(key: Any, logits: Any, axis: int, shape: Shape, mode: str) -> Any:
    """`axis` counts from the end."""
    given = typeof(logits)
    extra = shape[:len(shape) - given.ndim + 1]
    inner = list(shape[len(extra):])
    inner.insert(given.ndim + axis, given.shape[axis])
    chosen = fnp.argmax(gumbels(typed(key), (*extra, *inner), given.dtype, mode) + logits, axis=axis)
    return lax.convert_element_type(chosen, default_int())


@jitted("axis", "shape", "mode")
def _categories_at_most_once(key: Any, logits: Any, axis: int, shape: Shape, mode: str) -> Any:
    """The places of the greatest sums: the first axes of `shape`, then those of `logits` without `axis`."""
    given = typeof(logits)
    extra = shape[:len(shape) - given.ndim + 1]
    sums = logits + gumbels(typed(key), given.shape, given.dtype, mode)
    _, places = lax.top_k(fnp.moveaxis(sums, axis, -1), size_of(extra))
    return lax.convert_element_type(fnp.reshape(fnp.moveaxis(places, -1, 0), shape), default_int())


def categorical(
    key: Any, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True, mode: str | None = None, *,
    out_sharding: Any = None,
) -> Any:
    """Categories drawn with probabilities proportional to ``exp(logits)`` along `axis`.

    Args:
        logits: a floating array; the axes other than `axis` are independent distributions.
        shape: the shape of the result, to which the shape of `logits` without `axis` must broadcast.
        replace: whether a category may be drawn more than once; if not, `shape` ends with the shape of `logits` without `axis`,
            and the axes before that hold different categories.
        mode: precision of the Gumbel numbers, as of `gumbel`.

    >>> from functrans.random import key
    >>> print(categorical(key(0), np.log(np.array([0.1, 0.9])), shape=(6,)))
    [1 0 1 1 1 0]
    """
    check_key("categorical", key)
    check_arraylike("categorical", logits)
    logits = fnp.asarray(logits)
    given = typeof(logits)
    if not is_float(given.dtype):
        refuse(TypeError, f"categorical: logits must be floating, got {given.dtype}")
    axis = canonicalize_axis(axis, given.ndim)
    rest = np.broadcast_to(np.False_, given.shape[:axis] + given.shape[axis + 1:])
    shape = rest.shape if shape is None else checked_shape("categorical", shape, rest)
    if replace:
        return _categorical(key, logits, axis=axis - given.ndim, shape=shape, mode=gumbel_mode(mode))
    count = size_of(shape[:len(shape) - len(rest.shape)])
    if count > given.shape[axis]:
        refuse(ValueError, f"categorical: number of samples without replacement ({count}) cannot exceed number of categories "
                           f"({given.shape[axis]})")
    return _categories_at_most_once(key, logits, axis=axis, shape=shape, mode=gumbel_mode(mode))


# -- permutations -----------------------------------------------------------------------------------------------------

def _shuffled(key: KeyArray, x: Any, axis: int) -> Any:
    """`x` sorted along an axis by random keys, so often that no two elements are likely to have had the same keys."""
    size = size_of(shape_of(x))
    for _ in range(math.ceil(3 * math.log(max(1, size)) / math.log(2**32 - 1))):
        keys = split_key(key)
        key = keys[0]
        _, x = lax.sort_key_val(random_bits(keys[1], np.dtype(np.uint32), shape_of(x)), x, axis)
    return x


@jitted("axis", "independent")
def _permutation(key: Any, x: Any, axis: int, independent: bool) -> Any:
    shape = shape_of(x)
    if independent or len(shape) == 1:
        return _shuffled(typed(key), x, axis)
    return fnp.take(x, _shuffled(typed(key), fnp.arange(shape[axis]), 0), axis)


@jitted("n")
def _permuted_range(key: Any, n: int) -> Any:
    return _shuffled(typed(key), fnp.arange(n, dtype=default_int()), 0)


def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False, *, out_sharding: Any = None) -> Any:
    """`x` in a random order along `axis`, or ``arange(x)`` where it is an integer.

    `independent`: whether each line along the axis has an order of its own.

    Raises:
        TypeError: where `x` is a number but not an integer.

    >>> from functrans.random import key
    >>> print(permutation(key(0), 5))
    [0 1 4 3 2]
    """
    check_key("permutation", key)
    check_arraylike("permutation", x)
    if shape_of(x):
        return _permutation(key, x, axis=canonicalize_axis(axis, len(shape_of(x))), independent=bool(independent))
    canonicalize_axis(axis, 1)
    if not is_integer(typeof(x).dtype):
        refuse(TypeError, f"permutation: x must be an integer or at least 1-dimensional, got {x!r}")
    return _permuted_range(key, n=concrete_int("permutation", "x", x))


# -- choices ----------------------------------------------------------------------------------------------------------

@jitted("shape")
def _weighted(key: Any, p: Any, shape: Shape) -> Any:
    """Indices drawn with probabilities proportional to `p`: where a uniform number falls among the partial sums."""
    sums = fnp.cumsum(p)
    places = fnp.searchsorted(sums, sums[-1] * (1 - unit(typed(key), shape, typeof(p).dtype)))
    return lax.convert_element_type(places, default_int())


@jitted("count", "mode")
def _weighted_at_most_once(key: Any, p: Any, count: int, mode: str) -> Any:
    _, places = lax.top_k(gumbels(typed(key), shape_of(p), typeof(p).dtype, mode) + fnp.log(p), count)
    return lax.convert_element_type(places, default_int())


def _placed(shape: Shape, of: Shape, axis: int) -> Shape:
    """`shape` in the place of an axis."""
    return (*of[:axis], *shape, *of[axis + 1:])


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
    if p is None and not replace:
        drawn = permutation(key, n if whole else array, axis)
        return fnp.reshape(lax.slice_in_dim(drawn, 0, count, axis=axis), _placed(shape, shape_of(array), axis))
    if p is None:
        index = randint(key, shape, 0, n)
    else:
        (p,) = promote_inexact(p)
        if shape_of(p) != (n,):
            refuse(ValueError, "choice: p must be None or a 1D vector with the same size as a.shape[axis]. p has shape "
                               f"{shape_of(p)} and a.shape[axis] is {n}")
        if replace:
            index = _weighted(key, p, shape=shape)
        else:
            index = fnp.reshape(_weighted_at_most_once(key, p, count=count, mode=gumbel_mode(mode)), shape)
    return index if whole else fnp.take(array, index, axis)
