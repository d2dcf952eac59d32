"""Rows of linear algebra. References are NumPy and SciPy in double precision; matrices are well conditioned, of separated eigenvalues
and singular values, so that every derivative exists and roundings stay small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg as sl
from hypothesis import strategies as st

from tests.properties.rows import PRIMITIVES as P
from tests.properties.rows import Case, Operand, Row

DTYPES = tuple(map(np.dtype, ("float32", "float64", "complex64", "complex128")))
DOUBLE = DTYPES[1:2]
"""For vectors whose sign or phase is free, and which LAPACK chooses alike in the same precision only."""
BATCHES = st.sampled_from([(), (), (2,), (0,), (2, 1)])
SIZES = st.sampled_from([1, 2, 3, 4, 5, 0])


# -- samples ----------------------------------------------------------------------------------------------------------


def noise(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    x = rng.uniform(-0.3, 0.3, shape)
    return np.asarray(x + 1j * rng.uniform(-0.3, 0.3, shape) if dtype.kind == "c" else x).astype(dtype)


def general(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """1, 2, 3, ... on the diagonal, and a little everywhere."""
    x = noise(rng, shape, dtype)
    for i in range(min(shape[-2:])):
        x[..., i, i] += i + 1
    return x


def unsorted(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """As `general`, its rows turned round, so that pivots move them."""
    return np.roll(general(rng, shape, dtype), 1, axis=-2)


def positive(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    x = noise(rng, shape, dtype)
    return (x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(shape[-1])).astype(dtype)


def fixed(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The same matrices at each call, for operands that must fit each other."""
    return unsorted(np.random.default_rng(shape[-1]), shape, dtype)


def factored(which: int) -> Callable[..., np.ndarray]:
    """The LU factors, or the pivots, of `fixed` matrices."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        square = shape if which == 0 else (*shape, shape[-1])
        kind = dtype if which == 0 else np.dtype(np.float64)
        out = np.zeros(shape, dtype)
        for at in np.ndindex(*square[:-2]):
            if square[-1]:
                out[at] = sl.lu_factor(fixed(rng, square, kind)[at])[which]
        return out

    return sample


def sampled(sample: Callable[..., np.ndarray], square: bool, tall: bool = False, **params: st.SearchStrategy[Any]) -> Any:
    """Cases of one operand of matrices."""

    @st.composite
    def draw_case(draw: Any) -> Case:
        m = draw(SIZES)
        n = m if square else draw(st.integers(0, m) if tall else SIZES)
        shape = (*draw(BATCHES), m, n)
        return Case((Operand(shape, sample=sample),), {k: draw(v) for k, v in params.items()})

    return lambda dtype: draw_case()


FLAG = st.booleans()
OFF = st.just(False)


@st.composite
def triangular_case(draw: Any) -> Case:
    batch, n, k = draw(BATCHES), draw(SIZES), draw(SIZES)
    left = draw(FLAG)
    flags = {name: draw(FLAG) for name in ("lower", "transpose_a", "conjugate_a", "unit_diagonal")}
    b = Operand((*batch, n, k) if left else (*batch, k, n), sample=noise)
    return Case((Operand((*batch, n, n), sample=general), b), {"left_side": left, **flags})


@st.composite
def lu_solve_case(draw: Any) -> Case:
    batch, n, k = draw(BATCHES), draw(SIZES), draw(SIZES)
    matrix = (Operand((*batch, n, n), sample=fixed), Operand((*batch, n, n), sample=factored(0)),
              Operand((*batch, n), np.int32, factored(1)))
    return Case((*matrix, Operand((*batch, n, k), sample=noise)), {"transpose_a": draw(FLAG)})


@st.composite
def tridiagonal_case(draw: Any) -> Case:
    batch, n, k = draw(BATCHES), draw(SIZES), draw(SIZES)

    def dominant(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return (noise(rng, shape, dtype) + 2).astype(dtype)

    row = (*batch, n)
    return Case((Operand(row, sample=noise), Operand(row, sample=dominant), Operand(row, sample=noise), Operand((*row, k), sample=noise)))


@st.composite
def pivot_case(draw: Any) -> Case:
    batch, k = draw(BATCHES), draw(SIZES)
    size = draw(st.integers(max(k, 1), 6))

    def pivots(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return rng.integers(0, size, shape).astype(dtype)

    return Case((Operand((*batch, k), sample=pivots),), {"permutation_size": size})


@st.composite
def reflections_case(draw: Any) -> Case:
    batch, m = draw(BATCHES), draw(SIZES)
    n = draw(st.integers(0, m))
    return Case((Operand((*batch, m, n), sample=noise), Operand((*batch, draw(st.integers(0, n))), sample=noise)))


@st.composite
def pinv_case(draw: Any) -> Case:
    shape = (*draw(BATCHES), draw(SIZES), draw(SIZES))

    def tolerance(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.full(shape, 1e-5, np.empty(0, dtype).real.dtype)

    return Case((Operand(shape, sample=general), Operand(shape[:-2], sample=tolerance)))


# -- references -------------------------------------------------------------------------------------------------------


def double(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of matrices in double precision, one at a time; of the first operand's leading axes."""

    def reference(x: np.ndarray, *others: np.ndarray, **params: Any) -> Any:
        xs = [v.astype(np.complex128 if v.dtype.kind == "c" else np.float64 if v.dtype.kind == "f" else v.dtype) for v in (x, *others)]
        rank = 1 if x.dtype.kind in "iu" or f in ONE_AXIS else 2
        batch = x.shape[:len(x.shape) - rank]
        each = [np.asarray(f(*(v[at] for v in xs), **params)) for at in np.ndindex(*batch)]
        if each:
            return np.stack(each).reshape((*batch, *each[0].shape))
        one = np.asarray(f(*(np.zeros((1, *v.shape[len(batch):]), v.dtype)[0] for v in xs), **params))
        return np.zeros((*batch, *one.shape), one.dtype)

    return reference


