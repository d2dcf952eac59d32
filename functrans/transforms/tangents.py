"""Tangents and cotangents as users give and get them: checked against what they belong to, float0 zeros for integers.

They must have the shape and dtype of their primal (a cotangent, of the result). Python numbers, which are weakly typed, take the
dtype if it is of their kind or a higher one. Integers and booleans have no tangents but zeros, of dtype float0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import float0, is_inexact, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, is_array_like, typeof
from functrans.primitives.structural import convert_element_type
from functrans.util import safe_zip

__all__ = ["fitted_cotangents", "fitted_tangents"]

_RANKS = {"b": 3, "i": 0, "u": 0, "f": 1, "c": 2}
"""What may stand for what among weak types; booleans stand for nothing."""


def fitted_tangents(avals: Sequence[ShapedArray], tangents: Sequence[Any], paths: Callable[[], Sequence[str]], name: str) -> list[Any]:
    """The tangents, each in the dtype of its primal's tangents; symbolic zeros for those of integers.

    Args:
        avals: of the primals.
        paths: gives the names of the primals, should one be needed.
        name: what was called, as in "jvp of f".

    Raises:
        TypeError: if a dtype differs, or a tangent of an integer is not zero.
        ValueError: if a shape differs.
    """
    out = []
    for i, (aval, tangent) in enumerate(safe_zip(avals, tangents)):
        if is_inexact(aval.dtype) or not _is_zero(tangent):
            out.append(_fitted(aval, tangent, partial(_place, f"{name}: the tangent of", paths, i), "its primal"))
        else:
            out.append(Zero(tangent_aval(aval)))
    return out


def fitted_cotangents(avals: Sequence[ShapedArray], cotangents: Sequence[Any], paths: Callable[[], Sequence[str]], name: str) -> list[Any]:
    """As `fitted_tangents` for cotangents of results; those of integer results count for nothing, whatever they are."""
    return [_fitted(aval, ct, partial(_place, f"{name}: the cotangent of", paths, i), "the result")
            if is_inexact(aval.dtype) else Zero(tangent_aval(aval))
            for i, (aval, ct) in enumerate(safe_zip(avals, cotangents))]


def _place(what: str, paths: Callable[[], Sequence[str]], i: int) -> str:
    return f"{what} {paths()[i]}"


def _is_zero(tangent: Any) -> bool:
    if getattr(tangent, "dtype", None) == float0:
        return True
    return not isinstance(tangent, Tracer) and is_array_like(tangent) and not np.any(np.asarray(tangent) != 0)


def _fitted(aval: ShapedArray, tangent: Any, where: Callable[[], str], owner: str) -> Any:
    if getattr(tangent, "dtype", None) == float0:
        raise TypeError(f"{where()} has dtype float0, which only integers have, and {owner} has dtype {aval.dtype}, at "
                        f"{describe(user_source())}. Pass zeros of dtype {aval.dtype}.")
    if not is_array_like(tangent):
        raise TypeError(f"{where()} must be an array or a number; it is {tangent!r} of type {type(tangent).__name__}, at "
                        f"{describe(user_source())}.")
    given = typeof(tangent)
    if given.shape != aval.shape:
        raise ValueError(f"{where()} has shape {given.shape}, and {owner} has shape {aval.shape}, at {describe(user_source())}. "
                         "They must be equal.")
    if not is_inexact(aval.dtype):
        raise TypeError(f"{where()} belongs to a primal of dtype {aval.dtype}, whose only tangent is zero (dtype float0), at "
                        f"{describe(user_source())}. Convert the primal to a floating dtype to differentiate.")
    if given.dtype == aval.dtype:
        return tangent
    if not given.weak_type or _RANKS[kind_of(given.dtype)] > _RANKS[kind_of(aval.dtype)]:
        raise TypeError(f"{where()} has dtype {given.dtype}, and {owner} has dtype {aval.dtype}, at {describe(user_source())}. "
                        f"They must be equal: pass it as {aval.dtype}.")
    return convert_element_type(tangent, aval.dtype)
