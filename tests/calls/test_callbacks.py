"""`pure_callback` and `io_callback`: values, order, exceptions, types, in eager and compiled code and under every transformation.

References are plain Python loops that call the same functions.
"""

import sys
import traceback

import numpy as np
import pytest
from scipy import special

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.compiler.driver import compile_jaxpr
from functrans.compiler.lower import lower_jaxpr
from functrans.compiler.simplify import simplify
from functrans.errors import FunctransRuntimeError
from functrans.experimental import io_callback
from functrans.kernel_interpret import run
from functrans.kernel_verify import verify

F64 = ft.ShapeDtypeStruct((), "float64")
ways = pytest.mark.parametrize("way", [lambda f: f, ft.jit], ids=["eager", "jit"])


def struct(x):
    return ft.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype)


def recorder():
    """A list, and a function that notes its argument there and returns it."""
    seen = []

    def note(x):
        seen.append(np.asarray(x).tolist())
        return x

    return seen, note


def noted(note, x):
    return io_callback(note, x, x)


# -- values ---------------------------------------------------------------------------------------------------------------

@ways
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_any_type_and_shape(way, dtype, shape):
    x = (np.arange(np.prod(shape)) % 5 * (1 + 2j if "c" in dtype else 1)).astype(dtype).reshape(shape)
    result = ft.ShapeDtypeStruct((*shape, 2), dtype)
    out = way(lambda x: ft.pure_callback(lambda y: np.asarray(y)[..., None].repeat(2, -1), result, x))(x)
    assert out.dtype == x.dtype
    np.testing.assert_array_equal(out, np.stack([x, x], -1))


@ways
def test_structures_and_keywords(way):
    def stats(tree, *, scale):
        values = np.asarray(tree["x"])
        return {"mean": values.mean() * scale, "top": (values.max(), None)}

    f = way(lambda x, s: ft.pure_callback(stats, {"mean": F64, "top": (F64, None)}, {"x": x}, scale=s))
    out = f(np.array([1.0, 2.0, 6.0]), 10.0)
    assert (float(out["mean"]), float(out["top"][0]), out["top"][1]) == (30.0, 6.0, None)


@ways
def test_among_other_operations(way):
    def f(x):
        y = ft.pure_callback(lambda v: special.jv(0, np.asarray(v)), struct(np.zeros((4, 3))), (x * 2 + 1).T)
        return (y.T @ y).sum(axis=0) * x[0, :3]

    x = np.random.default_rng(0).normal(size=(3, 4))
    y = special.jv(0, (x * 2 + 1).T)
    np.testing.assert_allclose(way(f)(x), (y.T @ y).sum(axis=0) * x[0, :3], rtol=1e-12)


def test_the_interpreter_and_compiled_code_agree():
    def f(x):
        def body(c, v):
            c = ft.pure_callback(lambda c, v: np.asarray(c) * 2 + np.asarray(v), struct(np.zeros(3)), c, v * v)
            return lax.cond(c.sum() > 20, lambda: c - 1, lambda: ft.pure_callback(np.cosh, struct(np.zeros(3)), c / 8)), c[0]

        return lax.scan(body, x[0], x)

    closed = simplify(ft.make_jaxpr(f)(np.zeros((5, 3))))
    program = lower_jaxpr(closed)
    verify(program)
    x = np.random.default_rng(1).normal(size=(5, 3))
    for mine, reference in zip(compile_jaxpr(closed)([x]), run(program, [x]), strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-13)


@ways
def test_arguments_cannot_be_changed_and_may_be_kept(way):
    kept = []

    def keep(x):
        with pytest.raises(ValueError, match="read-only"):
            np.asarray(x)[0] = 7.0
        kept.append(x)
        return np.asarray(x)

    def f(x):
        return lax.scan(lambda c, _: (ft.pure_callback(keep, c, c) + 1, None), x, None, length=4)[0]

    out = way(f)(np.zeros(2))
    np.testing.assert_array_equal(np.stack(kept), np.arange(4.0)[:, None].repeat(2, 1))
    np.testing.assert_array_equal(out, [4.0, 4.0])


