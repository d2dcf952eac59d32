"""Builders of elementwise primitives, so that a family's derivatives read like a table of calculus.

``unary("sin", np.sin, lambda x, y: cos(x))`` states evaluation and derivative; shape, dtype, batching, transposition and
lowering follow. Operands of an n-ary primitive have equal shapes and dtypes, but a rank-0 operand mixes with any shape:
constants in rules and programs need no broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import kind_of
from functrans.core.trace import Primitive, typeof
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.structural import broadcast_in_dim, move_axis, reduce_sum

__all__ = ["elementwise_batch", "join_shape", "nary", "sum_tangents", "unary", "unbroadcast"]

_KINDS = {"b": "bool", "i": "signed integer", "u": "unsigned integer", "f": "floating", "c": "complex"}

Rule = Callable[..., Any]


def check_kinds(name: str, kinds: str, aval: ShapedArray, *avals: ShapedArray) -> None:
    """Refuse dtypes outside `kinds` (NumPy kind letters)."""
    if kind_of(aval.dtype) not in kinds:
        accepted = ", ".join(_KINDS[k] for k in kinds)
        raise operand_error(name, f"accepts {accepted} dtypes only.", aval, *avals)


def join_shape(name: str, avals: Sequence[ShapedArray]) -> tuple[int, ...]:
    """The common shape of operands of which some may have rank 0."""
    shape: tuple[int, ...] = ()
    for a in avals:
        if a.shape and a.shape != shape:
            if shape:
                raise operand_error(name, "operands must have equal shapes (or rank 0); broadcast them first.", *avals)
            shape = a.shape
    return shape


def nary_abstract(name: str, kinds: str, result: Callable[[np.dtype], np.dtype] | None = None) -> Rule:
    """The aval rule of elementwise primitives: equal dtypes among `kinds`, joined shape, `result` dtype."""

    def abstract(*avals: ShapedArray, **params: Any) -> ShapedArray:
        first = avals[0]
        check_kinds(name, kinds, *avals)
        weak = True
        shape = first.shape
        for a in avals:
            if a.dtype is not first.dtype and a.dtype != first.dtype:
                raise operand_error(name, "operands must have equal dtypes; convert them first.", *avals)
            weak = weak and a.weak_type
            if a.shape != shape:
                shape = join_shape(name, avals)
        if result is None:
            return ShapedArray(shape, first.dtype, weak)
        dtype = result(first.dtype)
        return ShapedArray(shape, dtype, weak and dtype.kind != "b")

    return abstract


def elementwise_batch(prim: Primitive) -> Rule:
    """Batching of an elementwise primitive: operands are aligned, then the primitive applies as it is."""

    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, int | None]:
        if len(args) == 1:
            return prim.bind(*args, **params), dims[0]
        shapes = [typeof(x).shape for x in args]
        first = next(i for i, d in enumerate(dims) if d is not None)
        shape, dim = shapes[first], dims[first]
        if all((d == dim and s == shape) or (d is None and not s) for s, d in zip(shapes, dims, strict=True)):
            return prim.bind(*args, **params), dim
        rank = max(len(s) - (d is not None) for s, d in zip(shapes, dims, strict=True))
        moved = [x if d is None else move_axis(x, d, 0) for x, d in zip(args, dims, strict=True)]
        inner = next(tuple(s[1:] if d is not None else s)
                     for s, d in zip((typeof(x).shape for x in moved), dims, strict=True)
                     if len(s) - (d is not None) == rank)
        full = (size, *inner)
        aligned = []
        for x, d in zip(moved, dims, strict=True):
            n = len(typeof(x).shape) - (d is not None)
            if d is not None:
                aligned.append(broadcast_in_dim(x, full, (0, *range(1, n + 1))))
            else:
                aligned.append(broadcast_in_dim(x, full, range(1, n + 1)) if n else x)
        return prim.bind(*aligned, **params), 0

    return batch


def unbroadcast(ct: Any, operand: Linear) -> Any:
    """The cotangent of an operand that may have been a rank-0 one among larger ones."""
    shape = typeof(ct).shape
    if operand.aval.shape == shape:
        return ct
    return reduce_sum(ct, range(len(shape)))


def to_shape(x: Any, shape: tuple[int, ...]) -> Any:
    """A rank-0 tangent spread over `shape`."""
    return x if typeof(x).shape == shape else broadcast_in_dim(x, shape, ())


def sum_tangents(out: Any, terms: Sequence[Any], add: Callable[[Any, Any], Any]) -> Any:
    """The sum of tangent terms in the shape of `out`; no terms give a symbolic zero."""
    aval = typeof(out)
    if not terms:
        return Zero(tangent_aval(aval))
    total = terms[0]
    for t in terms[1:]:
        total = add(total, t)
    return to_shape(total, aval.shape)


def nary(
    name: str, impl: Rule, *partials: Rule | None, kinds: str, result: Callable[[np.dtype], np.dtype] | None = None,
    lower: Rule | str | None = None, transpose: Rule | None = None, why_no_derivative: str = "",
) -> Primitive:
    """An elementwise primitive.

    Args:
        name: its name, also that of the scalar operation it lowers to unless `lower` says otherwise.
        impl: the NumPy function.
        partials: for each operand, ``(x_dot, y, *operands) -> tangent term``, or None where the derivative is zero.
            No partials at all: the result has no derivative (comparisons, bits).
        kinds: NumPy kind letters of accepted dtypes.
        result: the dtype of the result from that of the operands; the same when not given.
        transpose: where the primitive is linear in some operand.
        why_no_derivative: the reason, where there are no partials.
    """
    made = primitive(name, impl=impl, abstract=nary_abstract(name, kinds, result), transpose=transpose)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        y = made.bind(*primals, **params)
        terms = [partial(t, y, *primals, **params) for partial, t in zip(partials, tangents, strict=True)
                 if partial is not None and type(t) is not Zero]
        return y, sum_tangents(y, terms, _add)

    def zero_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        y = made.bind(*primals, **params)
        return y, Zero(tangent_aval(typeof(y)))

    made.jvp = jvp if partials else zero_jvp
    made.batch = elementwise_batch(made)
    if callable(lower):
        made.lower = lower
    else:
        op = lower or name
        made.lower = lambda b, *xs, **params: b.op(op, *xs, **params)
    if transpose is None:
        made.reasons["transpose"] = why_no_derivative or "it is not linear; its derivative is made of products"
    return made


def unary(name: str, impl: Rule, derivative: Rule | None = None, *, kinds: str = "fc", **options: Any) -> Primitive:
    """An elementwise primitive of one operand; ``derivative(x, y)`` is the factor of the tangent.

    >>> twice_p = unary("twice_example", lambda x: x + x, lambda x, y: np.float64(2.0), lower="add")
    >>> twice_p.bind(np.float64(3.0))
    Array(6., dtype=float64)
    """
    if derivative is None:
        return nary(name, impl, kinds=kinds, **options)
    return nary(name, impl, lambda x_dot, y, x, **params: _mul(x_dot, derivative(x, y, **params)), kinds=kinds, **options)


# -- the two operations that the builders themselves need --------------------------------------------------------------

def _add(x: Any, y: Any) -> Any:
    return add_p.bind(x, y)


def _mul(x: Any, y: Any) -> Any:
    return mul_p.bind(x, y)


def _add_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    return [unbroadcast(ct, a) if isinstance(a, Linear) else None for a in (x, y)]


def _mul_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    if isinstance(x, Linear):
        return [unbroadcast(_mul(ct, y), x), None]
    return [None, unbroadcast(_mul(ct, x), y)]


def _add_lower(b: Any, x: Any, y: Any) -> Any:
    if x.is_complex:
        return b.complex(b.op("add", x.re, y.re), b.op("add", x.im, y.im))
    return b.op("add", x, y)


def _mul_lower(b: Any, x: Any, y: Any) -> Any:
    if x.is_complex:
        op = b.op
        re = op("sub", op("mul", x.re, y.re), op("mul", x.im, y.im))
        return b.complex(re, op("add", op("mul", x.re, y.im), op("mul", x.im, y.re)))
    return b.op("mul", x, y)


add_p = nary("add", np.add, lambda t, z, x, y: t, lambda t, z, x, y: t, kinds="biufc", lower=_add_lower, transpose=_add_transpose)
mul_p = nary("mul", np.multiply, lambda t, z, x, y: _mul(t, y), lambda t, z, x, y: _mul(x, t), kinds="biufc",
             lower=_mul_lower, transpose=_mul_transpose)
