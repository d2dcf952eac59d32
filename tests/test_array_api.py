"""The array API standard 2024.12 on `functrans.numpy`: every name with its signature, the dtypes of results, and the values.

The signatures are the standard's (https://data-apis.org/array-api/2024.12), written here as it writes them. Values are compared with
NumPy's, which follow the standard; what differs is listed in docs/array_api.md. The standard's own test suite is run where its package
``array_api_tests`` is installed.
"""

import importlib.util
import inspect
import itertools
import operator
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import TracerArrayConversionError

MAIN = """
abs(x, /); acos(x, /); acosh(x, /); add(x1, x2, /); all(x, /, *, axis=None, keepdims=False); any(x, /, *, axis=None, keepdims=False);
arange(start, /, stop=None, step=1, *, dtype=None, device=None); argmax(x, /, *, axis=None, keepdims=False);
argmin(x, /, *, axis=None, keepdims=False); argsort(x, /, *, axis=-1, descending=False, stable=True);
asarray(obj, /, *, dtype=None, device=None, copy=None); asin(x, /); asinh(x, /); astype(x, dtype, /, *, copy=True, device=None);
atan(x, /); atan2(x1, x2, /); atanh(x, /); bitwise_and(x1, x2, /); bitwise_invert(x, /); bitwise_left_shift(x1, x2, /);
bitwise_or(x1, x2, /); bitwise_right_shift(x1, x2, /); bitwise_xor(x1, x2, /); broadcast_arrays(*arrays); broadcast_to(x, /, shape);
can_cast(from_, to, /); ceil(x, /); clip(x, /, min=None, max=None); concat(arrays, /, *, axis=0); conj(x, /); copysign(x1, x2, /);
cos(x, /); cosh(x, /); count_nonzero(x, /, *, axis=None, keepdims=False);
cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False);
cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False); diff(x, /, *, axis=-1, n=1, prepend=None, append=None);
divide(x1, x2, /); empty(shape, *, dtype=None, device=None); empty_like(x, /, *, dtype=None, device=None); equal(x1, x2, /); exp(x, /);
expand_dims(x, /, *, axis=0); expm1(x, /); eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None); finfo(type, /);
flip(x, /, *, axis=None); floor(x, /); floor_divide(x1, x2, /); from_dlpack(x, /, *, device=None, copy=None);
full(shape, fill_value, *, dtype=None, device=None); full_like(x, /, fill_value, *, dtype=None, device=None); greater(x1, x2, /);
greater_equal(x1, x2, /); hypot(x1, x2, /); iinfo(type, /); imag(x, /); isdtype(dtype, kind); isfinite(x, /); isinf(x, /); isnan(x, /);
less(x1, x2, /); less_equal(x1, x2, /); linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True); log(x, /);
log10(x, /); log1p(x, /); log2(x, /); logaddexp(x1, x2, /); logical_and(x1, x2, /); logical_not(x, /); logical_or(x1, x2, /);
logical_xor(x1, x2, /); matmul(x1, x2, /); matrix_transpose(x, /); max(x, /, *, axis=None, keepdims=False); maximum(x1, x2, /);
mean(x, /, *, axis=None, keepdims=False); meshgrid(*arrays, indexing='xy'); min(x, /, *, axis=None, keepdims=False);
minimum(x1, x2, /); moveaxis(x, source, destination, /); multiply(x1, x2, /); negative(x, /); nextafter(x1, x2, /); nonzero(x, /);
not_equal(x1, x2, /); ones(shape, *, dtype=None, device=None); ones_like(x, /, *, dtype=None, device=None); permute_dims(x, /, axes);
positive(x, /); pow(x1, x2, /); prod(x, /, *, axis=None, dtype=None, keepdims=False); real(x, /); reciprocal(x, /);
remainder(x1, x2, /); repeat(x, repeats, /, *, axis=None); reshape(x, /, shape, *, copy=None); result_type(*arrays_and_dtypes);
roll(x, /, shift, *, axis=None); round(x, /); searchsorted(x1, x2, /, *, side='left', sorter=None); sign(x, /); signbit(x, /);
sin(x, /); sinh(x, /); sort(x, /, *, axis=-1, descending=False, stable=True); sqrt(x, /); square(x, /); squeeze(x, /, axis);
stack(arrays, /, *, axis=0); std(x, /, *, axis=None, correction=0.0, keepdims=False); subtract(x1, x2, /);
sum(x, /, *, axis=None, dtype=None, keepdims=False); take(x, indices, /, *, axis=None); take_along_axis(x, indices, /, *, axis=-1);
tan(x, /); tanh(x, /); tensordot(x1, x2, /, *, axes=2); tile(x, repetitions, /); tril(x, /, *, k=0); triu(x, /, *, k=0); trunc(x, /);
unique_all(x, /); unique_counts(x, /); unique_inverse(x, /); unique_values(x, /); unstack(x, /, *, axis=0);
var(x, /, *, axis=None, correction=0.0, keepdims=False); vecdot(x1, x2, /, *, axis=-1); where(condition, x1, x2, /);
zeros(shape, *, dtype=None, device=None); zeros_like(x, /, *, dtype=None, device=None); __array_namespace_info__()
"""
LINALG = """
cholesky(x, /, *, upper=False); cross(x1, x2, /, *, axis=-1); det(x, /); diagonal(x, /, *, offset=0); eigh(x, /); eigvalsh(x, /);
inv(x, /); matmul(x1, x2, /); matrix_norm(x, /, *, keepdims=False, ord='fro'); matrix_power(x, n, /); matrix_rank(x, /, *, rtol=None);
matrix_transpose(x, /); outer(x1, x2, /); pinv(x, /, *, rtol=None); qr(x, /, *, mode='reduced'); slogdet(x, /); solve(x1, x2, /);
svd(x, /, *, full_matrices=True); svdvals(x, /); tensordot(x1, x2, /, *, axes=2); trace(x, /, *, offset=0, dtype=None);
vecdot(x1, x2, /, *, axis=-1); vector_norm(x, /, *, axis=None, keepdims=False, ord=2)
"""
FFT = """
fft(x, /, *, n=None, axis=-1, norm='backward'); fftfreq(n, /, *, d=1.0, dtype=None, device=None);
fftn(x, /, *, s=None, axes=None, norm='backward'); fftshift(x, /, *, axes=None); hfft(x, /, *, n=None, axis=-1, norm='backward');
ifft(x, /, *, n=None, axis=-1, norm='backward'); ifftn(x, /, *, s=None, axes=None, norm='backward'); ifftshift(x, /, *, axes=None);
ihfft(x, /, *, n=None, axis=-1, norm='backward'); irfft(x, /, *, n=None, axis=-1, norm='backward');
irfftn(x, /, *, s=None, axes=None, norm='backward'); rfft(x, /, *, n=None, axis=-1, norm='backward');
rfftfreq(n, /, *, d=1.0, dtype=None, device=None); rfftn(x, /, *, s=None, axes=None, norm='backward')
"""
METHODS = """
__abs__(); __add__(other, /); __and__(other, /); __array_namespace__(*, api_version=None); __bool__(); __complex__();
__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None); __dlpack_device__(); __eq__(other, /); __float__();
__floordiv__(other, /); __ge__(other, /); __getitem__(key, /); __gt__(other, /); __index__(); __int__(); __invert__(); __le__(other, /);
__lshift__(other, /); __lt__(other, /); __matmul__(other, /); __mod__(other, /); __mul__(other, /); __ne__(other, /); __neg__();
__or__(other, /); __pos__(); __pow__(other, /); __rshift__(other, /); __setitem__(key, value, /); __sub__(other, /);
__truediv__(other, /); __xor__(other, /); __radd__(other, /); __rand__(other, /); __rfloordiv__(other, /); __rlshift__(other, /);
__rmatmul__(other, /); __rmod__(other, /); __rmul__(other, /); __ror__(other, /); __rpow__(other, /); __rrshift__(other, /);
__rsub__(other, /); __rtruediv__(other, /); __rxor__(other, /); to_device(device, /, *, stream=None)
"""
# Defaults that say the same in another way.
SAME = {("step", None), ("keepdims", None), ("correction", None), ("norm", None), ("copy", False)}
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
DTYPES = ["bool", *INTS, *FLOATS, *COMPLEX]


