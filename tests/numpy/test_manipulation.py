"""Changes of shape, joining and padding against NumPy; each also under jit, and by the transpose of its linear part."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import numpy as fnp
from functrans.errors import ConcretizationTypeError

X = np.arange(24.0).reshape(2, 3, 4)
M = np.arange(12.0).reshape(3, 4) - 5
SQUARE = np.arange(9.0).reshape(1, 3, 3, 1)

# A name, arguments, and the array they are for: each is linear in the array.
CASES = [
    ("reshape", ((6, -1),), X), ("reshape", (-1,), X), ("reshape", ((4, 6), "F"), X), ("ravel", (), X), ("ravel", ("F",), X),
    ("transpose", (), X), ("transpose", ((1, 2, 0),), X), ("permute_dims", ((2, 0, 1),), X), ("moveaxis", (0, -1), X),
    ("moveaxis", ((0, 1), (-1, 0)), X), ("swapaxes", (0, 2), X), ("rollaxis", (2,), X), ("rollaxis", (0, 3), X), ("rollaxis", (1, -1), X),
    ("matrix_transpose", (), X), ("squeeze", (), SQUARE), ("squeeze", (0,), SQUARE), ("squeeze", ((0, -1),), SQUARE),
    ("expand_dims", (1,), X), ("expand_dims", ((0, -1),), X), ("broadcast_to", ((5, 2, 3, 4),), X), ("flip", (), X), ("flip", (1,), X),
    ("flip", ((0, 2),), X), ("fliplr", (), X), ("flipud", (), X), *(("rot90", (k,), X) for k in range(-1, 5)), ("rot90", (1, (2, 0)), X),
    ("roll", (2,), X), ("roll", (-5, 1), X), ("roll", ((1, 2), (0, 2)), X), ("roll", (3, (0, 1)), X), ("tile", (2,), X),
    ("tile", ((2, 1, 3, 2),), X), ("repeat", (2,), X), ("repeat", (3, 1), X), ("repeat", (np.array([0, 2, 1]), 1), X),
    ("atleast_1d", (), np.float64(2)), ("atleast_2d", (), np.arange(3.0)), ("atleast_3d", (), np.arange(3.0)), ("atleast_3d", (), M),
    ("delete", (1,), X), ("delete", (np.array([0, -1]), 2), X), ("delete", (slice(0, 4, 2), -1), X),
    ("delete", (np.array([True, False, True]), 1), X), ("resize", ((3, 5),), M), ("resize", ((2, 2),), M),
    ("diff", (), X), ("diff", (2, 1), X), ("diff", (7,), X), ("ediff1d", (), X), ("gradient", (), X[0, 0]), ("gradient", (0.5,), X[0, 0]),
    ("gradient", (np.array([0.0, 1.0, 4.0, 9.0]),), X[0, 0]),
    ("insert", (1, 5.0), X), ("insert", (np.array([0, 3]), np.array([5.0, 6.0]), 2), X),
    ("insert", (np.array([1]), np.ones((2, 1, 4)), 1), X),
    ("insert", (1, np.ones((2, 4)), 1), X), ("insert", (slice(0, 2), 7.0, 1), X), ("insert", (-1, 9.0, 0), X),
    ("append", (5.0,), X), ("append", (np.ones((2, 1, 4)), 1), X),
]


def same(got, want) -> None:
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}{c[1]}".replace("\n", ""))
def test_agrees_with_numpy(case) -> None:
    name, args, x = case

    def f(v):
        return getattr(fnp, name)(v, *args)

    want = getattr(np, name)(x, *args)
    same(f(x), want)
    same(ft.jit(f)(x), want)
    same(ft.vmap(f)(np.stack([x, x + 1]))[1], getattr(np, name)(x + 1, *args))
    v, w = np.cos(np.arange(x.size)).reshape(x.shape), np.sin(np.arange(np.size(want))).reshape(np.shape(want))
    y_dot = ft.jvp(f, (x,), (v,))[1]
    same(y_dot, getattr(np, name)(x + v, *args) - want) if name not in ("insert", "append") else None
    np.testing.assert_allclose(np.sum(ft.vjp(f, x)[1](w)[0] * v), np.sum(np.asarray(y_dot) * w), rtol=1e-10, atol=1e-12)


PADS = [("edge", {}), ("reflect", {}), ("symmetric", {}), ("wrap", {}), ("constant", {}), ("constant", {"constant_values": 3}),
        ("constant", {"constant_values": ((1, 2), (3, 4))}), ("linear_ramp", {"end_values": 5}),
        ("linear_ramp", {"end_values": ((1, 2), (3, 4))}),
        ("mean", {}), ("maximum", {}), ("minimum", {"stat_length": 2}), ("mean", {"stat_length": ((1, 2), (2, 3))})]


@pytest.mark.parametrize(("mode", "options"), PADS)
@pytest.mark.parametrize("width", [1, (1, 2), ((2, 0), (1, 3)), ((7, 5), (0, 9)), {1: (1, 2)}])
def test_pad(mode: str, options: dict, width) -> None:
    for x in (M, M.astype(int)):
        got, want = fnp.pad(x, width, mode, **options), np.pad(x, width, mode, **options)
        assert got.dtype == want.dtype
        same(got, want)
    want = np.pad(M, width, mode, **options)
    same(ft.jit(lambda v: fnp.pad(v, width, mode, **options))(M), want)
    g = ft.grad(lambda v: fnp.sum(fnp.pad(v, width, mode, **options)))(M)
    step = 1e-6 * np.cos(np.arange(12)).reshape(3, 4)
    slope = (np.pad(M + step, width, mode, **options) - np.pad(M - step, width, mode, **options)).sum() / 2
    np.testing.assert_allclose(np.sum(np.asarray(g) * step), slope, rtol=1e-6, atol=1e-12)


def test_pad_refuses() -> None:
    with pytest.raises(NotImplementedError, match="mode 'median'"):
        fnp.pad(M, 1, "median")
    with pytest.raises(ValueError, match="must not be negative"):
        fnp.pad(M, -1)
    with pytest.raises(ValueError, match="cannot extend empty axis 0"):
        fnp.pad(np.zeros((0,)), 1, "edge")


def test_joining() -> None:
    a, b = np.arange(3), np.arange(3.0) + 5
    for name in ("concatenate", "stack", "vstack", "hstack", "dstack", "column_stack"):
        same(getattr(fnp, name)([a, b]), getattr(np, name)([a, b]))
        same(getattr(fnp, name)([M, M + 1]), getattr(np, name)([M, M + 1]))
    same(fnp.stack([M, M], axis=-1), np.stack([M, M], axis=-1))
    same(fnp.stack(M, axis=1), np.stack(M, axis=1))
    same(fnp.concatenate([M, M], axis=None), np.concatenate([M, M], axis=None))
    same(fnp.concatenate(X), np.concatenate(X))
    same(fnp.concat([M, M], axis=1), np.concatenate([M, M], axis=1))
    assert fnp.concatenate([a, b], dtype="float32").dtype == np.float32
    assert fnp.stack([1, np.float32(2)]).dtype == np.float32
    same(fnp.block([[M, M[:, :1]], [M[:1], np.ones((1, 1))]]), np.block([[M, M[:, :1]], [M[:1], np.ones((1, 1))]]))
    same(fnp.block([a, b]), np.block([a, b]))
    same(fnp.block(2.0), np.block(2.0))
    for got, want in zip(fnp.unstack(X, axis=1), np.unstack(X, axis=1), strict=True):
        same(got, want)
    with pytest.raises(ValueError, match="at least one array"):
        fnp.concatenate([])
    with pytest.raises(ValueError, match="zero-dimensional"):
        fnp.concatenate([1.0, 2.0])
    with pytest.raises(ValueError, match="same shape"):
        fnp.stack([M, a])


def test_splitting() -> None:
    for sections in (2, [1, 3], [3, 1], [-1], np.array([2]), [9]):
        for got, want in zip(fnp.split(X, sections, 2), np.split(X, sections, 2), strict=True):
            same(got, want)
    for got, want in zip(fnp.array_split(X, 3, -1), np.array_split(X, 3, -1), strict=True):
        same(got, want)
    for name in ("vsplit", "hsplit", "dsplit"):
        for got, want in zip(getattr(fnp, name)(X, [1]), getattr(np, name)(X, [1]), strict=True):
            same(got, want)
    with pytest.raises(ValueError, match="Use array_split"):
        fnp.split(X, 3, axis=2)


def test_broadcasting() -> None:
    for got, want in zip(fnp.broadcast_arrays(M, M[:1], 2.0), np.broadcast_arrays(M, M[:1], 2.0), strict=True):
        same(got, want)
    assert fnp.broadcast_shapes((2, 1), 3, ()) == (2, 3)
    with pytest.raises(ValueError, match="Incompatible shapes"):
        fnp.broadcast_to(M, (4, 3))


def test_differences() -> None:
    same(fnp.diff(X, prepend=0.0, append=X[..., :2]), np.diff(X, prepend=0.0, append=X[..., :2]))
    same(fnp.diff(np.array([True, False, False])), np.diff(np.array([True, False, False])))
    same(fnp.ediff1d(M, to_begin=np.array([1.0]), to_end=2.0), np.ediff1d(M, to_begin=[1.0], to_end=2.0))
    for got, want in zip(fnp.gradient(M, 2.0, np.array([0.0, 1.0, 3.0, 4.0])), np.gradient(M, 2.0, [0.0, 1.0, 3.0, 4.0]), strict=True):
        same(got, want)
    same(fnp.gradient(M, axis=1), np.gradient(M, axis=1))


def test_traced_roll_and_counts() -> None:
    for shift in (0, 2, -7, 30):
        same(ft.jit(lambda x, s: fnp.roll(x, s, 1))(X, shift), np.roll(X, shift, 1))
    same(ft.jit(lambda x, s: fnp.roll(x, s, (0, 2)))(X, np.array([1, -2])), np.roll(X, (1, -2), (0, 2)))
    with pytest.raises(ConcretizationTypeError, match="repeats must be concrete"):
        ft.make_jaxpr(lambda n: fnp.repeat(X, n, 0))(np.array([1, 2]))
    same(fnp.repeat(np.array([1, 2]), np.array([1, 2]), total_repeat_length=5), [1, 2, 2, 2, 2])


def test_errors_name_the_value() -> None:
    with pytest.raises(TypeError, match=r"cannot reshape array of shape \(2, 3, 4\) \(size 24\) into shape \(5, 5\)"):
        fnp.reshape(X, (5, 5))
    with pytest.raises(NotImplementedError, match="order must be 'C' or 'F'"):
        fnp.reshape(X, (24,), "A")
    with pytest.raises(ValueError, match="not equal to one"):
        fnp.squeeze(X, 0)
    with pytest.raises(ValueError, match="not a permutation"):
        fnp.transpose(X, (0, 0, 1))
    with pytest.raises(np.exceptions.AxisError):
        fnp.flip(X, 3)
    with pytest.raises(IndexError):
        fnp.delete(X, 5, 0)
