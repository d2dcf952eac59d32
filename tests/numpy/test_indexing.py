"""Indexing against NumPy: drawn index expressions, on the path of evaluation and on the path that transformations take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
from functrans import numpy as fnp
from functrans.errors import ConcretizationTypeError, NonConcreteBooleanIndexError
from functrans.numpy.indexing import IndexUpdateRef, read

SHAPE = (3, 4, 5)
X = np.arange(60.0).reshape(SHAPE)


@st.composite
def indices(draw: st.DrawFn) -> tuple:
    """An index into `SHAPE` with parts of all kinds; it may be invalid."""
    parts: list = []
    axis = 0
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from("iisssnabfe"))
        n = SHAPE[min(axis, 2)]
        if kind == "i":
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind == "s":
            bound = st.none() | st.integers(-n - 1, n + 1)
            parts.append(slice(draw(bound), draw(bound), draw(st.none() | st.sampled_from([1, 2, -1, -2]))))
        elif kind == "n":
            parts.append(None)
        elif kind == "a":
            shape = draw(st.sampled_from([(2,), (2, 1), (1,), (0,), ()]))
            size = int(np.prod(shape))
            parts.append(np.array(draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size)), np.int64).reshape(shape))
        elif kind == "b":
            parts.append(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))))
        elif kind == "f":
            parts.append(draw(st.booleans()))
        elif Ellipsis not in [p for p in parts if not isinstance(p, np.ndarray)]:
            parts.append(...)
        axis += kind in "isab"
    return tuple(parts)


def expected(index: tuple) -> np.ndarray | None:
    try:
        return np.asarray(X[index])
    except IndexError:
        return None


@settings(max_examples=300, deadline=None)
@given(indices())
def test_getitem_agrees_with_numpy(index: tuple) -> None:
    want = expected(index)
    x = fnp.array(X)
    if want is None:
        for get in (lambda: x[index], lambda: read(x, index)):
            with pytest.raises(IndexError):
                get()
        return
    for got in (x[index], read(x, index)):
        assert got.shape == want.shape
        np.testing.assert_array_equal(got, want)


@settings(max_examples=200, deadline=None)
@given(indices(), st.sampled_from(["add", "multiply", "min", "max", "subtract"]))
def test_updates_agree_with_numpy(index: tuple, name: str) -> None:
    at = expected(index)
    if at is None:
        return
    values = np.linspace(-3.0, 70.0, at.size).reshape(at.shape)
    want = X.copy()
    ufunc = {"add": np.add, "multiply": np.multiply, "min": np.minimum, "max": np.maximum, "subtract": np.subtract}[name]
    ufunc.at(want, index, values)
    x = fnp.array(X)
    for mode in (None, "error"):  # the path of evaluation, and the general one
        np.testing.assert_allclose(getattr(x.at[index], name)(values, mode=mode), want)
    want = X.copy()
    want[index] = 7.0
    for mode in (None, "error"):
        np.testing.assert_array_equal(x.at[index].set(7.0, mode=mode), want)
    if at.size == np.unique(at).size:  # no element twice: which update stays is defined
        want[index] = values
        for mode in (None, "error"):
            np.testing.assert_array_equal(x.at[index].set(values, mode=mode), want)


@settings(max_examples=60, deadline=None)
@given(indices())
def test_gradient_of_getitem_counts_reads(index: tuple) -> None:
    at = expected(index)
    if at is None or not at.size:
        return
    weights = np.linspace(1.0, 2.0, at.size).reshape(at.shape)
    want = np.zeros(SHAPE)
    np.add.at(want, index, weights)
    np.testing.assert_allclose(ft.grad(lambda x: fnp.sum(x[index] * weights))(X), want)


TRACED = [
    lambda x, i: x[i], lambda x, i: x[:, i], lambda x, i: x[i, ::2, -1], lambda x, i: x[i, np.array([0, 1])],
    lambda x, i: x[np.array([0, 1]), :, i], lambda x, i: x[None, i, ..., 1:3], lambda x, i: x.at[i].set(1.0),
    lambda x, i: x.at[i, 1:3].add(2.0), lambda x, i: x.at[::-1, i].multiply(3.0), lambda x, i: x.at[i, :, ::2].min(4.0),
]


def _on_arrays(f):
    """`vmap` hands unbatched arguments over as they are: an ndarray has no `.at`, and no use for traced indices."""
    return lambda x, i: f(fnp.asarray(x), i)


@pytest.mark.parametrize("f", TRACED)
@pytest.mark.parametrize("i", [1, -1])
def test_traced_indices_under_transformations(f, i: int) -> None:
    want, f = np.asarray(f(fnp.array(X), i)), _on_arrays(f)
    np.testing.assert_array_equal(ft.jit(f)(X, i), want)
    np.testing.assert_array_equal(ft.vmap(f, (None, 0))(X, np.array([i, 0]))[0], want)
    np.testing.assert_array_equal(ft.vmap(f, (0, None))(X[None], i)[0], want)
    np.testing.assert_array_equal(ft.vmap(f)(np.stack([X, X]), np.array([i, 0]))[0], want)


@pytest.mark.parametrize("index", [3, -4, (0, 4), np.array([0, 3]), (slice(None), np.array([-5]))])
def test_out_of_bounds_raises_with_the_line(index) -> None:
    x = fnp.array(X)
    for use in (lambda: x[index], lambda: x.at[index].set(0.0), lambda: ft.jit(lambda y: y[index])(X)):
        with pytest.raises(IndexError, match=r"out of bounds for axis \d with size \d, at .*test_indexing.py"):
            use()


@pytest.mark.parametrize("i", [3, -4, 100])
def test_traced_out_of_bounds_raises(i: int) -> None:
    for use in (lambda: ft.jit(lambda x, k: x[k])(X, i), lambda: ft.jit(lambda x, k: x.at[k].set(0.0))(X, i),
                lambda: ft.vmap(lambda k: fnp.array(X)[k])(np.array([0, i]))):
        with pytest.raises(IndexError, match="out of bounds for axis 0 with size 3"):
            use()


def test_modes() -> None:
    x = fnp.arange(3.0)
    index = np.array([-4, -1, 5])
    np.testing.assert_array_equal(x.at[index].get(mode="clip"), [0.0, 2.0, 2.0])
    np.testing.assert_array_equal(x.at[index].get(mode="fill"), [np.nan, 2.0, np.nan])
    np.testing.assert_array_equal(x.at[index].get(mode="fill", fill_value=-1), [-1.0, 2.0, -1.0])
    np.testing.assert_array_equal(x.at[index].get(fill_value=-1), [-1.0, 2.0, -1.0])
    np.testing.assert_array_equal(x.at[index].set(9.0, mode="drop"), [0.0, 1.0, 9.0])
    np.testing.assert_array_equal(x.at[7].set(9.0, mode="drop"), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(x.at[-1].set(9.0, mode="drop", wrap_negative_indices=False), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(x.at[7].get(mode="clip"), 2.0)
    with pytest.raises(ValueError, match="unknown mode 'nearest'"):
        x.at[0].get(mode="nearest")


def test_refusals_name_the_repair() -> None:
    x = fnp.array(X)
    with pytest.raises(TypeError, match=r"a list is not an index.*functrans.numpy.array"):
        x[[0, 1]]
    with pytest.raises(TypeError, match=r"integer or boolean type; got f64\[\]"):
        x[np.float64(1.0)]
    with pytest.raises(TypeError, match="no fields"):
        x["a"]
    with pytest.raises(IndexError, match="too many indices"):
        x[0, 0, 0, 0]
    with pytest.raises(IndexError, match="shape mismatch"):
        x[np.zeros(2, int), np.zeros(3, int)]
    with pytest.raises(IndexError, match="boolean index did not match"):
        x[np.ones(4, bool)]
    with pytest.raises(ValueError, match="do not broadcast"):
        x.at[0].set(np.zeros(3))
    with pytest.raises(NonConcreteBooleanIndexError, match=r"functrans\.numpy\.where"):
        ft.make_jaxpr(lambda v: v[v > 3])(X)


def test_traced_masks_update() -> None:
    want = np.where(X > 3, 0.0, X)
    np.testing.assert_array_equal(ft.jit(lambda x: x.at[x > 3].set(0.0))(X), want)
    np.testing.assert_array_equal(ft.jit(lambda x: x.at[x[:, 0, 0] > 3].add(1.0))(X), X + (X[:, :1, :1] > 3))
    np.testing.assert_array_equal(ft.jit(lambda x: x.at[x > 3].divide(2.0))(X), np.where(X > 3, X / 2, X))


def test_other_updates() -> None:
    x = fnp.array(X)
    np.testing.assert_allclose(x.at[0].divide(2.0), np.concatenate([X[:1] / 2, X[1:]]))
    np.testing.assert_allclose(x.at[0].power(2.0), np.concatenate([X[:1] ** 2, X[1:]]))
    np.testing.assert_allclose(x.at[0].mul(2.0), np.concatenate([X[:1] * 2, X[1:]]))
    np.testing.assert_allclose(x.at[np.array([0, 0])].apply(fnp.square), np.concatenate([X[:1] ** 2, X[1:]]))
    np.testing.assert_allclose(fnp.arange(3).at[1:].divide(2), [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(fnp.arange(4).at[2:].power(2), [0, 1, 4, 9])
    with pytest.raises(TypeError):
        fnp.array([1j]).at[0].min(2.0)
    with pytest.warns(FutureWarning, match="loses information"):
        assert fnp.arange(3).at[0].set(1.5).dtype == np.int64
    assert x.at[0, 0, 0].set(np.float32(1)).dtype == np.float64


def test_views_stay_views() -> None:
    jaxpr = str(ft.make_jaxpr(lambda x: x[1, ::-1, 2:4])(X))
    assert "gather" not in jaxpr
    jaxpr = str(ft.make_jaxpr(lambda x: x.at[1, 2:4].set(0.0))(X))
    assert "dynamic_update_slice" in jaxpr
    assert "scatter" not in jaxpr
    base = fnp.array(X)
    assert np.shares_memory(base[1, 2:], base)


def test_gradient_of_updates() -> None:
    def f(x, v):
        return fnp.sum(x.at[np.array([0, 2])].set(v) ** 2) + fnp.sum(x.at[1, 1:3].add(v[0, 1:3]) ** 3)

    x, v = X / 60, np.linspace(0.0, 1.0, 40).reshape(2, 4, 5)
    for k, g in enumerate(ft.grad(f, (0, 1))(x, v)):
        step = np.zeros((x, v)[k].shape)
        step[1, 1, 2] = 1e-6
        args = [[x, v], [x, v]]
        args[0][k], args[1][k] = (x, v)[k] + step, (x, v)[k] - step
        np.testing.assert_allclose(g[1, 1, 2], (float(f(*map(fnp.array, args[0]))) - float(f(*map(fnp.array, args[1])))) / 2e-6, rtol=1e-6)


def test_index_functions() -> None:
    i = np.array([[0, -1], [2, 1]])
    np.testing.assert_array_equal(fnp.take(X, i, axis=1), np.take(X, i, axis=1))
    np.testing.assert_array_equal(fnp.take(X, np.array([0, 61, -5]), mode="wrap"), np.take(X, [0, 61, -5], mode="wrap"))
    np.testing.assert_array_equal(fnp.take(X, np.array([0, 61, -5]), mode="clip"), np.take(X, [0, 61, -5], mode="clip"))
    with pytest.raises(IndexError, match="out of bounds"):
        fnp.take(X, np.array([60]))
    order = np.argsort(-X, axis=1)[:, :2]
    np.testing.assert_array_equal(fnp.take_along_axis(X, order, 1), np.take_along_axis(X, order, 1))
    np.testing.assert_array_equal(ft.jit(lambda k: fnp.take_along_axis(fnp.array(X), k, 1))(order), np.take_along_axis(X, order, 1))
    want = X.copy()
    np.put_along_axis(want, order, -1.0, 1)
    np.testing.assert_array_equal(fnp.put_along_axis(X, order, -1.0, 1, inplace=False), want)
    want = X.copy()
    np.put(want, [3, 1, -1], [5.0, 6.0])
    np.testing.assert_array_equal(fnp.put(X, np.array([3, 1, -1]), np.array([5.0, 6.0]), inplace=False), want)
    with pytest.raises(ValueError, match="inplace=False"):
        fnp.put(X, np.array([0]), 1.0)
    for shape, wrap in (((3, 3), False), ((5, 2), False), ((5, 2), True), ((2, 5), False), ((3, 3, 3), False)):
        want = np.zeros(shape)
        np.fill_diagonal(want, [1.0, 2.0, 3.0], wrap)
        np.testing.assert_array_equal(fnp.fill_diagonal(np.zeros(shape), np.array([1.0, 2.0, 3.0]), wrap, inplace=False), want)
    which = np.array([[0, 2], [1, 0]])
    cases = [np.array([1, 2]), np.array([[3], [4]]), np.array(5)]
    np.testing.assert_array_equal(fnp.choose(which, cases), np.choose(which, cases))
    np.testing.assert_array_equal(fnp.choose(which - 2, cases, mode="wrap"), np.choose(which - 2, cases, mode="wrap"))
    np.testing.assert_array_equal(fnp.choose(which * 3 - 1, cases, mode="clip"), np.choose(which * 3 - 1, cases, mode="clip"))


def test_places_of_values() -> None:
    mask = X % 7 == 1
    for got, want in zip(fnp.nonzero(mask), np.nonzero(mask), strict=True):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(fnp.argwhere(mask), np.argwhere(mask))
    np.testing.assert_array_equal(fnp.flatnonzero(mask, size=3, fill_value=-1), np.flatnonzero(mask)[:3])
    np.testing.assert_array_equal(fnp.flatnonzero(mask, size=12, fill_value=-1)[-3:], [-1, -1, -1])
    np.testing.assert_array_equal(fnp.extract(mask, X), np.extract(mask, X))
    np.testing.assert_array_equal(fnp.compress([False, True], X, axis=1), np.compress([False, True], X, axis=1))
    with pytest.raises(ConcretizationTypeError, match="nonzero"):
        ft.make_jaxpr(fnp.nonzero)(X)
    flat = np.array([3, 59, -1])
    for got, want in zip(fnp.unravel_index(flat, SHAPE), np.unravel_index([3, 59, 59], SHAPE), strict=True):
        np.testing.assert_array_equal(got, want)
    for order in ("C", "F"):
        for mode in ("raise", "clip", "wrap"):
            parts = (np.array([1, 2]), np.array([3, 0]), np.array([4, 1]))
            shifted = parts if mode == "raise" else tuple(p * 3 - 4 for p in parts)
            want = np.ravel_multi_index(shifted, SHAPE, mode, order)
            np.testing.assert_array_equal(fnp.ravel_multi_index(shifted, SHAPE, mode, order), want)


def test_builders() -> None:
    np.testing.assert_array_equal(fnp.mgrid[0:2, 0:3], np.mgrid[0:2, 0:3])
    np.testing.assert_array_equal(fnp.mgrid[0:1:3j], np.mgrid[0:1:3j])
    for got, want in zip(fnp.ogrid[0:2, 0:3], np.ogrid[0:2, 0:3], strict=True):
        np.testing.assert_array_equal(got, want)
    a, b = np.array([1, 2]), np.array([3, 4])
    for name in ("r_", "c_"):
        ours, theirs = getattr(fnp, name), getattr(np, name)
        np.testing.assert_array_equal(ours[a, b], theirs[a, b])
        mixed = (slice(1, 4), 0, a) if name == "r_" else (slice(0, 2), a)
        np.testing.assert_array_equal(ours[mixed], theirs[mixed])
    for directive in ("0,2", "-1", "0,2,0", "1,2,0", "0,3,1"):
        np.testing.assert_array_equal(fnp.r_[directive, a, b], np.r_[directive, a, b])
    assert fnp.s_[1:2, ...] == np.s_[1:2, ...]
    assert fnp.index_exp[1:2] == np.index_exp[1:2]
    for got, want in ((fnp.tril_indices(3, 1, 4), np.tril_indices(3, 1, 4)), (fnp.triu_indices(3), np.triu_indices(3)),
                      (fnp.diag_indices(3, 3), np.diag_indices(3, 3)), (fnp.ix_(a, b), np.ix_(a, b))):
        for p, q in zip(got, want, strict=True):
            np.testing.assert_array_equal(p, q)
    np.testing.assert_array_equal(fnp.array(X)[fnp.ix_(np.array([0, 2]), np.array([1, 3]))], X[np.ix_([0, 2], [1, 3])])


def test_empty_axes() -> None:
    empty = fnp.zeros((0, 3))
    assert empty[np.zeros(0, int)].shape == (0, 3)
    assert empty[:, 1].shape == (0,)
    with pytest.raises(IndexError):
        empty[0]
    with pytest.raises(IndexError):
        read(empty, np.array([0]))
    assert IndexUpdateRef(empty, slice(None)).set(1.0).shape == (0, 3)


def test_products_by_one_traced_index_are_differentiated() -> None:
    """x.at[i].multiply(y) by y: integers and slices name no element twice, so each update meets one element alone."""
    x, y = X[0], np.linspace(1.0, 2.0, 4)
    for at, values in ((lambda i: (i,), y[:1]), (lambda i: (slice(None), i), y), (lambda i: (slice(None, None, 2), -i), y[:2]),
                       (lambda i: (i, i + 1), y[0]), (lambda i: (i, None, slice(3)), y[:3])):
        where = tuple(p if isinstance(p, slice) or p is None else int(p) for p in at(1))
        total = lambda v, i, op, at=at: getattr(ft.numpy.asarray(x).at[at(i)], op)(v).sum()  # noqa: E731
        for op, slope in (("multiply", lambda e, v: e), ("divide", lambda e, v: -e / v ** 2),
                          ("power", lambda e, v: np.log(e) * e ** v)):
            # a value that is broadcast along leading axes gets the sum over them
            every = slope(x[where], values).reshape(-1, np.size(values)).sum(0).reshape(np.shape(values))
            for run in (ft.grad(total), ft.jit(ft.grad(total), static_argnums=2)):
                np.testing.assert_allclose(run(values, 1, op), every)
    by_loop = ft.grad(lambda c: ft.lax.fori_loop(0, 3, lambda i, c: c.at[i].multiply(c.sum()), c).sum())
    # c0, c1, c2 = 0, 1, 2: s = 3, a = 3 c0; t = a + c1 + c2, b = c1 t; the end is a + b + c2 (a + b + c2)
    np.testing.assert_allclose(by_loop(np.arange(3.0)), [18.0, 12.0, 10.0])


def test_products_by_many_indices_name_the_call_in_their_refusal() -> None:
    for op in ("multiply", "divide", "power"):
        with pytest.raises(NotImplementedError, match=r"of x\.at\[index\]\.multiply, \.divide, \.power or scatter_mul by the updates needs "
                                                      r"unique_indices=True.*test_indexing\.py:\d+"):
            ft.grad(lambda v, op=op: getattr(fnp.ones(3).at[np.array([0, 1])], op)(v).sum())(np.ones(2))
