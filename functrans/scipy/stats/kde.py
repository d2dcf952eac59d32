"""`gaussian_kde`: the density of a sample, smoothed by a normal distribution around each point.

The covariance of the kernels is that of the weighted sample times the square of a bandwidth factor. Points are whitened by its Cholesky
factor, so that densities come from differences of whitened points, without the cancellation of expanded squares.
D. W. Scott, "Multivariate Density Estimation" (1992); B. W. Silverman, "Density Estimation" (1986).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functrans.calls.jitted import jit
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.nn.logsumexp import logsumexp
from functrans.numpy.contraction import diagonal
from functrans.numpy.creation import full, zeros
from functrans.numpy.elementary import exp, log
from functrans.numpy.linalg import inv
from functrans.numpy.manipulation import atleast_1d, atleast_2d, broadcast_to, moveaxis, reshape
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.ufuncs import sqrt
from functrans.numpy.util import asarray_internal, promote_inexact
from functrans.random.bits import split
from functrans.random.selection import choice
from functrans.random.vectors import multivariate_normal
from functrans.scipy.linalg import cholesky
from functrans.scipy.special import ndtr
from functrans.scipy.stats.families import refuse_complex
from functrans.scipy.stats.multivariate_normal import whiten
from functrans.tree_util import register_pytree_node_class

__all__ = ["gaussian_kde"]

Bandwidth = None | str | float | Callable[["gaussian_kde"], Any]


@register_pytree_node_class
class gaussian_kde:
    """The density of a sample, estimated with Gaussian kernels.

    Args:
        dataset: points ``[n]``, or ``[d, n]`` of d coordinates, of a float dtype.
        bw_method: the bandwidth factor: "scott" (also None) for ``neff**(-1 / (d + 4))``, "silverman" for
            ``(neff (d + 2) / 4)**(-1 / (d + 4))``, a number, or a function of this object.
        weights: positive ``[n]``; equal unless given. They are normalised.

    Attributes:
        dataset: ``[d, n]``.
        weights: ``[n]``, of sum 1.
        covariance, inv_cov: of the kernels and its inverse, ``[d, d]``.
        neff: the effective number of points, ``1 / sum(weights**2)``.

    It is a pytree of arrays: it goes through `jit`, `vmap` and `grad` like any other.

    Raises:
        ValueError: for fewer than two points, other shapes, an unknown `bw_method`, complex numbers.

    >>> import numpy as np
    >>> kernel = gaussian_kde(np.array([0.0, 1.0, 3.0]))
    >>> print(f"{kernel.pdf(1.0)[0]:.6f}")
    0.214895
    """

    __slots__ = ("covariance", "dataset", "inv_cov", "neff", "weights")

    dataset: Any
    weights: Any
    covariance: Any
    inv_cov: Any
    neff: Any

    def __init__(self, dataset: Any, bw_method: Bandwidth = None, weights: Any = None) -> None:
        given = [asarray_internal(x) for x in (dataset, weights) if x is not None]
        data = promote_inexact(*given)[0]
        refuse_complex("gaussian_kde", data)
        data = atleast_2d(data)
        if typeof(data).ndim != 2 or typeof(data).shape[1] < 2:
            raise ValueError(f"gaussian_kde: dataset must have shape (n,) or (d, n) with n > 1; got {typeof(data).shape}, at "
                             f"{describe(user_source())}.")
        count, dtype = typeof(data).shape[1], typeof(data).dtype
        if weights is None:
            mass = full(count, 1 / count, dtype)
        else:
            mass = atleast_1d(given[1]).astype(dtype)
            if typeof(mass).shape != (count,):
                raise ValueError(f"gaussian_kde: weights must have shape ({count},), one for each point; got {typeof(mass).shape}, at "
                                 f"{describe(user_source())}.")
            mass = mass / sum_(mass)
        self.dataset, self.weights = data, mass
        self.neff = 1 / sum_(mass * mass)
        self.covariance, self.inv_cov = _kernel(data, mass, self.neff, self._bandwidth(bw_method))

    def _bandwidth(self, method: Bandwidth) -> Any:
        power = -1 / (self.d + 4)
        if method is None or (isinstance(method, str) and method == "scott"):
            return self.neff ** power
        if isinstance(method, str):
            if method == "silverman":
                return (self.neff * (self.d + 2) / 4) ** power
            raise ValueError(f"gaussian_kde: bw_method must be 'scott', 'silverman', a number or a function, not {method!r}, at "
                             f"{describe(user_source())}.")
        return method(self) if callable(method) else asarray_internal(method)

    # -- the pytree ---------------------------------------------------------------------------------------------------

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """The arrays; nothing is static."""
        return (self.neff, self.dataset, self.weights, self.covariance, self.inv_cov), None

    @classmethod
    def tree_unflatten(cls, aux_data: None, children: Any) -> gaussian_kde:
        """An estimate of the arrays that `tree_flatten` gives."""
        out = object.__new__(cls)
        out.neff, out.dataset, out.weights, out.covariance, out.inv_cov = children
        return out

    @property
    def d(self) -> int:
        """The number of coordinates."""
        return typeof(self.dataset).shape[-2]

    @property
    def n(self) -> int:
        """The number of points."""
        return typeof(self.dataset).shape[-1]

    # -- densities ----------------------------------------------------------------------------------------------------

    def evaluate(self, points: Any) -> Any:
        """The density at points ``[m]`` or ``[d, m]``, as ``[m]``.

        Raises:
            ValueError: if the points have another number of coordinates.
        """
        return exp(self.logpdf(points))

    __call__ = evaluate

    def pdf(self, x: Any) -> Any:
        """The density; the same as `evaluate`."""
        return self.evaluate(x)

    def logpdf(self, x: Any) -> Any:
        """The logarithm of the density at points ``[m]`` or ``[d, m]``, as ``[m]``.

        Raises:
            ValueError: if the points have another number of coordinates.
        """
        return _log_mixture(self._points(x), self.dataset, self.weights, self.covariance)

    def _points(self, points: Any) -> Any:
        points = atleast_2d(asarray_internal(points))
        d, shape = self.d, typeof(points).shape
        if len(shape) == 2 and shape[0] == 1 and shape[1] == d and d > 1:
            points = reshape(points, (d, 1))
        elif len(shape) != 2 or shape[0] != d:
            raise ValueError(f"gaussian_kde: points must have shape (m,) or (d, m) with d = {d} coordinates; got {shape}, at "
                             f"{describe(user_source())}.")
        return points.astype(typeof(self.dataset).dtype)

    # -- integrals ----------------------------------------------------------------------------------------------------

    def integrate_gaussian(self, mean: Any, cov: Any) -> Any:
        """The integral of the product with a normal density of `mean` ``[d]`` and covariance `cov` ``[d, d]``.

        Raises:
            ValueError: for other shapes.
        """
        d, dtype = self.d, typeof(self.dataset).dtype
        mean, cov = atleast_1d(asarray_internal(mean)), atleast_2d(asarray_internal(cov))
        if typeof(mean).shape != (d,) or typeof(cov).shape != (d, d):
            raise ValueError(f"gaussian_kde.integrate_gaussian: mean and cov must have shapes ({d},) and ({d}, {d}); got "
                             f"{typeof(mean).shape} and {typeof(cov).shape}, at {describe(user_source())}.")
        point = mean.astype(dtype)[:, None]
        return exp(_log_mixture(point, self.dataset, self.weights, self.covariance + cov.astype(dtype)))[0]

    def integrate_box_1d(self, low: Any, high: Any) -> Any:
        """The mass of the interval from `low` to `high`, for one coordinate.

        Raises:
            ValueError: for more coordinates, or bounds that are not numbers.
        """
        low, high = asarray_internal(low), asarray_internal(high)
        if self.d != 1:
            raise ValueError(f"gaussian_kde.integrate_box_1d needs data of one coordinate; this has {self.d}, at "
                             f"{describe(user_source())}.")
        if typeof(low).shape or typeof(high).shape:
            raise ValueError(f"gaussian_kde.integrate_box_1d: bounds must be numbers; got shapes {typeof(low).shape} and "
                             f"{typeof(high).shape}, at {describe(user_source())}.")
        return _interval(self.dataset[0], self.weights, sqrt(self.covariance[0, 0]), low, high)

    def integrate_kde(self, other: gaussian_kde) -> Any:
        """The integral of the product with another estimate of as many coordinates.

        Raises:
            ValueError: if the other one has another number of coordinates.
        """
        if other.d != self.d:
            raise ValueError(f"gaussian_kde.integrate_kde: both must have as many coordinates; got {self.d} and {other.d}, at "
                             f"{describe(user_source())}.")
        at_points = _log_mixture(other.dataset, self.dataset, self.weights, self.covariance + other.covariance)
        return sum_(other.weights * exp(at_points))

    def integrate_box(self, low_bounds: Any, high_bounds: Any, maxpts: Any = None) -> Any:
        """Not available: the mass of a box in several coordinates has no closed form.

        Raises:
            NotImplementedError: always; `integrate_box_1d` serves one coordinate.
        """
        raise NotImplementedError(f"gaussian_kde.integrate_box is not available, at {describe(user_source())}: the normal mass of a box "
                                  "has no closed form in several coordinates. Use integrate_box_1d for one coordinate, or average over "
                                  "resample().")

    def set_bandwidth(self, bw_method: Bandwidth = None) -> None:
        """Not available: an estimate is immutable.

        Raises:
            NotImplementedError: always; make another one.
        """
        raise NotImplementedError("gaussian_kde.set_bandwidth is not available, since an estimate is immutable, at "
                                  f"{describe(user_source())}. Make another one: gaussian_kde(kde.dataset, bw_method, kde.weights).")

    # -- samples ------------------------------------------------------------------------------------------------------

    def resample(self, key: Any, shape: tuple[int, ...] = ()) -> Any:
        """Random points of the estimated density, ``[d, *shape]``.

        Args:
            key: a random key.
            shape: how many points.
        """
        index_key, noise_key = split(key)
        index = choice(index_key, self.n, shape=shape, p=self.weights)
        dtype = typeof(self.dataset).dtype
        noise = multivariate_normal(noise_key, zeros(self.d, dtype), self.covariance, shape=shape, dtype=dtype)
        return self.dataset[:, index] + moveaxis(noise, -1, 0)


# -- compiled parts ---------------------------------------------------------------------------------------------------

@jit
def _kernel(data: Any, weights: Any, neff: Any, factor: Any) -> tuple[Any, Any]:
    """The covariance of the weighted sample, without bias, times the factor squared; and its inverse."""
    centred = data - sum_(weights * data, 1, keepdims=True)
    spread = (weights * centred) @ centred.T / (1 - 1 / neff)
    covariance = (spread * (factor * factor)).astype(typeof(data).dtype)
    return covariance, inv(covariance)


@jit
def _log_mixture(points: Any, data: Any, weights: Any, covariance: Any) -> Any:
    """The logarithm of the weighted sum of normal densities around data ``[d, n]`` at points ``[d, m]``."""
    factor = cholesky(covariance, lower=True)
    z, centres = whiten(factor, points.T), whiten(factor, data.T)
    difference = z[:, None, :] - centres[None, :, :]
    exponents = -0.5 * sum_(difference * difference, -1)
    size = 0.5 * typeof(data).shape[0] * math.log(2 * math.pi) + sum_(log(diagonal(factor)))
    return logsumexp(exponents, axis=1, b=broadcast_to(weights, typeof(exponents).shape)) - size


@jit
def _interval(data: Any, weights: Any, deviation: Any, low: Any, high: Any) -> Any:
    return sum_(weights * (ndtr((high - data) / deviation) - ndtr((low - data) / deviation)))
