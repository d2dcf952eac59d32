"""Programs that return their errors: the rewriting behind `functrans.experimental.checkify`.

`run_checked` evaluates a jaxpr as `eval_jaxpr` does, and looks at each equation for what can go wrong with it: a nan among its
results, a divisor that is zero, an index out of bounds, a `check` of the program's own. What it finds it keeps in a `Ledger`: the
code of the first failure and the values that its message names (see `functrans.calls.checks`). Nothing raises, and the program
goes on.

Equations that carry jaxprs carry rewritten ones (`checked_jaxpr`), which return their ledger behind their results:

- *calls* (`jit`, `checkpoint`): the call of the rewritten jaxpr.
- *cond*: every branch returns the ledger of all branches.
- *scan, repeat, while*: the ledger joins the carry. A while's condition is looked at where its value is used: at the start of each turn and
  after the last.
- *functions with rules of their own* (`custom_jvp`, ...): the function stays, without its errors, so that the rule still holds; its
  errors are computed beside it.

An example, of ``x / y`` under the check for zeros::

    c = div x y            becomes       bad = any(y == 0);  code = select bad 1 0;  c = div x y

A jaxpr numbers its own sites from 1; whoever calls it adds what came before. So one rewritten jaxpr serves every call.

Known limits: linear programs inside (reverse mode through a loop, `custom_linear_solve`) are looked at from outside only: their
results are searched for nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from functrans.calls.checks import (
    CODE,
    DivisionByZeroError,
    JaxException,
    NaNError,
    OOBError,
    Site,
    check_p,
)
from functrans.calls.cond import cond_p
from functrans.calls.custom_jvp import custom_jvp_p
from functrans.calls.custom_vjp import custom_vjp_p
from functrans.calls.custom_vmap import custom_vmap_p
from functrans.calls.repeat import repeat_p
from functrans.calls.scan import bind_scan, scan_p
from functrans.calls.while_loop import while_p
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import is_inexact
from functrans.core.interpret import eval_jaxpr, last_uses
from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, Literal
from functrans.core.source import Source, interpreter
from functrans.core.trace import Primitive, typeof
from functrans.numpy.choice import where
from functrans.numpy.predicates import equal, greater, isnan, less, logical_and, logical_not, logical_or, not_equal
from functrans.numpy.reductions import all as all_of
from functrans.numpy.reductions import any as any_of
from functrans.numpy.ufuncs import add, remainder
from functrans.primitives.arithmetic import div_p
from functrans.primitives.dynamic_slice import dynamic_slice_p, dynamic_update_slice_p
from functrans.primitives.indexing import gather_p, scatter_add_p, scatter_max_p, scatter_min_p, scatter_mul_p, scatter_p
from functrans.primitives.movement import concatenate
from functrans.primitives.reduction import argmax
from functrans.primitives.stop_gradient import stop_gradient
from functrans.primitives.structural import convert_element_type, reshape, zeros
from functrans.primitives.windows import GatherScatterMode, as_gather, window_sizes
from functrans.transforms.prune import live_eqns
from functrans.transforms.rewrite import memoized
from functrans.transforms.stage import stage
from functrans.tree_util import tree_structure
from functrans.util import safe_zip, split_list

__all__ = ["Categories", "Ledger", "run_checked"]

Categories = frozenset[type[JaxException]]

_QUIET = frozenset({
    "abs", "all_gather", "bitcast_convert_type", "broadcast_in_dim", "ceil", "clamp", "complex", "concatenate", "conj",
    "convert_element_type", "cummax", "cummin", "dynamic_slice", "dynamic_update_slice", "floor", "gather", "imag", "max", "min", "name",
    "neg", "optimization_barrier", "pad", "pmax", "pmin", "ppermute", "real", "reduce_max", "reduce_min", "reduce_precision", "reshape",
    "rev", "round", "scatter", "scatter_max", "scatter_min", "select_n", "sign", "slice", "sliding_windows", "sort", "stop_gradient",
    "transpose",
})
"""Primitives that move, choose or compare numbers, or change their form or sign: a nan in their results was there before."""

class Ledger:
    """The errors found so far: the sites that were looked at, the code of the first that failed, and the values it names.

    `code` is None as long as nothing was looked at.
    """

    __slots__ = ("code", "sites", "slots")

    def __init__(self) -> None:
        self.sites: tuple[Site, ...] = ()
        self.code: Any = None
        self.slots: list[Any] = []

    def note(self, failed: Any, category: type[JaxException], message: str, values: Sequence[Any], source: Source) -> None:
        """Something that can go wrong: a bool scalar that says whether it does, and the positional arguments of its message."""
        site = Site(category, message, tree_structure((tuple(values), {})), tuple(range(len(values))), source)
        self.merge((site,), convert_element_type(failed, CODE.dtype), values)

    def merge(self, sites: Sequence[Site], code: Any, slots: Sequence[Any]) -> None:
        """An error from elsewhere, whose code counts `sites` from 1: taken over if it is the first."""
        slots = [stop_gradient(convert_element_type(x, typeof(x).dtype)) for x in slots]
        places = _placed([typeof(x) for x in slots], [typeof(x) for x in self.slots])
        moved = tuple(replace(s, places=tuple(places[p] for p in s.places)) for s in sites)
        if self.code is None:
            self.sites, self.code, self.slots = moved, code, slots
            return
        fresh = logical_and(equal(self.code, np.int32(0)), not_equal(code, np.int32(0)))
        for at, x in safe_zip(places, slots):
            if at == len(self.slots):
                self.slots.append(zeros(typeof(x)))
            self.slots[at] = where(fresh, x, self.slots[at])
        self.code = where(fresh, add(code, np.int32(len(self.sites))), self.code)
        self.sites += moved

    def results(self) -> list[Any]:
        """The code and the slots, if there are any."""
        return [] if self.code is None else [self.code, *self.slots]


def _placed(wanted: Sequence[ShapedArray], slots: Sequence[ShapedArray]) -> list[int]:
    """For each aval a slot of that type, none twice; where no slot is left, new ones follow."""
    places: list[int] = []
    count = len(slots)
    for aval in wanted:
        free = (i for i, s in enumerate(slots) if i not in places and s.same_type(aval))
        at = next(free, count)
        count += at == count
        places.append(at)
    return places


# -- jaxprs ---------------------------------------------------------------------------------------------------------------

@interpreter
def run_checked(jaxpr: Jaxpr, consts: Sequence[Any], args: Sequence[Any], errors: Categories) -> tuple[list[Any], Ledger]:
    """The results of `jaxpr`, and the errors of these categories that occurred."""
    ledger = Ledger()
    env: dict[Any, Any] = dict(safe_zip(jaxpr.constvars, consts))
    env.update(safe_zip(jaxpr.invars, args))
    last = last_uses(jaxpr)
    for i, eqn in enumerate(jaxpr.eqns):
        operands = [a.operand if type(a) is Literal else env[a] for a in eqn.invars]
        env.update(safe_zip(eqn.outvars, _rule(eqn)(eqn, operands, ledger, errors)))
        for v in last.get(i, ()):
            del env[v]
    return [a.operand if type(a) is Literal else env[a] for a in jaxpr.outvars], ledger


@dataclass(frozen=True, slots=True)
class Checked:
    """A rewritten jaxpr, whose results are the original ones, then (if there are sites) the code and the slots."""

    jaxpr: ClosedJaxpr
    sites: tuple[Site, ...]
    num_outs: int

    @property
    def slots(self) -> list[ShapedArray]:
        """The types of the slots."""
        return self.jaxpr.out_avals[self.num_outs + 1:]

    def evaluated(self, args: Sequence[Any]) -> list[Any]:
        """All results on `args`."""
        return eval_jaxpr(self.jaxpr.jaxpr, self.jaxpr.consts, *args)

    def run(self, args: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The original results on `args`, and the code and the slots."""
        outs = self.evaluated(args)
        return outs[:self.num_outs], outs[self.num_outs:]

    def part(self, errors: bool) -> ClosedJaxpr:
        """The rewritten jaxpr with the original results alone, or with the errors alone."""
        jaxpr = self.jaxpr.jaxpr
        outvars = jaxpr.outvars[self.num_outs:] if errors else jaxpr.outvars[:self.num_outs]
        eqns, _ = live_eqns(jaxpr.eqns, outvars, keep_effects=not errors)
        return ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, tuple(eqns), outvars), self.jaxpr.consts)


