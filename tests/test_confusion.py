"""Perturbation confusion: the published counter-examples, and nestings that a tag-less implementation gets wrong."""

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp


def derivative_fwd(f):
    return lambda x: ft.jvp(f, (x,), (1.0,))[1]


@pytest.mark.parametrize("outer", [ft.grad, derivative_fwd], ids=["grad", "jvp"])
@pytest.mark.parametrize("inner", [ft.grad, derivative_fwd], ids=["grad", "jvp"])
def test_siskind_pearlmutter(outer, inner):
    """d/dx [x * d/dy (x + y)] at 1 is 1, and 2 if the two perturbations are confused."""
    assert float(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0)) == 1.0


@pytest.mark.parametrize("outer", [ft.grad, derivative_fwd], ids=["grad", "jvp"])
@pytest.mark.parametrize("inner", [ft.grad, derivative_fwd], ids=["grad", "jvp"])
def test_product_of_both_variables(outer, inner):
    """d/dx [x * d/dy (x * y)] = d/dx x^2 = 2x."""
    assert float(outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0)) == 6.0


def test_forwarddiff_83():
    """A closure over the outer variable: D(x -> x * D(y -> x * y)(1))(3)."""
    d = derivative_fwd
    assert float(d(lambda x: x * d(lambda y: x * y)(1.0))(3.0)) == 6.0


def test_forwarddiff_238():
    """A constant function of the inner variable has derivative 0, though it depends on the outer one."""
    d = derivative_fwd
    assert float(d(lambda x: d(lambda y: x)(1.0) + x)(2.0)) == 1.0


def test_forwarddiff_443():
    """A higher-order function applied at an inner derivative: the tangent escapes through a closure."""
    d = derivative_fwd

    def shift(u):
        return lambda f: lambda x: f(x + u)

    # d/du [ d/dx exp(x + u) ] at u = 0, x = 1, taken through shift twice
    got = d(lambda u: d(shift(u)(fnp.exp))(1.0))(0.0)
    np.testing.assert_allclose(got, np.exp(1.0), rtol=1e-15)


def test_amazing_bug():
    """Manzyuk et al. (2019): D (\\x. shift x) applied twice must not alias its two perturbations."""
    d = derivative_fwd

    def d_of_function_valued(f):
        """The derivative of a function-valued function, pointwise."""
        return lambda x: lambda g: lambda y: d(lambda z: f(z)(g)(y))(x)

    shift = lambda u: lambda f: lambda x: f(x + u)  # noqa: E731
    hat = d_of_function_valued(shift)(0.0)
    # hat(hat(exp))(1) is the second derivative of exp at 1; confused implementations give 0
    np.testing.assert_allclose(hat(hat(fnp.exp))(1.0), np.exp(1.0), rtol=1e-15)


def test_reversediff_45():
    """A reverse-mode gradient of a function that contains one, over arrays."""
    x = np.array([1.0, 2.0])
    f = lambda v: fnp.sum(v * ft.grad(lambda w: fnp.sum(w * w * v))(v))  # noqa: E731
    # the inner gradient is 2 w v at w = v: f = sum 2 v^3, f' = 6 v^2
    np.testing.assert_allclose(ft.grad(f)(x), 6 * x**2)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_towers(depth):
    """x^5 differentiated through towers of mixed modes."""
    f, value = (lambda x: x**5), 1.0
    for i in range(depth):
        f = ft.grad(f) if i % 2 else derivative_fwd(f)
        value *= 5 - i
    np.testing.assert_allclose(f(2.0), value * 2.0 ** (5 - depth))


def test_vmap_inside_and_outside():
    """vmap's tracers are tagged too: an inner vmap does not see the outer's axis."""
    x, y = np.arange(3.0), np.arange(4.0)
    got = ft.vmap(lambda a: ft.vmap(lambda b: a * b + a)(y))(x)
    np.testing.assert_array_equal(got, np.multiply.outer(x, y) + x[:, None])


def test_jit_sees_outer_tracers_as_arguments():
    got = ft.grad(lambda x: ft.jit(lambda y: x * y * y)(x))(3.0)
    np.testing.assert_allclose(got, 27.0)
    nested = ft.grad(lambda x: ft.jit(ft.grad(lambda y: x * y * y))(x))(3.0)  # d/dx 2 x^2
    np.testing.assert_allclose(nested, 12.0)
