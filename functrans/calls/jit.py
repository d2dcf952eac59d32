"""`jit`: the primitive that carries a jaxpr, and the function that makes it.

`jit(f)` traces `f` once for each combination of argument avals, pytree structure and static values, compiles the jaxpr
and calls the native code. Under other transformations the call is the equation ``jit[jaxpr]``, whose rules transform the
jaxpr: its derivative, its batched form and its transpose are `jit` calls again, and so are compiled too.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr
from functrans.core.trace import Tracer, running, typeof
from functrans.primitives.base import primitive
from functrans.transforms.rewrite import batch_jaxpr, jvp_jaxpr, linearize_jaxpr, transposed_jaxpr
from functrans.util import safe_zip

__all__ = ["bind_jaxpr", "compiled", "has_open_consts", "jit_p", "with_leading_inputs"]


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
    if has_open_consts(closed):
        closed, args = with_leading_inputs(closed), [*closed.consts, *args]
    return list(jit_p.bind(*args, jaxpr=closed, name=name))


def has_open_consts(closed: ClosedJaxpr) -> bool:
    """Whether `closed` was traced over values of outer transformations, and so serves one call only."""
    return any(isinstance(c, Tracer) for c in closed.consts)


def with_leading_inputs(closed: ClosedJaxpr) -> ClosedJaxpr:
    """`closed` with its constants as leading inputs."""
    jaxpr = closed.jaxpr
    return ClosedJaxpr(Jaxpr((), (*jaxpr.constvars, *jaxpr.invars), jaxpr.eqns, jaxpr.outvars), ())


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
