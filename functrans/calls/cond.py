"""`cond` and `switch`: one of several functions runs, chosen by a computed number.

The equation ``cond[branches=(b0, b1, ...)] index *operands`` has the meaning ``branches[index](*operands)``; `index` is an int32
scalar in range. Branches have no constants: what they close over becomes leading operands, common to all.

Its derivative is the `cond` of the branches' derivatives. For reverse mode each branch also returns its residuals, which share
slots: a slot holds the k-th residual of some aval in every branch that has one, zeros in the others, so that memory is the
largest branch's and not the sum (a residual that is itself an operand takes no slot). Batched with the same index for the whole
batch, it stays a `cond`. With an index that differs along the batch all branches run on the whole batch and `select_n`
picks: then also the errors of branches not taken (an index out of bounds) are raised, and none may run forever. Where a branch has an
effect, such as a print, the elements run one by one instead, each in its own branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.arguments import sequence
from functrans.calls.agreement import conformed, joined, leaf_difference, tree_differences, yields
from functrans.calls.called import called_by, code_line
from functrans.calls.closed import Closure, run_call, trace_closed, with_leading_inputs
from functrans.calls.one_by_one import has_effects, one_by_one
from functrans.calls.refs import Ref, carrying, restored, threaded, values_of
from functrans.core.aval import Linear, ShapedArray, Zero
from functrans.core.dtypes import is_integer
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import Atom, ClosedJaxpr, Jaxpr, Var
from functrans.core.source import describe, user_source
from functrans.core.trace import running, typeof
from functrans.primitives.arithmetic import clamp_p, select_n_p
from functrans.primitives.base import primitive
from functrans.primitives.logic import ne_p
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis, zeros
from functrans.transforms.flatten import check_arrays, fun_name
from functrans.transforms.rewrite import Mask, batch_jaxpr, jvp_jaxpr, linearize_jaxpr, memoized, transposed_jaxpr
from functrans.transforms.stage import stage
from functrans.transforms.symbolic_zeros import active_mask, explicit, with_zeros
from functrans.tree_util import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten
from functrans.util import safe_zip

__all__ = ["cond", "cond_p", "switch"]

Branches = tuple[ClosedJaxpr, ...]
_INT32 = np.dtype(np.int32)


# -- the primitive --------------------------------------------------------------------------------------------------------

def _impl(*values: np.ndarray, branches: Branches) -> list[np.ndarray]:
    return run_call(cond_p, values, {"branches": branches})


def _lower(b: Any, index: Any, *operands: Any, branches: Branches) -> list[Any]:
    return list(b.branch(index, branches, operands))


def _abstract(index: ShapedArray, *avals: ShapedArray, branches: Branches) -> list[ShapedArray]:
    if index.shape or index.dtype != _INT32:
        raise TypeError(f"cond: the index must be an int32 scalar; got {index}.")
    for k, branch in enumerate(branches):
        if len(branch.in_avals) != len(avals) or not all(a.same_type(b) for a, b in safe_zip(avals, branch.in_avals)):
            raise TypeError(f"cond: branch {k} takes {branch.in_avals}; the operands are {list(avals)}.")
        if branch.out_avals != branches[0].out_avals:
            raise TypeError(f"cond: branch {k} returns {branch.out_avals}, and branch 0 returns {branches[0].out_avals}.")
    return branches[0].out_avals


cond_p = primitive("cond", impl=_impl, abstract=_abstract, lower=_lower, multiple_results=True)


def _merged(closures: Sequence[tuple[ClosedJaxpr, Sequence[Any]]]) -> tuple[Branches, list[Any]]:
    """Branches that all take the leading operands of each of them: ``closures`` pairs jaxprs with these operands' values."""
    if not any(consts for _, consts in closures):
        return tuple(closed for closed, _ in closures), []
    values = {id(c): c for _, consts in closures for c in consts}
    branches = []
    for closed, consts in closures:
        jaxpr, n = closed.jaxpr, len(consts)
        mine = dict(zip(map(id, consts), jaxpr.invars[:n], strict=True))
        leading = [mine.get(key) or Var(typeof(c)) for key, c in values.items()]
        branches.append(ClosedJaxpr(Jaxpr((), (*leading, *jaxpr.invars[n:]), jaxpr.eqns, jaxpr.outvars), ()))
    return tuple(branches), list(values.values())


