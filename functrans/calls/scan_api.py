"""`scan` and `map`: loops of a known number of steps over the leading axis of arrays.

The body is traced once and becomes the jaxpr of one equation (`functrans.calls.scan`), whatever the length.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from functrans.calls.agreement import structure_errors
from functrans.calls.called import called_by
from functrans.calls.closed import Closure, trace_closed
from functrans.calls.custom_results import brief
from functrans.calls.refs import Ref, carrying, restored, threaded, values_of
from functrans.calls.scan import bind_scan
from functrans.calls.treeverse import checkpointed_loop, planned
from functrans.config import options
from functrans.core.array import Array
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import promote
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Tracer, current_trace, is_array_like, to_numpy, typeof
from functrans.primitives.movement import concatenate, index_in_dim, slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reshape
from functrans.transforms.flatten import fun_name, wraps
from functrans.transforms.vmap import vmap
from functrans.tree_util import (
    PyTreeDef,
    keystr,
    tree_flatten,
    tree_flatten_with_path,
    tree_map,
    tree_structure,
    tree_unflatten,
)
from functrans.util import safe_zip

__all__ = ["checked_leaves", "map", "scan"]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any = None, length: int | None = None, reverse: bool = False,
    unroll: int | bool = 1, _split_transpose: bool = False, *, checkpoint: bool | int | str | None = None,
) -> tuple[Any, Any]:
    """Loop with a carried state over the leading axis of `xs`, collecting a result of each step.

    As the Python loop ::

        ys = []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, stack(ys)

    but `f` is traced once, and compiled once under `jit`. Derivatives of every order and mode work; reverse mode keeps, for each
    step, what the derivative of `f` needs and cannot be had otherwise.

    Args:
        f: ``f(carry, x) -> (carry, y)``. The carry must keep its structure, shapes and dtypes; Python numbers in `init` take the
            dtype the body gives them.
        init: the first carry, an array or a pytree of arrays (or None).
        xs: a pytree of arrays with equal leading sizes, or None for no inputs (`f` gets None).
        length: the number of steps; needed only where `xs` has no arrays.
        reverse: whether to go from the last step to the first; ys stay in the order of xs.
        unroll: how many steps the compiled loop takes at once; True or 0 means all, False 1. It changes no result.
        _split_transpose: accepted for compatibility.
        checkpoint: what reverse mode keeps. By default, for each step, what its derivative needs. An int is how many carries may be
            kept; the steps between are run again, as often as that takes (see `functrans.calls.treeverse.checkpoint_table`). True or
            ``"auto"`` keeps about ``2 * sqrt(length)`` carries and runs each step twice more.

    Returns:
        ``(carry, ys)``: the last carry, and the results with the steps along axis 0.

    Raises:
        TypeError: if `f` is not callable, returns no pair, or changes the structure or a type of the carry.
        ValueError: if leading sizes differ, an array of `xs` has rank 0, or `length` is missing, negative or different; or if
            `checkpoint` is too small for the length.

    >>> import numpy as np
    >>> carry, ys = scan(lambda c, x: (c + x, c * x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> print(carry, ys)
    6.0 [0. 2. 9.]
    """
    return _scan("scan", f, init, xs, length, reverse, unroll, checkpoint)


def _scan(
    what: str, f: Callable[..., Any], init: Any, xs: Any, length: int | None = None, reverse: bool = False, unroll: int | bool = 1,
    checkpoint: bool | int | str | None = None,
) -> tuple[Any, Any]:
    if not callable(f):
        raise TypeError(f"{what}: the body must be a function of (carry, x); got {f!r} of type {type(f).__name__}, at "
                        f"{describe(user_source())}.")
    f = called_by("scan", "the body", f, ["carry", "x"])

    def run(held: tuple[Ref, ...]) -> tuple[Any, Any]:
        if not held:
            return _scan_of(what, f, init, xs, length, reverse, unroll, checkpoint, held)
        step = threaded(held, _pair_checked(f"{what} of {fun_name(f)}", f))

        def body(state: Any, x: Any) -> tuple[Any, Any]:
            values, (carry, y) = step(*state, x)
            return (values, carry), y

        (values, carry), ys = _scan_of(what, wraps(f)(body), (values_of(held), init), xs, length, reverse, unroll, checkpoint, held)
        restored(held, values)
        return carry, ys

    return carrying(run)


def _scan_of(
    what: str, f: Callable[..., Any], init: Any, xs: Any, length: int | None, reverse: bool, unroll: int | bool,
    checkpoint: bool | int | str | None, held: Sequence[Ref],
) -> tuple[Any, Any]:
    name = f"{what} of {fun_name(f)}"
    starts, init_tree = tree_flatten(init)
    checked_leaves(name, "init", init)
    inputs, xs_tree = checked_leaves(name, "xs", xs), tree_structure(xs)
    length = _length(name, xs, inputs, length)
    steps = _unroll(name, unroll, length)
    plan = None if checkpoint is None or checkpoint is False else planned(name, checkpoint, length)
    body = _pair_checked(name, f)
    if options().disable_jit and length:
        return _python_loop(body, init, inputs, xs_tree, length, bool(reverse))
    x_avals = [a.update(shape=a.shape[1:]) for a in (typeof(x) for x in inputs)]
    closure, starts = _trace_body(name, f, body, starts, init_tree, x_avals, xs_tree, held)
    run = {} if plan is None or type(current_trace()) is EvalTrace else {"run": partial(checkpointed_loop, plan.widths)}
    carry, ys = bind_scan(closure.jaxpr, closure.consts, starts, inputs, length=length, reverse=bool(reverse), unroll=steps, **run)
    carry_tree, y_tree = closure.out_tree.children()
    return tree_unflatten(carry_tree, [_result(c) for c in carry]), tree_unflatten(y_tree, [_result(y) for y in ys])


def _result(x: Any) -> Any:
    """A result as an array, also where it is what the caller passed."""
    return x if isinstance(x, (Tracer, Array)) else Array(np.array(to_numpy(x)), typeof(x).weak_type)


# -- checks ---------------------------------------------------------------------------------------------------------------

def checked_leaves(name: str, what: str, tree: Any) -> list[Any]:
    """The leaves of an argument, all of which must be arrays or numbers."""
    for path, x in tree_flatten_with_path(tree)[0]:
        if not is_array_like(x):
            raise TypeError(f"{name}: {what}{keystr(path)} must be an array or a number; it is {x!r} of type {type(x).__name__}, at "
                            f"{describe(user_source())}.")
        if what == "xs" and not typeof(x).shape:
            raise ValueError(f"{name}: {what}{keystr(path)} is {typeof(x)} and has no leading axis to go along, at "
                             f"{describe(user_source())}. Values that are the same on every step may be closed over by the body.")
    return tree_flatten(tree)[0]


def _length(name: str, xs: Any, inputs: Sequence[Any], given: Any) -> int:
    """The number of steps, which every array of xs and the given length must agree on."""
    length = None
    if given is not None:
        try:
            length = operator.index(given)
        except TypeError:
            raise TypeError(f"{name}: length must be an int known while tracing; got {given!r} of type {type(given).__name__}, at "
                            f"{describe(user_source())}.") from None
        if length < 0:
            raise ValueError(f"{name}: length must not be negative; got {length}, at {describe(user_source())}.")
    sizes = [typeof(x).shape[0] for x in inputs]
    if not sizes and length is None:
        raise ValueError(f"{name}: the number of steps is unknown, at {describe(user_source())}. Pass arrays as xs, or length.")
    distinct = {*sizes} | ({length} if length is not None else set())
    if len(distinct) > 1:
        paths = [f"xs{keystr(path)}" for path, _ in tree_flatten_with_path(xs)[0]]
        listed = "; ".join(f"{p} has leading size {n}" for p, n in safe_zip(paths, sizes))
        extra = "" if length is None else f"; length is {length}"
        raise ValueError(f"{name}: every array of xs needs the same leading size, at {describe(user_source())}: {listed}{extra}.")
    return int(distinct.pop())


def _unroll(name: str, unroll: Any, length: int) -> int:
    if isinstance(unroll, bool):
        return max(length, 1) if unroll else 1
    width = operator.index(unroll) if hasattr(unroll, "__index__") else -1
    if width < 0:
        raise ValueError(f"{name}: unroll must be a bool or an int that is not negative; got {unroll!r}, at {describe(user_source())}.")
    return width or max(length, 1)


def _pair_checked(name: str, f: Callable[..., Any]) -> Callable[..., Any]:
    def body(carry: Any, x: Any) -> tuple[Any, Any]:
        out = f(carry, x)
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            got = f"{type(out).__name__} of length {len(out)}" if isinstance(out, (tuple, list)) else brief(out)
            raise TypeError(f"{name}: the body must return a pair (carry, y); it returned {got}, at {describe(user_source())}. "
                            "Return (carry, None) where a step has no result.")
        return out[0], out[1]

    checked: Callable[..., Any] = wraps(f)(body)
    return checked


def _trace_body(
    name: str, f: Callable[..., Any], body: Callable[..., Any], starts: list[Any], init_tree: PyTreeDef,
    x_avals: Sequence[ShapedArray], xs_tree: PyTreeDef, held: Sequence[Ref],
) -> tuple[Closure, list[Any]]:
    """The body as a jaxpr, and the carry's start in the types that the body keeps.

    A weak number in the start takes the type the body gives it, after which the body is traced again.
    """
    arg_tree = tree_structure(((tree_unflatten(init_tree, starts), tree_unflatten(xs_tree, x_avals)), {}))
    n = len(starts)
    while True:
        avals = [typeof(x) for x in starts]
        closure = trace_closed(body, arg_tree, [*avals, *x_avals], name, held)
        _check_structure(name, init_tree, closure.out_tree.children()[0])
        outs = closure.jaxpr.out_avals[:n]
        promoted = [promote(a.dtype, True, b.dtype, b.weak_type)[0] if a.weak_type else a.dtype for a, b in safe_zip(avals, outs)]
        if all(a.dtype == d for a, d in safe_zip(avals, promoted)):
            break
        starts = [x if typeof(x).dtype == d else convert_element_type(x, d) for x, d in safe_zip(starts, promoted)]
    _check_types(name, init_tree, avals, outs)
    return closure, starts


def _check_structure(name: str, init_tree: PyTreeDef, out_tree: PyTreeDef) -> None:
    if init_tree == out_tree:
        return
    where = next((f"carry{keystr(path)} is {a} before a step and {b} after it, so {why}"
                  for path, a, b, why in structure_errors(init_tree, out_tree)), f"it is {init_tree} before a step and {out_tree} after it")
    raise TypeError(f"{name}: the carry must keep its structure, at {describe(user_source())}: {where}. Let the body return a carry "
                    "built like init.")


def _check_types(name: str, init_tree: PyTreeDef, avals: Sequence[ShapedArray], outs: Sequence[ShapedArray]) -> None:
    wrong = [(path, a, b) for (path, _), a, b in safe_zip(tree_flatten_with_path(tree_unflatten(init_tree, avals))[0], avals, outs)
             if not a.same_type(b)]
    if not wrong:
        return
    path, a, b = wrong[0]
    what = " and ".join(w for w, differ in (("shapes", a.shape != b.shape), ("dtypes", a.dtype != b.dtype)) if differ)
    repair = (f"start from an array of shape {b.shape}, or sum or index in the body" if a.shape != b.shape
              else f"start from a {b.dtype} carry, or return .astype({str(a.dtype)!r})")
    more = f" ({len(wrong) - 1} more leaves differ)" if len(wrong) > 1 else ""
    raise TypeError(f"{name}: the carry must keep its types, at {describe(user_source())}: carry{keystr(path)} comes in as {a.strong()} "
                    f"and the body returns {b.strong()}, so the {what} differ{more}. To mend it, {repair}.")


# -- without staging ------------------------------------------------------------------------------------------------------

def _python_loop(
    body: Callable[..., Any], carry: Any, inputs: Sequence[Any], xs_tree: PyTreeDef, length: int, reverse: bool,
) -> tuple[Any, Any]:
    """The loop run by Python, step by step, for debugging (`disable_jit`)."""
    ys = []
    for i in reversed(range(length)) if reverse else range(length):
        carry, y = body(carry, tree_unflatten(xs_tree, [index_in_dim(x, i, keepdims=False) for x in inputs]))
        ys.append(y)
    return carry, tree_map(_stacked, *(ys[::-1] if reverse else ys))


def _stacked(*values: Any) -> Any:
    return concatenate([broadcast_in_dim(v, (1, *typeof(v).shape), range(1, typeof(v).ndim + 1)) for v in values], 0)


# -- map ------------------------------------------------------------------------------------------------------------------

def map(f: Callable[[Any], Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """``f`` of each slice along the leading axis of `xs`, one after the other.

    Like ``vmap(f)(xs)``, in the memory of one slice (or of `batch_size` slices at once, which may be faster).

    Args:
        f: a function of one slice.
        xs: a pytree of arrays with equal leading sizes.
        batch_size: how many slices `vmap` takes at once; what is left over is taken together last.

    Raises:
        ValueError: if leading sizes differ, there is no array, or `batch_size` is not positive.

    >>> import numpy as np
    >>> map(lambda x: x * x, np.arange(5.0), batch_size=2)
    Array([ 0.,  1.,  4.,  9., 16.], dtype=float64)
    """
    if not callable(f):
        raise TypeError(f"map takes a function of one slice; got {f!r} of type {type(f).__name__}, at {describe(user_source())}.")
    name = f"map of {fun_name(f)}"
    f = called_by("map", "the function", f, ["x"])
    if batch_size is None:
        return _scan("map", wraps(f)(lambda _, x: ((), f(x))), (), xs)[1]
    size = operator.index(batch_size) if hasattr(batch_size, "__index__") and not isinstance(batch_size, bool) else 0
    if size < 1:
        raise ValueError(f"{name}: batch_size must be a positive int; got {batch_size!r}, at {describe(user_source())}.")
    length = _length(name, xs, checked_leaves(name, "xs", xs), None)
    count = length // size
    batched = vmap(f)
    if count == 0:
        return batched(xs) if length else _scan("map", wraps(f)(lambda _, x: ((), f(x))), (), xs)[1]

    def split(x: Any) -> Any:
        head = slice_in_dim(x, 0, count * size)
        return reshape(head, (count, size, *typeof(x).shape[1:]))

    def joined(y: Any) -> Any:
        return reshape(y, (count * size, *typeof(y).shape[2:]))

    _, ys = _scan("map", wraps(f)(lambda _, x: ((), batched(x))), (), tree_map(split, xs))
    ys = tree_map(joined, ys)
    if count * size == length:
        return ys
    rest = batched(tree_map(lambda x: slice_in_dim(x, count * size, length), xs))
    return tree_map(lambda a, b: concatenate([a, b], 0), ys, rest)
