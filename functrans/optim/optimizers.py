"""Optimizers ready for use: chains of the transformations in this package, with the arguments and defaults of Optax.

Each takes a learning rate that is a number or a schedule (`functrans.optim.schedules`), and a `mask` where weights decay (`masked`).
References stand in `functrans.optim.moments`; AdamW, NAdamW: Loshchilov and Hutter 2017 (arXiv:1711.05101); LARS: You et al. 2017
(arXiv:1708.03888); LAMB: You et al. 2019 (arXiv:1904.00962).
"""

from __future__ import annotations

from typing import Any

from functrans.optim.base import GradientTransformationExtraArgs, chain
from functrans.optim.masks import Mask, masked
from functrans.optim.moments import (
    scale_by_adadelta,
    scale_by_adam,
    scale_by_adamax,
    scale_by_amsgrad,
    scale_by_belief,
    scale_by_lion,
    scale_by_radam,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    scale_by_yogi,
    trace,
)
from functrans.optim.scaling import add_decayed_weights, scale_by_learning_rate, scale_by_sign, scale_by_trust_ratio

__all__ = [
    "adabelief", "adadelta", "adagrad", "adam", "adamax", "adamaxw", "adamw", "amsgrad", "lamb", "lars", "lion", "nadam", "nadamw", "radam",
    "rmsprop", "sgd", "sign_sgd", "yogi",
]


def sgd(
    learning_rate: Any, momentum: Any = None, nesterov: bool = False, accumulator_dtype: Any = None,
) -> GradientTransformationExtraArgs:
    """Gradient descent: ``-learning_rate * g``, or with momentum ``t = g + momentum * t`` in place of g.

    >>> import numpy as np
    >>> from functrans.optim.base import apply_updates
    >>> tx, x = sgd(0.1, momentum=0.9), np.array(1.0)
    >>> state = tx.init(x)
    >>> for _ in range(2):
    ...     updates, state = tx.update(2 * x, state)
    ...     x = apply_updates(x, updates)
    >>> print(f"{x:.2f}")
    0.46
    """
    memory = [] if momentum is None else [trace(momentum, nesterov, accumulator_dtype)]
    return chain(*memory, scale_by_learning_rate(learning_rate))


def sign_sgd(learning_rate: Any) -> GradientTransformationExtraArgs:
    """``-learning_rate * sign(g)``."""
    return chain(scale_by_sign(), scale_by_learning_rate(learning_rate))


def adam(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, mu_dtype: Any = None, *,
    nesterov: bool = False,
) -> GradientTransformationExtraArgs:
    """Adam (Kingma and Ba 2014); the arguments are those of `scale_by_adam`.

    >>> import numpy as np
    >>> tx, x = adam(0.1), np.array([3.0, -4.0])
    >>> updates, state = tx.update(x, tx.init(x))
    >>> print(updates.round(6))
    [-0.1  0.1]
    """
    return chain(scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov), scale_by_learning_rate(learning_rate))


def adamw(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, mu_dtype: Any = None,
    weight_decay: Any = 1e-4, mask: Mask | None = None, *, nesterov: bool = False,
) -> GradientTransformationExtraArgs:
    """`adam` with decoupled weight decay: ``-learning_rate * (update + weight_decay * params)``."""
    return chain(scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov), add_decayed_weights(weight_decay, mask),
                 scale_by_learning_rate(learning_rate))


def nadam(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, mu_dtype: Any = None, *,
    nesterov: bool = True,
) -> GradientTransformationExtraArgs:
    """`adam` with Nesterov's look ahead (Dozat 2016)."""
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


def nadamw(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, mu_dtype: Any = None,
    weight_decay: Any = 1e-4, mask: Mask | None = None, *, nesterov: bool = True,
) -> GradientTransformationExtraArgs:
    """`adamw` with Nesterov's look ahead."""
    return adamw(learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=nesterov)


