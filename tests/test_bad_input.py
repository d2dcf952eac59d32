"""Bad input: each a documented result, or an error that names the argument, the reason, the repair and the user's line."""

import math

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import (
    ConcretizationTypeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnexpectedTracerError,
)

HERE = "test_bad_input.py"


def refuses(call, kind, *parts):
    with pytest.raises(kind) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), f"{part!r} is not in: {caught.value}"


# -- grad, jvp, vjp ----------------------------------------------------------------------------------------------------------

def test_grad_needs_a_scalar():
    refuses(lambda: ft.grad(lambda x: x * 2)(np.ones(3)), TypeError, "must return a scalar", "(3,)", "jacrev", HERE)
    refuses(lambda: ft.grad(lambda x: (x, x))(1.0), TypeError, "one scalar", "has_aux", HERE)
    refuses(lambda: ft.grad(lambda x: "text")(1.0), TypeError, "arrays or numbers", "text")
    refuses(lambda: ft.grad(lambda x: x > 0)(1.0), TypeError, "real and floating", "bool")


def test_grad_needs_floats():
    refuses(lambda: ft.grad(lambda x: x * x)(2), TypeError, "no derivative", "Pass a float (2.0, not 2)", HERE)
    refuses(lambda: ft.grad(lambda p: p["a"])({"a": "text"}), TypeError, "['a']", "array or a number", HERE)
    refuses(lambda: ft.grad(lambda z: z * z)(1j), TypeError, "holomorphic=True")
    refuses(lambda: ft.grad(lambda z: z, holomorphic=True)(1.0), TypeError, "complex")


def test_argnums():
    f = lambda x, y: x * y  # noqa: E731
    refuses(lambda: ft.grad(f, argnums=2)(1.0, 2.0), ValueError, "argnums=2", "2 positional arguments", HERE)
    refuses(lambda: ft.grad(f, argnums=(0, 0))(1.0, 2.0), ValueError, "twice")
    refuses(lambda: ft.grad(f, argnums="x")(1.0, 2.0), TypeError, "int or a tuple of ints")
    refuses(lambda: ft.jacfwd(f, argnums=-3)(1.0, 2.0), ValueError, "argnums=-3")
    refuses(lambda: ft.grad(f, has_aux=True)(1.0, 2.0), TypeError, "pair")


def test_jvp_and_vjp_arguments():
    refuses(lambda: ft.jvp(fnp.sin, 1.0, 1.0), TypeError, "tuple or list", "(x,)")
    refuses(lambda: ft.jvp(fnp.sin, (1.0,), (1.0, 2.0)), TypeError, "same structure", HERE)
    refuses(lambda: ft.jvp(fnp.sin, (np.ones(3),), (np.ones(2),)), ValueError, "(2,)", "(3,)", HERE)
    refuses(lambda: ft.jvp(fnp.sin, (np.ones(3, "float32"),), (np.ones(3),)), TypeError, "float64", "float32")
    _, pullback = ft.vjp(fnp.sin, np.ones(3))
    refuses(lambda: pullback(np.ones(2)), ValueError, "(2,)", "(3,)")
    refuses(lambda: pullback((np.ones(3),)), ValueError, "structure")


# -- vmap ----------------------------------------------------------------------------------------------------------------------

def test_vmap_arguments():
    add = lambda x, y: x + y  # noqa: E731
    refuses(lambda: ft.vmap(add)(np.ones(3), np.ones(4)), ValueError, "equal sizes", "x has size 3", "y has size 4", HERE)
    refuses(lambda: ft.vmap(add, in_axes=(0,))(np.ones(3), np.ones(3)), ValueError, "1 entries", "2 positional")
    refuses(lambda: ft.vmap(add, in_axes=(0, 1))(np.ones(3), np.ones(3)), ValueError, "axis 1 of y", "(3,)", HERE)
    refuses(lambda: ft.vmap(add, in_axes=None)(np.ones(3), np.ones(3)), ValueError, "axis_size")
    refuses(lambda: ft.vmap(add, in_axes="x"), TypeError, "in_axes")
    refuses(lambda: ft.vmap(fnp.sin, out_axes=None)(np.ones(3)), ValueError, "out_axes=None")
    refuses(lambda: ft.vmap(fnp.sin, out_axes=2)(np.ones(3)), ValueError, "axis 2")
    refuses(lambda: ft.vmap(fnp.sin)(1.0), ValueError, "axis 0 of", "()")
    refuses(lambda: ft.lax.psum(1.0, "nowhere"), NameError, "'nowhere'", "axis_name")


