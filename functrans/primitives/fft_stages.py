"""The discrete Fourier transform as kernels: what the compiler makes of `fft`.

Stockham's self-sorting algorithm. A transform of length ``n = r m`` is one pass that does m transforms of length r and multiplies
by twiddle factors, followed by transforms of length m; data are seen as an array ``(batch, r, m, s)``, in which the ``s``
transforms that earlier passes have split off lie innermost, and a pass writes ``(batch, m, r, s)``, so that no reordering is left at
the end and the innermost axis is contiguous and grows. Passes have radix 8, 4, 2 or an odd prime up to 13; a length with a larger
prime factor is a convolution by a chirp (Bluestein), done by transforms of the cheapest length that is long enough. Real and imaginary
parts are separate arrays between the passes; the first pass reads and the last one writes them side by side. All passes run on a few
transforms at a time, so that what lies between them stays in cache. Twiddle factors are computed in the precision of the data's dtype,
correctly rounded but for a unit in the last place, from an angle reduced to the first octant.

A real transform of even length is a complex one of half the length with one more pass.

References: Van Loan, *Computational Frameworks for the Fast Fourier Transform* (1992), sections 1.7 and 4.2.3; Bluestein, "A linear
filtering approach to the computation of discrete Fourier transform" (1970).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

__all__ = ["complex_transform", "from_half_spectrum", "half_spectrum"]

_LARGEST = 13
"""The largest prime with a butterfly of its own."""

Pair = tuple[Any, Any]
"""The real and the imaginary part of a value, as expressions."""


# -- tables -----------------------------------------------------------------------------------------------------------------

def _roots(numerators: np.ndarray, n: int) -> np.ndarray:
    """``exp(-2 pi i k / n)`` for integers k, by symmetry from angles of at most an eighth of a turn."""
    k = np.asarray(numerators, np.int64) % n
    octant, rest = np.divmod(8 * k, n)
    odd = octant % 2 == 1
    angle = 2 * np.pi * (np.where(odd, n - rest, rest) / (8 * n))
    c, s = np.cos(angle), np.sin(angle)
    c, s = np.where(odd, s, c), np.where(odd, c, s)  # within the quarter turn
    quarter = octant // 2
    re = np.choose(quarter, [c, -s, -c, s])
    im = np.choose(quarter, [-s, -c, s, c])
    return re + 1j * im


@cache
def _twiddles(r: int, m: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """``exp(-2 pi i k p / (r m))`` as arrays (r, m)."""
    w = _roots(np.outer(np.arange(r), np.arange(m)), r * m)
    return np.ascontiguousarray(w.real.astype(dtype)), np.ascontiguousarray(w.imag.astype(dtype))


@cache
def _chirp(n: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """``exp(-pi i j^2 / n)``."""
    j = np.arange(n, dtype=object)
    w = _roots(np.array([int(v) * int(v) % (2 * n) for v in j]), 2 * n)
    return np.ascontiguousarray(w.real.astype(dtype)), np.ascontiguousarray(w.imag.astype(dtype))


@cache
def _chirp_spectrum(n: int, size: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """The transform of the chirp's conjugate, wrapped around to `size` elements, divided by `size`."""
    re, im = _chirp(n, "float64")
    kernel = np.zeros(size, np.complex128)
    kernel[:n] = re - 1j * im
    kernel[size - n + 1:] = kernel[1:n][::-1]
    spectrum = np.fft.fft(kernel) / size
    return np.ascontiguousarray(spectrum.real.astype(dtype)), np.ascontiguousarray(spectrum.imag.astype(dtype))


# -- arithmetic of pairs ------------------------------------------------------------------------------------------------------

