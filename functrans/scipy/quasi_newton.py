"""BFGS and L-BFGS, as native loops: minimisation by an inverse Hessian that is learned from gradients.

After a step s, along which the gradient changes by y, BFGS makes the inverse Hessian satisfy ``H y = s`` with the least change; with a
limited memory its products are computed from the last pairs (s, y). Both begin with a multiple of the identity, of the size that
the last pair tells. Reference: J. Nocedal and S. Wright, *Numerical Optimization*, 2nd ed. (2006), algorithms 6.1 and 7.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from functrans import numpy as fnp
from functrans.calls.fori_loop import fori_loop
from functrans.calls.while_loop import while_loop
from functrans.core.low_precision import finfo
from functrans.core.trace import typeof
from functrans.numpy import linalg
from functrans.scipy.wolfe import Found, Point, search
from functrans.transforms.api import value_and_grad

__all__ = ["CONVERGED", "LINE_SEARCH", "MAXITER", "NOT_FINITE", "PRECISION", "Progress", "bfgs", "lbfgs"]

CONVERGED, MAXITER, PRECISION, LINE_SEARCH, NOT_FINITE = map(np.int64, (0, 1, 3, 5, -1))
_RUNNING = np.int64(-2)
Function = Callable[[Any], Any]


class Progress(NamedTuple):
    """Where a minimisation stands; `memory` is the inverse Hessian, or the last pairs."""

    x: Any
    value: Any
    gradient: Any
    memory: Any
    status: Any
    iterations: Any
    evaluations: Any


def _minimized(
    fun: Function, x0: Any, memory: Any, direction: Callable[[Any, Any, Any], Any], learn: Callable[[Any, Any, Any, Any], Any],
    small: Callable[[Any], Any], maxiter: Any, searches: Any, settled: Callable[[Any, Any], Any], budget: Any,
) -> Progress:
    evaluate = value_and_grad(fun)

    def status_of(value: Any, gradient: Any) -> Any:
        return fnp.where(~fnp.isfinite(value), NOT_FINITE, fnp.where(small(gradient), CONVERGED, _RUNNING))

    def turn(p: Progress) -> Progress:
        d = direction(p.memory, p.gradient, p.iterations)
        slope = fnp.vdot(p.gradient, d)
        # Rounding may spoil the inverse Hessian: the gradient's own direction is always one of descent.
        good = slope < 0
        d, slope = fnp.where(good, d, -p.gradient), fnp.where(good, slope, -fnp.vdot(p.gradient, p.gradient))

        def along(t: Any) -> Point:
            value, gradient = evaluate(p.x + t * d)
            return Point(t, value, fnp.vdot(gradient, d), gradient)

        zero = fnp.zeros_like(p.value)
        unit = fnp.minimum(1, 1 / fnp.sqrt(fnp.vdot(d, d)))
        found = search(along, Point(zero, p.value, slope, p.gradient), fnp.where(p.iterations == 0, unit, zero + 1), searches)
        at = found.point
        step, change = at.t * d, at.gradient - p.gradient
        status = _after(found, status_of(at.value, at.gradient), settled(p.value, at.value), searches)
        evaluations = p.evaluations + found.count
        status = fnp.where((status == _RUNNING) & ((p.iterations + 1 >= maxiter) | (evaluations >= budget)), MAXITER, status)
        memory = learn(p.memory, step, change, p.iterations)
        return Progress(p.x + step, at.value, at.gradient, memory, status, p.iterations + 1, evaluations)

    value, gradient = evaluate(x0)
    status = fnp.where(maxiter > 0, status_of(value, gradient), MAXITER)
    start = Progress(x0, value, gradient, memory, status, np.int64(0), np.int64(1))
    return while_loop(lambda p: p.status == _RUNNING, turn, start)


def _after(found: Found, status: Any, settled: Any, searches: Any) -> Any:
    """The status after a search: one that failed ends the minimisation, unless it went down."""
    status = fnp.where((status == _RUNNING) & settled & (found.point.t > 0), CONVERGED, status)
    failed = (found.point.t == 0) & (status == _RUNNING)
    return fnp.where(failed, fnp.where(found.count >= searches, LINE_SEARCH, PRECISION), status)


def _curvature(step: Any, change: Any) -> tuple[Any, Any, Any]:
    """(whether the pair tells of positive curvature, its inverse product, the size of the inverse Hessian)."""
    product = fnp.vdot(change, step)
    eps = finfo(typeof(step).dtype).eps
    squares = fnp.vdot(change, change)
    useful = product > eps * fnp.sqrt(squares * fnp.vdot(step, step))
    return useful, 1 / fnp.where(useful, product, 1), product / fnp.where(useful, squares, 1)


# -- BFGS -------------------------------------------------------------------------------------------------------------

def bfgs(fun: Function, x0: Any, *, gtol: Any, norm: Any, maxiter: Any, searches: Any) -> Progress:
    """Minimise a function of a vector; `memory` of the result is the inverse Hessian."""
    n, dtype = typeof(x0).shape[0], typeof(x0).dtype
    one = fnp.eye(n, dtype=dtype)

    def learn(h: Any, step: Any, change: Any, iterations: Any) -> Any:
        useful, rho, size = _curvature(step, change)
        h = fnp.where(useful & (iterations == 0), one * size, h)
        hy = h @ change
        turned = fnp.outer(step, hy)
        new = h + rho * ((1 + rho * fnp.vdot(change, hy)) * fnp.outer(step, step) - turned - turned.T)
        return fnp.where(useful, new, h)

    def small(gradient: Any) -> Any:
        return linalg.norm(gradient, norm) <= gtol

    return _minimized(fun, x0, one, lambda h, g, _: -(h @ g), learn, small, maxiter, searches, lambda before, after: np.bool_(False),
                      np.inf)


# -- limited memory ---------------------------------------------------------------------------------------------------

class _Pairs(NamedTuple):
    """The last steps and changes of gradients, as rows, the newest last; their inverse products; the size of the inverse Hessian."""

    steps: Any
    changes: Any
    rho: Any
    size: Any


def lbfgs(fun: Function, x0: Any, *, maxcor: int, ftol: Any, gtol: Any, norm: Any, maxiter: Any, budget: Any, searches: Any) -> Progress:
    """Minimise a function of a vector, remembering `maxcor` pairs."""
    n, dtype = typeof(x0).shape[0], typeof(x0).dtype

    def direction(pairs: _Pairs, gradient: Any, _: Any) -> Any:
        # Pairs that are not there yet have rho = 0 and change nothing.
        def down(i: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
            q, alphas = state
            k = maxcor - 1 - i
            alpha = pairs.rho[k] * fnp.vdot(pairs.steps[k], q)
            return q - alpha * pairs.changes[k], alphas.at[k].set(alpha)

        def up(k: Any, r: Any) -> Any:
            beta = pairs.rho[k] * fnp.vdot(pairs.changes[k], r)
            return r + (alphas[k] - beta) * pairs.steps[k]

        q, alphas = fori_loop(0, maxcor, down, (gradient, fnp.zeros(maxcor, dtype)))
        return -fori_loop(0, maxcor, up, pairs.size * q)

    def learn(pairs: _Pairs, step: Any, change: Any, _: Any) -> _Pairs:
        useful, rho, size = _curvature(step, change)

        def pushed(rows: Any, new: Any) -> Any:
            return fnp.where(useful, fnp.concatenate([rows[1:], new[None]]), rows)

        return _Pairs(pushed(pairs.steps, step), pushed(pairs.changes, change), pushed(pairs.rho, rho), fnp.where(useful, size, pairs.size))

    def small(gradient: Any) -> Any:
        return linalg.norm(gradient, norm) <= gtol

    def settled(before: Any, after: Any) -> Any:
        return fnp.abs(before - after) < ftol * fnp.maximum(fnp.maximum(fnp.abs(before), fnp.abs(after)), 1)

    zeros = fnp.zeros((maxcor, n), dtype)
    start = _Pairs(zeros, zeros, fnp.zeros(maxcor, dtype), fnp.ones((), dtype))
    return _minimized(fun, x0, start, direction, learn, small, maxiter, searches, settled, budget)