def cholesky(x: np.ndarray) -> np.ndarray:
    lower = np.tril(x, -1)
    return np.linalg.cholesky(lower + lower.conj().T + np.diag(np.diag(x).real)) if x.any() else x


def operation(a: np.ndarray, lower: bool, transpose_a: bool, conjugate_a: bool, unit_diagonal: bool) -> np.ndarray:
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        a = a - np.diag(np.diag(a)) + np.eye(len(a))
    a = a.conj() if conjugate_a else a
    return a.T if transpose_a else a


def triangular_solve(a: np.ndarray, b: np.ndarray, *, left_side: bool, **flags: bool) -> np.ndarray:
    op = operation(a, **flags)
    if left_side:
        return np.linalg.solve(op if op.any() else np.eye(len(a)), b)
    return np.linalg.solve(op.T if op.any() else np.eye(len(a)), b.T).T


def lu(which: int) -> Callable[..., np.ndarray]:
    def reference(x: np.ndarray) -> np.ndarray:
        m, n = x.shape
        if not x.size:
            return (x, np.zeros(min(m, n), int), np.arange(m))[which]
        p, lower, upper = sl.lu(x)
        k = min(m, n)
        packed = np.zeros_like(x)
        packed[:, :k] += np.tril(lower, -1)
        packed[:k] += upper
        permutation = np.argmax(p, axis=0)
        pivots, rows = [], list(range(m))
        for i in range(k):
            pivots.append(rows.index(permutation[i]))
            rows[i], rows[pivots[-1]] = rows[pivots[-1]], rows[i]
        return (packed, np.array(pivots, int), permutation)[which]

    return reference


def exchanged(pivots: np.ndarray, *, permutation_size: int) -> np.ndarray:
    rows = list(range(permutation_size))
    for i, j in enumerate(pivots):
        rows[i], rows[j] = rows[j], rows[i]
    return np.array(rows, np.int32)


def qr(which: int) -> Callable[..., Any]:
    def reference(x: np.ndarray, *, pivoting: bool, full_matrices: bool) -> Any:
        m, n = x.shape
        k = m if full_matrices else min(m, n)
        if not x.size:
            return (np.eye(m, k, dtype=x.dtype), np.zeros((k, n), x.dtype), np.arange(n))[which]
        return sl.qr(x, pivoting=pivoting, mode="full" if full_matrices else "economic")[which]

    return reference


def householder(a: np.ndarray, taus: np.ndarray) -> np.ndarray:
    q = np.eye(len(a), dtype=a.dtype)
    for i, tau in enumerate(taus):
        v = np.concatenate([np.zeros(i), [1], a[i + 1:, i]])
        q = q @ (np.eye(len(a)) - tau * np.outer(v, v.conj()))
    return q[:, :a.shape[1]]


def eigh(which: int) -> Callable[..., Any]:
    def reference(x: np.ndarray, *, lower: bool, vectors: bool) -> Any:
        w, v = np.linalg.eigh(x, "L" if lower else "U")
        return (v, w)[which] if vectors else w

    return reference


def svd(which: int) -> Callable[..., Any]:
    def reference(x: np.ndarray, *, full_matrices: bool, compute_uv: bool) -> Any:
        if not compute_uv:
            return np.linalg.svd(x, compute_uv=False)
        u, s, vt = np.linalg.svd(x, full_matrices=full_matrices)
        return (s, u, vt)[which]

    return reference


def schur(x: np.ndarray, *, vectors: bool) -> Any:
    return sl.schur(x)[0] if x.size else x


def eigenvalues_of_triangle(t: np.ndarray) -> np.ndarray:
    """In order: LAPACK finds them in one that depends on the machine. That the form is Schur's, `tests.scipy.test_linalg` shows."""
    return np.sort_complex(np.linalg.eigvals(t))


