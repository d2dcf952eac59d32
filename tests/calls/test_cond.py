"""`cond` and `switch` against Python's own branches: values, both modes, second order, batches, nesting, types, errors."""

import functools

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.core.check import check_jaxpr
from functrans.core.parse import parse_jaxpr
from tests.calls import helpers
from tests.calls.helpers import refuses, wrappers

HERE = "test_cond.py"
POINT = (0.3, 0.7)


def branching(p, x, w):
    """One branch uses x and w, the other x and, twice, what it closes over."""
    return lax.cond(p, lambda x: fnp.sin(x) * w, lambda x: fnp.exp(w) * x * x * w, x)


def python(p, x, w):
    return fnp.sin(x) * w if p else fnp.exp(w) * x * x * w


DERIVATIVES = helpers.DERIVATIVES | {"third": lambda f: ft.grad(ft.grad(ft.grad(f, 1), 0), 1)}
agree = functools.partial(helpers.agree, rtol=1e-13, atol=1e-14)


@wrappers
@pytest.mark.parametrize("derive", DERIVATIVES.values(), ids=DERIVATIVES)
@pytest.mark.parametrize("p", [True, False])
def test_derivatives(p, derive, wrap):
    agree(wrap(derive(lambda x, w: branching(p, x, w)))(*POINT), derive(lambda x, w: python(p, x, w))(*POINT))


@wrappers
@pytest.mark.parametrize("derive", [DERIVATIVES[k] for k in ("value", "jvp", "vjp", "grad-grad")], ids=["value", "jvp", "vjp", "grad-grad"])
@pytest.mark.parametrize("axes", [(0, None, None), (None, 0, None), (None, None, 0), (0, 0, None), (0, 0, 0)], ids=str)
def test_batches(axes, derive, wrap):
    """vmap over the predicate, the operand, the closed-over value."""
    batches = np.array([True, False, False]), np.array([0.3, -1.2, 2.0]), np.array([0.7, 0.1, -0.4])
    args = [b if a == 0 else b[1].item() for b, a in zip(batches, axes, strict=True)]
    f = lambda p, x, w: derive(lambda x, w: branching(p, x, w))(x, w)  # noqa: E731
    got = wrap(ft.vmap(f, axes))(*args)
    rows = [derive(lambda x, w, p=p: python(p, x, w))(x, w)
            for p, x, w in ([a[k] if axis == 0 else a for a, axis in zip(args, axes, strict=True)] for k in range(3))]
    agree(got, ft.tree_util.tree_map(lambda *leaves: np.stack([np.asarray(v) for v in leaves]), *rows))


@wrappers
def test_grad_of_a_batch_with_its_own_predicates(wrap):
    ps, xs = np.array([True, False]), np.array([0.3, 0.5])
    got = wrap(ft.grad(lambda w: ft.vmap(branching, (0, 0, None))(ps, xs, w).sum()))(0.7)
    agree(got, sum(ft.grad(lambda w, p=p, x=x: python(p, x, w))(0.7) for p, x in zip(ps, xs, strict=True)))


@wrappers
def test_derivative_through_a_computed_predicate(wrap):
    """The predicate has no derivative; the branch taken has."""
    f = lambda x: lax.cond(x * x > 1.0, lambda: x**3, lambda: 2 * x)  # noqa: E731
    agree([wrap(ft.grad(f))(v) for v in (-2.0, 0.5, 2.0)], [12.0, 2.0, 12.0])


@wrappers
def test_nested(wrap):
    def f(x, y):
        inner = lambda: lax.cond(y > 0, lambda: x * y, lambda: fnp.sin(x) - y)  # noqa: E731
        return lax.cond(x > 0, inner, lambda: lax.switch(1, [lambda: x, lambda: y * x * x]))

    def g(x, y):
        return (x * y if y > 0 else fnp.sin(x) - y) if x > 0 else y * x * x

    for point in ((0.5, 0.7), (0.5, -0.7), (-0.5, 0.7)):
        agree(wrap(ft.hessian(f, (0, 1)))(*point), ft.hessian(g, (0, 1))(*point))
    xs, ys = np.array([0.5, 0.5, -0.5]), np.array([0.7, -0.7, 0.7])
    agree(wrap(ft.vmap(ft.grad(f, (0, 1))))(xs, ys), [np.array([ft.grad(g, k)(x, y) for x, y in zip(xs, ys, strict=True)]) for k in (0, 1)])


