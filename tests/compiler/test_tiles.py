"""Register tiles for sums of products: every tile against sums in float64, with guard bands around the result; what is planned fits."""

from __future__ import annotations

import ctypes
import itertools
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans.compiler.flat import flatten_nest
from functrans.compiler.tiles import emit_product
from functrans.compiler.tiling import Plan, Product, plan, recognise
from functrans.kernel import Access, Buffer, Nest, Node, Reduce
from tests.compiler.test_gemm import GUARD, TARGETS, compile_functions

NUMBERS = itertools.count()


def extent(axes: Any, strides: Any) -> int:
    return 1 + sum(s * (n - 1) for n, s in zip(axes, strides, strict=True))


def view(data: np.ndarray, axes: Any, strides: Any) -> np.ndarray:
    return np.lib.stride_tricks.as_strided(data, axes, [s * data.itemsize for s in strides], writeable=False)


def run(product: Product, chosen: Plan, registers: int) -> None:
    """Compute the product by a tile; fails where a value is wrong or anything else is written."""
    dtype, rng = np.dtype(product.elem), np.random.default_rng(0)
    a, b = (rng.standard_normal(extent(product.axes, s)).astype(dtype) for s in (product.a, product.b))
    kept = product.axes[:product.parallel]
    want = (view(a.astype(float), product.axes, product.a) * view(b.astype(float), product.axes, product.b)).sum(
        tuple(range(product.parallel, len(product.axes))))
    whole = np.full(extent(kept, product.c[:product.parallel]) + 2 * GUARD, 12345.0, dtype)
    untouched = np.ones(whole.shape, bool)
    places = sum((np.arange(n).reshape(-1, *(1,) * (len(kept) - i - 1)) * s for i, (n, s) in enumerate(
        zip(kept, product.c[:product.parallel], strict=True))), np.zeros((1,) * len(kept), int))
    untouched[GUARD + places] = False
    f = compile_functions([emit_product(product, chosen, f"product{next(NUMBERS)}", registers)], [ctypes.c_void_p] * 3)
    f(whole[GUARD:].ctypes.data, a.ctypes.data, b.ctypes.data)
    assert (whole[untouched] == 12345.0).all()
    got = whole[GUARD + places]
    tolerance = 4 * np.finfo(dtype).eps * prod(product.axes[product.parallel:])
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(1.0, np.abs(want).max(initial=0)))


@st.composite
def products(draw: Any) -> Product:
    """Sums over one to three axes; each operand is contiguous along some of the axes, and may overlap along others."""
    sizes = st.sampled_from([1, 2, 3, 5, 7, 8, 9, 14, 16, 17, 28])
    axes = tuple(draw(sizes) for _ in range(draw(st.integers(2, 4))))
    reduce = draw(st.integers(1, len(axes) - 1))
    axes = (*axes[:len(axes) - reduce], *(min(n, 9) for n in axes[len(axes) - reduce:-1]), axes[-1])

    def strides(which: Any) -> tuple[int, ...]:
        out, step = [0] * len(axes), 1
        for axis in which:
            out[axis] = step
            step *= axes[axis] + draw(st.integers(0, 2))
        return tuple(out)

    every = list(range(len(axes)))
    a, b = (list(strides(draw(st.permutations(every))[:draw(st.integers(1, len(axes)))])) for _ in range(2))
    if draw(st.booleans()):  # windows: a parallel axis moves as a reduce axis does
        a[0] = a[-1] = max(a[0], a[-1], 1)
    c = strides(draw(st.permutations(every[:len(axes) - reduce])))
    return Product(axes, reduce, tuple(a), tuple(b), c, draw(st.sampled_from(["float32", "float64"])))


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=25)
@given(product=products())
def test_planned_tiles(target: tuple[int, int], product: Product) -> None:
    bits, registers = target
    chosen = plan(product, bits, registers)
    if chosen is not None:
        rows = prod(n for i, n in enumerate(chosen.blocks[:product.parallel]) if i != chosen.vector)
        assert rows * (chosen.vectors if chosen.vector < product.parallel else 1) < registers
        assert chosen.width * np.dtype(product.elem).itemsize * 8 <= bits
        run(product, chosen, registers)


