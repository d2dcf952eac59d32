"""Folds by an operation of the user's: `associative_scan`, in a tree, and `reduce`, by a loop or a primitive of its own.

`associative_scan` combines neighbours into a sequence of half the length, scans that, and fills the gaps: about ``2 n`` combinations
in ``2 log n`` vectorised steps (Ladner & Fischer, "Parallel prefix computation", 1980; Blelloch, "Prefix sums and their
applications", 1990).

Known limits: `reduce` takes the elements in row-major order, one at a time, unless the operation is one of the named monoids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import flag, integer, integers
from functrans.calls.called import called_by
from functrans.calls.questions import QuestionsPassedOn
from functrans.calls.scan_api import checked_leaves, scan
from functrans.core.array import Array
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import promote
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, Tracer, typeof
from functrans.primitives.arithmetic import max_p, min_p
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.logic import and_p, or_p, xor_p
from functrans.primitives.movement import concatenate, expand_dims, rev, slice_in_dim
from functrans.primitives.reduction import greatest, least, reduce_and, reduce_max, reduce_min, reduce_or, reduce_prod, reduce_xor
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reduce_sum, reshape, transpose
from functrans.transforms.flatten import fun_name
from functrans.transforms.stage import stage
from functrans.transforms.vmap import vmap
from functrans.tree_util import PyTreeDef, keystr, tree_flatten, tree_flatten_with_path, tree_structure, tree_unflatten
from functrans.util import safe_zip

__all__ = ["associative_scan", "reduce"]


# -- associative_scan -----------------------------------------------------------------------------------------------------

def associative_scan(fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All prefixes of `elems` along `axis`, combined by an associative function: ``out[i] = fn(fn(elems[0], elems[1]), ...)``.

    Args:
        fn: ``fn(a, b)`` of two pytrees built like `elems`, of which `axis` has any length: it must act element by element along
            that axis. It must be associative, and need not be commutative.
        elems: a pytree of arrays with equal sizes along `axis`.
        reverse: whether to combine from the end: ``out[i] = fn(out[i + 1], elems[i])``.
        axis: the axis to go along.

    Returns:
        a pytree like `elems`.

    Raises:
        TypeError: if `fn` is not callable or changes structure, shapes or dtypes.
        ValueError: if an array lacks the axis, or sizes along it differ.

    >>> import numpy as np
    >>> associative_scan(lambda a, b: a * b, np.array([1.0, 2.0, 3.0, 4.0]))
    Array([ 1.,  2.,  6., 24.], dtype=float64)
    """
    if not callable(fn):
        raise TypeError(f"associative_scan takes a function of two elements; got {fn!r} of type {type(fn).__name__}, at "
                        f"{describe(user_source())}.")
    name = f"associative_scan of {fun_name(fn)}"
    fn = called_by("associative_scan", "fn", fn, ["a", "b"])
    leaves = checked_leaves(name, "elems", elems)
    tree = tree_structure(elems)
    _check_axis(name, elems, leaves, axis)
    axes = [axis % typeof(x).ndim for x in leaves]

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        out = fn(tree_unflatten(tree, a), tree_unflatten(tree, b))
        _check_combined(name, tree, a, out)
        return tree_flatten(out)[0]

    if not leaves or typeof(leaves[0]).shape[axes[0]] == 0:
        return tree_unflatten(tree, [_array(x) for x in leaves])
    if flag(reverse, "reverse"):
        leaves = [rev(x, (d,)) for x, d in safe_zip(leaves, axes)]
    outs = _prefixes(combine, leaves, axes)
    if reverse:
        outs = [rev(y, (d,)) for y, d in safe_zip(outs, axes)]
    return tree_unflatten(tree, [_array(y) for y in outs])


def _array(x: Any) -> Any:
    return x if isinstance(x, (Tracer, Array)) else Array(np.array(x), typeof(x).weak_type)


def _prefixes(combine: Callable[[list[Any], list[Any]], list[Any]], xs: list[Any], axes: list[int]) -> list[Any]:
    n = typeof(xs[0]).shape[axes[0]]
    if n < 2:
        return xs

    def part(values: list[Any], start: int, stop: int, stride: int = 1) -> list[Any]:
        return [slice_in_dim(v, start, stop, stride, d) for v, d in safe_zip(values, axes)]

    half = n // 2
    odd = _prefixes(combine, combine(part(xs, 0, 2 * half, 2), part(xs, 1, 2 * half, 2)), axes)  # out[1], out[3], ...
    first = part(xs, 0, 1)
    later = (n - 1) // 2
    if later:
        rest = combine(part(odd, 0, later), part(xs, 2, n, 2))
        even = [concatenate([a, b], d) for a, b, d in safe_zip(first, rest, axes)]
    else:
        even = first
    return [_interleaved(a, b, d) for a, b, d in safe_zip(even, odd, axes)]


