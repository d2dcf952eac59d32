"""The kernel IR: loop nests over buffers with scalar bodies, between jaxprs and LLVM.

::

    program ::= buffers ; step*
    step    ::= nest | contract | sort | library | loop(step*) | branch(step*, ...) | callback
    nest    ::= axes ; statement*                      axes: size, parallel or reduce
    statement ::= store buffer[affine (+ dynamic)] = node  (combined with what is there, under a mask)
                | reduce(op, node...) over the reduce axes into buffer[affine]
    node    ::= const | index affine | load buffer[affine (+ dynamic)] | op(node, ...)

A *node* is a scalar expression evaluated at every point of an iteration space. Its leaves address buffers by an offset
and one stride for each axis, so that reshapes, transposes, broadcasts, slices and reversals are changes of strides and
move no data. Everything is real: a complex array is a buffer of its parts, interleaved, and a complex value two nodes.
Loads and stores are always in bounds: whoever makes a dynamic offset has clamped it.

`run` interprets a program in NumPy, a whole iteration space at a time; it is the definition that code generation is
tested against. `verify` checks a program's types and bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import Any, Protocol

import numpy as np

from functrans.lapack import Call

__all__ = [
    "COMBINE", "COMPARISONS", "REDUCE_STATES", "Access", "Branch", "Buffer", "Builder", "Callback", "Contract", "Expr", "Library", "Loop",
    "Nest", "Node", "Program", "Reduce", "Sort", "Step", "Steps", "Store", "Window", "affine_index", "const", "has_effect",
    "map_leaves", "node_accesses", "postorder", "reads", "real_name", "writes",
]


class Buffer:
    """A contiguous array. `role`: ``input``, ``const``, ``output``, ``temp`` or ``window``. Complex buffers count real parts.

    A window is a part of another buffer that moves from one turn of a loop to the next; `source` is its `Window`.
    """

    __slots__ = ("dtype", "role", "shape", "slot", "source")

    def __init__(self, dtype: np.dtype, shape: tuple[int, ...], role: str, slot: int = -1) -> None:
        self.dtype = dtype
        self.shape = shape
        self.role = role
        self.slot = slot
        self.source: Any = None

    @property
    def elements(self) -> int:
        """The number of real elements."""
        return prod(self.shape) * (2 if self.dtype.kind == "c" else 1)

    @property
    def elem(self) -> str:
        """The kernel dtype of an element."""
        return real_name(self.dtype)

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{self.role}{self.slot}:{self.dtype.name}{list(self.shape)}"


@cache
def real_name(dtype: np.dtype) -> str:
    """The name of a dtype, or of the parts of a complex one."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype.name, dtype.name)


@dataclass(frozen=True, slots=True)
class Access:
    """Element ``offset + sum(stride * index)`` of a buffer, in real elements."""

    buffer: Buffer
    offset: int
    strides: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.buffer}@{self.offset}{list(self.strides)}"


class Node:
    """A scalar expression. `dtype` is a kernel dtype name; `attr` the constant, the access or the affine index.

    ``weight`` estimates the cost of one evaluation (capped), to decide what may be computed twice.
    """

    __slots__ = ("args", "attr", "dtype", "op", "weight")

    def __init__(self, op: str, args: tuple[Node, ...], dtype: str, attr: Any = None) -> None:
        self.op = op
        self.args = args
        self.dtype = dtype
        self.attr = attr
        self.weight: int = min(_WEIGHTS.get(op, 1) + sum(a.weight for a in args), 1000)

    def __repr__(self) -> str:
        return _line(self, [f"{a.op}(...)" if a.args else _line(a, ()) for a in self.args])


def _line(node: Node, args: Sequence[str]) -> str:
    """A node with the given text for its operands."""
    if node.op == "const":
        return f"{node.attr}:{node.dtype}"
    attr = () if node.attr is None else (str(node.attr),)
    return f"{node.op}({', '.join((*args, *attr))}):{node.dtype}"


_EXPENSIVE = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan",
    "asinh", "acosh", "atanh", "atan2", "pow", "logistic", "cbrt", "erf", "erfc", "nextafter",
)
_WEIGHTS = dict.fromkeys(_EXPENSIVE, 20) | {"const": 0, "index": 0, "div": 4, "idiv": 10, "irem": 10, "rem": 20, "sqrt": 6, "rsqrt": 8}


def const(value: Any, dtype: str) -> Node:
    """A constant node."""
    return Node("const", (), dtype, np.dtype(dtype).type(value).item())


