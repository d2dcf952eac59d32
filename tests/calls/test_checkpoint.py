"""`checkpoint`: the same values and derivatives, with less kept; what policies save; what compiled code computes anew."""

import itertools
import re

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.ad_checkpoint import Offloadable, Recompute, Saveable, checkpoint_name, print_saved_residuals, saved_residuals
from functrans.core.jaxpr import subjaxprs
from functrans.errors import ConcretizationTypeError, TracerBoolConversionError

P = ft.checkpoint_policies
X = np.array([0.3, -0.7, 1.2])
RNG = np.random.default_rng(0)
W, V = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
BATCH = RNG.normal(size=(5, 3))


def f(x):
    """exp(sin x), elementwise: closed forms of its derivatives are below."""
    return fnp.exp(fnp.sin(x))


def mlp(x, w, v):
    """Two products, a name, a jitted function: something for every policy."""
    h = checkpoint_name(fnp.tanh(x @ w), "hidden")
    h = ft.jit(lambda t: fnp.sin(t) * t)(h)
    return fnp.sum(checkpoint_name(h @ v, "scores") ** 3)


first = np.cos(X) * np.exp(np.sin(X))
second = (np.cos(X) ** 2 - np.sin(X)) * np.exp(np.sin(X))
POLICIES = {
    "none": None,
    "everything": P.everything_saveable,
    "nothing": P.nothing_saveable,
    "dots": P.dots_saveable,
    "unbatched dots": P.dots_with_no_batch_dims_saveable,
    "hidden": P.save_only_these_names("hidden"),
    "not hidden": P.save_any_names_but_these("hidden"),
    "except hidden": P.save_anything_except_these_names("hidden"),
    "both": P.save_from_both_policies(P.dots_saveable, P.save_only_these_names("hidden")),
    "offload": P.save_and_offload_only_these_names(
        names_which_can_be_saved=["hidden"], names_which_can_be_offloaded=["scores"], offload_src="device", offload_dst="pinned_host"),
    "offload dots": P.offload_dot_with_no_batch_dims("device", "pinned_host"),
}
EACH_POLICY = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def count(closed, name):
    """How many equations `name` there are, nested ones included."""
    return sum((e.primitive.name == name) + sum(count(c, name) for c in subjaxprs(e.params)) for e in closed.eqns)


def simplified(fun, *args):
    return ft.jit(fun).lower(*args).as_text("simplified")


def origins(fun, *args):
    """The residuals without their lines."""
    return [f"{aval.str_short()} {re.sub(r' from [^ ]*:.*', '', text)}" for aval, text in saved_residuals(fun, *args)]


# -- values and derivatives ------------------------------------------------------------------------------------------------

