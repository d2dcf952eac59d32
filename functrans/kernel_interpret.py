"""The interpreter of the kernel IR: what a program means, said in NumPy.

Code generation is tested against this module, so it prefers plainness to speed. Each buffer is one flat array of real
elements; temporaries and outputs start out poisoned (nan, or a byte pattern), so that a read of an element nobody has
written shows in the result. A nest is evaluated over its whole iteration space at once: axis ``k`` of ``n`` is an index
array of shape ``(1, ..., n, ..., 1)``, an access is ``offset + sum(stride * index)`` in such arrays, a node is one function
of `SCALAR_OPS` on the broadcast values. That says the same as a loop because points of a nest are independent. Serial nests
are the exception: where a statement may read or overwrite what an earlier point has written, the points run one by one in
row-major order.

Known limits: sums are taken in NumPy's order, so that compiled sums agree up to rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

from functrans import lapack
from functrans.core.dtypes import is_float, is_integer
from functrans.core.low_precision import ends_of, iinfo
from functrans.kernel import (
    COMBINE,
    Access,
    Branch,
    Buffer,
    Callback,
    Contract,
    Library,
    Loop,
    Nest,
    Node,
    Program,
    Reduce,
    Sort,
    Step,
    Store,
    node_accesses,
    postorder,
    reads,
    writes,
)
from functrans.kernel_verify import KernelError
from functrans.scalar_ops import SCALAR_OPS

__all__ = ["convert", "run"]

Memory = dict[Buffer, np.ndarray]
Point = Sequence[np.ndarray]
"""The indices of the points to evaluate: one int64 array for each axis, broadcasting against each other."""

POISON = 0xA5


class _Ended(Exception):
    """The program ends before its last step, since a check has failed."""


UFUNCS: dict[str, np.ufunc] = {
    "add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}
"""What reductions fold with and stores combine by."""


def run(program: Program, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Evaluate a program.

    Args:
        inputs: one array for each of ``program.inputs``, of its shape and dtype.

    Returns:
        One new array for each of ``program.outputs``.

    Raises:
        IndexError: with the message of the first of the program's checks that failed.
        KernelError: if a step reaches outside a buffer.
        ValueError: if an input's shape or dtype is not the buffer's, or their number differs.

    >>> from functrans.kernel import Access, Buffer, Nest, Node, Program, Store
    >>> x, y = Buffer(np.dtype("int64"), (3,), "input", 0), Buffer(np.dtype("int64"), (3,), "output", 0)
    >>> value = Node("load", (), "int64", Access(x, 2, (-1,)))
    >>> reverse = Nest((3,), 0, (Store(Access(y, 0, (1,)), Node("neg", (value,), "int64")),))
    >>> run(Program([x], [y], steps=[reverse]), [np.array([1, 2, 3])])
    [array([-3, -2, -1])]
    """
    memory: Memory = {}
    for buffer, value in zip(program.inputs, inputs, strict=True):
        value = np.asarray(value)
        if value.shape != buffer.shape or value.dtype != buffer.dtype:
            raise ValueError(f"input {buffer.slot} has shape {value.shape} and dtype {value.dtype}; "
                             f"the program takes {buffer.dtype.name}{list(buffer.shape)}.")
        memory[buffer] = _parts(buffer, value)
    for buffer in program.consts:
        memory[buffer] = _parts(buffer, np.asarray(buffer.source))
    for buffer in (*program.temps, *program.outputs):
        memory[buffer] = _poisoned(buffer)
    if program.flags is not None:
        memory[program.flags] = np.zeros(program.flags.elements, np.bool_)
    with np.errstate(all="ignore"), suppress(_Ended):
        _steps(program.steps, memory)
    for message, failed in zip(program.checks, memory[program.flags] if program.flags is not None else (), strict=True):
        if failed:
            raise IndexError(message)
    return [memory[b].view(b.dtype).reshape(b.shape) for b in program.outputs]


def convert(x: np.ndarray, dtype: str) -> np.ndarray:
    """`x` in another kernel dtype: floats to integers saturate (nan to 0), integers wrap, whatever is not zero is true.

    >>> convert(np.array([300.0, -1.5, np.nan]), "uint8")
    array([255,   0,   0], dtype=uint8)
    """
    target = np.dtype(dtype)
    if target.kind == "b":
        return np.asarray(x != 0)
    if is_float(x.dtype) and is_integer(target):
        low, high = iinfo(target).min, iinfo(target).max
        wide = x.astype(np.float64)
        below, above = wide <= low, wide >= float(high) + 1  # for 64 bits float(high) is 2**63 or 2**64 already
        inside = np.where(below | above | np.isnan(wide), 0.0, wide).astype(target)
        return np.where(below, target.type(low), np.where(above, target.type(high), inside))
    return np.asarray(x).astype(target)


# -- memory -----------------------------------------------------------------------------------------------------------

