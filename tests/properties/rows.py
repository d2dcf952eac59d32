"""What a row of the table of tests is made of: operands, cases, samplers of values, comparison in ulps.

A `Row` states what a primitive accepts and should give; every property in ``tests/properties`` is derived from it.
A `Case` is one drawn call: shapes (and, where they are not plain samples, values) of the operands, and the params.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

import functrans.primitives
from functrans.core.dtypes import kind_of
from functrans.core.low_precision import finfo, iinfo, low_precision_format, working_dtype
from functrans.core.trace import Primitive, primitives_by_name

__all__ = [
    "DISTINCT",
    "DTYPES",
    "PRIMITIVES",
    "VECTOR_SIZES",
    "Case",
    "Operand",
    "Row",
    "Sampler",
    "assert_close",
    "axes_subsets",
    "dtypes_of",
    "elementwise",
    "of_sizes",
    "shapes",
    "special_values",
    "values",
    "widened",
]

DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
VECTOR_SIZES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 257]
Sampler = Callable[[np.random.Generator, tuple[int, ...], np.dtype], np.ndarray]
Samplers = Sampler | tuple[Sampler, ...]

for _module in pkgutil.iter_modules(functrans.primitives.__path__):
    importlib.import_module(f"{functrans.primitives.__name__}.{_module.name}")
PRIMITIVES = primitives_by_name()
"""The primitives of all families by name, wherever they stand."""


def dtypes_of(kinds: str) -> tuple[np.dtype, ...]:
    """The supported dtypes of the given NumPy kind letters."""
    return tuple(np.dtype(d) for d in DTYPES if np.dtype(d).kind in kinds)


# -- values -----------------------------------------------------------------------------------------------------------


def values(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Values of many sizes: floats from 1e-3 to 1e3 of both signs, integers small ones and any."""
    if dtype.kind == "c":
        part = np.dtype(f"float{4 * dtype.itemsize}")
        out = np.empty(shape, dtype)
        out.real, out.imag = values(rng, shape, part), values(rng, shape, part)
        return out
    if low_precision_format(dtype) is not None and kind_of(dtype) == "f":
        return np.asarray(rng.normal(size=shape) * 4.0 ** rng.integers(-2, 3, shape)).astype(dtype)
    if kind_of(dtype) == "f":
        return np.asarray(rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape)).astype(dtype)
    info = iinfo(dtype)
    wide = rng.integers(info.min, info.max, shape, dtype=working_dtype(dtype), endpoint=True).astype(dtype)
    small = rng.integers(max(info.min, -9), min(info.max, 9) + 1, shape).astype(dtype)
    return np.asarray(np.where(rng.integers(0, 2, shape), wide, small))


