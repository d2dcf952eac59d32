"""Second derivatives: `grad(grad(f))`, Hessians, Newton's method, Hessian-vector products.

Minimises Rosenbrock's function, a curved valley in which gradient descent crawls and Newton's method does not, and then a
high-dimensional relative of it without ever forming the Hessian: conjugate gradients need only products with it.
"""

import argparse

import numpy as np

import functrans as ft
import functrans.numpy as fnp


def rosenbrock(x):
    """Zero at (1, ..., 1)."""
    return fnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def one_dimension():
    """Derivatives of a scalar function to the fourth, against the closed form."""
    print("derivatives of sin(x) x^2 at 1:")
    f = lambda x: fnp.sin(x) * x**2  # noqa: E731 - named for the formula it is
    sin, cos = np.sin(1.0), np.cos(1.0)
    exact = [sin, cos + 2 * sin, 4 * cos + sin, 5 * cos - 6 * sin]
    for order, value in enumerate(exact):
        print(f"  order {order}: {float(f(1.0)):+.12f}   closed form {value:+.12f}")
        f = ft.grad(f)


def newton(x, steps):
    """Newton's method with a full Hessian, compiled."""

    @ft.jit
    def gradient_and_hessian(x):
        return ft.grad(rosenbrock)(x), ft.hessian(rosenbrock)(x)

    for i in range(steps):
        g, h = gradient_and_hessian(x)
        print(f"  step {i}: f = {float(rosenbrock(x)):.3e}, |gradient| = {np.linalg.norm(g):.3e}")
        if np.linalg.norm(g) < 1e-10:
            break
        x = x - np.linalg.solve(h, g)
    return x


def newton_cg(x, steps):
    """Newton's method with conjugate gradients on Hessian-vector products: no Hessian is formed."""
    gradient = ft.jit(ft.grad(rosenbrock))
    product = ft.jit(lambda x, v: ft.hvp(rosenbrock, (x,), (v,)))
    value = ft.jit(rosenbrock)
    for i in range(steps):
        g = np.asarray(gradient(x))
        if i % 5 == 0:
            print(f"  step {i}: f = {float(value(x)):.3e}, |gradient| = {np.linalg.norm(g):.3e}")
        if np.linalg.norm(g) < 1e-8:
            break
        step = conjugate_gradients(lambda v, x=x: np.asarray(product(x, v)), -g)
        t = 1.0
        while float(value(x + t * step)) > float(value(x)) + 1e-4 * t * float(g @ step):
            t /= 2
        x = x + t * step
    return x


def conjugate_gradients(product, b):
    """Solve ``H s = b`` roughly; stops at directions of negative curvature."""
    s, r = np.zeros_like(b), b.copy()
    p, rr = r.copy(), float(r @ r)
    for _ in range(len(b)):
        hp = product(p)
        curvature = float(p @ hp)
        if curvature <= 0:
            return s if s.any() else b
        alpha = rr / curvature
        s, r = s + alpha * p, r - alpha * hp
        rr, old = float(r @ r), rr
        if rr < 1e-4 * float(b @ b) * min(1.0, float(b @ b)) or rr < 1e-22:
            break
        p = r + (rr / old) * p
    return s


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer dimensions")
    options = parser.parse_args()
    one_dimension()
    print("Newton's method on Rosenbrock's function in 2 dimensions:")
    print("  minimum at", newton(np.array([-1.2, 1.0]), 20))
    n = 50 if options.short else 500
    print(f"Newton-CG in {n} dimensions, by Hessian-vector products:")
    x = newton_cg(np.full(n, 0.5), 200)
    print(f"  largest distance from 1: {np.abs(x - 1).max():.1e}")


if __name__ == "__main__":
    main()