def _parts(buffer: Buffer, value: np.ndarray) -> np.ndarray:
    """A flat copy, complex numbers as pairs of reals."""
    return np.array(value, dtype=buffer.dtype, order="C").reshape(-1).view(buffer.elem)


def _poisoned(buffer: Buffer) -> np.ndarray:
    elem = np.dtype(buffer.elem)
    if is_float(elem):
        return np.full(buffer.elements, np.nan, elem)
    if elem.kind == "b":
        return np.ones(buffer.elements, elem)
    return np.full(buffer.elements * elem.itemsize, POISON, np.uint8).view(elem)


def _grid(axes: Sequence[int]) -> list[np.ndarray]:
    return list(np.ix_(*[np.arange(n, dtype=np.int64) for n in axes])) if axes else []


def _affine(offset: int, strides: Sequence[int], point: Point) -> np.ndarray:
    total: Any = np.array(offset, np.int64).reshape((1,) * len(point))
    for stride, index in zip(strides, point, strict=True):
        if stride:
            total = total + stride * index
    return np.asarray(total)


def _address(access: Access, dynamic: np.ndarray | None, point: Point) -> np.ndarray:
    """The elements that an access reaches, checked: NumPy would take negative ones from the end."""
    where = _affine(access.offset, access.strides, point)
    if dynamic is not None:
        where = where + dynamic
    if where.size and (where.min() < 0 or where.max() >= access.buffer.elements):
        raise KernelError(f"{access} reaches elements {where.min()} to {where.max()} of {access.buffer.elements}")
    return where


# -- nodes ------------------------------------------------------------------------------------------------------------

def _evaluate(root: Node, point: Point, memory: Memory, done: dict[int, np.ndarray]) -> np.ndarray:
    """The value of a node at every point; operands first."""
    for node in postorder(root, done):
        done[id(node)] = _value(node, [done[id(a)] for a in node.args], point, memory)
    return done[id(root)]


def _value(node: Node, args: list[np.ndarray], point: Point, memory: Memory) -> np.ndarray:
    match node.op:
        case "const":
            return np.array(node.attr, node.dtype).reshape((1,) * len(point))
        case "index":
            offset, strides = node.attr
            return _affine(offset, strides, point)
        case "load":
            found: np.ndarray = memory[node.attr.buffer][_address(node.attr, args[0] if args else None, point)]
            return found
        case "convert":
            return convert(args[0], node.dtype)
        case "bitcast":
            return args[0].view(node.dtype)
    value = np.asarray(SCALAR_OPS[node.op](*args))
    assert value.dtype == node.dtype, f"{node.op} gives {value.dtype}, and the program says {node.dtype}"
    return value


# -- steps ------------------------------------------------------------------------------------------------------------

def _steps(steps: Sequence[Step], memory: Memory) -> None:
    for step in steps:
        match step:
            case Contract():
                _contract(step, memory)
            case Sort():
                keys = [memory[k].reshape(step.rows, step.n) for k in step.keys]
                memory[step.order][:] = np.lexsort(keys[::-1], axis=-1).reshape(-1)
            case Library():
                lapack.run(step.call, step.batch, [memory[b].view(b.dtype) for b in step.operands])
            case Nest():
                _nest(step, memory)
            case Loop():
                _loop(step, memory)
            case Branch():
                _steps(step.branches[int(memory[step.index][0])], memory)
            case Callback():
                _callback(step, memory)


def _callback(step: Callback, memory: Memory) -> None:
    if step.failed is not None and memory[step.failed].any():
        raise _Ended
    args = [memory[b].view(dtype).reshape(shape).copy() for b, (shape, dtype) in zip(step.inputs, step.in_types, strict=True)]
    for b, value in zip(step.outputs, step.function(args), strict=True):
        memory[b][:] = _parts(b, value)  # in place: a window is a part of another buffer's memory


def _loop(loop: Loop, memory: Memory) -> None:
    windows = [b for part in loop.parts for step in part for b in reads(step) | writes(step)
               if b.role == "window" and b.source.counter is loop.counter]
    _steps(loop.before, memory)
    turn = 0
    while loop.count is None or turn < loop.count:
        memory[loop.counter][0] = turn
        for b in windows:
            at = b.source.offset + b.source.step * turn
            memory[b] = memory[b.source.parent][at:at + b.elements]
        _steps(loop.condition, memory)
        if loop.predicate is not None and not memory[loop.predicate][0]:
            break
        _steps(loop.body, memory)
        for a, b in loop.swaps:
            memory[a], memory[b] = memory[b], memory[a]
        turn += 1
    _steps(loop.after, memory)


def _nest(nest: Nest, memory: Memory) -> None:
    whole = _grid(nest.axes)
    parallel = len(nest.axes) - nest.reduce
    if prod(nest.axes[:parallel]) == 0:
        return
    if nest.serial and not _independent(nest):
        for place in np.ndindex(*nest.axes):
            point = [np.array(i, np.int64).reshape((1,) * len(place)) for i in place]
            for write in [_prepared(s, (1,) * len(place), point, memory) for s in nest.body]:
                write()  # a point's values are all read before any is stored
        return
    for s in nest.body:
        if isinstance(s, Reduce):
            _reduce(s, nest.axes, parallel, whole, memory)
        else:
            _store(s, nest.axes, whole, memory)


