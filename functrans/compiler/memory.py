"""Memory planning: where each temporary lives in the arena of a call.

A temporary is live from the step that first writes it to the last step that touches it. Offsets are handed out greedily in
program order from a free list; freed neighbours merge. The arena is one block for the whole call.
"""

from __future__ import annotations

from bisect import insort

from functrans.kernel import Buffer, Contract, Nest, Program, Reduce, node_accesses

__all__ = ["plan_memory", "touched"]

ALIGN = 64


def touched(step: Nest | Contract) -> set[Buffer]:
    """Every buffer a step reads or writes."""
    if isinstance(step, Contract):
        return {step.a.buffer, step.b.buffer, step.c.buffer}
    found: set[Buffer] = set()
    for s in step.body:
        if isinstance(s, Reduce):
            found.update(a.buffer for a in s.accesses)
            nodes = s.nodes
        else:
            found.add(s.access.buffer)
            nodes = tuple(n for n in (s.node, s.dynamic, s.mask) if n is not None)
        found.update(load.attr.buffer for load in node_accesses(nodes))
    return found


def plan_memory(program: Program) -> tuple[dict[Buffer, int], int]:
    """The offset of each temporary in the arena (bytes), and the arena's size."""
    uses = [sorted((b for b in touched(s) if b.role == "temp"), key=lambda b: b.slot) for s in program.steps]
    last: dict[Buffer, int] = {}
    for i, buffers in enumerate(uses):
        for b in buffers:
            last[b] = i
    offsets: dict[Buffer, int] = {}
    free: list[tuple[int, int]] = []  # (offset, size), by offset
    top = 0
    for i, buffers in enumerate(uses):
        for b in buffers:
            if b in offsets:
                continue
            size = max(ALIGN, -(-b.nbytes // ALIGN) * ALIGN)
            for j, (at, room) in enumerate(free):
                if room >= size:
                    offsets[b] = at
                    if room == size:
                        del free[j]
                    else:
                        free[j] = (at + size, room - size)
                    break
            else:
                offsets[b] = top
                top += size
        for b in buffers:
            if last[b] == i:
                _release(free, offsets[b], max(ALIGN, -(-b.nbytes // ALIGN) * ALIGN))
    return offsets, top


def _release(free: list[tuple[int, int]], offset: int, size: int) -> None:
    insort(free, (offset, size))
    j = free.index((offset, size))
    if j + 1 < len(free) and free[j][0] + free[j][1] == free[j + 1][0]:
        free[j] = (free[j][0], free[j][1] + free[j + 1][1])
        del free[j + 1]
    if j > 0 and free[j - 1][0] + free[j - 1][1] == free[j][0]:
        free[j - 1] = (free[j - 1][0], free[j - 1][1] + free[j][1])
        del free[j]
