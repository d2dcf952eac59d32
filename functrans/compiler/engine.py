"""The one module that knows llvmlite: from the text of a module to an address that can be called.

The target is the host with all its features. No LLVM passes run on kernels: the emitters place and vectorise the code
themselves, so instruction selection and register allocation are all that is left (and most of the compile time). The
functions of loops and branches go through LLVM's scalar passes, which turn their stack into registers. The JIT lives as
long as the process; each compiled module owns the tracker of its memory.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from functools import cache
from math import prod

import llvmlite.binding as llvm
import numpy as np

from functrans.compiler.codegen import Layout, Target
from functrans.kernel import Callback
from functrans.lapack import address

__all__ = ["HostCall", "Linked", "assembly", "host_layout", "host_target", "link"]

_lock = threading.Lock()  # LLVM contexts are not safe to share between threads
_counter = iter(range(1 << 62))


@cache
def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True, reloc="pic")


@cache
def _jit() -> llvm.LLJIT:
    return llvm.create_lljit_compiler(_machine(), use_jit_link=True)


@cache
def _scalar_passes() -> tuple[llvm.FunctionPassManager, llvm.PassBuilder]:
    """LLVM's scalar passes, made once: each run makes its own analyses, and llvmlite never frees a manager of function passes."""
    builder = llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options(speed_level=2))
    return builder.getFunctionPassManager(), builder


@cache
def host_target() -> Target:
    """Vector width and register count of this processor."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return Target(512, 32)
    if features.get("avx2") or features.get("avx"):
        return Target(256, 16)
    if llvm.get_default_triple().startswith(("aarch64", "arm64")):
        return Target(128, 32)
    return Target(128, 16)


@cache
def host_layout() -> Layout:
    """Where tuples keep their items and ndarrays their data pointer, checked against real objects.

    Raises:
        RuntimeError: on an interpreter whose objects are laid out otherwise.
    """
    probe = np.arange(3.0)
    pair = (probe, None)
    items, data = tuple.__basicsize__, object.__basicsize__
    word = ctypes.sizeof(ctypes.c_void_p)
    seen_item = ctypes.c_void_p.from_address(id(pair) + items).value
    seen_data = ctypes.c_void_p.from_address(id(probe) + data).value
    if word != 8 or seen_item != id(probe) or seen_data != probe.ctypes.data:
        raise RuntimeError("this Python's tuples or arrays are laid out unlike CPython's on 64-bit platforms; compiled code "
                           "cannot read them. Run with functrans.disable_jit().")
    return Layout(items, data)


class Linked:
    """A linked module: ``call(tuple_of_arrays)``. Keeps the code alive."""

    __slots__ = ("_tracker", "call")

    def __init__(self, tracker: object, address: int) -> None:
        self._tracker = tracker
        self.call = ctypes.PYFUNCTYPE(None, ctypes.py_object)(address)  # raises what the code has left as an exception


class HostCall:
    """What compiled code calls for a callback: ``call(address)`` of an array of addresses, of the inputs and then of the outputs.

    The function gets copies, since compiled code uses its memory again, and what it returns is copied.
    """

    __slots__ = ("_count", "_function", "_in_types", "_out_types")

    def __init__(self, step: Callback) -> None:
        self._function = step.function
        self._in_types = [(shape, dtype, prod(shape) * dtype.itemsize) for shape, dtype in step.in_types]
        self._out_types = step.out_types
        self._count = len(step.inputs) + len(step.outputs)

    def __call__(self, address: int) -> None:
        places = (ctypes.c_uint64 * self._count).from_address(address)
        args = [np.ndarray(shape, dtype, ctypes.string_at(place, nbytes) if nbytes else b"")  # bytes: a read-only array
                for place, (shape, dtype, nbytes) in zip(places, self._in_types, strict=False)]
        results = self._function(args)
        for place, value, (shape, dtype) in zip(places[len(args):], results, self._out_types, strict=True):
            value = np.ascontiguousarray(value, dtype)
            assert value.shape == shape or value.size == prod(shape)
            ctypes.memmove(place, value.ctypes.data, value.nbytes)


def _parsed(text: str, scalar: Sequence[str]) -> llvm.ModuleRef:
    """The module, with the scalar passes run over the functions named.

    A pass that leaves a function invalid would end the process in code generation: such a module is compiled as it was written.
    """
    module = _read(text)
    if scalar:
        passes, builder = _scalar_passes()
        for name in scalar:
            passes.run(module.get_function(name), builder)
    return module if not scalar or _is_valid(module) else _read(text)


def _read(text: str) -> llvm.ModuleRef:
    module = llvm.parse_assembly(text)
    module.triple = _machine().triple
    module.data_layout = str(_machine().target_data)
    return module


def _is_valid(module: llvm.ModuleRef) -> bool:
    try:
        module.verify()
    except RuntimeError:  # how llvmlite answers no
        return False
    return True


def link(text: str, entry: str, scalar: Sequence[str] = (), routines: Sequence[str] = ()) -> Linked:
    """Compile a module and load it; the functions named in `scalar` go through the scalar passes, `routines` are bound by address."""
    with _lock:
        module = _parsed(text, scalar)
        image = _machine().emit_object(module)
        builder = llvm.JITLibraryBuilder().add_object_img(image).add_current_process().export_symbol(entry)
        for name in routines:
            builder.import_symbol(f"lapack_{name}", address(name))
        tracker = builder.link(_jit(), f"functrans{next(_counter)}")
        return Linked(tracker, tracker[entry])


def assembly(text: str, scalar: Sequence[str] = ()) -> str:
    """The host's assembly for a module."""
    with _lock:
        return _machine().emit_assembly(_parsed(text, scalar))
