"""einsum: sums of products by the names of axes.

The subscripts are parsed into labels once (and remembered): an ellipsis becomes labels counted from the right, as broadcasting counts
axes. Then, operand by operand, a label that stands twice becomes a diagonal, an axis of size 1 of a larger label is dropped, and a label
that nobody else needs is summed. The operands are contracted pair by pair along a path that `numpy.einsum_path` chooses: a pair
with a label to sum is one `dot_general`, one without is a broadcast product. Last come the sums that are left and one transpose.

Reference: D. G. A. Smith and J. Gray, "opt_einsum", Journal of Open Source Software 3(26), 2018.

Known limits: paths are those NumPy knows ("greedy", "optimal", or explicit); more than 52 labels are contracted from left to right.
"""

from __future__ import annotations

import string
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from functrans.arguments import brief, sequence
from functrans.core.dtypes import canonical, result_type
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.contraction import contract, diagonal
from functrans.numpy.ufuncs import multiply
from functrans.numpy.util import asarray_internal, cast, check_arraylike, check_no_out, promote_args
from functrans.primitives.structural import convert_element_type, reduce_sum, reshape, transpose

__all__ = ["einsum", "einsum_path"]

Labels = tuple[Hashable, ...]


class _Plan(NamedTuple):
    inputs: tuple[Labels, ...]
    output: Labels
    sizes: dict[Hashable, int]
    path: tuple[tuple[int, ...], ...]


# -- parsing ----------------------------------------------------------------------------------------------------------

def _arguments(name: str, subscripts: Any, operands: tuple[Any, ...]) -> tuple[Hashable, list[Any]]:
    """A hashable form of the subscripts, and the operands: ``("ij,jk->ik", x, y)`` or ``(x, [0, 1], y, [1, 2], [0, 2])``."""
    if isinstance(subscripts, str):
        if not operands:
            raise ValueError(f"{name}: no operands were given for {subscripts!r}, at {describe(user_source())}.")
        return subscripts.replace(" ", ""), list(operands)
    arguments = [subscripts, *operands]
    if len(arguments) < 2:
        raise ValueError(f"{name}: subscripts must be a string, or operands and their labels in turn; got {brief(subscripts)}, at "
                         f"{describe(user_source())}.")
    output = sequence(arguments.pop(), "the labels of the output") if len(arguments) % 2 else None
    return (tuple(sequence(labels, "the labels of an operand") for labels in arguments[1::2]), output), arguments[::2]


def _terms(spec: Any) -> tuple[list[list[Any]], list[Any] | None]:
    """The labels of inputs and output; an ellipsis is one label, Ellipsis."""
    if not isinstance(spec, str):
        return [list(term) for term in spec[0]], None if spec[1] is None else list(spec[1])
    left, arrow, right = spec.partition("->")

    def letters(term: str) -> list[Any]:
        out: list[Any] = list(term.replace("...", "\0"))
        if any(c != "\0" and c not in string.ascii_letters for c in out):
            raise ValueError(f"einsum: subscripts {spec!r} may hold letters, commas, '...' and one '->', at {describe(user_source())}.")
        return [Ellipsis if c == "\0" else c for c in out]

    return [letters(t) for t in left.split(",")], letters(right) if arrow else None


def _expanded(spec: Any, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[Labels, ...], Labels, dict[Hashable, int]]:
    """Labels for every axis, and their sizes."""
    terms, output = _terms(spec)
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {len(terms)} subscripts do not fit {len(shapes)} operands, at {describe(user_source())}.")
    inputs: list[Labels] = []
    sizes: dict[Hashable, int] = {}
    widest = 0
    for term, shape in zip(terms, shapes, strict=True):
        free = len(shape) - sum(label is not Ellipsis for label in term)
        if term.count(Ellipsis) > 1 or free < 0 or (free and Ellipsis not in term):
            raise ValueError(f"einsum: subscripts {_shown(term)} do not fit an operand of shape {shape}, at {describe(user_source())}.")
        widest = max(widest, free)
        labels = _with_ellipsis(term, free)
        inputs.append(labels)
        for label, n in zip(labels, shape, strict=True):
            known = sizes.setdefault(label, n)
            if known == 1:
                sizes[label] = n
            elif n not in (1, known):
                raise ValueError(f"einsum: label {_shown([label])} has sizes {known} and {n}, at {describe(user_source())}.")
    if output is None:
        flat = [label for term in terms for label in term if label is not Ellipsis]
        output = [Ellipsis, *sorted({label for label in flat if flat.count(label) == 1})]
    elif widest and Ellipsis not in output:
        raise ValueError(f"einsum: the output needs '...', since operands have axes under one, at {describe(user_source())}.")
    result = _with_ellipsis(output, widest)
    if len(set(result)) != len(result) or not set(result) <= set(sizes):
        raise ValueError(f"einsum: the labels of the output {_shown(output)} must be distinct and occur in an operand, at "
                         f"{describe(user_source())}.")
    return tuple(inputs), result, sizes


