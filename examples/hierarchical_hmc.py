"""Sample a hierarchical model by Hamiltonian Monte Carlo, the whole sampler one compiled scan.

The data are the effects of coaching on the SAT scores of eight schools, with their standard errors (Rubin, "Estimation in parallel
randomized experiments", 1981). How much the schools' true effects differ is to be learnt from the data too:

    mu ~ normal(0, 5)     tau ~ half-Cauchy(5)     theta_j ~ normal(mu, tau)     y_j ~ normal(theta_j, sigma_j)

The chains move in (mu / 5, log tau, (theta - mu) / tau), where the posterior has no funnel (Papaspiliopoulos, Roberts and Skold, "A
general framework for the parametrization of hierarchical models", 2007). Steps are leapfrog steps of randomised size; while the chains
warm up, the size is adapted to a mean acceptance of 0.8 by dual averaging (Hoffman and Gelman, "The No-U-Turn Sampler", 2014). `scan`
repeats transitions, `vmap` runs the chains side by side, `jit` makes native code of it all. The diagnostics are those of Vehtari et
al., "Rank-normalization, folding, and localization" (2021).

Given tau the posterior is normal, so a quadrature over tau gives exact moments, against which the sample is checked.

    python examples/hierarchical_hmc.py            # samples, prints the posterior, writes hierarchical_hmc.png
    python examples/hierarchical_hmc.py --short    # fewer draws
"""

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import tqdm

import functrans as ft
import functrans.numpy as fnp
from functrans import lax, random
from functrans.scipy import stats

matplotlib.use("Agg")
import matplotlib.pyplot as plt

EFFECT = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERROR = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
SCALE = 5.0
NAMES = ["mu", "tau", *(f"theta {c}" for c in "ABCDEFGH")]
CHAINS, BLOCK, LEAPS, TARGET = 8, 250, 12, 0.8


# -- the model --------------------------------------------------------------------------------------------------------

def parameters(q):
    """(mu, tau, theta) at a point of the space in which chains move."""
    mu, tau = SCALE * q[0], fnp.exp(q[1])
    return mu, tau, mu + tau * q[2:]


def log_density(q):
    """The logarithm of the posterior density of q, up to a constant; ``+ q[1]`` is the Jacobian of the exponential."""
    _, tau, theta = parameters(q)
    prior = stats.norm.logpdf(q[0]) + stats.cauchy.logpdf(tau, 0, SCALE) + q[1] + fnp.sum(stats.norm.logpdf(q[2:]))
    return prior + fnp.sum(stats.norm.logpdf(EFFECT, theta, ERROR))


# -- the sampler ------------------------------------------------------------------------------------------------------

def initial_state(key):
    """A chain's state: where it is, and what its step size is adapted by."""
    q = random.normal(key, (2 + len(EFFECT),))
    log_step, zero = fnp.log(0.2 * fnp.ones(())), fnp.zeros(())
    return {"q": q, "log_step": log_step, "mean_log_step": log_step, "shortfall": zero, "time": zero}


def trajectory(q, p, step):
    """Where `LEAPS` leapfrog steps lead from position q with momentum p."""
    gradient = ft.grad(log_density)

    def leap(state, _):
        q, p, g = state
        p = p + 0.5 * step * g
        q = q + step * p
        g = gradient(q)
        return (q, p + 0.5 * step * g, g), None

    (q, p, _), _ = lax.scan(leap, (q, p, gradient(q)), None, length=LEAPS)
    return q, p


def adapted(state, acceptance):
    """The state after a step of dual averaging: larger steps where more than `TARGET` is accepted."""
    t = state["time"] + 1
    shortfall = state["shortfall"] + (TARGET - acceptance - state["shortfall"]) / (t + 10)
    log_step = np.log(2.0) - fnp.sqrt(t) / 0.05 * shortfall
    mean = state["mean_log_step"] + t**-0.75 * (log_step - state["mean_log_step"])
    return {**state, "log_step": log_step, "mean_log_step": mean, "shortfall": shortfall, "time": t}


