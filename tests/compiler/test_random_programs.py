"""Random programs: DAGs of primitives over shapes and dtypes, on which every way to run or transform them must agree.

A program is grown together with its eager values, so that each drawn step is well defined: products stay of moderate size,
and steps that jump (comparisons, roundings, extrema, conversions to integers) take *exact* values only, those that no
rounding separates between eager and compiled code. The other values carry a bound of their rounding error (a running error
analysis on maxima), which is what compiled results are held to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans import lax
from functrans.calls.jitted import jit
from functrans.compiler.driver import compile_jaxpr
from functrans.kernel_interpret import run
from functrans.kernel_verify import verify
from functrans.transforms.api import grad, jvp
from functrans.transforms.tracing import make_jaxpr
from functrans.transforms.vmap import vmap

MAX_SIZE, MAX_MAGNITUDE = 600, 1e4
FLOATS = ("float64", "float32")
DTYPES = (*FLOATS, "int32", "int64", "bool", "complex128")
EXAMPLES = 5 * settings.default.max_examples
"""Programs are small and compile fast: draw more of them than the profile asks of other tests."""


class Draw:
    """Choices from a seed. Hypothesis draws the seed and the number of steps: it would draw short programs of first choices,
    and a program of fewer steps from the same seed is a prefix, which is all the shrinking needed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def choice(self, options: Sequence[Any]) -> Any:
        return self._random.choice(options)

    def flag(self) -> bool:
        return self._random.random() < 0.5

    def order(self, items: Sequence[Any]) -> list[Any]:
        return self._random.sample(items, len(items))



@dataclass
class Value:
    """A value at the drawn inputs. `error`: a bound of how far eager and compiled may be apart, 0 where they are equal."""

    array: np.ndarray
    error: float = 0.0

    @property
    def size(self) -> float:
        """The largest magnitude."""
        return float(np.abs(self.array).max(initial=0)) if self.array.dtype != bool else 1.0

    @property
    def eps(self) -> float:
        return float(np.finfo(self.array.dtype).eps) if self.array.dtype.kind in "fc" else 0.0

    @property
    def kind(self) -> str:
        return self.array.dtype.kind


@dataclass
class Step:
    text: str
    fun: Callable[..., Any]
    operands: tuple[int, ...]


class Program:
    """A drawn program, callable on its inputs; prints as a list of steps."""

    def __init__(self) -> None:
        self.inputs: list[np.ndarray] = []
        self.steps: list[Step] = []
        self.values: list[Value] = []
        self.outputs: list[int] = []

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        env = list(args)
        for s in self.steps:
            env.append(s.fun(*[env[i] for i in s.operands]))
        return tuple(env[i] for i in self.outputs)

    def __repr__(self) -> str:
        lines = [f"v{i} = input {x.dtype}{list(x.shape)}" for i, x in enumerate(self.inputs)]
        for i, s in enumerate(self.steps, len(self.inputs)):
            array = self.values[i].array
            lines.append(f"v{i} = {s.text}({', '.join(f'v{o}' for o in s.operands)})  # {array.dtype}{list(array.shape)}")
        return "\n".join(["", *lines, f"return {', '.join(f'v{i}' for i in self.outputs)}"])

    def add_input(self, array: np.ndarray) -> None:
        self.inputs.append(array)
        self.values.append(Value(array))

    def add(self, text: str, fun: Callable[..., Any], *operands: int, error: float = 0.0) -> None:
        """Append a step unless its result is too large; `error` is the bound for exact arithmetic, rounding is added."""
        with np.errstate(all="ignore"):
            array = np.asarray(fun(*[self.values[i].array for i in operands]))
        value = Value(array, error)
        if array.size <= MAX_SIZE and math.isfinite(value.size) and value.size <= MAX_MAGNITUDE:
            self.steps.append(Step(text, fun, operands))
            self.values.append(value)


def pick(draw: Draw, program: Program, kinds: str = "fiubc", exact: bool = False) -> int | None:
    """A value of these kinds, the later ones more often."""
    found = [i for i, v in enumerate(program.values) if v.kind in kinds and not (exact and v.error)]
    return found[-1 - min(draw.integer(0, 2 * len(found)), len(found) - 1) % len(found)] if found else None


