"""The problem of the stored facts, and the optimizers they tell of, made by any module in Optax's convention."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.numpy as fnp
from functrans import optim as o

CURVATURES = np.array([3.0, 1.0, 0.2])
CENTRES = np.array([[1.0, -2.0], [0.5, 0.0]])
START = {"x": np.array([1.0, -2.0, 3.0]), "w": np.array([[0.5, 1.0], [-1.0, 2.0]])}


def loss(p: Any) -> Any:
    return fnp.sum(CURVATURES * p["x"] ** 2) / 2 + fnp.sum(fnp.cos(p["w"] - CENTRES))


OPTIMIZERS: dict[str, Any] = {
    "sgd": o.sgd(0.1),
    "momentum": o.sgd(0.1, momentum=0.9),
    "nesterov": o.sgd(0.1, momentum=0.9, nesterov=True),
    "adam": o.adam(0.1),
    "adam nesterov": o.adam(0.1, nesterov=True),
    "adam eps_root": o.adam(0.1, b1=0.8, b2=0.9, eps=1e-3, eps_root=1e-2),
    "adamw": o.adamw(0.1, weight_decay=0.1),
    "adagrad": o.adagrad(0.1),
    "rmsprop": o.rmsprop(0.1),
    "rmsprop centered": o.rmsprop(0.1, centered=True, momentum=0.9, nesterov=True),
    "rmsprop corrected": o.rmsprop(0.1, bias_correction=True, eps_in_sqrt=False, initial_scale=0.5),
    "adamax": o.adamax(0.1),
    "adamaxw": o.adamaxw(0.1, weight_decay=0.1),
    "nadam": o.nadam(0.1),
    "nadamw": o.nadamw(0.1, weight_decay=0.1),
    "lion": o.lion(0.1, weight_decay=0.01),
    "lamb": o.lamb(0.1, weight_decay=0.01),
    "lars": o.lars(0.1, weight_decay=0.01, momentum=0.9),
    "lars nesterov": o.lars(0.5, weight_decay=0.1, trust_coefficient=0.1, eps=1e-2, nesterov=True),
    "adabelief": o.adabelief(0.1),
    "adabelief eps": o.adabelief(0.1, eps=1e-3, eps_root=1e-2),
    "adadelta": o.adadelta(1.0),
    "amsgrad": o.amsgrad(0.1),
    "amsgrad raw": o.amsgrad(0.1, b2=0.5, bias_correction_mu=False, bias_correction_nu=False),
    "radam": o.radam(0.1),
    "radam late": o.radam(0.1, b2=0.9, threshold=4.5),
    "yogi": o.yogi(0.1),
    "sign": o.sign_sgd(0.1),
    "clipped": o.chain(o.clip(0.5), o.clip_by_global_norm(0.7), o.scale(-0.3)),
    "block rms": o.chain(o.clip_by_block_rms(0.5), o.scale(-0.3)),
    "ema": o.chain(o.ema(0.9), o.scale(-0.3)),
    "ema raw": o.chain(o.ema(0.9, debias=False), o.scale(-0.3)),
    "stddev": o.chain(o.scale_by_stddev(), o.scale(-0.1)),
    "stddev corrected": o.chain(o.scale_by_stddev(bias_correction=True, eps=1e-2), o.scale(-0.1)),
    "schedule": o.sgd(o.exponential_decay(0.3, 2, 0.5)),
    "adam schedule": o.adam(o.cosine_decay_schedule(0.3, 4)),
    "decay schedule": o.adamw(o.linear_schedule(0.1, 0.2, 3), weight_decay=0.3, mask={"x": True, "w": False}),
    "inject": o.inject_hyperparams(o.adam)(learning_rate=o.linear_schedule(0.1, 0.2, 3), b1=0.5),
    "masked": o.chain(o.masked(o.clip(0.1), {"x": True, "w": False}), o.scale(-0.3)),
    "multi": o.multi_transform({"a": o.adam(0.1), "b": o.sgd(0.2)}, {"x": "a", "w": "b"}),
    "trust": o.chain(o.scale_by_trust_ratio(min_norm=1e-3, trust_coefficient=0.5, eps=1e-2), o.scale(-0.3)),
    "centralize": o.chain(o.centralize(), o.scale(-0.3)),
}
SCHEDULES = {
    "constant": o.constant_schedule(0.3),
    "exponential": o.exponential_decay(1.0, 3, 0.5),
    "staircase": o.exponential_decay(1.0, 3, 0.5, transition_begin=2, staircase=True, end_value=0.3),
    "cosine": o.cosine_decay_schedule(2.0, 6, alpha=0.1, exponent=1.5),
    "warmup cosine": o.warmup_cosine_decay_schedule(0.1, 1.0, 3, 9, 0.05),
    "warmup exponential": o.warmup_exponential_decay_schedule(0.1, 1.0, 3, 4, 0.5),
    "warmup constant": o.warmup_constant_schedule(0.1, 1.0, 4),
    "piecewise": o.piecewise_constant_schedule(1.0, {2: 0.5, 5: 0.1}),
    "piecewise linear": o.piecewise_interpolate_schedule("linear", 1.0, {2: 0.5, 5: 0.1}),
    "piecewise cosine": o.piecewise_interpolate_schedule("cosine", 1.0, {2: 0.5, 5: 0.1}),
    "polynomial": o.polynomial_schedule(1.0, 0.1, 2, 5, 2),
    "linear": o.linear_schedule(0.0, 1.0, 4),
    "join": o.join_schedules([o.linear_schedule(0.0, 1.0, 4), o.constant_schedule(0.5)], [4]),
    "onecycle linear": o.linear_onecycle_schedule(10, 1.0),
    "onecycle cosine": o.cosine_onecycle_schedule(10, 1.0),
    "sgdr": o.sgdr_schedule([{"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 2, "decay_steps": 5},
                             {"init_value": 0.1, "peak_value": 0.5, "warmup_steps": 1, "decay_steps": 4}]),
    "negative begin": o.polynomial_schedule(1.0, 0.1, 1, 5, -2),
}
