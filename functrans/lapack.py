"""Calls of LAPACK and BLAS routines: one description that evaluation, the kernel interpreter and compiled code share.

NumPy brings a LAPACK with it. Its symbols are found by loading NumPy's own extension module once more and trying the
spellings of the known builds; whether its integers have 32 or 64 bits is settled by factorising a 2 x 2 matrix.

A `Call` states the arguments of one routine in Fortran's order: a string is a character, an int an integer, a `Number` a
floating constant, a `Slot` an operand, a `Scratch` workspace. Everything is passed by reference. The call is repeated for
each of a batch of matrices; a slot moves on by its step from one to the next. Matrices are column-major, as Fortran has them:
a row-major matrix is its own transpose to the routine.

Reference: LAPACK Users' Guide, 3rd ed. (https://netlib.org/lapack/lug); the hidden lengths of characters are those of gfortran.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.linalg import _umath_linalg

__all__ = ["FEW", "IWORK", "LIWORK", "LRWORK", "LWORK", "RWORK", "WORK", "Arg", "Call", "Number", "Scratch", "Slot", "address", "call",
           "integer", "letter", "run", "thread_control"]

FEW = 1 << 16
"""Elements up to which a matrix is handled by one thread: OpenBLAS's threads gain little below, and cost a thousand times as much where
another process has the processor."""
_SPELLINGS = ("scipy_{}_64_", "{}_64_", "{}64_", "{}$NEWLAPACK$ILP64", "{}_64", "scipy_{}_", "{}$NEWLAPACK", "{}_", "{}")


class Slot(NamedTuple):
    """Operand number `operand`; `step` elements (complex ones count once) lie between the parts of two matrices."""

    operand: int
    step: int


class Scratch(NamedTuple):
    """Workspace of `size` elements of a dtype."""

    dtype: str
    size: int


class Number(NamedTuple):
    """A floating constant of a dtype."""

    value: float
    dtype: str


class _Queried(NamedTuple):
    """Workspace, or its length, that the routine is asked for."""

    kind: str
    length: bool


WORK, RWORK, IWORK = (_Queried(kind, False) for kind in ("work", "rwork", "iwork"))
LWORK, LRWORK, LIWORK = (_Queried(kind, True) for kind in ("work", "rwork", "iwork"))
"""In a call's arguments: workspace (of the routine's dtype, real, integer) of the size that the routine asks for; and that size."""

Arg = str | int | Number | Slot | Scratch


@dataclass(frozen=True, slots=True)
class Call:
    """A routine, by its name without underscores (``dpotrf``), and its arguments."""

    routine: str
    args: tuple[Arg, ...]

    @property
    def is_short(self) -> bool:
        """Whether the matrices are too small for threads."""
        return max((a.step for a in self.args if isinstance(a, Slot)), default=0) <= FEW

    @property
    def scratch(self) -> tuple[Scratch, ...]:
        return tuple(a for a in self.args if isinstance(a, Scratch))

    def __str__(self) -> str:
        return f"{self.routine}({', '.join(map(str, self.args))})"


# -- the library ------------------------------------------------------------------------------------------------------

def _candidates() -> Iterator[ctypes.CDLL]:
    """NumPy's extension module, through which its dependencies are searched, then the libraries that wheels carry."""
    extension = Path(_umath_linalg.__file__)
    yield ctypes.CDLL(str(extension))
    package = extension.parents[1]
    for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            if "blas" in path.name or "lapack" in path.name or "mkl" in path.name:
                yield ctypes.CDLL(str(path))


@cache
def _library() -> tuple[ctypes.CDLL, str, np.dtype]:
    """The library, how it spells names, and its integers.

    Raises:
        RuntimeError: where NumPy was built without a LAPACK whose symbols can be seen.
    """
    for library in _candidates():
        for spelling in _SPELLINGS:
            getrf = getattr(library, spelling.format("dgetrf"), None)
            if getrf is not None and hasattr(library, spelling.format("zgesdd")):
                return library, spelling, _integer_of(getrf)
    raise RuntimeError(f"no LAPACK was found behind NumPy ({_umath_linalg.__file__}): matrix decompositions need one. Install NumPy "
                       "from a wheel or from conda, which link OpenBLAS, MKL or Accelerate.")


def _integer_of(getrf: Any) -> np.dtype:
    """The integers of a library: its pivots of a 2 x 2 matrix, (2, 2), as they are laid out."""
    a = np.array([0.0, 1.0, 1.0, 0.0])
    two, info, pivots = np.array([2]), np.array([-1]), np.full(2, -1)
    getrf(*(ctypes.c_void_p(x.ctypes.data) for x in (two, two, a, two, pivots, info)))
    return np.dtype(np.int64 if pivots.tolist() == [2, 2] else np.int32)