def signatures(text: str) -> list[tuple[str, inspect.Signature]]:
    found = []
    for line in text.replace("\n", " ").split(";"):
        scope: dict[str, object] = {}
        exec(f"def {line.strip()}: ...", scope)
        found += [(n, inspect.signature(f)) for n, f in scope.items() if n != "__builtins__"]
    return found


def check_signature(name: str, function: object, wanted: inspect.Signature) -> None:
    """That every call which the standard allows is one that `function` allows, with the same meaning."""
    ours = inspect.signature(function).parameters
    positional = [p for p in ours.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    starred = [p for p in ours.values() if p.kind == p.VAR_POSITIONAL]
    for i, p in enumerate(wanted.parameters.values()):
        if p.kind == p.VAR_POSITIONAL:
            assert starred, f"{name} takes any number of arguments"
        elif p.kind == p.KEYWORD_ONLY:
            q = ours.get(p.name)
            assert q is not None and q.kind != q.POSITIONAL_ONLY, f"{name} takes {p.name}="
            if name != "expand_dims":
                assert q.default == p.default or (q.name, q.default) in SAME, f"{name}: the default of {p.name}"
        elif not starred:
            assert i < len(positional), f"{name} takes {p.name} by position"
            q = positional[i]
            if p.kind == p.POSITIONAL_OR_KEYWORD:
                assert q.name == p.name and q.kind == q.POSITIONAL_OR_KEYWORD, f"{name} takes {p.name}="
            if p.default is not p.empty:
                assert q.default == p.default or (q.name, q.default) in SAME, f"{name}: the default of {p.name}"


@pytest.mark.parametrize("space, text", [(fnp, MAIN), (fnp.linalg, LINALG), (fnp.fft, FFT)], ids=["main", "linalg", "fft"])
def test_every_function_is_there_with_its_signature(space: object, text: str) -> None:
    for name, wanted in signatures(text):
        check_signature(name, getattr(space, name), wanted)


def test_every_method_and_attribute_is_there() -> None:
    x = fnp.ones((2, 3))
    for name, wanted in signatures(METHODS):
        check_signature(name, getattr(x, name), wanted)
    assert (x.shape, x.size, x.ndim, x.dtype, x.device) == ((2, 3), 6, 2, np.float64, "cpu")
    assert x.T.shape == x.mT.shape == (3, 2) and fnp.ones((4, 2, 3)).mT.shape == (4, 3, 2)
    assert fnp.asarray([[1, 2], [3, 4]]).flat[2] == 3 and [int(v) for v in fnp.arange(3).flat] == [0, 1, 2]
    assert f"{fnp.asarray(2.0):.2f}" == "2.00" and format(fnp.arange(2)) == "[0 1]"
    with pytest.raises(AttributeError, match="two-dimensional"):
        _ = fnp.ones(3).mT


def test_constants_and_dtypes() -> None:
    assert (fnp.e, fnp.pi, fnp.inf, fnp.newaxis) == (np.e, np.pi, np.inf, None) and np.isnan(fnp.nan)
    for name in DTYPES:
        assert np.dtype(getattr(fnp, name)) == name and fnp.zeros(1, dtype=getattr(fnp, name)).dtype == getattr(fnp, name)
    assert fnp.iinfo(fnp.int8).bits == 8 and fnp.finfo(fnp.float32).smallest_normal == 2.0**-126
    assert fnp.finfo(fnp.complex64).dtype == np.float32


# -- what the namespace tells of itself -------------------------------------------------------------------------------

def test_namespace() -> None:
    x = fnp.ones(2)
    assert x.__array_namespace__() is x.__array_namespace__(api_version="2024.12") is fnp and fnp.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match=r"api_version must be one of .*2024.12; got '2020.01', at .*test_array_api.py"):
        x.__array_namespace__(api_version="2020.01")
    assert ft.jit(lambda y: y.__array_namespace__().sum(y))(x) == 2