def partner(draw: Draw, program: Program, i: int, exact: bool = False) -> int:
    """A value of the same shape and dtype; itself if there is no other."""
    like = program.values[i].array
    found = [j for j, v in enumerate(program.values)
             if v.array.shape == like.shape and v.array.dtype == like.dtype and not (exact and v.error)]
    return draw.choice(found)


# -- steps: each looks at what there is and appends to the program, or not --------------------------------------------------

def elementwise(draw: Draw, p: Program) -> None:
    i = pick(draw, p, "fic")
    if i is None:
        return
    j = partner(draw, p, i)
    x, y = p.values[i], p.values[j]
    name = draw.choice(["add", "sub", "mul", "neg"])
    if name == "neg":
        p.add(name, lax.neg, i, error=x.error)
    elif name == "mul":
        # Complex products round between their two terms: compiled code and NumPy need not do it alike.
        rounding = x.size * y.size * x.eps * 4 if x.kind == "c" or x.error or y.error else 0.0
        p.add(name, lax.mul, i, j, error=x.size * y.error + y.size * x.error + rounding)
    else:
        error = x.error + y.error
        p.add(name, getattr(lax, name), i, j, error=error + (x.size + y.size) * x.eps if error else 0.0)


def smooth(draw: Draw, p: Program) -> None:
    """Functions with a bounded derivative."""
    i = pick(draw, p, "f")
    if i is None:
        return
    x = p.values[i]
    name = draw.choice(["sqrt1p", "ratio", "square"])
    if name == "square":
        p.add(name, lax.square, i, error=2 * x.size * x.error + (x.size ** 2 * x.eps if x.error else 0.0))
        return
    if name == "sqrt1p":
        p.add(name, lambda a: lax.sqrt(lax.add(lax.mul(a, a), 1.0)), i, error=x.error + (x.size + 1) * 4 * x.eps)
    else:
        p.add(name, lambda a: lax.div(a, lax.add(lax.mul(a, a), 1.0)), i, error=x.error + 4 * x.eps)


def jumps(draw: Draw, p: Program) -> None:
    i = pick(draw, p, "fi", exact=True)
    if i is None:
        return
    j = partner(draw, p, i, exact=True)
    name = draw.choice(["abs", "sign", "floor", "max", "min", "lt", "ge", "eq"])
    if name == "floor":
        if p.values[i].kind == "f":
            p.add(name, lax.floor, i)
    elif name in ("abs", "sign"):
        p.add(name, getattr(lax, name), i)
    else:
        p.add(name, getattr(lax, name), i, j)


def choose(draw: Draw, p: Program) -> None:
    i = pick(draw, p)
    assert i is not None
    j = partner(draw, p, i)
    shape = p.values[i].array.shape
    masks = [k for k, v in enumerate(p.values) if v.kind == "b" and v.array.shape == shape]
    if masks:
        c = draw.choice(masks)
        p.add("select", lax.select, c, i, j, error=max(p.values[i].error, p.values[j].error))


def convert(draw: Draw, p: Program) -> None:
    i = pick(draw, p)
    assert i is not None
    x, target = p.values[i], draw.choice(DTYPES)
    if x.kind == "c" and target != "complex128":
        part = draw.choice(["real", "imag"])
        p.add(part, getattr(lax, part), i, error=x.error)
    elif target in ("int32", "int64", "bool") and x.error:
        return
    else:
        eps = np.finfo(target).eps if target in FLOATS and x.error else 0.0
        p.add(f"convert to {target}", lambda a: lax.convert_element_type(a, target), i, error=x.error + x.size * eps)


