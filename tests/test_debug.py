"""`debug.print`, `debug.callback` and `debug.breakpoint`: when, how often, in which order, and what bad calls are told."""

import bdb
import io

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import debug, lax

ways = pytest.mark.parametrize("way", [lambda f: f, ft.jit], ids=["eager", "jit"])


def lines(capsys):
    return capsys.readouterr().out.splitlines()


# -- print ----------------------------------------------------------------------------------------------------------------

@ways
def test_formats(way, capsys):
    def f(x, tree):
        debug.print("{0} {0:.1f} {x}", x, x=x + 1)
        debug.print("{t[a]} {t[b][0]} {{braces}} {t[b][1].shape}", t=tree)
        debug.print("{:>8.3f}|{!r}|{:{width}}|{}", x, "text", 7, None, width=4)
        debug.print("no values")

    way(f)(1.5, {"a": np.arange(3), "b": [True, np.zeros((2, 1))]})
    assert lines(capsys) == ["1.5 1.5 2.5", "[0 1 2] True {braces} (2, 1)", "   1.500|'text'|   7|None", "no values"]


@ways
@pytest.mark.parametrize("value", [np.int8(-3), np.bool_(True), np.float16(0.1), np.float32(0.1), 0.1, 1 + 2j, np.array([1.0, np.nan])])
def test_values_print_as_numpy_prints_them(way, value, capsys):
    way(lambda x: debug.print("{}", x))(value)
    assert lines(capsys) == [str(np.asarray(value)[()])]


@ways
def test_control_flow(way, capsys):
    def f(x):
        def body(c, v):
            debug.print("turn {} {}", c, v)
            c = lax.cond(v > 1, lambda c: (debug.print("big {}", v), c + v)[1], lambda c: (debug.print("small {}", v), c - v)[1], c)
            debug.print("end {}", c)
            return c, None

        return lax.scan(body, x, fnp.arange(3))[0]

    assert way(f)(10) == 11
    assert lines(capsys) == ["turn 10 0", "small 0", "end 10", "turn 10 1", "small 1", "end 9", "turn 9 2", "big 2", "end 11"]


@ways
@pytest.mark.parametrize(("transformed", "out"), [
    (ft.grad, np.cos(2.0)),
    (lambda f: lambda x: ft.jvp(f, (x,), (3.0,))[1], 3 * np.cos(2.0)),
    (ft.hessian, -np.sin(2.0)),
    (lambda f: ft.grad(ft.grad(f)), -np.sin(2.0)),
    (lambda f: ft.grad(ft.jit(f)), np.cos(2.0)),
    (lambda f: ft.grad(ft.checkpoint(f)), np.cos(2.0)),
    (lambda f: lambda x: ft.linearize(f, x)[1](1.0), np.cos(2.0)),
    (lambda f: lambda x: ft.vjp(f, x)[1](1.0)[0], np.cos(2.0)),
])
def test_derivatives_print_once(way, transformed, out, capsys):
    def f(x):
        debug.print("x {}", x)
        y = fnp.sin(x)
        debug.print("y {:.3f}", y)
        return y

    np.testing.assert_allclose(way(transformed(f))(2.0), out, rtol=1e-12)
    assert lines(capsys) == ["x 2.0", "y 0.909"]


@ways
def test_batches_print_element_by_element(way, capsys):
    way(ft.vmap(lambda x, y: (debug.print("{} {}", x, y), debug.print("{}", y))[0] or x, (0, None)))(np.arange(3), 5)
    assert lines(capsys) == ["0 5", "1 5", "2 5", "5"]
    way(ft.vmap(ft.vmap(lambda x: debug.print("{}", x) or x), 1))(np.arange(4).reshape(2, 2))
    assert lines(capsys) == ["0", "2", "1", "3"]


