"""Choices between values, and comparisons with a tolerance: where, select, clip, nan_to_num, isclose and their kin.

A choice is differentiable in the values, never in the condition. `where` evaluates both values; a nan in the one not taken stays
out of the result, and out of the derivative unless its own derivative is infinite or nan there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import sequence
from functrans.core.dtypes import is_float, scalar_in
from functrans.core.low_precision import finfo
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.places import places_of
from functrans.numpy.predicates import isfinite, isnan, logical_or
from functrans.numpy.ufuncs import maximum, minimum
from functrans.numpy.util import (
    as_operand,
    asarray_internal,
    binary_inexact,
    binary_operands,
    check_arraylike,
    constant_like,
    promote_args,
    promote_shapes,
    unary_operand,
)
from functrans.primitives.arithmetic import abs_p, select_n_p, sub_p
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.logic import and_p, eq_p, le_p, ne_p, or_p
from functrans.primitives.parts import complex_p, imag_p, real_p
from functrans.primitives.reduction import reduce_and
from functrans.primitives.structural import convert_element_type

__all__ = ["allclose", "array_equal", "array_equiv", "choose_where", "clip", "isclose", "nan_to_num", "select", "where"]

_BOOL = np.dtype(bool)
_c = constant_like


def choose_where(condition: Any, x: Any, y: Any, name: str = "where") -> Any:
    """`x` where `condition` is true (nonzero), else `y`; the three broadcast, `x` and `y` promote.

    >>> choose_where(np.array([True, False]), 1.0, np.array([2, 3]))
    Array([1., 3.], dtype=float64, weak_type=True)
    """
    check_arraylike(name, condition, x, y)
    condition = as_operand(condition)
    if typeof(condition).dtype != _BOOL:
        condition = ne_p.bind(condition, _c(condition, 0))
    x, y = promote_args(as_operand(x), as_operand(y))
    condition, x, y = promote_shapes(name, condition, x, y)
    return select_n_p.bind(condition, y, x)


def where(condition: Any, x: Any = None, y: Any = None, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """`x` where `condition` is true (nonzero), else `y`; the three broadcast, `x` and `y` promote.

    With the condition alone: the indices of its true elements, one array for each axis, cut or filled up to a static `size` if that
    is given (see `nonzero`).

    Raises:
        ValueError: if only one of `x` and `y` is given, or `size` or `fill_value` with them.
        ConcretizationTypeError: for a traced condition alone without `size`, since the shape would depend on its values.

    >>> where(np.array([True, False]), 1.0, 2.0)
    Array([1., 2.], dtype=float64, weak_type=True)
    >>> where(np.array([0, 3, 4]))
    (Array([1, 2], dtype=int64),)
    """
    if x is None and y is None:
        return places_of("where", condition, size, fill_value)
    if x is None or y is None:
        raise ValueError(f"where takes both x and y, or neither, at {describe(user_source())}.")
    if size is not None or fill_value is not None:
        raise ValueError(f"where takes size= and fill_value= with the condition alone, not with x and y, at {describe(user_source())}.")
    return choose_where(condition, x, y)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each element the choice of the first condition that holds, else `default`.

    Raises:
        ValueError: if the lists differ in length or are empty.

    >>> x = np.arange(4)
    >>> select([x < 1, x < 3], [x, x * 10], -1)
    Array([ 0, 10, 20, -1], dtype=int64)
    """
    condlist, choicelist = sequence(condlist, "condlist"), sequence(choicelist, "choicelist")
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(f"select takes as many choices as conditions, at least one: got {len(condlist)} conditions and "
                         f"{len(choicelist)} choices, at {describe(user_source())}.")
    *choices, out = promote_args(*map(as_operand, (*choicelist, default)))
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        if typeof(condition).dtype != _BOOL:
            raise TypeError(f"select takes boolean conditions, got {typeof(condition)}, at {describe(user_source())}.")
        out = choose_where(condition, choice, out, "select")
    return out


