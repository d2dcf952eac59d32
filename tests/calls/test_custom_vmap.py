"""`custom_vmap`: the rule answers vmap, also of derivatives and inside jit."""
# ruff: noqa: B023 - functions made in a loop run in the turn that makes them

from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.custom_batching import custom_vmap

XS = np.array([0.3, -1.2, 2.0])


def tenfold(calls=None):
    """sin(x) y whose batched form is ten times that, so that it can be told from the derived one."""

    @custom_vmap
    def f(x, y):
        return fnp.sin(x) * y

    @f.def_vmap
    def rule(axis_size, in_batched, x, y):
        if calls is not None:
            calls.append(in_batched)
        return 10 * fnp.sin(x) * y, True

    return f


WRAPS = pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])


@WRAPS
def test_value(wrap):
    calls = []
    f = tenfold(calls)
    np.testing.assert_allclose(wrap(f)(0.5, 2.0), np.sin(0.5) * 2)
    assert calls == []
    np.testing.assert_allclose(wrap(ft.vmap(f, (0, None)))(XS, 2.0), 20 * np.sin(XS))
    np.testing.assert_allclose(ft.vmap(wrap(f), (None, 0))(0.5, XS), 10 * np.sin(0.5) * XS)
    assert calls == [[True, False], [False, True]]
    np.testing.assert_allclose(wrap(ft.vmap(lambda x: f(0.5, 2.0) * x))(XS), 2 * np.sin(0.5) * XS)
    assert len(calls) == 2  # nothing of that call is batched


@WRAPS
def test_axes_come_first_and_results_go_where_asked(wrap):
    f = custom_vmap(lambda x: x.sum())
    shapes = []

    @f.def_vmap
    def rule(axis_size, in_batched, x):
        shapes.append(x.shape)
        return x.sum(1), True

    xs = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(wrap(ft.vmap(f, 1))(xs), xs.sum(0))
    assert shapes == [(3, 2)]


@WRAPS
def test_pytrees_keywords_and_unbatched_results(wrap):
    @custom_vmap
    def f(p, scale=2.0):
        return {"a": p["x"] * scale, "b": p["y"]}

    @f.def_vmap
    def rule(axis_size, in_batched, p, scale):
        assert in_batched == [{"x": True, "y": False}, False]
        return {"a": p["x"] * scale, "b": p["y"]}, {"a": True, "b": False}

    run = wrap(ft.vmap(lambda x: f(scale=3.0, p={"x": x, "y": 7.0})))
    out = run(XS)
    np.testing.assert_allclose(out["a"], 3 * XS)
    np.testing.assert_allclose(out["b"], np.full(3, 7.0))


@WRAPS
def test_gradient_without_vmap_is_the_functions(wrap):
    f = tenfold()
    np.testing.assert_allclose(wrap(ft.grad(f, (0, 1)))(0.5, 2.0), (np.cos(0.5) * 2, np.sin(0.5)))
    np.testing.assert_allclose(ft.grad(wrap(f), (0, 1))(0.5, 2.0), (np.cos(0.5) * 2, np.sin(0.5)))
    np.testing.assert_allclose(ft.jvp(wrap(f), (0.5, 2.0), (1.0, 0.0))[1], np.cos(0.5) * 2)
    np.testing.assert_allclose(wrap(ft.grad(ft.grad(f)))(0.5, 2.0), -np.sin(0.5) * 2)


@WRAPS
def test_gradient_of_vmap_differentiates_the_rule(wrap):
    f = tenfold()
    for batched in (wrap(ft.vmap(f, (0, None))), ft.vmap(wrap(f), (0, None))):
        x_bar, y_bar = wrap(ft.grad(lambda x, y: batched(x, y).sum(), (0, 1)))(XS, 2.0)
        np.testing.assert_allclose(x_bar, 20 * np.cos(XS))
        np.testing.assert_allclose(y_bar, 10 * np.sin(XS).sum())


