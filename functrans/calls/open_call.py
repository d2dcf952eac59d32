"""Calls of Python functions that carry rules of their own: what `custom_jvp`, `custom_vjp`, `custom_vmap` have in common.

Such a call is *open*: its params hold the function itself, which runs when somebody needs its result and not before. So
eager code keeps its Python control flow: evaluation runs the function, differentiation runs the rule in its place, on the
values of the surrounding trace. Only staging closes a call: the function becomes a jaxpr, what it closed over becomes leading
operands, and the rule stays beside it for whoever differentiates or batches the jaxpr later::

    fun      a function of flat arrays to a list, or a `ClosedJaxpr` of it
    rule     the rule, of the arguments only
    num_consts   how many leading operands the function closed over; the rule knows nothing of them

Every trace asks its own question of a call, and so `bind` asks what kind of trace is current (`OpenCall.enter`):

=============  ==================================================================================================
evaluation     run the function
jvp, grad      run the rule if a tangent comes in, else hand the call to the parent
tangents       (a rule applied to tangents) run the function: it is linear, and its equations are what is transposed
vmap           hand a call to the parent whose function and rule are batched
staging        close the call and record it
=============  ==================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.calls.closed import with_leading_inputs
from functrans.calls.questions import QuestionsPassedOn
from functrans.core.array import Array
from functrans.core.aval import ShapedArray, Zero
from functrans.core.interpret import jaxpr_as_fun
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Primitive, Trace, Tracer, current_trace, register, running, to_numpy, typeof
from functrans.errors import UnexpectedTracerError
from functrans.primitives.structural import moved_to_front
from functrans.transforms.batching import BatchTrace, BatchTracer, batch_flat
from functrans.transforms.jvp import JVPTrace, JVPTracer
from functrans.transforms.linearize import LinearizeTrace, LinearTracer, TangentTrace
from functrans.transforms.stage import StagingTrace, stage
from functrans.util import safe_zip

__all__ = [
    "BatchedOuts", "OpenCall", "batch_again", "batched_call", "is_mine", "of_closed_over", "only_evaluates", "open_call", "split_batched",
]


# -- the primitive ------------------------------------------------------------------------------------------------------------

class OpenCall(Primitive):
    """A primitive whose params hold a Python function. Subclasses say how it is batched."""

    __slots__ = ()

    def bind(self, *args: Any, **params: Any) -> list[Any]:
        return self.enter(current_trace(), args, params)

    def enter(self, trace: Trace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        """The meaning of the call under `trace`."""
        if isinstance(trace, EvalTrace):
            with running(trace):
                return [_settled(y) for y in self.run(args, params)]
        if isinstance(trace, (JVPTrace, LinearizeTrace)):
            if any(is_mine(x, trace) and type(x.tangent) is not Zero for x in args):
                return list(trace.process(self, args, params))
            return self.enter(_parent(trace), [x.primal if is_mine(x, trace) else x for x in args], params)
        if isinstance(trace, TangentTrace):
            if any(is_mine(x, trace) for x in args):
                return self.on_tangents(trace, args, params)
            return self.enter(_parent(trace), args, params)
        if isinstance(trace, BatchTrace):
            return self.on_batch(trace, args, params)
        if isinstance(trace, StagingTrace):
            with running(trace):
                args, params = self.closed(trace, args, params)
        return list(trace.process(self, args, params))

    def run(self, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        """The function on `args` under the current trace."""
        fun = params["fun"]
        return list((jaxpr_as_fun(fun) if isinstance(fun, ClosedJaxpr) else fun)(*args))

    def on_tangents(self, trace: TangentTrace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        """The call where some operands are tangents: their linear equations matter, not the rule."""
        with running(trace):
            return self.run(args, params)

    def on_batch(self, trace: BatchTrace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        """The call on batched operands."""
        raise NotImplementedError

    def closed(self, trace: StagingTrace, args: Sequence[Any], params: dict[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """The call with a jaxpr in the place of its function."""
        fun = params["fun"]
        if isinstance(fun, ClosedJaxpr):
            return args, params
        recorder = None if trace.recorder is None else QuestionsPassedOn(args)
        made = stage(fun, [typeof(x) for x in args], trace.name, recorder, trace.why)
        consts = made.consts
        return [*consts, *args], {**params, "fun": with_leading_inputs(made), "num_consts": params["num_consts"] + len(consts)}


def _parent(trace: Trace) -> Trace:
    assert trace.parent is not None
    return trace.parent


def is_mine(x: Any, trace: Trace) -> bool:
    """Whether `x` is a tracer of `trace`."""
    return isinstance(x, (JVPTracer, LinearTracer, BatchTracer)) and x._trace is trace


def _settled(y: Any) -> Any:
    """A result of an evaluated function as the library's array: what the caller owns is copied."""
    if isinstance(y, (Array, Tracer)):
        return y
    value = to_numpy(y)
    return Array(value.copy() if value.flags.writeable else value, typeof(y).weak_type)


def open_call(name: str, cls: type[OpenCall], **slots: Any) -> Any:
    """A primitive of class `cls` with the slots that every closed call has."""
    return register(cls(name, multiple_results=True, abstract=_abstract, inline=_inline, lower=_lower, reasons={
        "impl": "evaluation runs the function itself (OpenCall.enter)",
        "batch": "batching rewrites function and rule together (OpenCall.on_batch)",
    }, **slots))


