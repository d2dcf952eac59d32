"""Functions with rules of their own inside loops, branches and checkpoints: the rule is asked there too."""

from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax

XS = np.linspace(0.0, 1.0, 4)
FACTOR = {"jvp": 3.0, "vjp": 3.0, "vmap": 1.0}


def sine(kind):
    """sin, whose rules (of derivatives) say three times the derivative."""
    if kind == "jvp":
        f = ft.custom_jvp(lambda x: fnp.sin(x))
        f.defjvp(lambda p, t: (f(*p), 3 * fnp.cos(p[0]) * t[0]))
    elif kind == "vjp":
        f = ft.custom_vjp(lambda x: fnp.sin(x))
        f.defvjp(lambda x: (f(x), x), lambda x, ct: (3 * fnp.cos(x) * ct,))
    else:
        f = ft.custom_batching.custom_vmap(lambda x: fnp.sin(x))
        f.def_vmap(lambda n, b, x: (fnp.sin(x), True))
    return f


def reference(x, k):
    """The recurrence c <- sin(c) + x_i with its first and second derivative by the rule's factor k."""
    c, d, h = x, 1.0, 0.0
    for x_i in XS:
        c, d, h = np.sin(c) + x_i, d * k * np.cos(c), h * k * np.cos(c) - k * np.sin(c) * d * d
    return c, d, h


@pytest.mark.parametrize("kind", FACTOR)
def test_scan(kind):
    f = sine(kind)
    g = lambda x: lax.scan(lambda c, x: (f(c) + x, None), x, XS)[0]  # noqa: E731
    c, d, h = reference(0.3, FACTOR[kind])
    push = lambda x: ft.jvp(g, (x,), (1.0,))[1]  # noqa: E731
    for run in (g, ft.jit(g)):
        np.testing.assert_allclose(run(0.3), c)
    for run in (ft.grad(g), ft.jit(ft.grad(g)), ft.grad(ft.jit(g)), ft.jacfwd(g), push, ft.jit(push)):
        np.testing.assert_allclose(run(0.3), d)
    for run in (ft.grad(ft.grad(g)), ft.jacfwd(ft.grad(g)), ft.jit(ft.hessian(g))):
        np.testing.assert_allclose(run(0.3), h)


@pytest.mark.parametrize("kind", FACTOR)
def test_vmap_of_scan(kind):
    f = sine(kind)
    g = lambda x: lax.scan(lambda c, x: (f(c) + x, None), x, XS)[0]  # noqa: E731
    total = lambda x: ft.vmap(g)(x).sum()  # noqa: E731
    value, derivative, _ = zip(*[reference(x, FACTOR[kind]) for x in XS], strict=True)
    for run in (ft.vmap(g), ft.jit(ft.vmap(g))):
        np.testing.assert_allclose(run(XS), value)
    for run in (ft.vmap(ft.grad(g)), ft.jit(ft.vmap(ft.grad(g))), ft.grad(total), ft.jit(ft.grad(total))):
        np.testing.assert_allclose(run(XS), derivative)


@pytest.mark.parametrize("kind", FACTOR)
def test_cond_loops_and_checkpoint(kind):
    f, k = sine(kind), FACTOR[kind]
    x = 0.3
    branch = lambda x: lax.cond(x > 0, f, lambda x: x, x)  # noqa: E731
    for run in (ft.grad(branch), ft.jit(ft.grad(branch)), ft.grad(ft.jit(branch))):
        np.testing.assert_allclose(run(x), k * np.cos(x))
    shifted = XS - 0.5
    np.testing.assert_allclose(ft.vmap(ft.grad(branch))(shifted), np.where(shifted > 0, k * np.cos(shifted), 1.0))
    slope = k**3 * np.cos(x) * np.cos(np.sin(x)) * np.cos(np.sin(np.sin(x)))
    counted = lambda x: lax.fori_loop(0, 3, lambda i, c: f(c), x)  # noqa: E731
    looped = lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, f(s[1])), (0, x))[1]  # noqa: E731
    for loop in (counted, looped, ft.checkpoint(lambda x: f(f(f(x))))):
        for run in (ft.grad(loop), ft.jit(ft.grad(loop)), ft.jacfwd(loop)):
            np.testing.assert_allclose(run(x), slope)


def test_gradient_clipping_in_a_scan():
    """c <- 3 clip(c) three times: each backward step clips 3 to 1."""
    clip = ft.custom_vjp(lambda x: x)
    clip.defvjp(lambda x: (x, None), lambda _, ct: (fnp.clip(ct, -1.0, 1.0),))
    g = lambda x: lax.scan(lambda c, _: (clip(c) * 3.0, None), x, None, length=3)[0]  # noqa: E731
    assert float(g(2.0)) == 54.0
    assert float(ft.grad(g)(2.0)) == 1.0
    assert float(ft.jit(ft.grad(g))(2.0)) == 1.0
    np.testing.assert_array_equal(ft.vmap(ft.grad(g))(XS), np.ones(4))
    assert float(ft.grad(ft.checkpoint(lambda x: 5.0 * clip(x)))(2.0)) == 1.0


