"""Transformations that scale, clip and decay updates, without memory of gradients (a count of updates at most)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from functrans.core.trace import typeof
from functrans.numpy.choice import clip as clip_
from functrans.numpy.choice import where
from functrans.numpy.reductions import mean
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.ufuncs import maximum, sign, sqrt
from functrans.numpy.util import as_operand
from functrans.optim.base import (
    GradientTransformation,
    Params,
    global_norm,
    next_count,
    require_params,
    scaled,
    square_of,
    stateless,
    zero_count,
)
from functrans.optim.masks import Mask, masked
from functrans.tree_util import tree_map

__all__ = [
    "ScaleByScheduleState",
    "Schedule",
    "add_decayed_weights",
    "centralize",
    "clip",
    "clip_by_block_rms",
    "clip_by_global_norm",
    "scale",
    "scale_by_learning_rate",
    "scale_by_schedule",
    "scale_by_sign",
    "scale_by_trust_ratio",
]

Schedule = Callable[[Any], Any]  # of the number of updates so far


class ScaleByScheduleState(NamedTuple):
    """The number of updates so far."""

    count: Any


def scale(step_size: Any) -> GradientTransformation:
    """Updates times the number `step_size`.

    >>> import numpy as np
    >>> print(scale(-0.5).update(np.array(2.0), ())[0])
    -1.0
    """
    return stateless(lambda updates, params: tree_map(lambda u: scaled(step_size, u), updates))


def scale_by_schedule(step_size_fn: Schedule) -> GradientTransformation:
    """Updates times ``step_size_fn(count)``, where `count` is the number of updates before.

    >>> import numpy as np
    >>> tx = scale_by_schedule(lambda count: 1 / (count + 1))
    >>> state = tx.init(None)
    >>> for _ in range(3):
    ...     updates, state = tx.update(np.array(6.0), state)
    >>> print(updates)
    2.0
    """

    def update(updates: Any, state: ScaleByScheduleState, params: Params = None) -> tuple[Any, ScaleByScheduleState]:
        step = step_size_fn(state.count)
        return tree_map(lambda u: scaled(step, u), updates), ScaleByScheduleState(next_count(state.count))

    return GradientTransformation(lambda params: ScaleByScheduleState(zero_count()), update)


def scale_by_learning_rate(learning_rate: Any, *, flip_sign: bool = True) -> GradientTransformation:
    """Updates times minus the learning rate, a number or a schedule: the last link of a chain that descends.

    >>> import numpy as np
    >>> print(scale_by_learning_rate(0.1).update(np.array(2.0), ())[0])
    -0.2
    """
    factor = -1 if flip_sign else 1
    if callable(learning_rate):
        return scale_by_schedule(lambda count: factor * learning_rate(count))
    return scale(factor * learning_rate)


def scale_by_sign() -> GradientTransformation:
    """The signs of the updates."""
    return stateless(lambda updates, params: tree_map(sign, updates))


def _norm(x: Any) -> Any:
    return sqrt(sum_(square_of(as_operand(x))))


def scale_by_trust_ratio(min_norm: float = 0.0, trust_coefficient: Any = 1.0, eps: Any = 0.0) -> GradientTransformation:
    """Each leaf of the updates times ``trust_coefficient * norm(parameters) / (norm(updates) + eps)``; times 1 where a norm is 0.

    Args:
        min_norm: the least norm that parameters and updates count for.
        trust_coefficient: a factor.
        eps: what keeps the division from 0.

    References: You et al. 2017 (arXiv:1708.03888) and 2019 (arXiv:1904.00962).
    """

    def ratio(u: Any, p: Any) -> Any:
        # a norm of 0 is replaced inside the root, so that derivatives through the update are finite
        u_square, p_square = sum_(square_of(as_operand(u))), sum_(square_of(as_operand(p)))
        u_norm, p_norm = (where(s > min_norm ** 2, sqrt(where(s > min_norm ** 2, s, 1)), min_norm) for s in (u_square, p_square))
        some = (u_norm > 0) & (p_norm > 0)
        return scaled(where(some, trust_coefficient * p_norm / (where(some, u_norm, 1) + eps), 1), u)

    def rule(updates: Any, params: Params) -> Any:
        require_params("scale_by_trust_ratio", params)
        return tree_map(ratio, updates, params)

    return stateless(rule)


def add_decayed_weights(weight_decay: Any = 0.0, mask: Mask | None = None) -> GradientTransformation:
    """Updates plus `weight_decay` times the parameters, a number or a schedule.

    Args:
        weight_decay: the factor, or a function of the number of updates so far.
        mask: which parameters decay (see `masked`), all unless given.
    """

    def added(factor: Any, updates: Any, params: Params) -> Any:
        require_params("add_decayed_weights", params)
        return tree_map(lambda u, p: u + scaled(factor, p), updates, params)

    def update(updates: Any, state: ScaleByScheduleState, params: Params = None) -> tuple[Any, ScaleByScheduleState]:
        return added(weight_decay(state.count), updates, params), ScaleByScheduleState(next_count(state.count))

    tx = stateless(lambda updates, params: added(weight_decay, updates, params))
    if callable(weight_decay):
        tx = GradientTransformation(lambda params: ScaleByScheduleState(zero_count()), update)
    return tx if mask is None else masked(tx, mask)


def centralize() -> GradientTransformation:
    """Updates of rank 2 or more minus their mean over all axes but the first (Yong et al. 2020, arXiv:2004.01461)."""

    def centered(u: Any) -> Any:
        u = as_operand(u)
        rank = typeof(u).ndim
        return u - mean(u, axis=tuple(range(1, rank)), keepdims=True) if rank > 1 else u

    return stateless(lambda updates, params: tree_map(centered, updates))


# -- clipping ---------------------------------------------------------------------------------------------------------

def clip(max_delta: Any) -> GradientTransformation:
    """Updates held between ``-max_delta`` and ``max_delta``, element by element.

    >>> import numpy as np
    >>> clip(1.0).update(np.array([0.5, -3.0]), ())[0]
    Array([ 0.5, -1. ], dtype=float64)
    """
    return stateless(lambda updates, params: tree_map(lambda u: clip_(u, -max_delta, max_delta), updates))


def clip_by_global_norm(max_norm: Any) -> GradientTransformation:
    """Updates divided by what takes their `global_norm` down to `max_norm`, where it is greater (Pascanu et al. 2012, arXiv:1211.5063).

    >>> import numpy as np
    >>> clip_by_global_norm(1.0).update(np.array([3.0, 4.0]), ())[0]
    Array([0.6, 0.8], dtype=float64)
    """

    def rule(updates: Any, params: Params) -> Any:
        norm = global_norm(updates)
        factor = where(norm < max_norm, 1, max_norm / where(norm < max_norm, 1, norm))
        return tree_map(lambda u: scaled(factor, u), updates)

    return stateless(rule)


def clip_by_block_rms(threshold: Any) -> GradientTransformation:
    """Each leaf divided by what takes its root mean square down to `threshold`, where it is greater (Shazeer and Stern 2018)."""
    return stateless(lambda updates, params: tree_map(
        lambda u: u / scaled(1, maximum(1.0, sqrt(mean(square_of(as_operand(u)))) / threshold)), updates))
