"""`custom_jvp`: a function whose derivative is a rule of the user's.

The rule maps primals and tangents to the result and its tangent. Reverse mode follows by transposition, as for every
primitive, so the rule must be linear in the tangents. Differentiating again differentiates the rule, which is ordinary code.

The rule is asked of the trace that differentiates and runs under its parent: eagerly its primals have values, so it may
branch on them. Staged code keeps rule and jaxpr side by side (see `functrans.calls.open_call`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from functrans.calls.called import called
from functrans.calls.custom_results import (
    CalledFun,
    SymbolicZero,
    brief,
    check_same_structure,
    conform,
    conform_primals,
    given_primal,
    given_tangent,
    leaf_paths_of,
    resolve_args,
    resolve_nondiff,
    signature_of,
    split_nondiff,
)
from functrans.calls.jit_rules import transpose_call
from functrans.calls.open_call import BatchedOuts, OpenCall, batch_again, batched_call, is_mine, of_closed_over, open_call
from functrans.core.aval import Zero, tangent_aval
from functrans.core.dtypes import float0
from functrans.core.source import describe, user_source
from functrans.core.trace import running, typeof
from functrans.primitives.arithmetic import add_p
from functrans.primitives.structural import materialize
from functrans.transforms.batching import BatchTrace
from functrans.transforms.flatten import check_arrays, fun_name, wraps
from functrans.transforms.linearize import LinearizeTrace, LinearizeTracer, TangentTrace
from functrans.transforms.symbolic_zeros import active_mask, explicit
from functrans.tree_util import PyTreeDef, tree_flatten, tree_map, tree_unflatten
from functrans.util import safe_zip

__all__ = ["custom_jvp", "custom_jvp_p"]

FlatJVP = Callable[[Sequence[Any], Sequence[Any]], tuple[list[Any], list[Any]]]


@dataclass(frozen=True, eq=False, slots=True)
class JVPRule:
    """A rule on flat values: ``jvp(primals, tangents) -> (results, tangents of results)``, with `Zero` among the tangents."""

    name: str
    jvp: FlatJVP = field(repr=False)

    def batched(self, trace: BatchTrace, dims: Sequence[int | None], outs: BatchedOuts) -> JVPRule:
        """The rule on operands with batch axes at `dims`."""

        def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
            active = active_mask(tangents)
            zeros: list[Zero | None] = []

            def flat(*args: Any) -> list[Any]:
                xs, given = args[:len(primals)], iter(args[len(primals):])
                ys, y_dots = self.jvp(xs, [next(given) if a else Zero(tangent_aval(typeof(x))) for a, x in safe_zip(active, xs)])
                zeros.extend(t if type(t) is Zero else None for t in y_dots)
                return [*ys, *explicit(y_dots)]

            moving = [*primals, *explicit(tangents)]
            values, found = batch_again(trace, flat, moving, [*dims, *(d for d, a in safe_zip(dims, active) if a)])
            n = len(zeros)
            rest = iter(zip(values[n:], found[n:], strict=True))
            placed = [(z, None) if z is not None else next(rest) for z in zeros]
            ys = outs.place(values[:n], found[:n])
            return ys, outs.place_tangents([t for t, _ in placed], [d for _, d in placed])

        return JVPRule(self.name, jvp)


# -- the primitive ------------------------------------------------------------------------------------------------------------

class CustomJVPCall(OpenCall):
    """The primitive of `custom_jvp`."""

    __slots__ = ()

    def on_batch(self, trace: BatchTrace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        return batched_call(self, trace, args, params)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, fun: Any, rule: JVPRule, num_consts: int) -> tuple[list[Any], list[Any]]:
    if any(active_mask(tangents[:num_consts])):
        raise of_closed_over("custom_jvp", rule.name, "differentiation")
    return rule.jvp(primals[num_consts:], tangents[num_consts:])


def _linearize(trace: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    recorded = len(trace.eqns)
    with running(trace):
        ys, y_dots = _jvp(primals, tangents, **params)
    if any(is_mine(y, trace) for y in ys):
        del trace.eqns[recorded:]
        return _linearize_apart(trace, primals, tangents, **params)
    # What does not depend on the tangents is the value of a linear map at 0, however the rule writes it.
    return ys, [t if is_mine(t, trace) else Zero(tangent_aval(typeof(y))) for y, t in safe_zip(ys, y_dots)]


def _linearize_apart(trace: TangentTrace, primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    """`_linearize` of a rule in which one equation gives results and tangents together: ``jvp`` of a loop, or of a jitted function.

    The rule is linear in the tangents, so it is its own derivative in them. At tangents of 0, linearization takes such an equation
    apart: into one of the parent, and a linear one of `trace`.
    """
    apart = LinearizeTrace(trace.parent)
    apart.tangent_trace = trace
    moving = [t if type(t) is Zero else LinearizeTracer(apart, materialize(Zero(typeof(t))), t) for t in tangents]
    try:
        with running(apart):
            ys, y_dots = _jvp(primals, moving, **params)
    finally:
        apart.close()
    if any(is_mine(y, apart) and type(y.tangent) is not Zero for y in ys):
        raise TypeError(f"custom_jvp rule of {params['rule'].name}: the primal result depends on the tangents, at "
                        f"{describe(user_source())}. Compute it from the primals alone.")
    ys = [y.primal if is_mine(y, apart) else y for y in ys]
    return ys, [t.tangent if is_mine(t, apart) else Zero(tangent_aval(typeof(y))) for y, t in safe_zip(ys, y_dots)]


def _transpose(cts: Sequence[Any], *operands: Any, fun: Any, rule: JVPRule, num_consts: int) -> list[Any]:
    return transpose_call(cts, *operands, jaxpr=fun, name=rule.name)


custom_jvp_p = open_call("custom_jvp_call", CustomJVPCall, jvp=_jvp, linearize=_linearize, transpose=_transpose)


# -- the function ------------------------------------------------------------------------------------------------------------

class custom_jvp:
    """A function with a derivative rule of its own, for forward and reverse mode (a decorator).

    Args:
        fun: the function, of arrays and pytrees of arrays. Keyword arguments are given to the rule by position.
        nondiff_argnums: positions of arguments that are not differentiated, such as functions. The rule takes them first.
        nondiff_argnames: names of such arguments.

    The rule is set by `defjvp` or `defjvps`. It must be linear in the tangents.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> @custom_jvp
    ... def log1pexp(x):
    ...     return fnp.log(1.0 + fnp.exp(x))
    >>> @log1pexp.defjvp
    ... def log1pexp_jvp(primals, tangents):
    ...     (x,), (x_dot,) = primals, tangents
    ...     return log1pexp(x), (1.0 - 1.0 / (1.0 + fnp.exp(x))) * x_dot
    >>> print(ft.grad(log1pexp)(100.0))
    1.0
    """

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Sequence[int] = (), nondiff_argnames: Sequence[str] = ()) -> None:
        self.fun = fun
        self._signature = signature_of(fun)
        self.nondiff_argnums = resolve_nondiff(fun, "custom_jvp", nondiff_argnums, nondiff_argnames)
        self.jvp: Callable[..., Any] | None = None
        self.symbolic_zeros = False
        wraps(fun)(self)

    def __repr__(self) -> str:
        return f"<custom_jvp of {fun_name(self.fun)}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else lambda *args, **kwargs: self(instance, *args, **kwargs)

    def defjvp(self, jvp: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Set the rule (a decorator).

        Args:
            jvp: ``jvp(*nondiff, primals, tangents) -> (primal_out, tangent_out)``, with tuples of the other arguments and of
                their tangents.
            symbolic_zeros: whether tangents known to be zero are given as `SymbolicZero` and not as arrays of zeros.

        Returns:
            `jvp`.
        """
        if not callable(jvp):
            raise TypeError(f"defjvp of {fun_name(self.fun)} takes a function; got {brief(jvp)}.")
        self.jvp = jvp
        self.symbolic_zeros = bool(symbolic_zeros)
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Set the rule by one function for each argument: ``jvps[i](tangent_i, primal_out, *primals)`` is what argument `i` adds.

        None stands for an argument on which the derivative does not depend.

        >>> f = custom_jvp(lambda x, y: x * y)
        >>> f.defjvps(lambda x_dot, z, x, y: x_dot * y, lambda y_dot, z, x, y: x * y_dot)
        >>> import functrans as ft
        >>> print(*ft.grad(f, (0, 1))(2.0, 3.0))
        3.0 2.0
        """
        if self.nondiff_argnums:
            raise TypeError(f"defjvps of {fun_name(self.fun)} cannot be used with nondiff_argnums; use defjvp.")

        def jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
            out = self(*primals)
            if len(jvps) != len(primals):
                raise TypeError(f"defjvps of {fun_name(self.fun)} was given {len(jvps)} rules, and the call has {len(primals)} arguments.")
            terms = [rule(t, out, *primals) for rule, t in safe_zip(jvps, tangents) if rule is not None]
            return out, tree_map(_sum_of_tangents, out, *terms)

        self.defjvp(jvp)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = fun_name(self.fun)
        if self.jvp is None:
            raise AttributeError(f"custom_jvp function {name} has no rule, at {describe(user_source())}. Define one with {name}.defjvp.")
        args = resolve_args(self.fun, self._signature, "custom_jvp", args, kwargs)
        merge, diff, nondiff = split_nondiff(self.fun, "custom_jvp", self.nondiff_argnums, args)
        leaves, tree = tree_flatten((diff, {}))
        check_arrays(leaves, diff, self.fun, "custom_jvp")
        fun = CalledFun(lambda *rest: self.fun(*merge(rest)), name, tree, "custom_jvp")
        trees: list[PyTreeDef] = []
        rule = JVPRule(name, _flat_jvp(self.jvp, nondiff, self.symbolic_zeros, tree, fun, trees))
        out = custom_jvp_p.bind(*leaves, fun=fun, rule=rule, num_consts=0)
        return tree_unflatten(fun.out_tree if fun.out_avals is not None else trees[0], out)


def _sum_of_tangents(primal: Any, *tangents: Any) -> Any:
    if not tangents:
        return materialize(Zero(tangent_aval(typeof(primal))))
    total = tangents[0]
    for t in tangents[1:]:
        total = add_p.bind(total, t)
    return total


def _flat_jvp(
    rule: Callable[..., Any], nondiff: tuple[Any, ...], symbolic_zeros: bool, in_tree: PyTreeDef, fun: CalledFun, trees: list[PyTreeDef],
) -> FlatJVP:
    """The user's rule on flat values, with its results checked; the structure of the result goes to `trees`."""
    where = f"custom_jvp rule {fun_name(rule)} of {fun.name}"

    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        xs, _ = tree_unflatten(in_tree, map(given_primal, primals))
        x_dots, _ = tree_unflatten(in_tree, [given_tangent(t, symbolic_zeros) for t in tangents])
        words = [*("argument in nondiff_argnums" for _ in nondiff), "primals", "tangents"]
        pair = called(f"custom_jvp of {fun.name}", "the rule", rule, words, (*nondiff, xs, x_dots))
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{where} must return a pair (result, tangent of the result); it returned {brief(pair)}, at "
                            f"{describe(user_source())}.")
        out, out_dot = pair
        check_same_structure(f"{where}: the tangent result", out_dot, out, "the primal result")
        ys, tree = tree_flatten(out)
        y_dots, _ = tree_flatten(out_dot)
        trees[:] = [tree]
        ys = conform_primals(where, out, ys, fun)
        paths = leaf_paths_of(out)
        return ys, [_checked_tangent(f"{where}: the tangent result{path}", y, t) for path, y, t in safe_zip(paths, ys, y_dots)]

    return jvp


def _checked_tangent(where: str, y: Any, t: Any) -> Any:
    want = tangent_aval(typeof(y))
    if isinstance(t, SymbolicZero):
        if t.shape != want.shape:
            raise TypeError(f"{where} is {t}, and the primal result has type {typeof(y)}, at {describe(user_source())}.")
        return Zero(want)
    if getattr(t, "dtype", None) == float0 and t.shape == want.shape and want.dtype == float0:
        return Zero(want)
    return conform(where, t, want, f"the primal result of type {typeof(y)}")
