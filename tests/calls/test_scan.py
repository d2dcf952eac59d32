"""`scan` is the Python loop: in value, in every derivative, and batched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.config import config
from functrans.core.check import check_jaxpr, check_linear

# How the loops are run. "jit" belongs here once loops compile.
MODES = ["eager", "jit"]
RUN = {"eager": lambda f: f, "jit": ft.jit}
each_mode = pytest.mark.parametrize("run", [RUN[m] for m in MODES], ids=MODES)


def loop(f: Any, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False) -> Any:
    """The definition of scan, in Python."""
    leaves = ft.tree.leaves(xs)
    n = leaves[0].shape[0] if leaves else length
    carry, ys = ft.tree.map(fnp.asarray, init), []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, ft.tree.map(lambda x, i=i: x[i], xs))
        ys.append(y)
    if reverse:
        ys.reverse()
    return carry, ft.tree.map(lambda *v: fnp.stack(v), *ys)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def close(a: Any, b: Any, tol: float = 1e-9) -> None:
    a_leaves, a_tree = ft.tree.flatten(a)
    b_leaves, b_tree = ft.tree.flatten(b)
    assert a_tree == b_tree
    for x, y in zip(a_leaves, b_leaves, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tol, atol=tol)


# -- the programs: (function of the loop construct and arguments, arguments) -----------------------------------------------

def _rnn(scan: Any, w: Any, u: Any, b: Any, h: Any, xs: Any) -> Any:
    def body(h: Any, x: Any) -> Any:
        h = fnp.tanh(w @ h + u @ x + b)
        return h, h * 2.0

    h, ys = scan(body, h, xs)
    return fnp.sum(ys ** 2) + fnp.sum(h)


def _product(scan: Any, xs: Any) -> Any:
    return scan(lambda c, x: (c * x, fnp.sin(c)), 1.0, xs)


def _reversed(scan: Any, c: Any, xs: Any) -> Any:
    return scan(lambda c, x: (c * 0.5 + x * c, c * x), c, xs, reverse=True)


def _tree(scan: Any, params: Any, xs: Any) -> Any:
    def body(carry: Any, x: Any) -> Any:
        (a, k), b = carry["ab"], carry["n"]
        a = fnp.sin(a * params["s"]) + x["u"]
        return {"ab": (a, k + 1), "n": b * x["v"] + k}, (a + b, None, [k])

    init = {"ab": (params["a"], 0), "n": params["b"]}
    return scan(body, init, xs)


def _only_carry(scan: Any, x: Any) -> Any:
    return scan(lambda c, _: (fnp.cos(c) * x, None), x, None, length=4)


def _only_ys(scan: Any, w: Any, xs: Any) -> Any:
    return scan(lambda _, x: (None, fnp.exp(w * x)), None, xs)


def _counter(scan: Any, x: Any, xs: Any) -> Any:
    def body(carry: Any, v: Any) -> Any:
        i, c = carry
        return (i + 1, c * v + i), fnp.where(i % 2 == 0, c, -c)

    return scan(body, (0, x), xs)


def _constant_parameters_in_carry(scan: Any, w: Any, h: Any, xs: Any) -> Any:
    def body(carry: Any, x: Any) -> Any:
        w, h = carry
        h = fnp.tanh(w @ h) * x
        return (w, h), fnp.sum(h)

    return scan(body, (w, h), xs)


def _nested(scan: Any, w: Any, c: Any, xs: Any) -> Any:
    def outer(c: Any, x: Any) -> Any:
        d, ys = scan(lambda d, v: (fnp.sin(d * w) + v, d * v), c, x)
        return d, fnp.sum(ys) + d

    return scan(outer, c, xs)


def _swapped(scan: Any, a: Any, b: Any, xs: Any) -> Any:
    """The tangent of `a` reaches `b` one step later, and the third carry two steps later."""
    return scan(lambda c, x: ((c[1] * x, fnp.sin(c[0]), c[2] + c[1] * c[0]), c[2] * 1.0), (a, b, 0.0), xs)


def _shared(scan: Any, w: Any, h: Any, xs: Any) -> Any:
    """One matrix used twice, once transposed, and rounded to its own type on the way."""
    return scan(lambda h, x: (fnp.tanh(w @ fnp.sin(w.T @ h) + x), h[:2]), h, xs)


def _outer(scan: Any, w: Any, xs: Any) -> Any:
    """Broadcast products, whose cotangents are outer products too."""
    return scan(lambda c, x: (c + fnp.sum(w * x[:, None] * fnp.cos(c * x)[None, :]), x), 0.5, xs)


def _scaled(scan: Any, s: Any, w: Any, h: Any, xs: Any) -> Any:
    """A coefficient that depends on constants alone."""
    return scan(lambda h, x: (fnp.tanh((fnp.exp(s) * w) @ h) + x, None), h, xs)


def _programs() -> dict[str, tuple[Any, tuple[Any, ...]]]:
    r = rng()
    w, v, m = r.normal(size=(3, 3)), r.normal(size=3), r.normal(size=(5, 3))
    s, t = np.float64(0.7), r.normal(size=5)
    tree = {"s": s, "a": v, "b": s}, {"u": m, "v": t}
    return {
        "rnn": (_rnn, (w, r.normal(size=(3, 3)), v, v[::-1].copy(), m)),
        "product": (_product, (t,)),
        "reversed": (_reversed, (s, t)),
        "tree": (_tree, tree),
        "only carry": (_only_carry, (s,)),
        "only ys": (_only_ys, (s, t)),
        "counter": (_counter, (s, t)),
        "parameters in the carry": (_constant_parameters_in_carry, (w, v, t)),
        "nested": (_nested, (s, s, r.normal(size=(4, 3)))),
        "swapped": (_swapped, (s, s * 2, t)),
        "shared": (_shared, (w, v, m)),
        "outer": (_outer, (w, m)),
        "scaled": (_scaled, (s, w, v, m)),
    }


PROGRAMS = _programs()
each_program = pytest.mark.parametrize("name", PROGRAMS)


def both(name: str) -> tuple[Any, Any, tuple[Any, ...]]:
    f, args = PROGRAMS[name]
    return (lambda *a: f(lax.scan, *a)), (lambda *a: f(loop, *a)), args


def floats(f: Any) -> Any:
    """The floating leaves of a function's result."""
    return lambda *a: [x for x in ft.tree.leaves(f(*a)) if x.dtype.kind == "f"]


