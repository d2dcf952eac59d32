"""Types that must agree: the results of branches with one another, and the carry of a loop with what its body returns.

Weakness yields: a weakly typed leaf (``0.0``, ``1``) takes the type of a strong one of its kind, and what a loop starts from takes
whatever type the body gives it. Everything else that differs is an error, which names the leaf by its path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from functrans.calls.called import code_line
from functrans.calls.closed import Closure, trace_closed
from functrans.calls.refs import Ref
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import kind_of, promote
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Var
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.structural import convert_element_type, convert_element_type_p
from functrans.transforms.flatten import fun_name
from functrans.tree_util import PyTreeDef, equality_errors, keystr, tree_unflatten
from functrans.util import safe_zip

__all__ = ["conformed", "joined", "leaf_difference", "structure_errors", "trace_carry", "tree_differences", "yields"]


def conformed(closed: ClosedJaxpr, avals: Sequence[ShapedArray]) -> ClosedJaxpr:
    """`closed` with results of the given avals, which differ from its own in weakness, or dtype where these are weak."""
    jaxpr = closed.jaxpr
    if closed.out_avals == list(avals):
        return closed
    eqns, outs = list(jaxpr.eqns), list[Atom]()
    for a, aval in safe_zip(jaxpr.outvars, avals):
        if a.aval == aval:
            outs.append(a)
        else:
            out = Var(aval)
            eqns.append(Eqn(convert_element_type_p, [a], [out], {"new_dtype": aval.dtype, "weak_type": aval.weak_type}))
            outs.append(out)
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, tuple(eqns), tuple(outs)), closed.consts)


def joined(*avals: ShapedArray) -> ShapedArray:
    """The type of results of several branches: that of the first, unless it is weak and a strong one of its kind follows.

    >>> import numpy as np
    >>> joined(ShapedArray((), np.dtype(float), True), ShapedArray((), np.dtype("float32")))
    f32[]
    """
    first = avals[0]
    if not first.weak_type:
        return first
    return next((a for a in avals[1:] if not a.weak_type and yields(first, a)), first)


def yields(a: ShapedArray, b: ShapedArray) -> bool:
    """Whether a value of type `a` may stand where `b` is asked for."""
    return a.same_type(b) or (a.weak_type and a.shape == b.shape and kind_of(a.dtype) == kind_of(b.dtype))


# -- messages -------------------------------------------------------------------------------------------------------------

def leaf_difference(a: ShapedArray, b: ShapedArray) -> tuple[str, str]:
    """How two types differ, and the repair."""
    if a.shape != b.shape:
        return "the shapes differ", "Give both one shape, by broadcasting, reshaping or reducing."
    return "the dtypes differ", f"Convert one, for example with .astype('{a.dtype}')."


class _Leaf:
    """Stands for an array where only the structure around it matters."""


def structure_errors(a: PyTreeDef, b: PyTreeDef) -> Iterator[tuple[Any, str, str, str]]:
    """Where two structures differ: the path, what each has there, and why they differ, in words."""
    skeletons = [tree_unflatten(tree, [_Leaf()] * tree.num_leaves) for tree in (a, b)]
    for path, one, other, why in equality_errors(*skeletons):
        yield path, _in_words(one), _in_words(other), why


def _in_words(kind: str) -> str:
    if kind == str(_Leaf):
        return "an array"
    kind, _, more = kind.partition(" with ")
    if more.startswith("pytree metadata "):
        return f"{_in_words(kind)} of {more.removeprefix('pytree metadata ')}"
    if more:
        return f"{_in_words(kind)} with {'1 child' if more == '1 children' else more}"
    name = kind.removeprefix("<class '").removesuffix("'>")
    return "None" if name == "NoneType" else kind if name == kind else f"a {name.rsplit('.', 1)[-1]}"


def tree_differences(a: PyTreeDef, b: PyTreeDef, a_name: str, b_name: str) -> str:
    """The first place where two structures differ, in words."""
    for path, one, other, why in structure_errors(a, b):
        return f"at result{keystr(path)} {a_name} has {one} and {b_name} has {other}, so {why}"
    return f"{a_name} has {a} and {b_name} has {b}"


# -- loop carries ---------------------------------------------------------------------------------------------------------

def trace_carry(
    fun: Callable[..., Any], in_tree: PyTreeDef, leading: Sequence[ShapedArray], init: Sequence[Any], carry_tree: PyTreeDef,
    paths: Sequence[str], name: str, words: tuple[str, str] = ("the body", "carry"), held: Sequence[Ref] | None = None,
) -> tuple[Closure, list[Any]]:
    """The body of a loop, traced at types of the carry that it keeps; and the initial carry in these types.

    A weakly typed leaf of `init` is promoted to the type that the body gives it, and the body traced again.

    Args:
        fun: ``fun(*leading, carry) -> carry``; `in_tree` is the structure of its arguments, `carry_tree` of the carry.
        leading: avals of the leaves before the carry.
        paths: the names of the carry's leaves, for messages.
        words: what messages call `fun` and what it takes and returns.
        held: as for `trace_closed`.

    Raises:
        TypeError: if the body returns another structure or type than it takes.
    """
    init, (subject, thing) = list(init), words
    while True:
        avals = [typeof(x) for x in init]
        made = trace_closed(fun, in_tree, [*leading, *avals], f"{name} of {fun_name(fun)}", held)
        if made.out_tree != carry_tree:
            why = tree_differences(carry_tree, made.out_tree, f"the {thing} it takes", f"the {thing} it returns")
            raise TypeError(f"{name}: {subject} {code_line(fun)} must return a {thing} of the structure it takes, at "
                            f"{describe(user_source())}; {why}. Return every part of the {thing}, changed or not.")
        settled = [_settled(a, b) for a, b in safe_zip(avals, made.jaxpr.out_avals)]
        if settled == avals:
            break
        init = [x if a == b else convert_element_type(x, b.dtype, weak_type=b.weak_type) for x, a, b in safe_zip(init, avals, settled)]
    for path, a, b in zip(paths, avals, made.jaxpr.out_avals, strict=True):
        if not yields(b, a):
            why, repair = leaf_difference(a, b)
            raise TypeError(f"{name}: {subject} {code_line(fun)} must return a {thing} of the types it takes, at "
                            f"{describe(user_source())}; {path} is {a} on entry and {b} on return: {why}. {repair} "
                            "The initial value may have that type instead.")
    return Closure(conformed(made.jaxpr, avals), made.consts, made.out_tree), init


def _settled(a: ShapedArray, b: ShapedArray) -> ShapedArray:
    """The type of a carry leaf that enters as `a` and leaves the body as `b`."""
    if not a.weak_type or a == b or a.shape != b.shape:
        return a
    return ShapedArray(a.shape, promote(a.dtype, True, b.dtype, b.weak_type)[0])