# -- values of tracers --------------------------------------------------------------------------------------------------------

def test_values_that_do_not_exist():
    strict = lambda f: ft.jit(f, strict=True)  # noqa: E731
    refuses(lambda: strict(lambda x: x if x > 0 else -x)(1.0), TracerBoolConversionError, "where", "strict=True", HERE)
    refuses(lambda: strict(lambda n: sum(range(n)))(3), TracerIntegerConversionError, "static", "fori_loop", HERE)
    refuses(lambda: strict(float)(1.0), ConcretizationTypeError, HERE)
    refuses(lambda: ft.jit(lambda x: np.asarray(x))(np.ones(3)), TracerArrayConversionError, "functrans.numpy", HERE)
    refuses(lambda: ft.jit(lambda x: f"{x:.2f}")(1.0), ConcretizationTypeError, "formatting", HERE)
    refuses(lambda: ft.vmap(lambda x: x if x > 0 else -x)(np.ones(3)), TracerBoolConversionError, "vmap", "lax.cond", HERE)


def test_numpy_arrays_indexed_by_tracers():
    table, ids = np.arange(10.0).reshape(5, 2), np.array([0, 3])
    shown = "functrans.numpy.asarray(numpy_array)[i]"
    for f in (lambda i: table[i], lambda i: table[i, 0], lambda i: table[i > 1]):
        for transform in (ft.jit, ft.vmap, lambda f: ft.vmap(ft.jit(f))):
            refuses(lambda f=f, transform=transform: transform(f)(ids), TracerArrayConversionError, shown, HERE)
    refuses(lambda: ft.vmap(lambda i: [1.0, 2.0, 4.0, 8.0][i])(ids), TracerIntegerConversionError, "functrans.numpy.asarray(x)[i]", HERE)
    for transform in (ft.jit, ft.vmap):
        np.testing.assert_array_equal(transform(lambda i: fnp.asarray(table)[i])(ids), table[ids])
    # Of floats nobody makes an index.
    with pytest.raises(TracerArrayConversionError) as caught:
        ft.jit(lambda x: np.asarray(x))(np.ones(3))
    assert "numpy_array[i]" not in str(caught.value)


def test_leaked_tracers():
    kept = []

    def leaky(x):
        kept.append(x * 2)
        return x

    ft.jit(leaky)(1.0)
    refuses(lambda: kept[0] + 1, UnexpectedTracerError, "leaked", "jit of leaky", HERE)
    kept.clear()
    ft.grad(leaky)(1.0)
    refuses(lambda: kept[0] + 1, UnexpectedTracerError, "leaked", "grad", HERE)
    kept.clear()
    ft.vmap(leaky)(np.ones(2))
    refuses(lambda: fnp.sin(kept[0]), UnexpectedTracerError, "leaked", "vmap")


# -- jit -----------------------------------------------------------------------------------------------------------------------

def test_jit_arguments():
    refuses(lambda: ft.jit(3), TypeError, "function", "3")
    refuses(lambda: ft.jit(lambda x, n: x, static_argnums=1)(1.0, [1, 2]), ValueError, "hashable", "[1, 2]", "tuple", HERE)
    refuses(lambda: ft.jit(lambda x, n: x, static_argnums=1)(1.0, np.ones(2)), ValueError, "hashable")
    refuses(lambda: ft.jit(lambda x: x)("text"), TypeError, "argument x", "text", HERE)
    refuses(lambda: ft.jit(lambda p: p)({"a": [1.0, object()]}), TypeError, "['a'][1]")
    refuses(lambda: ft.jit(lambda x: object())(1.0), TypeError, "arrays or numbers")
    refuses(lambda: ft.jit(lambda x: x, static_argnames="missing"), ValueError, "missing")
    refuses(lambda: ft.jit(lambda x: x)(np.array(["a"])), TypeError, "not supported")


