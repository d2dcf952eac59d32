"""Where in the user's program we are: the innermost stack frame outside this package.

A source is kept as the pair (code object, line number): cheap to take on every equation, spelled out when printed.

A jaxpr that is evaluated again (to transform it) must not lose the lines of its equations: functions that run equations are
marked by `interpreter`, and while one runs, the user's line is that of the equation it is at. User code that runs inside an
equation (a custom rule) is nearer, and wins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FrameType
from typing import TypeVar

__all__ = ["Source", "describe", "interpreter", "user_frame", "user_source"]

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep

Source = tuple[CodeType, int] | None

F = TypeVar("F", bound=Callable[..., object])

_INTERPRETERS: set[CodeType] = set()


def interpreter(run: F) -> F:
    """Mark a function that runs equations one by one, holding each in its local variable `eqn`. A decorator."""
    _INTERPRETERS.add(run.__code__)
    return run


@lru_cache(maxsize=4096)
def _kind(code: CodeType) -> str:
    if code in _INTERPRETERS:
        return "interpreter"
    return "ours" if code.co_filename.startswith((_PACKAGE, "<frozen", "<__array_function__")) else "user"


def user_source() -> Source:
    """The code and line of the innermost caller outside functrans, None where there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        kind = _kind(frame.f_code)
        if kind == "user":
            return frame.f_code, frame.f_lineno
        if kind == "interpreter":
            eqn = frame.f_locals.get("eqn")
            if eqn is not None and eqn.source is not None:
                source: Source = eqn.source
                return source
        frame = frame.f_back  # type: ignore[assignment]
    return None


def user_frame() -> FrameType:
    """The stack frame of the innermost caller outside functrans (the outermost frame, where there is none)."""
    frame = sys._getframe(1)
    while _kind(frame.f_code) != "user" and frame.f_back is not None:
        frame = frame.f_back
    return frame


def describe(source: Source) -> str:
    """``file.py:12 (function)``, or a phrase that says the line is not known."""
    if source is None:
        return "an unknown line"
    code, line = source
    return f"{code.co_filename}:{line} ({code.co_name})"
