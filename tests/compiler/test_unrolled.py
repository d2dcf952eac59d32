"""Small nests and products inside a loop, which are written out: vectors of several widths cover an axis, lanes are combined in steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.compiler.driver import Executable
from functrans.compiler.nest import cover
from functrans.compiler.small_product import is_small
from functrans.kernel import Contract, Loop, Step

SIZES = range(1, 20)


def in_a_loop(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` of what a loop reads on each of two turns, so that its code stands inside one."""
    return lambda *xs: lax.scan(lambda c, x: (c, f(*x)), 0, xs)[1]


def agree(check: Callable[..., Executable], f: Callable[..., Any], want: Any, *args: np.ndarray) -> Executable:
    """Compiled and interpreted code agree with one another and with NumPy."""
    executable = check(f, *args)
    np.testing.assert_allclose(executable(list(args))[0], want, rtol=1e-12, atol=1e-12)
    return executable


@given(st.integers(1, 100), st.sampled_from([1, 2, 4, 8, 16]))
def test_a_cover_holds_each_element_once_in_powers_of_two(n: int, widest: int) -> None:
    pieces = cover(n, widest)
    assert [i for start, width in pieces for i in range(start, start + width)] == list(range(n))
    assert all(width & (width - 1) == 0 and width <= widest for _, width in pieces)
    assert len(pieces) <= n // widest + widest.bit_length()


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8", "bool", "complex128"])
def test_elements(dtype: str, check: Any) -> None:
    for n in SIZES:
        x, y = ((np.arange(2.0 * n) * 7 % 5 - 2 + shift).astype(dtype).reshape(2, n) for shift in (0, 1))
        agree(check, in_a_loop(lambda x, y: fnp.where(x == y, x, y)), np.where(x == y, x, y), x, y)
        agree(check, in_a_loop(lambda x, y: x[::-1] * y), x[:, ::-1] * y, x, y)
        agree(check, in_a_loop(lambda x, y: fnp.stack([x, y], -1)), np.stack([x, y], -1), x, y)


REDUCTIONS = ["sum", "prod", "max", "min", "argmax", "argmin", "any", "all"]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str, check: Any) -> None:
    for n in SIZES:
        x = np.random.default_rng(n).integers(-2, 3, size=(2, n)).astype("float64")
        agree(check, in_a_loop(getattr(fnp, name)), getattr(np, name)(x, axis=1), x)


@pytest.mark.parametrize("name", ["sum", "max", "prod"])
def test_reductions_of_several_axes(name: str, check: Any) -> None:
    for shape in [(3, 5), (5, 3), (2, 3, 7), (7, 1, 6), (4, 9)]:
        x = np.random.default_rng(0).normal(size=(2, *shape))
        for axes in [(0, len(shape) - 1), tuple(range(len(shape))), (0,), (len(shape) - 1,)]:
            agree(check, in_a_loop(lambda x, axes=axes: getattr(fnp, name)(x, axis=axes)),
                  getattr(np, name)(x, axis=tuple(a + 1 for a in axes)), x)
        swapped = np.swapaxes(x, 1, -1)  # the axes that are summed do not lie side by side in memory
        agree(check, in_a_loop(lambda x: getattr(fnp, name)(fnp.swapaxes(x, 0, -1), axis=(0, len(x.shape) - 1))),
              getattr(np, name)(swapped, axis=(1, x.ndim - 1)), x)


def test_complex_products_along_an_axis(check: Any) -> None:
    for n in SIZES:
        x = np.exp(1j * np.arange(2 * n).reshape(2, n))
        agree(check, in_a_loop(fnp.prod), np.prod(x, axis=1), x)


@given(st.integers(1, 9), st.integers(1, 19), st.integers(1, 9), st.sampled_from(["float32", "float64"]), st.booleans(), st.booleans())
def test_products(m: int, n: int, k: int, dtype: str, a_turned: bool, b_turned: bool) -> None:
    a = np.random.default_rng(0).integers(-3, 4, size=(2, k, m) if a_turned else (2, m, k)).astype(dtype)
    b = np.random.default_rng(1).integers(-3, 4, size=(2, n, k) if b_turned else (2, k, n)).astype(dtype)

    def product(a: Any, b: Any) -> Any:
        return (a.T if a_turned else a) @ (b.T if b_turned else b)

    np.testing.assert_array_equal(ft.jit(in_a_loop(product))(a, b), np.array([product(x, y) for x, y in zip(a, b, strict=True)]))


def test_batches_of_products(check: Any) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 3, 4, 5)), np.random.default_rng(0).normal(size=(2, 3, 5, 6))
    agree(check, in_a_loop(fnp.matmul), a @ b, a, b)
    agree(check, in_a_loop(lambda a, b: fnp.einsum("abc,ace->bae", a, b)), np.einsum("tabc,tace->tbae", a, b), a, b)


def contracts(steps: list[Step]) -> list[Contract]:
    inside = [c for s in steps if isinstance(s, Loop) for part in s.parts for c in contracts(part)]
    return [s for s in steps if isinstance(s, Contract)] + inside


def test_a_small_product_in_a_loop_is_not_called(check: Any) -> None:
    a, x = np.random.default_rng(0).normal(size=(10, 10)) / 4, np.ones(10)

    def power(a: Any, x: Any) -> Any:
        return lax.fori_loop(0, 7, lambda i, x: a @ x + x @ a, x)

    want = x
    for _ in range(7):
        want = a @ want + want @ a
    executable = agree(check, power, want, a, x)
    small = contracts(executable.stages.program.steps)
    assert small
    assert all(is_small(step, 256) for step in small)
    assert "gemm" not in executable.stages.module.text


def test_nan_and_infinity_stay_in_their_column() -> None:
    a, b = np.ones((2, 3, 5)), np.ones((2, 5, 11))
    a[0, 1, 2], b[1, 4, 9], b[1, 3, 2] = np.nan, np.inf, np.nan
    np.testing.assert_array_equal(ft.jit(in_a_loop(fnp.matmul))(a, b), a @ b)
