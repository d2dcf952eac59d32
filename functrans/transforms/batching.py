"""`vmap`: every value carries an axis that the function does not see.

Each primitive's `batch` rule says how it acts on operands with one more axis and where that axis is in the result. An
unbatched operand stays unbatched as long as possible, so that work independent of the batch is done once. Collectives
(`psum` ...) that name this trace's axis are answered here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from functrans.core.aval import ShapedArray
from functrans.core.jaxpr import subjaxprs
from functrans.core.leaks import ended
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, Trace, Tracer, current_trace, extended_axis_env, running, typeof
from functrans.primitives.structural import move_axis, moved_to_front
from functrans.util import safe_zip

__all__ = ["BatchAxis", "BatchTrace", "BatchTracer", "asks_for", "batch_flat", "from_batched"]


class BatchAxis(int):
    """The size of the batch axis, which remembers its name: rules of primitives that carry jaxprs pass it on."""

    name: Hashable

    def __new__(cls, size: int, name: Hashable = None) -> BatchAxis:
        axis = super().__new__(cls, size)
        axis.name = name
        return axis


class BatchTracer(Tracer):
    """A value with a hidden axis `dim` (None: the same for the whole batch)."""

    __slots__ = ("dim", "value")

    def __init__(self, trace: Trace, value: Any, dim: int | None) -> None:
        aval = typeof(value)
        if dim is not None:
            aval = ShapedArray(aval.shape[:dim] + aval.shape[dim + 1:], aval.dtype, aval.weak_type)
        self._trace = trace
        self._made_at = None
        self.aval = aval
        self.value = value
        self.dim = dim

    @property
    def behind(self) -> Any:
        return self.value if self.dim is None else None

    def why_unknown(self) -> str:
        if self.dim is None:
            return Tracer.why_unknown(self)
        return ("It differs along the axis that vmap maps over: each element of the batch has a value of its own, and there is one "
                "program for all.")


class BatchTrace(Trace):
    """One application of `vmap`."""

    __slots__ = ("axis",)
    name = "vmap"

    def __init__(self, parent: Trace, axis: BatchAxis) -> None:
        super().__init__(parent)
        self.axis = axis

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        parent, axis = self.parent, self.axis
        assert parent is not None
        values: list[Any] = []
        dims: list[int | None] = []
        for x in args:
            if type(x) is BatchTracer and x._trace is self:
                values.append(x.value)
                dims.append(x.dim)
            else:
                values.append(x)
                dims.append(None)
        if primitive.named_batch is not None and axis.name is not None and axis.name in params["axes"]:
            rule = primitive.named_batch
        elif all(d is None for d in dims) and (axis.name is None or not asks_for(axis.name, params)):
            return parent.process(primitive, values, params)
        else:
            rule = primitive.rule("batch")
        with running(parent):
            out, dim = rule(axis, values, dims, **params)
        if primitive.multiple_results:
            return [BatchTracer(self, y, d) for y, d in safe_zip(out, dim)]
        return BatchTracer(self, out, dim)


def asks_for(name: Hashable, params: dict[str, Any]) -> bool:
    """Whether a jaxpr among the params has a collective over the axis: its results may differ along the batch of their own."""
    return any((e.primitive.named_batch is not None and name in e.params["axes"]) or asks_for(name, e.params)
               for closed in subjaxprs(params) for e in closed.eqns)


def from_batched(axis: int, value: Any, dim: int | None, out_dim: int | None) -> Any:
    """A batched value with its axis at `out_dim`; None demands that it is not batched."""
    if out_dim is None:
        if dim is not None:
            raise ValueError(
                "vmap has out_axes=None for a result that differs along the batch; give it an axis, for example out_axes=0, at "
                f"{describe(user_source())}.")
        return value
    if dim is None:
        return move_axis(moved_to_front(axis, value, None), 0, out_dim)
    return move_axis(value, dim, out_dim)


def batch_flat(
    fun: Callable[..., Sequence[Any]], axis: BatchAxis, args: Sequence[Any], dims: Sequence[int | None],
) -> tuple[list[Any], list[int | None]]:
    """Run ``fun(*args) -> flat results`` with axis ``dims[i]`` of each argument hidden: values and where the axis is."""
    trace = BatchTrace(current_trace(), axis)
    try:
        batched = _batched(trace, fun, axis, args, dims)
    finally:
        trace.close()
    ended(trace)
    return batched


def _batched(
    trace: BatchTrace, fun: Callable[..., Sequence[Any]], axis: BatchAxis, args: Sequence[Any], dims: Sequence[int | None],
) -> tuple[list[Any], list[int | None]]:
    with running(trace), extended_axis_env({} if axis.name is None else {axis.name: int(axis)}):
        outs = fun(*[x if d is None else BatchTracer(trace, x, d) for x, d in safe_zip(args, dims)])
    values, out_dims = [], []
    for y in outs:
        mine = type(y) is BatchTracer and y._trace is trace
        values.append(y.value if mine else y)
        out_dims.append(y.dim if mine else None)
    return values, out_dims
