"""`checkpoint` (also called `remat`): derivatives that compute values of the forward pass again instead of keeping them.

The equation ``checkpoint[jaxpr]`` calls its jaxpr. Its derivative in reverse mode is a pair of such equations: one for the forward
pass, which keeps its operands and what the policy saves, and one (``differentiated=True``) that computes the rest again and applies
the linear map; its transpose computes the rest again and runs backwards (see `functrans.calls.rematerialize`). Both are
checkpointed in turn, so derivatives of any order keep little.

Where no derivative in reverse mode can be asked for (no transformation, or only `jvp` and `vmap`, without `jit`) the function just
runs.

Limits: a policy sees a loop, or a checkpointed function inside, as one operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.calls.checkpoint_policies import Policy
from functrans.calls.closed import trace_closed
from functrans.calls.questions import QuestionsPassedOn
from functrans.calls.refs import Ref, carrying, restored, threaded, values_of
from functrans.calls.rematerialize import split_by_policy
from functrans.calls.rules import Call, call_batch, call_jvp, call_transpose
from functrans.core.array import Array
from functrans.core.aval import Linear, ShapedArray
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Trace, current_trace, running, typeof
from functrans.errors import ConcretizationTypeError, TracerArrayConversionError, TracerIntegerConversionError
from functrans.primitives.base import primitive
from functrans.transforms.batching import BatchTrace
from functrans.transforms.flatten import check_arrays, fun_name, wraps
from functrans.transforms.jvp import JVPTrace
from functrans.transforms.symbolic_zeros import active_mask, explicit, with_zeros
from functrans.tree_util import tree_flatten, tree_unflatten

__all__ = ["checkpoint", "checkpoint_p", "remat"]


# -- rules ----------------------------------------------------------------------------------------------------------------

def _impl(*values: np.ndarray, jaxpr: ClosedJaxpr, **params: Any) -> list[np.ndarray]:
    with running(EvalTrace(None)):
        outs = eval_jaxpr(jaxpr.jaxpr, jaxpr.consts, *values)
    # np.array copies an operand that is returned as it is: its owner may change it
    return [y._value if type(y) is Array else np.array(y, a.dtype) for y, a in zip(outs, jaxpr.out_avals, strict=True)]


def _abstract(*avals: ShapedArray, jaxpr: ClosedJaxpr, **params: Any) -> list[ShapedArray]:
    return jaxpr.out_avals


def _inline(*avals: ShapedArray, jaxpr: ClosedJaxpr, **params: Any) -> ClosedJaxpr:
    return jaxpr


checkpoint_p = primitive("checkpoint", impl=_impl, abstract=_abstract, multiple_results=True, inline=_inline)


def _call(params: dict[str, Any]) -> Call:
    return lambda closed, operands: list(checkpoint_p.bind(*operands, jaxpr=closed, **params))


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, **params: Any) -> tuple[list[Any], list[Any]]:
    return call_jvp(_call(params), jaxpr, primals, tangents, QuestionsPassedOn([*primals, *explicit(tangents)]))


def _linearize(
    trace: Trace, primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, **params: Any,
) -> tuple[list[Any], list[Any]]:
    active = active_mask(tangents)
    assert trace.parent is not None
    with running(trace.parent):
        split = split_by_policy(jaxpr, active, params["policy"], params["prevent_cse"], recorder=QuestionsPassedOn(primals))
        outs = _call(params)(split.forward, primals)
    n = len(split.out_active)
    results, saved = outs[:n], outs[n:]
    y_dots: list[Any] = []
    if any(split.out_active):
        with running(trace):
            y_dots = _call({**params, "differentiated": True})(
                split.linear, [*(primals[i] for i in split.kept), *saved, *explicit(tangents)])
    return results, with_zeros(y_dots, split.out_active, results)


def _transpose(cts: Sequence[Any], *operands: Any, jaxpr: ClosedJaxpr, **params: Any) -> list[Any]:
    known = [x for x in operands if not isinstance(x, Linear)]
    return call_transpose(_call(params), jaxpr, cts, operands, QuestionsPassedOn([*known, *explicit(cts)]))


def _batch(
    size: Any, args: Sequence[Any], dims: Sequence[int | None], *, jaxpr: ClosedJaxpr, **params: Any,
) -> tuple[list[Any], list[int | None]]:
    return call_batch(_call(params), jaxpr, size, args, dims, QuestionsPassedOn(args))


def _lower(b: Any, *operands: Any, **params: Any) -> Any:
    raise AssertionError("calls are inlined before lowering")


checkpoint_p.jvp, checkpoint_p.linearize, checkpoint_p.transpose = _jvp, _linearize, _transpose
checkpoint_p.batch, checkpoint_p.lower = _batch, _lower


# -- the function ---------------------------------------------------------------------------------------------------------

def checkpoint(
    fun: Callable[..., Any] | None = None, *, prevent_cse: bool = True, policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (), static_argnames: str | Sequence[str] = (), concrete: bool = False,
) -> Any:
    """`fun`, with derivatives in reverse mode that compute its intermediate values again instead of keeping them.

    Values and derivatives are those of `fun`. A gradient keeps the arguments (and arrays that `fun` closes over, and what
    `policy` saves) and evaluates `fun` a second time on the way back: less memory for more computation.

    Args:
        fun: a function of arrays or pytrees of them; left out, `checkpoint` is a decorator with options.
        prevent_cse: whether compiled code must really compute anew. Without it the compiler may notice that a value is known
            already and keep it.
        policy: which values may be kept, one of `functrans.checkpoint_policies` or a function of the same form; None keeps
            nothing but the arguments.
        static_argnums: positions of arguments that are passed on as they are, such as flags that `fun` branches on.
        static_argnames: names of such arguments.
        concrete: not supported, as in the reference library; use `static_argnums`.

    Returns:
        a function with the signature of `fun`.

    Raises:
        TypeError: if `fun` or `policy` is not callable, or (from a call) an argument is not an array.
        ValueError: (from a call) if `static_argnums` is out of range.
        NotImplementedError: for ``concrete=True``.
        ConcretizationTypeError: (from a call under `grad`) if `fun` needs a value that nobody knows, as in ``if x > 0`` in a loop's body.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> f = checkpoint(lambda x: fnp.sin(fnp.sin(x)))
    >>> print(ft.grad(f)(0.0), ft.jit(ft.grad(f))(0.0))
    1.0 1.0

    References: Griewank & Walther, *Evaluating Derivatives*, ch. 12; Chen et al., "Training deep nets with sublinear memory
    cost" (2016).
    """
    if fun is None:
        return lambda f: checkpoint(f, prevent_cse=prevent_cse, policy=policy, static_argnums=static_argnums,
                                    static_argnames=static_argnames, concrete=concrete)
    if concrete:
        raise NotImplementedError("checkpoint: concrete=True is not supported, since the function is traced when it is differentiated; "
                                  "make the arguments whose values it needs static by static_argnums.")
    _check_options(fun, prevent_cse, policy)
    params = {"prevent_cse": prevent_cse, "policy": policy, "differentiated": False}
    argnums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    argnames = frozenset((static_argnames,) if isinstance(static_argnames, str) else static_argnames)

    @wraps(fun)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        static = _static_positions(fun, argnums, len(args))
        dynamic = tuple(a for i, a in enumerate(args) if i not in static)
        named = {k: v for k, v in kwargs.items() if k not in argnames}

        def of_dynamic(*given: Any, **given_named: Any) -> Any:
            rest = iter(given)
            fixed_named = {k: v for k, v in kwargs.items() if k in argnames}
            return fun(*[a if i in static else next(rest) for i, a in enumerate(args)], **given_named, **fixed_named)

        wraps(fun)(of_dynamic)
        leaves, _ = tree_flatten((dynamic, named))
        try:
            check_arrays(leaves, [*dynamic, *named.values()], fun, "checkpoint")
        except TypeError as error:
            error.add_note("Arguments of a checkpointed function that are not arrays go to static_argnums (or static_argnames).")
            raise
        if not _may_be_reversed(current_trace()):
            return fun(*args, **kwargs)
        try:
            return carrying(lambda held: _called(of_dynamic, dynamic, named, params, held))
        except (ConcretizationTypeError, TracerIntegerConversionError, TracerArrayConversionError) as error:
            error.add_note(f"{fun_name(fun)} is traced, because checkpoint must be able to run it again. If the value is that of an "
                           "argument, make the argument static by static_argnums of checkpoint, or leave the question out of it.")
            raise

    return wrapper


def _called(fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], params: dict[str, Any], held: Sequence[Ref]) -> Any:
    leaves, tree = tree_flatten(((values_of(held), *args), kwargs))
    closure = trace_closed(threaded(held, fun), tree, [typeof(x) for x in leaves], "checkpoint", held, QuestionsPassedOn(leaves))
    outs = checkpoint_p.bind(*closure.consts, *leaves, jaxpr=closure.jaxpr, **params)
    values, out = tree_unflatten(closure.out_tree, outs)
    restored(held, values)
    return out


remat = checkpoint


def _check_options(fun: Any, prevent_cse: Any, policy: Any) -> None:
    if not callable(fun):
        raise TypeError(f"checkpoint takes a function; got {fun!r} of type {type(fun).__name__}.")
    if policy is not None and not callable(policy):
        raise TypeError(f"checkpoint of {fun_name(fun)}: policy must be None or a function such as "
                        f"functrans.checkpoint_policies.dots_saveable; got {policy!r} of type {type(policy).__name__}.")
    if not isinstance(prevent_cse, bool):
        raise TypeError(f"checkpoint of {fun_name(fun)}: prevent_cse must be a bool, for all arguments alike; got {prevent_cse!r}.")


def _static_positions(fun: Any, argnums: Sequence[int], count: int) -> frozenset[int]:
    for i in argnums:
        if not -count <= i < count:
            raise ValueError(f"checkpoint of {fun_name(fun)}: static_argnums={i}, and the call has {count} positional arguments, at "
                             f"{describe(user_source())}.")
    return frozenset(i % count for i in argnums)


def _may_be_reversed(trace: Trace | None) -> bool:
    """Whether somebody may ask for a reverse derivative of what runs under `trace`: a `grad`, or whoever gets a staged jaxpr."""
    while trace is not None:
        if not isinstance(trace, (EvalTrace, JVPTrace, BatchTrace)):
            return True
        trace = trace.parent
    return False
