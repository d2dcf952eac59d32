"""`while_loop` and `fori_loop` against Python's loops: values, both modes, second order, batches, nesting, types, errors."""

import functools

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.calls.while_reverse import next_snapshot
from functrans.config import config
from functrans.core.check import check_jaxpr
from functrans.core.parse import parse_jaxpr
from tests.calls.helpers import DERIVATIVES, agree, refuses, wrappers

HERE = "test_while.py"
S = 4


def turns(x, w, n):
    """n turns of a body that is not linear, with a counter, None and a closed-over value in it."""
    return lax.while_loop(lambda c: c["k"] < n, lambda c: {"k": c["k"] + 1, "x": c["x"] * fnp.sin(c["x"] * w) + x, "no": None},
                          {"k": 0, "x": x, "no": None})["x"]


def counted(x, w, n):
    return lax.fori_loop(0, n, lambda k, c: c * fnp.sin(c * w) + x, x)


def python(x, w, n):
    c = x
    for _ in range(n):
        c = c * fnp.sin(c * w) + x
    return c


def until(x, w):
    """The number of turns depends on the operands."""
    return lax.while_loop(lambda c: c[0] < 5.0, lambda c: (c[0] * w + 1.0, c[1] * fnp.cos(c[0])), (x, 1.0))[1]


def python_until(x, w):
    y = 1.0
    while x < 5.0:
        x, y = x * w + 1.0, y * fnp.cos(x)
    return y


derivatives = pytest.mark.parametrize("derive", DERIVATIVES.values(), ids=DERIVATIVES)


@wrappers
@derivatives
@pytest.mark.parametrize("n", [0, 1, S - 1, S, S + 1, 3 * S])
@pytest.mark.parametrize("loop", [turns, counted])
def test_derivatives(loop, n, derive, wrap):
    with config(loop_snapshots=S):
        agree(wrap(derive(lambda x, w: loop(x, w, n)))(0.7, 1.3), derive(lambda x, w: python(x, w, n))(0.7, 1.3))


@wrappers
@derivatives
@pytest.mark.parametrize("x", [0.3, 6.0])
def test_derivatives_with_a_computed_number_of_turns(x, derive, wrap):
    agree(wrap(derive(until))(x, 1.1), derive(python_until)(x, 1.1))


@wrappers
@pytest.mark.parametrize("slots", [1, 2, 3, 5])
def test_few_snapshots(slots, wrap):
    with config(loop_snapshots=slots):
        agree(wrap(ft.grad(turns, (0, 1)))(0.7, 1.3, 9), ft.grad(python, (0, 1))(0.7, 1.3, 9))


def test_third_order():
    third = lambda f: ft.grad(ft.grad(ft.grad(lambda x: f(x, 1.3, 3))))  # noqa: E731
    with config(loop_snapshots=2):
        agree(ft.jit(third(turns))(0.7), third(python)(0.7))


@pytest.mark.parametrize(("snapshots", "length"), [(1, 6), (2, 7), (3, 6), (3, 20), (4, 36), (6, 6), (6, 7), (6, 8)])
def test_the_schedule_is_optimal(snapshots, length):
    """The forward turns of the walk are the fewest possible (by dynamic programming over all schedules)."""
    @functools.cache
    def fewest(turns, free):
        if turns == 1:
            return 0
        if free == 1:
            return turns * (turns - 1) // 2
        return min(m + fewest(m, free) + fewest(turns - m, free - 1) for m in range(1, turns))

    stack, end, forward = [0], length, 0
    while end:
        last, free = end - stack[-1] - 1, snapshots - len(stack)
        ahead = min(int(next_snapshot(np.int64(last + 1), np.int64(free + 1))), last) if free and last else last
        forward += ahead
        if ahead < last:
            stack.append(stack[-1] + ahead)
        else:
            end -= 1
            stack = stack[:-1] if last == 0 else stack
    assert forward == fewest(length, snapshots)


def test_memory_bounds_the_snapshots(monkeypatch):
    closed = lambda size: ft.make_jaxpr(ft.grad(lambda x: lax.while_loop(  # noqa: E731
        lambda c: c[0] < 9, lambda c: (c[0] + 1, fnp.sin(c[1])), (0, x))[1].sum()))(np.ones(size))
    assert "f64[64,10]" in str(closed(10))
    monkeypatch.setattr("functrans.calls.while_reverse.MEMORY", 16 * 8 * 101)
    assert "f64[16,100]" in str(closed(100))


# -- batches ----------------------------------------------------------------------------------------------------------

def stacked(f, args, axes):
    rows = [f(*[a[k] if axis == 0 else a for a, axis in zip(args, axes, strict=True)]) for k in range(3)]
    return ft.tree_util.tree_map(lambda *leaves: np.stack([np.asarray(v) for v in leaves]), *rows)


