"""What programs say of the machines that they run on: here there is one, the CPU, and the choice is made while tracing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from functrans.core.source import describe, user_source

__all__ = ["composite", "platform_dependent"]


def platform_dependent(*args: Any, default: Callable[..., Any] | None = None, **per_platform: Callable[..., Any]) -> Any:
    """The function for the CPU, or else `default`, called; those for other platforms are not traced.

    Args:
        args: the arguments of the function.
        default: the function for platforms that have none of their own.
        per_platform: functions by the names of platforms: ``cpu=``, ``cuda=``, ``tpu=``, ...

    Raises:
        NotImplementedError: if there is neither.

    >>> platform_dependent(3.0, cpu=lambda x: x + 1, tpu=lambda x: x)
    4.0
    """
    chosen = per_platform.get("cpu", default)
    if chosen is None:
        raise NotImplementedError(f"platform_dependent: there is a function for {sorted(per_platform)}, and none for this platform, at "
                                  f"{describe(user_source())}. Give cpu= or default=.")
    return chosen(*args)


def composite(decomposition: Callable[..., Any], name: str, version: int = 0) -> Callable[..., Any]:
    """A function under a name that a compiler may know; this one compiles its decomposition.

    Args:
        decomposition: the function. Keyword arguments are static.
        name: its name, such as "my.tangent".
        version: of its meaning.

    Returns:
        The function of the same arguments, which is the decomposition's in values and derivatives.

    >>> import functrans.numpy as fnp
    >>> tangent = composite(lambda x: fnp.sin(x) / fnp.cos(x), "my.tangent")
    >>> tangent(0.0)
    Array(0., dtype=float64, weak_type=True)
    """
    @wraps(decomposition)
    def call(*args: Any, **kwargs: Any) -> Any:
        return decomposition(*args, **kwargs)

    return call
