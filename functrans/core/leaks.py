"""Looking for leaked tracers when a transformation ends, under the option `check_tracer_leaks`.

A tracer that something still holds after its transformation has ended is a mistake even if it is never used: a side effect that
stored it. Every transformation asks here when it has taken what it needs from its results. The search goes through all objects
that Python's garbage collector knows, so it is slow, and off by default.
"""

from __future__ import annotations

import gc
from types import CellType, FrameType
from typing import Any

from functrans.config import options
from functrans.core.trace import Trace, Tracer
from functrans.errors import UnexpectedTracerError

__all__ = ["ended"]


def ended(trace: Trace) -> None:
    """Say that `trace` is over and nobody should hold its tracers.

    Raises:
        UnexpectedTracerError: under the option `check_tracer_leaks`, if somebody does; it names the tracer and its holders.
    """
    if not options().check_tracer_leaks:
        return
    if _tracers(trace):
        gc.collect()  # a cycle of dead objects is no leak
    held = _tracers(trace)
    if held:
        tracer = held[0]
        holders = ", ".join(dict.fromkeys(_name(r, tracer) for r in gc.get_referrers(tracer) if r is not held))
        raise UnexpectedTracerError(
            f"{tracer.describe()} has leaked: the call of {trace.name} that made it has ended, and it is still held by "
            f"{holders or 'something that cannot be named'}. A traced function must return what it computes; do not store traced values "
            "in globals, attributes or outer lists.")


def _tracers(trace: Trace) -> list[Tracer]:
    return [x for x in gc.get_referrers(trace) if issubclass(type(x), Tracer) and x._trace is trace]


def _name(holder: Any, tracer: Tracer) -> str:
    if isinstance(holder, dict):
        keys = [k for k, v in holder.items() if v is tracer]
        return f"the entry {keys[0]!r} of a dictionary" if keys else "a dictionary"
    if isinstance(holder, CellType):
        return "a variable that a function closes over"
    if isinstance(holder, FrameType):
        return f"a local variable of {holder.f_code.co_name}"
    return f"an object of type {type(holder).__name__}"
