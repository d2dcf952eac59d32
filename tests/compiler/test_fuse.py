"""Fusion by structure: what becomes one nest, what is stored, what is copied, and how sizes grow with the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from functrans import lax
from functrans.calls.jitted import jit
from functrans.compiler.driver import compile_jaxpr
from functrans.kernel import Contract, Nest, Program, Reduce, Store, node_accesses, postorder
from functrans.transforms.api import grad
from functrans.transforms.tracing import make_jaxpr

RNG = np.random.default_rng(21)
X = RNG.uniform(1, 2, size=(6, 7))


def program_of(fun: Callable[..., Any], *args: Any) -> Program:
    return compile_jaxpr(make_jaxpr(fun)(*args)).stages.program


def nests(program: Program) -> list[Nest]:
    return [s for s in program.steps if isinstance(s, Nest)]


def count_ops(program: Program, op: str) -> int:
    """How often an operation is evaluated by the program's text; one node counts once, however many use it."""
    found = 0
    for nest in nests(program):
        done: dict[int, None] = {}
        for s in nest.body:
            roots = s.nodes if isinstance(s, Reduce) else [n for n in (s.node, s.dynamic, s.mask) if n is not None]
            for root in roots:
                for node in postorder(root, done):
                    done[id(node)] = None
                    found += node.op == op
    return found


def is_copy(nest: Nest) -> bool:
    return not nest.serial and all(isinstance(s, Store) and s.node.op == "load" and not s.node.args for s in nest.body)


def copies(program: Program) -> int:
    return sum(map(is_copy, nests(program)))


def bytes_of_temps(program: Program) -> int:
    used = {load.attr.buffer for n in nests(program) for s in n.body
            for load in node_accesses(s.nodes if isinstance(s, Reduce) else (s.node,))}
    return sum(b.nbytes for b in used if b.role == "temp")


# -- elementwise --------------------------------------------------------------------------------------------------------

def test_a_chain_is_one_nest_without_temporaries() -> None:
    program = program_of(lambda x, y: lax.sqrt(lax.add(lax.mul(x, y), lax.neg(lax.div(x, 3.0)))), X, X)
    (nest,) = program.steps
    assert isinstance(nest, Nest) and len(nest.body) == 1 and bytes_of_temps(program) == 0


def test_several_results_of_one_shape_are_one_nest() -> None:
    program = program_of(lambda x: (lax.sqrt(x), lax.neg(lax.sqrt(x)), lax.add(x, 1.0)), X)
    (nest,) = program.steps
    assert isinstance(nest, Nest) and len(nest.body) == 3 and count_ops(program, "sqrt") == 1


def test_an_expensive_value_with_several_users_is_computed_once() -> None:
    def fun(x: Any) -> Any:
        root = lax.sqrt(lax.div(x, 3.0))
        return lax.add(root, lax.transpose(lax.transpose(root, (1, 0)), (1, 0))), lax.reduce_sum(root, [1]), lax.rev(root, (0,))

    program = program_of(fun, X)
    assert count_ops(program, "sqrt") == count_ops(program, "div") == 1


def test_a_cheap_value_is_repeated_rather_than_stored() -> None:
    program = program_of(lambda x: (lax.reduce_sum(lax.add(x, 1.0), [0]), lax.reduce_sum(lax.add(x, 1.0), [1])), X)
    assert count_ops(program, "add") == 2 and bytes_of_temps(program) == 0


def test_sharing_does_not_multiply_work() -> None:
    """Each value is used twice: as trees the expression has 2**40 leaves."""
    def fun(x: Any) -> Any:
        for _ in range(40):
            x = lax.mul(lax.add(x, 1.0), lax.sub(x, 0.5))
        return x

    assert count_ops(program_of(fun, X), "mul") < 100


def test_broadcasting_does_not_repeat_work() -> None:
    program = program_of(lambda v: lax.add(lax.broadcast_in_dim(lax.sqrt(lax.div(v, 3.0)), (50, 7), (1,)), 1.0), X[0])
    assert [n.axes for n in nests(program)] == [(7,), (50, 7)]
    assert "sqrt" not in str(nests(program)[1])


