"""Rows of `functrans.numpy.linalg` and `functrans.numpy.fft`, and of the methods of `functrans.Array`.

Of decompositions the rows compare what is determined: products of factors, and vectors with their signs taken out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.names.rows import ANY, COMPLEX, FLOAT, NUMBER, REAL, Name, R, Z, definite, distinct, each, fixed, invertible

__all__ = ["MODULES"]

A = invertible(3)
S = definite(3)
TALL = R(4, 3)
SIGNAL = R(3, 6)
ORDERED = distinct(3, 4)
SIX = np.eye(6).reshape(2, 3, 6)
ROUGH = 1e-11


def adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def updated(x: Any, i: int, operation: str, v: Any) -> Any:
    """What an update by `Array.at` gives, with an array that may change."""
    y = x.copy()
    y[i] = {"set": v, "add": y[i] + v, "multiply": y[i] * v}[operation]
    return y


def of_eigen(f: Any, x: Any) -> list[Any]:
    """Sums of powers of the eigenvalues, whose order is open, and the matrix made of its eigenvectors."""
    w, v = f(x)
    return [0j + np.sum(w), 0j + np.sum(w * w), 0j + (v * w) @ np.linalg.inv(v)]  # NumPy's are real where all are


def of_hermitian(f: Any, x: Any) -> list[Any]:
    w, v = f(x)
    return [w, (v * w) @ adjoint(v), (v / w) @ adjoint(v)]


def of_svd(f: Any, x: Any) -> list[Any]:
    u, s, vh = f(x, full_matrices=False)
    return [s, (u * s) @ vh, u @ vh]


def of_qr(f: Any, x: Any) -> list[Any]:
    q, r = f(x)
    return [q @ r, adjoint(r) @ r, q @ adjoint(q)]


def solved(f: Any, a: Any, b: Any) -> list[Any]:
    """The solution of a least squares problem, and its residuals."""
    x, residuals, *_ = f(a, b, rcond=None)
    return [x, residuals]


LINALG = (
    *each("numpy.linalg", "det inv pinv", A, dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.slogdet", (A,), lambda f, x: [*f(x)], dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.cond", (A,), lambda f, x: [f(x), f(x, 1), f(x, "fro")], dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.cholesky", (S,), dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.eig", (A,), of_eigen, dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.eigvals", (A,), lambda f, x: [0j + np.sum(f(x)), 0j + np.sum(f(x) ** 2)], dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.eigh", (S,), of_hermitian, dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.eigvalsh", (S,), dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.svd", (TALL,), of_svd, dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.svdvals", (TALL,), dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.qr", (TALL,), of_qr, dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.solve", (A, R(3, 2)), dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.lstsq", (TALL, R(4, 2)), solved, dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.tensorinv", (R(2, 3, 6),), lambda f, x: f(x + 4 * SIX.astype(x.dtype), 2), tol=ROUGH),
    Name("numpy.linalg.tensorsolve", (R(2, 3, 6), R(2, 3)), lambda f, a, b: f(a + 4 * SIX.astype(a.dtype), b), tol=ROUGH),
    Name("numpy.linalg.matrix_power", (A,), lambda f, x: [f(x, 3), f(x, -2), f(x, 0)], dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.matrix_rank", (TALL,), dtypes=COMPLEX),
    Name("numpy.linalg.matrix_norm", (TALL,), lambda f, x: [f(x), f(x, ord=1), f(x, ord=2)], dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.vector_norm", (TALL,), lambda f, x: [f(x), f(x, axis=0, ord=3), f(x, axis=1, ord=np.inf)], dtypes=COMPLEX),
    Name("numpy.linalg.norm", (TALL,), lambda f, x: [f(x), f(x, axis=0), f(x, "nuc"), f(x, 1, axis=1)], dtypes=COMPLEX, tol=ROUGH),
    Name("numpy.linalg.multi_dot", (R(2, 3), R(3, 4), R(4, 2)), lambda f, *xs: f(xs), dtypes=NUMBER),
    Name("numpy.linalg.matmul", (R(2, 3), R(3, 4)), dtypes=NUMBER),
    Name("numpy.linalg.outer", (R(3), R(4)), dtypes=NUMBER),
    Name("numpy.linalg.cross", (R(4, 3), R(4, 3)), dtypes=NUMBER),
    Name("numpy.linalg.tensordot", (R(2, 3, 4), R(4, 3)), lambda f, x, y: f(x, y, axes=1), dtypes=NUMBER),
    Name("numpy.linalg.vecdot", (R(2, 3), R(2, 3)), dtypes=NUMBER),
    Name("numpy.linalg.matrix_transpose", (R(2, 3, 4),), dtypes=ANY),
    Name("numpy.linalg.trace", (R(2, 3, 4),), lambda f, x: f(x, offset=1), dtypes=NUMBER),
    Name("numpy.linalg.diagonal", (R(2, 3, 4),), lambda f, x: f(x, offset=1), dtypes=ANY),
)

FFT = (
    *each("numpy.fft", "fft ifft", SIGNAL, call=lambda f, x: [f(x), f(x, 5), f(x, 4, 0, "ortho")], dtypes=COMPLEX),
    *each("numpy.fft", "fft2 ifft2 fftn ifftn", SIGNAL, call=lambda f, x: [f(x), f(x, (2, 7), (0, 1))], dtypes=COMPLEX),
    *each("numpy.fft", "rfft ihfft", SIGNAL, call=lambda f, x: [f(x), f(x, 5), f(x, axis=0, norm="ortho")]),
    *each("numpy.fft", "rfft2 rfftn", SIGNAL),
    *each("numpy.fft", "irfft hfft", SIGNAL, call=lambda f, x: [f(x), f(x, 7)], dtypes=COMPLEX),
    *each("numpy.fft", "irfft2 irfftn", SIGNAL, dtypes=COMPLEX),
    *each("numpy.fft", "fftfreq rfftfreq", call=lambda f: [f(5), f(6, 0.1)]),
    *each("numpy.fft", "fftshift ifftshift", SIGNAL, call=lambda f, x: [f(x), f(x, 1)], dtypes=ANY),
)

METHODS = (
    *each("Array", "sum prod mean std var", R(3, 4), call=lambda f, x: [f(x), f(x, axis=1)], dtypes=NUMBER),
    *each("Array", "max min", ORDERED, call=lambda f, x: [f(x), f(x, axis=1)], dtypes=REAL),
    *each("Array", "argmax argmin", ORDERED, call=lambda f, x: [f(x), f(x, 1)], dtypes=REAL),
    Name("Array.ptp", (ORDERED,), lambda f, x: f(x, 1), np.ptp, dtypes=REAL),
    *each("Array", "all any", R(3, 4, low=0, high=1), dtypes=ANY),
    *each("Array", "cumsum cumprod", R(3, 4), call=lambda f, x: [f(x), f(x, 0)], dtypes=NUMBER),
    *each("Array", "real imag", R(3, 4), dtypes=COMPLEX),
    *each("Array", "conj conjugate", R(3, 4), dtypes=NUMBER),
    *each("Array", "T ravel flatten squeeze copy", R(3, 1, 4), dtypes=ANY),
    *each("Array", "mT", R(2, 3, 4), dtypes=ANY),
    Name("Array.clone", (R(3),), lambda f, x: f(x), np.copy, dtypes=ANY),
    Name("Array.reshape", (R(3, 4),), lambda f, x: [f(x, 4, 3), f(x, (2, -1))], dtypes=ANY),
    Name("Array.transpose", (R(2, 3, 4),), lambda f, x: [f(x), f(x, 1, 0, 2)], dtypes=ANY),
    Name("Array.swapaxes", (R(2, 3, 4),), lambda f, x: f(x, 0, 2), dtypes=ANY),
    Name("Array.astype", (R(3, low=0),), lambda f, x: f(x, "float64"), dtypes=("bool", *REAL), widens=True),
    Name("Array.view", (R(3),), lambda f, x: f(x, "uint8"), dtypes=REAL),
    Name("Array.byteswap", (R(3),), dtypes=("int32",)),
    Name("Array.round", (R(3, 4),), lambda f, x: [f(x), f(x, 1)], dtypes=COMPLEX),
    Name("Array.clip", (ORDERED,), lambda f, x: f(x, -1, 1), dtypes=REAL),
    Name("Array.repeat", (R(3, 4),), lambda f, x: f(x, 2, 1), dtypes=ANY),
    Name("Array.take", (R(3, 4), Z(3, high=2)), lambda f, x, i: f(x, i, 0), dtypes=ANY),
    Name("Array.diagonal", (R(3, 4),), dtypes=ANY),
    Name("Array.trace", (R(3, 4),), dtypes=NUMBER),
    Name("Array.dot", (R(3, 4), R(4)), dtypes=NUMBER),
    Name("Array.choose", (Z(4, high=1), R(4), R(4)), lambda f, i, x, y: f(i, [x, y])),
    Name("Array.compress", (R(3, 4),), lambda f, x: f(x, np.array([True, False, True]), 0), dtypes=NUMBER),
    Name("Array.nonzero", (R(3, 4, low=0, high=1),), dtypes=("bool", "int32"), native="the size of the result depends on the values",
         batch="the size of the result depends on the values"),
    Name("Array.nonzero", (R(3, low=1, high=2),), lambda f, x: f(x, **({} if f is np.nonzero else {"size": 3})), np.nonzero,
         dtypes=("int32",), when="size="),
    Name("Array.sort", (ORDERED,), lambda f, x: f(x, axis=0), np.sort, dtypes=REAL),
    Name("Array.argsort", (ORDERED,), lambda f, x: f(x, axis=0), dtypes=REAL),
    Name("Array.partition", (ORDERED,), lambda f, x: f(x, 2)[:, 2], np.partition, dtypes=REAL),
    Name("Array.argpartition", (ORDERED,), lambda f, x: np.take_along_axis(x, f(x, 2), 1)[:, 2], dtypes=REAL),
    Name("Array.searchsorted", (fixed([-1.0, 0.5, 0.7, 2.0]), R(5)), dtypes=FLOAT),
    Name("Array.at", (R(3, 4), R(4)), lambda f, x, v: [f(x, i, op, v) for i, op in enumerate(("set", "add", "multiply"))], updated,
         dtypes=NUMBER),
)

MODULES = (*LINALG, *FFT, *METHODS)
