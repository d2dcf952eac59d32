"""Random programs in which control flow nests, each with two readings: the library's loops and branches, or Python's own.

A program is a tree of statements. A statement takes values of the environment by position and appends its results; the
functions inside of it start from the whole environment around them (closing over what they use) and their parameters. So every
index of an outer body is good in an inner one, and evaluation is one loop over statements, whatever their kind.

Programs are typed as they are drawn, not run: a body is entered with many values. Operations keep values of moderate size and
have bounded derivatives, integers wrap, and predicates compare with numbers that nothing rounds to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from tests.compiler.test_random_programs import Draw

__all__ = ["Program", "grown"]

MAX_SIZE = 1500
LARGE_SHAPES = ((70,), (9, 8), (3, 70), (2, 9, 8))
SHAPES = ((), (), (3,), (8,), *LARGE_SHAPES)
INTS, REALS = ("int32", "int64"), ("float64", "float32")


@dataclass(frozen=True, slots=True)
class Type:
    shape: tuple[int, ...]
    dtype: str

    @property
    def kind(self) -> str:
        return np.dtype(self.dtype).kind

    @property
    def row(self) -> Type:
        return Type(self.shape[1:], self.dtype)

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(slots=True)
class Function:
    """Statements over an environment that starts with the values around, then the parameters."""

    params: list[Type]
    statements: list[Statement]
    outs: list[int]
    start: int

    def __call__(self, how: Constructs, env: Sequence[Any], *args: Any) -> list[Any]:
        values = [*env[:self.start], *args]
        for s in self.statements:
            values += s.run(how, values)
        return [values[i] for i in self.outs]

    def lines(self, indent: str) -> list[str]:
        out, at = [], self.start
        out.append(indent + "takes " + ", ".join(f"v{at + i}: {t}" for i, t in enumerate(self.params)))
        at += len(self.params)
        for s in self.statements:
            names = ", ".join(f"v{at + i}" for i in range(s.results))
            out.append(f"{indent}{names} = {s.text}")
            for f in s.functions:
                out += f.lines(indent + "    ")
            at += s.results
        return [*out, indent + "gives " + ", ".join(f"v{i}" for i in self.outs)]

    def every(self) -> Iterable[Statement]:
        for s in self.statements:
            yield s
            for f in s.functions:
                yield from f.every()


@dataclass(slots=True)
class Statement:
    text: str
    run: Callable[[Constructs, Sequence[Any]], list[Any]]
    results: int
    functions: list[Function] = field(default_factory=list)


class Constructs:
    """The constructs as the library has them."""

    def scan(self, f: Callable[..., Any], init: list[Any], xs: list[Any], length: int, reverse: bool, checkpoint: Any) -> tuple[Any, Any]:
        return lax.scan(f, init, xs, length=length, reverse=reverse, checkpoint=checkpoint)

    def fori(self, lower: Any, upper: Any, f: Callable[..., Any], init: list[Any]) -> list[Any]:
        return list(lax.fori_loop(lower, upper, f, init))

    def while_loop(self, test: Callable[..., Any], f: Callable[..., Any], init: list[Any]) -> list[Any]:
        return list(lax.while_loop(test, f, init))

    def switch(self, index: Any, branches: Sequence[Callable[..., Any]]) -> list[Any]:
        return list(lax.switch(index, branches))

    def cond(self, pred: Any, f: Callable[..., Any], g: Callable[..., Any]) -> list[Any]:
        return list(lax.cond(pred, f, g))

    def over(self, kind: str, f: Callable[..., Any], xs: list[Any]) -> list[Any]:
        return list(ft.vmap(f)(*xs) if kind == "vmap" else lax.map(lambda row: f(*row), xs))

    def wrapped(self, kind: str, f: Callable[..., Any], args: list[Any]) -> list[Any]:
        return list(WRAPPERS[kind](f)(*args))


class Python(Constructs):
    """The constructs as Python's own loops and branches."""

    def scan(self, f: Any, init: list[Any], xs: list[Any], length: int, reverse: bool, checkpoint: Any) -> tuple[Any, Any]:
        carry, rows = init, []
        for i in reversed(range(length)) if reverse else range(length):
            carry, y = f(carry, [x[i] for x in xs])
            rows.append(y)
        return carry, stacked(rows[::-1] if reverse else rows)

    def fori(self, lower: Any, upper: Any, f: Any, init: list[Any]) -> list[Any]:
        for i in range(int(lower), int(upper)):
            init = f(np.asarray(lower).dtype.type(i), init)
        return init

    def while_loop(self, test: Any, f: Any, init: list[Any]) -> list[Any]:
        while test(init):
            init = f(init)
        return init

    def switch(self, index: Any, branches: Any) -> list[Any]:
        result: list[Any] = branches[min(max(int(index), 0), len(branches) - 1)]()
        return result

    def cond(self, pred: Any, f: Any, g: Any) -> list[Any]:
        result: list[Any] = f() if pred else g()
        return result

    def over(self, kind: str, f: Any, xs: list[Any]) -> list[Any]:
        return stacked([f(*(x[i] for x in xs)) for i in range(xs[0].shape[0])])

    def wrapped(self, kind: str, f: Any, args: list[Any]) -> list[Any]:
        result: list[Any] = f(*args)
        return result


