"""What is left of a compiled function when nobody has it any more: neither its code nor anything made to compile it."""

from __future__ import annotations

import gc

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.compiler import engine
from functrans.compiler.driver import Executable
from functrans.core.jaxpr import ClosedJaxpr

MADE = (Executable, engine.Linked, engine.llvm.ResourceTracker, engine.llvm.ModuleRef, ClosedJaxpr)


def alive():
    gc.collect()
    return {kind.__name__: sum(type(x) is kind for x in gc.get_objects()) for kind in MADE}


def compile_loops(numbers):
    """A loop of its own for each number."""
    for c in numbers:
        f = ft.jit(lambda x, c=c: lax.fori_loop(0, 5, lambda i, s: fnp.sin(s) * c + i, x))
        f(1.0)
        assert float(ft.grad(f)(1.0)) != 0.0


def test_dropped_loops_leave_nothing():
    compile_loops([0.5])
    ft.clear_caches()
    before = alive()
    compile_loops(1.5 + i for i in range(6))
    ft.clear_caches()
    assert alive() == before


def test_the_pipeline_of_passes_is_made_once(monkeypatch):
    """llvmlite does not free a manager of function passes, some 75 kB of pipeline: one serves all loops."""
    made = []
    original = engine.llvm.create_pass_builder
    monkeypatch.setattr(engine.llvm, "create_pass_builder", lambda *args: made.append(args) or original(*args))
    monkeypatch.setattr(engine, "_scalar_passes", engine.cache(engine._scalar_passes.__wrapped__))
    compile_loops(10.5 + i for i in range(4))
    assert len(made) == 1
