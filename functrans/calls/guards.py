"""Guards: how `jit` follows Python control flow.

While a function is staged for a call, Python may ask a traced value for its truth or its number (``if x > 0``, ``range(n)``).
The `GuardRecorder` computes it from the call's arguments, one needed equation at a time and each at most once, and notes a
`Guard`: which variable was asked, how, and what the answer was. Tracing goes on with the answer, so what comes out is one
*path* through the function, right for every call whose guards have the same answers. Example::

    @jit                          path of f(3.0), with guard b = True      path of f(-3.0), with guard b = False
    def f(x):
        if x > 0:                 { x . b = gt x 0.0; y = sqrt x in y }     { x . b = gt x 0.0; y = neg x in y }
            return fnp.sqrt(x)
        return -x

A compiled path returns its guards with its results, and `GuardedCode` compares them before anything else is believed:
functions are pure, so the results of a wrong path are dropped, and its errors are none. Which other path to take is the
matter of `functrans.calls.paths`.

A path that calls Python may print, or raise, and one with a loop of a computed number of turns may run for ever: these must not
run on trust. `CautiousCode` computes their guards first, by programs of their own without effects, and runs the path once they agree.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from functrans.calls.callback import pure_callback_p
from functrans.calls.closed import interpret
from functrans.calls.jit import compiled
from functrans.calls.questions import PartialRun, Unanswerable, ValueNeeded
from functrans.core.array import Array
from functrans.core.conversion import LIST, Conversion, Refusal
from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, Var, subjaxprs
from functrans.core.source import Source, describe, user_source
from functrans.core.trace import EvalTrace, Tracer, running, to_numpy
from functrans.errors import FunctransRuntimeError
from functrans.transforms.effects import without_effects
from functrans.transforms.prune import live_eqns
from functrans.transforms.stage import StagingTrace, StagingTracer

__all__ = [
    "MAX_EQUATIONS", "MAX_GUARDS", "CautiousCode", "Disagreement", "Guard", "GuardRecorder", "GuardedCode", "Questions", "calls_python",
    "guarded_jaxpr", "may_not_end",
]

MAX_GUARDS = 20_000
MAX_EQUATIONS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """A question that Python asked while tracing, and its answer; `key` is the answer in comparable form."""

    var: Var
    conversion: Conversion
    key: Hashable
    answer: Any
    source: Source

    def __str__(self) -> str:
        return f"{self.conversion.what} at {describe(self.source)}"


_EVALUATION = EvalTrace(None)


class GuardRecorder:
    """Answers questions about values during one staging (see `functrans.transforms.stage.Recorder`).

    `values` are the call's arguments, None for each that is not known (one that differs along the batch of a vmap, say): what
    depends on these cannot be asked. `decided` are guards whose answers were observed in compiled code: the path to follow begins
    with them.
    """

    __slots__ = ("_answers", "_decided", "_name", "_run", "_trace", "_values", "guards", "needed")

    def __init__(self, name: str, values: Sequence[Array | None], decided: Sequence[Guard] = ()) -> None:
        self._name = name
        self._values: Sequence[Array | None] = values
        self._decided = decided
        self.guards: list[Guard] = []
        self.needed = False
        self._answers: dict[tuple[Var, Conversion], Guard] = {}
        self._run: PartialRun | None = None
        self._trace: StagingTrace | None = None

    @property
    def answered(self) -> bool:
        return bool(self.guards)

    def begin(self, trace: StagingTrace, inputs: Sequence[Var]) -> None:
        self._trace = trace
        known = {v: x for v, x in zip(inputs, self._values, strict=True) if x is not None}
        self._run = PartialRun(trace, known, self._const, collectives=False)

    def end(self) -> None:
        self._values, self._trace, self._run, self._answers = (), None, None, {}

    def ask(self, tracer: StagingTracer, conversion: Conversion) -> Any:
        """The answer; a guard from now on. What the conversion raises is raised, and guarded too."""
        aval = tracer.aval
        if conversion.scalar and aval.size != 1:
            return conversion(np.zeros(aval.shape, aval.dtype))  # refused, or answered, whatever the values are
        guard = self._answers.get((tracer.variable, conversion))
        if guard is None:
            guard = self._answers[tracer.variable, conversion] = self._new_guard(tracer.variable, conversion)
            self.guards.append(guard)
        if type(guard.key) is Refusal:
            return conversion(self._value(tracer.variable))
        return copy.deepcopy(guard.answer) if conversion is LIST else guard.answer

    def _new_guard(self, var: Var, conversion: Conversion) -> Guard:
        self._check_size()
        n = len(self.guards)
        if n < len(self._decided):
            decided = self._decided[n]
            if decided.conversion == conversion and type(decided.key) is not Refusal:
                return dataclasses.replace(decided, var=var, source=user_source())
        key, answer = conversion.answer(self._value(var))
        return Guard(var, conversion, key, answer, user_source())

    def _check_size(self) -> None:
        assert self._trace is not None
        if len(self.guards) < MAX_GUARDS and len(self._trace.eqns) < MAX_EQUATIONS:
            return
        raise FunctransRuntimeError(
            f"infinite guards: {self._name} has asked for {len(self.guards)} values ({len(self._trace.eqns)} operations) in one call, "
            f"and goes on, at {describe(user_source())}. jit unrolls Python loops; a loop that long, if it ends at all, must be "
            "functrans.lax.while_loop(condition, body, x) or functrans.lax.fori_loop(0, n, body, x).")

    def _value(self, var: Var) -> np.ndarray:
        assert self._run is not None
        try:
            with running(_EVALUATION):
                return np.asarray(self._run.value(var))
        except Unanswerable:
            raise self._unknown() from None

    def _const(self, value: Any) -> Any:
        """The value of something the function closes over."""
        if isinstance(value, Tracer):
            value = value.concrete()
            if value is None:
                raise self._unknown()
        return value

    def _unknown(self) -> ValueNeeded:
        self.needed = True
        return ValueNeeded()


# -- compiled paths -----------------------------------------------------------------------------------------------------------

def guarded_jaxpr(closed: ClosedJaxpr, guards: Sequence[Guard]) -> ClosedJaxpr:
    """`closed` with the variables of the guards as further results."""
    jaxpr = closed.jaxpr
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, jaxpr.eqns, (*jaxpr.outvars, *(g.var for g in guards))), closed.consts)


@final
@dataclass(frozen=True, slots=True)
class Disagreement:
    """The first guard of a path that answered otherwise: its place, and the guard with the answer observed."""

    place: int
    guard: Guard


class GuardedCode:
    """A compiled path: results where its guards answer as they did while it was traced, else the `Disagreement`.

    The guards that are plain truths and integers (nearly all) lie side by side in one buffer, made once and used again, so that
    they cost one comparison of bytes however many they are.
    """

    __slots__ = ("_buffers", "_expected", "_guards", "_offsets", "_others", "_places", "_pool", "_results", "_run", "_sources")

    def __init__(self, closed: ClosedJaxpr, guards: Sequence[Guard]) -> None:
        self._run = run = compiled(guarded_jaxpr(closed, guards))
        self._guards = tuple(guards)
        n = len(closed.jaxpr.outvars)
        self._places: list[tuple[str, Any]] = run.plan[:n]
        self._sources: list[tuple[str, Any]] = run.plan[n:]
        shared = 1 + max((which for kind, which in self._places if kind == "out"), default=-1)
        self._results = run.buffers[:shared]  # buffers are numbered in the order of the outputs: those of results come first
        self._buffers = run.buffers[shared:]
        self._offsets, self._expected = self._packed(shared)
        packed = {shared + i for i, offset in enumerate(self._offsets) if offset is not None}
        self._others = [i for i, (kind, which) in enumerate(self._sources) if kind != "out" or which not in packed]
        self._pool: list[tuple[bytearray, list[np.ndarray]]] = []  # list.pop and append are atomic: a pool without a lock

    def _packed(self, shared: int) -> tuple[list[int | None], bytes]:
        """Where in the common buffer each guard buffer lies (None: it has memory of its own), and what should stand there."""
        offsets: list[int | None] = [None] * len(self._buffers)
        expected = bytearray()
        for guard, (kind, which) in zip(self._guards, self._sources, strict=True):
            if kind != "out" or which < shared or offsets[which - shared] is not None:
                continue
            shape, dtype = self._buffers[which - shared]
            if guard.conversion.exact(dtype, shape) and type(guard.key) is not Refusal:
                expected.extend(bytes(-len(expected) % dtype.itemsize))
                offsets[which - shared] = len(expected)
                expected.extend(np.array(guard.answer, dtype).tobytes())
        # A buffer asked in two ways (as a truth and as an integer) is compared in the one way that is exact, and that decides both.
        return offsets, bytes(expected)

    def _scratch(self) -> tuple[bytearray, list[np.ndarray]]:
        raw = bytearray(len(self._expected))
        arrays = [np.empty(shape, dtype) if offset is None else np.ndarray((), dtype, raw, offset)
                  for (shape, dtype), offset in zip(self._buffers, self._offsets, strict=True)]
        return raw, arrays

    def attempt(self, values: list[np.ndarray], decided: int = 0) -> list[np.ndarray] | Disagreement:
        """Run. The first `decided` guards are not compared: their answers brought us here.

        Raises:
            IndexError: where a check failed and the path is right.
        """
        try:
            scratch = self._pool.pop()
        except IndexError:
            scratch = self._scratch()
        raw, arrays = scratch
        outputs = [np.empty(shape, dtype) for shape, dtype in self._results]
        outputs += arrays
        failed = self._run.fill(values, outputs)
        found = None
        if raw != self._expected:
            found = self._disagreement(range(decided, len(self._guards)), values, outputs)
        elif self._others:
            found = self._disagreement([i for i in self._others if i >= decided], values, outputs)
        self._pool.append(scratch)
        if found is not None:
            return found
        if failed is not None:
            raise IndexError(failed)
        answer: list[np.ndarray] = self._run.results(self._places, values, outputs)
        return answer

    def _disagreement(self, places: Iterable[int], values: list[np.ndarray], outputs: list[np.ndarray]) -> Disagreement | None:
        for place in places:
            guard = self._guards[place]
            kind, which = self._sources[place]
            value = outputs[which] if kind == "out" else values[which] if kind == "in" else which
            key, answer = guard.conversion.answer(value)
            if key != guard.key:
                return Disagreement(place, dataclasses.replace(guard, key=key, answer=answer))
        return None


def calls_python(eqn: Eqn) -> bool:
    """Whether running `eqn` calls a Python function of the user's."""
    inner = (e for c in subjaxprs(eqn.params) for e in c.eqns)
    return eqn.primitive.effectful or eqn.primitive is pure_callback_p or any(map(calls_python, inner))