def _with_ellipsis(term: Sequence[Any], count: int) -> Labels:
    out: list[Hashable] = []
    for label in term:
        out += [("...", i) for i in range(count, 0, -1)] if label is Ellipsis else [label]
    return tuple(out)


def _shown(term: Sequence[Any]) -> str:
    return repr("".join("..." if label is Ellipsis else str(label) for label in term))


@lru_cache(maxsize=2048)
def _plan(spec: Any, shapes: tuple[tuple[int, ...], ...], optimize: Any) -> _Plan:
    inputs, output, sizes = _expanded(spec, shapes)
    return _Plan(inputs, output, sizes, _path(inputs, output, sizes, optimize))


def _path(inputs: tuple[Labels, ...], output: Labels, sizes: dict[Hashable, int], optimize: Any) -> tuple[tuple[int, ...], ...]:
    """Which operands to contract, step by step; results join at the end of the list."""
    n = len(inputs)
    if n <= 2 or optimize is False or len(sizes) > 52:
        return _in_order(n)
    letter = dict(zip(sizes, string.ascii_letters, strict=False))
    text = ",".join("".join(letter[x] for x in term) for term in inputs) + "->" + "".join(letter[x] for x in output)
    dummies = [np.broadcast_to(np.float64(0), [sizes[x] for x in term]) for term in inputs]
    if optimize == "auto" or optimize is True:
        optimize = "optimal" if n <= 4 else "greedy"
    elif isinstance(optimize, tuple):
        optimize = list(optimize) if optimize and optimize[0] == "einsum_path" else ["einsum_path", *optimize]
    found = np.einsum_path(text, *dummies, optimize=optimize)[0]
    return tuple(tuple(step) for step in found[1:])


def _in_order(n: int) -> tuple[tuple[int, ...], ...]:
    """From left to right: the result, last in the list, meets the first of the others."""
    return ((0, 1), *((0, n - 2 - k) for k in range(n - 2))) if n > 1 else ()


# -- evaluation -------------------------------------------------------------------------------------------------------

def _diagonals(x: Any, labels: Labels) -> tuple[Any, Labels]:
    """Axes with one label become their diagonal."""
    left = list(labels)
    for label in dict.fromkeys(labels):
        while left.count(label) > 1:
            i = left.index(label)
            j = left.index(label, i + 1)
            shape = typeof(x).shape
            if shape[i] != shape[j]:  # one of them is 1, and broadcasts
                drop = i if shape[i] == 1 else j
                x = reshape(x, shape[:drop] + shape[drop + 1:])
                del left[drop]
                continue
            x = diagonal(x, 0, i, j)
            del left[j], left[i]
            left.append(label)
    return x, tuple(left)


def _without_ones(x: Any, labels: Labels, sizes: dict[Hashable, int]) -> tuple[Any, Labels]:
    shape = typeof(x).shape
    kept = [i for i, label in enumerate(labels) if shape[i] == sizes[label]]
    return reshape(x, [shape[i] for i in kept]), tuple(labels[i] for i in kept)


def _summed(x: Any, labels: Labels, needed: set[Hashable]) -> tuple[Any, Labels]:
    axes = [i for i, label in enumerate(labels) if label not in needed]
    return reduce_sum(x, axes), tuple(label for label in labels if label in needed)


def _pair(x: Any, a: Labels, y: Any, b: Labels, needed: set[Hashable], precision: Any) -> tuple[Any, Labels]:
    """The product of two operands, summed over what only they have."""
    x, a = _summed(x, a, needed | set(b))
    y, b = _summed(y, b, needed | set(a))
    shared = [label for label in a if label in b]
    contracted = [label for label in shared if label not in needed]
    if not contracted:
        labels = a + tuple(label for label in b if label not in a)
        return multiply(_aligned(x, a, labels), _aligned(y, b, labels)), labels
    batch = [label for label in shared if label in needed]
    out = contract(x, y, [a.index(e) for e in contracted], [b.index(e) for e in contracted], [a.index(e) for e in batch],
                   [b.index(e) for e in batch], precision)
    rest = [label for term in (a, b) for label in term if label not in shared]
    return out, (*batch, *rest)