@WRAPS
def test_vmap_of_derivatives_asks_the_rule(wrap):
    f = tenfold()
    for g in (wrap(ft.vmap(ft.grad(f, (0, 1)), (0, None))), ft.vmap(wrap(ft.grad(f, (0, 1))), (0, None)),
              ft.vmap(ft.grad(wrap(f), (0, 1)), (0, None))):
        x_bar, y_bar = g(XS, 2.0)
        np.testing.assert_allclose(x_bar, 20 * np.cos(XS))
        np.testing.assert_allclose(y_bar, 10 * np.sin(XS))
    push = lambda x: ft.jvp(f, (x, 2.0), (1.0, 0.5))  # noqa: E731
    y, y_dot = wrap(ft.vmap(push))(XS)
    np.testing.assert_allclose(y, 20 * np.sin(XS))
    np.testing.assert_allclose(y_dot, 20 * np.cos(XS) + 5 * np.sin(XS))
    for outer in (ft.grad, ft.jacfwd):
        for inner in (ft.grad, ft.jacfwd):
            np.testing.assert_allclose(wrap(ft.vmap(outer(inner(f)), (0, None)))(XS, 2.0), -20 * np.sin(XS))


def test_batched_tangents_of_unbatched_primals():
    f = tenfold()
    y, y_dot = ft.vmap(lambda t: ft.jvp(f, (0.5, 2.0), (t, 0.0)))(XS)
    np.testing.assert_allclose(y, np.full(3, 20 * np.sin(0.5)))
    np.testing.assert_allclose(y_dot, 20 * np.cos(0.5) * XS)


@WRAPS
def test_results_that_are_the_same_for_the_whole_batch(wrap):
    """y is not batched and the rule says so: its gradient by the batched x is zero."""
    f = custom_vmap(lambda x, y: (x * y, y * y))

    @f.def_vmap
    def rule(axis_size, in_batched, x, y):
        return (x * y, y * y), (True, in_batched[1])

    both = lambda x, y: sum(f(x, y))  # noqa: E731
    x_bar, y_bar = wrap(ft.vmap(ft.grad(both, (0, 1)), (0, None)))(XS, 2.0)
    np.testing.assert_allclose(x_bar, [2.0, 2.0, 2.0])
    np.testing.assert_allclose(y_bar, XS + 4.0)
    np.testing.assert_allclose(wrap(ft.vmap(ft.grad(both), (0, None)))(XS, 2.0), [2.0, 2.0, 2.0])
    np.testing.assert_allclose(ft.grad(lambda y: wrap(ft.vmap(both, (0, None)))(XS, y).sum())(2.0), XS.sum() + 12.0)


@WRAPS
def test_integer_results(wrap):
    f = custom_vmap(lambda x, i: (x * i, i + 1))
    f.def_vmap(lambda n, b, x, i: ((10 * x * i, i + 1), (True, b[1])))
    np.testing.assert_allclose(wrap(ft.vmap(ft.grad(lambda x, i: f(x, i)[0]), (0, None)))(XS, 3), np.full(3, 30.0))

    def push(x):
        (_, count), (x_dot, count_dot) = ft.jvp(lambda x: f(x, 3), (x,), (1.0,))
        assert count_dot.dtype == ft.float0
        return count, x_dot

    count, x_dot = wrap(ft.vmap(push))(XS)
    np.testing.assert_allclose(x_dot, np.full(3, 30.0))
    np.testing.assert_array_equal(count, [4, 4, 4])


@WRAPS
def test_vmap_of_vmap(wrap):
    """The inner vmap asks the rule; the outer one batches the rule, which may call the function again."""
    f = custom_vmap(lambda x: x * 2.0)
    sizes = []

    @f.def_vmap
    def rule(axis_size, in_batched, x):
        sizes.append((axis_size, np.ndim(x)))
        return f(x) * 10, True

    xs = np.ones((2, 3))
    np.testing.assert_array_equal(wrap(ft.vmap(ft.vmap(f)))(xs), np.full((2, 3), 200.0))
    assert sizes == [(3, 1), (2, 2)]


