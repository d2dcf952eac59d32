"""`custom_vjp`: reverse mode by the user's rules, forward mode by their transpose; `custom_gradient`, `closure_convert`."""
# ruff: noqa: B023 - functions made in a loop run in the turn that makes them

import itertools

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.custom_derivatives import CustomVJPPrimal, SymbolicZero, custom_vjp_primal_tree_values, linear_call
from tests.calls.helpers import check_inner_derivatives, check_perturbations, nested, orders, wrappers

XS = np.array([0.3, -1.2, 2.0])


def doubled_sine():
    """sin(x) y whose rules double the derivative by x."""

    @ft.custom_vjp
    def f(x, y):
        return fnp.sin(x) * y

    def fwd(x, y):
        return f(x, y), (fnp.cos(x), fnp.sin(x), y)

    def bwd(residuals, ct):
        cos, sin, y = residuals
        return 2 * cos * y * ct, sin * ct

    f.defvjp(fwd, bwd)
    return f


def clipped():
    """The identity, with gradients clipped to [-1, 1]: a rule that is not linear."""
    f = ft.custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), lambda _, ct: (fnp.clip(ct, -1.0, 1.0),))
    return f


# -- value and derivatives --------------------------------------------------------------------------------------------


@wrappers
def test_value_and_derivatives(wrap):
    f = wrap(doubled_sine())
    x, y = 0.7, 2.0
    np.testing.assert_allclose(f(x, y), np.sin(x) * y)
    np.testing.assert_allclose(ft.grad(f, (0, 1))(x, y), (2 * np.cos(x) * y, np.sin(x)))
    np.testing.assert_allclose(ft.vjp(f, x, y)[1](3.0), (6 * np.cos(x) * y, 3 * np.sin(x)))


@wrappers
def test_forward_mode_is_the_transpose(wrap):
    f = wrap(doubled_sine())
    x, y = 0.7, 2.0
    expected = 2 * np.cos(x) * y * 0.5 + np.sin(x) * 3.0
    np.testing.assert_allclose(ft.jvp(f, (x, y), (0.5, 3.0))[1], expected)
    np.testing.assert_allclose(wrap(lambda t: ft.jvp(f, (x, y), (t, 3.0))[1])(0.5), expected)
    np.testing.assert_allclose(ft.linearize(f, x, y)[1](0.5, 3.0), expected)
    np.testing.assert_allclose(ft.jacfwd(f, (0, 1))(x, y), ft.jacrev(f, (0, 1))(x, y))
    batched = wrap(ft.vmap(f, (0, None)))
    np.testing.assert_allclose(ft.jacfwd(batched)(XS, y), np.diag(2 * np.cos(XS) * y))
    np.testing.assert_allclose(ft.jacfwd(batched, 1)(XS, y), np.sin(XS))


def test_forward_mode_of_matrices_and_pytrees():
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(3, 4)), rng.normal(size=4)
    f = ft.custom_vjp(lambda p, x: {"y": p["a"] @ x, "n": (x * x).sum()})

    def bwd(residuals, ct):
        a, x = residuals
        return {"a": fnp.outer(ct["y"], x)}, a.T @ ct["y"] + 2 * x * ct["n"]

    f.defvjp(lambda p, x: (f(p, x), (p["a"], x)), bwd)
    a_dot, x_dot = rng.normal(size=(3, 4)), rng.normal(size=4)
    for wrap in (lambda f: f, ft.jit):
        y_dot = ft.jvp(wrap(f), ({"a": a}, x), ({"a": a_dot}, x_dot))[1]
        np.testing.assert_allclose(y_dot["y"], a_dot @ x + a @ x_dot)
        np.testing.assert_allclose(y_dot["n"], 2 * x @ x_dot)


@pytest.mark.parametrize("outer", [ft.grad, ft.jacfwd, ft.jacrev])
@pytest.mark.parametrize("inner", [ft.grad, ft.jacfwd, ft.jacrev])
@wrappers
def test_second_order_differentiates_the_rules(outer, inner, wrap):
    f = wrap(doubled_sine())
    np.testing.assert_allclose(outer(inner(f))(0.7, 2.0), -2 * np.sin(0.7) * 2.0)
    np.testing.assert_allclose(wrap(outer(wrap(inner(f, 1))))(0.7, 2.0), np.cos(0.7))


