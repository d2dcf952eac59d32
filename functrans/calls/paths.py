"""The paths of one signature of a jitted function: which to run, and when to trace another.

The paths form a trie: at each `Fork` one guard is asked, and its answers lead on to other forks or to a `Path`. A call runs the
path used last. If a guard disagrees, the answers seen so far name a branch of the trie: the path used last in there is run
next, or, where there is none, one is traced that begins with these answers. Every round decides one guard more, so this
ends. Answers once decided are not compared again: two compiled paths may round a comparison at its very edge in two ways.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from functrans.calls.guards import CautiousCode, Disagreement, Guard, GuardedCode, Questions, calls_python, guarded_jaxpr, may_not_end
from functrans.calls.jit import compiled, has_open_consts, with_leading_inputs
from functrans.config import options
from functrans.core.array import Array
from functrans.core.aval import Zero
from functrans.core.conversion import TRUTH
from functrans.core.dtypes import is_inexact
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr
from functrans.core.source import describe
from functrans.core.trace import Tracer
from functrans.transforms.jvp import JVPTracer, number_error
from functrans.transforms.rewrite import jvp_jaxpr
from functrans.tree_util import PyTreeDef

__all__ = ["Path", "Paths"]


class Path:
    """One traced way through a function: its jaxpr, its guards, the tree of its result, and the code once compiled."""

    __slots__ = ("_code", "_numbers", "_questions", "_weak", "closed", "guards", "name", "open", "out_tree")

    def __init__(self, closed: ClosedJaxpr, guards: Sequence[Guard], out_tree: PyTreeDef, name: str) -> None:
        self.closed = closed
        self.guards = tuple(guards)
        self.out_tree = out_tree
        self.name = name
        self.open = has_open_consts(closed)
        self._code: Callable[..., Any] | None = None
        self._questions: dict[tuple[bool, ...], Questions] = {}
        self._weak = [a.weak_type for a in closed.out_avals]
        self._numbers = _numbers(closed, self.guards)

    def attempt(self, values: list[np.ndarray], decided: int = 0) -> list[Any] | Disagreement:
        """Run the compiled code on contiguous arrays of the traced types; `decided` guards are not compared."""
        code = self._code
        if code is None:
            code = self._code = self._guarded().attempt if self.guards else compiled(self.closed)
        out = code(values, decided) if self.guards else code(values)
        return out if type(out) is Disagreement else [Array(v, w) for v, w in zip(out, self._weak, strict=True)]

    def probe(self, values: Sequence[np.ndarray | None], decided: int = 0) -> Disagreement | None:
        """As `attempt`, where the results do not matter: whether the path is right, found without effects.

        Raises:
            ValueNeeded: if that depends on values that are not known (None).
        """
        if not self.guards:
            return None
        return self._asked(tuple(v is not None for v in values)).probe(values, decided)

    def _asked(self, known: tuple[bool, ...]) -> Questions:
        found = self._questions.get(known)
        if found is None:
            found = self._questions[known] = Questions(self.closed, self.guards, known)
        return found

    def _guarded(self) -> GuardedCode | CautiousCode:
        if any(calls_python(e) or may_not_end(e) for e in self.closed.eqns):
            return CautiousCode(self.closed, self._asked((True,) * len(self.closed.jaxpr.invars)))
        return GuardedCode(self.closed, self.guards)

    @property
    def executable(self) -> Any:
        """The compiled code, guards among its results."""
        return compiled(guarded_jaxpr(self.closed, self.guards) if self.guards else self.closed)

    def check_derivatives(self, leaves: Sequence[Any]) -> None:
        """Refuse a path that takes a Python number out of what is being differentiated.

        Raises:
            ConcretizationTypeError: as the same question would outside `jit`.
        """
        if self._numbers is None:
            return
        jaxpr, guards = self._numbers
        _, active = jvp_jaxpr(jaxpr, tuple(map(_differentiated, (*self.closed.consts, *leaves))))
        for guard, is_active in zip(guards, active, strict=True):
            if is_active:
                raise number_error(guard.conversion.what, f"a traced {guard.var.aval} of {self.name}, which is being differentiated",
                                   guard.source)


def _numbers(closed: ClosedJaxpr, guards: Sequence[Guard]) -> tuple[ClosedJaxpr, list[Guard]] | None:
    """The guards that are numbers with a derivative, and the program that computes them."""
    found = [g for g in guards if g.conversion.cuts and is_inexact(g.var.aval.dtype)]
    if not found:
        return None
    jaxpr = closed.jaxpr
    return with_leading_inputs(ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, jaxpr.eqns, tuple(g.var for g in found)), ())), found


def _differentiated(x: Any) -> bool:
    while isinstance(x, Tracer):
        if isinstance(x, JVPTracer) and is_inexact(x.aval.dtype) and type(x.tangent) is not Zero:
            return True
        x = x.behind
    return False


class Fork:
    """A guard's answers, and where each leads; `recent` is the path used last beyond it."""

    __slots__ = ("branches", "recent")

    def __init__(self, recent: Path) -> None:
        self.branches: dict[Hashable, Fork | Path] = {}
        self.recent = recent


