"""`functrans.scipy.special` against SciPy: values, derivatives, `vmap`, `jit`, dtypes; and SciPy's own functions on our arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

import functrans as ft
from functrans import numpy as fnp
from functrans.scipy import special

rng = np.random.default_rng(11)


def within(low: float, high: float, n: int = 24) -> np.ndarray:
    return rng.uniform(low, high, n)


def whole(low: int, high: int, n: int = 24) -> np.ndarray:
    return rng.integers(low, high, n)


@dataclass(frozen=True, slots=True)
class Row:
    """Arguments, the reference (SciPy's function of the name unless given), and which arguments have derivatives."""

    args: tuple[np.ndarray, ...]
    active: tuple[int, ...] = (0,)
    reference: Callable[..., Any] | None = None
    tol: float = 2e-13


POSITIVE, UNIT, REAL = within(0.2, 9), within(0.02, 0.98), within(-4, 4)
ROWS = {
    "beta": Row((POSITIVE, within(0.2, 9)), (0, 1)),
    "betainc": Row((POSITIVE, within(0.2, 9), UNIT), (0, 1, 2), tol=2e-12),
    "betaln": Row((POSITIVE, within(0.2, 9)), (0, 1), tol=1e-12),
    "boxcox": Row((POSITIVE, REAL), (0, 1), tol=1e-12),
    "boxcox1p": Row((POSITIVE, REAL), (0, 1), tol=1e-12),
    "comb": Row((within(3, 9), within(0.2, 2)), (0, 1)),
    "dawsn": Row((REAL,)),
    "digamma": Row((POSITIVE,), tol=1e-12),
    "entr": Row((POSITIVE,)),
    "erf": Row((REAL,)),
    "erfc": Row((REAL,)),
    "erfcx": Row((REAL,)),
    "erfinv": Row((2 * UNIT - 1,)),
    "exp1": Row((POSITIVE,)),
    "expi": Row((np.concatenate([within(-4, -0.2), within(0.5, 9)]),)),
    "expit": Row((REAL,)),
    "expn": Row((whole(0, 9), POSITIVE), (1,)),
    "factorial": Row((POSITIVE,)),
    "gamma": Row((np.concatenate([POSITIVE, within(-2.9, -2.1)]),)),
    "gammainc": Row((POSITIVE, within(0.2, 9)), (0, 1), tol=1e-12),
    "gammaincc": Row((POSITIVE, within(0.2, 9)), (0, 1), tol=1e-12),
    "gammaln": Row((within(2.5, 9),)),
    "gammasgn": Row((np.array([-3.5, -2.5, -1.0, -0.0, 0.0, 1.5, np.inf, -np.inf]),), ()),
    "hyp1f1": Row((within(0.2, 5), within(0.5, 5), REAL), (0, 1, 2), tol=1e-11),
    "hyp2f1": Row((within(0.2, 4), within(0.2, 4), within(1.5, 5), within(-3, 0.95)), (0, 1, 2, 3), tol=1e-10),
    "i0": Row((REAL,)),
    "i0e": Row((REAL,)),
    "i1": Row((REAL,)),
    "i1e": Row((REAL,)),
    "kl_div": Row((POSITIVE, within(0.2, 9)), (0, 1), tol=1e-11),
    "log_ndtr": Row((REAL,), tol=1e-12),
    "loggamma": Row((within(2.5, 9),)),
    "logit": Row((UNIT,), tol=1e-12),
    "ndtr": Row((REAL,), tol=1e-12),
    "ndtri": Row((UNIT,), tol=1e-12),
    "owens_t": Row((REAL, within(-4, 4)), (0, 1), tol=1e-12),
    "poch": Row((POSITIVE, within(-0.1, 5)), (0, 1), tol=1e-12),
    "polygamma": Row((whole(0, 5), within(0.5, 9)), (1,), tol=1e-12),
    "rel_entr": Row((POSITIVE, within(0.2, 9)), (0, 1), tol=1e-11),
    "spence": Row((POSITIVE,), tol=1e-12),
    "xlog1py": Row((REAL, POSITIVE), (0, 1)),
    "xlogy": Row((REAL, POSITIVE), (0, 1)),
    "zeta": Row((within(1.5, 9), POSITIVE), (0, 1), tol=1e-12),
    "fresnel_s": Row((REAL,), reference=lambda x: sp.fresnel(x)[0]),
    "fresnel_c": Row((REAL,), reference=lambda x: sp.fresnel(x)[1]),
    "si": Row((REAL,), reference=lambda x: sp.sici(x)[0]),
    "ci": Row((within(0.8, 2.5),), reference=lambda x: sp.sici(x)[1]),
    "sph_re": Row((within(0.2, 3), REAL), (0, 1), reference=lambda t, p: sp.sph_harm_y(4, -3, t, p).real),
    "jn": Row((within(-30, 30),), reference=lambda x: sp.jv(3, x), tol=1e-11),
    "multigammaln": Row((within(2, 9),), reference=lambda x: np.vectorize(lambda v: sp.multigammaln(v, 3))(x), tol=1e-11),
}
PARTS = {
    "fresnel_s": lambda x: special.fresnel(x)[0],
    "fresnel_c": lambda x: special.fresnel(x)[1],
    "si": lambda x: special.sici(x)[0],
    "ci": lambda x: special.sici(x)[1],
    "sph_re": lambda t, p: special.sph_harm_y(4, -3, t, p).real,
    "jn": lambda x: special.bessel_jn(x, v=3)[3],
    "multigammaln": lambda x: special.multigammaln(x, 3),
}


def function(name: str) -> Callable[..., Any]:
    return PARTS.get(name) or getattr(special, name)


def reference(name: str) -> Callable[..., Any]:
    return ROWS[name].reference or getattr(sp, name)


@pytest.mark.parametrize("name", ROWS)
def test_values_and_dtypes(name: str) -> None:
    row, f = ROWS[name], function(name)
    want = reference(name)(*row.args)
    got = f(*row.args)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, want, rtol=row.tol, atol=row.tol)
    singles = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in row.args]
    got = f(*singles)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, reference(name)(*(x.astype(np.float64) for x in singles)), rtol=2e-5, atol=2e-6)
    assert f(*(x[:0] for x in row.args)).shape == (0,)
    assert f(*(x[0] for x in row.args)).shape == ()


