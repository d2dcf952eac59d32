"""The NumPy-shaped namespace: functions, operators, methods and NumPy's protocols on arrays and traced values.

Names and signatures are JAX's. Importing it installs the operators of `Array` and of tracers, and answers NumPy's protocols, so that
``np.sin(x)`` and ``ndarray + x`` give what the functions here give.

>>> from functrans import numpy as fnp
>>> fnp.arange(3.0) * 2
Array([0., 2., 4.], dtype=float64)
"""
# ruff: noqa: I001, RUF022 - the lists of names are set densely, to be read at a glance

from __future__ import annotations

import sys as _sys
from types import ModuleType as _ModuleType
from typing import TYPE_CHECKING, Any

from functrans.core.array import Array as ndarray
from functrans.numpy import fft, linalg
from functrans.numpy.brackets import c_, index_exp, mgrid, ogrid, r_, s_
from functrans.numpy.choice import (
    allclose, array_equal, array_equiv, clip, isclose, nan_to_num, select, where,
)
from functrans.numpy.contraction import (
    cross, diagonal, dot, inner, kron, matmul, matvec, outer, tensordot, trace, vdot, vecdot, vecmat,
)
from functrans.numpy.index_tricks import (
    argwhere, choose, compress, diag_indices, diag_indices_from, extract, fill_diagonal, flatnonzero, ix_,
    mask_indices, place, put, put_along_axis, ravel_multi_index, take, take_along_axis,
    tril_indices, tril_indices_from, triu_indices, triu_indices_from, unravel_index,
)
from functrans.numpy.joining import (
    append, array_split, block, column_stack, concat, concatenate, delete, diff, dsplit, dstack, ediff1d, gradient, hsplit,
    hstack, insert, resize, split, stack, unstack, vsplit, vstack,
)
from functrans.numpy.padding import (
    pad,
)
from functrans.numpy.places import nonzero
from functrans.numpy.creation import (
    arange, array, asarray, astype, copy, diag, diagflat, empty, empty_like, eye, full, full_like, geomspace, identity,
    indices, linspace, logspace, meshgrid, ones, ones_like, tri, tril, triu, zeros, zeros_like,
)
from functrans.numpy.dtypes import bool_ as bool
from functrans.numpy.dtypes import (
    ComplexWarning, bool_, can_cast, cdouble, character, complex128, complex64, complex_, complexfloating, csingle, default_types,
    double, dtype, e, euler_gamma, finfo, flexible, float16, float32, float64, float_, floating, generic, iinfo, inexact, inf,
    int16, int32, int64, int8, int_, integer, isdtype, isscalar, issubdtype, nan, ndim, newaxis, number, object_, pi,
    promote_types, result_type, shape, signedinteger, single, size, uint, uint16, uint32, uint64, uint8, unsignedinteger,
)
from functrans.numpy.dtypes import LOW_PRECISION as _LOW_PRECISION
from functrans.numpy.dtypes import no_attribute as _no_attribute
from functrans.numpy.einsum import (
    einsum, einsum_path,
)
from functrans.numpy.elementary import (
    acos, acosh, angle, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, asin, asinh, atan, atan2, atanh, cos,
    cosh, deg2rad, degrees, exp, exp2, expm1, hypot, i0, log, log10, log1p, log2, logaddexp, logaddexp2, rad2deg, radians,
    sin, sinc, sinh, tan, tanh,
)
from functrans.numpy.manipulation import (
    atleast_1d, atleast_2d, atleast_3d, broadcast_arrays, broadcast_shapes, broadcast_to, expand_dims, flip, fliplr, flipud,
    matrix_transpose, moveaxis, permute_dims, ravel, repeat, reshape, roll, rollaxis, rot90, squeeze, swapaxes, tile,
    transpose,
)
from functrans.numpy.predicates import (
    bitwise_and, bitwise_count, bitwise_invert, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift,
    bitwise_xor, copysign, equal, frexp, greater, greater_equal, heaviside, invert, iscomplex, iscomplexobj, isfinite,
    isinf, isnan, isneginf, isposinf, isreal, isrealobj, ldexp, left_shift, less, less_equal, logical_and, logical_not,
    logical_or, logical_xor, nextafter, not_equal, right_shift, signbit, spacing,
)
from functrans.numpy.reductions import (
    all, amax, amin, any, argmax, argmin, average, count_nonzero, max, mean, min, nanargmax, nanargmin, nanmax, nanmean,
    nanmin, nanprod, nanstd, nansum, nanvar, prod, ptp, std, sum, var,
)
from functrans.numpy.ufuncs import (
    abs, absolute, add, around, cbrt, ceil, conj, conjugate, divide, divmod, fabs, fix, float_power, floor, floor_divide,
    fmax, fmin, fmod, imag, maximum, minimum, mod, modf, multiply, negative, positive, pow, power, real, reciprocal,
    remainder, rint, round, sign, sqrt, square, subtract, true_divide, trunc,
)
from functrans.numpy.histograms import (
    bincount, histogram, histogram2d, histogram_bin_edges, histogramdd, interp,
)
from functrans.numpy.packing import (
    packbits, unpackbits,
)
from functrans.numpy.piecewise import (
    apply_over_axes, gcd, iterable, lcm, piecewise, trim_zeros,
)
from functrans.numpy.polynomials import (
    poly, polyadd, polyder, polydiv, polyfit, polyint, polymul, polysub, polyval, roots, vander,
)
from functrans.numpy.printing import (
    array_repr, array_str, get_printoptions, printoptions, set_printoptions,
)
from functrans.numpy.quantiles import (
    median, nanmedian, nanpercentile, nanquantile, percentile, quantile,
)
from functrans.numpy.running import (
    cumprod, cumsum, cumulative_prod, cumulative_sum, nancumprod, nancumsum, trapezoid, unwrap,
)
from functrans.numpy.sets import (
    intersect1d, isin, setdiff1d, setxor1d, union1d, unique, unique_all, unique_counts, unique_inverse, unique_values,
)
from functrans.numpy.signals import (
    bartlett, blackman, convolve, corrcoef, correlate, cov, hamming, hanning, kaiser,
)
from functrans.numpy.sorting import (
    argpartition, argsort, digitize, lexsort, partition, searchsorted, sort, sort_complex,
)
from functrans.numpy.sources import (
    from_dlpack, frombuffer, fromfile, fromfunction, fromiter, fromstring, load, save, savez,
)
from functrans.numpy.array_api import API_VERSION as __array_api_version__
from functrans.numpy.array_api import ArrayNamespaceInfo as __array_namespace_info__
from functrans.numpy.array_api import check_api_version as _check_api_version
from functrans.numpy.operators import binary_operator as _binary_operator
from functrans.numpy import bits as _bits
from functrans.numpy.operators import install as _install
from functrans.numpy.protocols import install_protocols as _install_protocols

