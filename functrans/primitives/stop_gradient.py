"""Identities with less of a derivative: `stop_gradient` has none, `differentiable_where_p` has it where a mask is true.

The mask serves a batched `cond`, which computes all branches for all elements of the batch and chooses among the results: a branch that
was not taken gets a cotangent of zero, and where its derivative is infinite (the square root at 0) would make nan of it. It is the
"double where" that programs use by hand. The value is not touched, so that code without derivatives is as without the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.trace import Primitive, is_array_like, typeof
from functrans.primitives.arithmetic import select_n_p
from functrans.primitives.base import literal, operand_error, primitive
from functrans.primitives.structural import moved_to_front
from functrans.tree_util import tree_map

__all__ = ["differentiable_where_p", "stop_gradient", "stop_gradient_p"]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Zero]:
    return stop_gradient_p.bind(*primals), Zero(tangent_aval(typeof(primals[0])))


stop_gradient_p: Primitive = primitive(
    "stop_gradient", impl=lambda x: x, abstract=lambda x: x, jvp=_jvp, lower=lambda b, x: x, view=True,
    batch=lambda size, args, dims: (stop_gradient_p.bind(*args), dims[0]),
    reasons={"transpose": "its derivative is zero, so it is in no linear program"})


def stop_gradient(x: Any) -> Any:
    """`x`, whatever its structure, as a constant to differentiation.

    >>> import functrans
    >>> print(functrans.grad(lambda x: x * stop_gradient(x))(3.0))
    3.0
    """
    return tree_map(lambda v: stop_gradient_p.bind(v) if is_array_like(v) else v, x)


def _masked(mask: Any, t: Any) -> Any:
    return select_n_p.bind(mask, literal(t, 0), t)


def _where_abstract(mask: ShapedArray, x: ShapedArray) -> ShapedArray:
    if mask.dtype.kind != "b" or mask.shape != x.shape:
        raise operand_error("differentiable_where", "the mask must be boolean, of the shape of the array.", mask, x)
    return x


def _where_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    mask, _ = primals
    y, x_dot = differentiable_where_p.bind(*primals), tangents[1]
    return y, Zero(tangent_aval(typeof(y))) if isinstance(x_dot, Zero) else _masked(mask, x_dot)


def _where_batch(size: int, args: Sequence[Any], dims: Sequence[int | None]) -> tuple[Any, int]:
    return differentiable_where_p.bind(*(moved_to_front(size, x, d) for x, d in zip(args, dims, strict=True))), 0


differentiable_where_p: Primitive = primitive(
    "differentiable_where", impl=lambda mask, x: x, abstract=_where_abstract, jvp=_where_jvp,
    batch=_where_batch, lower=lambda b, mask, x: x,
    transpose=lambda ct, mask, x: [None, _masked(mask, ct) if isinstance(x, Linear) else None])
