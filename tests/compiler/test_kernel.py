"""The kernel IR: its interpreter agrees with NumPy and with compiled code, and its verifier refuses malformed programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from functrans import lax
from functrans.compiler.driver import compile_jaxpr
from functrans.kernel import Access, Buffer, Contract, Nest, Node, Program, Reduce, Sort, Store, affine_index, const
from functrans.kernel_interpret import convert, run
from functrans.kernel_verify import KernelError, verify
from functrans.transforms.tracing import make_jaxpr

F64, F32, I64, BOOL = (np.dtype(name) for name in ("float64", "float32", "int64", "bool"))
RNG = np.random.default_rng(20)
X = RNG.normal(size=(4, 5))
Y = RNG.normal(size=(5, 6))
Z = RNG.normal(size=(3, 4, 5))
C = RNG.normal(size=(4, 5)) + 1j * RNG.normal(size=(4, 5))
K = RNG.integers(-9, 9, size=(4, 5))
ROWS = lax.GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
INTO_ROWS = lax.ScatterDimensionNumbers(update_window_dims=(1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
INTO_POINTS = lax.ScatterDimensionNumbers(update_window_dims=(), inserted_window_dims=(0, 1), scatter_dims_to_operand_dims=(0, 1))
WHERE = np.array([[2], [0], [2], [7]])
POINTS = np.array([[2, 1], [0, 4], [2, 1], [3, 3], [9, 0], [2, 1]])


def softmax_like(x: Any) -> Any:
    top = lax.broadcast_in_dim(lax.reduce_max(x, [1]), x.shape, (0,))
    e = lax.mul(lax.sub(x, top), lax.sub(x, top))
    return lax.div(e, lax.broadcast_in_dim(lax.reduce_sum(e, [1]), x.shape, (0,)))


def scatter_by(name: str, mode: str) -> Callable[..., Any]:
    return lambda x, u: getattr(lax, name)(x, WHERE, u, INTO_ROWS, mode=mode)


def stack_of(n: int) -> Callable[..., Any]:
    return lambda x: lax.concatenate([lax.mul(x, float(i)) for i in range(n)], 0)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "add": (lambda x: lax.add(x, 1.0), (X,)),
    "scalar operands": (lambda x, s: lax.mul(lax.add(x, s), s), (X, 2.5)),
    "no axes": (lambda s, t: lax.sub(lax.mul(s, t), t), (2.0, 3.0)),
    "identity": (lambda x: x, (X,)),
    "input, literal and result": (lambda x: (x, 3.0, lax.neg(x), x), (X,)),
    "one result twice": (lambda x: (lambda y: (y, y, lax.reshape(y, (20,))))(lax.neg(x)), (X,)),
    "transpose": (lambda x: lax.transpose(x, (2, 0, 1)), (Z,)),
    "sort of rows": (lambda x: lax.sort(x), (RNG.normal(size=(3, 7)),)),
    "sort of long rows": (lambda x: lax.sort(x), (RNG.normal(size=(3, 100)),)),
    "sort of columns": (lambda x: lax.sort(x, 0), (K,)),
    "sort by two keys": (lambda x, k: lax.sort((k, x, x), num_keys=2), (RNG.normal(size=(2, 90)), RNG.integers(0, 3, (2, 90)))),
    "sort of small integers": (lambda k: lax.sort(k, 0), (RNG.integers(-9, 9, 300).astype(np.int16),)),
    "sort of complex numbers": (lambda c: lax.sort(c), (C,)),
    "running sums": (lambda x: (lax.cumsum(x, 1), lax.cumsum(x, 0, reverse=True)), (X,)),
    "running sums of wide rows": (lambda x: lax.cumsum(x, 0), (RNG.normal(size=(5, 64)),)),
    "running sums of narrow rows": (lambda x: lax.cumsum(x, 0), (RNG.normal(size=(32, 2)),)),
    "running products of complex numbers": (lambda c: lax.cumprod(c, 0), (C,)),
    "large transpose": (lambda x: lax.transpose(x, (1, 0)), (RNG.normal(size=(37, 50)),)),
    "reshape of a transpose": (lambda x: lax.reshape(lax.transpose(x, (1, 0)), (2, 10)), (X,)),
    "reshape of a sum": (lambda x: lax.reshape(lax.reduce_sum(x, [0]), (2, 2, 5)), (Z,)),
    "sum and its reshape": (lambda x: (lambda s: (s, lax.reshape(s, (5, 4))))(lax.reduce_sum(x, [0])), (Z,)),
    "reshape of a product": (lambda x, y: lax.reshape(lax.dot(x, y), (2, 2, 6)), (X, Y)),
    "reverse": (lambda x: lax.rev(lax.add(x, 1.0), (0, 1)), (X,)),
    "slice with steps": (lambda x: lax.slice(x, (0, 1, 1), (3, 4, 5), (2, 1, 3)), (Z,)),
    "slice of reverse of transpose": (lambda x: lax.slice(lax.rev(lax.transpose(x, (1, 0)), (1,)), (1, 0), (5, 4), (3, 2)), (X,)),
    "broadcast": (lambda x: lax.broadcast_in_dim(x, (3, 4, 2, 5), (1, 3)), (X,)),
    "broadcast of ones": (lambda x: lax.broadcast_in_dim(lax.reshape(x, (4, 1, 5, 1)), (4, 7, 5, 2), (0, 1, 2, 3)), (X,)),
    "concatenate": (lambda x: lax.concatenate([x, lax.neg(x), lax.slice(x, (0, 0), (4, 2))], 1), (X,)),
    "concatenate many": (stack_of(7), (X,)),
    "pad": (lambda x: lax.pad(x, 7.0, ((1, 2, 1), (-1, -1, 2))), (X,)),
    "pad crops interior": (lambda x: lax.pad(x, 0.5, ((-2, -1, 1), (3, -4, 2))), (X,)),
    "pad complex": (lambda x: lax.pad(x, 1j, ((1, 0, 0), (0, 2, 1))), (C,)),
    "iota": (lambda x: lax.add(x, lax.broadcasted_iota(np.float64, (4, 5), 1)), (X,)),
    "reversed iota": (lambda: lax.rev(lax.broadcasted_iota(np.int32, (4, 5), 1), (0, 1)), ()),
    "sum": (lambda x: lax.reduce_sum(lax.mul(x, x), [1]), (X,)),
    "sum over all": (lambda x: lax.reduce_sum(x, [0, 1, 2]), (Z,)),
    "sum over the middle": (lambda x: lax.reduce_sum(x, [1]), (Z,)),
    "sum over the outside": (lambda x: lax.reduce_sum(x, [0, 2]), (Z,)),
    "sum over nothing": (lambda x: lax.reduce_sum(lax.neg(x), []), (Z,)),
    "sum over a unit axis": (lambda x: lax.reduce_sum(x, [0, 1]), (Z[:1],)),
    "sum over unit axes only": (lambda x: lax.reduce_sum(x, [0, 2]), (Z[:1, :, :1],)),
    "argmax over a unit axis": (lambda x: lax.argmax(x, 1, np.int32), (X[:, :1],)),
    "products": (lambda x: lax.reduce_prod(x, [0]), (X,)),
    "minima and maxima": (lambda x: (lax.reduce_min(x, [0]), lax.reduce_max(x, [1])), (X,)),
    "of integers": (lambda k: (lax.reduce_min(k, [0]), lax.reduce_max(k, [1]), lax.reduce_sum(k, [0]), lax.reduce_prod(k, [1])), (K,)),
    "bits": (lambda k: (lax.reduce_and(k, [0]), lax.reduce_or(k, [1]), lax.reduce_xor(k, [0, 1])), (K,)),
    "any, all": (lambda k: (lax.reduce_and(lax.gt(k, 0), [0]), lax.reduce_or(lax.gt(k, 7), [1])), (K,)),
    "argmin, argmax": (lambda k: (lax.argmin(k, 0, np.int32), lax.argmax(k, 1, np.int64)), (K,)),
    "argmax with nan": (lambda x: (lax.argmax(x, 0, np.int32), lax.argmin(x, 0, np.int32)),
                        (np.array([1.0, np.nan, 3.0, np.nan, -np.inf]),)),
    "argmin of infinities": (lambda x: lax.argmin(x, 1, np.int32), (np.full((3, 19), np.inf),)),
    "complex sum": (lambda c: lax.reduce_sum(c, [0]), (C,)),
    "complex product": (lambda c: lax.reduce_prod(c, [1]), (C,)),
    "complex product over a unit axis": (lambda c: lax.reduce_prod(c, [1]), (C[:, :1],)),
    "complex arithmetic": (lambda c: lax.mul(lax.add(c, c), lax.conj(c)), (C,)),
    "complex parts": (lambda c: (lax.real(c), lax.imag(c), lax.complex(lax.imag(c), lax.real(c))), (C,)),
    "complex reshape of a transpose": (lambda c: lax.reshape(lax.transpose(c, (1, 0)), (20,)), (C,)),
    "matrix product": (lax.dot, (X, Y)),
    "matrix product of transposes": (lambda x, y: lax.dot(lax.transpose(y, (1, 0)), lax.transpose(x, (1, 0))), (X, Y)),
    "larger product": (lax.dot, (RNG.normal(size=(33, 40)), RNG.normal(size=(40, 29)))),
    "vectors": (lax.dot, (X[0], X[1])),
    "matrix and vector": (lax.dot, (X, X[0])),
    "batched product": (lax.batch_matmul, (RNG.normal(size=(3, 8, 9)), RNG.normal(size=(3, 9, 8)))),
    "product over two axes": (lambda x, y: lax.dot_general(x, y, (((1, 2), (1, 2)), ((), ()))), (Z, RNG.normal(size=(6, 4, 5)))),
    "batched, transposed": (lambda x, y: lax.dot_general(x, y, (((0,), (2,)), ((2,), (0,)))),
                            (RNG.normal(size=(9, 8, 3)), RNG.normal(size=(3, 10, 9)))),
    "no batches": (lax.batch_matmul, (np.zeros((0, 8, 8)), np.zeros((0, 8, 8)))),
    "nothing to contract": (lax.dot, (np.zeros((8, 0)), np.zeros((0, 9)))),
    "complex matrix product": (lambda c: lax.dot(c, lax.transpose(c, (1, 0))), (C,)),
    "complex and real": (lambda c, x: lax.dot(c, lax.convert_element_type(x, np.complex128)), (C, Y)),
    "integer product": (lambda k: lax.dot(k, lax.transpose(k, (1, 0))), (K,)),
    "normalised rows": (softmax_like, (X,)),
    "select": (lambda x: lax.select(lax.gt(x, 0.0), x, lax.neg(x)), (X,)),
    "gather, filled": (lambda x: lax.gather(x, WHERE, ROWS, (1, 5)), (X,)),
    "gather, clipped": (lambda x: lax.gather(x, WHERE, ROWS, (1, 5), mode="clip"), (X,)),
    "gather of an expression": (lambda x: lax.gather(lax.mul(lax.add(x, 1.0), lax.div(x, 3.0)), WHERE, ROWS, (1, 5), mode="clip"), (X,)),
    "gather complex": (lambda c: lax.gather(c, WHERE, ROWS, (1, 5)), (C,)),
    "scatter": (scatter_by("scatter", "drop"), (X, Z[0])),
    "scatter, clipped": (scatter_by("scatter", "clip"), (X, Z[0])),
    "scatter_add": (scatter_by("scatter_add", "clip"), (X, Z[0])),
    "scatter_add complex": (scatter_by("scatter_add", "drop"), (C, lax.conj(C))),
    "scatter_mul": (scatter_by("scatter_mul", "drop"), (X, Z[0])),
    "scatter_min": (scatter_by("scatter_min", "drop"), (X, Z[0])),
    "scatter_max": (scatter_by("scatter_max", "drop"), (X, Z[0])),
    "scatter to points": (lambda x, u: lax.scatter(x, POINTS, u, INTO_POINTS), (X, np.arange(6.0))),
    "scatter_add to points": (lambda x, u: lax.scatter_add(x, POINTS, u, INTO_POINTS), (X, np.arange(6.0))),
    "scatter of its own operand": (lambda x: lax.scatter_add(x, WHERE, lax.mul(x, 2.0), INTO_ROWS), (X,)),
    "dynamic_slice": (lambda x, i: lax.dynamic_slice(x, [i, 1], [2, 3]), (X, 9)),
    "dynamic_update_slice": (lambda x, i: lax.dynamic_update_slice(x, lax.slice(x, (0, 0), (2, 2)), [i, 2]), (X, 1)),
    "updates in a row": (lambda x: lax.dynamic_update_slice(lax.dynamic_update_slice(x, lax.neg(lax.slice(x, (0, 0), (1, 5))), [1, 0]),
                                                            lax.slice(x, (0, 0), (1, 5)), [2, 0]), (X,)),
    "empty": (lambda x: lax.add(lax.mul(x, 2.0), x), (np.zeros((0, 3)),)),
    "empty sum": (lambda x: (lax.reduce_sum(x, [0]), lax.reduce_sum(x, [1]), lax.reduce_prod(x, [0, 1])), (np.zeros((0, 3)),)),
    "empty vector sum": (lambda x: (lax.reduce_sum(x, [0]), lax.reduce_min(x, [0]), lax.reduce_max(x, [0])), (np.zeros(0),)),
    "empty reductions of bits": (lambda k: (lax.reduce_and(k, [0]), lax.reduce_or(k, [0]), lax.reduce_xor(k, [0])),
        (np.zeros((0, 2), int),)),
    "empty concatenate": (lambda x: lax.concatenate([x, lax.slice(x, (0, 0), (0, 5))], 0), (X,)),
    "half precision": (lambda h: (lax.add(lax.mul(h, h), h), lax.reduce_sum(h, [0, 1])), (X.astype(np.float16),)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_interpreted_compiled_and_eager_agree(name: str, check: Any) -> None:
    fun, args = PROGRAMS[name]
    check(fun, *args, tolerance=2e-3 if name == "half precision" else 1e-13)


def test_a_failed_check_raises_in_both(check: Any) -> None:
    def fun(x: Any, i: Any) -> Any:
        return lax.gather(x, i, ROWS, (1, 5), mode="error")

    inside, outside = np.array([[1], [3]]), np.array([[1], [4]])
    executable = check(fun, X, inside)
    with pytest.raises(IndexError) as interpreted:
        run(executable.stages.program, [X, outside])
    with pytest.raises(IndexError) as compiled:
        executable([X, outside])
    assert str(interpreted.value) == str(compiled.value) == executable.stages.program.checks[0]


def test_run_refuses_wrong_inputs() -> None:
    program = compile_jaxpr(make_jaxpr(lambda x: lax.neg(x))(X)).stages.program
    with pytest.raises(ValueError, match=r"input 0 has shape \(5, 4\) and dtype float64; the program takes float64\[4, 5\]\."):
        run(program, [X.T])
    with pytest.raises(ValueError, match="dtype float32"):
        run(program, [X.astype(np.float32)])


def test_run_does_not_touch_its_inputs() -> None:
    x = X.copy()
    program = compile_jaxpr(make_jaxpr(lambda x: lax.scatter_add(x, WHERE, x, INTO_ROWS))(x)).stages.program
    run(program, [x])
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
def test_conversion_saturates(dtype: str) -> None:
    info = np.iinfo(dtype)
    x = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, float(info.max) * 4, 1.9, -0.9, float(info.min)])
    want = [0, info.max, info.min, info.max, info.min, info.max, 1, 0, info.min]
    np.testing.assert_array_equal(convert(x, dtype), np.array(want, dtype))


# -- programs by hand ---------------------------------------------------------------------------------------------------

def load(buffer: Buffer, strides: tuple[int, ...], offset: int = 0, dynamic: Node | None = None) -> Node:
    return Node("load", () if dynamic is None else (dynamic,), buffer.elem, Access(buffer, offset, strides))


def test_serial_nests_run_in_row_major_order() -> None:
    """A running sum, which reads what the point before has written: y[i + 1] = y[i] + x[i]."""
    x, y = Buffer(F64, (5,), "input", 0), Buffer(F64, (6,), "output", 0)
    first = Nest((), 0, (Store(Access(y, 0, ()), const(0.0, "float64")),))
    step = Nest((5,), 0, (Store(Access(y, 1, (1,)), Node("add", (load(y, (1,)), load(x, (1,))), "float64")),), serial=True)
    (out,) = run(Program([x], [y], steps=[first, step]), [np.arange(1.0, 6.0)])
    np.testing.assert_array_equal(out, np.cumsum([0, 1, 2, 3, 4, 5]))


def test_serial_statements_interleave() -> None:
    """Two stores to one element at each point: the second point's first store overwrites the first point's second."""
    y = Buffer(I64, (3,), "output", 0)
    index = affine_index(0, (1,))
    body = (Store(Access(y, 0, (1,)), index), Store(Access(y, 1, (1,)), Node("neg", (index,), "int64")))
    (out,) = run(Program([], [y], steps=[Nest((2,), 0, body, serial=True)]), [])
    np.testing.assert_array_equal(out, [0, 1, -1])


def test_unwritten_elements_are_poison() -> None:
    y = Buffer(F64, (3,), "output", 0)
    (out,) = run(Program([], [y], steps=[Nest((2,), 0, (Store(Access(y, 0, (1,)), const(1.0, "float64")),))]), [])
    np.testing.assert_array_equal(out, [1.0, 1.0, np.nan])


def test_run_refuses_to_leave_a_buffer() -> None:
    x, y = Buffer(F64, (3,), "input", 0), Buffer(F64, (3,), "output", 0)
    steps: list[Nest | Contract] = [Nest((3,), 0, (Store(Access(y, 0, (1,)), load(x, (1,), dynamic=affine_index(-1, (1,)))),))]
    with pytest.raises(KernelError, match="reaches elements -1 to 3 of 3"):
        run(Program([x], [y], steps=steps), [np.zeros(3)])


# -- the verifier ---------------------------------------------------------------------------------------------------------

IN, OUT, TEMP = Buffer(F64, (4, 5), "input", 0), Buffer(F64, (4, 5), "output", 0), Buffer(F64, (4, 5), "temp", 0)
SUMS, FLOATS, INTS, BOOLS = (Buffer(d, (4,), "output", 1) for d in (F64, F32, I64, BOOL))
A, B, CC = (Buffer(F64, s, r, 0) for s, r in (((8, 9), "input"), ((9, 7), "input"), ((8, 7), "output")))
KEYS = Buffer(np.dtype("uint64"), (4,), "input", 2)
OK = load(IN, (5, 1))
FLAT = (5, 1)


def nest(*body: Store | Reduce, reduce: int = 0, serial: bool = False) -> Nest:
    return Nest((4, 5), reduce, body, serial)


def op(name: str, *args: Node, dtype: str = "float64") -> Node:
    return Node(name, args, dtype)


def product(**changes: Any) -> Contract:
    given: dict[str, Any] = {"c": Access(CC, 0, (7, 1)), "a": Access(A, 0, (9, 1)), "b": Access(B, 0, (7, 1)), "elem": "float64"}
    return Contract(batch=(), m=8, n=7, k=9, **(given | changes))


MALFORMED: dict[str, tuple[Any, str]] = {
    "load past the end": (nest(Store(Access(OUT, 0, FLAT), load(IN, FLAT, 1))), "reaches elements 1 to 20 of 20"),
    "load before the start": (nest(Store(Access(OUT, 0, FLAT), load(IN, (5, -1)))), "reaches elements -4 to 15 of 20"),
    "store past the end": (nest(Store(Access(OUT, 0, (5, 2)), OK)), "reaches elements 0 to 23 of 20"),
    "strides of another rank": (nest(Store(Access(OUT, 0, (1,)), OK)), "has 1 strides for 2 axes"),
    "read before written": (nest(Store(Access(OUT, 0, FLAT), load(TEMP, FLAT))), r"temp0:float64\[4, 5\] is read before it is written"),
    "combined before written": (nest(Store(Access(OUT, 0, FLAT), OK, combine="add"), serial=True),
                                r"output0:float64\[4, 5\] is combined with before it is written"),
    "load of another type": (nest(Store(Access(OUT, 0, FLAT), Node("load", (), "float32", Access(IN, 0, FLAT)))), "is typed float32"),
    "store of another type": (nest(Store(Access(FLOATS, 0, (1, 0)), OK)), "float64 is stored into output1:float32"),
    "mixed operands": (nest(Store(Access(OUT, 0, FLAT), op("add", OK, const(1, "int64")))),
                       r"add of operands \['float64', 'int64'\]"),
    "a comparison that gives floats": (nest(Store(Access(OUT, 0, FLAT), op("lt", OK, OK))), "lt gives float64 of operands"),
    "arithmetic of another type": (nest(Store(Access(INTS, 0, (1, 0)), op("add", OK, OK, dtype="int64"))), "add gives int64"),
    "arithmetic that gives booleans": (nest(Store(Access(BOOLS, 0, (1, 0)), op("add", OK, OK, dtype="bool"))), "add gives bool"),
    "select by a number": (nest(Store(Access(OUT, 0, FLAT), op("select", OK, OK, OK))), "select of"),
    "select of two types": (nest(Store(Access(OUT, 0, FLAT), op("select", op("lt", OK, OK, dtype="bool"), OK, const(1, "int64")))),
                            r"select of \['bool', 'float64', 'int64'\]"),
    "an unknown operation": (nest(Store(Access(OUT, 0, FLAT), op("frobnicate", OK))), "unknown operation 'frobnicate'"),
    "a dynamic load by floats": (nest(Store(Access(OUT, 0, FLAT), load(IN, (0, 0), dynamic=OK))),
        r"a dynamic offset of type \['float64'\]"),
    "a dynamic store by floats": (nest(Store(Access(OUT, 0, (0, 0)), OK, dynamic=OK), serial=True), "a dynamic offset of type float64"),
    "a mask of floats": (nest(Store(Access(OUT, 0, FLAT), OK, mask=OK)), "a mask of type float64"),
    "an unknown combination": (nest(Store(Access(OUT, 0, FLAT), OK, combine="sub"), serial=True), "unknown combination 'sub'"),
    "a combining parallel nest": (nest(Store(Access(OUT, 0, FLAT), OK, combine="add")), "a combining store needs a serial nest"),
    "an unknown reduction": (nest(Reduce("mean", (OK,), (Access(SUMS, 0, (1, 0)),)), reduce=1), "reduce mean has 1 states"),
    "too few states": (nest(Reduce("argmax", (OK,), (Access(SUMS, 0, (1, 0)),)), reduce=1), "reduce argmax has 1 states and 1 results"),
    "a result along a reduce axis": (nest(Reduce("add", (OK,), (Access(OUT, 0, FLAT),)), reduce=1), "moves along a reduce axis"),
    "a result past the end": (nest(Reduce("add", (OK,), (Access(SUMS, 1, (1, 0)),)), reduce=1), "reaches elements 1 to 4 of 4"),
    "a result of another type": (nest(Reduce("add", (OK,), (Access(FLOATS, 0, (1, 0)),)), reduce=1),
        "float64 is stored into output1:float32"),
    "a product past the end": (product(a=Access(A, 1, (9, 1))), "reaches elements 1 to 72 of 72"),
    "a product of another type": (product(elem="float32"), "holds float64, not float32"),
    "a product of columns": (product(b=Access(B, 0, (1, 9))), "must have column stride 1"),
    "an order of other size": (Sort(Buffer(I64, (3,), "temp", 4), (KEYS,), 1, 4), "cannot hold the order of 1 rows of 4"),
    "a key of another type": (Sort(INTS, (IN,), 1, 4), "is not 4 unsigned integers"),
    "a key not written": (Sort(INTS, (Buffer(KEYS.dtype, (4,), "temp", 5),), 1, 4), "is read before it is written"),
    "a product not written": (product(b=Access(Buffer(F64, (9, 7), "temp", 3), 0, (7, 1))), "is read before it is written"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_verify_refuses(name: str) -> None:
    step, message = MALFORMED[name]
    with pytest.raises(KernelError, match=message) as caught:
        verify(Program([IN, A, B], [], steps=[step]))
    assert str(caught.value).startswith("step 0, ")


def test_verify_accepts() -> None:
    good = [nest(Store(Access(OUT, 0, FLAT), op("select", op("lt", OK, OK, dtype="bool"), OK, op("neg", OK)))),
            nest(Store(Access(OUT, 0, FLAT), OK, combine="add", mask=op("is_finite", OK, dtype="bool")), serial=True),
            nest(Reduce("add", (OK,), (Access(SUMS, 0, (1, 0)),)), reduce=1), product()]
    verify(Program([IN, A, B], [OUT, SUMS, CC], steps=good))


def test_verify_wants_every_output() -> None:
    with pytest.raises(KernelError, match=r"outputs \[output0:float64\[4, 5\]\] are never written"):
        verify(Program([IN], [OUT]))


def test_a_nest_prints_each_node_once() -> None:
    node = OK
    for _ in range(100):
        node = op("mul", node, node)
    text = str(nest(Store(Access(OUT, 0, FLAT), node)))
    assert text.startswith("nest [4, 5]\n  %0 = load(input0:float64[4, 5]@0[5, 1]):float64\n  %1 = mul(%0, %0):float64\n")
    assert text.endswith("  output0:float64[4, 5]@0[5, 1] = %100") and len(text.splitlines()) == 103
    assert repr(node) == "mul(mul(...), mul(...)):float64"
