"""Rows of `functrans.lax`: loops, branches, collectives and solvers that take functions, and of `functrans.stop_gradient`."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans as ft
from functrans import lax
from functrans import numpy as fnp
from tests.names.rows import ANY, COMPLEX, NUMBER, Name, R, Z, definite

__all__ = ["LAX_CONTROL"]

X = R(5, 3)
PEERS = R(4, 3)


def one_of(pred: Any, yes: Any, no: Any, *operands: Any) -> Any:
    return yes(*operands) if pred else no(*operands)


def chosen(index: Any, branches: Any, *operands: Any) -> Any:
    return branches[int(np.clip(index, 0, len(branches) - 1))](*operands)


def repeated(condition: Any, body: Any, state: Any) -> Any:
    while condition(state):
        state = body(state)
    return state


def counted(low: int, high: int, body: Any, state: Any) -> Any:
    for i in range(low, high):
        state = body(i, state)
    return state


def scanned(f: Any, carry: Any, xs: Any, reverse: bool = False) -> Any:
    ys = []
    for x in xs[::-1] if reverse else xs:
        carry, y = f(carry, x)
        ys.append(y)
    return carry, np.stack(ys[::-1] if reverse else ys)


def step(carry: Any, x: Any) -> Any:
    carry = carry * x + 1
    return carry, carry - x


def prefixes(f: Any, xs: Any, reverse: bool = False) -> Any:
    out = [xs[0]]
    for x in xs[1:]:
        out.append(f(out[-1], x))
    return np.stack(out)


def collective(f: Any, x: Any, *args: Any, **options: Any) -> Any:
    """The collective among the rows of x; its reference takes them all at once."""
    if f.__module__.startswith("functrans"):
        return ft.vmap(lambda row: f(row, "peers", *args, **options), axis_name="peers")(x)
    return f(x, *args, **options)


def spread(f: Any) -> Any:
    return lambda x: np.broadcast_to(f(x), x.shape)


def numbered(f: Any, x: Any) -> Any:
    return ft.vmap(lambda row: row + f("i"), axis_name="i")(x) if f is lax.axis_index else f(x)


def sized(f: Any, x: Any) -> Any:
    return ft.vmap(lambda row: row * f("i"), axis_name="i")(x) if f is lax.axis_size else f(x)


def newton(f: Any, guess: Any) -> Any:
    for _ in range(9):
        slope = ft.jvp(f, (guess,), (fnp.ones_like(guess),))[1]
        guess = guess - f(guess) / slope
    return guess


def root(f: Any, x: Any) -> Any:
    """The solution of ``y**3 + y = x``."""
    if f is cubic:
        return f(x)
    return f(lambda y: y * y * y + y - x, fnp.zeros_like(x), newton, lambda g, y: y / g(fnp.ones_like(y)))


def cubic(x: np.ndarray) -> np.ndarray:
    w = np.cbrt(x / 2 + np.sqrt(x * x / 4 + 1 / 27))
    return np.asarray(w - 1 / (3 * w))


def linear(f: Any, a: Any, b: Any) -> Any:
    """The solution of the system of a symmetric matrix."""
    a = a + a.T
    if f is np.linalg.solve:
        return f(a, b)
    return f(lambda x: a @ x, b, lambda matvec, y: fnp.linalg.solve(a, y), symmetric=True)


LAX_CONTROL = (
    Name("lax.platform_dependent", (X,), lambda f, x: f(x, tpu=lambda x: x, cpu=lambda x: x * x), lambda x, tpu, cpu: cpu(x),
         dtypes=NUMBER),
    Name("lax.composite", (X,), lambda f, x: f(lambda x, power: x ** power, "my.power")(x, power=3), lambda f, name: f, dtypes=NUMBER),
    Name("lax.cond", (Z(high=1, dtype="bool"), X), lambda f, p, x: f(p, lambda x: x * x, lambda x: x + 1, x), one_of, dtypes=NUMBER),
    Name("lax.switch", (Z(high=2), X), lambda f, i, x: f(i, [lambda x: x, lambda x: x * x, lambda x: -x], x), chosen, dtypes=NUMBER),
    Name("lax.while_loop", (R(low=1.1, high=2),),
         lambda f, x: f(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] * x), (0, x)), repeated, dtypes=COMPLEX),
    Name("lax.fori_loop", (X,), lambda f, x: f(0, 4, lambda i, y: y * x + i, x), counted, dtypes=NUMBER),
    Name("lax.scan", (R(3), X), lambda f, c, x: [*f(step, c, x), *f(step, c, x, reverse=True)], scanned, dtypes=NUMBER),
    Name("lax.map", (X,), lambda f, x: f(lambda row: row * row[::-1], x), lambda f, x: np.stack([*map(f, x)]), dtypes=NUMBER),
    Name("lax.associative_scan", (X,), lambda f, x: f(lambda a, b: a + b + a * b, x), prefixes, dtypes=COMPLEX),
    Name("lax.custom_root", (R(4),), root, cubic, dtypes=("float64",)),
    Name("lax.custom_linear_solve", (definite(3), R(3)), linear, np.linalg.solve),
    # -- among the elements of a mapped axis
    Name("lax.psum", (PEERS,), collective, spread(lambda x: np.sum(x, 0, x.dtype)), dtypes=NUMBER),
    Name("lax.pmean", (PEERS,), collective, spread(lambda x: np.mean(x, 0)), dtypes=COMPLEX),
    Name("lax.pmax", (PEERS,), collective, spread(lambda x: np.max(x, 0))),
    Name("lax.pmin", (PEERS,), collective, spread(lambda x: np.min(x, 0))),
    Name("lax.all_gather", (PEERS,), collective, lambda x: np.broadcast_to(x, (4, 4, 3)), dtypes=ANY),
    Name("lax.ppermute", (PEERS,), lambda f, x: collective(f, x, [(i, (i + 1) % 4) for i in range(4)]), lambda x, p: np.roll(x, 1, 0),
         dtypes=NUMBER),
    Name("lax.psum_scatter", (R(4, 4),), collective, lambda x: np.sum(x, 0, x.dtype), dtypes=NUMBER),
    Name("lax.axis_index", (PEERS,), numbered, lambda x: x + np.arange(4)[:, None]),
    Name("lax.axis_size", (PEERS,), sized, lambda x: x * 4, dtypes=NUMBER),
)