class _Pairs:
    """Complex arithmetic on pairs of expressions of one float dtype."""

    def __init__(self, b: Any, dtype: np.dtype) -> None:
        self.b = b
        self.dtype = dtype

    def add(self, x: Pair, y: Pair) -> Pair:
        return self.b.op("add", x[0], y[0]), self.b.op("add", x[1], y[1])

    def sub(self, x: Pair, y: Pair) -> Pair:
        return self.b.op("sub", x[0], y[0]), self.b.op("sub", x[1], y[1])

    def minus_i(self, x: Pair) -> Pair:
        """x times -i."""
        return x[1], self.b.op("neg", x[0])

    def scale(self, x: Pair, factor: float) -> Pair:
        c = self.b.const(factor, self.dtype)
        return self.b.op("mul", x[0], c), self.b.op("mul", x[1], c)

    def mul(self, x: Pair, w: Pair) -> Pair:
        op = self.b.op
        return (op("sub", op("mul", x[0], w[0]), op("mul", x[1], w[1])),
                op("add", op("mul", x[0], w[1]), op("mul", x[1], w[0])))

    def view(self, x: Pair, shape: tuple[int, ...]) -> Pair:
        return self.b.reshape(x[0], shape), self.b.reshape(x[1], shape)

    def stored(self, x: Pair) -> Pair:
        return self.b.stored(x[0]), self.b.stored(x[1])

    def slice(self, x: Pair, axis: int, start: int, stop: int) -> Pair:
        shape = x[0].shape
        starts = [start if a == axis else 0 for a in range(len(shape))]
        stops = [stop if a == axis else n for a, n in enumerate(shape)]
        return tuple(self.b.slice(part, starts, stops, [1] * len(shape)) for part in x)

    def table(self, values: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...], dims: tuple[int, ...]) -> Pair:
        """Constants along the axes `dims` of `shape`."""
        return tuple(self.b.broadcast(self.b.constant(v), shape, dims) for v in values)

    def reversed_from_one(self, x: Pair) -> Pair:
        """Along axis 1 of length m + 1: element k is x[m - k]."""
        return self.b.reverse(x[0], (1,)), self.b.reverse(x[1], (1,))


# -- butterflies ----------------------------------------------------------------------------------------------------------------

def _butterfly(c: _Pairs, xs: list[Pair]) -> list[Pair]:
    """The transform of the r values `xs`."""
    match len(xs):
        case 1:
            return xs
        case 2:
            return [c.add(*xs), c.sub(*xs)]
        case 4:
            a, b = c.add(xs[0], xs[2]), c.add(xs[1], xs[3])
            d, e = c.sub(xs[0], xs[2]), c.minus_i(c.sub(xs[1], xs[3]))
            return [c.add(a, b), c.add(d, e), c.sub(a, b), c.sub(d, e)]
        case 8:
            even, odd = _butterfly(c, xs[::2]), _butterfly(c, xs[1::2])
            half = np.sqrt(0.5)
            turned = [odd[0], _eighth(c, odd[1], half), c.minus_i(odd[2]), c.minus_i(_eighth(c, odd[3], half))]
            return [c.add(x, y) for x, y in zip(even, turned, strict=True)] + [c.sub(x, y) for x, y in zip(even, turned, strict=True)]
    return _odd_butterfly(c, xs)


def _eighth(c: _Pairs, x: Pair, half: float) -> Pair:
    """x times ``exp(-pi i / 4)``."""
    return c.scale((c.b.op("add", x[0], x[1]), c.b.op("sub", x[1], x[0])), half)


