"""Collectives over the named axes of `vmap`: psum, pmean, pmax, pmin, ppermute, all_gather, psum_scatter, axis_index.

A collective is a primitive whose `axes` param names axes in scope. The trace of the innermost `vmap` with a matching
`axis_name` answers it, through the primitive's `named_batch` slot; every other trace passes it on. The cotangent of a
`psum` is the `psum` of the cotangents (as everywhere in `vmap` of the reference library).
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_integer
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, axis_env, typeof
from functrans.primitives.arithmetic import add_p, div, mul_p
from functrans.primitives.base import literal, primitive
from functrans.primitives.dynamic_slice import dynamic_index_in_dim
from functrans.primitives.movement import concatenate, iota_p, slice_in_dim
from functrans.primitives.reduction import reduce_max_p, reduce_min_p
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis, moved_to_front, reduce_sum_p, reshape
from functrans.transforms.flatten import hashable
from functrans.tree_util import tree_map
from functrans.util import canonicalize_axis

__all__ = [
    "all_gather", "axis_index", "axis_size", "pmax", "pmean", "pmin", "ppermute", "psum", "psum_scatter",
]

AxisName = Hashable


def _names(axis_name: AxisName) -> tuple[AxisName, ...]:
    names = tuple(axis_name) if isinstance(axis_name, (tuple, list)) else (axis_name,)
    known = axis_env()
    for name in names:
        if not hashable(name) or name not in known:
            in_scope = ", ".join(map(repr, known)) or "none"
            raise NameError(f"unbound axis name {name!r} at {describe(user_source())}; the axes in scope: {in_scope}. "
                            f"Give vmap axis_name={name!r}.")
    return names


def _size(names: Sequence[AxisName]) -> int:
    return int(np.prod([axis_env()[n] for n in names], dtype=np.int64))


def axis_size(axis_name: AxisName) -> int:
    """The size of a named axis (the product of several), a Python int."""
    return _size(_names(axis_name))


# -- reductions -------------------------------------------------------------------------------------------------------

def _others(axes: tuple[AxisName, ...], mine: AxisName) -> tuple[AxisName, ...]:
    return tuple(a for a in axes if a != mine)


def _named_reduction(prim: Primitive, reduce_p: Primitive, of_constant: Any) -> Any:
    def rule(axis: Any, args: Sequence[Any], dims: Sequence[int | None], *, axes: tuple[AxisName, ...]) -> tuple[Any, None]:
        (x,), (d,) = args, dims
        out = of_constant(x, axis) if d is None else reduce_p.bind(x, axes=(d,))
        rest = _others(axes, axis.name)
        return (prim.bind(out, axes=rest) if rest else out), None

    return rule


def _passed_on(prim: Primitive) -> Any:
    """Batching over an axis the collective does not name: elementwise."""
    return lambda axis, args, dims, **params: (prim.bind(*args, **params), dims[0])


def _no_value(name: str) -> Any:
    def impl(*args: Any, axes: tuple[AxisName, ...], **params: Any) -> Any:
        raise NameError(f"{name} over {axes} outside the vmap that names the axis.")

    return impl


psum_p = primitive("psum", impl=_no_value("psum"), abstract=lambda x, *, axes: x)
psum_p.jvp = lambda primals, tangents, *, axes: (psum_p.bind(*primals, axes=axes), psum_p.bind(*tangents, axes=axes))
psum_p.transpose = lambda ct, x, *, axes: [psum_p.bind(ct, axes=axes)]
psum_p.batch = _passed_on(psum_p)
psum_p.named_batch = _named_reduction(psum_p, reduce_sum_p, lambda x, n: mul_p.bind(x, literal(x, int(n))))
psum_p.reasons["lower"] = "a collective is answered by the vmap that names its axis, before compilation"


def _extremum(name: str, reduce_p: Primitive) -> Primitive:
    prim = primitive(name, impl=_no_value(name), abstract=lambda x, *, axes: x)
    prim.batch = _passed_on(prim)
    prim.named_batch = _named_reduction(prim, reduce_p, lambda x, n: x)
    prim.reasons |= {"lower": psum_p.reasons["lower"], "transpose": "it is not linear",
                     "jvp": "the reference defines none; reduce the gathered values (all_gather) to differentiate"}
    return prim


pmax_p = _extremum("pmax", reduce_max_p)
pmin_p = _extremum("pmin", reduce_min_p)


def psum(x: Any, axis_name: AxisName) -> Any:
    """The sum over a named axis, of every leaf of `x`; constants count once for each index.

    >>> import functrans
    >>> functrans.vmap(lambda x: x / psum(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
    Array([0.25, 0.75], dtype=float64)
    """
    axes = _names(axis_name)

    def total(v: Any) -> Any:
        if type(v) in (int, float):
            return v * _size(axes)
        if typeof(v).dtype.kind == "b":
            v = convert_element_type(v, np.int64)  # a sum of booleans counts
        return psum_p.bind(v, axes=axes)

    return tree_map(total, x)


def pmean(x: Any, axis_name: AxisName) -> Any:
    """The mean over a named axis, of every leaf of `x`."""
    n = axis_size(axis_name)

    def mean(v: Any) -> Any:
        total = psum(v, axis_name)
        if type(total) in (int, float):
            return total / n
        if is_integer(typeof(total).dtype):
            total = convert_element_type(total, float)
        return div(total, literal(total, n))

    return tree_map(mean, x)


def pmax(x: Any, axis_name: AxisName) -> Any:
    """The maximum over a named axis, of every leaf of `x`."""
    axes = _names(axis_name)
    return tree_map(lambda v: pmax_p.bind(v, axes=axes), x)


def pmin(x: Any, axis_name: AxisName) -> Any:
    """The minimum over a named axis, of every leaf of `x`."""
    axes = _names(axis_name)
    return tree_map(lambda v: pmin_p.bind(v, axes=axes), x)


# -- indices and movement ---------------------------------------------------------------------------------------------

def _axis_index_rule(axis: Any, args: Any, dims: Any, *, axes: tuple[AxisName, ...]) -> tuple[Any, int]:
    return iota_p.bind(dtype=np.dtype("int64"), shape=(int(axis),), dimension=0), 0


axis_index_p = primitive(
    "axis_index", impl=_no_value("axis_index"), abstract=lambda *, axes: ShapedArray((), np.dtype("int64")),
    named_batch=_axis_index_rule,
    reasons={"jvp": "it has no operands", "transpose": "it has no operands", "batch": "it has no operands",
             "lower": psum_p.reasons["lower"]})


def axis_index(axis_name: AxisName) -> Any:
    """The index along a named axis (row-major over several): an int64 scalar."""
    index: Any = 0
    for name in _names(axis_name):
        here = axis_index_p.bind(axes=(name,))
        index = here if type(index) is int else add_p.bind(mul_p.bind(index, np.int64(axis_env()[name])), here)
    return index


def _gather_rule(axis: Any, args: Any, dims: Any, *, axes: tuple[AxisName, ...], size: int) -> tuple[Any, None]:
    return moved_to_front(axis, args[0], dims[0]), None


all_gather_p = primitive(
    "all_gather", impl=_no_value("all_gather"),
    abstract=lambda x, *, axes, size: x.update(shape=(size, *x.shape)), named_batch=_gather_rule)
all_gather_p.jvp = lambda primals, tangents, **params: (
    all_gather_p.bind(*primals, **params), all_gather_p.bind(*tangents, **params))
all_gather_p.transpose = lambda ct, x, *, axes, size: [_own_row(psum_p.bind(ct, axes=axes), axes)]
all_gather_p.batch = lambda axis, args, dims, **params: (
    all_gather_p.bind(move_axis(args[0], dims[0], 0), **params), 1)
all_gather_p.reasons["lower"] = psum_p.reasons["lower"]


def _own_row(x: Any, axes: tuple[AxisName, ...]) -> Any:
    return dynamic_index_in_dim(x, axis_index_p.bind(axes=axes), 0, keepdims=False)


def all_gather(x: Any, axis_name: AxisName, *, axis: int = 0, tiled: bool = False) -> Any:
    """Every index's value of `x`, stacked along a new `axis` (or concatenated along it when `tiled`)."""
    axes = _names(axis_name)

    def gather(v: Any) -> Any:
        size = _size(axes)
        out = all_gather_p.bind(v, axes=axes, size=size)
        out = move_axis(out, 0, canonicalize_axis(axis, typeof(out).ndim))
        if tiled:
            out = concatenate([reshape(slice_in_dim(out, i, i + 1, axis=axis), typeof(v).shape) for i in range(size)], axis)
        return out

    return tree_map(gather, x)


def psum_scatter(x: Any, axis_name: AxisName, *, scatter_dimension: int = 0, tiled: bool = False) -> Any:
    """The sum over a named axis, of which each index keeps its own part along `scatter_dimension`."""
    axes = _names(axis_name)
    size = _size(axes)

    def scatter(v: Any) -> Any:
        total = move_axis(psum_p.bind(v, axes=axes), scatter_dimension, 0)
        shape = typeof(total).shape
        if (shape[0] % size if tiled else shape[0] != size):
            raise ValueError(f"psum_scatter: axis {scatter_dimension} of {typeof(v)} has size {shape[0]}, which is not "
                             f"{'a multiple of ' if tiled else ''}the size {size} of {axis_name!r}, at {describe(user_source())}.")
        if tiled:
            total = reshape(total, (size, shape[0] // size, *shape[1:]))
            return move_axis(_own_row(total, axes), 0, scatter_dimension)
        return _own_row(total, axes)

    return tree_map(scatter, x)


def _permute_rule(axis: Any, args: Any, dims: Any, *, axes: tuple[AxisName, ...], perm: tuple[tuple[int, int], ...]) -> tuple[Any, int]:
    x = moved_to_front(axis, args[0], dims[0])
    sources = {target: source for source, target in perm}
    row = typeof(x).shape[1:]
    zero = broadcast_in_dim(literal(x, 0), (1, *row), ())
    rows = [slice_in_dim(x, sources[i], sources[i] + 1) if i in sources else zero for i in range(int(axis))]
    return concatenate(rows, 0), 0


ppermute_p = primitive("ppermute", impl=_no_value("ppermute"), abstract=lambda x, *, axes, perm: x, named_batch=_permute_rule)
ppermute_p.jvp = lambda primals, tangents, **params: (
    ppermute_p.bind(*primals, **params),
    Zero(tangent_aval(typeof(primals[0]))) if isinstance(tangents[0], Zero) else ppermute_p.bind(*tangents, **params))
ppermute_p.transpose = lambda ct, x, *, axes, perm: [
    ppermute_p.bind(ct, axes=axes, perm=tuple((target, source) for source, target in perm))]
ppermute_p.batch = _passed_on(ppermute_p)
ppermute_p.reasons["lower"] = psum_p.reasons["lower"]


def ppermute(x: Any, axis_name: AxisName, perm: Sequence[tuple[int, int]]) -> Any:
    """Send values between indices of a named axis by (source, target) pairs; indices nobody sends to get zeros.

    Raises:
        ValueError: if a source or a target occurs twice or is out of range, or `perm` is not made of pairs.
    """
    axes = _names(axis_name)
    size = _size(axes)
    given = [tuple(pair) for pair in perm]
    pairs = tuple((operator.index(pair[0]), operator.index(pair[1])) for pair in given if len(pair) == 2)
    proper = len(pairs) == len(given) and all(
        len(set(column)) == len(column) and all(0 <= i < size for i in column) for column in zip(*pairs, strict=True))
    if not proper:
        raise ValueError(f"ppermute: perm must be pairs (source, target), the sources distinct, the targets distinct, and all at "
                         f"least 0 and below {size}, the size of {axis_name!r}; got {given}, at {describe(user_source())}.")
    return tree_map(lambda v: ppermute_p.bind(v, axes=axes, perm=pairs), x)
