"""Rows of `functrans.numpy`: arrays made, moved, joined, cut and indexed."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import numpy as fnp
from tests.names.rows import ANY, COMPLEX, NUMBER, REAL, Name, R, Z, each, fixed

__all__ = ["ARRAYS"]

X = R(3, 4)
V = R(6)
SIZE = "the size of the result depends on the values"
UNSIZED = {"native": SIZE, "batch": SIZE}

INDICES = Z(3, low=0, high=5)
HALVES = (R(2, 3), R(2, 3))
CUT = (R(4, 6, 2),)


def numbers(f: Any, *args: Any) -> Any:
    """Calls of a function that makes an array from static arguments."""
    return [f(*args), f(*args, dtype="float32"), f(*args, dtype=int)]


def padded_places(f: Any, x: Any) -> Any:
    """`size` of our function; NumPy's places, cut or filled up to it by hand."""
    if f.__module__.startswith("functrans"):
        return f(x, size=14, fill_value=1)
    found = f(x)
    fill = [np.concatenate([p, np.ones(14 - len(p), int)]) for p in (found if isinstance(found, tuple) else (found,))]
    return tuple(fill) if isinstance(found, tuple) else fill[0]


def padded_rows(f: Any, x: Any) -> Any:
    if f.__module__.startswith("functrans"):
        return f(x, size=14, fill_value=1)
    found = f(x)
    return np.concatenate([found, np.ones((14 - len(found), found.shape[1]), int)])


def put(x: Any, i: Any, v: Any) -> Any:
    y = x.copy()
    np.put(y, i, v)
    return y


def placed(x: Any, mask: Any, v: Any) -> Any:
    y = x.copy()
    np.place(y, mask, v)
    return y


def along(x: Any, i: Any, v: Any) -> Any:
    y = x.copy()
    np.put_along_axis(y, i, v, 1)
    return y


def diagonal_filled(x: Any, v: Any) -> Any:
    y = x.copy()
    np.fill_diagonal(y, v)
    return y


def sized(f: Any) -> dict[str, int]:
    """The size that our function needs, and NumPy's does not know."""
    return {"size": 2} if f.__module__.startswith("functrans") else {}