def _independent(nest: Nest) -> bool:
    """Whether statement by statement is the same as point by point: nothing written is read, nor written by two statements."""
    written: list[Buffer] = []
    nodes: list[Node] = []
    for s in nest.body:
        assert isinstance(s, Store), "serial nests only store"
        written.append(s.access.buffer)
        nodes += [n for n in (s.node, s.dynamic, s.mask) if n is not None]
    read = {load.attr.buffer for load in node_accesses(nodes)}
    return len(set(written)) == len(written) and read.isdisjoint(written)


def _store(s: Store, axes: Sequence[int], point: Point, memory: Memory) -> None:
    _prepared(s, axes, point, memory)()


def _prepared(s: Store | Reduce, axes: Sequence[int], point: Point, memory: Memory) -> Callable[[], None]:
    """The store, evaluated and ready to be written."""
    assert isinstance(s, Store), "serial nests only store"
    done: dict[int, np.ndarray] = {}
    shape = tuple(axes)
    dynamic = None if s.dynamic is None else _evaluate(s.dynamic, point, memory, done)
    where = np.broadcast_to(_address(s.access, dynamic, point), shape).reshape(-1)
    value = np.broadcast_to(_evaluate(s.node, point, memory, done), shape).reshape(-1)
    if s.mask is not None:
        chosen = np.broadcast_to(_evaluate(s.mask, point, memory, done), shape).reshape(-1)
        where, value = where[chosen], value[chosen]
    target = memory[s.access.buffer]
    assert s.combine in COMBINE

    def write() -> None:
        if s.combine == "set":
            target[where] = value  # of repeated elements the last remains
        else:
            UFUNCS[s.combine].at(target, where, value)

    return write


def _reduce(s: Reduce, axes: Sequence[int], parallel: int, point: Point, memory: Memory) -> None:
    outer, count = tuple(axes[:parallel]), prod(axes[parallel:])
    done: dict[int, np.ndarray] = {}
    if count:
        states = [np.broadcast_to(_evaluate(n, point, memory, done), axes).reshape(*outer, count) for n in s.nodes]
    else:
        states = [np.empty((*outer, 0), n.dtype) for n in s.nodes]
    results = _fold(s.op, states)
    for access, result in zip(s.accesses, results, strict=True):
        grid = _grid(outer)
        where = np.broadcast_to(_address(Access(access.buffer, access.offset, access.strides[:parallel]), None, grid), outer)
        memory[access.buffer][where.reshape(-1)] = result.reshape(-1)


def _fold(op: str, states: list[np.ndarray]) -> list[np.ndarray]:
    """Reduce the last axis; of no elements, the identity."""
    x = states[0]
    match op:
        case "add" | "mul":
            return [UFUNCS[op].reduce(x, axis=-1, dtype=x.dtype)]
        case "min" | "max":
            return [UFUNCS[op].reduce(x, axis=-1, initial=ends_of(x.dtype)[op == "min"])]
        case "and" | "or" | "xor":
            neutral = np.invert(np.zeros((), x.dtype)) if op == "and" else np.zeros((), x.dtype)
            return [UFUNCS[op].reduce(x, axis=-1, initial=neutral, dtype=x.dtype)]
        case "cmul":
            product = np.multiply.reduce(_complex(states), axis=-1)
            return [product.real, product.imag]
        case "argmin" | "argmax":
            return _arg_fold(op, *states)
    raise KernelError(f"unknown reduction {op!r}")


def _complex(parts: list[np.ndarray]) -> np.ndarray:
    """Pairs of reals as complex numbers (not ``re + 1j * im``, which turns infinite parts into nans)."""
    out = np.empty(parts[0].shape, np.result_type(parts[0].dtype, np.complex64))
    out.real, out.imag = parts
    return out


def _arg_fold(op: str, values: np.ndarray, indices: np.ndarray) -> list[np.ndarray]:
    """The best (value, index): nan before numbers, then the extremum, then the least index."""
    best = _fold(op[3:], [values])[0]
    attained = values == best[..., None]
    if is_float(values.dtype):
        attained |= np.isnan(values)
    last = np.iinfo(np.int64).max
    return [best, np.where(attained, indices, last).min(axis=-1, initial=last)]


def _contract(step: Contract, memory: Memory) -> None:
    def matrix(access: Access, rows: int, cols: int) -> np.ndarray:
        return np.broadcast_to(_address(access, None, _grid((*step.batch, rows, cols))), (*step.batch, rows, cols))

    a = memory[step.a.buffer][matrix(step.a, step.m, step.k)]
    b = memory[step.b.buffer][matrix(step.b, step.k, step.n)]
    memory[step.c.buffer][matrix(step.c, step.m, step.n)] = np.matmul(a, b)
