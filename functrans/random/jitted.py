"""Samplers are jitted, each for a shape and a dtype: eager use is one native call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from functrans.calls.jitted import jit

__all__ = ["jitted", "sampler"]

F = TypeVar("F", bound=Callable[..., Any])


def jitted(*static: str) -> Callable[[F], F]:
    """`jit` with the named arguments static, as a decorator that keeps the function's type."""
    return cast(Callable[[F], F], jit(static_argnames=static))


def sampler(fun: F) -> F:
    """`jit` of a function of a key, parameters, and the static arguments `shape` and `dtype`."""
    return jitted("shape", "dtype")(fun)
