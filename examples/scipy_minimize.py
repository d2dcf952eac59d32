"""Give SciPy's minimisers exact gradients and Hessian-vector products, and see what they are worth.

`scipy.optimize.minimize` differentiates by finite differences unless it is told otherwise: with n parameters a gradient costs n + 1 values
of the function, and half of its digits. Reverse mode costs a few values, whatever n is, and loses no digits; a product of the Hessian
with a vector (forward over reverse) costs little more, and is all that Newton's method with conjugate gradients needs.

The problem is the multinomial logistic regression of handwritten digits (the 1797 images that ship with scikit-learn): 650 parameters, a
convex loss with a little weight decay, one minimum. Contestants:

    BFGS, finite differences     what SciPy does by itself, for 20 iterations
    BFGS, jac                    the gradient compiled by functrans
    Newton-CG, jac and hessp     the products too
    trust-ncg, jac and hessp     the same in a trust region
    functrans BFGS, L-BFGS       functrans.scipy.optimize.minimize: the whole minimisation is one compiled loop

    python examples/scipy_minimize.py            # prints a table, writes scipy_minimize.png
    python examples/scipy_minimize.py --short    # two classes of digits, 130 parameters
"""

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
import scipy.optimize
from sklearn.datasets import load_digits

import functrans as ft
import functrans.numpy as fnp
from functrans.nn import log_softmax
from functrans.scipy.optimize import minimize

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DECAY = 1e-3


def load(classes, rng):
    """Pixels in [0, 1] with a constant 1 behind them, and labels: (training, test)."""
    digits = load_digits()
    chosen = np.flatnonzero(digits.target < classes)
    order = rng.permutation(chosen)
    images = np.column_stack([digits.data[order] / 16, np.ones(len(order))])
    labels = digits.target[order]
    split = len(order) * 4 // 5
    return (images[:split], labels[:split]), (images[split:], labels[split:])


def loss_of(images, labels, classes):
    """The mean cross-entropy with weight decay, as a function of a vector of weights."""
    one_hot = np.eye(classes)[labels]

    def loss(w):
        scores = images @ w.reshape(-1, classes)
        return -fnp.mean(fnp.sum(one_hot * log_softmax(scores), axis=1)) + DECAY / 2 * fnp.sum(w ** 2)

    return loss


class Stopwatch:
    """A function that records when it found which least value."""

    def __init__(self, fun):
        self.fun, self.trace, self.best = fun, [], np.inf
        self.start = time.perf_counter()

    def __call__(self, w):
        value = float(self.fun(w))
        self.best = min(self.best, value)
        self.trace.append((time.perf_counter() - self.start, self.best))
        return value


def contest(loss, n):
    """(name, weights, iterations, values computed, times and values) of every contestant, none of which compiles on the clock."""
    value, gradient = ft.jit(loss), ft.jit(ft.grad(loss))
    product = ft.jit(lambda w, v: ft.jvp(ft.grad(loss), (w,), (v,))[1])
    start = np.zeros(n)
    exact = {"jac": lambda w: np.asarray(gradient(w))}
    newton = {**exact, "hessp": lambda w, v: np.asarray(product(w, v))}
    for fun, args in ((value, (start,)), (gradient, (start,)), (product, (start, start))):
        fun(*args)
    for name, method, given in [
        ("BFGS, finite differences", "BFGS", {}), ("BFGS, jac", "BFGS", exact), ("Newton-CG, jac and hessp", "Newton-CG", newton),
        ("trust-ncg, jac and hessp", "trust-ncg", newton),
    ]:
        watch = Stopwatch(value)
        limits = {"xtol": 1e-10} if method == "Newton-CG" else {"gtol": 1e-7} if given else {"maxiter": 20}
        found = scipy.optimize.minimize(watch, start, method=method, options=limits, **given)
        yield name, found.x, found.nit, found.nfev, np.array(watch.trace)
    for name, method in (("functrans BFGS", "BFGS"), ("functrans L-BFGS", "l-bfgs-experimental-do-not-rely-on-this")):
        options = {} if method == "BFGS" else {"ftol": 0.0}
        solve = ft.jit(lambda w, method=method, options=options: minimize(loss, w, method=method, tol=1e-7, options=options))
        solve(start)
        clock = time.perf_counter()
        found = solve(start)
        seconds = time.perf_counter() - clock
        yield name, np.asarray(found.x), int(found.nit), int(found.nfev), np.array([[seconds, float(found.fun)]])


def plot(runs, best, path):
    """How far above the minimum each contestant was after which time."""
    plt.figure(figsize=(8, 5))
    for name, trace in runs:
        gap = np.maximum(trace[:, 1] - best, 1e-16)
        plt.loglog(trace[:, 0], gap, "*" if len(trace) == 1 else "-", markersize=12, label=name)
    plt.xlabel("seconds")
    plt.ylabel("loss above the minimum")
    plt.title("Minimising a logistic regression")
    plt.legend()
    plt.tight_layout()
    plt.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="two classes only")
    parser.add_argument("--output", type=Path, default=Path("scipy_minimize.png"), help="where the picture goes")
    options = parser.parse_args()
    classes = 2 if options.short else 10
    (images, labels), (test_images, test_labels) = load(classes, np.random.default_rng(0))
    loss = loss_of(images, labels, classes)
    gradient = ft.jit(ft.grad(loss))
    n = images.shape[1] * classes

    w, v = np.random.default_rng(1).standard_normal((2, n))
    slope = float(gradient(w) @ v)
    step = 1.5e-8  # SciPy's
    difference = (float(loss(w + step * v)) - float(loss(w))) / step
    print(f"{n} parameters; a directional derivative: {slope:.15f} exact, {difference:.15f} by a finite difference")
    print(f"{'method':28s} {'seconds':>8s} {'iterations':>10s} {'values':>7s} {'size of gradient':>17s} {'test accuracy':>14s}")
    runs, best = [], np.inf
    for name, weights, iterations, values, trace in contest(loss, n):
        size = float(fnp.max(fnp.abs(gradient(weights))))
        accuracy = np.mean(np.argmax(test_images @ weights.reshape(-1, classes), axis=1) == test_labels)
        print(f"{name:28s} {trace[-1, 0]:8.4f} {iterations:10d} {values:7d} {size:17.1e} {accuracy:14.2%}")
        runs.append((name, trace))
        best = min(best, trace[-1, 1])
    plot(runs, best, options.output)
    print(f"the race is plotted in {options.output}")


if __name__ == "__main__":
    main()
