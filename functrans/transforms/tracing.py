"""Looking at a function without running it: `make_jaxpr`, `eval_shape`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.core.aval import ShapeDtypeStruct
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.trace import typeof
from functrans.transforms.flatten import FlatFun, fun_name, wraps
from functrans.transforms.stage import stage
from functrans.tree_util import tree_flatten, tree_map, tree_unflatten

__all__ = ["eval_shape", "make_jaxpr"]


def make_jaxpr(
    fun: Callable[..., Any], static_argnums: int | Sequence[int] = (), axis_env: Any = None, return_shape: bool = False,
) -> Callable[..., Any]:
    """A function that returns the jaxpr of `fun` at its arguments (arrays, or anything with a shape and dtype).

    Args:
        static_argnums: positions of arguments that are Python constants to the trace.
        return_shape: whether to return ``(jaxpr, result shapes)``.

    >>> print(make_jaxpr(lambda x: x * 2.0)(1.0))
    { lambda ; a:f64*[]. let b:f64*[] = mul a 2.0:f64*[] in (b,) }
    """
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    @wraps(fun, "make_jaxpr_")
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        fixed = {i % len(args) if args else i: args[i] for i in static}
        dynamic = tuple(a for i, a in enumerate(args) if i not in fixed)

        def of_dynamic(*given: Any, **kw: Any) -> Any:
            rest = iter(given)
            return fun(*[fixed[i] if i in fixed else next(rest) for i in range(len(args))], **kw)

        flat, tree = tree_flatten((dynamic, kwargs))
        flat_fun = FlatFun(of_dynamic, tree, False, "make_jaxpr")
        closed: ClosedJaxpr = stage(flat_fun, [typeof(x) for x in flat], f"make_jaxpr of {fun_name(fun)}")
        if not return_shape:
            return closed
        shapes = [ShapeDtypeStruct(a.shape, a.dtype, a.weak_type) for a in closed.out_avals]
        return closed, tree_unflatten(flat_fun.out_tree, shapes)

    return wrapper


def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The shapes and dtypes of ``fun(*args, **kwargs)``, without computing it.

    Arguments may be arrays or `ShapeDtypeStruct`; the result has a `ShapeDtypeStruct` in each leaf's place.

    >>> eval_shape(lambda x: x @ x.T, ShapeDtypeStruct((1000, 3), "float32"))
    ShapeDtypeStruct(shape=(1000, 1000), dtype=float32)
    """
    flat, tree = tree_flatten((args, kwargs))
    flat_fun = FlatFun(fun, tree, False, "eval_shape")
    closed = stage(flat_fun, [typeof(x) for x in flat], f"eval_shape of {fun_name(fun)}")
    out = tree_unflatten(flat_fun.out_tree, closed.out_avals)
    return tree_map(lambda a: ShapeDtypeStruct(a.shape, a.dtype, a.weak_type), out)