def test_third_order():
    f = doubled_sine()
    for modes in itertools.product([ft.grad, ft.jacfwd], repeat=3):
        g = f
        for mode in modes:
            g = mode(g)
        np.testing.assert_allclose(g(0.7, 2.0), -4 * np.cos(0.7))


@orders
def test_every_nesting_order(order):
    f = doubled_sine()
    g = lambda x: f(x, 2.0)  # noqa: E731
    np.testing.assert_allclose(nested(order, g)(XS), 4 * np.cos(XS))


@wrappers
def test_cotangents_of_unbatched_arguments_are_summed(wrap):
    f = wrap(ft.vmap(doubled_sine(), (1, None), 1))
    xs, y = np.outer([1.0, 2.0], XS), np.array([0.5, 1.5])
    x_bar, y_bar = wrap(ft.grad(lambda x, y: f(x, y).sum(), (0, 1)))(xs, y)
    np.testing.assert_allclose(x_bar, 2 * np.cos(xs) * y[:, None])
    np.testing.assert_allclose(y_bar, np.sin(xs).sum(1))


def test_a_shared_cotangent_counts_for_every_example():
    """A rule that answers with a constant: for an argument that all five examples share, five times."""
    f = ft.custom_vjp(lambda x, y: x * y)
    f.defvjp(lambda x, y: (x * y, None), lambda _, ct: (7.0, ct))
    assert float(ft.grad(lambda x: ft.vmap(f, (None, 0))(x, np.ones(5)).sum())(2.0)) == 35.0
    np.testing.assert_array_equal(ft.vmap(ft.grad(f), (None, 0))(2.0, np.ones(5)), np.full(5, 7.0))


def test_vmap_of_vmap_and_axis_names():
    f = doubled_sine()
    xs = np.outer(XS, [1.0, 2.0])
    twice = lambda x: ft.vmap(ft.vmap(f, (0, None)), (0, None))(x, 2.0).sum()  # noqa: E731
    np.testing.assert_allclose(ft.grad(twice)(xs), 4 * np.cos(xs))
    np.testing.assert_allclose(ft.jit(ft.grad(twice))(xs), 4 * np.cos(xs))


# -- rules are taken at their word -----------------------------------------------------------------------------------------


@wrappers
def test_gradient_clipping(wrap):
    f = wrap(clipped())
    assert float(ft.grad(lambda x: 5.0 * f(x))(3.0)) == 1.0
    assert float(wrap(ft.grad(lambda x: -5.0 * f(x)))(3.0)) == -1.0
    assert float(ft.grad(lambda x: 0.25 * f(x))(3.0)) == 0.25
    np.testing.assert_array_equal(ft.grad(lambda x: (np.array([5.0, 0.5, -9.0]) * ft.vmap(f)(x)).sum())(XS), [1.0, 0.5, -1.0])


def test_clipping_by_bounds_that_are_arguments():
    """JAX's example: bounds are ordinary arguments with no gradient."""

    @ft.custom_vjp
    def clip_gradient(lo, hi, x):
        return x

    clip_gradient.defvjp(lambda lo, hi, x: (x, (lo, hi)), lambda res, ct: (None, None, fnp.clip(ct, *res)))
    g = lambda lo, hi, x: ft.grad(lambda x: 3.0 * fnp.sin(clip_gradient(lo, hi, x)))(x)  # noqa: E731
    np.testing.assert_allclose(ft.vmap(g, (None, None, 0))(-0.75, 0.75, XS), np.clip(3 * np.cos(XS), -0.75, 0.75))
    assert float(ft.jit(ft.grad(lambda hi: clip_gradient(-1.0, hi, 2.0)))(1.0)) == 0.0


def test_backward_rules_may_branch_and_look_at_values_when_eager():
    seen = []
    f = ft.custom_vjp(lambda x: x * x)

    def bwd(x, ct):
        seen.append(float(ct))
        return (2 * x * ct if ct < 1e3 else fnp.zeros(()),)

    f.defvjp(lambda x: (x * x, x) if x > 0 else (x * x, -x), bwd)
    assert float(ft.grad(f)(3.0)) == 6.0
    assert float(ft.grad(f)(-3.0)) == 6.0
    assert float(ft.grad(lambda x: 1e4 * f(x))(3.0)) == 0.0
    assert seen == [1.0, 1.0, 1e4]


