"""`custom_vjp`: a function whose reverse mode is a pair of rules of the user's.

``fwd(*args) -> (out, residuals)`` runs in place of the function, under the parent of the trace that differentiates; ``bwd(residuals,
ct) -> cotangents of the arguments`` is recorded in the linear program as one equation (`functrans.calls.linear_call`) and runs
when that is transposed. Neither is looked into, so ``bwd`` need not be a transpose of anything: it may clip or print.

Forward mode is answered too: where ``bwd`` is linear in ``ct``, the tangent map is its transpose::

    reverse    x_bar = B y_bar          the backward rule at given residuals
    forward    y_dot = B^T x_dot        recorded from the rule, and transposed

A rule that is not linear has no forward mode, and the error says which operation is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from functrans.calls.batched_back import BatchedBack
from functrans.calls.called import called
from functrans.calls.custom_results import (
    CalledFun,
    CustomVJPPrimal,
    SymbolicZero,
    brief,
    conform,
    conform_primals,
    given_primal,
    given_tangent,
    leaf_paths,
    resolve_args,
    resolve_nondiff,
    signature_of,
    split_nondiff,
)
from functrans.calls.jit_rules import transpose_call
from functrans.calls.linear_call import LinearRule, bind_linear
from functrans.calls.open_call import BatchedOuts, OpenCall, batch_again, batched_call, of_closed_over, open_call
from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import float0
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, is_array_like, running, typeof
from functrans.errors import JaxprTypeError, UnexpectedTracerError
from functrans.primitives.structural import instantiate
from functrans.transforms.batching import BatchTrace
from functrans.transforms.flatten import check_arrays, fun_name, wraps
from functrans.transforms.linearize import LinearTracer, check_linear_program, record_linear, transpose_linear
from functrans.transforms.stage import StagingTracer, staged_constant
from functrans.transforms.symbolic_zeros import active_mask, explicit
from functrans.tree_util import (
    PyTreeDef,
    keystr,
    tree_flatten,
    tree_flatten_with_path,
    tree_leaves,
    tree_structure,
    tree_unflatten,
)
from functrans.util import safe_zip

__all__ = ["custom_vjp", "custom_vjp_p"]

Back = Callable[[Sequence[Any], Sequence[Any]], list[Any]]
FlatFwd = Callable[[Sequence[Any], Sequence[bool]], tuple[list[Any], list[Any], Back]]


@dataclass(frozen=True, eq=False, slots=True)
class VJPRule:
    """Rules on flat values: ``fwd(primals, perturbed) -> (results, residuals, back)``, where ``back(residuals, cotangents)``
    gives the cotangents of all arguments, with `Zero` on either side."""

    name: str
    fwd: FlatFwd = field(repr=False)

    def batched(self, trace: BatchTrace, dims: Sequence[int | None], outs: BatchedOuts) -> VJPRule:
        """The rules on operands with batch axes at `dims`."""

        def fwd(primals: Sequence[Any], perturbed: Sequence[bool]) -> tuple[list[Any], list[Any], Back]:
            found_back: list[tuple[int, Back]] = []

            def flat(*xs: Any) -> list[Any]:
                ys, residuals, back = self.fwd(xs, perturbed)
                found_back[:] = [(len(ys), back)]
                return [*ys, *residuals]

            values, found = batch_again(trace, flat, primals, dims)
            n, back = found_back[0]
            ys = outs.place(values[:n], found[:n])
            assert outs.dims is not None
            batched = BatchedBack(trace, back, [tangent_aval(typeof(x)) for x in primals], dims, found[n:], outs.dims)
            return ys, values[n:], batched

        return VJPRule(self.name, fwd)


# -- the primitive ------------------------------------------------------------------------------------------------------------

class CustomVJPCall(OpenCall):
    """The primitive of `custom_vjp`."""

    __slots__ = ()

    def on_batch(self, trace: BatchTrace, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        return batched_call(self, trace, args, params)


def _forward(tangents: Sequence[Any], primals: Sequence[Any], rule: VJPRule, num_consts: int) -> tuple[list[Any], list[Any], Back]:
    if any(active_mask(tangents[:num_consts])):
        raise of_closed_over("custom_vjp", rule.name, "differentiation")
    return rule.fwd(primals[num_consts:], active_mask(tangents[num_consts:]))


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, fun: Any, rule: VJPRule, num_consts: int) -> tuple[list[Any], list[Any]]:
    ys, residuals, back = _forward(tangents, primals, rule, num_consts)
    return ys, tangent_map(rule.name, back, tangents[num_consts:], ys).apply(residuals)


def _linearize(
    trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, fun: Any, rule: VJPRule, num_consts: int,
) -> tuple[list[Any], list[Any]]:
    with running(trace.parent):
        ys, residuals, back = _forward(tangents, primals, rule, num_consts)
    with running(trace):
        return ys, tangent_map(rule.name, back, tangents[num_consts:], ys).record(residuals)


@dataclass(frozen=True, eq=False, slots=True)
class TangentMap:
    """The tangents of results as a linear function of those of the arguments, at residuals."""

    rule: LinearRule
    x_dots: list[Any]
    y_avals: list[ShapedArray]

    def apply(self, residuals: Sequence[Any]) -> list[Any]:
        """Forward mode: the tangents now, by plain operations."""
        return self._with_zeros(self.rule.apply(residuals, self.x_dots))

    def record(self, residuals: Sequence[Any]) -> list[Any]:
        """Reverse mode: the tangents as one equation, whose transpose is the backward rule."""
        return self._with_zeros(bind_linear(self.rule, residuals, self.x_dots, _inexact(self.y_avals)))

    def _with_zeros(self, y_dots: Sequence[Any]) -> list[Any]:
        given = iter(y_dots)
        return [Zero(a) if a.dtype == float0 else next(given) for a in self.y_avals]


def _inexact(avals: Sequence[ShapedArray]) -> list[ShapedArray]:
    return [a for a in avals if a.dtype != float0]


def tangent_map(name: str, back: Back, tangents: Sequence[Any], ys: Sequence[Any], push: Back | None = None) -> TangentMap:
    """The tangent map of which `back` is the transpose.

    ``push(residuals, tangents)``, with the tangents that are not `Zero`, gives its value; without it, that is the transpose of
    `back`.
    """
    active = active_mask(tangents)
    y_avals = [tangent_aval(typeof(y)) for y in ys]

    def transpose(rs: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        given = iter(cts)
        bars = back(rs, [Zero(a) if a.dtype == float0 else next(given) for a in y_avals])
        return [b for b, a in safe_zip(bars, active) if a]

    def apply(rs: Sequence[Any], x_dots: Sequence[Any]) -> list[Any]:
        return _transposed(name, lambda *cts: transpose(rs, cts), _inexact(y_avals), x_dots)

    rule = LinearRule(name, push or apply, transpose, stated=False)
    return TangentMap(rule, explicit(tangents), y_avals)


def _transposed(name: str, pull: Callable[..., list[Any]], out_avals: Sequence[ShapedArray], x_dots: Sequence[Any]) -> list[Any]:
    """Forward mode from a backward rule that is linear."""

    def checked(*cts: Any) -> list[Any]:
        bars = pull(*cts)
        for b in bars:
            if type(b) is Zero or (isinstance(b, LinearTracer) and any(b._trace is ct._trace for ct in cts)):
                continue
            value = _constant(b)
            if value is None:
                raise _not_linear(name, "it gives a cotangent that does not depend on the result's, and that is not known to be zero")
            if np.any(np.asarray(value) != 0):
                raise _not_linear(name, "it gives a cotangent that does not depend on the result's, and is not zero")
        return bars

    def refusal(what: str) -> str:
        return str(_not_linear(name, f"it asks for {what} that depends on the cotangent, and a rule that branches on its cotangent, or "
                                     "takes it for a Python number, is not linear"))

    program = record_linear(checked, out_avals, refusal)
    try:
        check_linear_program(program)
    except JaxprTypeError as error:
        raise _not_linear(name, str(error).removeprefix("invalid jaxpr: ").split("\n")[0].rstrip(".")) from error
    return [instantiate(t) for t in transpose_linear(program, x_dots)]


def _constant(x: Any) -> Any:
    """The value of `x` where it is known, if only because the program says it in literals."""
    while isinstance(x, Tracer):
        if isinstance(x, StagingTracer):
            return staged_constant(x)
        x = x.behind
    return x


def _not_linear(name: str, why: str) -> TypeError:
    return TypeError(
        f"forward mode (jvp, jacfwd, linearize) of custom_vjp function {name}: its backward rule is not linear in the cotangent, so it has "
        f"no transpose: {why}, at {describe(user_source())}. Use reverse mode (grad, vjp, jacrev), write the rule with linear operations, "
        "or give the function its derivative by custom_jvp.")


def _transpose(cts: Sequence[Any], *operands: Any, fun: Any, rule: VJPRule, num_consts: int) -> list[Any]:
    return transpose_call(cts, *operands, jaxpr=fun, name=rule.name)


custom_vjp_p = open_call("custom_vjp_call", CustomVJPCall, jvp=_jvp, linearize=_linearize, transpose=_transpose)


# -- the function ------------------------------------------------------------------------------------------------------------

class custom_vjp:
    """A function with a reverse-mode rule of its own (a decorator).

    Args:
        fun: the function, of arrays and pytrees of arrays. Keyword arguments are given to the rules by position.
        nondiff_argnums: positions of arguments that are not differentiated, such as functions; they cannot be traced values.
        nondiff_argnames: names of such arguments.

    The rules are set by `defvjp`. Forward mode works where the backward rule is linear in the cotangent.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> @custom_vjp
    ... def clip_gradient(x):
    ...     return x
    >>> clip_gradient.defvjp(lambda x: (x, None), lambda _, ct: (fnp.clip(ct, -1.0, 1.0),))
    >>> print(ft.grad(lambda x: 5.0 * clip_gradient(x))(3.0))
    1.0
    """

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Sequence[int] = (), nondiff_argnames: Sequence[str] = ()) -> None:
        self.fun = fun
        self._signature = signature_of(fun)
        self.nondiff_argnums = resolve_nondiff(fun, "custom_vjp", nondiff_argnums, nondiff_argnames)
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None
        self.symbolic_zeros = False
        wraps(fun)(self)

    def __repr__(self) -> str:
        return f"<custom_vjp of {fun_name(self.fun)}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else lambda *args, **kwargs: self(instance, *args, **kwargs)

    def defvjp(
        self, fwd: Callable[..., Any], bwd: Callable[..., Any], symbolic_zeros: bool = False, optimize_remat: bool = False,
    ) -> None:
        """Set the rules.

        Args:
            fwd: ``fwd(*args) -> (out, residuals)``, with the function's arguments; residuals are a pytree of arrays.
            bwd: ``bwd(*nondiff, residuals, ct) -> tuple of cotangents``, one for each differentiable argument, of its structure
                and types. None stands for zero, for an argument or inside one; what is given for integers is ignored.
            symbolic_zeros: whether `fwd` takes a `CustomVJPPrimal` in each array's place, and `bwd` a `SymbolicZero` for a
                cotangent known to be zero.
            optimize_remat: accepted for compatibility: the forward pass of a `checkpoint` runs the function itself, and compiled code
                does not compute residuals that nobody uses.
        """
        for rule in (fwd, bwd):
            if not callable(rule):
                raise TypeError(f"defvjp of {fun_name(self.fun)} takes two functions; got {brief(rule)}.")
        self.fwd, self.bwd = fwd, bwd
        self.symbolic_zeros = bool(symbolic_zeros)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = fun_name(self.fun)
        if self.fwd is None or self.bwd is None:
            raise AttributeError(f"custom_vjp function {name} has no rules, at {describe(user_source())}. Define them with {name}.defvjp.")
        args = resolve_args(self.fun, self._signature, "custom_vjp", args, kwargs)
        merge, diff, nondiff = split_nondiff(self.fun, "custom_vjp", self.nondiff_argnums, args)
        for x in tree_leaves(nondiff):
            if isinstance(x, Tracer):
                raise UnexpectedTracerError(
                    f"custom_vjp function {name}: an argument in nondiff_argnums is {x.describe()}, at {describe(user_source())}. Those "
                    "are for functions and other Python constants. Make it an ordinary argument, and let bwd return None for it.")
        leaves, tree = tree_flatten((diff, {}))
        check_arrays(leaves, diff, self.fun, "custom_vjp")
        fun = CalledFun(lambda *rest: self.fun(*merge(rest)), name, tree, "custom_vjp")
        rules = _Rules(self.fwd, self.bwd, self.symbolic_zeros, merge, nondiff, tree, fun, [])
        out = custom_vjp_p.bind(*leaves, fun=fun, rule=VJPRule(name, rules.forward), num_consts=0)
        return tree_unflatten(fun.out_tree if fun.out_avals is not None else rules.out_trees[0], out)


@dataclass(frozen=True, eq=False, slots=True)
class _Rules:
    """The user's rules for one call, on flat values and with their results checked."""

    fwd: Callable[..., Any]
    bwd: Callable[..., Any]
    symbolic_zeros: bool
    merge: Callable[[Sequence[Any]], list[Any]]
    nondiff: tuple[Any, ...]
    in_tree: PyTreeDef
    fun: CalledFun
    out_trees: list[PyTreeDef]

    def forward(self, primals: Sequence[Any], perturbed: Sequence[bool]) -> tuple[list[Any], list[Any], Back]:
        """The results, the residuals, and the backward rule for these."""
        where = f"custom_vjp forward rule {fun_name(self.fwd)} of {self.fun.name}"
        given: list[Any] = list(map(given_primal, primals))
        if self.symbolic_zeros:
            given = [CustomVJPPrimal(x, p) for x, p in safe_zip(given, perturbed)]
        xs, _ = tree_unflatten(self.in_tree, given)
        pair = called(f"custom_vjp of {self.fun.name}", "the forward rule", self.fwd, ["argument"], self.merge(xs))
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{where} must return a pair (result, residuals); it returned {brief(pair)}, at {describe(user_source())}.")
        out, kept = pair
        ys, out_tree = tree_flatten(out)
        self.out_trees[:] = [out_tree]
        ys = conform_primals(where, out, ys, self.fun)
        residuals, kept_tree = tree_flatten(kept)
        for (path, _), r in safe_zip(tree_flatten_with_path(kept)[0], residuals):
            if not is_array_like(r):
                raise TypeError(f"{where}: the residual{keystr(path)} must be an array; it is {brief(r)}, at {describe(user_source())}. "
                                "Pass what is constant as an argument in nondiff_argnums.")
        in_avals = [typeof(x) for x in primals]
        return ys, residuals, lambda rs, cts: self._backward(tree_unflatten(kept_tree, rs), out_tree, cts, in_avals)

    def _backward(self, kept: Any, out_tree: PyTreeDef, cts: Sequence[Any], in_avals: Sequence[ShapedArray]) -> list[Any]:
        ct = tree_unflatten(out_tree, [given_tangent(c, self.symbolic_zeros) for c in cts])
        words = [*("argument in nondiff_argnums" for _ in self.nondiff), "residuals", "cotangent"]
        bars = called(f"custom_vjp of {self.fun.name}", "the backward rule", self.bwd, words, (*self.nondiff, kept, ct))
        where = f"custom_vjp backward rule {fun_name(self.bwd)} of {self.fun.name}"
        flat = _spread(where, bars, self.in_tree)
        paths = [p.removeprefix("[0]") for p in leaf_paths(self.in_tree)]
        return [self._bar(f"{where}: the cotangent{p}", b, a) for p, b, a in safe_zip(paths, flat, in_avals)]

    @staticmethod
    def _bar(where: str, bar: Any, aval: ShapedArray) -> Any:
        want = tangent_aval(aval)
        if bar is None or want.dtype == float0:
            return Zero(want)
        if isinstance(bar, SymbolicZero):
            return Zero(want)
        return conform(where, bar, want, f"the argument of type {aval}", ValueError)


def _spread(where: str, bars: Any, in_tree: PyTreeDef) -> list[Any]:
    """The cotangents as leaves, None for all that a None stands for."""
    xs, _ = tree_unflatten(in_tree, range(in_tree.num_leaves))
    if isinstance(bars, list):
        bars = tuple(bars)
    given, tree = tree_flatten(bars, is_leaf=lambda b: b is None)
    try:
        parts = tree.flatten_up_to(xs)
        fits = all(b is None or isinstance(part, int) for b, part in safe_zip(given, parts))
    except (ValueError, TypeError):  # how a tree says that another does not fit it
        fits = False
    if not fits:
        raise TypeError(f"{where} must return a tuple with a cotangent for each argument, of its structure: {tree_structure(xs)}. It "
                        f"returned {tree_structure(bars)}, at {describe(user_source())}. None stands for zero.")
    return [leaf for b, part in safe_zip(given, parts) for leaf in [b] * len(tree_leaves(part))]
