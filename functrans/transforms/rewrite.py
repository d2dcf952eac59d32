"""Transformations of jaxprs: each is the evaluation of the jaxpr under the transformation's trace, staged to a jaxpr again.

What calls (`jit`, `scan`, `cond`, ...) are made of: their rules transform the jaxprs they carry by these functions. Results
are remembered by the jaxpr (weakly) and the other arguments, so that a function that is differentiated twice in the same way
is traced, and compiled, once.

`instantiate` names results whose tangent, cotangent or batch axis is made explicit though it is symbolically zero or absent:
a loop carry must have the same form on every turn. A `recorder` takes the questions about values that a rule of the user's may
ask meanwhile; without one they are refused. What depends on its answers is not remembered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from functrans.core.array import Array
from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_inexact
from functrans.core.interpret import jaxpr_as_fun
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.trace import Tracer, axis_env
from functrans.primitives.structural import instantiate as instantiated
from functrans.primitives.structural import moved_to_front
from functrans.transforms.batching import BatchAxis, batch_flat
from functrans.transforms.jvp import jvp_flat
from functrans.transforms.linearize import LinearProgram, evaluate_linear, linearize_flat, transpose_jaxpr
from functrans.transforms.stage import Recorder, stage
from functrans.util import safe_zip, split_list

__all__ = [
    "Mask", "batch_jaxpr", "jvp_jaxpr", "linear_jaxpr", "linearize_jaxpr", "linearize_opened", "memoized", "transposed_jaxpr",
]

Mask = tuple[bool, ...]


def memoized(make: Callable[..., Any]) -> Callable[..., Any]:
    """Remember a transformed jaxpr by the jaxpr (weakly) and the rest of the arguments."""
    cache: WeakKeyDictionary[ClosedJaxpr, dict[Any, Any]] = WeakKeyDictionary()

    @functools.wraps(make)
    def wrapped(closed: ClosedJaxpr, *rest: Any, recorder: Recorder | None = None) -> Any:
        key = (*rest, tuple(axis_env().items()))
        known = cache.setdefault(closed, {})
        if key in known:
            return known[key]
        made = make(closed, *rest) if recorder is None else make(closed, *rest, recorder=recorder)
        if recorder is None or not recorder.answered:
            known[key] = made
        return made

    return wrapped


def _chosen(tangents: list[Any], forced: Mask | None) -> tuple[list[Any], Mask]:
    """The tangents that are not symbolic zeros, with the forced ones made explicit; and which these are."""
    active = tuple(type(t) is not Zero or (forced is not None and forced[i] and is_inexact(t.aval.dtype))
                   for i, t in enumerate(tangents))
    return [instantiated(t) for t, a in safe_zip(tangents, active) if a], active


@memoized
def jvp_jaxpr(
    closed: ClosedJaxpr, active: Mask, instantiate: Mask | None = None, recorder: Recorder | None = None,
) -> tuple[ClosedJaxpr, Mask]:
    """``(primals, active tangents) -> (results, active result tangents)`` and which results are active."""
    avals = closed.in_avals
    out_active: list[bool] = []

    def fun(*args: Any) -> list[Any]:
        primals, given = args[:len(avals)], iter(args[len(avals):])
        tangents = [next(given) if a else Zero(tangent_aval(v)) for a, v in safe_zip(active, avals)]
        ys, y_dots = jvp_flat(jaxpr_as_fun(closed), primals, tangents)
        explicit, which = _chosen(y_dots, instantiate)
        out_active.extend(which)
        return [*ys, *explicit]

    tangent_avals = [tangent_aval(v) for a, v in safe_zip(active, avals) if a]
    made = stage(fun, [*avals, *tangent_avals], "jvp of jit", recorder)
    return made, tuple(out_active)


@memoized
def linearize_jaxpr(
    closed: ClosedJaxpr, active: Mask, instantiate: Mask | None = None, recorder: Recorder | None = None,
) -> tuple[ClosedJaxpr, ClosedJaxpr, Mask]:
    """The primal jaxpr, which also returns residuals, the linear one of ``(residuals, active tangents)``, and which results
    are active."""
    box: list[Any] = []

    def primal(*args: Any) -> list[Any]:
        ys, code, residuals = linearize_opened(closed, args, active)
        box.extend((code, len(ys)))
        return [*ys, *residuals]

    primal_jaxpr = stage(primal, closed.in_avals, "grad of jit", recorder)
    code, n = box
    return primal_jaxpr, *linear_jaxpr(code, primal_jaxpr.out_avals[n:], instantiate)


def linearize_opened(closed: ClosedJaxpr, args: Sequence[Any], active: Mask) -> tuple[list[Any], LinearProgram, list[Any]]:
    """The results of `closed`, its linear program with places for the residuals, and the residuals."""
    ys, program = linearize_flat(jaxpr_as_fun(closed), args, active)
    return ys, *program.opened(lambda value: isinstance(value, (Tracer, Array, np.ndarray)))


def linear_jaxpr(
    code: LinearProgram, residual_avals: Sequence[ShapedArray], instantiate: Mask | None = None,
) -> tuple[ClosedJaxpr, Mask]:
    """An opened program as a jaxpr of ``(residuals, tangents)``, and which results are active."""
    out_active: list[bool] = []

    def linear(*args: Any) -> list[Any]:
        residuals, tangents = split_list(args, [len(residual_avals)])
        explicit, which = _chosen(evaluate_linear(code.closed(residuals), tangents), instantiate)
        out_active.extend(which)
        return explicit

    made = stage(linear, [*residual_avals, *(v.aval for v in code.ins)], "grad of jit")
    return made, tuple(out_active)


@memoized
def batch_jaxpr(
    closed: ClosedJaxpr, size: int, axis_name: Any, dims: tuple[int | None, ...], instantiate: Mask | None = None,
    recorder: Recorder | None = None,
) -> tuple[ClosedJaxpr, tuple[int | None, ...]]:
    """The jaxpr on batched arguments, and where the batch axis of each result is (0 for those to `instantiate`)."""
    out_dims: list[int | None] = []

    def fun(*args: Any) -> list[Any]:
        values, found = batch_flat(jaxpr_as_fun(closed), BatchAxis(size, axis_name), args, dims)
        if instantiate is not None:
            values = [moved_to_front(size, v, d) if f else v for v, d, f in safe_zip(values, found, instantiate)]
            found = [0 if f else d for d, f in safe_zip(found, instantiate)]
        out_dims.extend(found)
        return values

    avals = [a if d is None else a.update(shape=(*a.shape[:d], size, *a.shape[d:])) for a, d in safe_zip(closed.in_avals, dims)]
    made = stage(fun, avals, "vmap of jit", recorder)
    return made, tuple(out_dims)


@memoized
def transposed_jaxpr(
    closed: ClosedJaxpr, linear: Mask, zero: Mask, instantiate: Mask | bool = False, recorder: Recorder | None = None,
) -> tuple[ClosedJaxpr, Mask]:
    """``(known operands, given cotangents) -> cotangents of the linear operands`` and which of these are not zero.

    `instantiate` has one flag for each linear operand; True stands for all of them.
    """
    reached: list[bool] = []
    known = [a for a, is_linear in safe_zip(closed.in_avals, linear) if not is_linear]
    out_avals = [tangent_aval(a) for a in closed.out_avals]

    def fun(*args: Any) -> list[Any]:
        given = iter(args[len(known):])
        cts = [Zero(a) if z else next(given) for a, z in safe_zip(out_avals, zero)]
        bars = transpose_jaxpr(closed.jaxpr, closed.consts, linear, args[:len(known)], cts)
        forced = instantiate if isinstance(instantiate, tuple) else (instantiate,) * len(bars)
        explicit, which = _chosen(bars, forced)
        reached.extend(which)
        return explicit

    avals = [*known, *(a for a, z in safe_zip(out_avals, zero) if not z)]
    made = stage(fun, avals, "grad of jit", recorder)
    return made, tuple(reached)
