"""Lists of tangents (or cotangents) in which some are symbolic zeros: which are not, those alone, and the list put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.core.aval import Zero, tangent_aval
from functrans.core.trace import typeof
from functrans.util import safe_zip

__all__ = ["active_mask", "explicit", "with_zeros"]


def active_mask(tangents: Sequence[Any]) -> tuple[bool, ...]:
    """Which tangents are not symbolic zeros."""
    return tuple(type(t) is not Zero for t in tangents)


def explicit(tangents: Sequence[Any]) -> list[Any]:
    """The tangents that are not symbolic zeros."""
    return [t for t in tangents if type(t) is not Zero]


def with_zeros(given: Sequence[Any], active: Sequence[bool], results: Sequence[Any]) -> list[Any]:
    """Tangents of all `results`, from those of the active ones."""
    rest = iter(given)
    return [next(rest) if a else Zero(tangent_aval(typeof(y))) for a, y in safe_zip(active, results)]
