"""`functrans.scipy.ndimage`: values of an array between its points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.arguments import among, sequence
from functrans.core.dtypes import is_float, is_integer
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.rounding import round as round_away

__all__ = ["map_coordinates"]


def _mirror(i: Any, n: int) -> Any:
    """Indices beyond the ends, mirrored at the centres of the last elements: ``c b | a b c | b a``."""
    period = max(2 * (n - 1), 1)
    folded = fnp.abs(i + n - 1) % period
    return fnp.abs(folded - (n - 1))


def _reflect(i: Any, n: int) -> Any:
    """The same at the outer edges of the last elements: ``b a | a b c | c b``."""
    folded = i % (2 * n)
    return fnp.minimum(folded, 2 * n - 1 - folded)


_INSIDE: dict[str, Callable[[Any, int], Any]] = {
    "constant": lambda i, n: fnp.clip(i, 0, n - 1),
    "nearest": lambda i, n: fnp.clip(i, 0, n - 1),
    "mirror": _mirror,
    "reflect": _reflect,
    "wrap": lambda i, n: i % n,
}
_SYNONYMS = {"grid-constant": "constant", "grid-mirror": "reflect", "grid-wrap": "wrap"}


def _neighbours(x: Any, order: int) -> list[tuple[Any, Any]]:
    """(index, weight) of the elements near coordinates along one axis; the weight is None for 1."""
    if order == 0:
        return [((x if is_integer(typeof(x).dtype) else round_away(x)).astype(np.int64), None)]
    low = fnp.floor(x)
    upper = x - low
    index = low.astype(np.int64)
    return [(index, 1 - upper), (index + 1, upper)]


def map_coordinates(input: Any, coordinates: Sequence[Any], order: int, mode: str = "constant", cval: Any = 0.0) -> Any:
    """The values of an array at coordinates that lie between its points.

    Args:
        input: the array.
        coordinates: for each axis of `input` an array of coordinates, all of one shape, in units of elements.
        order: 0 for the nearest element (of two as near, the one farther from 0), 1 for linear interpolation.
        mode: what stands beyond the ends: "constant" is `cval`, "nearest" the last element, "mirror" the elements mirrored at the centre of
            the last one, "reflect" mirrored at its edge, "wrap" the elements over again. Values between the last element and
            what stands beyond it are interpolated: "constant" and "wrap" are what SciPy calls "grid-constant" and "grid-wrap", and
            these names are taken too.
        cval: the number beyond the ends.

    Returns:
        an array of the shape of the coordinates and the dtype of `input`; integers are rounded, halves away from 0.

    Raises:
        ValueError: unless there is one array of coordinates for each axis.
        NotImplementedError: for other orders or modes.

    >>> map_coordinates(np.array([10.0, 20.0, 30.0]), [np.array([0.5, 1.0, 2.5])], order=1)
    Array([15., 20., 15.], dtype=float64)
    """
    x = fnp.asarray(input)
    shape, dtype = typeof(x).shape, typeof(x).dtype
    places = [fnp.asarray(c) for c in sequence(coordinates, "coordinates")]
    if len(places) != len(shape):
        raise ValueError(f"map_coordinates: coordinates must be one array for each of the {len(shape)} axes of the input; got "
                         f"{len(places)}, at {describe(user_source())}.")
    inside = _INSIDE.get(_SYNONYMS.get(mode, mode)) if isinstance(mode, str) else None
    if inside is None:
        raise NotImplementedError(f"map_coordinates: mode must be one of {[*_INSIDE, *_SYNONYMS]}; got {mode!r}, at "
                                  f"{describe(user_source())}.")
    if not among(order, (0, 1)):
        raise NotImplementedError(f"map_coordinates: order must be 0 or 1; got {order!r}, at {describe(user_source())}.")
    fill = fnp.asarray(cval, dtype)
    filling = inside is _INSIDE["constant"]
    out: Any = None
    for corner in product(*(_neighbours(c, order) for c in places)):
        index = tuple(inside(i, n) for (i, _), n in zip(corner, shape, strict=True))
        value = x[index]
        if filling:
            outside = [(i < 0) | (i >= n) for (i, _), n in zip(corner, shape, strict=True)]
            for beyond in outside:
                value = fnp.where(beyond, fill, value)
        for _, weight in corner:
            value = value if weight is None else value * weight
        out = value if out is None else out + value
    if is_integer(dtype) and is_float(typeof(out).dtype):
        out = round_away(out)
    return out.astype(dtype)
