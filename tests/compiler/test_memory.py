"""The memory plan: temporaries that live at the same time never overlap, and what has died is used again."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans.compiler.memory import ALIGN, plan_memory, touched
from functrans.kernel import Access, Buffer, Nest, Node, Program, Store

F64 = np.dtype("float64")
EXAMPLES = 20 * settings.default.max_examples


def step(target: Buffer, sources: list[Buffer]) -> Nest:
    node = Node("index", (), "int64", (0, ()))
    loads = [Node("load", (), "float64", Access(b, 0, ())) for b in sources]
    for load in loads:
        node = load if node.op == "index" else Node("add", (node, load), "float64")
    return Nest((), 0, (Store(Access(target, 0, ()), node),))


def program_of(sizes: list[int], reads: list[list[int]]) -> Program:
    """Step i writes temporary i and reads the given earlier ones."""
    temps = [Buffer(F64, (n,), "temp", i) for i, n in enumerate(sizes)]
    steps = [step(temps[i], [temps[j] for j in reads[i]]) for i in range(len(sizes))]
    return Program([], [], temps=temps, steps=list(steps))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    n = draw(st.integers(1, 25))
    sizes = [draw(st.one_of(st.integers(0, 40), st.sampled_from([8, 16, 1000]))) for _ in range(n)]
    reads = [draw(st.lists(st.integers(0, i - 1), max_size=3)) if i else [] for i in range(n)]
    return program_of(sizes, reads)


@settings(max_examples=EXAMPLES)
@given(programs())
def test_live_buffers_never_overlap(program: Program) -> None:
    offsets, top = plan_memory(program)
    life: dict[Buffer, tuple[int, int]] = {}
    for i, s in enumerate(program.steps):
        for b in touched(s):
            life[b] = (life.get(b, (i, i))[0], i)
    assert offsets.keys() == life.keys()
    for b, at in offsets.items():
        assert at % ALIGN == 0 and at >= 0 and at + b.nbytes <= top
        for other, where in offsets.items():
            if other is not b and life[b][0] <= life[other][1] and life[other][0] <= life[b][1]:
                assert at + b.nbytes <= where or where + other.nbytes <= at, f"{b} and {other}"


@settings(max_examples=EXAMPLES)
@given(st.integers(3, 60), st.integers(1, 500))
def test_a_chain_takes_two_buffers(length: int, size: int) -> None:
    offsets, top = plan_memory(program_of([size] * length, [[i - 1] if i else [] for i in range(length)]))
    assert len(set(offsets.values())) == 2 and top == 2 * -(-size * 8 // ALIGN) * ALIGN


def test_freed_neighbours_merge() -> None:
    """Two small buffers die, and one of their joint size takes their place."""
    sizes, reads = [8, 8, 8, 16], [[], [], [0, 1], [2]]
    offsets, top = plan_memory(program_of(sizes, reads))
    by_slot = {b.slot: at for b, at in offsets.items()}
    assert by_slot[0] == 0 and by_slot[1] == 64 and by_slot[2] == 128 and by_slot[3] == 0 and top == 192


def test_nothing_to_plan() -> None:
    assert plan_memory(Program([], [])) == ({}, 0)
