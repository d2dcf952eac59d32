"""Conversions: what Python may ask of an array and get a Python value for (`if x`, `int(x)`, `x.tolist()`, ...).

A `Conversion` is named, compared and applied in one way wherever the question comes up: at once on a concrete array, by a
guard of `jit` while it traces, and by the compiled program that checks the guard at each later call.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.core.dtypes import kind_of
from functrans.errors import ConcretizationTypeError, TracerBoolConversionError, TracerIntegerConversionError

__all__ = ["COMPLEX", "FLOAT", "INDEX", "INT", "LIST", "TRUTH", "Conversion", "item_at"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """One way from an array to a Python value.

    what: how messages call it. error: raised where the value is not known. of: the conversion, of ``(ndarray, *args)``.
    cuts: whether it takes a number out of a floating array, and so cuts a derivative off. scalar: whether it takes arrays of
    one element only.
    """

    what: str
    error: type[Exception]
    of: Callable[..., Any]
    cuts: bool = False
    scalar: bool = True
    args: tuple[Any, ...] = ()

    def __call__(self, value: np.ndarray) -> Any:
        """The Python value; what the conversion raises is raised."""
        return self.of(value, *self.args)

    def answer(self, value: np.ndarray) -> tuple[Hashable, Any]:
        """The Python value with its key, which tells answers apart: nan equals nan, and -0.0 is not 0.0.

        Where the conversion raises (as `int` of nan does) that is the answer: its key is a `Refusal`, its value None.
        """
        try:
            found = self.of(value, *self.args)
        except Exception as error:
            return Refusal(type(error).__name__, str(error)), None
        return found if type(found) is bool or type(found) is int else repr(found), found

    def exact(self, dtype: np.dtype, shape: tuple[int, ...]) -> bool:
        """Whether arrays of this type have equal answers exactly when their bytes are equal."""
        return not shape and kind_of(dtype) in (("b",) if self is TRUTH else ("i", "u") if self is INT or self is INDEX else ())


@dataclass(frozen=True, slots=True)
class Refusal:
    """The key of a value that the conversion refuses, as `int` refuses nan."""

    kind: str
    message: str

    def __repr__(self) -> str:
        return f"{self.kind}: {self.message}"


TRUTH = Conversion("a truth value (as in `if x:` or `while x:`)", TracerBoolConversionError, bool)
INT = Conversion("an int", ConcretizationTypeError, int)
FLOAT = Conversion("a float", ConcretizationTypeError, float, cuts=True)
COMPLEX = Conversion("a complex", ConcretizationTypeError, complex, cuts=True)
INDEX = Conversion("an integer (as an index, a shape or `range(n)`)", TracerIntegerConversionError, operator.index)
LIST = Conversion("a list (`.tolist()`)", ConcretizationTypeError, lambda x: x.tolist(), cuts=True, scalar=False)


def item_at(args: tuple[Any, ...]) -> Conversion:
    """The conversion ``x.item(*args)``."""
    places = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
    return Conversion("a Python number (`.item()`)", ConcretizationTypeError, _item, cuts=True, scalar=not places,
                      args=tuple(map(operator.index, places)))


def _item(x: np.ndarray, *places: int) -> Any:
    return x.item(*places)