def test_a_reduction_takes_its_producers_along() -> None:
    program = program_of(lambda x, y: lax.reduce_sum(lax.mul(lax.sub(x, y), lax.sub(x, y)), [1]), X, X)
    (nest,) = program.steps
    assert isinstance(nest, Nest) and nest.reduce == 1 and isinstance(nest.body[0], Reduce)


def test_a_reduction_over_unit_axes_is_a_view() -> None:
    program = program_of(lambda x: lax.neg(lax.reduce_sum(x, [0, 2])), X[None, :, :1])
    assert [n.reduce for n in nests(program)] == [0]


# -- dead code ----------------------------------------------------------------------------------------------------------

def test_results_nobody_needs_are_not_computed() -> None:
    program = program_of(lambda x: (lax.sqrt(x), lax.add(x, 1.0))[1], X)
    assert count_ops(program, "sqrt") == 0 and len(program.steps) == 1


def test_stores_nobody_reads_are_pruned() -> None:
    """The expensive value is stored for its two users; both are in its own nest, which forwards it."""
    def fun(x: Any) -> Any:
        e = lax.sqrt(lax.div(x, 3.0))
        return lax.add(e, lax.mul(e, x))

    (nest,) = program_of(fun, X).steps
    assert isinstance(nest, Nest) and len(nest.body) == 1


def test_padding_keeps_both_of_its_stores() -> None:
    """Each overwrites a part of the buffer, and neither is dead."""
    program = program_of(lambda x: lax.neg(lax.pad(x, 0.0, ((1, 1, 0), (0, 0, 1)))), X)
    assert [n.axes for n in nests(program)] == [(8, 13), (6, 7), (8, 13)]


# -- views ----------------------------------------------------------------------------------------------------------------

