"""`inject_hyperparams`: an optimizer whose numbers (learning rate, decays ...) are in its state, where they can be changed or scheduled."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, NamedTuple

from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, is_array_like
from functrans.numpy.util import as_operand, asarray_internal
from functrans.optim.base import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    Params,
    next_count,
    with_extra_args_support,
    zero_count,
)
from functrans.primitives.structural import convert_element_type

__all__ = ["InjectHyperparamsState", "inject_hyperparams"]


class InjectHyperparamsState(NamedTuple):
    """The number of updates, the numbers by name, and the state of the optimizer."""

    count: Any
    hyperparams: dict[str, Any]
    inner_state: Any


def inject_hyperparams(
    inner_factory: Callable[..., GradientTransformation], static_args: str | Iterable[str] = (), hyperparam_dtype: Any = None,
) -> Callable[..., GradientTransformationExtraArgs]:
    """`inner_factory` with its numeric arguments kept in the state, as ``state.hyperparams[name]``.

    Args:
        inner_factory: a function that makes a transformation, such as `adam`.
        static_args: names of arguments that are left alone. Booleans, None, strings and the like are left alone anyway.
        hyperparam_dtype: the dtype of the numbers, their own unless given.

    Returns:
        a function of the arguments of `inner_factory`, where a function of the number of updates (a schedule) may stand for a number.

    Raises:
        ValueError: if a name of `static_args` is not an argument.

    >>> import numpy as np
    >>> from functrans.optim.optimizers import sgd
    >>> tx = inject_hyperparams(sgd)(learning_rate=0.5)
    >>> state = tx.init(np.array(0.0))
    >>> state.hyperparams["learning_rate"] = 0.25
    >>> print(tx.update(np.array(1.0), state)[0])
    -0.25
    """
    signature = inspect.signature(inner_factory)
    fixed = {static_args} if isinstance(static_args, str) else set(static_args)
    if unknown := fixed - set(signature.parameters):
        raise ValueError(f"inject_hyperparams: {sorted(unknown)} are not arguments of {inner_factory.__name__}{signature}, at "
                         f"{describe(user_source())}.")

    @wraps(inner_factory)
    def factory(*args: Any, **kwargs: Any) -> GradientTransformationExtraArgs:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        schedules = {k: v for k, v in bound.arguments.items() if k not in fixed and callable(v)}
        numbers = {k: v for k, v in bound.arguments.items() if k not in fixed and _is_number(v)}
        rest = {k: v for k, v in bound.arguments.items() if k not in schedules and k not in numbers}

        def made(hyperparams: dict[str, Any]) -> GradientTransformationExtraArgs:
            call = inspect.BoundArguments(signature, {k: {**rest, **hyperparams}[k] for k in bound.arguments})
            return with_extra_args_support(inner_factory(*call.args, **call.kwargs))

        def scheduled(count: Any) -> dict[str, Any]:
            return {k: _number(f(count), hyperparam_dtype) for k, f in schedules.items()}

        def init(params: Params) -> InjectHyperparamsState:
            count = zero_count()
            values = {**{k: _number(v, hyperparam_dtype) for k, v in numbers.items()}, **scheduled(count)}
            return InjectHyperparamsState(count, values, made(values).init(params))

        def update(updates: Any, state: InjectHyperparamsState, params: Params = None, **extra: Any) -> tuple[Any, InjectHyperparamsState]:
            values = {**state.hyperparams, **scheduled(state.count)}
            updates, inner = made(values).update(updates, state.inner_state, params, **extra)
            return updates, InjectHyperparamsState(next_count(state.count), values, inner)

        return GradientTransformationExtraArgs(init, update)

    return factory


def _is_number(x: Any) -> bool:
    return isinstance(x, Tracer) or (not isinstance(x, (bool, list, tuple, str)) and is_array_like(x))


def _number(x: Any, dtype: Any) -> Any:
    return asarray_internal(x) if dtype is None else asarray_internal(convert_element_type(as_operand(x), canonical(dtype)))