@derivatives
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)], ids=str)
def test_batches_that_end_at_different_turns(axes, derive):
    batches = np.array([0.3, 6.0, 4.5]), np.array([1.1, 0.9, 2.0])
    args = [b if axis == 0 else b[0].item() for b, axis in zip(batches, axes, strict=True)]
    agree(ft.jit(ft.vmap(derive(until), axes))(*args), stacked(derive(python_until), args, axes))


@wrappers
@pytest.mark.parametrize("loop", [turns, counted])
@pytest.mark.parametrize("axes", [(0, None, None), (None, 0, None), (None, None, 0), (0, None, 0)], ids=str)
def test_batches_of_counted_loops(loop, axes, wrap):
    batches = np.array([0.3, 0.7, -0.5]), np.array([1.1, 0.9, 2.0]), np.array([0, 5, 3])
    args = [b if axis == 0 else b[1].item() for b, axis in zip(batches, axes, strict=True)]
    for derive in (lambda f: f, lambda f: ft.grad(f, (0, 1))):
        agree(wrap(ft.vmap(derive(loop), axes))(*args), stacked(derive(python), args, axes))


@wrappers
def test_grad_of_a_batch(wrap):
    xs, ns = np.array([0.3, 0.7, -0.5]), np.array([0, 7, 3])
    with config(loop_snapshots=S):
        for loop in (turns, counted):
            got = wrap(ft.grad(lambda w, loop=loop: ft.vmap(loop, (0, None, 0))(xs, w, ns).sum()))(1.3)
            agree(got, sum(ft.grad(python, 1)(x, 1.3, n) for x, n in zip(xs, ns, strict=True)))


@wrappers
def test_ended_elements_run_no_body_of_their_own(wrap):
    """Past an element's end its index would be out of bounds."""
    table = np.array([1.0, 10.0, 100.0])
    f = lambda n: lax.fori_loop(0, n, lambda i, s: s + fnp.asarray(table)[i], 0.0)  # noqa: E731
    g = lambda n: lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] + fnp.asarray(table)[c[0]]), (0, 0.0))[1]  # noqa: E731
    for loop in (f, g):
        agree(wrap(ft.vmap(loop))(np.array([0, 3, 1, 2])), np.array([0.0, 111.0, 1.0, 11.0]))
        agree(wrap(ft.vmap(loop))(np.array([0, -1])), np.zeros(2))
        assert wrap(ft.vmap(loop))(np.array([], int)).shape == (0,)


@wrappers
def test_batch_axis_that_enters_on_a_later_turn(wrap):
    """The batched value reaches the last leaf of the carry only after two turns."""
    f = lambda x: lax.fori_loop(0, 3, lambda i, c: (x, c[0], c[1] * 2), (0.0, 1.0, 2.0))  # noqa: E731
    agree(wrap(ft.vmap(f))(np.array([3.0, 4.0])), (np.array([3.0, 4.0]), np.array([3.0, 4.0]), np.array([6.0, 8.0])))
    agree(wrap(ft.jacfwd(lambda x: f(x)[2]))(3.0), 2.0)
    agree(wrap(ft.grad(lambda x: f(x)[2]))(3.0), 2.0)


# -- nesting ----------------------------------------------------------------------------------------------------------

def nested(x, n):
    """A while inside a fori, with a cond inside, the inner one closing over the outer counter."""
    def outer(i, c):
        def inner(d):
            k, y = d
            return k + 1, lax.cond(k > 0, lambda: fnp.sin(y) * x, lambda: y * y + i)
        return lax.while_loop(lambda d: d[0] < i, inner, (0, c))[1] + x
    return lax.fori_loop(0, n, outer, x)


def python_nested(x, n):
    c = x
    for i in range(n):
        for k in range(i):
            c = fnp.sin(c) * x if k > 0 else c * c + i
        c = c + x
    return c


@wrappers
@pytest.mark.parametrize("n", [0, 1, 4])
def test_nested(n, wrap):
    with config(loop_snapshots=2):
        for derive in (lambda f: f, ft.grad, lambda f: ft.grad(ft.grad(f)), lambda f: ft.jacfwd(ft.grad(f))):
            agree(wrap(derive(lambda x: nested(x, n)))(0.4), derive(lambda x: python_nested(x, n))(0.4))


@wrappers
def test_nested_batched(wrap):
    xs, ns = np.array([0.4, -0.3, 0.2]), np.array([3, 0, 4])
    agree(wrap(ft.vmap(nested))(xs, ns), stacked(python_nested, (xs, ns), (0, 0)))
    agree(wrap(ft.vmap(ft.grad(nested)))(xs, ns), stacked(ft.grad(python_nested), (xs, ns), (0, 0)))