def test_namespace_info() -> None:
    info = fnp.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.default_device() == "cpu" and info.devices() == ["cpu"]
    assert info.default_dtypes() == {"real floating": np.float64, "complex floating": np.complex128, "integral": np.int64,
                                     "indexing": np.int64}
    with ft.default_float("float32"):
        assert info.default_dtypes(device="cpu")["complex floating"] == np.complex64
    assert info.dtypes() == {name: np.dtype(name) for name in DTYPES}
    assert list(info.dtypes(kind="integral")) == INTS
    assert list(info.dtypes(kind=("bool", "real floating"))) == ["bool", *FLOATS]
    with pytest.raises(ValueError, match="kind is one of"):
        info.dtypes(kind="quaternion")
    with pytest.raises(ValueError, match=r"one device, 'cpu'; got device='gpu', at .*test_array_api"):
        info.dtypes(device="gpu")


def test_devices() -> None:
    x = fnp.arange(2)
    assert x.to_device(x.device) is x
    for make in (lambda d: fnp.zeros(2, device=d), lambda d: fnp.asarray([1], device=d), lambda d: fnp.arange(2, device=d),
                 lambda d: fnp.linspace(0, 1, 2, device=d), lambda d: fnp.eye(2, device=d), lambda d: fnp.full_like(x, 1, device=d),
                 lambda d: fnp.fft.fftfreq(2, device=d), lambda d: fnp.astype(x, "float32", device=d), x.to_device):
        assert make(x.device).device == "cpu"
        with pytest.raises(ValueError, match=r"one device, 'cpu'; got device='tpu', at .*test_array_api"):
            make("tpu")


