"""The textbook example of automatic differentiation, by both modes, checked against the closed form.

    f(x1, x2) = ln x1 + x1 x2 - sin x2      at (2, 5)

Baydin, Pearlmutter, Radul and Siskind ("Automatic differentiation in machine learning: a survey", 2018) trace it by hand
in their tables 2 and 3: the value is 11.652 and the gradient (5.5, 1.716).
"""

import argparse

import functrans as ft
import functrans.numpy as fnp


def f(x1, x2):
    return fnp.log(x1) + x1 * x2 - fnp.sin(x2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="accepted by every example; this one is short anyway")
    parser.parse_args()
    x = (2.0, 5.0)
    print("f as a jaxpr:")
    print(ft.make_jaxpr(f)(*x))
    print(f"\nvalue                     {f(*x):.3f}")

    # Forward mode pushes one direction through at a time: two directions, two passes.
    _, by_x1 = ft.jvp(f, x, (1.0, 0.0))
    _, by_x2 = ft.jvp(f, x, (0.0, 1.0))
    print(f"gradient, forward mode    ({by_x1:.3f}, {by_x2:.3f})")

    # Reverse mode pulls the one result back to both arguments: one pass.
    _, pullback = ft.vjp(f, *x)
    print("gradient, reverse mode    ({:.3f}, {:.3f})".format(*pullback(1.0)))

    exact = (1 / x[0] + x[1], x[0] - float(fnp.cos(x[1])))
    print("gradient, closed form     ({:.3f}, {:.3f})".format(*exact))
    print("\nthe gradient as a jaxpr:")
    print(ft.make_jaxpr(ft.grad(f, argnums=(0, 1)))(*x))


if __name__ == "__main__":
    main()