def _alike(made: Sequence[ClosedJaxpr]) -> tuple[Branches, list[Any]]:
    """Transformed branches without constants, with one type of result; and the constants, leading operands of all."""
    first = made[0].out_avals
    strong = [a if all(b.out_avals[i].weak_type for b in made) else a.strong() for i, a in enumerate(first)]
    return _merged([(with_leading_inputs(conformed(b, strong)), b.consts) for b in made])


def _union(masks: Sequence[Mask]) -> Mask:
    return tuple(any(column) for column in safe_zip(*masks))


# -- derivatives ----------------------------------------------------------------------------------------------------------

@memoized
def _jvp_branches(first: ClosedJaxpr, others: Branches, active: Mask) -> tuple[Branches, list[Any], Mask]:
    made = [jvp_jaxpr(b, active) for b in (first, *others)]
    union = _union([mask for _, mask in made])
    if any(mask != union for _, mask in made):
        made = [jvp_jaxpr(b, active, union) for b in (first, *others)]
    return *_alike([b for b, _ in made]), union


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, branches: Branches) -> tuple[list[Any], list[Any]]:
    index, *operands = primals
    active = active_mask(tangents[1:])
    made, consts, out_active = _jvp_branches(branches[0], branches[1:], active)
    outs = cond_p.bind(index, *consts, *operands, *explicit(tangents[1:]), branches=made)
    n = len(out_active)
    return outs[:n], with_zeros(outs[n:], out_active, outs[:n])


class _Linearized:
    """The branches for the primal results and residuals, and those that are linear.

    ``primal(*primal_consts, *operands) -> (results, slots)`` and
    ``linear(*linear_consts, *forwarded operands, *slots, *tangents) -> tangents of the active results``.
    """

    __slots__ = ("forwarded", "linear", "linear_consts", "out_active", "primal", "primal_consts")

    def __init__(self, branches: Branches, active: Mask) -> None:
        made = [linearize_jaxpr(b, active) for b in branches]
        union = _union([mask for _, _, mask in made])
        if any(mask != union for _, _, mask in made):
            made = [linearize_jaxpr(b, active, union) for b in branches]
        self.out_active = union
        n = len(union)
        residuals = [primal.jaxpr.outvars[n:] for primal, _, _ in made]
        operands = [{v: i for i, v in enumerate(primal.jaxpr.invars)} for primal, _, _ in made]
        self.forwarded = sorted({at[r] for at, rs in safe_zip(operands, residuals) for r in rs if type(r) is Var and r in at})
        slots: list[ShapedArray] = []
        places = [_placed(at, rs, slots) for at, rs in safe_zip(operands, residuals)]
        self.primal, self.primal_consts = _alike([
            _filling(primal, n, place, slots) for (primal, _, _), place in safe_zip(made, places)])
        held = [*(branches[0].in_avals[j] for j in self.forwarded), *slots]
        wheres = [[self.forwarded.index(at[r]) if p is None else len(self.forwarded) + p for r, p in safe_zip(rs, place)]
                  for at, rs, place in safe_zip(operands, residuals, places)]
        self.linear, self.linear_consts = _alike([_drawing(linear, held, where) for (_, linear, _), where in safe_zip(made, wheres)])


def _placed(operands: dict[Var, int], residuals: Sequence[Atom], slots: list[ShapedArray]) -> list[int | None]:
    """The slot of each residual (None for one that is an operand), adding to `slots` where no free one has its aval."""
    taken: set[int] = set()
    places: list[int | None] = []
    for r in residuals:
        if type(r) is Var and r in operands:
            places.append(None)
            continue
        at = next((i for i, aval in enumerate(slots) if aval == r.aval and i not in taken), None)
        if at is None:
            at = len(slots)
            slots.append(r.aval)
        taken.add(at)
        places.append(at)
    return places