# -- dtypes ----------------------------------------------------------------------------------------------------------

def numeric_promotion(a: str, b: str) -> str | None:
    """The standard's table: within a kind, and of a float with a complex; None where it says nothing."""
    for kind in (["bool"], INTS[:4], INTS[4:], FLOATS, COMPLEX):
        if a in kind and b in kind:
            return max(a, b, key=kind.index)
    if a in INTS and b in INTS:
        signed, unsigned = sorted((a, b), key=lambda n: n[0] == "u")
        width = max(int(signed[3:]), 2 * int(unsigned[4:]))
        return f"int{width}" if width <= 64 else None
    if {a, b} <= {*FLOATS, *COMPLEX}:
        return "complex64" if {a, b} == {"float32", "complex64"} else "complex128"
    return None


PAIRS = [(a, b, out) for a, b in itertools.product(DTYPES, DTYPES) if (out := numeric_promotion(a, b))]


def test_promotion() -> None:
    for a, b, wanted in PAIRS:
        x, y = fnp.ones(2, dtype=a), fnp.ones(2, dtype=b)
        assert fnp.result_type(x, y) == fnp.result_type(a, b) == wanted
        assert fnp.concat([x, y]).dtype == fnp.stack([x, y]).dtype == fnp.where(fnp.asarray([True, False]), x, y).dtype == wanted
        if wanted != "bool":
            assert (x + y).dtype == (x * y).dtype == (x @ y).dtype == fnp.tensordot(x, y, axes=1).dtype == wanted, (a, b)
        for scalar in (True, 1, 1.0, 1j)[: 1 + "iufc".find(np.dtype(a).kind.replace("u", "i"))]:
            if a != "bool":
                assert (x + scalar).dtype == (scalar * x).dtype == a
        assert fnp.equal(x, y).dtype == (x == y).dtype == bool


@pytest.mark.parametrize("shape", [(), (3,)])
def test_powers_of_integers_have_the_common_dtype(shape: tuple[int, ...]) -> None:
    for a, b in itertools.product(INTS, INTS):
        if wanted := numeric_promotion(a, b):
            x, y = fnp.full(shape, 3, dtype=a), fnp.asarray(2, dtype=b)
            for out in (fnp.pow(x, y), x ** y, ft.jit(fnp.pow)(x, y), x ** np.dtype(b).type(2)):
                assert out.dtype == wanted and out.shape == shape and fnp.all(out == 9), (a, b)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3)])
