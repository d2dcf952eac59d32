"""Identities that say something about a value: `name` for policies of rematerialisation, `optimization_barrier` for the compiler.

Both leave values and derivatives as they are. A name is on the value alone: its tangent has none. Barriers are on tangents too,
since a program that is kept from being rearranged should be so in its derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.core.aval import Zero
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, is_array_like
from functrans.primitives.base import linear, primitive
from functrans.tree_util import tree_map

__all__ = ["checkpoint_name", "name_p", "optimization_barrier", "optimization_barrier_p"]


def _name_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, name: str) -> tuple[Any, Any]:
    x_dot = tangents[0]
    return name_p.bind(*primals, name=name), Zero(x_dot.aval) if isinstance(x_dot, Zero) else x_dot


name_p: Primitive = primitive(
    "name", impl=lambda x, *, name: x, abstract=lambda x, *, name: x, jvp=_name_jvp, lower=lambda b, x, *, name: x, view=True,
    batch=lambda size, args, dims, *, name: (name_p.bind(*args, name=name), dims[0]),
    reasons={"transpose": "tangents have no name, so it is in no linear program"})


def checkpoint_name(x: Any, name: str) -> Any:
    """`x`, whatever its structure, with a name by which the policy of a `checkpoint` around it can tell it.

    Outside of `checkpoint` the name does nothing but appear in jaxprs and in `print_saved_residuals`.

    Raises:
        TypeError: if `name` is not a string.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> policy = ft.checkpoint_policies.save_only_these_names("hidden")
    >>> f = ft.checkpoint(lambda x: fnp.cos(checkpoint_name(fnp.sin(x), "hidden")), policy=policy)
    >>> print(ft.grad(f)(0.0))
    -0.0
    """
    if not isinstance(name, str):
        raise TypeError(f"checkpoint_name: the name must be a string; it is {name!r} of type {type(name).__name__}, at "
                        f"{describe(user_source())}.")
    return tree_map(lambda v: name_p.bind(v, name=name) if is_array_like(v) else v, x)


optimization_barrier_p: Primitive = linear(
    "optimization_barrier", impl=lambda x: x, abstract=lambda x: x, view=True,
    transpose=lambda ct, x: optimization_barrier_p.bind(ct),
    batch=lambda size, x, dim: (optimization_barrier_p.bind(x), dim),
    lower=lambda b, x: x,
)


def optimization_barrier(operand: Any) -> Any:
    """`operand`, whatever its structure, as values that the compiler must not know to be equal to it.

    What is computed from the result is computed anew, even where the same was computed from `operand`: common subexpressions do
    not merge across a barrier, nor does an identity see through it. Derivatives pass barriers of their own.

    >>> import functrans as ft
    >>> print(ft.jit(lambda x: optimization_barrier(x) + x)(1.0))
    2.0
    """
    return tree_map(lambda v: optimization_barrier_p.bind(v) if is_array_like(v) else v, operand)
