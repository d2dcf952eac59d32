"""`pad`: an array enlarged at the ends of its axes.

A constant is one pad primitive. The other modes are made one axis after another, as in NumPy, so that corners repeat what the axes
before them hold: slices, reversed or repeated, are concatenated, which are views in compiled code. Reflections wider than the array gather.

Known limits: there is no mode "median" and no ``reflect_type="odd"``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.arguments import among, integer
from functrans.core.dtypes import is_inexact
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.indexing import getitem
from functrans.numpy.util import asarray_internal, cast, check_arraylike
from functrans.primitives import arithmetic as ops
from functrans.primitives.movement import concatenate_p, rev
from functrans.primitives.movement import pad as lax_pad
from functrans.primitives.movement import slice_in_dim as lax_slice_in_dim
from functrans.primitives.reduction import reduce_max, reduce_min
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reduce_sum, reshape
from functrans.util import canonicalize_axis

__all__ = ["pad"]


def _per_side(name: str, value: Any, rank: int) -> list[tuple[Any, Any]]:
    """An argument of `pad` as a pair for each axis: a scalar, ``(x,)``, ``(before, after)``, or such for each axis."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return [(value, value)] * rank
    rows = list(value)
    if rows and not any(isinstance(r, (list, tuple, np.ndarray)) and np.ndim(r) for r in rows):
        rows = [tuple(rows)]
    if len(rows) == 1:
        rows = rows * rank
    if len(rows) != rank or any(len(r) not in (1, 2) for r in rows):
        raise ValueError(f"pad: {name} must be a number, a pair, or a pair for each of the {rank} axes; got {value!r}, at "
                         f"{describe(user_source())}.")
    return [(r[0], r[-1]) for r in rows]


def pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0, stat_length: Any = None,
        end_values: Any = 0, reflect_type: str = "even") -> Any:
    """`array` enlarged at the ends of its axes.

    Args:
        array: an array.
        pad_width: how much: an int, a pair (before, after), a pair for each axis, or a dict from axes to either.
        mode: "constant", "edge", "reflect" (without the edge), "symmetric" (with it), "wrap", "linear_ramp", "mean", "maximum",
            "minimum" or "empty" (zeros).
        constant_values, end_values: for "constant" and "linear_ramp": a number, or numbers laid out like `pad_width`.
        stat_length: for the statistics: how many elements at the end they regard (all by default).
        reflect_type: "even".

    Raises:
        ValueError: for negative widths, or modes that need an element where there is none.
        NotImplementedError: for other modes.

    >>> pad(np.array([1, 2, 3]), (2, 1), mode="reflect")
    Array([3, 2, 1, 2, 3, 2], dtype=int64)
    """
    check_arraylike("pad", array)
    x = asarray_internal(array)
    if isinstance(pad_width, dict):
        given = {canonicalize_axis(d, x.ndim): w for d, w in pad_width.items()}
        pad_width = [given.get(d, (0, 0)) for d in range(x.ndim)]
        pad_width = [w if isinstance(w, (list, tuple)) else (w, w) for w in pad_width]
    widths = [(integer(lo, "lo"), integer(hi, "hi")) for lo, hi in _per_side("pad_width", pad_width, x.ndim)]
    if any(lo < 0 or hi < 0 for lo, hi in widths):
        raise ValueError(f"pad: pad_width must not be negative; got {pad_width!r}, at {describe(user_source())}.")
    if not among(mode, (*_PADDINGS, "constant", "empty", "linear_ramp")):
        raise NotImplementedError(f"pad: mode {mode!r} is not supported; use one of 'constant', 'empty', 'linear_ramp', "
                                  f"{', '.join(map(repr, _PADDINGS))}, at {describe(user_source())}.")
    if reflect_type != "even":
        raise NotImplementedError(f"pad: reflect_type must be 'even'; got {reflect_type!r}, at {describe(user_source())}.")
    if mode in ("constant", "empty"):
        return _pad_constant(x, widths, 0 if mode == "empty" else constant_values)
    ends = _per_side("end_values", end_values, x.ndim)
    lengths = _per_side("stat_length", stat_length, x.ndim)
    for axis, (lo, hi) in enumerate(widths):
        if not lo and not hi:
            continue
        if not x.shape[axis]:
            raise ValueError(f"pad: cannot extend empty axis {axis} using mode {mode!r}; use 'constant' or 'empty', at "
                             f"{describe(user_source())}.")
        if mode == "linear_ramp":
            before, after = _ramp(x, lo, ends[axis][0], axis, False), _ramp(x, hi, ends[axis][1], axis, True)
        else:
            before = _PADDINGS[mode](x, lo, axis, False, lengths[axis][0])
            after = _PADDINGS[mode](x, hi, axis, True, lengths[axis][1])
        x = concatenate_p.bind(*(p for p in (before, x, after) if typeof(p).shape[axis]), dimension=axis)
    return x