def affine_index(offset: int, strides: Sequence[int]) -> Node:
    """The int64 value ``offset + sum(stride * index)`` of the iteration point."""
    return Node("index", (), "int64", (offset, tuple(strides)))


def map_leaves(node: Node, leaf: Callable[[Node], Node], memo: dict[int, Node]) -> Node:
    """`node` with every leaf (load, index) replaced; a load's dynamic offset is mapped too."""
    for each in postorder(node, memo):
        args = tuple(memo[id(a)] for a in each.args)
        if each.op in ("load", "index", "member"):
            new = leaf(each)
            if args:
                new = Node(new.op, args, new.dtype, new.attr)
        elif not args:
            new = each
        else:
            new = Node(each.op, args, each.dtype, each.attr)
        memo[id(each)] = new
    return memo[id(node)]


def postorder(root: Node, done: Container[int]) -> Iterator[Node]:
    """Every node below `root` whose id is not in `done`, operands first. The caller adds each to `done` before the next.

    A stack, not recursion: fused expressions are deeper than Python's own stack.
    """
    stack = [root]
    while stack:
        node = stack[-1]
        if id(node) in done:
            stack.pop()
            continue
        missing = [a for a in node.args if id(a) not in done]
        if missing:
            stack.extend(reversed(missing))
        else:
            yield node


class Expr:
    """A value during lowering: a shape, a dtype, and one node (two for complex) at every point of the shape."""

    __slots__ = ("dtype", "nodes", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, nodes: tuple[Node, ...]) -> None:
        self.shape = shape
        self.dtype = dtype
        self.nodes = nodes

    @property
    def is_complex(self) -> bool:
        return self.dtype.kind == "c"

    @property
    def re(self) -> Expr:
        """The real part (itself where real)."""
        return Expr(self.shape, np.dtype(self.nodes[0].dtype), self.nodes[:1])

    @property
    def im(self) -> Expr:
        """The imaginary part of a complex value."""
        return Expr(self.shape, np.dtype(self.nodes[1].dtype), self.nodes[1:])

    @property
    def weight(self) -> int:
        return max(n.weight for n in self.nodes)


ArrayType = tuple[tuple[int, ...], np.dtype]
"""A shape and a dtype."""