def test_evaluation_calls_the_function_alone():
    calls = []

    def record(name, out):
        calls.append(name)
        return out

    f = ft.custom_vjp(lambda x: record("f", x * 2))
    f.defvjp(lambda x: record("fwd", (x * 2, None)), lambda _, ct: record("bwd", (2 * ct,)))
    f(1.0)
    assert calls == ["f"]
    _, pullback = ft.vjp(f, 1.0)
    assert calls == ["f", "fwd"]
    pullback(1.0)
    assert calls == ["f", "fwd", "bwd"]


def fixed_point():
    """x* with x* = f(a, x*), differentiated implicitly: w = (1 - df/dx)^-T v solved as a fixed point too."""

    def solve(step, x):
        for _ in range(200):
            x, last = step(x), x
            if abs(x - last) < 1e-15:
                break
        return x

    fixed = ft.custom_vjp(lambda f, a, x_guess: solve(lambda x: f(a, x), x_guess), nondiff_argnums=(0,))

    def fwd(f, a, x_guess):
        x_star = fixed(f, a, x_guess)
        return x_star, (a, x_star)

    def bwd(f, residuals, x_star_bar):
        a, x_star = residuals
        _, vjp_x = ft.vjp(lambda x: f(a, x), x_star)
        _, vjp_a = ft.vjp(lambda a: f(a, x_star), a)
        w = solve(lambda w: x_star_bar + vjp_x(w)[0], x_star_bar)
        return vjp_a(w)[0], fnp.zeros_like(x_star)

    fixed.defvjp(fwd, bwd)
    return fixed


def test_fixed_point_by_implicit_differentiation():
    """Newton's iteration for the square root: derivatives 1/(2 sqrt a) and -1/(4 a^1.5)."""
    fixed = fixed_point()
    root = lambda a: fixed(lambda a, x: 0.5 * (x + a / x), a, a)  # noqa: E731
    np.testing.assert_allclose(root(2.0), np.sqrt(2.0), rtol=1e-15)
    np.testing.assert_allclose(ft.grad(root)(2.0), 1 / (2 * np.sqrt(2.0)), rtol=1e-12)
    np.testing.assert_allclose(ft.grad(ft.grad(root))(2.0), -1 / (4 * 2.0**1.5), rtol=1e-7)


# -- arguments ----------------------------------------------------------------------------------------------------------


@wrappers
def test_pytrees_keywords_defaults_and_nondiff(wrap):
    def apply(params, activation, x, scale=1.0):
        return {"y": activation(params["w"] * x + params["b"][0]) * scale}

    f = ft.custom_vjp(apply, nondiff_argnums=(1,))

    def fwd(params, activation, x, scale):
        return apply(params, activation, x, scale), (params, x)

    def bwd(activation, residuals, ct):
        assert activation is fnp.tanh
        _, x = residuals
        return {"w": 3 * ct["y"] * x, "b": [None, None]}, None, ct["y"].sum()

    f.defvjp(fwd, bwd)
    params = {"w": XS, "b": [np.float64(0.5), np.float64(1.0)]}
    run = wrap(lambda p, x, s: f(p, x=x, scale=s, activation=fnp.tanh)["y"].sum())
    np.testing.assert_allclose(run(params, 2.0, 3.0), (np.tanh(XS * 2 + 0.5) * 3).sum())
    gradient, x_bar, scale_bar = ft.grad(run, (0, 1, 2))(params, 2.0, 3.0)
    np.testing.assert_allclose(gradient["w"], np.full(3, 6.0))
    np.testing.assert_allclose(gradient["b"], [0.0, 0.0])
    np.testing.assert_allclose((x_bar, scale_bar), (0.0, 3.0))
    assert f(params, fnp.tanh, 2.0)["y"].shape == (3,)