def like(tree: Any, seed: int) -> Any:
    r = np.random.default_rng(seed)
    return ft.tree.map(lambda x: r.normal(size=np.shape(x)), tree)


@each_program
@each_mode
def test_value(name: str, run: Any) -> None:
    f, g, args = both(name)
    close(run(f)(*args), g(*args))


@each_program
@each_mode
def test_jvp(name: str, run: Any) -> None:
    f, g, args = both(name)
    dots = like(args, 1)
    close(run(lambda *a: ft.jvp(floats(f), a, dots))(*args), ft.jvp(floats(g), args, dots))


@each_program
@each_mode
def test_vjp(name: str, run: Any) -> None:
    f, g, args = both(name)
    y, pull = ft.vjp(floats(g), *args)
    bars = like(y, 2)
    close(run(lambda *a: ft.vjp(floats(f), *a)[1](bars))(*args), pull(bars), 1e-8)


@each_program
@each_mode
def test_vjp_of_each_argument_alone(name: str, run: Any) -> None:
    f, g, args = both(name)
    for i in range(len(args)):
        def of_one(h: Any, i: int = i) -> Any:
            return lambda a: sum(fnp.sum(fnp.sin(y)) for y in floats(h)(*args[:i], a, *args[i + 1:]))

        close(run(ft.grad(of_one(f)))(args[i]), ft.grad(of_one(g))(args[i]), 1e-8)