def _aligned(x: Any, own: Labels, labels: Labels) -> Any:
    """`x` with its axes in the order of `labels`, and axes of size 1 for those it lacks."""
    present = [label for label in labels if label in own]
    x = transpose(x, [own.index(label) for label in present])
    sizes = dict(zip(present, typeof(x).shape, strict=True))
    return reshape(x, [sizes.get(label, 1) for label in labels])


def einsum(subscripts: Any, /, *operands: Any, out: Any = None, optimize: Any = "auto", precision: Any = None,
           preferred_element_type: Any = None) -> Any:
    """Sums of products of operands, with axes named by labels.

    Axes with one label, in one operand or several, run together; labels absent from the output are summed. Sizes 1 broadcast.

    Args:
        subscripts: ``"ij,jk->ik"``; without "->", the output has the labels that stand once, in alphabetical order. "..." stands
            for all other axes, which broadcast. Or operands and lists of integer labels in turn: ``einsum(x, [0, 1], y, [1, 2], [0, 2])``.
        operands: arrays.
        optimize: the order of contraction: "auto", "optimal", "greedy", False (left to right) or a path from `einsum_path`.
        precision: accepted; sums are always carried in full precision.
        preferred_element_type: the dtype of the sums and of the result.

    Raises:
        ValueError: if subscripts and shapes do not fit.

    >>> x = np.arange(6.0).reshape(2, 3)
    >>> einsum("ij,kj->ik", x, x)
    Array([[ 5., 14.],
           [14., 50.]], dtype=float64)
    >>> einsum("ii", np.eye(3))
    Array(3., dtype=float64)
    """
    check_no_out("einsum", out)
    spec, arrays = _arguments("einsum", subscripts, operands)
    check_arraylike("einsum", *arrays)
    values = [asarray_internal(x) for x in promote_args(*arrays)]
    target = None if preferred_element_type is None else canonical(preferred_element_type)
    if target is not None:
        values = [cast(x, result_type(x, target)[0]) for x in values]
    chosen = tuple(tuple(s) if isinstance(s, (list, tuple)) else s for s in optimize) if isinstance(optimize, (list, tuple)) else optimize
    plan = _plan(spec, tuple([x.shape for x in values]), chosen)
    wanted = set(plan.output)
    terms: list[tuple[Any, Labels]] = []
    for k, (x, labels) in enumerate(zip(values, plan.inputs, strict=True)):
        if len(set(labels)) != len(labels):
            x, labels = _diagonals(x, labels)
        x, labels = _without_ones(x, labels, plan.sizes)
        others = {label for i, term in enumerate(plan.inputs) if i != k for label in term}
        terms.append(_summed(x, labels, wanted | others))
    for step in plan.path:
        group = [terms.pop(i) for i in sorted(step, reverse=True)][::-1]
        rest = wanted.union(*(labels for _, labels in terms))
        x, a = group[0]
        for i, (y, b) in enumerate(group[1:], 1):
            x, a = _pair(x, a, y, b, rest.union(*(labels for _, labels in group[i + 1:])), precision)
        terms.append((x, a))
    (x, labels), = terms
    x, labels = _summed(x, labels, wanted)
    x = transpose(x, [labels.index(label) for label in plan.output])
    return x if target is None else convert_element_type(x, target)


def einsum_path(subscripts: Any, /, *operands: Any, optimize: Any = "auto") -> tuple[list[Any], Any]:
    """The order in which `einsum` would contract its operands, and a description of its cost, as `numpy.einsum_path` gives them.

    >>> einsum_path("ij,jk,kl", np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 1)))[0]
    ['einsum_path', (1, 2), (0, 1)]
    """
    spec, arrays = _arguments("einsum_path", subscripts, operands)
    check_arraylike("einsum_path", *arrays)
    dummies = [np.broadcast_to(np.float64(0), typeof(x).shape) for x in arrays]
    chosen = ("optimal" if len(arrays) <= 4 else "greedy") if optimize == "auto" else optimize
    if isinstance(spec, str):
        return np.einsum_path(spec, *dummies, optimize=chosen)
    terms: Any = spec
    labels, output = terms
    flat: list[Any] = [part for x, term in zip(dummies, labels, strict=True) for part in (x, list(term))]
    return np.einsum_path(*flat, *([] if output is None else [list(output)]), optimize=chosen)

