"""`custom_gradient` and `closure_convert`: functions that make their backward rule as they run, and closures made explicit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from functrans.calls.custom_vjp import custom_vjp
from functrans.calls.questions import QuestionsPassedOn
from functrans.core.aval import tangent_aval
from functrans.core.dtypes import is_inexact
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.transforms.flatten import FlatFun, check_arrays, fun_name, wraps
from functrans.transforms.stage import stage
from functrans.tree_util import Partial, PyTreeDef, tree_flatten, tree_structure, tree_unflatten
from functrans.util import safe_zip

__all__ = ["closure_convert", "custom_gradient"]


@dataclass(frozen=True, eq=False, slots=True)
class _Converted:
    """A traced function of pytrees, as a function of its closed-over values and then its arguments."""

    closed: ClosedJaxpr
    in_tree: PyTreeDef
    out_tree: PyTreeDef

    def __call__(self, consts: Sequence[Any], args: tuple[Any, ...]) -> Any:
        leaves, tree = tree_flatten((args, {}))
        if tree != self.in_tree:
            raise TypeError(f"a converted function takes arguments of the structure it was traced with, {self.in_tree}; got {tree}, at "
                            f"{describe(user_source())}.")
        return tree_unflatten(self.out_tree, eval_jaxpr(self.closed.jaxpr, consts, *leaves))


def _converted(fun: Callable[..., Any], args: tuple[Any, ...], avals: Sequence[Any], name: str) -> _Converted:
    _, tree = tree_flatten((args, {}))
    flat_fun = FlatFun(fun, tree, False, name)
    closed = stage(flat_fun, avals, f"{name} of {fun_name(fun)}", QuestionsPassedOn([None] * len(avals)))
    return _Converted(closed, tree, flat_fun.out_tree)


def custom_gradient(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function that gives its value together with its backward rule (a decorator).

    Args:
        fun: ``fun(*args) -> (out, vjp)``, where ``vjp(ct)`` gives a tuple of cotangents, one for each argument (the cotangent
            alone for a single argument). What `vjp` closes over is kept for the backward pass.

    Returns:
        a function with the value of `out`; it is differentiated by `vjp`.

    >>> import functrans as ft
    >>> @custom_gradient
    ... def f(x):
    ...     return x ** 2, lambda ct: ct * 10.0 * x
    >>> print(f(3.0), ft.grad(f)(3.0))
    9.0 30.0
    """

    def primal(*args: Any, **kwargs: Any) -> Any:
        return _pair(fun, args, kwargs)[0]

    def fwd(*args: Any, **kwargs: Any) -> Any:
        out, vjp = _pair(fun, args, kwargs)
        leaves, _ = tree_flatten(out)
        check_arrays(leaves, (out,), fun, "custom_gradient")
        rule = _converted(vjp, (out,), [tangent_aval(typeof(y)) for y in leaves], "custom_gradient rule")
        return out, Partial(rule, *rule.closed.consts)

    def bwd(rule: Partial, ct: Any) -> Any:
        bars = rule.func(rule.args, (ct,))
        return bars if isinstance(bars, (tuple, list)) else (bars,)

    wraps(fun)(primal)
    made = custom_vjp(primal)
    made.defvjp(fwd, bwd)
    return made


def _pair(fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    pair = fun(*args, **kwargs)
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not callable(pair[1]):
        raise TypeError(f"custom_gradient of {fun_name(fun)}: the function must return a pair (result, function of the cotangent); it "
                        f"returned {tree_structure(pair)}, at {describe(user_source())}.")
    return pair


def closure_convert(fun: Callable[..., Any], *example_args: Any) -> tuple[Callable[..., Any], list[Any]]:
    """A function in which the traced values that `fun` closes over are arguments, and these values.

    For functions given to a `custom_vjp` function: its rules cannot reach what is closed over.

    Args:
        fun: a function of arrays or pytrees of arrays.
        example_args: arguments of which only structure, shapes and dtypes matter.

    Returns:
        ``(converted, consts)`` with ``converted(*args, *consts) == fun(*args)``. Only floating and complex traced values are
        among `consts`; anything else stays inside.

    >>> import functrans as ft
    >>> def f(c):
    ...     converted, consts = closure_convert(lambda x: x * c, 1.0)
    ...     return converted(2.0, *consts)
    >>> print(ft.grad(f)(3.0))
    2.0
    """
    leaves, _ = tree_flatten((example_args, {}))
    check_arrays(leaves, example_args, fun, "closure_convert")
    made = _converted(fun, example_args, [typeof(x) for x in leaves], "closure_convert")
    consts = made.closed.consts
    hoisted = [isinstance(c, Tracer) and is_inexact(c.dtype) for c in consts]
    count = len(example_args)

    def converted(*args_and_consts: Any) -> Any:
        given = iter(args_and_consts[count:])
        merged = [next(given) if h else c for c, h in safe_zip(consts, hoisted)]
        return made(merged, args_and_consts[:count])

    converted.__name__ = fun_name(fun)
    return converted, [c for c, h in safe_zip(consts, hoisted) if h]