@each_program
@each_mode
def test_second_order(name: str, run: Any) -> None:
    f, g, args = both(name)
    dots = like(args, 3)

    def scalar(h: Any) -> Any:
        return lambda *a: sum(fnp.sum(fnp.sin(y)) for y in floats(h)(*a))

    def over(h: Any, outer: str) -> Any:
        gradient = ft.grad(scalar(h), tuple(range(len(args))))
        if outer == "jvp":
            return lambda *a: ft.jvp(gradient, a, dots)[1]
        return lambda *a: ft.vjp(gradient, *a)[1](dots)

    wanted = over(g, "jvp")(*args)
    close(run(over(f, "jvp"))(*args), wanted, 1e-7)
    close(run(over(f, "vjp"))(*args), wanted, 1e-7)  # the Hessian is symmetric
    twice = ft.grad(lambda *a: sum(fnp.sum(x * d) for x, d in zip(  # reverse over forward
        ft.tree.leaves(ft.jvp(scalar(f), a, dots)[1]), [1.0], strict=True)), tuple(range(len(args))))
    close(run(twice)(*args), wanted, 1e-7)


@each_program
@each_mode
def test_vmap_over_each_argument_and_all(name: str, run: Any) -> None:
    f, g, args = both(name)
    n = len(args)
    choices = [tuple(0 if i == j else None for i in range(n)) for j in range(n)] + [(0,) * n]
    for axes in choices:
        batch = tuple(ft.tree.map(lambda x: np.stack([x, x * 0.5, x + 0.1]), a) if d == 0 else a for a, d in zip(args, axes, strict=True))
        close(run(ft.vmap(f, axes))(*batch), ft.vmap(g, axes)(*batch))
        grads = [ft.vmap(ft.grad(lambda *a, h=h: sum(fnp.sum(fnp.sin(y)) for y in floats(h)(*a)), tuple(range(n))), axes) for h in (f, g)]
        close(run(grads[0])(*batch), grads[1](*batch), 1e-8)


@each_program
def test_linear_programs_are_linear(name: str) -> None:
    f, _, args = both(name)
    leaves, tree = ft.tree.flatten(args)
    dots = [np.ones(np.shape(x)) for x in leaves]
    _, pushed = ft.linearize(lambda *a: floats(f)(*ft.tree.unflatten(tree, a)), *leaves)
    closed = ft.make_jaxpr(pushed)(*dots)
    check_jaxpr(closed)
    check_linear(closed.jaxpr, [True] * len(closed.jaxpr.invars))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_vmap_along_every_axis_of_xs(axis: int) -> None:
    xs = rng().normal(size=(5, 3, 2))
    f = lambda x: lax.scan(lambda c, v: (c + fnp.sum(v), v * c), 0.0, x)  # noqa: E731
    close(ft.vmap(f, axis)(xs), ft.vmap(lambda x: loop(lambda c, v: (c + fnp.sum(v), v * c), 0.0, x), axis)(xs))


def test_collectives_in_the_body() -> None:
    xs = rng().normal(size=(4, 3))
    f = lambda scan: lambda x: scan(lambda c, v: (c + lax.psum(v * c, "i"), c), x[0], x)  # noqa: E731
    close(ft.vmap(f(lax.scan), axis_name="i")(xs), ft.vmap(f(loop), axis_name="i")(xs))
    g = lambda scan: lambda x: fnp.sum(ft.vmap(lambda v: f(scan)(v)[0], axis_name="i")(x))  # noqa: E731
    close(ft.grad(g(lax.scan))(xs), ft.grad(g(loop))(xs))


def test_an_index_of_the_axis_differs_though_no_operand_does() -> None:
    count = lambda x: lax.scan(lambda c, v: (c + lax.axis_index("i"), None), 0, None, length=3)[0]  # noqa: E731
    np.testing.assert_array_equal(ft.vmap(count, axis_name="i")(np.zeros(4)), [0, 3, 6, 9])
    np.testing.assert_array_equal(ft.vmap(lambda x: ft.jit(lambda: lax.axis_index("i"))(), axis_name="i")(np.zeros(3)), [0, 1, 2])


# -- lengths, types, trees -------------------------------------------------------------------------------------------------