def _filling(primal: ClosedJaxpr, n: int, places: Sequence[int | None], slots: Sequence[ShapedArray]) -> ClosedJaxpr:
    """`primal` with its residuals at their slots and zeros in the slots of other branches."""
    source = {p: i for i, p in enumerate(places) if p is not None}

    def fun(*args: Any) -> list[Any]:
        outs = eval_jaxpr(primal.jaxpr, primal.consts, *args)
        return [*outs[:n], *(outs[n + source[i]] if i in source else zeros(aval) for i, aval in enumerate(slots))]

    return stage(fun, primal.in_avals, "grad of cond")


def _drawing(linear: ClosedJaxpr, held: Sequence[ShapedArray], where: Sequence[int]) -> ClosedJaxpr:
    """`linear` as a function of all that is held, of which its residuals are those at `where`, and the tangents."""
    def fun(*args: Any) -> list[Any]:
        return eval_jaxpr(linear.jaxpr, linear.consts, *(args[i] for i in where), *args[len(held):])

    return stage(fun, [*held, *linear.in_avals[len(where):]], "grad of cond")


@memoized
def _linearize_branches(first: ClosedJaxpr, others: Branches, active: Mask) -> _Linearized:
    return _Linearized((first, *others), active)


def _linearize(trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, branches: Branches) -> tuple[list[Any], list[Any]]:
    index, *operands = primals
    made = _linearize_branches(branches[0], branches[1:], active_mask(tangents[1:]))
    with running(trace.parent):
        outs = cond_p.bind(index, *made.primal_consts, *operands, branches=made.primal)
    n = len(made.out_active)
    held = [*made.linear_consts, *(operands[j] for j in made.forwarded), *outs[n:]]
    with running(trace):
        dots = cond_p.bind(index, *held, *explicit(tangents[1:]), branches=made.linear)
    return outs[:n], with_zeros(dots, made.out_active, outs[:n])


@memoized
def _transposed_branches(first: ClosedJaxpr, others: Branches, linear: Mask, zero: Mask) -> tuple[Branches, list[Any], Mask]:
    made = [transposed_jaxpr(b, linear, zero) for b in (first, *others)]
    union = _union([mask for _, mask in made]) if any(linear) else ()
    if any(mask != union for _, mask in made):
        made = [transposed_jaxpr(b, linear, zero, union) for b in (first, *others)]
    return *_alike([b for b, _ in made]), union


def _transpose(cts: Sequence[Any], index: Any, *operands: Any, branches: Branches) -> list[Any]:
    linear = tuple(isinstance(x, Linear) for x in operands)
    made, consts, reached = _transposed_branches(branches[0], branches[1:], linear, tuple(type(ct) is Zero for ct in cts))
    known = [x for x in operands if not isinstance(x, Linear)]
    outs = iter(cond_p.bind(index, *consts, *known, *explicit(cts), branches=made))
    bars = iter([next(outs) if r else None for r in reached])
    return [None, *(next(bars) if is_linear else None for is_linear in linear)]


# -- batches --------------------------------------------------------------------------------------------------------------

@memoized
def _batch_branches(
    first: ClosedJaxpr, others: Branches, size: int, axis_name: Any, dims: tuple[int | None, ...], everywhere: bool,
) -> tuple[Branches, list[Any], tuple[int | None, ...]]:
    """The branches on batched operands; with `everywhere` all results have their batch axis first."""
    made = [batch_jaxpr(b, size, axis_name, dims) for b in (first, *others)]
    out_dims = made[0][1]
    if everywhere or any(d != out_dims for _, d in made):
        forced = tuple(everywhere or any(d is not None for d in column) for column in zip(*[d for _, d in made], strict=True))
        made = [batch_jaxpr(b, size, axis_name, dims, forced) for b in (first, *others)]
        out_dims = made[0][1]
    return *_alike([b for b, _ in made]), out_dims


def _batch(size: Any, args: Sequence[Any], dims: Sequence[int | None], *, branches: Branches) -> tuple[list[Any], list[int | None]]:
    (index, *operands), (at, *operand_dims) = args, dims
    if at is not None and any(map(has_effects, branches)):
        return one_by_one(cond_p, size, args, dims, {"branches": branches})
    made, consts, out_dims = _batch_branches(
        branches[0], branches[1:], int(size), getattr(size, "name", None), tuple(operand_dims), at is not None)
    if at is None:
        return cond_p.bind(index, *consts, *operands, branches=made), list(out_dims)
    results = [eval_jaxpr(b.jaxpr, (), *consts, *operands) for b in made]
    which = move_axis(index, at, 0)
    return [_select(which, cases) for cases in zip(*results, strict=True)], list(out_dims)


