"""Systems of equations, inverses and determinants under the names of NumPy.

`solve` differentiates the equation, not the factorisation; the derivative of `det` exists for singular matrices too. `lstsq` and
`pinv` rest on singular values: those below a tolerance count as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from functrans.arguments import among, integer, integers
from functrans.core.dtypes import real_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.decompositions import matrices, square_matrices
from functrans.numpy.util import asarray_internal, broadcast_shapes_internal, cast, check_arraylike, promote_inexact
from functrans.primitives.arithmetic import abs_p, gt_p, mul_p, sub_p
from functrans.primitives.builders import add_p
from functrans.primitives.linalg_base import adjoint, eye, matmul
from functrans.primitives.linalg_eigh import svd_p
from functrans.primitives.linalg_inverse import det_p, pinv_p, slogdet_p
from functrans.primitives.linalg_inverse import solve as primitive_solve
from functrans.primitives.movement import index_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reduce_sum, reshape, transpose
from functrans.util import canonicalize_axis

__all__ = ["SlogdetResult", "broadcast_batch", "det", "inv", "lstsq", "pinv", "slogdet", "solve", "tensorinv", "tensorsolve"]


class SlogdetResult(NamedTuple):
    """A determinant as its sign (or phase) and the logarithm of its size."""

    sign: Any
    logabsdet: Any


# -- systems ----------------------------------------------------------------------------------------------------------

def broadcast_batch(name: str, *xs: Any) -> list[Any]:
    """Matrices with their leading axes broadcast against each other.

    >>> [x.shape for x in broadcast_batch("solve", np.ones((2, 2)), np.ones((3, 2, 1)))]
    [(3, 2, 2), (3, 2, 1)]
    """
    shapes = [typeof(x).shape for x in xs]
    batch = broadcast_shapes_internal(name, [s[:-2] for s in shapes])
    out = []
    for x, s in zip(xs, shapes, strict=True):
        full = (*batch, *s[-2:])
        if s[:-2] != batch:
            kept = [i for i, n in enumerate(s[:-2]) if n != 1 or batch[len(batch) - len(s) + 2 + i] == 1]
            x = reshape(x, [*(s[i] for i in kept), *s[-2:]])
            x = broadcast_in_dim(x, full, [*(len(full) - len(s) + i for i in kept), len(full) - 2, len(full) - 1])
        out.append(x)
    return out


def solve(a: Any, b: Any) -> Any:
    """The solution x of ``a @ x == b``.

    Args:
        a: square matrices ``[..., n, n]``.
        b: a vector ``[n]``, or matrices ``[..., n, k]``; leading axes are broadcast.

    Returns:
        x, of the shape of `b` with the leading axes broadcast; where a is singular, inf or nan.

    Raises:
        ValueError: if shapes do not fit.

    >>> solve(np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([4.0, 3.0]))
    Array([3., 2.], dtype=float64)
    """
    check_arraylike("linalg.solve", a, b)
    a, b = promote_inexact(asarray_internal(a), asarray_internal(b))
    a = square_matrices("solve", a)
    n, shape = typeof(a).shape[-1], typeof(b).shape
    vector = len(shape) == 1
    if not shape or shape[0 if vector else -2] != n:
        raise ValueError(f"linalg.solve: b must have as many rows as a; got shapes {typeof(a).shape} and {shape}, at "
                         f"{describe(user_source())}.")
    x = primitive_solve(*broadcast_batch("linalg.solve", a, reshape(b, (n, 1)) if vector else b))
    return reshape(x, typeof(x).shape[:-1]) if vector else x


def inv(a: Any) -> Any:
    """The inverses of square matrices; inf or nan where they are singular.

    Raises:
        ValueError: unless the matrices are square.

    >>> inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float64)
    """
    x = square_matrices("inv", a)
    return primitive_solve(x, eye(typeof(x).shape, typeof(x).dtype))


def lstsq(a: Any, b: Any, rcond: float | None = None, *, numpy_resid: bool = False) -> tuple[Any, Any, Any, Any]:
    """The x of least norm that minimises ``norm(a @ x - b)``.

    Args:
        a: a matrix ``[m, n]``.
        b: ``[m]`` or ``[m, k]``.
        rcond: singular values up to this times the greatest count as zero; by default the machine precision times ``max(m, n)``, -1
            for the machine precision.
        numpy_resid: whether the residuals are empty where NumPy's are (rank below n, or m at most n).

    Returns:
        (x, residuals, rank, s): ``[n]`` or ``[n, k]``; the sum of squares of ``a @ x - b`` for each column; the rank, int32; the
        singular values of a.

    Raises:
        ValueError: if shapes do not fit.

    >>> x, residuals, rank, s = lstsq(np.array([[1.0], [1.0]]), np.array([1.0, 3.0]))
    >>> x, residuals
    (Array([2.], dtype=float64), Array([2.], dtype=float64))
    """
    check_arraylike("linalg.lstsq", a, b)
    a, b = promote_inexact(asarray_internal(a), asarray_internal(b))
    x, shape = matrices("lstsq", a), typeof(b).shape
    if typeof(x).ndim != 2 or len(shape) not in (1, 2) or shape[0] != typeof(x).shape[0]:
        raise ValueError(f"linalg.lstsq: a matrix, and a vector or matrix with as many rows, are needed; got shapes {typeof(x).shape} and "
                         f"{shape}, at {describe(user_source())}.")
    m, n = typeof(x).shape
    columns = b if len(shape) == 2 else reshape(b, (m, 1))
    real = real_dtype(typeof(x).dtype)
    eps = float(np.finfo(real).eps)
    limit = real.type(eps * max(m, n) if rcond is None else eps if rcond < 0 else rcond)
    s = svd_p.bind(x, full_matrices=False, compute_uv=False)[0]
    rank = _rank(s, limit)
    solution = matmul(pinv_p.bind(x, limit), columns)
    rest = sub_p.bind(matmul(x, solution), columns)
    size = abs_p.bind(rest)
    residuals = reduce_sum(mul_p.bind(size, size), [0])
    if numpy_resid and (m <= n or int(rank) < n):
        residuals = broadcast_in_dim(real.type(0), (0,), ())
    return reshape(solution, (n, *shape[1:])), residuals, rank, s


def _rank(s: Any, limit: Any) -> Any:
    if not typeof(s).shape[0]:
        return convert_element_type(reduce_sum(s, [0]), np.dtype(np.int32))
    bound = mul_p.bind(index_in_dim(s, 0, keepdims=False), limit)
    return reduce_sum(convert_element_type(gt_p.bind(s, bound), np.dtype(np.int32)), [0])


def pinv(a: Any, rtol: Any = None, hermitian: bool = False, *, rcond: Any = None) -> Any:
    """The Moore-Penrose pseudo-inverses of matrices.

    Args:
        a: ``[..., m, n]``.
        rtol: singular values up to this times the greatest count as zero; a number or one for each matrix. By default
            ``10 * max(m, n)`` times the machine precision.
        hermitian: whether the matrices are taken to be Hermitian: ``(a + a^H) / 2`` is inverted.
        rcond: an older name of `rtol`.

    Returns:
        ``[..., n, m]``. The derivative is that at constant rank.

    Raises:
        ValueError: if shapes do not fit.

    >>> pinv(np.array([[3.0], [4.0]])).round(12)
    Array([[0.12, 0.16]], dtype=float64)
    """
    x = square_matrices("pinv", a) if hermitian else matrices("pinv", a)
    aval = typeof(x)
    if hermitian:
        x = mul_p.bind(add_p.bind(x, adjoint(x)), aval.dtype.type(0.5))
    rtol = rcond if rtol is None else rtol
    real = real_dtype(aval.dtype)
    if rtol is None:
        rtol = 10.0 * max(aval.shape[-2:]) * float(np.finfo(real).eps)
    given = cast(asarray_internal(rtol), real)
    batch = aval.shape[:-2]
    spread = broadcast_in_dim(given, batch, range(len(batch) - typeof(given).ndim, len(batch)))
    return pinv_p.bind(x, spread)


# -- determinants -----------------------------------------------------------------------------------------------------

def det(a: Any) -> Any:
    """The determinants of square matrices; their derivatives exist for singular ones too.

    Raises:
        ValueError: unless the matrices are square.

    >>> det(np.array([[1.0, 2.0], [3.0, 4.0]]))
    Array(-2., dtype=float64)
    """
    x = square_matrices("det", a)
    n = typeof(x).shape[-1]
    if n not in (1, 2, 3):
        return det_p.bind(x)
    at = [[index_in_dim(index_in_dim(x, i, -2, False), j, -1, False) for j in range(n)] for i in range(n)]
    if n == 1:
        return at[0][0]
    if n == 2:
        return _minor(at, 0, 1, 0, 1)
    terms = [mul_p.bind(at[0][j], _minor(at, 1, 2, *(k for k in range(3) if k != j))) for j in range(3)]
    return add_p.bind(sub_p.bind(terms[0], terms[1]), terms[2])


def _minor(at: Sequence[Sequence[Any]], i: int, j: int, k: int, m: int) -> Any:
    """The determinant of rows i, j and columns k, m."""
    return sub_p.bind(mul_p.bind(at[i][k], at[j][m]), mul_p.bind(at[i][m], at[j][k]))


def slogdet(a: Any, *, method: str | None = None) -> SlogdetResult:
    """The sign (or phase) and the logarithm of the absolute value of determinants.

    Args:
        a: square matrices ``[..., n, n]``.
        method: None or "lu"; "qr" is accepted and the same.

    Returns:
        ``SlogdetResult(sign, logabsdet)``; (0, -inf) for singular matrices.

    Raises:
        ValueError: unless the matrices are square, and for another method.

    >>> slogdet(np.array([[0.0, 2.0], [1.0, 0.0]])).sign
    Array(-1., dtype=float64)
    """
    if not among(method, (None, "lu", "qr")):
        raise ValueError(f"linalg.slogdet: unknown method {method!r}; use 'lu' or 'qr', at {describe(user_source())}.")
    return SlogdetResult(*slogdet_p.bind(square_matrices("slogdet", a)))


# -- tensors ----------------------------------------------------------------------------------------------------------

def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of `a` as a linear map from its last axes to its first `ind`.

    Raises:
        ValueError: unless `ind` is positive and the sizes of the two groups of axes have equal products.

    >>> tensorinv(np.eye(6).reshape(6, 2, 3), ind=1).shape
    (2, 3, 6)
    """
    check_arraylike("linalg.tensorinv", a)
    x = asarray_internal(a)
    shape, ind = typeof(x).shape, integer(ind, "ind")
    if ind <= 0 or prod(shape[:ind]) != prod(shape[ind:]):
        raise ValueError(f"linalg.tensorinv: the first ind={ind} axes, at least one, must have as many elements as the others; got shape "
                         f"{shape}, at {describe(user_source())}.")
    n = prod(shape[:ind])
    return reshape(inv(reshape(x, (n, n))), (*shape[ind:], *shape[:ind]))