IMAGES = Product((2, 5, 14, 14, 3, 3, 3), 3, (768, 0, 16, 1, 256, 16, 1), (0, 27, 0, 0, 9, 3, 1), (980, 196, 14, 1, 0, 0, 0), "float32")
KERNEL = Product((5, 3, 3, 3, 2, 14, 14), 3, (0, 256, 16, 1, 768, 16, 1), (196, 0, 0, 0, 980, 14, 1), (27, 9, 3, 1, 0, 0, 0), "float32")


@pytest.mark.parametrize(("product", "chosen"), [
    (IMAGES, Plan(3, 16, 1, (1, 4, 2, 14, 1, 3, 3))),  # lanes beyond the end masked
    (IMAGES, Plan(3, 8, 2, (1, 2, 1, 14, 3, 1, 3))),  # overlapping vectors, overlapping rows
    (IMAGES, Plan(3, 4, 1, (2, 5, 3, 4, 1, 1, 1))),
    (KERNEL, Plan(6, 8, 2, (4, 2, 1, 3, 1, 1, 14))),  # sums of lanes, some of them counted before
    (KERNEL, Plan(6, 16, 1, (2, 1, 3, 3, 2, 1, 14))),
    (KERNEL, Plan(6, 4, 1, (5, 1, 1, 1, 1, 1, 4))),  # a loop over vectors and a rest
])
def test_chosen_tiles(product: Product, chosen: Plan) -> None:
    run(product, chosen, 32)


@pytest.mark.parametrize("length", [513, 1000, 100_003])
def test_long_sums(length: int) -> None:
    """Sums of single precision in blocks are as good as NumPy's pairwise ones."""
    product = Product((2, 2, length), 1, (length, 0, 1), (0, length, 1), (2, 1, 0), "float32")
    f = compile_functions([emit_product(product, Plan(2, 4, 1, (2, 2, 4)), f"long{length}", 32)], [ctypes.c_void_p] * 3)
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(1, 2, (2, length)).astype("float32") for _ in range(2))
    c = np.zeros((2, 2), "float32")
    f(c.ctypes.data, a.ctypes.data, b.ctypes.data)
    np.testing.assert_allclose(c, a.astype(float) @ b.astype(float).T, rtol=2e-6)


def test_infinite_operands_of_masked_lanes() -> None:
    """A lane that was counted before is zero in both operands, so that an infinity there counts once."""
    product = Product((2, 2, 11), 1, (11, 0, 1), (0, 11, 1), (2, 1, 0), "float64")
    f = compile_functions([emit_product(product, Plan(2, 8, 2, (2, 2, 11)), "infinite", 32)], [ctypes.c_void_p] * 3)
    a, b, c = np.ones((2, 11)), np.ones((2, 11)), np.zeros((2, 2))
    a[0, 4], b[1, 5] = np.inf, -np.inf
    f(c.ctypes.data, a.ctypes.data, b.ctypes.data)
    np.testing.assert_array_equal(c, [[np.inf, np.nan], [11.0, -np.inf]])


def nest(axes: tuple[int, ...], reduce: int, *strides: tuple[int, ...]) -> Nest:
    buffers = [Buffer(np.dtype(float), (extent(axes, s),), "input", i) for i, s in enumerate(strides)]
    x, y = (Node("load", (), "float64", Access(b, 0, s)) for b, s in zip(buffers[:2], strides[:2], strict=True))
    return Nest(axes, reduce, (Reduce("add", (Node("mul", (x, y), "float64"),), (Access(buffers[2], 0, strides[2]),)),))


def test_what_is_recognised() -> None:
    matrices = nest((3, 4, 5), 1, (5, 0, 1), (0, 1, 4), (4, 1, 0))
    found = recognise(flatten_nest(matrices)[0])
    assert found is not None and found[0] == Product((3, 4, 5), 1, (5, 0, 1), (0, 1, 4), (4, 1, 0), "float64")
    assert recognise(flatten_nest(nest((3, 5), 1, (5, 1), (0, 1), (1, 0)))[0]) is None  # each element of the matrix is used once
