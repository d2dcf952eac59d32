"""Fit a model of predator and prey to a century-old record, by gradients through an ODE solver.

The data are the pelts of snowshoe hares and Canadian lynxes that the Hudson's Bay Company bought each year from 1900 to 1920, in
thousands (Hewitt, The Conservation of the Wild Life of Canada, 1921; as printed by Howard, Modeling Basics, 2009). The model is that of
Lotka (1925) and Volterra (1926):

    d hare / dt = (alpha - beta lynx) hare        d lynx / dt = (-gamma + delta hare) lynx

The equations are solved by classical Runge-Kutta steps in a `lax.scan`; reverse mode goes through the solver and gives the gradient of
the misfit by the four rates and the two starting values. Adam finds the valley and L-BFGS its floor. Carpenter ("Predator-prey population
dynamics: the Lotka-Volterra model in Stan", 2018) estimates from the same data alpha 0.55, beta 0.028, gamma 0.80, delta 0.024.

    python examples/lotka_volterra.py            # fits, prints the rates, writes lotka_volterra.png
    python examples/lotka_volterra.py --short    # fewer steps of Adam
"""

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import tqdm

import functrans as ft
import functrans.numpy as fnp
from functrans import lax, optim

matplotlib.use("Agg")
import matplotlib.pyplot as plt

YEARS = np.arange(1900, 1921)
LYNX = np.array([4.0, 6.1, 9.8, 35.2, 59.4, 41.7, 19.0, 13.0, 8.3, 9.1, 7.4, 8.0, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6])
HARE = np.array([30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1, 40.3, 57.0, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2,
                 24.7])
PELTS = np.stack([HARE, LYNX], axis=1)
NAMES = ["alpha", "beta", "gamma", "delta", "hares in 1900", "lynxes in 1900"]
GUESS = np.array([0.7, 0.03, 0.7, 0.03, 30.0, 4.0])
STEPS_PER_YEAR = 20


def rate(state, alpha, beta, gamma, delta):
    """The time derivative of (hares, lynxes)."""
    hare, lynx = state
    return fnp.stack([(alpha - beta * lynx) * hare, (-gamma + delta * hare) * lynx])


def solve(parameters, steps):
    """The states after each of `steps` Runge-Kutta steps, from the starting values on: shape (steps + 1, 2)."""
    rates, start = parameters[:4], parameters[4:]
    h = 1 / STEPS_PER_YEAR

    def step(y, _):
        k1 = rate(y, *rates)
        k2 = rate(y + h / 2 * k1, *rates)
        k3 = rate(y + h / 2 * k2, *rates)
        k4 = rate(y + h * k3, *rates)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, y

    _, path = lax.scan(step, start, None, length=steps)
    return fnp.concatenate([start[None], path])


def misfit(log_parameters):
    """The mean squared difference of logarithms: errors of counts are relative. Parameters are positive, so their logarithms are free."""
    path = solve(fnp.exp(log_parameters), STEPS_PER_YEAR * (len(YEARS) - 1))
    return fnp.mean((fnp.log(path[::STEPS_PER_YEAR]) - np.log(PELTS)) ** 2)


def descend(x, steps):
    """Adam, with a learning rate that falls to 0."""
    optimizer = optim.adam(optim.cosine_decay_schedule(0.02, steps))

    @ft.jit
    def step(x, state):
        value, gradient = ft.value_and_grad(misfit)(x)
        updates, state = optimizer.update(gradient, state)
        return optim.apply_updates(x, updates), state, value

    state, losses = optimizer.init(x), []
    for _ in tqdm(range(steps), desc="Adam"):
        x, state, value = step(x, state)
        losses.append(float(value))
    return x, losses


def polish(x, steps):
    """L-BFGS with a line search, to where rounding errors end it."""
    solver = optim.lbfgs()

    @ft.jit
    def step(x, state):
        value, gradient = optim.value_and_grad_from_state(misfit)(x, state=state)
        updates, state = solver.update(gradient, state, x, value=value, grad=gradient, value_fn=misfit)
        return optim.apply_updates(x, updates), state, value

    state, losses = solver.init(x), []
    for _ in tqdm(range(steps), desc="L-BFGS"):
        x, state, value = step(x, state)
        losses.append(float(value))
    return x, losses


def standard_errors(x):
    """Of the logarithms of the parameters, by the Gauss-Newton approximation: ``sigma^2 (J^T J)^-1``."""
    residuals = ft.jit(lambda x: fnp.log(solve(fnp.exp(x), STEPS_PER_YEAR * (len(YEARS) - 1))[::STEPS_PER_YEAR]).ravel())
    jacobian = np.asarray(ft.jit(ft.jacfwd(residuals))(x))
    variance = float(misfit(x)) * PELTS.size / (PELTS.size - len(x))
    return np.sqrt(variance * np.diag(np.linalg.inv(jacobian.T @ jacobian)))


def plot(parameters, losses, path):
    """The record with the fitted curves, the orbit, and the misfit of every step."""
    years = 30
    fitted = np.asarray(solve(parameters, STEPS_PER_YEAR * years))
    t = YEARS[0] + np.arange(len(fitted)) / STEPS_PER_YEAR
    _, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4), width_ratios=[2, 1, 1])
    for i, (name, colour) in enumerate((("hares", "tab:blue"), ("lynxes", "tab:red"))):
        left.plot(t, fitted[:, i], color=colour, label=f"{name}, model")
        left.plot(YEARS, PELTS[:, i], "o", color=colour, label=f"{name}, pelts bought")
    left.axvspan(YEARS[-1], t[-1], color="0.93")
    left.set(xlabel="year", ylabel="thousands", title="Fit, and the model's forecast")
    left.legend(fontsize=8)
    middle.plot(*fitted.T, color="0.4")
    middle.plot(*PELTS.T, "o-", linewidth=0.4, color="tab:green")
    middle.set(xlabel="hares", ylabel="lynxes", title="Orbit")
    right.semilogy(losses)
    right.set(xlabel="step", ylabel="misfit", title="Adam, then L-BFGS")
    plt.tight_layout()
    plt.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer steps")
    parser.add_argument("--output", type=Path, default=Path("lotka_volterra.png"), help="where the picture goes")
    options = parser.parse_args()

    start = time.perf_counter()
    x, losses = descend(np.log(GUESS), 100 if options.short else 400)
    x, more = polish(x, 10 if options.short else 20)
    errors = standard_errors(x)
    print(f"misfit {losses[0]:.3f} -> {float(misfit(x)):.5f} in {len(losses)} + {len(more)} steps, {time.perf_counter() - start:.1f} s; "
          f"size of the gradient {float(optim.global_norm(ft.grad(misfit)(x))):.1e}")
    for name, value, error in zip(NAMES, np.exp(np.asarray(x)), errors, strict=True):
        print(f"{name:>15s} = {value:7.4f}  (plus or minus {100 * error:.0f} %)")
    plot(np.exp(np.asarray(x)), losses + more, options.output)
    print(f"the fit is plotted in {options.output}")


if __name__ == "__main__":
    main()