@wrappers
@pytest.mark.parametrize("index", [-3, 0, 1, 2, 7])
def test_switch_clamps(index, wrap):
    branches = [lambda x: x, lambda x: x * x, lambda x: fnp.exp(x)]
    taken = branches[min(max(index, 0), 2)]
    for kind in (int, np.int8, np.int32, np.int64):
        agree(wrap(lambda i, x: lax.switch(i, branches, x))(kind(index), 0.4), taken(0.4))
    agree(wrap(lambda x: ft.grad(lambda x: lax.switch(index, branches, x))(x))(0.4), ft.grad(taken)(0.4))


def test_switch_of_large_and_unsigned_indices():
    branches = [lambda k=k: k for k in range(300)]
    assert lax.switch(2**62, branches) == 299
    assert lax.switch(np.uint8(255), branches) == 255
    assert lax.switch(np.uint64(2**64 - 1), branches) == 299
    assert lax.switch(5, [lambda x: x * 3], 2) == 6


@wrappers
def test_switch_batched(wrap):
    branches = [lambda x: x, lambda x: x * x, lambda x: fnp.exp(x)]
    indices, xs = np.array([2, 0, 1, 9]), np.array([0.1, 0.2, 0.3, 0.4])
    agree(wrap(ft.vmap(lambda i, x: lax.switch(i, branches, x)))(indices, xs), np.array([np.exp(0.1), 0.2, 0.09, np.exp(0.4)]))
    agree(wrap(ft.vmap(ft.grad(lambda x, i: lax.switch(i, branches, x))))(xs, indices), np.array([np.exp(0.1), 1, 0.6, np.exp(0.4)]))


@wrappers
def test_trees_and_none(wrap):
    f = lambda p, t: lax.cond(p, lambda t: {"a": t["x"], "b": (None, t["n"])}, lambda t: {"a": t["x"] * 2, "b": (None, t["n"] + 1)}, t)  # noqa: E731
    t = {"x": np.ones(2), "n": np.int32(3)}
    assert str(wrap(f)(False, t)) == "{'a': Array([2., 2.], dtype=float64), 'b': (None, Array(4, dtype=int32))}"
    assert lax.cond(True, lambda: None, lambda: None) is None


@pytest.mark.parametrize(("pred", "taken"), [(True, 1), (False, 2), (3, 1), (0, 2), (-0.5, 1), (0.0, 2), (np.nan, 1), (np.uint8(0), 2)])
def test_predicates_that_are_numbers(pred, taken):
    assert lax.cond(pred, lambda: 1, lambda: 2) == taken


def test_forms_of_operands():
    assert lax.cond(True, lambda x: x, lambda x: x + 1, operand=3) == 3
    assert lax.cond(False, lambda x: 1, lambda x: 2, operand=None) == 2
    assert lax.cond(False, 1.0, lambda x: x, 2.0, lambda x: x + 5) == 7
    assert lax.switch(1, [lambda x: x, lambda x: x + 1], operand=3) == 4


def test_weak_types_join():
    """A result is weak where every branch's is; a number takes the dtype of an array of its kind."""
    result = lambda *fs: lax.switch(1, fs, np.float32(2))  # noqa: E731
    assert result(lambda x: 1.0, lambda x: 2.0).weak_type
    assert result(lambda x: 1.0, lambda x: x).dtype == result(lambda x: x, lambda x: 1.0, lambda x: 2.0).dtype == np.float32
    assert not result(lambda x: 1.0, lambda x: x).weak_type


# -- what is made of it -----------------------------------------------------------------------------------------------

def primitives_in(closed):
    return [e.primitive.name for e in closed.eqns]


