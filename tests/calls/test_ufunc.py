"""Functions made to broadcast, and universal functions, against NumPy's."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.transforms.api import grad
from functrans.transforms.vmap import vmap
from tests.numpy.checks import agrees, close, differentiates

RNG = np.random.default_rng(14)
X = RNG.normal(size=(3, 4, 2))


# -- vectorize --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("signature", "shapes"), [
    (None, [(3, 1), (4,)]), (None, [(), ()]), (None, [(2, 1, 3), (1, 5, 1)]), ("(n),(n)->()", [(5, 3), (3,)]),
    ("(n),(n)->()", [(2, 1, 3), (4, 3)]), ("(n,m),(m)->(n)", [(6, 2, 3), (1, 3)]), ("(n),(m)->(n,m)", [(2, 3), (4,)]),
    ("(2),(n)->(n)", [(1, 2), (5, 1)]),
])
def test_vectorize(signature: Any, shapes: Any) -> None:
    core = {None: lambda x, y: x * y + x, "(n),(n)->()": lambda x, y: (x * y).sum(), "(n,m),(m)->(n)": lambda x, y: x @ y,
            "(n),(m)->(n,m)": lambda x, y: x[:, None] * y, "(2),(n)->(n)": lambda x, y: x[0] * y + x[1]}[signature]
    args = [RNG.normal(size=s) for s in shapes]
    agrees(fnp.vectorize(core, signature=signature), np.vectorize(core, signature=signature), *args)
    differentiates(fnp.vectorize(core, signature=signature), *args)


def test_vectorize_with_several_results_and_excluded_arguments() -> None:
    both = fnp.vectorize(lambda x, y: (x + y, (x * y).sum()), signature="(n),(n)->(n),()")
    close(both(X, X[0]), (X + X[0], (X * X[0]).sum(-1)))
    powers = fnp.vectorize(lambda x, n, scale: x**n * scale, excluded={1, "scale"})
    close(powers(X, 2, scale=3.0), X**2 * 3.0)
    assert fnp.vectorize(operator.neg).__name__ == "neg"


def test_vectorize_refuses() -> None:
    with pytest.raises(ValueError, match="not a valid gufunc signature"):
        fnp.vectorize(operator.add, signature="(n)->(m")
    product = fnp.vectorize(operator.matmul, signature="(n,m),(m)->(n)")
    with pytest.raises(ValueError, match="axis 'm' has size 3 elsewhere, and 2"):
        product(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match=r"does not have the axes \('n', 'm'\)"):
        product(np.ones(3), np.ones(3))
    with pytest.raises(TypeError, match="expected 2, got 1"):
        product(np.ones((2, 3)))
    with pytest.raises(ValueError, match="result of shape"):
        fnp.vectorize(lambda x: x, signature="(n)->()")(np.ones(3))
    with pytest.raises(TypeError, match="returns 1 results, and the signature has 2"):
        fnp.vectorize(lambda x: x, signature="(n)->(n),()")(np.ones(3))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_apply_along_axis(axis: int) -> None:
    for f in (lambda v: v.sum(), lambda v: v[:1] * v, lambda v: v[:, None] * v[:2]):
        agrees(lambda x, f=f: fnp.apply_along_axis(f, axis, x), lambda x, f=f: np.apply_along_axis(f, axis, x), X)
    close(fnp.apply_along_axis(lambda v, k, b=0: v.sum() * k + b, axis, X, 2, b=1), 2 * X.sum(axis) + 1)


# -- universal functions ----------------------------------------------------------------------------------------------

SKEW = fnp.frompyfunc(lambda x, y: 2 * x - y, 2, 1)
NP_SKEW = np.frompyfunc(lambda x, y: 2 * x - y, 2, 1)


def skew(method: str) -> Any:
    return lambda *args: np.asarray(getattr(NP_SKEW, method)(*args)).astype(float)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_function_that_is_not_associative(axis: int) -> None:
    """The elements are combined in NumPy's order."""
    agrees(lambda x: SKEW.reduce(x, axis), lambda x: skew("reduce")(x, axis), X)
    agrees(lambda x: SKEW.accumulate(x, axis), lambda x: skew("accumulate")(x, axis), X)
    places = np.array([0, 1, 0]) if axis != 2 else np.array([1, 0])
    agrees(lambda x: SKEW.reduceat(x, places, axis), lambda x: skew("reduceat")(x, places, axis), X)
    differentiates(lambda x: SKEW.reduce(x, axis), X)