def test_nondiff_argnames():
    f = ft.custom_vjp(lambda n, x: x**n, nondiff_argnames=("n",))
    f.defvjp(lambda n, x: (x**n, x), lambda n, x, ct: (100 * n * ct,))
    assert float(ft.grad(f, 1)(3, 2.0)) == 300.0
    assert float(ft.jit(ft.grad(lambda x: f(n=3, x=x)))(2.0)) == 300.0


def test_traced_nondiff_arguments_are_refused():
    f = ft.custom_vjp(lambda n, x: x, nondiff_argnums=(0,))
    f.defvjp(lambda n, x: (x, None), lambda n, r, ct: (ct,))
    expected = r"custom_vjp function <lambda>: an argument in nondiff_argnums is a traced f64\*\[\] of jit.*let bwd return None for it"
    with pytest.raises(ft.errors.UnexpectedTracerError, match=expected):
        ft.jit(f)(1.0, 2.0)


def test_integer_arguments_and_results():
    f = ft.custom_vjp(lambda i, x: (x[i], i + 1))
    seen = []

    def bwd(residuals, ct):
        i, n = residuals
        seen.append(ct[1].dtype)
        return np.zeros((), ft.float0), fnp.zeros(n).at[i].set(10 * ct[0])

    f.defvjp(lambda i, x: (f(i, x), (i, 3)), bwd)
    expected = [0.0, 10.0, 0.0]
    np.testing.assert_array_equal(ft.grad(lambda x: f(1, x)[0])(XS), expected)
    assert seen == [ft.float0]
    f.defvjp(lambda i, x: (f(i, x), i), lambda i, ct: (None, fnp.zeros(3).at[i].set(10 * ct[0])))
    for g in (ft.grad(lambda x: ft.jit(f)(1, x)[0]), ft.jit(ft.grad(lambda x: f(1, x)[0]))):
        np.testing.assert_array_equal(g(XS), expected)
    # an integer cotangent is ignored
    f.defvjp(lambda i, x: (f(i, x), i), lambda i, ct: (3, fnp.zeros(3).at[i].set(10 * ct[0])))
    np.testing.assert_array_equal(ft.grad(lambda x: f(1, x)[0])(XS), expected)
    x_dot = np.array([1.0, 2.0, 3.0])
    y_dot, i_dot = ft.jvp(f, (1, XS), (np.zeros((), ft.float0), x_dot))[1]
    assert float(y_dot) == 20.0 and i_dot.dtype == ft.float0


def test_symbolic_zeros():
    seen = []
    f = ft.custom_vjp(lambda x, y: (x * y, x + y))

    def fwd(x, y):
        assert type(x) is CustomVJPPrimal
        seen.append((x.perturbed, y.perturbed))
        x, y = custom_vjp_primal_tree_values((x, y))
        return (x * y, x + y), (x, y)

    def bwd(residuals, cts):
        x, y = residuals
        seen.append(tuple(type(c) is SymbolicZero for c in cts))
        ct = cts[0]
        return (SymbolicZero(ct.aval), SymbolicZero(ct.aval)) if type(ct) is SymbolicZero else (5 * ct * y, ct * x)

    f.defvjp(fwd, bwd, symbolic_zeros=True)
    for wrap in (lambda g: g, ft.jit):
        seen.clear()
        assert float(wrap(ft.grad(lambda x: f(x, 3.0)[0]))(2.0)) == 15.0
        assert seen == [(True, False), (False, True)]
        seen.clear()
        assert float(ft.grad(wrap(lambda x, y: f(x, y)[1]), 1)(2.0, 3.0)) == 0.0
        assert seen == [(False, True), (True, False)]
        np.testing.assert_allclose(ft.grad(lambda x: wrap(ft.vmap(lambda x: f(x, 3.0)[0]))(x).sum())(XS), 15.0)


def test_float32_stays():
    f = doubled_sine()
    x, y = np.float32(0.5), np.float32(2)
    for g in (f, ft.jit(f)):
        assert [b.dtype for b in ft.grad(g, (0, 1))(x, y)] == [np.float32, np.float32]
        assert ft.jvp(g, (x, y), (x, y))[1].dtype == np.float32


# -- closures and perturbations ---------------------------------------------------------------------------------------------


def times(c):
    """x -> c x with ten times its derivative; c is closed over by function and rules."""
    f = ft.custom_vjp(lambda x: x * c)
    f.defvjp(lambda x: (c * x, None), lambda _, ct: (10 * c * ct,))
    return f


