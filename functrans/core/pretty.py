"""The text of a jaxpr, in the reference library's form, from which `functrans.core.parse` reads it back.

::

    { lambda a:f64[3]; b:f64[3] c:f64*[]. let
        d:f64[3] = mul b 2.0:f64[]
        _:f64[] = reduce_sum[axes=(0,)] d
      in (d, c) }

Constants stand before the semicolon of the header, inputs after it. Variables are named a, b, ..., z, aa, ... in the
order in which they are bound; outputs that nothing uses are ``_``; the names of nested jaxprs go on from the outer
ones. Params are sorted by name.

Where the text departs from the reference: weak types are marked (``f64*[]``), since the checker tells them from strong
ones; strings in params are quoted; a name that would read as a keyword or a number (``in``, ``let``, ``inf``, ...) is
skipped; an equation without outputs begins with ``=``. Each makes the text parse back to the same program.

Layout is by groups (Wadler, "A prettier printer", 2003): a group stands on one line if its own text fits in 80 columns,
else all its line breaks are taken.

Limits: values of constants are not printed; a param that has no notation (a function, a tree definition) prints as
``<function f>``, which cannot be parsed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.dtypes import float0, kind_of
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Printed, Var

__all__ = ["EqnPrinter", "param_types", "pp_jaxpr", "register_param_type"]

WIDTH = 80
RESERVED = frozenset({"in", "let", "lambda", "inf", "nan", "infj", "nanj"})

T = TypeVar("T", bound=type)


# -- classes of params ------------------------------------------------------------------------------------------------

_PARAM_TYPES: dict[str, type] = {}


def register_param_type(cls: T) -> T:
    """Let values of `cls` (an enum, a NamedTuple or a dataclass) in params be parsed. A class decorator.

    Raises:
        ValueError: if another class of the same name is registered.

    >>> @register_param_type
    ... class ExampleMode(Enum):
    ...     FAST = 0
    >>> param_types()["ExampleMode"] is ExampleMode
    True
    """
    known = _PARAM_TYPES.setdefault(cls.__name__, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(
            f"two classes of params are called {cls.__name__}: {known.__module__}.{known.__qualname__} and "
            f"{cls.__module__}.{cls.__qualname__}. Rename one: the text of a jaxpr has the name alone.")
    _PARAM_TYPES[cls.__name__] = cls
    return cls


def param_types() -> Mapping[str, type]:
    """The registered classes of params, by name."""
    return MappingProxyType(_PARAM_TYPES)


# -- documents: text, line breaks, groups -----------------------------------------------------------------------------

class Break:
    """A line break, or `flat` where the group around it stands on one line."""

    __slots__ = ("flat", "width")

    def __init__(self, flat: str) -> None:
        self.flat = flat
        self.width = len(flat)


class Block:
    """Parts in sequence, indented by `indent` more than what is around them; a `group` chooses its own layout."""

    __slots__ = ("group", "indent", "parts", "width")

    def __init__(self, parts: Iterable[Doc], indent: int = 0, group: bool = False) -> None:
        self.parts = tuple(parts)
        self.indent = indent
        self.group = group
        self.width: int = sum(len(p) if isinstance(p, str) else p.width for p in self.parts)


Doc = str | Break | Block


def layout(doc: Doc) -> str:
    """The text of a document."""
    out: list[str] = []
    column = 0
    stack: list[tuple[Doc, int, bool]] = [(doc, 0, True)]
    while stack:
        part, indent, flat = stack.pop()
        if isinstance(part, Break) and not flat:
            out.append("\n" + " " * indent)
            column = indent
        elif isinstance(part, Block):
            flat = column + part.width <= WIDTH if part.group else flat
            stack.extend((p, indent + part.indent, flat) for p in reversed(part.parts))
        else:
            text = part if isinstance(part, str) else part.flat
            out.append(text)
            column += len(text)
    return "".join(out)


def _joined(separator: str | Break, parts: Iterable[Doc]) -> list[Doc]:
    out: list[Doc] = []
    for part in parts:
        out.extend((separator, part) if out else (part,))
    return out


# -- values -----------------------------------------------------------------------------------------------------------

def scalar_text(value: Any, aval: ShapedArray) -> str:
    """A literal: ``2.0:f64[]``. The digits are those of the Python number, so no precision is lost."""
    if isinstance(value, np.generic):
        value = value.item()
    kind = _WIDER.get((type(value), kind_of(aval.dtype)))  # weak literals may be of a narrower Python type
    return f"{value if kind is None else kind(value)!r}:{aval.str_short()}"


_WIDER = {(int, "f"): float, (int, "c"): complex, (float, "c"): complex}


def opaque_text(value: Any) -> str:
    """A value without a notation, by its kind and name only: an address would differ from run to run."""
    kind = "function" if callable(value) and not isinstance(value, type) else type(value).__name__
    name = getattr(value, "__name__", "") or getattr(getattr(value, "func", None), "__name__", "")
    text = f"{kind} {name}" if name else kind
    return "<" + "".join(c for c in text if c not in "<>\n") + ">"


def name_of(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    name = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("a") + letter) + name
    return name


class EqnPrinter:
    """The names of one jaxpr's variables, for text about its parts that agrees with its printed form."""

    def __init__(self, jaxpr: Jaxpr) -> None:
        self._names: dict[Var, str] = {}
        self._used: frozenset[Atom] = frozenset()
        self._next = 0
        self._jaxpr_doc(jaxpr)
        self._names, self._used = self._outermost

    # Equations are printed while names are given, since nested jaxprs take theirs in between.
    def _jaxpr_doc(self, jaxpr: Jaxpr) -> Block:
        outer = self._names, self._used
        self._names = {}
        self._used = frozenset(a for e in jaxpr.eqns for a in e.invars) | frozenset(jaxpr.outvars)
        consts = [self._binder(v) for v in jaxpr.constvars]
        inputs = [self._binder(v) for v in jaxpr.invars]
        eqns = [self._eqn_doc(e) for e in jaxpr.eqns]
        outs = [self.atom(a) for a in jaxpr.outvars]
        header = f"{{ lambda {' '.join(consts)}; {' '.join(inputs)}. let"
        result = f"in ({', '.join(outs)}{',' if len(outs) == 1 else ''})"
        self._outermost = self._names, self._used
        self._names, self._used = outer
        body = Block([Break(" "), *_joined(Break("; "), eqns)], indent=2)
        return Block([Block([header, body, Break(" "), result], indent=2, group=True), " }"])

    def _fresh(self) -> str:
        while (name := name_of(self._next)) in RESERVED:
            self._next += 1
        self._next += 1
        return name

    def _binder(self, v: Var) -> str:
        return f"{self.atom(v)}:{v.aval.str_short()}"

    def atom(self, a: Atom) -> str:
        """The name of a variable, or a literal as it prints."""
        if isinstance(a, Literal):
            return scalar_text(a.value, a.aval)
        name = self._names.get(a)
        if name is None:
            name = self._names[a] = self._fresh()
        return name

    def _eqn_doc(self, eqn: Eqn) -> Block:
        for v in eqn.outvars:
            if v not in self._used:
                self._names.setdefault(v, "_")
        outs = "".join(self._binder(v) + " " for v in eqn.outvars)
        params = [Block([f"{k}=", self._value(v)]) for k, v in sorted(eqn.params.items())]
        operands = "".join(f" {self.atom(a)}" for a in eqn.invars)
        return Block([f"{outs}= {eqn.primitive.name}", *self._params(params), operands])

    def _params(self, params: Sequence[Doc]) -> list[Doc]:
        if not params:
            return []
        inside = Block(["[", Break(""), *_joined(Break(" "), params)], indent=2)
        return [Block([inside, Break(""), "]"], group=True)]

    def _value(self, value: Any) -> Doc:
        if isinstance(value, (ClosedJaxpr, Jaxpr)):
            return self._jaxpr_doc(value.jaxpr if isinstance(value, ClosedJaxpr) else value)
        if isinstance(value, Enum):
            return f"{type(value).__name__}.{value.name}"
        if isinstance(value, tuple):
            return self._tuple(value)
        if isinstance(value, np.dtype):
            return "float0" if value == float0 else value.name
        if isinstance(value, np.generic):
            return scalar_text(value, ShapedArray((), value.dtype))
        if value is None or type(value) in (bool, int, float, complex, str):
            return repr(value)
        if isinstance(value, ShapedArray):
            return value.str_short()
        if dataclasses.is_dataclass(value) and not isinstance(value, type) and not callable(value):
            return self._record(value, [f.name for f in dataclasses.fields(value) if f.init and f.repr])
        return opaque_text(value)

    def _tuple(self, value: tuple[Any, ...]) -> Doc:
        if hasattr(value, "_fields"):
            return self._record(value, value._fields)
        items = [self._value(v) for v in value]
        if any(isinstance(v, (ClosedJaxpr, Jaxpr)) for v in value):
            inside = Block(["(", Break(""), *_joined(Break(" "), items)], indent=2)
            return Block([inside, Break(""), ")"], group=True)
        return Block(["(", *_joined(", ", items), ",)" if len(items) == 1 else ")"])

    def _record(self, value: Any, fields: Iterable[str]) -> Doc:
        items = [Block([f"{f}=", self._value(getattr(value, f))]) for f in fields]
        return Block([f"{type(value).__name__}(", *_joined(", ", items), ")"])

    def eqn(self, eqn: Eqn) -> str:
        """One equation as it prints (nested jaxprs get new names each time)."""
        return layout(self._eqn_doc(eqn))


def pp_jaxpr(jaxpr: Jaxpr | ClosedJaxpr) -> str:
    """The text of `jaxpr`; ``parse_jaxpr(pp_jaxpr(jaxpr))`` is a jaxpr of the same text.

    >>> x = Var(ShapedArray((3,), np.dtype("float64")))
    >>> print(pp_jaxpr(Jaxpr((), (x,), (), (x, Literal(2.0, ShapedArray((), np.dtype("float64"), True))))))
    { lambda ; a:f64[3]. let  in (a, 2.0:f64*[]) }
    """
    inner = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    printer = EqnPrinter(Jaxpr((), (), (), ()))
    return layout(printer._jaxpr_doc(inner))


Printed.printer = staticmethod(pp_jaxpr)