def test_norms_of_nothing_are_zero(shape: tuple[int, ...]) -> None:
    """A sum of nothing is 0, and so is the greatest of no sizes, none of which could be negative; the least has no value."""
    x = fnp.zeros(shape)
    for ord in ("fro", "nuc", 1, 2, float("inf")):
        agree(fnp.linalg.matrix_norm(x, ord=ord), np.zeros(shape[:-2]))
    for ord in (0, 1, 2, 3, float("inf")):
        agree(fnp.linalg.vector_norm(x, ord=ord), np.zeros(()))
        agree(fnp.linalg.vector_norm(x, ord=ord, axis=-1, keepdims=True), np.zeros((*shape[:-1], 1)))
    with pytest.raises(ValueError, match=r"no extremum .*at .*test_array_api"):
        fnp.linalg.vector_norm(x, ord=-float("inf"))


def test_dtypes_of_reductions() -> None:
    for name in DTYPES[1:]:
        x = fnp.ones((2, 2), dtype=name)
        wider = "int64" if name in INTS[:4] else "uint64" if name in INTS[4:] else name
        for f in (fnp.sum, fnp.prod, fnp.cumulative_sum, fnp.cumulative_prod, fnp.linalg.trace):
            y = x[0] if f in (fnp.cumulative_sum, fnp.cumulative_prod) else x
            assert f(y).dtype == wider and f(y, dtype=fnp.float64 if name not in COMPLEX else fnp.complex128).dtype.itemsize >= 8
        assert fnp.all(x).dtype == fnp.any(x).dtype == bool
        assert fnp.count_nonzero(x).dtype == np.int64
        if name not in COMPLEX:
            assert fnp.max(x).dtype == name and fnp.argmax(x).dtype == np.int64
        if name in FLOATS + COMPLEX:
            assert fnp.mean(x).dtype == name and fnp.linalg.vector_norm(x).dtype == np.dtype(name).type(0).real.dtype
            assert fnp.fft.fft(x).dtype == ("complex64" if np.dtype(name).itemsize == 4 or name == "complex64" else "complex128")


# -- values ----------------------------------------------------------------------------------------------------------

UNARY = {
    "all": ["abs", "positive", "square", "negative", "isfinite", "isinf", "isnan", "round", "ceil", "floor", "trunc", "sign"],
    "float": ["acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "expm1", "log", "log1p", "log2", "log10", "sin",
              "sinh", "sqrt", "tan", "tanh", "reciprocal", "signbit"],
}
BINARY = {
    "all": ["add", "subtract", "multiply", "maximum", "minimum", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"],
    "int": ["bitwise_and", "bitwise_or", "bitwise_xor"],
    "float": ["divide", "atan2", "copysign", "hypot", "logaddexp", "nextafter", "pow"],
}
# The sign of a zero: that of the argument, as in JAX (docs/array_api.md).
ZERO_KEEPS_SIGN = {"sign"}


def agree(got: object, want: np.ndarray, signs: bool = True) -> None:
    assert type(got) is fnp.ndarray
    value = np.asarray(got)
    assert value.dtype == want.dtype and value.shape == want.shape
    rtol = 1e-5 if value.dtype.itemsize == 4 or value.dtype == np.complex64 else 1e-12
    np.testing.assert_allclose(value, want, rtol=rtol if value.dtype.kind in "fc" else 0, atol=1e-300)
    if signs and value.dtype.kind == "f":
        zero = (value == 0) & (want == 0)
        np.testing.assert_array_equal(np.signbit(value[zero]), np.signbit(want[zero]))


def arrays(names: list[str], shape: tuple[int, ...] | None = None) -> st.SearchStrategy:
    return st.sampled_from(names).flatmap(lambda name: hnp.arrays(
        name, shape if shape is not None else hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), elements=elements(name)))


def elements(name: str) -> st.SearchStrategy | None:
    special = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.inf, -np.inf, np.nan, 1e30]
    return st.sampled_from(special) if name in FLOATS else None


@pytest.mark.parametrize("name", [*UNARY["all"], *UNARY["float"]])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_unary(name: str, data: st.DataObject) -> None:
    x = data.draw(arrays(FLOATS if name in UNARY["float"] else INTS + FLOATS))
    with np.errstate(all="ignore"):
        agree(getattr(fnp, name)(fnp.asarray(x)), getattr(np, name)(x), signs=name not in ZERO_KEEPS_SIGN)


