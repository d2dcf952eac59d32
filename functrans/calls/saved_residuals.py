"""What a gradient keeps between its two passes: the residuals of a linearization, with where they come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.calls.checkpoint import checkpoint_p
from functrans.calls.jit import jit_p
from functrans.calls.questions import QuestionsPassedOn
from functrans.calls.rematerialize import live_residuals
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import is_inexact
from functrans.core.jaxpr import Atom, Jaxpr, Literal
from functrans.core.source import describe
from functrans.core.trace import typeof
from functrans.primitives.markers import name_p
from functrans.transforms.flatten import FlatFun, arg_paths, check_arrays
from functrans.transforms.stage import stage
from functrans.tree_util import keystr, tree_flatten, tree_flatten_with_path

__all__ = ["print_saved_residuals", "saved_residuals"]


def saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> list[tuple[ShapedArray, str]]:
    """The values that ``grad`` of `f` keeps from the forward pass for the backward pass, each as its type and its origin.

    Origins are ``from the argument w['a']``, ``from a constant``, ``from a literal``, ``named 'x' from line``, ``output of
    primitive from line`` and ``output of jitted function 'g' from line``.

    Args:
        f: a function of arrays or pytrees, all floating arguments of which are differentiated.

    Raises:
        TypeError: if an argument or a result is not an array or a number.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> saved_residuals(ft.checkpoint(lambda x: fnp.sin(fnp.sin(x))), fnp.ones(3))
    [(f64[3], 'from the argument x')]
    """
    flat, tree = tree_flatten((args, kwargs))
    check_arrays(flat, [*args, *kwargs.values()], f, "saved_residuals")
    names = arg_paths(args, f) + [k + keystr(path) for k in sorted(kwargs) for path, _ in tree_flatten_with_path(kwargs[k])[0]]
    avals = [typeof(x) for x in flat]
    closed = stage(FlatFun(f, tree, False, "saved_residuals"), avals, "saved_residuals", QuestionsPassedOn(flat))
    primal, _, used, _ = live_residuals(closed, tuple(is_inexact(a.dtype) for a in avals), QuestionsPassedOn(flat))
    residuals = primal.jaxpr.outvars[len(closed.out_avals):]
    kept = dict.fromkeys(a for a, is_used in zip(residuals, used, strict=True) if is_used)
    origins = {v: f"from the argument {name}" for v, name in zip(primal.jaxpr.invars, names, strict=True)}
    order: dict[Atom, int] = {v: i for i, v in enumerate((*primal.jaxpr.invars, *(v for e in primal.eqns for v in e.outvars)))}
    return [(a.aval, _origin(primal.jaxpr, a, origins)) for a in sorted(kept, key=lambda a: order.get(a, -1))]


def print_saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Print `saved_residuals`, one a line.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> print_saved_residuals(ft.checkpoint(lambda w, x: fnp.sin(w @ x)), fnp.ones((2, 3)), fnp.ones(3))
    f64[2,3] from the argument w
    f64[3] from the argument x
    """
    for aval, origin in saved_residuals(f, *args, **kwargs):
        print(aval.strong().str_short(), origin)


def _origin(jaxpr: Jaxpr, atom: Atom, known: dict[Any, str]) -> str:
    """Where a variable of `jaxpr` comes from; `known` tells it of the inputs."""
    if isinstance(atom, Literal):
        return "from a literal"
    if atom in known:
        return known[atom]
    for eqn in jaxpr.eqns:
        if atom not in eqn.outvars:
            continue
        where = describe(eqn.source)
        if eqn.primitive is checkpoint_p:
            inner = eqn.params["jaxpr"].jaxpr
            inputs = {v: _origin(jaxpr, a, known) for v, a in zip(inner.invars, eqn.invars, strict=True)}
            return _origin(inner, inner.outvars[eqn.outvars.index(atom)], inputs)
        if eqn.primitive is name_p:
            return f"named '{eqn.params['name']}' from {where}"
        if eqn.primitive is jit_p:
            return f"output of jitted function '{eqn.params['name']}' from {where}"
        return f"output of {eqn.primitive} from {where}"
    return "from a constant"
