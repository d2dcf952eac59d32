"""Running sums, products, extrema and log-sum-exps along an axis, and the linear recurrence that is all their derivatives.

``linear_recurrence(a, b)`` is ``y[0] = b[0]``, ``y[i] = a[i] * y[i - 1] + b[i]``. Each running operation here is
``y[i] = f(y[i - 1], x[i])``, and so its tangent is a linear recurrence whose ``a`` is the derivative of f by the running value and
whose ``b`` is its derivative by the element times the element's tangent:

- cumsum:        a = 1             (its own derivative; the transpose runs the other way)
- cumprod:       a = x[i]          b = y[i - 1] * x_dot[i]    (no division, so zeros are no exception)
- cummax, cummin: a = 1, 1/2 or 0  where the running value wins, ties, or loses (and b = 1 - a times x_dot)
- cumlogsumexp:  a = exp(y[i - 1] - y[i])   b = exp(x[i] - y[i]) * x_dot[i]

The recurrence is linear in b. Its tangent in a is the same recurrence with ``a_dot[i] * y[i - 1]`` for b; its transpose runs
backwards with a moved by one. So the family is closed under differentiation of every order, and everything takes one pass.

Known limits: evaluated eagerly, a recurrence takes one step of NumPy for each element of the axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.arguments import flag
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.low_precision import working_dtype
from functrans.core.trace import Primitive, typeof
from functrans.primitives.arithmetic import eq_p, gt_p, lt_p, select_n_p, sub_p
from functrans.primitives.base import linear, operand_error, primitive
from functrans.primitives.builders import add_p, check_kinds, mul_p
from functrans.primitives.movement import checked, full_like, pad_p, slice_in_dim
from functrans.primitives.structural import convert_element_type, instantiate, moved_to_front
from functrans.primitives.transcendental import exp_p
from functrans.util import canonicalize_axis

__all__ = [
    "cumlogsumexp", "cumlogsumexp_p", "cummax", "cummax_p", "cummin", "cummin_p", "cumprod", "cumprod_p", "cumsum", "cumsum_p",
    "linear_recurrence", "linear_recurrence_p",
]

Rule = Callable[..., Any]


def _abstract(name: str, kinds: str) -> Rule:
    def abstract(x: ShapedArray, *, axis: int, reverse: bool) -> ShapedArray:
        check_kinds(name, kinds, x)
        if not 0 <= axis < x.ndim:
            raise operand_error(name, f"axis {axis} is not an axis of the operand.", x)
        return x

    return abstract


def _accumulated(name: str, kinds: str, ufunc: np.ufunc) -> Rule:
    """Evaluation by the accumulation of a ufunc."""

    def impl(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        x = np.flip(x, axis) if reverse else x
        if not x.size:
            return x.copy()
        work = working_dtype(x.dtype)
        options: dict[str, Any] = {"dtype": work} if ufunc in (np.add, np.multiply) else {}
        out = ufunc.accumulate(x.astype(work, copy=False), axis=axis, **options).astype(x.dtype, copy=False)
        return np.flip(out, axis) if reverse else out

    return checked(_abstract(name, kinds), impl)


def _earlier(y: Any, axis: int, reverse: bool, edge: float = 0) -> Any:
    """`y` moved one place in the direction of the recurrence; the first place holds `edge`."""
    aval = typeof(y)
    n = aval.shape[axis]
    kept = slice_in_dim(y, 1, n, axis=axis) if reverse else slice_in_dim(y, 0, n - 1, axis=axis)
    config = tuple(((0, 1, 0) if reverse else (1, 0, 0)) if d == axis else (0, 0, 0) for d in range(aval.ndim))
    return pad_p.bind(kept, aval.dtype.type(edge), padding_config=config)


# -- the linear recurrence --------------------------------------------------------------------------------------------

def _recurrence_impl(a: np.ndarray, b: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
    work = working_dtype(b.dtype)
    if work != b.dtype:
        return _recurrence_impl(a.astype(work), b.astype(work), axis=axis, reverse=reverse).astype(b.dtype)
    step = slice(None, None, -1) if reverse else slice(None)
    a, b = np.moveaxis(a, axis, 0)[step], np.moveaxis(b, axis, 0)[step]
    out = np.empty(b.shape, b.dtype)
    for i in range(len(b)):
        out[i] = a[i] * out[i - 1] + b[i] if i else b[0]
    return np.ascontiguousarray(np.moveaxis(out[step], 0, axis))


def _recurrence_abstract(a: ShapedArray, b: ShapedArray, *, axis: int, reverse: bool) -> ShapedArray:
    check_kinds("linear_recurrence", "iufc", a, b)
    if a.shape != b.shape or a.dtype != b.dtype or not 0 <= axis < a.ndim:
        raise operand_error("linear_recurrence", f"operands must have equal shapes and dtypes, with an axis {axis}.", a, b)
    return b.update(weak_type=a.weak_type and b.weak_type)


def _recurrence_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axis: int, reverse: bool) -> tuple[Any, Any]:
    (a, b), (a_dot, b_dot) = primals, tangents
    y = linear_recurrence_p.bind(a, b, axis=axis, reverse=reverse)
    if not typeof(y).size or (type(a_dot) is Zero and type(b_dot) is Zero):
        return y, Zero(tangent_aval(typeof(y)))
    total = b_dot
    if type(a_dot) is not Zero:
        moved = mul_p.bind(a_dot, _earlier(y, axis, reverse))
        total = moved if type(b_dot) is Zero else add_p.bind(moved, b_dot)
    return y, linear_recurrence_p.bind(a, total, axis=axis, reverse=reverse)


def _recurrence_transpose(ct: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> list[Any]:
    if not isinstance(b, Linear) or isinstance(a, Linear):
        raise NotImplementedError("linear_recurrence is linear in its second operand only; its first cannot be linear.")
    if not typeof(ct).size:
        return [None, ct]
    return [None, linear_recurrence_p.bind(_earlier(a, axis, not reverse), ct, axis=axis, reverse=not reverse)]


def _recurrence_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, axis: int, reverse: bool) -> tuple[Any, int]:
    a, b = (moved_to_front(size, x, d) for x, d in zip(args, dims, strict=True))
    return linear_recurrence_p.bind(a, b, axis=axis + 1, reverse=reverse), 0


def _product(b: Any, x: Any, y: Any) -> Any:
    return mul_p.rule("lower")(b, x, y)


def _accumulate(b: Any, xs: Sequence[Any], axis: int, reverse: bool, step: Rule) -> Any:
    """`Builder.accumulate` in the working dtype."""
    dtype = xs[-1].dtype
    return b.convert(b.accumulate([b.convert(x, working_dtype(dtype)) for x in xs], axis, reverse, step), dtype)


def _recurrence_lower(b: Any, x: Any, y: Any, *, axis: int, reverse: bool) -> Any:
    add = add_p.rule("lower")
    return _accumulate(b, [x, y], axis, reverse, lambda before, a, c: add(b, _product(b, a, before), c))


linear_recurrence_p = primitive(
    "linear_recurrence", impl=checked(_recurrence_abstract, _recurrence_impl), abstract=_recurrence_abstract, jvp=_recurrence_jvp,
    transpose=_recurrence_transpose, batch=_recurrence_batch, lower=_recurrence_lower)


# -- running operations -----------------------------------------------------------------------------------------------

def _running(name: str, ufunc: np.ufunc, kinds: str, lower_step: Rule, weights: Rule) -> Primitive:
    """``y[i] = ufunc(y[i - 1], x[i])``; ``weights(x, y, y_before, x_dot)`` gives the ``a`` and ``b`` of the tangent's recurrence."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axis: int, reverse: bool) -> tuple[Any, Any]:
        (x,), (x_dot,) = primals, tangents
        y = made.bind(x, axis=axis, reverse=reverse)
        if type(x_dot) is Zero or not typeof(y).size:
            return y, Zero(tangent_aval(typeof(y)))
        a, b = weights(x, y, lambda edge: _earlier(y, axis, reverse, edge), instantiate(x_dot))
        return y, linear_recurrence_p.bind(a, b, axis=axis, reverse=reverse)

    def batch(size: int, args: Sequence[Any], dims: Sequence[Any], *, axis: int, reverse: bool) -> tuple[Any, int]:
        return made.bind(args[0], axis=axis + (axis >= dims[0]), reverse=reverse), dims[0]

    def lower(b: Any, x: Any, *, axis: int, reverse: bool) -> Any:
        return _accumulate(b, [x], axis, reverse, lambda before, each: lower_step(b, before, each))

    made = primitive(name, impl=_accumulated(name, kinds, ufunc), abstract=_abstract(name, kinds), jvp=jvp, batch=batch, lower=lower,
                     reasons={"transpose": "it is not linear; its derivative is a linear recurrence"})
    return made


