"""`stop_gradient`: the identity, with derivative zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.core.aval import Zero, tangent_aval
from functrans.core.trace import Primitive, is_array_like, typeof
from functrans.primitives.base import primitive
from functrans.tree_util import tree_map

__all__ = ["stop_gradient", "stop_gradient_p"]


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
