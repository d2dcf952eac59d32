"""`custom_root` and `custom_linear_solve` against closed forms and NumPy: values, both modes, second order, batches, errors."""

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.core.check import check_jaxpr
from functrans.core.parse import parse_jaxpr

HERE = "test_implicit.py"
wrappers = pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])


def refuses(call, kind, *parts):
    with pytest.raises(kind) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), f"{part!r} is not in: {caught.value}"


def agree(got, wanted, rtol=1e-10):
    got, wanted = ft.tree_util.tree_leaves(got), ft.tree_util.tree_leaves(wanted)
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


# -- roots ------------------------------------------------------------------------------------------------------------

def newton(f, x):
    return lax.while_loop(lambda x: fnp.abs(f(x)) > 1e-13, lambda x: x - f(x) / ft.grad(f)(x), x)


def root(a):
    return lax.custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0))


@wrappers
def test_square_root(wrap):
    a = 3.0
    powers = [a**0.5, 0.5 * a**-0.5, -0.25 * a**-1.5, 0.375 * a**-2.5]
    agree(wrap(root)(a), powers[0])
    agree(wrap(ft.grad(root))(a), powers[1])
    agree(wrap(ft.grad(ft.grad(root)))(a), powers[2])
    agree(wrap(ft.grad(ft.grad(ft.grad(root))))(a), powers[3])
    agree(wrap(lambda a: ft.jvp(root, (a,), (2.0,)))(a), (powers[0], 2 * powers[1]))
    agree(wrap(ft.jacfwd(ft.grad(root)))(a), powers[2])
    agree(wrap(ft.grad(ft.jacfwd(root)))(a), powers[2])


@wrappers
def test_square_roots_of_a_batch(wrap):
    a = np.array([3.0, 2.0, 0.5])
    agree(wrap(ft.vmap(root))(a), a**0.5)
    agree(wrap(ft.vmap(ft.grad(root)))(a), 0.5 * a**-0.5)
    agree(wrap(ft.grad(lambda a: ft.vmap(root)(a).sum()))(a), 0.5 * a**-0.5)
    agree(wrap(ft.vmap(ft.grad(ft.grad(root))))(a), -0.25 * a**-1.5)


def test_the_steps_are_not_differentiated():
    """A solver that knows the answer: only the equation gives the derivative."""
    known = lambda a: lax.custom_root(lambda x: x * x - a, 1.0, lambda f, x: fnp.sqrt(3.0), lambda g, y: y / g(1.0))  # noqa: E731
    agree(ft.grad(known)(3.0), 0.5 / np.sqrt(3.0))
    through_guess = lambda g: lax.custom_root(lambda x: x * x - 3.0, g, newton, lambda g, y: y / g(1.0))  # noqa: E731
    assert ft.grad(through_guess)(1.0) == 0


@wrappers
def test_a_system_of_equations_with_trees(wrap):
    """Kepler-like equations in a dict: x = a + sin(y) / 2, y = b + cos(x) / 2, solved by iteration, J by jacfwd."""
    def solve(f, start):
        return lax.fori_loop(0, 80, lambda i, v: {k: v[k] - r for k, r in f(v).items()}, start)

    def tangent_solve(g, y):
        matrix = fnp.array([[g({"x": 1.0, "y": 0.0})[k], g({"x": 0.0, "y": 1.0})[k]] for k in "xy"])
        (a, b), (c, d) = matrix
        det = a * d - b * c
        return {"x": (d * y["x"] - b * y["y"]) / det, "y": (a * y["y"] - c * y["x"]) / det}

    def f(a, b):
        residual = lambda v: {"x": v["x"] - a - fnp.sin(v["y"]) / 2, "y": v["y"] - b - fnp.cos(v["x"]) / 2}  # noqa: E731
        return lax.custom_root(residual, {"x": 0.0, "y": 0.0}, solve, tangent_solve)

    a, b = 0.3, -0.2
    v = wrap(f)(a, b)
    x, y = float(v["x"]), float(v["y"])
    agree([x, y], [a + np.sin(y) / 2, b + np.cos(x) / 2])
    inverse = np.linalg.inv([[1, -np.cos(y) / 2], [np.sin(x) / 2, 1]])
    for mode in (ft.jacfwd, ft.jacrev):
        j = wrap(mode(f, (0, 1)))(a, b)
        agree(np.array([[float(j[p][q]) for q in (0, 1)] for p in "xy"]), inverse)


