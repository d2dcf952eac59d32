"""The checker of jaxprs: what every transformation and pass must leave true.

`check_jaxpr`: every variable is bound once and before it is used; the avals of an equation's outputs are those that
the primitive's own `abstract` rule derives, weakness included; params are hashable and free of tracers; nested
jaxprs are checked in turn.

`check_linear`: variables that are linear in the marked inputs are used only where an equation is linear in them. Which
operands those are is derived, not declared. A function is linear in some operands together exactly if its derivative
with respect to them does not depend on their values, so the primitive's `jvp` rule runs on placeholders that remember
whether a linear operand's *value* went into them::

    mul x c, x linear:      x_dot * c              x itself is absent: linear
    mul x y, both linear:   x_dot * y + x * y_dot  x and y appear: not linear
    sin x, x linear:        x_dot * cos(x)         x appears: not linear
    add x 2.0, x linear:    x_dot                  but the derivative is constant also for affine functions:

a literal that is not zero, in an operand that the equation would be linear in too, is therefore refused.

Limits: an affine use with a *variable* in place of the literal passes, since its value may be zero (and is, where rules
fill symbolic zeros). Operands of equations that carry jaxprs are matched with the inputs of these jaxprs from the last
one backwards (`cond` has an index before them), and such equations are judged by their jaxprs alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_inexact, kind_of
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Var, subjaxprs
from functrans.core.pretty import EqnPrinter
from functrans.core.source import describe
from functrans.core.trace import Primitive, Trace, Tracer, current_trace, running, typeof
from functrans.errors import JaxprTypeError

__all__ = ["check_jaxpr", "check_linear"]


class _Report:
    """Composes the errors about one jaxpr. The text of the jaxpr is only made when an error needs it."""

    def __init__(self, jaxpr: Jaxpr) -> None:
        self.jaxpr = jaxpr

    def fail(self, eqn: Eqn | None, problem: str, *atoms: Atom, cause: Exception | None = None) -> NoReturn:
        """Raise; ``{0}``, ``{1}`` in `problem` stand for the printed `atoms`."""
        printer = EqnPrinter(self.jaxpr)
        problem = problem.format(*map(printer.atom, atoms))
        if eqn is None:
            raise JaxprTypeError(f"invalid jaxpr: {problem}") from cause
        where = f"\n  in the equation: {printer.eqn(eqn)}\n  from {describe(eqn.source)}"
        raise JaxprTypeError(f"invalid jaxpr: {problem}{where}") from cause


def _braces(text: object) -> str:
    """Text that goes through `str.format` unchanged."""
    return str(text).replace("{", "{{").replace("}", "}}")


# -- types ------------------------------------------------------------------------------------------------------------

def check_jaxpr(jaxpr: Jaxpr | ClosedJaxpr, *, linear: Sequence[bool] | None = None) -> None:
    """Raise unless `jaxpr` is well formed and typed; with `linear`, also unless `check_linear` passes.

    Raises:
        JaxprTypeError: names the problem, the equation as printed, the variable and the user's line.

    >>> x = Var(ShapedArray((3,), np.dtype("float64")))
    >>> check_jaxpr(Jaxpr((), (x,), (), (x,)))
    >>> check_jaxpr(Jaxpr((), (), (), (x,)))
    Traceback (most recent call last):
        ...
    functrans.errors.JaxprTypeError: invalid jaxpr: the output a:f64[3] is not bound.
    """
    opened = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    if isinstance(jaxpr, ClosedJaxpr):
        _check_consts(jaxpr)
    _check(opened, set())
    if linear is not None:
        check_linear(opened, linear)


def _check(jaxpr: Jaxpr, checked: set[int]) -> None:
    if id(jaxpr) in checked:
        return
    checked.add(id(jaxpr))
    report = _Report(jaxpr)
    bound: set[Var] = set()
    for v in (*jaxpr.constvars, *jaxpr.invars):
        if v in bound:
            report.fail(None, f"the input {{0}}:{v.aval} is bound twice.", v)
        bound.add(v)
    for eqn in jaxpr.eqns:
        for a in eqn.invars:
            _check_atom(report, eqn, a, bound)
        _check_params(report, eqn)
        for closed in subjaxprs(eqn.params):
            _check_consts(closed)
            _check(closed.jaxpr, checked)
        _check_avals(report, eqn)
        for v in eqn.outvars:
            if v in bound:
                report.fail(eqn, f"{{0}}:{v.aval} is bound twice.", v)
            bound.add(v)
    for a in jaxpr.outvars:
        _check_atom(report, None, a, bound)


def _check_atom(report: _Report, eqn: Eqn | None, a: Atom, bound: set[Var]) -> None:
    what = "output" if eqn is None else "operand"
    if type(a) is Literal:
        if a.aval.shape:
            report.fail(eqn, f"the literal {what} {_braces(a.value)} has the aval {a.aval}; literals are scalars.")
        if np.shape(a.value):
            report.fail(eqn, f"the value of the {what} {{0}} is an array; literals are scalars.", a)
        if isinstance(a.value, Tracer):
            report.fail(eqn, f"a literal {what} holds {_braces(a.value.describe())}; tracers must be variables.")
        if not _holds(a.aval, a.value):
            kind = type(a.value).__name__
            report.fail(eqn, f"the value of the {what} {{0}} is a {kind}, which {a.aval} does not hold.", a)
    elif type(a) is not Var:
        report.fail(eqn, f"an {what} is a {type(a).__name__}, neither a variable nor a literal.")
    elif a not in bound:
        report.fail(eqn, f"the {what} {{0}}:{a.aval} is not bound" + (" before its use." if eqn else "."), a)


def _holds(aval: ShapedArray, value: Any) -> bool:
    if isinstance(value, np.generic):
        return bool(value.dtype == aval.dtype)
    kind = kind_of(np.asarray(value).dtype)
    return kind in _KINDS.get(kind_of(aval.dtype), kind)


_KINDS = {"b": "b", "i": "iu", "u": "iu", "f": "fiu", "c": "cfiu"}


def _check_consts(closed: ClosedJaxpr) -> None:
    report = _Report(closed.jaxpr)
    if len(closed.consts) != len(closed.jaxpr.constvars):
        report.fail(None, f"there are {len(closed.consts)} constants for {len(closed.jaxpr.constvars)} constvars.")
    for v, c in zip(closed.jaxpr.constvars, closed.consts, strict=True):
        if not typeof(c).same_type(v.aval):
            report.fail(None, f"the constant of {{0}}:{v.aval} is of type {typeof(c)}.", v)


def _check_params(report: _Report, eqn: Eqn) -> None:
    for name, value in sorted(eqn.params.items()):
        tracer = _tracer_in(value)
        if tracer is not None:
            report.fail(eqn, f"the param '{name}' holds {_braces(tracer.describe())}; pass it as an operand instead.")
        try:
            hash(value)
        except TypeError as error:
            kind = type(value).__name__
            report.fail(eqn, f"the param '{name}' is not hashable ({kind}); use tuples and numbers.", cause=error)


def _tracer_in(value: Any) -> Tracer | None:
    if isinstance(value, Tracer):
        return value
    if isinstance(value, ClosedJaxpr):
        return _tracer_in(value.consts)
    if isinstance(value, (tuple, list)):
        return next((t for t in map(_tracer_in, value) if t is not None), None)
    if isinstance(value, dict):
        return _tracer_in(list(value.values()))
    return None


def _check_avals(report: _Report, eqn: Eqn) -> None:
    primitive = eqn.primitive
    if primitive.abstract is None:
        report.fail(eqn, f"primitive '{primitive.name}' has no abstract rule to derive the avals of its outputs.")
    try:
        derived = primitive.abstract(*[a.aval for a in eqn.invars], **eqn.params)
    except Exception as error:  # a rule may fail in any way on operands it does not take: always an error of the jaxpr
        report.fail(eqn, f"the abstract rule of '{primitive.name}' refuses the operands: {_braces(error)}", cause=error)
    avals: list[ShapedArray] = list(derived) if primitive.multiple_results else [derived]
    if len(avals) != len(eqn.outvars):
        n = len(eqn.outvars)
        report.fail(eqn, f"'{primitive.name}' has {len(avals)} results here, and the equation {n} outputs.")
    for v, aval in zip(eqn.outvars, avals, strict=True):
        if v.aval != aval:
            report.fail(eqn, f"{{0}} has the aval {v.aval}, and '{primitive.name}' gives {aval}.", v)


# -- linearity --------------------------------------------------------------------------------------------------------

def check_linear(jaxpr: Jaxpr, linear_mask: Sequence[bool]) -> None:
    """Raise unless what depends on the inputs marked in `linear_mask` is used linearly, by primitives with a transpose.

    Args:
        jaxpr: well formed (see `check_jaxpr`); its constvars are not linear.
        linear_mask: one bool for each of ``jaxpr.invars``.

    Raises:
        JaxprTypeError: names the primitive, the variable, the equation and the user's line.
    """
    n = len(jaxpr.invars)
    if len(linear_mask) != n:
        raise JaxprTypeError(f"the linear mask has {len(linear_mask)} entries for {n} inputs of the jaxpr.")
    _check_linear(jaxpr, tuple(map(bool, linear_mask)))


def _check_linear(jaxpr: Jaxpr, mask: tuple[bool, ...]) -> list[bool]:
    """Check, and tell which outputs are linear."""
    report = _Report(jaxpr)
    linear = {v for v, is_linear in zip(jaxpr.invars, mask, strict=True) if is_linear}
    for v in jaxpr.invars:
        if v in linear and kind_of(v.aval.dtype) not in "fcV":
            report.fail(None, f"the linear input {{0}}:{v.aval} is neither floating nor complex.", v)
    for eqn in jaxpr.eqns:
        uses = [type(a) is Var and a in linear for a in eqn.invars]
        if not any(uses):
            continue
        first = eqn.invars[uses.index(True)]
        name = eqn.primitive.name
        if eqn.primitive.transpose is None:
            why = _braces(eqn.primitive.reasons.get("transpose", "no such rule is defined"))
            report.fail(eqn, f"the linear variable {{0}} enters '{name}', which has no transpose rule: {why}.", first)
        inner = list(subjaxprs(eqn.params))
        if inner and "const_lengths" not in eqn.params:  # with it the jaxprs say how to solve, not what: the jvp rule tells
            outs = _check_inner(report, eqn, inner, uses)
            linear.update(v for v, is_linear in zip(eqn.outvars, outs, strict=True) if is_linear)
            continue
        _check_use(report, eqn, uses)
        linear.update(eqn.outvars)
    return [type(a) is Var and a in linear for a in jaxpr.outvars]


def _check_inner(report: _Report, eqn: Eqn, inner: Sequence[ClosedJaxpr], uses: Sequence[bool]) -> list[bool]:
    """Check the jaxprs that an equation carries, and tell which of its outputs are linear."""
    n_out, params = len(eqn.outvars), eqn.params
    if "cond_jaxpr" in params:
        return _check_while(report, eqn, list(uses))
    consts = params.get("num_consts", 0)
    carry = params.get("num_carry", n_out if "num_consts" in params else 0)  # without a number, a loop carries all it returns
    for closed in inner:
        n_in = len(closed.jaxpr.invars)
        if n_in > len(uses) or len(closed.jaxpr.outvars) != n_out or any(uses[:len(uses) - n_in]):
            at = eqn.invars[uses.index(True)]
            name = eqn.primitive.name
            report.fail(eqn, f"the linear variable {{0}} enters '{name}' outside the inputs of its jaxprs.", at)
    uses = list(uses)
    first = len(uses) - len(inner[0].jaxpr.invars) + consts
    while True:
        outs = [False] * n_out
        for closed in inner:
            found = _check_linear(closed.jaxpr, tuple(uses[len(uses) - len(closed.jaxpr.invars):]))
            outs = [a or b for a, b in zip(outs, found, strict=True)]
        grown = [i for i in range(carry) if outs[i] and not uses[first + i]]
        if not grown:
            for i in range(carry):  # after no turns at all the carry is what it was
                outs[i] = outs[i] or uses[first + i]
            return outs
        for i in grown:  # a carry that the loop body makes linear is linear on the next turn
            uses[first + i] = True


def _check_while(report: _Report, eqn: Eqn, uses: list[bool]) -> list[bool]:
    """A loop with a condition: its carry may be linear where the condition does not look at it."""
    cond_consts, consts = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    while True:
        outs = _check_linear(eqn.params["body_jaxpr"].jaxpr, tuple(uses[cond_consts:]))
        carry = [a or b for a, b in zip(outs, uses[cond_consts + consts:], strict=True)]
        if carry == uses[cond_consts + consts:]:
            break
        uses[cond_consts + consts:] = carry
    _check_linear(eqn.params["cond_jaxpr"].jaxpr, (*uses[:cond_consts], *carry))
    return carry


def _check_use(report: _Report, eqn: Eqn, uses: Sequence[bool]) -> None:
    name = eqn.primitive.name
    linear = [a for a, used in zip(eqn.invars, uses, strict=True) if used]
    try:
        is_linear = _is_linear(eqn, uses)
    except Exception as error:  # as for abstract rules: whatever a rule raises on these operands, the use is refused
        report.fail(eqn, f"'{name}' cannot be shown to be linear in {{0}}: its jvp rule failed: {_braces(error)}",
                    linear[0], cause=error)
    if not is_linear:
        if len(linear) == 1:
            report.fail(eqn, f"'{name}' is not linear in the linear variable {{0}}.", linear[0])
        names = " and ".join(f"{{{i}}}" for i in range(len(linear)))
        report.fail(eqn, f"'{name}' is not linear in the linear variables {names} together.", *linear)
    for i, a in enumerate(eqn.invars):
        if type(a) is Literal and a.value != 0 and is_inexact(a.aval.dtype):
            more = [used or i == j for j, used in enumerate(uses)]
            if _is_linear(eqn, more):
                report.fail(eqn, f"'{name}' adds the constant {{0}} to the linear variable {{1}}: affine, not linear.",
                            a, linear[0])


class _Placeholder(Tracer):
    """An operand known by its aval, and by whether the value of a linear operand went into it."""

    __slots__ = ("tainted",)

    def __init__(self, trace: Trace, aval: ShapedArray, tainted: bool) -> None:
        self._trace = trace
        self._made_at = None
        self.aval = aval
        self.tainted = tainted


class _DependencyTrace(Trace):
    """Propagates placeholders: a result is tainted if an operand is."""

    __slots__ = ()
    name = "the linearity check"

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        tainted = any(type(x) is _Placeholder and x._trace is self and x.tainted for x in args)
        out = primitive.rule("abstract")(*map(typeof, args), **params)
        if primitive.multiple_results:
            return [_Placeholder(self, a, tainted) for a in out]
        return _Placeholder(self, out, tainted)


def _is_linear(eqn: Eqn, uses: Sequence[bool]) -> bool:
    trace = _DependencyTrace(current_trace())
    primals: list[Any] = []
    tangents: list[Any] = []
    for a, used in zip(eqn.invars, uses, strict=True):
        aval, t_aval = a.aval, tangent_aval(a.aval)
        primals.append(_Placeholder(trace, aval, used))
        tangents.append(_Placeholder(trace, t_aval, False) if used and is_inexact(aval.dtype) else Zero(t_aval))
    with running(trace):
        _, out = eqn.primitive.rule("jvp")(primals, tangents, **eqn.params)
    outs = out if eqn.primitive.multiple_results else [out]
    if all(type(t) is Zero for t in outs):
        return False
    return not any(type(t) is _Placeholder and t.tainted for t in outs)
