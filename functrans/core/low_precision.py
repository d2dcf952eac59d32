"""The dtypes of 16 bits and less that NumPy does not have: bfloat16, floats of 8, 6 and 4 bits, integers of 4, 2 and 1.

They are those of the package ``ml_dtypes``, which is optional: without it the tables here are empty. This module states what
each format is, as numbers; whoever computes with one reads them here, so that there is one encoder and one decoder.

A float of the table has a sign (unless `specials` is "exponent"), `exponent` and `mantissa` bits; a code with exponent field E and
mantissa field M means ``(1 + M / 2**mantissa) * 2**(E - bias)``, or ``M / 2**mantissa * 2**(1 - bias)`` where E is 0. The codes
that are no numbers are told by `specials`:

============ ==================================================================================================================
"ieee"       the largest E: infinity where M is 0, otherwise nan
"fn"         nan is the code of all ones (after the sign), infinities there are none: what is too large becomes nan
"fnuz"       nan is the code of minus zero, which there is not; infinities there are none: what is too large becomes nan
"finite"     neither: what is too large becomes the largest number, nan becomes minus zero
"exponent"   no sign, no mantissa, no zero: every code is a power of two, but for all ones, which is nan; numbers too large become the
             largest, zero and negative ones nan; halfway between two is the larger one
============ ==================================================================================================================

An integer takes a byte, whose upper bits are ignored when it is read.

References: the IEEE working group report on 8-bit formats (P3109); P. Micikevicius et al., "FP8 formats for deep learning", 2022; the OCP
microscaling formats (MX) specification 1.0, 2023.

>>> sorted({n.bits for n in FORMATS.values()})
[1, 2, 4, 6, 8, 16]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.core.source import describe, user_source

try:
    import ml_dtypes as _package
except ImportError:  # pragma: no cover - the extra is installed wherever the tests run
    _found: dict[str, Any] = {}
else:
    _found = vars(_package)

__all__ = [
    "DTYPES", "EXTRA", "FORMATS", "KIND_OF_TYPE", "Format", "ends_of", "finfo", "how_to_install", "iinfo", "is_missing",
    "low_precision_format", "working_dtype",
]

EXTRA = "lowprecision"
"""The optional extra of the package that brings ml_dtypes."""


@dataclass(frozen=True, slots=True)
class Format:
    """What a dtype is: its name, how avals print it, its kind ("f", "i", "u") and width; of floats the fields and special codes too."""

    name: str
    short: str
    kind: str
    bits: int
    exponent: int = 0
    mantissa: int = 0
    bias: int = 0
    specials: str = ""

    @property
    def bytes(self) -> int:
        """The size of an element in memory."""
        return max(self.bits // 8, 1)

    @property
    def least_exponent(self) -> int:
        """The exponent of the least normal number."""
        return -self.bias if self.specials == "exponent" else 1 - self.bias

    @property
    def largest(self) -> float:
        """The largest finite float."""
        top = (1 << self.exponent) - 1
        match self.specials:
            case "ieee":
                code = (top << self.mantissa) - 1
            case "fn" | "exponent":
                code = (top << self.mantissa | (1 << self.mantissa) - 1) - 1
            case _:
                code = top << self.mantissa | (1 << self.mantissa) - 1
        field, fraction = code >> self.mantissa, code & (1 << self.mantissa) - 1
        return (1 + fraction / (1 << self.mantissa)) * 2.0 ** (field - self.bias)


    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value: infinities where there are any."""
        if self.kind == "f":
            top = math.inf if self.specials == "ieee" else self.largest
            return 2.0**self.least_exponent if self.specials == "exponent" else -top, top
        half = 1 << (self.bits - 1)
        return (0, 2 * half - 1) if self.kind == "u" else (-half, half - 1)