def _interleaved(even: Any, odd: Any, axis: int) -> Any:
    """``even[0], odd[0], even[1], ...``; `even` may have one more."""
    shape = typeof(odd).shape
    n = shape[axis]
    pairs = concatenate([expand_dims(slice_in_dim(even, 0, n, 1, axis), (axis + 1,)), expand_dims(odd, (axis + 1,))], axis + 1)
    out = reshape(pairs, (*shape[:axis], 2 * n, *shape[axis + 1:]))
    if typeof(even).shape[axis] == n:
        return out
    return concatenate([out, slice_in_dim(even, n, n + 1, 1, axis)], axis)


def _check_axis(name: str, elems: Any, leaves: Sequence[Any], axis: int) -> None:
    axis, paths = integer(axis, "axis"), [f"elems{keystr(path)}" for path, _ in tree_flatten_with_path(elems)[0]]
    for path, x in safe_zip(paths, leaves):
        if not -typeof(x).ndim <= axis < typeof(x).ndim:
            raise ValueError(f"{name}: axis {axis} is asked of {path}, which has shape {typeof(x).shape}, at {describe(user_source())}.")
    sizes = [typeof(x).shape[axis] for x in leaves]
    if len(set(sizes)) > 1:
        listed = "; ".join(f"{p} has size {n} along axis {axis}" for p, n in safe_zip(paths, sizes))
        raise ValueError(f"{name}: sizes must be equal, at {describe(user_source())}: {listed}.")


def _check_combined(name: str, tree: PyTreeDef, a: Sequence[Any], out: Any) -> None:
    _, out_tree = tree_flatten(out)
    if out_tree != tree:
        raise TypeError(f"{name}: the function must return what its arguments are built like, {tree}; it returned {out_tree}, at "
                        f"{describe(user_source())}.")
    for (path, y), x in safe_zip(tree_flatten_with_path(out)[0], a):
        if not typeof(y).same_type(typeof(x)):
            raise TypeError(f"{name}: the function must keep shapes and dtypes: result{keystr(path)} is {typeof(y).strong()} for "
                            f"arguments of {typeof(x).strong()}, at {describe(user_source())}.")


# -- reduce ---------------------------------------------------------------------------------------------------------------

Monoid = tuple[Callable[[Any, Sequence[int]], Any], Callable[[np.dtype], Any]]
MONOIDS: dict[Primitive, Monoid] = {
    add_p: (reduce_sum, lambda dtype: dtype.type(0)), mul_p: (reduce_prod, lambda dtype: dtype.type(1)),
    max_p: (reduce_max, least), min_p: (reduce_min, greatest),
    or_p: (reduce_or, lambda dtype: dtype.type(0)), xor_p: (reduce_xor, lambda dtype: dtype.type(0)),
    and_p: (reduce_and, lambda dtype: dtype.type(True) if dtype.kind == "b" else ~dtype.type(0)),
}


def reduce(operands: Any, init_values: Any, computation: Callable[[Any, Any], Any], dimensions: Sequence[int],
           out_sharding: Any = None) -> Any:
    """Fold arrays over `dimensions` by a function of scalars.

    Args:
        operands: an array, or a pytree of arrays of one shape that are folded together.
        init_values: scalars of the operands' dtypes, built like `operands`; Python numbers adapt. They enter each fold once.
        computation: ``computation(accumulated, element)`` of scalars (or pytrees of them) to one of the same types. It is taken to be
            associative and commutative. Addition, multiplication, max, min and the bitwise operations run as `reduce_sum` etc.
        dimensions: the axes that vanish.
        out_sharding: accepted for compatibility; there is one host.

    Raises:
        TypeError: if dtypes differ, or `computation` changes them.
        ValueError: if shapes differ, an initial value is no scalar, or `dimensions` are not distinct axes.

    >>> import numpy as np
    >>> reduce(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.0, lambda a, b: a + b * b, (1,))
    Array([ 5., 25.], dtype=float64)
    """
    if not callable(computation):
        raise TypeError(f"reduce: the computation must be a function of two scalars; got {computation!r}, at {describe(user_source())}.")
    name = f"reduce by {fun_name(computation)}"
    computation = called_by("reduce", "the computation", computation, ["accumulated", "element"])
    xs, inits = checked_leaves(name, "operands", operands), checked_leaves(name, "init_values", init_values)
    tree = tree_structure(operands)
    if tree_structure(init_values) != tree:
        raise ValueError(f"{name}: init_values must be built like operands, {tree}; got {tree_structure(init_values)}, at "
                         f"{describe(user_source())}.")
    if not xs:
        raise ValueError(f"{name}: there is no operand, at {describe(user_source())}.")
    axes = _reduced_axes(name, xs, dimensions)
    inits = [_initial(name, typeof(x), i) for x, i in safe_zip(xs, inits)]
    found = _monoid(computation, typeof(xs[0]), tree)
    if found is not None:
        prim, (by_primitive, identity) = found
        out = by_primitive(xs[0], axes)
        neutral = not isinstance(inits[0], Tracer) and bool(np.asarray(inits[0]) == identity(typeof(xs[0]).dtype))
        return tree_unflatten(tree, [out if neutral else prim.bind(inits[0], out)])
    return _fold(computation, tree, xs, inits, axes)