def may_not_end(eqn: Eqn) -> bool:
    """Whether `eqn` has a loop whose number of turns depends on values: on those of a wrong path it may be any."""
    return eqn.primitive.name in ("while", "repeat") or any(may_not_end(e) for c in subjaxprs(eqn.params) for e in c.eqns)


class Questions:
    """The guards of a path asked by themselves, without its results and effects, of arguments that need not all be known.

    What depends on arguments that are not `known` cannot be asked: a probe that comes to such a guard needs a value.
    """

    __slots__ = ("_closed", "_complete", "_guards", "_known", "_rounds")

    def __init__(self, closed: ClosedJaxpr, guards: Sequence[Guard], known: Sequence[bool]) -> None:
        self._closed = closed
        self._known = [v for v, k in zip(closed.jaxpr.invars, known, strict=True) if k]
        self._guards = tuple(itertools.takewhile(self._answerable(known), guards))
        self._complete = len(self._guards) == len(guards)
        self._rounds = [GuardedCode(self._without_results(self._guards[:end]), self._guards[:end]) for end in self._ends()]

    def _answerable(self, known: Sequence[bool]) -> Callable[[Guard], bool]:
        """Whether a guard depends on what is known alone."""
        jaxpr = self._closed.jaxpr
        unknown = {v for v, k in zip(jaxpr.invars, known, strict=True) if not k}
        for eqn in jaxpr.eqns:
            if not unknown.isdisjoint(a for a in eqn.invars if type(a) is Var):
                unknown.update(eqn.outvars)
        return lambda guard: guard.var not in unknown

    def _ends(self) -> list[int]:
        """How many guards each round of questions asks: one that needs a loop waits until those before it have agreed."""
        ends, loops = [], 0
        places = range(len(self._guards)) if any(map(may_not_end, self._closed.eqns)) else ()
        for place in places:
            needed = sum(map(may_not_end, self._without_results(self._guards[:place + 1]).eqns))
            if needed > loops and place:
                ends.append(place)
            loops = needed
        return [*ends, len(self._guards)]

    def probe(self, values: Sequence[np.ndarray | None], decided: int = 0) -> Disagreement | None:
        """The first guard after the first `decided` that disagrees.

        Raises:
            ValueNeeded: if all agree that can be asked, and there are more.
        """
        given = [v for v in values if v is not None]
        try:
            for asked in self._rounds:
                out = asked.attempt(given, decided)
                if type(out) is Disagreement:
                    return out
        except Exception as raised:  # a guard after the first that disagrees may be no question to ask of these values
            return self._one_by_one(given, decided, raised)
        if not self._complete:
            raise ValueNeeded
        return None

    def _one_by_one(self, given: list[np.ndarray], decided: int, error: Exception) -> Disagreement:
        for place in range(decided, len(self._guards)):
            guard = self._guards[place]
            quiet = self._without_results([guard])
            jaxpr = Jaxpr(quiet.jaxpr.constvars, quiet.jaxpr.invars, quiet.eqns, (guard.var,))
            (value,) = interpret(ClosedJaxpr(jaxpr, quiet.consts), given)
            key, answer = guard.conversion.answer(to_numpy(value))
            if key != guard.key:
                return Disagreement(place, dataclasses.replace(guard, key=key, answer=answer))
        raise error

    def _without_results(self, guards: Sequence[Guard]) -> ClosedJaxpr:
        """The program that computes these guards of what is known, and nothing else; they are not among its results yet."""
        jaxpr, wanted = self._closed.jaxpr, tuple(g.var for g in guards)
        eqns, _ = live_eqns(jaxpr.eqns, wanted, keep_effects=False)
        quiet = without_effects(ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, tuple(eqns), wanted), self._closed.consts))
        return ClosedJaxpr(Jaxpr(jaxpr.constvars, tuple(self._known), quiet.eqns, ()), self._closed.consts)


class CautiousCode:
    """A compiled path that runs only when all its guards have agreed."""

    __slots__ = ("_questions", "_run")

    def __init__(self, closed: ClosedJaxpr, questions: Questions) -> None:
        self._run = compiled(closed)
        self._questions = questions

    def attempt(self, values: list[np.ndarray], decided: int = 0) -> list[np.ndarray] | Disagreement:
        """Run, if the guards after the first `decided` agree.

        Raises:
            IndexError: where a check failed and the path is right.
        """
        found = self._questions.probe(values, decided)
        answer: list[np.ndarray] = [] if found is not None else self._run(values)
        return answer if found is None else found
