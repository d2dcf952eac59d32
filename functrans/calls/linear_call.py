"""Linear functions whose transpose is stated, not derived: `linear_call`, and what `custom_vjp` and `custom_vmap` record.

The primitive takes residuals and then the operands in which it is linear. Its rule is a pair of functions::

    apply(residuals, xs)        -> ys, one for each of `out_avals`
    transpose(residuals, y_bars) -> x_bars, with `Zero` on either side

In a linear program the call is one equation, and reverse mode asks for `transpose` alone. Where the value is wanted, `apply`
runs: under evaluation, `jvp`, and in compiled code. It runs under the trace that wants it, so what it closes over is right.
Differentiated in reverse mode, a function with a *stated* transpose keeps it, also of a batch; one whose `apply` was made from the
transpose (`custom_vjp`) runs, and its equations say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from functrans.calls.batched_back import BatchedBack
from functrans.calls.custom_results import check_same_structure, conform
from functrans.calls.open_call import OpenCall, batch_again, is_mine, only_evaluates, split_batched
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import Trace, register, running, typeof
from functrans.primitives.arithmetic import add_p
from functrans.primitives.structural import instantiate, materialize, moved_to_front
from functrans.transforms.batching import BatchTrace, BatchTracer
from functrans.transforms.flatten import check_arrays, fun_name
from functrans.transforms.jvp import JVPTrace, jvp_flat
from functrans.transforms.linearize import LinearizeTrace, TangentTrace, evaluate_linear, linearize_flat
from functrans.transforms.stage import StagingTrace, stage
from functrans.transforms.symbolic_zeros import active_mask, explicit
from functrans.transforms.tracing import eval_shape
from functrans.tree_util import tree_flatten, tree_unflatten
from functrans.util import safe_zip

__all__ = ["LinearRule", "bind_linear", "linear_call", "linear_call_p"]

FlatFun = Callable[[Sequence[Any], Sequence[Any]], list[Any]]


class LinearRule:
    """A linear function and its transpose, both of flat values. Printed as opaque: its name does not say what it computes."""

    __slots__ = ("__name__", "apply", "stated", "transpose")

    def __init__(self, name: str, apply: FlatFun, transpose: FlatFun, stated: bool) -> None:
        self.__name__ = name
        self.apply = apply
        self.transpose = transpose
        self.stated = stated


class LinearCall(OpenCall):
    """The primitive of linear functions with a stated transpose."""

    __slots__ = ()

    def enter(self, trace: Trace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        if isinstance(trace, (JVPTrace, LinearizeTrace)):
            linear = args[params["num_residuals"]:]
            wants_transpose = isinstance(trace, LinearizeTrace) and params["rule"].stated
            if not (wants_transpose and any(is_mine(x, trace) and type(x.tangent) is not Zero for x in linear)):
                with running(trace):
                    return self.run(args, params)
        return super().enter(trace, args, params)

    def run(self, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        n = params["num_residuals"]
        rule: LinearRule = params["rule"]
        out: list[Any] = rule.apply(args[:n], args[n:])
        return out

    def on_tangents(self, trace: TangentTrace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        return list(trace.process(self, args, params))

    def on_batch(self, trace: BatchTrace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        if only_evaluates(trace) or not params["rule"].stated:
            with running(trace):
                return self.run(args, params)
        values, dims = split_batched(trace, args)
        assert trace.parent is not None
        outs = self.enter(trace.parent, values, _batched(trace, values, dims, **params))
        return [BatchTracer(trace, y, 0) for y in outs]

    def closed(self, trace: StagingTrace, args: Sequence[Any], params: dict[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        return args, params


def bind_linear(rule: LinearRule, residuals: Sequence[Any], xs: Sequence[Any], out_avals: Sequence[ShapedArray]) -> list[Any]:
    """Apply `rule` under the current trace."""
    return linear_call_p.bind(*residuals, *xs, rule=rule, num_residuals=len(residuals), out_avals=tuple(out_avals))


@dataclass(frozen=True, slots=True)
class _Params:
    """The params of an equation, with its operands split."""

    rule: LinearRule
    num_residuals: int
    out_avals: tuple[ShapedArray, ...]

    def bind(self, residuals: Sequence[Any], xs: Sequence[Any]) -> list[Any]:
        return bind_linear(self.rule, residuals, xs, self.out_avals)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    call = _Params(**params)
    n = call.num_residuals
    residuals, xs = list(primals[:n]), list(primals[n:])
    ys = call.bind(residuals, xs)
    y_dots: list[Any] = [Zero(tangent_aval(a)) for a in call.out_avals]
    if any(active_mask(tangents[n:])):
        y_dots = call.bind(residuals, [instantiate(t) for t in tangents[n:]])
    if any(active_mask(tangents[:n])):
        _, more = jvp_flat(lambda *rs: call.rule.apply(rs, xs), residuals, tangents[:n])
        y_dots = [_sum(a, b) for a, b in safe_zip(y_dots, more)]
    return ys, y_dots


def _linearize(trace: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    """As `_jvp`; how the function changes with its residuals is linearized, so that the linear program has no more than that."""
    call = _Params(**params)
    n = call.num_residuals
    residuals, xs = list(primals[:n]), list(primals[n:])
    active = active_mask(tangents[:n])
    with running(trace.parent):
        ys = call.bind(residuals, xs)
        _, program = linearize_flat(lambda *rs: call.rule.apply(rs, xs), residuals, active)
    y_dots: list[Any] = [Zero(tangent_aval(a)) for a in call.out_avals]
    with running(trace):
        if any(active_mask(tangents[n:])):
            y_dots = call.bind(residuals, [instantiate(t) for t in tangents[n:]])
        if any(active):
            y_dots = [_sum(a, b) for a, b in safe_zip(y_dots, evaluate_linear(program, explicit(tangents[:n])))]
    return ys, y_dots


def _sum(a: Any, b: Any) -> Any:
    return b if type(a) is Zero else a if type(b) is Zero else add_p.bind(a, b)


def _transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    call = _Params(**params)
    n = call.num_residuals
    if any(isinstance(x, Linear) for x in operands[:n]):
        raise TypeError(f"linear_call of {call.rule.__name__}: a residual depends on what is transposed, at {describe(user_source())}. The "
                        "function must be linear in its linear arguments alone.")
    bars = call.rule.transpose(operands[:n], cts)
    return [None] * n + [b if isinstance(x, Linear) else None for x, b in safe_zip(operands[n:], bars)]


def _batched(
    trace: BatchTrace, values: Sequence[Any], dims: Sequence[int | None], rule: LinearRule, num_residuals: int,
    out_avals: tuple[ShapedArray, ...],
) -> dict[str, Any]:
    """The params of the call of a batch, all of whose results have the batch as axis 0."""
    size = int(trace.axis)

    def apply(rs: Sequence[Any], xs: Sequence[Any]) -> list[Any]:
        ys, found = batch_again(trace, lambda *args: rule.apply(args[:num_residuals], args[num_residuals:]), [*rs, *xs], dims)
        return [moved_to_front(size, y, d) for y, d in safe_zip(ys, found)]

    x_avals = [tangent_aval(typeof(x)) for x in values[num_residuals:]]
    back = BatchedBack(trace, rule.transpose, x_avals, dims[num_residuals:], list(dims[:num_residuals]), [0] * len(out_avals))
    avals = tuple(a.update(shape=(size, *a.shape)) for a in out_avals)
    return {"rule": LinearRule(rule.__name__, apply, back, stated=True), "num_residuals": num_residuals, "out_avals": avals}


def _abstract(*avals: ShapedArray, rule: LinearRule, num_residuals: int, out_avals: tuple[ShapedArray, ...]) -> list[ShapedArray]:
    return list(out_avals)


def _inline(*avals: ShapedArray, rule: LinearRule, num_residuals: int, out_avals: tuple[ShapedArray, ...]) -> ClosedJaxpr:
    return stage(lambda *args: rule.apply(args[:num_residuals], args[num_residuals:]), avals, rule.__name__)


def _lower(b: Any, *operands: Any, **_: Any) -> Any:
    raise AssertionError("calls are inlined before lowering")


linear_call_p = LinearCall(
    "linear_call", multiple_results=True, abstract=_abstract, jvp=_jvp, linearize=_linearize, transpose=_transpose, inline=_inline,
    lower=_lower, reasons={
        "impl": "evaluation runs the function itself (OpenCall.enter)",
        "batch": "batching rewrites function and transpose together (LinearCall.on_batch)",
    })
register(linear_call_p)


def linear_call(fun: Callable[..., Any], fun_transpose: Callable[..., Any], residual_args: Any, linear_args: Any) -> Any:
    """Call a function that is linear in `linear_args`, with a transpose of the user's.

    Args:
        fun: ``fun(residual_args, linear_args) -> out``.
        fun_transpose: ``fun_transpose(residual_args, out_cotangent)``, of the structure and types of `linear_args`.
        residual_args, linear_args: pytrees of arrays.

    Returns:
        the value of `fun`.

    Raises:
        TypeError: if `fun_transpose` returns another structure or type.

    >>> import functrans as ft
    >>> f = lambda r, x: x / r
    >>> print(ft.linear_transpose(lambda x: linear_call(f, f, 2.0, x), 1.0)(3.0)[0])
    1.5
    """
    residuals, residual_tree = tree_flatten(residual_args)
    xs, tree = tree_flatten(linear_args)
    check_arrays([*residuals, *xs], (residual_args, linear_args), fun, "linear_call")
    x_avals = [typeof(x) for x in xs]
    out = eval_shape(fun, residual_args, linear_args)
    shapes, out_tree = tree_flatten(out)
    where = f"linear_call of {fun_name(fun)}: the transpose's result"

    def apply(rs: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        return tree_flatten(fun(tree_unflatten(residual_tree, rs), tree_unflatten(tree, given)))[0]

    def transpose(rs: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        ct = tree_unflatten(out_tree, [materialize(c) for c in cts])
        back = fun_transpose(tree_unflatten(residual_tree, rs), ct)
        check_same_structure(where, back, tree_unflatten(tree, x_avals), "the linear argument")
        return [conform(where, b, tangent_aval(a), "the linear argument") for b, a in safe_zip(tree_flatten(back)[0], x_avals)]

    rule = LinearRule(fun_name(fun), apply, transpose, stated=True)
    return tree_unflatten(out_tree, bind_linear(rule, residuals, xs, [typeof(s) for s in shapes]))