@ways
def test_results_are_copied(way):
    buffer = np.zeros(3)

    def fill(x):
        buffer[:] = np.asarray(x)
        return buffer

    f = way(lambda x: ft.pure_callback(fill, struct(buffer), x))
    first, second = f(1.0), f(2.0)
    np.testing.assert_array_equal(first, np.ones(3))
    np.testing.assert_array_equal(second, 2 * np.ones(3))
    buffer[:] = 9.0


def test_an_eager_argument_does_not_follow_its_owner():
    seen, x = [], np.zeros(2)
    ft.pure_callback(lambda y: seen.append(y), None, x)
    x[0] = 5.0
    np.testing.assert_array_equal(seen[0], np.zeros(2))


@ways
def test_many_callbacks_and_arguments(way):
    def f(xs):
        return [ft.pure_callback(lambda *ys, k=k: sum(map(float, ys)) + k, F64, *xs) for k in range(70)]

    assert [float(y) for y in way(f)([1.0] * 70)] == [70.0 + k for k in range(70)]


@ways
def test_references_are_balanced(way):
    f = way(lambda x: io_callback(lambda y: None, None, x))
    f(1.0)
    before = sys.getrefcount(None)
    for _ in range(2000):
        f(1.0)
    assert abs(sys.getrefcount(None) - before) < 200


# -- purity and effects ---------------------------------------------------------------------------------------------------

def test_what_nobody_needs():
    pure, note_pure = recorder()
    io, note_io = recorder()

    @ft.jit
    def f(x):
        ft.pure_callback(note_pure, F64, x)
        noted(note_io, x)
        return x

    f(1.0)
    assert (pure, io) == ([], [1.0])


def test_equal_pure_calls_merge_and_effects_do_not():
    seen, note = recorder()

    @ft.jit
    def g(x):
        return ft.pure_callback(note, F64, x)

    @ft.jit
    def h(x):
        return noted(note, x)

    assert ft.jit(lambda x: g(x) + g(x))(2.0) == 4.0
    assert seen == [2.0]
    seen.clear()
    assert ft.jit(lambda x: h(x) + h(x))(3.0) == 6.0
    assert seen == [3.0, 3.0]


@ways
def test_effects_keep_their_order(way):
    seen, note = recorder()

    def f(x):
        a = noted(note, x + 1)
        noted(note, x * 10)
        b = fnp.sin(a) + x
        noted(note, x * 100)
        return noted(note, a) + b

    way(f)(2.0)
    assert seen == [3.0, 20.0, 200.0, 3.0]


@ways
def test_loops_and_branches(way):
    seen, note = recorder()

    def f(x, n):
        def body(c):
            i, x = c
            x = lax.cond(i % 2 == 0, lambda x: noted(note, x) + 1, lambda x: x * 2, x)
            return i + 1, x

        return lax.while_loop(lambda c: c[0] < n, body, (0, x))[1]

    expected, log, x = None, [], 1.0
    for i in range(5):
        if i % 2 == 0:
            log.append(x)
            x += 1
        else:
            x *= 2
    expected = x
    assert way(f)(1.0, 5) == expected
    assert seen == log


@ways
def test_loops_that_make_no_turn(way):
    seen, note = recorder()
    f = way(lambda x, n: lax.fori_loop(0, n, lambda i, c: c + ft.pure_callback(note, F64, x) + noted(note, x), x))
    assert f(1.0, 0) == 1.0
    assert seen == []
    assert f(1.0, 2) == 5.0
    assert seen == [1.0] * 4


def test_loop_invariant_effects_happen_on_every_turn():
    seen, note = recorder()
    ft.jit(lambda x: lax.scan(lambda c, _: (c + noted(note, x), None), 0.0, None, length=3))(4.0)
    assert seen == [4.0] * 3