@pytest.mark.parametrize("name", ROWS)
def test_derivatives_compiled_and_batched(name: str) -> None:
    """One compiled program of gradients of each element, against differences of SciPy's function."""
    row, f = ROWS[name], function(name)
    args = [x[:6].astype(np.float64) if i in row.active else x[:6] for i, x in enumerate(row.args)]
    if not row.active:
        np.testing.assert_array_equal(ft.grad(lambda x: f(x).sum())(args[0]), np.zeros(len(args[0])))
        return
    values, slopes = ft.jit(ft.vmap(ft.value_and_grad(f, row.active)))(*args)
    np.testing.assert_allclose(values, f(*args), rtol=1e-13, atol=1e-14)
    for slope, i in zip(slopes, row.active, strict=True):
        h = 1e-4

        def at(step: float, i: int = i) -> Any:
            return reference(name)(*(x + step if j == i else x for j, x in enumerate(args)))

        want = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
        np.testing.assert_allclose(slope, want, rtol=1e-7, atol=1e-8, err_msg=f"argument {i}")


@pytest.mark.parametrize("name", ["kl_div", "boxcox", "logit", "xlogy", "i1", "spence", "ndtri", "log_ndtr"])
def test_second_derivatives(name: str) -> None:
    row = ROWS[name]
    ft.test_util.check_grads(function(name), tuple(x[:2] for x in row.args), order=2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in special.__dict__ if isinstance(getattr(sp, n, None), np.ufunc)])
