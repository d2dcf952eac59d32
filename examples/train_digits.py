"""Train a neural network on handwritten digits, in a compiled training step.

The data are the UCI digits that ship with scikit-learn: 1797 images of 8x8 pixels, ten classes. A network of two hidden
layers learns them by mini-batch gradient descent with momentum. The whole step (forward pass, gradient, update) is one
function; `jit` compiles it to native code.

    python examples/train_digits.py            # trains, prints the accuracy, writes digits.png
    python examples/train_digits.py --short    # a few epochs, for a quick look
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from tqdm import tqdm

import functrans as ft
import functrans.numpy as fnp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BATCH = 128
LAYERS = [64, 128, 64, 10]
LEARNING_RATE, MOMENTUM = 0.1, 0.9


def load(rng):
    """The digits as float32 pixels in [0, 1] and one-hot labels, split into training and test sets."""
    digits = load_digits()
    order = rng.permutation(len(digits.target))
    images = (digits.data[order] / 16).astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[digits.target[order]]
    return (images[:1437], labels[:1437]), (images[1437:], labels[1437:])


def init(rng):
    """He-initialised weights and zero biases, a list of (w, b)."""
    return [
        ((rng.standard_normal((m, n)) * np.sqrt(2 / m)).astype(np.float32), np.zeros(n, np.float32))
        for m, n in pairwise(LAYERS)
    ]


def predict(params, x):
    """Class scores (logits) of a batch of images."""
    *hidden, last = params
    for w, b in hidden:
        x = fnp.maximum(x @ w + b, 0)
    w, b = last
    return x @ w + b


def loss(params, x, y):
    """Mean cross-entropy."""
    logits = predict(params, x)
    top = fnp.max(logits, axis=1, keepdims=True)
    log_total = fnp.log(fnp.sum(fnp.exp(logits - top), axis=1)) + top[:, 0]
    return fnp.mean(log_total - fnp.sum(logits * y, axis=1))


def step(params, velocity, x, y):
    """One step of gradient descent with momentum: new parameters, new velocity, the loss."""
    value, gradient = ft.value_and_grad(loss)(params, x, y)
    velocity = ft.tree.map(lambda v, g: MOMENTUM * v - LEARNING_RATE * g, velocity, gradient)
    params = ft.tree.map(lambda p, v: p + v, params, velocity)
    return params, velocity, value


@ft.jit
def accuracy(params, x, y):
    """The share of images whose highest score is the right class."""
    return fnp.mean(fnp.argmax(predict(params, x), axis=1) == fnp.argmax(y, axis=1))


def time_per_step(fun, args, repeats):
    """The median time of one call, in milliseconds, after a warm-up."""
    fun(*args)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        fun(*args)
        times.append(time.perf_counter() - start)
    return 1e3 * median(times)


def plot(losses, scores, path):
    """The loss of every step and the test accuracy of every epoch."""
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.semilogy(losses, linewidth=0.7)
    left.set(xlabel="step", ylabel="training loss", title="Loss")
    right.plot(range(1, len(scores) + 1), scores, marker=".")
    right.set(xlabel="epoch", ylabel="test accuracy", title=f"Accuracy: {scores[-1]:.1%} at the end")
    plt.tight_layout()
    plt.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train for a few epochs only")
    parser.add_argument("--output", type=Path, default=Path("digits.png"), help="where the picture goes")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    (x_train, y_train), (x_test, y_test) = load(rng)
    params = init(rng)
    velocity = ft.tree.map(np.zeros_like, params)

    fast_step = ft.jit(step)
    losses, scores = [], []
    start = time.perf_counter()
    for _ in tqdm(range(8 if options.short else 60), desc="epochs"):
        order = rng.permutation(len(x_train))
        for i in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[i:i + BATCH]
            params, velocity, value = fast_step(params, velocity, x_train[batch], y_train[batch])
            losses.append(float(value))
        scores.append(float(accuracy(params, x_test, y_test)))
    print(f"test accuracy {scores[-1]:.2%} after {len(losses)} steps in {time.perf_counter() - start:.1f} s")

    batch = (params, velocity, x_train[:BATCH], y_train[:BATCH])
    eager, jitted = time_per_step(step, batch, 20), time_per_step(fast_step, batch, 200)
    print(f"time per step: {eager:.2f} ms eager, {jitted:.3f} ms jitted ({eager / jitted:.0f} times faster)")
    plot(losses, scores, options.output)
    print(f"loss and accuracy are plotted in {options.output}")


if __name__ == "__main__":
    main()
