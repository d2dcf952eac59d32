"""`jet`: Taylor-mode differentiation, the derivatives of all orders along a curve.

For a curve ``x(t)`` with the derivatives ``x, x', x'', ...`` at 0, `jet` gives those of ``f(x(t))``. The curve is the polynomial with these
derivatives, and forward mode is applied to ``t -> f(x(t))`` as often as there are orders; each application differentiates what the last
has computed. References: Griewank and Walther, Evaluating Derivatives (2nd ed., 2008), chapter 13.

Known limits: the work grows as ``2**order``; it is meant for orders up to about 8. Compiled, common terms are computed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from functrans.core.dtypes import is_inexact
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.util import as_operand, asarray_internal, check_arraylike, default_float
from functrans.primitives.structural import convert_element_type
from functrans.transforms.api import jvp
from functrans.transforms.flatten import fun_name
from functrans.tree_util import tree_flatten, tree_map, tree_structure, tree_unflatten

__all__ = ["jet"]


def jet(fun: Callable[..., Any], primals: Sequence[Any], series: Sequence[Any], **_: Any) -> tuple[Any, Any]:
    """The value of ``fun(*x(t))`` and its derivatives by t at t = 0.

    Args:
        fun: a function of arrays and pytrees of arrays.
        primals: the arguments ``x(0)``.
        series: for each argument the sequence of derivatives ``[x'(0), x''(0), ...]``, of its structure and shapes; all of one length.

    Returns:
        the pair of ``fun(*primals)`` and its derivatives of orders 1, 2, ...: a list for each leaf of the result.

    Raises:
        ValueError: if the lengths of `series` differ, or one does not fit its argument.

    >>> import functrans.numpy as fnp
    >>> value, (first, second) = jet(fnp.sin, (0.0,), ([1.0, 0.0],))
    >>> print(f"{value:.0f} {first:.0f} {abs(second):.0f}")
    0 1 0
    """
    orders = _checked(fun, primals, series)
    leaves, tree = tree_flatten(tuple(primals))
    coefficients = [tree_flatten(tuple(s[k] for s in series))[0] for k in range(orders)]
    check_arraylike("jet", *leaves)
    points = [_floating(x) for x in leaves]

    def curve(t: Any) -> Any:
        """``fun`` at ``x(t)``, by Horner's rule."""
        moved = []
        for i, x in enumerate(points):
            total = 0.0
            for k in reversed(range(orders)):
                step = asarray_internal(convert_element_type(as_operand(coefficients[k][i]), typeof(x).dtype))
                total = (total + step / math.factorial(k + 1)) * asarray_internal(convert_element_type(t, typeof(x).dtype))
            moved.append(x + total)
        return fun(*tree_unflatten(tree, moved))

    towers = _tower(curve, orders)(asarray_internal(as_operand(0.0)).astype(default_float()))
    out, out_tree = tree_flatten(towers[0])
    columns = [tree_flatten(t)[0] for t in towers[1:]]
    return towers[0], tree_unflatten(out_tree, [[column[i] for column in columns] for i in range(len(out))])


def _floating(x: Any) -> Any:
    x = asarray_internal(as_operand(x))
    return x if is_inexact(typeof(x).dtype) else x.astype(default_float())


def _tower(f: Callable[[Any], Any], orders: int) -> Callable[[Any], list[Any]]:
    """The value and the derivatives of a function of a number, up to an order."""
    if not orders:
        return lambda t: [f(t)]
    lower = _tower(f, orders - 1)

    def tower(t: Any) -> list[Any]:
        values, slopes = jvp(lower, (t,), (asarray_internal(convert_element_type(1.0, typeof(t).dtype)),))
        return [*values, slopes[-1]]

    return tower


def _checked(fun: Callable[..., Any], primals: Sequence[Any], series: Sequence[Any]) -> int:
    """The number of orders."""
    if len(primals) != len(series):
        raise ValueError(f"jet of {fun_name(fun)}: there are {len(primals)} primals and {len(series)} series, at "
                         f"{describe(user_source())}. Give the derivatives of each argument.")
    lengths = {len(s) for s in series}
    if len(lengths) > 1:
        raise ValueError(f"jet of {fun_name(fun)}: the series have different lengths, {sorted(lengths)}, at {describe(user_source())}. "
                         "Fill the shorter ones with zeros.")
    for i, (x, terms) in enumerate(zip(primals, series, strict=True)):
        for k, term in enumerate(terms):
            if tree_structure(term) != tree_structure(x) or tree_map(_shape, term) != tree_map(_shape, x):
                raise ValueError(f"jet of {fun_name(fun)}: derivative {k + 1} of argument {i} must have the structure and the shapes of "
                                 f"the argument, at {describe(user_source())}.")
    return lengths.pop() if lengths else 0


def _shape(x: Any) -> str:
    return str(typeof(as_operand(x)).shape)