# -- shapes, dtypes, indices -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_shapes_and_dtypes(wrap):
    refuses(lambda: wrap(lambda x, y: x + y)(np.ones(3), np.ones(4)), (ValueError, TypeError), "(3,)", "(4,)")
    refuses(lambda: wrap(fnp.matmul)(np.ones((2, 3)), np.ones((4, 5))), (ValueError, TypeError), "(2, 3)", "(4, 5)")
    refuses(lambda: wrap(lambda x: fnp.reshape(x, (2, 2)))(np.ones(3)), (ValueError, TypeError), "(2, 2)")
    refuses(lambda: wrap(lambda x: fnp.sum(x, axis=2))(np.ones(3)), (ValueError, IndexError), "2")
    refuses(lambda: wrap(lambda x: ft.lax.add(x, x.astype("float32")))(np.ones(3)), TypeError, "f64", "f32")


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_index_out_of_bounds(wrap):
    x = fnp.arange(5.0)
    refuses(lambda: wrap(lambda v: v[7])(x), IndexError, "7", "5", HERE)
    refuses(lambda: wrap(lambda v, i: v[i])(x, np.array([0, 9])), IndexError, "5", HERE)
    refuses(lambda: wrap(lambda v, i: v[i])(x, -6), IndexError, "5", HERE)
    refuses(lambda: wrap(lambda v: v.at[9].set(0.0))(x), IndexError, "9", "5", HERE)
    refuses(lambda: wrap(lambda v, i: v.at[i].add(1.0))(x, np.array([5])), IndexError, "5", HERE)
    np.testing.assert_array_equal(wrap(lambda v, i: v.at[i].get(mode="clip"))(x, np.array([-1, 9])), [4.0, 4.0])


def test_arrays_are_immutable():
    x = fnp.arange(3.0)

    def write():
        x[0] = 1.0

    refuses(write, TypeError, ".at[index].set(value)")
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0] = 1.0
    refuses(lambda: {x: 1}, TypeError, "unhashable")


# -- values at the edges -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_integer_division_by_zero(wrap):
    low = np.iinfo(np.int32).min
    a, b = np.array([7, -7, 0, low, low], np.int32), np.array([0, 0, 0, 0, -1], np.int32)
    np.testing.assert_array_equal(wrap(ft.lax.div)(a, b), [-1, -1, -1, -1, low])
    np.testing.assert_array_equal(wrap(ft.lax.rem)(a, b), [7, -7, 0, low, 0])
    u = np.array([7], np.uint8)
    np.testing.assert_array_equal(wrap(ft.lax.div)(u, np.array([0], np.uint8)), [255])


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit, ft.grad, lambda f: ft.jit(ft.grad(f))], ids=["eager", "jit", "grad", "jit-grad"])
@pytest.mark.parametrize("make", [
    lambda a: a, lambda a: a[::-1].copy()[::-1], lambda a: np.asfortranarray(a), lambda a: a.astype(">f8"),
    lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(np.float64).reshape(a.shape),
    lambda a: np.repeat(a, 2, axis=1)[:, ::2],
], ids=["plain", "reversed", "fortran", "big-endian", "misaligned", "strided"])
def test_memory_layouts(wrap, make):
    a = np.arange(12.0).reshape(3, 4)
    f = wrap(lambda x: fnp.sum(fnp.sin(x) * x[::-1]))
    b = make(a)
    b.flags.writeable = False
    np.testing.assert_allclose(f(b), f(a), rtol=1e-15)


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_empty_and_rank_zero(wrap):
    empty = np.zeros((0, 3))
    assert wrap(lambda x: fnp.sin(x))(empty).shape == (0, 3)
    assert float(wrap(lambda x: fnp.sum(x))(empty)) == 0.0
    assert float(wrap(lambda x: fnp.prod(x))(empty)) == 1.0
    assert wrap(lambda x: x @ np.ones((3, 2)))(empty).shape == (0, 2)
    np.testing.assert_array_equal(wrap(lambda x: np.ones((2, 0)) @ x)(empty), np.zeros((2, 3)))
    assert wrap(lambda x: fnp.concatenate([x, x]))(empty).shape == (0, 3)
    refuses(lambda: wrap(lambda x: fnp.max(x))(empty), ValueError, "max")
    assert wrap(lambda x: fnp.reshape(x, (1, 1)))(2.0).shape == (1, 1)
    assert ft.grad(wrap(lambda x: fnp.sum(x)))(empty).shape == (0, 3)
    assert ft.vmap(wrap(lambda x: x * 2))(empty).shape == (0, 3)