def stacked(rows: list[list[Any]]) -> list[Any]:
    return [fnp.stack(column) for column in zip(*rows, strict=True)]


def _with_jvp(f: Callable[..., Any]) -> Callable[..., Any]:
    g = ft.custom_jvp(f)
    g.defjvp(lambda primals, tangents: ft.jvp(f, primals, tangents))
    return g


def _with_vjp(f: Callable[..., Any]) -> Callable[..., Any]:
    g = ft.custom_vjp(f)
    g.defvjp(lambda *args: (f(*args), args), lambda args, cts: ft.vjp(f, *args)[1](cts))
    return g


WRAPPERS: dict[str, Callable[..., Any]] = {
    "jit": ft.jit, "checkpoint": ft.checkpoint, "custom_jvp": _with_jvp, "custom_vjp": _with_vjp,
}


class Program:
    """A drawn program: ``p(*inputs)`` with the library's constructs, ``p.python(*inputs)`` without."""

    def __init__(self, inputs: list[np.ndarray], function: Function) -> None:
        self.inputs = inputs
        self.function = function

    def __call__(self, *args: Any) -> list[Any]:
        return self.function(Constructs(), [], *map(fnp.asarray, args))

    def python(self, *args: Any) -> list[Any]:
        return self.function(Python(), [], *map(fnp.asarray, args))

    def __repr__(self) -> str:
        return "\n" + "\n".join(self.function.lines(""))

    def uses(self, word: str) -> bool:
        return any(word in s.text for s in self.function.every())


class Scope:
    """A body while it is drawn."""

    def __init__(self, draw: Draw, dtypes: Sequence[str], depth: int, types: list[Type], params: Sequence[Type]) -> None:
        self.draw, self.dtypes, self.depth = draw, dtypes, depth
        self.start, self.params = len(types), list(params)
        self.types = [*types, *params]
        self.statements: list[Statement] = []

    # -- choosing operands --------------------------------------------------------------------------------------

    def pick(self, accept: Callable[[Type], bool]) -> int | None:
        """A value of an accepted type, rather a late one."""
        found = [i for i, t in enumerate(self.types) if accept(t)]
        if not found:
            return None
        late = found[-4:]
        return self.draw.choice(late if self.draw.integer(0, 2) else found)

    def like(self, t: Type) -> int:
        found = self.pick(lambda other: other == t)
        return self.zeros(t) if found is None else found

    def zeros(self, t: Type) -> int:
        return self.add(f"full {t}", lambda: fnp.full(t.shape, 1, t.dtype), [], t)

    def integer(self, bound: int) -> int:
        """An int scalar in range(bound)."""
        i = self.pick(lambda t: not t.shape and t.dtype in INTS)
        if i is None:
            at = self.draw.integer(0, bound - 1)
            return self.add(f"constant {at}", lambda: fnp.asarray(at), [], Type((), "int64"))
        return self.add(f"v{i} % {bound}", lambda x: x % bound, [i], self.types[i])

    def predicate(self) -> int:
        i = self.pick(lambda t: t.kind == "b" and not t.shape)
        if i is not None:
            return i
        i = self.pick(lambda t: t.dtype == "float64") if self.draw.flag() else None
        if i is None:
            i = self.integer(3)
            return self.add(f"v{i} > 0", lambda x: x > 0, [i], Type((), "bool"))
        return self.add(f"mean v{i} > 0.1234567", lambda x: fnp.mean(x) > 0.1234567, [i], Type((), "bool"))

    # -- statements ---------------------------------------------------------------------------------------------

    def add(self, text: str, fun: Callable[..., Any], operands: Sequence[int], *out: Type) -> int:
        operands = list(operands)
        self.statements.append(Statement(text, lambda how, env: [fun(*[env[i] for i in operands])], 1))
        self.types += out
        return len(self.types) - 1

    def construct(self, text: str, run: Callable[..., Any], functions: list[Function], out: Sequence[Type]) -> None:
        self.statements.append(Statement(text, run, len(out), functions))
        self.types += out

    def inner(self, params: Sequence[Type], alone: bool = False) -> Scope:
        return Scope(self.draw, self.dtypes, self.depth + 1, [] if alone else self.types, params)

    def grow(self, steps: int) -> Scope:
        for _ in range(steps):
            self.draw.choice(CONSTRUCTS if self.depth < 3 and self.draw.integer(0, 5) < 3 - self.depth else OPERATIONS)(self)
        return self

    def close(self, outs: Sequence[int]) -> Function:
        return Function(self.params, self.statements, list(outs), self.start)

    def body(self, params: Sequence[Type], alone: bool = False) -> Scope:
        return self.inner(params, alone).grow(self.draw.integer(1, 4))

    def some(self, most: int) -> list[int]:
        """Several values, a few of them large, maybe one twice."""
        count = self.draw.integer(1, most)
        picked = [self.pick(lambda t: True) for _ in range(count)]
        return [i for i in picked if i is not None]


