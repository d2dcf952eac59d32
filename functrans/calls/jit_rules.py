"""The rules of ``jit[jaxpr]``: its derivative, its batched form and its transpose are calls of rewritten jaxprs.

A jaxpr is rewritten once for all values. But a rule of the user's inside it (of `custom_jvp`, `custom_vjp` or `custom_vmap`) runs
meanwhile, and it may branch on a value as any Python may under `jit`. Then the rewriting itself becomes a jitted function of the
operands: their values answer, the answers are guards, and each path is traced and compiled once::

    @custom_vjp                                       grad(jit(f))(x) runs
    def f(x): ...                                         jit(lambda x: f's forward rule)(x)
                                                          jit(lambda r, ct: f's backward rule)(r, ct)
    f.defvjp(lambda x: (x * x, x),
             lambda r, ct: (ct if r > 0 else -ct,))   the second with a guard on r > 0

Where the operands have no values either, the transformation around is asked, as for a question in a function itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any
from weakref import WeakKeyDictionary, ref

from functrans.calls.jit import bind_jaxpr, jit_p
from functrans.calls.jitted import JitFunction
from functrans.calls.questions import Unanswered, ValueNeeded
from functrans.calls.rules import Call, call_batch, call_jvp, call_transpose, without_forwarded
from functrans.core.aval import Linear, Zero, tangent_aval
from functrans.core.interpret import jaxpr_as_fun
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.trace import running, typeof
from functrans.primitives.structural import moved_to_front
from functrans.transforms.batching import BatchAxis, batch_flat
from functrans.transforms.jvp import jvp_flat
from functrans.transforms.linearize import LinearProgram, transpose_jaxpr
from functrans.transforms.rewrite import Mask, linear_jaxpr, linearize_jaxpr, linearize_opened
from functrans.transforms.symbolic_zeros import active_mask, explicit, with_zeros
from functrans.tree_util import Partial
from functrans.util import safe_zip

__all__ = ["transpose_call"]


# -- rewritings that ask for values -----------------------------------------------------------------------------------------------

_asking: WeakKeyDictionary[ClosedJaxpr, dict[Hashable, JitFunction]] = WeakKeyDictionary()


def _once_or_along_paths(
    jaxpr: ClosedJaxpr, name: str, key: Hashable, once: Callable[[], Any], rewriting: Callable[..., Any],
    along: Callable[[JitFunction], Any],
) -> Any:
    """``once()``; or, if that asks for values, ``along`` the jitted ``rewriting(jaxpr, *operands)``, for good.

    The key says what rewriting it is, and `name` what messages call the function.
    """
    known = _asking.get(jaxpr, {}).get(key)
    if known is None:
        try:
            return once()
        except ValueNeeded:
            weak = ref(jaxpr)  # what is remembered by the jaxpr must not keep it alive; the call does

            def follow(*operands: Any) -> Any:
                return rewriting(weak(), *operands)

            follow.__qualname__ = f"the rules in {name}"
            known = JitFunction(follow, (), ())
            _asking.setdefault(jaxpr, {})[key] = known
    return along(known)


def _filled(active: Mask, primals: Sequence[Any], given: Sequence[Any]) -> list[Any]:
    """The tangents of the primals, of which the active ones are given."""
    rest = iter(given)
    return [next(rest) if a else Zero(tangent_aval(typeof(x))) for a, x in safe_zip(active, primals)]


def _call(name: str) -> Call:
    return lambda closed, operands: bind_jaxpr(closed, operands, name)


# -- forward mode -----------------------------------------------------------------------------------------------------------------

def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, name: str) -> tuple[list[Any], list[Any]]:
    active = active_mask(tangents)

    def rewriting(closed: ClosedJaxpr, xs: Sequence[Any], x_dots: Sequence[Any]) -> Any:
        ys, y_dots = jvp_flat(jaxpr_as_fun(closed), xs, _filled(active, xs, x_dots))
        return ys, [None if type(t) is Zero else t for t in y_dots]

    def along(asking: JitFunction) -> tuple[list[Any], list[Any]]:
        ys, y_dots = asking(list(primals), explicit(tangents))
        return ys, [Zero(tangent_aval(typeof(y))) if t is None else t for y, t in safe_zip(ys, y_dots)]

    found: tuple[list[Any], list[Any]] = _once_or_along_paths(
        jaxpr, name, ("jvp", active), lambda: call_jvp(_call(name), jaxpr, primals, tangents, Unanswered()), rewriting, along)
    return found


# -- reverse mode -----------------------------------------------------------------------------------------------------------------

class _LinearPart:
    """The linear program of one path, of ``(residuals, tangents)``; staged when first used."""

    __slots__ = ("_code", "_staged")

    def __init__(self, code: LinearProgram) -> None:
        self._code = code
        self._staged: tuple[ClosedJaxpr, Mask] | None = None

    def __call__(self, *residuals: Any) -> tuple[ClosedJaxpr, Mask]:
        if self._staged is None:
            self._staged = linear_jaxpr(self._code, [typeof(r) for r in residuals])
        return self._staged


def _linearize(
    trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, name: str,
) -> tuple[list[Any], list[Any]]:
    active = active_mask(tangents)

    def once() -> tuple[list[Any], list[Any], ClosedJaxpr, Mask]:
        primal, linear, out_active = linearize_jaxpr(jaxpr, active, recorder=Unanswered())
        n = len(out_active)
        smaller, places = without_forwarded(primal, n)
        with running(trace.parent):
            outs = bind_jaxpr(smaller, primals, name)
        known = {"in": primals, "out": outs}
        return outs[:n], [known[kind][i] for kind, i in places], linear, out_active

    def rewriting(closed: ClosedJaxpr, *xs: Any) -> Any:
        ys, code, residuals = linearize_opened(closed, xs, active)
        return ys, Partial(_LinearPart(code), *residuals)

    def along(asking: JitFunction) -> tuple[list[Any], list[Any], ClosedJaxpr, Mask]:
        with running(trace.parent):
            ys, part = asking(*primals)
        return ys, list(part.args), *part()

    ys, residuals, linear, out_active = _once_or_along_paths(jaxpr, name, ("linearize", active), once, rewriting, along)
    with running(trace):
        y_dots = bind_jaxpr(linear, [*residuals, *explicit(tangents)], name)
    return ys, with_zeros(y_dots, out_active, ys)


def transpose_call(cts: Sequence[Any], *operands: Any, jaxpr: ClosedJaxpr, name: str) -> list[Any]:
    """The transpose of a call, as a call."""
    linear = tuple(isinstance(x, Linear) for x in operands)
    zero = tuple(type(ct) is Zero for ct in cts)
    avals = [tangent_aval(a) for a in jaxpr.out_avals]

    def rewriting(closed: ClosedJaxpr, known: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        rest = iter(given)
        full = [Zero(a) if z else next(rest) for a, z in safe_zip(avals, zero)]
        bars = transpose_jaxpr(closed.jaxpr, closed.consts, linear, known, full)
        return [None if type(b) is Zero else b for b in bars]

    def along(asking: JitFunction) -> list[Any]:
        bars = iter(asking([x for x in operands if not isinstance(x, Linear)], explicit(cts)))
        return [next(bars) if is_linear else None for is_linear in linear]

    found: list[Any] = _once_or_along_paths(
        jaxpr, name, ("transpose", linear, zero), lambda: call_transpose(_call(name), jaxpr, cts, operands, Unanswered()), rewriting, along)
    return found


# -- batches ----------------------------------------------------------------------------------------------------------------------

def _batch(
    size: Any, args: Sequence[Any], dims: Sequence[int | None], *, jaxpr: ClosedJaxpr, name: str,
) -> tuple[list[Any], list[int | None]]:
    axis = BatchAxis(int(size), getattr(size, "name", None))

    def rewriting(closed: ClosedJaxpr, *xs: Any) -> list[Any]:
        values, found = batch_flat(jaxpr_as_fun(closed), axis, xs, dims)
        return [[v] if d is None else (moved_to_front(size, v, d),) for v, d in safe_zip(values, found)]

    def along(asking: JitFunction) -> tuple[list[Any], list[int | None]]:
        outs = asking(*args)
        return [y for (y,) in outs], [0 if type(y) is tuple else None for y in outs]

    found: tuple[list[Any], list[int | None]] = _once_or_along_paths(
        jaxpr, name, ("batch", int(axis), axis.name, tuple(dims)),
        lambda: call_batch(_call(name), jaxpr, size, args, dims, Unanswered()), rewriting, along)
    return found


jit_p.jvp, jit_p.linearize, jit_p.transpose, jit_p.batch = _jvp, _linearize, transpose_call, _batch
