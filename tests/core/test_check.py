"""The checker: it passes what is right, and names what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from functrans.core.aval import ShapedArray
from functrans.core.check import check_jaxpr, check_linear
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Var
from functrans.core.source import user_source
from functrans.core.trace import Primitive, Trace, Tracer
from functrans.errors import JaxprTypeError
from functrans.primitives.arithmetic import div_p, neg_p, select_n_p, sub_p
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.contraction import dot_general_p
from functrans.primitives.structural import broadcast_in_dim_p, convert_element_type_p, reduce_sum_p
from functrans.primitives.transcendental import sin_p

F64 = np.dtype("float64")
SCALAR = ShapedArray((), F64)
VECTOR = ShapedArray((3,), F64)
MATRIX = ShapedArray((3, 3), F64)

# A stand-in for the primitives that carry jaxprs: all operands are inputs of the jaxpr.
call_p = Primitive("call_example", abstract=lambda *avals, jaxpr, **_: jaxpr.out_avals, multiple_results=True,
                   transpose=lambda *args, **_: [])


def eqn(primitive: Primitive, ins: Sequence[Atom], outs: Sequence[Var], source: Any = None, **params: Any) -> Eqn:
    return Eqn(primitive, ins, outs, params, source)


def lit(value: Any, weak: bool = False) -> Literal:
    return Literal(value if weak else np.float64(value), ShapedArray((), F64, weak))


def program(build: Callable[..., Sequence[Eqn]], *avals: ShapedArray) -> Jaxpr:
    """The jaxpr of the equations that `build` makes of its inputs; the outputs are those of the last equation."""
    inputs = [Var(a) for a in avals]
    eqns = build(*inputs)
    return Jaxpr((), tuple(inputs), tuple(eqns), tuple(eqns[-1].outvars))


def refused(check: Callable[[], None]) -> str:
    with pytest.raises(JaxprTypeError) as caught:
        check()
    return str(caught.value)


# -- types ------------------------------------------------------------------------------------------------------------

def test_a_right_program_passes() -> None:
    y, z, w = Var(VECTOR), Var(VECTOR), Var(SCALAR)
    check_jaxpr(program(lambda x: [
        eqn(mul_p, [x, lit(2.0, weak=True)], [y]), eqn(add_p, [y, x], [z]), eqn(reduce_sum_p, [z], [w], axes=(0,))], VECTOR))


def test_the_users_line_is_named() -> None:
    source = user_source()
    assert source is not None
    message = refused(lambda: check_jaxpr(program(lambda x: [eqn(add_p, [x, x], [Var(SCALAR)], source)], VECTOR)))
    code, line = source
    assert message == (
        "invalid jaxpr: b has the aval f64[], and 'add' gives f64[3].\n"
        "  in the equation: b:f64[] = add a a\n"
        f"  from {code.co_filename}:{line} (test_the_users_line_is_named)")


def test_avals_are_derived_with_weakness() -> None:
    weak = ShapedArray((), F64, True)
    check_jaxpr(program(lambda x: [eqn(add_p, [x, lit(1.0, weak=True)], [Var(weak)])], weak))
    assert refused(lambda: check_jaxpr(program(lambda x: [eqn(add_p, [x, lit(1.0)], [Var(weak)])], weak))) == (
        "invalid jaxpr: b has the aval f64*[], and 'add' gives f64[].\n"
        "  in the equation: b:f64*[] = add a 1.0:f64[]\n  from an unknown line")


def test_names_are_those_of_the_printed_jaxpr() -> None:
    y, z = Var(VECTOR), Var(SCALAR)
    bad = program(lambda x, _: [
        eqn(mul_p, [x, x], [y]), eqn(reduce_sum_p, [y], [Var(SCALAR)], axes=(0,)), eqn(mul_p, [y, y], [z])], VECTOR, SCALAR)
    assert "_:f64[] = reduce_sum[axes=(0,)] c" in str(bad)
    assert refused(lambda: check_jaxpr(bad)).startswith(
        "invalid jaxpr: d has the aval f64[], and 'mul' gives f64[3].\n  in the equation: d:f64[] = mul c c\n")


def _unbound(x: Var) -> list[Eqn]:
    y, z = Var(VECTOR), Var(VECTOR)
    return [eqn(add_p, [x, z], [y]), eqn(add_p, [x, y], [z])]


def _twice(x: Var) -> list[Eqn]:
    y = Var(VECTOR)
    return [eqn(add_p, [x, x], [y]), eqn(mul_p, [x, x], [y])]


class _HeldTracer(Tracer):
    __slots__ = ()

    def __init__(self) -> None:
        self._trace = Trace(None)
        self.aval = SCALAR


BAD = [
    (_unbound, "the operand c:f64[3] is not bound before its use.", "b:f64[3] = add a c"),
    (_twice, "b:f64[3] is bound twice.", "b:f64[3] = mul a a"),
    (lambda x: [eqn(add_p, [x, x], [x])], "a:f64[3] is bound twice.", "a:f64[3] = add a a"),
    (lambda x: [eqn(add_p, [x, x], [Var(VECTOR), Var(VECTOR)])], "'add' has 1 results here, and the equation 2 outputs.",
     "b:f64[3] c:f64[3] = add a a"),
    (lambda x: [eqn(reduce_sum_p, [x], [Var(SCALAR)], axes=[0])],
     "the param 'axes' is not hashable (list); use tuples and numbers.", "b:f64[] = reduce_sum[axes=<list>] a"),
    (lambda x: [eqn(reduce_sum_p, [x], [Var(SCALAR)], axes=(_HeldTracer(),))],
     "the param 'axes' holds a traced f64[] of trace; pass it as an operand instead.",
     "b:f64[] = reduce_sum[axes=(<_HeldTracer>,)] a"),
    (lambda x: [eqn(Primitive("empty_example"), [x], [Var(SCALAR)])],
     "primitive 'empty_example' has no abstract rule to derive the avals of its outputs.", "b:f64[] = empty_example a"),
    (lambda x: [eqn(add_p, [x, Literal(1.5, ShapedArray((), np.dtype("int64")))], [Var(VECTOR)])],
     "the value of the operand 1.5:i64[] is a float, which i64[] does not hold.", "b:f64[3] = add a 1.5:i64[]"),
    (lambda x: [eqn(add_p, [x, Literal(np.float32(1.5), SCALAR)], [Var(VECTOR)])],
     "the value of the operand 1.5:f64[] is a float32, which f64[] does not hold.", "b:f64[3] = add a 1.5:f64[]"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "problem", "equation"), BAD)
def test_bad_equations(build: Callable[[Var], list[Eqn]], problem: str, equation: str) -> None:
    message = refused(lambda: check_jaxpr(program(build, VECTOR)))
    assert message == f"invalid jaxpr: {problem}\n  in the equation: {equation}\n  from an unknown line"


def test_what_the_rule_refuses_is_an_error_of_the_jaxpr() -> None:
    message = refused(lambda: check_jaxpr(program(lambda x, y: [eqn(add_p, [x, y], [Var(MATRIX)])], VECTOR, MATRIX)))
    assert message.startswith(
        "invalid jaxpr: the abstract rule of 'add' refuses the operands: add: operands must have equal shapes")
    assert message.endswith("\n  in the equation: c:f64[3,3] = add a b\n  from an unknown line")


def test_outputs_and_inputs() -> None:
    x = Var(VECTOR)
    assert refused(lambda: check_jaxpr(Jaxpr((), (), (), (x,)))) == "invalid jaxpr: the output a:f64[3] is not bound."
    assert refused(lambda: check_jaxpr(Jaxpr((x,), (x,), (), ()))) == "invalid jaxpr: the input a:f64[3] is bound twice."
    literal = Literal(np.zeros(3), VECTOR)
    assert refused(lambda: check_jaxpr(Jaxpr((), (), (), (literal,)))) == (
        "invalid jaxpr: the literal output [0. 0. 0.] has the aval f64[3]; literals are scalars.")


def test_constants_match_their_variables() -> None:
    x = Var(VECTOR)
    jaxpr = Jaxpr((x,), (), (), (x,))
    check_jaxpr(ClosedJaxpr(jaxpr, (np.zeros(3),)))
    assert refused(lambda: check_jaxpr(ClosedJaxpr(jaxpr, ()))) == "invalid jaxpr: there are 0 constants for 1 constvars."
    assert refused(lambda: check_jaxpr(ClosedJaxpr(jaxpr, (np.zeros(2),)))) == (
        "invalid jaxpr: the constant of a:f64[3] is of type f64[2].")


def test_nested_jaxprs_are_checked() -> None:
    good = program(lambda x: [eqn(neg_p, [x], [Var(VECTOR)])], VECTOR)
    bad = program(lambda x: [eqn(neg_p, [x], [Var(SCALAR)])], VECTOR)
    check_jaxpr(program(lambda x: [eqn(call_p, [x], [Var(VECTOR)], jaxpr=ClosedJaxpr(good, ()))], VECTOR))
    outer = program(lambda x: [eqn(call_p, [x], [Var(SCALAR)], jaxpr=ClosedJaxpr(bad, ()))], VECTOR)
    assert refused(lambda: check_jaxpr(outer)) == (
        "invalid jaxpr: b has the aval f64[], and 'neg' gives f64[3].\n"
        "  in the equation: b:f64[] = neg a\n  from an unknown line")


# -- linearity --------------------------------------------------------------------------------------------------------

def vec() -> Var:
    return Var(VECTOR)


def _matmul(x: Var, y: Var) -> Eqn:
    return eqn(dot_general_p, [x, y], [vec()], dimension_numbers=(((0,), (0,)), ((), ())), precision=None,
               preferred_element_type=None)


BOOL = ShapedArray((3,), np.dtype(bool))

LINEAR = [
    ("neg", lambda x, y: [eqn(neg_p, [x], [vec()])], (True, False)),
    ("add", lambda x, y: [eqn(add_p, [x, y], [vec()])], (True, True)),
    ("add_self", lambda x, y: [eqn(add_p, [x, x], [vec()])], (True, False)),
    ("add_zero", lambda x, y: [eqn(add_p, [x, lit(0.0)], [vec()])], (True, False)),
    ("sub", lambda x, y: [eqn(sub_p, [x, y], [vec()])], (True, True)),
    ("mul_left", lambda x, y: [eqn(mul_p, [x, y], [vec()])], (True, False)),
    ("mul_right", lambda x, y: [eqn(mul_p, [x, y], [vec()])], (False, True)),
    ("mul_literal", lambda x, y: [eqn(mul_p, [x, lit(2.0)], [vec()])], (True, False)),
    ("div", lambda x, y: [eqn(div_p, [x, y], [vec()])], (True, False)),
    ("sum", lambda x, y: [eqn(reduce_sum_p, [x], [Var(SCALAR)], axes=(0,))], (True, False)),
    ("convert", lambda x, y: [eqn(convert_element_type_p, [x], [Var(ShapedArray((3,), np.dtype("float32")))],
                                  new_dtype=np.dtype("float32"), weak_type=False)], (True, False)),
    ("unrelated_sin", lambda x, y: [eqn(sin_p, [y], [z := vec()]), eqn(mul_p, [z, x], [vec()])], (True, False)),
]  # fmt: skip

NONLINEAR = [
    (lambda x, y: [eqn(sin_p, [x], [vec()])], (True, False),
     "the linear variable a enters 'sin', which has no transpose rule: it is not linear; its derivative is made of products.",
     "_:f64[3] = sin a"),
    (lambda x, y: [eqn(mul_p, [x, y], [vec()])], (True, True),
     "'mul' is not linear in the linear variables a and b together.", "_:f64[3] = mul a b"),
    (lambda x, y: [eqn(mul_p, [x, x], [vec()])], (True, False),
     "'mul' is not linear in the linear variables a and a together.", "_:f64[3] = mul a a"),
    (lambda x, y: [eqn(neg_p, [x], [z := vec()]), eqn(mul_p, [z, y], [vec()])], (True, True),
     "'mul' is not linear in the linear variables c and b together.", "_:f64[3] = mul c b"),
    (lambda x, y: [eqn(div_p, [y, x], [vec()])], (True, False), "'div' is not linear in the linear variable a.",
     "_:f64[3] = div b a"),
    (lambda x, y: [eqn(add_p, [x, lit(2.0)], [vec()])], (True, False),
     "'add' adds the constant 2.0:f64[] to the linear variable a: affine, not linear.", "_:f64[3] = add a 2.0:f64[]"),
    (lambda x, y: [eqn(sub_p, [lit(1.0, weak=True), x], [vec()])], (True, False),
     "'sub' adds the constant 1.0:f64*[] to the linear variable a: affine, not linear.", "_:f64[3] = sub 1.0:f64*[] a"),
    (lambda x, y: [eqn(convert_element_type_p, [x], [Var(ShapedArray((3,), np.dtype("int32")))], new_dtype=np.dtype("int32"),
                       weak_type=False)], (True, False), "'convert_element_type' is not linear in the linear variable a.",
     "_:i32[3] = convert_element_type[new_dtype=int32 weak_type=False] a"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "mask"), [row[1:] for row in LINEAR], ids=[row[0] for row in LINEAR])
def test_linear_uses_pass(build: Callable[..., list[Eqn]], mask: tuple[bool, ...]) -> None:
    check_jaxpr(program(build, VECTOR, VECTOR), linear=mask)


@pytest.mark.parametrize(("build", "mask", "problem", "equation"), NONLINEAR)
def test_other_uses_are_refused(
    build: Callable[..., list[Eqn]], mask: tuple[bool, ...], problem: str, equation: str,
) -> None:
    jaxpr = program(build, VECTOR, VECTOR)
    bare = Jaxpr((), jaxpr.invars, jaxpr.eqns, ())
    check_jaxpr(bare)
    message = refused(lambda: check_jaxpr(bare, linear=mask))
    assert message == f"invalid jaxpr: {problem}\n  in the equation: {equation}\n  from an unknown line"


def test_contractions_and_selections() -> None:
    product = program(lambda x, y: [_matmul(x, y)], MATRIX, VECTOR)
    check_linear(product, (True, False))
    check_linear(product, (False, True))
    assert "'dot_general' is not linear in the linear variables a and b together" in refused(
        lambda: check_linear(product, (True, True)))
    chosen = program(lambda p, x, y: [eqn(select_n_p, [p, x, y], [vec()])], BOOL, VECTOR, VECTOR)
    check_linear(chosen, (False, True, True))
    assert "the linear input a:bool[3] is neither floating nor complex" in refused(
        lambda: check_linear(chosen, (True, False, False)))


def test_zeros_may_be_broadcast() -> None:
    def build(x: Var) -> list[Eqn]:
        zeros = vec()
        return [eqn(broadcast_in_dim_p, [lit(0.0)], [zeros], shape=(3,), broadcast_dimensions=()),
                eqn(add_p, [x, zeros], [vec()])]

    check_jaxpr(program(build, VECTOR), linear=[True])


def test_nested_jaxprs_are_checked_for_linearity() -> None:
    inner = ClosedJaxpr(program(lambda x, y: [eqn(mul_p, [x, y], [vec()])], VECTOR, VECTOR), ())
    outer = program(lambda x, y: [eqn(call_p, [x, y], [vec()], jaxpr=inner)], VECTOR, VECTOR)
    check_linear(outer, (True, False))
    assert "'mul' is not linear in the linear variables a and b together." in refused(
        lambda: check_linear(outer, (True, True)))


def test_a_loop_carry_becomes_linear() -> None:
    """The carry starts without x; after one turn it depends on x, so the product with x is not linear."""
    def body(carry: Var, x: Var) -> list[Eqn]:
        product, total = vec(), vec()
        return [eqn(mul_p, [carry, x], [product]), eqn(add_p, [product, x], [total])]

    inner = ClosedJaxpr(program(body, VECTOR, VECTOR), ())
    outer = program(lambda c, x: [eqn(call_p, [c, x], [vec()], jaxpr=inner, num_consts=0, num_carry=1)], VECTOR, VECTOR)
    check_jaxpr(outer)
    assert "'mul' is not linear in the linear variables a and b together." in refused(
        lambda: check_linear(outer, (False, True)))


def test_the_mask_has_one_bit_an_input() -> None:
    jaxpr = program(lambda x: [eqn(neg_p, [x], [vec()])], VECTOR)
    assert refused(lambda: check_linear(jaxpr, (True, False))) == "the linear mask has 2 entries for 1 inputs of the jaxpr."