@wrappers
def test_root_with_auxiliary_data(wrap):
    def f(a):
        return lax.custom_root(lambda x: x - a, 0.0, lambda f, x: (x - f(x), {"turns": 1}), lambda g, y: y, has_aux=True)

    assert wrap(f)(2.0) == (2.0, {"turns": 1})
    value, aux = wrap(ft.grad(f, has_aux=True))(2.0)
    assert (value, aux) == (1.0, {"turns": 1})


def test_roots_in_single_precision():
    a = np.float32(4)  # of which the iteration finds the exact root
    assert root(a).dtype == ft.grad(root)(a).dtype == np.float32


def test_errors_of_roots():
    call = lambda f=lambda x: x, guess=1.0, solve=lambda f, x: x, tangent=lambda g, y: y, aux=False: lambda: lax.custom_root(  # noqa: E731
        f, guess, solve, tangent, has_aux=aux)
    refuses(call(f=1), TypeError, "f must be callable", HERE)
    refuses(call(guess="text"), TypeError, "argument x must be an array or a number", HERE)
    refuses(call(f=lambda x: (x, x)), TypeError, "f <lambda>", "a value of the structure", HERE)
    refuses(call(f=lambda x: x * fnp.ones(3)), TypeError, "the shapes differ", HERE)
    refuses(call(solve=lambda f, x: (x, x)), TypeError, "solve (", "of the structure of what it starts from", HERE)
    refuses(call(solve=lambda f, x: fnp.ones(3)), TypeError, "solve (", "result is f64[3] in place of f64", HERE)
    refuses(call(tangent=lambda g, y: (y, y)), TypeError, "tangent_solve (", "structure", HERE)
    refuses(call(aux=True), ValueError, "a pair (solution, auxiliary data)", HERE)


# -- linear systems ---------------------------------------------------------------------------------------------------

A = np.array([[2.0, 1.0, 0.0], [0.5, 3.0, -1.0], [0.0, 1.0, 4.0]])
B = np.array([1.0, -2.0, 0.5])


def gauss(matvec, b):
    """By the columns of the matrix: Gauss-Jordan elimination without pivoting, of a diagonally dominant matrix."""
    n = b.shape[0]
    m = fnp.concatenate([fnp.stack([matvec(e) for e in fnp.eye(n)], 1), b[:, None]], 1)
    for k in range(n):
        m = m.at[k].set(m[k] / m[k, k])
        m = m - fnp.where(fnp.arange(n) == k, 0.0, m[:, k])[:, None] * m[k]
    return m[:, n]


def conjugate_gradients(matvec, b):
    """For symmetric positive matrices; a loop that must not be differentiated."""
    def turn(state):
        x, r, p = state
        q = matvec(p)
        step = (r @ r) / (p @ q)
        s = r - step * q
        return x + step * p, s, s + (s @ s) / (r @ r) * p

    return lax.while_loop(lambda c: (c[1] @ c[1]) > 1e-28, turn, (b * 0.0, b, b))[0]


def solve(a, b):
    return lax.custom_linear_solve(lambda x: a @ x, b, gauss, gauss)


def solve_symmetric(a, b):
    m = a @ a.T
    return lax.custom_linear_solve(lambda x: m @ x, b, conjugate_gradients, symmetric=True)


def exact(a, b, symmetric):
    """Value, and the derivatives of its sum by a and b, by the textbook formulas."""
    m = a @ a.T if symmetric else a
    x, bar = np.linalg.solve(m, b), np.linalg.solve(m.T, np.ones(len(b)))
    m_bar = -np.outer(bar, x)
    return x, (m_bar + m_bar.T) @ a if symmetric else m_bar, bar


SOLVERS = pytest.mark.parametrize(("function", "symmetric"), [(solve, False), (solve_symmetric, True)], ids=["gauss", "cg"])


@wrappers
@SOLVERS
def test_linear_solve(function, symmetric, wrap):
    x, a_bar, b_bar = exact(A, B, symmetric)
    total = lambda a, b: function(a, b).sum()  # noqa: E731
    agree(wrap(function)(A, B), x)
    agree(wrap(ft.grad(total, (0, 1)))(A, B), (a_bar, b_bar))
    a_dot, b_dot = np.cos(A), np.sin(B)
    agree(wrap(lambda a, b: ft.jvp(total, (a, b), (a_dot, b_dot))[1])(A, B), (a_bar * a_dot).sum() + (b_bar * b_dot).sum())


