"""Loops side by side with JAX: values, gradients through loops, and the time of the first call.

    pip install -e '.[peers]'
    python tests/benchmarks/bench_control_flow.py [case ...]

Each case prints two lines, for warm calls (alternating in one process) and for the first call (trace, compile and run). The two
libraries' results are compared before anything is timed.
"""

import sys
import time

import numpy as np
from side_by_side import alternate, libraries, report


def compare(case, program, arguments, rounds, inner):
    """`program(library, xp)` is the function to jit; time it warm, and its first call anew."""
    calls, results = {}, {}
    for name, library, xp in libraries():
        compiled = library.jit(program(library, xp))
        args = library.tree.map(xp.asarray, arguments)

        def call(library=library, compiled=compiled, args=args):
            return library.tree.map(lambda y: y.block_until_ready(), compiled(*args))

        results[name] = [np.asarray(y) for y in library.tree.leaves(call())]
        calls[name] = call
    for ours, theirs in zip(results["functrans"], results.get("jax", results["functrans"]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)
    alternate(f"{case}, warm", calls, rounds, inner)
    times = {name: [] for name in calls}
    for _ in range(4):
        for name, library, xp in libraries():
            compiled = library.jit(program(library, xp))
            args = library.tree.map(xp.asarray, arguments)
            start = time.perf_counter()
            library.tree.map(lambda y: y.block_until_ready(), compiled(*args))
            times[name].append(time.perf_counter() - start)
    report(f"{case}, first call", {name: ts[1:] for name, ts in times.items()})


# -- Kalman filter: gradient of the log-likelihood, 4 states, 2 observations, 500 steps ------------------------------------------

def kalman(library, xp):
    def inverse_2x2(s):
        det = s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0]
        return xp.array([[s[1, 1], -s[0, 1]], [-s[1, 0], s[0, 0]]]) / det, det

    def log_likelihood(params, ys):
        a, h, q, r = params["a"], params["h"], params["q"] @ params["q"].T, params["r"] @ params["r"].T

        def step(carry, y):
            m, p = carry
            m, p = a @ m, a @ p @ a.T + q
            v, s = y - h @ m, h @ p @ h.T + r
            s_inverse, det = inverse_2x2(s)
            k = p @ h.T @ s_inverse
            gain = -0.5 * (v @ s_inverse @ v + xp.log(det) + 2 * np.log(2 * np.pi))
            return (m + k @ v, p - k @ s @ k.T), gain

        _, gains = library.lax.scan(step, (xp.zeros(4), xp.eye(4)), ys)
        return xp.sum(gains)

    return library.value_and_grad(log_likelihood)


def case_kalman():
    rng = np.random.default_rng(0)
    params = {"a": np.array([[1, 0, .1, 0], [0, 1, 0, .1], [0, 0, .99, 0], [0, 0, 0, .99]]), "h": np.eye(2, 4),
              "q": 0.1 * np.eye(4), "r": 0.5 * np.eye(2)}
    compare("Kalman filter gradient", kalman, (params, rng.standard_normal((500, 2)).cumsum(0) * 0.1), 15, 10)


# -- LSTM: gradient, hidden 32, 200 steps ------------------------------------------------------------------------------------------

def lstm(library, xp):
    def sigmoid(x):
        return 1 / (1 + xp.exp(-x))

    def loss(params, xs):
        def step(carry, x):
            h, c = carry
            gates = h @ params["u"] + x @ params["w"] + params["b"]
            i, f, g, o = gates[:32], gates[32:64], gates[64:96], gates[96:]
            c = sigmoid(f) * c + sigmoid(i) * xp.tanh(g)
            h = sigmoid(o) * xp.tanh(c)
            return (h, c), h

        _, hs = library.lax.scan(step, (xp.zeros(32), xp.zeros(32)), xs)
        return xp.mean(hs ** 2)

    return library.value_and_grad(loss)


def case_lstm():
    rng = np.random.default_rng(0)
    params = {"u": rng.standard_normal((32, 128)) * .2, "w": rng.standard_normal((16, 128)) * .2, "b": np.zeros(128)}
    compare("LSTM gradient", lstm, (params, rng.standard_normal((200, 16))), 15, 10)


# -- Hamiltonian Monte Carlo: a leapfrog chain in 10 dimensions ---------------------------------------------------------------------

def hmc(library, xp):
    def energy(q, precision):
        return 0.5 * q @ precision @ q + xp.sum(xp.log1p(q ** 2))

    def chain(q, momenta, uniforms, precision):
        slope = library.grad(energy)

        def leapfrog(state, _):
            q, p = state
            p = p - 0.05 * slope(q, precision)
            q = q + 0.1 * p
            p = p - 0.05 * slope(q, precision)
            return (q, p), None

        def sample(q, draws):
            p, u = draws
            (q2, p2), _ = library.lax.scan(leapfrog, (q, p), None, length=20)
            change = energy(q, precision) + 0.5 * p @ p - energy(q2, precision) - 0.5 * p2 @ p2
            q = xp.where(xp.log(u) < change, q2, q)
            return q, q

        return library.lax.scan(sample, q, (momenta, uniforms))[1]

    return chain


def case_hmc():
    rng = np.random.default_rng(0)
    b = rng.standard_normal((10, 10))
    arguments = (np.zeros(10), rng.standard_normal((100, 10)), rng.random(100), b @ b.T / 10 + np.eye(10))
    compare("HMC leapfrog chain", hmc, arguments, 15, 5)


# -- Lorenz: the adjoint of 10,000 Runge-Kutta steps ----------------------------------------------------------------------------------

def lorenz(library, xp):
    def final(state, params):
        def field(s):
            x, y, z = s[0], s[1], s[2]
            return xp.stack([params[0] * (y - x), x * (params[1] - z) - y, x * y - params[2] * z])

        def step(s, _):
            h = 1e-4
            k1 = field(s)
            k2 = field(s + 0.5 * h * k1)
            k3 = field(s + 0.5 * h * k2)
            k4 = field(s + h * k3)
            return s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        return xp.sum(library.lax.scan(step, state, None, length=10_000)[0] ** 2)

    return library.grad(final, argnums=(0, 1))


def case_lorenz():
    compare("Lorenz RK4 adjoint", lorenz, (np.array([1.0, 1.0, 1.0]), np.array([10.0, 28.0, 8 / 3])), 7, 2)


# -- the logistic map -----------------------------------------------------------------------------------------------------------------

def logistic(library, xp):
    def final(x, r):
        return library.lax.fori_loop(0, 100_000, lambda i, y: r * y * (1 - y), x)

    return final


def case_logistic():
    compare("logistic map", logistic, (np.float64(0.3), np.float64(2.5)), 15, 5)


CASES = {name.removeprefix("case_"): call for name, call in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        CASES[name]()
