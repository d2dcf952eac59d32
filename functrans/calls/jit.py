"""`jit`: the primitive that carries a jaxpr, and the function that makes it.

`jit(f)` traces `f` once for each combination of argument avals, pytree structure and static values, compiles the jaxpr
and calls the native code. Under other transformations the call is the equation ``jit[jaxpr]``, whose rules transform the
jaxpr: its derivative, its batched form and its transpose are `jit` calls again, and so are compiled too.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from functrans.core.array import Array
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.interpret import jaxpr_as_fun
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr
from functrans.core.trace import Tracer, axis_env, running, typeof
from functrans.primitives.base import primitive
from functrans.transforms.batching import BatchAxis, batch_flat
from functrans.transforms.jvp import jvp_flat
from functrans.transforms.linearize import linearize_flat, transpose_jaxpr
from functrans.transforms.stage import stage
from functrans.util import safe_zip

__all__ = ["bind_jaxpr", "compiled", "jit_p"]


# -- compiled code, by jaxpr -----------------------------------------------------------------------------------------------

_executables: WeakKeyDictionary[ClosedJaxpr, Any] = WeakKeyDictionary()
_compile_lock = threading.Lock()


def compiled(closed: ClosedJaxpr) -> Any:
    """The executable of a jaxpr, compiled at first need and kept as long as the jaxpr lives."""
    found = _executables.get(closed)
    if found is None:
        # llvmlite costs more to import than the rest of the library: programs that never compile never pay.
        from functrans.compiler.driver import compile_jaxpr
        with _compile_lock:
            found = _executables.get(closed)
            if found is None:
                found = _executables[closed] = compile_jaxpr(closed)
    return found


def _impl(*values: np.ndarray, jaxpr: ClosedJaxpr, name: str) -> list[np.ndarray]:
    run = compiled(jaxpr)
    out: list[np.ndarray] = run([np.require(v, requirements="C") for v in values])
    return out


def _abstract(*avals: ShapedArray, jaxpr: ClosedJaxpr, name: str) -> list[ShapedArray]:
    return jaxpr.out_avals


jit_p = primitive("jit", impl=_impl, abstract=_abstract, multiple_results=True)


def bind_jaxpr(closed: ClosedJaxpr, args: Sequence[Any], name: str) -> list[Any]:
    """Call `closed` as one equation. Constants that are tracers of outer transformations become arguments."""
    if any(isinstance(c, Tracer) for c in closed.consts):
        jaxpr = closed.jaxpr
        open_jaxpr = Jaxpr((), (*jaxpr.constvars, *jaxpr.invars), jaxpr.eqns, jaxpr.outvars)
        return list(jit_p.bind(*closed.consts, *args, jaxpr=ClosedJaxpr(open_jaxpr, ()), name=name))
    return list(jit_p.bind(*args, jaxpr=closed, name=name))


# -- transformed jaxprs ------------------------------------------------------------------------------------------------------

def _memoized(make: Callable[..., Any]) -> Callable[..., Any]:
    """Remember a transformed jaxpr by the jaxpr (weakly) and the rest of the arguments."""
    cache: WeakKeyDictionary[ClosedJaxpr, dict[Any, Any]] = WeakKeyDictionary()

    @functools.wraps(make)
    def wrapped(closed: ClosedJaxpr, *rest: Any) -> Any:
        key = (*rest, tuple(axis_env().items()))
        known = cache.setdefault(closed, {})
        if key not in known:
            known[key] = make(closed, *rest)
        return known[key]

    return wrapped


@_memoized
def jvp_jaxpr(closed: ClosedJaxpr, active: tuple[bool, ...]) -> tuple[ClosedJaxpr, tuple[bool, ...]]:
    """``(primals, active tangents) -> (results, active result tangents)`` and which results are active."""
    avals = closed.in_avals
    out_active: list[bool] = []

    def fun(*args: Any) -> list[Any]:
        primals, given = args[:len(avals)], iter(args[len(avals):])
        tangents = [next(given) if a else Zero(tangent_aval(v)) for a, v in safe_zip(active, avals)]
        ys, y_dots = jvp_flat(jaxpr_as_fun(closed), primals, tangents)
        out_active.extend(type(t) is not Zero for t in y_dots)
        return [*ys, *(t for t in y_dots if type(t) is not Zero)]

    tangent_avals = [tangent_aval(v) for a, v in safe_zip(active, avals) if a]
    made = stage(fun, [*avals, *tangent_avals], "jvp of jit")
    return made, tuple(out_active)


@_memoized
def linearize_jaxpr(closed: ClosedJaxpr, active: tuple[bool, ...]) -> tuple[ClosedJaxpr, ClosedJaxpr, tuple[bool, ...]]:
    """The primal jaxpr, which also returns residuals, and the linear one of ``(residuals, active tangents)``."""
    box: list[Any] = []

    def primal(*args: Any) -> list[Any]:
        ys, program = linearize_flat(jaxpr_as_fun(closed), args, active)
        residuals: list[Any] = []
        numbers: dict[int, int] = {}
        for eqn in program.eqns:
            for a in eqn.invars:
                value = getattr(a, "value", None)
                if isinstance(value, (Tracer, Array, np.ndarray)) and id(value) not in numbers:
                    numbers[id(value)] = len(residuals)
                    residuals.append(value)
        box.extend((program, numbers, len(ys)))
        return [*ys, *residuals]

    primal_jaxpr = stage(primal, closed.in_avals, "grad of jit")
    program, numbers, n = box
    out_active = tuple(type(y) is not Zero for y in program.outs)

    def linear(*args: Any) -> list[Any]:
        residuals, tangents = args[:len(numbers)], args[len(numbers):]
        env = dict(safe_zip(program.ins, tangents))
        for eqn in program.eqns:
            operands = []
            for a in eqn.invars:
                if a in env:
                    operands.append(env[a])
                else:
                    at = numbers.get(id(a.value))
                    operands.append(a.value if at is None else residuals[at])
            out = eqn.primitive.bind(*operands, **eqn.params)
            env.update(safe_zip(eqn.outvars, out) if eqn.primitive.multiple_results else [(eqn.outvars[0], out)])
        return [env[y] for y in program.outs if type(y) is not Zero]

    linear_avals = [*primal_jaxpr.out_avals[n:], *(v.aval for v in program.ins)]
    return primal_jaxpr, stage(linear, linear_avals, "grad of jit"), out_active


@_memoized
def batch_jaxpr(closed: ClosedJaxpr, size: int, axis_name: Any, dims: tuple[int | None, ...]) -> tuple[ClosedJaxpr, tuple[int | None, ...]]:
    """The jaxpr on batched arguments, and where the batch axis of each result is."""
    out_dims: list[int | None] = []

    def fun(*args: Any) -> list[Any]:
        values, found = batch_flat(jaxpr_as_fun(closed), BatchAxis(size, axis_name), args, dims)
        out_dims.extend(found)
        return values

    avals = [a if d is None else a.update(shape=(*a.shape[:d], size, *a.shape[d:])) for a, d in safe_zip(closed.in_avals, dims)]
    return stage(fun, avals, "vmap of jit"), tuple(out_dims)


@_memoized
def transposed_jaxpr(closed: ClosedJaxpr, linear: tuple[bool, ...], zero: tuple[bool, ...]) -> tuple[ClosedJaxpr, tuple[bool, ...]]:
    """``(known operands, given cotangents) -> cotangents of the linear operands`` and which of these are not zero."""
    reached: list[bool] = []
    known = [a for a, is_linear in safe_zip(closed.in_avals, linear) if not is_linear]
    out_avals = [tangent_aval(a) for a in closed.out_avals]

    def fun(*args: Any) -> list[Any]:
        given = iter(args[len(known):])
        cts = [Zero(a) if z else next(given) for a, z in safe_zip(out_avals, zero)]
        bars = transpose_jaxpr(closed.jaxpr, closed.consts, linear, args[:len(known)], cts)
        reached.extend(type(b) is not Zero for b in bars)
        return [b for b in bars if type(b) is not Zero]

    avals = [*known, *(a for a, z in safe_zip(out_avals, zero) if not z)]
    return stage(fun, avals, "grad of jit"), tuple(reached)


# -- rules ---------------------------------------------------------------------------------------------------------------------

def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, name: str) -> tuple[list[Any], list[Any]]:
    active = tuple(type(t) is not Zero for t in tangents)
    made, out_active = jvp_jaxpr(jaxpr, active)
    outs = bind_jaxpr(made, [*primals, *(t for t in tangents if type(t) is not Zero)], name)
    n = len(out_active)
    given = iter(outs[n:])
    return outs[:n], [next(given) if a else Zero(tangent_aval(typeof(y))) for a, y in safe_zip(out_active, outs[:n])]


def _linearize(
    trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, name: str,
) -> tuple[list[Any], list[Any]]:
    active = tuple(type(t) is not Zero for t in tangents)
    primal, linear, out_active = linearize_jaxpr(jaxpr, active)
    with running(trace.parent):
        outs = bind_jaxpr(primal, primals, name)
    n = len(out_active)
    with running(trace):
        y_dots = iter(bind_jaxpr(linear, [*outs[n:], *(t for t in tangents if type(t) is not Zero)], name))
    return outs[:n], [next(y_dots) if a else Zero(tangent_aval(typeof(y))) for a, y in safe_zip(out_active, outs[:n])]


def _transpose(cts: Sequence[Any], *operands: Any, jaxpr: ClosedJaxpr, name: str) -> list[Any]:
    linear = tuple(isinstance(x, Linear) for x in operands)
    zero = tuple(type(ct) is Zero for ct in cts)
    made, reached = transposed_jaxpr(jaxpr, linear, zero)
    known = [x for x in operands if not isinstance(x, Linear)]
    outs = iter(bind_jaxpr(made, [*known, *(ct for ct in cts if type(ct) is not Zero)], name))
    bars = iter([next(outs) if r else None for r in reached])
    return [next(bars) if is_linear else None for is_linear in linear]


def _batch(
    size: Any, args: Sequence[Any], dims: Sequence[int | None], *, jaxpr: ClosedJaxpr, name: str,
) -> tuple[list[Any], list[int | None]]:
    made, out_dims = batch_jaxpr(jaxpr, int(size), getattr(size, "name", None), tuple(dims))
    return bind_jaxpr(made, args, name), list(out_dims)


def _lower(b: Any, *operands: Any, jaxpr: ClosedJaxpr, name: str) -> Any:
    raise AssertionError("calls are inlined before lowering")


jit_p.jvp, jit_p.linearize, jit_p.transpose, jit_p.batch, jit_p.lower = _jvp, _linearize, _transpose, _batch, _lower
