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

from functrans.calls.rules import Call, call_batch, call_jvp, call_transpose, without_forwarded
from functrans.core.aval import ShapedArray
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr
from functrans.core.trace import Tracer, running
from functrans.primitives.base import primitive
from functrans.transforms.rewrite import linearize_jaxpr
from functrans.transforms.symbolic_zeros import active_mask, explicit, with_zeros

__all__ = ["bind_jaxpr", "compiled", "has_open_consts", "jit_p", "transpose_call", "with_leading_inputs"]


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


def _inline(*avals: ShapedArray, jaxpr: ClosedJaxpr, name: str) -> ClosedJaxpr:
    return jaxpr


jit_p = primitive("jit", impl=_impl, abstract=_abstract, inline=_inline, multiple_results=True)


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

def _call(name: str) -> Call:
    return lambda closed, operands: bind_jaxpr(closed, operands, name)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, name: str) -> tuple[list[Any], list[Any]]:
    return call_jvp(_call(name), jaxpr, primals, tangents)


def _linearize(
    trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, name: str,
) -> tuple[list[Any], list[Any]]:
    primal, linear, out_active = linearize_jaxpr(jaxpr, active_mask(tangents))
    n = len(out_active)
    smaller, places = without_forwarded(primal, n)
    with running(trace.parent):
        outs = bind_jaxpr(smaller, primals, name)
    known = {"in": primals, "out": outs}
    with running(trace):
        y_dots = bind_jaxpr(linear, [*(known[kind][i] for kind, i in places), *explicit(tangents)], name)
    return outs[:n], with_zeros(y_dots, out_active, outs[:n])


def transpose_call(cts: Sequence[Any], *operands: Any, jaxpr: ClosedJaxpr, name: str) -> list[Any]:
    """The transpose of a call, as a call."""
    return call_transpose(_call(name), jaxpr, cts, operands)


def _batch(
    size: Any, args: Sequence[Any], dims: Sequence[int | None], *, jaxpr: ClosedJaxpr, name: str,
) -> tuple[list[Any], list[int | None]]:
    return call_batch(_call(name), jaxpr, size, args, dims)


def _lower(b: Any, *operands: Any, jaxpr: ClosedJaxpr, name: str) -> Any:
    raise AssertionError("calls are inlined before lowering")


jit_p.jvp, jit_p.linearize, jit_p.transpose, jit_p.batch, jit_p.lower = _jvp, _linearize, transpose_call, _batch, _lower