# -- operations -----------------------------------------------------------------------------------------------------------

def unary(s: Scope) -> None:
    i = s.pick(lambda t: True)
    assert i is not None
    t = s.types[i]
    options: dict[str, Callable[[Any], Any]] = {
        "f": {"sin": fnp.sin, "tanh": fnp.tanh, "scale": lambda x: x * 0.7 + 0.1, "neg": lambda x: -x, "square": lambda x: fnp.sin(x) * x},
        "c": {"turn": lambda x: x * np.dtype(t.dtype).type(0.6 + 0.7j), "conj": fnp.conj, "real": lambda x: x.real + 0j},
        "i": {"plus": lambda x: x + 3, "times": lambda x: x * 1664525 + 7, "mod": lambda x: x % 7, "shift": lambda x: x >> 1},
        "b": {"not": lambda x: ~x},
    }[t.kind]
    name = s.draw.choice(sorted(options))
    s.add(f"{name} v{i}", options[name], [i], t)


def binary(s: Scope) -> None:
    i = s.pick(lambda t: True)
    assert i is not None
    t = s.types[i]
    j = s.like(t) if s.draw.flag() or not t.shape else s.pick(lambda other: other.dtype == t.dtype and not other.shape)
    j = s.like(t) if j is None else j
    options: dict[str, Callable[[Any, Any], Any]] = {
        "f": {"mean of": lambda x, y: (x + y) * 0.5, "less": lambda x, y: x - 0.3 * y, "product": lambda x, y: fnp.tanh(x * y),
              "where": lambda x, y: fnp.where(x > 0.1234567, x, y)},
        "c": {"mean of": lambda x, y: (x + y) * 0.5, "product": lambda x, y: x * y / (1 + (x * fnp.conj(x)).real + (y * fnp.conj(y)).real)},
        "i": {"add": lambda x, y: x + y, "mul": lambda x, y: x * y, "xor": lambda x, y: x ^ y},
        "b": {"and": lambda x, y: x & y, "or": lambda x, y: x | y, "xor": lambda x, y: x ^ y},
    }[t.kind]
    name = s.draw.choice(sorted(options))
    s.add(f"{name} v{i}, v{j}", options[name], [i, j], t)


def convert(s: Scope) -> None:
    i = s.pick(lambda t: t.kind in "ibf")
    assert i is not None
    t = s.types[i]
    if t.kind == "f":
        others = [d for d in s.dtypes if d != t.dtype and np.dtype(d).kind in "fc"]
        if others:
            new = s.draw.choice(others)
            s.add(f"v{i} as {new}", lambda x: x.astype(new), [i], Type(t.shape, new))
    elif s.draw.flag():
        new = s.draw.choice([d for d in s.dtypes if np.dtype(d).kind == "f"])
        s.add(f"v{i} as {new}", lambda x: (x % 11 if t.kind == "i" else x).astype(new) * 0.25, [i], Type(t.shape, new))
    else:
        new = s.draw.choice([d for d in s.dtypes if np.dtype(d).kind in "ib"])
        s.add(f"v{i} as {new}", lambda x: x.astype(new), [i], Type(t.shape, new))


