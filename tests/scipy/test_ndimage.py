"""`functrans.scipy.ndimage`, `interpolate` and `integrate` against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.ndimage

import functrans as ft
from functrans import numpy as fnp
from functrans.scipy import integrate, interpolate, ndimage
from functrans.test_util import check_grads, check_vmap

rng = np.random.default_rng(5)
MODES = {"constant": "grid-constant", "wrap": "grid-wrap", "nearest": "nearest", "mirror": "mirror", "reflect": "reflect",
         "grid-mirror": "grid-mirror", "grid-wrap": "grid-wrap"}


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", MODES)
def test_map_coordinates(mode: str, order: int) -> None:
    image = rng.standard_normal((5, 4))
    places = np.stack([rng.uniform(-9, 12, (3, 10)), rng.uniform(-8, 12, (3, 10))])
    edges = np.stack([np.array([-1.7, 0.0, 0.5, 1.5, 5.0]), np.zeros(5)])
    for x, where in [(image, places), ((image * 20).astype(np.int64), places), (image.astype(np.float32), places), (image[:, :1], edges)]:
        got = ndimage.map_coordinates(x, list(where), order, mode, cval=3)
        want = scipy.ndimage.map_coordinates(x, where, order=order, mode=MODES[mode], cval=3)
        assert got.dtype == want.dtype
        tol = 1e-5 if x.dtype == np.float32 else 1e-10
        np.testing.assert_allclose(np.asarray(got), want, rtol=tol, atol=tol)
    z = np.asarray(ndimage.map_coordinates(image + 2j * image, places, order, mode))
    np.testing.assert_allclose(z.imag, 2 * z.real, atol=1e-12)


@pytest.mark.parametrize("mode", ["constant", "nearest", "wrap", "mirror", "reflect"])
def test_integers_are_rounded_halves_away_from_zero(mode: str) -> None:
    """What lies between integers is rounded as SciPy and JAX round it."""
    squares, where = np.arange(10) ** 2 + 1, np.arange(-50, 51) / 4
    assert ndimage.map_coordinates(np.arange(10), [np.array([1.5, 2.5, 3.5])], 1).tolist() == [2, 3, 4]
    for x in (squares, -squares):
        got = ndimage.map_coordinates(x, [where], 1, mode, cval=7)
        want = scipy.ndimage.map_coordinates(x, [where], order=1, mode=MODES[mode], cval=7)
        np.testing.assert_array_equal(np.asarray(got), want)


def test_nearest_elements_of_halves() -> None:
    """Coordinates are rounded halves away from zero, before they are brought inside (facts of JAX)."""
    x = np.arange(10.0) ** 1.5
    for mode, where, want in [("mirror", [-1.5, -0.5], [2, 1]), ("reflect", [-2.5, -1.5, -0.5], [2, 1, 0]),
                              ("nearest", [-0.5, 0.5, 8.5, 9.5], [0, 1, 9, 9]), ("wrap", [-0.5, 0.5, 9.5], [9, 1, 0]),
                              ("mirror", [8.5, 9.5], [9, 8]), ("reflect", [9.5, 10.5], [9, 8])]:
        np.testing.assert_array_equal(np.asarray(ndimage.map_coordinates(x, [np.array(where)], 0, mode)), x[want])
    assert ndimage.map_coordinates(x, [np.array([-0.5, -0.49])], 0, cval=5.0).tolist() == [5, 0]


def test_map_coordinates_transformed() -> None:
    image, where = rng.standard_normal((5, 4)), rng.uniform(0.1, 2.9, (2, 6))
    for mode in ("constant", "reflect"):
        def call(x, where, mode=mode):
            return ndimage.map_coordinates(x, where, 1, mode)

        np.testing.assert_allclose(np.asarray(ft.jit(call)(image, where)), np.asarray(call(image, where)), rtol=1e-12)
        check_grads(call, (image, where), order=2)
        check_vmap(call, (image, where))


def test_map_coordinates_refuses() -> None:
    x = np.ones((3, 3))
    with pytest.raises(ValueError, match="one array for each of the 2 axes of the input; got 1"):
        ndimage.map_coordinates(x, [np.ones(2)], 1)
    with pytest.raises(NotImplementedError, match="order must be 0 or 1; got 3"):
        ndimage.map_coordinates(x, x[:2], 3)
    with pytest.raises(NotImplementedError, match="mode must be one of"):
        ndimage.map_coordinates(x, x[:2], 1, "bend")


# -- interpolation ----------------------------------------------------------------------------------------------------

GRID = (np.array([0.0, 1.0, 3.0, 4.0]), np.array([5.0, 2.0, 1.0]), np.array([0.0, 2.0]))


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("fill", [np.nan, None, 7.0])
def test_regular_grid(method: str, fill: float | None) -> None:
    values, points = rng.standard_normal((4, 3, 2, 2)), rng.uniform(-1, 6, (7, 3, 3))
    points[0, 0, 0] = np.nan
    ours = interpolate.RegularGridInterpolator(GRID, values, method, fill_value=fill)
    theirs = scipy.interpolate.RegularGridInterpolator(GRID, values, method, bounds_error=False, fill_value=fill)
    for xi in (points, (points[..., 0], 2.0, 1.0), np.stack(np.meshgrid(*GRID, indexing="ij"), -1)):
        np.testing.assert_allclose(np.asarray(ours(xi)), theirs(xi), rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(ours(points, method="nearest")), theirs(points, method="nearest"))
    line = values[:, 0, 0, 0]
    ours = interpolate.RegularGridInterpolator(GRID[:1], line, method, fill_value=fill)
    theirs = scipy.interpolate.RegularGridInterpolator(GRID[:1], line, method, bounds_error=False, fill_value=fill)
    for xi in (points[:, :1, 0], points[:, 0, 0]):
        np.testing.assert_allclose(np.asarray(ours(xi)), theirs(xi), rtol=1e-12)


def test_regular_grid_keeps_single_precision() -> None:
    values, points = rng.standard_normal((4, 3, 2)), rng.uniform(1.1, 1.9, (5, 3))
    single = interpolate.RegularGridInterpolator(GRID, values.astype(np.float32))(points.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(np.asarray(single), scipy.interpolate.RegularGridInterpolator(GRID, values)(points), rtol=1e-4, atol=1e-5)
    z = np.asarray(interpolate.RegularGridInterpolator(GRID, values * (1 + 2j))(points))
    np.testing.assert_allclose(z.imag, 2 * z.real, atol=1e-12)


def test_regular_grid_transformed() -> None:
    values, points = rng.standard_normal((4, 3, 2)), rng.uniform(1.1, 1.9, (7, 3))

    def call(grid, values, points):
        return interpolate.RegularGridInterpolator((grid, fnp.array([1.0, 2.0, 5.0]), GRID[2]), values)(points)

    np.testing.assert_allclose(np.asarray(ft.jit(call)(GRID[0], values, points)), np.asarray(call(GRID[0], values, points)), rtol=1e-12)
    check_grads(call, (GRID[0], values, points), order=2)
    check_vmap(lambda values, points: call(GRID[0], values, points), (values, points))


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda make: make(GRID, np.ones((4, 3, 2)), method="cubic"), ValueError, "method must be one of"),
    (lambda make: make(GRID, np.ones((4, 3))), ValueError, "3 axes of points, but values has 2"),
    (lambda make: make(GRID, np.ones((4, 5, 2))), ValueError, "3 points but 5 values along axis 1"),
    (lambda make: make((np.array([0.0, 0.0]),), np.ones(2)), ValueError, "strictly ascending or descending"),
    (lambda make: make((np.ones((2, 2)),), np.ones(2)), ValueError, "must be a vector"),
    (lambda make: make(GRID[:1], np.ones(4), bounds_error=True), NotImplementedError, "bounds_error"),
    (lambda make: make(GRID, np.ones((4, 3, 2)))(np.ones((5, 2))), ValueError, "2 coordinates, but the grid has 3"),
    (lambda make: make(GRID, np.ones((4, 3, 2)))((1.0, 2.0)), ValueError, "2 coordinates, but the grid has 3"),
    (lambda make: make(GRID, np.ones((4, 3, 2)))(np.ones(3), method="cubic"), ValueError, "method must be one of"),
])
def test_regular_grid_refuses(call, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as error:
        call(interpolate.RegularGridInterpolator)
    assert "test_ndimage.py" in str(error.value)


# -- integrals --------------------------------------------------------------------------------------------------------

def test_trapezoid() -> None:
    y, x = rng.standard_normal((3, 5)), np.sort(rng.standard_normal(5))
    for arguments in ({}, {"dx": 0.3}, {"x": x}, {"axis": 0, "dx": 2.0}):
        np.testing.assert_allclose(np.asarray(integrate.trapezoid(y, **arguments)), scipy.integrate.trapezoid(y, **arguments), rtol=1e-12)
    check_grads(lambda y, x: integrate.trapezoid(y, x), (y, x), order=2)
