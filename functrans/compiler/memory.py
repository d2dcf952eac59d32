"""Memory planning: where each temporary lives in the arena of a call.

A temporary is live from the step that first writes it to the last step that touches it. Offsets are handed out greedily in
program order from a free list; freed neighbours merge. The arena is one block for the whole call.

The inside of a loop or a branch is planned in the same way, in a block that the step holds while it runs. What one turn of a
loop leaves for the next (carries, what is swapped with them) keeps its place for the whole loop. Small temporaries that only
one loop or branch uses are left to the stack, where the code generator can turn them into registers.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence, Set

from functrans.kernel import Branch, Buffer, Loop, Program, Step, reads, writes

__all__ = ["plan_memory", "stack_buffers", "touched"]

ALIGN = 64
STACK = 32768
"""Bytes of stack that the temporaries of one loop may take."""
STACK_BUFFER = 2048
"""Bytes up to which one temporary lies on the stack."""


def touched(step: Step) -> set[Buffer]:
    """Every buffer a step reads or writes."""
    return reads(step) | writes(step)


def plan_memory(program: Program, stack: Set[Buffer] = frozenset()) -> tuple[dict[Buffer, int], int]:
    """The offset of each temporary in the arena (bytes), those on the `stack` left out, and the arena's size."""
    return _plan(program.steps, stack)


def stack_buffers(steps: Sequence[Step]) -> dict[int, list[Buffer]]:
    """For each loop or branch among `steps`, by position, the small temporaries that it alone touches.

    Rows stored from the last to the first stay in memory: LLVM's scalar replacement (22.1) joins such stores where the last in
    memory is written, before the others have their values, and its own code generation then fails.
    """
    backward = {b for step in steps for b in _stored_backward(step)}
    users: dict[Buffer, list[int]] = {}
    for i, step in enumerate(steps):
        for b in touched(step):
            if b.role == "temp" and b not in backward:
                users.setdefault(b, []).append(i)
    found: dict[int, list[Buffer]] = {i: [] for i, step in enumerate(steps) if isinstance(step, (Loop, Branch))}
    room = dict.fromkeys(found, STACK)
    for b, where in sorted(users.items(), key=lambda item: (item[0].nbytes, item[0].slot)):
        i = where[0]
        if len(where) == 1 and i in found and 0 < b.nbytes <= min(STACK_BUFFER, room[i]):
            found[i].append(b)
            room[i] -= _rounded(b.nbytes)
    return found


def _stored_backward(step: Step) -> Iterator[Buffer]:
    """The buffers of which `step` stores rows of several elements with the last row first."""
    if isinstance(step, (Loop, Branch)):
        for part in step.parts:
            for inner in part:
                yield from _stored_backward(inner)
        return
    for b in writes(step):
        moves, size = False, b.elements
        while b.role == "window":
            moves = moves or (b.source.step < 0 and size > 1)
            b = b.source.parent
        if moves:
            yield b


def _plan(steps: Sequence[Step], held: Set[Buffer]) -> tuple[dict[Buffer, int], int]:
    """Places, from 0 on, for the temporaries of `steps` that are not `held`, and the size of the block they need."""
    offsets: dict[Buffer, int] = {}
    uses = [sorted((b for b in touched(s) if b.role == "temp" and b not in held), key=lambda b: b.slot) for s in steps]
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for i, buffers in enumerate(uses):
        for b in buffers:
            first.setdefault(b, i)
            last[b] = i
    free = _Free()
    for i, step in enumerate(steps):
        inner = {b for b in uses[i] if first[b] == last[b]} if isinstance(step, (Loop, Branch)) else set()
        lasting = _lasting(step) if isinstance(step, Loop) else set()
        for b in uses[i]:
            if b not in offsets and (b not in inner or b in lasting):
                offsets[b] = free.take(b.nbytes)
        if isinstance(step, (Loop, Branch)):
            outside = held | offsets.keys()
            plans = [_plan(part, outside) for part in step.parts]
            need = max((size for _, size in plans), default=0)
            block = free.take(need)
            for places, _ in plans:
                offsets.update((b, block + at) for b, at in places.items())
            free.give(block, need)
        for b in uses[i]:
            if last[b] == i and (b not in inner or b in lasting):
                free.give(offsets[b], b.nbytes)
    return offsets, free.top


def _lasting(loop: Loop) -> set[Buffer]:
    """What keeps its value from one part or turn of a loop to another: all that is not written and used up within one part."""
    parts: list[set[Buffer]] = [set().union(*map(touched, part)) for part in loop.parts]
    found = {loop.counter, *(b for pair in loop.swaps for b in pair)}
    if loop.predicate is not None:
        found.add(loop.predicate)
    for i, buffers in enumerate(parts):
        found |= {b for b in buffers if any(b in other for other in parts[i + 1:])}
    for part in (loop.condition, loop.body):
        found |= _read_first(part)
    return found


def _read_first(steps: Sequence[Step]) -> set[Buffer]:
    """Buffers that `steps` may read before they write them."""
    written: set[Buffer] = set()
    found: set[Buffer] = set()
    for step in steps:
        found |= reads(step) - written - (writes(step) if isinstance(step, (Loop, Branch)) else set())
        written |= writes(step)
    return found


class _Free:
    """A block from which pieces are taken and to which they are given back."""

    def __init__(self) -> None:
        self.top = 0
        self._gaps: list[tuple[int, int]] = []  # (offset, size), by offset

    def take(self, nbytes: int) -> int:
        size = _rounded(nbytes)
        for j, (at, room) in enumerate(self._gaps):
            if room >= size:
                if room == size:
                    del self._gaps[j]
                else:
                    self._gaps[j] = (at + size, room - size)
                return at
        self.top += size
        return self.top - size

    def give(self, offset: int, nbytes: int) -> None:
        piece = (offset, _rounded(nbytes))
        insort(self._gaps, piece)
        j = self._gaps.index(piece)
        if j + 1 < len(self._gaps) and offset + piece[1] == self._gaps[j + 1][0]:
            self._gaps[j] = (offset, piece[1] + self._gaps[j + 1][1])
            del self._gaps[j + 1]
        if j > 0 and self._gaps[j - 1][0] + self._gaps[j - 1][1] == offset:
            self._gaps[j - 1] = (self._gaps[j - 1][0], self._gaps[j - 1][1] + self._gaps[j][1])
            del self._gaps[j]


def _rounded(nbytes: int) -> int:
    """The room for a temporary. Whole pages get some lines more: neighbours that lie alike in their pages evict each other from L1."""
    size = max(ALIGN, -(-nbytes // ALIGN) * ALIGN)
    return size + 3 * ALIGN if size % 4096 == 0 else size