def test_implicit_differentiation_of_a_while_loop():
    """The square root of a by Newton's iteration, stopped by a tolerance, differentiated by the implicit function theorem."""

    @ft.custom_vjp
    def root(a):
        step = lambda s: (0.5 * (s[0] + a / s[0]), s[0])  # noqa: E731
        return lax.while_loop(lambda s: abs(s[0] - s[1]) > 1e-14, step, (a, a + 1.0))[0]

    def fwd(a):
        x = root(a)
        return x, x

    root.defvjp(fwd, lambda x, ct: (ct / (2 * x),))
    for wrap in (lambda f: f, ft.jit):
        np.testing.assert_allclose(wrap(root)(2.0), np.sqrt(2.0), rtol=1e-14)
        np.testing.assert_allclose(wrap(ft.grad(root))(2.0), 0.5 / np.sqrt(2.0), rtol=1e-14)
        np.testing.assert_allclose(wrap(ft.grad(ft.grad(root)))(2.0), -0.25 * 2.0**-1.5, rtol=1e-13)
        np.testing.assert_allclose(wrap(ft.vmap(ft.grad(root)))(np.array([2.0, 9.0])), 0.5 / np.sqrt([2.0, 9.0]), rtol=1e-14)


# -- loops in rules ------------------------------------------------------------------------------------------------------------

CALLS = {
    "jit": lambda x: ft.jit(fnp.sin)(x),
    "checkpoint": lambda x: ft.checkpoint(fnp.sin)(x),
    "cond": lambda x: lax.cond(x > 0, fnp.sin, fnp.cos, x),
    "scan": lambda x: lax.scan(lambda c, _: (fnp.sin(c) * x, c), x, None, length=3)[0],
    "checkpointed scan": lambda x: lax.scan(lambda c, _: (fnp.sin(c) * x, c), x, None, length=9, checkpoint=True)[0],
    "while": lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, fnp.sin(s[1]) * x), (0, x))[1],
    "map": lambda x: fnp.sum(lax.map(fnp.sin, fnp.stack([x, 2 * x]))),
}


@pytest.mark.parametrize("run", [lambda f: f, ft.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("name", CALLS)
def test_rules_that_are_the_jvp_of_a_call(name: str, run: Any) -> None:
    """One equation of the rule gives the result and its tangent together; reverse mode takes it apart."""
    f = CALLS[name]
    g = ft.custom_jvp(f)
    g.defjvp(lambda primals, tangents: ft.jvp(f, primals, tangents))
    first, second = ft.grad(f), ft.grad(ft.grad(f))
    for x in (0.3, -0.4):
        assert float(run(ft.grad(g))(x)) == pytest.approx(float(first(x)), rel=1e-12)
        assert float(run(ft.grad(ft.grad(g)))(x)) == pytest.approx(float(second(x)), rel=1e-12)
        assert float(run(lambda x: ft.jvp(ft.grad(g), (x,), (1.0,))[1])(x)) == pytest.approx(float(second(x)), rel=1e-12)
    xs = np.array([0.3, -0.4])
    np.testing.assert_allclose(run(ft.vmap(ft.grad(g)))(xs), [first(x) for x in xs], rtol=1e-12)


def test_a_result_that_depends_on_the_tangent_through_a_call_is_refused() -> None:
    g = ft.custom_jvp(fnp.sin)
    g.defjvp(lambda primals, tangents: ft.jit(lambda x, t: (x + t, t))(*primals, *tangents))
    with pytest.raises(TypeError, match="the primal result depends on the tangents"):
        ft.grad(g)(1.0)


def test_rules_take_arrays_of_the_library() -> None:
    """Without differentiation a function gets what its caller gives; a rule gets what it would get from an operation."""
    def f(x: Any) -> Any:
        return fnp.sum(x.at[0].multiply(3.0) ** 2)

    by_jvp, by_vjp = ft.custom_jvp(f), ft.custom_vjp(f)
    by_jvp.defjvp(lambda primals, tangents: (f(*primals), ft.jvp(f, primals, tangents)[1]))
    by_vjp.defvjp(lambda x: (f(x), x.at[0].multiply(9.0)), lambda r, ct: (2.0 * ct * r,))
    x = np.array([1.0, 2.0])
    for g in (by_jvp, by_vjp):
        np.testing.assert_array_equal(ft.grad(g)(x), [18.0, 4.0])


@pytest.mark.parametrize("loop", ["while", "for"])
def test_forward_mode_of_a_batch_whose_elements_end_at_different_turns(loop):
    """The rule is the transpose of a loop x <- 0.9 sin(x), batched: its masks and counters are not linear, and need not be."""
    if loop == "while":
        plain = lambda x: lax.while_loop(lambda c: c > 0.5, lambda c: 0.9 * fnp.sin(c), x)  # noqa: E731
        xs = np.array([0.1, 0.9, 1.5])
    else:
        plain = lambda x: lax.fori_loop(0, fnp.floor(4 * x).astype(int), lambda i, c: 0.9 * fnp.sin(c), x)  # noqa: E731
        xs = np.array([0.1, 0.6, 1.1])

    def turned(x):
        turns, slope = (np.inf if loop == "while" else np.floor(4 * x)), 1.0
        while turns > 0 and not (loop == "while" and x <= 0.5):
            x, slope, turns = 0.9 * np.sin(x), 0.9 * np.cos(x) * slope, turns - 1
        return slope

    f = ft.custom_vjp(plain)
    f.defvjp(lambda x: (plain(x), x), lambda x, ct: ft.vjp(plain, x)[1](ct))
    push = lambda x: ft.jvp(ft.vmap(f), (x,), (np.ones(3),))[1]  # noqa: E731
    for run in (push, ft.jit(push), lambda x: fnp.diag(ft.jacfwd(ft.vmap(f))(x))):
        np.testing.assert_allclose(run(xs), [turned(x) for x in xs])
