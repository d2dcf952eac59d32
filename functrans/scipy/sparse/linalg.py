"""`functrans.scipy.sparse.linalg`: linear systems by iteration, for matrices that are known by their products.

The unknown is a vector, or a pytree of arrays that stand for one. A solution is differentiated as that of a linear system, not through
the iteration: tangents and cotangents are found by the same method (`lax.custom_linear_solve`), and are as accurate as its tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.calls.implicit import custom_linear_solve
from functrans.core.dtypes import is_float
from functrans.core.low_precision import finfo
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.flatten_util import ravel_pytree
from functrans.numpy.util import promote_inexact
from functrans.primitives.stop_gradient import stop_gradient
from functrans.scipy.sparse import krylov
from functrans.transforms.api import linear_transpose
from functrans.transforms.tracing import eval_shape
from functrans.tree_util import tree_leaves, tree_map, tree_structure

__all__ = ["bicgstab", "cg", "gmres"]

Product = Callable[[Any], Any]
Method = Callable[[Product, Any, Any, Any, Any, Product], tuple[Any, Any]]


def _error(name: str, what: str, kind: type[Exception] = ValueError) -> Exception:
    return kind(f"{name}: {what}, at {describe(user_source())}.")


# -- arguments --------------------------------------------------------------------------------------------------------

def _operator(name: str, what: str, a: Any, b: Any) -> Product:
    """The product of a function, or of a square matrix, by what is like `b`."""
    if callable(a):
        return a
    shape = getattr(a, "shape", None)
    if shape is None:
        raise _error(name, f"{what} must be a function or a square matrix; got {a!r}", TypeError)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise _error(name, f"{what} must be a square matrix, or a function; got shape {tuple(shape)}")
    if tree_structure(b) != tree_structure(0) or typeof(b).ndim not in (1, 2) or typeof(b).shape[0] != shape[0]:
        got = f"shape {typeof(b).shape}" if tree_structure(b) == tree_structure(0) else f"a pytree of shapes {_shapes(b)}"
        raise _error(name, f"b must be an array of {shape[0]} rows, for the matrix {what} of shape {tuple(shape)}; got {got}. For a pytree "
                           f"{what} must be a function")
    return lambda x: fnp.matmul(a, x)


def _shapes(tree: Any) -> list[tuple[int, ...]]:
    return [tuple(x.shape) for x in tree_leaves(tree)]


def _like(name: str, what: str, tree: Any, b: Any, kind: type[Exception]) -> None:
    if tree_structure(tree) != tree_structure(b):
        raise _error(name, f"{what} must have the structure of b, {tree_structure(b)}; it has {tree_structure(tree)}", kind)
    if _shapes(tree) != _shapes(b):
        raise _error(name, f"{what} must have the shapes of b, {_shapes(b)}; it has {_shapes(tree)}", kind)


def _flat(product: Product, unravel: Callable[[Any], Any], dtype: np.dtype) -> Product:
    """A product of pytrees as one of vectors of `dtype`."""
    return lambda x: ravel_pytree(product(unravel(x)))[0].astype(dtype)


def _solve(
    name: str, method: Method, a: Any, b: Any, x0: Any, tol: Any, atol: Any, maxiter: Any, m: Any, hermitian: bool,
) -> tuple[Any, Any]:
    b = tree_map(lambda x: promote_inexact(fnp.asarray(x))[0], b)
    product = _operator(name, "A", a, b)
    image = eval_shape(product, b)
    _like(name, "the result of A", image, b, TypeError)
    b = tree_map(lambda x, y: x.astype(np.result_type(typeof(x).dtype, y.dtype)), b, image)
    rhs, unravel = ravel_pytree(b)
    dtype, size = typeof(rhs).dtype, typeof(rhs).shape[0]
    if x0 is None:
        start = fnp.zeros_like(rhs)
    else:
        x0 = tree_map(fnp.asarray, x0)
        _like(name, "x0", x0, b, ValueError)
        start = stop_gradient(ravel_pytree(x0)[0].astype(dtype))
    limit_of = _limit(tol, atol, finfo(dtype).dtype)
    turns = 10 * size if maxiter is None else maxiter
    near: Product = (lambda x: x) if m is None else _flat(_operator(name, "M", m, b), unravel, dtype)

    def solve(product: Product, y: Any) -> tuple[Any, Any]:
        return method(product, y, start, limit_of(y), turns, near)

    def transposed(product: Product, y: Any) -> tuple[Any, Any]:
        turned = near if m is None else lambda x: linear_transpose(near, x)(x)[0]
        return method(product, y, fnp.zeros_like(y), limit_of(y), turns, turned)

    symmetric = hermitian and is_float(dtype)
    x, info = custom_linear_solve(_flat(product, unravel, dtype), rhs, solve, None if symmetric else transposed, symmetric, has_aux=True)
    return unravel(x), info


def _limit(tol: Any, atol: Any, dtype: np.dtype) -> Callable[[Any], Any]:
    """The norm of the residual at which the iteration may end, for a right-hand side."""
    tol, atol = (fnp.asarray(stop_gradient(t)).astype(dtype) for t in (tol, atol))
    return lambda b: fnp.maximum(tol * fnp.sqrt(fnp.real(fnp.vdot(b, b))), atol)


# -- the functions ----------------------------------------------------------------------------------------------------

def cg(A: Any, b: Any, x0: Any = None, *, tol: Any = 1e-5, atol: Any = 0.0, maxiter: Any = None, M: Any = None) -> tuple[Any, Any]:
    """The solution of ``A x = b`` by conjugate gradients.

    Args:
        A: a hermitian positive definite matrix, or a function that multiplies by one, whose result is like `b`.
        b: the right-hand side, an array or a pytree of arrays.
        x0: where to start; zeros if not given.
        tol, atol: the iteration ends when ``norm(b - A x) <= max(tol * norm(b), atol)``.
        maxiter: the most iterations, 10 for each unknown if not given.
        M: the preconditioner, an approximation of the inverse of A, definite too: a matrix or a function.

    Returns:
        (x, info): info is 0 if the tolerance was reached, else the number of iterations (at least 1). Where A, b or the iteration is
        not finite, x is nan.

    Raises:
        TypeError: if A is no function and no matrix, or its result is not like b.
        ValueError: if a matrix is not square, or x0 is not like b.

    >>> x, info = cg(np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([3.0, 4.0]))
    >>> x.round(6), int(info)
    (Array([1., 1.], dtype=float64), 0)
    """
    return _solve("cg", krylov.cg, A, b, x0, tol, atol, maxiter, M, hermitian=True)


def bicgstab(A: Any, b: Any, x0: Any = None, *, tol: Any = 1e-5, atol: Any = 0.0, maxiter: Any = None, M: Any = None) -> tuple[Any, Any]:
    """The solution of ``A x = b`` by stabilised biconjugate gradients.

    Args:
        A: a square matrix, or a linear function whose result is like its argument.
        b, x0, tol, atol, maxiter: as for `cg`.
        M: the preconditioner, an approximation of the inverse of A: a matrix or a linear function.

    Returns:
        (x, info): info is 0 if the tolerance was reached, else the number of iterations (at least 1), or negative where the method
        broke down. Where A, b or the iteration is not finite, x is nan.

    Raises:
        TypeError, ValueError: as for `cg`.

    >>> x, info = bicgstab(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([3.0, 3.0]))
    >>> x.round(6), int(info)
    (Array([1., 1.], dtype=float64), 0)
    """
    return _solve("bicgstab", krylov.bicgstab, A, b, x0, tol, atol, maxiter, M, hermitian=False)


def gmres(
    A: Any, b: Any, x0: Any = None, *, tol: Any = 1e-5, atol: Any = 0.0, restart: int = 20, maxiter: Any = None, M: Any = None,
    solve_method: str = "batched",
) -> tuple[Any, Any]:
    """The solution of ``A x = b`` by generalised minimal residuals.

    Args:
        A: a square matrix, or a linear function whose result is like its argument.
        b, x0, tol, atol: as for `cg`.
        restart: the largest dimension of the Krylov space, which is begun anew then. Static.
        maxiter: how often it is begun at most, 10 times for each unknown if not given.
        M: the preconditioner, an approximation of the inverse of A: a matrix or a linear function.
        solve_method: "batched" or "incremental". Both give the same here: residuals are known after each product.

    Returns:
        (x, info): info is 0 if the tolerance was reached, else the number of products (at least 1). Where A, b or the iteration is not
        finite, x is nan.

    Raises:
        TypeError, ValueError: as for `cg`; and for another `solve_method`.

    >>> x, info = gmres(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([3.0, 3.0]))
    >>> x.round(6), int(info)
    (Array([1., 1.], dtype=float64), 0)
    """
    if solve_method not in ("batched", "incremental"):
        raise _error("gmres", f"solve_method must be 'batched' or 'incremental'; got {solve_method!r}")
    if restart < 1:
        raise _error("gmres", f"restart must be positive; got {restart}")

    def method(product: Product, b: Any, x: Any, limit: Any, turns: Any, near: Product) -> tuple[Any, Any]:
        return krylov.gmres(product, b, x, limit, turns, near, min(restart, typeof(b).shape[0]))

    return _solve("gmres", method, A, b, x0, tol, atol, maxiter, M, hermitian=False)