@pytest.mark.parametrize("name", [*BINARY["all"], *BINARY["int"], *BINARY["float"]])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_binary(name: str, data: st.DataObject) -> None:
    pairs = [p for p in PAIRS if p[2] in (FLOATS if name in BINARY["float"] else INTS if name in BINARY["int"] else INTS + FLOATS)]
    a, b, _ = data.draw(st.sampled_from(pairs))
    x, y = data.draw(arrays([a], (2, 3))), data.draw(arrays([b], (3,)))
    with np.errstate(all="ignore"):
        agree(getattr(fnp, name)(fnp.asarray(x), fnp.asarray(y)), getattr(np, name)(x, y))


@settings(max_examples=30, deadline=None)
@given(x=arrays(INTS + FLOATS, (2, 3, 2)), axis=st.sampled_from([None, 0, 1, -1, (0, 2), ()]), keepdims=st.booleans())
def test_reductions(x: np.ndarray, axis: object, keepdims: bool) -> None:
    y = fnp.asarray(x)
    with np.errstate(all="ignore"):
        for name in ("sum", "prod", "max", "min", "all", "any"):
            agree(getattr(fnp, name)(y, axis=axis, keepdims=keepdims), np.asarray(getattr(np, name)(x, axis=axis, keepdims=keepdims)),
                  signs=False)
        agree(fnp.count_nonzero(y, axis=axis, keepdims=keepdims), np.asarray(np.count_nonzero(x, axis=axis, keepdims=keepdims)))
        finite = np.nan_to_num(x.astype("float64"), nan=2.0, posinf=3.0, neginf=4.0) % 7
        for correction in (0, 1, 0.5):
            agree(fnp.var(fnp.asarray(finite), axis=axis, correction=correction, keepdims=keepdims) if axis != () else fnp.zeros(1),
                  np.asarray(np.var(finite, axis=axis, ddof=correction, keepdims=keepdims)) if axis != () else np.zeros(1), signs=False)


@settings(max_examples=20, deadline=None)
@given(x=arrays(INTS + FLOATS, (3, 4)), axis=st.sampled_from([0, 1, -1, -2]))
def test_sets_searches_and_sorts(x: np.ndarray, axis: int) -> None:
    x = np.nan_to_num(x)
    y = fnp.asarray(x)
    for name in ("unique_all", "unique_counts", "unique_inverse"):
        got, want = getattr(fnp, name)(y), getattr(np, name)(x)
        assert got._fields == want._fields
        for g, w in zip(got, want, strict=True):
            agree(g, w, signs=False)
    agree(fnp.unique_values(y), np.unique(x), signs=False)
    order = np.argsort(x, axis=axis, stable=True)
    agree(fnp.argsort(y, axis=axis), order)
    agree(fnp.take_along_axis(y, fnp.asarray(order), axis=axis), np.take_along_axis(x, order, axis=axis), signs=False)
    agree(fnp.sort(y, axis=axis, descending=True), np.flip(np.sort(x, axis=axis), axis=axis), signs=False)
    for g, w in zip(fnp.nonzero(y), np.nonzero(x), strict=True):
        agree(g, w)
    agree(fnp.diff(y, axis=axis, prepend=y), np.diff(x, axis=axis, prepend=x), signs=False)
    agree(fnp.cumulative_sum(y, axis=axis, include_initial=True), np.cumulative_sum(x, axis=axis, include_initial=True), signs=False)


def test_augmented_assignment_rebinds() -> None:
    for op in (operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow, operator.ifloordiv, operator.imod):
        before = x = fnp.asarray([4.0, 6.0])
        x = op(x, 2.0)
        assert x is not before and before[0] == 4.0
    with pytest.raises(TypeError, match=r"immutable.*x.at\[index\].set"):
        before[0] = 1.0


# -- sharing memory ----------------------------------------------------------------------------------------------------

def address(x: object) -> int:
    return np.asarray(x).__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_shares_memory_both_ways(dtype: str) -> None:
    x = fnp.ones((3, 2), dtype=dtype)
    out = np.from_dlpack(x)
    assert address(out) == address(x) and not out.flags.writeable and out.dtype == dtype
    owner = np.arange(6).astype(dtype).reshape(2, 3)[:, ::2]
    back = fnp.from_dlpack(owner)
    assert address(back) == address(owner) and back.shape == (2, 2) and owner.flags.writeable
    np.testing.assert_array_equal(np.asarray(back), owner)
    np.testing.assert_array_equal(np.asarray(ft.jit(lambda y: y.T)(back)), owner.T)


