"""Questions about values, where the values are not at hand: passed on, put off, or found by running a part of what was staged.

While a function is staged, Python may ask a traced value for its truth or its number. `jit` has the call's arguments to answer with
(`functrans.calls.guards`). A function that is staged inside another, such as the body of a loop, has less: its own arguments have no
values, but what it closes over may have, and the trace around knows::

    @jit
    def f(x, n):                                          the question n > 1 is asked while the body is staged; it depends
        body = lambda i, c: c * 2 if n > 1 else c * 3     on n alone, so jit, which stages f, answers it by a guard
        return fori_loop(0, 5, body, x)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.core.conversion import Conversion
from functrans.core.interpret import run_eqn
from functrans.core.jaxpr import Literal, Var
from functrans.core.source import describe
from functrans.core.trace import Tracer, current_trace, running, to_numpy
from functrans.transforms.effects import repeatable
from functrans.transforms.stage import StagingTrace, StagingTracer

__all__ = ["PartialRun", "QuestionsPassedOn", "Unanswerable", "Unanswered", "ValueNeeded"]


class ValueNeeded(BaseException):
    """A value was asked that this staging cannot compute, and the transformation around it perhaps can.

    Not an `Exception`: a user's ``except Exception`` must not take it for an error of the program.
    """


class Unanswerable(Exception):
    """What is asked depends on what is not known."""


class Unanswered:
    """Answers no question while a jaxpr is rewritten for all values, and says at the end that one was asked.

    Raises:
        ValueNeeded: from `ask`, and again from `end` where the program has swallowed it.
    """

    __slots__ = ("_needed", "answered")

    def __init__(self) -> None:
        self._needed = False
        self.answered = False

    def begin(self, trace: StagingTrace, inputs: Sequence[Var]) -> None:
        """There is nothing to prepare."""

    def ask(self, tracer: StagingTracer, conversion: Conversion) -> Any:
        """No answer."""
        self._needed = True
        raise ValueNeeded

    def end(self) -> None:
        if self._needed:
            raise ValueNeeded


class PartialRun:
    """Runs what has been staged so far, under the current trace: only what a wanted variable needs, each equation once.

    `env` has the inputs that are known, and `const` makes what the function closes over into an operand. `collectives` says whether
    those may run: they are about the batch of a vmap outside, which must be around the current trace.

    Raises:
        Unanswerable: from `value`, if it takes an unknown input, or a collective that may not run.
    """

    __slots__ = ("_collectives", "_const", "_env", "_indexed", "_made_by", "_trace")

    def __init__(
        self, trace: StagingTrace, env: dict[Var, Any], const: Callable[[Any], Any] = lambda value: value, collectives: bool = True,
    ) -> None:
        self._trace = trace
        self._env = env
        self._const = const
        self._collectives = collectives
        self._made_by: dict[Var, int] = {}
        self._indexed = 0

    def value(self, var: Var) -> Any:
        """The value of a variable of the trace."""
        if var not in self._env:
            self._evaluate(var)
        return self._env[var]

    def _evaluate(self, var: Var) -> None:
        env, made_by, eqns = self._env, self._made_by, self._trace.eqns
        for i in range(self._indexed, len(eqns)):
            made_by.update(dict.fromkeys(eqns[i].outvars, i))
        self._indexed = len(eqns)
        needed: set[int] = set()
        pending = [var]
        while pending:
            v = pending.pop()
            if v in env:
                continue
            at = made_by.get(v)
            if at is None:
                consts = dict(zip(*self._trace.consts(), strict=True))
                if v not in consts:
                    raise Unanswerable
                env[v] = self._const(consts[v])
            elif at not in needed:
                needed.add(at)
                pending.extend(a for a in eqns[at].invars if type(a) is Var)
        for at in sorted(needed):
            eqn = repeatable(eqns[at])
            if eqn.primitive.named_batch is not None and not self._collectives:
                raise Unanswerable
            operands = [a.operand if isinstance(a, Literal) else env[a] for a in eqn.invars]
            try:
                env.update(run_eqn(eqn, operands))
            except Exception as error:
                error.add_note(f"The operation is the one at {describe(eqn.source)}.")
                raise


class QuestionsPassedOn:
    """Answers questions while a function inside a staged one is staged by itself: the trace around it answers.

    `args` are the function's arguments outside, None for each that has no value there (all, in the body of a loop). What the question
    depends on is staged a second time, outside; compiled code merges the two.
    """

    __slots__ = ("_args", "_outer", "_run", "answered")

    def __init__(self, args: Sequence[Any]) -> None:
        self.answered = False
        self._args = args
        self._outer = current_trace()
        self._run: PartialRun | None = None

    def begin(self, trace: StagingTrace, inputs: Sequence[Var]) -> None:
        self._run = PartialRun(trace, {v: x for v, x in zip(inputs, self._args, strict=True) if x is not None})

    def end(self) -> None:
        self._run = None

    def ask(self, tracer: StagingTracer, conversion: Conversion) -> Any:
        """The answer of the trace around; None if the question depends on arguments that have no value.

        Raises:
            TypeError: (of the conversion's kind) if the trace around has no answer, saying why.
        """
        assert self._run is not None
        with running(self._outer):
            try:
                value = self._run.value(tracer.variable)
            except Unanswerable:
                return None
        self.answered = True
        return value.answer(conversion) if isinstance(value, Tracer) else conversion(to_numpy(value))
