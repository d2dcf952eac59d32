"""Universal functions: elementwise functions with the methods reduce, accumulate, outer, at and reduceat.

``functrans.numpy.add`` and the other binary functions have these methods, and `frompyfunc` gives them to any function of numbers.
Where there is a reduction or a running operation of the kind it is used; otherwise the elements are combined one after another by
`scan`, in NumPy's order, whether the function is associative or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans.numpy
from functrans.arguments import integer
from functrans.calls.scan_api import scan
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.indexing import IndexUpdateHelper, getitem
from functrans.numpy.joining import concatenate
from functrans.numpy.manipulation import broadcast_to, expand_dims, ravel
from functrans.numpy.util import asarray_internal, check_arraylike, check_no_out, requested_dtype
from functrans.primitives.cumulative import cummax, cummin
from functrans.primitives.structural import convert_element_type, move_axis, reshape
from functrans.transforms.vectorize import vectorize
from functrans.util import canonicalize_axis

__all__ = ["frompyfunc", "ufunc"]

_BUILTIN: dict[str, Any] = {
    "add": 0, "multiply": 1, "logical_and": True, "logical_or": False, "logical_xor": False, "bitwise_and": -1, "bitwise_or": 0,
    "bitwise_xor": 0, "logaddexp": -np.inf, "logaddexp2": -np.inf, "hypot": 0, "gcd": 0, "maximum": None, "minimum": None, "fmax": None,
    "fmin": None, "subtract": None, "divide": None, "true_divide": None, "power": None, "arctan2": None, "floor_divide": None,
    "remainder": None, "mod": None, "left_shift": None, "right_shift": None, "lcm": None,
}
"""The binary functions that get the methods, and their identities."""
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any"}
_UPDATES = {"add": "add", "subtract": "subtract", "multiply": "multiply", "maximum": "max", "minimum": "min"}


class ufunc:
    """An elementwise function of `nin` arguments with `nout` results; see `frompyfunc`, which makes one.

    >>> total = frompyfunc(lambda x, y: x + y, 2, 1, identity=0)
    >>> total(np.arange(3), 1)
    Array([1, 2, 3], dtype=int64)
    >>> total.reduce(np.arange(4))
    Array(6, dtype=int64)
    """

    def __init__(self, func: Callable[..., Any], /, nin: int, nout: int, *, name: str | None = None, identity: Any = None,
                 call: Callable[..., Any] | None = None) -> None:
        self.nin, self.nout = integer(nin, "nin"), integer(nout, "nout")
        self.nargs = self.nin + self.nout
        self.identity = identity
        self.__name__: str = name or str(getattr(func, "__name__", "ufunc"))
        self.__doc__ = func.__doc__
        self._call = vectorize(func) if call is None else call
        self._builtin = call is not None

    def __repr__(self) -> str:
        return f"<functrans.numpy.ufunc {self.__name__!r}>"

    def __call__(self, *args: Any, out: None = None, where: None = None) -> Any:
        check_no_out(self.__name__, out)
        if where is not None:
            raise NotImplementedError(f"{self.__name__}: where= is not supported, at {describe(user_source())}. Use functrans.numpy.where.")
        if len(args) != self.nin:
            raise TypeError(f"{self.__name__} takes {self.nin} arguments; got {len(args)}, at {describe(user_source())}.")
        return self._call(*args)

    def _binary(self, method: str, a: Any, axis: int | None) -> tuple[Any, int]:
        """The operand (flattened where `axis` is None) and the axis."""
        if self.nin != 2 or self.nout != 1:
            raise ValueError(f"{self.__name__}.{method} is for functions of two arguments with one result, at {describe(user_source())}.")
        check_arraylike(f"{self.__name__}.{method}", a)
        a = ravel(a) if axis is None else asarray_internal(a)
        return a, canonicalize_axis(0 if axis is None else axis, a.ndim)

    def _folded(self, carry: Any, rows: Any, mask: Any) -> Any:
        """The carry combined with each row in turn (where the mask of the row holds)."""
        def step(c: Any, row: Any) -> Any:
            x, m = row
            new = convert_element_type(self._call(c, x), typeof(c).dtype)
            return (new if m is None else choose_where(m, new, c)), None

        return scan(step, carry, (rows, mask))[0]

    def reduce(self, a: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
               where: Any = None) -> Any:
        """The elements along an axis (all, where it is None) combined, the first with the second, that with the third, and so on.

        Raises:
            ValueError: for an empty axis or `where` without an `initial` value or an identity.
        """
        check_no_out(f"{self.__name__}.reduce", out)
        if self._builtin and self.__name__ in _REDUCTIONS:
            options = {} if dtype is None else {"dtype": dtype}
            if initial is not None:
                options["initial"] = initial
            return getattr(functrans.numpy, _REDUCTIONS[self.__name__])(a, axis=axis, keepdims=keepdims, where=where, **options)
        if isinstance(axis, (tuple, list)):
            axes = sorted(canonicalize_axis(d, typeof(a).ndim) for d in axis)
            for d in reversed(axes):
                a, initial = self.reduce(a, d, dtype, initial=initial, where=where), None
                where = None
            return expand_dims(a, axes) if keepdims else a
        rank = typeof(a).ndim
        x, d = self._binary("reduce", a, axis)
        x = x if dtype is None else convert_element_type(x, requested_dtype(dtype))
        rows = move_axis(x, d, 0)
        n, rest = rows.shape[0], rows.shape[1:]
        start = self.identity if initial is None else initial
        if (n == 0 or where is not None) and start is None:
            raise ValueError(f"zero-size array to reduction operation {self.__name__} which has no identity, or where= without initial=, "
                             f"at {describe(user_source())}.")
        mask = None if where is None else move_axis(broadcast_to(where, x.shape), d, 0)
        if start is not None and (n == 0 or initial is not None or where is not None):
            carry: Any = broadcast_to(convert_element_type(asarray_internal(start), x.dtype), rest)
        else:
            carry, rows = getitem(rows, 0), getitem(rows, slice(1, None))
        out_value = self._folded(convert_element_type(carry, typeof(self._call(carry, carry)).dtype), rows, mask)
        return expand_dims(out_value, tuple(range(rank)) if axis is None else d) if keepdims else out_value

    def accumulate(self, a: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        """The results of combining the first elements along an axis: one, two, three, ... of them."""
        check_no_out(f"{self.__name__}.accumulate", out)
        if axis is None:
            raise ValueError(f"{self.__name__}.accumulate does not allow multiple axes, at {describe(user_source())}.")
        x, d = self._binary("accumulate", a, axis)
        x = x if dtype is None else convert_element_type(x, requested_dtype(dtype))
        running: dict[str, Any] = {"add": functrans.numpy.cumsum, "multiply": functrans.numpy.cumprod, "maximum": cummax, "minimum": cummin}
        if self._builtin and self.__name__ in running and (self.__name__ in ("add", "multiply") or x.dtype.kind != "c"):
            return running[self.__name__](x, d)
        rows = move_axis(x, d, 0)
        if not rows.shape[0]:
            return x
        first = convert_element_type(getitem(rows, 0), typeof(self._call(getitem(rows, 0), getitem(rows, 0))).dtype)

        def step(c: Any, row: Any) -> Any:
            new = convert_element_type(self._call(c, row), typeof(c).dtype)
            return new, new

        _, later = scan(step, first, getitem(rows, slice(1, None)))
        return move_axis(concatenate([expand_dims(first, 0), later]), 0, d)

    def outer(self, A: Any, B: Any, /) -> Any:
        """The function of every element of `A` with every element of `B`."""
        check_arraylike(f"{self.__name__}.outer", A, B)
        a, b = asarray_internal(A), asarray_internal(B)
        return self._call(reshape(a, (*a.shape, *(1,) * b.ndim)), b)

    def at(self, a: Any, indices: Any, b: Any = None, /, *, inplace: bool = True) -> Any:
        """A copy of `a` with the function applied at `indices`, to repeated ones repeatedly.

        Raises:
            NotImplementedError: unless ``inplace=False``, since arrays are immutable.
        """
        if inplace:
            raise NotImplementedError(f"{self.__name__}.at: arrays are immutable, at {describe(user_source())}. Write x = "
                                      f"functrans.numpy.{self.__name__}.at(x, indices, b, inplace=False).")
        check_arraylike(f"{self.__name__}.at", a, *(() if b is None else (b,)))
        x = asarray_internal(a)
        if self._builtin and self.__name__ in _UPDATES and x.dtype.kind != "b":
            return getattr(IndexUpdateHelper(x)[indices], _UPDATES[self.__name__])(b)
        places = getitem(np.arange(x.size).reshape(x.shape), indices)  # where each chosen element stands
        flat = ravel(x)
        values = None if b is None else ravel(broadcast_to(asarray_internal(b), typeof(places).shape))

        def step(c: Any, item: Any) -> Any:
            place, *value = item
            new = self._call(getitem(c, place), *value)
            return IndexUpdateHelper(c)[place].set(convert_element_type(new, typeof(c).dtype)), None

        out, _ = scan(step, flat, (ravel(places),) if values is None else (ravel(places), values))
        return reshape(out, x.shape)

    def reduceat(self, a: Any, indices: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        """For each of `indices` the reduction from it up to the next one (to the end, for the last); where the next one is not
        greater, the element itself.

        All reductions run side by side in one pass along the axis.
        """
        check_no_out(f"{self.__name__}.reduceat", out)
        x, d = self._binary("reduceat", a, axis)
        x = x if dtype is None else convert_element_type(x, requested_dtype(dtype))
        rows = move_axis(x, d, 0)
        n = rows.shape[0]
        first = asarray_internal(np.asarray(indices) if isinstance(indices, (list, tuple)) else indices)
        if first.ndim != 1:
            raise ValueError(f"{self.__name__}.reduceat: indices must be a vector; got {typeof(first)}, at {describe(user_source())}.")
        ends = concatenate([getitem(first, slice(1, None)), np.full(1, n, first.dtype)])
        ends = choose_where(ends > first, ends, first + 1)
        shape = (first.shape[0],) + (1,) * (rows.ndim - 1)
        start, stop = reshape(first, shape), reshape(ends, shape)
        carry = getitem(rows, first)
        carry = convert_element_type(carry, typeof(self._call(carry, carry)).dtype)

        def step(c: Any, item: Any) -> Any:
            j, row = item
            new = convert_element_type(self._call(c, broadcast_to(row, typeof(c).shape)), typeof(c).dtype)
            inside = functrans.numpy.logical_and(start < j, j < stop)
            return choose_where(inside, new, c), None

        result, _ = scan(step, carry, (np.arange(n), rows))
        return move_axis(result, 0, d)


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int, *, identity: Any = None) -> ufunc:
    """A universal function of a function of numbers.

    Args:
        func: a function of `nin` numbers that returns a number, or a tuple of `nout`.
        nin, nout: how many arguments and results it has.
        identity: the value that combines with every x to x: what reductions of nothing give.

    >>> frompyfunc(lambda x, y: 10 * x + y, 2, 1).accumulate(np.arange(1, 4))
    Array([  1,  12, 123], dtype=int64)
    """
    return ufunc(func, nin, nout, identity=identity)


for _name, _identity in _BUILTIN.items():
    _function = getattr(functrans.numpy, _name)
    _made = ufunc(_function, 2, 1, name=_name, identity=_identity, call=_function)
    for _method in ("reduce", "accumulate", "outer", "at", "reduceat", "identity", "nin", "nout", "nargs"):
        setattr(_function, _method, getattr(_made, _method))
for _published in (frompyfunc, ufunc):
    setattr(functrans.numpy, _published.__name__, _published)
    functrans.numpy.__all__.append(_published.__name__)