def test_only_the_branch_taken_runs():
    seen = ft.make_jaxpr(lambda x: branching(x > 0, x, x))(1.0)
    assert primitives_in(seen)[-1] == "cond"
    assert "sin" not in primitives_in(seen)
    batched = ft.make_jaxpr(ft.vmap(branching, (None, 0, 0)))(True, np.ones(3), np.ones(3))
    assert primitives_in(batched)[-1] == "cond"
    assert "cond" not in primitives_in(ft.make_jaxpr(ft.vmap(branching))(np.ones(3, bool), np.ones(3), np.ones(3)))


def test_residuals_share_slots():
    """Three branches with two residuals of one type each need two slots, and operands none."""
    branches = [lambda x, k=k: fnp.sin(fnp.sin(x * k)) for k in (1.0, 2.0, 3.0)]
    primal = ft.make_jaxpr(lambda x: ft.vjp(lambda x: lax.switch(1, branches, x), x)[0])(np.ones(5)).eqns[-1]
    assert primal.primitive.name == "cond"
    assert len(primal.outvars) == 1 + 2
    products = [lambda w, x: w * x, lambda w, x: w * x * x]
    primal = ft.make_jaxpr(lambda w, x: ft.vjp(lambda w, x: lax.switch(1, products, w, x), w, x)[0])(np.ones(5), np.ones(5)).eqns[-1]
    assert len(primal.outvars) == 1 + 1  # w * x of the second


def test_text_parses_back():
    closed = ft.make_jaxpr(ft.grad(lambda x: branching(x > 0, x, 2.0)))(1.0)
    again = parse_jaxpr(str(closed.jaxpr))
    check_jaxpr(again)
    assert str(again) == str(closed.jaxpr)


@wrappers
def test_linear_transpose(wrap):
    f = lambda p: lambda t: lax.cond(p, lambda t: 2.0 * t, lambda t: 3.0 * t[::-1], t)  # noqa: E731
    ct = np.array([1.0, 2.0])
    agree(wrap(lambda ct: ft.linear_transpose(f(True), ct)(ct)[0])(ct), 2 * ct)
    agree(wrap(lambda ct: ft.linear_transpose(f(False), ct)(ct)[0])(ct), 3 * ct[::-1])


@wrappers
def test_large_constants_are_shared(wrap):
    table = np.arange(1000.0)
    f = lambda p, i: lax.cond(p, lambda i: fnp.asarray(table)[i], lambda i: -fnp.asarray(table)[i], i)  # noqa: E731
    assert wrap(f)(False, 7) == -7
    eqn = ft.make_jaxpr(f)(True, 3).eqns[-1]
    assert not any(b.consts for b in eqn.params["branches"])


# -- branches that are not taken, in a batch ------------------------------------------------------------------------------

# Functions of one element, whose other branch has an infinite derivative there, or none: of an argument, of what is closed over.
UNSAFE = {
    "sqrt": lambda x, w: lax.cond(x > 0, lambda x: fnp.sqrt(x) * w, lambda x: 0 * x * w, x),
    "closed over": lambda x, w: lax.cond(x > 0, lambda: fnp.log(x) + w, lambda: x * fnp.sin(w)),
    "of what does not differ": lambda x, w: lax.cond(x > 0, lambda x: x * w, lambda x: x * fnp.sqrt(w - w), x),
    "switch": lambda x, w: lax.switch((x > 0).astype(int), [lambda x: x * w, lambda x: 1 / x], x),
    "in a loop": lambda x, w: lax.scan(lambda c, _: (lax.cond(c > 0, fnp.sqrt, lambda c: 0 * c, c) * w, None), x, None, length=3)[0],
    "twice": lambda x, w: lax.cond(x > 0, lambda x: lax.cond(x > 1, lambda x: fnp.log(x - 1) * w, lambda x: x * w, x), lambda x: -x, x),
}