def _odd_butterfly(c: _Pairs, xs: list[Pair]) -> list[Pair]:
    """An odd length, by the symmetry of cosines and sines."""
    r = len(xs)
    w = _roots(np.arange(r), r)
    sums = [c.add(xs[j], xs[r - j]) for j in range(1, (r + 1) // 2)]
    differences = [c.minus_i(c.sub(xs[j], xs[r - j])) for j in range(1, (r + 1) // 2)]
    out: list[Any] = [None] * r
    out[0] = xs[0]
    for s in sums:
        out[0] = c.add(out[0], s)
    for k in range(1, (r + 1) // 2):
        even, odd = xs[0], None
        for j, (s, d) in enumerate(zip(sums, differences, strict=True), 1):
            root = w[j * k % r]
            even = c.add(even, c.scale(s, float(root.real)))
            term = c.scale(d, float(-root.imag))
            odd = term if odd is None else c.add(odd, term)
        assert odd is not None
        out[k], out[r - k] = c.add(even, odd), c.sub(even, odd)
    return out


# -- transforms -----------------------------------------------------------------------------------------------------------------

@cache
def _radices(n: int) -> tuple[int, ...] | None:
    """The radices of the passes, or None where a prime is too large."""
    found = []
    for r in (8, 4, 2, 3, 5, 7, 11, _LARGEST):
        while n % r == 0:
            found.append(r)
            n //= r
    return tuple(found) if n == 1 else None


def _forward(c: _Pairs, x: Pair, outer: int, n: int, inner: int, last: Callable[[Pair], Pair] = lambda p: p) -> Any:
    """The transform along the middle axis of ``(outer, n, inner)``, as one complex value; `last` changes the parts of its elements."""
    radices = _radices(n)
    if radices is None:
        return _bluestein(c, x, outer, n, inner, last)
    if n == 1:
        return c.b.complex(*last(x))
    m, s = n, inner
    for r in radices:
        m //= r
        x = c.view(x, (outer, r, m, s))
        parts = [c.view(c.slice(x, 1, k, k + 1), (outer, m, s)) for k in range(r)]
        parts = _butterfly(c, parts)
        if m > 1:
            w = _twiddles(r, m, c.dtype.name)
            parts = [parts[0], *(c.mul(p, c.table((w[0][k], w[1][k]), (outer, m, s), (1,))) for k, p in enumerate(parts[1:], 1))]
            re, im = c.b.stack([[p[0] for p in parts], [p[1] for p in parts]], 2)
            x, s = (re, im), s * r
    (joined,) = c.b.stack([[c.b.complex(*last(p)) for p in parts]], 2)
    return c.b.reshape(joined, (outer, n, inner))


@cache
def _convolution_size(n: int) -> int:
    """A length of at least ``2 n - 1`` whose transforms are cheap."""
    least = 2 * n - 1
    found = []
    for odd in (1, 3, 5, 9, 15):
        size = odd << max(0, (-(-least // odd) - 1).bit_length())
        radices = _radices(size)
        assert radices is not None
        found.append((size * sum(_PASS[r] for r in radices), size))
    return min(found)[1]


_PASS = {8: 1.0, 4: 0.8, 2: 0.7, 3: 0.9, 5: 1.1}
"""What a pass costs for each element, about."""


def _bluestein(c: _Pairs, x: Pair, outer: int, n: int, inner: int, last: Callable[[Pair], Pair]) -> Any:
    size = _convolution_size(n)
    shape = (outer, n, inner)
    chirp = c.table(_chirp(n, c.dtype.name), shape, (1,))
    a = c.mul(x, chirp)
    zero = c.b.const(0, c.dtype)
    config = [(0, 0, 0), (0, size - n, 0), (0, 0, 0)]
    a = c.b.pad(a[0], zero, config), c.b.pad(a[1], zero, config)
    spectrum = _forward(c, a, outer, size, inner)
    product = c.mul((spectrum.re, spectrum.im), c.table(_chirp_spectrum(n, size, c.dtype.name), (outer, size, inner), (1,)))
    back = _inverse(c, product, outer, size, inner)
    return c.b.complex(*last(c.mul(c.slice((back.re, back.im), 1, 0, n), chirp)))


def _inverse(c: _Pairs, x: Pair, outer: int, n: int, inner: int, factor: float = 1.0) -> Any:
    """The inverse with another factor: real and imaginary parts change places, before and after."""

    def last(p: Pair) -> Pair:
        re, im = p if factor == 1.0 else c.scale(p, factor)
        return im, re

    return _forward(c, (x[1], x[0]), outer, n, inner, last)


def _split(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1:])


CACHE = 1 << 15
"""Bytes of a block."""


def _by_blocks(b: Any, x: Any, body: Callable[[Any], Any]) -> Any:
    """`body` of as many rows of `x` at a time as stay in cache through all passes."""
    outer, size = x.shape[0], prod(x.shape[1:]) * x.dtype.itemsize
    most = max(1, min(outer, CACHE // max(size, 1)))
    return b.blocks(x, next(k for k in range(most, 0, -1) if outer % k == 0), body) if outer else body(x)


def complex_transform(b: Any, x: Any, axes: tuple[int, ...], inverse: bool) -> Any:
    """The transform of a complex expression along `axes`, the inverse with its factor."""
    c = _Pairs(b, x.re.dtype)
    shape = x.shape
    for axis in reversed(axes):
        outer, n, inner = _split(shape, axis)

        def transformed(rows: Any, n: int = n, inner: int = inner) -> Any:
            parts = rows.re, rows.im
            if inverse:
                return _inverse(c, parts, rows.shape[0], n, inner, 1 / max(n, 1))
            return _forward(c, parts, rows.shape[0], n, inner)

        x = _by_blocks(b, b.reshape(b.stored(x), (outer, n, inner)), transformed)
        x = b.reshape(x, shape)
    return x


def half_spectrum(b: Any, x: Any) -> Any:
    """The first ``n // 2 + 1`` elements of the transform of a real expression along its last axis."""
    *lead, n = x.shape
    rows = b.reshape(b.stored(x), (prod(lead), n))
    return b.reshape(_by_blocks(b, rows, lambda part: _half_spectrum(b, part)), (*lead, n // 2 + 1))


def _half_spectrum(b: Any, x: Any) -> Any:
    c = _Pairs(b, x.dtype)
    outer, n = x.shape
    m = n // 2
    if n % 2:
        zero = b.broadcast(b.const(0, x.dtype), (outer, n, 1), ())
        full = _forward(c, (b.reshape(x, (outer, n, 1)), zero), outer, n, 1)
        return b.reshape(b.slice(b.stored(full), [0, 0, 0], [outer, m + 1, 1], [1, 1, 1]), (outer, m + 1))
    pairs = b.reshape(x, (outer, m, 2))
    even, odd = (b.reshape(b.slice(pairs, [0, 0, k], [outer, m, k + 1], [1, 1, 1]), (outer, m, 1)) for k in (0, 1))
    spectrum = b.stored(_forward(c, (even, odd), outer, m, 1))
    z = tuple(b.concatenate([part, b.slice(part, [0, 0, 0], [outer, 1, 1], [1, 1, 1])], 1) for part in (spectrum.re, spectrum.im))
    back = c.reversed_from_one(z)
    # With e and o the spectra of the even and odd elements: z = e + i o, and the conjugate of z reversed is e - i o.
    e = c.scale((b.op("add", z[0], back[0]), b.op("sub", z[1], back[1])), 0.5)
    o = c.scale((b.op("add", z[1], back[1]), b.op("sub", back[0], z[0])), 0.5)
    w = _roots(np.arange(m + 1), n)
    parts = c.add(e, c.mul(o, c.table(_rounded(w, x.dtype), (outer, m + 1, 1), (1,))))
    return b.reshape(b.complex(*parts), (outer, m + 1))


def from_half_spectrum(b: Any, x: Any, n: int) -> Any:
    """The real inverse transform of length `n` along the last axis of a half spectrum, with its factor."""
    *lead, k = x.shape
    rows = b.reshape(b.stored(x), (prod(lead), k))
    return b.reshape(_by_blocks(b, rows, lambda part: _from_half_spectrum(b, part, n)), (*lead, n))


def _from_half_spectrum(b: Any, x: Any, n: int) -> Any:
    c = _Pairs(b, x.re.dtype)
    outer, k = x.shape
    m = n // 2
    parts = c.view((x.re, x.im), (outer, k, 1))
    if n % 2 or n == 0:
        tail = c.reversed_from_one(c.slice(parts, 1, 1, k))
        re = b.concatenate([parts[0], tail[0]], 1)
        im = b.concatenate([_without_first(c, parts[1]), b.op("neg", tail[1])], 1)
        full = b.stored(_inverse(c, (re, im), outer, n, 1, 1 / max(n, 1)))
        return b.reshape(full.re, (outer, n))
    parts = c.stored((parts[0], _without_ends(c, parts[1], m)))
    back = c.reversed_from_one(parts)
    e = (b.op("add", parts[0], back[0]), b.op("sub", parts[1], back[1]))
    difference = (b.op("sub", parts[0], back[0]), b.op("add", parts[1], back[1]))
    w = _roots(-np.arange(m + 1), n)
    o = c.mul(difference, c.table(_rounded(w, c.dtype), (outer, m + 1, 1), (1,)))
    z = (b.op("sub", e[0], o[1]), b.op("add", e[1], o[0]))
    z = c.stored(c.slice(z, 1, 0, m))
    joined = b.stored(_inverse(c, z, outer, m, 1, 1 / n))
    (out,) = b.stack([[b.reshape(joined.re, (outer, m)), b.reshape(joined.im, (outer, m))]], 2)
    return b.reshape(out, (outer, n))


def _rounded(w: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(w.real.astype(dtype)), np.ascontiguousarray(w.imag.astype(dtype))


def _without_first(c: _Pairs, im: Any) -> Any:
    """Imaginary parts with that of frequency 0, which a real signal does not have, set to 0."""
    return _masked(c, im, 1, im.shape[1])


def _without_ends(c: _Pairs, im: Any, m: int) -> Any:
    """The same, and without that of the highest frequency."""
    return _masked(c, im, 1, m)


def _masked(c: _Pairs, im: Any, start: int, stop: int) -> Any:
    k = c.b.iota(np.dtype("int64"), im.shape, 1)
    inside = c.b.op("and", c.b.op("ge", k, c.b.const(start, "int64")), c.b.op("lt", k, c.b.const(stop, "int64")))
    return c.b.op("select", inside, im, c.b.broadcast(c.b.const(0, c.dtype), im.shape, ()))
