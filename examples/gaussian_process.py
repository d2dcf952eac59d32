"""Gaussian process regression: how much of a mountain range do a few measured heights tell, and how sure can one be?

A Gaussian process says that heights at any points are normally distributed together, with covariances k(r) that fall with the distance r.
Given heights y at some points, those elsewhere are normal too, with means and variances from one Cholesky factor (C. E. Rasmussen and C.
K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, algorithm 2.1)::

    K = k(X, X) + noise^2 I = L L^T        mean(x) = k(x, X) K^-1 y        var(x) = k(x, x) - |L^-1 k(X, x)|^2

Kernel and noise have parameters; the best are those that make the data most probable: they maximise the log marginal likelihood

    log p(y) = -y^T K^-1 y / 2 - sum log diag(L) - n / 2 log(2 pi)

by gradients through the Cholesky factor, from several starting points at once (`vmap` of a whole minimisation). Geologists call this
kriging (G. Matheron, 1963).

The data are heights along a line across the fault near Jacksboro, Tennessee (a digital elevation model of the U.S. Geological Survey
that comes with matplotlib). Of 403 heights one in ten is shown to the model, which has to tell the others, with error bars that can be
checked. Three kernels compete: the squared exponential, whose samples are perfectly smooth, and Matern's with 3/2 and 1/2, whose samples
have one derivative and none, as mountains do.

    python examples/gaussian_process.py            # fits, prints the evidence and the errors, writes gaussian_process.png
    python examples/gaussian_process.py --short    # fewer starting points
"""

import argparse
import time
from pathlib import Path

import matplotlib
import matplotlib.cbook
import numpy as np

import functrans as ft
import functrans.numpy as fnp
from functrans.scipy.linalg import cho_solve, cholesky, solve_triangular
from functrans.scipy.optimize import minimize

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROW, EVERY = 170, 10
NAMES = ["height of hills (m)", "length of hills (km)", "noise (m)"]
KERNELS = {
    "squared exponential": lambda s: fnp.exp(-(s ** 2) / 2),
    "Matern 3/2": lambda s: (1 + np.sqrt(3) * s) * fnp.exp(-np.sqrt(3) * s),
    "Matern 1/2": lambda s: fnp.exp(-s),
}


def load():
    """Distances along the line in kilometres and heights in metres."""
    with matplotlib.cbook.get_sample_data("jacksboro_fault_dem.npz") as data:
        heights, step, latitude = data["elevation"][ROW].astype(float), float(data["dx"]), float(data["ymin"])
    return np.arange(len(heights)) * step * 111.32 * np.cos(np.radians(latitude)), heights


def covariance(kernel, parameters, x, z):
    """The covariances of the heights at x and at z; parameters are logarithms, since all are positive."""
    size, length = fnp.exp(parameters[0]), fnp.exp(parameters[1])
    return size ** 2 * kernel(fnp.abs(x[:, None] - z[None, :]) / length)


def factor(kernel, parameters, x):
    """The Cholesky factor of the covariances of measurements."""
    noise = fnp.exp(2 * parameters[2])
    return cholesky(covariance(kernel, parameters, x, x) + noise * fnp.eye(len(x)), lower=True)


def surprise(parameters, kernel, x, y):
    """Minus the log marginal likelihood."""
    low = factor(kernel, parameters, x)
    return y @ cho_solve((low, True), y) / 2 + fnp.sum(fnp.log(fnp.diag(low))) + len(x) / 2 * np.log(2 * np.pi)


def predict(parameters, kernel, x, y, at):
    """Means and standard deviations of the heights at other points."""
    low = factor(kernel, parameters, x)
    across = covariance(kernel, parameters, x, at)
    mean = across.T @ cho_solve((low, True), y)
    explained = fnp.sum(solve_triangular(low, across, lower=True) ** 2, axis=0)
    return mean, fnp.sqrt(fnp.maximum(fnp.exp(2 * parameters[0]) - explained, 0) + fnp.exp(2 * parameters[2]))