@ways
def test_dead_loops_run_for_their_effects(way):
    seen, note = recorder()

    def f(x):
        lax.scan(lambda c, v: (c + v, (noted(note, v), None)[1]), 0.0, x)
        lax.fori_loop(0, 2, lambda i, c: noted(note, c) * 2, 1.0)
        return x.sum()

    assert way(f)(np.arange(3.0)) == 3.0
    assert seen == [0.0, 1.0, 2.0, 1.0, 2.0]


@ways
def test_a_failed_check_keeps_later_effects_from_happening(way):
    seen, note = recorder()

    def f(x, i):
        noted(note, x[0])
        y = x[i]
        noted(note, y)
        return y

    g, x = way(f), fnp.arange(1.0, 4.0)
    assert g(x, 1) == 2.0
    with pytest.raises(IndexError, match="test_callbacks"):
        g(x, 8)
    assert g(x, 2) == 3.0
    assert seen == [1.0, 2.0, 1.0, 1.0, 3.0]


def test_a_failed_check_among_many():
    seen, note = recorder()

    @ft.jit
    def f(x, i):
        y = sum(x[i - k] for k in range(20))
        noted(note, y)
        return y

    with pytest.raises(IndexError):
        f(np.arange(30.0), 31)
    assert seen == []
    assert f(np.arange(30.0), 20) == sum(range(1, 21))
    assert len(seen) == 1


# -- Python control flow ----------------------------------------------------------------------------------------------------

def test_paths_have_no_effects_on_trust():
    seen, note = recorder()

    @ft.jit
    def f(x):
        noted(note, x)
        if x > 0:
            noted(note, x * 10)
            return x
        noted(note, x * 100)
        return -x

    for x in (1.0, -1.0, 2.0, -2.0, 3.0):
        seen.clear()
        assert f(x) == abs(x)
        assert seen == ([x, 10 * x] if x > 0 else [x, 100 * x])


def test_paths_do_not_call_pure_functions_that_are_not_on_them():
    @ft.jit
    def f(x):
        if x > 0:
            y = ft.pure_callback(lambda v: np.log2(int(v)) if v > 0 else 1 / 0, F64, x)
            if y > 1:
                return y
        return x

    assert [float(f(x)) for x in (8.0, -1.0, 1.0, -2.0, 16.0)] == [3.0, -1.0, 1.0, -2.0, 4.0]


def test_questions_asked_of_a_loop_with_effects_do_not_repeat_them():
    seen, note = recorder()

    @ft.jit
    def f(x):
        y = lax.fori_loop(0, 3, lambda i, c: (noted(note, c), c * 2)[1], x)
        return y if y > 20 else -y

    assert (f(1.0), f(4.0), f(1.0)) == (-8.0, 32.0, -8.0)
    assert seen == [1.0, 2.0, 4.0, 4.0, 8.0, 16.0, 1.0, 2.0, 4.0]


def test_a_question_about_the_result_of_an_effect_is_refused():
    seen, note = recorder()
    with pytest.raises(FunctransRuntimeError, match=r"io_callback at .*test_callbacks.*lax\.cond"):
        ft.jit(lambda x: x if noted(note, x) > 0 else -x)(1.0)
    assert seen == []


def test_derivatives_of_guarded_paths_have_effects_once():
    seen, note = recorder()

    @ft.jit
    def f(x):
        if x > 0:
            ft.debug.callback(note, x)
            return x * x
        return -x

    assert [float(ft.grad(f)(x)) for x in (3.0, -1.0, 4.0, 5.0)] == [6.0, -1.0, 8.0, 10.0]
    assert seen == [3.0, 4.0, 5.0]


# -- exceptions -------------------------------------------------------------------------------------------------------------

class Mine(Exception):
    pass


def explode(x):
    if x > 1:
        raise Mine(float(x))
    return x