def _select(which: Any, cases: Sequence[Any]) -> Any:
    return select_n_p.bind(broadcast_in_dim(which, typeof(cases[0]).shape, (0,)), *cases)


cond_p.jvp, cond_p.linearize, cond_p.transpose, cond_p.batch = _jvp, _linearize, _transpose, _batch


# -- the functions --------------------------------------------------------------------------------------------------------

_MISSING: Any = object()


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any, operand: Any = _MISSING) -> Any:
    """``true_fun(*operands)`` if `pred`, else ``false_fun(*operands)``; only the chosen function is computed.

    Both functions are traced, so both must be valid for the operands, and they must agree in the structure, shapes and dtypes of
    their results (a weakly typed result joins a strong one). They may close over arrays, and are differentiated by them too.
    Under `vmap` with a `pred` that differs along the batch both are computed and selected from: then the errors of the one
    not taken, such as an index out of bounds, are raised too.

    Args:
        pred: a boolean scalar, or a real number (true where it is not zero).
        true_fun, false_fun: functions of the operands that return pytrees of arrays.
        operands: pytrees of arrays.
        operand: a single operand, by keyword.

    Returns:
        the result of the chosen function.

    Raises:
        TypeError: if `pred` is not a scalar bool or real number, a function is not callable, an operand is not an array, or the
            functions' results differ in type; the message names the leaf.

    >>> print(cond(True, lambda x: x + 1.0, lambda x: x * 10.0, 2.0))
    3.0
    >>> print(cond(0, lambda x: x + 1.0, lambda x: x * 10.0, 2.0))
    20.0
    """
    if not callable(true_fun) and len(operands) == 2 and callable(false_fun) and callable(operands[1]):
        by_true, (false_operand, by_false) = false_fun, operands
        return cond(pred, lambda pair: by_true(pair[0]), lambda pair: by_false(pair[1]), (true_fun, false_operand))
    for name, fun in (("true_fun", true_fun), ("false_fun", false_fun)):
        if not callable(fun):
            raise TypeError(f"cond: {name} must be callable; got {fun!r}, at {describe(user_source())}. For a constant write "
                            "lambda *operands: value.")
    flat = _operands("cond", operands, operand)
    index = convert_element_type(_truth(pred), _INT32)
    return _choose("cond", index, [false_fun, true_fun], ["false_fun", "true_fun"], flat)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any, operand: Any = _MISSING) -> Any:
    """``branches[index](*operands)``, with `index` clamped into range; only the chosen branch is computed.

    The rules for the branches are those of the two functions of `cond`. A single branch is called directly.

    Args:
        index: an integer scalar; below 0 it counts as 0, past the end as the last.
        branches: a sequence of functions of the operands.

    Raises:
        TypeError: if `index` is not an integer scalar, a branch is not callable, or results differ in type.
        ValueError: if there are no branches.

    >>> [print(switch(i, [lambda x: x, lambda x: -x, lambda x: x * x], 3.0)) for i in (0, 1, 7)]
    3.0
    -3.0
    9.0
    [None, None, None]
    """
    branches = sequence(branches, "branches")
    if not branches:
        raise ValueError(f"switch: there are no branches to choose from, at {describe(user_source())}. Pass at least one function.")
    for k, branch in enumerate(branches):
        if not callable(branch):
            raise TypeError(f"switch: branches must be callable; branch {k} is {branch!r}, at {describe(user_source())}.")
    aval = _scalar("switch", "the index", index)
    if not is_integer(aval.dtype):
        raise TypeError(f"switch: the index must be an integer; got {aval}, at {describe(user_source())}. Convert it with .astype(int).")
    flat = _operands("switch", operands, operand)
    if len(branches) == 1:
        return called_by("switch", "branch 0", branches[0], [f"operand {k}" for k in range(len(flat))])(*flat)
    if aval.dtype.itemsize < _INT32.itemsize:
        index, aval = convert_element_type(index, _INT32), aval.update(dtype=_INT32)
    kind = aval.dtype.type
    index = convert_element_type(clamp_p.bind(kind(0), index, kind(len(branches) - 1)), _INT32)
    return _choose("switch", index, branches, [f"branch {k}" for k in range(len(branches))], flat)