def tensorsolve(a: Any, b: Any, axes: tuple[int, ...] | None = None) -> Any:
    """The x with ``tensordot(a, x, x.ndim) == b``.

    Args:
        a: an array whose first axes are those of `b`, and the others as many elements.
        b: an array.
        axes: axes of `a` to be moved to the end first.

    Raises:
        ValueError: if shapes do not fit.

    >>> tensorsolve(2 * np.eye(6).reshape(6, 2, 3), np.ones(6)).shape
    (2, 3)
    """
    check_arraylike("linalg.tensorsolve", a, b)
    x, y = asarray_internal(a), asarray_internal(b)
    if axes is not None:
        n = typeof(x).ndim
        last = [canonicalize_axis(i, n) for i in integers(axes, "axes")]
        x = transpose(x, [*(i for i in range(n) if i not in last), *last])
    count = typeof(y).ndim
    shape, size = typeof(x).shape, prod(typeof(y).shape)
    if prod(shape[count:]) != size or prod(shape[:count]) != size:
        raise ValueError(f"linalg.tensorsolve: the axes of a must be those of b and as many elements more; got shapes {shape} and "
                         f"{typeof(y).shape}, at {describe(user_source())}.")
    return reshape(solve(reshape(x, (size, size)), reshape(y, (size,))), shape[count:])