__all__ = [
    "ComplexWarning", "__array_api_version__", "__array_namespace_info__",
    "abs", "absolute", "acos", "acosh", "add", "all", "allclose", "amax", "amin", "angle", "any",
    "append", "apply_over_axes", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "argmax", "argmin", "argpartition", "argsort", "argwhere", "around", "array", "array_equal", "array_equiv",
    "array_repr", "array_split", "array_str", "asarray", "asin", "asinh", "astype", "atan", "atan2", "atanh",
    "atleast_1d", "atleast_2d", "atleast_3d", "average", "bartlett", "bincount", "bitwise_and", "bitwise_count",
    "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "blackman", "block", "bool", "bool_", "broadcast_arrays", "broadcast_shapes", "broadcast_to", "c_", "can_cast",
    "cbrt", "cdouble", "ceil", "character", "choose", "clip", "column_stack", "complex128", "complex64", "complex_",
    "complexfloating", "compress", "concat", "concatenate", "conj", "conjugate", "convolve", "copy", "copysign",
    "corrcoef", "correlate", "cos", "cosh", "count_nonzero", "cov", "cross", "csingle", "cumprod", "cumsum",
    "cumulative_prod", "cumulative_sum", "default_types", "deg2rad", "degrees", "delete", "diag", "diag_indices",
    "diag_indices_from", "diagflat", "diagonal", "diff", "digitize", "divide", "divmod", "dot", "double", "dsplit",
    "dstack", "dtype", "e", "ediff1d", "einsum", "einsum_path", "empty", "empty_like", "equal", "euler_gamma", "exp",
    "exp2", "expand_dims", "expm1", "extract", "eye", "fabs", "fft", "fill_diagonal", "finfo", "fix", "flatnonzero",
    "flexible", "flip", "fliplr", "flipud", "float16", "float32", "float64", "float_", "float_power", "floating",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "frexp", "from_dlpack", "frombuffer", "fromfile", "fromfunction",
    "fromiter", "fromstring", "full", "full_like", "gcd", "generic", "geomspace", "get_printoptions", "gradient",
    "greater", "greater_equal", "hamming", "hanning", "heaviside", "histogram", "histogram2d", "histogram_bin_edges",
    "histogramdd", "hsplit", "hstack", "hypot", "i0", "identity", "iinfo", "imag", "index_exp", "indices", "inexact",
    "inf", "inner", "insert", "int16", "int32", "int64", "int8", "int_", "integer", "interp", "intersect1d", "invert",
    "isclose", "iscomplex", "iscomplexobj", "isdtype", "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf",
    "isreal", "isrealobj", "isscalar", "issubdtype", "iterable", "ix_", "kaiser", "kron", "lcm", "ldexp", "left_shift",
    "less", "less_equal", "lexsort", "linalg", "linspace", "load", "log", "log10", "log1p", "log2", "logaddexp",
    "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "logspace", "mask_indices", "matmul",
    "matrix_transpose", "matvec", "max", "maximum", "mean", "median", "meshgrid", "mgrid", "min", "minimum", "mod",
    "modf", "moveaxis", "multiply", "nan", "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax",
    "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar",
    "ndarray", "ndim", "negative", "newaxis", "nextafter", "nonzero", "not_equal", "number", "object_", "ogrid", "ones",
    "ones_like", "outer", "packbits", "pad", "partition", "percentile", "permute_dims", "pi", "piecewise", "place",
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "polyval", "positive", "pow",
    "power", "printoptions", "prod", "promote_types", "ptp", "put", "put_along_axis", "quantile", "r_", "rad2deg",
    "radians", "ravel", "ravel_multi_index", "real", "reciprocal", "remainder", "repeat", "reshape", "resize",
    "result_type", "right_shift", "rint", "roll", "rollaxis", "roots", "rot90", "round", "s_", "save", "savez",
    "searchsorted", "select", "set_printoptions", "setdiff1d", "setxor1d", "shape", "sign", "signbit", "signedinteger",
    "sin", "sinc", "single", "sinh", "size", "sort", "sort_complex", "spacing", "split", "sqrt", "square", "squeeze",
    "stack", "std", "subtract", "sum", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensordot", "tile",
    "trace", "transpose", "trapezoid", "tri", "tril", "tril_indices", "tril_indices_from", "trim_zeros", "triu",
    "triu_indices", "triu_indices_from", "true_divide", "trunc", "uint", "uint16", "uint32", "uint64", "uint8",
    "union1d", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "unpackbits",
    "unravel_index", "unsignedinteger", "unstack", "unwrap", "vander", "var", "vdot", "vecdot", "vecmat", "vsplit",
    "vstack", "where", "zeros", "zeros_like",
]