def transition(state, key, warming):
    """One step of a chain: the new state, and what is kept of it."""
    momentum_key, size_key, accept_key = random.split(key, 3)
    q, p = state["q"], random.normal(momentum_key, state["q"].shape)
    step = fnp.exp(fnp.where(warming, state["log_step"], state["mean_log_step"])) * random.uniform(size_key, minval=0.6, maxval=1.4)
    new_q, new_p = trajectory(q, p, step)
    gain = log_density(new_q) - log_density(q) - 0.5 * (new_p @ new_p - p @ p)
    gain = fnp.where(fnp.isnan(gain), -np.inf, gain)
    acceptance = fnp.exp(fnp.minimum(gain, 0))
    state = {**state, "q": fnp.where(random.uniform(accept_key) < acceptance, new_q, q)}
    better = adapted(state, acceptance)
    state = ft.tree.map(lambda new, old: fnp.where(warming, new, old), better, state)
    return state, (state["q"], acceptance, gain < -1000)


@ft.jit
def block(states, keys, warming):
    """`BLOCK` transitions of every chain: the states, and draws, acceptances and divergences, each ``[chain, draw, ...]``."""

    def chain(state, key):
        return lax.scan(lambda s, k: transition(s, k, warming), state, random.split(key, BLOCK))

    return ft.vmap(chain)(states, keys)


def sample(key, warm_up, draws):
    """Draws ``[chain, draw, parameter]`` after as many blocks as asked for, and a summary of how the sampler did."""
    key, start = random.split(key)
    states = ft.vmap(initial_state)(random.split(start, CHAINS))
    kept, acceptances, divergences = [], [], 0
    for i in tqdm(range(warm_up + draws), desc=f"blocks of {BLOCK} draws"):
        key, now = random.split(key)
        states, (q, acceptance, diverged) = block(states, random.split(now, CHAINS), i < warm_up)
        if i >= warm_up:
            kept.append(q)
            acceptances.append(fnp.mean(acceptance))
            divergences += int(fnp.sum(diverged))
    mu, tau, theta = ft.vmap(ft.vmap(parameters))(fnp.concatenate(kept, axis=1))
    summary = f"acceptance {np.mean(acceptances):.2f}, {divergences} divergences, step size {np.exp(states['mean_log_step']).mean():.2f}"
    return np.asarray(fnp.concatenate([mu[..., None], tau[..., None], theta], axis=-1)), summary


# -- diagnostics ------------------------------------------------------------------------------------------------------

def halves(x):
    """Each chain ``[chain, draw]`` as two."""
    n = x.shape[1] // 2
    return fnp.concatenate([x[:, :n], x[:, -n:]])


def normal_scores(x):
    """The normal quantiles of the ranks among all draws."""
    ranks = stats.rankdata(x).reshape(x.shape)
    return stats.norm.ppf((ranks - 0.375) / (x.size + 0.25))


def variances(x):
    """Of chains: the mean variance within them, and the estimate of the whole from within and between."""
    within = fnp.mean(fnp.var(x, axis=1, ddof=1))
    n = x.shape[1]
    return within, within * (n - 1) / n + fnp.var(fnp.mean(x, axis=1), ddof=1)


def r_hat(x):
    """The potential scale reduction of rank-normalised split chains, of the draws or of how far they are from the median."""
    def one(x):
        within, whole = variances(normal_scores(halves(x)))
        return fnp.sqrt(whole / within)

    return fnp.maximum(one(x), one(abs(x - fnp.median(x))))


def effective_size(x):
    """How many independent draws have the mean's precision: autocorrelations of split chains, summed by Geyer's monotone rule."""
    x = normal_scores(halves(x))
    m, n = x.shape
    centred = x - fnp.mean(x, axis=1, keepdims=True)
    spectrum = fnp.fft.rfft(centred, 2 * n)
    autocovariance = fnp.mean(fnp.fft.irfft(abs(spectrum)**2, 2 * n)[:, :n], axis=0) / n
    within, whole = variances(x)
    correlation = np.array(1 - (within - autocovariance * n / (n - 1)) / whole)
    correlation[0] = 1
    pairs = correlation[0:n - n % 2:2] + correlation[1:n:2]
    positive = np.minimum.accumulate(pairs[:np.argmax(pairs < 0)] if (pairs < 0).any() else pairs)
    return m * n / max(2 * positive.sum() - 1, 1 / np.log10(m * n))


