"""Schedules: functions of the number of updates so far that give a learning rate or another hyperparameter.

They take counts that are Python numbers, arrays or traced, and give arrays of the default float.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from functrans.core.source import describe, user_source
from functrans.numpy.choice import clip, where
from functrans.numpy.elementary import cos
from functrans.numpy.ufuncs import floor, maximum, minimum
from functrans.numpy.util import as_operand, asarray_internal, default_float
from functrans.optim.scaling import Schedule
from functrans.primitives.structural import convert_element_type

__all__ = [
    "constant_schedule", "cosine_decay_schedule", "cosine_onecycle_schedule", "exponential_decay", "join_schedules",
    "linear_onecycle_schedule", "linear_schedule", "piecewise_constant_schedule", "piecewise_interpolate_schedule", "polynomial_schedule",
    "sgdr_schedule", "warmup_constant_schedule", "warmup_cosine_decay_schedule", "warmup_exponential_decay_schedule",
]


def _real(count: Any) -> Any:
    return asarray_internal(convert_element_type(as_operand(count), default_float()))


def _positive(name: str, what: str, value: Any) -> None:
    if not value > 0:
        raise ValueError(f"{name}: {what} must be positive; got {value}, at {describe(user_source())}.")


def constant_schedule(value: Any) -> Schedule:
    """`value` at every count.

    >>> print(constant_schedule(0.1)(7))
    0.1
    """
    return lambda count: _real(value)


def polynomial_schedule(init_value: Any, end_value: Any, power: Any, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """From `init_value` to `end_value` as ``(1 - t)**power``, where `t` goes from 0 to 1 in `transition_steps` from `transition_begin`.

    Raises:
        ValueError: if `transition_steps` is not positive.

    >>> print(polynomial_schedule(1.0, 0.0, 2, transition_steps=10)(5))
    0.25
    """
    _positive("polynomial_schedule", "transition_steps", transition_steps)

    def schedule(count: Any) -> Any:
        rest = 1 - clip(_real(count) - max(transition_begin, 0), 0, transition_steps) / transition_steps
        return (init_value - end_value) * rest ** power + end_value

    return schedule


def linear_schedule(init_value: Any, end_value: Any, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """The straight line from `init_value` to `end_value` in `transition_steps`.

    >>> print(linear_schedule(0.0, 1.0, transition_steps=4)(3))
    0.75
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


def piecewise_constant_schedule(init_value: Any, boundaries_and_scales: Mapping[int, float] | None = None) -> Schedule:
    """`init_value` times the product of the factors whose boundaries have been reached.

    >>> print(piecewise_constant_schedule(1.0, {100: 0.5, 200: 0.1})(150))
    0.5
    """

    def schedule(count: Any) -> Any:
        value, count = _real(init_value), _real(count)
        for boundary, factor in sorted((boundaries_and_scales or {}).items()):
            value = where(count >= boundary, value * factor, value)
        return value

    return schedule


def exponential_decay(
    init_value: Any, transition_steps: int, decay_rate: Any, transition_begin: int = 0, staircase: bool = False, end_value: Any = None,
) -> Schedule:
    """``init_value * decay_rate**(count / transition_steps)``, from `transition_begin` on.

    Args:
        staircase: whether the exponent is rounded down to an integer.
        end_value: a bound that the value does not pass: from below where `decay_rate` is below 1, else from above.

    Raises:
        ValueError: if `transition_steps` is not positive or `decay_rate` is 0.

    >>> print(exponential_decay(1.0, transition_steps=2, decay_rate=0.5)(4))
    0.25
    """
    _positive("exponential_decay", "transition_steps", transition_steps)
    if decay_rate == 0:
        raise ValueError(f"exponential_decay: decay_rate must not be 0, at {describe(user_source())}.")

    def schedule(count: Any) -> Any:
        turns = maximum(_real(count) - max(transition_begin, 0), 0) / transition_steps
        value = init_value * decay_rate ** (floor(turns) if staircase else turns)
        if end_value is None:
            return value
        return maximum(value, end_value) if decay_rate < 1 else minimum(value, end_value)

    return schedule


def cosine_decay_schedule(init_value: Any, decay_steps: int, alpha: Any = 0.0, exponent: Any = 1.0) -> Schedule:
    """`init_value` times half a cosine wave from 1 to `alpha` in `decay_steps`, whose height above 0 is raised to `exponent`.

    Source: Loshchilov and Hutter 2016 (arXiv:1608.03983).

    Raises:
        ValueError: if `decay_steps` is not positive.

    >>> print(cosine_decay_schedule(2.0, decay_steps=10)(5))
    1.0
    """
    _positive("cosine_decay_schedule", "decay_steps", decay_steps)

    def schedule(count: Any) -> Any:
        wave = 0.5 * (1 + cos(math.pi * minimum(_real(count), decay_steps) / decay_steps))
        return init_value * ((1 - alpha) * wave ** exponent + alpha)

    return schedule


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """One schedule after another: each counts from its own boundary.

    Args:
        schedules: functions of a count.
        boundaries: the counts at which the second and later ones begin.

    Raises:
        ValueError: if there is not one boundary less than schedules.

    >>> join = join_schedules([linear_schedule(0.0, 1.0, 4), constant_schedule(0.5)], [4])
    >>> print(join(2), join(6))
    0.5 0.5
    """
    if len(boundaries) != len(schedules) - 1:
        raise ValueError(f"join_schedules: {len(schedules)} schedules need {len(schedules) - 1} boundaries; got {len(boundaries)}, at "
                         f"{describe(user_source())}.")

    def schedule(count: Any) -> Any:
        value = schedules[0](count)
        for boundary, later in zip(boundaries, schedules[1:], strict=True):
            value = where(_real(count) < boundary, value, later(count - boundary))
        return value

    return schedule