class Paths:
    """The trie of a signature. `recent` is the path used last, `guarded` says that the function asks for values, and `unanswered`
    has the patterns of known and unknown arguments for which it asked what is not known.
    """

    __slots__ = ("_lock", "_root", "count", "guarded", "recent", "unanswered")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._root: Fork | Path | None = None
        self.count = 0
        self.guarded = False
        self.recent: Path | None = None
        self.unanswered: set[tuple[bool, ...]] = set()

    def follow(
        self, values: list[Any], trace: Callable[[Sequence[Guard]], Path], seen: tuple[Path, Disagreement] | None = None,
        run: bool = True,
    ) -> tuple[Path, list[Any] | None]:
        """The path of these arguments and its results (None: it closes over outer tracers, and cannot run here).

        ``trace(decided)`` traces the path that begins with the decided guards; `seen` is an attempt that has been made. Without `run`
        the path is found, and there are no results; arguments that are not known are then None.

        Raises:
            ValueNeeded: if the path depends on arguments that are not known.
        """
        path = self.recent
        decided: tuple[Guard, ...] = ()
        while True:
            if seen is None:
                if path is None:
                    path = trace(decided)
                    if path.open:
                        return path, None
                    path = self.add(path, decided)
                out = path.attempt(values, len(decided)) if run else path.probe(values, len(decided))
                if type(out) is not Disagreement:
                    self._use(path)
                    return path, out
                seen = path, out
            path, disagreement = seen
            decided = (*path.guards[:disagreement.place], disagreement.guard)
            path, seen = self.find([g.key for g in decided]), None

    @property
    def full(self) -> bool:
        """Whether no other path may be added."""
        return self.count >= options().max_paths

    def find(self, keys: Sequence[Hashable]) -> Path | None:
        """The path used last among those whose first guards have these answers."""
        node = self._root
        for key in keys:
            if not isinstance(node, Fork):
                return None
            node = node.branches.get(key)
        return node.recent if isinstance(node, Fork) else node

    def add(self, path: Path, decided: Sequence[Guard] = ()) -> Path:
        """Put a path in the trie; the one that another thread put there before it, if it did.

        Raises:
            TypeError: (of the guard's kind) if there are too many.
        """
        with self._lock:
            found = self.find([g.key for g in path.guards])
            if found is not None and len(found.guards) == len(path.guards):
                return found
            if self.full:
                raise _too_many(path, decided[-1] if decided else path.guards[-1], options().max_paths)
            self.count += 1
            self.guarded = self.guarded or bool(path.guards)
            self._root = self._grown(self._root, path)
            self.recent = path
        return path

    @staticmethod
    def _grown(root: Fork | Path | None, path: Path) -> Fork | Path:
        """The trie with one path more. A path that stands in the way (its function is not pure) gives way."""
        if not path.guards:
            return path
        top = node = root if isinstance(root, Fork) else Fork(path)
        for guard in path.guards[:-1]:
            node.recent = path
            below = node.branches.get(guard.key)
            if not isinstance(below, Fork):
                below = node.branches[guard.key] = Fork(path)
            node = below
        node.recent = path
        node.branches[path.guards[-1].key] = path
        return top

    def _use(self, path: Path) -> None:
        if self.recent is path:
            return
        self.recent = path
        node = self._root
        for guard in path.guards:
            if not isinstance(node, Fork):
                return
            node.recent = path
            node = node.branches.get(guard.key)


def _too_many(path: Path, guard: Guard, limit: int) -> Exception:
    if guard.conversion is TRUTH:
        rewrite = ("Write it as an operation:\n"
                   "    functrans.numpy.where(x > 0, a, b)              # for a choice between values\n"
                   "    functrans.lax.cond(x > 0, f, g, x)              # for `if`\n"
                   "    functrans.lax.while_loop(condition, body, x)    # for `while`\n")
    else:
        rewrite = ("Write it as an operation:\n"
                   "    functrans.lax.fori_loop(0, n, body, x)          # for `range(n)`\n"
                   "    functrans.numpy.where(i == j, a, b)             # for a choice between values\n"
                   "    x[i]                                            # for a traced i, where x is an array and not a list\n"
                   "or make the argument static (static_argnums of jit).\n")
    ways = f"{limit} paths" if limit > 1 else "1 path"
    return guard.conversion.error(
        f"{path.name} has been traced along {ways} for arguments of the same types, and this call needs one more: "
        f"{guard.conversion.what} was {guard.key} at {describe(guard.source)}. Each path is compiled by itself. {rewrite}"
        f'More paths are allowed by functrans.config.update("max_paths", {2 * limit}).')
