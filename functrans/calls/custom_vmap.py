"""`custom_vmap`: a function whose batched form is a rule of the user's.

The rule is asked where the call is batched and runs under the parent of `vmap`. Derivatives are those of the function, or of
the rule where the differentiated call is batched: the derived call has again a function and a rule::

    jvp        fun'(x, x_dot) = jvp of fun          rule' = jvp of the rule
    reverse    fun'(x, y_bar) = vjp of fun at x     rule' = vjp of the rule

An argument that is batched in one of its parts is given to the rule as batched in all. In reverse mode every differentiated
argument is, since each example has a cotangent of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from functrans.calls.called import called
from functrans.calls.custom_results import CalledFun, brief, check_same_structure, conform, leaf_paths_of, resolve_args, signature_of
from functrans.calls.custom_vjp import tangent_map
from functrans.calls.jit_rules import transpose_call
from functrans.calls.open_call import OpenCall, of_closed_over, only_evaluates, open_call, split_batched
from functrans.core.aval import Zero, tangent_aval
from functrans.core.dtypes import float0, is_inexact
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Trace, is_array_like, running, typeof
from functrans.primitives.structural import instantiate, moved_to_front
from functrans.transforms.batching import BatchTrace, BatchTracer
from functrans.transforms.flatten import check_arrays, fun_name, wraps
from functrans.transforms.jvp import JVPTrace, jvp_flat
from functrans.transforms.linearize import LinearizeTrace, TangentTrace, linearize_flat, transpose_linear
from functrans.transforms.symbolic_zeros import active_mask, explicit
from functrans.tree_util import PyTreeDef, tree_flatten, tree_unflatten
from functrans.util import safe_zip

__all__ = ["custom_vmap", "custom_vmap_p"]

FlatFun = Callable[..., list[Any]]
FlatVmap = Callable[[int, Sequence[bool], Sequence[Any]], tuple[list[Any], list[bool]]]


@dataclass(frozen=True, eq=False, slots=True)
class VmapRule:
    """A rule on flat values: ``vmap(size, batched, args) -> (results, batched)``, with batch axes first."""

    name: str
    vmap: FlatVmap = field(repr=False)

    def refused(self, num_consts: int, tangents: Sequence[Any]) -> VmapRule:
        """The rule, or one that refuses where the derivative by a closed-over value is wanted: the rule does not see those."""
        if all(type(t) is Zero for t in tangents[:num_consts]):
            return self

        def vmap(size: int, batched: Sequence[bool], args: Sequence[Any]) -> tuple[list[Any], list[bool]]:
            raise of_closed_over("custom_vmap", self.name, "differentiation under vmap")

        return VmapRule(self.name, vmap)


# -- the primitive ------------------------------------------------------------------------------------------------------------

class CustomVmapCall(OpenCall):
    """The primitive of `custom_vmap`."""

    __slots__ = ()

    def enter(self, trace: Trace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        if isinstance(trace, (JVPTrace, LinearizeTrace)) and not _may_be_batched(trace):
            with running(trace):
                return self.run(args, params)
        return super().enter(trace, args, params)

    def on_batch(self, trace: BatchTrace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        values, dims = split_batched(trace, args)
        parent, n, rule = trace.parent, params["num_consts"], params["rule"]
        assert parent is not None
        if all(d is None for d in dims):
            if only_evaluates(trace):  # the function may close over batched values
                with running(trace):
                    return self.run(args, params)
            return self.enter(parent, values, params)
        if any(d is not None for d in dims[:n]):
            raise of_closed_over("custom_vmap", rule.name, "batching")
        size = int(trace.axis)
        with running(parent):
            moved = [x if d is None else moved_to_front(size, x, d) for x, d in safe_zip(values[n:], dims[n:])]
            ys, batched = rule.vmap(size, [d is not None for d in dims[n:]], moved)
        return [BatchTracer(trace, y, 0 if b else None) for y, b in safe_zip(ys, batched)]


def _may_be_batched(trace: Trace) -> bool:
    """Whether the rule may still be asked: by a `vmap` around, or one of the jaxpr that is being staged."""
    outer = trace.parent
    while isinstance(outer, (JVPTrace, LinearizeTrace, TangentTrace)):
        outer = outer.parent
    return not isinstance(outer, EvalTrace)


def _split(args: Sequence[Any], active: Sequence[bool]) -> tuple[list[Any], list[Any]]:
    """Primals, and tangents with `Zero` where none is given."""
    n = len(active)
    given = iter(args[n:])
    return list(args[:n]), [next(given) if a else Zero(tangent_aval(typeof(x))) for a, x in safe_zip(active, args[:n])]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, fun: Any, rule: VmapRule, num_consts: int) -> tuple[list[Any], list[Any]]:
    active = active_mask(tangents)
    run = _runner(fun)
    n = num_consts

    def fun_jvp(*args: Any) -> list[Any]:
        consts, const_dots = _split(args[:n + sum(active[:n])], active[:n])
        xs, x_dots = _split(args[n + sum(active[:n]):], active[n:])
        ys, y_dots = jvp_flat(run, [*consts, *xs], [*const_dots, *x_dots])
        return [*ys, *_inexact(y_dots)]

    def rule_jvp(size: int, batched: Sequence[bool], args: Sequence[Any]) -> tuple[list[Any], list[bool]]:
        flags, dot_flags = _split_flags(batched, active[n:])
        both = [b or d for b, d in safe_zip(flags, dot_flags)]
        xs, x_dots = _split(args, active[n:])
        xs = [moved_to_front(size, x, 0 if b else None) if want else x for x, b, want in safe_zip(xs, flags, both)]
        x_dots = [_batched_tangent(size, t, d, want) for t, d, want in safe_zip(x_dots, dot_flags, both)]
        found: list[bool] = []

        def apply(*given: Any) -> list[Any]:
            ys, found[:] = rule.vmap(size, both, given)
            return ys

        ys, y_dots = jvp_flat(apply, xs, x_dots)
        return [*ys, *_inexact(y_dots)], [*found, *(b for b, t in safe_zip(found, y_dots) if _has_tangent(t))]

    consts = [*primals[:n], *explicit(tangents[:n])]
    given = [*primals[n:], *explicit(tangents[n:])]
    derived = VmapRule(rule.name, rule_jvp).refused(num_consts, tangents)
    outs = custom_vmap_p.bind(*consts, *given, fun=fun_jvp, rule=derived, num_consts=len(consts))
    count = _count_primals(outs)
    rest = iter(outs[count:])
    avals = [tangent_aval(typeof(y)) for y in outs[:count]]
    return outs[:count], [Zero(a) if a.dtype == float0 else next(rest) for a in avals]


def _runner(fun: Any) -> FlatFun:
    return lambda *args: custom_vmap_p.run(args, {"fun": fun})


def _has_tangent(t: Any) -> bool:
    return not (type(t) is Zero and t.aval.dtype == float0)


def _inexact(tangents: Sequence[Any]) -> list[Any]:
    """The tangents of floating and complex results, as arrays."""
    return [instantiate(t) for t in tangents if _has_tangent(t)]


def _count_primals(outs: Sequence[Any]) -> int:
    """How many of ``[*ys, *tangents of the inexact ys]`` are results."""
    count = 0
    left = len(outs)
    while left > 0:
        left -= 2 if is_inexact(typeof(outs[count]).dtype) else 1
        count += 1
    return count


def _split_flags(batched: Sequence[bool], active: Sequence[bool]) -> tuple[list[bool], list[bool]]:
    """Whether primals are batched, and whether their tangents are."""
    given = iter(batched[len(active):])
    return list(batched[:len(active)]), [a and next(given) for a in active]


def _batched_tangent(size: int, t: Any, batched: bool, want: bool) -> Any:
    if not want:
        return t
    if type(t) is Zero:
        return Zero(t.aval.update(shape=(size, *t.aval.shape))) if not batched else t
    return moved_to_front(size, t, 0 if batched else None)


def _linearize(
    trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, fun: Any, rule: VmapRule, num_consts: int,
) -> tuple[list[Any], list[Any]]:
    active = active_mask(tangents)
    run = _runner(fun)
    n = num_consts
    size_of_args = len(primals)

    def back(residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        given = active_mask(cts)
        zeros = [ct if type(ct) is Zero else None for ct in cts]

        def fun_vjp(*args: Any) -> list[Any]:
            rest = iter(args[size_of_args:])
            _, program = linearize_flat(run, args[:size_of_args], active)
            return [instantiate(b) for b in transpose_linear(program, [next(rest) if z is None else z for z in zeros])]

        def rule_vjp(size: int, batched: Sequence[bool], args: Sequence[Any]) -> tuple[list[Any], list[bool]]:
            count = size_of_args - n
            flags, ct_flags = batched[:count], iter(batched[count:])
            both = [b or a for b, a in safe_zip(flags, active[n:])]
            xs = [moved_to_front(size, x, 0 if b else None) if want else x for x, b, want in safe_zip(args[:count], flags, both)]
            found: list[bool] = []

            def apply(*ops: Any) -> list[Any]:
                ys, found[:] = rule.vmap(size, both, ops)
                return ys

            ys, program = linearize_flat(apply, xs, active[n:])
            rest = iter(args[count:])
            y_bars = []
            for y, b, g in safe_zip(ys, found, given):
                bar, is_batched = (next(rest), next(ct_flags)) if g else (Zero(tangent_aval(typeof(y))), b)
                # A result that is the same for the whole batch depends on no differentiated argument: they are all batched.
                y_bars.append(moved_to_front(size, bar, 0 if is_batched else None) if b and g else Zero(tangent_aval(typeof(y))))
            bars = [instantiate(b) for b in transpose_linear(program, y_bars)]
            return bars, [True] * len(bars)

        derived = VmapRule(rule.name, rule_vjp).refused(num_consts, tangents)
        bars = iter(custom_vmap_p.bind(*residuals, *explicit(cts), fun=fun_vjp, rule=derived, num_consts=n))
        return [next(bars) if a else Zero(tangent_aval(typeof(x))) for a, x in safe_zip(active, primals)]

    def push(residuals: Sequence[Any], x_dots: Sequence[Any]) -> list[Any]:
        _, all_dots = _split([*residuals, *x_dots], active)
        _, y_dots = _jvp(residuals, all_dots, fun=fun, rule=rule, num_consts=num_consts)
        return _inexact(y_dots)

    with running(trace.parent):
        ys = custom_vmap_p.bind(*primals, fun=fun, rule=rule, num_consts=num_consts)
    with running(trace):
        return ys, tangent_map(rule.name, back, tangents, ys, push).record(primals)


def _transpose(cts: Sequence[Any], *operands: Any, fun: Any, rule: VmapRule, num_consts: int) -> list[Any]:
    return transpose_call(cts, *operands, jaxpr=fun, name=rule.name)


custom_vmap_p: CustomVmapCall = open_call("custom_vmap_call", CustomVmapCall, jvp=_jvp, linearize=_linearize, transpose=_transpose)


# -- the function ------------------------------------------------------------------------------------------------------------

class custom_vmap:
    """A function with a batching rule of its own (a decorator).

    Args:
        fun: the function, of arrays and pytrees of arrays.

    The rule is set by `def_vmap`. It must mean the same as a loop over the examples; derivatives of the batched function are
    derivatives of the rule.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> @custom_vmap
    ... def f(x, y):
    ...     return x + y
    >>> @f.def_vmap
    ... def f_batched(axis_size, in_batched, x, y):
    ...     print(axis_size, in_batched)
    ...     return x + y, True
    >>> ft.vmap(f, (0, None))(fnp.arange(3.0), 1.0)
    3 [True, False]
    Array([1., 2., 3.], dtype=float64)
    """

    def __init__(self, fun: Callable[..., Any]) -> None:
        self.fun = fun
        self._signature = signature_of(fun)
        self.vmap_rule: Callable[..., Any] | None = None
        wraps(fun)(self)

    def __repr__(self) -> str:
        return f"<custom_vmap of {fun_name(self.fun)}>"

    def def_vmap(self, vmap_rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule (a decorator).

        Args:
            vmap_rule: ``vmap_rule(axis_size, in_batched, *args) -> (out, out_batched)``. `in_batched` is a list with a pytree of
                bools for each argument; batched arrays have the batch axis first. `out_batched` has the structure of `out`.

        Returns:
            `vmap_rule`.
        """
        if not callable(vmap_rule):
            raise TypeError(f"def_vmap of {fun_name(self.fun)} takes a function; got {brief(vmap_rule)}.")
        self.vmap_rule = vmap_rule
        return vmap_rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = fun_name(self.fun)
        if self.vmap_rule is None:
            raise AttributeError(f"custom_vmap function {name} has no rule, at {describe(user_source())}. Define one with {name}.def_vmap.")
        args = resolve_args(self.fun, self._signature, "custom_vmap", args, kwargs)
        leaves, tree = tree_flatten((args, {}))
        check_arrays(leaves, args, self.fun, "custom_vmap")
        fun = CalledFun(self.fun, name, tree, "custom_vmap")
        trees: list[PyTreeDef] = []
        out = custom_vmap_p.bind(*leaves, fun=fun, rule=VmapRule(name, _flat_vmap(self.vmap_rule, tree, fun, trees)), num_consts=0)
        return tree_unflatten(fun.out_tree if fun.out_avals is not None else trees[0], out)