def _operands(name: str, operands: tuple[Any, ...], operand: Any) -> tuple[Any, ...]:
    if operand is _MISSING:
        return operands
    if operands:
        raise TypeError(f"{name}: operands are given both by position and by the keyword operand, at {describe(user_source())}. "
                        "Pass all by position.")
    return (operand,)


def _scalar(name: str, what: str, x: Any) -> ShapedArray:
    try:
        aval = typeof(x)
    except TypeError as error:
        raise TypeError(f"{name}: {what} must be a scalar. {error}") from None
    if aval.shape:
        raise TypeError(f"{name}: {what} must be a scalar; got {aval} of shape {aval.shape}, at {describe(user_source())}. "
                        "Use functrans.numpy.where to choose elementwise, or reduce it with .all() or .any().")
    return aval


def _truth(pred: Any) -> Any:
    aval = _scalar("cond", "the predicate", pred)
    if aval.dtype.kind == "c":
        raise TypeError(f"cond: the predicate must be a bool or a real number; got {aval}, at {describe(user_source())}. "
                        "Compare it: pred != 0.")
    return pred if aval.dtype.kind == "b" else ne_p.bind(pred, aval.dtype.type(0))


def _choose(name: str, index: Any, funs: Sequence[Callable[..., Any]], names: Sequence[str], operands: tuple[Any, ...]) -> Any:
    words = [f"operand {k}" for k in range(len(operands))]
    funs = [called_by(name, role, f, words) for f, role in safe_zip(funs, names)]

    def run(held: tuple[Ref, ...]) -> Any:
        if not held:
            return _chosen(name, index, funs, names, operands, held)
        values, out = _chosen(name, index, [threaded(held, f) for f in funs], names, (values_of(held), *operands), held)
        restored(held, values)
        return out

    return carrying(run)


def _chosen(
    name: str, index: Any, funs: Sequence[Callable[..., Any]], names: Sequence[str], operands: tuple[Any, ...], held: Sequence[Ref],
) -> Any:
    flat, in_tree = tree_flatten((operands, {}))
    check_arrays(flat, operands, funs[0], name)
    avals = [typeof(x) for x in flat]
    closures = [trace_closed(f, in_tree, avals, f"{name} of {fun_name(f)}", held) for f in funs]
    types = _result_types(name, funs, names, closures)
    branches, consts = _merged([(conformed(c.jaxpr, types), c.consts) for c in closures])
    outs = cond_p.bind(index, *consts, *flat, branches=branches)
    return tree_unflatten(closures[0].out_tree, outs)


def _result_types(name: str, funs: Sequence[Any], names: Sequence[str], closures: Sequence[Closure]) -> list[ShapedArray]:
    """The types of the leaves of the results, in which all branches must agree."""
    def where(j: int, k: int) -> str:
        return (f"{name}: the branches must return results of one type. {names[j]} is {code_line(funs[j])}, {names[k]} is "
                f"{code_line(funs[k])}, and they are called at {describe(user_source())}.")

    first = closures[0].out_tree
    for k, c in enumerate(closures):
        if c.out_tree != first:
            why = tree_differences(first, c.out_tree, names[0], names[k])
            raise TypeError(f"{where(0, k)} Their structures differ: {why}. Return the same structure from each.")
    columns = safe_zip(*[c.jaxpr.out_avals for c in closures])
    types = [joined(*column) for column in columns]
    for i, (column, aval) in enumerate(safe_zip(columns, types)):
        for k, mine in enumerate(column):
            if not yields(mine, aval):
                j = column.index(aval)
                path = keystr(tree_flatten_with_path(tree_unflatten(first, types))[0][i][0])
                why, repair = leaf_difference(aval, mine)
                raise TypeError(f"{where(j, k)} result{path} is {aval} in {names[j]} and {mine} in {names[k]}: {why}. {repair}")
    return types
