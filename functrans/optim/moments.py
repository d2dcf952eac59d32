"""Transformations that remember gradients: momentum, moving averages, and updates divided by the size of past gradients.

With the gradient g, ``m`` and ``v`` the moving averages of g and of its square, a hat for `bias_correction`:

=====================  =============================================================================================
`trace`                ``t = g + decay t``
`ema`                  ``m``
`scale_by_rss`         ``g / sqrt(sum of squares)``; Duchi et al. 2011
`scale_by_rms`         ``g / sqrt(v)``; Hinton, Coursera lecture 6e, 2012
`scale_by_stddev`      ``g / sqrt(v - m**2)``; Graves 2013 (arXiv:1308.0850)
`scale_by_adadelta`    ``g sqrt(average of squared updates) / sqrt(v)``; Zeiler 2012 (arXiv:1212.5701)
`scale_by_adam`        ``m^ / (sqrt(v^) + eps)``; Kingma and Ba 2014 (arXiv:1412.6980); nesterov: Dozat 2016
`scale_by_adamax`      ``m^ / u`` with ``u = max(b2 u, abs(g) + eps)``; the same paper
`scale_by_amsgrad`     as Adam with the greatest ``v^`` so far; Reddi et al. 2018 (arXiv:1904.09237)
`scale_by_belief`      as Adam with v the average of ``(g - m)**2``; Zhuang et al. 2020 (arXiv:2010.07468)
`scale_by_radam`       as Adam times a rectification, or ``m^`` where v is not tractable; Liu et al. 2019 (arXiv:1908.03265)
`scale_by_yogi`        as Adam with ``v -= (1 - b2) sign(v - g**2) g**2``; Zaheer et al. 2018
`scale_by_lion`        ``sign(b1 m + (1 - b1) g)``; Chen et al. 2023 (arXiv:2302.06675)
=====================  =============================================================================================

Complex gradients have real second moments, of ``abs(g)**2``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from functrans.core.dtypes import canonical
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.creation import full
from functrans.numpy.ufuncs import absolute, maximum, sign, sqrt
from functrans.numpy.util import as_operand
from functrans.optim.base import (
    GradientTransformation,
    Params,
    bias_correction,
    moment,
    next_count,
    real_dtype,
    scaled,
    square_of,
    tree_zeros,
    zero_count,
)
from functrans.primitives.structural import convert_element_type
from functrans.tree_util import tree_map

__all__ = [
    "EmaState", "ScaleByAdaDeltaState", "ScaleByAdamState", "ScaleByAmsgradState", "ScaleByBeliefState", "ScaleByLionState",
    "ScaleByRStdDevState", "ScaleByRStdDevWithCountState", "ScaleByRmsState", "ScaleByRmsWithCountState", "ScaleByRssState", "TraceState",
    "ema", "scale_by_adadelta", "scale_by_adam", "scale_by_adamax", "scale_by_amsgrad", "scale_by_belief", "scale_by_lion",
    "scale_by_radam", "scale_by_rms", "scale_by_rss", "scale_by_stddev", "scale_by_yogi", "trace",
]


class TraceState(NamedTuple):
    trace: Any


class EmaState(NamedTuple):
    count: Any
    ema: Any


class ScaleByRssState(NamedTuple):
    sum_of_squares: Any


class ScaleByRmsState(NamedTuple):
    nu: Any


class ScaleByRmsWithCountState(NamedTuple):
    count: Any
    nu: Any


class ScaleByRStdDevState(NamedTuple):
    mu: Any
    nu: Any


class ScaleByRStdDevWithCountState(NamedTuple):
    count: Any
    mu: Any
    nu: Any


class ScaleByAdaDeltaState(NamedTuple):
    e_g: Any
    e_x: Any


class ScaleByAdamState(NamedTuple):
    count: Any
    mu: Any
    nu: Any


class ScaleByBeliefState(NamedTuple):
    count: Any
    mu: Any
    nu: Any


class ScaleByAmsgradState(NamedTuple):
    count: Any
    mu: Any
    nu: Any
    nu_max: Any


class ScaleByLionState(NamedTuple):
    count: Any
    mu: Any


def _full(params: Params, value: float) -> Any:
    """Real leaves of the shapes of `params`, for second moments."""
    return tree_map(lambda p: full(typeof(as_operand(p)).shape, value, real_dtype(p)), params)


def _cast(tree: Any, dtype: Any) -> Any:
    return tree if dtype is None else tree_map(lambda x: convert_element_type(x, canonical(dtype)), tree)


def _squares(updates: Any) -> Any:
    return tree_map(lambda u: square_of(as_operand(u)), updates)


# -- sums and averages of gradients -----------------------------------------------------------------------------------

def trace(decay: Any, nesterov: bool = False, accumulator_dtype: Any = None) -> GradientTransformation:
    """Momentum: ``t = g + decay * t``; with `nesterov` the update is ``g + decay * t``.

    >>> import numpy as np
    >>> tx = trace(0.5)
    >>> state = tx.init(np.array(0.0))
    >>> for _ in range(3):
    ...     updates, state = tx.update(np.array(1.0), state)
    >>> print(updates)
    1.75
    """

    def accumulated(updates: Any, traces: Any) -> Any:
        return tree_map(lambda g, t: g + scaled(decay, t), updates, traces)

    def update(updates: Any, state: TraceState, params: Params = None) -> tuple[Any, TraceState]:
        traces = accumulated(updates, state.trace)
        return accumulated(updates, traces) if nesterov else traces, TraceState(_cast(traces, accumulator_dtype))

    return GradientTransformation(lambda params: TraceState(tree_zeros(params, accumulator_dtype)), update)


def ema(decay: Any, debias: bool = True, accumulator_dtype: Any = None) -> GradientTransformation:
    """The moving average of updates, divided by the weight of its terms if `debias`."""

    def update(updates: Any, state: EmaState, params: Params = None) -> tuple[Any, EmaState]:
        average, count = moment(decay, updates, state.ema), next_count(state.count)
        out = bias_correction(average, decay, count) if debias else average
        return out, EmaState(count, _cast(average, accumulator_dtype))

    return GradientTransformation(lambda params: EmaState(zero_count(), tree_zeros(params, accumulator_dtype)), update)


# -- divided by the size of past gradients ----------------------------------------------------------------------------

def scale_by_rss(initial_accumulator_value: float = 0.1, eps: Any = 1e-7) -> GradientTransformation:
    """Updates divided by the root of the sum of all squares so far; 0 where that is 0."""

    def divided(g: Any, total: Any) -> Any:
        return where(total > 0, g / sqrt(where(total > 0, total, 1) + eps), 0)

    def update(updates: Any, state: ScaleByRssState, params: Params = None) -> tuple[Any, ScaleByRssState]:
        totals = tree_map(lambda g, s: square_of(as_operand(g)) + s, updates, state.sum_of_squares)
        return tree_map(divided, updates, totals), ScaleByRssState(totals)

    return GradientTransformation(lambda params: ScaleByRssState(_full(params, initial_accumulator_value)), update)


def _divider(eps: Any, eps_in_sqrt: bool) -> Callable[[Any, Any], Any]:
    return lambda g, v: g / sqrt(v + eps) if eps_in_sqrt else g / (sqrt(v) + eps)


def scale_by_rms(
    decay: Any = 0.9, eps: Any = 1e-8, initial_scale: float = 0.0, eps_in_sqrt: bool = True, bias_correction: bool = False,
) -> GradientTransformation:
    """Updates divided by the root of the moving average of their squares."""
    correct, divide = bias_correction, _divider(eps, eps_in_sqrt)

    def init(params: Params) -> Any:
        nu = _full(params, initial_scale)
        return ScaleByRmsWithCountState(zero_count(), nu) if correct else ScaleByRmsState(nu)

    def update(updates: Any, state: Any, params: Params = None) -> tuple[Any, Any]:
        nu = moment(decay, _squares(updates), state.nu)
        if not correct:
            return tree_map(divide, updates, nu), ScaleByRmsState(nu)
        count = next_count(state.count)
        return tree_map(divide, updates, _unbiased(nu, decay, count)), ScaleByRmsWithCountState(count, nu)

    return GradientTransformation(init, update)


_unbiased = bias_correction  # the parameter of the two functions beside it has the same name


def scale_by_stddev(
    decay: Any = 0.9, eps: Any = 1e-8, initial_scale: float = 0.0, eps_in_sqrt: bool = True, bias_correction: bool = False,
) -> GradientTransformation:
    """Updates divided by their moving standard deviation."""
    correct, divide = bias_correction, _divider(eps, eps_in_sqrt)

    def init(params: Params) -> Any:
        mu, nu = tree_zeros(params), _full(params, initial_scale)
        return ScaleByRStdDevWithCountState(zero_count(), mu, nu) if correct else ScaleByRStdDevState(mu, nu)

    def update(updates: Any, state: Any, params: Params = None) -> tuple[Any, Any]:
        mu, nu = moment(decay, updates, state.mu), moment(decay, _squares(updates), state.nu)
        if not correct:
            return tree_map(divide, updates, _variances(mu, nu)), ScaleByRStdDevState(mu, nu)
        count = next_count(state.count)
        variances = _variances(_unbiased(mu, decay, count), _unbiased(nu, decay, count))
        return tree_map(divide, updates, variances), ScaleByRStdDevWithCountState(count, mu, nu)

    return GradientTransformation(init, update)


def _variances(mu: Any, nu: Any) -> Any:
    return tree_map(lambda m, v: v - square_of(m), mu, nu)


def scale_by_adadelta(rho: Any = 0.9, eps: Any = 1e-6) -> GradientTransformation:
    """Updates times the ratio of the sizes of past updates and past gradients."""

    def update(updates: Any, state: ScaleByAdaDeltaState, params: Params = None) -> tuple[Any, ScaleByAdaDeltaState]:
        e_g = moment(rho, _squares(updates), state.e_g)
        updates = tree_map(lambda g, v, x: sqrt(x + eps) / sqrt(v + eps) * g, updates, e_g, state.e_x)
        return updates, ScaleByAdaDeltaState(e_g, moment(rho, _squares(updates), state.e_x))

    return GradientTransformation(lambda params: ScaleByAdaDeltaState(_full(params, 0.0), _full(params, 0.0)), update)


# -- Adam and its like ------------------------------------------------------------------------------------------------

def _first_moment(updates: Any, mu: Any, b1: Any, count: Any, nesterov: bool) -> Any:
    """The corrected first moment; with `nesterov` it looks one step ahead."""
    if not nesterov:
        return bias_correction(mu, b1, count)
    return tree_map(lambda m, g: scaled(b1, m) + scaled(1 - b1, g), bias_correction(mu, b1, next_count(count)),
                    bias_correction(updates, b1, count))


def scale_by_adam(
    b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, mu_dtype: Any = None, *, nesterov: bool = False,
) -> GradientTransformation:
    """Updates by the Adam rule.

    Args:
        b1, b2: the decays of the averages of gradients and of their squares.
        eps: added to the root.
        eps_root: added within the root; a positive one keeps derivatives through the update finite where gradients are 0.
        mu_dtype: the dtype of the first average, that of the parameters unless given.
        nesterov: whether the first moment looks one step ahead (NAdam).
    """

    def init(params: Params) -> ScaleByAdamState:
        return ScaleByAdamState(zero_count(), tree_zeros(params, mu_dtype), _full(params, 0.0))

    def update(updates: Any, state: ScaleByAdamState, params: Params = None) -> tuple[Any, ScaleByAdamState]:
        mu, nu, count = moment(b1, updates, state.mu), moment(b2, _squares(updates), state.nu), next_count(state.count)
        mu_hat, nu_hat = _first_moment(updates, mu, b1, count, nesterov), bias_correction(nu, b2, count)
        out = tree_map(lambda m, v: m / (sqrt(v + eps_root) + eps), mu_hat, nu_hat)
        return out, ScaleByAdamState(count, _cast(mu, mu_dtype), nu)

    return GradientTransformation(init, update)


def scale_by_amsgrad(
    b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, mu_dtype: Any = None, bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> GradientTransformation:
    """As `scale_by_adam`, divided by the root of the greatest second moment so far."""

    def init(params: Params) -> ScaleByAmsgradState:
        return ScaleByAmsgradState(zero_count(), tree_zeros(params, mu_dtype), _full(params, 0.0), _full(params, 0.0))

    def update(updates: Any, state: ScaleByAmsgradState, params: Params = None) -> tuple[Any, ScaleByAmsgradState]:
        mu, nu, count = moment(b1, updates, state.mu), moment(b2, _squares(updates), state.nu), next_count(state.count)
        mu_hat = bias_correction(mu, b1, count) if bias_correction_mu else mu
        nu_hat = bias_correction(nu, b2, count) if bias_correction_nu else nu
        nu_max = tree_map(maximum, state.nu_max, nu_hat)
        out = tree_map(lambda m, v: m / (sqrt(v + eps_root) + eps), mu_hat, nu_max)
        return out, ScaleByAmsgradState(count, _cast(mu, mu_dtype), nu, nu_max)

    return GradientTransformation(init, update)


def scale_by_adamax(b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformation:
    """As `scale_by_adam`, divided by the decayed maximum of sizes in place of the root of the mean square."""

    def init(params: Params) -> ScaleByAdamState:
        return ScaleByAdamState(zero_count(), tree_zeros(params), _full(params, 0.0))

    def update(updates: Any, state: ScaleByAdamState, params: Params = None) -> tuple[Any, ScaleByAdamState]:
        mu, count = moment(b1, updates, state.mu), next_count(state.count)
        nu = tree_map(lambda g, u: maximum(absolute(g) + eps, scaled(b2, u)), updates, state.nu)
        return tree_map(lambda m, u: m / u, bias_correction(mu, b1, count), nu), ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init, update)


def scale_by_belief(
    b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-16, eps_root: Any = 1e-16, *, nesterov: bool = False,
) -> GradientTransformation:
    """As `scale_by_adam`, with the deviation of gradients from their average in place of their size."""

    def init(params: Params) -> ScaleByBeliefState:
        return ScaleByBeliefState(zero_count(), tree_zeros(params), _full(params, 0.0))

    def update(updates: Any, state: ScaleByBeliefState, params: Params = None) -> tuple[Any, ScaleByBeliefState]:
        mu, count = moment(b1, updates, state.mu), next_count(state.count)
        nu = tree_map(lambda v: v + eps_root, moment(b2, _squares(tree_map(lambda g, m: g - m, updates, mu)), state.nu))
        mu_hat, nu_hat = _first_moment(updates, mu, b1, count, nesterov), bias_correction(nu, b2, count)
        return tree_map(lambda m, v: m / (sqrt(v) + eps), mu_hat, nu_hat), ScaleByBeliefState(count, mu, nu)

    return GradientTransformation(init, update)


def scale_by_radam(
    b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, threshold: Any = 5.0, *, nesterov: bool = False,
) -> GradientTransformation:
    """As `scale_by_adam`, rectified for the variance of its divisor; where the length of the average is below `threshold`, undivided."""
    longest = 2.0 / (1.0 - b2) - 1.0

    def rectified(length: Any, m: Any, v: Any) -> Any:
        safe = where(length >= threshold, length, longest)
        factor = sqrt((safe - 4) * (safe - 2) * longest / ((longest - 4) * (longest - 2) * safe))
        return where(length >= threshold, scaled(factor, m) / (sqrt(v + eps_root) + eps), m)

    def init(params: Params) -> ScaleByAdamState:
        return ScaleByAdamState(zero_count(), tree_zeros(params), _full(params, 0.0))

    def update(updates: Any, state: ScaleByAdamState, params: Params = None) -> tuple[Any, ScaleByAdamState]:
        mu, nu, count = moment(b1, updates, state.mu), moment(b2, _squares(updates), state.nu), next_count(state.count)
        mu_hat, nu_hat = _first_moment(updates, mu, b1, count, nesterov), bias_correction(nu, b2, count)
        power = b2 ** count
        length = longest - 2 * count * power / (1 - power)
        return tree_map(lambda m, v: rectified(length, m, v), mu_hat, nu_hat), ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init, update)


def scale_by_yogi(
    b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-3, eps_root: Any = 0.0, initial_accumulator_value: float = 1e-6,
) -> GradientTransformation:
    """As `scale_by_adam`, with a second moment that moves by at most ``(1 - b2) * g**2`` at a time."""

    def init(params: Params) -> ScaleByAdamState:
        mu = tree_map(lambda p: full(typeof(as_operand(p)).shape, initial_accumulator_value, typeof(as_operand(p)).dtype), params)
        return ScaleByAdamState(zero_count(), mu, _full(params, initial_accumulator_value))

    def update(updates: Any, state: ScaleByAdamState, params: Params = None) -> tuple[Any, ScaleByAdamState]:
        mu, count = moment(b1, updates, state.mu), next_count(state.count)
        nu = tree_map(lambda s, v: v - scaled(1 - b2, sign(v - s) * s), _squares(updates), state.nu)
        mu_hat, nu_hat = bias_correction(mu, b1, count), bias_correction(nu, b2, count)
        return tree_map(lambda m, v: m / (sqrt(v + eps_root) + eps), mu_hat, nu_hat), ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init, update)


def scale_by_lion(b1: Any = 0.9, b2: Any = 0.99, mu_dtype: Any = None) -> GradientTransformation:
    """The signs of an average of gradients, which decays by `b1` in the update and by `b2` in the memory."""

    def init(params: Params) -> ScaleByLionState:
        return ScaleByLionState(zero_count(), tree_zeros(params, mu_dtype))

    def update(updates: Any, state: ScaleByLionState, params: Params = None) -> tuple[Any, ScaleByLionState]:
        out = tree_map(sign, moment(b1, updates, state.mu))
        return out, ScaleByLionState(next_count(state.count), _cast(moment(b2, updates, state.mu), mu_dtype))

    return GradientTransformation(init, update)