def test_inner_derivatives_of_closures_over_outer_variables():
    check_inner_derivatives(times)


def test_closed_over_variables_in_the_tangent_map():
    """d/dc of the tangent map of c x (10 c t) at t = c: 20 c."""
    assert float(ft.grad(lambda c: ft.linearize(times(c), 2.0)[1](c))(3.0)) == 60.0
    assert float(ft.jvp(lambda c: ft.linearize(times(c), 2.0)[1](c), (3.0,), (1.0,))[1]) == 60.0


def test_siskind_pearlmutter_through_rules():
    identity = ft.custom_vjp(lambda x: x)
    identity.defvjp(lambda x: (identity(x), None), lambda _, ct: (ct,))
    check_perturbations(identity)


def test_closures_over_batched_values():
    np.testing.assert_allclose(ft.vmap(lambda c, x: ft.grad(times(c))(x))(XS, XS), 10 * XS)
    np.testing.assert_allclose(ft.vmap(lambda c: times(c)(2.0))(XS), 2 * XS)
    np.testing.assert_allclose(ft.jit(ft.vmap(lambda c, x: ft.grad(times(c))(x)))(XS, XS), 10 * XS)


def test_differentiation_by_what_is_closed_over_is_refused():
    with pytest.raises(ft.errors.UnexpectedTracerError, match="they cannot close over it"):
        ft.grad(lambda c: times(c)(2.0))(3.0)
    with pytest.raises(ft.errors.UnexpectedTracerError, match="custom_vjp function <lambda>: differentiation with respect to a value"):
        ft.grad(ft.jit(lambda c: times(c)(2.0)))(3.0)


# -- custom_gradient, closure_convert, linear_call ------------------------------------------------------------------------------


@wrappers
def test_custom_gradient(wrap):
    @ft.custom_gradient
    def f(x):
        return x**2, lambda ct: ct * 10.0 * x

    assert float(wrap(f)(3.0)) == 9.0
    assert float(ft.grad(wrap(f))(3.0)) == 30.0
    assert float(wrap(ft.grad(ft.grad(f)))(3.0)) == 10.0
    np.testing.assert_allclose(ft.grad(lambda x: wrap(ft.vmap(f))(x).sum())(XS), 10 * XS)
    np.testing.assert_allclose(ft.vmap(wrap(ft.grad(f)))(XS), 10 * XS)
    np.testing.assert_allclose(ft.jvp(wrap(f), (3.0,), (2.0,))[1], 60.0)


def test_custom_gradient_of_pytrees():
    @ft.custom_gradient
    def f(p, y):
        return {"z": p["x"] * y}, lambda ct: ({"x": 2 * ct["z"] * y}, 3 * ct["z"])

    for wrap in (lambda f: f, ft.jit):
        p_bar, y_bar = ft.grad(wrap(lambda p, y: f(p, y=y)["z"]), (0, 1))({"x": 2.0}, 5.0)
        np.testing.assert_allclose((p_bar["x"], y_bar), (10.0, 3.0))
    bad = ft.custom_gradient(lambda x: x)
    with pytest.raises(TypeError, match=r"custom_gradient of <lambda>: the function must return a pair \(result, function"):
        ft.grad(bad)(1.0)


def test_closure_convert():
    """A minimiser whose objective closes over a traced value, as in JAX's documentation."""

    def minimize(objective, x0):
        converted, consts = ft.closure_convert(objective, x0)
        return _minimize(converted, x0, *consts)

    solve = ft.custom_vjp(lambda f, x0, *consts: x0 - ft.grad(f)(x0, *consts) / 2, nondiff_argnums=(0,))

    def bwd(f, residuals, ct):
        x, *consts = residuals
        _, vjp = ft.vjp(lambda *cs: ft.grad(f)(x, *cs), *consts)
        return 0.0 * ct, *(-b / 2 for b in vjp(ct))

    solve.defvjp(lambda f, x0, *consts: (solve(f, x0, *consts), (solve(f, x0, *consts), *consts)), bwd)
    _minimize = solve
    # argmin_x (x - sin c)^2 = sin c
    g = lambda c: minimize(lambda x: (x - fnp.sin(c)) ** 2, 0.0)  # noqa: E731
    np.testing.assert_allclose(g(0.5), np.sin(0.5))
    np.testing.assert_allclose(ft.grad(g)(0.5), np.cos(0.5))
    np.testing.assert_allclose(ft.jit(ft.grad(g))(0.5), np.cos(0.5))
    converted, consts = ft.closure_convert(lambda x: x * XS, 1.0)
    assert consts == []
    np.testing.assert_array_equal(converted(2.0), 2 * XS)
    with pytest.raises(TypeError, match="a converted function takes arguments of the structure it was traced with"):
        converted((2.0,))