def test_unknown_dtypes():
    for bad in (np.array(["a"]), np.array([object()]), np.array(["2020-01-01"], "datetime64[D]"), np.ones(2, np.longdouble)):
        refuses(lambda bad=bad: fnp.sin(bad), TypeError, "not supported")


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_indices_are_checked_where_only_the_derivative_is_used(wrap):
    """The value of x[i] is dead code in its gradient; the error is not."""
    x = np.arange(3.0)
    refuses(lambda: wrap(ft.grad(lambda v, i: fnp.asarray(v)[i]))(x, 3), IndexError, "3", HERE)
    refuses(lambda: wrap(ft.grad(lambda v, i: fnp.take(v, i).sum()))(x, np.array([1, 7])), IndexError, HERE)
    refuses(lambda: wrap(ft.grad(lambda v, i: fnp.zeros(3).at[i].set(v).sum()))(1.0, 7), IndexError, HERE)
    refuses(lambda: wrap(lambda v, i: ft.jvp(lambda w: w[i], (v,), (v,))[1])(fnp.asarray(x), 7), IndexError, HERE)
    refuses(lambda: wrap(ft.vmap(ft.grad(lambda v, i: v[i]), in_axes=(None, 0)))(fnp.asarray(x), np.array([0, 5])), IndexError, HERE)


def test_python_numbers_would_lose_the_derivative():
    for number in (float, complex, math.sin, math.floor, lambda x: x.item(), lambda x: x.tolist()):
        refuses(lambda number=number: ft.grad(lambda x: number(x) * x)(0.5), ConcretizationTypeError, "derivative", "stop_gradient", HERE)
    assert float(ft.grad(lambda x: x * x if x > 0 else x)(2.0)) == 4.0
    assert float(ft.grad(lambda x: x * x.shape[0] if x.ndim else x * 3)(2.0)) == 3.0


def test_assignment_to_traced_arrays():
    def write(x):
        x[0] = 1.0
        return x

    for transform in (ft.jit, ft.vmap, lambda f: ft.grad(lambda v: f(v).sum())):
        refuses(lambda transform=transform: transform(write)(np.ones((2, 2))), TypeError, "x.at[index].set(value)", HERE)


def test_linear_transpose_refuses_nonlinear_functions():
    x = np.ones(3)
    for f in (fnp.sin, lambda v: v * v, lambda v: v + 1.0, lambda v: v + x, lambda v: fnp.where(v > 0, v, 0.0) ** 2):
        with pytest.raises(TypeError):
            ft.linear_transpose(f, x)


def test_collectives_check_their_arguments():
    over = lambda f: ft.vmap(f, axis_name="i")  # noqa: E731
    for shape in ((4, 3), (4, 5)):
        refuses(lambda shape=shape: over(lambda v: ft.lax.psum_scatter(v, "i"))(np.ones(shape)), ValueError, "size 4", HERE)
    with pytest.raises(ValueError, match="axis 5"):
        over(lambda v: ft.lax.all_gather(v, "i", axis=5))(np.ones(3))
    np.testing.assert_array_equal(over(lambda v: ft.lax.pmean(v, "i"))(np.array([0, 1, 2, 2])), [1.25] * 4)
    np.testing.assert_array_equal(over(lambda v: ft.lax.psum(v > 1, "i"))(np.array([0, 1, 2, 2])), [2] * 4)


def test_masked_arrays_are_refused():
    masked = np.ma.array([1.0, 2.0], mask=[0, 1])
    refuses(lambda: fnp.sum(masked), TypeError, "mask", "filled", HERE)
    refuses(lambda: ft.jit(fnp.sum)(masked), TypeError, "mask")


def test_paths_of_bad_leaves():
    refuses(lambda: ft.grad(lambda s, p: s, argnums=1)(1.0, {"a": np.arange(3)}), TypeError, "p['a']", "i64[3]", HERE)
    refuses(lambda: ft.jit(lambda p: p)({"w": [np.array(["a"])]}), TypeError, "p['w'][0]", "not supported", HERE)
    refuses(lambda: ft.grad(lambda x: x, has_aux=True)(1.0), TypeError, "pair", "<lambda>")
    refuses(lambda: ft.jit(lambda x: x, static_argnums=5), ValueError, "static_argnums=5", "1 positional")


def test_zeros_of_both_signs_are_different_static_arguments():
    f = ft.jit(lambda x, s: fnp.copysign(x, s), static_argnums=1)
    assert (float(f(1.0, 0.0)), float(f(1.0, -0.0))) == (1.0, -1.0)