def smooth(low: float = 0.2, high: float = 1.8, signed: bool = True) -> Sampler:
    """Floats between `low` and `high`, of both signs if `signed`: where derivatives are tame."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        def real() -> np.ndarray:
            sign = np.where(rng.integers(0, 2, shape), 1, -1) if signed else 1
            return np.asarray(rng.uniform(low, high, shape) * sign)

        return np.asarray(real() + 1j * real() if dtype.kind == "c" else real()).astype(dtype)

    return sample


SMOOTH = smooth()


def distinct(offset: float) -> Sampler:
    """Numbers at least 0.02 apart, so that no difference crosses a tie; other offsets give numbers apart from these."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        count = int(np.prod(shape, dtype=int))
        return np.asarray((rng.permutation(count) - count // 2) * 0.02 + offset).reshape(shape).astype(dtype)

    return sample


DISTINCT = (distinct(0.0), distinct(0.007), distinct(0.013))


def special_values(dtype: np.dtype) -> np.ndarray:
    """The numbers of `dtype` at which implementations part ways."""
    if dtype.kind == "b":
        return np.array([False, True])
    if kind_of(dtype) in "iu":
        info = iinfo(dtype)
        near = [0, 1, 2, 3, 7, 8, info.bits - 1, info.bits, info.max, info.max - 1, info.max // 2]
        return np.array(
            near + ([-1, -2, -8, info.min, info.min + 1] if kind_of(dtype) == "i" else [info.max // 2 + 1]), dtype
        )
    if dtype.kind == "c":
        part = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan], f"float{4 * dtype.itemsize}")
        out = np.empty((7, 7), dtype)
        out.real, out.imag = part[:, None], part[None, :]
        return out.reshape(-1)
    info = finfo(dtype)
    few = [
        0.0,
        0.5,
        1.0,
        2.0,
        3.0,
        1.5,
        2.5,
        0.1,
        1e-3,
        100.0,
        float(info.max),
        float(info.tiny),
        float(info.smallest_subnormal),
        float(info.tiny) / 8 * 3,
        float(info.eps),
        1 + float(info.eps),
        1 - float(info.epsneg),
        np.inf,
    ]
    return np.array([*few, *(-x for x in few), np.nan]).astype(dtype)


# -- cases ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operand:
    """A shape, with a dtype if it is not the drawn one and a sampler if values are not plain."""

    shape: tuple[int, ...]
    dtype: Any = None
    sample: Sampler | None = None


@dataclass(frozen=True)
class Case:
    """One call: operands and params, and the sampler of plain values."""

    operands: tuple[Operand, ...]
    params: dict[str, Any] = field(default_factory=dict)
    plain: Sampler = values

    def args(self, rng: np.random.Generator, dtype: np.dtype, sample: Samplers | None = None) -> list[np.ndarray]:
        """Values for the operands; `sample` (or one for each) serves those without a sampler of their own."""
        sample = self.plain if sample is None else sample
        each = itertools.repeat(sample) if callable(sample) else sample
        return [
            np.asarray((o.sample or f)(rng, o.shape, np.dtype(o.dtype or dtype)))
            for o, f in zip(self.operands, each, strict=False)
        ]


@dataclass(frozen=True, repr=False)
class Row:
    """A primitive and what is to be expected of it.

    Attributes:
        prim: the primitive.
        cases: for a dtype, a strategy that draws calls.
        kinds: kind letters of the dtypes it accepts.
        reference: ``(*arrays, **params)``, an independent definition, or None where there is none.
        active: positions of the operands that may be differentiated; empty where the derivative is zero everywhere.
        ulps: how far compiled values may be from eager ones (0: equal); sums count in units of `scale`.
        complex_ulps: the same for complex dtypes, where NumPy's own products round as the machine has it.
        eager_ulps: how far eager values may be from the reference, which is then evaluated in a wider type.
        complex_eager_ulps: the same for complex dtypes, where that is more.
        scale: ``(*arrays, **params)``, the magnitude that rounding errors are relative to (the sum of absolute terms).
        smooth: the sampler for derivatives.
        analytic: whether a complex step gives the real derivative.
        elementwise: whether the operands are numbers that may be special in any combination.
        straight: whether tangents pass through the primitive itself although it is piecewise constant.
        dtypes: the accepted dtypes, where `kinds` does not tell.
        name: what to call the row where a primitive has several.
        result: which result of a primitive with several the row is about.
        canonical: what of a value the mathematics determines, where it leaves a choice (the order of eigenvalues).
    """

    prim: Primitive
    cases: Callable[[np.dtype], st.SearchStrategy[Case]]
    kinds: str = "biufc"
    reference: Callable[..., Any] | None = None
    active: tuple[int, ...] = ()
    ulps: float = 0
    complex_ulps: float = 0
    eager_ulps: float = 0
    complex_eager_ulps: float = 0
    scale: Callable[..., Any] | None = None
    smooth: Samplers = SMOOTH
    analytic: bool = False
    elementwise: bool = False
    straight: bool = False
    dtypes: tuple[np.dtype, ...] = ()
    name: str = ""
    result: int | None = None
    canonical: Callable[[np.ndarray], np.ndarray] = np.asarray

    def bind(self, *args: Any, **params: Any) -> Any:
        """The result of a call."""
        out = self.prim.bind(*args, **params)
        return out if self.result is None else out[self.result]

    def abstract(self, *avals: Any, **params: Any) -> Any:
        """The aval of the result of a call."""
        out = self.prim.rule("abstract")(*avals, **params)
        return out if self.result is None else out[self.result]

    def __repr__(self) -> str:
        return self.name or self.prim.name

    def tolerance(self, args: Sequence[np.ndarray]) -> float:
        """The ulps for compiled against eager values of a call."""
        return max(self.ulps, self.complex_ulps) if any(x.dtype.kind == "c" for x in args) else self.ulps

    def eager_tolerance(self, args: Sequence[np.ndarray]) -> float:
        """The ulps for eager values of a call against the reference."""
        return max(self.eager_ulps, self.complex_eager_ulps) if any(x.dtype.kind == "c" for x in args) else self.eager_ulps

    def scaled(self, args: Sequence[np.ndarray], params: dict[str, Any]) -> Any:
        """The magnitude that errors of a call are relative to, beyond the result itself."""
        if self.scale is None:
            return 0
        with np.errstate(all="ignore"):
            scale = np.asarray(self.scale(*args, **params))
            return np.where(np.isfinite(scale), scale, 0)

    @property
    def accepted(self) -> tuple[np.dtype, ...]:
        return self.dtypes or dtypes_of(self.kinds)


@st.composite
def shapes(draw: Any, low: int = 0, max_rank: int = 3, min_rank: int = 0) -> tuple[int, ...]:
    """Shapes with small axes, now and then one around a vector width."""
    rank = draw(st.integers(min_rank, max_rank))
    shape = [draw(st.integers(low, 4)) for _ in range(rank)]
    if rank and draw(st.booleans()):
        shape[draw(st.integers(0, rank - 1))] = draw(st.sampled_from(VECTOR_SIZES))
    return tuple(shape)


def elementwise(
    arity: int, params: st.SearchStrategy[dict[str, Any]] | None = None
) -> Callable[[np.dtype], st.SearchStrategy[Case]]:
    """Cases of operands of one shape, some of them of rank 0."""

    def cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
        def build(shape: tuple[int, ...], full: tuple[bool, ...], drawn: dict[str, Any]) -> Case:
            return Case(tuple(Operand(shape if f or arity == 1 else ()) for f in full), drawn)

        return st.builds(
            build, shapes(), st.tuples(*[st.booleans()] * arity), st.just({}) if params is None else params
        )

    return cases


def axes_subsets(ndim: int, least: int = 0) -> st.SearchStrategy[tuple[int, ...]]:
    """Distinct axes below `ndim`, in any order."""
    if not ndim:
        return st.just(())
    return st.lists(st.integers(0, ndim - 1), unique=True, min_size=least).map(tuple)


# -- comparison -------------------------------------------------------------------------------------------------------

_WIDER = {
    "float16": np.float64,
    "float32": np.float64,
    "float64": np.longdouble,
    "complex64": np.complex128,
    "complex128": np.clongdouble,
}


def widened(x: np.ndarray) -> np.ndarray:
    """`x` in a type with more digits, where there is one."""
    return x.astype(_WIDER.get(x.dtype.name, x.dtype))


def assert_close(got: Any, want: Any, ulps: float, scale: Any = 0.0, what: str = "") -> None:
    """`got` is `want` (which may have more digits) to `ulps`; nan, infinities and the sign of zeros agree.

    Units of the last place are those of ``max(|want|, scale)``, for complex numbers of their absolute value. Where a
    complex result has a nan part and is not exact, it is enough that `got` is not finite.
    """
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if got.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, want.astype(got.dtype), err_msg=what)
        return
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        if got.dtype.kind == "c":
            size = np.minimum(np.abs(rounded), np.finfo(got.real.dtype).max)
            wide = widened(got)
            parts = np.ones(got.shape, bool)
            for g, r, w, v in (
                (got.real, rounded.real, wide.real, want.real),
                (got.imag, rounded.imag, wide.imag, want.imag),
            ):
                parts &= _same(g, r) | (np.isfinite(g) & np.isfinite(r) & _near(np.abs(w - v), size, ulps, scale))
            # C99 leaves open which part of a result is nan, and whether an infinity has a nan beside it.
            unspecified = np.isnan(rounded) & ~np.isfinite(got)
            if np.ndim(scale):  # an ill-conditioned infinity may point anywhere
                unspecified |= np.isinf(got) & np.isinf(rounded)
            parts |= unspecified & bool(ulps)
            near = finite = np.zeros(got.shape, bool)
        else:
            near, parts = _near(np.abs(widened(got) - want), np.abs(rounded), ulps, scale), _same(got, rounded)
            finite = np.isfinite(got) & np.isfinite(rounded) & ((got != 0) | (rounded != 0) | bool(ulps))
            # A result on the verge of overflow may be rounded either way.
            top = np.finfo(got.dtype).max
            verge = top * (1 - ulps * np.finfo(got.dtype).eps)
            edge = (np.abs(got) >= verge) & (np.abs(rounded) >= verge) & (np.sign(got) == np.sign(rounded)) & bool(ulps)
            near, finite = near | edge, finite | edge
        bad = ~(parts | (finite & near))
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise AssertionError(
            f"{what}: {int(bad.sum())} of {bad.size} differ beyond {ulps} ulps; at {at} got {got[at]!r}, expected "
            f"{rounded[at]!r}"
        )


def _near(error: np.ndarray, size: np.ndarray, ulps: float, scale: Any) -> np.ndarray:
    top = np.finfo(size.dtype).max / 2  # beyond, the spacing of an infinity would be nan
    unit = np.spacing(np.minimum(np.maximum(size, np.minimum(scale, top).astype(size.dtype)), top))
    beyond = np.maximum(np.asarray(scale) / np.asarray(top, np.result_type(scale, np.float64)), 1)
    return np.asarray(error <= ulps * beyond * np.where(np.isfinite(unit), unit, 0))


def _same(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Bitwise equality, but for the payload of nan."""
    return np.asarray((np.isnan(got) & np.isnan(want)) | ((got == want) & (np.signbit(got) == np.signbit(want))))


def of_sizes(reference: Any) -> Any:
    """The reference on absolute values, of the finite ones: what rounding errors of its sums and products are relative to."""

    def scale(*xs: np.ndarray, **params: Any) -> np.ndarray:
        if xs[0].dtype.kind not in "fc":
            return np.zeros(())
        return np.asarray(reference(*(np.abs(np.where(np.isfinite(x), x, 0)).astype(np.float64) for x in xs), **params))

    return scale


def draw_case(data: Any, row: Row, dtype: np.dtype) -> tuple[Case, np.random.Generator]:
    """A case of a row and a generator for its values."""
    return data.draw(row.cases(dtype)), np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))


def oracle(row: Row, args: Sequence[np.ndarray], params: dict[str, Any]) -> np.ndarray:
    """The reference's value, from wider operands where rounding is allowed for."""
    assert row.reference is not None
    operands = [widened(x) for x in args] if row.eager_ulps else args
    with np.errstate(all="ignore"):
        return np.asarray(row.reference(*operands, **params))
