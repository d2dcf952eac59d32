"""`jit`: the primitive that carries a jaxpr, and the function that makes it.

`jit(f)` traces `f` once for each combination of argument avals, pytree structure and static values, compiles the jaxpr
and calls the native code. Under other transformations the call is the equation ``jit[jaxpr]``, whose rules transform the
jaxpr (`functrans.calls.jit_rules`): its derivative, its batched form and its transpose are `jit` calls again, and so are compiled too.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from functrans.config import options
from functrans.core.aval import ShapedArray
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr
from functrans.core.trace import EvalTrace, Tracer, running
from functrans.core.watch import refused
from functrans.primitives.base import primitive

__all__ = ["bind_jaxpr", "compiled", "has_open_consts", "jit_p", "with_leading_inputs"]


# -- compiled code, by jaxpr -----------------------------------------------------------------------------------------------

_executables: WeakKeyDictionary[ClosedJaxpr, Any] = WeakKeyDictionary()
_compile_lock = threading.Lock()
_EVALUATION = EvalTrace(None)


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
    if refused(out, options()):  # operation by operation, to name the first that makes such a number
        with running(_EVALUATION):
            eval_jaxpr(jaxpr.jaxpr, jaxpr.consts, *values)
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


def _lower(b: Any, *operands: Any, jaxpr: ClosedJaxpr, name: str) -> Any:
    raise AssertionError("calls are inlined before lowering")


jit_p.lower = _lower  # the rules of derivatives and batches stand in functrans.calls.jit_rules
