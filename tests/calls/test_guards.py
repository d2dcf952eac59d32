"""Python control flow under `jit`: the compiled function goes the way the eager one goes, for every call."""

from __future__ import annotations

import gc
import math
import weakref

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.calls import guards
from functrans.calls.closed import trace_closed
from functrans.calls.paths import Paths
from functrans.config import config
from functrans.core.conversion import FLOAT, INDEX, INT, LIST, TRUTH, item_at
from functrans.errors import (
    ConcretizationTypeError,
    FunctransRuntimeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
)

HERE = "test_guards.py"


class Counted:
    """A function that counts how often Python runs it."""

    def __init__(self, fun):
        self.fun = fun
        self.runs = 0
        self.__name__ = getattr(fun, "__name__", "counted")

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.fun(*args, **kwargs)


def refuses(call, kind, *parts):
    with pytest.raises(kind) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), f"{part!r} is not in: {caught.value}"


def sign_branch(x):
    if x > 0:
        return fnp.sqrt(x)
    return -x * x


def newton(x):
    """The square root by Newton's iteration: the number of steps depends on x."""
    y = x
    while abs(y * y - x) > 1e-12 * x:
        y = (y + x / y) / 2.0
    return y


# -- constructs ---------------------------------------------------------------------------------------------------------------

def early_return(x):
    if x < 0:
        return 0.0 * x
    y = x * 2.0
    if y > 10.0:
        return y
    return y + 1.0


def ranged(x, n):
    for i in range(int(n)):
        x = x * 0.5 + i
    return x


def ranged_by_index(x, n):
    for i in range(n):
        x = x + i
    return x


def factorial(n):
    return 1 if n <= 1 else n * factorial(n - 1)


def listed(x, i):
    return [x, 2.0 * x, 3.0 * x][i]


def not_a_number(x):
    return 0.0 if math.isnan(x) else x + 1.0


def itemed(x):
    return x * 2 if x.sum().item() > 1.0 else x


def as_list(x):
    return sum(i * v for i, v in enumerate(x.tolist()))


def asserted(x):
    assert x > 0, "x must be positive"
    return fnp.log(x)


def biggest(x, y, z):
    return max(x, y, z) * 2.0


def ordered(x, y, z):
    return fnp.stack(sorted([x, y, z]))


def sliced(x, n):
    return x[:n].sum()


def shaped(x, n):
    return fnp.ones(n) * x


def logic(x, y):
    return x if x > 0 and not (y > 0 or x > 5) else y


def membership(x, v):
    return x.sum() if v in x else -v


def whole_or_part(x):
    try:
        return x * int(x)
    except ValueError:
        return 0.0 * fnp.ones(())


def complexly(z):
    return z * 2 if complex(z).imag > 0 else z.conj()


def zero_sign(x):
    return x + math.copysign(1.0, x)


def counting_down(n):
    total = 0
    while n:
        total, n = total + n, n - 1
    return total


