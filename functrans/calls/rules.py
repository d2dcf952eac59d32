"""What the rules of calls have in common: each transforms the jaxpr and calls the result, by ``call(jaxpr, operands)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.core.aval import Linear, Zero, tangent_aval
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.trace import typeof
from functrans.transforms.rewrite import batch_jaxpr, jvp_jaxpr, transposed_jaxpr
from functrans.util import safe_zip

__all__ = ["Call", "call_batch", "call_jvp", "call_transpose", "explicit", "with_zeros"]

Call = Callable[[ClosedJaxpr, Sequence[Any]], list[Any]]


def explicit(values: Sequence[Any]) -> list[Any]:
    """The tangents or cotangents that are not symbolically zero."""
    return [t for t in values if type(t) is not Zero]


def with_zeros(given: Sequence[Any], active: Sequence[bool], results: Sequence[Any]) -> list[Any]:
    """Tangents of all `results`, from those of the active ones."""
    rest = iter(given)
    return [next(rest) if a else Zero(tangent_aval(typeof(y))) for a, y in safe_zip(active, results)]


def call_jvp(call: Call, jaxpr: ClosedJaxpr, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The `jvp` rule: the call of the jaxpr's derivative."""
    made, out_active = jvp_jaxpr(jaxpr, tuple(type(t) is not Zero for t in tangents))
    outs = call(made, [*primals, *explicit(tangents)])
    n = len(out_active)
    return outs[:n], with_zeros(outs[n:], out_active, outs[:n])


def call_transpose(call: Call, jaxpr: ClosedJaxpr, cts: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """The `transpose` rule: the call of the transposed jaxpr."""
    linear = tuple(isinstance(x, Linear) for x in operands)
    made, reached = transposed_jaxpr(jaxpr, linear, tuple(type(ct) is Zero for ct in cts))
    outs = iter(call(made, [*(x for x in operands if not isinstance(x, Linear)), *explicit(cts)]))
    bars = iter([next(outs) if r else None for r in reached])
    return [next(bars) if is_linear else None for is_linear in linear]


def call_batch(
    call: Call, jaxpr: ClosedJaxpr, size: Any, args: Sequence[Any], dims: Sequence[int | None],
) -> tuple[list[Any], list[int | None]]:
    """The `batch` rule: the call of the batched jaxpr."""
    made, out_dims = batch_jaxpr(jaxpr, int(size), getattr(size, "name", None), tuple(dims))
    return call(made, args), list(out_dims)