cumsum_p: Primitive = linear(
    "cumsum", impl=_accumulated("cumsum", "iufc", np.add), abstract=_abstract("cumsum", "iufc"),
    transpose=lambda ct, x, *, axis, reverse: cumsum_p.bind(ct, axis=axis, reverse=not reverse),
    batch=lambda size, x, dim, *, axis, reverse: (cumsum_p.bind(x, axis=axis + (axis >= dim), reverse=reverse), dim),
    lower=lambda b, x, *, axis, reverse: _accumulate(b, [x], axis, reverse, lambda before, each: add_p.rule("lower")(b, before, each)),
)


def _product_weights(x: Any, y: Any, before: Rule, x_dot: Any) -> tuple[Any, Any]:
    return x, mul_p.bind(before(1), x_dot)


def _extremum_weights(running_wins: Primitive) -> Rule:
    def weights(x: Any, y: Any, before: Rule, x_dot: Any) -> tuple[Any, Any]:
        earlier = before(np.nan)  # which neither wins nor ties, so that the first element has its own tangent
        one = typeof(x).dtype.type(1)
        share = convert_element_type(running_wins.bind(earlier, x), typeof(x).dtype)
        a = select_n_p.bind(eq_p.bind(earlier, x), share, full_like(x, 0.5))
        return a, mul_p.bind(sub_p.bind(one, a), x_dot)

    return weights