def _reshape_method(self: ndarray, *shape: Any, order: str = "C", **options: Any) -> Any:
    return reshape(self, shape[0] if len(shape) == 1 else shape, order, **options)


def _transpose_method(self: ndarray, *axes: Any) -> Any:
    return transpose(self, (axes[0] if len(axes) == 1 else axes) if axes else None)


def _namespace(self: ndarray, /, *, api_version: str | None = None) -> _ModuleType:
    """This module, as the Array API's name for the functions that go with an array."""
    _check_api_version(api_version)
    return _sys.modules[__name__]


def _compress_method(self: ndarray, condition: Any, axis: int | None = None, **options: Any) -> Any:
    return compress(condition, self, axis, **options)


if TYPE_CHECKING:
    bfloat16: Any
    float8_e3m4: Any
    float8_e4m3: Any
    float8_e4m3b11fnuz: Any
    float8_e4m3fn: Any
    float8_e4m3fnuz: Any
    float8_e5m2: Any
    float8_e5m2fnuz: Any
    float8_e8m0fnu: Any
    float6_e2m3fn: Any
    float6_e3m2fn: Any
    float4_e2m1fn: Any
    int1: Any
    int2: Any
    int4: Any
    uint1: Any
    uint2: Any
    uint4: Any


_install(
    operators=_binary_operator("matmul", matmul),
    methods={
        "reshape": _reshape_method, "transpose": _transpose_method, "swapaxes": swapaxes, "ravel": ravel,
        "squeeze": squeeze, "repeat": repeat, "take": take, "diagonal": diagonal,
        "trace": trace, "dot": dot, "nonzero": nonzero, "compress": _compress_method,
        "choose": choose, "flatten": ravel, "sort": sort, "argsort": argsort, "partition": partition, "argpartition": argpartition,
        "searchsorted": searchsorted, "cumsum": cumsum, "cumprod": cumprod,
        "view": _bits.view, "byteswap": _bits.byteswap, "clone": _bits.clone, "devices": _bits.devices, "to_device": _bits.to_device,
        "__array_namespace__": _namespace,
    },
    properties={"T": transpose, "mT": matrix_transpose, "device": _bits.device, "flat": _bits.flat, "format": _bits.format},
)
globals().update(_LOW_PRECISION)
__all__ += list(_LOW_PRECISION)
if not TYPE_CHECKING:  # which would then take any name to be there
    def __getattr__(name: str) -> Any:
        raise _no_attribute(__name__, name)


_install_protocols({"numpy": globals(), "numpy.linalg": vars(linalg), "numpy.fft": vars(fft)})