CASES = {
    "if": (sign_branch, [(4.0,), (-3.0,), (9.0,), (0.0,), (float("nan"),)]),
    "while": (newton, [(2.0,), (2e6,), (1e-3,), (1.0,), (2.0,)]),
    "early return": (early_return, [(-1.0,), (2.0,), (7.0,), (-2.0,), (3.0,)]),
    "range(int(n))": (ranged, [(1.0, 0), (1.0, 3), (2.0, 5), (2.0, 3)]),
    "range(n)": (ranged_by_index, [(1.0, 0), (1.0, 3), (2.0, 3)]),
    "int of a float": (ranged, [(1.0, 2.7), (1.0, 2.1), (1.0, 3.9)]),
    "recursion": (factorial, [(1,), (5,), (7,), (5,)]),
    "list index": (listed, [(1.0, 0), (2.0, 2), (3.0, -1), (4.0, 0)]),
    "math.isnan": (not_a_number, [(1.0,), (float("nan"),), (float("inf"),), (-float("nan"),)]),
    "item": (itemed, [(np.array([0.2, 0.3]),), (np.array([2.0, 3.0]),)]),
    "tolist": (as_list, [(np.array([1, 2, 3]),), (np.array([3, 2, 1]),)]),
    "max": (biggest, [(1.0, 2.0, 3.0), (3.0, 2.0, 1.0), (1.0, 5.0, 3.0)]),
    "sorted": (ordered, [(1.0, 2.0, 3.0), (3.0, 2.0, 1.0), (1.0, 5.0, 3.0)]),
    "slice": (sliced, [(np.arange(5.0), 2), (np.arange(5.0), -1), (np.arange(5.0), 0)]),
    "shape": (shaped, [(2.0, 3), (2.0, 0), (1.0, 3)]),
    "and, or, not": (logic, [(1.0, -1.0), (6.0, -1.0), (-1.0, 2.0), (1.0, 1.0)]),
    "in": (membership, [(np.arange(3.0), 1.0), (np.arange(3.0), 7.0)]),
    "what int refuses": (whole_or_part, [(2.5,), (float("nan"),), (3.5,), (float("nan"),)]),
    "complex": (complexly, [(1 + 2j,), (1 - 2j,)]),
    "the sign of zero": (zero_sign, [(0.0,), (-0.0,), (0.0,)]),
    "truth of an integer": (counting_down, [(0,), (4,), (2,), (4,)]),
    "0-d": (sign_branch, [(np.array(4.0),), (np.float32(2.0),), (np.array(-1.0, "float32"),)]),
    "one element": (sign_branch, [(np.array([4.0]),), (np.array([-4.0]),)]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")
def test_goes_the_way_of_the_eager_function(name):
    fun, calls = CASES[name]
    jitted = ft.jit(fun)
    for _ in range(2):
        for args in calls:
            want = fun(*map(fnp.asarray, args))
            got = jitted(*args)
            np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-14)
            assert got.dtype == fnp.asarray(want).dtype


def test_newton_is_the_square_root():
    root = ft.jit(newton)
    for x in (2.0, 3.0, 1e6, 1e-6, 0.25, 2.0):
        assert float(root(x)) == pytest.approx(math.sqrt(x), rel=1e-12)


def test_an_assertion_fails_as_it_does_eagerly():
    f = ft.jit(asserted)
    assert float(f(math.e)) == pytest.approx(1.0)
    for _ in range(2):
        with pytest.raises(AssertionError, match="x must be positive"):
            f(-1.0)
    assert float(f(1.0)) == 0.0


def test_the_truth_of_many_elements_is_ambiguous():
    for given in (np.ones(3), np.ones((2, 2))):
        with pytest.raises(ValueError, match="ambiguous"):
            ft.jit(lambda x: x if x else -x)(given)


def test_an_empty_array_in_a_guarded_function():
    f = ft.jit(lambda x, flag: x.sum() if flag else x.size)
    assert float(f(np.zeros(0), True)) == 0.0
    assert float(f(np.zeros((0, 3)), False)) == 0.0


def test_results_of_two_paths_may_differ_in_structure_and_type():
    f = ft.jit(lambda x: {"a": x} if x > 0 else (x, 1))
    assert float(f(1.0)["a"]) == 1.0
    assert [float(v) for v in f(-1.0)] == [-1.0, 1.0]
    assert f(-2.0)[1].dtype == np.int64


def test_weak_types_follow_the_path():
    f = ft.jit(lambda x: x * 2 if x > 0 else fnp.float64(1.0) * x)
    assert f(1.0).weak_type and not f(-1.0).weak_type
    half = np.float32(0.5)
    assert (f(1.0) * half).dtype == np.float32 and (f(-1.0) * half).dtype == np.float64


def test_an_argument_as_result_is_a_copy():
    x = np.array([1.0, 2.0])
    y = ft.jit(lambda v: v if v[0] > 0 else -v)(x)
    x[0] = 7.0
    np.testing.assert_array_equal(y, [1.0, 2.0])


def test_a_long_loop_is_compared_at_once():
    f = ft.jit(counting_down)
    for n in (150, 120, 150, 0):
        assert int(f(n)) == n * (n + 1) // 2
    below = ft.jit(lambda x, n: halved_until(x, n))
    for n in (200, 90, 200):
        assert float(below(1.0, n)) == 2.0**-n


def halved_until(x, n):
    i = 0 * n
    while i < n:
        x, i = x / 2.0, i + 1
    return x


# -- caching ------------------------------------------------------------------------------------------------------------------

def test_each_path_is_traced_once():
    counted = Counted(sign_branch)
    f = ft.jit(counted)
    for x in (1.0, 2.0, -1.0, -2.0, 3.0, -4.0):
        f(x)
    assert counted.runs == 2
    f(np.float32(1.0))
    assert counted.runs == 3  # another type


def test_paths_share_prefixes():
    counted = Counted(newton)
    f = ft.jit(counted)
    steps = set()
    for x in (2.0, 200.0, 2e4, 2e6, 2.0, 200.0, 2e4, 2e6):
        f(x)
        y, n = x, 0
        while abs(y * y - x) > 1e-12 * x:
            y, n = (y + x / y) / 2.0, n + 1
        steps.add(n)
    assert counted.runs == len(steps) > 2


def test_nan_agrees_with_nan():
    counted = Counted(lambda x: x + 1.0 if math.isnan(x) else x)
    f = ft.jit(counted)
    for x in (float("nan"), -float("nan"), np.float64("nan")):
        assert math.isnan(f(x))
    assert counted.runs == 2  # Python's floats are weak, NumPy's are not


def test_a_question_asked_again_is_one_guard():
    def f(x):
        positive = x > 0
        for _ in range(5):
            if positive:
                x = x + 1.0
        return x

    jitted = ft.jit(f)
    assert float(jitted(1.0)) == 6.0
    (paths,) = jitted._cache.values()
    assert len(paths.recent.guards) == 1


def test_a_guard_evaluates_each_equation_once(monkeypatch):
    runs = []
    sin = ft.lax.sin_p
    impl = sin.impl
    monkeypatch.setattr(sin, "impl", lambda x: runs.append(x) or impl(x))

    def f(x):
        y = fnp.sin(x)
        unused = fnp.sin(x + 1.0)
        for limit in (0.1, 0.2, 0.3):
            if y > limit:
                y = y + 0.0
        return y + unused

    ft.jit(f)(1.0)
    assert len(runs) == 1


def test_no_argument_is_kept():
    f = ft.jit(lambda x: x * 2 if x[0] > 0 else x * len(x.tolist()))
    for first in (1.0, -1.0):
        x = np.full(1000, first)
        ref = weakref.ref(x)
        f(x)
        del x
        gc.collect()
        assert ref() is None


def test_static_arguments_and_methods():
    @ft.jit
    def power(x, n):
        return x if n == 0 else x * power(x, n - 1)

    assert float(power(2.0, 3)) == 16.0

    f = ft.jit(lambda x, mode: x if mode == "same" or x < 0 else x * 3, static_argnames="mode")
    assert [float(f(v, mode=m)) for v, m in ((1.0, "same"), (1.0, "other"), (-1.0, "other"))] == [1.0, 3.0, -1.0]

    class Model:
        @ft.jit
        def __call__(self, x):
            return x if x > 0 else -x

    ft.tree_util.register_static(Model)
    assert float(Model()(-2.0)) == 2.0


def test_clear_cache_forgets_paths():
    counted = Counted(sign_branch)
    f = ft.jit(counted)
    f(1.0)
    f.clear_cache()
    f(1.0)
    assert counted.runs == 2


# -- errors of compiled paths -------------------------------------------------------------------------------------------------

def guarded_lookup(x, i):
    if i < 3:
        return x[i]
    return -1.0 + 0.0 * x[0]


def test_the_error_of_a_wrong_path_is_no_error():
    f = ft.jit(guarded_lookup)
    x = np.arange(3.0)
    assert float(f(x, 2)) == 2.0
    assert float(f(x, 5)) == -1.0
    assert float(f(x, 1)) == 1.0


def test_the_error_of_the_right_path_is_raised():
    f = ft.jit(guarded_lookup)
    x = np.arange(3.0)
    refuses(lambda: f(x, -7), IndexError, "out of bounds", HERE)
    assert float(f(x, 1)) == 1.0
    refuses(lambda: f(x, -7), IndexError, "out of bounds", HERE)


def test_an_error_in_what_a_guard_asks():
    f = ft.jit(lambda x, i: x if x[i] > 0 else -x)
    refuses(lambda: f(np.ones(3), 3), IndexError, "3")
    np.testing.assert_array_equal(f(np.ones(3), 1), np.ones(3))
    refuses(lambda: f(np.ones(3), 3), IndexError, "3")


# -- limits -------------------------------------------------------------------------------------------------------------------

def test_too_many_paths():
    counted = Counted(ranged_by_index)
    f = ft.jit(counted)
    with config(max_paths=3):
        for n in (1, 2, 3):
            f(1.0, n)
        refuses(lambda: f(1.0, 4), TracerIntegerConversionError, "3 paths", "was 4", HERE, "(ranged_by_index)", "lax.fori_loop",
                "max_paths", "jit of ranged_by_index")
        assert float(f(1.0, 2)) == 2.0  # the paths that there are serve on
    with config(max_paths=4):
        for n in (1, 2, 3, 4):
            f(1.0, n)


def test_too_many_branches():
    with config(max_paths=1):
        f = ft.jit(sign_branch)
        f(1.0)
        refuses(lambda: f(-1.0), TracerBoolConversionError, "1 path for", "was False", HERE, "lax.cond", "lax.while_loop",
                "functrans.numpy.where")


def test_an_assertion_is_no_path():
    with config(max_paths=1):
        f = ft.jit(asserted)
        f(1.0)
        with pytest.raises(AssertionError):
            f(-1.0)


def test_infinite_guards(monkeypatch):
    def f(x):
        while x > -1.0:
            x = x + 1.0
        return x

    monkeypatch.setattr(guards, "MAX_GUARDS", 50)
    refuses(lambda: ft.jit(f)(0.0), FunctransRuntimeError, "infinite guards", HERE, "(f)", "while_loop")
    monkeypatch.setattr(guards, "MAX_GUARDS", 10**6)
    monkeypatch.setattr(guards, "MAX_EQUATIONS", 50)
    refuses(lambda: ft.jit(f)(0.0), FunctransRuntimeError, "infinite guards", HERE)


# -- where there is no value --------------------------------------------------------------------------------------------------

def test_strict_refuses():
    strict = ft.jit(strict=True)
    refuses(lambda: strict(sign_branch)(1.0), TracerBoolConversionError, "strict=True", "lax.cond", HERE)
    refuses(lambda: strict(ranged)(1.0, 2), ConcretizationTypeError, "strict=True", HERE)
    refuses(lambda: strict(ranged_by_index)(1.0, 2), TracerIntegerConversionError, "strict=True", HERE)
    refuses(lambda: ft.grad(strict(sign_branch))(1.0), TracerBoolConversionError, "strict=True")
    refuses(lambda: ft.jit(strict(sign_branch))(1.0), TracerBoolConversionError, "strict=True")
    refuses(lambda: strict(ft.jit(sign_branch))(1.0), TracerBoolConversionError, "strict=True")
    assert float(strict(fnp.sqrt)(4.0)) == 2.0


def test_types_have_no_values():
    spec = ft.ShapeDtypeStruct((), "float64")
    refuses(lambda: ft.make_jaxpr(sign_branch)(1.0), TracerBoolConversionError, "make_jaxpr", "by shapes", "where", HERE)
    refuses(lambda: ft.make_jaxpr(ft.jit(sign_branch))(1.0), TracerBoolConversionError, "make_jaxpr", "where", HERE)
    refuses(lambda: ft.eval_shape(sign_branch, spec), TracerBoolConversionError, "eval_shape", HERE)
    refuses(lambda: ft.jit(sign_branch).lower(spec), TracerBoolConversionError, "types instead of arrays", HERE)
    refuses(lambda: ft.jit(sign_branch).eval_shape(spec), TracerBoolConversionError, "types instead of arrays", HERE)


def test_lowering_at_arrays_follows_their_path():
    lowered = ft.jit(sign_branch).lower(4.0)
    assert "sqrt" in lowered.as_text("jaxpr")
    compiled = lowered.compile()
    assert float(compiled(9.0)) == 3.0
    refuses(lambda: compiled(-9.0), ValueError, "one path", "was True, and is False", HERE)
    assert ft.jit(shaped).eval_shape(2.0, 3).shape == (3,)


def test_a_batched_predicate_has_many_values():
    refuses(lambda: ft.vmap(ft.jit(sign_branch))(np.ones(3)), TracerBoolConversionError, "vmap maps over", "where", HERE)
    refuses(lambda: ft.jit(ft.vmap(sign_branch))(np.ones(3)), TracerBoolConversionError, "vmap maps over", "where", HERE)
    refuses(lambda: ft.vmap(ft.grad(ft.jit(sign_branch)))(np.ones(3)), TracerBoolConversionError, "vmap maps over", HERE)


def test_the_body_of_a_loop_is_traced_for_all_turns():
    """What a control-flow construct stages inside a `jit` has no value; what it closes over has."""
    tree = ft.tree_util.tree_structure(((0.0,), {}))

    def inside(body):
        return ft.jit(lambda x: x * trace_closed(body(x), tree, [ft.typeof(x)], "scan").out_tree.num_leaves)

    refuses(lambda: inside(lambda x: sign_branch)(1.0), TracerBoolConversionError, "scan traces the function once for all values", HERE)

    def closes_over(x):
        positive = x > 0
        return lambda y: (y, y) if positive else y

    f = inside(closes_over)
    assert [float(f(x)) for x in (3.0, -3.0, 4.0)] == [6.0, -3.0, 8.0]


def test_the_place_in_a_batch_has_many_values():
    f = ft.jit(lambda y: y if ft.lax.axis_index("i") > 0 else -y)
    refuses(lambda: ft.vmap(lambda x: x + f(3.0), axis_name="i")(np.ones(3)), TracerBoolConversionError, "vmap maps over", HERE)


def test_arrays_of_numpy_stay_refused():
    refuses(lambda: ft.jit(lambda x: np.asarray(x) if x > 0 else x)(1.0), TracerArrayConversionError, HERE)


def test_formatting_stays_refused():
    refuses(lambda: ft.jit(lambda x: f"{x:.3f}")(1.0), ConcretizationTypeError, "formatting", HERE)


def test_a_number_of_a_differentiated_value_is_refused():
    f = lambda x: x * float(x)  # noqa: E731
    for transformed in (ft.grad(f), ft.grad(ft.jit(f)), ft.jit(ft.grad(f)), ft.jit(ft.grad(ft.jit(f))), ft.grad(ft.grad(ft.jit(f))),
                        lambda x: ft.jvp(ft.jit(f), (x,), (1.0,)), lambda x: ft.grad(lambda w: ft.jit(lambda y: y * float(w))(2.0))(x)):
        for _ in range(2):
            refuses(lambda t=transformed: t(2.0), ConcretizationTypeError, "derivative", "stop_gradient", HERE)
    g = ft.jit(f)
    assert float(g(3.0)) == 9.0  # a path that is there does not let the derivative be cut either
    refuses(lambda: ft.grad(g)(3.0), ConcretizationTypeError, "derivative", HERE)


def test_a_number_that_has_no_derivative_is_given():
    by_constant = lambda x, y: x * x * float(y)  # noqa: E731
    assert float(ft.grad(ft.jit(by_constant))(3.0, 2.0)) == 12.0
    stopped = lambda x: x * x * float(ft.stop_gradient(x))  # noqa: E731
    assert float(ft.grad(ft.jit(stopped))(3.0)) == 18.0
    rounded = lambda x: x * int(x)  # noqa: E731
    assert float(ft.grad(ft.jit(rounded))(3.5)) == float(ft.grad(rounded)(3.5)) == 3.0


# -- the trie by itself -------------------------------------------------------------------------------------------------------

class FakePath:
    """Answers as `observed` says, whatever the values."""

    open = False

    def __init__(self, answers, observed):
        self.guards = tuple(guards.Guard(None, TRUTH, a, a, None) for a in answers)
        self.observed = observed
        self.name = str(answers)
        self.runs = 0

    def attempt(self, values, decided=0):
        self.runs += 1
        for i in range(decided, len(self.guards)):
            if self.observed[i] != self.guards[i].key:
                return guards.Disagreement(i, guards.Guard(None, TRUTH, self.observed[i], self.observed[i], None))
        return [self.name]


def test_two_paths_that_round_a_comparison_in_two_ways_do_not_play_ball():
    """Each path sees the answer of the other at the edge; what has been decided is not asked again."""
    first, second = FakePath([True, False], [True, True]), FakePath([True, True, True], [True, False, True])
    paths = Paths()
    paths.add(first)
    path, out = paths.follow([], lambda decided: second)
    assert path is second and out == ["[True, True, True]"]
    path, _ = paths.follow([], None)
    assert path is first
    assert (first.runs, second.runs) == (2, 2)


def test_a_branch_is_found_by_its_prefix():
    made = {answers: FakePath(answers, answers) for answers in [(True, True), (True, False, True), (False,), (True, False, False)]}
    paths = Paths()
    for path in made.values():
        assert paths.add(path) is path
    assert paths.count == 4
    assert paths.find([True, True]) is made[True, True]
    assert paths.find([True, False]) is made[True, False, False]  # the last one used
    assert paths.find([False]) is made[(False,)]
    assert paths.find([True, False, True]) is made[True, False, True]
    again = FakePath((False,), (False,))
    assert paths.add(again) is made[(False,)]
    assert paths.count == 4


# -- conversions --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("conversion", "one", "other"), [
    (TRUTH, 2.0, 0.0), (INT, 2.5, 3.5), (INT, float("nan"), 1.0), (FLOAT, 0.0, -0.0), (FLOAT, float("nan"), 1.0), (INDEX, 3, 4),
    (LIST, [1.0, float("nan")], [1.0, 2.0]), (item_at(()), 1.5, 2.5), (item_at((1,)), [0, 1], [0, 2]),
])
def test_answers_are_told_apart(conversion, one, other):
    same, differs = conversion.answer(np.array(one))[0], conversion.answer(np.array(other))[0]
    assert same == conversion.answer(np.array(one))[0] != differs
    assert isinstance(hash(same), int)


