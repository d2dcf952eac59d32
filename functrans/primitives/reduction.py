"""Reductions other than the sum: prod, max, min, and, or, xor, argmax, argmin.

Derivatives. The tangent of a maximum is the mean of the tangents of the elements that attain it (the reference library's
convention; any other subgradient would favour one of them). That of a product sums, over the elements, the tangent times the
product of all *others*. It is computed by halving: a pair of halves ``a, b`` becomes ``a * b`` with tangent
``a_dot * b + a * b_dot``, which costs a few products an element, has logarithmic depth, divides by nothing, and, being a polynomial
in the elements, is right for every order of derivative even where some elements are zero.

Empty reductions give the identity: 1, -inf or the least integer for max, +inf or the greatest for min, all ones for and,
0 for or and xor. nan wins min and max; argmin and argmax give the first nan if there is one, else the first extremum.

Complex numbers are ordered as NumPy orders them: by real parts, then by imaginary ones, and nan in either part wins. Their max and
min are the elements at their argmax and argmin. Those take three real reductions: the extremum of the real parts, that of the
imaginary parts of the elements that attain it, and the first element that attains both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import sequence
from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import canonical, is_integer
from functrans.core.low_precision import ends_of, iinfo, working_dtype
from functrans.core.trace import Primitive, typeof
from functrans.primitives.arithmetic import add_p, div_p, eq_p, mul_p, select_n_p
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.builders import check_kinds
from functrans.primitives.movement import checked, pad_p, slice_in_dim
from functrans.primitives.structural import (
    broadcast_in_dim,
    convert_element_type,
    reduce_sum,
    reduced_shape,
    reduction_batch,
    reshape,
    transpose,
    zeros,
)
from functrans.util import canonicalize_axis

__all__ = [
    "argmax", "argmax_p", "argmin", "argmin_p", "reduce_and", "reduce_and_p", "reduce_max", "reduce_max_p", "reduce_min",
    "reduce_min_p", "reduce_or", "reduce_or_p", "reduce_prod", "reduce_prod_p", "reduce_xor", "reduce_xor_p",
]

Rule = Callable[..., Any]


def least(dtype: np.dtype) -> Any:
    """The identity of max: -inf (in both parts of complex numbers), the least integer, or False."""
    return ends_of(dtype)[0] if dtype.kind != "c" else dtype.type(complex(-np.inf, -np.inf))


def greatest(dtype: np.dtype) -> Any:
    """The identity of min: inf (in both parts of complex numbers), the greatest integer, or True."""
    return ends_of(dtype)[1] if dtype.kind != "c" else dtype.type(complex(np.inf, np.inf))


def _zero_jvp(prim: Primitive) -> Rule:
    def jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
        y = prim.bind(*primals, **params)
        return y, Zero(tangent_aval(typeof(y)))

    return jvp


def _reducer(name: str, impl: Rule, *, kinds: str, op: str, bool_op: str, jvp: Rule | None, why: str,
             lower_complex: Rule | None = None) -> Primitive:
    """A reduction over ``axes``; ``jvp(x, x_dot, y, axes)`` gives the tangent, None means the derivative is zero.

    ``lower_complex(b, x, axes)`` lowers the reduction of complex numbers where the builder has none.
    """

    def abstract(x: ShapedArray, *, axes: tuple[int, ...]) -> ShapedArray:
        check_kinds(name, kinds, x)
        return x.update(shape=reduced_shape(name, x, axes))

    def batch(size: int, args: Sequence[Any], dims: Sequence[Any], *, axes: tuple[int, ...]) -> tuple[Any, int]:
        return reduction_batch(made, args[0], dims[0], axes)

    def jvp_rule(primals: Any, tangents: Any, *, axes: tuple[int, ...]) -> tuple[Any, Any]:
        (x,), (x_dot,) = primals, tangents
        y = made.bind(x, axes=axes)
        if jvp is None or type(x_dot) is Zero or 0 in typeof(x).shape:
            return y, Zero(tangent_aval(typeof(y)))
        return y, jvp(x, x_dot, y, axes)

    def lower(b: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
        if x.is_complex and lower_complex is not None:
            return lower_complex(b, x, axes)
        return b.reduce(bool_op if x.dtype == np.bool_ else op, x, axes)

    made = primitive(name, impl=checked(abstract, impl), abstract=abstract, jvp=jvp_rule, batch=batch, lower=lower,
                     reasons={"transpose": why})
    return made


def _reduce_function(prim: Primitive) -> Rule:
    """Canonicalises axes; none at all leave the operand as it is."""

    def reduce(operand: Any, axes: Sequence[int]) -> Any:
        n = typeof(operand).ndim
        axes = tuple(canonicalize_axis(a, n) for a in sequence(axes, "axes"))
        return prim.bind(operand, axes=axes)

    return reduce


# -- product ----------------------------------------------------------------------------------------------------------

def _prod_impl(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    work = working_dtype(x.dtype)
    return np.prod(x.astype(work, copy=False), axis=axes, dtype=work).astype(x.dtype, copy=False)


def _prod_tangent(x: Any, x_dot: Any, y: Any, axes: tuple[int, ...]) -> Any:
    shape = typeof(x).shape
    kept = [d for d in range(len(shape)) if d not in axes]
    flat = (prod(shape[a] for a in axes), *(shape[d] for d in kept))
    x, x_dot = (reshape(transpose(t, (*axes, *kept)), flat) for t in (x, x_dot))
    one, zero = typeof(x).dtype.type(1), typeof(x).dtype.type(0)
    n = flat[0]
    while n > 1:
        if n % 2:
            edge = ((0, 1, 0), *((0, 0, 0) for _ in kept))
            x, x_dot = pad_p.bind(x, one, padding_config=edge), pad_p.bind(x_dot, zero, padding_config=edge)
        n = (n + 1) // 2
        a, b, a_dot, b_dot = (slice_in_dim(t, at, at + n) for t in (x, x_dot) for at in (0, n))
        x_dot = add_p.bind(mul_p.bind(a_dot, b), mul_p.bind(a, b_dot))
        x = mul_p.bind(a, b)
    return reshape(x_dot, typeof(y).shape)


reduce_prod_p = _reducer("reduce_prod", _prod_impl, kinds="biufc", op="mul", bool_op="and", jvp=_prod_tangent,
                         why="it is not linear; its derivative is made of products")


# -- maximum and minimum ----------------------------------------------------------------------------------------------

def _chooser_tangent(x: Any, x_dot: Any, y: Any, axes: tuple[int, ...]) -> Any:
    aval = typeof(x)
    spread = broadcast_in_dim(y, aval.shape, [d for d in range(aval.ndim) if d not in axes])
    attained = eq_p.bind(x, spread)
    count = reduce_sum(convert_element_type(attained, aval.dtype), axes)
    total = reduce_sum(select_n_p.bind(attained, zeros(typeof(x_dot)), x_dot), axes)
    return div_p.bind(total, count)


def _kept(ndim: int, axes: Sequence[int]) -> list[int]:
    return [d for d in range(ndim) if d not in axes]


def _extremum(op: str, identity: Callable[[np.dtype], Any], bool_op: str) -> Primitive:
    real, find = getattr(np, op), getattr(np, f"arg{op}")

    def impl(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
        if x.dtype.kind != "c":
            work = working_dtype(x.dtype)
            out = real(x.astype(work, copy=False), axis=axes, initial=np.asarray(identity(x.dtype)).astype(work))
            return np.asarray(out).astype(x.dtype, copy=False)
        kept = _kept(x.ndim, axes)
        shape = tuple(x.shape[d] for d in kept)
        lines = x.transpose(*kept, *sorted(axes)).reshape(*shape, prod(x.shape[a] for a in axes))
        if not lines.shape[-1]:
            return np.full(shape, identity(x.dtype))
        return np.take_along_axis(lines, find(lines, axis=-1)[..., None], -1)[..., 0].copy()

    def lower_complex(b: Any, x: Any, axes: tuple[int, ...]) -> Any:
        kept = _kept(len(x.shape), axes)
        shape = tuple(x.shape[d] for d in kept)
        lines = b.stored(b.reshape(b.transpose(x, (*kept, *sorted(axes))), (*shape, prod(x.shape[a] for a in axes))))
        if 0 in lines.shape:
            return b.broadcast(b.const(identity(x.dtype), x.dtype), shape, ())
        place = _complex_arg_lower(b, op, lines, len(shape), np.dtype(np.int64))
        return b.take(lines, [*(b.iota(np.dtype(np.int64), shape, d) for d in range(len(shape))), place])

    return _reducer(f"reduce_{op}", impl, kinds="biufc", op=op, bool_op=bool_op, jvp=_chooser_tangent,
                    why="it is not linear; its derivative selects elements", lower_complex=lower_complex)


def _complex_arg_lower(b: Any, op: str, x: Any, axis: int, dtype: np.dtype) -> Any:
    """The first index of the lexicographic extremum `op` of complex `x`, or of the first nan: see the module's docstring."""
    x = b.stored(x)  # read by three reductions
    part = x.re.dtype
    worst = b.const((least if op == "max" else greatest)(part), part)

    def spread(y: Any) -> Any:
        return b.broadcast(y, x.shape, [d for d in range(len(x.shape)) if d != axis])

    is_nan = b.op("or", b.op("ne", x.re, x.re), b.op("ne", x.im, x.im))
    # One nan, whichever part has it, makes the best real part nan, which nothing equals: then nan alone attains.
    real = b.op("select", is_nan, b.const(np.nan, part), x.re)
    on_real = b.op("eq", x.re, spread(b.reduce(op, real, (axis,))))
    best = spread(b.reduce(op, b.op("select", on_real, x.im, worst), (axis,)))
    attained = b.op("or", is_nan, b.op("and", on_real, b.op("eq", x.im, best)))
    return b.arg_reduce("argmax", attained, axis, dtype)


