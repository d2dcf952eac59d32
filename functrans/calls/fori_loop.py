"""`fori_loop`: a body applied for each integer of a range."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.calls.agreement import conformed, trace_carry
from functrans.calls.called import called_by
from functrans.calls.closed import Closure
from functrans.calls.refs import Ref, carrying, restored, threaded, values_of
from functrans.calls.repeat import repeat_p
from functrans.calls.scan import bind_scan
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import is_integer
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.primitives.arithmetic import sub_p
from functrans.primitives.builders import add_p
from functrans.primitives.structural import convert_element_type
from functrans.transforms.flatten import arg_paths, check_arrays, wraps
from functrans.transforms.rewrite import memoized
from functrans.transforms.stage import stage
from functrans.tree_util import tree_flatten, tree_unflatten
from functrans.util import split_list

__all__ = ["fori_loop"]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any, *, unroll: int | bool | None = None) -> Any:
    """``carry = body_fun(i, carry)`` for i from `lower` up to `upper` (exclusive), starting from `init_val`.

    The body is traced once, with `i` an integer of the bounds' dtype. The carry keeps its structure, shapes and dtypes; a
    Python number in `init_val` takes the dtype that the body gives it. All transformations work, with bounds that are known
    or computed. Reverse mode keeps what each turn's derivative needs where the bounds are known, and is that of `while_loop`
    where they are computed.

    Args:
        lower, upper: integer scalars of one dtype (a Python int takes that of the other). An empty range returns `init_val`.
        body_fun: a function of the integer and the carry that returns the next carry.
        init_val: the initial carry, a pytree of arrays.
        unroll: how many turns of the body to write out between two tests of the end; True for all of them, False and None
            for one. Only where the bounds are known while tracing.

    Returns:
        the carry after the last turn.

    Raises:
        TypeError: if the bounds are not integer scalars of one dtype, or the body changes the carry's structure or types.
        ValueError: if `unroll` is negative, or given for bounds that are not known.

    >>> print(fori_loop(0, 5, lambda i, x: x + i, 0))
    10
    """
    if not callable(body_fun):
        raise TypeError(f"fori_loop: body_fun must be callable; got {body_fun!r}, at {describe(user_source())}.")

    def run(held: tuple[Ref, ...]) -> Any:
        if not held:
            return _loop(lower, upper, body_fun, init_val, unroll, held)
        turn = threaded(held, lambda carry, i: body_fun(i, carry))
        body = wraps(body_fun)(lambda i, carry: turn(*carry, i))
        values, out = _loop(lower, upper, body, (values_of(held), init_val), unroll, held)
        restored(held, values)
        return out

    return carrying(run)


def _loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any, unroll: Any, held: Sequence[Ref]) -> Any:
    aval = _counter(lower, upper)
    turns = None
    if not (isinstance(lower, Tracer) or isinstance(upper, Tracer)):
        turns = max(int(upper) - int(lower), 0)
        aval = aval.update(weak_type=True)  # a counter of known bounds adapts as a Python number does
    width = _width(unroll, turns)
    body_fun = called_by("fori_loop", "body_fun", body_fun, ["i", "carry"])
    init, carry_tree = tree_flatten(init_val)
    in_tree = tree_flatten(((0, init_val), {}))[1]
    check_arrays([0, *init], [0, init_val], body_fun, "fori_loop")
    paths = arg_paths([0, init_val], body_fun)[1:]
    body, init = trace_carry(body_fun, in_tree, [aval], init, carry_tree, paths, "fori_loop", held=held)
    if turns is None:
        outs = _counted(body, convert_element_type(lower, aval.dtype), _difference(lower, upper, aval.dtype), init, width)
    else:
        outs = _counted(body, aval.dtype.type(int(lower)), np.int64(turns), init, width)
    return tree_unflatten(carry_tree, outs)


def _counter(lower: Any, upper: Any) -> ShapedArray:
    """The aval of the counter between bounds of one dtype."""
    avals = []
    for what, x in (("lower", lower), ("upper", upper)):
        try:
            aval = typeof(x)
        except TypeError as error:
            raise TypeError(f"fori_loop: {what} must be an integer scalar. {error}") from None
        if aval.shape or not is_integer(aval.dtype):
            raise TypeError(f"fori_loop: {what} must be an integer scalar; got {aval}, at {describe(user_source())}. "
                            "For another condition use while_loop.")
        avals.append(aval)
    a, b = avals
    if a.dtype != b.dtype and not (a.weak_type or b.weak_type):
        raise TypeError(f"fori_loop: lower and upper must have equal dtypes; got {a} and {b}, at {describe(user_source())}. "
                        f"Convert one, for example with .astype('{a.dtype}').")
    return ShapedArray((), b.dtype if a.weak_type else a.dtype, a.weak_type)


def _width(unroll: Any, turns: int | None) -> int:
    """How many turns are written out in one."""
    if unroll is None or unroll is False:
        return 1
    if turns is None:
        raise ValueError(f"fori_loop: unroll={unroll} needs bounds that are known while tracing, at {describe(user_source())}. "
                         "Leave it out, or make the bounds Python integers (static_argnums of jit).")
    if unroll is True:
        return max(turns, 1)
    try:
        width = operator.index(unroll)
    except TypeError:
        raise TypeError(f"fori_loop: unroll must be a bool or an int; got {unroll!r}, at {describe(user_source())}.") from None
    if width < 0:
        raise ValueError(f"fori_loop: unroll must not be negative; got {width}, at {describe(user_source())}.")
    return min(max(width, 1), max(turns, 1))


def _difference(lower: Any, upper: Any, dtype: np.dtype) -> Any:
    """``upper - lower`` as an int64, both taken in `dtype`."""
    lower, upper = (convert_element_type(convert_element_type(x, dtype), np.int64) for x in (lower, upper))
    return sub_p.bind(upper, lower)


def _counted(body: Closure, lower: Any, n: Any, init: Sequence[Any], width: int) -> list[Any]:
    """The carry after n turns of ``body(consts, i, carry)``, with i from `lower`."""
    consts = len(body.consts)
    step = _stepping(body.jaxpr, consts, width)
    if not isinstance(n, Tracer):  # of a known number of turns the derivative can keep everything
        carry, _ = bind_scan(step, body.consts, [lower, *init], [], length=int(n) // width, reverse=False, unroll=1)
        if n % width:
            last = _stepping(body.jaxpr, consts, 1)
            carry, _ = bind_scan(last, body.consts, carry, [], length=int(n) % width, reverse=False, unroll=1)
        return list(carry[1:])
    outs = repeat_p.bind(n, *body.consts, lower, *init, jaxpr=step, num_consts=consts)
    return list(outs[1:])


@memoized
def _stepping(body: ClosedJaxpr, num_consts: int, width: int) -> ClosedJaxpr:
    """``(consts, i, carry) -> (i + width, carry)``: `width` turns of the body, which may take a weak counter."""
    consts, (counter,), carry = split_list(body.in_avals, [num_consts, 1])

    def fun(*args: Any) -> list[Any]:
        c, (i,), x = split_list(args, [num_consts, 1])
        for _ in range(width):
            seen = convert_element_type(i, counter.dtype, weak_type=counter.weak_type)
            x = eval_jaxpr(body.jaxpr, body.consts, *c, seen, *x)
            i = add_p.bind(i, counter.dtype.type(1))
        return [i, *x]

    return conformed(stage(fun, [*consts, counter.strong(), *carry], "fori_loop"), [counter.strong(), *carry])