def test_what_is_compared_by_bytes():
    assert TRUTH.exact(np.dtype(bool), ()) and INDEX.exact(np.dtype("int32"), ()) and INT.exact(np.dtype("uint8"), ())
    assert not TRUTH.exact(np.dtype("int64"), ()) and not FLOAT.exact(np.dtype("float64"), ()) and not INT.exact(np.dtype(bool), ())
    assert not TRUTH.exact(np.dtype(bool), (1,))


def test_a_loop_that_a_branch_protects_does_not_run_on_a_wrong_path():
    @ft.jit
    def root(a):
        if a > 0:
            y = lax.while_loop(lambda y: fnp.abs(y * y - a) > 1e-9, lambda y: (y + a / y) / 2, a)
            return y if y > 1.0 else -y
        return 0.0 * a

    assert abs(float(root(4.0)) - 2.0) < 1e-9
    assert float(root(-1.0)) == 0.0  # the loop would not end
    assert abs(float(root(0.25)) + 0.5) < 1e-9
    assert float(root(-4.0)) == 0.0

    @ft.jit
    def steps(n, x):
        if n < 100:
            return lax.fori_loop(0, n, lambda i, c: c + 1.0, x)
        return x

    assert float(steps(3, 0.0)) == 3.0
    assert float(steps(10**15, 0.0)) == 0.0