def reduction(s: Scope) -> None:
    i = s.pick(lambda t: bool(t.shape) and prod(t.shape) > 0)
    if i is None:
        return
    t = s.types[i]
    if t.kind == "b":
        s.add(f"any v{i}", lambda x: x.any(), [i], Type((), "bool"))
    elif t.kind == "i":
        s.add(f"max v{i}", lambda x: x.max(axis=0), [i], t.row)
    elif s.draw.flag():
        s.add(f"mean v{i} of axis 0", lambda x: fnp.mean(x, axis=0), [i], t.row)
    else:
        s.add(f"mean v{i}", fnp.mean, [i], Type((), t.dtype))


def expansion(s: Scope) -> None:
    i = s.pick(lambda t: len(t.shape) < 2)
    if i is None:
        return
    t = s.types[i]
    shape = s.draw.choice([x for x in SHAPES if x[max(0, len(x) - len(t.shape)):] == t.shape] or [(2, *t.shape)])
    s.add(f"broadcast v{i} to {shape}", lambda x: fnp.broadcast_to(x, shape), [i], Type(shape, t.dtype))


def movement(s: Scope) -> None:
    i = s.pick(lambda t: bool(t.shape) and prod(t.shape) > 0)
    if i is None:
        return
    t = s.types[i]
    name = s.draw.choice(["flip", "roll", "flat", "rest", "transposed"])
    if name == "flip":
        s.add(f"flip v{i}", lambda x: x[::-1], [i], t)
    elif name == "roll":
        s.add(f"roll v{i}", lambda x: fnp.roll(x, 1, 0), [i], t)
    elif name == "flat":
        s.add(f"flat v{i}", lambda x: x.reshape(-1), [i], Type((prod(t.shape),), t.dtype))
    elif name == "rest":
        s.add(f"v{i}[1:]", lambda x: x[1:], [i], Type((t.shape[0] - 1, *t.shape[1:]), t.dtype))
    else:
        s.add(f"v{i}.T", lambda x: x.T, [i], Type(t.shape[::-1], t.dtype))


def product(s: Scope) -> None:
    i = s.pick(lambda t: t.kind == "f" and len(t.shape) == 2 and prod(t.shape) > 0)
    if i is None:
        return
    t = s.types[i]
    j = s.pick(lambda other: other.dtype == t.dtype and len(other.shape) in (1, 2) and other.shape[0] == t.shape[1])
    if j is None:
        s.add(f"v{i} @ v{i}.T", lambda x: x @ x.T / t.shape[1], [i], Type((t.shape[0], t.shape[0]), t.dtype))
    else:
        s.add(f"v{i} @ v{j}", lambda x, y: x @ y / t.shape[1], [i, j], Type((t.shape[0], *s.types[j].shape[1:]), t.dtype))


def row(s: Scope) -> None:
    i = s.pick(lambda t: bool(t.shape) and t.shape[0] > 0)
    if i is None:
        return
    t = s.types[i]
    if s.draw.flag():
        k = s.integer(t.shape[0])
        s.add(f"v{i}[v{k}]", lambda x, k: x[k], [i, k], t.row)
    else:
        size = s.draw.integer(1, t.shape[0])
        k = s.integer(t.shape[0] - size + 1)
        s.add(f"v{i}[v{k}:][:{size}]", lambda x, k: lax.dynamic_slice_in_dim(x, k, size), [i, k], Type((size, *t.shape[1:]), t.dtype))