@wrappers
@pytest.mark.parametrize("name", UNSAFE)
def test_derivatives_of_branches_not_taken_count_for_nothing(name, wrap):
    f, xs, w = UNSAFE[name], np.array([4.0, -1.0, 0.0, 0.5]), 0.7
    if name == "of what does not differ":
        xs = np.array([4.0, 1.0])  # the branch that is not taken has an infinite derivative by w for every element
    mapped = ft.vmap(f, (0, None))
    by_x = np.array([ft.grad(f)(x, w) for x in xs])
    by_w = sum(ft.grad(f, 1)(x, w) for x in xs)
    got = wrap(ft.grad(lambda xs, w: fnp.sum(mapped(xs, w)), (0, 1)))(xs, w)
    np.testing.assert_allclose(got[0], by_x, rtol=1e-13)
    np.testing.assert_allclose(got[1], by_w, rtol=1e-13)
    np.testing.assert_allclose(wrap(ft.jacfwd(mapped))(xs, w).diagonal(), by_x, rtol=1e-13)
    second = np.array([ft.grad(ft.grad(f))(x, w) for x in xs])
    np.testing.assert_allclose(np.diag(wrap(ft.hessian(lambda xs: fnp.sum(mapped(xs, w))))(xs)), second, rtol=1e-13)
    pieces = wrap(ft.grad(lambda xs: fnp.sum(lax.map(lambda x: f(x, w), xs, batch_size=2))))
    np.testing.assert_allclose(pieces(xs), by_x, rtol=1e-13)


def test_a_choice_without_derivatives_is_compiled_as_before():
    f = ft.vmap(lambda x, w: lax.cond(x > 0, lambda: x * w, lambda: x - w), (0, None))
    lowered = ft.jit(f).lower(np.ones(8), 2.0).as_text("kernels")
    assert lowered.count("nest") == 1


# -- errors -----------------------------------------------------------------------------------------------------------

def test_branches_that_disagree():
    both = lambda f, g: lambda: lax.cond(True, f, g, 1.0)  # noqa: E731
    refuses(both(lambda x: 1, lambda x: 2.0), TypeError, "results of one type", "true_fun is <lambda> at", "i64*[] in true_fun",
            "f64*[] in false_fun", "the dtypes differ", ".astype(", HERE)
    refuses(both(lambda x: {"a": x, "b": x}, lambda x: {"a": x, "b": fnp.ones(3)}), TypeError, "result['b'] is f64[3] in false_fun",
            "f64*[] in true_fun", "the shapes differ", HERE)
    refuses(both(lambda x: {"a": x}, lambda x: (x, x)), TypeError, "structures differ", "dict", "tuple", "Return the same structure", HERE)
    refuses(lambda: lax.switch(1, [lambda: 1.0, lambda: np.float32(1), lambda: np.float64(2)]), TypeError, "f32[] in branch 1",
            "f64[] in branch 2", HERE)


def test_bad_predicates_and_indices():
    choose = lambda p: lambda: lax.cond(p, lambda: 1, lambda: 2)  # noqa: E731
    refuses(choose(np.ones(3)), TypeError, "the predicate must be a scalar", "f64[3]", "functrans.numpy.where", HERE)
    refuses(choose(1j), TypeError, "bool or a real number", "pred != 0", HERE)
    refuses(choose("text"), TypeError, "the predicate must be a scalar", "'text'", HERE)
    refuses(lambda: lax.switch(1.5, [lambda: 1, lambda: 2]), TypeError, "the index must be an integer", "f64*[]", HERE)
    refuses(lambda: lax.switch(True, [lambda: 1, lambda: 2]), TypeError, "the index must be an integer", HERE)
    refuses(lambda: lax.switch(np.array([1]), [lambda: 1, lambda: 2]), TypeError, "the index must be a scalar", "(1,)", HERE)


def test_bad_arguments():
    refuses(lambda: lax.cond(True, 1, lambda: 2), TypeError, "true_fun must be callable", "lambda *operands: value", HERE)
    refuses(lambda: lax.cond(True, lambda x: x, lambda x: x, "text"), TypeError, "must be an array or a number", "'text'", HERE)
    refuses(lambda: lax.cond(True, lambda x: x, lambda x: x, 1.0, operand=3.0), TypeError, "both by position and by the keyword", HERE)
    refuses(lambda: lax.switch(0, []), ValueError, "no branches", HERE)
    refuses(lambda: lax.switch(0, [1, 2]), TypeError, "branch 0 is 1", HERE)


def test_the_truth_of_an_operand_is_not_known():
    refuses(lambda: lax.cond(True, lambda x: x if x > 0 else -x, lambda x: x, 1.0), TypeError, "cond of <lambda>", "truth value", HERE)