def _pad_constant(x: Any, widths: list[tuple[int, int]], values: Any) -> Any:
    if not isinstance(values, (list, tuple, np.ndarray)):
        if typeof(values).shape:
            raise ValueError(f"pad: traced constant_values must be a scalar; got {typeof(values)}, at {describe(user_source())}.")
        return lax_pad(x, cast(values, x.dtype), [(lo, hi, 0) for lo, hi in widths])
    for axis, (sides, width) in enumerate(zip(_per_side("constant_values", values, x.ndim), widths, strict=True)):
        for value, side in zip(sides, (0, 1), strict=True):
            if width[side]:
                config = [(0, 0, 0)] * x.ndim
                config[axis] = (width[0] * (side == 0), width[1] * (side == 1), 0)
                x = lax_pad(x, cast(value, x.dtype), config)
    return x


def _along(x: Any, start: int, stop: int, axis: int) -> Any:
    return lax_slice_in_dim(x, start, stop, axis=axis)


def _repeated(x: Any, k: int, axis: int) -> Any:
    """A slice of size 1 repeated."""
    shape = typeof(x).shape
    return broadcast_in_dim(x, (*shape[:axis], k, *shape[axis + 1:]), range(len(shape)))


def _edge(x: Any, k: int, axis: int, last: bool, _: Any) -> Any:
    n = x.shape[axis]
    return _repeated(_along(x, n - 1, n, axis) if last else _along(x, 0, 1, axis), k, axis)


def _mirrored(mode: str, skipped: int) -> Callable[..., Any]:
    """Reflection that leaves out the first `skipped` elements; wide paddings gather."""

    def build(x: Any, k: int, axis: int, last: bool, _: Any) -> Any:
        n = x.shape[axis]
        if k + skipped <= n:
            return rev(_along(x, n - k - skipped, n - skipped, axis) if last else _along(x, skipped, k + skipped, axis), (axis,))
        return _gathered(x, k, axis, last, mode)

    return build


def _wrapped(x: Any, k: int, axis: int, last: bool, _: Any) -> Any:
    n = x.shape[axis]
    if k <= n:
        return _along(x, 0, k, axis) if last else _along(x, n - k, n, axis)
    return _gathered(x, k, axis, last, "wrap")


def _gathered(x: Any, k: int, axis: int, last: bool, mode: Any) -> Any:
    places = np.arange(x.shape[axis])
    index = np.pad(places, (0, k), mode=mode)[-k:] if last else np.pad(places, (k, 0), mode=mode)[:k]
    return getitem(x, (*(slice(None),) * axis, index))


def _statistic(reduce: Callable[..., Any]) -> Callable[..., Any]:
    def build(x: Any, k: int, axis: int, last: bool, length: int | None) -> Any:
        n = x.shape[axis]
        m = n if length is None else min(integer(length, "length"), n)
        if m < 1:
            raise ValueError(f"pad: stat_length must be positive; got {length}, at {describe(user_source())}.")
        part = _along(x, n - m, n, axis) if last else _along(x, 0, m, axis)
        shape = x.shape
        return _repeated(reshape(reduce(part, axis), (*shape[:axis], 1, *shape[axis + 1:])), k, axis)

    return build


def _mean(x: Any, axis: int) -> Any:
    dtype = typeof(x).dtype
    wide = dtype if is_inexact(dtype) else np.dtype(np.float64)
    total = reduce_sum(convert_element_type(x, wide), (axis,))
    mean = ops.div_p.bind(total, wide.type(typeof(x).shape[axis]))
    return mean if wide == dtype else convert_element_type(ops.round(mean, ops.RoundingMethod.TO_NEAREST_EVEN), dtype)


_PADDINGS: dict[str, Callable[..., Any]] = {
    "edge": _edge, "reflect": _mirrored("reflect", 1), "symmetric": _mirrored("symmetric", 0), "wrap": _wrapped,
    "maximum": _statistic(lambda x, axis: reduce_max(x, (axis,))), "minimum": _statistic(lambda x, axis: reduce_min(x, (axis,))),
    "mean": _statistic(_mean),
}


def _ramp(x: Any, k: int, end: Any, axis: int, last: bool) -> Any:
    """From the edge (left out) to `end` in `k` equal steps."""
    wide = x.dtype if is_inexact(x.dtype) else np.dtype(np.float64)
    edge = convert_element_type(_edge(x, k, axis, last, None), wide)
    if not k:
        return convert_element_type(edge, x.dtype)
    line = np.arange(k).astype(wide)
    far = cast(end, wide)
    step = ops.div_p.bind(ops.sub_p.bind(edge, far), wide.type(k))
    count = broadcast_in_dim(line[::-1] if last else line, typeof(edge).shape, (axis,))
    out = ops.add_p.bind(ops.mul_p.bind(count, step), far)
    return out if wide == x.dtype else convert_element_type(ops.floor(out), x.dtype)