def test_long_sums_in_single_precision():
    a = np.full(10**7, 0.1, np.float32)
    exact = 10**7 * float(np.float32(0.1))
    assert abs(float(ft.jit(fnp.sum)(a)) - exact) <= 2e-6 * exact


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_complex_logarithms_of_zero(wrap):
    for f in (fnp.log10, fnp.log2):
        np.testing.assert_array_equal(wrap(f)(0j), complex(-np.inf, 0.0))


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_choose(wrap):
    got = wrap(lambda a: fnp.choose(np.array([0, 1, 2]), [a, a * 2, a * 3]))(np.arange(3.0))
    np.testing.assert_array_equal(got, [0.0, 2.0, 6.0])


def test_tangents_and_cotangents_fit_exactly():
    """As jax.jvp and jax.vjp demand, but for Python numbers, which take the dtype."""
    x, single = np.ones(3), np.float32(1.0)
    params = {"w": [np.ones(2), np.ones(3)]}

    def total(params):
        return {"a": params["w"][0].sum(), "b": params["w"][1] * 2}

    ones = {"w": [np.ones(2), np.ones(3, int)]}
    refuses(lambda: ft.jvp(total, (params,), (ones,)), TypeError, "params['w'][1]", "int64", "float64", HERE)
    refuses(lambda: ft.jvp(total, (params,), ({"w": [np.ones(3), np.ones(3)]},)), ValueError, "params['w'][0]", "(3,)", "(2,)", HERE)
    refuses(lambda: ft.linearize(total, params)[1](ones), TypeError, "params['w'][1]", "int64", HERE)
    _, pull = ft.vjp(total, params)
    refuses(lambda: pull({"a": 1.0, "b": np.ones(3, int)}), TypeError, "result['b']", "int64", "float64", HERE)
    refuses(lambda: pull({"a": np.ones(1), "b": np.ones(3)}), ValueError, "result['a']", "(1,)", "()", HERE)
    for bad in (np.ones(3, int), np.ones(3, bool), np.ones(3, "float32"), np.ones(3, complex), np.zeros(3, ft.float0)):
        refuses(lambda bad=bad: ft.jvp(fnp.sin, (x,), (bad,)), TypeError, "the tangent of x", "float64", HERE)
        refuses(lambda bad=bad: ft.vjp(fnp.sin, x)[1](bad), TypeError, "the cotangent of result", "float64", HERE)
    for bad in (True, 1j, np.float64(1.0)):
        refuses(lambda bad=bad: ft.jvp(fnp.sin, (single,), (bad,)), TypeError, "the tangent of x", "float32", HERE)
    refuses(lambda: ft.jvp(fnp.sin, (x,), ("text",)), TypeError, "the tangent of x", "'text'", HERE)
    for number in (2, 2.0):
        assert ft.jvp(fnp.sin, (single,), (number,))[1].dtype == np.float32
        assert ft.vjp(fnp.sin, single)[1](number)[0].dtype == np.float32
        assert float(ft.jvp(lambda v: v * 3, (1.0,), (number,))[1]) == 6.0
    whole = ft.vjp(lambda v: (v * 2).astype(int), x)[1]
    for ct in (np.ones(3, int), np.ones(3), np.zeros(3, ft.float0)):
        np.testing.assert_array_equal(whole(ct)[0], np.zeros(3))


def test_axes_name_the_line():
    x = np.ones((2, 3))
    for call in (lambda v: fnp.sum(v, axis=2), lambda v: fnp.transpose(v, (0, 5)), lambda v: fnp.concatenate([v, v], 4),
                 lambda v: fnp.argmax(v, -3), lambda v: fnp.stack([v, v], 7), lambda v: fnp.moveaxis(v, 0, 9), lambda v: fnp.flip(v, 3),
                 lambda v: fnp.expand_dims(v, 8), lambda v: ft.lax.reduce_max(v, (2,))):
        for wrap in (lambda f: f, ft.jit, ft.vmap):
            given = x[None] if wrap is ft.vmap else x
            refuses(lambda call=call, wrap=wrap, given=given: wrap(call)(given), np.exceptions.AxisError, HERE, "out of bounds")