class Builder(Protocol):
    """What a primitive's ``lower`` rule may use. Operands and results are `Expr`; rank-0 operands mix with any shape."""

    def op(self, name: str, *xs: Expr, dtype: Any = None) -> Expr:
        """An elementwise scalar operation on real operands: any key of ``SCALAR_OPS``."""
    def const(self, value: Any, dtype: Any) -> Expr: ...
    def constant(self, value: np.ndarray) -> Expr:
        """An array as a constant of the program; the same array twice is one constant."""
    def table(self, values: tuple[float, ...]) -> Expr:
        """A constant float64 vector."""
    def complex(self, re: Expr, im: Expr) -> Expr: ...
    def convert(self, x: Expr, dtype: np.dtype) -> Expr: ...
    def bitcast(self, x: Expr, dtype: np.dtype) -> Expr: ...
    def iota(self, dtype: np.dtype, shape: tuple[int, ...], dimension: int) -> Expr: ...
    def reshape(self, x: Expr, shape: tuple[int, ...]) -> Expr: ...
    def transpose(self, x: Expr, permutation: Sequence[int]) -> Expr: ...
    def broadcast(self, x: Expr, shape: tuple[int, ...], dims: Sequence[int]) -> Expr: ...
    def slice(self, x: Expr, starts: Sequence[int], limits: Sequence[int], strides: Sequence[int]) -> Expr: ...
    def reverse(self, x: Expr, dims: Sequence[int]) -> Expr: ...
    def concatenate(self, xs: Sequence[Expr], dimension: int) -> Expr: ...
    def stack(self, groups: Sequence[Sequence[Expr]], axis: int) -> list[Expr]:
        """Each group of values of one shape joined along an additional axis; all are computed in one pass."""
    def blocks(self, x: Expr, rows: int, body: Callable[[Expr], Expr]) -> Expr:
        """`body` of `rows` rows of `x` (along its first axis, which they divide) after the other, its results joined."""
    def pad(self, x: Expr, value: Expr, config: Sequence[tuple[int, int, int]]) -> Expr: ...
    def reduce(self, op: str, x: Expr, axes: Sequence[int]) -> Expr:
        """`op`: add, mul, min, max, and, or, xor (min and max propagate nan; empty axes give the identity)."""
    def arg_reduce(self, op: str, x: Expr, axis: int, dtype: np.dtype) -> Expr:
        """The first index of the extremum (of the first nan, where there is one)."""
    def assemble(self, parts: Sequence[Expr]) -> Expr:
        """Real expressions of one shape, computed together, along a new first axis."""
    def library(self, call: Call, batch: int, inputs: Sequence[Expr], updates: Sequence[Expr],
                outputs: Sequence[tuple[np.dtype, tuple[int, ...]]]) -> list[Expr]:
        """The changed `updates`, and the `outputs` of the given dtypes and shapes, of a routine called for each of `batch` matrices."""
    def contract(self, a: Expr, b: Expr, contract: Sequence[Sequence[int]], batch: Sequence[Sequence[int]], dtype: np.dtype) -> Expr:
        """`dot_general`: the result has axes (batch, a's rest, b's rest)."""
    def convolve(self, x: Expr, k: Expr, *, strides: tuple[int, ...], padding: Sequence[tuple[int, int]], x_dilation: tuple[int, ...],
                 k_dilation: tuple[int, ...], orders: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]) -> Expr:
        """The sums of products over windows that the primitive of convolutions states, on real operands."""
    def stored(self, x: Expr) -> Expr:
        """`x` kept in memory, for a rule that reads it in several nests: none of them repeats its work."""
    def take(self, x: Expr, indices: Sequence[Expr]) -> Expr:
        """``x[indices[0], indices[1], ...]``: one int64 index expression (all of the result's shape) for each axis of `x`,
        every value in bounds."""
    def scatter(self, x: Expr, indices: Sequence[Expr], updates: Expr, combine: str, mask: Expr | None) -> Expr:
        """A copy of `x` in which, for each point of `updates` in row-major order where `mask` holds, element `indices` is
        combined with the update: set, add, mul, min or max."""
    def sort_order(self, keys: Sequence[Expr]) -> Expr:
        """Along the last axis, the int64 indices that sort unsigned `keys` stably, the first key counting most."""
    def accumulate(self, xs: Sequence[Expr], axis: int, reverse: bool, step: Callable[..., Expr]) -> Expr:
        """Running results along an axis: the first is that of the last of `xs`, each other ``step(previous, *xs)``."""
    def check(self, bad: Expr, message: str) -> None:
        """Raise IndexError(message) after the call if `bad` holds anywhere."""
    def apply(self, jaxpr: Any, args: Sequence[Expr]) -> list[Expr]:
        """The results of a closed jaxpr on `args`."""
    def scan(self, jaxpr: Any, consts: Sequence[Expr], init: Sequence[Expr], xs: Sequence[Expr], length: int, reverse: bool) -> list[Expr]:
        """The final carries and the stacked results of `length` turns of ``jaxpr(consts, carry, x) -> (carry, y)``."""
    def while_loop(self, condition: Any, body: Any, condition_consts: Sequence[Expr], body_consts: Sequence[Expr],
                   init: Sequence[Expr]) -> list[Expr]:
        """The final carries of ``body(consts, carry) -> carry`` repeated while ``condition(consts, carry)`` holds."""
    def repeat(self, n: Expr, body: Any, consts: Sequence[Expr], init: Sequence[Expr]) -> list[Expr]:
        """The final carries of ``body(consts, carry) -> carry`` applied `n` times, an int64 computed by the program."""
    def branch(self, index: Expr, branches: Sequence[Any], operands: Sequence[Expr]) -> list[Expr]:
        """The results of the jaxpr ``branches[index]``, which alone runs."""
    def callback(self, function: Callable[[list[np.ndarray]], Sequence[np.ndarray]], args: Sequence[Expr], out_types: Sequence[ArrayType],
                 effectful: bool) -> list[Expr]:
        """The results of a Python function of arrays. An effectful one keeps its place among the others and is never dropped."""


@dataclass(frozen=True, slots=True)
class Store:
    """``access (+ dynamic) = node``, combined with the stored value by `combine` unless "set", where `mask` holds."""

    access: Access
    node: Node
    dynamic: Node | None = None
    combine: str = "set"
    mask: Node | None = None


@dataclass(frozen=True, slots=True)
class Reduce:
    """Fold `nodes` (the states) over the reduce axes by `op`; each access (stride 0 on reduce axes) takes one state."""

    op: str
    nodes: tuple[Node, ...]
    accesses: tuple[Access, ...]


