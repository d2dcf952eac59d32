"""The text of jaxprs: its form, and that it parses back to the same text."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans.core.aval import ShapedArray, ShapeDtypeStruct
from functrans.core.check import check_jaxpr
from functrans.core.dtypes import SHORT_NAMES, float0, kind_of
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Var
from functrans.core.parse import JaxprSyntaxError, parse_jaxpr
from functrans.core.pretty import name_of, param_types, pp_jaxpr, register_param_type
from functrans.core.trace import Primitive, register
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.structural import convert_element_type_p, reduce_sum_p, reshape_p, transpose_p

F64 = np.dtype("float64")
SCALAR = ShapedArray((), F64)
VECTOR = ShapedArray((3,), F64)

note_p = register(Primitive("note_example", abstract=lambda *avals, **params: list(avals), multiple_results=True))


class Mode(enum.Enum):
    FAST = 0
    SAFE = "safe"


class Level(enum.IntEnum):
    LOW = 1


class Spec(NamedTuple):
    axes: tuple[int, ...]
    mode: Any


@dataclasses.dataclass(frozen=True)
class Options:
    size: int
    inner: Any = None


TYPES = {c.__name__: c for c in (Mode, Level, Spec, Options)}


def noting(value: Any, *more: Any) -> Jaxpr:
    """A program of one equation with the params given."""
    x, y = Var(VECTOR), Var(VECTOR)
    params = dict(zip(("value", "more"), (value, *more), strict=False))
    return Jaxpr((), (x,), (Eqn(note_p, [x], [y], params),), (y,))


def round_trip(jaxpr: Jaxpr) -> Jaxpr:
    text = pp_jaxpr(jaxpr)
    parsed = parse_jaxpr(text, TYPES)
    assert pp_jaxpr(parsed) == text
    check_jaxpr(parsed)
    return parsed


def squares() -> Jaxpr:
    c, x, y, z, w = Var(VECTOR), Var(VECTOR), Var(VECTOR), Var(VECTOR), Var(SCALAR)
    return Jaxpr((c,), (x,), (
        Eqn(mul_p, [x, x], [y], {}),
        Eqn(add_p, [y, c], [z], {}),
        Eqn(reduce_sum_p, [z], [w], {"axes": (0,)}),
    ), (z, Literal(2.0, ShapedArray((), F64, True))))


# -- form -------------------------------------------------------------------------------------------------------------

def test_the_printed_form() -> None:
    assert pp_jaxpr(squares()) == """\
{ lambda a:f64[3]; b:f64[3]. let
    c:f64[3] = mul b b
    d:f64[3] = add c a
    _:f64[] = reduce_sum[axes=(0,)] d
  in (d, 2.0:f64*[]) }"""


def test_short_programs_stand_on_one_line() -> None:
    x, y = Var(VECTOR), Var(VECTOR)
    assert pp_jaxpr(Jaxpr((), (x,), (Eqn(add_p, [x, x], [y], {}),), (y,))) == (
        "{ lambda ; a:f64[3]. let b:f64[3] = add a a in (b,) }")
    assert pp_jaxpr(Jaxpr((), (), (), ())) == "{ lambda ; . let  in () }"


def test_long_params_and_nested_jaxprs_break_lines() -> None:
    nested = ClosedJaxpr(squares(), (np.zeros(3),))
    assert pp_jaxpr(noting(nested, "x" * 20)) == """\
{ lambda ; a:f64[3]. let
    b:f64[3] = note_example[
      more='xxxxxxxxxxxxxxxxxxxx'
      value={ lambda c:f64[3]; d:f64[3]. let
          e:f64[3] = mul d d
          f:f64[3] = add e c
          _:f64[] = reduce_sum[axes=(0,)] f
        in (f, 2.0:f64*[]) }
    ] a
  in (b,) }"""


def test_branches_stand_in_brackets_of_their_own() -> None:
    x = Var(SCALAR)
    branch = ClosedJaxpr(Jaxpr((), (x,), (), (x,)), ())
    assert pp_jaxpr(noting((branch, branch), "y" * 30)) == """\
{ lambda ; a:f64[3]. let
    b:f64[3] = note_example[
      more='yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'
      value=(
        { lambda ; c:f64[]. let  in (c,) }
        { lambda ; d:f64[]. let  in (d,) }
      )
    ] a
  in (b,) }"""


def test_str_and_repr_are_the_text() -> None:
    jaxpr = squares()
    closed = ClosedJaxpr(jaxpr, (np.zeros(3),))
    assert str(jaxpr) == repr(jaxpr) == str(closed) == repr(closed) == pp_jaxpr(jaxpr)


def test_names_go_on_after_z_and_skip_words_of_the_notation() -> None:
    assert [name_of(i) for i in (0, 25, 26, 51, 52, 701, 702)] == ["a", "z", "aa", "az", "ba", "zz", "aaa"]
    jaxpr = Jaxpr((), tuple(Var(SCALAR) for _ in range(10000)), (), ())
    names = pp_jaxpr(jaxpr).split(";")[1].replace(".", "").split()
    printed = [n.split(":")[0] for n in names if ":" in n]
    assert len(set(printed)) == 10000
    assert not {"in", "let", "inf", "nan"} & set(printed)
    assert "im" in printed and "io" in printed
    round_trip(jaxpr)


def test_values_without_notation_print_without_addresses() -> None:
    text = pp_jaxpr(noting(name_of, object))
    assert "value=<function name_of>" in text and "more=<type object>" in text
    assert "0x" not in pp_jaxpr(noting(lambda: 0))


# -- values -----------------------------------------------------------------------------------------------------------

VALUES = [
    (0, "0"), (-7, "-7"), (10**30, "1" + "0" * 30), (True, "True"), (None, "None"), (1.5, "1.5"), (-0.0, "-0.0"),
    (1e300, "1e+300"), (1e-7, "1e-07"), (float("inf"), "inf"), (-float("inf"), "-inf"), (float("nan"), "nan"),
    (2j, "2j"), (-0.0 + 1j, "1j"),
    (complex(1, -2.5e-9), "(1-2.5e-09j)"), (complex("nan"), "(nan+0j)"), (complex(0, float("inf")), "infj"),
    (complex(-0.0, -0.0), "(-0-0j)"), ("it's a \"name\" {}\n[", None), ("", "''"), (np.dtype("float32"), "float32"),
    (np.dtype(bool), "bool"), (float0, "float0"), ((), "()"), ((1,), "(1,)"), ((1, (2.0, None), "a"), "(1, (2.0, None), 'a')"),
    (Mode.SAFE, "Mode.SAFE"), (Level.LOW, "Level.LOW"), (Spec((0, 1), Mode.FAST), "Spec(axes=(0, 1), mode=Mode.FAST)"),
    (Options(3, Spec((), 1)), "Options(size=3, inner=Spec(axes=(), mode=1))"), (np.float32(0.5), "0.5:f32[]"),
    (np.int8(-3), "-3:i8[]"), (np.bool_(True), "True:bool[]"), (np.complex64(1 + 2j), "(1+2j):c64[]"),
    (ShapedArray((2, 0), F64, True), "f64*[2,0]"), (ShapedArray((), np.dtype(bool)), "bool[]"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), VALUES, ids=lambda v: None)
def test_values_of_params_round_trip(value: Any, text: str | None) -> None:
    jaxpr = noting(value)
    if text is not None:
        assert f"[value={text}]" in pp_jaxpr(jaxpr)
    back = round_trip(jaxpr).eqns[0].params["value"]
    assert type(back) is type(value)
    assert repr(back) == repr(value)


@pytest.mark.parametrize("name", SHORT_NAMES)
@pytest.mark.parametrize("weak", [False, True])
def test_literals_round_trip(name: str, weak: bool) -> None:
    dtype = np.dtype(name)
    weak = weak and dtype.kind != "b"
    values = {"b": [True], "i": [-3, 100], "u": [7], "f": [0.1, -0.0, np.inf, np.nan], "c": [0.1 - 2j, complex(0, -np.inf)]}
    aval = ShapedArray((), dtype, weak)
    for v in values[kind_of(dtype)]:
        value = dtype.type(v).item() if weak else dtype.type(v)
        (back,) = round_trip(Jaxpr((), (), (), (Literal(value, aval),))).outvars
        assert isinstance(back, Literal) and back.aval == aval and type(back.value) is type(value)
        assert dtype.type(back.value).tobytes() == dtype.type(value).tobytes()


def test_nested_constants_come_back_as_types() -> None:
    parsed = round_trip(noting(ClosedJaxpr(squares(), (np.zeros(3),))))
    assert parsed.eqns[0].params["value"].consts == (ShapeDtypeStruct((3,), "float64"),)


def test_equations_without_outputs_round_trip() -> None:
    x = Var(SCALAR)
    jaxpr = Jaxpr((), (x,), (Eqn(note_p, [], [], {}), Eqn(note_p, [], [], {"value": 1})), (x,))
    assert pp_jaxpr(jaxpr) == "{ lambda ; a:f64[]. let = note_example; = note_example[value=1] in (a,) }"
    assert len(round_trip(jaxpr).eqns) == 2


def test_line_breaks_and_separators_are_free() -> None:
    text = "{lambda;a:f64[3] .\nlet b:f64[3]=mul a\n2.0:f64[];c:f64[3]\n = add b b in(c)}"
    assert str(parse_jaxpr(text)) == (
        "{ lambda ; a:f64[3]. let b:f64[3] = mul a 2.0:f64[]; c:f64[3] = add b b in (c,) }")


# -- registered classes -----------------------------------------------------------------------------------------------

def test_registered_classes_need_no_table() -> None:
    @register_param_type
    class Registered(enum.Enum):
        ONLY = 1

    assert param_types()["Registered"] is Registered
    assert parse_jaxpr(pp_jaxpr(noting(Registered.ONLY))).eqns[0].params == {"value": Registered.ONLY}


def test_two_classes_of_one_name_are_refused() -> None:
    register_param_type(type("Twin", (), {"__module__": "one"}))
    with pytest.raises(ValueError, match=r"two classes of params are called Twin: one\.Twin and two\.Twin\."):
        register_param_type(type("Twin", (), {"__module__": "two"}))


# -- random programs --------------------------------------------------------------------------------------------------

_numbers = st.one_of(st.integers(), st.floats(), st.complex_numbers(), st.booleans(), st.none(), st.text(max_size=8))
_leaves = st.one_of(
    _numbers, st.sampled_from([np.dtype(n) for n in SHORT_NAMES]), st.sampled_from([Mode.FAST, Mode.SAFE, Level.LOW]),
    st.floats(width=32).map(np.float32), st.integers(-128, 127).map(np.int8))
_values = st.recursive(_leaves, lambda inner: st.one_of(
    st.lists(inner, max_size=3).map(tuple), st.builds(Spec, st.tuples(st.integers()), inner),
    st.builds(Options, st.integers(), inner)), max_leaves=8)


@st.composite
def programs(draw: st.DrawFn, depth: int = 2) -> Jaxpr:
    """Well-typed programs over a few primitives, some with params of every kind and nested jaxprs."""
    shapes = st.sampled_from([(), (3,), (2, 3), (0,)])
    avals = st.builds(ShapedArray, shapes, st.sampled_from([F64, np.dtype("float32")]), st.booleans())
    consts = [Var(a) for a in draw(st.lists(avals, max_size=2))]
    inputs = [Var(a) for a in draw(st.lists(avals, min_size=1, max_size=3))]
    known, eqns = [*consts, *inputs], []
    for _ in range(draw(st.integers(0, 6))):
        x = draw(st.sampled_from(known))
        shape, dtype = x.aval.shape, x.aval.dtype
        operands: list[Atom] = [x]
        kind = draw(st.integers(0, 6))
        if kind <= 1:
            primitive, params = (add_p, mul_p)[kind], {}
            literal = draw(st.floats(width=16))
            strong = Literal(dtype.type(literal), ShapedArray((), dtype))
            operands.append(draw(st.sampled_from([x, strong, Literal(literal, ShapedArray((), dtype, True))])))
        elif kind == 2:
            primitive, params = reduce_sum_p, {"axes": tuple(range(len(shape)))}
        elif kind == 3:
            primitive, params = transpose_p, {"permutation": tuple(draw(st.permutations(range(len(shape)))))}
        elif kind == 4:
            primitive, params = reshape_p, {"new_sizes": (x.aval.size, 1)}
        elif kind == 5:
            primitive, params = convert_element_type_p, {
                "new_dtype": draw(st.sampled_from([F64, np.dtype("int32")])), "weak_type": draw(st.booleans())}
            if dtype.kind != "f" or params["new_dtype"].kind != "f":
                params["weak_type"] = False
        else:
            primitive, params = note_p, {"value": draw(_values)}
            if depth and draw(st.booleans()):
                inner = draw(programs(depth=depth - 1))
                closed = ClosedJaxpr(inner, tuple(np.zeros(v.aval.shape, v.aval.dtype) for v in inner.constvars))
                params["jaxpr"] = closed if draw(st.booleans()) else (closed, closed)
        out = primitive.abstract(*[a.aval for a in operands], **params)  # type: ignore[misc]
        outs = [Var(a) for a in (out if primitive.multiple_results else [out])]
        eqns.append(Eqn(primitive, operands, outs, params))
        known += [v for v in outs if v.aval.dtype.kind == "f"]
    outputs = draw(st.lists(st.sampled_from(known), max_size=3))
    return Jaxpr(tuple(consts), tuple(inputs), tuple(eqns), tuple(outputs))


@settings(max_examples=150, deadline=None)
@given(programs())
def test_random_programs_round_trip(jaxpr: Jaxpr) -> None:
    check_jaxpr(jaxpr)
    parsed = round_trip(jaxpr)
    assert [a.aval for a in parsed.outvars] == [a.aval for a in jaxpr.outvars]
    for ours, theirs in zip(parsed.eqns, jaxpr.eqns, strict=True):
        assert ours.primitive is theirs.primitive
        assert sorted(ours.params) == sorted(theirs.params)


@settings(max_examples=150, deadline=None)
@given(programs(depth=1), st.data())
def test_damaged_texts_parse_or_say_where(jaxpr: Jaxpr, data: st.DataObject) -> None:
    text = pp_jaxpr(jaxpr)
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from(["", "}", ")", "=", ":", "1", "a", " ", "\u00e9", "'", "["]))
    damaged = text[:at] + new + text[at + 1:]
    try:
        parsed = parse_jaxpr(damaged, TYPES)
    except JaxprSyntaxError as error:
        assert str(error).startswith("line ")
    else:
        assert str(parse_jaxpr(str(parsed), TYPES)) == str(parsed)


# -- errors -----------------------------------------------------------------------------------------------------------

BAD = [
    ("", "line 1, column 1: expected '{' at the start of a jaxpr, the text ends."),
    ("{ lambda a:f64[3] }", "line 1, column 19: expected ';' after the constants, found '}'."),
    ("{ lambda ; a:f64[3] let", "line 1, column 21: expected '.' after the inputs, found 'let'."),
    ("{ lambda ; a:f65[3]. let in () }", "line 1, column 14: expected a type such as f64[3] or i64*[], found 'f65'."),
    ("{ lambda ; a:f64[x]. let in () }", "line 1, column 18: expected a size or ']', found 'x'."),
    ("{ lambda ; a:f64[-3]. let in () }", "line 1, column 18: expected a size or ']', found '-3'."),
    ("{ lambda ; a:f64[3] a:f64[3]. let in () }", "line 1, column 21: variable 'a' is bound twice."),
    ("{ lambda ; a:f64[3]. let\n b:f64[3] = add a q\n in (b,) }", "line 2, column 19: variable 'q' is not bound here."),
    ("{ lambda ; a:f64[3]. let\n b:f64[3] = add a b\n in (b,) }", "line 2, column 19: variable 'b' is not bound here."),
    ("{ lambda ; . let in (_,) }", "line 1, column 22: variable '_' is not bound here."),
    ("{ lambda ; a:f64[3]. let\n a:f64[3] = add a a\n in (a,) }", "line 2, column 2: variable 'a' is bound twice."),
    ("{ lambda ; a:f64[3]. let\n b:f64[3] = ad a a\n in (b,) }",
     "line 2, column 13: there is no primitive 'ad'; import the module that defines it, or register it with "
     "functrans.core.trace.register."),
    ("{ lambda ; a:f64[3]. let = add a a in (a,) }",
     "line 1, column 28: primitive 'add' has one result, and the equation 0 outputs."),
    ("{ lambda ; a:f64[3]. let b:f64[3] add a a in (a,) }",
     "line 1, column 35: expected '=' after the outputs of an equation, found 'add'."),
    ("{ lambda ; a:f64[3]. let",
     "line 1, column 25: expected '=' (an equation) or 'in' (the outputs), the text ends."),
    ("{ lambda ; a:f64[3]. let in (a,", "line 1, column 32: expected an output or ')', the text ends."),
    ("{ lambda ; a:f64[3]. let in (a a) }", "line 1, column 32: expected ',' or ')' after an output, found 'a'."),
    ("{ lambda ; a:f64[3]. let in (a,) } x", "line 1, column 36: expected the end of the text, found 'x'."),
    ("{ lambda ; a:f64[3]. let in (2.0) }", "line 1, column 33: expected ':' and the type of the literal, found ')'."),
    ("{ lambda ; . let in (2.5:i64[],) }", "line 1, column 22: the literal 2.5 is not of type i64[]."),
    ("{ lambda ; . let in (2.5:f64[3],) }", "line 1, column 22: the literal 2.5 is not of type f64[3]."),
    ("{ lambda ; . let in (300:i8[],) }", "line 1, column 22: the literal 300 does not fit i8[]."),
    ("{ lambda ; . let in (1e300:f32[],) }", "line 1, column 22: the literal 1e300 does not fit f32[]."),
    ("{ lambda ; a:f64[3] ? ", "line 1, column 21: the character '?' does not belong to a jaxpr."),
]  # fmt: skip

BAD_VALUES = [
    ("x=1 value=", "expected the value of a param, found ']'"),
    ("value=1 value=2", "param 'value' is given twice"),
    ("value 1", "expected '=' after the name of the param 'value', found '1'"),
    ("1", "expected the name of a param or ']', found '1'"),
    ("value=<function f>", "the value <function f> has no notation that could be parsed"),
    ("value=what", "expected the value of a param, found 'what'"),
    ("value=Unknown.A", "there is no class of params 'Unknown'; register it with "
                        "functrans.core.pretty.register_param_type, or pass it in types"),
    ("value=Mode.SLOW", "Mode has no member 'SLOW'"),
    ("value=Spec.SLOW", "Spec has no member 'SLOW'"),
    ("value=Options(1)", "expected the name of a field or ')', found '1'"),
    ("value=Options(wrong=1)", "Options cannot be made of its fields: Options.__init__() got an unexpected keyword "
                               "argument 'wrong'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD)
def test_malformed_texts(text: str, message: str) -> None:
    with pytest.raises(JaxprSyntaxError) as caught:
        parse_jaxpr(text)
    assert str(caught.value).split("\n")[0] == message


@pytest.mark.parametrize(("params", "message"), BAD_VALUES)
def test_malformed_params(params: str, message: str) -> None:
    with pytest.raises(JaxprSyntaxError) as caught:
        parse_jaxpr(f"{{ lambda ; a:f64[]. let b:f64[] = note_example[{params}] a in (b,) }}", TYPES)
    assert str(caught.value).split(": ", 1)[1].split("\n")[0] == message + "."


def test_errors_show_the_place() -> None:
    with pytest.raises(JaxprSyntaxError) as caught:
        parse_jaxpr("{ lambda ; a:f64[3]. let\n    b:f64[3] = add a q\n  in (b,) }")
    assert str(caught.value) == (
        "line 2, column 22: variable 'q' is not bound here.\n      b:f64[3] = add a q\n                       ^")


def test_inner_names_do_not_reach_outwards() -> None:
    with pytest.raises(JaxprSyntaxError, match="variable 'c' is not bound here"):
        parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = note_example["
                    "jaxpr={ lambda ; c:f64[]. let in (c,) }] c in (b,) }")
    with pytest.raises(JaxprSyntaxError, match="variable 'a' is not bound here"):
        parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = note_example["
                    "jaxpr={ lambda ; c:f64[]. let in (a,) }] a in (b,) }")