def test_vmap_results_and_permutations_name_the_line():
    refuses(lambda: ft.vmap(fnp.sin, out_axes=None)(np.ones(3)), ValueError, "out_axes=None", HERE)
    refuses(lambda: ft.vmap(fnp.sin, out_axes=2)(np.ones(3)), ValueError, "axis 2", HERE)
    refuses(lambda: ft.vmap(fnp.sin, out_axes="x")(np.ones(3)), (TypeError, ValueError), "out_axes", HERE)
    refuses(lambda: ft.vmap(lambda v: (v, v), out_axes=(0, 0, 0))(np.ones(3)), ValueError, "out_axes=(0, 0, 0)", HERE)
    refuses(lambda: ft.vmap(fnp.sin, in_axes=({"a": 0},))(np.ones(3)), ValueError, "in_axes", HERE)
    refuses(lambda: ft.vmap(fnp.sin, in_axes=(0.5,))(np.ones(3)), TypeError, "0.5", HERE)
    for perm in ([(0, 1), (0, 2)], [(0, 1), (2, 1)], [(0, 7)], [(-1, 0)], [(0,)], [(0, 1, 2)]):
        send = ft.vmap(lambda v, perm=perm: ft.lax.ppermute(v, "i", perm), axis_name="i")
        refuses(lambda send=send: send(np.ones(3)), ValueError, "ppermute", str(perm), "size of 'i'", HERE)
    np.testing.assert_array_equal(ft.vmap(lambda v: ft.lax.ppermute(v, "i", []), axis_name="i")(np.ones(2)), [0.0, 0.0])