def adamax(learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformationExtraArgs:
    """AdaMax: `adam` with the maximum norm."""
    return chain(scale_by_adamax(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamaxw(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, weight_decay: Any = 1e-4, mask: Mask | None = None,
) -> GradientTransformationExtraArgs:
    """`adamax` with decoupled weight decay."""
    return chain(scale_by_adamax(b1, b2, eps), add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate))


def amsgrad(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, mu_dtype: Any = None, *,
    bias_correction_mu: bool = True, bias_correction_nu: bool = True,
) -> GradientTransformationExtraArgs:
    """AMSGrad: `adam` with the greatest second moment so far."""
    return chain(scale_by_amsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu),
                 scale_by_learning_rate(learning_rate))


def adabelief(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-16, eps_root: Any = 1e-16, *, nesterov: bool = False,
) -> GradientTransformationExtraArgs:
    """AdaBelief: `adam` with the deviation of gradients from their average."""
    return chain(scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov), scale_by_learning_rate(learning_rate))


def radam(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, threshold: Any = 5.0, *,
    nesterov: bool = False,
) -> GradientTransformationExtraArgs:
    """Rectified Adam."""
    return chain(scale_by_radam(b1, b2, eps, eps_root, threshold, nesterov=nesterov), scale_by_learning_rate(learning_rate))


def yogi(learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-3) -> GradientTransformationExtraArgs:
    """Yogi: `adam` with a second moment that moves slowly."""
    return chain(scale_by_yogi(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adagrad(learning_rate: Any, initial_accumulator_value: float = 0.1, eps: Any = 1e-7) -> GradientTransformationExtraArgs:
    """AdaGrad: gradients divided by the root of the sum of all squares."""
    return chain(scale_by_rss(initial_accumulator_value, eps), scale_by_learning_rate(learning_rate))


def adadelta(
    learning_rate: Any = None, rho: Any = 0.9, eps: Any = 1e-6, weight_decay: Any = 0.0, weight_decay_mask: Mask | None = None,
) -> GradientTransformationExtraArgs:
    """AdaDelta: gradients times the ratio of the sizes of past updates and gradients."""
    return chain(add_decayed_weights(weight_decay, weight_decay_mask), scale_by_adadelta(rho, eps),
                 scale_by_learning_rate(1.0 if learning_rate is None else learning_rate))


def rmsprop(
    learning_rate: Any, decay: Any = 0.9, eps: Any = 1e-8, initial_scale: float = 0.0, eps_in_sqrt: bool = True, centered: bool = False,
    momentum: Any = None, nesterov: bool = False, bias_correction: bool = False,
) -> GradientTransformationExtraArgs:
    """RMSProp: gradients divided by the root of their mean square, or if `centered` by their standard deviation; momentum comes last."""
    divide = scale_by_stddev if centered else scale_by_rms
    memory = [] if momentum is None else [trace(momentum, nesterov)]
    return chain(divide(decay, eps, initial_scale, eps_in_sqrt, bias_correction), scale_by_learning_rate(learning_rate), *memory)


def lion(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.99, mu_dtype: Any = None, weight_decay: Any = 1e-3, mask: Mask | None = None,
) -> GradientTransformationExtraArgs:
    """Lion: signs of averaged gradients, with decoupled weight decay."""
    return chain(scale_by_lion(b1, b2, mu_dtype), add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate))


def lamb(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-6, eps_root: Any = 0.0, weight_decay: Any = 0.0,
    mask: Mask | None = None,
) -> GradientTransformationExtraArgs:
    """LAMB: `adamw` scaled leaf by leaf to the size of the parameters."""
    return chain(scale_by_adam(b1, b2, eps, eps_root), add_decayed_weights(weight_decay, mask), scale_by_trust_ratio(),
                 scale_by_learning_rate(learning_rate))


def lars(
    learning_rate: Any, weight_decay: Any = 0.0, weight_decay_mask: Mask = True, trust_coefficient: Any = 0.001, eps: Any = 0.0,
    trust_ratio_mask: Mask = True, momentum: Any = 0.9, nesterov: bool = False,
) -> GradientTransformationExtraArgs:
    """LARS: gradient descent with momentum, scaled leaf by leaf to the size of the parameters."""
    return chain(add_decayed_weights(weight_decay, weight_decay_mask),
                 masked(scale_by_trust_ratio(trust_coefficient=trust_coefficient, eps=eps), trust_ratio_mask),
                 scale_by_learning_rate(learning_rate), trace(momentum, nesterov))
