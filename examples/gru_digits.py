"""Train a recurrent network to read handwritten digits row by row, and watch it make up its mind.

The data are the UCI digits that ship with scikit-learn: 1797 images of 8x8 pixels. A gated recurrent unit (Cho et al. 2014,
arXiv:1406.1078) sees one row after another, in a `lax.scan`; after each row a linear layer gives the scores of the ten digits. The loss
is the cross-entropy after every row, so that the network learns to decide early. Adam with clipped gradients and a cosine schedule
trains it; the step is compiled, and the loops over the rows, forward and backward, are native loops.

    python examples/gru_digits.py            # trains, prints the accuracy after each row, writes gru_digits.png
    python examples/gru_digits.py --short    # a few epochs, for a quick look
"""

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from tqdm import tqdm

import functrans as ft
import functrans.numpy as fnp
from functrans import lax, nn, optim, random

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BATCH, HIDDEN, LEARNING_RATE, TRAINING = 64, 64, 1e-2, 1437


def load(seed):
    """Rows of float32 pixels in [0, 1], shape (images, 8, 8), and labels, split into training and test sets."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    images, labels = (digits.images[order] / 16).astype(np.float32), digits.target[order]
    return (images[:TRAINING], labels[:TRAINING]), (images[TRAINING:], labels[TRAINING:])


def init(key):
    """The weights: two gates and a candidate from a row and the state, and the scores from the state."""
    keys = random.split(key, 3)
    dense, recurrent = nn.initializers.glorot_uniform(dtype="float32"), nn.initializers.orthogonal(dtype="float32")
    return {
        "row": dense(keys[0], (8, 3 * HIDDEN)),
        "state": fnp.concatenate([recurrent(k, (HIDDEN, HIDDEN)) for k in random.split(keys[1], 3)], axis=1),
        "bias": fnp.zeros(3 * HIDDEN, "float32"),
        "scores": dense(keys[2], (HIDDEN, 10)),
    }


def gru(params, h, row):
    """The state after one more row."""
    from_row = row @ params["row"] + params["bias"]
    gates = nn.sigmoid(from_row[:, :2 * HIDDEN] + h @ params["state"][:, :2 * HIDDEN])
    reset, update = fnp.split(gates, 2, axis=1)
    candidate = fnp.tanh(from_row[:, 2 * HIDDEN:] + (reset * h) @ params["state"][:, 2 * HIDDEN:])
    return update * h + (1 - update) * candidate


def read(params, images):
    """The logarithms of the digits' probabilities after each row: shape (8, images, 10)."""
    def step(h, row):
        h = gru(params, h, row)
        return h, nn.log_softmax(h @ params["scores"])

    _, scores = lax.scan(step, fnp.zeros((len(images), HIDDEN), "float32"), fnp.swapaxes(images, 0, 1))
    return scores


def loss(params, images, labels):
    """The cross-entropy, averaged over images and rows."""
    return -fnp.mean(fnp.sum(read(params, images) * nn.one_hot(labels, 10, dtype="float32"), axis=-1))


@ft.jit
def accuracy(params, images, labels):
    """The share of images that are right after each row."""
    return fnp.mean(fnp.argmax(read(params, images), axis=-1) == labels, axis=1)


def plot(losses, scores, params, images, labels, path):
    """The loss, the accuracy by row, and how the probabilities change while some images are read."""
    figure, axes = plt.subplots(2, 5, figsize=(15, 6))
    axes[0, 0].semilogy(losses, linewidth=0.7)
    axes[0, 0].set(xlabel="step", title="training loss")
    axes[1, 0].bar(range(1, 9), scores)
    axes[1, 0].set(xlabel="rows read", title=f"test accuracy ({scores[-1]:.1%} at the end)", ylim=(0, 1))
    for i in range(4):
        axes[0, i + 1].imshow(images[i], cmap="gray_r")
        axes[0, i + 1].set(title=f"a {labels[i]}", xticks=[], ylabel="row")
        axes[1, i + 1].imshow(np.exp(np.asarray(read(params, images[i:i + 1])[:, 0])), vmin=0, vmax=1, cmap="viridis")
        axes[1, i + 1].set(xticks=range(10), xlabel="digit", ylabel="rows read", title="probabilities")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train for a few epochs only")
    parser.add_argument("--output", type=Path, default=Path("gru_digits.png"), help="where the picture goes")
    options = parser.parse_args()

    (x_train, y_train), (x_test, y_test) = load(0)
    epochs = 5 if options.short else 40
    steps = epochs * (TRAINING // BATCH)
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(optim.warmup_cosine_decay_schedule(0.0, LEARNING_RATE, 20, steps)))
    params = init(random.key(0))
    state = optimizer.init(params)

    @ft.jit
    def train(params, state, images, labels):
        value, gradient = ft.value_and_grad(loss)(params, images, labels)
        updates, state = optimizer.update(gradient, state, params)
        return optim.apply_updates(params, updates), state, value

    rng, losses = np.random.default_rng(1), []
    start = time.perf_counter()
    for _ in tqdm(range(epochs), desc="epochs"):
        order = rng.permutation(TRAINING)
        for i in range(0, TRAINING - BATCH + 1, BATCH):
            batch = order[i:i + BATCH]
            params, state, value = train(params, state, x_train[batch], y_train[batch])
            losses.append(float(value))
    elapsed = time.perf_counter() - start
    scores = np.asarray(accuracy(params, x_test, y_test))
    print(f"{len(losses)} steps in {elapsed:.1f} s, compilation included: {1e3 * elapsed / len(losses):.1f} ms per step")
    print("test accuracy after each row:", "  ".join(f"{s:.1%}" for s in scores))
    plot(losses, scores, params, x_test, y_test, options.output)
    print(f"loss, accuracy and some readings are plotted in {options.output}")


if __name__ == "__main__":
    main()
