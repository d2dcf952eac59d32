"""Optimizers as triples of functions: ``init_fn(params) -> state``, ``update_fn(step, gradients, state) -> state`` and
``params_fn(state) -> params``.

Step sizes are numbers or schedules, functions of the number of the step. A state is a pytree: it may be an argument and result of
compiled functions. References: J. Duchi et al. (2011) for `adagrad`, T. Tieleman and G. Hinton (2012) for `rmsprop`, D. Kingma and J.
Ba (2015) for `adam` and `adamax`, R. Anil et al. (2019) for `sm3`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from functrans import numpy as fnp
from functrans.core.source import describe, user_source
from functrans.core.trace import is_array_like, typeof
from functrans.tree_util import PyTreeDef, register_pytree_node, tree_flatten, tree_leaves, tree_map, tree_unflatten

__all__ = [
    "JoinPoint", "Optimizer", "OptimizerState", "adagrad", "adam", "adamax", "clip_grads", "constant", "exponential_decay",
    "inverse_time_decay", "l2_norm", "make_schedule", "momentum", "nesterov", "optimizer", "pack_optimizer_state", "piecewise_constant",
    "polynomial_decay", "rmsprop", "rmsprop_momentum", "sgd", "sm3", "unpack_optimizer_state",
]

Schedule = Callable[[Any], Any]
Rules = tuple[Callable[[Any], Any], Callable[[Any, Any, Any], Any], Callable[[Any], Any]]


def _error(what: str, kind: type[Exception]) -> Exception:
    return kind(f"optimizers: {what}, at {describe(user_source())}.")


# -- states -----------------------------------------------------------------------------------------------------------

class OptimizerState:
    """The state of an optimizer: for each leaf of the parameters the leaves of its own state, and their structures."""

    __slots__ = ("packed_state", "subtree_defs", "tree_def")

    def __init__(self, packed_state: Sequence[Sequence[Any]], tree_def: PyTreeDef, subtree_defs: tuple[PyTreeDef, ...]) -> None:
        self.packed_state = packed_state
        self.tree_def = tree_def
        self.subtree_defs = subtree_defs

    def __repr__(self) -> str:
        return f"OptimizerState({self.packed_state!r})"


register_pytree_node(OptimizerState, lambda s: ((s.packed_state,), (s.tree_def, s.subtree_defs)),
                     lambda aux, children: OptimizerState(children[0], *aux))


class Optimizer(NamedTuple):
    """The three functions of an optimizer."""

    init_fn: Callable[[Any], OptimizerState]
    update_fn: Callable[[Any, Any, OptimizerState], OptimizerState]
    params_fn: Callable[[OptimizerState], Any]


class JoinPoint:
    """The state of one leaf of the parameters, in a tree of such states: not a pytree itself."""

    __slots__ = ("subtree",)

    def __init__(self, subtree: Any) -> None:
        self.subtree = subtree

    def __iter__(self) -> Any:
        yield self.subtree


def unpack_optimizer_state(opt_state: OptimizerState) -> Any:
    """The state as a tree of the parameters' structure, with a `JoinPoint` in the place of each leaf; for saving.

    >>> state = momentum(0.1, 0.9).init_fn([np.ones(2)])
    >>> unpack_optimizer_state(state)[0].subtree
    (Array([1., 1.], dtype=float64), Array([0., 0.], dtype=float64))
    """
    subtrees = [tree_unflatten(d, s) for d, s in zip(opt_state.subtree_defs, opt_state.packed_state, strict=True)]
    return tree_unflatten(opt_state.tree_def, list(map(JoinPoint, subtrees)))


def pack_optimizer_state(marked_pytree: Any) -> OptimizerState:
    """The inverse of `unpack_optimizer_state`."""
    points, tree = tree_flatten(marked_pytree)
    if not all(isinstance(p, JoinPoint) for p in points):
        raise _error("pack_optimizer_state takes a tree whose leaves are JoinPoints", TypeError)
    flat = [tree_flatten(p.subtree) for p in points]
    return OptimizerState([leaves for leaves, _ in flat], tree, tuple(d for _, d in flat))


def optimizer(opt_maker: Callable[..., Rules]) -> Callable[..., Optimizer]:
    """An optimizer of pytrees from one of single arrays (a decorator).

    Args:
        opt_maker: a function that returns ``(init(x) -> state, update(step, gradient, state) -> state, get(state) -> x)``.

    Returns:
        a function of the same arguments that returns an `Optimizer`.

    >>> @optimizer
    ... def descent(size):
    ...     return (lambda x: x), (lambda i, g, x: x - size * g), (lambda x: x)
    >>> state = descent(0.5).init_fn({"w": np.ones(2)})
    >>> descent(0.5).params_fn(descent(0.5).update_fn(0, {"w": np.ones(2)}, state))
    {'w': Array([0.5, 0.5], dtype=float64)}
    """
    @wraps(opt_maker)
    def tree_opt_maker(*args: Any, **kwargs: Any) -> Optimizer:
        init, update, get = opt_maker(*args, **kwargs)

        def init_fn(params: Any) -> OptimizerState:
            leaves, tree = tree_flatten(params)
            flat = [tree_flatten(init(fnp.asarray(x))) for x in leaves]
            return OptimizerState([s for s, _ in flat], tree, tuple(d for _, d in flat))

        def states(opt_state: OptimizerState) -> list[Any]:
            return [tree_unflatten(d, s) for d, s in zip(opt_state.subtree_defs, opt_state.packed_state, strict=True)]

        def update_fn(i: Any, grad_tree: Any, opt_state: OptimizerState) -> OptimizerState:
            grads, tree = tree_flatten(grad_tree)
            if tree != opt_state.tree_def:
                raise _error(f"the gradients must have the structure of the parameters, {opt_state.tree_def}; they have {tree}", TypeError)
            flat = [tree_flatten(update(i, g, s)) for g, s in zip(grads, states(opt_state), strict=True)]
            for (_, new), old in zip(flat, opt_state.subtree_defs, strict=True):
                if new != old:
                    raise _error(f"the update changes the structure of the state from {old} to {new}", TypeError)
            return OptimizerState([s for s, _ in flat], tree, opt_state.subtree_defs)

        def params_fn(opt_state: OptimizerState) -> Any:
            return tree_unflatten(opt_state.tree_def, [get(s) for s in states(opt_state)])

        return Optimizer(init_fn, update_fn, params_fn)

    return tree_opt_maker


# -- schedules --------------------------------------------------------------------------------------------------------

def constant(step_size: Any) -> Schedule:
    """The same step size at all steps.

    >>> constant(0.1)(7)
    0.1
    """
    return lambda i: step_size


def exponential_decay(step_size: Any, decay_steps: Any, decay_rate: Any) -> Schedule:
    """``step_size * decay_rate ** (i / decay_steps)``.

    >>> exponential_decay(1.0, 2, 0.5)(2)
    0.5
    """
    return lambda i: step_size * decay_rate ** (i / decay_steps)


def inverse_time_decay(step_size: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False) -> Schedule:
    """``step_size / (1 + decay_rate * i / decay_steps)``; with `staircase` the quotient is rounded down.

    >>> inverse_time_decay(1.0, 2, 1.0)(2)
    0.5
    """
    if staircase:
        return lambda i: step_size / (1 + decay_rate * fnp.floor(i / decay_steps))
    return lambda i: step_size / (1 + decay_rate * i / decay_steps)


def polynomial_decay(step_size: Any, decay_steps: Any, final_step_size: Any, power: Any = 1.0) -> Schedule:
    """From `step_size` to `final_step_size` in `decay_steps`, by a power of what is left of these.

    >>> print(polynomial_decay(1.0, 4, 0.0)(1))
    0.75
    """
    def schedule(i: Any) -> Any:
        left = (1 - fnp.minimum(i, decay_steps) / decay_steps) ** power
        return left * (step_size - final_step_size) + final_step_size

    return schedule


def piecewise_constant(boundaries: Any, values: Any) -> Schedule:
    """``values[k]``, where k is how many of the `boundaries` lie below the step.

    Raises:
        ValueError: unless there is one value more than there are boundaries.

    >>> print(piecewise_constant([10], [1.0, 0.1])(11))
    0.1
    """
    limits, steps = fnp.asarray(boundaries), fnp.asarray(values)
    if not typeof(limits).ndim == typeof(steps).ndim == 1:
        raise _error("boundaries and values must be sequences of numbers", ValueError)
    if typeof(limits).shape[0] != typeof(steps).shape[0] - 1:
        raise _error(f"there must be one value more than boundaries; got {typeof(steps).shape[0]} values and {typeof(limits).shape[0]} "
                     "boundaries", ValueError)
    return lambda i: steps[fnp.sum(i > limits)]


def make_schedule(scalar_or_schedule: Any) -> Schedule:
    """A schedule as it is, a number as a constant one.

    Raises:
        TypeError: for anything else.

    >>> make_schedule(0.1)(3)
    0.1
    """
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    if is_array_like(scalar_or_schedule) and not np.shape(scalar_or_schedule):
        return constant(scalar_or_schedule)
    raise _error(f"a step size must be a number or a function of the step; got {scalar_or_schedule!r}", TypeError)


# -- optimizers -------------------------------------------------------------------------------------------------------

def _with_zeros(count: int) -> Callable[[Any], Any]:
    """The first state of an optimizer that keeps `count` arrays beside the parameter."""
    return lambda x: (x, *(fnp.zeros_like(x) for _ in range(count)))


def _first(state: Any) -> Any:
    """The parameter, which every state begins with."""
    return state[0]


@optimizer
def sgd(step_size: Any) -> Rules:
    """Gradient descent.

    >>> state = sgd(0.1).init_fn(1.0)
    >>> print(sgd(0.1).params_fn(sgd(0.1).update_fn(0, 2.0, state)))
    0.8
    """
    size = make_schedule(step_size)
    return (lambda x: x), (lambda i, g, x: x - size(i) * g), (lambda x: x)


@optimizer
def momentum(step_size: Any, mass: float) -> Rules:
    """Gradient descent along a velocity, which keeps the share `mass` of itself and gains the gradient."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, velocity = state
        velocity = mass * velocity + g
        return x - size(i) * velocity, velocity

    return _with_zeros(1), update, _first