def update(s: Scope) -> None:
    i = s.pick(lambda t: bool(t.shape) and t.shape[0] > 0)
    if i is None:
        return
    t = s.types[i]
    k = s.integer(t.shape[0])
    name = s.draw.choice(["set", "add", "set", "own row", "slice", "part"])
    if name == "own row":
        s.add(f"v{i}.at[v{k}].set(its last)", lambda x, k: x.at[k].set(x[-1]), [i, k], t)
    elif name == "part":
        new = s.like(Type((-(-t.shape[0] // 2), *t.shape[1:]), t.dtype))
        s.add(f"v{i}.at[::2].set(v{new})", lambda x, v: x.at[::2].set(v), [i, new], t)
    elif name == "slice":
        size = s.draw.integer(1, t.shape[0])
        new, k = s.like(Type((size, *t.shape[1:]), t.dtype)), s.integer(t.shape[0] - size + 1)
        s.add(f"v{i} with v{new} at v{k}", lambda x, v, k: lax.dynamic_update_slice_in_dim(x, v, k, 0), [i, new, k], t)
    else:
        new = s.like(t.row)
        if name == "add" and t.kind in "fc":
            s.add(f"v{i}.at[v{k}].add(v{new})", lambda x, k, v: (x.at[k].add(v)).at[k].multiply(0.5), [i, k, new], t)
        else:
            s.add(f"v{i}.at[v{k}].set(v{new})", lambda x, k, v: x.at[k].set(v), [i, k, new], t)


OPERATIONS = (unary, binary, binary, convert, reduction, expansion, movement, product, row, update, update, update)


# -- constructs -----------------------------------------------------------------------------------------------------------

def _results(s: Scope, most: int = 2) -> list[int]:
    return s.some(most) if s.draw.integer(0, 5) else []


def scan(s: Scope) -> None:
    init = s.some(3)
    over = s.pick(lambda t: bool(t.shape) and t.shape[0] <= 9) if s.draw.integer(0, 3) else None
    length = s.draw.choice([0, 1, 2, 4]) if over is None else s.types[over].shape[0]
    xs = [] if over is None else [over]
    if xs and s.draw.flag():
        xs += [i for i in [s.pick(lambda t: bool(t.shape) and t.shape[0] == length)] if i is not None]
    n = len(init)
    carry = [s.types[i] for i in init]
    inner = s.body([*carry, *(s.types[i].row for i in xs)])
    results = _results(inner) if length else []
    results = [i for i in results if length * prod(inner.types[i].shape) <= MAX_SIZE]
    f = inner.close([*map(inner.like, carry), *results])
    reverse = s.draw.flag()
    checkpoint: Any = s.draw.choice([False, False, True, 8])

    def run(how: Constructs, env: Sequence[Any]) -> list[Any]:
        def step(c: Any, x: Any) -> Any:
            outs = f(how, env, *c, *x)
            return outs[:n], outs[n:]

        last, ys = how.scan(step, [env[i] for i in init], [env[i] for i in xs], length, reverse, checkpoint)
        return [*last, *ys]

    ys = [Type((length, *inner.types[i].shape), inner.types[i].dtype) for i in results]
    s.construct(f"scan(init={names(init)}, xs={names(xs)}, {length=}, {reverse=}, {checkpoint=})", run, [f], [*carry, *ys])


def fori(s: Scope) -> None:
    init = s.some(3)
    carry = [s.types[i] for i in init]
    upper = s.integer(4) if s.draw.flag() else None
    lower, count = s.draw.integer(-1, 1), s.draw.integer(0, 3)
    counter = Type((), "int64" if upper is None else s.types[upper].dtype)
    inner = s.body([counter, *carry])
    f = inner.close([*map(inner.like, carry)])

    def run(how: Constructs, env: Sequence[Any]) -> list[Any]:
        a, b = (lower, count) if upper is None else (np.dtype(counter.dtype).type(lower), env[upper])
        return how.fori(a, b, lambda i, c: f(how, env, i, *c), [env[i] for i in init])

    s.construct(f"fori({lower}, {count if upper is None else f'v{upper}'}, {names(init)})", run, [f], carry)


def while_loop(s: Scope) -> None:
    init = s.some(3)
    carry = [s.types[i] for i in init]
    bound = s.integer(4)
    watch = s.draw.choice([None, *(k for k, t in enumerate(carry) if t.dtype == "float64" and prod(t.shape) > 0)])
    inner = s.body([Type((), "int64"), *carry])
    f = inner.close(list(map(inner.like, carry)))

    def run(how: Constructs, env: Sequence[Any]) -> list[Any]:
        def test(state: Any) -> Any:
            below = state[0] < env[bound]
            return below if watch is None else below & (fnp.mean(state[1 + watch]) < 0.7654321)

        return how.while_loop(test, lambda state: [state[0] + 1, *f(how, env, *state)], [np.int64(0), *(env[i] for i in init)])[1:]

    s.construct(f"while(turn < v{bound}, {names(init)}, {watch=})", run, [f], carry)


def cond(s: Scope) -> None:
    many = s.draw.integer(0, 2) == 0
    at = s.integer(3) if many else s.predicate()
    scopes = [s.body([]) for _ in range(3 if many else 2)]
    outs = scopes[0].some(3)
    types = [scopes[0].types[i] for i in outs]
    branches = [scopes[0].close(outs), *(b.close(list(map(b.like, types))) for b in scopes[1:])]

    def run(how: Constructs, env: Sequence[Any]) -> list[Any]:
        chosen = [lambda f=f: f(how, env) for f in branches]
        return how.switch(env[at], chosen) if many else how.cond(env[at], *chosen)

    s.construct(f"{'switch' if many else 'cond'}(v{at})", run, branches, types)


def over(s: Scope) -> None:
    first = s.pick(lambda t: bool(t.shape) and 0 < t.shape[0] <= 9)
    if first is None:
        return
    n = s.types[first].shape[0]
    xs = [first, *(i for i in [s.pick(lambda t: bool(t.shape) and t.shape[0] == n)] if i is not None)]
    kind = s.draw.choice(["vmap", "vmap", "map"])
    inner = s.body([s.types[i].row for i in xs])
    outs = [i for i in inner.some(3) if n * prod(inner.types[i].shape) <= MAX_SIZE]
    f = inner.close(outs)

    def run(how: Constructs, env: Sequence[Any]) -> list[Any]:
        return how.over(kind, lambda *rows: f(how, env, *rows), [env[i] for i in xs])

    types = [Type((n, *inner.types[i].shape), inner.types[i].dtype) for i in outs]
    if outs:
        s.construct(f"{kind}({names(xs)})", run, [f], types)


def wrapped(s: Scope) -> None:
    kind = s.draw.choice(sorted(WRAPPERS))
    alone = kind.startswith("custom")
    found = [s.pick(lambda t: not alone or t.kind == "f") for _ in range(s.draw.integer(1, 3))]
    args = [i for i in found if i is not None]
    inner = s.body([s.types[i] for i in args], alone)
    outs = [i for i in inner.some(3) if not alone or inner.types[i].kind == "f"]
    if not args or not outs:
        return
    f = inner.close(outs)

    def run(how: Constructs, env: Sequence[Any]) -> list[Any]:
        return how.wrapped(kind, lambda *xs: f(how, env, *xs), [env[i] for i in args])

    s.construct(f"{kind}({names(args)})", run, [f], [inner.types[i] for i in outs])


CONSTRUCTS = (scan, scan, scan, fori, while_loop, while_loop, cond, cond, over, wrapped)


def names(indices: Sequence[int]) -> str:
    return "[" + ", ".join(f"v{i}" for i in indices) + "]"


# -- programs -------------------------------------------------------------------------------------------------------------

def grown(seed: int, steps: int, dtypes: Sequence[str]) -> Program:
    """A program of so many outer statements. `dtypes` must have int64, bool and float64."""
    draw, rng = Draw(seed), np.random.default_rng(seed)
    types = [Type((), "int64"), Type((), "float64"), Type(draw.choice(LARGE_SHAPES), "float64")]
    types += [Type(draw.choice(SHAPES), draw.choice(dtypes)) for _ in range(draw.integer(1, 3))]
    scope = Scope(draw, dtypes, 0, [], types)
    while not any(f.functions for f in scope.statements):
        draw.choice(CONSTRUCTS)(scope)
    scope.grow(steps)
    outs = [i for i in range(len(types), len(scope.types)) if i >= len(scope.types) - 3 or draw.flag()]
    return Program([_values(rng, t) for t in types], scope.close(outs))


def _values(rng: np.random.Generator, t: Type) -> np.ndarray:
    if t.kind == "b":
        return rng.integers(0, 2, t.shape).astype(bool)
    if t.kind == "i":
        return np.asarray(rng.integers(-5, 9, t.shape)).astype(t.dtype)
    x = rng.uniform(-1.5, 1.5, t.shape)
    return np.asarray(x + 1j * rng.uniform(-1, 1, t.shape) if t.kind == "c" else x).astype(t.dtype)