def _logsumexp_weights(x: Any, y: Any, before: Rule, x_dot: Any) -> tuple[Any, Any]:
    def share(part: Any) -> Any:
        # Infinities of one sign have no difference.
        return select_n_p.bind(eq_p.bind(part, y), exp_p.bind(sub_p.bind(part, y)), full_like(y, 1))

    return share(before(0)), mul_p.bind(share(x), x_dot)


def _extremum_step(op: str, bool_op: str) -> Rule:
    return lambda b, before, x: b.op(bool_op if x.dtype == np.bool_ else op, before, x)


def _logaddexp_step(b: Any, x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)) by the greater of the two; of equal ones, infinite ones too, x + log 2."""
    op = b.op
    away = op("neg", op("abs", op("sub", x, y)))
    apart = op("add", op("max", x, y), op("log1p", op("exp", away)))
    return op("select", op("eq", x, y), op("add", x, b.const(np.log(2), x.dtype)), apart)


cumprod_p = _running("cumprod", np.multiply, "iufc", _product, _product_weights)
cummax_p = _running("cummax", np.maximum, "biuf", _extremum_step("max", "or"), _extremum_weights(gt_p))
cummin_p = _running("cummin", np.minimum, "biuf", _extremum_step("min", "and"), _extremum_weights(lt_p))
cumlogsumexp_p = _running("cumlogsumexp", np.logaddexp, "f", _logaddexp_step, _logsumexp_weights)


# -- public functions -------------------------------------------------------------------------------------------------

def _bind(prim: Primitive, operand: Any, axis: int, reverse: bool) -> Any:
    return prim.bind(operand, axis=canonicalize_axis(axis, typeof(operand).ndim), reverse=flag(reverse, "reverse"))


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running sums along an axis, from its end if `reverse`; shape and dtype are those of the operand.

    Raises:
        TypeError: for booleans.

    >>> cumsum(np.array([1, 2, 3]), reverse=True)
    Array([6, 5, 3], dtype=int64)
    """
    return _bind(cumsum_p, operand, axis, reverse)


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running products along an axis, from its end if `reverse`; see `cumsum`. Derivatives are right where elements are 0.

    >>> cumprod(np.array([1.0, 2.0, 3.0]))
    Array([1., 2., 6.], dtype=float64)
    """
    return _bind(cumprod_p, operand, axis, reverse)


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running maxima along an axis, from its end if `reverse`; nan stays. Where an element equals the maximum so far, each has
    half of the tangent.

    >>> cummax(np.array([1, 3, 2]))
    Array([1, 3, 3], dtype=int64)
    """
    return _bind(cummax_p, operand, axis, reverse)


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running minima along an axis, from its end if `reverse`; see `cummax`.

    >>> cummin(np.array([3, 1, 2]))
    Array([3, 1, 1], dtype=int64)
    """
    return _bind(cummin_p, operand, axis, reverse)


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """The logarithms of running sums of exponentials along an axis, from its end if `reverse`; nothing overflows.

    >>> cumlogsumexp(np.array([1000.0, 1000.0]))
    Array([1000.        , 1000.69314718], dtype=float64)
    """
    return _bind(cumlogsumexp_p, operand, axis, reverse)


def linear_recurrence(a: Any, b: Any, axis: int = 0, reverse: bool = False) -> Any:
    """``y[0] = b[0]``, ``y[i] = a[i] * y[i - 1] + b[i]`` along an axis, from its end if `reverse`; ``a[0]`` counts for nothing.

    Args:
        a, b: arrays of one shape and dtype.
        axis: the axis.
        reverse: whether to begin at the end.

    >>> linear_recurrence(np.array([9.0, 0.5, 0.5]), np.array([1.0, 1.0, 1.0]))
    Array([1.  , 1.5 , 1.75], dtype=float64)
    """
    return linear_recurrence_p.bind(a, b, axis=canonicalize_axis(axis, typeof(b).ndim), reverse=flag(reverse, "reverse"))