def fit(kernel, x, y, starts):
    """The most probable parameters from many starting points, in one compiled loop; the best and how many starts found it."""
    solve = ft.jit(ft.vmap(lambda p: minimize(surprise, p, (kernel, x, y), method="BFGS", options={"gtol": 1e-6})))
    found = solve(starts)
    values = np.where(np.isfinite(found.fun), found.fun, np.inf)
    best = int(np.argmin(values))
    return np.asarray(found.x[best]), float(values[best]), int(np.sum(values < values[best] + 1e-3)), float(np.max(np.abs(found.jac[best])))


def check_gradient(kernel, x, y, parameters):
    """The largest relative difference between the gradient and central differences."""
    gradient = np.asarray(ft.jit(ft.grad(lambda p: surprise(p, kernel, x, y)))(parameters))
    steps = 1e-5 * np.eye(len(parameters))
    differences = [(float(surprise(parameters + h, kernel, x, y)) - float(surprise(parameters - h, kernel, x, y))) / 2e-5 for h in steps]
    return np.max(np.abs(gradient - differences) / np.maximum(1, np.abs(gradient)))


def plot(x, y, seen, fits, path):
    """The line of heights, and what each kernel makes of the measurements."""
    _, panels = plt.subplots(len(fits), 1, figsize=(11, 3 * len(fits)), sharex=True, sharey=True)
    for panel, (name, mean, deviation) in zip(panels, fits, strict=True):
        panel.fill_between(x, mean - 1.96 * deviation, mean + 1.96 * deviation, color="tab:blue", alpha=0.25, label="95 % band")
        panel.plot(x, y, color="0.3", linewidth=0.8, label="the mountains")
        panel.plot(x, mean, color="tab:blue", label="mean of the model")
        panel.plot(x[seen], y[seen], "o", color="tab:red", markersize=4, label="measured")
        panel.set(ylabel="height (m)", title=name)
    panels[0].legend(ncols=4, fontsize=8)
    panels[-1].set(xlabel="distance (km)")
    plt.tight_layout()
    plt.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer starting points")
    parser.add_argument("--output", type=Path, default=Path("gaussian_process.png"), help="where the picture goes")
    options = parser.parse_args()
    x, heights = load()
    seen = np.arange(0, len(x), EVERY)
    hidden = np.setdiff1d(np.arange(len(x)), seen)
    level = heights[seen].mean()
    y = heights[seen] - level
    rng = np.random.default_rng(0)
    starts = np.log(rng.uniform([50, 0.2, 1], [300, 3, 50], (4 if options.short else 16, 3)))

    fits = []
    for name, kernel in KERNELS.items():
        clock = time.perf_counter()
        parameters, value, agreed, slope = fit(kernel, x[seen], y, starts)
        seconds = time.perf_counter() - clock
        error = check_gradient(kernel, x[seen], y, parameters + 0.1)
        mean, deviation = map(np.asarray, ft.jit(lambda p, k=kernel: predict(p, k, x[seen], y, x))(parameters))
        miss = heights[hidden] - level - mean[hidden]
        covered = np.mean(np.abs(miss) < 1.96 * deviation[hidden])
        print(f"{name}: log evidence {-value:.2f}, found by {agreed} of {len(starts)} starts in {seconds:.1f} s with compilation "
              f"(gradient there {slope:.0e}, and off by {error:.0e} from differences)")
        for label, number in zip(NAMES, np.exp(parameters), strict=True):
            print(f"    {label:22s} {number:8.2f}")
        print(f"    of {len(hidden)} hidden heights {covered:.1%} lie in the 95 % band; error {np.sqrt(np.mean(miss ** 2)):.1f} m")
        fits.append((f"{name}: log evidence {-value:.1f}", mean + level, deviation))
    plot(x, heights, seen, fits, options.output)
    print(f"the fits are plotted in {options.output}")


if __name__ == "__main__":
    main()