def _reduced_axes(name: str, xs: Sequence[Any], dimensions: Sequence[int]) -> tuple[int, ...]:
    shapes = {typeof(x).shape for x in xs}
    if len(shapes) > 1:
        raise ValueError(f"{name}: operands must have one shape; got {', '.join(map(str, (typeof(x) for x in xs)))}, at "
                         f"{describe(user_source())}.")
    n, dimensions = len(shapes.pop()), integers(dimensions, "dimensions")
    if any(not -n <= d < n for d in dimensions) or len({d % n for d in dimensions}) != len(dimensions):
        raise ValueError(f"{name}: dimensions {tuple(dimensions)} must be distinct axes of {typeof(xs[0])}, at {describe(user_source())}.")
    return tuple(sorted(int(d) % n for d in dimensions))


def _initial(name: str, operand: ShapedArray, value: Any) -> Any:
    aval = typeof(value)
    if aval.shape:
        raise ValueError(f"{name}: initial values must be scalars; got {aval}, at {describe(user_source())}.")
    if aval.weak_type and promote(aval.dtype, True, operand.dtype, False)[0] == operand.dtype:
        return operand.dtype.type(value) if isinstance(value, (int, float, complex)) else convert_element_type(value, operand.dtype)
    if aval.dtype != operand.dtype:
        raise TypeError(f"{name}: the initial value must have the operand's dtype; got {aval} for {operand}, at "
                        f"{describe(user_source())}.")
    return value


def _monoid(computation: Callable[[Any, Any], Any], aval: ShapedArray, tree: PyTreeDef) -> tuple[Primitive, Monoid] | None:
    """The primitive that the computation is, where it is just one of the named ones."""
    if tree.num_leaves != 1:
        return None
    scalar = ShapedArray((), aval.dtype)

    def flat(a: Any, b: Any) -> list[Any]:
        return tree_flatten(computation(tree_unflatten(tree, [a]), tree_unflatten(tree, [b])))[0]

    closed = stage(flat, [scalar, scalar], "reduce", QuestionsPassedOn([None, None]))
    if len(closed.eqns) != 1 or len(closed.jaxpr.outvars) != 1:
        return None
    (eqn,) = closed.eqns
    if eqn.primitive not in MONOIDS or set(eqn.invars) != set(closed.jaxpr.invars) or closed.jaxpr.outvars[0] is not eqn.outvars[0]:
        return None
    return eqn.primitive, MONOIDS[eqn.primitive]


def _fold(computation: Callable[[Any, Any], Any], tree: PyTreeDef, xs: list[Any], inits: list[Any], axes: tuple[int, ...]) -> Any:
    shape = typeof(xs[0]).shape
    kept = [d for d in range(len(shape)) if d not in axes]
    steps, rest = prod(shape[d] for d in axes), tuple(shape[d] for d in kept)
    stacked = [reshape(transpose(x, (*axes, *kept)), (steps, prod(rest))) for x in xs]
    starts = [broadcast_in_dim(i, (prod(rest),), ()) for i in inits]
    each = vmap(computation)
    carry, _ = scan(lambda c, x: (each(c, x), None), tree_unflatten(tree, starts), tree_unflatten(tree, stacked))
    return tree_unflatten(tree, [reshape(c, rest) for c in tree_flatten(carry)[0]])
