"""The parser of printed jaxprs: text back to a program.

By recursive descent over this grammar; line breaks are spaces::

    jaxpr   ::= "{" "lambda" binder* ";" binder* "." "let" (eqn (";"? eqn)*)? "in" "(" (atom ","?)* ")" "}"
    eqn     ::= binder* "=" name ("[" (name "=" value)* "]")? atom*
    binder  ::= (name | "_") ":" aval
    aval    ::= short dtype "*"? "[" (int ","?)* "]"                 f64[2,3], weak: f64*[]
    atom    ::= name | scalar ":" aval                              x, 2.0:f64[]
    value   ::= scalar (":" aval)? | string | "None" | dtype name | aval | jaxpr | "(" (value ","?)* ")"
              | name "." name                                       a member of an enum
              | name "(" (name "=" value ","?)* ")"                 a NamedTuple or a dataclass
    scalar  ::= int | float | complex | "True" | "False"

A name followed by ``:`` begins the next equation, so no separator is needed between equations. Primitives are found in
the registry, classes of params among those given to `functrans.core.pretty.register_param_type`.

Limits: the text has no values of constants. The constvars of the outermost jaxpr come back as constvars; nested jaxprs
with constants get `ShapeDtypeStruct` in place of values, which pass the checker and print, but cannot be evaluated.
User lines are not kept. Params printed as ``<...>`` are refused.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from bisect import bisect_right
from collections.abc import Mapping
from enum import Enum
from typing import Any, NoReturn

import numpy as np

from functrans.core.aval import ShapedArray, ShapeDtypeStruct
from functrans.core.dtypes import SHORT_NAMES, float0, kind_of
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Var
from functrans.core.pretty import param_types
from functrans.core.trace import Primitive, primitives_by_name
from functrans.errors import FunctransError

__all__ = ["JaxprSyntaxError", "parse_jaxpr"]


class JaxprSyntaxError(FunctransError, ValueError):
    """Raised for text that is not a printed jaxpr; the message has the line, the column and what was expected there."""


_DTYPES = {name: np.dtype(name) for name in SHORT_NAMES} | {"float0": float0}
_SHORT = {short: np.dtype(name) for name, short in SHORT_NAMES.items()} | {"float0": float0}
_CONSTANTS = {"True": True, "False": False, "None": None}

_REAL = r"(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)"
_TOKEN = re.compile(rf"""
    (?P<space>\s+)
  | (?P<complex>\([-+]?{_REAL}[-+]{_REAL}j\) | [-+]?{_REAL}j\b)
  | (?P<number>[-+]?(?:inf\b|nan\b|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?![\w]))
  | (?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
  | (?P<name>[A-Za-z_]\w*(?:-\w+)*)
  | (?P<opaque><[^<>\n]*>)
  | (?P<mark>[{{}}\[\]():;.,=*])
""", re.VERBOSE | re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # a group of _TOKEN, or "end"
    text: str
    start: int


def parse_jaxpr(text: str, types: Mapping[str, type] | None = None) -> Jaxpr:
    """The jaxpr that `text` (printed by `functrans.core.pretty.pp_jaxpr`) is of.

    Args:
        text: one jaxpr. Types are taken from the text; `functrans.core.check.check_jaxpr` tells whether they are right.
        types: classes of params by name, in addition to the registered ones.

    Raises:
        JaxprSyntaxError: with the line, the column and what was expected there.

    >>> jaxpr = parse_jaxpr("{ lambda ; a:f64[3]. let in (a, 2.0:f32[]) }")
    >>> print(jaxpr)
    { lambda ; a:f64[3]. let  in (a, 2.0:f32[]) }
    """
    parser = _Parser(text, {**param_types(), **(types or {})})
    jaxpr = parser.jaxpr()
    if parser.token.kind != "end":
        parser.fail("the end of the text")
    return jaxpr


class _Parser:
    def __init__(self, text: str, types: Mapping[str, type]) -> None:
        self.text = text
        self.types = types
        self.primitives: Mapping[str, Primitive] = primitives_by_name()
        self.env: dict[str, Var] = {}
        self.line_starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self.tokens = self._tokens()
        self.at = 0

    def _tokens(self) -> list[_Token]:
        tokens, start = [], 0
        while start < len(self.text):
            match = _TOKEN.match(self.text, start)
            if match is None:
                self.error(start, f"the character {self.text[start]!r} does not belong to a jaxpr")
            if match.lastgroup != "space":
                tokens.append(_Token(str(match.lastgroup), match.group(), start))
            start = match.end()
        tokens.append(_Token("end", "", len(self.text)))
        return tokens

    # -- tokens and errors --------------------------------------------------------------------------------------------

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> str:
        """The text of a later token."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)].text

    def next(self) -> _Token:
        token = self.token
        self.at += token.kind != "end"
        return token

    def error(self, start: int, problem: str) -> NoReturn:
        line = bisect_right(self.line_starts, start)
        first = self.line_starts[line - 1]
        shown = self.text[first:].split("\n", 1)[0]
        column = start - first + 1
        raise JaxprSyntaxError(f"line {line}, column {column}: {problem}.\n  {shown}\n  {' ' * (column - 1)}^")

    def fail(self, expected: str) -> NoReturn:
        found = "the text ends" if self.token.kind == "end" else f"found {self.token.text!r}"
        self.error(self.token.start, f"expected {expected}, {found}")

    def accept(self, text: str) -> bool:
        """Step over `text` if it comes next. (Strings are quoted, so only marks and names can be equal to it.)"""
        found = self.token.text == text
        self.at += found
        return found

    def expect(self, text: str, where: str) -> None:
        if not self.accept(text):
            self.fail(f"'{text}' {where}")

    def name(self, expected: str) -> _Token:
        if self.token.kind != "name":
            self.fail(expected)
        return self.next()

    # -- programs -----------------------------------------------------------------------------------------------------

    def jaxpr(self) -> Jaxpr:
        outer, self.env = self.env, {}
        self.expect("{", "at the start of a jaxpr")
        self.expect("lambda", "after '{'")
        consts = self.bind(self.binders())
        self.expect(";", "after the constants")
        inputs = self.bind(self.binders())
        self.expect(".", "after the inputs")
        self.expect("let", "before the equations")
        eqns = []
        while self.token.text != "in":
            eqns.append(self.eqn())
            self.accept(";")
        self.expect("in", "after the equations")
        self.expect("(", "before the outputs")
        outs = []
        while not self.accept(")"):
            outs.append(self.atom("an output or ')'"))
            if not self.accept(",") and self.token.text != ")":
                self.fail("',' or ')' after an output")
        self.expect("}", "at the end of a jaxpr")
        self.env = outer
        return Jaxpr(tuple(consts), tuple(inputs), tuple(eqns), tuple(outs))

    def binders(self) -> list[tuple[_Token, Var]]:
        """Names with their types; `bind` brings them into scope."""
        found = []
        while self.token.kind == "name" and self.peek() == ":":
            token = self.next()
            self.next()
            found.append((token, Var(self.aval())))
        return found

    def bind(self, binders: list[tuple[_Token, Var]]) -> list[Var]:
        for token, var in binders:
            if token.text in self.env:
                self.error(token.start, f"variable '{token.text}' is bound twice")
            if token.text != "_":
                self.env[token.text] = var
        return [var for _, var in binders]

    def eqn(self) -> Eqn:
        outs = self.binders()
        self.expect("=", "after the outputs of an equation" if outs else "(an equation) or 'in' (the outputs)")
        token = self.name("the name of a primitive")
        primitive = self.primitives.get(token.text)
        if primitive is None:
            self.error(token.start, f"there is no primitive '{token.text}'; import the module that defines it, "
                                    "or register it with functrans.core.trace.register")
        if not primitive.multiple_results and len(outs) != 1:
            self.error(token.start, f"primitive '{token.text}' has one result, and the equation {len(outs)} outputs")
        params: dict[str, Any] = {}
        if self.accept("["):
            while not self.accept("]"):
                key = self.name("the name of a param or ']'")
                if key.text in params:
                    self.error(key.start, f"param '{key.text}' is given twice")
                self.expect("=", f"after the name of the param '{key.text}'")
                params[key.text] = self.value()
        operands: list[Atom] = []
        while self.starts_atom():
            operands.append(self.atom("an operand"))
        return Eqn(primitive, operands, self.bind(outs), params)

    def starts_atom(self) -> bool:
        token = self.token
        if token.kind == "name":
            return token.text in ("True", "False") or (token.text != "in" and self.peek() not in (":", "="))
        return token.kind in ("number", "complex")

    def atom(self, expected: str) -> Atom:
        token = self.token
        if token.kind in ("number", "complex") or token.text in ("True", "False"):
            value = self.scalar()
            self.expect(":", "and the type of the literal")
            return Literal(*self.typed(token, value, self.aval()))
        if token.kind != "name":
            self.fail(expected)
        var = self.env.get(token.text)
        if var is None:
            self.error(token.start, f"variable '{token.text}' is not bound here")
        self.next()
        return var

    def aval(self) -> ShapedArray:
        token = self.token
        if token.text not in _SHORT:
            self.fail("a type such as f64[3] or i64*[]")
        self.next()
        weak = self.accept("*")
        self.expect("[", "before the shape")
        shape = []
        while not self.accept("]"):
            size = self.token
            if size.kind != "number" or not size.text.isdecimal():
                self.fail("a size or ']'")
            self.next()
            shape.append(int(size.text))
            if not self.accept(",") and self.token.text != "]":
                self.fail("',' or ']' after a size")
        return ShapedArray(tuple(shape), _SHORT[token.text], weak)

    # -- values -------------------------------------------------------------------------------------------------------

    def scalar(self) -> Any:
        token = self.next()
        if token.kind == "complex":
            return complex(token.text)
        if token.kind == "number":
            return int(token.text) if token.text.lstrip("+-").isdecimal() else float(token.text)
        return _CONSTANTS[token.text]

    def typed(self, token: _Token, value: Any, aval: ShapedArray) -> tuple[Any, ShapedArray]:
        """The value of a literal: a Python number where weak, else a NumPy scalar."""
        kind = {bool: "b", int: "iu", float: "f", complex: "c"}[type(value)]
        if aval.shape or kind_of(aval.dtype) not in kind:
            self.error(token.start, f"the literal {token.text} is not of type {aval}")
        if aval.weak_type:
            return value, aval
        try:
            with np.errstate(over="raise"):
                return aval.dtype.type(value), aval
        except (OverflowError, FloatingPointError):
            self.error(token.start, f"the literal {token.text} does not fit {aval}")

    def value(self) -> Any:
        token = self.token
        if token.text == "{":
            jaxpr = self.jaxpr()
            return ClosedJaxpr(jaxpr, tuple(
                ShapeDtypeStruct(v.aval.shape, v.aval.dtype, v.aval.weak_type) for v in jaxpr.constvars))
        if self.accept("("):
            return self.items()
        if token.kind in ("number", "complex") or token.text in ("True", "False"):
            value = self.scalar()
            return self.typed(token, value, self.aval())[0] if self.accept(":") else value
        if token.kind == "string":
            return ast.literal_eval(self.next().text)
        if token.kind == "opaque":
            self.error(token.start, f"the value {token.text} has no notation that could be parsed")
        if token.kind == "name":
            return self.named()
        self.fail("the value of a param")

    def items(self) -> tuple[Any, ...]:
        found = []
        while not self.accept(")"):
            found.append(self.value())
            self.accept(",")
        return tuple(found)

    def named(self) -> Any:
        token = self.token
        if token.text in _SHORT and self.peek() in ("[", "*"):
            return self.aval()
        self.next()
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        if self.token.text in (".", "("):
            return self.instance(token)
        if token.text in _DTYPES:
            return _DTYPES[token.text]
        self.error(token.start, f"expected the value of a param, found '{token.text}'")

    def instance(self, token: _Token) -> Any:
        cls = self.types.get(token.text)
        if cls is None:
            self.error(token.start, f"there is no class of params '{token.text}'; register it with "
                                    "functrans.core.pretty.register_param_type, or pass it in types")
        if self.accept("."):
            member = self.name(f"a member of {token.text}")
            if not issubclass(cls, Enum) or member.text not in cls.__members__:
                self.error(member.start, f"{token.text} has no member '{member.text}'")
            return cls[member.text]
        self.expect("(", "before the fields")
        fields: dict[str, Any] = {}
        while not self.accept(")"):
            field = self.name("the name of a field or ')'")
            self.expect("=", f"after the name of the field '{field.text}'")
            fields[field.text] = self.value()
            self.accept(",")
        try:
            return cls(**fields)
        except TypeError as error:
            self.error(token.start, f"{token.text} cannot be made of its fields: {error}")
