"""L-BFGS: updates multiplied by an approximation of the inverse Hessian, from the last differences of parameters and gradients.

The two-loop recursion of Nocedal and Wright, Numerical Optimization (2nd ed.), algorithm 7.4, on flat vectors: with s and y the
differences of parameters and gradients and ``rho = 1 / (s.y)``, newest first. A pair without positive curvature has rho 0, and
changes nothing. The first step is at most 1 long; later ones start from the scale ``s.y / y.y`` of the newest pair.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from functrans.flatten_util import ravel_pytree
from functrans.numpy.choice import where
from functrans.numpy.joining import concatenate
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.ufuncs import conjugate, real, sqrt
from functrans.numpy.util import asarray_internal
from functrans.optim.base import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    Params,
    chain,
    next_count,
    real_dtype,
    require_params,
    zero_count,
)
from functrans.optim.linesearch import scale_by_zoom_linesearch
from functrans.optim.scaling import scale, scale_by_learning_rate

__all__ = ["ScaleByLBFGSState", "lbfgs", "scale_by_lbfgs"]


class ScaleByLBFGSState(NamedTuple):
    """The last parameters and gradients, and the memory of differences (newest first) with their weights rho, all as flat vectors."""

    count: Any
    params: Any
    updates: Any
    diff_params_memory: Any
    diff_updates_memory: Any
    weights_memory: Any


def _dot(x: Any, y: Any) -> Any:
    return sum_(real(conjugate(x) * y))


def scale_by_lbfgs(memory_size: int = 10, scale_init_precond: bool = True) -> GradientTransformation:
    """Updates (gradients) times the L-BFGS approximation of the inverse Hessian.

    Args:
        memory_size: how many differences are kept.
        scale_init_precond: whether the recursion starts from a scaled identity rather than the identity.
    """

    def init(params: Params) -> ScaleByLBFGSState:
        flat, _ = ravel_pytree(params)
        memory = asarray_internal(np.zeros((memory_size, flat.size), flat.dtype))
        weights = asarray_internal(np.zeros(memory_size, real_dtype(flat)))
        zeros = asarray_internal(np.zeros(flat.size, flat.dtype))
        return ScaleByLBFGSState(zero_count(), zeros, zeros, memory, memory, weights)

    def update(updates: Any, state: ScaleByLBFGSState, params: Params = None) -> tuple[Any, ScaleByLBFGSState]:
        require_params("scale_by_lbfgs", params)
        w, _ = ravel_pytree(params)
        g, restore = ravel_pytree(updates)
        s, y = w - state.params, g - state.updates
        curvature = _dot(s, y)
        useful = (state.count > 0) & (curvature > 0)
        weight = where(useful, 1 / where(useful, curvature, 1), 0)
        ss = _pushed(where(useful, s, 0), state.diff_params_memory)
        ys = _pushed(where(useful, y, 0), state.diff_updates_memory)
        weights = _pushed(weight, state.weights_memory)
        # the newest pair may be useless: its scale is then that of the step before any memory
        size = sqrt(_dot(g, g))
        first = where(size > 1, 1 / where(size > 1, size, 1), 1)
        gamma = where(useful, curvature / where(useful, _dot(y, y), 1), first) if scale_init_precond else 1.0
        direction = _two_loops(g, ss, ys, weights, gamma)
        return restore(direction), ScaleByLBFGSState(next_count(state.count), w, g, ss, ys, weights)

    return GradientTransformation(init, update)


def _pushed(newest: Any, memory: Any) -> Any:
    return concatenate([newest[None], memory[:-1]]) if len(memory) else memory


def _two_loops(g: Any, ss: Any, ys: Any, weights: Any, gamma: Any) -> Any:
    """The approximate inverse Hessian times `g`."""
    alphas = []
    for i in range(len(ss)):
        alpha = weights[i] * _dot(ss[i], g)
        g = g - alpha * ys[i]
        alphas.append(alpha)
    r = gamma * g
    for i in reversed(range(len(ss))):
        beta = weights[i] * _dot(ys[i], r)
        r = r + (alphas[i] - beta) * ss[i]
    return r


_DEFAULT_SEARCH = scale_by_zoom_linesearch(max_linesearch_steps=20, initial_guess_strategy="one")


def lbfgs(
    learning_rate: Any = None, memory_size: int = 10, scale_init_precond: bool = True,
    linesearch: GradientTransformation | None = _DEFAULT_SEARCH,
) -> GradientTransformationExtraArgs:
    """L-BFGS with a line search; its ``update`` takes ``value``, ``grad`` and ``value_fn`` besides.

    Args:
        learning_rate: a factor before the search, a number or a schedule; 1 unless given.
        memory_size: how many differences are kept.
        scale_init_precond: see `scale_by_lbfgs`.
        linesearch: a transformation that scales the step, None for none.

    >>> from functrans.optim.base import apply_updates
    >>> from functrans.optim.linesearch import value_and_grad_from_state
    >>> f = lambda x: sum_((x - np.array([1.0, -2.0])) ** 2 * np.array([1.0, 10.0]))
    >>> solver, x = lbfgs(), np.zeros(2)
    >>> state = solver.init(x)
    >>> for _ in range(8):
    ...     value, gradient = value_and_grad_from_state(f)(x, state=state)
    ...     updates, state = solver.update(gradient, state, x, value=value, grad=gradient, value_fn=f)
    ...     x = apply_updates(x, updates)
    >>> bool(f(x) < 1e-12)
    True
    """
    step = scale(-1.0) if learning_rate is None else scale_by_learning_rate(learning_rate)
    parts = [scale_by_lbfgs(memory_size, scale_init_precond), step, *([] if linesearch is None else [linesearch])]
    return chain(*parts)
