"""Run-time checks: what can go wrong in a program, as values that travel through it, and the primitive that raises it.

An *error* is a number and some arrays. The number (`code`) is 0 while all is well, and else says which `Site` of the program failed
first, counted from 1; the arrays (`slots`) hold the values that the site's message names. The sites themselves are static: their
messages, their categories and their lines of the program. So an error is as cheap as an integer, and goes wherever arrays go.

The equation ``check[sites] code *slots`` raises the error, if there is one. `functrans.calls.checked` removes such equations from
programs and returns the errors instead.

Reference: the semantics are those of `jax.experimental.checkify`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.core.array import Array
from functrans.core.aval import ShapedArray
from functrans.core.source import Source, describe
from functrans.errors import FunctransError
from functrans.primitives.base import primitive
from functrans.primitives.structural import moved_to_front
from functrans.tree_util import PyTreeDef, tree_unflatten
from functrans.util import safe_zip

__all__ = [
    "CODE", "DivisionByZeroError", "FailedCheckError", "JaxException", "JaxRuntimeError", "NaNError", "OOBError", "Site", "check_p",
    "first_failure", "message_of",
]

CODE = ShapedArray((), np.dtype(np.int32))
"""The type of error codes."""


class JaxException(FunctransError):
    """The categories of errors: what a check looks for."""


class NaNError(JaxException):
    """A nan was generated."""


class DivisionByZeroError(JaxException):
    """A divisor was zero."""


class OOBError(JaxException):
    """An index was out of bounds."""


class FailedCheckError(JaxException):
    """A check of the program's own failed."""


class JaxRuntimeError(FunctransError, ValueError):
    """Raised for an error that occurred while a program ran."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a program where something can go wrong.

    message: a format string. tree: the structure of its arguments, the pair of positional and keyword ones. places: for each leaf
    of these the slot that holds its value. source: the user's line.
    """

    category: type[JaxException]
    message: str
    tree: PyTreeDef
    places: tuple[int, ...]
    source: Source

    def text(self, slots: Sequence[np.ndarray]) -> str:
        """The message, given the values in the slots."""
        args, kwargs = tree_unflatten(self.tree, [Array(np.array(slots[i])) for i in self.places])
        failed = " (`check` failed)" if self.category is FailedCheckError else ""
        return f"{self.message.format(*args, **kwargs)}{failed}, at {describe(self.source)}."


def message_of(sites: Sequence[Site], code: np.ndarray, slots: Sequence[np.ndarray]) -> str | None:
    """What an error says, None where all is well. A batch of errors says what each of its elements does, one a line."""
    if not code.shape:
        return sites[int(code) - 1].text(slots) if code else None
    lines = []
    for place in np.argwhere(code):
        at = tuple(map(int, place))
        text = sites[int(code[at]) - 1].text([s[at] for s in slots])
        lines.append(f"at mapped index {', '.join(map(str, at))}: {text}")
    return "\n".join(lines) or None


def first_failure(sites: Sequence[Site], code: np.ndarray) -> type[JaxException] | None:
    """The category of an error (of the first, in a batch)."""
    failed = code[code != 0].ravel()
    return sites[int(failed[0]) - 1].category if failed.size else None


# -- the primitive --------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Raise:
    """The function that a compiled program calls with an error."""

    sites: tuple[Site, ...]

    @property
    def __name__(self) -> str:
        return "check"

    def __call__(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        message = message_of(self.sites, values[0], values[1:])
        if message is not None:
            raise JaxRuntimeError(message)
        return []


def _impl(*values: np.ndarray, sites: tuple[Site, ...], debug: bool) -> list[np.ndarray]:
    return [] if debug else Raise(sites)(values)


def _abstract(code: ShapedArray, *slots: ShapedArray, sites: tuple[Site, ...], debug: bool) -> list[ShapedArray]:
    if code.dtype != CODE.dtype or any(s.shape[:code.ndim] != code.shape for s in slots):
        raise TypeError(f"check: the code must be an int32 whose axes all slots have first; got {code}, {slots}.")
    return []


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    check_p.bind(*primals, **params)
    return [], []


def _batch(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[list[Any], list[int]]:
    check_p.bind(*(moved_to_front(int(size), x, d) for x, d in safe_zip(args, dims)), **params)
    return [], []


def _lower(b: Any, *operands: Any, sites: tuple[Site, ...], debug: bool) -> list[Any]:
    return [] if debug else list(b.callback(Raise(sites), operands, [], True))


check_p = primitive(
    "check", impl=_impl, abstract=_abstract, jvp=_jvp, batch=_batch, lower=_lower, multiple_results=True, effectful=True,
    reasons={"transpose": "it has no results, so no cotangent ever reaches it"})