@EACH_POLICY
@pytest.mark.parametrize("wrap", [lambda g: g, ft.jit], ids=["eager", "jit"])
def test_closed_forms(wrap, policy):
    g = ft.checkpoint(f, policy=policy)
    total = lambda x: fnp.sum(g(x))  # noqa: E731
    np.testing.assert_allclose(wrap(g)(X), np.exp(np.sin(X)), rtol=1e-15)
    np.testing.assert_allclose(wrap(ft.grad(total))(X), first, rtol=1e-15)
    np.testing.assert_allclose(wrap(lambda x: ft.jvp(g, (x,), (np.ones(3),))[1])(X), first, rtol=1e-15)
    np.testing.assert_allclose(wrap(ft.vmap(ft.grad(g)))(X), first, rtol=1e-15)
    np.testing.assert_allclose(wrap(ft.hessian(total))(X), np.diag(second), rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(wrap(ft.jacrev(ft.grad(total)))(X), np.diag(second), rtol=1e-14, atol=1e-16)


def bits(tree):
    return [np.asarray(x).tobytes() for x in ft.tree_util.tree_leaves(tree)]


TRANSFORMS = {
    "value": lambda g: g,
    "grad": lambda g: ft.grad(g, argnums=(0, 1, 2)),
    "value_and_grad": lambda g: ft.value_and_grad(g, argnums=1),
    "jvp": lambda g: lambda *args: ft.jvp(g, args, args),
    "linearize": lambda g: lambda *args: ft.linearize(g, *args)[1](*args),
    "vmap": lambda g: ft.vmap(g, in_axes=(0, None, None)),
    "vmap of grad": lambda g: ft.vmap(ft.grad(g, argnums=(0, 1)), in_axes=(0, None, None)),
    "grad of vmap": lambda g: ft.grad(lambda *args: fnp.sum(ft.vmap(g, in_axes=(0, None, None))(*args)), argnums=(0, 1)),
}


@EACH_POLICY
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_nothing_differs_from_the_plain_function(transform, policy):
    """To the last bit, eager and compiled: the same operations are done on the same values."""
    args = (BATCH if "vmap" in transform else X, W, V)
    plain, made = (TRANSFORMS[transform](g) for g in (mlp, ft.checkpoint(mlp, policy=policy)))
    assert bits(made(*args)) == bits(plain(*args))
    np.testing.assert_allclose(*(np.concatenate([np.ravel(y) for y in ft.tree_util.tree_leaves(ft.jit(g)(*args))])
                                 for g in (made, plain)), rtol=1e-13)


@pytest.mark.parametrize("order", list(itertools.permutations(["jit", "grad", "checkpoint", "grad"])), ids="-".join)
def test_every_nesting_order(order):
    g = lambda x: fnp.exp(fnp.sin(x))  # noqa: E731
    for name in reversed(order):
        g = {"jit": ft.jit, "grad": ft.grad, "checkpoint": ft.checkpoint}[name](g)
    np.testing.assert_allclose(g(X[0]), second[0], rtol=1e-14)


def test_third_derivative_and_forward_over_reverse():
    g = ft.checkpoint(lambda x: fnp.sin(x) * x)
    third = -3 * np.sin(0.4) - 0.4 * np.cos(0.4)
    np.testing.assert_allclose(ft.grad(ft.grad(ft.grad(g)))(0.4), third, rtol=1e-14)
    np.testing.assert_allclose(ft.jit(ft.grad(ft.checkpoint(ft.grad(ft.checkpoint(ft.grad(g))))))(0.4), third, rtol=1e-14)
    np.testing.assert_allclose(ft.jvp(ft.grad(ft.grad(g)), (0.4,), (1.0,))[1], third, rtol=1e-14)


@EACH_POLICY
def test_nested(policy):
    inner = ft.checkpoint(f, policy=policy)
    outer = ft.checkpoint(lambda x: fnp.sum(inner(inner(x))), policy=policy)
    y = np.exp(np.sin(X))
    want = np.cos(y) * np.exp(np.sin(y)) * first
    np.testing.assert_allclose(ft.grad(outer)(X), want, rtol=1e-14)
    np.testing.assert_allclose(ft.jit(ft.grad(outer))(X), want, rtol=1e-14)


def test_trees_keywords_integers_and_results():
    @ft.checkpoint
    def g(params, n, *, scale):
        return {"y": params["a"] * scale ** 2, "n": n + 1, "c": 3.0}

    def loss(params, scale):
        out = g(params, np.arange(3), scale=scale)
        return fnp.sum(out["y"] * out["c"] * out["n"])

    da, dscale = ft.grad(loss, argnums=(0, 1))({"a": X}, 2.0)
    np.testing.assert_allclose(da["a"], 12 * np.array([1, 2, 3]), rtol=1e-15)
    np.testing.assert_allclose(dscale, np.sum(12 * X * np.array([1, 2, 3])), rtol=1e-15)
    out = ft.jit(lambda: g({"a": X}, np.arange(3), scale=2.0))()
    assert sorted(out) == ["c", "n", "y"] and out["n"].dtype == np.arange(3).dtype


def test_closed_over_values_are_differentiated():
    def loss(w):
        return fnp.sum(ft.checkpoint(lambda x: fnp.sin(x) * w * w)(X))

    np.testing.assert_allclose(ft.grad(loss)(2.0), 4 * np.sin(X).sum(), rtol=1e-15)
    np.testing.assert_allclose(ft.jit(ft.grad(loss))(2.0), 4 * np.sin(X).sum(), rtol=1e-15)
    assert origins(loss, 2.0) == ["f64[3] from a constant", "f64*[] from the argument w"]


def test_complex_and_single_precision():
    g = ft.checkpoint(lambda z: fnp.sin(z) * z)
    z = 0.3 + 0.4j
    np.testing.assert_allclose(ft.grad(g, holomorphic=True)(z), np.cos(z) * z + np.sin(z), rtol=1e-14)
    single = ft.grad(lambda x: fnp.sum(ft.checkpoint(f)(x)))(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, first, rtol=1e-6)


def test_no_arguments_and_no_derivative():
    assert float(ft.checkpoint(lambda: 2.0)()) == 2.0
    assert float(ft.jit(ft.checkpoint(lambda: 2.0))()) == 2.0
    assert float(ft.grad(lambda x: x * ft.checkpoint(lambda y: fnp.sign(y))(x))(3.0)) == 1.0
    assert float(ft.grad(lambda x: x * ft.checkpoint(ft.stop_gradient)(x))(3.0)) == 3.0


def test_decorator_with_options_and_methods():
    class Model:
        scale = 2.0

        @ft.remat(policy=P.dots_saveable, prevent_cse=False)
        def __call__(self, x):
            """Scaled."""
            return self.scale * fnp.sin(x)

    with pytest.raises(TypeError, match="argument self must be an array"):
        Model()(0.0)
    model = Model()
    assert float(ft.grad(ft.checkpoint(lambda x: model.scale * fnp.sin(x)))(0.0)) == 2.0
    assert Model.__call__.__doc__ == "Scaled." and ft.remat is ft.checkpoint


def test_static_arguments():
    g = ft.checkpoint(lambda x, flip, kind="sin": -getattr(fnp, kind)(x) if flip else x, static_argnums=(1,), static_argnames="kind")
    for flip, kind, want in ((True, "sin", -1.0), (False, "sin", 1.0), (True, "cosh", 0.0)):
        assert float(ft.grad(lambda x: g(x, flip, kind=kind))(0.0)) == want  # noqa: B023
    assert float(ft.jit(ft.grad(lambda x: ft.checkpoint(lambda ks, x: x * len(ks), static_argnums=-2)([1, 2], x)))(1.0)) == 2.0


def test_results_do_not_follow_later_writes():
    x = X.copy()
    y, pull = ft.vjp(ft.checkpoint(lambda x: x), x)
    _, pull2 = ft.vjp(ft.checkpoint(f), x)
    x[:] = 0
    np.testing.assert_array_equal(y, X)
    np.testing.assert_allclose(pull2(np.ones(3))[0], first, rtol=1e-15)
    np.testing.assert_array_equal(pull(X)[0], X)


def test_index_checks_stay():
    """The lookup's result is not needed by anybody, its error is part of the program."""
    for policy in (None, P.everything_saveable, P.dots_saveable):
        def loss(x, i):
            return fnp.sum(ft.checkpoint(lambda x: (x[i], x @ W)[1], policy=policy)(x))  # noqa: B023

        for wrap in (lambda g: g, ft.jit):
            np.testing.assert_allclose(wrap(ft.grad(loss))(X, np.array(2)), W.sum(1), rtol=1e-14)
            with pytest.raises(IndexError):
                wrap(ft.grad(loss))(X, np.array(3))


def test_python_branches_follow_values_where_nothing_is_reversed():
    g = ft.checkpoint(lambda x: x if x > 0 else -2 * x)
    assert float(g(-1.0)) == 2.0 and float(ft.jvp(g, (-1.0,), (1.0,))[1]) == -2.0


# -- what is computed again ------------------------------------------------------------------------------------------------

def test_the_gradient_computes_again():
    """sin(sin x): the backward pass has the inner sine and the two cosines, the forward pass the sines and no cosine."""
    made = ft.make_jaxpr(ft.grad(ft.checkpoint(lambda x: fnp.sin(fnp.sin(x)))))(1.0)
    forward, backward = (e.params["jaxpr"] for e in made.eqns if e.primitive.name == "checkpoint")
    assert [e.primitive.name for e in forward.eqns] == ["sin", "sin"]
    assert (count(backward, "sin"), count(backward, "cos"), count(backward, "optimization_barrier")) == (1, 2, 1)
    plain = ft.make_jaxpr(ft.grad(lambda x: fnp.sin(fnp.sin(x))))(1.0)
    assert (count(plain, "sin"), count(plain, "cos")) == (2, 2)


def test_everything_saveable_computes_nothing_again():
    made = ft.make_jaxpr(ft.grad(ft.checkpoint(lambda x: fnp.sin(fnp.sin(x)), policy=P.everything_saveable)))(1.0)
    assert (count(made, "sin"), count(made, "cos"), count(made, "optimization_barrier")) == (2, 2, 0)


def test_compiled_code_does_not_merge_the_two_passes():
    def chain(x):
        return fnp.sin(fnp.exp(x))

    for prevent, exps in ((True, 2), (False, 1)):
        text = simplified(ft.value_and_grad(ft.checkpoint(chain, prevent_cse=prevent)), 1.0)
        assert len(re.findall("= exp ", text)) == exps, text


def test_each_layer_is_computed_once_more():
    def loss(x):
        for _ in range(4):
            x = ft.checkpoint(f)(x)
        return fnp.sum(x)

    assert simplified(ft.value_and_grad(loss), X).count("= sin ") == 8
    assert simplified(ft.grad(loss), X).count("= sin ") == 7  # the last layer's value is not asked for
    assert simplified(loss, X).count("= sin ") == 4


def test_compiled_memory_falls():
    def net(wrap):
        segment = wrap(lambda x, ws: [x := fnp.tanh(x @ w) for w in ws][-1])

        def loss(x, ws):
            for i in range(0, 16, 4):
                x = segment(x, ws[i:i + 4])
            return fnp.sum(x)

        return ft.jit(ft.grad(loss)).lower(np.ones((64, 64)), [np.ones((64, 64))] * 16)._executable.stages.module.arena_bytes

    assert net(ft.checkpoint) < 0.7 * net(lambda g: g)


def test_the_second_derivative_keeps_little_too():
    def loss(wrap):
        return lambda x: fnp.sum(wrap(lambda x: fnp.sin(fnp.exp(fnp.sin(fnp.exp(x)))))(x))

    kept = [len(saved_residuals(ft.grad(loss(wrap)), X)) for wrap in (ft.checkpoint, lambda g: g)]
    assert kept[0] <= 2 < kept[1]


# -- what policies save ----------------------------------------------------------------------------------------------------

ARGUMENTS = ["f64[3] from the argument x", "f64[3,4] from the argument w", "f64[4,2] from the argument v"]


@pytest.mark.parametrize("policy, extra", [
    ("none", []),
    ("nothing", []),
    ("dots", ["f64[4] output of dot_general", "f64[2] output of dot_general"]),
    ("unbatched dots", ["f64[4] output of dot_general", "f64[2] output of dot_general"]),
    ("offload dots", ["f64[4] output of dot_general", "f64[2] output of dot_general"]),
    ("hidden", ["f64[4] named 'hidden'"]),
    ("not hidden", ["f64[2] named 'scores'"]),
    ("both", ["f64[4] output of dot_general", "f64[4] named 'hidden'", "f64[2] output of dot_general"]),
    ("offload", ["f64[4] named 'hidden'", "f64[2] named 'scores'"]),
])
def test_policies_save_what_they_say(policy, extra):
    assert origins(ft.checkpoint(mlp, policy=POLICIES[policy]), X, W, V) == ARGUMENTS + extra


def test_dots_with_batch_dims_are_told_apart():
    def g(x, y):
        return fnp.sum(fnp.sin(fnp.einsum("bij,bjk->bik", x, fnp.sin(y))))

    args = np.ones((2, 3, 4)), np.ones((2, 4, 5))
    assert sum("dot_general" in o for o in origins(ft.checkpoint(g, policy=P.dots_saveable), *args)) == 1
    assert not any("dot_general" in o for o in origins(ft.checkpoint(g, policy=P.dots_with_no_batch_dims_saveable), *args))


def test_everything_saves_what_the_plain_function_saves():
    """A jitted function is looked into, so its residuals have the names of its own operations."""
    kinds = [[o.split()[0] for o in origins(g, X, W, V)] for g in (mlp, ft.checkpoint(mlp, policy=P.everything_saveable))]
    assert sorted(kinds[0]) == sorted(kinds[1])


def test_a_refused_name_refuses_the_value():
    """y = sin x, named, then y**3 as products: y itself is a residual, and the same value before it was named is no way out."""
    def g(x):
        y = checkpoint_name(fnp.sin(x), "y")
        return fnp.sum(y * y * y)

    made = origins(ft.checkpoint(g, policy=P.save_anything_except_these_names("y")), X)
    assert "f64[3] named 'y'" not in made and "f64[3] output of sin" not in made and "f64[3] output of cos" in made
    assert "f64[3] named 'y'" in origins(ft.checkpoint(g, policy=P.everything_saveable), X)


def test_policies_of_ones_own():
    asked = []

    def mine(prim, *avals, **params):
        asked.append((prim.name, [a.shape for a in avals], sorted(params)))
        return {"exp": Saveable, "sin": Offloadable("device", "pinned_host")}.get(prim.name, Recompute)

    made = origins(ft.checkpoint(lambda x: fnp.sum(fnp.tanh(fnp.sin(fnp.exp(x @ W)))), policy=mine), X)
    assert made[-1] == "f64[4] output of sin" and "f64[4] output of exp" in made
    assert ("dot_general", [(3,), (3, 4)], ["dimension_numbers", "precision", "preferred_element_type"]) in asked
    with pytest.raises(TypeError, match=r"policy must return a bool.*returned 'yes' of type str"):
        ft.grad(ft.checkpoint(fnp.sin, policy=lambda *_, **__: "yes"))(1.0)


def test_policies_made_alike_are_equal():
    assert P.save_only_these_names("a", "b") == P.save_only_these_names("b", "a", "a") != P.save_any_names_but_these("a", "b")
    assert hash(P.save_anything_except_these_names("a")) == hash(P.save_anything_except_these_names("a"))
    assert P.checkpoint_dots is P.dots_saveable and P.checkpoint_dots_with_no_batch_dims is P.dots_with_no_batch_dims_saveable


# -- names, barriers, reports ----------------------------------------------------------------------------------------------

def test_names_change_nothing():
    tree = checkpoint_name({"a": X, "b": [2.0, "text"]}, "n")
    assert tree["b"][1] == "text"
    np.testing.assert_array_equal(tree["a"], X)
    assert float(ft.grad(lambda x: checkpoint_name(x, "n") ** 2)(3.0)) == 6.0
    assert str(ft.make_jaxpr(lambda x: checkpoint_name(x, "n"))(1.0)) == "{ lambda ; a:f64*[]. let b:f64*[] = name[name='n'] a in (b,) }"
    assert "name" not in simplified(lambda x: checkpoint_name(x, "n") + 1.0, 1.0)


def test_barriers_keep_equal_values_apart():
    def twice(x):
        return fnp.sin(x) + fnp.sin(lax.optimization_barrier(x)) + fnp.sin(lax.optimization_barrier(x))

    assert simplified(twice, X).count("= sin ") == 3
    np.testing.assert_allclose(ft.jit(twice)(X), 3 * np.sin(X), rtol=1e-15)
    np.testing.assert_allclose(ft.jit(ft.vmap(ft.grad(twice)))(X), 3 * np.cos(X), rtol=1e-15)
    assert lax.optimization_barrier({"a": 1.0, "b": (2,)}) == {"a": 1.0, "b": (2,)}


def test_print_saved_residuals(capsys):
    def g(params, *, scale):
        y = checkpoint_name(fnp.sin(params["w"] @ X), "y")
        z = ft.jit(fnp.exp)(y)
        return fnp.sum(fnp.cos(z)) * scale

    print_saved_residuals(ft.checkpoint(g, policy=P.save_only_these_names("y")), {"w": W.T}, scale=2.0)
    code = g.__code__
    at = f"{code.co_filename}:{code.co_firstlineno + 1} (g)"
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["f64[3] from a constant", "f64[4,3] from the argument params['w']", "f64[] from the argument scale",
                     f"f64[4] named 'y' from {at}"]
    print_saved_residuals(g, {"w": W.T}, scale=2.0)
    text = capsys.readouterr().out
    assert f"f64[4] output of cos from {at}\n" in text
    assert f"f64[4] output of jitted function 'exp' from {code.co_filename}:{code.co_firstlineno + 2} (g)\n" in text
    print_saved_residuals(lambda x: x * 2.0 * fnp.float64(3.0), 1.0)
    assert capsys.readouterr().out == ""  # coefficients that are part of the program are not kept


def test_lines_are_those_of_the_innermost_function():
    def inner(x):
        return fnp.exp(fnp.sin(x))

    g = ft.checkpoint(lambda x: ft.jit(inner)(x), policy=lambda prim, *_, **__: prim.name in ("cos", "exp"))
    at = f"{inner.__code__.co_filename}:{inner.__code__.co_firstlineno + 1} (inner)"
    assert {origin for _, origin in saved_residuals(g, X)} == {f"output of cos from {at}", f"output of exp from {at}"}
    np.testing.assert_allclose(ft.vjp(g, X)[1](np.ones(3))[0], first, rtol=1e-15)


def test_the_line_of_a_derivative_is_the_users():
    made = ft.make_jaxpr(ft.grad(ft.checkpoint(f)))(1.0)
    backward = made.eqns[1].params["jaxpr"]
    assert {e.source[0] for e in backward.eqns if e.primitive.name in ("sin", "cos", "exp")} == {f.__code__}


# -- errors ----------------------------------------------------------------------------------------------------------------

def test_bad_options():
    with pytest.raises(TypeError, match="checkpoint takes a function; got 3"):
        ft.checkpoint(3)
    with pytest.raises(TypeError, match="policy must be None or a function"):
        ft.checkpoint(f, policy="dots")
    with pytest.raises(TypeError, match="prevent_cse must be a bool"):
        ft.checkpoint(f, prevent_cse=[True])
    with pytest.raises(NotImplementedError, match="static_argnums"):
        ft.checkpoint(f, concrete=True)
    with pytest.raises(ValueError, match=r"static_argnums=3, and the call has 1 positional arguments"):
        ft.checkpoint(f, static_argnums=3)(1.0)
    with pytest.raises(TypeError, match=r"takes the names given to checkpoint_name, strings; got \['a'\] of type list"):
        P.save_only_these_names(["a"])
    with pytest.raises(ValueError, match="a cannot be both saved and offloaded"):
        P.save_and_offload_only_these_names(names_which_can_be_saved=["a"], names_which_can_be_offloaded=["a"], offload_src="device",
                                            offload_dst="pinned_host")
    with pytest.raises(TypeError, match="the name must be a string; it is 3"):
        checkpoint_name(X, 3)


def test_arguments_that_are_not_arrays():
    with pytest.raises(TypeError, match="checkpoint of <lambda>: argument s must be an array or a number; it is 'a'") as caught:
        ft.checkpoint(lambda x, s: x)(1.0, "a")
    assert "static_argnums" in caught.value.__notes__[0]


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_python_branches_follow_values_under_derivatives(wrap):
    kinked = ft.checkpoint(lambda x: fnp.sin(x) if x > 0 else fnp.exp(x))
    first, second = wrap(ft.grad(kinked)), wrap(ft.grad(ft.grad(kinked)))
    for x in (0.5, -0.5, 0.25):
        np.testing.assert_allclose(first(x), np.cos(x) if x > 0 else np.exp(x), rtol=1e-14)
        np.testing.assert_allclose(second(x), -np.sin(x) if x > 0 else np.exp(x), rtol=1e-14)


def test_a_number_taken_out_of_what_is_differentiated_is_refused():
    with pytest.raises(ConcretizationTypeError, match="A Python number has no derivative"):
        ft.grad(ft.checkpoint(lambda x: x * float(x)))(1.0)


def test_values_that_nobody_knows():
    with pytest.raises(TracerBoolConversionError, match="differs along the axis that vmap maps over") as caught:
        ft.grad(lambda x: ft.vmap(ft.checkpoint(lambda x: x if x > 0 else -x))(x).sum())(np.array([1.0, -1.0]))
    assert "make the argument static by static_argnums of checkpoint" in caught.value.__notes__[0]


def test_the_namespace_of_policies_lists_policies_alone():
    assert set(dir(ft.checkpoint_policies)) == {
        "checkpoint_dots", "checkpoint_dots_with_no_batch_dims", "dots_saveable", "dots_with_no_batch_dims_saveable",
        "everything_saveable", "nothing_saveable", "offload_dot_with_no_batch_dims", "save_and_offload_only_these_names",
        "save_any_names_but_these", "save_anything_except_these_names", "save_from_both_policies", "save_only_these_names"}
