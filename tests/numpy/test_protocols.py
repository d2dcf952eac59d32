"""NumPy's own functions on arrays and traced values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special as sp

import functrans
from functrans import numpy as fnp
from functrans.core.array import Array
from functrans.transforms.api import grad

X = np.array([0.5, 1.5, 2.5])


@pytest.mark.parametrize("f", [
    np.sin, np.negative, np.sum, np.mean, np.max, np.argmax, np.std, np.zeros_like, np.isnan, lambda x: np.where(x > 1, x, 0.0),
    lambda x: np.add(x, 1), lambda x: np.dot(x, x), lambda x: np.clip(x, 1, 2), lambda x: np.concatenate([x, x]),
    lambda x: np.stack([x, x]), lambda x: np.add.reduce(x), lambda x: np.maximum.reduce(x, axis=0), lambda x: np.multiply.outer(x, x),
    lambda x: np.reshape(x, (3, 1)), lambda x: np.linspace(x[0], x[1], 4), lambda x: np.round(x, 0), lambda x: np.full_like(x, 2),
])
def test_functions_dispatch(f: Any) -> None:
    got = f(fnp.array(X))
    assert type(got) is Array
    np.testing.assert_allclose(np.asarray(got), f(X))
    staged = functrans.make_jaxpr(f)(X)
    assert staged.out_avals[0].shape == np.shape(f(X))


def test_arguments_that_numpy_adds() -> None:
    """`row_stack` hands `casting` on, at its default; `isfortran` reads the flags of the memory."""
    x = fnp.array(X)
    with pytest.warns(DeprecationWarning, match="row_stack"):
        assert np.row_stack([x, x]).tolist() == [X.tolist()] * 2
    assert np.concatenate([x, x], casting="same_kind").tolist() == [*X, *X]
    with pytest.raises(TypeError, match="casting"):
        np.concatenate([x, x], casting="no")
    assert not np.isfortran(x)
    with pytest.raises(ValueError, match="WRITEABLE"):
        x.flags.writeable = True


def test_derivatives_pass_through_numpy() -> None:
    np.testing.assert_allclose(grad(lambda x: np.sum(np.sin(x) * X))(X), np.cos(X) * X)
    np.testing.assert_allclose(grad(lambda x: np.mean(np.exp(x)) + np.dot(X, x))(X), np.exp(X) / 3 + X)


def test_eager_functions_without_a_twin_compute_on_the_numbers() -> None:
    assert type(np.gcd(fnp.array([4, 6]), 2)) is Array
    counts, _ = np.histogram(fnp.array(X), bins=2)
    assert counts.tolist() == [1, 2]
    out = np.zeros(3)
    assert np.add(fnp.array(X), 1, out=out) is out and out.tolist() == (X + 1).tolist()
    assert np.add.reduceat(fnp.array(X), [0, 1]).tolist() == [0.5, 4.0]


@pytest.mark.parametrize(("f", "message"), [
    (lambda x: np.add(x, x, out=np.zeros(3)).sum(), "cannot be written into an existing array"),
    (lambda x: np.add.at(x, [0], 1.0), r"numpy.add.at: functrans arrays are immutable.*x.at\[i\].add\(v\)"),
    (lambda x: np.hypot.at(x, [0], 1.0), "apply"),
    (lambda x: np.frompyfunc(float, 1, 1)(x), r"has no functrans equivalent"),
    (lambda x: np.real_if_close(x).sum(), r"numpy\.real_if_close has no functrans equivalent"),
    (lambda x: np.nextafter.reduceat(x, [0]), r"numpy\.nextafter\.reduceat has no functrans"),
])
def test_refusals_for_traced_values(f: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        grad(f)(X)


def test_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"The nearest is functrans\.numpy\.\w+"):
        grad(lambda x: np.real_if_close(x).sum())(X)


def test_arrays_are_immutable_out() -> None:
    with pytest.raises(TypeError, match="immutable"):
        np.add(X, X, out=fnp.zeros(3))


def test_the_numbers_of_a_traced_value_cannot_be_had() -> None:
    with pytest.raises(TypeError):
        functrans.make_jaxpr(lambda x: np.asarray(x) + 1)(X)


@pytest.mark.parametrize("call", [
    lambda x: np.take(x, [0, 2], axis=0), lambda x: np.reshape(x, [4, 3]), lambda x: np.transpose(x, [1, 0]),
    lambda x: np.roll(x, [1, 2], [0, 1]), lambda x: np.tile(x, [2, 1]), lambda x: np.split(x, [1, 2])[1],
    lambda x: np.delete(x, [0, 1], axis=1), lambda x: np.where([[True], [False], [True]], x, 0.0),
    lambda x: np.dot(x, [1.0, 2.0, 3.0, 4.0]),
    lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 3.0, 4.0]), lambda x: np.flip(x, 0), lambda x: np.repeat(x, [1, 2, 0], axis=0),
    lambda x: np.pad(x, [[1, 0], [0, 2]]),
])
def test_lists_of_numbers_are_arrays_to_numpy_functions(call):
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(functrans.jit(call)(x), call(x))


def test_in_place_ufuncs_leave_arrays_alone() -> None:
    a = fnp.array([1.0, 2.0, 3.0])
    for call in (lambda: np.add.at(a, [0], 100.0), lambda: np.negative.at(a, [1]), lambda: sp.expit.at(a, [1])):
        with pytest.raises(TypeError, match=r"immutable.*test_protocols.py.*x.at"):
            call()
    np.testing.assert_array_equal(a, [1.0, 2.0, 3.0])
    target = np.zeros(3)
    np.add.at(target, [0, 0, 2], a)  # NumPy's own array takes what is added to it
    np.testing.assert_array_equal(target, [3.0, 0.0, 3.0])


@pytest.mark.parametrize("ufunc", [np.logaddexp, np.bitwise_or, np.add, np.maximum, np.hypot], ids=lambda u: u.__name__)
def test_reductions_of_ufuncs(ufunc: np.ufunc) -> None:
    x = np.array([[3, 1, 2], [4, 4, 7]])
    x = x if ufunc is np.bitwise_or else x * 0.5
    for axis in (0, 1):
        want = ufunc.reduce(x, axis=axis)
        for run in (lambda f: f, functrans.jit):
            np.testing.assert_allclose(run(lambda a, axis=axis: ufunc.reduce(a, axis=axis))(fnp.asarray(x)), want)


def test_where_of_ufuncs() -> None:
    """What NumPy leaves open is 0, and nothing that is not evaluated spoils a derivative."""
    x, mask = np.array([4.0, -1.0, 9.0]), np.array([True, False, True])
    for run in (lambda f: f, functrans.jit):
        np.testing.assert_allclose(run(lambda x: np.log(x, where=mask))(fnp.asarray(x)), [np.log(4), 0, np.log(9)])
        np.testing.assert_allclose(run(grad(lambda x: np.log(x, where=x > 0).sum()))(x), [1 / 4, 0, 1 / 9])
        np.testing.assert_allclose(run(grad(lambda x: np.arccosh(x, where=mask).sum()))(x), [15**-0.5, 0, 80**-0.5])
        np.testing.assert_allclose(run(grad(lambda x: sp.gammaln(x, where=mask).sum()))(x), [sp.digamma(4), 0, sp.digamma(9)])
        np.testing.assert_allclose(run(lambda x: np.divmod(x, 2.0, where=mask)[1])(fnp.asarray(x)), [0, 0, 1])