def clip(arr: Any = None, /, min: Any = None, max: Any = None, *, a: Any = None, a_min: Any = None, a_max: Any = None) -> Any:
    """`arr` held between `min` and `max`, either of which may be absent; `max` wins where they cross.

    >>> clip(np.array([-1.0, 0.5, 3.0]), 0, 1)
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    arr = a if arr is None else arr
    low, high = a_min if min is None else min, a_max if max is None else max
    check_arraylike("clip", arr, *(v for v in (low, high) if v is not None))
    if any(typeof(as_operand(v)).dtype.kind == "c" for v in (arr, low, high) if v is not None):
        raise ValueError(f"clip is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) and imag(x).")
    out = unary_operand("clip", arr)
    if low is not None:
        out = maximum(low, out)
    return minimum(high, out) if high is not None else asarray_internal(out)


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """`x` with nan, inf and -inf replaced: by `nan`, and by the greatest and the least finite number unless given.

    >>> nan_to_num(np.array([np.nan, np.inf, 1.0]), posinf=9.0)
    Array([0., 9., 1.], dtype=float64)
    """
    x = unary_operand("nan_to_num", x)
    aval = typeof(x)
    if aval.dtype.kind == "c":
        return complex_p.bind(nan_to_num(real_p.bind(x), True, nan, posinf, neginf), nan_to_num(imag_p.bind(x), True, nan, posinf, neginf))
    if not is_float(aval.dtype):
        return asarray_internal(x)
    info = finfo(aval.dtype)
    out = _replaced(ne_p.bind(x, x), nan, x, aval.dtype)
    out = _replaced(eq_p.bind(x, _c(x, np.inf)), info.max if posinf is None else posinf, out, aval.dtype)
    return _replaced(eq_p.bind(x, _c(x, -np.inf)), info.min if neginf is None else neginf, out, aval.dtype)


def _replaced(condition: Any, value: Any, x: Any, dtype: np.dtype) -> Any:
    value = scalar_in(value, dtype) if isinstance(value, (bool, int, float)) else convert_element_type(as_operand(value), dtype)
    return choose_where(condition, value, x, "nan_to_num")


# -- tolerance --------------------------------------------------------------------------------------------------------

def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Whether ``|a - b| <= atol + rtol * |b|``; equal infinities are close, nan only with `equal_nan`.

    >>> isclose(np.array([1.0, 2.0]), np.array([1.0 + 1e-9, 2.1]))
    Array([ True, False], dtype=bool)
    """
    check_arraylike("isclose", a, b)
    if all(typeof(as_operand(v)).dtype == _BOOL for v in (a, b)):
        return eq_p.bind(*binary_operands("isclose", a, b))
    a, b = binary_inexact("isclose", a, b)
    size = abs_p.bind(b)
    atol, rtol = (v if not typeof(v).shape and isinstance(v, (int, float)) else as_operand(v) for v in (atol, rtol))
    size_dtype = typeof(size).dtype
    bound = add_p.bind(*_as(size_dtype, atol, mul_p.bind(*_as(size_dtype, rtol, size))))
    near = le_p.bind(abs_p.bind(sub_p.bind(a, b)), bound)
    out = or_p.bind(and_p.bind(near, and_p.bind(isfinite(a), isfinite(b))), eq_p.bind(a, b))
    return or_p.bind(out, and_p.bind(isnan(a), isnan(b))) if equal_nan else out


def _as(dtype: np.dtype, *xs: Any) -> list[Any]:
    cast = [dtype.type(x) if isinstance(x, (int, float, np.generic)) else x for x in xs]
    return promote_shapes("isclose", *promote_args(*cast))


def _all(x: Any) -> Any:
    return reduce_and(x, range(typeof(x).ndim))


def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Whether all elements are close by `isclose`.

    >>> allclose(np.array([1.0]), 1.0)
    Array(True, dtype=bool)
    """
    return _all(isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether the shapes and all elements are equal.

    >>> array_equal(np.arange(3), np.arange(4))
    Array(False, dtype=bool)
    """
    check_arraylike("array_equal", a1, a2)
    a1, a2 = as_operand(a1), as_operand(a2)
    if typeof(a1).shape != typeof(a2).shape:
        return asarray_internal(np.asarray(False))
    same = eq_p.bind(*binary_operands("array_equal", a1, a2))
    return _all(logical_or(same, and_p.bind(isnan(a1), isnan(a2))) if equal_nan else same)


def array_equiv(a1: Any, a2: Any) -> Any:
    """Whether the arrays broadcast to one shape and all elements are equal.

    >>> array_equiv(np.ones((2, 3)), 1)
    Array(True, dtype=bool)
    """
    check_arraylike("array_equiv", a1, a2)
    a1, a2 = as_operand(a1), as_operand(a2)
    shapes = typeof(a1).shape, typeof(a2).shape
    if any(p != q and 1 not in (p, q) for p, q in zip(shapes[0][::-1], shapes[1][::-1], strict=False)):
        return asarray_internal(np.asarray(False))
    return _all(eq_p.bind(*binary_operands("array_equiv", a1, a2)))
