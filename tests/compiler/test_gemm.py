"""The matrix-multiplication and transposition kernels against float64 NumPy, with guard bands around the result."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans.compiler.gemm import K_BLOCK, Tile, choose_tile, emit_gemm, scratch_elements, wants_packing
from functrans.compiler.text import Function
from functrans.compiler.transpose import SQUARE, emit_transpose

GUARD = 7
DTYPES = {"float": np.float32, "double": np.float64}
TARGETS = [(128, 16), (256, 16), (128, 32), (512, 32)]
TILES = [Tile("float", 8, 2, 6), Tile("double", 4, 2, 3), Tile("float", 4, 1, 4), Tile("double", 2, 3, 1),
         Tile("double", 1, 2, 5), Tile("float", 16, 4, 6), Tile("float", 8, 2, 5, 6),
         Tile("double", 4, 3, 2, 1)]


@cache
def target_machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=1)


@cache
def jit() -> llvm.LLJIT:
    target_machine()
    return llvm.create_lljit_compiler(use_jit_link=True)


def module_text(functions: Sequence[Function]) -> str:
    """One module with the first function exported."""
    declarations = {name: text for f in functions for name, text in f.declarations.items()}
    body = "\n".join(f.text() for f in functions).replace("define internal", "define", 1)
    return "\n".join([*declarations.values(), body])


@cache
def link(text: str, name: str) -> llvm.ResourceTracker:
    module = llvm.parse_assembly(text)
    module.verify()
    image = target_machine().emit_object(module)
    return llvm.JITLibraryBuilder().add_object_img(image).export_symbol(name).link(jit(), name)


def compile_functions(functions: Sequence[Function], signature: Sequence[type]) -> Callable[..., None]:
    name = functions[0].name
    return ctypes.CFUNCTYPE(None, *signature)(link(module_text(functions), name)[name])


def guarded(rows: int, cols: int, row_stride: int, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """A matrix filled with nan inside a larger buffer of sentinels: (buffer, view)."""
    buffer = np.full(2 * GUARD + max(rows, 1) * row_stride, 12345.0, dtype)
    view = buffer[GUARD:GUARD + rows * row_stride].reshape(rows, row_stride)[:, :cols]
    view[...] = np.nan
    return buffer, view


def run_gemm(tile: Tile, packed: bool, a: np.ndarray, b: np.ndarray, c_gap: int = 3) -> np.ndarray:
    """C = A B by the kernel; fails when anything outside C or the scratch changes."""
    (m, k), n, dtype = a.shape, b.shape[1], DTYPES[tile.elem]
    assert b.strides[1] == b.itemsize or n == 1 or b.size == 0
    buffer, c = guarded(m, n, n + c_gap, dtype)
    need = scratch_elements(tile, k, packed)
    scratch = np.full(need + 2 * GUARD, 12345.0, dtype)
    f = compile_functions(emit_gemm(tile, packed), [ctypes.c_void_p] * 4 + [ctypes.c_int64] * 7)
    size = c.itemsize
    f(c.ctypes.data, a.ctypes.data, b.ctypes.data, scratch[GUARD:].ctypes.data, m, n, k, n + c_gap,
      a.strides[0] // size, a.strides[1] // size, b.strides[0] // size)
    result = c.copy()
    c[...] = 12345.0
    assert (buffer == 12345.0).all(), "stores outside C"
    assert (scratch[:GUARD] == 12345.0).all() and (scratch[GUARD + need:] == 12345.0).all(), "stores outside scratch"
    return result


def matrix(rng: np.random.Generator, rows: int, cols: int, dtype: type, layout: str) -> np.ndarray:
    """A random matrix: contiguous, transposed, a slice of a wider one, with steps in both axes, or reversed rows."""
    make = rng.standard_normal
    match layout:
        case "transposed":
            return make((cols, rows)).astype(dtype).T
        case "slice":
            return make((rows + 2, cols + 5)).astype(dtype)[1:rows + 1, 2:cols + 2]
        case "steps":
            return make((2 * rows, 3 * cols)).astype(dtype)[::2, ::3]
        case "reversed":
            return make((rows, cols)).astype(dtype)[::-1]
        case _:
            return make((rows, cols)).astype(dtype)


def check(tile: Tile, packed: bool, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    got = run_gemm(tile, packed, a, b)
    k, eps = a.shape[1], np.finfo(a.dtype).eps
    want = a.astype(np.float64) @ b.astype(np.float64)
    bound = (k + 2) * eps * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
    assert (np.abs(got - want) <= bound).all()
    return got


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("tile", TILES, ids=str)
def test_every_edge(tile: Tile, packed: bool) -> None:
    rng = np.random.default_rng(0)
    for m in range(tile.rows, 2 * tile.rows + 2):
        for n in range(tile.columns, 2 * tile.columns + 3, 1 + tile.columns // 12):
            for k in (0, 1, 2, 5):
                check(tile, packed, matrix(rng, m, k, DTYPES[tile.elem], ""), matrix(rng, k, n, DTYPES[tile.elem], ""))


@given(st.sampled_from(TILES), st.booleans(), st.integers(0, 40), st.integers(0, 80), st.integers(0, 40),
       st.sampled_from(["", "transposed", "slice", "steps", "reversed"]), st.sampled_from(["", "slice", "reversed"]))
@settings(max_examples=300, deadline=None)
def test_layouts(tile: Tile, packed: bool, m: int, n: int, k: int, a_layout: str, b_layout: str) -> None:
    rng, dtype = np.random.default_rng(m + 41 * n), DTYPES[tile.elem]
    m, n = m + tile.rows, n + tile.columns
    check(tile, packed, matrix(rng, m, k, dtype, a_layout), matrix(rng, k, n, dtype, b_layout))


@pytest.mark.parametrize("k", [K_BLOCK - 1, K_BLOCK, K_BLOCK + 1, 2 * K_BLOCK, 3 * K_BLOCK + 11])
@pytest.mark.parametrize("m", [12, 13, 17])
def test_blocks_of_k_and_packing_do_not_change_a_bit(m: int, k: int) -> None:
    rng = np.random.default_rng(k)
    tile, small = Tile("float", 8, 2, 6), Tile("float", 4, 1, 4)
    a, b = matrix(rng, m, k, np.float32, "steps"), matrix(rng, k, 37, np.float32, "slice")
    packed = check(tile, True, a, b)
    np.testing.assert_array_equal(packed, check(tile, False, a, b))
    np.testing.assert_array_equal(packed, check(small, False, a, b))


@pytest.mark.parametrize("elem", ["float", "double"])
def test_big(elem: str) -> None:
    rng, dtype = np.random.default_rng(1), DTYPES[elem]
    for m, n, k in [(211, 307, 401), (128, 512, 784), (1, 640, 100), (500, 1, 30)]:
        tile = choose_tile(elem, m, n, k, 256, 16)
        for layout in ("", "transposed"):
            a, b = matrix(rng, m, k, dtype, layout), matrix(rng, k, n, dtype, "slice")
            for packed in (False, True):
                check(tile, packed, a, b)


@given(st.sampled_from(["float", "double"]), st.integers(1, 40), st.integers(1, 40), st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_chosen_tiles_run(elem: str, m: int, n: int, k: int) -> None:
    rng, dtype = np.random.default_rng(n), DTYPES[elem]
    tile = choose_tile(elem, m, n, k, 256, 16)
    check(tile, False, matrix(rng, m, k, dtype, ""), matrix(rng, k, n, dtype, ""))


@given(st.sampled_from(["float", "double"]), st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000),
       st.sampled_from(TARGETS))
def test_chosen_tiles_fit(elem: str, m: int, n: int, k: int, target: tuple[int, int]) -> None:
    bits, registers = target
    tile = choose_tile(elem, m, n, k, bits, registers)
    assert tile.rows <= max(m, 1) and tile.columns <= max(n, 1)
    assert tile.width * np.dtype(DTYPES[elem]).itemsize * 8 <= bits and tile.width & (tile.width - 1) == 0
    assert tile.rows * tile.vectors + tile.vectors + 1 <= registers


def test_usual_tiles() -> None:
    assert choose_tile("float", 512, 512, 512, 512, 32) == Tile("float", 16, 4, 6)
    assert choose_tile("double", 512, 512, 512, 512, 32) == Tile("double", 8, 4, 6)
    assert choose_tile("float", 512, 512, 512, 256, 16) == Tile("float", 8, 2, 6)
    assert choose_tile("float", 512, 10, 64, 512, 32).columns == 10
    assert not wants_packing(Tile("float", 16, 4, 6), 128, 128, 64)
    assert wants_packing(Tile("float", 16, 4, 6), 2048, 2048, 2048)


def test_sizes_below_the_tile_store_nothing() -> None:
    tile = Tile("float", 8, 2, 6)
    for m, n in [(5, 40), (40, 15), (0, 40), (40, 0)]:
        for packed in (False, True):
            assert np.isnan(run_gemm(tile, packed, np.ones((m, 4), np.float32), np.ones((4, n), np.float32))).all()


@pytest.mark.parametrize("packed", [False, True])
def test_nan_and_infinity_stay_in_their_row_and_column(packed: bool) -> None:
    a, b = np.ones((13, 9), np.float32), np.ones((9, 21), np.float32)
    a[4, 2], b[5, 20] = np.inf, np.nan
    want = np.full((13, 21), 9.0)
    want[4], want[:, 20] = np.inf, np.nan
    np.testing.assert_array_equal(run_gemm(Tile("float", 8, 2, 6), packed, a, b), want)


def test_equal_tiles_give_equal_text() -> None:
    for tile in TILES:
        texts = [module_text(emit_gemm(Tile(**vars(tile)), True)) for _ in range(2)]
        assert texts[0] == texts[1]
    names = {emit_gemm(tile, packed)[0].name for tile in TILES for packed in (False, True)}
    assert len(names) == 2 * len(TILES)


def test_a_vector_of_nothing_is_refused() -> None:
    for vectors, overlap in [(2, 8), (1, 1), (2, -1)]:
        with pytest.raises(ValueError, match=f"overlap={overlap} leaves the last of {vectors} vectors"):
            Tile("float", 8, vectors, 4, overlap)


def test_other_elements_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'float' and 'double' elements, not 'half'; cast the operands"):
        choose_tile("half", 4, 4, 4, 256, 16)


def run_transpose(elem: str, width: int, x: np.ndarray, gap: int) -> np.ndarray:
    rows, cols = x.shape
    buffer, out = guarded(cols, rows, rows + gap, DTYPES[elem])
    f = compile_functions([emit_transpose(elem, width)], [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 4)
    f(out.ctypes.data, x.ctypes.data, rows, cols, x.strides[0] // x.itemsize, rows + gap)
    result = out.copy()
    out[...] = 12345.0
    assert (buffer == 12345.0).all(), "stores outside the result"
    return result


@given(st.sampled_from([("float", 1), ("float", 4), ("float", 8), ("float", 16), ("double", 2), ("double", 4),
                        ("double", 8)]),
       st.integers(0, 2 * SQUARE + 9), st.integers(0, 2 * SQUARE + 9), st.sampled_from(["", "slice", "reversed"]),
       st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_transpose(kind: tuple[str, int], rows: int, cols: int, layout: str, gap: int) -> None:
    elem, width = kind
    x = matrix(np.random.default_rng(rows), rows, cols, DTYPES[elem], layout)
    np.testing.assert_array_equal(run_transpose(elem, width, x, gap), x.T)


def test_transpose_refuses_other_widths() -> None:
    for width in (0, 3, 2 * SQUARE):
        with pytest.raises(ValueError, match=f"not {width}; pass a power of two"):
            emit_transpose("float", width)