@dataclass(frozen=True, slots=True)
class Nest:
    """Loops over `axes`; `reduce` marks the reduce axes, which come last. Statements run at every point, in order.

    `serial` nests (scatters, running sums) must run in row-major order, and at each point read all values before storing any;
    all others may run in any order.
    """

    axes: tuple[int, ...]
    reduce: int
    body: tuple[Store | Reduce, ...]
    serial: bool = False

    def __str__(self) -> str:
        """One line for each node, however many use it: fused expressions are graphs, and as trees exponentially large."""
        parallel = len(self.axes) - self.reduce
        lines = [f"{'serial ' if self.serial else ''}nest {list(self.axes[:parallel])}"
                 + (f" reduce {list(self.axes[parallel:])}" if self.reduce else "")]
        names: dict[int, str] = {}

        def name(root: Node) -> str:
            for node in postorder(root, names):
                text = _line(node, [names[id(a)] for a in node.args])
                names[id(node)] = text if node.op == "const" else f"%{len(lines) - 1}"
                if node.op != "const":
                    lines.append(f"  {names[id(node)]} = {text}")
            return names[id(root)]

        stores = []
        for s in self.body:
            if isinstance(s, Reduce):
                stores.append(f"  {', '.join(map(str, s.accesses))} = reduce {s.op}({', '.join(map(name, s.nodes))})")
                continue
            dynamic = "" if s.dynamic is None else f" + {name(s.dynamic)}"
            mask = "" if s.mask is None else f" where {name(s.mask)}"
            stores.append(f"  {s.access}{dynamic} {'' if s.combine == 'set' else s.combine}= {name(s.node)}{mask}")
        return "\n".join([*lines, *stores])


@dataclass(frozen=True, slots=True)
class Contract:
    """``c[batch, i, j] = sum_k a[batch, i, k] b[batch, k, j]`` on float buffers.

    Strides are in elements, in the order (batch..., row, column); b and c have column stride 1.
    """

    c: Access
    a: Access
    b: Access
    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    elem: str

    def __str__(self) -> str:
        return f"contract {list(self.batch)} {self.m} x {self.k} x {self.n}\n  {self.c} = {self.a} @ {self.b}"


@dataclass(frozen=True, slots=True)
class Sort:
    """In each of `rows` rows of `n` elements, the int64 indices that sort unsigned `keys` stably, the first key counting most."""

    order: Buffer
    keys: tuple[Buffer, ...]
    rows: int
    n: int

    def __str__(self) -> str:
        return f"sort {self.rows} x {self.n}\n  {self.order} = order of {', '.join(map(str, self.keys))}"


@dataclass(frozen=True, slots=True)
class Library:
    """A routine of the linear algebra library, called for each of `batch` matrices.

    Its slots count `inputs` (read only), `updates` (changed in place) and `outputs` (only written), in this order. `scratch` are
    its workspaces. All are whole buffers; the slots' steps are in elements, complex ones counting once.
    """

    call: Call
    batch: int
    inputs: tuple[Buffer, ...]
    updates: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    scratch: tuple[Buffer, ...] = ()

    @property
    def operands(self) -> tuple[Buffer, ...]:
        return self.inputs + self.updates + self.outputs

    def __str__(self) -> str:
        names = ("in", "update", "out")
        parts = (f"{n} {', '.join(map(str, bs))}" for n, bs in zip(names, (self.inputs, self.updates, self.outputs), strict=True) if bs)
        return f"library {self.batch} x {self.call}\n  {'; '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Window:
    """Where a window lies on a turn of a loop: from element ``offset + step * counter`` of `parent`."""

    parent: Buffer
    counter: Buffer
    offset: int
    step: int


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """`before`, then `body` again and again, then `after`.

    Turns are counted from 0 in `counter`. There are `count` (at least one) of them, or, where that is None, as many as
    `condition` leaves true in `predicate`. After each turn the two buffers of each of `swaps` change places; when the loop
    ends, the first of each pair holds what it would hold on the next turn.
    """

    counter: Buffer
    count: int | None
    body: Steps
    before: Steps = ()
    after: Steps = ()
    condition: Steps = ()
    predicate: Buffer | None = None
    swaps: tuple[tuple[Buffer, Buffer], ...] = ()

    @property
    def parts(self) -> tuple[Steps, ...]:
        return self.before, self.condition, self.body, self.after

    def __str__(self) -> str:
        head = f"loop {self.counter}" + (f" < {self.count}" if self.predicate is None else f" while {self.predicate}")
        swaps = "".join(f"\n  swap {a}, {b}" for a, b in self.swaps)
        names = ("before", "condition", "body", "after")
        return head + "".join(_indented(n, part) for n, part in zip(names, self.parts, strict=True)) + swaps


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """The steps of ``branches[index]``; `index` is an int32 scalar in range."""

    index: Buffer
    branches: tuple[Steps, ...]

    @property
    def parts(self) -> tuple[Steps, ...]:
        return self.branches

    def __str__(self) -> str:
        return f"branch {self.index}" + "".join(_indented(f"case {i}", part) for i, part in enumerate(self.branches))


