"""A line search for the strong Wolfe conditions, as one native loop.

A step t along a descent direction is taken when the value has fallen by a share of what the first slope promises, and the slope has
become a share of the first (P. Wolfe, 1969)::

    f(t) <= f(0) + c1 t f'(0)        |f'(t)| <= c2 |f'(0)|

The search keeps an interval: at its low end the first condition holds and the slope is negative; at its high end the first one
fails, or the slope is positive. So it holds a minimum of ``f(t) - c1 t f'(0)``, where both hold. While there is no high end, steps
grow; then the next step is the minimum of the cubic through both ends, kept away from these (J. Nocedal and S. Wright, *Numerical
Optimization*, 2nd ed., 2006, section 3.5). Where values differ by rounding alone, slopes judge the first condition (W. Hager and H.
Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", 2005).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from functrans import numpy as fnp
from functrans.calls.while_loop import while_loop
from functrans.core.low_precision import finfo
from functrans.core.trace import typeof
from functrans.tree_util import tree_map

__all__ = ["Found", "Point", "search"]

C1, C2 = 1e-4, 0.9
_GROWTH = 3.0


class Point(NamedTuple):
    """A step, the value and slope there, and the gradient."""

    t: Any
    value: Any
    slope: Any
    gradient: Any


class Found(NamedTuple):
    """The point that was found (the start, if none is lower), whether it meets the conditions, and how many steps were tried."""

    point: Point
    done: Any
    count: Any


class _State(NamedTuple):
    t: Any
    low: Point
    high: Point
    best: Point
    done: Any
    count: Any


def search(evaluate: Callable[[Any], Point], start: Point, first: Any, maxiter: Any) -> Found:
    """A step along a descent direction.

    Args:
        evaluate: from a step to the `Point` there.
        start: the point at step 0.
        first: the step to try first.
        maxiter: how many steps may be tried.
    """
    eps = finfo(typeof(start.value).dtype).eps

    def turn(s: _State) -> _State:
        p = evaluate(s.t)
        finite = fnp.isfinite(p.value) & fnp.isfinite(p.slope)
        enough = p.value <= start.value + C1 * p.t * start.slope
        level = (p.value <= start.value + 10 * eps * fnp.abs(start.value)) & (p.slope <= (2 * C1 - 1) * start.slope)
        lower = finite & (enough | level)
        done = lower & (fnp.abs(p.slope) <= -C2 * start.slope)
        upward = ~lower | (p.slope > 0)
        low, high = _chosen(upward, s.low, p), _chosen(upward, p, s.high)
        best = _chosen(done | (lower & (p.value < s.best.value)), p, s.best)
        open_ended = fnp.isinf(high.t)
        t = fnp.where(open_ended, p.t * _GROWTH, _inside(low, high, open_ended))
        return _State(t, low, high, best, done, s.count + 1)

    def searching(s: _State) -> Any:
        narrow = fnp.isfinite(s.high.t) & (s.high.t - s.low.t <= 4 * eps * s.high.t)
        return ~s.done & (s.count < maxiter) & ~narrow

    far = start._replace(t=fnp.full_like(start.t, np.inf))
    final = while_loop(searching, turn, _State(first, start, far, start, np.bool_(False), np.int64(0)))
    return Found(final.best, final.done, final.count)


def _chosen(condition: Any, yes: Point, no: Point) -> Point:
    return tree_map(lambda a, b: fnp.where(condition, a, b), yes, no)


def _inside(low: Point, high: Point, open_ended: Any) -> Any:
    """The minimum of the cubic that has the values and slopes of both ends; the middle, where there is none."""
    # Derivatives pass through both sides of a choice: the side that is not taken must be finite.
    end = fnp.where(open_ended, low.t + 1, high.t)
    known = fnp.isfinite(high.value) & fnp.isfinite(high.slope)
    value, slope = fnp.where(known, high.value, low.value), fnp.where(known, high.slope, low.slope)
    width = end - low.t
    d1 = low.slope + slope - 3 * (value - low.value) / width
    root = d1 * d1 - low.slope * slope
    d2 = fnp.sqrt(fnp.where(root > 0, root, 1))
    divisor = slope - low.slope + 2 * d2
    fits = known & (root > 0) & (divisor != 0)
    t = end - width * (slope + d2 - d1) / fnp.where(divisor != 0, divisor, 1)
    t = fnp.where(fits, t, low.t + width / 2)
    return fnp.clip(t, low.t + 0.1 * width, end - 0.1 * width)
