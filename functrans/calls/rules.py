"""What the rules of calls have in common: each transforms the jaxpr and calls the result, by ``call(jaxpr, operands)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.core.aval import Linear, Zero
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr, Var
from functrans.transforms.rewrite import batch_jaxpr, jvp_jaxpr, memoized, transposed_jaxpr
from functrans.transforms.stage import Recorder
from functrans.transforms.symbolic_zeros import active_mask, explicit, with_zeros

__all__ = ["Call", "call_batch", "call_jvp", "call_transpose", "without_forwarded"]

Call = Callable[[ClosedJaxpr, Sequence[Any]], list[Any]]


@memoized
def without_forwarded(primal: ClosedJaxpr, num_results: int) -> tuple[ClosedJaxpr, tuple[tuple[str, int], ...]]:
    """A primal jaxpr that returns only residuals that are neither inputs nor results, each once; and where every residual is found:
    ``("in", i)`` or ``("out", i)``. What is an input of a call is then known to be one outside, and a loop need not stack it."""
    jaxpr = primal.jaxpr
    places: dict[Any, tuple[str, int]] = {v: ("out", i) for i, v in enumerate(jaxpr.outvars[:num_results]) if type(v) is Var}
    places |= {v: ("in", i) for i, v in enumerate(jaxpr.invars)}
    outvars = list(jaxpr.outvars[:num_results])
    for a in jaxpr.outvars[num_results:]:
        if a not in places:
            places[a] = ("out", len(outvars))
            outvars.append(a)
    smaller = Jaxpr(jaxpr.constvars, jaxpr.invars, jaxpr.eqns, tuple(outvars))
    return ClosedJaxpr(smaller, primal.consts), tuple(places[a] for a in jaxpr.outvars[num_results:])


def call_jvp(
    call: Call, jaxpr: ClosedJaxpr, primals: Sequence[Any], tangents: Sequence[Any], recorder: Recorder | None = None,
) -> tuple[list[Any], list[Any]]:
    """The `jvp` rule: the call of the jaxpr's derivative."""
    made, out_active = jvp_jaxpr(jaxpr, active_mask(tangents), recorder=recorder)
    outs = call(made, [*primals, *explicit(tangents)])
    n = len(out_active)
    return outs[:n], with_zeros(outs[n:], out_active, outs[:n])


def call_transpose(
    call: Call, jaxpr: ClosedJaxpr, cts: Sequence[Any], operands: Sequence[Any], recorder: Recorder | None = None,
) -> list[Any]:
    """The `transpose` rule: the call of the transposed jaxpr."""
    linear = tuple(isinstance(x, Linear) for x in operands)
    made, reached = transposed_jaxpr(jaxpr, linear, tuple(type(ct) is Zero for ct in cts), recorder=recorder)
    outs = iter(call(made, [*(x for x in operands if not isinstance(x, Linear)), *explicit(cts)]))
    bars = iter([next(outs) if r else None for r in reached])
    return [next(bars) if is_linear else None for is_linear in linear]


def call_batch(
    call: Call, jaxpr: ClosedJaxpr, size: Any, args: Sequence[Any], dims: Sequence[int | None], recorder: Recorder | None = None,
) -> tuple[list[Any], list[int | None]]:
    """The `batch` rule: the call of the batched jaxpr."""
    made, out_dims = batch_jaxpr(jaxpr, int(size), getattr(size, "name", None), tuple(dims), recorder=recorder)
    return call(made, args), list(out_dims)
