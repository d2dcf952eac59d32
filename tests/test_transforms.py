"""The transformations: against closed forms, against each other, in every nesting order."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
import functrans.numpy as fnp
from functrans import lax


def f(x):
    """A smooth scalar function of a vector with a full Hessian."""
    return fnp.sum(fnp.sin(x) * x) + fnp.prod(x) + fnp.dot(x, x) ** 2


def gradient(x):
    return np.sin(x) + x * np.cos(x) + np.prod(x) / x + 4 * (x @ x) * x


def hessian(x):
    n, p = len(x), np.prod(x)
    off = p / np.outer(x, x) * (1 - np.eye(n))
    return np.diag(2 * np.cos(x) - x * np.sin(x)) + off + 8 * np.outer(x, x) + 4 * (x @ x) * np.eye(n)


X = np.array([0.3, -0.7, 1.2])


# -- against closed forms --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("transform", [
    lambda g: ft.grad(g), lambda g: ft.jit(ft.grad(g)), lambda g: ft.grad(ft.jit(g)), lambda g: ft.jit(ft.grad(ft.jit(g))),
    lambda g: ft.jacfwd(g), lambda g: ft.jacrev(g), lambda g: ft.jit(ft.jacfwd(ft.jit(g))), lambda g: ft.jacobian(g),
    lambda g: ft.elementwise_grad(g),
    lambda g: lambda x: ft.linearize(g, x)[1](np.ones(3)) * 0 + ft.vjp(g, x)[1](1.0)[0],
])
def test_gradients_agree(transform):
    np.testing.assert_allclose(transform(f)(X), gradient(X), rtol=1e-13)


@pytest.mark.parametrize("transform", [
    ft.hessian, lambda g: ft.jit(ft.hessian(g)), lambda g: ft.hessian(ft.jit(g)), lambda g: ft.jacfwd(ft.jacrev(g)),
    lambda g: ft.jacrev(ft.jacfwd(g)), lambda g: ft.jacfwd(ft.jacfwd(g)), lambda g: ft.jacrev(ft.jacrev(g)),
    lambda g: ft.jacfwd(ft.grad(g)),
    lambda g: ft.jit(ft.jacrev(ft.jit(ft.grad(ft.jit(g))))),
    lambda g: lambda x: ft.vmap(lambda v: ft.hvp(g, (x,), (v,)))(np.eye(3)),
    lambda g: lambda x: ft.vmap(ft.vjp(ft.grad(g), x)[1])(np.eye(3))[0],
])
def test_hessians_agree(transform):
    np.testing.assert_allclose(transform(f)(X), hessian(X), rtol=1e-12)


def test_third_derivative_of_scalars():
    g = lambda x: fnp.exp(fnp.sin(x)) * x**3  # noqa: E731
    h = 1e-3
    d2 = ft.grad(ft.grad(g))
    numeric = (d2(0.7 + h) - d2(0.7 - h)) / (2 * h)
    np.testing.assert_allclose(ft.grad(d2)(0.7), numeric, rtol=1e-5)


UNITS = {
    "jit": ft.jit, "grad": ft.grad, "jvp": lambda g: lambda x: ft.jvp(g, (x,), (1.0,))[1],
    "lin": lambda g: lambda x: ft.linearize(g, x)[1](1.0),
}


@pytest.mark.parametrize("order", list(itertools.product(UNITS, repeat=3)), ids="-".join)
def test_every_order_of_three(order):
    """Scalar chains: the n-th derivative, with jit in any place."""
    g, degree = (lambda x: fnp.sin(2.0 * x)), 0
    for name in order:
        g = UNITS[name](g)
        degree += name != "jit"
    exact = [math.sin(1.4), 2 * math.cos(1.4), -4 * math.sin(1.4), -8 * math.cos(1.4)][degree]
    np.testing.assert_allclose(g(0.7), exact, rtol=1e-14)


@pytest.mark.parametrize("order", sorted(set(itertools.permutations(["jit", "vmap", "grad", "jit"]))), ids="-".join)
def test_vmap_in_every_order(order):
    """vmap outside grad maps gradients; inside, the sum makes the function scalar."""
    batch = np.linspace(-1, 2, 7)
    g = lambda x: fnp.exp(x) * fnp.sin(x)  # noqa: E731
    exact = np.exp(batch) * (np.sin(batch) + np.cos(batch))
    h, mapped = g, False
    for name in order:
        match name:
            case "jit":
                h = ft.jit(h)
            case "vmap":
                h, mapped = ft.vmap(h), True
            case "grad" if mapped:
                h = ft.grad(lambda x, inner=h: fnp.sum(inner(x)))
            case "grad":
                h = ft.grad(h)
    np.testing.assert_allclose(h(batch), exact, rtol=1e-13)


def test_nestings_of_hessians():
    batch = np.stack([X, X + 0.1, X - 0.2])
    want = np.stack([hessian(x) for x in batch])
    np.testing.assert_allclose(ft.jit(ft.vmap(ft.hessian(f)))(batch), want, rtol=1e-12)
    np.testing.assert_allclose(ft.vmap(ft.jit(ft.hessian(f)))(batch), want, rtol=1e-12)
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(batch), np.stack([gradient(x) for x in batch]), rtol=1e-13)
    np.testing.assert_allclose(ft.grad(ft.jit(f))(X), gradient(X), rtol=1e-13)


# -- Python control flow when eager -------------------------------------------------------------------------------------

def test_branches_loops_and_recursion_on_values():
    def branch(x):
        if x > 0:
            return x**2
        return -x

    def newton_sqrt(a):
        x = a
        while abs(x * x - a) > 1e-12:
            x = 0.5 * (x + a / x)
        return x

    def power(x, n):
        return x * power(x, n - 1) if n > 0 else 1.0

    def collatz_like(x):
        return x if x < 1 else collatz_like(x / 2.0)

    assert float(ft.grad(branch)(3.0)) == 6.0
    assert float(ft.grad(branch)(-3.0)) == -1.0
    np.testing.assert_allclose(ft.grad(newton_sqrt)(2.0), 0.5 / math.sqrt(2), rtol=1e-9)
    assert float(ft.grad(lambda x: power(x, 5))(2.0)) == 80.0
    assert float(ft.grad(collatz_like)(5.0)) == 0.125
    assert float(ft.jvp(branch, (3.0,), (1.0,))[1]) == 6.0


def test_plain_numpy_functions():
    g = lambda x: np.sum(np.sin(x) * np.exp(-x) + np.where(x > 0, x, 0.0)) + np.dot(x, x) + np.mean(np.concatenate([x, x]))  # noqa: E731
    x = np.array([0.5, -0.2, 1.5])
    exact = np.cos(x) * np.exp(-x) - np.sin(x) * np.exp(-x) + (x > 0) + 2 * x + 1 / 3
    for transform in (ft.grad, lambda h: ft.jit(ft.grad(h)), lambda h: lambda v: ft.vmap(ft.grad(h))(v[None])[0]):
        np.testing.assert_allclose(transform(g)(x), exact, rtol=1e-13)


# -- structure ---------------------------------------------------------------------------------------------------------------

class Point(NamedTuple):
    x: object
    y: object


def test_pytrees_everywhere():
    params = {"w": np.ones((2, 3)), "b": [np.zeros(3), None], "p": Point(1.0, 2.0)}

    def loss(params, x):
        z = x @ params["w"] + params["b"][0]
        return fnp.sum(z * params["p"].x) + params["p"].y ** 2

    x = np.array([1.0, 2.0])
    for transform in (ft.grad, lambda g: ft.jit(ft.grad(g)), lambda g: ft.grad(ft.jit(g))):
        g = transform(loss)(params, x)
        assert ft.tree.structure(g) == ft.tree.structure(params)
        np.testing.assert_array_equal(g["w"], np.array([[1.0] * 3, [2.0] * 3]))
        np.testing.assert_array_equal(g["b"][0], np.ones(3))
        assert (float(g["p"].x), float(g["p"].y)) == (9.0, 4.0)


def test_argnums_aux_and_value():
    g = lambda x, y, z: (x * y + z, {"sum": x + y})  # noqa: E731
    (value, aux), grads = ft.value_and_grad(g, argnums=(0, -1), has_aux=True)(2.0, 3.0, 4.0)
    assert (float(value), float(aux["sum"])) == (10.0, 5.0)
    assert tuple(map(float, grads)) == (3.0, 1.0)
    gradient, aux = ft.grad(g, has_aux=True)(2.0, 3.0, 4.0)
    assert (float(gradient), float(aux["sum"])) == (3.0, 5.0)
    assert float(ft.grad(lambda x, *, k: x * k)(2.0, k=3.0)) == 3.0


def test_integers_have_float0_tangents():
    y, y_dot = ft.jvp(lambda x, n: x * n, (2.0, 3), (1.0, np.zeros((), ft.float0)))
    assert (float(y), float(y_dot)) == (6.0, 3.0)
    g = ft.grad(lambda n, x: x * n, argnums=(0, 1), allow_int=True)(3, 2.0)
    assert g[0].dtype == ft.float0
    assert float(g[1]) == 3.0


def test_jacobian_structure_and_chunks():
    g = lambda p: {"a": p["x"] * p["y"], "s": fnp.sum(p["x"])}  # noqa: E731
    p = {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 4.0])}
    for jac in (ft.jacfwd, ft.jacrev):
        j = jac(g)(p)
        np.testing.assert_array_equal(j["a"]["x"], np.diag(p["y"]))
        np.testing.assert_array_equal(j["s"]["x"], np.ones(2))
        np.testing.assert_array_equal(j["s"]["y"], np.zeros(2))
        np.testing.assert_array_equal(jac(fnp.sin, chunk_size=2)(np.arange(5.0)), np.diag(np.cos(np.arange(5.0))))


def test_complex_conventions():
    """grad of a real function of z = x + iy is df/dx - i df/dy; holomorphic gives the complex derivative."""
    z = 1.0 + 2.0j
    np.testing.assert_allclose(ft.grad(lambda w: fnp.real(w) ** 2 + 3 * fnp.imag(w))(z), 2.0 - 3.0j)
    np.testing.assert_allclose(ft.grad(lambda w: w**3, holomorphic=True)(z), 3 * z**2)
    np.testing.assert_allclose(ft.jit(ft.grad(fnp.sin, holomorphic=True))(z), np.cos(z), rtol=1e-14)


def test_linear_transpose_and_linearize():
    a = np.arange(6.0).reshape(2, 3)
    f_t = ft.linear_transpose(lambda x: a @ x, np.zeros(3))
    np.testing.assert_array_equal(f_t(np.array([1.0, 2.0]))[0], a.T @ [1.0, 2.0])
    y, f_jvp = ft.linearize(f, X)
    for v in np.eye(3):
        np.testing.assert_allclose(f_jvp(v), gradient(X) @ v, rtol=1e-13)
    np.testing.assert_allclose(y, f(X))
    with pytest.raises((TypeError, NotImplementedError)):
        ft.linear_transpose(lambda x: x + 1.0, 0.0)


def test_stop_gradient():
    assert float(ft.grad(lambda x: x * ft.stop_gradient(x))(3.0)) == 3.0
    assert float(ft.jit(ft.grad(lambda x: x * ft.stop_gradient(x)))(3.0)) == 3.0


def test_residuals_do_not_follow_later_writes():
    a = np.array([1.0, 2.0])
    _, pullback = ft.vjp(lambda x: fnp.sum(x * a), np.ones(2))
    a[:] = 100.0
    np.testing.assert_array_equal(pullback(1.0)[0], [1.0, 2.0])


# -- vmap --------------------------------------------------------------------------------------------------------------------

def test_vmap_axes():
    a, b = np.arange(12.0).reshape(3, 4), np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(ft.vmap(fnp.dot, in_axes=(0, None))(a, b), a @ b)
    np.testing.assert_array_equal(ft.vmap(fnp.dot, in_axes=(None, 1), out_axes=1)(a, b), a @ b)
    np.testing.assert_array_equal(ft.vmap(lambda t: t["x"] - t["y"], in_axes=({"x": 0, "y": None},))({"x": a, "y": a[0]}), a - a[0])
    np.testing.assert_array_equal(ft.vmap(lambda x: x, in_axes=-1, out_axes=-1)(a), a)
    np.testing.assert_array_equal(ft.vmap(lambda: 1.0, axis_size=3)(), np.ones(3))
    np.testing.assert_array_equal(ft.vmap(lambda x, y: y, in_axes=(0, None), out_axes=None)(a, 7.0), 7.0)


def test_collectives():
    x = np.array([1.0, 2.0, 5.0])
    over = lambda g: ft.vmap(g, axis_name="i")  # noqa: E731
    np.testing.assert_allclose(over(lambda v: v / lax.psum(v, "i"))(x), x / 8)
    np.testing.assert_allclose(over(lambda v: v - lax.pmean(v, "i"))(x), x - x.mean())
    np.testing.assert_array_equal(over(lambda v: lax.pmax(v, "i"))(x), [5.0] * 3)
    np.testing.assert_array_equal(over(lambda v: lax.pmin(v, "i"))(x), [1.0] * 3)
    np.testing.assert_array_equal(over(lambda v: lax.axis_index("i") + 0 * v)(x), [0, 1, 2])
    np.testing.assert_array_equal(over(lambda v: lax.ppermute(v, "i", [(0, 1), (1, 2), (2, 0)]))(x), [5.0, 1.0, 2.0])
    np.testing.assert_array_equal(over(lambda v: lax.all_gather(v, "i"))(x), np.tile(x, (3, 1)))
    np.testing.assert_array_equal(over(lambda v: lax.psum_scatter(v, "i"))(np.ones((3, 3))), [3.0] * 3)
    assert lax.psum.__doc__
    np.testing.assert_array_equal(over(lambda v: v * lax.axis_size("i"))(x), 3 * x)
    np.testing.assert_allclose(ft.jit(over(lambda v: v / lax.psum(v, "i")))(x), x / 8)
    np.testing.assert_allclose(over(ft.jit(lambda v: v / lax.psum(v, "i")))(x), x / 8)
    np.testing.assert_allclose(ft.grad(lambda y: fnp.sum(over(lambda v: lax.psum(v * v, "i"))(y)))(x), 6 * x)


# -- jit ---------------------------------------------------------------------------------------------------------------------

def test_jit_traces_once_per_type():
    traces = []

    @ft.jit
    def g(x, scale=2.0):
        traces.append(x.shape)
        return x * scale

    for _ in range(3):
        g(np.ones(3))
        g(np.ones(4))
        g(np.ones(3), scale=3.0)
    assert len(traces) == 3
    np.testing.assert_array_equal(g(np.ones(3), scale=5.0), [5.0] * 3)


def test_static_arguments():
    @ft.jit
    def no_static(x):
        return x

    g = ft.jit(lambda x, n: x**n, static_argnums=1)
    h = ft.jit(lambda x, *, mode: x + 1 if mode == "up" else x - 1, static_argnames="mode")
    assert float(g(2.0, 3)) == 8.0
    assert float(g(2.0, 2)) == 4.0
    assert (float(h(1.0, mode="up")), float(h(1.0, mode="down"))) == (2.0, 0.0)
    assert float(no_static(1.0)) == 1.0
    named = ft.jit(lambda x, n: x * n, static_argnames=("n",))
    assert float(named(2.0, 3)) == float(named(2.0, n=3)) == 6.0


def test_jit_methods_closures_and_results():
    class Model:
        scale = 3.0

        @ft.jit
        def apply(self, x):
            return x * 2.0

    ft.tree_util.register_pytree_node(Model, lambda m: ((), None), lambda aux, kids: Model())
    assert float(Model().apply(2.0)) == 4.0
    out = ft.jit(lambda x: {"same": x, "const": 3.0, "twice": (x * 2, x * 2), "none": None})(np.arange(3.0))
    np.testing.assert_array_equal(out["twice"][1], [0.0, 2.0, 4.0])
    assert out["none"] is None
    assert float(out["const"]) == 3.0


def test_disable_jit_runs_python():
    seen = []

    @ft.jit
    def g(x):
        seen.append(type(x).__name__)
        return x + 1

    with ft.disable_jit():
        assert float(g(1.0)) == 2.0
    assert seen == ["float"]


def test_make_jaxpr_and_eval_shape():
    jaxpr = ft.make_jaxpr(lambda x: fnp.sin(x) * 2.0)(np.ones(3))
    assert [e.primitive.name for e in jaxpr.eqns] == ["sin", "mul"]
    shape = ft.eval_shape(lambda x: {"y": fnp.sum(x, axis=0)}, ft.ShapeDtypeStruct((3, 4), "float32"))
    assert shape == {"y": ft.ShapeDtypeStruct((4,), "float32")}
    big = ft.eval_shape(lambda: fnp.zeros((10**6, 10**6)))
    assert big.shape == (10**6, 10**6)


def test_stages():
    lowered = ft.jit(lambda x: fnp.exp(x) + 1.0).lower(np.ones(4))
    assert "define" in lowered.as_text("llvm")
    assert "exp" in lowered.as_text("jaxpr")
    np.testing.assert_allclose(lowered.compile()(np.zeros(4)), 2.0)
    with pytest.raises(ValueError, match="stage must be"):
        lowered.as_text("nonsense")
    with pytest.raises(TypeError, match="takes f64"):
        lowered.compile()(np.zeros(5))


# -- hypothesis --------------------------------------------------------------------------------------------------------------

@given(st.lists(st.sampled_from(["jit", "grad", "jvp", "vjp"]), max_size=4), st.floats(0.2, 1.5))
def test_random_towers_of_transformations(names, x):
    """Any tower of transformations of exp(2x) is 2^n exp(2x)."""
    g, order = (lambda v: fnp.exp(2.0 * v)), 0
    for name in names:
        match name:
            case "jit":
                g = ft.jit(g)
            case "grad":
                g, order = ft.grad(g), order + 1
            case "jvp":
                g, order = (lambda v, inner=g: ft.jvp(inner, (v,), (1.0,))[1]), order + 1
            case "vjp":
                g, order = (lambda v, inner=g: ft.vjp(inner, v)[1](1.0)[0]), order + 1
    np.testing.assert_allclose(g(x), 2.0**order * np.exp(2 * x), rtol=1e-13)


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_derivatives_at_the_ends_of_domains(wrap):
    # jax.grad, once and twice, gives these values.
    for f, x, first, second in (
        (fnp.cbrt, 0.0, np.inf, -np.inf), (fnp.cbrt, -0.0, np.inf, np.inf), (fnp.cbrt, np.inf, 0.0, 0.0), (fnp.sqrt, 0.0, np.inf, -np.inf),
        (fnp.log, 0.0, np.inf, -np.inf), (fnp.log1p, -1.0, np.inf, -np.inf), (fnp.arccosh, 1.0, np.inf, -np.inf),
        (lambda v: v**1.5, 0.0, 0.0, np.inf), (lambda v: v**2.0, 0.0, 0.0, 2.0), (fnp.sinc, 0.0, 0.0, -np.pi**2 / 3),
    ):
        np.testing.assert_allclose(float(wrap(ft.grad(f))(x)), first)
        np.testing.assert_allclose(float(wrap(ft.grad(ft.grad(f)))(x)), second, rtol=1e-12)
    np.testing.assert_allclose(float(wrap(ft.grad(ft.grad(fnp.cbrt)))(-8.0)), 2 / 9 / 32, rtol=1e-14)
