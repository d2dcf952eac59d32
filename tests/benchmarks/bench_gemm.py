"""The compiled matrix multiplication against NumPy's, one thread: ``OPENBLAS_NUM_THREADS=1 python bench_gemm.py``.

Each row gives GFLOP/s of both (medians of alternating rounds), their ratio, the tile, and the time to emit and compile
the tile's functions (the first of a process is slower). The kernel is called in a compiled loop, as compiled programs
call it; NumPy through ``np.matmul(a, b, out=c)``, so small sizes include the cost of a Python call.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import llvmlite.binding as llvm
import numpy as np

from functrans.compiler.gemm import Tile, choose_tile, emit_gemm, scratch_elements, wants_packing
from functrans.compiler.text import I64, PTR, Function

CASES = [
    ("float", 128, 64, 128, False), ("float", 128, 128, 64, False), ("float", 64, 128, 128, True),
    ("float", 32, 64, 32, False), ("float", 256, 256, 256, False), ("float", 128, 784, 512, False),
    ("float", 512, 512, 512, False), ("float", 1024, 1024, 1024, False), ("float", 2048, 2048, 2048, False),
    ("float", 10, 10, 10, False), ("float", 33, 47, 21, False), ("float", 128, 512, 10, False),
    ("float", 100, 100, 100, False),
    ("double", 64, 64, 64, False), ("double", 256, 256, 256, False),
]
ARGUMENTS = [PTR] * 4 + [I64] * 7


@dataclass(frozen=True)
class Compiled:
    """A tile's kernel, repeated `times` by compiled code: ``call(times, *arguments)``."""

    call: Callable[..., None]
    tracker: llvm.ResourceTracker
    emit_ms: float
    codegen_ms: float
    bytes: int


def host() -> tuple[llvm.TargetMachine, int, int]:
    """A target machine for this CPU, and the bits and number of its vector registers."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=1)
    if features.get("avx512f"):
        return machine, 512, 32
    if features.get("avx2"):
        return machine, 256, 16
    return machine, 128, 32 if "aarch64" in machine.triple or "arm64" in machine.triple else 16


def repeater(name: str) -> Function:
    """``void @repeat_NAME(i64 times, ...)``: calls the kernel `times` times."""
    f = Function(f"repeat_{name}", [I64, *ARGUMENTS], linkage="")
    f.br("again")
    f.label("again")
    i, slot = f.phi_open(I64, f.const(I64, 0), "entry")
    f.call_void(name, *f.params[1:])
    following = f.add(i, f.const(I64, 1))
    f.phi_close(slot, following, "again")
    f.cond_br(f.icmp("slt", following, f.params[0]), "again", "done")
    f.label("done")
    f.ret()
    return f


def compile_tile(machine: llvm.TargetMachine, jit: llvm.LLJIT, tile: Tile, packed: bool) -> Compiled:
    start = time.perf_counter()
    functions = emit_gemm(tile, packed)
    name = functions[0].name
    declarations = [d for f in functions for d in f.declarations.values()]
    # Timed alone, without the repeater.
    text = "\n".join([*declarations, *(f.text() for f in functions)])
    emitted = time.perf_counter()
    machine.emit_object(llvm.parse_assembly(text.replace("define internal", "define", 1)))
    compiled = time.perf_counter()
    image = machine.emit_object(llvm.parse_assembly(text + "\n" + repeater(name).text()))
    library = llvm.JITLibraryBuilder().add_object_img(image).export_symbol(f"repeat_{name}").link(jit, name)
    signature = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * 4, *[ctypes.c_int64] * 7)
    return Compiled(signature(library[f"repeat_{name}"]), library, 1e3 * (emitted - start),
                    1e3 * (compiled - emitted), len(image))


def seconds(run: Callable[[int], None], rounds: int, others: Callable[[int], None]) -> tuple[float, float]:
    """Median seconds a call of two candidates, measured in turns."""
    samples: tuple[list[float], list[float]] = ([], [])
    times = []
    for candidate in (run, others):
        candidate(1)
        start = time.perf_counter()
        candidate(3)
        times.append(max(1, int(0.02 * 3 / (time.perf_counter() - start))))
    for _ in range(rounds):
        for candidate, count, sample in zip((run, others), times, samples, strict=True):
            start = time.perf_counter()
            candidate(count)
            sample.append((time.perf_counter() - start) / count)
    return statistics.median(samples[0]), statistics.median(samples[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        print("note: OPENBLAS_NUM_THREADS is not 1; NumPy may use several threads, the kernel uses one")
    machine, bits, registers = host()
    jit = llvm.create_lljit_compiler(use_jit_link=True)
    done: dict[tuple[Tile, bool], Compiled] = {}
    rng = np.random.default_rng(0)
    print(f"{'m x k x n':>18} {'':6} {'ours':>7} {'NumPy':>7} {'ratio':>6}  tile")
    for elem, m, k, n, transposed in CASES:
        dtype = np.float32 if elem == "float" else np.float64
        a = rng.standard_normal((k, m)).astype(dtype).T if transposed else rng.standard_normal((m, k)).astype(dtype)
        b, c = rng.standard_normal((k, n)).astype(dtype), np.empty((m, n), dtype)
        tile = choose_tile(elem, m, n, k, bits, registers)
        packed = wants_packing(tile, m, n, k)
        if (tile, packed) not in done:
            done[tile, packed] = compile_tile(machine, jit, tile, packed)
        kernel, scratch = done[tile, packed], np.empty(scratch_elements(tile, k, packed), dtype)
        size = c.itemsize
        arguments = (c.ctypes.data, a.ctypes.data, b.ctypes.data, scratch.ctypes.data, m, n, k, n,
                     a.strides[0] // size, a.strides[1] // size, b.strides[0] // size)

        def ours(times: int, call: Callable[..., None] = kernel.call, arguments: tuple[int, ...] = arguments) -> None:
            call(times, *arguments)

        def numpy(times: int, a: np.ndarray = a, b: np.ndarray = b, c: np.ndarray = c) -> None:
            for _ in range(times):
                np.matmul(a, b, out=c)

        mine, theirs = seconds(ours, rounds, numpy)
        flops = 2e-9 * m * k * n
        name = emit_gemm(tile, packed)[0].name
        print(f"{f'{m} x {k} x {n}':>18} {'A.T' if transposed else '':6} {flops / mine:7.1f} {flops / theirs:7.1f} "
              f"{theirs / mine:6.2f}  {name}")
    print("\nemit ms, parse and codegen ms, object bytes (with the benchmark's loop)")
    for (tile, packed), kernel in done.items():
        print(f"{kernel.emit_ms:6.2f} {kernel.codegen_ms:6.2f} {kernel.bytes:6}  {emit_gemm(tile, packed)[0].name}")


if __name__ == "__main__":
    main()