def view(draw: Draw, p: Program) -> None:
    i = pick(draw, p)
    assert i is not None
    x = p.values[i]
    shape, n = x.array.shape, x.array.ndim
    name = draw.choice(["reshape", "transpose", "broadcast", "slice", "rev", "pad", "concatenate"])
    if name == "reshape":
        new = reshapes(draw, x.array.size)
        p.add(f"reshape {new}", lambda a: lax.reshape(a, new), i, error=x.error)
    elif name == "transpose":
        order = tuple(draw.order(range(n)))
        p.add(f"transpose {order}", lambda a: lax.transpose(a, order), i, error=x.error)
    elif name == "broadcast" and n < 4:
        at = draw.integer(0, n)
        wide = (*shape[:at], draw.integer(1, 4), *shape[at:])
        dims = tuple(d for d in range(n + 1) if d != at)
        p.add(f"broadcast {wide} {dims}", lambda a: lax.broadcast_in_dim(a, wide, dims), i, error=x.error)
    elif name == "slice" and n:
        lows = [draw.integer(0, s) for s in shape]
        highs = [draw.integer(lo, s) for lo, s in zip(lows, shape, strict=True)]
        steps = [draw.integer(1, 3) for _ in shape]
        p.add(f"slice {lows} {highs} {steps}", lambda a: lax.slice(a, lows, highs, steps), i, error=x.error)
    elif name == "rev" and n:
        dims = tuple(d for d in range(n) if draw.flag())
        p.add(f"rev {dims}", lambda a: lax.rev(a, dims), i, error=x.error)
    elif name == "pad" and n:
        config = [(draw.integer(-1, 2) if s > 2 else draw.integer(0, 2), draw.integer(-1,
            2) if s > 2 else draw.integer(0, 2), draw.integer(0, 2))
                  for s in shape]
        value = x.array.dtype.type(1)
        p.add(f"pad {config}", lambda a: lax.pad(a, value, config), i, error=x.error)
    elif name == "concatenate" and n:
        j, axis = partner(draw, p, i), draw.integer(0, n - 1)
        p.add(f"concatenate {axis}", lambda a, b: lax.concatenate([a, b, a], axis), i, j, error=max(x.error, p.values[j].error))


def reshapes(draw: Draw, size: int) -> tuple[int, ...]:
    """A shape of that many elements."""
    if size == 0:
        return draw.choice([(0,), (2, 0), (0, 3)])
    shape, rest = [], size
    for _ in range(draw.integer(0, 2)):
        divisor = draw.choice([d for d in range(1, rest + 1) if rest % d == 0])
        shape.append(divisor)
        rest //= divisor
    return (*shape, rest) if rest != 1 or draw.flag() else tuple(shape)


def reduction(draw: Draw, p: Program) -> None:
    i = pick(draw, p)
    assert i is not None
    x = p.values[i]
    axes = [d for d in range(x.array.ndim) if draw.flag()]
    count = math.prod(x.array.shape[d] for d in axes)
    if x.kind == "b":
        name = draw.choice(["reduce_and", "reduce_or"])
        p.add(f"{name} {axes}", lambda a: getattr(lax, name)(a, axes), i)
    elif draw.flag():
        rounding = 0.0 if x.kind in "iu" else count * x.size * x.eps * count
        p.add(f"reduce_sum {axes}", lambda a: lax.reduce_sum(a, axes), i, error=count * x.error + rounding)
    elif x.kind in "fi" and not x.error and count:
        name = draw.choice(["reduce_max", "reduce_min"])
        p.add(f"{name} {axes}", lambda a: getattr(lax, name)(a, axes), i)


def arg_reduction(draw: Draw, p: Program) -> None:
    i = pick(draw, p, "fi", exact=True)
    if i is None or not p.values[i].array.ndim:
        return
    axis = draw.integer(0, p.values[i].array.ndim - 1)
    if p.values[i].array.shape[axis]:
        name = draw.choice(["argmax", "argmin"])
        p.add(f"{name} {axis}", lambda a: getattr(lax, name)(a, axis, np.int32), i)


def contraction(draw: Draw, p: Program) -> None:
    i = pick(draw, p, "fic")
    if i is None:
        return
    x = p.values[i]
    others = [j for j, v in enumerate(p.values) if v.array.dtype == x.array.dtype]
    j = draw.choice(others)
    y = p.values[j]
    left, right, pairs = list(range(x.array.ndim)), list(range(y.array.ndim)), []
    for a in draw.order(range(x.array.ndim)):
        matches = [b for b in right if y.array.shape[b] == x.array.shape[a]]
        if matches and len(pairs) < 2:
            b = draw.choice(matches)
            pairs.append((a, b))
            left.remove(a)
            right.remove(b)
    split = draw.integer(0, len(pairs))
    batch, contract = pairs[:split], pairs[split:]
    numbers = ((tuple(a for a, _ in contract), tuple(b for _, b in contract)), (tuple(a for a, _ in batch), tuple(b for _, b in batch)))
    count = math.prod(x.array.shape[a] for a, _ in contract)
    rounding = 0.0 if x.kind == "i" else (count + 3) * count * x.size * y.size * x.eps
    p.add(f"dot_general {numbers}", lambda a, b: lax.dot_general(a, b, numbers), i, j,
          error=count * (x.size * y.error + y.size * x.error) + rounding)