# -- the exact posterior ----------------------------------------------------------------------------------------------

def given_tau(tau):
    """Given tau: the logarithm of the density of y and tau, and mean and variance of (mu, theta)."""
    n = len(EFFECT)
    spread = SCALE**2 * fnp.ones((n, n)) + fnp.diag(tau**2 + ERROR**2)
    log_joint = stats.multivariate_normal.logpdf(EFFECT, fnp.zeros(n), spread) + stats.cauchy.logpdf(tau, 0, SCALE)
    prior = SCALE**2 * fnp.ones((n + 1, n + 1)) + fnp.diag(fnp.concatenate([fnp.zeros(1), tau**2 * fnp.ones(n)]))
    gain = fnp.linalg.solve(spread, prior[1:]).T
    return log_joint, gain @ EFFECT, fnp.diag(prior - gain @ prior[1:])


def exact():
    """A grid of tau, its posterior density there, and exact means and standard deviations of all parameters."""
    u = np.linspace(-12, 9, 4000)
    tau = np.exp(u)
    log_joint, means, spreads = ft.jit(ft.vmap(given_tau))(tau)
    mass = np.exp(np.asarray(log_joint) - np.max(log_joint)) * tau
    mass /= mass.sum()
    mean = np.array([mass @ tau, *(mass @ means)])[[1, 0, *range(2, 10)]]
    square = np.array([mass @ tau**2, *(mass @ (spreads + means**2))])[[1, 0, *range(2, 10)]]
    return tau, mass / tau / (u[1] - u[0]), mean, np.sqrt(square - mean**2)


# -- the report -------------------------------------------------------------------------------------------------------

def plot(draws, tau, density, path):
    """The posterior of tau with the exact density, the schools' effects beside their data, and the chains of tau."""
    _, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4))
    left.hist(draws[..., 1].ravel(), bins=np.linspace(0, 20, 81), density=True, alpha=0.4, label="draws")
    left.plot(tau[tau < 20], density[tau < 20], "k", linewidth=1, label="exact")
    left.set(xlabel="tau", title="How much schools differ")
    left.legend()
    schools = np.arange(len(EFFECT))
    low, mid, high = np.quantile(draws[..., 2:], [0.05, 0.5, 0.95], axis=(0, 1))
    middle.errorbar(schools - 0.1, EFFECT, 1.645 * ERROR, fmt="o", color="0.7", label="alone")
    middle.errorbar(schools + 0.1, mid, [mid - low, high - mid], fmt="o", label="together")
    middle.set(xticks=schools, xticklabels="ABCDEFGH", ylabel="effect", ylim=(-35, 75), title="90% intervals of the effects")
    middle.legend()
    right.plot(draws[:4, :500, 1].T, linewidth=0.5)
    right.set(xlabel="draw", ylabel="tau", yscale="log", title="Four chains")
    plt.tight_layout()
    plt.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer draws")
    parser.add_argument("--output", type=Path, default=Path("hierarchical_hmc.png"), help="where the picture goes")
    options = parser.parse_args()

    start = time.perf_counter()
    draws, summary = sample(random.key(1), warm_up=2 if options.short else 4, draws=4 if options.short else 16)
    seconds = time.perf_counter() - start
    chains, length, _ = draws.shape
    print(f"{chains} chains of {length} draws in {seconds:.1f} s, with compilation: {summary}")

    tau, density, mean, deviation = exact()
    print(f"{'':8}     mean (exact)       sd (exact)   R-hat   effective draws")
    for i, name in enumerate(NAMES):
        x = draws[..., i]
        print(f"{name:8} {x.mean():8.2f} ({mean[i]:5.2f}) {x.std():8.2f} ({deviation[i]:5.2f}) {r_hat(x):7.3f} {effective_size(x):12.0f}")
    plot(draws, tau, density, options.output)
    print(f"the posterior is plotted in {options.output}")


if __name__ == "__main__":
    main()
