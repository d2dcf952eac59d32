"""Where the elements of an array are not zero: `nonzero`, and what `where`, `argwhere`, `flatnonzero` and others make of it.

How many there are depends on values. So traced arrays need a static ``size``: what is longer is cut, what is shorter is filled.
The k-th element that is not zero is found by counting: the number of such elements up to and including it says in which slot of
the result its position belongs, and one scatter takes it there (Blelloch, *Prefix Sums and Their Applications*, 1990).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.core.array import Array
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, to_numpy, typeof
from functrans.errors import ConcretizationTypeError
from functrans.numpy.util import check_arraylike, promote_args
from functrans.primitives.arithmetic import div_p, lt_p, rem_p, select_n_p, sub_p
from functrans.primitives.cumulative import cumsum_p
from functrans.primitives.indexing import ScatterDimensionNumbers, scatter
from functrans.primitives.logic import ne_p
from functrans.primitives.movement import full, iota, slice_in_dim
from functrans.primitives.structural import convert_element_type, reshape

__all__ = ["concrete_values", "nonzero", "places_of"]

_INT = np.dtype(np.int64)


def concrete_values(name: str, x: Any, repair: str = "") -> np.ndarray:
    """The value of an array that decides the size of the result.

    Raises:
        ConcretizationTypeError: for a traced array whose values are not known; `repair` says what to do besides.
    """
    check_arraylike(name, x)
    if isinstance(x, Tracer):
        value = x.concrete()
        if value is None or isinstance(value, Tracer):
            raise ConcretizationTypeError(
                f"{name}: the size of the result depends on the values of {x.describe()}, which are not known, at "
                f"{describe(user_source())}. {repair}Use functrans.numpy.where(condition, x, fill) with three arguments, or compute "
                "the indices outside the transformed function.")
        x = value
    return to_numpy(x)


def nonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> tuple[Any, ...]:
    """The indices of the elements that are not zero, one int64 array for each axis, in row-major order.

    Args:
        a: an array of at least one axis; without `size` a concrete one.
        size: the static length of the result: what is longer is cut, what is shorter filled.
        fill_value: what it is filled with: a number or a tuple of one for each axis; 0 unless given.

    Raises:
        ConcretizationTypeError: for traced values without `size`.
        ValueError: for an array of rank 0, a negative size, or a fill value of another form.

    >>> nonzero(np.array([0, 3, 0, 4]))
    (Array([1, 3], dtype=int64),)
    >>> nonzero(np.array([[0, 3], [4, 0]]), size=3, fill_value=-1)
    (Array([ 0,  1, -1], dtype=int64), Array([ 1,  0, -1], dtype=int64))
    """
    return places_of("nonzero", a, size, fill_value)


def places_of(name: str, a: Any, size: int | None, fill_value: Any) -> tuple[Any, ...]:
    """`nonzero`, under the name of the function that the user called."""
    check_arraylike(name, a)
    shape = typeof(a).shape
    if not shape:
        raise ValueError(f"{name}: an array of rank 0 has no axes to index, at {describe(user_source())}. Use "
                         "functrans.numpy.atleast_1d(x).")
    if size is None:
        found = concrete_values(name, a, f"Give {name} a static size=n (and a fill_value=). ").nonzero()
        return tuple(Array(f.astype(_INT)) for f in found)
    length = integer(size, "size")
    if length < 0:
        raise ValueError(f"{name}: size={length} is negative, at {describe(user_source())}.")
    fills = _fills(name, fill_value, len(shape))
    flat, valid = _traced_places(a, length) if isinstance(a, Tracer) else _known_places(to_numpy(a), length)
    strides = [prod(shape[d + 1:]) for d in range(len(shape))]
    return tuple(_filled(_coordinate(flat, stride, n, length), valid, fill) for stride, n, fill in zip(strides, shape, fills, strict=True))


def _fills(name: str, fill_value: Any, ndim: int) -> tuple[Any, ...]:
    fills = fill_value if isinstance(fill_value, tuple) else (0 if fill_value is None else fill_value,) * ndim
    check_arraylike(name, *fills)
    if len(fills) != ndim or any(typeof(f).shape for f in fills):
        raise ValueError(f"{name}: fill_value must be a number, or a tuple of one for each of the {ndim} axes; got {fill_value!r}, at "
                         f"{describe(user_source())}.")
    return fills


def _coordinate(flat: Any, stride: int, n: int, length: int) -> Any:
    """The index along an axis of `n` elements, `stride` apart."""
    if not n or not stride:
        return full((length,), np.int64(0))
    return rem_p.bind(div_p.bind(flat, np.int64(stride)), np.int64(n))


def _filled(places: Any, valid: Any, fill: Any) -> Any:
    places, fill = promote_args(places, fill)
    return select_n_p.bind(valid, fill, places)


def _known_places(x: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    found = np.flatnonzero(x)[:length]
    flat = np.zeros(length, _INT)
    flat[:len(found)] = found
    return flat, np.arange(length) < len(found)


def _traced_places(x: Any, length: int) -> tuple[Any, Any]:
    """The flat indices of the first `length` elements that are not zero (0 where there are fewer), and which of them there are."""
    aval = typeof(x)
    if not aval.size:
        return full((length,), np.int64(0)), full((length,), np.False_)
    mask = reshape(x if aval.dtype == np.bool_ else ne_p.bind(x, aval.dtype.type(0)), (aval.size,))
    counts = cumsum_p.bind(convert_element_type(mask, _INT), axis=0, reverse=False)
    slots = select_n_p.bind(mask, np.int64(length), sub_p.bind(counts, np.int64(1)))  # what is not to be found is dropped
    numbers = ScatterDimensionNumbers((), (0,), (0,))
    flat = scatter(full((length,), np.int64(0)), reshape(slots, (aval.size, 1)), iota(_INT, aval.size), numbers, mode="drop")
    total = reshape(slice_in_dim(counts, aval.size - 1, aval.size), ())
    return flat, lt_p.bind(iota(_INT, length), total)
