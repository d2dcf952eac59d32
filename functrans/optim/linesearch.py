"""Line searches as transformations: they scale updates by a step that decreases the objective enough.

Their ``update`` takes, beside the updates (a direction u), the keyword arguments ``value`` and ``grad`` (of the objective at the
parameters w) and ``value_fn`` (the objective); others are given to ``value_fn``. With ``phi(t) = f(w + t u)``:

- `scale_by_backtracking_linesearch` shortens the step until ``phi(t) <= phi(0) + slope_rtol t phi'(0)`` (Armijo).
- `scale_by_zoom_linesearch` finds a step of sufficient decrease and small slope, ``abs(phi'(t)) <= curv_rtol abs(phi'(0))``
  (strong Wolfe). It keeps an interval (low, high): at low the decrease suffices and the slope is steeply down, at high one of the two
  fails upward, so that a good step lies between; high is infinite at first, and low then grows. Each turn tries the minimum of the
  cubic through both ends, kept away from them (Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms 3.5 and 3.6 in one
  loop; the invariant is that of Lewis and Overton 2013). Where values differ by rounding alone, the decrease is judged by slopes
  (Hager and Zhang 2006). A search that ends without such a step takes the best of those with sufficient decrease.

Both are loops of `while_loop`, and run compiled under `jit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from functrans.calls.cond import cond
from functrans.calls.while_loop import while_loop
from functrans.core.source import describe, user_source
from functrans.numpy.choice import clip, where
from functrans.numpy.predicates import isfinite
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.ufuncs import absolute, conjugate, maximum, minimum, real, sqrt
from functrans.numpy.util import as_operand, asarray_internal
from functrans.optim.base import GradientTransformationExtraArgs, Params, real_dtype, require_params, scaled, tree_zeros
from functrans.primitives.structural import convert_element_type
from functrans.transforms.api import value_and_grad
from functrans.tree_util import tree_leaves, tree_map

__all__ = [
    "BacktrackingLinesearchInfo", "ScaleByBacktrackingLinesearchState", "ScaleByZoomLinesearchState", "ZoomLinesearchInfo",
    "scale_by_backtracking_linesearch", "scale_by_zoom_linesearch", "value_and_grad_from_state",
]


class BacktrackingLinesearchInfo(NamedTuple):
    """How many steps were tried, and by how much the accepted one misses the criterion (0 where it holds)."""

    num_linesearch_steps: Any
    decrease_error: Any


class ScaleByBacktrackingLinesearchState(NamedTuple):
    learning_rate: Any
    value: Any
    grad: Any
    info: BacktrackingLinesearchInfo


class ZoomLinesearchInfo(NamedTuple):
    """How many steps were tried, and by how much the accepted one misses the two criteria (0 where they hold)."""

    num_linesearch_steps: Any
    decrease_error: Any
    curvature_error: Any


class ScaleByZoomLinesearchState(NamedTuple):
    learning_rate: Any
    value: Any
    grad: Any
    info: ZoomLinesearchInfo


def _dot(a: Any, b: Any) -> Any:
    """The real inner product of two pytrees."""
    pairs = zip(tree_leaves(a), tree_leaves(b), strict=True)
    return sum(sum_(real(conjugate(x) * y)) for x, y in pairs)


def _moved(params: Params, step: Any, direction: Any) -> Any:
    return tree_map(lambda p, u: p + scaled(step, u), params, direction)


def _slope(grad: Any, direction: Any) -> Any:
    """The derivative along `direction`: gradients are conjugate to derivatives where parameters are complex."""
    return _dot(tree_map(conjugate, grad), direction)


def _check(name: str, params: Params, **given: Any) -> None:
    require_params(name, params)
    missing = [k for k, v in given.items() if v is None]
    if missing:
        raise ValueError(f"{name} needs {' and '.join(missing)}: call update(updates, state, params, value=..., grad=..., value_fn=...), "
                         f"at {describe(user_source())}.")


def _number(x: Any, like: Any) -> Any:
    """`x` as an array of the real dtype of the pytree `like`."""
    leaves = tree_leaves(like)
    dtype = np.result_type(*(real_dtype(p) for p in leaves)) if leaves else np.dtype(float)
    return asarray_internal(convert_element_type(as_operand(x), dtype))


# -- backtracking -----------------------------------------------------------------------------------------------------

def scale_by_backtracking_linesearch(
    max_backtracking_steps: int, slope_rtol: float = 1e-4, decrease_factor: float = 0.8, increase_factor: float = 1.5,
    max_learning_rate: float = 1.0, atol: float = 0.0, rtol: float = 0.0, store_grad: bool = False,
) -> GradientTransformationExtraArgs:
    """Updates times the first step that decreases the objective enough, of a sequence of shorter and shorter ones.

    Args:
        max_backtracking_steps: how many times the step may shrink.
        slope_rtol: the share of the decrease that the slope promises which is enough.
        decrease_factor: of one step to the next.
        increase_factor: of the accepted step to the first of the next search.
        max_learning_rate: the longest step.
        atol, rtol: by how much the criterion may be missed, and the share of the value by which.
        store_grad: whether the gradient at the new parameters is computed and kept for `value_and_grad_from_state`.
    """

    def init(params: Params) -> ScaleByBacktrackingLinesearchState:
        info = BacktrackingLinesearchInfo(_number(0, params), _number(math.inf, params))
        return ScaleByBacktrackingLinesearchState(_number(1.0, params), _number(math.inf, params),
                                                  tree_zeros(params) if store_grad else None, info)

    def update(updates: Any, state: ScaleByBacktrackingLinesearchState, params: Params = None, *, value: Any = None, grad: Any = None,
               value_fn: Callable[..., Any] | None = None, **extra: Any) -> tuple[Any, ScaleByBacktrackingLinesearchState]:
        _check("scale_by_backtracking_linesearch", params, value=value, grad=grad, value_fn=value_fn)
        assert value_fn is not None
        slope, start = _number(_slope(grad, updates), params), _number(value, params)

        def tried(t: Any) -> tuple[Any, Any]:
            found = _number(value_fn(_moved(params, t, updates), **extra), params)
            excess = found - (1 + rtol) * start - slope_rtol * t * slope - atol
            return found, where(isfinite(found), maximum(excess, 0), math.inf)

        def shorter(carry: Any) -> Any:
            count, t, _, _ = carry
            t = t * decrease_factor
            return count + 1, t, *tried(t)

        first = minimum(_number(increase_factor, params) * state.learning_rate, max_learning_rate)
        count, t, found, error = while_loop(lambda c: (c[3] > 0) & (c[0] < max_backtracking_steps), shorter,
                                            (_number(0, params), first, *tried(first)))
        new_grad = value_and_grad(value_fn)(_moved(params, t, updates), **extra)[1] if store_grad else None
        out = tree_map(lambda u: scaled(t, u), updates)
        return out, ScaleByBacktrackingLinesearchState(t, found, new_grad, BacktrackingLinesearchInfo(count, error))

    return GradientTransformationExtraArgs(init, update)


# -- zoom -------------------------------------------------------------------------------------------------------------

class _Point(NamedTuple):
    """A step with value and slope there."""

    t: Any
    value: Any
    slope: Any


class _Search(NamedTuple):
    """The carry of the loop: the next step to try, the interval, and the best point so far with the gradient there."""

    count: Any
    t: Any
    low: _Point
    high: _Point
    best: _Point
    grad: Any
    decrease_error: Any
    curvature_error: Any


def _cubic_minimum(a: _Point, b: _Point) -> Any:
    """The minimum of the cubic with the values and slopes of two points (Nocedal and Wright, equation 3.59), kept inside them."""
    width = b.t - a.t
    d1 = a.slope + b.slope - 3 * (b.value - a.value) / width
    root = d1 * d1 - a.slope * b.slope
    d2 = sqrt(maximum(root, 0))
    t = b.t - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
    t = where(isfinite(t) & (root >= 0), t, a.t + width / 2)
    return clip(t, a.t + 0.1 * width, b.t - 0.1 * width)


def scale_by_zoom_linesearch(
    max_linesearch_steps: int, max_learning_rate: float | None = None, tol: float = 0.0, increase_factor: float = 2.0,
    slope_rtol: float = 1e-4, curv_rtol: float = 0.9, approx_dec_rtol: float | None = 1e-6, stepsize_precision: float = 1e-5,
    initial_guess_strategy: str = "keep",
) -> GradientTransformationExtraArgs:
    """Updates times a step that satisfies the strong Wolfe conditions (see the module).

    Args:
        max_linesearch_steps: how many steps may be tried.
        max_learning_rate: the longest step, None for no bound.
        tol: by how much the conditions may be missed.
        increase_factor: of one step to the next, while the interval is open.
        slope_rtol: the share of the decrease promised by the slope that is enough.
        curv_rtol: the share of the first slope that may be left.
        approx_dec_rtol: the relative change of values below which slopes judge the decrease, None for never.
        stepsize_precision: the relative width of the interval at which the search ends.
        initial_guess_strategy: ``"keep"`` starts from the last step, ``"one"`` from 1.

    Raises:
        ValueError: for another strategy.
    """
    if initial_guess_strategy not in ("keep", "one"):
        raise ValueError(f"initial_guess_strategy must be 'keep' or 'one'; got {initial_guess_strategy!r}, at {describe(user_source())}.")
    longest = math.inf if max_learning_rate is None else max_learning_rate

    def init(params: Params) -> ScaleByZoomLinesearchState:
        info = ZoomLinesearchInfo(_number(0, params), _number(math.inf, params), _number(math.inf, params))
        return ScaleByZoomLinesearchState(_number(1.0, params), _number(math.inf, params), tree_zeros(params), info)

    def update(updates: Any, state: ScaleByZoomLinesearchState, params: Params = None, *, value: Any = None, grad: Any = None,
               value_fn: Callable[..., Any] | None = None, **extra: Any) -> tuple[Any, ScaleByZoomLinesearchState]:
        _check("scale_by_zoom_linesearch", params, value=value, grad=grad, value_fn=value_fn)
        assert value_fn is not None
        evaluate = value_and_grad(value_fn)
        start = _Point(_number(0, params), _number(value, params), _number(_slope(grad, updates), params))

        def errors(p: _Point) -> tuple[Any, Any]:
            decrease = p.value - start.value - slope_rtol * p.t * start.slope - tol
            if approx_dec_rtol is not None:
                by_slope = p.slope - (2 * slope_rtol - 1) * start.slope - tol
                level = p.value <= start.value + approx_dec_rtol * absolute(start.value)
                decrease = where(level, minimum(decrease, by_slope), decrease)
            finite = isfinite(p.value) & isfinite(p.slope)
            curvature = absolute(p.slope) - curv_rtol * absolute(start.slope) - tol
            return where(finite, maximum(decrease, 0), math.inf), where(finite, maximum(curvature, 0), math.inf)

        def turn(s: _Search) -> _Search:
            found, new_grad = evaluate(_moved(params, s.t, updates), **extra)
            p = _Point(s.t, _number(found, params), _number(_slope(new_grad, updates), params))
            decrease_error, curvature_error = errors(p)
            done = (decrease_error <= 0) & (curvature_error <= 0)
            upward = (decrease_error > 0) | (p.slope > 0)
            low, high = (tree_map(lambda new, old, c=c: where(c, new, old), p, old) for c, old in ((~upward, s.low), (upward, s.high)))
            better = done | ((decrease_error <= 0) & ((p.value < s.best.value) | (s.best.t == 0)))
            best, grad_there, e1, e2 = tree_map(lambda new, old: where(better, new, old), (p, new_grad, decrease_error, curvature_error),
                                                (s.best, s.grad, s.decrease_error, s.curvature_error))
            inside = where(isfinite(high.t) & isfinite(high.value), _cubic_minimum(low, high), (low.t + high.t) / 2)
            t = minimum(where(isfinite(high.t), inside, s.t * increase_factor), longest)
            return _Search(s.count + 1, t, low, high, best, grad_there, e1, e2)

        def searching(s: _Search) -> Any:
            narrow = isfinite(s.high.t) & (s.high.t - s.low.t <= stepsize_precision * s.high.t)
            failing = (s.decrease_error > 0) | (s.curvature_error > 0)
            return (s.count < max_linesearch_steps) & ~narrow & (s.low.t < longest) & failing

        first = minimum(state.learning_rate if initial_guess_strategy == "keep" else _number(1, params), longest)
        far = _Point(*(_number(math.inf, params) for _ in range(3)))
        unknown = _number(math.inf, params)
        s = while_loop(searching, turn, _Search(_number(0, params), first, start, far, start, tree_map(
            lambda g, p: asarray_internal(as_operand(g)), grad, params), unknown, unknown))
        out = tree_map(lambda u: scaled(s.best.t, u), updates)
        # a search that failed must not make the next one start from 0
        rate = where(s.best.t > 0, s.best.t, 1)
        info = ZoomLinesearchInfo(s.count, s.decrease_error, s.curvature_error)
        return out, ScaleByZoomLinesearchState(rate, s.best.value, s.grad, info)

    return GradientTransformationExtraArgs(init, update)


# -- values that a search has computed --------------------------------------------------------------------------------

def value_and_grad_from_state(value_fn: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """As `value_and_grad`, taking value and gradient from the state of a line search where it has them.

    Returns:
        a function of the parameters, further arguments of `value_fn`, and the keyword argument ``state``. The value in a new state is
        infinite; value and gradient are then computed.

    Raises:
        ValueError: (from the function) if there is not exactly one line search with a gradient in ``state``.

    >>> from functrans.optim.lbfgs import lbfgs
    >>> f = lambda x: sum_(x ** 2)
    >>> solver, x = lbfgs(), np.array([1.0, 2.0])
    >>> value, gradient = value_and_grad_from_state(f)(x, state=solver.init(x))
    >>> print(value)
    5.0
    """

    def wrapped(params: Params, *args: Any, state: Any, **kwargs: Any) -> tuple[Any, Any]:
        searches = [s for s in tree_leaves(state, is_leaf=_is_search) if _is_search(s) and s.grad is not None]
        if len(searches) != 1:
            raise ValueError(f"value_and_grad_from_state needs one line search with a gradient in the state; found {len(searches)}, "
                             f"at {describe(user_source())}. Use scale_by_zoom_linesearch, or store_grad=True.")
        known = searches[0].value, searches[0].grad

        def computed() -> Any:
            value, grad = value_and_grad(value_fn)(params, *args, **kwargs)
            return tree_map(lambda new, old: convert_element_type(asarray_internal(new), old.dtype), (value, grad), known)

        value, grad = cond(isfinite(known[0]), lambda: known, computed)
        return value, grad

    return wrapped


def _is_search(x: Any) -> bool:
    return isinstance(x, (ScaleByBacktrackingLinesearchState, ScaleByZoomLinesearchState))