@optimizer
def nesterov(step_size: Any, mass: float) -> Rules:
    """As `momentum`, with the velocity that the next step will have."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, velocity = state
        velocity = mass * velocity + g
        return x - size(i) * (mass * velocity + g), velocity

    return _with_zeros(1), update, _first


def _inverse_root(x: Any) -> Any:
    return fnp.where(x > 0, 1 / fnp.sqrt(fnp.where(x > 0, x, 1)), 0)


@optimizer
def adagrad(step_size: Any, momentum: float = 0.9) -> Rules:
    """Gradients over the root of the sum of their squares, averaged with those before by `momentum`."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, squares, mean = state
        squares = squares + fnp.square(g)
        mean = (1 - momentum) * g * _inverse_root(squares) + momentum * mean
        return x - size(i) * mean, squares, mean

    return _with_zeros(2), update, _first


@optimizer
def rmsprop(step_size: Any, gamma: float = 0.9, eps: float = 1e-8) -> Rules:
    """Gradients over the root of the decaying mean of their squares."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, squares = state
        squares = squares * gamma + fnp.square(g) * (1 - gamma)
        return x - size(i) * g / fnp.sqrt(squares + eps), squares

    return _with_zeros(1), update, _first


@optimizer
def rmsprop_momentum(step_size: Any, gamma: float = 0.9, eps: float = 1e-8, momentum: float = 0.9) -> Rules:
    """As `rmsprop`, along a velocity of which the share `momentum` is kept."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, squares, velocity = state
        squares = squares * gamma + fnp.square(g) * (1 - gamma)
        velocity = momentum * velocity + size(i) * g / fnp.sqrt(squares + eps)
        return x - velocity, squares, velocity

    return _with_zeros(2), update, _first