def test_rules_may_branch_and_look_at_values_when_eager():
    f = custom_vmap(lambda x: x)

    @f.def_vmap
    def rule(axis_size, in_batched, x):
        return (x if x.sum() > 0 else -x), True

    np.testing.assert_array_equal(ft.vmap(f)(XS), XS)
    np.testing.assert_array_equal(ft.vmap(f)(-XS), XS)
    np.testing.assert_array_equal(ft.grad(lambda x: ft.vmap(f)(x).sum())(-XS), [-1.0, -1.0, -1.0])


@WRAPS
def test_with_custom_derivatives(wrap):
    """A custom_jvp whose function is a custom_vmap, and the reverse."""
    inner = tenfold()
    f = ft.custom_jvp(lambda x: inner(x, 1.0))
    f.defjvp(lambda primals, tangents: (f(*primals), 7.0 * tangents[0]))
    np.testing.assert_allclose(wrap(ft.vmap(f))(XS), 10 * np.sin(XS))
    np.testing.assert_allclose(wrap(ft.vmap(ft.grad(f)))(XS), np.full(3, 7.0))
    np.testing.assert_allclose(ft.grad(lambda x: wrap(ft.vmap(f))(x).sum())(XS), np.full(3, 7.0))
    g = custom_vmap(f)
    g.def_vmap(lambda n, b, x: (2.0 * x, True))
    np.testing.assert_allclose(ft.grad(wrap(g))(0.5), 7.0)
    np.testing.assert_allclose(wrap(ft.vmap(ft.grad(g)))(XS), np.full(3, 2.0))


def test_closures():
    def times(c):
        f = custom_vmap(lambda x: x * c)
        f.def_vmap(lambda n, b, x: (10 * c * x, True))
        return f

    np.testing.assert_allclose(ft.grad(lambda c: ft.vmap(times(c))(XS).sum())(2.0), 10 * XS.sum())
    np.testing.assert_allclose(ft.vmap(lambda c: times(c)(2.0))(XS), 2 * XS)
    with pytest.raises(ft.errors.UnexpectedTracerError, match="they cannot close over it"):
        ft.vmap(lambda c, x: times(c)(x))(XS, XS)
    with pytest.raises(ft.errors.UnexpectedTracerError, match="custom_vmap function <lambda>: batching with respect to a value"):
        ft.vmap(ft.jit(lambda c, x: times(c)(x)))(XS, XS)

    def plus(c):
        f = custom_vmap(lambda x: x + c)
        f.def_vmap(lambda n, b, x: (x, True))
        return f

    with pytest.raises(ft.errors.UnexpectedTracerError, match="custom_vmap function <lambda>: differentiation under vmap with respect"):
        ft.vmap(ft.grad(ft.jit(lambda c, x: plus(c)(x))), (None, 0))(2.0, XS)


BAD_RULES = {
    "pair": (lambda n, b, x: x, TypeError, r"must return a pair \(result, whether each leaf of it is batched\); it returned an array"),
    "flags": (lambda n, b, x: (x, (True,)), ValueError, "out_batched has at its root <class 'tuple'>, and the result has"),
    "flag": (lambda n, b, x: (x, 1), TypeError, "the result must be marked in out_batched by True or False; it is marked by 1"),
    "kind": (lambda n, b, x: ("x", True), TypeError, "the result must be an array; it is 'x' of type str"),
    "size": (lambda n, b, x: (x[:2], True), ValueError, r"its first axis must have the batch size 3; it has shape \(2,\)"),
}