def test_dlpack_copies_when_asked() -> None:
    owner = np.arange(3.0)
    copied = fnp.from_dlpack(owner, copy=True)
    owner[0] = 9.0
    assert copied[0] == 0.0 and fnp.from_dlpack(owner, copy=False)[0] == 9.0
    x = fnp.arange(3.0)
    assert fnp.from_dlpack(x) is x
    assert address(np.from_dlpack(x, copy=True)) != address(x) and np.from_dlpack(x, copy=True).flags.writeable


class OldConsumerView:
    """An array as a library that knows DLPack before 1.0 asks for it."""

    def __init__(self, x: fnp.ndarray, copy: bool | None = None) -> None:
        self.x, self.copy = x, copy

    def __dlpack__(self, **_: object) -> object:
        return self.x.__dlpack__(copy=self.copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.x.__dlpack_device__()


def test_dlpack_without_flags_gives_a_copy() -> None:
    x = fnp.arange(3.0)
    out = np.from_dlpack(OldConsumerView(x))
    np.testing.assert_array_equal(out, [0, 1, 2])
    assert address(out) != address(x)
    with pytest.raises(BufferError, match=r"read-only, which max_version=None cannot say.*at .*test_array_api"):
        np.from_dlpack(OldConsumerView(x, copy=False))


def test_dlpack_refusals() -> None:
    x = fnp.ones(2)
    assert x.__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError, match=r"no streams; got stream=1, at .*test_array_api"):
        x.__dlpack__(stream=1)
    with pytest.raises(BufferError, match=r"on the CPU, the device \(1, 0\); got dl_device=\(2, 0\), at .*test_array_api"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError, match=r"an object with __dlpack__ .*got \[1\] of type list, at .*test_array_api"):
        fnp.from_dlpack([1])
    with pytest.raises(ValueError, match="one device"):
        fnp.from_dlpack(np.ones(2), device="cuda")
    with pytest.raises(TracerArrayConversionError, match=r"a NumPy array was asked of a traced f64\[2\] .*test_array_api"):
        ft.jit(np.from_dlpack)(x)
    np.testing.assert_array_equal(ft.jit(fnp.from_dlpack)(x), x)
    with pytest.raises(BufferError, match=r"cannot be shared: .*, at .*test_array_api"):
        fnp.from_dlpack(np.zeros(2, "datetime64[s]"))


def test_asarray_without_a_copy() -> None:
    owner = np.arange(4.0)
    assert address(fnp.asarray(owner, copy=False)) == address(owner) and owner.flags.writeable
    assert address(fnp.asarray(owner)) != address(owner) != address(fnp.asarray(owner, copy=True))
    x = fnp.arange(2)
    assert fnp.asarray(x, copy=False) is x
    for bad, dtype in (([1, 2], None), (3, None), (owner, "float32"), (x, "float64"), (owner.astype(">f8"), None)):
        with pytest.raises(ValueError, match=r"needs a copy, and copy=False forbids it, at .*test_array_api"):
            fnp.asarray(bad, dtype=dtype, copy=False)


# -- the standard's own suite ---------------------------------------------------------------------------------------------

@pytest.mark.skipif(importlib.util.find_spec("array_api_tests") is None, reason="the package array_api_tests is not installed")
def test_the_official_suite() -> None:
    suite = importlib.util.find_spec("array_api_tests")
    assert suite is not None and suite.origin is not None
    skips = Path(__file__).with_name("array_api_skips.txt")
    environment = {**os.environ, "ARRAY_API_TESTS_MODULE": "functrans.numpy", "ARRAY_API_TESTS_VERSION": "2024.12"}
    command = [sys.executable, "-m", "pytest", "-q", str(Path(suite.origin).parent), "--max-examples=5", "--disable-deadline",
               "--skips-file", str(skips), "-p", "no:cacheprovider"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-5000:]
