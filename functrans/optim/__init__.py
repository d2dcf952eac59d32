"""Optimizers and schedules in Optax's convention: pairs of pure functions ``init`` and ``update`` on pytrees.

>>> import numpy as np
>>> import functrans as ft
>>> from functrans import optim
>>> def loss(w):
...     return ((w - 3.0) ** 2).sum()
>>> optimizer = optim.adam(learning_rate=0.1)
>>> @ft.jit
... def step(w, state):
...     updates, state = optimizer.update(ft.grad(loss)(w), state, w)
...     return optim.apply_updates(w, updates), state
>>> w = np.zeros(2)
>>> state = optimizer.init(w)
>>> for _ in range(200):
...     w, state = step(w, state)
>>> print(w.round(2))
[3. 3.]
"""

from functrans.optim.base import EmptyState as EmptyState
from functrans.optim.base import GradientTransformation as GradientTransformation
from functrans.optim.base import GradientTransformationExtraArgs as GradientTransformationExtraArgs
from functrans.optim.base import apply_updates as apply_updates
from functrans.optim.base import chain as chain
from functrans.optim.base import global_norm as global_norm
from functrans.optim.base import identity as identity
from functrans.optim.base import incremental_update as incremental_update
from functrans.optim.base import named_chain as named_chain
from functrans.optim.base import set_to_zero as set_to_zero
from functrans.optim.base import stateless as stateless
from functrans.optim.base import with_extra_args_support as with_extra_args_support
from functrans.optim.hyperparams import InjectHyperparamsState as InjectHyperparamsState
from functrans.optim.hyperparams import inject_hyperparams as inject_hyperparams
from functrans.optim.lbfgs import ScaleByLBFGSState as ScaleByLBFGSState
from functrans.optim.lbfgs import lbfgs as lbfgs
from functrans.optim.lbfgs import scale_by_lbfgs as scale_by_lbfgs
from functrans.optim.linesearch import BacktrackingLinesearchInfo as BacktrackingLinesearchInfo
from functrans.optim.linesearch import ScaleByBacktrackingLinesearchState as ScaleByBacktrackingLinesearchState
from functrans.optim.linesearch import ScaleByZoomLinesearchState as ScaleByZoomLinesearchState
from functrans.optim.linesearch import ZoomLinesearchInfo as ZoomLinesearchInfo
from functrans.optim.linesearch import scale_by_backtracking_linesearch as scale_by_backtracking_linesearch
from functrans.optim.linesearch import scale_by_zoom_linesearch as scale_by_zoom_linesearch
from functrans.optim.linesearch import value_and_grad_from_state as value_and_grad_from_state
from functrans.optim.masks import MaskedNode as MaskedNode
from functrans.optim.masks import MaskedState as MaskedState
from functrans.optim.masks import MultiTransformState as MultiTransformState
from functrans.optim.masks import PartitionState as PartitionState
from functrans.optim.masks import masked as masked
from functrans.optim.masks import multi_transform as multi_transform
from functrans.optim.masks import partition as partition
from functrans.optim.moments import EmaState as EmaState
from functrans.optim.moments import ScaleByAdaDeltaState as ScaleByAdaDeltaState
from functrans.optim.moments import ScaleByAdamState as ScaleByAdamState
from functrans.optim.moments import ScaleByAmsgradState as ScaleByAmsgradState
from functrans.optim.moments import ScaleByBeliefState as ScaleByBeliefState
from functrans.optim.moments import ScaleByLionState as ScaleByLionState
from functrans.optim.moments import ScaleByRmsState as ScaleByRmsState
from functrans.optim.moments import ScaleByRmsWithCountState as ScaleByRmsWithCountState
from functrans.optim.moments import ScaleByRssState as ScaleByRssState
from functrans.optim.moments import ScaleByRStdDevState as ScaleByRStdDevState
from functrans.optim.moments import ScaleByRStdDevWithCountState as ScaleByRStdDevWithCountState
from functrans.optim.moments import TraceState as TraceState
from functrans.optim.moments import ema as ema
from functrans.optim.moments import scale_by_adadelta as scale_by_adadelta
from functrans.optim.moments import scale_by_adam as scale_by_adam
from functrans.optim.moments import scale_by_adamax as scale_by_adamax
from functrans.optim.moments import scale_by_amsgrad as scale_by_amsgrad
from functrans.optim.moments import scale_by_belief as scale_by_belief
from functrans.optim.moments import scale_by_lion as scale_by_lion
from functrans.optim.moments import scale_by_radam as scale_by_radam
from functrans.optim.moments import scale_by_rms as scale_by_rms
from functrans.optim.moments import scale_by_rss as scale_by_rss
from functrans.optim.moments import scale_by_stddev as scale_by_stddev
from functrans.optim.moments import scale_by_yogi as scale_by_yogi
from functrans.optim.moments import trace as trace
from functrans.optim.optimizers import adabelief as adabelief
from functrans.optim.optimizers import adadelta as adadelta
from functrans.optim.optimizers import adagrad as adagrad
from functrans.optim.optimizers import adam as adam
from functrans.optim.optimizers import adamax as adamax
from functrans.optim.optimizers import adamaxw as adamaxw
from functrans.optim.optimizers import adamw as adamw
from functrans.optim.optimizers import amsgrad as amsgrad
from functrans.optim.optimizers import lamb as lamb
from functrans.optim.optimizers import lars as lars
from functrans.optim.optimizers import lion as lion
from functrans.optim.optimizers import nadam as nadam
from functrans.optim.optimizers import nadamw as nadamw
from functrans.optim.optimizers import radam as radam
from functrans.optim.optimizers import rmsprop as rmsprop
from functrans.optim.optimizers import sgd as sgd
from functrans.optim.optimizers import sign_sgd as sign_sgd
from functrans.optim.optimizers import yogi as yogi
from functrans.optim.scaling import ScaleByScheduleState as ScaleByScheduleState
from functrans.optim.scaling import Schedule as Schedule
from functrans.optim.scaling import add_decayed_weights as add_decayed_weights
from functrans.optim.scaling import centralize as centralize
from functrans.optim.scaling import clip as clip
from functrans.optim.scaling import clip_by_block_rms as clip_by_block_rms
from functrans.optim.scaling import clip_by_global_norm as clip_by_global_norm
from functrans.optim.scaling import scale as scale
from functrans.optim.scaling import scale_by_learning_rate as scale_by_learning_rate
from functrans.optim.scaling import scale_by_schedule as scale_by_schedule
from functrans.optim.scaling import scale_by_sign as scale_by_sign
from functrans.optim.scaling import scale_by_trust_ratio as scale_by_trust_ratio
from functrans.optim.schedules import constant_schedule as constant_schedule
from functrans.optim.schedules import cosine_decay_schedule as cosine_decay_schedule
from functrans.optim.schedules import cosine_onecycle_schedule as cosine_onecycle_schedule
from functrans.optim.schedules import exponential_decay as exponential_decay
from functrans.optim.schedules import join_schedules as join_schedules
from functrans.optim.schedules import linear_onecycle_schedule as linear_onecycle_schedule
from functrans.optim.schedules import linear_schedule as linear_schedule
from functrans.optim.schedules import piecewise_constant_schedule as piecewise_constant_schedule
from functrans.optim.schedules import piecewise_interpolate_schedule as piecewise_interpolate_schedule
from functrans.optim.schedules import polynomial_schedule as polynomial_schedule
from functrans.optim.schedules import sgdr_schedule as sgdr_schedule
from functrans.optim.schedules import warmup_constant_schedule as warmup_constant_schedule
from functrans.optim.schedules import warmup_cosine_decay_schedule as warmup_cosine_decay_schedule
from functrans.optim.schedules import warmup_exponential_decay_schedule as warmup_exponential_decay_schedule