def _flat_vmap(rule: Callable[..., Any], in_tree: PyTreeDef, fun: CalledFun, trees: list[PyTreeDef]) -> FlatVmap:
    """The user's rule on flat values, with its results checked; the structure of the result goes to `trees`."""
    where = f"custom_vmap rule {fun_name(rule)} of {fun.name}"

    def vmap(size: int, batched: Sequence[bool], args: Sequence[Any]) -> tuple[list[Any], list[bool]]:
        xs, _ = tree_unflatten(in_tree, args)
        in_batched, _ = tree_unflatten(in_tree, batched)
        words = ["axis_size", "in_batched", "argument"]
        pair = called(f"custom_vmap of {fun.name}", "the rule", rule, words, (size, list(in_batched), *xs))
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{where} must return a pair (result, whether each leaf of it is batched); it returned {brief(pair)}, at "
                            f"{describe(user_source())}.")
        out, out_batched = pair
        check_same_structure(f"{where}: out_batched", out_batched, out, "the result", ValueError)
        if fun.out_avals is not None:
            like = tree_unflatten(fun.out_tree, fun.out_avals)
            check_same_structure(f"{where}: the result", out, like, "the function's result", ValueError)
        ys, tree = tree_flatten(out)
        trees[:] = [tree]
        flags, _ = tree_flatten(out_batched)
        for path, y, flag in safe_zip(leaf_paths_of(out), ys, flags):
            _check_batched(f"{where}: the result{path}", size, y, flag)
        if fun.out_avals is not None:
            wants = [a.update(shape=(size, *a.shape)) if b else a for a, b in safe_zip(fun.out_avals, flags)]
            ys = [conform(f"{where}: the result{path}", y, want, "the function's result", ValueError)
                  for path, y, want in safe_zip(leaf_paths_of(out), ys, wants)]
        return ys, [bool(b) for b in flags]

    return vmap


def _check_batched(where: str, size: int, y: Any, flag: Any) -> None:
    if not is_array_like(y):
        raise TypeError(f"{where} must be an array; it is {brief(y)}, at {describe(user_source())}.")
    if not isinstance(flag, (bool, np.bool_)):
        raise TypeError(f"{where} must be marked in out_batched by True or False; it is marked by {flag!r}, at {describe(user_source())}.")
    shape = typeof(y).shape
    if flag and shape[:1] != (size,):
        raise ValueError(f"{where} is marked as batched, so its first axis must have the batch size {size}; it has shape {shape}, at "
                         f"{describe(user_source())}.")