@pytest.mark.parametrize("name", BAD_RULES)
@WRAPS
def test_bad_rules(name, wrap):
    rule, error, expected = BAD_RULES[name]
    f = custom_vmap(lambda x: x)
    f.def_vmap(rule)
    with pytest.raises(error, match=r"custom_vmap rule <lambda> of <lambda>.*" + expected + r".*test_custom_vmap\.py:\d+"):
        ft.vmap(wrap(f))(XS)


def test_a_rule_that_disagrees_with_its_function():
    f = custom_vmap(lambda x: x)
    f.def_vmap(lambda n, b, x: (x.reshape(3, 1), True))
    with pytest.raises(ValueError, match=r"the result has type f64\[3,1\], and the function's result needs f64\[3\]"):
        ft.vmap(ft.jit(f))(XS)
    f.def_vmap(lambda n, b, x: ((x, x), (True, True)))
    with pytest.raises(ValueError, match="the result has at its root <class 'tuple'>, and the function's result has"):
        ft.vmap(ft.jit(f))(XS)


def test_missing_rule():
    f = custom_vmap(lambda x: x)
    expected = r"custom_vmap function <lambda> has no rule, at .*test_custom_vmap\.py:\d+ \(test_missing_rule\)"
    with pytest.raises(AttributeError, match=expected):
        f(1.0)
    with pytest.raises(TypeError, match="def_vmap of <lambda> takes a function; got None of type NoneType"):
        f.def_vmap(None)


# -- sequential_vmap ---------------------------------------------------------------------------------------------------------

def _steps(x: Any, y: Any) -> Any:
    first, factor = x["start"], x["factor"]
    return ft.lax.while_loop(lambda s: s[0] < 10.0, lambda s: (s[0] * factor, s[1] + y), (first, y * 0.0))


@pytest.mark.parametrize("run", [lambda f: f, ft.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("axes", [({"start": 0, "factor": None}, None), ({"start": 0, "factor": 0}, 1), ({"start": None, "factor": 0}, 0)])
def test_sequential_vmap_is_a_loop_over_the_batch(run: Any, axes: Any) -> None:
    f = ft.custom_batching.sequential_vmap(_steps)
    starts, factors, ys = np.array([1.0, 5.0, 20.0]), np.array([2.0, 3.0, 1.5]), np.arange(6.0).reshape(2, 3)
    x = {"start": starts if axes[0]["start"] == 0 else starts[1], "factor": factors if axes[0]["factor"] == 0 else factors[0]}
    y = ys if axes[1] == 1 else ys[0] if axes[1] is None else ys.T

    def at(i: int) -> tuple[Any, Any]:
        return ({k: v if axes[0][k] is None else v[i] for k, v in x.items()}, y if axes[1] is None else y[:, i] if axes[1] == 1 else y[i])

    want = [_steps(*at(i)) for i in range(3)]
    for got, *rows in zip(run(ft.vmap(f, axes))(x, y), *want, strict=True):
        np.testing.assert_allclose(got, np.stack(rows), rtol=1e-12)
    grads = run(ft.vmap(ft.grad(lambda x, y: f(x, y)[0]), axes))(x, y)
    for i in range(3):
        one = ft.grad(lambda x, y: _steps(x, y)[0])(*at(i))
        assert float(grads["start"][i]) == pytest.approx(float(one["start"])) and float(grads["factor"][i]) == pytest.approx(
            float(one["factor"]))


def test_sequential_vmap_takes_no_branch_for_another_example() -> None:
    """A batched cond computes both branches, and raises the errors of both."""
    table = np.arange(3.0)
    f = lambda i: ft.lax.cond(i < 3, lambda: fnp.asarray(table)[i], lambda: -1.0)  # noqa: E731
    indices = np.array([0, 7, 2])
    np.testing.assert_array_equal(ft.jit(ft.vmap(ft.custom_batching.sequential_vmap(f)))(indices), [0.0, -1.0, 2.0])
    with pytest.raises(IndexError, match="out of bounds"):
        ft.jit(ft.vmap(f))(indices)