@memoized
def checked_jaxpr(closed: ClosedJaxpr, errors: Categories) -> Checked:
    """`closed` with its errors among its results; itself, where nothing can go wrong."""
    found: list[Ledger] = []

    def fun(*args: Any) -> list[Any]:
        outs, ledger = run_checked(closed.jaxpr, closed.consts, args, errors)
        found.append(ledger)
        return [*outs, *ledger.results()]

    made = stage(fun, closed.in_avals, "checkify")
    sites = found[0].sites
    return Checked(made if sites else closed, sites, len(closed.jaxpr.outvars))


# -- equations --------------------------------------------------------------------------------------------------------------

Check = Callable[[Eqn, Sequence[Any], Ledger, Categories], Sequence[Any]]


def _rule(eqn: Eqn) -> Check:
    known = _RULES.get(eqn.primitive)
    if known is not None:
        return known
    return _call if eqn.primitive.inline is not None and "jaxpr" in eqn.params else _plain


def _bound(eqn: Eqn, operands: Sequence[Any], **changed: Any) -> list[Any]:
    out = eqn.primitive.bind(*operands, **{**eqn.params, **changed})
    return list(out) if eqn.primitive.multiple_results else [out]


def _plain(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    outs = _bound(eqn, operands)
    floating = [y for y in outs if is_inexact(typeof(y).dtype)]
    if NaNError in errors and floating and eqn.primitive.name not in _QUIET:
        found = any_of(isnan(floating[0]))
        for y in floating[1:]:
            found = logical_or(found, any_of(isnan(y)))
        ledger.note(found, NaNError, f"nan generated by primitive: {eqn.primitive.name}", (), eqn.source)
    return outs


def _div(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    divisor = eqn.invars[1]
    known = type(divisor) is Literal and divisor.value != 0
    if DivisionByZeroError in errors and not known:
        failed = logical_not(all_of(not_equal(operands[1], typeof(operands[1]).dtype.type(0))))
        ledger.note(failed, DivisionByZeroError, "division by zero", (), eqn.source)
    return _plain(eqn, operands, ledger, errors)


def _check(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    """A `check` of the program's own. What is not of a wanted category stays one."""
    sites: tuple[Site, ...] = eqn.params["sites"]
    wanted = [s.category in errors for s in sites]
    if not any(wanted):
        return _bound(eqn, operands)
    code, *slots = _first_of_batch(operands)
    if all(wanted):
        ledger.merge(sites, code, slots)
        return []
    taken = np.bool_(False)
    for k, w in enumerate(wanted):
        taken = logical_or(taken, equal(code, np.int32(k + 1))) if w else taken
    ledger.merge(sites, where(taken, code, np.int32(0)), slots)
    return _bound(eqn, [where(taken, np.int32(0), code), *slots])


def _first_of_batch(operands: Sequence[Any]) -> list[Any]:
    """The first error of a batch of them."""
    code, *slots = operands
    ndim = typeof(code).ndim
    if not ndim:
        return list(operands)
    if not typeof(code).size:
        return [np.int32(0), *(zeros(ShapedArray(typeof(s).shape[ndim:], typeof(s).dtype)) for s in slots)]
    flat = [reshape(x, (typeof(code).size, *typeof(x).shape[ndim:])) for x in operands]
    first = argmax(not_equal(flat[0], np.int32(0)), 0)
    return [_row(x, first) for x in flat]


def _row(x: Any, at: Any) -> Any:
    shape = typeof(x).shape
    starts = [at, *(np.int64(0) for _ in shape[1:])]
    return reshape(dynamic_slice_p.bind(x, *starts, slice_sizes=(1, *shape[1:])), shape[1:])


# -- indices --------------------------------------------------------------------------------------------------------------

def _windows(
    eqn: Eqn, ledger: Ledger, shape: tuple[int, ...], sizes: Sequence[int], axes: Sequence[int], starts: Any,
) -> None:
    """Note windows of `sizes` that are not wholly inside an array of `shape`; the last axis of `starts` lists `axes`."""
    if not axes or not typeof(starts).size:
        return
    total = typeof(starts).size
    rows = reshape(convert_element_type(starts, np.dtype(np.int64)), (total // len(axes), len(axes)))
    limits = _vector([shape[a] - sizes[a] for a in axes])
    outside = reshape(logical_or(less(rows, np.int64(0)), greater(rows, limits)), (total,))
    at = argmax(outside, 0)
    column = remainder(at, np.int64(len(axes)))
    values = (_row(reshape(rows, (total,)), at), _row(_vector(axes), column), _row(_vector([shape[a] for a in axes]), column))
    message = f"out-of-bounds indexing for array of shape {shape}: index {{}} is out of bounds for axis {{}} with size {{}}"
    ledger.note(any_of(outside), OOBError, message, values, eqn.source)


def _vector(numbers: Sequence[int]) -> Any:
    """A vector made of scalars, so that a rewritten jaxpr has no constants."""
    return concatenate([reshape(np.int64(n), (1,)) for n in numbers], 0)


def _gather(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    mode = eqn.params["mode"]
    if OOBError not in errors or mode is GatherScatterMode.CLIP:
        return _plain(eqn, operands, ledger, errors)
    x, indices = typeof(operands[0]), operands[1]
    if eqn.primitive is gather_p:
        numbers, sizes = eqn.params["dimension_numbers"], eqn.params["slice_sizes"]
    else:
        numbers = as_gather(eqn.params["dimension_numbers"])
        sizes = window_sizes(numbers, x, typeof(operands[2]).shape)
    _windows(eqn, ledger, x.shape, sizes, numbers.start_index_map, indices)
    params = {**eqn.params, "mode": GatherScatterMode.CLIP} if mode is GatherScatterMode.ERROR else eqn.params
    return _plain(eqn.replace(params=params), operands, ledger, errors)


def _dynamic(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    if OOBError in errors:
        is_read = eqn.primitive is dynamic_slice_p
        shape, starts = typeof(operands[0]).shape, operands[1 if is_read else 2:]
        sizes = eqn.params["slice_sizes"] if is_read else typeof(operands[1]).shape
        if starts:
            vector = concatenate([reshape(convert_element_type(s, np.dtype(np.int64)), (1,)) for s in starts], 0)
            _windows(eqn, ledger, shape, sizes, range(len(shape)), vector)
    return _plain(eqn, operands, ledger, errors)


# -- equations with jaxprs --------------------------------------------------------------------------------------------------

def _call(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    """A call that does nothing but run its jaxpr."""
    made = checked_jaxpr(eqn.params["jaxpr"], errors)
    outs = _bound(eqn, operands, jaxpr=made.jaxpr)
    return _taken(made, outs, ledger)


def _taken(made: Checked, outs: Sequence[Any], ledger: Ledger) -> Sequence[Any]:
    """The original results, the errors behind them noted."""
    if made.sites:
        code, *slots = outs[made.num_outs:]
        ledger.merge(made.sites, code, slots)
    return outs[:made.num_outs]


def _custom(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    made = checked_jaxpr(eqn.params["fun"], errors)
    if not made.sites:
        return _bound(eqn, operands)
    outs = _bound(eqn, operands, fun=made.part(errors=False))
    beside = made.part(errors=True)
    code, *slots = eval_jaxpr(beside.jaxpr, beside.consts, *stop_gradient(list(operands)))
    ledger.merge(made.sites, code, slots)
    return outs


def _cond(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    first, *others = eqn.params["branches"]
    branches, made = _checked_branches(first, tuple(others), errors)
    return _taken(made, _bound(eqn, operands, branches=branches), ledger)


@memoized
def _checked_branches(
    first: ClosedJaxpr, others: tuple[ClosedJaxpr, ...], errors: Categories,
) -> tuple[tuple[ClosedJaxpr, ...], Checked]:
    """The branches with the errors of all of them, and what the first of these is."""
    branches = (first, *others)
    made = [checked_jaxpr(b, errors) for b in branches]
    slots: list[ShapedArray] = []
    sites: list[Site] = []
    plans = []
    for m in made:
        places = _placed(m.slots, slots) if m.sites else []
        slots += [aval for aval, p in zip(m.slots, places, strict=False) if p >= len(slots)]
        plans.append((m, places, len(sites)))
        sites += [replace(s, places=tuple(places[p] for p in s.places)) for s in m.sites]
    if not sites:
        return branches, made[0]
    out = tuple(_branch(m, places, offset, slots) for m, places, offset in plans)
    return out, Checked(out[0], tuple(sites), made[0].num_outs)


def _branch(made: Checked, places: Sequence[int], offset: int, slots: Sequence[ShapedArray]) -> ClosedJaxpr:
    def fun(*args: Any) -> list[Any]:
        outs, found = made.run(args)
        if not found:
            return [*outs, np.int32(0), *map(zeros, slots)]
        code = where(equal(found[0], np.int32(0)), np.int32(0), add(found[0], np.int32(offset)))
        held = dict(safe_zip(places, found[1:]))
        return [*outs, code, *(held[i] if i in held else zeros(aval) for i, aval in enumerate(slots))]

    return stage(fun, made.jaxpr.in_avals, "checkify of cond")


def _scan(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    loop = dict(eqn.params)
    closed, n, m = loop.pop("jaxpr"), loop.pop("num_consts"), loop.pop("num_carry")
    made = checked_jaxpr(closed, errors)
    if not made.sites:
        return _plain(eqn, operands, ledger, errors)
    consts, init, xs = split_list(operands, [n, m])
    start = [np.int32(0), *map(zeros, made.slots)]
    carry, ys = bind_scan(_scan_body(closed, errors, n), consts, [*start, *init], xs, **loop)
    ledger.merge(made.sites, carry[0], carry[1:len(start)])
    return [*carry[len(start):], *ys]


def _repeat(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    closed, m = eqn.params["jaxpr"], eqn.params["num_consts"]
    made = checked_jaxpr(closed, errors)
    if not made.sites:
        return _plain(eqn, operands, ledger, errors)
    (n, *consts), init = split_list(operands, [1 + m])
    start = [np.int32(0), *map(zeros, made.slots)]
    outs = _bound(eqn, [n, *consts, *start, *init], jaxpr=_scan_body(closed, errors, m))
    ledger.merge(made.sites, outs[0], outs[1:len(start)])
    return outs[len(start):]


@memoized
def _scan_body(closed: ClosedJaxpr, errors: Categories, num_consts: int) -> ClosedJaxpr:
    """The body with the errors at the front of its carry."""
    made = checked_jaxpr(closed, errors)

    def fun(*args: Any) -> list[Any]:
        consts, held, rest = split_list(args, [num_consts, 1 + len(made.slots)])
        outs, found = made.run([*consts, *rest])
        return [*_earlier(held, found), *outs]

    consts, rest = split_list(closed.in_avals, [num_consts])
    return stage(fun, [*consts, CODE, *made.slots, *rest], "checkify of scan")


def _earlier(held: Sequence[Any], found: Sequence[Any]) -> list[Any]:
    """The error that is held, if it is one, else the one found; of the same form."""
    fresh = equal(held[0], np.int32(0))
    return [where(fresh, new, old) for old, new in safe_zip(held, found)]


def _while(eqn: Eqn, operands: Sequence[Any], ledger: Ledger, errors: Categories) -> Sequence[Any]:
    p = eqn.params
    n, m = p["cond_nconsts"], p["body_nconsts"]
    test, turn = checked_jaxpr(p["cond_jaxpr"], errors), checked_jaxpr(p["body_jaxpr"], errors)
    if not test.sites and not turn.sites:
        return _plain(eqn, operands, ledger, errors)
    cond_consts, body_consts, init = split_list(operands, [n, m])
    cond, body, layout = _checked_loop(p["cond_jaxpr"], p["body_jaxpr"], n, m, errors)
    start = [np.int32(0), *map(zeros, layout.slots)]
    outs = list(while_p.bind(*cond_consts, *cond_consts, *body_consts, *start, *init, cond_jaxpr=cond, body_jaxpr=body, cond_nconsts=n,
                             body_nconsts=n + m))
    held, carry = split_list(outs, [len(start)])
    ledger.merge(layout.sites, held[0], held[1:])
    if test.sites:  # the condition that ended the loop was looked at by no turn
        _, (code, *slots) = test.run([*cond_consts, *carry])
        ledger.merge(test.sites, code, slots)
    return carry


@dataclass(frozen=True, slots=True)
class _Layout:
    """The errors that a loop carries."""

    sites: tuple[Site, ...]
    slots: list[ShapedArray]


@memoized
def _checked_loop(
    cond: ClosedJaxpr, body: ClosedJaxpr, cond_nconsts: int, body_nconsts: int, errors: Categories,
) -> tuple[ClosedJaxpr, ClosedJaxpr, _Layout]:
    """The condition and the body with the errors at the front of their carry, and what these are.

    The body takes the constants of the condition too, since it looks for the errors of the condition that let it run.
    """
    test, turn = checked_jaxpr(cond, errors), checked_jaxpr(body, errors)
    quiet = test.part(errors=False)
    found: list[Ledger] = []

    def once(*args: Any) -> list[Any]:
        """The errors of a condition and the turn after it."""
        cond_consts, body_consts, carry = split_list(args, [cond_nconsts, body_nconsts])
        ledger = Ledger()
        _taken(test, test.evaluated([*cond_consts, *carry]), ledger)
        outs = _taken(turn, turn.evaluated([*body_consts, *carry]), ledger)
        found.append(ledger)
        return [*ledger.results(), *outs]

    cond_avals, carry = split_list(cond.in_avals, [cond_nconsts])
    consts = [*cond_avals, *body.in_avals[:body_nconsts]]
    joined = stage(once, [*consts, *carry], "checkify of while_loop")
    sites, size = found[0].sites, 1 + len(found[0].slots)
    slots = joined.out_avals[1:size]

    def again(*args: Any) -> list[Any]:
        fixed, held, rest = split_list(args, [len(consts), size])
        outs = eval_jaxpr(joined.jaxpr, joined.consts, *fixed, *rest)
        return [*_earlier(held, outs[:size]), *outs[size:]]

    def going(*args: Any) -> list[Any]:
        fixed, _, rest = split_list(args, [cond_nconsts, size])
        return eval_jaxpr(quiet.jaxpr, quiet.consts, *fixed, *rest)

    held = [CODE, *slots]
    return (stage(going, [*cond_avals, *held, *carry], "checkify of while_loop"),
            stage(again, [*consts, *held, *carry], "checkify of while_loop"), _Layout(sites, slots))


_RULES: dict[Primitive, Check] = {
    div_p: _div, check_p: _check, cond_p: _cond, scan_p: _scan, repeat_p: _repeat, while_p: _while,
    dynamic_slice_p: _dynamic, dynamic_update_slice_p: _dynamic,
    **dict.fromkeys((gather_p, scatter_p, scatter_add_p, scatter_mul_p, scatter_min_p, scatter_max_p), _gather),
    **dict.fromkeys((custom_jvp_p, custom_vjp_p, custom_vmap_p), _custom),
}