HUGE = [np.uint64(2**63), np.array(2**64 - 1, "uint64"), np.array([2**64 - 1, 2**63 + 2], "uint64"), 2**64 - 1, 2**70, -(2**70)]


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("index", HUGE, ids=str)
def test_huge_indices(wrap, index):
    """NumPy wraps them around silently, or raises OverflowError."""
    x = fnp.arange(5.0)
    value = str(index if isinstance(index, int) else int(np.ravel(index)[0]))
    for call in (lambda v: v[index], lambda v: v.at[index].set(1.0), lambda v: v.at[index].get(), lambda v: v[None, :][0, index],
                 lambda v: ft.grad(lambda w: w[index].sum())(v)):
        refuses(lambda call=call: wrap(call)(x), IndexError, f"index {value} is", "axis", "size 5", HERE)
    edge = 0.0 if isinstance(index, int) and index < 0 else 4.0
    assert np.all(np.asarray(wrap(lambda v: v.at[index].get(mode="clip"))(x)) == edge)
    assert np.all(np.asarray(wrap(lambda v: v.at[index].get(mode="fill", fill_value=-1.0))(x)) == -1.0)
    np.testing.assert_array_equal(wrap(lambda v: v.at[index].set(9.0, mode="drop"))(x), np.arange(5.0))
    if isinstance(index, int):
        return
    # Traced indices.
    refuses(lambda: wrap(lambda v, i: v[i])(x, index), IndexError, "size 5", HERE)
    refuses(lambda: wrap(ft.vmap(lambda i: x[i]))(np.atleast_1d(index)), IndexError, "size 5", HERE)
    assert np.all(np.asarray(wrap(lambda v, i: v.at[i].get(mode="clip"))(x, index)) == 4.0)
    assert np.all(np.isnan(wrap(lambda v, i: v.at[i].get(mode="fill"))(x, index)))
    np.testing.assert_array_equal(wrap(ft.vmap(lambda i: x.at[i].set(9.0, mode="drop")))(np.atleast_1d(index))[0], np.arange(5.0))


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_python_integers_that_do_not_fit(wrap):
    for dtype, number in (("int8", 300), ("int8", -129), ("uint8", -1), ("int32", 2**40), ("int64", 2**70), ("uint64", -1)):
        x = fnp.ones(2, dtype)
        for f in (lambda v, n=number: v + n, lambda v, n=number: n * v, lambda v, n=number: fnp.minimum(v, n), lambda v, n=number: v < n,
                  lambda v, n=number: ft.lax.add(v, n)):
            refuses(lambda f=f, x=x: wrap(f)(x), OverflowError, str(number), dtype, HERE)


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit, ft.vmap], ids=["eager", "jit", "vmap"])
def test_every_refusal_names_the_line(wrap):
    """One call of each family; the module's other tests look at the rest of the message."""
    matrix, vector, whole = fnp.ones((2, 3)), fnp.ones(3), fnp.arange(3)
    calls = [
        (lambda x: x.reshape(7), matrix), (lambda x: x.reshape(-1, 4), matrix), (lambda x: x + fnp.ones(4), matrix),
        (lambda x: x @ fnp.ones((4, 4)), matrix), (lambda x: fnp.einsum("ij,jk", x, fnp.ones((4, 4))), matrix),
        (lambda x: fnp.concatenate([x, vector]), matrix), (lambda x: fnp.stack([x, vector]), matrix),
        (lambda x: fnp.broadcast_to(x, (4, 4)), matrix), (lambda x: fnp.squeeze(x, 0), matrix),
        (lambda x: fnp.transpose(x, (0, 0)), matrix),
        (lambda x: fnp.split(x, 2), vector), (lambda x: fnp.where(x > 0, x, fnp.ones(4)), vector), (lambda x: fnp.full((2, 2), x), vector),
        (lambda x: ft.lax.add(x, x.astype("float32")), vector), (lambda x: ft.lax.sin(x), whole), (lambda x: x & 1, vector),
        (lambda x: ~x, vector), (lambda x: -(x > 0), vector), (lambda x: x - (x > 0) - ((x > 0) - (x > 0)), vector),
        (lambda x: x[1.5], vector), (lambda x: x[x], vector), (lambda x: x[0, 0], vector), (lambda x: x["a"], vector),
        (lambda x: x[3], vector),
        (lambda x: x[np.ones(4, bool)], vector), (lambda x: x.at[:2].set(x), vector), (lambda x: x.at[0].get(mode="q"), vector),
        (lambda x: fnp.max(x[:0]), vector), (lambda x: fnp.argmin(x[:0]), vector), (lambda x: x**-1, whole),
        (lambda x: fnp.pad(x, -1), vector), (lambda x: fnp.zeros(-1) + x, vector), (lambda x: fnp.clip(x + 1j, 0, 1), vector),
        (lambda x: fnp.linalg.norm(x, "x"), matrix), (lambda x: fnp.add(x, None), vector), (lambda x: fnp.sin([x]), vector),
        (lambda x: x.astype("datetime64[D]"), vector), (lambda x: fnp.linspace(0, 1, -1) + x, vector),
        (lambda x: ft.lax.psum(x, "nowhere"), vector), (lambda x: ft.lax.dynamic_slice(x, (0,), (7,)), vector), (hash, vector),
        (lambda x: ft.lax.bitcast_convert_type(x, "complex64"), vector), (lambda x: fnp.diag(fnp.ones((2, 2, 2))) + x, vector),
        (lambda x: fnp.moveaxis(x, (0, 1), (0,)), matrix), (lambda x: fnp.roll(x, (1, 2, 3), (0, 0)), vector),
        (lambda x: fnp.cross(x, fnp.ones(4)), vector),
        (lambda x: x.__setitem__(0, 1.0), vector), (lambda x: fnp.select([x > 0], [x, x]), vector),
    ]
    for i, (call, x) in enumerate(calls):
        given = x[None] if wrap is ft.vmap else x
        with pytest.raises((TypeError, ValueError, IndexError, NameError)) as caught:
            wrap(call)(given)
        assert HERE in str(caught.value), f"call {i}: {caught.value!r}"


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit, ft.vmap], ids=["eager", "jit", "vmap"])
def test_integers_to_known_negative_powers(wrap):
    for power in (lambda x: x**-1, lambda x: fnp.power(x, -2), lambda x: ft.lax.integer_pow(x, -1)):
        for dtype in ("int64", "int8", "uint32"):
            x = fnp.arange(3).astype(dtype)
            refuses(lambda power=power, x=x: wrap(power)(x), TypeError, "negative power", "float dtype", HERE)
    np.testing.assert_array_equal(wrap(lambda x: x**-1)(fnp.asarray([1.0, 2.0, 4.0])), [1.0, 0.5, 0.25])


def test_keyword_arguments_are_named_by_their_path():
    f = lambda x, **rest: x  # noqa: E731
    refuses(lambda: ft.vmap(f)(np.ones(3), b=np.ones(3), a={"w": [np.ones(4)]}), ValueError, "a['w'][0] has size 4", "b has size 3", HERE)
    refuses(lambda: ft.vmap(f)(np.ones(3), b=np.ones(3), a={"w": [1.0]}), ValueError, "axis 0 of a['w'][0]", HERE)
    refuses(lambda: ft.vmap(f)(np.ones(3), b="text", a=np.ones(3)), TypeError, "argument b", "'text'", HERE)