def adjugate(x: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    for i, j in np.ndindex(*x.shape):
        out[j, i] = (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1))
    return out


def tridiagonal_matrix(dl: np.ndarray, d: np.ndarray, du: np.ndarray) -> np.ndarray:
    return np.diag(d) + np.diag(dl[1:], -1) + np.diag(du[:-1], 1)


def tridiagonal_solve(dl: np.ndarray, d: np.ndarray, du: np.ndarray, b: np.ndarray) -> np.ndarray:
    if not b.size:
        return b
    return np.linalg.solve(tridiagonal_matrix(dl, d, du) if d.any() else np.eye(len(d)), b)


def lu_solve(a: np.ndarray, factors: np.ndarray, pivots: np.ndarray, b: np.ndarray, *, transpose_a: bool) -> np.ndarray:
    a = a if a.any() else np.eye(len(a))
    return np.linalg.solve(a.T if transpose_a else a, b)


ONE_AXIS = {tridiagonal_solve}


def size(*xs: np.ndarray, **params: Any) -> float:
    """Rounding errors are relative to the size of the matrices (1 to 5, and their products)."""
    return 8.0


def row(primitive: str, cases: Any, reference: Callable[..., Any] | None, **options: Any) -> Row:
    settings: dict[str, Any] = {"active": (0,), "dtypes": DTYPES, "ulps": 64, "eager_ulps": 256, "scale": size}
    wrapped = None if reference is None else double(reference)
    return Row(P[primitive], cases, reference=wrapped, **{**settings, **options})


THIN = {"pivoting": OFF, "full_matrices": OFF}
VALUES = {"lower": FLAG, "vectors": FLAG}

LINALG_ROWS = [
    row("cholesky", sampled(positive, True), cholesky),
    row("triangular_solve", lambda dtype: triangular_case(), triangular_solve, active=(0, 1)),
    row("lu", sampled(unsorted, False), lu(0), result=0),
    row("lu", sampled(unsorted, False), lu(1), result=1, active=(), name="pivots of lu"),
    row("lu", sampled(unsorted, False), lu(2), result=2, active=(), name="permutation of lu"),
    Row(P["lu_pivots_to_permutation"], lambda dtype: pivot_case(), kinds="iu", reference=double(exchanged)),
    row("lu_solve", lambda dtype: lu_solve_case(), lu_solve, active=(3,)),
    row("det", sampled(unsorted, True), np.linalg.det, scale=lambda x: 1024.0),
    row("adjugate", sampled(unsorted, True), adjugate, scale=lambda x: 1024.0),
    row("slogdet", sampled(unsorted, True), lambda x: np.linalg.slogdet(x)[1], result=1),
    row("slogdet", sampled(unsorted, True), lambda x: np.linalg.slogdet(x)[0], result=0, dtypes=DTYPES[2:], name="phase of slogdet"),
    row("pinv", lambda dtype: pinv_case(), lambda x, r: np.linalg.pinv(x, r)),
    row("qr", sampled(general, False, **THIN), qr(0), result=0, name="q of qr"),
    row("qr", sampled(general, False, pivoting=FLAG, full_matrices=OFF), qr(1), result=1, name="r of qr"),
    row("qr", sampled(general, True, pivoting=FLAG, full_matrices=st.just(True)), qr(0), result=0, name="full qr"),
    row("geqrf", sampled(general, False), lambda x: sl.qr(x, mode="raw")[0][0] if x.size else x, result=0, active=()),
    row("householder_product", lambda dtype: reflections_case(), householder, active=()),
    row("eigh", sampled(general, True, **VALUES), lambda x, lower, vectors: np.linalg.eigvalsh(x, "L" if lower else "U"), result=-1),
    row("eigh", sampled(general, True, lower=FLAG, vectors=st.just(True)), eigh(0), result=0, dtypes=DOUBLE, name="vectors of eigh"),
    row("svd", sampled(general, False, full_matrices=OFF, compute_uv=FLAG), svd(0), result=0),
    row("svd", sampled(general, False, full_matrices=OFF, compute_uv=st.just(True)), svd(1), result=1, dtypes=DOUBLE, name="u of svd"),
    row("svd", sampled(general, False, full_matrices=OFF, compute_uv=st.just(True)), svd(2), result=2, dtypes=DOUBLE, name="vt of svd"),
    row("eig", sampled(general, True, left=OFF, right=FLAG), lambda x, left, right: np.linalg.eigvals(x).astype(complex), result=0,
        canonical=np.sort_complex),
    row("schur", sampled(general, True, vectors=FLAG), schur, result=0, active=(), dtypes=DOUBLE, canonical=eigenvalues_of_triangle),
    row("hessenberg", sampled(general, True), None, result=0, active=()),
    row("tridiagonal", sampled(positive, True, lower=FLAG), None, result=1, active=()),
    row("tridiagonal_solve", lambda dtype: tridiagonal_case(), tridiagonal_solve, active=(0, 1, 2, 3)),
]