VIEWS: dict[str, Callable[[Any], Any]] = {
    "transpose": lambda x: lax.transpose(x, (1, 0)),
    "reshape": lambda x: lax.reshape(x, (2, 3, 7)),
    "slice": lambda x: lax.slice(x, (1, 2), (6, 7), (2, 3)),
    "reverse": lambda x: lax.rev(x, (0, 1)),
    "broadcast": lambda x: lax.broadcast_in_dim(x, (6, 3, 7), (0, 2)),
    "reshape of a slice": lambda x: lax.reshape(lax.slice(x, (2, 0), (6, 7)), (2, 14)),
    "split of a transpose": lambda x: lax.reshape(lax.transpose(x, (1, 0)), (7, 2, 3)),
    "slice of a broadcast of a reverse": lambda x: lax.slice(lax.broadcast_in_dim(lax.rev(x, (1,)), (2, 6, 7), (1,
        2)), (0, 1, 1), (2, 4, 6)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_copy_nothing(name: str, check: Any) -> None:
    executable = check(lambda x: lax.mul(VIEWS[name](x), 2.0), X)
    program = executable.stages.program
    assert len(program.steps) == 1 and bytes_of_temps(program) == 0
    summed = check(lambda x: lax.reduce_sum(VIEWS[name](lax.add(x, 1.0)), [0]), X)
    assert len(summed.stages.program.steps) == 1 and bytes_of_temps(summed.stages.program) == 0


def test_a_flattened_transpose_is_copied_once(check: Any) -> None:
    """No strides say it: one copy, after which it is contiguous."""
    executable = check(lambda x: lax.mul(lax.reshape(lax.transpose(x, (1, 0)), (42,)), 2.0), X)
    assert copies(executable.stages.program) == 1 and len(executable.stages.program.steps) == 2


def test_concatenation_writes_each_operand_in_place(check: Any) -> None:
    executable = check(lambda x, y: lax.concatenate([lax.mul(x, 2.0), lax.neg(y)], 1), X, X)
    program = executable.stages.program
    assert len(program.steps) == 2 and copies(program) == 0 and bytes_of_temps(program) == 0


def test_padding_is_written_in_place(check: Any) -> None:
    executable = check(lambda x: lax.pad(lax.mul(x, 2.0), 0.0, ((1, 2, 0), (0, 1, 1))), X)
    program = executable.stages.program
    assert len(program.steps) == 2 and copies(program) == 0 and bytes_of_temps(program) == 0


def test_reshaped_results_are_written_in_place(check: Any) -> None:
    executable = check(lambda x: lax.reshape(lax.reduce_sum(x, [0]), (7, 1)), X)
    assert len(executable.stages.program.steps) == 1


# -- contractions -----------------------------------------------------------------------------------------------------------

A, B = RNG.normal(size=(16, 24)), RNG.normal(size=(24, 32))


def contractions(program: Program) -> list[Contract]:
    return [s for s in program.steps if isinstance(s, Contract)]


@pytest.mark.parametrize("name, fun, args, expected", [
    ("plain", lax.dot, (A, B), 0),
    ("left transposed", lambda a, b: lax.dot(lax.transpose(a, (1, 0)), b), (A.T.copy(), B), 0),
    ("both transposed", lambda a, b: lax.neg(lax.dot(lax.transpose(a, (1, 0)), lax.transpose(b, (1, 0)))), (A.T.copy(), B.T.copy()), 0),
    ("right transposed", lambda a, b: lax.dot(a, lax.transpose(b, (1, 0))), (A, B.T.copy()), 1),
    ("result transposed", lambda a, b: lax.neg(lax.transpose(lax.dot(a, b), (1, 0))), (A, B), 0),
    ("rows sliced", lambda a, b: lax.dot(lax.slice(a, (4, 0), (16, 24)), b), (A, B), 0),
    ("columns sliced", lambda a, b: lax.dot(a, lax.slice(b, (0, 8), (24, 24))), (A, B), 0),
    ("one operand for all batches", lambda a, b: lax.batch_matmul(lax.broadcast_in_dim(a, (3, 16, 24), (1, 2)), b),
     (A, np.stack([B, B, B])), 0),
])
def test_contractions_read_operands_as_they_lie(name: str, fun: Any, args: Any, expected: int, check: Any) -> None:
    executable = check(fun, *args)
    program = executable.stages.program
    assert len(contractions(program)) == 1 and copies(program) == expected


def test_vectors_contract_in_one_fused_nest() -> None:
    program = program_of(lambda a, v: lax.dot(a, lax.add(v, 1.0)), A, B[:, 0].copy())
    (nest,) = program.steps
    assert isinstance(nest, Nest) and nest.reduce == 1


# -- linear size ------------------------------------------------------------------------------------------------------------

def unrolled(steps: int) -> Callable[[Any, Any], Any]:
    def fun(x: Any, w: Any) -> Any:
        for _ in range(steps):
            h = lax.dot(x, w)
            x = lax.sub(x, lax.mul(lax.div(h, lax.sqrt(lax.add(lax.mul(h, h), 1.0))), 0.1))
        return lax.reduce_sum(x, [0, 1])

    return fun


@pytest.mark.parametrize("transform", [lambda f: f, grad], ids=["function", "gradient"])
def test_equal_steps_share_their_kernels(transform: Callable[..., Any]) -> None:
    args = (RNG.normal(size=(8, 16)), RNG.normal(size=(16, 16)) / 4)
    stages = {n: compile_jaxpr(make_jaxpr(transform(unrolled(n)))(*args)).stages for n in (15, 30, 150)}
    assert stages[15].module.kernels == stages[150].module.kernels
    steps = {n: len(s.program.steps) for n, s in stages.items()}
    assert steps[150] - steps[30] == 8 * (steps[30] - steps[15])


def test_memory_of_unrolled_steps_is_reused() -> None:
    args = (RNG.normal(size=(8, 16)), RNG.normal(size=(16, 16)) / 4)
    few, many = (compile_jaxpr(make_jaxpr(unrolled(n))(*args)).stages.module.arena_bytes for n in (15, 150))
    assert few == many


def test_long_chains_compile_and_print(check: Any) -> None:
    """Thousands of operations on one path: no stage recurses, and no nest grows without bound."""
    def fun(x: Any) -> Any:
        for i in range(3000):
            x = lax.add(lax.mul(x, 0.5), float(i % 7))
        return x

    executable = check(fun, X)
    assert executable.stages.module.kernels < 20
    assert max(len(str(n).splitlines()) for n in nests(executable.stages.program)) < 20_000


def test_many_calls_are_cut_into_parts(check: Any) -> None:
    """More steps than one function of calls holds."""
    def fun(x: Any) -> Any:
        for _ in range(600):
            x = lax.concatenate([lax.slice(x, (1,), (9,)), lax.slice(x, (0,), (1,))], 0)
        return x

    executable = check(fun, np.arange(9.0))
    assert len(executable.stages.program.steps) > 512 and "@part2(" in executable.stages.module.text


# -- stages as text -----------------------------------------------------------------------------------------------------------

def test_kernels_as_text() -> None:
    text = jit(lambda x: lax.reduce_sum(lax.mul(x, x), [1])).lower(X).as_text("kernels")
    assert text == ("nest [6] reduce [7]\n"
                    "  %0 = load(input0:float64[6, 7]@0[7, 1]):float64\n"
                    "  %1 = mul(%0, %0):float64\n"
                    "  output0:float64[6]@0[1, 0] = reduce add(%1)")


def test_shared_expressions_print_in_linear_size() -> None:
    def fun(x: Any) -> Any:
        for _ in range(200):
            y = lax.mul(x, x)
            x = lax.add(y, lax.mul(y, x))
        return x

    assert len(jit(fun).lower(X).as_text("kernels")) < 60_000


# -- order and aliasing -------------------------------------------------------------------------------------------------------

def test_groups_of_two_shapes_that_read_from_each_other(check: Any) -> None:
    """Each value is stored for two users, and each shape's open nest must close before the other reads from it."""
    def fun(x: Any) -> Any:
        outs = []
        for i in range(6):
            row = lax.sqrt(lax.add(lax.div(lax.reduce_sum(x, [1]), 50.0), float(i)))
            spread = lax.broadcast_in_dim(row, (6, 7), (0,))
            x = lax.div(lax.add(x, spread), lax.add(lax.mul(x, spread), 1.0))
            outs += [row, lax.transpose(x, (1, 0))]
        return (*outs, x)

    check(fun, X)


def test_values_read_from_another_place_than_they_are_written(check: Any) -> None:
    """Loads of a value reversed, sliced and reshaped, in the nest that would write it."""
    def fun(x: Any) -> Any:
        e = lax.sqrt(lax.div(x, 3.0))
        back = lax.add(lax.rev(e, (1,)), e)
        square = lax.slice(e, (0, 0), (6, 6))
        return back, lax.add(square, lax.transpose(square, (1, 0))), lax.add(lax.reshape(lax.reshape(e, (42,)), (6, 7)), back)

    check(fun, X)


def test_scatters_leave_their_operand_as_it_was(check: Any) -> None:
    into = lax.ScatterDimensionNumbers((1,), (0,), (0,))

    def fun(x: Any) -> Any:
        e = lax.sqrt(lax.div(x, 3.0))
        y = lax.scatter_add(e, np.array([[1], [1], [3]]), lax.slice(e, (0, 0), (3, 7)), into, mode="clip")
        z = lax.scatter(y, np.array([[0], [0]]), lax.slice(y, (1, 0), (3, 7)), into, mode="clip")
        return lax.add(e, y), z, lax.sub(z, e)

    check(fun, X)


def test_complex_values_in_one_nest(check: Any) -> None:
    def fun(x: Any) -> Any:
        c = lax.complex(lax.sqrt(lax.div(x, 3.0)), lax.div(x, lax.add(x, 2.0)))
        d = lax.mul(c, lax.conj(c))
        return c, d, lax.add(lax.real(d), lax.imag(lax.mul(c, d))), lax.transpose(c, (1, 0)), lax.rev(c, (1,))

    check(fun, X)


def test_many_results_of_one_shape(check: Any) -> None:
    """More stores than one nest takes."""
    def fun(x: Any) -> Any:
        outs = [lax.sqrt(x)]
        for i in range(60):
            outs.append(lax.div(lax.add(outs[-1], outs[i // 2]), lax.add(x, float(i))))
        return tuple(outs)

    check(fun, X)