@wrappers
def test_transformations_inside(wrap):
    """Newton's method for the square root, by grad of the residual in the body; its derivative by all nestings."""
    def root(a):
        f = lambda x: x * x - a  # noqa: E731
        return lax.while_loop(lambda x: fnp.abs(f(x)) > 1e-13, lambda x: x - f(x) / ft.grad(f)(x), 1.0)
    a = 3.0
    agree(wrap(root)(a), np.sqrt(a))
    agree(wrap(ft.grad(root))(a), 0.5 / np.sqrt(a), rtol=1e-9)
    agree(wrap(ft.vmap(ft.grad(root)))(np.array([3.0, 2.0])), 0.5 / np.sqrt([3.0, 2.0]), rtol=1e-9)


@wrappers
def test_jit_inside(wrap):
    step = ft.jit(lambda x, w: (x * fnp.sin(x * w), x > 3.0))
    f = lambda x, w: lax.fori_loop(0, 5, lambda i, c: lax.cond(step(c, w)[1], lambda: c, lambda: step(c, w)[0] + x), x)  # noqa: E731

    def g(x, w):
        c = x
        for _ in range(5):
            c = c if c > 3.0 else c * fnp.sin(c * w) + x
        return c

    with config(loop_snapshots=2):
        agree(wrap(ft.hessian(f, (0, 1)))(0.7, 1.3), ft.hessian(g, (0, 1))(0.7, 1.3))
        agree(wrap(ft.grad(ft.grad(f)))(0.7, 1.3), ft.grad(ft.grad(g))(0.7, 1.3))


@wrappers
def test_matrices(wrap):
    a, v = np.array([[0.5, 0.2], [0.1, 0.9]]), np.array([1.0, -1.0])
    f = lambda a, v, n: lax.fori_loop(0, n, lambda i, v: a @ v + i, v).sum()  # noqa: E731

    def g(a, v, n):
        for i in range(n):
            v = a @ v + i
        return v.sum()

    agree(wrap(ft.grad(f, (0, 1)))(a, v, 6), ft.grad(g, (0, 1))(a, v, 6))


# -- carries and types ------------------------------------------------------------------------------------------------

@wrappers
def test_carries_of_every_kind(wrap):
    init = {"f": np.float32(1), "c": 1j, "b": True, "u": np.uint8(250), "v": np.arange(3), "no": None}
    body = lambda i, c: {"f": c["f"] * 2, "c": c["c"] * 1j, "b": ~c["b"], "u": c["u"] + 1, "v": c["v"][::-1] + i, "no": None}  # noqa: E731
    out = wrap(lambda c: lax.fori_loop(0, 3, body, c))(init)
    assert out["no"] is None
    agree([out[k] for k in "fcbuv"], [8.0, 1.0, False, 253, np.array([5, 4, 3])])
    assert [out[k].dtype.name for k in "fcbuv"] == ["float32", "complex128", "bool", "uint8", "int64"]


def test_weak_carries():
    """A number to start from takes the type that the body gives it; what the body returns takes the type of an array."""
    loop = lambda body, x: lax.while_loop(lambda c: c < 3, body, x)  # noqa: E731
    assert loop(lambda c: c + 1, 0).weak_type
    assert loop(lambda c: c + np.float32(1), 0).dtype == loop(lambda c: c + np.float32(1), 0.0).dtype == np.float32
    assert loop(lambda c: c + 1.5, 0) == 3.0
    assert loop(lambda c: 5.0, np.float32(1)).dtype == np.float32
    agree(lax.while_loop(lambda c: c[0] < 3, lambda c: (c[1], c[0] + 1), (0, 1.0)), (3.0, 3.0))


def test_counters():
    """The counter adapts to the carry where the bounds are known, and has their dtype."""
    seen = []
    body = lambda i, x: (seen.append(i.aval), x + i)[1]  # noqa: E731
    assert lax.fori_loop(np.int32(0), 5, body, np.int8(0)).dtype == np.int8
    assert lax.fori_loop(np.uint8(250), np.uint8(255), lambda i, x: x + i, 0) == 1260
    ft.make_jaxpr(lambda n: lax.fori_loop(n, 5, body, 0.0))(np.int32(0))
    assert [str(s) for s in seen] == ["i32*[]", "i32[]"]


@wrappers
@pytest.mark.parametrize("unroll", [None, False, True, 0, 1, 2, 3, 7, 50])
def test_unroll(unroll, wrap):
    f = lambda x: lax.fori_loop(2, 9, lambda i, x: x * 2 + i, x, unroll=unroll)  # noqa: E731
    assert wrap(f)(3) == functools.reduce(lambda x, i: x * 2 + i, range(2, 9), 3)
    assert wrap(ft.grad(f))(3.0) == 128