def indexing(draw: Draw, p: Program) -> None:
    """Rows gathered or scattered by drawn indices (computed ones where there are integers), some out of bounds."""
    i = pick(draw, p)
    assert i is not None
    x = p.values[i]
    shape, n = x.array.shape, x.array.ndim
    if not n or not shape[0]:
        return
    mode = draw.choice(["clip", "drop"])
    places = np.array([draw.integer(-2, shape[0] + 1) for _ in range(draw.integer(1, 4))])[:, None]
    window = tuple(range(1, n))
    kind = draw.choice(["gather", "scatter", "scatter_add", "dynamic_slice", "dynamic_update_slice"])
    if kind == "gather":
        numbers = lax.GatherDimensionNumbers(window, (0,), (0,))
        sizes = (1, *shape[1:])
        p.add(f"gather {places.ravel()} {mode}", lambda a: lax.gather(a, places, numbers, sizes, mode=mode, fill_value=1), i, error=x.error)
    elif kind in ("scatter", "scatter_add") and x.kind != "b":
        into = lax.ScatterDimensionNumbers(window, (0,), (0,))
        rows = min(len(places), shape[0])
        error = x.error if kind == "scatter" else (rows + 1) * (x.error + (x.size * x.eps if x.error else 0.0))
        p.add(f"{kind} {places[:rows].ravel()} {mode}",
              lambda a: getattr(lax, kind)(a, places[:rows], lax.slice(a, (0,) * n, (rows, *shape[1:])), into, mode=mode), i, error=error)
    else:
        indices = [k for k, v in enumerate(p.values) if v.array.shape == () and v.array.dtype == np.int64]
        k = draw.choice(indices) if indices else None
        sizes = [draw.integer(1, s) if s else 0 for s in shape]
        zero = np.int64(0)
        if k is None:
            return
        if kind == "dynamic_update_slice":
            p.add(f"{kind} {sizes}", lambda a, k: lax.dynamic_update_slice(a, lax.slice(a, (0,) * n, sizes), [k, *[zero] * (n - 1)]), i, k,
                  error=x.error)
        else:
            p.add(f"dynamic_slice {sizes}", lambda a, k: lax.dynamic_slice(a, [k, *[zero] * (n - 1)], sizes), i, k, error=x.error)


ALL = (elementwise, elementwise, smooth, jumps, choose, convert, view, view, view, reduction, arg_reduction, contraction, indexing)
REAL = (elementwise, elementwise, smooth, jumps, choose, view, view, view, reduction, contraction, indexing)
SMOOTH = (elementwise, elementwise, smooth, view, view, view, contraction, indexing)


@st.composite
def programs(draw: Any, kinds: Sequence[Callable[[Draw, Program], None]] = ALL, dtypes: Sequence[str] = DTYPES) -> Program:
    return grown(draw(st.integers(0, 2**31)), draw(st.integers(2, 24)), kinds, dtypes)


def grown(seed: int, steps: int, kinds: Sequence[Callable[[Draw, Program], None]], dtypes: Sequence[str]) -> Program:
    p, draw = Program(), Draw(seed)
    rng = np.random.default_rng(seed)
    shape = tuple(draw.choice([1, 2, 3, 4, 5, 9, 17]) for _ in range(draw.integer(0, 3)))
    while math.prod(shape) > MAX_SIZE // 2:
        shape = shape[1:]
    for _ in range(draw.integer(1, 3)):
        dtype = np.dtype(draw.choice(dtypes))
        order = draw.order(shape)
        quarters = rng.integers(-12, 13, size=order) / (1 if dtype.kind in "iub" else 4)
        p.add_input(np.array(quarters + 1j * rng.integers(-3, 4, size=order) if dtype.kind == "c" else quarters).astype(dtype))
    if len(dtypes) > 1:
        p.add_input(np.array(draw.integer(-3, 6)))
    for _ in range(steps):
        draw.choice(kinds)(draw, p)
    made = range(len(p.inputs), len(p.values))
    p.outputs = sorted({made[-1], *(draw.choice(made) for _ in range(draw.integer(0, 3)))}) if made else [0]
    return p


def assert_close(got: Any, value: Value, what: str) -> None:
    want, got = value.array, np.asarray(got)
    assert got.shape == want.shape and got.dtype == want.dtype, f"{what}: {got.dtype}{got.shape} for {want.dtype}{want.shape}"
    if not value.error:
        np.testing.assert_array_equal(got, want, err_msg=what)
    else:
        np.testing.assert_allclose(got, want, rtol=0, atol=4 * value.error + 1e-300, err_msg=what)