def _abstract(*avals: ShapedArray, fun: ClosedJaxpr, **_: Any) -> list[ShapedArray]:
    return fun.out_avals


def _inline(*avals: ShapedArray, fun: ClosedJaxpr, **_: Any) -> ClosedJaxpr:
    return fun


def _lower(b: Any, *operands: Any, **_: Any) -> Any:
    raise AssertionError("calls are inlined before lowering")


# -- batching -----------------------------------------------------------------------------------------------------------------

def only_evaluates(trace: Trace) -> bool:
    """Whether nothing around `trace` could want the rule: the function may then simply run."""
    outer = trace.parent
    while isinstance(outer, BatchTrace):
        outer = outer.parent
    return isinstance(outer, EvalTrace)


def split_batched(trace: BatchTrace, args: Sequence[Any]) -> tuple[list[Any], list[int | None]]:
    """Values and where their batch axis is."""
    mine = [is_mine(x, trace) for x in args]
    return ([x.value if m else x for x, m in safe_zip(args, mine)], [x.dim if m else None for x, m in safe_zip(args, mine)])


def batch_again(
    trace: BatchTrace, fun: Callable[..., Sequence[Any]], args: Sequence[Any], dims: Sequence[int | None],
) -> tuple[list[Any], list[int | None]]:
    """``fun(*args)`` with the batch axes hidden, as in `trace` but over the trace that is current.

    While `trace` lives, it is itself put over the current trace, so that what the function closed over is still its own.
    """
    if not trace.alive:
        return batch_flat(fun, trace.axis, args, dims)
    parent, trace.parent = trace.parent, current_trace()
    try:
        with running(trace):
            outs = fun(*[x if d is None else BatchTracer(trace, x, d) for x, d in safe_zip(args, dims)])
    finally:
        trace.parent = parent
    return split_batched(trace, outs)


class BatchedOuts:
    """Where the results of a batched call have their batch axis: the same, whether the function or the rule ran.

    With a batched argument every result is batched along axis 0. Without one only what the function closed over can be
    batched, and the first to run says which results are.
    """

    __slots__ = ("batched", "dims", "trace")

    def __init__(self, trace: BatchTrace, dims: Sequence[int | None]) -> None:
        self.trace = trace
        self.batched = any(d is not None for d in dims)
        self.dims: list[int | None] | None = None

    def place(self, values: Sequence[Any], found: Sequence[int | None]) -> list[Any]:
        """The results with their batch axes where they are promised."""
        if self.dims is None:
            self.dims = [0 if self.batched or d is not None else None for d in found]
        return [self._placed(v, d, want) for v, d, want in safe_zip(values, found, self.dims)]

    def place_tangents(self, values: Sequence[Any], found: Sequence[int | None]) -> list[Any]:
        """As `place`, after it, for tangents of the results, which may be `Zero`."""
        assert self.dims is not None
        size = int(self.trace.axis)
        return [Zero(v.aval if want is None else v.aval.update(shape=(size, *v.aval.shape))) if type(v) is Zero
                else self._placed(v, d, want) for v, d, want in safe_zip(values, found, self.dims)]

    def _placed(self, value: Any, dim: int | None, want: int | None) -> Any:
        if want is not None:
            return moved_to_front(int(self.trace.axis), value, dim)
        if dim is not None:
            raise UnexpectedTracerError(
                "a custom rule closes over a batched value that its function does not use, and no argument is batched, at "
                f"{describe(user_source())}. Pass the value as an argument.")
        return value

    def tracers(self, values: Sequence[Any]) -> list[Any]:
        """The results of the call under the batching trace."""
        assert self.dims is not None
        return [BatchTracer(self.trace, v, d) for v, d in safe_zip(values, self.dims)]


def batched_call(primitive: OpenCall, trace: BatchTrace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """A call under `vmap`: one of the parent, whose function and rule are batched.

    Without derivatives or staging around it, the function simply runs: it may close over batched values, and results that do
    not depend on the batch stay unbatched.
    """
    if only_evaluates(trace):
        with running(trace):
            return primitive.run(args, params)
    values, dims = split_batched(trace, args)
    outs = BatchedOuts(trace, dims)

    def fun(*given: Any) -> list[Any]:
        return outs.place(*batch_again(trace, lambda *xs: primitive.run(xs, params), given, dims))

    rule = params["rule"].batched(trace, dims[params["num_consts"]:], outs)
    assert trace.parent is not None
    return outs.tracers(primitive.enter(trace.parent, values, {**params, "fun": fun, "rule": rule}))


# -- closed-over values ---------------------------------------------------------------------------------------------------------

def of_closed_over(kind: str, name: str, what: str) -> UnexpectedTracerError:
    """The error for a transformation with respect to something that a function with a custom rule closed over."""
    return UnexpectedTracerError(
        f"{kind} function {name}: {what} with respect to a value that the function closes over, at {describe(user_source())}. "
        "The rule knows only the arguments. Pass the value as an argument of the function, and let the rule say what becomes of it.")
