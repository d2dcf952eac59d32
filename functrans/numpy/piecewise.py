"""Functions by pieces and along axes, common divisors and multiples, zeros trimmed.

`gcd` is Euclid's algorithm, in so many steps as two Fibonacci numbers of the type need (Lame's theorem); steps after the end change
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.arguments import integers
from functrans.core.dtypes import is_integer
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.manipulation import expand_dims
from functrans.numpy.places import concrete_values
from functrans.numpy.ufuncs import absolute, multiply
from functrans.numpy.util import asarray_internal, check_arraylike, promote_args, promote_shapes
from functrans.primitives.arithmetic import div_p
from functrans.primitives.divisors import gcd_p
from functrans.primitives.logic import eq_p
from functrans.primitives.movement import slice_in_dim
from functrans.primitives.structural import convert_element_type
from functrans.util import canonicalize_axis

__all__ = ["apply_over_axes", "gcd", "iterable", "lcm", "piecewise", "trim_zeros"]


def iterable(y: Any) -> bool:
    """Whether Python can iterate over an object.

    >>> iterable([1, 2]), iterable(3)
    (True, False)
    """
    return np.iterable(y)


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """For each element the function of the last condition that holds (of the default, if there is one more and none holds).

    Args:
        x: an array.
        condlist: boolean arrays of the shape of `x`, or one array along whose first axis they lie.
        funclist: a function of arrays, or a number, for each condition; one more is the default, 0 unless given. Every function is
            applied to all of `x`.
        args, kw: more arguments of the functions.

    Returns:
        An array in the dtype of `x`.

    Raises:
        ValueError: if the lists do not fit.

    >>> piecewise(np.array([-2.0, 3.0]), [np.array([True, False])], [lambda v: -v, lambda v: v * 10])
    Array([ 2., 30.], dtype=float64)
    """
    check_arraylike("piecewise", x)
    x = asarray_internal(x)
    if not isinstance(condlist, (list, tuple)):
        conditions = asarray_internal(condlist)
        condlist = list(conditions) if conditions.ndim > x.ndim else [conditions]
    functions = list(funclist)
    if len(functions) == len(condlist):
        functions.append(0)
    if len(functions) != len(condlist) + 1:
        raise ValueError(f"piecewise: with {len(condlist)} condition(s), either {len(condlist)} or {len(condlist) + 1} functions are "
                         f"expected; got {len(funclist)}, at {describe(user_source())}.")

    def value(f: Any) -> Any:
        return convert_element_type(asarray_internal(f(x, *args, **kw) if callable(f) else f), x.dtype)

    out = value(functions[-1])
    for condition, f in zip(condlist, functions[:-1], strict=True):
        out = choose_where(condition, value(f), out, "piecewise")
    return out


def apply_over_axes(func: Callable[[Any, int], Any], a: Any, axes: int | Sequence[int]) -> Any:
    """`func` of the array and each of the axes in turn; an axis that it removes is put back with size 1.

    Raises:
        ValueError: if a result has neither as many axes nor one less.

    >>> apply_over_axes(lambda x, axis: x.sum(axis), np.ones((2, 3)), (0, 1))
    Array([[6.]], dtype=float64)
    """
    check_arraylike("apply_over_axes", a)
    a = asarray_internal(a)
    for axis in integers(axes, "axes"):
        out = asarray_internal(func(a, canonicalize_axis(axis, a.ndim)))
        if out.ndim == a.ndim - 1:
            out = expand_dims(out, canonicalize_axis(axis, a.ndim))
        if out.ndim != a.ndim:
            raise ValueError(f"apply_over_axes: function is not returning an array of the correct shape: {typeof(out)} of {typeof(a)}, at "
                             f"{describe(user_source())}.")
        a = out
    return a


def trim_zeros(filt: Any, trim: str = "fb", axis: int | Sequence[int] | None = None) -> Any:
    """An array without the zeros at its ends. It must be concrete, since the shape of the result depends on it.

    Args:
        filt: an array.
        trim: which ends: "f" the front, "b" the back, "fb" both.
        axis: the axes along which to trim; all unless given.

    >>> trim_zeros(np.array([0, 0, 1, 0, 2, 0]))
    Array([1, 0, 2], dtype=int64)
    """
    check_arraylike("trim_zeros", filt)
    filt = asarray_internal(filt)
    if not set(trim.lower()) <= {"f", "b"} or not trim:
        raise ValueError(f"trim_zeros: unexpected character(s) in trim: {trim!r}; use 'f', 'b' or 'fb', at {describe(user_source())}.")
    places = np.nonzero(concrete_values("trim_zeros", filt))
    axes = range(filt.ndim) if axis is None else [canonicalize_axis(d, filt.ndim) for d in integers(axis, "axis")]
    for d in axes:
        where = places[d]
        first = int(where.min()) if where.size else filt.shape[d]
        last = int(where.max()) + 1 if where.size else filt.shape[d]
        start = first if "f" in trim.lower() else 0
        stop = last if "b" in trim.lower() and where.size else filt.shape[d] if where.size or "f" in trim.lower() else 0
        filt = slice_in_dim(filt, start, stop, axis=d)
    return filt


def _whole(name: str, x1: Any, x2: Any) -> list[Any]:
    check_arraylike(name, x1, x2)
    xs = promote_args(x1, x2)
    if not is_integer(typeof(xs[0]).dtype):
        raise ValueError(f"Arguments to {name} must be integers; got {typeof(x1)} and {typeof(x2)}, at {describe(user_source())}.")
    return promote_shapes(name, *xs)


def gcd(x1: Any, x2: Any) -> Any:
    """The greatest common divisor of integers, not negative; that of 0 and n is \\|n\\|.

    Raises:
        ValueError: if the arguments are no integers.

    >>> gcd(np.array([12, -8, 0]), np.array([18, 0, 0]))
    Array([6, 8, 0], dtype=int64)
    """
    return gcd_p.bind(*_whole("gcd", x1, x2))


def lcm(x1: Any, x2: Any) -> Any:
    """The least common multiple of integers, not negative; 0 if one is 0.

    Raises:
        ValueError: if the arguments are no integers.

    >>> lcm(np.array([4, -6, 0]), np.array([6, 4, 5]))
    Array([12, 12,  0], dtype=int64)
    """
    x1, x2 = _whole("lcm", x1, x2)
    divisor = gcd_p.bind(x1, x2)
    one = typeof(divisor).dtype.type(1)
    quotient = div_p.bind(absolute(x1), choose_where(eq_p.bind(divisor, typeof(divisor).dtype.type(0)), one, divisor))
    return multiply(quotient, absolute(x2))