@optimizer
def adam(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Rules:
    """Decaying means of gradients over the roots of those of their squares, both without their bias to 0."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, mean, squares = state
        mean = (1 - b1) * g + b1 * mean
        squares = (1 - b2) * fnp.square(g) + b2 * squares
        count = fnp.asarray(i + 1, typeof(mean).dtype)
        return x - size(i) * (mean / (1 - b1 ** count)) / (fnp.sqrt(squares / (1 - b2 ** count)) + eps), mean, squares

    return _with_zeros(2), update, _first


@optimizer
def adamax(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Rules:
    """As `adam`, with the decaying greatest absolute value in the place of the root."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, mean, greatest = state
        mean = (1 - b1) * g + b1 * mean
        greatest = fnp.maximum(b2 * greatest, fnp.abs(g))
        count = fnp.asarray(i + 1, typeof(mean).dtype)
        return x - size(i) / (1 - b1 ** count) * mean / (greatest + eps), mean, greatest

    return _with_zeros(2), update, _first


@optimizer
def sm3(step_size: Any, momentum: float = 0.9) -> Rules:
    """As `adagrad`, with sums of squares that are kept for slices of each axis only: the least of those that hold an element counts."""
    size = make_schedule(step_size)

    def init(x: Any) -> Any:
        return x, fnp.zeros_like(x), [fnp.zeros(n, typeof(x).dtype) for n in typeof(x).shape] or [fnp.zeros_like(x)]

    def update(i: Any, g: Any, state: Any) -> Any:
        x, mean, sums = state
        rank = typeof(x).ndim
        shaped = [s.reshape([-1 if d == axis else 1 for d in range(rank)]) for axis, s in enumerate(sums)] if rank else sums
        least = shaped[0]
        for s in shaped[1:]:
            least = fnp.minimum(least, s)
        least = least + fnp.square(g)
        mean = (1 - momentum) * g * _inverse_root(least) + momentum * mean
        after = [fnp.max(least, axis=tuple(d for d in range(rank) if d != axis)) for axis in range(rank)] or [least]
        return x - size(i) * mean, mean, after

    return init, update, _first


# -- gradients --------------------------------------------------------------------------------------------------------

def l2_norm(tree: Any) -> Any:
    """The root of the sum of all squares.

    >>> print(l2_norm({"a": np.array([3.0, 4.0])}))
    5.0
    """
    return fnp.sqrt(sum(fnp.vdot(x, x) for x in map(fnp.asarray, tree_leaves(tree))))


def clip_grads(grad_tree: Any, max_norm: Any) -> Any:
    """Gradients, scaled to the norm `max_norm` where theirs is greater.

    >>> clip_grads({"a": np.array([3.0, 4.0])}, 1.0)
    {'a': Array([0.6, 0.8], dtype=float64)}
    """
    norm = l2_norm(grad_tree)
    return tree_map(lambda g: fnp.where(norm < max_norm, g, g * (max_norm / norm)), grad_tree)
