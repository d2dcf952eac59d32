"""Library steps: their buffers, and their code.

The code of a step is one function of its buffers: constant arguments are written to the stack once, then a loop over the batch
calls the routine. Routines are symbols ``lapack_<name>``, bound to addresses when the module is linked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from functrans.compiler.text import I32, I64, PTR, Function, Ty, Val
from functrans.kernel import Buffer, Expr, Library
from functrans.lapack import Call, Number, Scratch, Slot, integer, thread_control

__all__ = ["emit_library", "library_step"]


class _Fuser(Protocol):
    def temp(self, dtype: np.dtype, shape: tuple[int, ...]) -> Buffer: ...
    def stored(self, x: Expr) -> Expr: ...
    def _add_to_group(self, buffer: Buffer, x: Expr) -> None: ...


def library_step(fuser: _Fuser, call: Call, batch: int, inputs: Sequence[Expr], updates: Sequence[Expr],
                 outputs: Sequence[tuple[np.dtype, tuple[int, ...]]]) -> Library:
    """A step whose updates are copied into buffers of their own first."""
    read = tuple(fuser.stored(x).nodes[0].attr.buffer for x in inputs)
    changed = []
    for x in updates:
        buffer = fuser.temp(x.dtype, x.shape)
        fuser._add_to_group(buffer, x)
        changed.append(buffer)
    made = tuple(fuser.temp(dtype, shape) for dtype, shape in outputs)
    scratch = tuple(fuser.temp(np.dtype(s.dtype), (s.size,)) for s in call.scratch)
    return Library(call, batch, read, tuple(changed), made, scratch)


def emit_library(step: Library, name: str) -> Function:
    """The function of a step; its parameters are the operands and workspaces."""
    buffers = (*step.operands, *step.scratch)
    f = Function(name, [PTR] * len(buffers), attributes="noinline nounwind")
    workspaces = iter(f.params[len(step.operands):])
    fixed = [next(workspaces) if isinstance(a, Scratch) else None if isinstance(a, Slot) else _constant(f, a) for a in step.call.args]
    lengths = [f.const(I64, 1) for a in step.call.args if isinstance(a, str)]
    symbol = f"lapack_{step.call.routine}"
    f.declare(symbol, None, [PTR] * len(fixed) + [I64] * len(lengths))
    threads = thread_control() if step.call.is_short else ()
    if threads:
        f.declare(f"lapack_{threads[0]}", I32, [])
        f.declare(f"lapack_{threads[1]}", None, [I32])
        usual = f.call(f"lapack_{threads[0]}", I32)
        f.call_void(f"lapack_{threads[1]}", f.const(I32, 1))
    before, head, done = f.block, f.fresh("loop"), f.fresh("done")
    f.br(head)
    f.label(head)
    i, slot = f.phi_open(I64, f.const(I64, 0), before)
    pointers = []
    for a, value in zip(step.call.args, fixed, strict=True):
        if isinstance(a, Slot):
            moved = f.mul(i, f.const(I64, a.step * buffers[a.operand].dtype.itemsize))
            value = f.gep("i8", f.params[a.operand], moved) if a.step else f.params[a.operand]
        assert value is not None
        pointers.append(value)
    f.call_void(symbol, *pointers, *lengths)
    following = f.add(i, f.const(I64, 1))
    f.phi_close(slot, following, f.block)
    f.cond_br(f.icmp("slt", following, f.const(I64, step.batch)), head, done)
    f.label(done)
    if threads:
        f.call_void(f"lapack_{threads[1]}", usual)
    f.ret()
    return f


def _constant(f: Function, a: Any) -> Val:
    """An argument in memory."""
    place = f.emit(PTR, "alloca [16 x i8], align 8")
    if isinstance(a, str):
        f.store(f.const(Ty("i8"), ord(a)), place, 1)
    elif isinstance(a, Number):
        elem = Ty("double" if a.dtype in ("float64", "complex128") else "float")
        f.store(f.const(elem, a.value), place, 4)
        f.store(f.const(elem, 0.0), f.gep(elem.elem, place, f.const(I64, 1)), 4)
    else:
        f.store(f.const(Ty("i64" if integer().itemsize == 8 else "i32"), a), place, 4)
    return place