@wrappers
def test_linear_call(wrap):
    """x / r whose transpose is told to be 5 x / r."""
    f = wrap(lambda r, x: linear_call(lambda r, x: x / r, lambda r, ct: 5 * ct / r, r, x))
    np.testing.assert_allclose(f(2.0, 3.0), 1.5)
    np.testing.assert_allclose(ft.grad(f, (0, 1))(2.0, 3.0), (-0.75, 2.5))
    np.testing.assert_allclose(wrap(ft.grad(f, 1))(2.0, 3.0), 2.5)
    np.testing.assert_allclose(ft.jvp(f, (2.0, 3.0), (1.0, 1.0))[1], -0.75 + 0.5)
    np.testing.assert_allclose(ft.vmap(f, (None, 0))(2.0, XS), XS / 2)
    np.testing.assert_allclose(ft.linear_transpose(lambda x: f(2.0, x), 1.0)(3.0)[0], 7.5)
    def total(r, x):
        return fnp.sum(ft.vmap(f, (None, 0))(r, x))

    np.testing.assert_allclose(wrap(ft.grad(total, 1))(2.0, XS), np.full(XS.shape, 2.5))  # a batch keeps the stated transpose
    np.testing.assert_allclose(wrap(ft.grad(total))(2.0, XS), -np.sum(XS) / 4)
    np.testing.assert_allclose(ft.grad(lambda x: fnp.sum(ft.vmap(f, (0, None))(XS + 3, x)))(1.0), np.sum(5 / (XS + 3)))
    with pytest.raises(TypeError, match=r"linear_call of <lambda>: the transpose's result has type f64\[2\]"):
        ft.grad(lambda x: linear_call(lambda r, x: x, lambda r, ct: fnp.ones(2), 1.0, x))(1.0)


# -- errors -------------------------------------------------------------------------------------------------------------

BACKWARD_TYPE = {
    "count": (lambda r, ct: (ct, ct), r"must return a tuple with a cotangent for each argument, of its structure: PyTreeDef\(\(\*,\)\)"),
    "no tuple": (lambda r, ct: ct, r"It returned PyTreeDef\(\*\)"),
    "nested": (lambda r, ct: ((ct,),), r"It returned PyTreeDef\(\(\(\*,\),\)\)"),
    "kind": (lambda r, ct: ("a",), r"the cotangent\[0\] must be an array; it is 'a' of type str"),
}
BACKWARD_VALUE = {
    "shape": (lambda r, ct: (ct[:2],), r"the cotangent\[0\] has type f64\[2\], and the argument of type f64\[3\] needs f64\[3\]"),
    "dtype": (lambda r, ct: (ct.astype("float32"),), r"cotangent\[0\] has type f32\[3\], and the argument of type f64\[3\] needs f64"),
}


@pytest.mark.parametrize("name", [*BACKWARD_TYPE, *BACKWARD_VALUE])
@wrappers
def test_bad_backward_rules(name, wrap):
    bwd, expected = (BACKWARD_TYPE | BACKWARD_VALUE)[name]
    f = ft.custom_vjp(lambda x: x * 2.0)
    f.defvjp(lambda x: (x * 2.0, None), bwd)
    error = TypeError if name in BACKWARD_TYPE else ValueError
    with pytest.raises(error, match=r"custom_vjp backward rule <lambda> of <lambda>(.|\n)*" + expected + r"(.|\n)*test_custom_vjp\.py:\d+"):
        ft.grad(wrap(lambda x: f(x).sum()))(XS)


