"""softmax, log_softmax, logsumexp, standardize, one_hot against NumPy's formulas and JAX's facts at the ends."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import functrans as ft
from functrans import nn, test_util

inf, nan = np.inf, np.nan
X = np.random.default_rng(0).normal(size=(3, 4, 5)) * 3
MASK = np.random.default_rng(1).random((3, 4, 5)) < 0.6
AXES = [-1, 0, (0, 2), None]


@pytest.mark.parametrize("axis", AXES)
def test_against_scipy(axis: object) -> None:
    np.testing.assert_allclose(nn.softmax(X, axis), scipy.special.softmax(X, axis), rtol=1e-13)
    np.testing.assert_allclose(nn.log_softmax(X, axis), scipy.special.log_softmax(X, axis), rtol=1e-12)
    np.testing.assert_allclose(nn.logsumexp(X, axis), scipy.special.logsumexp(X, axis), rtol=1e-13)
    np.testing.assert_allclose(nn.logsumexp(X, axis, keepdims=True), scipy.special.logsumexp(X, axis, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(nn.logmeanexp(X, axis), np.log(np.mean(np.exp(X), axis)), rtol=1e-12)


def test_where_leaves_elements_out() -> None:
    kept = np.where(MASK, np.exp(X), 0)
    np.testing.assert_allclose(nn.softmax(X, where=MASK), kept / kept.sum(-1, keepdims=True), rtol=1e-13)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(nn.log_softmax(X, where=MASK), np.log(kept / kept.sum(-1, keepdims=True)), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(nn.logsumexp(X, 1, where=MASK), np.log(kept.sum(1)), rtol=1e-13)
    np.testing.assert_allclose(nn.logmeanexp(X, 1, where=MASK), np.log(kept.sum(1) / MASK.sum(1)), rtol=1e-12)


def test_nothing_selected() -> None:
    x, mask = X[0, :2, :3], np.array([[True, False, True], [False, False, False]])
    np.testing.assert_array_equal(nn.softmax(x, where=mask)[1], 0)
    np.testing.assert_array_equal(nn.log_softmax(x, where=mask)[1], -inf)
    np.testing.assert_array_equal(nn.logsumexp(x, 1, where=mask)[1], -inf)
    assert np.isnan(nn.logmeanexp(x, 1, where=mask)[1])
    gradient = ft.grad(lambda x: nn.softmax(x, where=mask)[:, 0].sum())(x)
    p = scipy.special.softmax(x[0, [0, 2]])
    np.testing.assert_allclose(gradient, [[p[0] * p[1], 0, -p[0] * p[1]], [0, 0, 0]], rtol=1e-12)
    gradient = ft.grad(lambda x: nn.logsumexp(x, 1, where=mask)[0])(x)
    np.testing.assert_allclose(gradient, [[p[0], 0, p[1]], [0, 0, 0]], rtol=1e-12)
    gradient = ft.grad(lambda x: nn.log_softmax(x, where=mask)[0, 0])(x)
    np.testing.assert_allclose(gradient, [[1 - p[0], 0, -p[1]], [0, 0, 0]], rtol=1e-12)


def test_infinite_and_large_arguments() -> None:
    np.testing.assert_array_equal(nn.softmax(np.array([1e4, 1e4])), 0.5)
    np.testing.assert_array_equal(nn.softmax(np.array([-inf, 0.0])), [0, 1])
    np.testing.assert_array_equal(nn.log_softmax(np.array([-inf, 0.0])), [-inf, 0])
    assert np.isnan(nn.softmax(np.array([-inf, -inf]))).all()
    assert nn.logsumexp(np.array([-inf, -inf])) == -inf
    assert nn.logsumexp(np.array([inf, 1.0])) == inf
    assert nn.logsumexp(np.zeros(0)) == -inf
    np.testing.assert_allclose(nn.logsumexp(np.array([-1e4, -1e4])), -1e4 + np.log(2))
    np.testing.assert_array_equal(ft.grad(lambda x: nn.logsumexp(x))(np.array([-inf, 0.0])), [0, 1])


def test_factors_and_signs() -> None:
    b = np.random.default_rng(2).normal(size=X.shape)
    value, sign = nn.logsumexp(X, 2, b, return_sign=True)
    expected, expected_sign = scipy.special.logsumexp(X, 2, b, return_sign=True)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_array_equal(sign, expected_sign)
    assert np.isnan(nn.logsumexp(np.zeros(2), b=np.array([1.0, -3.0])))
    assert nn.logsumexp(np.array([inf, 0.0]), b=np.array([0.0, 2.0])) == np.log(2)
    gradient = ft.grad(lambda b: nn.logsumexp(X, b=b))(b ** 2)
    np.testing.assert_allclose(gradient, np.exp(X) / np.sum(b ** 2 * np.exp(X)), rtol=1e-11)


def test_complex_logsumexp() -> None:
    z = np.array([1 + 1j, 2 - 1j])
    np.testing.assert_allclose(nn.logsumexp(z), np.log(np.exp(z).sum()), rtol=1e-14)
    value, phase = nn.logsumexp(z, return_sign=True)
    total = np.exp(z).sum()
    np.testing.assert_allclose([value, phase], [np.log(abs(total)), total / abs(total)], rtol=1e-14)


@pytest.mark.parametrize("masked", [False, True])
def test_derivatives_of_softmax(masked: bool) -> None:
    x, mask = X[0, 0], MASK[0, 0] if masked else None
    y = np.asarray(nn.softmax(x, where=mask))
    jacobian = np.diag(y) - np.outer(y, y)
    for jac in (ft.jacrev, ft.jacfwd):
        np.testing.assert_allclose(jac(lambda x: nn.softmax(x, where=mask))(x), jacobian, atol=1e-15)
    second = ft.hessian(lambda x: nn.logsumexp(x, where=mask))(x)
    np.testing.assert_allclose(second, jacobian, atol=1e-15)
    np.testing.assert_allclose(ft.vmap(lambda x: nn.softmax(x, where=mask))(X[0]), nn.softmax(X[0], where=mask), rtol=1e-14)
    third = ft.jacfwd(ft.hessian(lambda x: nn.logsumexp(x, where=mask)))(x)
    np.testing.assert_allclose(third, ft.jacfwd(ft.jacrev(lambda x: nn.softmax(x, where=mask)))(x), atol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_are_kept(dtype: str) -> None:
    x = X.astype(dtype)
    for f in (nn.softmax, nn.log_softmax, nn.logsumexp, nn.logmeanexp, nn.standardize):
        assert f(x).dtype == dtype
    np.testing.assert_allclose(nn.softmax(x).astype(float).sum(-1), 1, rtol=5e-3 if dtype == "float16" else 1e-6)


@pytest.mark.parametrize("algorithm", ["fast", "stable"])
@pytest.mark.parametrize("axis", AXES)
def test_standardize(axis: object, algorithm: str) -> None:
    expected = (X - X.mean(axis, keepdims=True)) / np.sqrt(X.var(axis, keepdims=True) + 1e-5)
    np.testing.assert_allclose(nn.standardize(X, axis, algorithm=algorithm), expected, rtol=1e-11, atol=1e-12)


def test_standardize_with_parts_given() -> None:
    np.testing.assert_allclose(nn.standardize(X, mean=1.0, variance=4.0, epsilon=0.0), (X - 1) / 2, rtol=1e-14)
    mean = X.mean(-1, where=MASK, keepdims=True)
    expected = (X - mean) / np.sqrt(X.var(-1, where=MASK, keepdims=True) + 1e-5)
    np.testing.assert_allclose(nn.standardize(X, where=MASK), expected, rtol=1e-11, atol=1e-12)
    shifted = nn.standardize(X + 1e9, epsilon=0.0, algorithm="stable")
    np.testing.assert_allclose(shifted, nn.standardize(X, epsilon=0.0, algorithm="stable"), atol=1e-6)
    with pytest.raises(ValueError, match=r"algorithm must be 'fast' or 'stable'; got 'slow', at .*test_normalize"):
        nn.standardize(X, algorithm="slow")


def test_one_hot() -> None:
    labels = np.array([[0, 1, 2], [2, 1, -1]])
    expected = (labels[..., None] == np.arange(3)).astype(float)
    np.testing.assert_array_equal(nn.one_hot(labels, 3), expected)
    np.testing.assert_array_equal(nn.one_hot(labels, 3, axis=0), np.moveaxis(expected, -1, 0))
    assert nn.one_hot(labels, 3, dtype="int8").dtype == "int8"
    np.testing.assert_array_equal(ft.jit(lambda i: nn.one_hot(i, 3))(1), [0, 1, 0])
    with pytest.raises(ValueError, match=r"num_classes must be 0 or more; got -2, at .*test_normalize"):
        nn.one_hot(labels, -2)


def test_one_hot_over_a_mapped_axis() -> None:
    out = ft.vmap(lambda i: nn.one_hot(i, 3, axis="classes"), in_axes=None, axis_size=3, axis_name="classes")(np.array([0, 2]))
    np.testing.assert_array_equal(out, [[1, 0], [0, 0], [0, 1]])


def test_axis_out_of_range() -> None:
    with pytest.raises(np.exceptions.AxisError):
        nn.softmax(X, axis=5)


@pytest.mark.parametrize("f", [
    nn.softmax, nn.log_softmax, nn.logsumexp, nn.logmeanexp, nn.standardize, lambda x: nn.standardize(x, algorithm="stable"),
    lambda x: nn.softmax(x, axis=0, where=MASK[0]), lambda x: nn.dot_product_attention(x[:, None], x[:, None], x[:, None]), nn.glu,
])
def test_derivatives_and_transformations_by_definition(f: object) -> None:
    x = X[0] if f is not nn.glu else X[0, :, :4]
    test_util.check_grads(f, (x,), order=2)
    test_util.check_vmap(f, (x,), atol=1e-12)
    test_util.check_jit(f, (x,), atol=1e-13)
