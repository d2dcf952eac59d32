"""`custom_jvp`: the rule is what is differentiated, in every mode and nesting; and what rules may not do."""
# ruff: noqa: B023 - functions made in a loop run in the turn that makes them


import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.calls.custom_jvp import custom_jvp_p
from functrans.calls.custom_vjp import custom_vjp_p
from functrans.calls.custom_vmap import custom_vmap_p
from functrans.calls.linear_call import linear_call_p
from functrans.custom_derivatives import SymbolicZero, zero_from_primal
from tests.calls.helpers import check_inner_derivatives, check_perturbations, nested, orders, wrappers

XS = np.array([0.3, -1.2, 2.0])


def tripled_sine():
    """sin(x) y whose rule says three times the derivative by x, so that it can be told from the derived one."""

    @ft.custom_jvp
    def f(x, y):
        return fnp.sin(x) * y

    @f.defjvp
    def f_jvp(primals, tangents):
        (x, y), (x_dot, y_dot) = primals, tangents
        return f(x, y), 3 * fnp.cos(x) * y * x_dot + fnp.sin(x) * y_dot

    return f


# -- value and derivatives --------------------------------------------------------------------------------------------


@wrappers
def test_value_and_derivatives(wrap):
    f = wrap(tripled_sine())
    x, y = 0.7, 2.0
    np.testing.assert_allclose(f(x, y), np.sin(x) * y)
    np.testing.assert_allclose(ft.grad(f, (0, 1))(x, y), (3 * np.cos(x) * y, np.sin(x)))
    np.testing.assert_allclose(ft.jvp(f, (x, y), (1.0, 0.5))[1], 3 * np.cos(x) * y + 0.5 * np.sin(x))
    np.testing.assert_allclose(ft.linearize(f, x, y)[1](1.0, 0.5), 3 * np.cos(x) * y + 0.5 * np.sin(x))


@pytest.mark.parametrize("outer", [ft.grad, ft.jacfwd, ft.jacrev])
@pytest.mark.parametrize("inner", [ft.grad, ft.jacfwd, ft.jacrev])
@wrappers
def test_second_order_differentiates_the_rule(outer, inner, wrap):
    f = wrap(tripled_sine())
    np.testing.assert_allclose(outer(inner(f))(0.7, 2.0), -3 * np.sin(0.7) * 2.0)
    np.testing.assert_allclose(wrap(outer(wrap(inner(f))))(0.7, 2.0), -3 * np.sin(0.7) * 2.0)
    # the rule of y is f itself in the first place, so d/dx of d/dy is the rule's again where sin(x) is plain
    np.testing.assert_allclose(outer(inner(f, 1))(0.7, 2.0), np.cos(0.7))


@orders
def test_every_nesting_order(order):
    """d/dx of the batched sum is 3 cos(x) y for each x, wherever jit, vmap and grad stand."""
    f = tripled_sine()
    g = lambda x: f(x, 2.0)  # noqa: E731
    np.testing.assert_allclose(nested(order, g)(XS), 6 * np.cos(XS))


def test_second_order_over_vmap():
    f = ft.vmap(tripled_sine(), (0, None))
    second = ft.grad(lambda x: ft.grad(lambda x: f(x, 2.0).sum())(x).sum())
    np.testing.assert_allclose(second(XS), -6 * np.sin(XS))
    np.testing.assert_allclose(ft.jit(second)(XS), -6 * np.sin(XS))


def test_vmap_of_one_argument_and_of_axis_one():
    f = tripled_sine()
    xs, y = np.outer(XS, [1.0, 2.0]), np.array([0.5, 1.5, 2.5])
    total = lambda x, y: ft.vmap(f, (1, None), 1)(x, y).sum()  # noqa: E731
    x_bar, y_bar = ft.grad(total, (0, 1))(xs, y)
    np.testing.assert_allclose(x_bar, 3 * np.cos(xs) * y[:, None])
    np.testing.assert_allclose(y_bar, np.sin(xs).sum(1))