def warmup_constant_schedule(init_value: Any, peak_value: Any, warmup_steps: int) -> Schedule:
    """The line from `init_value` to `peak_value` in `warmup_steps`, which stays there."""
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_cosine_decay_schedule(
    init_value: Any, peak_value: Any, warmup_steps: int, decay_steps: int, end_value: Any = 0.0, exponent: Any = 1.0,
) -> Schedule:
    """A line from `init_value` to `peak_value`, then a cosine down to `end_value`.

    Args:
        warmup_steps: the length of the line.
        decay_steps: the length of both together.
        exponent: that of `cosine_decay_schedule`.

    Raises:
        ValueError: if `decay_steps` is not greater than `warmup_steps`.

    >>> schedule = warmup_cosine_decay_schedule(0.0, 1.0, warmup_steps=2, decay_steps=10)
    >>> print(schedule(1), schedule(2), schedule(6))
    0.5 1.0 0.5
    """
    _positive("warmup_cosine_decay_schedule", "decay_steps - warmup_steps", decay_steps - warmup_steps)
    alpha = 0.0 if peak_value == 0 else end_value / peak_value
    return join_schedules([linear_schedule(init_value, peak_value, warmup_steps),
                           cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent)], [warmup_steps])


def warmup_exponential_decay_schedule(
    init_value: Any, peak_value: Any, warmup_steps: int, transition_steps: int, decay_rate: Any, transition_begin: int = 0,
    staircase: bool = False, end_value: Any = None,
) -> Schedule:
    """A line from `init_value` to `peak_value` in `warmup_steps`, then `exponential_decay`."""
    decay = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return join_schedules([linear_schedule(init_value, peak_value, warmup_steps), decay], [warmup_steps])


def sgdr_schedule(cosine_kwargs: Iterable[Mapping[str, Any]]) -> Schedule:
    """Warm restarts: one `warmup_cosine_decay_schedule` after another, of the given arguments."""
    parts = list(cosine_kwargs)
    ends = list(accumulate(part["decay_steps"] for part in parts))
    return join_schedules([warmup_cosine_decay_schedule(**part) for part in parts], ends[:-1])


# -- interpolation between points -------------------------------------------------------------------------------------

_SHAPES: dict[str, Callable[[Any], Any]] = {"linear": lambda t: t, "cosine": lambda t: 0.5 * (1 - cos(math.pi * t))}


def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: Any, boundaries_and_scales: Mapping[int, float] | None = None,
) -> Schedule:
    """As `piecewise_constant_schedule`, with lines or cosines between the boundaries in place of steps.

    Args:
        interpolate_type: ``"linear"`` or ``"cosine"``.
        init_value: the value at 0.
        boundaries_and_scales: factors by which the value has changed at each count.

    Raises:
        ValueError: for another type, or negative factors.

    >>> print(piecewise_interpolate_schedule("linear", 1.0, {10: 0.5})(5))
    0.75
    """
    if interpolate_type not in _SHAPES:
        raise ValueError(f"interpolate_type must be 'linear' or 'cosine'; got {interpolate_type!r}, at {describe(user_source())}.")
    points = sorted((boundaries_and_scales or {}).items())
    if any(factor < 0 for _, factor in points):
        raise ValueError(f"piecewise_interpolate_schedule: factors must not be negative; got {points}, at {describe(user_source())}.")
    shape = _SHAPES[interpolate_type]
    bounds = [0, *(b for b, _ in points)]
    values = list(accumulate((factor for _, factor in points), lambda value, factor: value * factor, initial=init_value))

    def schedule(count: Any) -> Any:
        count, out = _real(count), _real(values[0])
        for (start, end), (low, high) in zip(pairwise(bounds), pairwise(values), strict=True):
            t = clip((count - start) / max(end - start, 1), 0, 1)
            out = where(count >= start, low + (high - low) * shape(t), out)
        return out

    return schedule


def linear_onecycle_schedule(
    transition_steps: int, peak_value: Any, pct_start: float = 0.3, pct_final: float = 0.85, div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """Lines from ``peak_value / div_factor`` to `peak_value`, back, and down to ``1 / final_div_factor`` of that.

    The corners are at the shares `pct_start` and `pct_final` of `transition_steps`. Source: Smith and Topin 2017 (arXiv:1708.07120).
    """
    return piecewise_interpolate_schedule("linear", peak_value / div_factor, {
        int(pct_start * transition_steps): div_factor, int(pct_final * transition_steps): 1 / div_factor,
        transition_steps: 1 / final_div_factor})


def cosine_onecycle_schedule(
    transition_steps: int, peak_value: Any, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4,
) -> Schedule:
    """Cosines from ``peak_value / div_factor`` to `peak_value` and down to ``peak_value / (div_factor * final_div_factor)``."""
    return piecewise_interpolate_schedule("cosine", peak_value / div_factor, {
        int(pct_start * transition_steps): div_factor, int(transition_steps): 1 / (div_factor * final_div_factor)})