@dataclass(frozen=True, slots=True, eq=False)
class Callback:
    """``outputs = function(inputs)``, a call of Python: `function` takes and returns a list of arrays of the types given.

    An `effectful` one runs whoever reads its outputs; but where an element of `failed` is true, it does not, and the program ends.
    """

    function: Callable[[list[np.ndarray]], Sequence[np.ndarray]]
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    in_types: tuple[ArrayType, ...]
    out_types: tuple[ArrayType, ...]
    effectful: bool
    failed: Buffer | None = None

    def __str__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"callback {name}\n  {', '.join(map(str, self.outputs)) or 'nothing'} = {', '.join(map(str, self.inputs)) or 'nothing'}"


Step = Nest | Contract | Sort | Library | Loop | Branch | Callback
Steps = tuple[Step, ...]


def _indented(title: str, steps: Steps) -> str:
    if not steps:
        return ""
    text = "\n".join(map(str, steps)).replace("\n", "\n    ")
    return f"\n  {title}:\n    {text}"


def reads(step: Step) -> set[Buffer]:
    """Every buffer a step may read; of a window, its parent and its counter too."""
    match step:
        case Contract():
            found = {step.a.buffer, step.b.buffer}
        case Sort():
            found = set(step.keys)
        case Library():
            found = {*step.inputs, *step.updates}
        case Nest():
            found = set()
            nodes: list[Node] = []  # of all statements together: they share most of what they compute
            for s in step.body:
                nodes += s.nodes if isinstance(s, Reduce) else (n for n in (s.node, s.dynamic, s.mask) if n is not None)
                if isinstance(s, Store) and s.combine != "set":
                    found.add(s.access.buffer)
                written = s.accesses if isinstance(s, Reduce) else (s.access,)
                found.update(a.buffer.source.counter for a in written if a.buffer.role == "window")
            found.update(load.attr.buffer for load in node_accesses(nodes))
        case Loop():
            found = {b for part in step.parts for inner in part for b in reads(inner)}
            found.update(b for pair in step.swaps for b in pair)
            if step.predicate is not None:
                found.add(step.predicate)
        case Branch():
            found = {step.index, *(b for part in step.parts for inner in part for b in reads(inner))}
        case Callback():
            found = {*step.inputs} if step.failed is None else {*step.inputs, step.failed}
            found.update(b.source.counter for b in step.outputs if b.role == "window")
    windows = [b for b in found if b.role == "window"]
    while windows:
        window = windows.pop().source
        found |= {window.parent, window.counter}
        if window.parent.role == "window":
            windows.append(window.parent)
    return found


def writes(step: Step) -> set[Buffer]:
    """Every buffer a step may write; of a window, its parent too."""
    match step:
        case Contract():
            found = {step.c.buffer}
        case Sort():
            found = {step.order}
        case Library():
            found = {*step.updates, *step.outputs, *step.scratch}
        case Nest():
            found = {a.buffer for s in step.body for a in (s.accesses if isinstance(s, Reduce) else (s.access,))}
        case Loop():
            found = {b for part in step.parts for inner in part for b in writes(inner)}
            found |= {step.counter, *(b for pair in step.swaps for b in pair)}
        case Branch():
            found = {b for part in step.parts for inner in part for b in writes(inner)}
        case Callback():
            found = set(step.outputs)
    for b in [b for b in found if b.role == "window"]:
        while b.role == "window":
            b = b.source.parent
            found.add(b)
    return found


def has_effect(step: Step) -> bool:
    """Whether a step does more than write buffers."""
    match step:
        case Callback():
            return step.effectful
        case Loop() | Branch():
            return any(has_effect(inner) for part in step.parts for inner in part)
    return False


@dataclass(slots=True)
class Program:
    """Steps in order, and the buffers they use. `checks` are the messages of the flags in the buffer `flags`, which are false
    before the first step."""

    inputs: list[Buffer]
    outputs: list[Buffer]
    consts: list[Buffer] = field(default_factory=list)
    temps: list[Buffer] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    flags: Buffer | None = None


COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
COMBINE = ("set", "add", "mul", "min", "max")
REDUCE_STATES = {"add": 1, "mul": 1, "min": 1, "max": 1, "and": 1, "or": 1, "xor": 1, "cmul": 2, "argmin": 2, "argmax": 2}


def node_accesses(nodes: Iterable[Node]) -> Iterable[Node]:
    """Every distinct load below `nodes`."""
    seen: set[int] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op == "load":
            yield node
        stack.extend(node.args)
