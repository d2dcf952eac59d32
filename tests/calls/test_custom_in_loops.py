"""Functions with rules of their own inside loops, branches and checkpoints: the rule is asked there too."""

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