@ways
def test_exceptions_arrive_as_they_are_and_the_next_call_works(way):
    def f(x):
        def body(c, _):
            c = lax.cond(c > -1, lambda c: ft.pure_callback(explode, F64, c), lambda c: c, c)
            return c + 1, c

        return lax.scan(body, x, None, length=3)[0]

    g = way(f)
    assert g(-2.0) == 1.0
    with pytest.raises(Mine) as caught:
        g(0.0)
    assert caught.value.args == (2.0,)
    assert "raise Mine(float(x))" in "".join(traceback.format_exception(caught.value))
    assert g(-2.0) == 1.0


@ways
def test_what_follows_an_exception_does_not_happen(way):
    seen, note = recorder()

    def f(x):
        noted(note, x)
        ft.experimental.io_callback(explode, F64, x)
        noted(note, -x)

    with pytest.raises(Mine):
        way(f)(2.0)
    assert seen == [2.0]


def test_interrupts_pass_through():
    def stop(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ft.jit(lambda x: ft.pure_callback(stop, F64, x))(1.0)


@ways
@pytest.mark.parametrize("call", [ft.pure_callback, io_callback])
@pytest.mark.parametrize(("result", "struct", "words"), [
    (np.zeros(3), ft.ShapeDtypeStruct((2,), "float64"), ["result should be f64[2] and is f64[3]", "shapes differ"]),
    ({"a": [np.float32(1)]}, {"a": [F64]}, ["result['a'][0] should be f64[] and is f32[]", "dtypes differ"]),
    (1.5, ft.ShapeDtypeStruct((), "int32"), ["should be i32[] and is f64*[]"]),
    ((1.0, 2.0), F64, ["structure", "f64[]", "(f64*[], f64*[])"]),
    ({"a": (1.0, [2.0])}, {"a": (F64, F64)}, ["structure", "result['a'][1]"]),
    (None, F64, ["structure", "returned None"]),
    ("text", F64, ["arrays or numbers", "'text' of type str"]),
    ([1.0, 2.0], ft.ShapeDtypeStruct((2,), "float64"), ["structure"]),
])
def test_wrong_results(way, call, result, struct, words):
    def wrong(x):
        return result

    with pytest.raises(TypeError) as caught:
        way(lambda x: call(wrong, struct, x))(1.0)
    for word in (*words, "callback of wrong", "test_callbacks.py"):
        assert word in str(caught.value)


@ways
@pytest.mark.parametrize(("value", "dtype"), [(1, "float32"), (True, "bool"), (2, "uint8"), (1.5, "complex64"), (0.1, "float16")])
def test_python_numbers_take_the_type_asked_for(way, value, dtype):
    out = way(lambda: ft.pure_callback(lambda: value, ft.ShapeDtypeStruct((), dtype)))()
    assert out.dtype == dtype and out == np.asarray(value, dtype)


def test_bad_arguments():
    with pytest.raises(TypeError, match=r"callable; got 3 .*test_callbacks"):
        ft.pure_callback(3, F64, 1.0)
    with pytest.raises(TypeError, match=r"argument args\[0\]\['a'\]|argument x\['a'\]"):
        ft.pure_callback(lambda x: x, F64, {"a": "text"})
    with pytest.raises(TypeError, match=r"result_shape_dtypes\['a'\] is 'float'.*ShapeDtypeStruct"):
        io_callback(lambda x: x, {"a": "float"}, 1.0)
    with pytest.raises(ValueError, match=r"vmap_method must be one of .*'expand_dims'.*got 'loop'"):
        ft.pure_callback(lambda x: x, F64, 1.0, vmap_method="loop")


# -- derivatives ------------------------------------------------------------------------------------------------------------

@ways
@pytest.mark.parametrize("call", [ft.pure_callback, io_callback])
def test_no_derivative(way, call):
    for transformed in (ft.grad(lambda x: call(np.sin, F64, x)), lambda x: ft.jvp(lambda x: call(np.sin, F64, x), (x,), (x,))):
        with pytest.raises(ValueError, match=r"sin: a Python callback has no derivative.*test_callbacks.*custom_jvp"):
            way(transformed)(1.0)


@ways
def test_derivative_by_custom_jvp(way):
    def host(fun, x):
        return ft.pure_callback(lambda v: fun(np.asarray(v)), ft.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")

    @ft.custom_jvp
    def j0(x):
        return host(special.j0, x)

    @j0.defjvp
    def rule(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        return j0(x), -host(special.j1, x) * x_dot

    x = np.linspace(0.5, 3, 4)
    np.testing.assert_allclose(way(ft.vmap(ft.grad(j0)))(x), -special.j1(x), rtol=1e-14)
    np.testing.assert_allclose(way(ft.jacrev(lambda x: j0(x * 2)))(x), np.diag(-2 * special.j1(2 * x)), rtol=1e-14)


@ways
def test_constants_of_a_derivative(way):
    seen, note = recorder()

    def f(x):
        scale = noted(note, ft.stop_gradient(x))
        return x * scale * ft.pure_callback(np.cos, F64, 0.0)

    assert way(ft.grad(f))(3.0) == 3.0
    assert seen == [3.0]


def test_recomputation_does_not_repeat_effects():
    seen, note = recorder()

    def loop(x):
        def body(c):
            ft.debug.callback(note, c)
            return fnp.sin(c) * 2

        return lax.while_loop(lambda c: c < 1.5, body, x)

    values, x, slope = [], 0.3, 1.0
    while x < 1.5:
        values.append(x)
        slope *= 2 * np.cos(x)
        x = 2 * np.sin(x)
    for f in (loop, ft.checkpoint(loop), lambda x: lax.fori_loop(0, fnp.asarray(x * 0 + len(values)).astype(int),
                                                                 lambda i, c: (ft.debug.callback(note, c), fnp.sin(c) * 2)[1], x)):
        for way in (lambda f: f, ft.jit):
            seen.clear()
            np.testing.assert_allclose(way(ft.grad(f))(0.3), slope, rtol=1e-12)
            np.testing.assert_allclose(seen, values)


def test_recomputation_does_not_repeat_effects_of_checkpointed_scans():
    seen, note = recorder()

    def f(x):
        return lax.scan(lambda c, _: ((ft.debug.callback(note, c), c * c)[1], None), x, None, length=4, checkpoint=True)[0]

    for way in (lambda f: f, ft.jit):
        seen.clear()
        assert way(ft.grad(f))(1.0) == 16.0
        assert seen == [1.0] * 4


def test_recomputation_that_needs_an_effect_is_refused():
    f = ft.checkpoint(lambda x: fnp.sin(x) * io_callback(lambda: 2.0, F64))
    with pytest.raises(FunctransRuntimeError, match=r"io_callback at .*needed a second time.*pure_callback"):
        ft.grad(f)(1.0)
    assert ft.grad(ft.checkpoint(lambda x: fnp.sin(x) * io_callback(lambda: 2.0, F64),
                                 policy=ft.checkpoint_policies.everything_saveable))(0.0) == 2.0


# -- text ----------------------------------------------------------------------------------------------------------------------

def test_jaxpr_text():
    def f(x):
        io_callback(np.cos, F64, x)
        return ft.pure_callback(np.sin, F64, x, vmap_method="sequential")

    text = str(ft.make_jaxpr(f)(1.0))
    assert "_:f64[] = io_callback[callback=<function cos> ordered=False result_avals=(f64[],)] a" in " ".join(text.split()).replace(
        "[ ", "[").replace(" ]", "]")
    assert "b:f64[] = pure_callback[" in text and "callback=<function sin>" in text and "vmap_method='sequential'" in text
    kernels = ft.jit(f).lower(1.0).as_text("kernels")
    assert kernels.index("callback cos") < kernels.index("callback sin")
    assert ft.effects_barrier() is None
