"""Krylov iterations on vectors: conjugate gradients, BiCGSTAB and GMRES, each a native loop.

All take ``product(x)`` of the matrix, a right-hand side, a first guess, the largest norm of a residual that counts as solved, the number
of iterations allowed, and ``precondition(x)``, an approximation of the inverse's product. They return (solution, info): info is 0 if the
residual is small enough, else the number of iterations done (1 if none was), or negative if the method broke down; a residual that is not
finite ends the iteration, and the solution is nan. References: Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed. (2003),
algorithms 9.1, 6.9 with 6.5.3, and 9.5; H. A. van der Vorst, "Bi-CGSTAB" (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.calls.fori_loop import fori_loop
from functrans.calls.while_loop import while_loop
from functrans.core.low_precision import finfo
from functrans.core.trace import typeof
from functrans.primitives.linalg_solve import triangular_solve

__all__ = ["bicgstab", "cg", "gmres"]

Product = Callable[[Any], Any]


def _square(x: Any) -> Any:
    return fnp.real(fnp.vdot(x, x))


def _outcome(x: Any, size: Any, limit: Any, info: Any) -> tuple[Any, Any]:
    """The solution and its info, given the size of the residual: one that is not finite, as that of nan or inf, is no success."""
    finite = fnp.isfinite(size)
    return fnp.where(finite, x, fnp.nan), fnp.where(finite & (size <= limit), 0, fnp.where(info == 0, 1, info))


def cg(product: Product, b: Any, x0: Any, limit: Any, maxiter: Any, precondition: Product) -> tuple[Any, Any]:
    """Conjugate gradients, for a hermitian positive definite matrix and preconditioner."""
    r0 = b - product(x0)
    z0 = precondition(r0)

    def going(state: Any) -> Any:
        _, r, _, _, count = state
        return (_square(r) > limit ** 2) & (count < maxiter)

    def turn(state: Any) -> Any:
        x, r, p, gamma, count = state
        ap = product(p)
        alpha = (gamma / fnp.real(fnp.vdot(p, ap))).astype(typeof(b).dtype)
        x, r = x + alpha * p, r - alpha * ap
        z = precondition(r)
        after = fnp.real(fnp.vdot(r, z))
        return x, r, z + (after / gamma).astype(typeof(b).dtype) * p, after, count + 1

    x, r, _, _, count = while_loop(going, turn, (x0, r0, z0, fnp.real(fnp.vdot(r0, z0)), np.int64(0)))
    return _outcome(x, _square(r), limit ** 2, count)


def bicgstab(product: Product, b: Any, x0: Any, limit: Any, maxiter: Any, precondition: Product) -> tuple[Any, Any]:
    """The stabilised biconjugate gradients, preconditioned from the right. It breaks down with info -10 or -11."""
    dtype = typeof(b).dtype
    shadow = b - product(x0)
    one, zeros = fnp.ones((), dtype), fnp.zeros_like(b)

    def going(state: Any) -> Any:
        _, r, *_, broken, count = state
        return (_square(r) > limit ** 2) & (count < maxiter) & (broken == 0)

    def turn(state: Any) -> Any:
        x, r, p, v, rho, alpha, omega, _, count = state
        after = fnp.vdot(shadow, r)
        beta = after / rho * (alpha / omega)
        p = r + beta * (p - omega * v)
        p_hat = precondition(p)
        v = product(p_hat)
        bottom = fnp.vdot(shadow, v)
        alpha = fnp.where(bottom == 0, 0, after / fnp.where(bottom == 0, 1, bottom))
        s = r - alpha * v
        s_hat = precondition(s)
        t = product(s_hat)
        length = fnp.vdot(t, t)
        # Half of the step may already be the solution: then s and t vanish, and the other half is none.
        omega = fnp.where(length == 0, 0, fnp.vdot(t, s) / fnp.where(length == 0, 1, length))
        x, r = x + alpha * p_hat + omega * s_hat, s - omega * t
        broken = fnp.where(after == 0, -10, fnp.where((omega == 0) | (alpha == 0), -11, 0))
        return x, r, p, v, after, alpha, omega, broken, count + 1

    start = (x0, shadow, zeros, zeros, one, one, one, np.int64(0), np.int64(0))
    x, r, *_, broken, count = while_loop(going, turn, start)
    return _outcome(x, _square(r), limit ** 2, fnp.where(broken == 0, count, broken))


def gmres(product: Product, b: Any, x0: Any, limit: Any, maxiter: Any, precondition: Product, restart: int) -> tuple[Any, Any]:
    """Generalised minimal residuals, preconditioned from the right and restarted every `restart` products.

    A cycle ends as soon as its residual is small enough; the iteration ends too when a cycle does not make the residual smaller.
    """
    def going(state: Any) -> Any:
        _, _, norm, before, cycles, _ = state
        return (norm > limit) & (norm < before) & (cycles < maxiter)

    def cycle(state: Any) -> Any:
        x, r, norm, _, cycles, count = state
        step, products = _cycle(product, r, norm, limit, precondition, restart)
        moved = x + step
        residual = b - product(moved)
        after = fnp.sqrt(_square(residual))
        better = after < norm
        return fnp.where(better, moved, x), fnp.where(better, residual, r), fnp.minimum(after, norm), norm, cycles + 1, count + products

    r0 = b - product(x0)
    norm = fnp.sqrt(_square(r0))
    x, _, norm, _, _, count = while_loop(going, cycle, (x0, r0, norm, fnp.full_like(norm, np.inf), np.int64(0), np.int64(0)))
    return _outcome(x, norm, limit, count)


def _cycle(product: Product, r: Any, norm: Any, limit: Any, precondition: Product, m: int) -> tuple[Any, Any]:
    """The step of least residual in the Krylov space of `r`, of at most `m` dimensions; and their number.

    The rows of `basis` are orthonormal (Gram and Schmidt, twice), `triangle` is the Hessenberg matrix after Givens rotations
    ``[[conj(c), s], [-s, c]]``, and `g` the rotated right-hand side, whose last entry is the norm of the residual.
    """
    dtype, n = typeof(r).dtype, typeof(r).shape[0]
    zero = fnp.zeros((), dtype)
    eps = finfo(dtype).eps
    rows = fnp.arange(m + 1)

    def going(state: Any) -> Any:
        *_, g, j = state
        return (j < m) & (fnp.abs(g[j]) > limit)

    def turn(state: Any) -> Any:
        basis, triangle, cosines, sines, g, j = state
        w = product(precondition(basis[j]))
        first = fnp.conj(basis) @ w
        size = fnp.sqrt(_square(w))
        w = w - first @ basis
        second = fnp.conj(basis) @ w
        w = w - second @ basis
        rest = fnp.sqrt(_square(w))
        # What is left within rounding is nothing: the space is closed under the matrix, and has the solution.
        rest = fnp.where(rest > 10 * eps * size, rest, 0)
        basis = basis.at[j + 1].set(fnp.where(rest > 0, w / fnp.where(rest > 0, rest, 1).astype(dtype), 0))
        column = (first + second).at[j + 1].set(rest.astype(dtype))

        def rotate(i: Any, h: Any) -> Any:
            c, s = cosines[i], sines[i]
            return h.at[i].set(fnp.conj(c) * h[i] + s * h[i + 1]).at[i + 1].set(c * h[i + 1] - s * h[i])

        column = fori_loop(0, j, rotate, column)
        radius = fnp.sqrt(fnp.square(fnp.abs(column[j])) + fnp.square(rest)).astype(dtype)
        c = fnp.where(radius == 0, 1, column[j] / fnp.where(radius == 0, 1, radius))
        s = fnp.where(radius == 0, 0, rest / fnp.where(radius == 0, 1, radius))
        column = fnp.where(rows == j, radius, fnp.where(rows == j + 1, zero, column))
        g = g.at[j + 1].set(-s * g[j]).at[j].set(fnp.conj(c) * g[j])
        return basis, triangle.at[:, j].set(column), cosines.at[j].set(c), sines.at[j].set(s), g, j + 1

    basis = fnp.zeros((m + 1, n), dtype).at[0].set(r / fnp.where(norm == 0, 1, norm).astype(dtype))
    g = fnp.zeros(m + 1, dtype).at[0].set(norm.astype(dtype))
    start = (basis, fnp.zeros((m + 1, m), dtype), fnp.zeros(m, dtype), fnp.zeros(m, dtype), g, np.int64(0))
    basis, triangle, _, _, g, j = while_loop(going, turn, start)
    # Columns that were not reached are those of an identity, with 0 on the right.
    used = rows[:m] < j
    square = fnp.where(used[None, :], triangle[:m], fnp.eye(m, dtype=dtype))
    y = triangular_solve(square, fnp.where(used, g[:m], 0)[:, None], left_side=True, lower=False)[:, 0]
    return precondition(y @ basis[:m]), j