ARRAYS = (
    # -- made of nothing but static arguments
    *each("numpy", "zeros ones", call=lambda f: numbers(f, (2, 3))),
    Name("numpy.empty", (), lambda f: [f((2, 3)).shape[0], f((2, 3), "float32").ndim]),
    Name("numpy.full", (R(),), lambda f, x: [f((2, 3), x), f(2, 7)], dtypes=NUMBER),
    Name("numpy.eye", (), lambda f: [f(3), f(2, 4, 1), f(3, 2, -1, dtype="int32")]),
    Name("numpy.identity", (), lambda f: numbers(f, 3)),
    Name("numpy.tri", (), lambda f: [f(3), f(3, 4, 1), f(2, 3, -1, "int32")]),
    Name("numpy.arange", (), lambda f: [f(5), f(2.0, 4.0, 0.3), f(9, 1, -2), f(4, dtype="float32")]),
    Name("numpy.linspace", (R(), R()), lambda f, a, b: [f(a, b, 5), f(a, b, 4, endpoint=False)], dtypes=COMPLEX),
    Name("numpy.logspace", (R(low=-1, high=1), R(low=-1, high=1)), lambda f, a, b: f(a, b, 5)),
    Name("numpy.geomspace", (R(low=1, high=3), R(low=4, high=9)), lambda f, a, b: f(a, b, 5)),
    Name("numpy.indices", (), lambda f: [f((2, 3)), f((2, 3), sparse=True)]),
    Name("numpy.fromfunction", (R(),), lambda f, x: f(lambda i, j: x * i + j, (2, 3)), widens=True),
    *each("numpy", "bartlett blackman hamming hanning", call=lambda f: [f(7), f(1)]),
    Name("numpy.kaiser", (R(low=1, high=9),), lambda f, beta: f(7, beta)),
    *each("numpy", "diag_indices", call=lambda f: f(3)),
    *each("numpy", "tril_indices triu_indices", call=lambda f: f(3, 1)),
    *each("numpy", "diag_indices_from tril_indices_from triu_indices_from", R(3, 3), call=lambda f, x: f(x)),
    Name("numpy.mask_indices", (), lambda f: f(3, np.triu), native=SIZE),
    Name("numpy.mask_indices", (), lambda f: f(3, np.triu) if f is np.mask_indices else f(3, fnp.triu, size=6), when="size="),
    Name("numpy.c_", (), lambda f: f[np.arange(3), np.ones(3)]),
    Name("numpy.r_", (V, R()), lambda f, x, y: [f[x, 0, y], f[1:5:2], f[0:1:4j]], dtypes=("float64",)),
    *each("numpy", "mgrid ogrid", call=lambda f: [*f[0:3, 1:2:3j]]),
    Name("numpy.s_", (X,), lambda f, x: x[f[1:, ::2]], dtypes=ANY),
    Name("numpy.index_exp", (X,), lambda f, x: x[f[1:, ::2]], dtypes=ANY),
    # -- like another
    *each("numpy", "zeros_like ones_like", X, dtypes=ANY),
    Name("numpy.empty_like", (X,), lambda f, x: f(x) * 0, dtypes=NUMBER),
    Name("numpy.full_like", (X, R()), lambda f, x, v: f(x, v), dtypes=NUMBER),
    *each("numpy", "array asarray copy", X, dtypes=ANY),
    Name("numpy.astype", (R(3, 4, low=0),), lambda f, x: [f(x, "float64"), f(x, "int32"), f(x, bool)], dtypes=("bool", *REAL),
         widens=True),
    Name("numpy.diag", (X, V), lambda f, x, v: [f(x), f(x, 1), f(v, -1)], dtypes=ANY),
    Name("numpy.diagflat", (R(2, 2),), lambda f, x: f(x, 1), dtypes=ANY),
    *each("numpy", "tril triu", R(2, 3, 4), call=lambda f, x: [f(x), f(x, -1)], dtypes=ANY),
    Name("numpy.meshgrid", (R(3), R(2)), lambda f, x, y: [*f(x, y), *f(x, y, indexing="ij", sparse=True)], dtypes=ANY),
    Name("numpy.vander", (R(4),), lambda f, x: [f(x, 3), f(x, 3, increasing=True)], dtypes=NUMBER),
    # -- moved
    Name("numpy.reshape", (X,), lambda f, x: [f(x, (2, -1)), f(x, (4, 3), order="F")], dtypes=ANY),
    Name("numpy.ravel", (X,), lambda f, x: [f(x), f(x, order="F")], dtypes=ANY),
    Name("numpy.transpose", (R(2, 3, 4),), lambda f, x: [f(x), f(x, (1, 0, 2))], dtypes=ANY),
    Name("numpy.permute_dims", (R(2, 3, 4),), lambda f, x: f(x, (2, 0, 1)), dtypes=ANY),
    Name("numpy.matrix_transpose", (R(2, 3, 4),), dtypes=ANY),
    Name("numpy.moveaxis", (R(2, 3, 4),), lambda f, x: f(x, 0, -1), dtypes=ANY),
    Name("numpy.swapaxes", (R(2, 3, 4),), lambda f, x: f(x, 0, 2), dtypes=ANY),
    Name("numpy.rollaxis", (R(2, 3, 4),), lambda f, x: f(x, 2), dtypes=ANY),
    Name("numpy.expand_dims", (X,), lambda f, x: f(x, (0, 2)), dtypes=ANY),
    Name("numpy.squeeze", (R(1, 3, 1),), lambda f, x: [f(x), f(x, 0)], dtypes=ANY),
    *each("numpy", "fliplr flipud", X, dtypes=ANY),
    Name("numpy.flip", (X,), lambda f, x: [f(x), f(x, 1)], dtypes=ANY),
    Name("numpy.rot90", (X,), lambda f, x: [f(x), f(x, 2), f(x, -1)], dtypes=ANY),
    Name("numpy.roll", (X,), lambda f, x: [f(x, 5), f(x, (1, -1), (0, 1))], dtypes=ANY),
    Name("numpy.repeat", (X,), lambda f, x: [f(x, 2), f(x, np.array([1, 0, 2]), 0)], dtypes=ANY),
    Name("numpy.tile", (X,), lambda f, x: f(x, (2, 1, 2)), dtypes=ANY),
    Name("numpy.resize", (X,), lambda f, x: [f(x, (2, 3)), f(x, (5, 4))], dtypes=ANY),
    *each("numpy", "atleast_1d atleast_2d atleast_3d", R(), R(3), call=lambda f, x, y: [f(x), *f(x, y)], dtypes=ANY),
    Name("numpy.broadcast_to", (R(3, 1),), lambda f, x: f(x, (2, 3, 4)), dtypes=ANY),
    Name("numpy.broadcast_arrays", (R(3, 1), R(4)), lambda f, x, y: [*f(x, y)], dtypes=ANY),
    Name("numpy.trim_zeros", (fixed([0, 1, 0, 2, 0]),), dtypes=("int64",), **UNSIZED),
    # -- joined and cut
    *each("numpy", "concatenate concat", *HALVES, call=lambda f, x, y: [f([x, y]), f((x, y), axis=1)], dtypes=ANY),
    Name("numpy.stack", HALVES, lambda f, x, y: [f([x, y]), f([x, y], -1)], dtypes=ANY),
    *each("numpy", "hstack vstack dstack column_stack", *HALVES, call=lambda f, x, y: f([x, y]), dtypes=ANY),
    Name("numpy.block", HALVES, lambda f, x, y: f([[x, y], [y, x]]), dtypes=ANY),
    Name("numpy.append", HALVES, lambda f, x, y: [f(x, y), f(x, y, 1)], dtypes=ANY),
    Name("numpy.split", CUT, lambda f, x: [*f(x, 2), *f(x, [1, 4], 1)], dtypes=ANY),
    Name("numpy.array_split", CUT, lambda f, x: [*f(x, 3), *f(x, 4, 1)], dtypes=ANY),
    *each("numpy", "hsplit vsplit dsplit", *CUT, call=lambda f, x: [*f(x, 2)], dtypes=ANY),
    Name("numpy.unstack", (X,), lambda f, x: [*f(x), *f(x, axis=1)], dtypes=ANY),
    Name("numpy.insert", (V, R()), lambda f, x, v: [f(x, 2, v), f(x, np.array([0, 3]), v)], dtypes=NUMBER),
    Name("numpy.delete", (X,), lambda f, x: [f(x, 1, 0), f(x, np.array([0, 2]), 1), f(x, slice(1, 5))], dtypes=ANY),
    Name("numpy.pad", (X,), lambda f, x: [f(x, 1), f(x, ((1, 0), (2, 1)), mode="edge"), f(x, 2, mode="reflect"),
                                          f(x, 1, constant_values=3)], dtypes=NUMBER),
    Name("numpy.diff", (R(2, 5),), lambda f, x: [f(x), f(x, 2), f(x, axis=0)], dtypes=NUMBER),
    Name("numpy.ediff1d", (R(5), R()), lambda f, x, y: f(x, to_end=y), dtypes=NUMBER),
    Name("numpy.gradient", (R(4, 5),), lambda f, x: [*f(x), f(x, 0.5, axis=1)], dtypes=COMPLEX),
    # -- chosen by indices
    Name("numpy.take", (X, INDICES), lambda f, x, i: [f(x, i), f(x, i, 1, mode="clip")], dtypes=ANY),
    Name("numpy.take_along_axis", (X, Z(3, 2, high=3)), lambda f, x, i: f(x, i, 1), dtypes=ANY),
    Name("numpy.put", (X, fixed([1, 7, 3]), R(3)), lambda f, x, i, v: f(x, i, v, inplace=False) if f is not put else f(x, i, v), put,
         dtypes=NUMBER),
    Name("numpy.put_along_axis", (X, fixed([[0], [2], [1]]), R(3, 1)),
         lambda f, x, i, v: f(x, i, v, 1, inplace=False) if f is not along else f(x, i, v), along, dtypes=NUMBER),
    Name("numpy.place", (X, Z(3, 4, high=1, dtype="bool"), R(2)),
         lambda f, x, m, v: f(x, m, v, inplace=False) if f is not placed else f(x, m, v), placed, dtypes=NUMBER),
    Name("numpy.fill_diagonal", (X, R()), lambda f, x, v: f(x, v, inplace=False) if f is not diagonal_filled else f(x, v),
         diagonal_filled, dtypes=NUMBER),
    Name("numpy.choose", (Z(4, high=2), R(4), R(4), R()), lambda f, i, x, y, z: f(i, [x, y, z]), dtypes=NUMBER),
    Name("numpy.ix_", (fixed([0, 2]), fixed([1, 3])), lambda f, i, j: [*f(i, j)]),
    Name("numpy.ravel_multi_index", (Z(5, high=2), Z(5, high=3)), lambda f, i, j: f((i, j), (3, 4), mode="clip")),
    Name("numpy.unravel_index", (Z(5, high=11),), lambda f, i: f(i, (3, 4))),
    # -- chosen by values
    *each("numpy", "nonzero flatnonzero", R(3, 4, low=0, high=1), dtypes=("bool", "int32"), **UNSIZED),
    *each("numpy", "nonzero flatnonzero", R(3, 4, low=0, high=1), call=padded_places, dtypes=("bool", "int32"), when="size="),
    Name("numpy.argwhere", (R(3, 4, low=0, high=1),), dtypes=("bool", "int32"), **UNSIZED),
    Name("numpy.argwhere", (R(3, 4, low=0, high=1),), padded_rows, dtypes=("bool", "int32"), when="size="),
    Name("numpy.compress", (fixed([True, False, True]), X), lambda f, c, x: f(c, x, 0), dtypes=NUMBER, **UNSIZED),
    Name("numpy.compress", (fixed([True, False, True]), X), lambda f, c, x: f(c, x, axis=0, **sized(f)), dtypes=NUMBER, when="size="),
    Name("numpy.extract", (fixed([True, False, True]), R(3)), dtypes=NUMBER, **UNSIZED),
    Name("numpy.extract", (fixed([True, False, True]), R(3)), lambda f, c, x: f(c, x, **sized(f)), dtypes=NUMBER, when="size="),
    # -- bits of bytes
    Name("numpy.packbits", (Z(3, 11, high=1, dtype="bool"),), lambda f, x: [f(x), f(x, 1, bitorder="little")]),
    Name("numpy.unpackbits", (Z(3, 2, high=255, dtype="uint8"),), lambda f, x: [f(x), f(x, 1, count=11)]),
)