def integer() -> np.dtype:
    """The dtype of the library's integers."""
    return _library()[2]


@cache
def _function(routine: str) -> Any:
    library, spelling, _ = _library()
    spellings = ("scipy_{}64_", "{}64_", "scipy_{}", "{}") if routine in _THREADS else (spelling,)
    found = next((f for s in spellings if (f := getattr(library, s.format(routine), None)) is not None), None)
    if found is None:
        raise RuntimeError(f"the LAPACK behind NumPy ({library._name}) has no routine {routine}.")
    found.restype = ctypes.c_int if routine == _THREADS[0] else None
    return found


_THREADS = ("openblas_get_num_threads", "openblas_set_num_threads")


@cache
def thread_control() -> tuple[str, ...]:
    """The functions that get and set the number of threads of the library; none where it is not OpenBLAS."""
    try:
        return tuple(name for name in _THREADS if address(name))
    except RuntimeError:
        return ()


def address(routine: str) -> int:
    """Where a routine is, to be bound into compiled code.

    Raises:
        RuntimeError: if there is no such routine.
    """
    value = ctypes.cast(_function(routine), ctypes.c_void_p).value
    assert value is not None
    return value


# -- calls ------------------------------------------------------------------------------------------------------------

def letter(dtype: np.dtype) -> str:
    """What the names of routines for a dtype start with.

    >>> letter(np.dtype("complex128"))
    'z'
    """
    return {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}[dtype.name]


@cache
def call(routine: str, dtype: np.dtype, *args: Any) -> Call:
    """The call of a routine (without its letter) for a dtype, its workspace sized by asking the routine.

    >>> call("potrf", np.dtype("float64"), "L", 3, Slot(0, 9), 3, Slot(1, 1)).routine
    'dpotrf'
    """
    name = letter(dtype) + routine
    kinds = {"work": dtype, "rwork": np.empty(0, dtype).real.dtype, "iwork": integer()}
    if not any(isinstance(a, _Queried) for a in args):
        return Call(name, args)
    answers = {kind: np.zeros(1, d) for kind, d in kinds.items()}
    asked = [-1 if isinstance(a, _Queried) and a.length else a for a in args]
    pointers = []
    for a in asked:
        # No operand is touched by a query; each gets a little room all the same.
        array = answers[a.kind] if isinstance(a, _Queried) else np.zeros(16, np.complex128) if isinstance(a, (Slot, Scratch)) else None
        pointers.append(_constant(a) if array is None else array)
    _function(name)(*(ctypes.c_void_p(p.ctypes.data) for p in pointers), *_lengths(asked))
    # float32 answers of many digits were rounded, perhaps down
    sizes = {kind: max(1, (n := int(a[0].real)) + n // 2**22) for kind, a in answers.items()}
    return Call(name, tuple(
        a if not isinstance(a, _Queried) else sizes[a.kind] if a.length else Scratch(kinds[a.kind].name, sizes[a.kind]) for a in args))


def _constant(a: Any) -> np.ndarray:
    """An argument that is no array, in memory."""
    if isinstance(a, str):
        return np.frombuffer(bytearray(a.encode()), np.uint8)
    if isinstance(a, Number):
        return np.array([a.value], a.dtype)
    return np.array([a], integer())


def _lengths(args: Sequence[Any]) -> list[ctypes.c_size_t]:
    """The hidden lengths of characters, after all arguments."""
    return [ctypes.c_size_t(1) for a in args if isinstance(a, str)]


def run(made: Call, batch: int, operands: Sequence[np.ndarray]) -> None:
    """Call a routine on `batch` matrices. `operands` are contiguous arrays, changed in place as the routine does."""
    function = _function(made.routine)
    kept: list[np.ndarray] = []
    moving: list[tuple[int, int, int]] = []
    pointers: list[Any] = []
    for at, a in enumerate(made.args):
        if isinstance(a, Slot):
            x = operands[a.operand]
            assert x.flags.c_contiguous
            if a.step:
                moving.append((at, x.ctypes.data, a.step * x.itemsize))
        else:
            x = np.empty(a.size, a.dtype) if isinstance(a, Scratch) else _constant(a)
        kept.append(x)
        pointers.append(ctypes.c_void_p(x.ctypes.data))
    pointers += _lengths(made.args)
    threads = thread_control() if made.is_short else ()
    before = _function(threads[0])() if threads else 0
    if threads:
        _function(threads[1])(1)
    for i in range(batch):
        for at, start, step in moving:
            pointers[at] = ctypes.c_void_p(start + i * step)
        function(*pointers)
    if threads:
        _function(threads[1])(before)