@each_mode
@pytest.mark.parametrize("length", [0, 1])
def test_short_loops(length: int, run: Any) -> None:
    xs = np.arange(2.0, 2.0 + length)
    f = run(lambda a, b, x: lax.scan(lambda c, v: (c * v * b, c + v), a, x))
    carry, ys = f(3.0, 5.0, xs)
    assert float(carry) == (3.0 if length == 0 else 30.0)
    np.testing.assert_array_equal(ys, [] if length == 0 else [5.0])
    grads = run(ft.grad(lambda a, b, x: lax.scan(lambda c, v: (c * v * b, c + v), a, x)[0], (0, 1, 2)))(3.0, 5.0, xs)
    np.testing.assert_allclose([grads[0], grads[1]], [1.0, 0.0] if length == 0 else [10.0, 6.0])
    np.testing.assert_allclose(grads[2], [] if length == 0 else [15.0])


def test_a_loop_of_no_turns_checks_no_index() -> None:
    def f(x: Any, n: int) -> Any:
        w = np.ones(3)
        return lax.scan(lambda c, v: (c * fnp.exp(fnp.sin(w)[fnp.sum(w).astype(int)]) + v, None), x, np.zeros(n))[0]

    assert float(ft.grad(f)(2.0, 0)) == 1.0
    with pytest.raises(IndexError, match="out of bounds for axis 0 with size 3"):
        ft.grad(f)(2.0, 1)


def test_results_are_arrays_of_their_own() -> None:
    xs = np.arange(3.0)
    carry, ys = lax.scan(lambda c, x: (c, x), 1.5, xs)
    xs[0] = 9.0
    assert isinstance(carry, ft.Array) and isinstance(ys, ft.Array)
    np.testing.assert_array_equal(ys, [0.0, 1.0, 2.0])


def test_none_everywhere() -> None:
    assert lax.scan(lambda c, x: (None, None), None, None, length=3) == (None, None)
    carry, ys = lax.scan(lambda c, x: (c, (None, {"y": c})), 2, None, length=2)
    assert int(carry) == 2 and ys[0] is None
    np.testing.assert_array_equal(ys[1]["y"], [2, 2])


