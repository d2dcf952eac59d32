"""Comparisons, bitwise operations, shifts and the reinterpretation of bits. None has a derivative.

Shifts by the width of the type or more are defined (0, or copies of the sign bit); negative amounts count as too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import canonical, kind_of, scalar_in
from functrans.core.low_precision import low_precision_format
from functrans.core.trace import Primitive, typeof
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.builders import nary
from functrans.primitives.structural import convert_element_type, move_axis
from functrans.scalar_ops import SCALAR_OPS

__all__ = [
    "and_p", "apply", "bitcast_convert_type", "bitcast_convert_type_p", "bitwise_and", "bitwise_not", "bitwise_or",
    "bitwise_xor", "checked", "clz", "clz_p", "eq", "eq_p", "ge", "ge_p", "gt", "gt_p", "le", "le_p", "lt", "lt_p",
    "ne", "ne_p", "not_p", "or_p", "population_count", "population_count_p", "promoted", "shift_left", "shift_left_p",
    "shift_right_arithmetic", "shift_right_arithmetic_p", "shift_right_logical", "shift_right_logical_p", "xor_p",
]


def promoted(name: str, *xs: Any) -> list[Any]:
    """Operands of a lax function: Python scalars (and other weak values) take the dtype of the arrays they meet.

    Raises:
        TypeError: where two arrays have different dtypes, or a scalar is of a higher kind than the array it meets.

    >>> promoted("add", np.float32(1), 2)
    [np.float32(1.0), np.float32(2.0)]
    """
    avals = [typeof(x) for x in xs]
    strong = {a.dtype for a in avals if not a.weak_type}
    if len(strong) > 1:
        raise operand_error(
            name, "arrays must have equal dtypes; convert one with lax.convert_element_type(x, dtype).", *avals
        )
    if not strong:
        dtype = max((a.dtype for a in avals), key=lambda d: ("biufc".index(kind_of(d)), d.itemsize))
        return [
            x if a.dtype == dtype else convert_element_type(x, dtype, weak_type=True)
            for x, a in zip(xs, avals, strict=True)
        ]
    (dtype,) = strong
    ranks = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
    if any(ranks[kind_of(a.dtype)] > ranks[kind_of(dtype)] for a in avals):
        raise operand_error(name, "a scalar of a higher kind does not fit the array; convert the array first.", *avals)
    return [_cast(x, dtype) if a.weak_type else x for x, a in zip(xs, avals, strict=True)]


def _cast(x: Any, dtype: np.dtype) -> Any:
    if type(x) in (int, float, complex):
        return scalar_in(x, dtype)
    return convert_element_type(x, dtype)


def checked(prim: Primitive, *xs: Any, **params: Any) -> Any:
    """Bind after the checks of the abstract rule, which evaluation alone skips: NumPy would accept more."""
    prim.rule("abstract")(*map(typeof, xs), **params)
    return prim.bind(*xs, **params)


def apply(prim: Primitive, *xs: Any, **params: Any) -> Any:
    """What lax functions do: adapt Python scalars, check kinds and shapes, bind."""
    return checked(prim, *(promoted(prim.name, *xs) if len(xs) > 1 else xs), **params)


# -- comparisons ------------------------------------------------------------------------------------------------------

_NO_DERIVATIVE = "its result has no derivative"
_BOOL = np.dtype(bool)


def _comparison(name: str, kinds: str, lower: Any = None) -> Primitive:
    return nary(
        name, SCALAR_OPS[name], kinds=kinds, result=lambda _: _BOOL, lower=lower, why_no_derivative=_NO_DERIVATIVE
    )


def _eq_lower(b: Any, x: Any, y: Any) -> Any:
    if x.is_complex:
        return b.op("and", b.op("eq", x.re, y.re), b.op("eq", x.im, y.im))
    return b.op("eq", x, y)


def _ne_lower(b: Any, x: Any, y: Any) -> Any:
    if x.is_complex:
        return b.op("or", b.op("ne", x.re, y.re), b.op("ne", x.im, y.im))
    return b.op("ne", x, y)


eq_p = _comparison("eq", "biufc", _eq_lower)
ne_p = _comparison("ne", "biufc", _ne_lower)
lt_p = _comparison("lt", "biuf")
le_p = _comparison("le", "biuf")
gt_p = _comparison("gt", "biuf")
ge_p = _comparison("ge", "biuf")


def eq(x: Any, y: Any) -> Any:
    """``x == y`` elementwise, a boolean array; nan equals nothing.

    >>> eq(np.array([1, 2]), 2)
    Array([False,  True], dtype=bool)
    """
    return apply(eq_p, x, y)


def ne(x: Any, y: Any) -> Any:
    """``x != y`` elementwise, a boolean array."""
    return apply(ne_p, x, y)


def lt(x: Any, y: Any) -> Any:
    """``x < y`` elementwise, a boolean array; real operands only."""
    return apply(lt_p, x, y)


def le(x: Any, y: Any) -> Any:
    """``x <= y`` elementwise, a boolean array; real operands only."""
    return apply(le_p, x, y)


def gt(x: Any, y: Any) -> Any:
    """``x > y`` elementwise, a boolean array; real operands only."""
    return apply(gt_p, x, y)


def ge(x: Any, y: Any) -> Any:
    """``x >= y`` elementwise, a boolean array; real operands only."""
    return apply(ge_p, x, y)


# -- bits -------------------------------------------------------------------------------------------------------------

def _bits(name: str, kinds: str, op: str = "") -> Primitive:
    return nary(name, SCALAR_OPS[op or name], kinds=kinds, lower=op or None, why_no_derivative=_NO_DERIVATIVE)


and_p = _bits("and", "biu")
or_p = _bits("or", "biu")
xor_p = _bits("xor", "biu")
not_p = _bits("not", "biu")
shift_left_p = _bits("shift_left", "iu", "shl")
shift_right_logical_p = _bits("shift_right_logical", "iu", "shr_logical")
shift_right_arithmetic_p = _bits("shift_right_arithmetic", "iu", "shr_arithmetic")
population_count_p = _bits("population_count", "iu", "popcount")
clz_p = _bits("clz", "iu")


def bitwise_and(x: Any, y: Any) -> Any:
    """``x & y`` elementwise, of booleans or integers."""
    return apply(and_p, x, y)


def bitwise_or(x: Any, y: Any) -> Any:
    """``x | y`` elementwise, of booleans or integers."""
    return apply(or_p, x, y)


def bitwise_xor(x: Any, y: Any) -> Any:
    """``x ^ y`` elementwise, of booleans or integers."""
    return apply(xor_p, x, y)


def bitwise_not(x: Any) -> Any:
    """``~x`` elementwise, of booleans or integers."""
    return apply(not_p, x)


def shift_left(x: Any, y: Any) -> Any:
    """``x << y``; 0 where `y` is negative or at least the width.

    >>> shift_left(np.array([1, 1, 1], "int8"), np.array([3, 8, -1], "int8"))
    Array([8, 0, 0], dtype=int8)
    """
    return apply(shift_left_p, x, y)


def shift_right_logical(x: Any, y: Any) -> Any:
    """`x` shifted right, zeros coming in; 0 where `y` is negative or at least the width."""
    return apply(shift_right_logical_p, x, y)


def shift_right_arithmetic(x: Any, y: Any) -> Any:
    """`x` shifted right, copies of the sign bit coming in; all sign where `y` is negative or at least the width."""
    return apply(shift_right_arithmetic_p, x, y)


def population_count(x: Any) -> Any:
    """The number of one bits of each integer, in its dtype.

    >>> population_count(np.array([7, -1], "int16"))
    Array([ 3, 16], dtype=int16)
    """
    return apply(population_count_p, x)


def clz(x: Any) -> Any:
    """The number of leading zero bits of each integer, in its dtype; the width for 0."""
    return apply(clz_p, x)


# -- bitcast ----------------------------------------------------------------------------------------------------------

def _bitcast_abstract(x: ShapedArray, *, new_dtype: np.dtype) -> ShapedArray:
    old, new = x.dtype.itemsize, new_dtype.itemsize
    if (x.dtype.kind == "b") != (new_dtype.kind == "b"):
        raise operand_error(
            "bitcast_convert_type", f"no bits are shared between booleans and others (asked for {new_dtype}).", x
        )
    if (x.dtype.kind == "c") != (new_dtype.kind == "c"):
        raise operand_error(
            "bitcast_convert_type", f"cannot view complex as real or real as complex (asked for {new_dtype}).", x
        )
    narrow = [form.bits for form in map(low_precision_format, (x.dtype, new_dtype)) if form is not None and form.bits < 8]
    if narrow and (len(narrow) == 1 or narrow[0] != narrow[1]):
        raise operand_error("bitcast_convert_type", f"an element of less than a byte shares its bits with those of its width only (asked "
                            f"for {new_dtype}); convert it instead.", x)
    if old == new:
        return ShapedArray(x.shape, new_dtype)
    if new < old:
        return ShapedArray((*x.shape, old // new), new_dtype)
    if not x.shape or x.shape[-1] != new // old:
        raise operand_error("bitcast_convert_type", f"to {new_dtype} the last axis must have size {new // old}.", x)
    return ShapedArray(x.shape[:-1], new_dtype)


def _bitcast_impl(x: np.ndarray, *, new_dtype: np.dtype) -> np.ndarray:
    shape = _bitcast_abstract(typeof(x), new_dtype=new_dtype).shape
    return np.ascontiguousarray(x).reshape(-1).view(new_dtype).reshape(shape).copy()


def _bitcast_batch(
    size: int, args: Sequence[Any], dims: Sequence[int | None], *, new_dtype: np.dtype
) -> tuple[Any, int]:
    (x,), (dim,) = args, dims
    assert dim is not None
    return bitcast_convert_type_p.bind(move_axis(x, dim, 0), new_dtype=new_dtype), 0


def _bitcast_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, new_dtype: np.dtype) -> tuple[Any, Any]:
    y = bitcast_convert_type_p.bind(*primals, new_dtype=new_dtype)
    return y, Zero(tangent_aval(typeof(y)))


def _bitcast_lower(b: Any, x: Any, *, new_dtype: np.dtype) -> Any:
    """Little-endian words: widening ors the shifted parts together, narrowing takes them apart along a new last
    axis."""
    old, new = x.dtype.itemsize, new_dtype.itemsize
    if x.dtype == new_dtype:
        return x
    if x.is_complex:
        if old != new:
            raise NotImplementedError("bitcast_convert_type between complex64 and complex128 is not compiled")
        return x
    if old == new:
        return b.bitcast(x, new_dtype)
    narrow, wide = (np.dtype(f"uint{8 * n}") for n in (min(old, new), max(old, new)))
    count, bits = wide.itemsize // narrow.itemsize, 8 * narrow.itemsize
    if new < old:
        whole = b.bitcast(x, wide)
        shape = (*x.shape, count)
        spread = b.broadcast(whole, shape, range(len(x.shape)))
        amount = b.op("mul", b.iota(wide, shape, len(shape) - 1), b.const(bits, wide))
        return b.bitcast(b.convert(b.op("shr_logical", spread, amount), narrow), new_dtype)
    parts = b.convert(b.bitcast(x, narrow), wide)
    *outer, last = x.shape
    total = None
    for k in range(last):
        part = b.slice(parts, [0] * len(outer) + [k], [*outer, k + 1], [1] * len(x.shape))
        part = b.op("shl", b.reshape(part, tuple(outer)), b.const(k * bits, wide))
        total = part if total is None else b.op("or", total, part)
    return b.bitcast(total, new_dtype)


bitcast_convert_type_p = primitive(
    "bitcast_convert_type", impl=_bitcast_impl, abstract=_bitcast_abstract, jvp=_bitcast_jvp, batch=_bitcast_batch,
    lower=_bitcast_lower, reasons={"transpose": _NO_DERIVATIVE},
)


def bitcast_convert_type(operand: Any, new_dtype: Any) -> Any:
    """The same bits read as another dtype.

    A narrower dtype adds a last axis for the pieces (the lowest first), a wider one takes away a last axis of their
    number.

    Raises:
        TypeError: between booleans or complex and other dtypes, or where the last axis has the wrong size.

    >>> bitcast_convert_type(np.float32(1.0), "uint32")
    Array(1065353216, dtype=uint32)
    >>> bitcast_convert_type(np.uint32(0x01020304), "uint8")
    Array([4, 3, 2, 1], dtype=uint8)
    """
    return apply(bitcast_convert_type_p, operand, new_dtype=canonical(new_dtype))