def test_integers_booleans_and_broadcasting(name: str) -> None:
    f, count = getattr(special, name), getattr(sp, name).nin
    shaped = [np.full((3,) if i == 0 else (2, 1), i + 1, np.int32) for i in range(count)]
    floats = [x.astype(np.float64) for x in shaped]
    with np.errstate(all="ignore"):
        want = getattr(sp, name)(*floats)
    for got, expected in zip(*(v if isinstance(v, tuple) else (v,) for v in (f(*shaped), want)), strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    flags = f(*[True] * count)
    for got in flags if isinstance(flags, tuple) else (flags,):
        assert got.dtype.kind in "fc"


FINITE = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5]
EDGES = np.array([*FINITE, np.inf, -np.inf, np.nan])
NO_VALUE = {"digamma": 2, "gammaln": 0}
"""Functions with a pole at 0 that JAX gives nan: how many of the first edges are not compared; and -inf, of which JAX has other limits."""


@pytest.mark.parametrize("name", [n for n, r in ROWS.items() if len(r.args) == 1 and hasattr(sp, n) and n not in (
    "factorial", "multigammaln", "jn")])
def test_edges_of_one_argument(name: str) -> None:
    edges = EDGES[NO_VALUE[name]:][EDGES[NO_VALUE[name]:] != -np.inf] if name in NO_VALUE else EDGES
    with np.errstate(all="ignore"):
        want = getattr(sp, name)(edges)
    got = np.asarray(getattr(special, name)(edges))
    same = np.isclose(got, want, rtol=1e-12, atol=0, equal_nan=True)
    assert same.all(), [(x, g, w) for x, g, w in zip(edges[~same], got[~same], want[~same], strict=True)]


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "rel_entr", "kl_div", "boxcox", "boxcox1p", "owens_t"])
def test_edges_of_two_arguments(name: str) -> None:
    x, y = (v.ravel() for v in np.meshgrid(EDGES, EDGES))
    with np.errstate(all="ignore"):
        want = getattr(sp, name)(x, y)
    got = np.asarray(getattr(special, name)(x, y))
    same = np.isclose(got, want, rtol=1e-12, atol=0, equal_nan=True)
    assert same.all(), [tuple(map(float, v)) for v in zip(x[~same], y[~same], got[~same], want[~same], strict=True)][:20]


@pytest.mark.parametrize("name", ["beta", "betaln", "poch"])
def test_poles_of_two_arguments(name: str) -> None:
    """The sign of an infinity at a pole is a convention of each library."""
    x, y = (v.ravel() for v in np.meshgrid(FINITE, FINITE))
    with np.errstate(all="ignore"):
        want = getattr(sp, name)(x, y)
    got = np.asarray(getattr(special, name)(x, y))
    poles = np.isinf(want)
    np.testing.assert_array_equal(np.isinf(got), poles)
    np.testing.assert_allclose(got[~poles], want[~poles], rtol=1e-12, atol=1e-15)


# -- SciPy's own functions --------------------------------------------------------------------------------------------