@settings(max_examples=4 * EXAMPLES)
@given(programs())
def test_compiled_and_interpreted_equal_eager(p: Program) -> None:
    executable = compile_jaxpr(make_jaxpr(p)(*p.inputs))
    program = executable.stages.program
    verify(program)
    compiled = executable(list(p.inputs))
    for i, got in zip(p.outputs, compiled, strict=True):
        assert_close(got, p.values[i], f"compiled v{i}")
    computed = run(program, p.inputs)
    plan = executable.plan
    for i, (kind, which) in zip(p.outputs, plan, strict=True):
        if kind == "out":
            assert_close(computed[which], p.values[i], f"interpreted v{i}")


@settings(max_examples=EXAMPLES)
@given(programs())
def test_vmap_equals_a_loop(p: Program) -> None:
    rows = [p.inputs, [x[::-1] if x.ndim else x for x in p.inputs]]
    stacked = [np.stack(pair) for pair in zip(*rows, strict=True)]
    each = [p(*row) for row in rows]
    for batched in (vmap(p)(*stacked), jit(vmap(p))(*stacked), vmap(jit(p))(*stacked)):
        for k, i in enumerate(p.outputs):
            want = np.stack([np.asarray(e[k]) for e in each])
            # The bound was found at the first row; the second has the same elements in another order.
            slack = 1e3 * p.values[i].error
            got = np.asarray(batched[k])
            assert got.shape == want.shape and got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=0, atol=slack, err_msg=f"v{i}")


def total(p: Program, weights: Sequence[np.ndarray]) -> Callable[..., Any]:
    """A scalar function of the program's inputs: a weighted sum of all elements of its outputs."""

    def fun(*args: Any) -> Any:
        ys = [lax.convert_element_type(y, np.float64) for y in p(*args)]
        parts = [lax.reduce_sum(lax.mul(y, w), list(range(w.ndim))) for y, w in zip(ys, weights, strict=True)]
        out = parts[0]
        for part in parts[1:]:
            out = lax.add(out, part)
        return out

    return fun


def drawn_weights(p: Program) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.normal(size=p.values[i].array.shape) for i in p.outputs]


@settings(max_examples=EXAMPLES)
@given(programs(SMOOTH, ("float64",)))
def test_jvp_equals_finite_differences(p: Program) -> None:
    fun = total(p, drawn_weights(p))
    rng = np.random.default_rng(4)
    x_dots = [rng.uniform(-1, 1, size=x.shape) for x in p.inputs]

    def at(t: float) -> float:
        return float(fun(*[x + t * d for x, d in zip(p.inputs, x_dots, strict=True)]))

    y, y_dot = jvp(fun, tuple(p.inputs), tuple(x_dots))
    h = 1e-3
    # Sixth order, so that h need not be so small that rounding shows.
    slope = (45 * (at(h) - at(-h)) - 9 * (at(2 * h) - at(-2 * h)) + (at(3 * h) - at(-3 * h))) / (60 * h)
    scale = abs(float(y)) + sum(float(np.abs(p.values[i].array).sum()) for i in p.outputs) + abs(slope) + 1
    np.testing.assert_allclose(float(y_dot), slope, rtol=1e-6, atol=1e-8 * scale)


@settings(max_examples=EXAMPLES)
@given(programs(REAL, ("float64",)))
def test_gradients_of_eager_and_compiled_code_agree(p: Program) -> None:
    fun = total(p, drawn_weights(p))
    which = tuple(range(len(p.inputs)))
    want = grad(fun, which)(*p.inputs)
    scale = max(float(np.abs(np.asarray(g)).max(initial=1)) for g in want)
    _, tangent = jvp(fun, tuple(p.inputs), tuple(np.ones_like(x) for x in p.inputs))
    summed = sum(float(np.sum(np.asarray(g))) for g in want)
    np.testing.assert_allclose(float(tangent), summed, rtol=1e-8, atol=1e-8 * scale * max(x.size for x in p.inputs))
    for got in (grad(jit(fun), which)(*p.inputs), jit(grad(fun, which))(*p.inputs), jit(grad(jit(fun), which))(*p.inputs)):
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=1e-9, atol=1e-9 * scale)