@ways
def test_gradients_of_batches(way, capsys):
    np.testing.assert_allclose(way(ft.vmap(ft.grad(lambda x: (debug.print("{}", x), x * x)[1])))(np.arange(3.0)), [0.0, 2.0, 4.0])
    assert lines(capsys) == ["0.0", "1.0", "2.0"]
    np.testing.assert_allclose(way(ft.grad(lambda x: ft.vmap(lambda v: (debug.print("{}", v), v * v)[1])(x).sum()))(np.arange(3.0)),
                               [0.0, 2.0, 4.0])
    assert lines(capsys) == ["0.0", "1.0", "2.0"]


def test_rules_may_print(capsys):
    @ft.custom_vjp
    def f(x):
        return x * x

    def forward(x):
        debug.print("forward {}", x)
        return x * x, x

    def backward(x, ct):
        debug.print("backward {} {}", x, ct)
        return (2 * x * ct,)

    f.defvjp(forward, backward)
    assert ft.jit(ft.grad(lambda x: 3 * f(x)))(2.0) == 12.0
    assert lines(capsys) == ["forward 2.0", "backward 2.0 3.0"]


def test_a_tangent_prints_where_there_is_one(capsys):
    @ft.custom_jvp
    def f(x):
        return fnp.sin(x)

    @f.defjvp
    def rule(primals, tangents):
        debug.print("at {}", primals[0])
        debug.print("towards {}", tangents[0])
        return fnp.sin(primals[0]), fnp.cos(primals[0]) * tangents[0]

    assert ft.jvp(f, (0.0,), (2.0,))[1] == 2.0
    assert lines(capsys) == ["at 0.0", "towards 2.0"]
    assert ft.grad(f)(0.0) == 1.0  # reverse mode has no tangent
    assert lines(capsys) == ["at 0.0"]


@pytest.mark.parametrize(("fmt", "args", "kwargs", "error", "words"), [
    ("{x} {}", (1, 2), {"x": 3}, ValueError, "does not name the argument 1"),
    ("{}", (1,), {"x": 3, "y": 4}, ValueError, "does not name the arguments x, y"),
    ("{x}", (), {}, KeyError, "names 'x', which is no keyword"),
    ("{} {}", (1,), {}, IndexError, "more fields than the call has positional arguments (1)"),
    ("{", (), {}, ValueError, "malformed"),
    (3, (), {}, TypeError, "a format string; got 3 of type int"),
])
def test_bad_formats(fmt, args, kwargs, error, words, capsys):
    with pytest.raises(error) as caught:
        debug.print(fmt, *args, **kwargs)
    assert words in str(caught.value) and "test_debug.py" in str(caught.value)
    assert lines(capsys) == []


def test_an_unchecked_format(capsys):
    debug.print("{x}", 1, x=2, skip_format_check=True)
    assert lines(capsys) == ["2"]


# -- callback ---------------------------------------------------------------------------------------------------------------

@ways
def test_callback(way):
    seen = []

    def note(x, name, *, deep):
        seen.append((name, np.asarray(x).tolist(), float(deep["y"])))
        return "ignored"

    assert way(lambda x: (debug.callback(note, x, "label", deep={"y": x.sum(), "z": None}), x.max())[1])(np.arange(3.0)) == 2.0
    assert seen == [("label", [0.0, 1.0, 2.0], 3.0)]


@ways
def test_exceptions_of_callbacks(way):
    def check(x):
        if x < 0:
            raise ZeroDivisionError(f"negative: {x}")

    f = way(lambda x: (debug.callback(check, x), fnp.sqrt(fnp.abs(x)))[1])
    assert f(4.0) == 2.0
    with pytest.raises(ZeroDivisionError, match=r"negative: -1\.0"):
        f(-1.0)
    assert f(4.0) == 2.0


def test_what_is_not_callable():
    with pytest.raises(TypeError, match=r"callable; got 3 .*test_debug"):
        debug.callback(3, 1.0)


# -- breakpoint ---------------------------------------------------------------------------------------------------------------