reduce_max_p = _extremum("max", least, "or")
reduce_min_p = _extremum("min", greatest, "and")


# -- bits -------------------------------------------------------------------------------------------------------------

def _bits(name: str, ufunc: np.ufunc, identity: int) -> Primitive:
    def impl(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
        work = working_dtype(x.dtype)
        out = ufunc.reduce(x.astype(work, copy=False), axis=axes, initial=np.asarray(identity).astype(work)[()])
        return np.asarray(out).astype(x.dtype, copy=False)

    op = name.removeprefix("reduce_")
    return _reducer(name, impl, kinds="biu", op=op, bool_op=op, jvp=None, why="integers and booleans have no cotangents")


reduce_and_p = _bits("reduce_and", np.bitwise_and, -1)
reduce_or_p = _bits("reduce_or", np.bitwise_or, 0)
reduce_xor_p = _bits("reduce_xor", np.bitwise_xor, 0)


# -- argmax and argmin ------------------------------------------------------------------------------------------------

def _arg_reducer(name: str, find: Rule) -> Primitive:
    def impl(x: np.ndarray, *, axes: tuple[int], index_dtype: np.dtype) -> np.ndarray:
        return np.asarray(find(x.astype(working_dtype(x.dtype), copy=False), axis=axes[0])).astype(index_dtype)

    def abstract(x: ShapedArray, *, axes: tuple[int], index_dtype: np.dtype) -> ShapedArray:
        check_kinds(name, "biufc", x)
        shape = reduced_shape(name, x, axes)
        if len(axes) != 1 or not is_integer(index_dtype):
            raise TypeError(f"{name}: one axis and an integer index_dtype are needed; got axes {axes} and {index_dtype}.")
        size = x.shape[axes[0]]
        if not size:
            raise operand_error(name, f"an empty axis ({axes[0]}) has no extremum.", x)
        if size - 1 > iinfo(index_dtype).max:
            raise operand_error(name, f"index_dtype {index_dtype} cannot count the {size} elements of axis {axes[0]}.", x)
        return ShapedArray(shape, index_dtype)

    def batch(size: int, args: Sequence[Any], dims: Sequence[Any], *, axes: tuple[int], index_dtype: np.dtype) -> tuple[Any, int]:
        return reduction_batch(made, args[0], dims[0], axes, index_dtype=index_dtype)

    def lower(b: Any, x: Any, *, axes: tuple[int], index_dtype: np.dtype) -> Any:
        if x.is_complex:
            return _complex_arg_lower(b, name.removeprefix("arg"), x, axes[0], index_dtype)
        return b.arg_reduce(name, x, axes[0], index_dtype)

    made = primitive(name, impl=checked(abstract, impl), abstract=abstract, batch=batch, lower=lower,
                     reasons={"transpose": "integers have no cotangents"})
    made.jvp = _zero_jvp(made)
    return made


argmax_p = _arg_reducer("argmax", np.argmax)
argmin_p = _arg_reducer("argmin", np.argmin)


# -- public functions -------------------------------------------------------------------------------------------------

_prod, _max, _min, _and, _or, _xor = map(
    _reduce_function, (reduce_prod_p, reduce_max_p, reduce_min_p, reduce_and_p, reduce_or_p, reduce_xor_p))


def reduce_prod(operand: Any, axes: Sequence[int]) -> Any:
    """The product over `axes`, which vanish; 1 over empty axes.

    >>> reduce_prod(np.array([2.0, 3.0, 4.0]), (0,))
    Array(24., dtype=float64)
    """
    return _prod(operand, axes)


def reduce_max(operand: Any, axes: Sequence[int]) -> Any:
    """The greatest element over `axes` (nan if there is one; complex numbers compare lexicographically).

    Over empty axes -inf (in both parts of complex numbers) or the least integer.

    >>> reduce_max(np.array([[1, 5], [7, 2]]), (1,))
    Array([5, 7], dtype=int64)
    """
    return _max(operand, axes)


def reduce_min(operand: Any, axes: Sequence[int]) -> Any:
    """The least element over `axes` (nan if there is one; complex numbers compare lexicographically).

    Over empty axes inf (in both parts of complex numbers) or the greatest integer.

    >>> reduce_min(np.array([[1, 5], [7, 2]]), (1,))
    Array([1, 2], dtype=int64)
    """
    return _min(operand, axes)


def reduce_and(operand: Any, axes: Sequence[int]) -> Any:
    """The bitwise (for booleans, logical) and over `axes`; all ones over empty axes.

    >>> reduce_and(np.array([6, 3]), (0,))
    Array(2, dtype=int64)
    """
    return _and(operand, axes)


def reduce_or(operand: Any, axes: Sequence[int]) -> Any:
    """The bitwise (for booleans, logical) or over `axes`; 0 over empty axes.

    >>> reduce_or(np.array([6, 3]), (0,))
    Array(7, dtype=int64)
    """
    return _or(operand, axes)


def reduce_xor(operand: Any, axes: Sequence[int]) -> Any:
    """The bitwise (for booleans, logical) exclusive or over `axes`; 0 over empty axes.

    >>> reduce_xor(np.array([6, 3]), (0,))
    Array(5, dtype=int64)
    """
    return _xor(operand, axes)


def argmax(operand: Any, axis: int, index_dtype: Any = np.int64) -> Any:
    """The index of the first greatest element (of the first nan, if there is one) along `axis`.

    Raises:
        TypeError: if the axis is empty, or `index_dtype` cannot count its elements.

    >>> argmax(np.array([1.0, np.nan, 3.0]), 0, "int32")
    Array(1, dtype=int32)
    """
    return argmax_p.bind(operand, axes=(canonicalize_axis(axis, typeof(operand).ndim),), index_dtype=canonical(index_dtype))


def argmin(operand: Any, axis: int, index_dtype: Any = np.int64) -> Any:
    """The index of the first least element (of the first nan, if there is one) along `axis`.

    >>> argmin(np.array([3, 1, 1]), 0, "int32")
    Array(1, dtype=int32)
    """
    return argmin_p.bind(operand, axes=(canonicalize_axis(axis, typeof(operand).ndim),), index_dtype=canonical(index_dtype))
