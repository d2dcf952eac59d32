"""einsum against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import numpy as fnp

rng = np.random.default_rng(1)
CASES = [
    ("ij,jk", (2, 3), (3, 4)), ("ij,jk->ki", (2, 3), (3, 4)), ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->j", (3, 3, 2)),
    ("iji->ij", (3, 2, 3)), ("...ij,...jk", (5, 2, 3), (3, 4)), ("...i->...", (2, 3)), ("i...,i...", (3, 4), (3, 4)),
    ("i...->...", (3, 4)), ("ij,ij->ij", (2, 3), (2, 3)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("ij,jk,kl,lm,mn->in", (2, 3), (3, 4), (4, 2), (2, 2), (2, 5)),
    ("i,j->ij", (2,), (3,)), ("ij->", (2, 3)), ("ij->ji", (2, 3)), ("ij,ij->", (2, 3), (1, 3)), ("ij,j->i", (2, 3), (1,)),
    ("bi,bj,bk->ijk", (4, 2), (4, 3), (4, 2)), ("...,...", (2, 3), (3,)),
    ("iii->i", (3, 3, 3)), ("b...d,...de->b...e", (2, 4, 3), (4, 3, 5)),
    (",ij->ij", (), (2, 2)), ("ba", (2, 3)), ("i,i,i->", (3,), (3,), (3,)), ("ij,k->j", (2, 3), (4,)), ("ij,jk->ik", (0, 3), (3, 2)),
    ("ij , jk -> ik", (2, 3), (3, 2)), ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_einsum_agrees_with_numpy(case) -> None:
    text, *shapes = case
    xs = [rng.standard_normal(s) + 1j * rng.standard_normal(s) for s in shapes]
    want = np.einsum(text, *xs)
    for optimize in ("auto", False, "greedy", "optimal", True):
        got = fnp.einsum(text, *xs, optimize=optimize)
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)


def test_interleaved_and_paths() -> None:
    a, b, c = (rng.standard_normal(s) for s in ((2, 3), (3, 4), (4, 5)))
    np.testing.assert_allclose(fnp.einsum(a, [0, 1], b, [1, 2], [2, 0]), np.einsum(a, [0, 1], b, [1, 2], [2, 0]))
    np.testing.assert_allclose(fnp.einsum(a, [..., 1], b, [1, 2]), np.einsum(a, [..., 1], b, [1, 2]))
    path, text = fnp.einsum_path("ij,jk,kl->il", a, b, c)
    assert path == np.einsum_path("ij,jk,kl->il", a, b, c, optimize="optimal")[0]
    assert "Complete contraction" in text
    for order in (path, [(1, 2), (0, 1)], [(0, 1, 2)]):
        np.testing.assert_allclose(fnp.einsum("ij,jk,kl->il", a, b, c, optimize=order), a @ b @ c)
    assert fnp.einsum_path(a, [0, 1], b, [1, 2])[0][0] == "einsum_path"


def test_dtypes() -> None:
    x = np.ones((2, 300), "int8")
    assert fnp.einsum("ij->i", x).dtype == np.int8
    np.testing.assert_array_equal(fnp.einsum("ij,ij->i", x, x, preferred_element_type="int32"), [300, 300])
    assert fnp.einsum("i,i", np.ones(3, "float32"), np.ones(3, "int32")).dtype == np.float32


@pytest.mark.parametrize(("text", "shapes", "message"), [
    ("ij,jk", [(2, 3)], "2 subscripts do not fit 1 operands"), ("ij", [(2,)], "do not fit an operand of shape"),
    ("ij,jk", [(2, 3), (4, 5)], "label 'j' has sizes 3 and 4"), ("ij->k", [(2, 3)], "must be distinct and occur"),
    ("ij->ii", [(2, 3)], "must be distinct"), ("i+", [(2, 3)], "may hold letters"), ("...i->i", [(2, 3)], "the output needs"),
    ("ii", [(2, 3)], "label 'i' has sizes 2 and 3"),
])
def test_errors(text: str, shapes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fnp.einsum(text, *(np.ones(s) for s in shapes))


def test_transformations() -> None:
    a, b = rng.standard_normal((2, 3, 3)), rng.standard_normal((3, 4))

    def f(x, y):
        return fnp.sum(fnp.einsum("bii,ij->bj", x, y) ** 2)

    want = np.zeros_like(a)
    want[:, range(3), range(3)] = 2 * np.einsum("bj,ij->bi", np.einsum("bii,ij->bj", a, b), b)
    np.testing.assert_allclose(ft.grad(f)(a, b), want, rtol=1e-12)
    np.testing.assert_allclose(ft.jit(ft.grad(f))(a, b), want, rtol=1e-12)
    rows = ft.vmap(lambda x: fnp.einsum("ii,ij->j", x, b))(a)
    np.testing.assert_allclose(rows, np.einsum("bii,ij->bj", a, b))


def test_a_pair_is_one_contraction() -> None:
    jaxpr = str(ft.make_jaxpr(lambda x, y: fnp.einsum("ij,jk->ik", x, y))(np.ones((2, 3)), np.ones((3, 4))))
    assert jaxpr.count("dot_general") == 1
    assert "transpose" not in jaxpr
    assert "dot_general" not in str(ft.make_jaxpr(lambda x, y: fnp.einsum("ij,ij->ij", x, y))(np.ones((2, 3)), np.ones((2, 3))))