def test_no_turn():
    assert lax.fori_loop(5, 0, lambda i, x: x / 0, 7.0) == 7
    assert lax.fori_loop(0, 3, lambda i, x: x, None) is None
    assert lax.while_loop(lambda c: False, lambda c: c * np.nan, 2.0) == 2


# -- linear loops -----------------------------------------------------------------------------------------------------

@wrappers
def test_linear_transpose(wrap):
    """A loop that is linear in a part of its carry and in a closed-over value."""
    def f(t, u):
        return lax.while_loop(lambda c: c[0] < 4, lambda c: (c[0] + 1, c[1] * c[0] + u), (1, t))[1]

    agree(wrap(lambda ct: ft.linear_transpose(f, 1.0, 1.0)(ct))(2.0), (2.0 * 6, 2.0 * (1 + 3 + 6)))
    power = lambda t: lax.fori_loop(0, 5, lambda _, t: 2.0 * t, t)  # noqa: E731
    agree(wrap(lambda ct: ft.linear_transpose(power, 1.0)(ct))(1.0), (32.0,))


def test_text_parses_back():
    for f in (lambda x: until(x, 2.0), ft.grad(lambda x: until(x, 2.0)), ft.grad(lambda x: counted(x, 1.0, 3))):
        closed = ft.make_jaxpr(f)(1.0)
        again = parse_jaxpr(str(closed.jaxpr))
        check_jaxpr(again)
        assert str(again) == str(closed.jaxpr)


# -- errors -----------------------------------------------------------------------------------------------------------

def test_carries_that_change():
    loop = lambda body, c: lambda: lax.while_loop(lambda c: True, body, c)  # noqa: E731
    refuses(loop(lambda c: {"a": (fnp.ones(3),)}, {"a": (np.float32(1),)}), TypeError, "the body <lambda> at",
            "c['a'][0] is f32[] on entry and f64[3] on return", "the shapes differ", HERE)
    refuses(loop(lambda c: {"a": np.int32(3)}, {"a": np.float32(1)}), TypeError, "c['a'] is f32[] on entry and i32[] on return",
            "the dtypes differ", ".astype('float32')", "The initial value may have that type instead", HERE)
    refuses(loop(lambda c: c[0], (1.0,)), TypeError, "a carry of the structure it takes", "tuple", "Return every part of the carry", HERE)
    refuses(lambda: lax.fori_loop(0, 3, lambda i, x: x + fnp.ones(3), 0.0), TypeError, "fori_loop", "x is f64*[] on entry", HERE)


def test_bad_conditions():
    loop = lambda cond: lambda: lax.while_loop(cond, lambda c: c, 1.0)  # noqa: E731
    conditions = ((lambda c: c, "f64*[]"), (lambda c: (c < 1, 2), "structure"), (lambda c: fnp.ones(3) > 0, "bool[3]"),
                  (lambda c: 0, "i64*[]"))
    for cond, got in conditions:
        refuses(loop(cond), TypeError, "cond_fun must return a boolean scalar", got, ".any() or .all()", HERE)


def test_bad_arguments():
    refuses(lambda: lax.while_loop(True, lambda c: c, 1), TypeError, "cond_fun must be callable", HERE)
    refuses(lambda: lax.while_loop(lambda c: True, lambda c: c, "text"), TypeError, "argument c must be an array or a number", HERE)
    refuses(lambda: lax.fori_loop(0, 3, lambda i, x: x, "text"), TypeError, "argument x must be an array or a number", HERE)
    refuses(lambda: lax.fori_loop(0, 3.0, lambda i, x: x, 0), TypeError, "upper must be an integer scalar", "f64*[]", HERE)
    refuses(lambda: lax.fori_loop(np.zeros(2, int), 3, lambda i, x: x, 0), TypeError, "lower must be an integer scalar", "i64[2]", HERE)
    refuses(lambda: lax.fori_loop(np.int32(0), np.int8(3), lambda i, x: x, 0), TypeError, "equal dtypes", "i32[] and i8[]", HERE)
    refuses(lambda: lax.fori_loop(0, 3, 5, 0), TypeError, "body_fun must be callable", HERE)


def test_bad_unroll():
    loop = lambda unroll: lambda: lax.fori_loop(0, 3, lambda i, x: x, 0.0, unroll=unroll)  # noqa: E731
    refuses(loop(-1), ValueError, "must not be negative", HERE)
    refuses(loop(1.5), TypeError, "a bool or an int", "1.5", HERE)
    refuses(lambda: ft.make_jaxpr(lambda n: lax.fori_loop(0, n, lambda i, x: x, 0.0, unroll=2))(3), ValueError, "known while tracing", HERE)