def stopping(commands, transform):
    """What the debugger says to the commands in a function under a transformation, and the function's result."""
    out = io.StringIO()

    def looked_at(x):
        local = {"twice": x * 2, "name": "text"}
        debug.breakpoint(stdin=io.StringIO(commands), stdout=out)
        return local["twice"] + 1

    return transform(looked_at)(3.0), out.getvalue()


@pytest.mark.parametrize("transform", [
    lambda f: f, ft.jit, ft.value_and_grad, lambda f: ft.jit(ft.value_and_grad(f)),
    lambda f: lambda x: lax.fori_loop(0, 1, lambda i, c: f(c), x),
])
def test_the_debugger_shows_the_values(transform):
    result, out = stopping("p f'{x:.2f}'\np local['name'], f'{local[\"twice\"] * 10:.1f}'\nw\nc\n", transform)
    assert float(result[0] if isinstance(result, tuple) else result) == 7.0
    for text in ("'3.00'", "('text', '60.0')", "test_debug.py"):
        assert text in out


def test_the_debugger_stops_at_the_line():
    for transform in (lambda f: f, ft.jit):
        _, out = stopping("c\n", transform)
        assert "debug.breakpoint(stdin=" in out or 'return local["twice"] + 1' in out


def test_the_debugger_stops_once_for_each_element(capsys):
    out = io.StringIO()

    @ft.jit
    @ft.vmap
    def f(x):
        debug.breakpoint(stdin=io.StringIO("p x\nc\n" * 3), stdout=out)
        return x

    f(np.arange(2.0))
    assert ["Array(0." in part for part in out.getvalue().split("(Pdb) ")[1::2]] == [True, False]
    assert out.getvalue().count("(Pdb) Array(") == 2


def test_quitting_the_debugger_ends_the_program():
    for transform in (lambda f: f, ft.jit):
        with pytest.raises(bdb.BdbQuit):
            stopping("q\n", transform)


def test_an_unknown_debugger():
    with pytest.raises(ValueError, match=r"backend must be 'cli'.*got 'web'.*test_debug"):
        debug.breakpoint(backend="web")


# -- log, and where arrays are --------------------------------------------------------------------------------------------------

@ways
def test_log(way, caplog):
    with caplog.at_level("INFO", logger="functrans.debug"):
        way(lambda x: debug.log("x = {x:.1f}", x=x))(1.5)
        ft.vmap(way(lambda x: debug.log("{}", x)))(np.arange(2))
    assert [r.getMessage() for r in caplog.records] == ["x = 1.5", "0", "1"]
    assert {r.levelname for r in caplog.records} == {"INFO"}
    with pytest.raises(TypeError, match=r"debug\.log: the first argument is a format string; got 3"):
        debug.log(3)
    with pytest.raises(KeyError, match=r"debug\.log: the format string '{y}' names 'y'"):
        debug.log("{y}", x=1)


@ways
def test_shardings(way, capsys):
    seen = []
    way(lambda x: debug.inspect_array_sharding({"a": x, "b": x}, callback=seen.append))(1.0)
    assert seen == [debug.SingleDeviceSharding("cpu")] * 2
    debug.visualize_array_sharding(np.ones((8, 30)))
    top, *rows, bottom = lines(capsys)
    assert top == "┌" + "─" * 30 + "┐" and bottom == "└" + "─" * 30 + "┘" and len(rows) == 4
    assert [r.strip("│").strip() for r in rows] == ["", "CPU 0", "", ""]
    with pytest.raises(ValueError, match=r"rank 1 or 2; got \(2, 2, 2\), at .*test_debug"):
        debug.visualize_array_sharding(np.ones((2, 2, 2)))
    with pytest.raises(TypeError, match="callback must be callable"):
        debug.inspect_array_sharding(1.0, callback=3)
    assert str(debug.DebugEffect()) == "Debug" and debug.OrderedDebugEffect() == debug.OrderedDebugEffect()