def test_only_the_differentiated_arguments_have_tangents():
    seen = []
    f = ft.custom_jvp(lambda x, y: x * y)

    @f.defjvp
    def rule(primals, tangents):
        seen.append([float(t) for t in tangents[1:]])
        return f(*primals), tangents[0] * primals[1]

    assert float(ft.grad(f)(2.0, 3.0)) == 3.0
    assert seen == [[0.0]]


# -- control flow -----------------------------------------------------------------------------------------------------


def test_python_branches_in_function_and_rule():
    @ft.custom_jvp
    def f(x):
        return x * x if x > 0 else -x

    @f.defjvp
    def rule(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        if x > 0:
            return f(x), 2 * x * x_dot
        for _ in range(int(x), 0):
            x_dot = 2 * x_dot
        return f(x), -x_dot

    assert float(f(3.0)) == 9.0
    assert float(ft.grad(f)(3.0)) == 6.0
    assert float(ft.grad(f)(-2.0)) == -4.0
    assert float(ft.jvp(f, (-1.0,), (1.0,))[1]) == -2.0
    jitted = ft.jit(lambda x: f(3.0 * x) + 1.0)
    assert [float(jitted(x)) for x in (1.0, -1.0, 2.0)] == [10.0, 4.0, 37.0]
    gradient = ft.jit(ft.grad(f))
    assert [float(gradient(x)) for x in (1.0, -1.0, 2.0, -2.0)] == [2.0, -2.0, 4.0, -4.0]
    assert [float(ft.grad(jitted)(x)) for x in (1.0, -1.0)] == [18.0, -24.0]
    with pytest.raises(ft.errors.TracerBoolConversionError, match="make_jaxpr of f traces the function once for all values"):
        ft.make_jaxpr(f)(1.0)


def test_eager_evaluation_calls_the_function_and_differentiation_the_rule():
    calls = []

    @ft.custom_jvp
    def f(x):
        calls.append("f")
        return x * 2

    @f.defjvp
    def rule(primals, tangents):
        calls.append("rule")
        return primals[0] * 2, tangents[0] * 2

    f(1.0)
    assert calls == ["f"]
    ft.grad(f)(1.0)
    assert calls == ["f", "rule"]
    jitted = ft.jit(f)
    jitted(1.0)
    jitted(2.0)
    assert calls == ["f", "rule", "f"]


# -- the classic examples -----------------------------------------------------------------------------------------------


def test_log1pexp_is_stable():
    @ft.custom_jvp
    def log1pexp(x):
        return fnp.log(1.0 + fnp.exp(x))

    assert np.isnan(ft.grad(lambda x: fnp.log(1.0 + fnp.exp(x)))(1000.0))  # what the rule is for

    @log1pexp.defjvp
    def rule(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        return log1pexp(x), (1 - 1 / (1 + fnp.exp(x))) * x_dot

    assert float(ft.grad(log1pexp)(1000.0)) == 1.0
    np.testing.assert_array_equal(ft.vmap(ft.jit(ft.grad(log1pexp)))(np.array([0.0, 1000.0])), [0.5, 1.0])
    np.testing.assert_allclose(ft.grad(ft.grad(log1pexp))(0.0), 0.25)


def test_safe_division():
    """x / (1 + sqrt(x)) has a finite derivative at 0, which the chain rule misses: nan."""

    def plain(x):
        return x / (1 + fnp.sqrt(x))

    f = ft.custom_jvp(plain)

    @f.defjvp
    def rule(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        root = fnp.sqrt(x)
        return f(x), (root + 2) / (2 * (root + 1) ** 2) * x_dot

    assert np.isnan(ft.grad(plain)(0.0))
    assert float(ft.grad(f)(0.0)) == 1.0
    np.testing.assert_allclose(ft.grad(f)(2.0), ft.grad(plain)(2.0), rtol=1e-14)


def test_defjvps():
    f = ft.custom_jvp(lambda x, y, z: x * y + z)
    f.defjvps(lambda x_dot, out, x, y, z: 10 * x_dot * y, None, lambda z_dot, out, x, y, z: z_dot * out)
    np.testing.assert_allclose(ft.grad(f, (0, 1, 2))(2.0, 3.0, 4.0), (30.0, 0.0, 10.0))
    np.testing.assert_allclose(ft.jit(ft.grad(f, (0, 1, 2)))(2.0, 3.0, 4.0), (30.0, 0.0, 10.0))
    with pytest.raises(TypeError, match="defjvps of <lambda> was given 3 rules, and the call has 2 arguments"):
        g = ft.custom_jvp(lambda x, y: x)
        g.defjvps(None, None, None)
        ft.grad(g)(1.0, 2.0)
    with pytest.raises(TypeError, match="cannot be used with nondiff_argnums; use defjvp"):
        ft.custom_jvp(lambda x, y: x, nondiff_argnums=(0,)).defjvps(None)


# -- arguments ----------------------------------------------------------------------------------------------------------


def scaled():
    def g(params, x=1.0, flip=False):
        return {"out": params["w"] * x, "pair": (params["b"][0] + x, -x if flip else x)}

    f = ft.custom_jvp(g, nondiff_argnums=(2,))

    @f.defjvp
    def rule(flip, primals, tangents):
        (p, x), (p_dot, x_dot) = primals, tangents
        out_dot = {"out": 2 * (p_dot["w"] * x + p["w"] * x_dot), "pair": (p_dot["b"][0] + x_dot, -x_dot if flip else x_dot)}
        return f(p, x, flip), out_dot

    return f


@wrappers
def test_pytrees_keywords_and_nondiff(wrap):
    f = scaled()
    params = {"w": np.array([1.0, 2.0]), "b": [np.array(3.0)]}
    run = wrap(lambda p, x: f(p, flip=True, x=x))
    out, out_dot = ft.jvp(run, (params, 4.0), ({"w": np.array([1.0, 0.0]), "b": [np.array(0.5)]}, 1.0))
    np.testing.assert_allclose(out["out"], [4.0, 8.0])
    np.testing.assert_allclose(out["pair"], (7.0, -4.0))
    np.testing.assert_allclose(out_dot["out"], [2 * (4 + 1), 2 * 2])
    np.testing.assert_allclose(out_dot["pair"], (1.5, -1.0))
    gradient = ft.grad(lambda p: run(p, 4.0)["out"].sum())(params)
    np.testing.assert_allclose(gradient["w"], [8.0, 8.0])
    np.testing.assert_allclose(gradient["b"][0], 0.0)


def test_nondiff_functions_and_names():
    def apply(f, x):
        return f(x)

    for options in ({"nondiff_argnums": (0,)}, {"nondiff_argnums": 0}, {"nondiff_argnames": ("f",)}, {"nondiff_argnames": "f"}):
        app = ft.custom_jvp(apply, **options)

        @app.defjvp
        def rule(f, primals, tangents, app=app):
            return app(f, *primals), 2.0 * tangents[0]

        assert float(app(lambda x: x**3, 2.0)) == 8.0
        assert float(ft.grad(app, 1)(lambda x: x**3, 2.0)) == 2.0
        assert float(ft.jit(lambda x: ft.grad(app, 1)(lambda x: x**3, x))(2.0)) == 2.0
    with pytest.raises(ValueError, match=r"nondiff_argnames names 'g', which is not one of its arguments \(f, x\)"):
        ft.custom_jvp(apply, nondiff_argnames=("g",))


def test_traced_nondiff_arguments_are_constants():
    f = ft.custom_jvp(lambda n, x: n * x, nondiff_argnums=(0,))
    f.defjvp(lambda n, primals, tangents: (n * primals[0], 5 * n * tangents[0]))
    assert float(ft.jit(lambda n, x: ft.grad(f, 1)(n, x))(2.0, 3.0)) == 10.0


def test_integers_have_float0_tangents():
    f = ft.custom_jvp(lambda i, x: (i + 1, x * i))
    seen = []

    @f.defjvp
    def rule(primals, tangents):
        (i, x), (i_dot, x_dot) = primals, tangents
        seen.append(i_dot.dtype)
        return f(i, x), (i_dot, 7 * x_dot)

    for wrap in (lambda g: g, ft.jit):
        assert float(ft.grad(wrap(lambda i, x: f(i, x)[1]), 1)(3, 2.0)) == 7.0
    assert seen == [ft.float0, ft.float0]
    f.defjvp(lambda primals, tangents: (f(*primals), (0, tangents[1])))
    expected = r"tangent result\[0\] has type i64\*\[\], and the primal result of type i64\*\[\] needs float0\[\]"
    with pytest.raises(TypeError, match=expected):
        ft.grad(lambda i, x: f(i, x)[1], 1)(3, 2.0)


def test_symbolic_zeros():
    f = ft.custom_jvp(lambda x, y: x * y)
    seen = []

    def rule(primals, tangents):
        seen.append([type(t) is SymbolicZero for t in tangents])
        (x, y), (x_dot, _) = primals, tangents
        if type(x_dot) is SymbolicZero:
            assert x_dot.shape == np.shape(x)
            return f(x, y), SymbolicZero.from_primal_value(x)
        return f(x, y), 10.0 * x_dot * y

    f.defjvp(rule, symbolic_zeros=True)
    for wrap in (lambda g: g, ft.jit):
        seen.clear()
        assert float(wrap(ft.grad(f))(2.0, 3.0)) == 30.0
        assert float(ft.grad(wrap(f), 1)(2.0, 3.0)) == 0.0
        np.testing.assert_allclose(ft.grad(lambda x: wrap(ft.vmap(f, (0, None)))(x, 3.0).sum())(XS), 30.0)
        np.testing.assert_allclose(ft.grad(lambda y: wrap(ft.vmap(f, (0, None)))(XS, y).sum())(3.0), 0.0)
        assert seen == [[False, True], [True, False], [False, True], [True, False]]


def test_zero_from_primal():
    np.testing.assert_array_equal(zero_from_primal(XS), np.zeros(3))
    assert zero_from_primal(np.arange(3)).dtype == ft.float0
    assert type(zero_from_primal(XS, symbolic_zeros=True)) is SymbolicZero


def test_float32_stays():
    f = ft.custom_jvp(lambda x: x * 2)
    f.defjvp(lambda primals, tangents: (f(*primals), 3 * tangents[0]))
    for wrap in (lambda g: g, ft.jit):
        assert ft.grad(wrap(f))(np.float32(1)).dtype == np.float32
        assert ft.jvp(wrap(f), (np.float32(1),), (np.float32(1),))[1].dtype == np.float32


def test_results_are_arrays_of_their_own():
    x = np.arange(3.0)
    f = ft.custom_jvp(lambda x: x)
    f.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    y = f(x)
    x[0] = 5.0
    assert isinstance(y, ft.Array)
    np.testing.assert_array_equal(y, [0.0, 1.0, 2.0])


def test_methods():
    class Model:
        scale = 2.0

        @ft.custom_jvp
        def apply(self, x):
            return x

        @apply.defjvp
        def rule(primals, tangents):
            raise AssertionError

    class Good:
        def __init__(self, scale):
            self.scale = scale

        def apply(self, x):
            return self.scale * x

        apply = ft.custom_jvp(apply, nondiff_argnums=(0,))
        apply.defjvp(lambda self, primals, tangents: (self.apply(*primals), 5 * self.scale * tangents[0]))

    assert float(Good(2.0).apply(3.0)) == 6.0
    assert float(ft.grad(Good(2.0).apply)(3.0)) == 10.0
    with pytest.raises(TypeError, match="argument self must be an array or a number"):
        Model().apply(1.0)


# -- closures and perturbations ---------------------------------------------------------------------------------------------


def times(c):
    """x -> c x with ten times its derivative; c is closed over by function and rule."""
    f = ft.custom_jvp(lambda x: x * c)
    f.defjvp(lambda primals, tangents: (c * primals[0], 10 * c * tangents[0]))
    return f


def test_inner_derivatives_by_arguments_of_closures_over_outer_variables():
    check_inner_derivatives(times)


def test_siskind_pearlmutter_through_a_rule():
    identity = ft.custom_jvp(lambda x: x)
    identity.defjvp(lambda primals, tangents: (identity(*primals), tangents[0]))
    check_perturbations(identity)


def test_closures_over_batched_values():
    np.testing.assert_allclose(ft.vmap(lambda c, x: times(c)(x))(XS, XS), XS**2)
    np.testing.assert_allclose(ft.vmap(lambda c: times(c)(2.0))(XS), 2 * XS)
    np.testing.assert_allclose(ft.vmap(lambda c, x: ft.grad(times(c))(x))(XS, XS), 10 * XS)
    g = lambda x: ft.vmap(lambda c, x: times(c)(x))(XS, x).sum()  # noqa: E731
    h = lambda x: ft.vmap(lambda c: times(c)(x))(XS).sum()  # noqa: E731
    for wrap in (lambda f: f, ft.jit):
        np.testing.assert_allclose(wrap(ft.grad(g))(XS), 10 * XS)
        np.testing.assert_allclose(wrap(ft.grad(h))(2.0), 10 * XS.sum())
    with pytest.raises(ft.errors.UnexpectedTracerError, match="of vmap has leaked"):
        ft.grad(ft.jit(g))(XS)  # the rule is asked after vmap has ended


def test_differentiation_by_what_is_closed_over_is_refused():
    with pytest.raises(ft.errors.UnexpectedTracerError, match="they cannot close over it"):
        ft.grad(lambda c: times(c)(2.0))(3.0)
    expected = "custom_jvp function <lambda>: differentiation with respect to a value that the function closes over, at .*test_custom_jvp"
    with pytest.raises(ft.errors.UnexpectedTracerError, match=expected):
        ft.grad(ft.jit(lambda c: times(c)(2.0)))(3.0)
    with pytest.raises(ft.errors.UnexpectedTracerError, match="they cannot close over it"):
        ft.jit(lambda c: ft.grad(lambda c: times(c)(2.0))(c))(3.0)


# -- what staged code looks like --------------------------------------------------------------------------------------------


def test_jaxpr_holds_the_function_and_names_the_rule():
    text = str(ft.make_jaxpr(tripled_sine())(1.0, 2.0))
    assert "custom_jvp_call[" in text and "sin" in text and "rule=JVPRule(name='f')" in text


@pytest.mark.parametrize("primitive", [custom_jvp_p, custom_vjp_p, custom_vmap_p, linear_call_p], ids=str)
def test_slots_are_filled_or_excused(primitive):
    for slot in ("impl", "abstract", "jvp", "transpose", "batch", "lower", "inline"):
        assert (getattr(primitive, slot) is None) == (slot in primitive.reasons)


def test_linear_functions_transpose_as_they_compute():
    f = ft.custom_jvp(lambda x: 3.0 * x)
    f.defjvp(lambda primals, tangents: (f(*primals), 3.0 * tangents[0]))
    assert float(ft.linear_transpose(f, 1.0)(2.0)[0]) == 6.0
    # a rule that applies a jitted linear function, which itself calls f, to its tangent
    inner = ft.jit(lambda t: f(t) * 2.0)
    g = ft.custom_jvp(lambda x: x)
    g.defjvp(lambda primals, tangents: (primals[0], inner(tangents[0])))
    assert float(ft.grad(g)(1.0)) == 6.0
    assert float(ft.jit(ft.grad(g))(1.0)) == 6.0


# -- errors -------------------------------------------------------------------------------------------------------------


def test_missing_rule():
    f = ft.custom_jvp(lambda x: x)
    expected = r"custom_jvp function <lambda> has no rule, at .*test_custom_jvp\.py:\d+ \(test_missing_rule\)"
    with pytest.raises(AttributeError, match=expected):
        f(1.0)
    with pytest.raises(TypeError, match="defjvp of <lambda> takes a function; got an array of type i64"):
        f.defjvp(3)


BAD_RULES = {
    "pair": (lambda p, t: p[0], r"must return a pair \(result, tangent of the result\); it returned an array of type f64\[3\]"),
    "structure": (lambda p, t: (p[0], (t[0],)), r"the tangent result has at its root <class 'tuple'>, and the primal result has"),
    "none": (lambda p, t: (p[0], None), r"the tangent result has at its root <class 'NoneType'>"),
    "shape": (lambda p, t: (p[0], t[0][:2]), r"tangent result has type f64\[2\], and the primal result of type f64\[3\] needs f64\[3\]"),
    "dtype": (lambda p, t: (p[0], t[0].astype("float32")), r"the tangent result has type f32\[3\], and the primal result of type f64\[3\]"),
    "kind": (lambda p, t: (p[0], "t"), r"the tangent result must be an array; it is 't' of type str"),
    "primal kind": (lambda p, t: ("p", "t"), r"the primal result must be an array; it is 'p' of type str"),
    "zero shape": (lambda p, t: (p[0], SymbolicZero.from_primal_value(1.0)), r"the tangent result is SymbolicZero\(f64\[\]\)"),
}


@pytest.mark.parametrize("name", BAD_RULES)
@pytest.mark.parametrize("transform", ["grad", "jvp", "jit"])
def test_bad_rules(name, transform):
    rule, expected = BAD_RULES[name]
    f = ft.custom_jvp(lambda x: x * 2.0)
    f.defjvp(rule)
    run = {
        "grad": lambda: ft.grad(lambda x: f(x).sum())(XS), "jvp": lambda: ft.jvp(f, (XS,), (XS,)),
        "jit": lambda: ft.grad(ft.jit(lambda x: f(x).sum()))(XS),
    }[transform]
    with pytest.raises(TypeError, match=r"custom_jvp rule <lambda> of <lambda>.*" + expected + r"(.|\n)*test_custom_jvp\.py:\d+"):
        run()


def test_a_rule_that_disagrees_with_its_function():
    f = ft.custom_jvp(lambda x: {"a": x * 2.0})
    f.defjvp(lambda p, t: ({"a": p[0][:2]}, {"a": t[0][:2]}))
    with pytest.raises(TypeError, match=r"the primal result\['a'\] has type f64\[2\], and the function's result needs f64\[3\]"):
        ft.grad(ft.jit(lambda x: f(x)["a"].sum()))(XS)
    f.defjvp(lambda p, t: ([p[0]], [t[0]]))
    with pytest.raises(TypeError, match="the primal result has at its root <class 'list'>, and the function's result has <class 'dict'>"):
        ft.grad(ft.jit(lambda x: f(x)["a"].sum()))(XS)


def test_a_primal_result_made_of_tangents():
    f = ft.custom_jvp(lambda x: x)
    f.defjvp(lambda p, t: (t[0], t[0]))
    with pytest.raises(TypeError, match="custom_jvp rule of <lambda>: the primal result depends on the tangents"):
        ft.grad(f)(1.0)


def test_bad_arguments():
    f = tripled_sine()
    with pytest.raises(TypeError, match=r"custom_jvp function f: the arguments do not fit its signature \(x, y\): too many positional"):
        f(1.0, 2.0, 3.0)
    with pytest.raises(TypeError, match="custom_jvp of f: argument y must be an array or a number; it is 'a' of type str"):
        f(1.0, "a")

    def keyword(x, *, y):
        return x

    g = ft.custom_jvp(keyword)
    g.defjvp(lambda p, t: (p[0], t[0]))
    with pytest.raises(TypeError, match="custom_jvp function keyword: the arguments y can be given by keyword only"):
        g(1.0, y=2.0)
    h = ft.custom_jvp(lambda x: x, nondiff_argnums=(3,))
    h.defjvp(lambda n, p, t: (p[0], t[0]))
    with pytest.raises(ValueError, match=r"nondiff_argnums=\(3,\) asks for argument 3, and the call has 1 arguments"):
        h(1.0)


def test_nonlinear_rules_have_no_reverse_mode():
    f = ft.custom_jvp(lambda x: x)
    f.defjvp(lambda p, t: (p[0], abs(t[0])))
    assert float(ft.jvp(f, (1.0,), (-2.0,))[1]) == 2.0
    with pytest.raises((TypeError, NotImplementedError), match="abs"):
        ft.grad(f)(1.0)
