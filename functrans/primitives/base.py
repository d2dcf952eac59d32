"""What every family of primitives is built with: registration, the builder of linear primitives, the batching of
operands, and the small vocabulary that derivative rules are written in.

A *linear* primitive is its own derivative: ``y_dot = f(x_dot)``. It states its transpose and nothing else about
derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, register, typeof

__all__ = ["linear", "literal", "ndim", "operand_error", "primitive", "shape_of"]


def primitive(name: str, **slots: Any) -> Primitive:
    """A registered primitive."""
    return register(Primitive(name, **slots))


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of any operand, Python numbers included."""
    return typeof(x).shape


def ndim(x: Any) -> int:
    return len(typeof(x).shape)


def literal(x: Any, value: complex) -> Any:
    """The constant `value` in the dtype of `x`."""
    return typeof(x).dtype.type(value)


def operand_error(name: str, message: str, *avals: ShapedArray) -> TypeError:
    """A `TypeError` that names the operation, its operands and the user's line."""
    got = ", ".join(map(str, avals))
    return TypeError(f"{name}: {message} Got {got}, at {describe(user_source())}.")


def linear(
    name: str, *, impl: Callable[..., np.ndarray], abstract: Callable[..., ShapedArray], transpose: Callable[..., Any],
    batch: Callable[..., Any], lower: Callable[..., Any], view: bool = False,
) -> Primitive:
    """A primitive of one operand that is linear in it.

    ``transpose(cotangent, aval, **params)`` gives the cotangent of the operand from the aval of the operand.
    ``batch(size, x, dim, **params)`` is called with the one operand.
    """
    made: Primitive

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
        (x,), (x_dot,) = primals, tangents
        y = made.bind(x, **params)
        if isinstance(x_dot, Zero):
            return y, Zero(tangent_aval(typeof(y)))
        return y, made.bind(x_dot, **params)

    def transpose_rule(ct: Any, x: Any, **params: Any) -> list[Any]:
        return [transpose(ct, x.aval, **params) if isinstance(x, Linear) else None]

    def batch_rule(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, int | None]:
        out: tuple[Any, int | None] = batch(size, args[0], dims[0], **params)
        return out

    made = primitive(name, impl=impl, abstract=abstract, jvp=jvp, transpose=transpose_rule, batch=batch_rule, lower=lower, view=view)
    return made
