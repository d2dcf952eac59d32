"""A small convolutional network on handwritten digits: convolutions, pooling, an optimizer from `functrans.optim`.

The data are the UCI digits that ship with scikit-learn: 1797 images of 8x8 pixels. Two convolutions of 3x3 windows with a maximum
over 2x2 windows after each see the image as what it is, neighbouring pixels, where the network of `train_digits.py` sees 64 numbers.
Images are shifted by a pixel at random while it learns. The picture shows what the filters of the first layer answer to a digit, and
the digits that the network gets wrong.

    python examples/convolutional_digits.py            # trains, prints the accuracy, writes convolutional_digits.png
    python examples/convolutional_digits.py --short    # a few epochs, for a quick look
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

BATCH, FILTERS = 64, (16, 32)


def load(rng):
    """Images (n, 1, 8, 8) in [0, 1] and their classes, split into training and test sets."""
    digits = load_digits()
    order = rng.permutation(len(digits.target))
    images, classes = (digits.images[order, None] / 16).astype(np.float32), digits.target[order]
    return (images[:1437], classes[:1437]), (images[1437:], classes[1437:])


def init(key):
    """The parameters: two kernels of 3x3 windows (out, in, 3, 3) with biases, and a matrix to the ten classes."""
    first, second, last = random.split(key, 3)
    kernels, matrix = nn.initializers.he_normal(in_axis=1, out_axis=0), nn.initializers.lecun_normal()
    return {
        "k1": kernels(first, (FILTERS[0], 1, 3, 3), np.float32), "b1": fnp.zeros(FILTERS[0], np.float32),
        "k2": kernels(second, (FILTERS[1], FILTERS[0], 3, 3), np.float32), "b2": fnp.zeros(FILTERS[1], np.float32),
        "w": matrix(last, (FILTERS[1] * 2 * 2, 10), np.float32), "b": fnp.zeros(10, np.float32),
    }


def convolve(x, kernel, bias):
    """Images (n, in, h, w) to feature maps (n, out, h, w), and the negative part cut off."""
    return nn.relu(lax.conv(x, kernel, (1, 1), "SAME") + bias[:, None, None])


def pool(x):
    """The maxima of 2x2 windows."""
    return lax.reduce_window(x, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def predict(params, x):
    """Class scores (logits) of a batch of images."""
    x = pool(convolve(x, params["k1"], params["b1"]))
    x = pool(convolve(x, params["k2"], params["b2"]))
    return x.reshape(len(x), -1) @ params["w"] + params["b"]


def loss(params, images, classes):
    """Mean cross-entropy."""
    scores = nn.log_softmax(predict(params, images))
    return -fnp.mean(fnp.take_along_axis(scores, classes[:, None], axis=1))


def shifted(key, images):
    """Each image moved by at most a pixel along each axis."""
    moves = random.randint(key, (len(images), 2), 0, 3)
    padded = fnp.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return ft.vmap(lambda image, move: lax.dynamic_slice(image, (0, move[0], move[1]), (1, 8, 8)))(padded, moves)


@ft.jit
def accuracy(params, images, classes):
    """The share of images whose highest score is the right class."""
    return fnp.mean(fnp.argmax(predict(params, images), axis=1) == classes)


def trainer(optimizer):
    """The compiled training step."""

    @ft.jit
    def step(params, state, key, images, classes):
        value, gradient = ft.value_and_grad(loss)(params, shifted(key, images), classes)
        updates, state = optimizer.update(gradient, state, params)
        return optim.apply_updates(params, updates), state, value

    return step


def plot(params, images, classes, path):
    """A digit, the answers of the first layer to it, and the digits that are taken for others."""
    maps = np.asarray(convolve(images[:1], params["k1"], params["b1"]))[0]
    taken_for = np.asarray(fnp.argmax(predict(params, images), axis=1))
    wrong = np.flatnonzero(taken_for != classes)[:7]
    _, axes = plt.subplots(3, 8, figsize=(10, 4.5))
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture in zip(axes[:2].flat, maps, strict=True):
        ax.imshow(picture, cmap="viridis")
    axes[0, 0].set_title("what 16 filters answer to a digit", loc="left")
    axes[2, 0].imshow(images[0, 0], cmap="gray")
    axes[2, 0].set_title("the digit; wrongly classified ones", loc="left")
    for ax, i in zip(axes[2, 1:], wrong, strict=False):
        ax.imshow(images[i, 0], cmap="gray")
        ax.text(0, 7.5, f"{classes[i]} as {taken_for[i]}", color="red")
    plt.tight_layout()
    plt.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train for a few epochs only")
    parser.add_argument("--output", type=Path, default=Path("convolutional_digits.png"), help="where the picture goes")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    (x_train, y_train), (x_test, y_test) = load(rng)
    epochs, steps = 4 if options.short else 40, len(x_train) // BATCH
    optimizer = optim.adam(optim.cosine_decay_schedule(3e-3, epochs * steps))
    params, key = init(random.key(0)), random.key(1)
    state, step = optimizer.init(params), trainer(optimizer)

    start, losses = time.perf_counter(), []
    for _ in tqdm(range(epochs), desc="epochs"):
        order = rng.permutation(len(x_train))[:steps * BATCH].reshape(steps, BATCH)
        for batch in order:
            key, used = random.split(key)
            params, state, value = step(params, state, used, x_train[batch], y_train[batch])
            losses.append(float(value))
    seconds = time.perf_counter() - start
    print(f"test accuracy {float(accuracy(params, x_test, y_test)):.2%} after {len(losses)} steps in {seconds:.1f} s "
          f"({1e3 * seconds / len(losses):.2f} ms per step)")
    plot(params, x_test, y_test, options.output)
    print(f"filters and mistakes are shown in {options.output}")


if __name__ == "__main__":
    main()