def test_bad_forward_rules():
    f = ft.custom_vjp(lambda x: {"a": x * 2.0})
    for fwd, expected in (
        (lambda x: x, r"must return a pair \(result, residuals\); it returned an array of type f64\[3\]"),
        (lambda x: ("x", None), "the primal result must be an array; it is 'x' of type str"),
        (lambda x: ({"a": x}, ["note"]), r"the residual\[0\] must be an array; it is 'note' of type str"),
    ):
        f.defvjp(fwd, lambda r, ct: (ct["a"],))
        with pytest.raises(TypeError, match="custom_vjp forward rule <lambda> of <lambda>.*" + expected):
            ft.grad(lambda x: f(x)["a"].sum())(XS)
    f.defvjp(lambda x: ({"a": x[:2]}, None), lambda r, ct: (ct["a"],))
    with pytest.raises(TypeError, match=r"the primal result\['a'\] has type f64\[2\], and the function's result needs f64\[3\]"):
        ft.grad(ft.jit(lambda x: f(x)["a"].sum()))(XS)


NOT_LINEAR = {
    "clip": (lambda r, ct: (fnp.clip(ct, -1.0, 1.0),), "the linear variable a enters 'max', which has no transpose rule"),
    "square": (lambda r, ct: (ct * ct,), "'mul' is not linear in the linear variables a and a together"),
    "affine": (lambda r, ct: (ct + 1.0,), r"'add' adds the constant 1\.0:f64\[\] to the linear variable a: affine, not linear"),
    "branch": (lambda r, ct: (ct if ct > 0 else 3 * ct,),
               r"it asks for a truth value \(as in .*\) that depends on the cotangent, and a rule that branches on its cotangent"),
    "number": (lambda r, ct: (float(ct),), "it asks for a float that depends on the cotangent"),
    "constant": (lambda r, ct: (3.0,), "it gives a cotangent that does not depend on the result's, and is not zero"),
}


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_forward_mode_of_rules_that_are_not_linear(name):
    bwd, expected = NOT_LINEAR[name]
    f = ft.custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), bwd)
    text = (r"forward mode \(jvp, jacfwd, linearize\) of custom_vjp function <lambda>: its backward rule is not linear in the "
            "cotangent, so it has no transpose: " + expected + r".*test_custom_vjp\.py:\d+.*Use reverse mode")
    for run in (
        lambda: ft.jvp(f, (1.0,), (1.0,)), lambda: ft.jit(lambda x: ft.jvp(f, (x,), (x,)))(1.0), lambda: ft.jacfwd(f)(1.0),
        lambda: ft.jvp(ft.jit(f), (1.0,), (1.0,)), lambda: ft.linearize(f, 1.0)[1](1.0),
    ):
        with pytest.raises(TypeError, match=text):
            run()


def test_missing_rules():
    f = ft.custom_vjp(lambda x: x)
    expected = r"custom_vjp function <lambda> has no rules, at .*test_custom_vjp\.py:\d+ \(test_missing_rules\)"
    with pytest.raises(AttributeError, match=expected):
        f(1.0)
    with pytest.raises(TypeError, match="defvjp of <lambda> takes two functions; got None of type NoneType"):
        f.defvjp(lambda x: (x, None), None)


def test_forward_mode_where_a_cotangent_is_constant():
    def with_rule(bwd):
        f = ft.custom_vjp(lambda x, y: x * 2.0)
        f.defvjp(lambda x, y: (x * 2.0, y), bwd)
        return f

    zero = with_rule(lambda y, ct: (2.0 * ct, fnp.zeros_like(y)))
    for run in (ft.jvp, lambda f, p, t: ft.jit(lambda *a: ft.jvp(f, a, t))(*p)):
        assert float(run(zero, (1.0, 2.0), (1.0, 1.0))[1]) == 2.0
    unknown = with_rule(lambda y, ct: (2.0 * ct, fnp.exp(y)))
    with pytest.raises(TypeError, match="does not depend on the result's, and is not zero"):
        ft.jvp(unknown, (1.0, 2.0), (1.0, 1.0))
    with pytest.raises(TypeError, match="does not depend on the result's, and that is not known to be zero"):
        ft.jit(lambda x, y: ft.jvp(unknown, (x, y), (1.0, 1.0)))(1.0, 2.0)
