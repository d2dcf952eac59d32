"""Where in the user's program we are: the innermost stack frame outside this package.

A source is kept as the pair (code object, line number): cheap to take on every equation, spelled out when printed.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from types import CodeType

__all__ = ["Source", "describe", "user_source"]

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep

Source = tuple[CodeType, int] | None


@lru_cache(maxsize=4096)
def _is_ours(code: CodeType) -> bool:
    name = code.co_filename
    return name.startswith((_PACKAGE, "<frozen", "<__array_function__"))


def user_source() -> Source:
    """The code and line of the innermost caller outside functrans, None where there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        if not _is_ours(frame.f_code):
            return frame.f_code, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None


def describe(source: Source) -> str:
    """``file.py:12 (function)``, or a phrase that says the line is not known."""
    if source is None:
        return "an unknown line"
    code, line = source
    return f"{code.co_filename}:{line} ({code.co_name})"