def test_scipy_functions_on_our_arrays() -> None:
    x = fnp.asarray([0.5, 1.5])
    for name, args in (("erf", (x,)), ("psi", (x,)), ("kl_div", (x, 2.0)), ("zeta", (x + 1, 2.0)), ("zeta", (x + 1,)), ("i0", (x,)),
                       ("expm1", (x,))):
        f = getattr(sp, name)
        plain = f(*(np.asarray(v) for v in args))
        eager, compiled = f(*args), ft.jit(f)(*args)
        assert type(eager) is ft.Array and type(compiled) is ft.Array
        np.testing.assert_allclose(eager, plain, rtol=1e-14)
        np.testing.assert_allclose(compiled, plain, rtol=1e-14)
    for got, want in zip(ft.jit(sp.fresnel)(x), sp.fresnel(np.asarray(x)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)
    slope = ft.jit(ft.grad(lambda x: sp.erf(x).sum()))(x)
    np.testing.assert_allclose(slope, 2 / np.sqrt(np.pi) * np.exp(-np.asarray(x) ** 2), rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(sp.gammaln)(x), sp.gammaln(np.asarray(x)), atol=1e-15)


def test_scipy_functions_without_a_twin() -> None:
    x = fnp.asarray([0.5, 1.5])
    got = sp.gammaincinv(x, 0.5)  # the numbers are known
    assert type(got) is ft.Array
    np.testing.assert_array_equal(got, sp.gammaincinv(np.asarray(x), 0.5))
    with pytest.raises(TypeError, match=r"scipy.special.gammaincinv has no functrans equivalent for traced arrays, at .*test_special.py.* "
                                        r"The nearest is functrans.scipy.special.gammainc"):
        ft.jit(lambda x: sp.gammaincinv(x, 0.5))(x)
    with pytest.raises(TypeError, match=r"scipy.special.erf: the arguments dtype cannot be used on traced arrays"):
        ft.jit(lambda x: sp.erf(x, dtype=np.float32))(x)
    with pytest.raises(TypeError, match=r"the method outer cannot be used on traced arrays"):
        ft.jit(lambda x: sp.kl_div.outer(x, x))(x)
    with pytest.raises(TypeError, match=r"scipy.special.erf: out= is an immutable functrans Array"):
        sp.erf(np.ones(2), out=x)
    np.testing.assert_array_equal(sp.erf(x, dtype=np.float64), sp.erf(np.asarray(x)))


def test_a_user_ufunc_of_a_known_name_is_the_users() -> None:
    def erf(x: float) -> float:
        return x + 1

    mine = np.frompyfunc(erf, 1, 1)
    np.testing.assert_array_equal(np.asarray(mine(fnp.asarray([1.0, 2.0])), float), [2.0, 3.0])


# -- messages ---------------------------------------------------------------------------------------------------------

def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match=r"erf requires ndarray or scalar arguments, got list at position 0, at .*test_special.py"):
        special.erf([1.0])
    with pytest.raises(TypeError, match=r"gammaln is defined for real numbers only; argument 0 is c128\[\], at .*test_special.py"):
        special.gammaln(np.complex128(1j))
    with pytest.raises(ValueError, match="owens_t got incompatible shapes"):
        special.owens_t(np.ones(2), np.ones(3))
    with pytest.raises(TypeError, match=r"multigammaln: d must be a Python integer, and it is traced"):
        ft.make_jaxpr(lambda d: special.multigammaln(3.0, d))(2)
    with pytest.raises(ValueError, match="bernoulli: n must be an integer of at least 0, not -1"):
        special.bernoulli(-1)
    with pytest.raises(TypeError, match=r"bernoulli: n must be a whole number, not 2.5"):
        special.bernoulli(2.5)
    with pytest.raises(NotImplementedError, match=r"Use math\.factorial"):
        special.factorial(3, exact=True)
    with pytest.raises(TypeError, match="series_order must be a Python integer"):
        special.log_ndtr(1.0, 1.5)
    with pytest.raises(ValueError, match="series_order must not be negative"):
        special.log_ndtr(1.0, -1)
    with pytest.raises(ValueError, match="sph_harm_y: n is traced"):
        ft.make_jaxpr(lambda n: special.sph_harm_y(n, 0, 0.1, 0.2))(1)
    with pytest.raises(TypeError, match="sph_harm_y: m must be of an integer dtype"):
        special.sph_harm_y(1, 0.5, 0.1, 0.2)
    with pytest.raises(NotImplementedError, match="diff_n=1 is not supported"):
        special.sph_harm_y(1, 0, 0.1, 0.2, diff_n=1)
    with pytest.raises(ValueError, match="v must be an integer of at least 0"):
        special.bessel_jn(1.0, v=-1)
    with pytest.raises(NotImplementedError, match="the order n is not implemented"):
        ft.grad(special.expn)(2.0, 1.0)
