"""The IR: a jaxpr is a typed, explicit, first-order program in A-normal form.

::

    jaxpr ::= { lambda consts ; inputs . let eqn* in outputs }
    eqn   ::= vars = primitive[params] atoms
    atom  ::= var | literal

Every variable is bound once and has an aval. Everything is frozen; equality is identity, so that a jaxpr can key a cache.
Params are static and hashable (a jaxpr among them counts by identity) and never hold a tracer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.source import Source
from functrans.core.trace import Primitive

__all__ = ["Atom", "ClosedJaxpr", "Eqn", "Jaxpr", "Literal", "Var", "subjaxprs"]


class Var:
    """A variable: an identity with an aval. Names are given when printed."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    def __repr__(self) -> str:
        return f"Var({self.aval})"


class Literal:
    """A scalar constant in an operand position."""

    __slots__ = ("aval", "value")

    def __init__(self, value: Any, aval: ShapedArray) -> None:
        self.value = value
        self.aval = aval

    @property
    def operand(self) -> Any:
        """The value as `bind` takes it: a Python number where weak, else a NumPy scalar of the dtype."""
        return self.value

    def __repr__(self) -> str:
        return f"{self.value}:{self.aval}"


Atom = Var | Literal


class Eqn:
    """``outs = primitive[params] ins``, with the user's line that asked for it."""

    __slots__ = ("invars", "outvars", "params", "primitive", "source")

    def __init__(self, primitive: Primitive, invars: Sequence[Atom], outvars: Sequence[Var], params: dict[str, Any],
                 source: Source = None) -> None:
        self.primitive = primitive
        self.invars = list(invars)
        self.outvars = list(outvars)
        self.params = params
        self.source = source

    def replace(self, **fields: Any) -> Eqn:
        """A copy with the given fields changed."""
        parts = {name: getattr(self, name) for name in self.__slots__} | fields
        return Eqn(**parts)

    def __repr__(self) -> str:
        return f"{self.outvars} = {self.primitive} {self.invars}"


class Printed:
    """Gives jaxprs their text. `functrans.core.pretty`, which imports this module, sets the printer."""

    __slots__ = ()
    printer: ClassVar[Callable[[Any], str]] = staticmethod(object.__repr__)

    def __repr__(self) -> str:
        return Printed.printer(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Jaxpr(Printed):
    """An open program: `constvars` are inputs whose values travel with the closed form."""

    constvars: tuple[Var, ...]
    invars: tuple[Var, ...]
    eqns: tuple[Eqn, ...]
    outvars: tuple[Atom, ...]

    @property
    def in_avals(self) -> list[ShapedArray]:
        return [v.aval for v in self.invars]

    @property
    def out_avals(self) -> list[ShapedArray]:
        return [v.aval for v in self.outvars]

    def __reduce__(self) -> Any:
        return Jaxpr, (self.constvars, self.invars, self.eqns, self.outvars)


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class ClosedJaxpr(Printed):
    """A jaxpr with the values of its `constvars`."""

    jaxpr: Jaxpr
    consts: tuple[Any, ...]

    @property
    def in_avals(self) -> list[ShapedArray]:
        return self.jaxpr.in_avals

    @property
    def out_avals(self) -> list[ShapedArray]:
        return self.jaxpr.out_avals

    @property
    def eqns(self) -> tuple[Eqn, ...]:
        return self.jaxpr.eqns

    def __reduce__(self) -> Any:
        return ClosedJaxpr, (self.jaxpr, tuple(np.asarray(c) for c in self.consts))


def subjaxprs(params: dict[str, Any]) -> Iterator[ClosedJaxpr]:
    """The closed jaxprs among the params of an equation, in order."""
    for value in params.values():
        if isinstance(value, ClosedJaxpr):
            yield value
        elif isinstance(value, tuple):
            yield from (v for v in value if isinstance(v, ClosedJaxpr))