@each_mode
def test_a_weak_start_takes_the_type_of_the_body(run: Any) -> None:
    xs = np.arange(3, dtype=np.float32)
    carry, ys = run(lambda x: lax.scan(lambda c, v: (c + v, c), 0, x))(xs)
    assert (carry.dtype, ys.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(ys, [0, 0, 1])
    carry, _ = run(lambda x: lax.scan(lambda c, v: (c * v, None), 1.0, x))(np.arange(1, 4).astype(np.complex128))
    assert carry.dtype == np.complex128 and complex(carry) == 6
    assert lax.scan(lambda c, v: (c + 1, c), 0, None, length=3)[0].weak_type


def test_integers_and_booleans() -> None:
    carry, ys = lax.scan(lambda c, x: ((c[0] + x, c[1] ^ (x > 1)), c[1]), (np.int32(5), np.False_), np.arange(4, dtype=np.int32))
    assert carry[0].dtype == np.int32 and int(carry[0]) == 11
    np.testing.assert_array_equal(ys, [False, False, False, True])


def test_unroll_changes_nothing() -> None:
    f = lambda u: lax.scan(lambda c, x: (c * x + 1, c), 1.0, np.arange(5.0), unroll=u)  # noqa: E731
    for u in (0, 2, 7, True, False):
        close(f(u), f(1))


def test_disable_jit_runs_python() -> None:
    seen = []

    def body(c: Any, x: Any) -> Any:
        seen.append(float(x["a"]))
        return c + x["a"], {"y": c}

    with config(disable_jit=True):
        carry, ys = lax.scan(body, 0.0, {"a": np.arange(3.0)}, reverse=True)
    assert seen == [2.0, 1.0, 0.0] and float(carry) == 3.0
    np.testing.assert_array_equal(ys["y"], [3.0, 2.0, 0.0])


def test_complex_derivatives() -> None:
    z = np.exp(1j * np.arange(1, 4))
    f = lambda scan: lambda c: fnp.abs(scan(lambda c, x: (c * x + fnp.conj(c), None), c, z)[0])  # noqa: E731
    close(ft.grad(f(lax.scan))(0.3 + 0.4j), ft.grad(f(loop))(0.3 + 0.4j))


def test_the_transpose_of_a_loop_with_a_counter() -> None:
    def f(scan: Any) -> Any:
        return lambda x, xs: scan(lambda c, v: ((c[0] + 1, c[1] * c[0] + v), c[1] * 2.0), (1, x), xs)

    def linear(scan: Any) -> Any:
        return lambda x, xs: [y for y in ft.tree.leaves(f(scan)(x, xs)) if y.dtype.kind == "f"]

    x, xs = np.float64(0.5), np.arange(4.0)
    bars = like(linear(loop)(x, xs), 0)
    close(ft.linear_transpose(linear(lax.scan), x, xs)(bars), ft.vjp(linear(loop), x, xs)[1](bars))


def test_closed_over_tracers_of_several_transformations() -> None:
    def f(scan: Any) -> Any:
        return lambda a: ft.grad(lambda b: ft.jvp(lambda c: scan(lambda h, x: (fnp.sin(h * a) * b + c * x, None), 1.0, np.arange(3.0))[0],
                                                  (0.5,), (1.0,))[1])(a * 2)

    close(ft.grad(f(lax.scan))(0.3), ft.grad(f(loop))(0.3))


# -- what is kept ----------------------------------------------------------------------------------------------------------

def scans(closed: Any) -> list[Any]:
    return [e for e in closed.eqns if e.primitive is lax.scan_p]


def test_outer_products_are_summed_after_the_loop() -> None:
    w, h, xs = rng().normal(size=(8, 8)), np.ones(8), rng().normal(size=(5, 8))
    closed = ft.make_jaxpr(ft.grad(lambda w: lax.scan(lambda h, x: (fnp.tanh(w @ h) + x, None), h, xs)[0].sum()))(w)
    _, backward = scans(closed)
    assert all(v.aval.shape in ((8,), (5, 8)) for v in backward.outvars)  # no matrix is accumulated
    assert closed.eqns[-1].primitive is lax.dot_general_p


@pytest.mark.parametrize("wrap", [ft.jit, ft.checkpoint, lambda f: ft.jit(ft.checkpoint(f))], ids=["jit", "checkpoint", "both"])
def test_outer_products_are_found_inside_calls(wrap: Any) -> None:
    w, h, xs = rng().normal(size=(8, 8)), np.ones(8), rng().normal(size=(5, 8))

    def f(w: Any, wrap: Any) -> Any:
        step = wrap(lambda h, x: fnp.tanh(w @ fnp.sin(w.T @ h)) + x)
        return lax.scan(lambda h, x: (step(h, x), None), h, xs)[0].sum()

    closed = ft.make_jaxpr(ft.grad(lambda w: f(w, wrap)))(w)
    assert all(v.aval.shape in ((8,), (5, 8)) for e in scans(closed) for v in e.outvars)
    wanted = ft.grad(lambda w: f(w, lambda g: g))(w)
    close(ft.grad(lambda w: f(w, wrap))(w), wanted)
    close(ft.jit(ft.grad(lambda w: f(w, wrap)))(w), wanted)
    dots = ft.jvp(ft.grad(lambda w: f(w, wrap)), (w,), (w,))[1]
    close(dots, ft.jvp(ft.grad(lambda w: f(w, lambda g: g)), (w,), (w,))[1], 1e-8)


def test_sums_of_small_terms_stay_in_the_loop() -> None:
    w, xs = np.ones((2, 2)), np.ones((5, 100, 2))
    closed = ft.make_jaxpr(ft.grad(lambda w: lax.scan(lambda c, x: (c + fnp.sum(fnp.sin(fnp.sin(x) @ w)), None), 0.0, xs)[0]))(w)
    _, backward = scans(closed)
    assert [v.aval.shape for v in backward.outvars] == [(2, 2)]  # 100 rows of operands would outweigh the matrix


def test_a_bias_is_accumulated_unbroadcast() -> None:
    b, xs = np.ones(3), np.ones((5, 100, 3))
    closed = ft.make_jaxpr(ft.grad(lambda b: lax.scan(lambda c, x: (fnp.sin(c * x + b), None), xs[0], xs)[0].sum()))(b)
    _, backward = scans(closed)
    assert (3,) in [v.aval.shape for v in backward.outvars]


def test_residuals_are_minimal() -> None:
    w, xs = np.ones((3, 3)), np.ones((5, 3))

    def body(h: Any, x: Any) -> Any:
        h = fnp.tanh(w @ h + x)
        return h, h

    forward, _ = scans(ft.make_jaxpr(ft.grad(lambda h: lax.scan(body, h, xs)[1].sum()))(np.ones(3)))
    # the carry, the results, and the derivative of tanh; neither w nor x
    assert [v.aval.shape for v in forward.outvars] == [(3,), (5, 3), (5, 3)]


def test_what_depends_on_constants_is_not_stacked() -> None:
    f = lambda s, w: lax.scan(lambda h, x: ((fnp.exp(s) * w) @ h, None), np.ones(3), np.ones(5))[0].sum()  # noqa: E731
    closed = ft.make_jaxpr(ft.grad(f))(0.5, np.ones((3, 3)))
    forward, backward = scans(closed)
    assert all(v.aval.shape in ((3,), (5, 3)) for e in (forward, backward) for v in e.outvars)
    assert all(e.primitive.name != "exp" for e in forward.params["jaxpr"].eqns)


def test_parameters_in_the_carry_are_not_stacked() -> None:
    f, args = PROGRAMS["parameters in the carry"]
    closed = ft.make_jaxpr(ft.grad(lambda w: f(lax.scan, w, *args[1:])[1].sum()))(args[0])
    assert all(v.aval.ndim <= 2 for e in scans(closed) for v in e.outvars)


def test_broadcasts_and_masks_are_kept_small() -> None:
    x = np.ones((5, 3))
    f = lambda b: lax.scan(lambda h, x: (fnp.where(h > 0, h, 0.1 * h) * fnp.exp(x)[:, None] * b, None), np.ones((3, 50)), x)[0].sum()  # noqa: E731
    forward, _ = scans(ft.make_jaxpr(ft.grad(lambda b: f(b)))(2.0))
    floats_kept = [v.aval.shape for v in forward.outvars if v.aval.dtype.kind == "f"]
    assert (5, 3) in floats_kept


# -- errors ----------------------------------------------------------------------------------------------------------------

def failing(f: Any, error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        f()
    return str(caught.value)


def body(c: Any, x: Any) -> Any:
    return c, x


@pytest.mark.parametrize(("call", "error", "parts"), [
    (lambda: lax.scan(3, 0.0, np.ones(2)), TypeError, ["scan: the body must be a function of (carry, x); got 3 of type int"]),
    (lambda: lax.scan(body, 0.0), ValueError, ["scan of body: the number of steps is unknown", "Pass arrays as xs, or length."]),
    (lambda: lax.scan(body, 0.0, None, length=-1), ValueError, ["scan of body: length must not be negative; got -1"]),
    (lambda: lax.scan(body, 0.0, None, length=2.5), TypeError,
     ["scan of body: length must be an int known while tracing; got 2.5 of type float"]),
    (lambda: lax.scan(body, 0.0, {"a": np.ones(3), "b": np.ones((4, 2))}), ValueError,
     ["every array of xs needs the same leading size", "xs['a'] has leading size 3; xs['b'] has leading size 4."]),
    (lambda: lax.scan(body, 0.0, [np.ones(3)], length=4), ValueError, ["xs[0] has leading size 3; length is 4."]),
    (lambda: lax.scan(body, 0.0, (np.ones(3), 1.0)), ValueError, ["xs[1] is f64*[] and has no leading axis to go along", "closed over"]),
    (lambda: lax.scan(body, 0.0, ["abc"]), TypeError, ["xs[0] must be an array or a number; it is 'abc' of type str"]),
    (lambda: lax.scan(body, {"k": object}, np.ones(2)), TypeError, ["init['k'] must be an array or a number", "of type type"]),
    (lambda: lax.scan(body, 0.0, np.ones(2), unroll=-1), ValueError, ["unroll must be a bool or an int that is not negative; got -1"]),
    (lambda: lax.scan(lambda c, x: c, np.float64(0), np.ones(2)), TypeError,
     ["scan of <lambda>: the body must return a pair (carry, y); it returned an array of type f64[]",
      "Return (carry, None) where a step has no result."]),
    (lambda: lax.scan(lambda c, x: (c, x, x), 0.0, np.ones(2)), TypeError, ["it returned tuple of length 3"]),
    (lambda: lax.scan(lambda c, x: ({"h": fnp.ones(3)}, x), {"h": 0.0}, np.ones(2)), TypeError,
     ["the carry must keep its types", "carry['h'] comes in as f64[] and the body returns f64[3], so the shapes differ.",
      "start from an array of shape (3,), or sum or index in the body."]),
    (lambda: lax.scan(lambda c, x: (c * 1.5, x), np.int32(0), np.ones(2)), TypeError,
     ["carry comes in as i32[] and the body returns f64[], so the dtypes differ.",
      "start from a float64 carry, or return .astype('int32')"]),
    (lambda: lax.scan(lambda c, x: ((c, c), x), 0.0, np.ones(2)), TypeError,
     ["the carry must keep its structure", "their Python types differ", "Let the body return a carry built like init."]),
    (lambda: lax.scan(lambda c, x: ({"a": 1.0, "b": 2.0}, x), {"a": 0.0}, np.ones(2)), TypeError,
     ["carry is a dict with 1 child before a step and a dict with 2 children after it, so the numbers of children do not match"]),
    (lambda: lax.scan(lambda c, x: (c, "y"), 0.0, np.ones(2)), TypeError, ["must return arrays or numbers; result[1] is 'y' of type str"]),
    (lambda: lax.scan(lambda c, x: (c + 1 if c > 0 else c, x), 0.0, np.ones(2)), ft.errors.TracerBoolConversionError,
     ["a truth value", "scan of"]),
    (lambda: lax.map(3, np.ones(2)), TypeError, ["map takes a function of one slice; got 3 of type int"]),
    (lambda: lax.map(fnp.sin, np.ones(2), batch_size=0), ValueError, ["map of sin: batch_size must be a positive int; got 0"]),
    (lambda: lax.map(fnp.sin, None), ValueError, ["map of sin: the number of steps is unknown"]),
])
def test_errors(call: Any, error: type[Exception], parts: list[str]) -> None:
    message = failing(call, error)
    for part in parts:
        assert part in message
    assert "test_scan.py:" in message or "result[1]" in message


# -- map -------------------------------------------------------------------------------------------------------------------

@each_mode
@pytest.mark.parametrize("batch_size", [None, 1, 2, 7, 10])
def test_map(batch_size: int | None, run: Any) -> None:
    xs = {"a": rng().normal(size=(7, 3)), "b": np.arange(7)}
    f = run(lambda xs: lax.map(lambda x: (fnp.sum(x["a"]) * x["b"], x["a"][0]), xs, batch_size=batch_size))
    close(f(xs), (xs["a"].sum(1) * xs["b"], xs["a"][:, 0]))
    g = run(ft.grad(lambda a: fnp.sum(lax.map(lambda v: fnp.sin(v) * v[0], a, batch_size=batch_size))))
    a = xs["a"]
    wanted = np.cos(a) * a[:, :1]
    wanted[:, 0] += np.sin(a).sum(1)
    close(g(a), wanted)


def test_map_of_nothing() -> None:
    assert lax.map(lambda x: x + 1.0, np.ones((0, 2)), batch_size=3).shape == (0, 2)
