"""Reading arguments that are no arrays: integers, shapes, words, flags. Whatever they refuse, they name: argument, value, user's line.

>>> integers((2, 3), "shape")
(2, 3)
"""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any

import numpy as np

from functrans.errors import FunctransError
from functrans.source import describe, user_source

__all__ = ["among", "brief", "flag", "integer", "integers", "sequence"]


def brief(x: Any) -> str:
    """A value and its type, for messages."""
    text = repr(x)
    return f"{text if len(text) <= 80 else text[:77] + '...'} of type {type(x).__name__}"


def integer(x: Any, what: str) -> int:
    """`x` as a Python int; `what` is the name of the argument.

    Raises:
        TypeError: if it is no integer. A traced one says itself what to do.

    >>> integer(np.int32(3), "axis")
    3
    """
    try:
        return operator.index(x)
    except FunctransError:
        raise
    except TypeError:
        raise TypeError(f"{what} must be an integer; got {brief(x)}, at {describe(user_source())}.") from None


def integers(xs: Any, what: str) -> tuple[int, ...]:
    """An integer or several, as a tuple.

    Raises:
        TypeError: if one is no integer.

    >>> integers(5, "shape")
    (5,)
    """
    if isinstance(xs, (tuple, list)):
        try:
            return tuple(map(operator.index, xs))
        except FunctransError:
            raise
        except TypeError:  # said below, of the element
            pass
    several = isinstance(xs, (tuple, list)) or (np.ndim(xs) > 0 if hasattr(xs, "shape") else hasattr(xs, "__len__") and type(xs) is not str)
    return tuple(integer(x, f"every element of {what}") for x in xs) if several else (integer(xs, what),)


def sequence(xs: Any, what: str, length: int | None = None) -> tuple[Any, ...]:
    """The elements of an argument that must be a sequence, of `length` elements where that is given.

    Raises:
        TypeError: if it has no elements.
        ValueError: if it has more or fewer.

    >>> sequence([1, 2], "config", 2)
    (1, 2)
    """
    try:
        out = tuple(xs)
    except FunctransError:
        raise
    except TypeError:
        raise TypeError(f"{what} must be a sequence; got {brief(xs)}, at {describe(user_source())}.") from None
    if length is not None and len(out) != length:
        raise ValueError(f"{what} must have {length} elements; got {brief(xs)}, at {describe(user_source())}.")
    return out


def among(x: Any, choices: Collection[Any]) -> bool:
    """Whether `x` is one of the `choices`, also where it is an array or has no hash.

    >>> among("full", ("full", "same")), among(np.ones(3), ("full", "same"))
    (True, False)
    """
    return (x is None or isinstance(x, (str, int, float, np.generic))) and x in choices


def flag(x: Any, what: str) -> bool:
    """`x` as a bool.

    Raises:
        TypeError: if it has no truth, as an array of several elements.

    >>> flag(1, "keepdims")
    True
    """
    try:
        return bool(x)
    except FunctransError:
        raise
    except ValueError:
        raise TypeError(f"{what} must be a bool; got {brief(x)}, at {describe(user_source())}.") from None