def test_outer_call_and_refusals() -> None:
    agrees(SKEW.outer, skew("outer"), X[0], X[1, 0])
    close(SKEW(X, 1.0), 2 * X - 1)
    want = np.asarray(NP_SKEW.reduce(np.concatenate([np.ones((1, 4, 2)), X])))[None].astype(float)
    close(SKEW.reduce(X, 0, initial=1.0, keepdims=True), want)
    assert SKEW.nin == 2 and SKEW.nout == 1 and SKEW.nargs == 3 and SKEW.identity is None
    assert "ufunc" in repr(SKEW)
    with pytest.raises(ValueError, match="no identity"):
        SKEW.reduce(np.ones(0))
    with pytest.raises(TypeError, match="takes 2 arguments; got 1"):
        SKEW(X)
    with pytest.raises(ValueError, match="functions of two arguments with one result"):
        fnp.frompyfunc(lambda x: x, 1, 1).reduce(X)
    with pytest.raises(NotImplementedError, match="inplace=False"):
        fnp.add.at(X, 0, 1.0)


def test_at_repeats() -> None:
    x, places, values = np.arange(4.0), np.array([1, 1, 3, 1]), np.array([1.0, 2.0, 3.0, 4.0])
    for function, numpys in ((fnp.add, np.add), (fnp.multiply, np.multiply), (fnp.maximum, np.maximum), (fnp.subtract, np.subtract),
                             (fnp.divide, np.divide), (fnp.power, np.power)):
        want = x.copy()
        numpys.at(want, places, values)
        close(function.at(x, places, values, inplace=False), want)
        close(jit(lambda x, p, v, f=function: f.at(x, p, v, inplace=False))(x, places, values), want)
    negated = fnp.frompyfunc(operator.neg, 1, 1).at(x, places, inplace=False)
    close(negated, np.array([0.0, -1.0, 2.0, -3.0]))


BINARY = ["add", "multiply", "subtract", "divide", "maximum", "minimum", "power", "hypot", "logaddexp", "arctan2", "fmax"]


@pytest.mark.parametrize("name", BINARY)
def test_methods_of_numpys_functions(name: str) -> None:
    ours, numpys = getattr(fnp, name), getattr(np, name)
    x = np.abs(X) + 0.5
    agrees(lambda x: ours.reduce(x, 1), lambda x: numpys.reduce(x, 1), x)
    agrees(lambda x: ours.accumulate(x, 1), lambda x: numpys.accumulate(x, 1), x)
    agrees(ours.outer, numpys.outer, x[0], x[1, :2])
    pieces = [(2, 3), (0, 1), (1, 2), (1, 4)]  # each from one place up to the next, where that is greater
    agrees(lambda x: ours.reduceat(x, np.array([2, 0, 1, 1]), 1),
           lambda x: np.stack([numpys.reduce(x[:, i:j], 1) for i, j in pieces], 1), x)
    assert (ours.nin, ours.nout, ours.nargs) == (2, 1, 3)


def test_bits_and_truth() -> None:
    k = RNG.integers(0, 16, (3, 5))
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "logical_and", "logical_or", "logical_xor"):
        close(getattr(fnp, name).reduce(k, 1), getattr(np, name).reduce(k, 1))
        assert getattr(fnp, name).identity == getattr(np, name).identity
    close(fnp.add.reduce(k, axis=(0, 1)), np.add.reduce(k, axis=(0, 1)))
    close(fnp.bitwise_xor.reduce(k, axis=(0, 1), keepdims=True), np.bitwise_xor.reduce(k, axis=(0, 1), keepdims=True))
    close(fnp.add.reduce(k, axis=None, where=k > 3), np.add.reduce(k, axis=None, where=k > 3))
    close(fnp.bitwise_or.reduce(k, axis=0, where=k > 3), np.bitwise_or.reduce(k, axis=0, where=k > 3))


def test_numpys_own_methods_on_traced_values() -> None:
    close(jit(lambda x: np.maximum.accumulate(x, axis=1))(X), np.maximum.accumulate(X, axis=1))
    close(jit(lambda x: np.add.reduceat(x, [0, 2, 1], axis=1))(X), np.add.reduceat(X, [0, 2, 1], axis=1))


def test_transformed() -> None:
    close(grad(lambda x: SKEW.reduce(x))(np.ones(4)), np.array([8.0, -4.0, -2.0, -1.0]))
    close(vmap(SKEW.accumulate)(X), np.stack([skew("accumulate")(x) for x in X]))
