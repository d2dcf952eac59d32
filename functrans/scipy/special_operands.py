"""What the functions of `functrans.scipy.special` share: arguments checked, promoted and broadcast; derivatives stated as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.calls.custom_jvp import custom_jvp
from functrans.calls.custom_results import SymbolicZero
from functrans.calls.jitted import jit
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.numpy.util import as_operand, check_arraylike, promote_inexact, promote_shapes

__all__ = ["inexact_operands", "real_operands", "static_integer", "with_derivatives"]


def inexact_operands(name: str, *xs: Any) -> list[Any]:
    """The arguments in their common floating or complex dtype, broadcast (rank 0 stays); integers become the default float.

    Raises:
        TypeError: if one is not an array or a number.
        ValueError: if the shapes do not broadcast.

    >>> import numpy as np
    >>> inexact_operands("beta", 1, np.float32(2))
    [np.float32(1.0), np.float32(2.0)]
    """
    check_arraylike(name, *xs)
    return promote_shapes(name, *promote_inexact(*map(as_operand, xs)))


def real_operands(name: str, *xs: Any) -> list[Any]:
    """As `inexact_operands`, for a function of real numbers.

    Raises:
        TypeError: also for complex arguments, naming the first.
    """
    check_arraylike(name, *xs)
    for position, x in enumerate(xs):
        aval = typeof(as_operand(x))
        if aval.dtype.kind == "c":
            raise TypeError(f"{name} is defined for real numbers only; argument {position} is {aval}, at {describe(user_source())}. Apply "
                            "it to real(x) or abs(x).")
    return inexact_operands(name, *xs)


def static_integer(name: str, argument: str, value: Any, least: int = 0) -> int:
    """`value` as a Python integer, which the function needs while it is traced.

    Raises:
        TypeError: if it is traced or no whole number.
        ValueError: if it is below `least`.

    >>> static_integer("bernoulli", "n", 3)
    3
    """
    concrete = value.concrete() if isinstance(value, Tracer) else value
    if concrete is None or isinstance(concrete, Tracer):
        raise TypeError(f"{name}: {argument} must be a Python integer, and it is traced, at {describe(user_source())}. Bind it outside the "
                        "traced function, or make the argument static.")
    try:
        number = int(concrete)
    except (TypeError, ValueError):
        number = None
    if number is None or number != concrete:
        raise TypeError(f"{name}: {argument} must be a whole number, not {concrete!r}, at {describe(user_source())}.")
    if number < least:
        raise ValueError(f"{name}: {argument} must be an integer of at least {least}, not {number}, at {describe(user_source())}.")
    return number


def with_derivatives(*partials: Callable[..., Any] | None) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: the function compiled, with ``partials[i](tangent_i, result, *arguments)`` as what argument `i` adds to the tangent.

    >>> import functrans as ft
    >>> @with_derivatives(lambda t, z, x: 2 * t * x)
    ... def square(x):
    ...     return x * x
    >>> print(ft.grad(square)(3.0))
    6.0
    """

    def decorate(function: Callable[..., Any]) -> Any:
        made = custom_jvp(function)

        def jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
            out = made(*primals)
            terms = [partial(t, out, *primals) for partial, t in zip(partials, tangents, strict=True)
                     if partial is not None and not isinstance(t, SymbolicZero)]
            return out, sum(terms[1:], terms[0]) if terms else SymbolicZero(typeof(out))

        made.defjvp(jvp, symbolic_zeros=True)
        return jit(made)

    return decorate
