"""Resampling against stored facts of JAX, and what follows from the definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import image

FACTS = json.loads(Path(__file__).with_name("image_facts.json").read_text())
ROW = np.array([1.0, 4.0, 2.0, -3.0, 5.0])
PLANE = np.arange(12.0).reshape(3, 4) ** 1.5
METHODS = ["linear", "cubic", "cubic-pytorch", "lanczos3", "lanczos5", "area"]


def made(name: str) -> Any:
    if name == "plane":
        return image.resize(PLANE, (2, 5), "cubic")
    if name == "plane moved":
        return image.scale_and_translate(PLANE, (3, 5), (1,), np.array([1.5]), np.array([0.2]), "linear")
    kind, method, antialias = name.split()
    if kind in ("moved", "shrunk"):
        n, scale, shift = (7, 1.3, 0.4) if kind == "moved" else (4, 0.45, -0.3)
        return image.scale_and_translate(ROW, (n,), (0,), np.array([scale]), np.array([shift]), method, antialias == "True")
    return image.resize(ROW, (int(method),), kind, antialias == "True")


@pytest.mark.parametrize("name", [n for n in FACTS if n != "source"])
def test_facts(name: str) -> None:
    np.testing.assert_allclose(np.ravel(made(name)), FACTS[name], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("antialias", [True, False])
def test_constants_stay(method: str, antialias: bool) -> None:
    for n in (1, 2, 5, 7, 20):
        np.testing.assert_allclose(image.resize(np.full((6, 2), 3.0), (n, 2), method, antialias), 3.0, rtol=1e-13)


@pytest.mark.parametrize("method", ["linear", "cubic", "lanczos3"])
def test_jit_grad_and_vmap(method: str) -> None:
    def f(x: Any) -> Any:
        return (image.resize(x, (2, 6), method) ** 2).sum()

    np.testing.assert_allclose(ft.jit(f)(PLANE), f(PLANE), rtol=1e-13)
    direction = np.random.default_rng(0).normal(size=PLANE.shape)
    slope = (f(PLANE + 1e-4 * direction) - f(PLANE - 1e-4 * direction)) / 2e-4  # exact for a square
    np.testing.assert_allclose(np.sum(ft.grad(f)(PLANE) * direction), slope, rtol=1e-6)
    rows = ft.vmap(lambda row: image.resize(row, (7,), method))(PLANE)
    np.testing.assert_allclose(rows, image.resize(PLANE, (3, 7), method), rtol=1e-13)


def test_derivative_by_scale_and_translation() -> None:
    def f(scale: Any, shift: Any) -> Any:
        return (image.scale_and_translate(ROW, (6,), (0,), scale, shift, "linear", antialias=False) * np.arange(6.0)).sum()

    scale, shift = np.array([1.21]), np.array([0.1])
    for i, h in enumerate((np.array([1e-6]), np.array([1e-6]))):
        steps = [(h, 0 * h), (0 * h, h)][i]
        slope = (f(scale + steps[0], shift + steps[1]) - f(scale - steps[0], shift - steps[1])) / 2e-6
        np.testing.assert_allclose(ft.grad(f, i)(scale, shift), [slope], rtol=1e-6)


def test_dtypes() -> None:
    assert image.resize(ROW.astype("float32"), (3,), "cubic").dtype == "float32"
    assert image.resize(np.arange(5), (3,), "linear").dtype == "float64"
    assert image.resize(np.arange(5), (3,), "nearest").dtype == "int64"
    np.testing.assert_allclose(image.resize(ROW * 1j, (3,), "linear"), 1j * np.asarray(image.resize(ROW, (3,), "linear")))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: image.resize(ROW, (8, 2), "linear"), r"resize: shape must have a size for each axis .*got \(8, 2\)"),
    (lambda: image.resize(ROW, (8,), "sharp"), "unknown resize method 'sharp'; the methods are nearest"),
    (lambda: image.resize(np.ones((0, 2)), (3, 2), "linear"), "an empty axis cannot grow"),
    (lambda: image.scale_and_translate(ROW, (7,), (0,), np.ones(1), np.ones(1), "nearest"), "has no nearest-neighbour resampling"),
    (lambda: image.scale_and_translate(ROW, (7,), (0,), np.ones(2), np.ones(1), "linear"), r"must have shape \(1,\)"),
    (lambda: image.scale_and_translate(PLANE, (4, 4), (1,), np.ones(1), np.ones(1), "linear"), "keep their size"),
])
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message + ".*test_image"):
        call()