@wrappers
@SOLVERS
def test_second_order(function, symmetric, wrap):
    """Both orders of the modes agree with central differences of the exact gradient."""
    total, a_dot, h = lambda a, b: function(a, b).sum(), np.cos(A), 1e-5
    after, before = (exact(A + step * a_dot, B, symmetric)[1:] for step in (h, -h))
    wanted = [(p - m) / (2 * h) for p, m in zip(after, before, strict=True)]
    forward = lambda a, b: ft.jvp(lambda a: ft.grad(total, (0, 1))(a, b), (a,), (a_dot,))[1]  # noqa: E731
    reverse = lambda a, b: ft.grad(lambda a, b: (ft.grad(total)(a, b) * a_dot).sum(), (0, 1))(a, b)  # noqa: E731
    agree(wrap(forward)(A, B), wanted, rtol=1e-6)
    agree(wrap(reverse)(A, B), wanted, rtol=1e-6)


@wrappers
@SOLVERS
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)], ids=str)
def test_batches_of_systems(function, symmetric, axes, wrap):
    batches = np.stack([A, A + 0.1, A.T]), np.stack([B, B**2, np.ones(3)])
    args = [b if axis == 0 else b[0] for b, axis in zip(batches, axes, strict=True)]
    rows = [exact(*(a[k] if axis == 0 else a for a, axis in zip(args, axes, strict=True)), symmetric) for k in range(3)]
    agree(wrap(ft.vmap(function, axes))(*args), np.stack([r[0] for r in rows]))
    gradient = ft.grad(lambda a, b: function(a, b).sum(), (0, 1))
    agree(wrap(ft.vmap(gradient, axes))(*args), [np.stack([r[k] for r in rows]) for k in (1, 2)])


@wrappers
def test_linear_transpose_of_a_solve(wrap):
    agree(wrap(lambda ct: ft.linear_transpose(lambda b: solve(A, b), B)(ct))(B), [np.linalg.solve(A.T, B)])


@wrappers
def test_solve_with_auxiliary_data_and_trees(wrap):
    def f(a, b):
        solver = lambda matvec, b: ({"u": b["u"] / a}, {"steps": 3})  # noqa: E731
        return lax.custom_linear_solve(lambda x: {"u": a * x["u"]}, b, solver, solver, has_aux=True)

    b = {"u": np.array([1.0, 2.0])}
    x, aux = wrap(f)(4.0, b)
    agree(x["u"], np.array([0.25, 0.5]))
    assert aux == {"steps": 3}
    agree(wrap(ft.grad(lambda a: f(a, b)[0]["u"].sum()))(4.0), -3 / 16)


@wrappers
def test_inside_loops_and_branches(wrap):
    """Iterative refinement of nothing: three solves in a row, the inverse cubed."""
    f = lambda a, b: lax.fori_loop(0, 3, lambda i, x: lax.cond(i >= 0, lambda: solve(a, x), lambda: x), b).sum()  # noqa: E731
    inverse = np.linalg.inv(A)
    agree(wrap(f)(A, B), (inverse @ inverse @ inverse @ B).sum())
    agree(wrap(ft.grad(f, 1))(A, B), (inverse @ inverse @ inverse).sum(0))


def test_reverse_mode_needs_a_transposed_solver():
    f = lambda b: lax.custom_linear_solve(lambda x: A @ x, b, gauss).sum()  # noqa: E731
    agree(ft.jvp(f, (B,), (B,))[1], np.linalg.solve(A, B).sum())
    refuses(lambda: ft.grad(f)(B), TypeError, "solver of the transposed system", "transpose_solve", "symmetric=True", HERE)


def test_text_parses_back():
    for f in (ft.grad(root), ft.grad(lambda b: solve(A, fnp.full(3, b)).sum())):
        closed = ft.make_jaxpr(f)(2.0)
        again = parse_jaxpr(str(closed.jaxpr))
        check_jaxpr(again)
        assert str(again) == str(closed.jaxpr)


def test_errors_of_solves():
    call = lambda matvec=lambda x: x, b=B, solve=lambda m, b: b, transpose=None, **more: lambda: lax.custom_linear_solve(  # noqa: E731
        matvec, b, solve, transpose, **more)
    refuses(call(solve=1), TypeError, "solve must be callable", HERE)
    refuses(call(b="text"), TypeError, "must be an array or a number", HERE)
    refuses(call(matvec=lambda x: fnp.ones(2)), TypeError, "matvec <lambda>", "a vector of the types", "the shapes differ", HERE)
    refuses(call(solve=lambda m, b: fnp.ones(2)), TypeError, "result is f64[2] in place of f64[3]", HERE)
    refuses(call(transpose=lambda m, b: (b, b)), TypeError, "transpose_solve (", "structure", HERE)
    refuses(call(has_aux=True), ValueError, "a pair (solution, auxiliary data)", HERE)