def _floats() -> list[Format]:
    rows = [
        ("float4_e2m1fn", 1, "finite"), ("float6_e2m3fn", 1, "finite"), ("float6_e3m2fn", 3, "finite"),
        ("float8_e3m4", 3, "ieee"), ("float8_e4m3", 7, "ieee"), ("float8_e4m3b11fnuz", 11, "fnuz"), ("float8_e4m3fn", 7, "fn"),
        ("float8_e4m3fnuz", 8, "fnuz"), ("float8_e5m2", 15, "ieee"), ("float8_e5m2fnuz", 16, "fnuz"), ("float8_e8m0fnu", 127, "exponent"),
    ]
    made = [Format("bfloat16", "bf16", "f", 16, 8, 7, 127, "ieee")]
    for name, bias, specials in rows:
        width, fields = name.removeprefix("float").split("_")
        made.append(Format(name, f"f{width}_{fields}", "f", int(width), int(fields[1]), int(fields[3]), bias, specials))
    return made


def _integers() -> list[Format]:
    return [Format(f"{'u' * (kind == 'u')}int{n}", f"{kind}{n}", kind, n) for kind in "iu" for n in (1, 2, 4)]


FORMATS: dict[str, Format] = {f.name: f for f in (*_floats(), *_integers())}
"""Every format by the name of its dtype, whether there is such a dtype or not."""

DTYPES: dict[str, np.dtype] = {n: np.dtype(_found[n]) for n in FORMATS if n in _found}
"""The dtypes there are, by name: all of them with ml_dtypes, none without."""

KIND_OF_TYPE: dict[type, str] = {dtype.type: FORMATS[n].kind for n, dtype in DTYPES.items()}
"""The kind of each of these dtypes, by its scalar type: NumPy itself calls nearly all of them void ("V")."""

_BY_DTYPE: dict[np.dtype, Format] = {dtype: FORMATS[n] for n, dtype in DTYPES.items()}


def low_precision_format(dtype: np.dtype) -> Format | None:
    """The format of a dtype of this module, None for NumPy's own.

    >>> low_precision_format(np.dtype("float32")) is None
    True
    """
    return _BY_DTYPE.get(dtype)


def is_missing(name: str) -> bool:
    """Whether a dtype of this name is one that ml_dtypes would bring, and is not there."""
    return name in FORMATS and name not in DTYPES


def how_to_install(what: str) -> str:
    """The message about something that is missing because ml_dtypes is."""
    return (f"{what} needs the package ml_dtypes (0.6 or later), which is not installed, at {describe(user_source())}. Install it with: "
            f"pip install 'functrans[{EXTRA}]'.")


_WORKING: dict[np.dtype, np.dtype] = {np.dtype(np.float16): np.dtype(np.float32)} | {
    dtype: np.dtype({"f": np.float32, "i": np.int8, "u": np.uint8}[form.kind]) for dtype, form in _BY_DTYPE.items()}


def working_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype in which operations on `dtype` are computed, before each result is rounded to it once.

    float32 for half precision and what is narrower, bytes for narrower integers; any other is its own.

    >>> working_dtype(np.dtype("float16")), working_dtype(np.dtype("float64"))
    (dtype('float32'), dtype('float64'))
    """
    return _WORKING.get(dtype, dtype)


def ends_of(dtype: np.dtype) -> tuple[Any, Any]:
    """The least and the greatest value of a real dtype: infinities where there are any. They are the identities of max and min.

    >>> ends_of(np.dtype("int8")), ends_of(np.dtype("float32"))
    ((np.int8(-128), np.int8(127)), (np.float32(-inf), np.float32(inf)))
    """
    form = _BY_DTYPE.get(dtype)
    if form is not None:
        least, greatest = form.ends
    elif dtype.kind == "b":
        least, greatest = False, True
    elif dtype.kind == "f":
        least, greatest = -math.inf, math.inf
    else:
        least, greatest = np.iinfo(dtype).min, np.iinfo(dtype).max
    return dtype.type(least), dtype.type(greatest)


def finfo(dtype: np.dtype) -> Any:
    """What `numpy.finfo` tells, for floating and complex dtypes of ours and NumPy's.

    >>> float(finfo(np.dtype("float32")).eps) == 2.0**-23
    True
    """
    return _found["finfo"](dtype) if dtype in _BY_DTYPE else np.finfo(dtype)


def iinfo(dtype: np.dtype) -> Any:
    """What `numpy.iinfo` tells, for integer dtypes of ours and NumPy's.

    >>> iinfo(np.dtype("int8")).max
    127
    """
    return _found["iinfo"](dtype) if dtype in _BY_DTYPE else np.iinfo(dtype)
