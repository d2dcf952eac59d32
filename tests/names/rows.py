"""The form of a row of the table of public names, and what it is made of.

A row says how a public function is called: `operands` draw its arrays, and ``call(f, *arrays)`` calls it. The same call of `reference`
gives the values that are right, so that axes and options are written once.

    Name("numpy.sum", (R(3, 4),), lambda f, x: f(x, axis=1), dtypes=ANY)

is tested, for each dtype, against ``numpy.sum(x, axis=1)``; compiled; mapped; and differentiated forward and backward. What does not
hold of a function stands in the row as a reason, and is shown in the page of names; a test demands that it is refused indeed.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.signal
import scipy.special

import functrans

__all__ = [
    "ANY", "COMPLEX", "FLOAT", "INTEGER", "NUMBER", "REAL", "Name", "Operand", "R", "Z", "definite", "distinct", "each", "fixed",
    "invertible", "resolve",
]

FLOAT = ("float32", "float64")
REAL = ("int32", *FLOAT)
COMPLEX = (*FLOAT, "complex128")
NUMBER = ("int32", *COMPLEX)
ANY = ("bool", *NUMBER)
INTEGER = ("int32", "uint8")

REFERENCES = {
    "numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft, "scipy.linalg": scipy.linalg, "scipy.fft": scipy.fft,
    "scipy.special": scipy.special, "scipy.signal": scipy.signal,
}
"""Whose function of the same name gives the values, by namespace."""


def _plain(f: Callable[..., Any], *args: Any) -> Any:
    return f(*args)


@dataclass(frozen=True, slots=True)
class Operand:
    """An array drawn at random, of a shape and dtype (the row's, unless given), from an interval; or what `make` makes."""

    shape: tuple[int, ...] = ()
    low: float = -2.0
    high: float = 2.0
    dtype: str | None = None
    make: Callable[[np.random.Generator, np.dtype], Any] | None = None

    def draw(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        kind = np.dtype(self.dtype or dtype)
        if self.make is not None:
            return np.asarray(self.make(rng, kind))
        match kind.kind:
            case "b":
                return rng.integers(0, 2, self.shape).astype(kind)
            case "u":
                return rng.integers(max(0, int(self.low)), int(self.high) + 1, self.shape).astype(kind)
            case "i":
                return rng.integers(int(np.ceil(self.low)), int(np.floor(self.high)) + 1, self.shape).astype(kind)
            case "c":
                return (rng.uniform(self.low, self.high, self.shape) + 1j * rng.uniform(self.low, self.high, self.shape)).astype(kind)
        return rng.uniform(self.low, self.high, self.shape).astype(kind)


def R(*shape: int, low: float = -2.0, high: float = 2.0, dtype: str | None = None) -> Operand:
    """An array of the row's dtype."""
    return Operand(shape, low, high, dtype)


def Z(*shape: int, low: int = 0, high: int = 3, dtype: str = "int64") -> Operand:
    """An array of integers, from `low` to `high`."""
    return Operand(shape, low, high, dtype)


def fixed(value: Any) -> Operand:
    """The same values in each draw; floating and complex ones in the row's dtype."""
    array = np.asarray(value)
    return Operand(make=lambda rng, dtype: array.astype(dtype) if array.dtype.kind in "fc" and dtype.kind in "fc" else array)


def distinct(*shape: int, gap: float = 0.25) -> Operand:
    """Numbers that are `gap` apart, in random order: a small step does not change which is the greatest."""
    n = int(np.prod(shape))

    def make(rng: np.random.Generator, dtype: np.dtype) -> Any:
        steps = rng.permutation(n) - n // 2
        return (steps if dtype.kind in "iub" else gap * steps + (gap * 0.3j if dtype.kind == "c" else 0.1)).reshape(shape).astype(dtype)

    return Operand(make=make)


def invertible(n: int, *batch: int) -> Operand:
    """Matrices that are far from singular, with distinct eigenvalues and singular values."""

    def make(rng: np.random.Generator, dtype: np.dtype) -> Any:
        a = Operand((*batch, n, n), -0.5, 0.5).draw(rng, dtype.name)
        return (a + np.diag(np.arange(1, n + 1) * 1.5)).astype(dtype)

    return Operand(make=make)


def definite(n: int, *batch: int) -> Operand:
    """Hermitian positive definite matrices with distinct eigenvalues."""

    def make(rng: np.random.Generator, dtype: np.dtype) -> Any:
        a = Operand((*batch, n, n), -0.4, 0.4).draw(rng, dtype.name)
        return (a @ np.conj(np.swapaxes(a, -1, -2)) + np.diag(np.arange(1, n + 1))).astype(dtype)

    return Operand(make=make)


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """One public function and how it is tested."""

    path: str
    """Below `functrans`: ``numpy.sin``. Of ``Array``, a method."""
    operands: tuple[Operand, ...] = ()
    call: Callable[..., Any] = _plain
    """``call(f, *arrays)``, for the function and for its reference."""
    reference: Callable[..., Any] | str | None = None
    """The function that gives the right values (NumPy's or SciPy's of the same name, by default); or the file of tests that compare
    them, where they are numbers drawn or results that are determined up to signs or order."""
    dtypes: tuple[str, ...] = FLOAT
    when: str = ""
    """An argument without which less holds: such a function has a row with and a row without it."""
    forward: str = ""
    """Why it has no derivative in forward mode; empty if it has."""
    reverse: str = ""
    held: dict[int, str] = field(default_factory=dict)
    """Operands by which there is no derivative, by place, and their names, where there is one by others."""
    batch: str = ""
    native: str = ""
    """Why it cannot be compiled without calls of Python."""
    tol: float = 1e-12
    """For numbers of 64 bits; those of 32 have the square root of it, a little more."""
    slope_tol: float | None = None
    """For derivatives against finite differences, where these are rough."""
    slopes: str = ""
    """The file of tests of derivatives, of random numbers that move along their distribution as parameters do: no finite differences."""
    loops: bool = False
    """Whether Python would be slow at its loops, so that it runs compiled in all tests."""
    widens: bool = False
    """Whether results of 32-bit operands have 64 bits."""

    def __str__(self) -> str:
        return f"{self.path}({self.when})" if self.when else self.path

    @property
    def namespace(self) -> str:
        return self.path.rpartition(".")[0]

    def fun(self, *args: Any) -> Any:
        """The function of arrays alone."""
        return self.call(resolve(self.path), *args)

    def expected(self, *args: Any) -> Any:
        """What the reference gives; None where there is none."""
        if isinstance(self.reference, str):
            return None
        return self.call(self.reference or self._namesake(), *args)

    def _namesake(self) -> Callable[..., Any]:
        last = self.path.rpartition(".")[2]
        return _member(last, np.asarray) if self.namespace == "Array" else getattr(REFERENCES[self.namespace], last)

    def sample(self, dtype: str, number: int = 0) -> list[np.ndarray]:
        """The arguments of a call, always the same for one number."""
        rng = np.random.default_rng(zlib.crc32(f"{self.path} {self.when} {number}".encode()))
        return [operand.draw(rng, dtype) for operand in self.operands]


def resolve(path: str) -> Any:
    """What stands at a path below `functrans`."""
    *outer, last = path.split(".")
    if outer == ["Array"]:
        return _member(last, functrans.numpy.asarray)
    holder: Any = functrans
    for part in outer:
        holder = getattr(holder, part, None) or importlib.import_module(f"{holder.__name__}.{part}")
    return getattr(holder, last)


def _member(name: str, convert: Callable[[Any], Any]) -> Callable[..., Any]:
    """A method, or a property, of arrays as a function of the array."""

    def member(x: Any, *args: Any, **kwargs: Any) -> Any:
        found = getattr(convert(x), name)
        if name == "at":
            index, operation, value = args
            return getattr(found[index], operation)(value)
        return found(*args, **kwargs) if callable(found) else found

    return member


def each(namespace: str, names: str, *operands: Operand, **options: Any) -> list[Name]:
    """A row for each of the names, alike."""
    return [Name(f"{namespace}.{name}", operands, **options) for name in names.split()]
