"""The convention of `functrans.optim`: a gradient transformation is a pair of pure functions ``init`` and ``update``.

``state = init(params)`` makes a state; ``updates, state = update(updates, state, params)`` turns gradients into what is to be added
to the parameters (`apply_updates`). Parameters, updates and states are pytrees, so that `jit`, `vmap`, `lax.scan` and `grad` take them.
The names and meanings are Optax's (DeepMind, 2020), whose optimizers and states can be used in place of these and conversely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.creation import zeros_like
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.ufuncs import conjugate, real, sqrt
from functrans.numpy.util import as_operand, asarray_internal
from functrans.primitives.structural import convert_element_type
from functrans.tree_util import tree_leaves, tree_map

__all__ = [
    "EmptyState", "GradientTransformation", "GradientTransformationExtraArgs", "Params", "apply_updates", "bias_correction", "chain",
    "global_norm", "identity", "incremental_update", "moment", "named_chain", "next_count", "real_dtype", "require_params", "scaled",
    "set_to_zero", "square_of", "stateless", "tree_zeros", "with_extra_args_support", "zero_count",
]

Params = Any  # a pytree of arrays, here and in the other modules


class GradientTransformation(NamedTuple):
    """The pair ``init(params) -> state`` and ``update(updates, state, params=None) -> (updates, state)``."""

    init: Callable[[Params], Any]
    update: Callable[..., tuple[Any, Any]]


class GradientTransformationExtraArgs(GradientTransformation):
    """A transformation whose ``update`` takes further keyword arguments (``value``, ``grad``, ``value_fn``, ...)."""


class EmptyState(NamedTuple):
    """The state of a transformation that has none."""


# -- parts of update rules --------------------------------------------------------------------------------------------

def real_dtype(x: Any) -> np.dtype:
    """That of a real number which multiplies `x` and leaves its dtype alone."""
    dtype = typeof(as_operand(x)).dtype
    return np.dtype(dtype.type(0).real.dtype) if dtype.kind == "c" else dtype


def scaled(step: Any, x: Any) -> Any:
    """``step * x`` in the dtype of `x`, whatever that of the number `step`."""
    return asarray_internal(convert_element_type(step, real_dtype(x))) * x


def square_of(x: Any) -> Any:
    """``abs(x)**2``, real."""
    return real(x * conjugate(x)) if typeof(as_operand(x)).dtype.kind == "c" else x * x


def moment(decay: Any, values: Any, averages: Any) -> Any:
    """The exponential moving averages ``decay * average + (1 - decay) * value``, leaf by leaf."""
    return tree_map(lambda x, m: scaled(decay, m) + scaled(1 - decay, x), values, averages)


def bias_correction(averages: Any, decay: Any, count: Any) -> Any:
    """Averages that started from zeros, divided by ``1 - decay**count``, the weight that `count` values have in them."""
    return tree_map(lambda m: m / asarray_internal(convert_element_type(1 - decay ** count, real_dtype(m))), averages)


def zero_count() -> Any:
    """The number of updates at the start."""
    return asarray_internal(np.zeros((), np.int32))


def next_count(count: Any) -> Any:
    """``count + 1``, without overflow."""
    return where(count < np.iinfo(np.int32).max, count + 1, count)


def tree_zeros(params: Params, dtype: Any = None) -> Any:
    """Zeros like the leaves of `params`."""
    wanted = None if dtype is None else canonical(dtype)
    return tree_map(lambda p: zeros_like(p, dtype=wanted), params)


def require_params(name: str, params: Params) -> None:
    """Refuse an ``update`` without parameters where the rule depends on them."""
    if params is None:
        raise ValueError(f"{name} needs the parameters: call update(updates, state, params), at {describe(user_source())}.")


def global_norm(updates: Any) -> Any:
    """The Euclidean norm of all leaves together.

    >>> print(global_norm({"a": np.array([3.0]), "b": np.array([[4.0]])}))
    5.0
    """
    return sqrt(sum(sum_(square_of(x)) for x in tree_leaves(updates)))


def apply_updates(params: Params, updates: Any) -> Any:
    """``params + updates``, in the dtypes of `params`; leaves that are None stay None.

    >>> apply_updates({"w": np.array([1.0, 2.0])}, {"w": np.array([0.5, -1.0])})
    {'w': Array([1.5, 1. ], dtype=float64)}
    """
    return tree_map(lambda p, u: None if p is None else convert_element_type(asarray_internal(p) + u, typeof(as_operand(p)).dtype),
                    params, updates, is_leaf=lambda x: x is None)


def incremental_update(new_tensors: Params, old_tensors: Params, step_size: Any) -> Any:
    """``step_size * new + (1 - step_size) * old`` leaf by leaf (Polyak averaging).

    >>> print(incremental_update(np.array(1.0), np.array(3.0), 0.5))
    2.0
    """
    return tree_map(lambda new, old: scaled(step_size, new) + scaled(1 - step_size, old), new_tensors, old_tensors)


# -- the simplest transformations, and composition --------------------------------------------------------------------

def stateless(f: Callable[[Any, Params], Any]) -> GradientTransformation:
    """The transformation without state whose updates are ``f(updates, params)``.

    >>> flip = stateless(lambda updates, params: tree_map(lambda u: -u, updates))
    >>> print(flip.update(np.array(2.0), flip.init(None))[0])
    -2.0
    """
    return GradientTransformation(lambda params: EmptyState(), lambda updates, state, params=None: (f(updates, params), state))


def identity() -> GradientTransformation:
    """The transformation that changes nothing."""
    return stateless(lambda updates, params: updates)


def set_to_zero() -> GradientTransformation:
    """The transformation whose updates are zeros."""
    return stateless(lambda updates, params: tree_zeros(updates))


def with_extra_args_support(tx: GradientTransformation) -> GradientTransformationExtraArgs:
    """`tx` with an ``update`` that takes, and where `tx` does not use them drops, extra keyword arguments."""
    if isinstance(tx, GradientTransformationExtraArgs):
        return tx
    return GradientTransformationExtraArgs(tx.init, lambda updates, state, params=None, **extra: tx.update(updates, state, params))


def chain(*args: GradientTransformation) -> GradientTransformationExtraArgs:
    """One transformation after another; the state is the tuple of theirs.

    Raises:
        TypeError: if an argument is not a transformation.
        ValueError: (from ``update``) if the state is not that of as many transformations.

    >>> from functrans.optim.scaling import clip, scale
    >>> tx = chain(clip(1.0), scale(-0.1))
    >>> print(tx.update(np.array(5.0), tx.init(np.array(0.0)))[0])
    -0.1
    """
    for tx in args:
        if not isinstance(tx, GradientTransformation):
            raise TypeError(f"chain takes gradient transformations; got {tx!r} of type {type(tx).__name__}, at {describe(user_source())}.")
    parts = [with_extra_args_support(tx) for tx in args]

    def update(updates: Any, state: Any, params: Params = None, **extra: Any) -> tuple[Any, Any]:
        if not isinstance(state, tuple) or len(state) != len(parts):
            raise ValueError(f"chain of {len(parts)} transformations was given a state that is not theirs, {state!r}, at "
                             f"{describe(user_source())}. Make it with init(params).")
        states = []
        for tx, part in zip(parts, state, strict=True):
            updates, part = tx.update(updates, part, params, **extra)
            states.append(part)
        return updates, tuple(states)

    return GradientTransformationExtraArgs(lambda params: tuple(tx.init(params) for tx in parts), update)


def named_chain(*args: tuple[str, GradientTransformation]) -> GradientTransformationExtraArgs:
    """As `chain`, of pairs (name, transformation); the state is a dict by name.

    Raises:
        ValueError: if two have one name.
    """
    names = [name for name, _ in args]
    if len(set(names)) != len(names):
        raise ValueError(f"named_chain: names must differ; got {names}, at {describe(user_source())}.")
    whole = chain(*(tx for _, tx in args))

    def update(updates: Any, state: Any, params: Params = None, **extra: Any) -> tuple[Any, Any]:
        updates, states = whole.update(updates, tuple(state[name] for name in names), params, **extra)
        return updates, dict(zip(names, states, strict=True))

    return GradientTransformationExtraArgs(lambda params: dict(zip(names, whole.init(params), strict=True)), update)
