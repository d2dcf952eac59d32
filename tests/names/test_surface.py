"""The table of names is complete and its page up to date; and what is no function of arrays is what NumPy or the definition says."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import functrans as ft
from functrans import debug, dtypes, image, lax, optim, tree, tree_util, typing
from functrans import numpy as fnp
from functrans.experimental import checkify
from functrans.nn import initializers
from tests.names.elsewhere import ELSEWHERE
from tests.names.page import PAGE, text
from tests.names.surface import namespaces, public_names
from tests.names.table import ROWS

ROOT = Path(__file__).resolve().parents[2]
ABOVE = {"floating": "floating", "inexact": "inexact", "integer": "integer", "number": "number", "generic": "generic",
         "signedinteger": "signedinteger", "unsignedinteger": "unsignedinteger", "complexfloating": "complexfloating",
         "character": "character", "flexible": "flexible", "object_": "object_"}
DTYPES = {name: name for name in ("float16", "float32", "float64", "complex64", "complex128", "int8", "int16", "int32", "int64", "uint8",
                                  "uint16", "uint32", "uint64", "bool_", "bool", "single", "double", "csingle", "cdouble", "uint", "int_")}


# -- the table --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("namespace", namespaces(), ids=lambda n: n or "functrans")
def test_every_name_is_tested(namespace: str) -> None:
    """A public name has a row, or is listed with the file that tests it; and what is listed is there."""
    public = set(public_names(namespace))
    rows = {row.path.rpartition(".")[2] for row in ROWS if row.namespace == namespace}
    elsewhere = {name for names in ELSEWHERE.get(namespace, {}).values() for name in names.split()}
    tested = rows | elsewhere
    assert public == tested, f"without a test: {sorted(public - tested)}, not public: {sorted(tested - public)}"


def test_no_namespace_is_forgotten() -> None:
    known = set(namespaces())
    assert set(ELSEWHERE) <= known and {row.namespace for row in ROWS} <= known


@pytest.mark.parametrize("namespace", ELSEWHERE, ids=lambda n: n or "functrans")
def test_the_files_that_are_said_to_test_a_name_mention_it(namespace: str) -> None:
    for file, names in ELSEWHERE[namespace].items():
        mentioned = set(re.findall(r"\w+", (ROOT / file).read_text()))
        assert not set(names.split()) - mentioned, f"{file} has nothing of {sorted(set(names.split()) - mentioned)}"


@pytest.mark.parametrize("row", [row for row in ROWS if isinstance(row.reference, str)], ids=str)
def test_the_files_that_are_said_to_compare_values_mention_the_name(row: Any) -> None:
    assert re.search(rf"\b{row.path.rpartition('.')[2]}\b", (ROOT / row.reference).read_text())


def test_the_page_of_names_is_up_to_date() -> None:
    assert PAGE.read_text() == text(), "run: python -m tests.names.page"


# -- types, constants and questions of NumPy --------------------------------------------------------------------------

def test_types_and_constants_are_numpys() -> None:
    for ours, theirs in DTYPES.items():
        assert np.dtype(getattr(fnp, ours)) == np.dtype(getattr(np, theirs))
    assert np.dtype(fnp.float_) == np.float64 and np.dtype(fnp.complex_) == np.complex128
    for ours, theirs in ABOVE.items():
        assert getattr(fnp, ours) is getattr(np, theirs)
    for name in ("pi", "e", "euler_gamma", "inf"):
        assert getattr(fnp, name) == getattr(np, name)
    assert np.isnan(fnp.nan) and fnp.newaxis is None and fnp.ndarray is ft.Array
    assert dtypes.float0 is ft.float0


def test_questions_of_types_have_numpys_answers() -> None:
    for module in (fnp, dtypes):
        assert module.finfo("float32").eps == np.finfo("float32").eps and module.iinfo("int16").max == np.iinfo("int16").max
    assert fnp.issubdtype("int32", fnp.integer) and not fnp.issubdtype("int32", fnp.floating)
    assert fnp.isdtype("int32", "integral") and not fnp.isdtype("int32", "real floating")
    assert fnp.can_cast("int8", "int16") and not fnp.can_cast("float64", "int16")
    assert fnp.promote_types("int8", "uint8") == np.promote_types("int8", "uint8") and fnp.dtype("f4") == np.dtype("f4")
    assert fnp.result_type(np.ones(2, "int32"), np.ones(2, "complex64")) == "complex64"  # of the lattice, where NumPy has complex128
    assert fnp.default_types()["real floating"] == np.float64
    assert ft.typeof(np.ones((2, 3), "int8")).dtype == "int8" and lax.dtype(np.ones(2, "int8")) == "int8"


def test_questions_of_values_have_numpys_answers() -> None:
    for x in (np.ones((2, 3)), np.float32(1), np.ones(3, complex), 2.0, 3):
        for name in ("shape", "ndim", "size", "iscomplexobj", "isrealobj"):
            assert getattr(fnp, name)(x) == getattr(np, name)(x), (name, x)
    assert fnp.isscalar(3.0) and fnp.isscalar(np.ones(())) and not fnp.isscalar(np.ones(3))
    assert fnp.broadcast_shapes((2, 1), (3,)) == lax.broadcast_shapes((2, 1), (1, 3)) == (2, 3)


def test_named_results_of_decompositions() -> None:
    a = np.diag([2.0, 1.0])
    for made, names in ((fnp.linalg.eig(a), np.linalg.eig(a)), (fnp.linalg.eigh(a), np.linalg.eigh(a)), (fnp.linalg.qr(a), np.linalg.qr(a)),
                        (fnp.linalg.svd(a), np.linalg.svd(a)), (fnp.linalg.slogdet(a), np.linalg.slogdet(a))):
        assert made._fields == names._fields and type(made) is getattr(fnp.linalg, type(names).__name__)
    assert {"EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult"} <= set(dir(fnp.linalg))


def test_attributes_of_arrays_are_those_of_numpys() -> None:
    x = np.arange(6, dtype="int16").reshape(2, 3)
    a = fnp.asarray(x)
    assert a.flags.c_contiguous and not a.flags.writeable
    for name in ("shape", "ndim", "size", "dtype", "itemsize", "nbytes"):
        assert getattr(a, name) == getattr(x, name)
    assert a.tolist() == x.tolist() and a.tobytes() == x.tobytes() and a[0, 1].item() == x[0, 1].item()
    assert a.is_ready() and not a.weak_type and fnp.asarray(2).weak_type and (a.aval.shape, a.aval.dtype) == (x.shape, x.dtype)
    assert a.flat[4] == x.flat[4] and len(a.flat) == 6 and a.format.layout.major_to_minor == (0, 1)


# -- shapes and layouts of convolutions -------------------------------------------------------------------------------

def test_shapes_of_convolutions() -> None:
    x, k = np.ones((2, 3, 7, 6)), np.ones((4, 3, 3, 2))
    for padding in ("SAME", "VALID"):
        assert lax.conv_shape_tuple(x.shape, k.shape, (2, 1), padding) == lax.conv(x, k, (2, 1), padding).shape
    layouts = ("NHWC", "HWIO", "NHWC")
    y, h = np.moveaxis(x, 1, -1), np.transpose(k, (2, 3, 1, 0))
    want = lax.conv_general_dilated(y, h, (1, 1), "SAME", dimension_numbers=layouts).shape
    assert lax.conv_general_shape_tuple(y.shape, h.shape, (1, 1), "SAME", layouts) == want
    want = lax.conv_transpose(y, h, (2, 2), "SAME", dimension_numbers=layouts).shape
    assert lax.conv_transpose_shape_tuple(y.shape, h.shape, (2, 2), "SAME", layouts) == want
    want = lax.reduce_window(x, 0.0, lax.add, (1, 1, 2, 2), (1, 1, 2, 1), "VALID").shape
    assert lax.reduce_window_shape_tuple(x.shape, (1, 1, 2, 2), (1, 1, 2, 1), "VALID") == want


def test_layouts_of_convolutions() -> None:
    numbers = lax.conv_dimension_numbers((1, 5, 5, 2), (3, 3, 2, 4), ("NHWC", "HWIO", "NHWC"))
    assert isinstance(numbers, lax.ConvDimensionNumbers)
    assert tuple(numbers) == lax.conv_general_permutations(("NHWC", "HWIO", "NHWC")) == ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    x, k = np.ones((1, 5, 5, 2)), np.ones((3, 3, 2, 4))
    assert lax.conv_general_dilated(x, k, (1, 1), "VALID", dimension_numbers=numbers).shape == (1, 3, 3, 4)
    assert lax.dot(np.eye(2), np.eye(2), precision=lax.Precision.HIGHEST).tolist() == np.eye(2).tolist()
    for alias in ("ConvGeneralDilatedDimensionNumbers", "DotDimensionNumbers", "PrecisionLike"):
        assert getattr(lax, alias) is not None
    assert image.ResizeMethod.CUBIC is image.ResizeMethod.from_string("cubic")
    assert initializers.Initializer.__call__.__annotations__["shape"] == initializers.zeros.__annotations__["shape"]


def test_other_names_of_initializers() -> None:
    assert initializers.xavier_normal is initializers.glorot_normal and initializers.xavier_uniform is initializers.glorot_uniform
    assert initializers.kaiming_normal is initializers.he_normal and initializers.kaiming_uniform is initializers.he_uniform


# -- transformations and trees ----------------------------------------------------------------------------------------

def test_fwd_and_bwd() -> None:
    fwd, bwd = ft.fwd_and_bwd(lambda x, y: fnp.sin(x) * y, (0, 1))
    value, residuals = ft.jit(fwd)(0.5, 2.0)
    assert float(value) == pytest.approx(2 * np.sin(0.5))
    np.testing.assert_allclose(ft.jit(bwd)(residuals, 3.0), (6 * np.cos(0.5), 3 * np.sin(0.5)), rtol=1e-14)


def test_clear_caches_forgets_every_trace() -> None:
    traces = []
    f = ft.jit(lambda x: (traces.append(1), x + 1)[1])
    assert (f(1.0), f(1.0), len(traces)) == (2.0, 2.0, 1)
    ft.clear_caches()
    assert (f(1.0), len(traces)) == (2.0, 2)


def test_short_names_of_tree_functions() -> None:
    for name in ("all", "broadcast", "flatten", "flatten_with_path", "leaves", "leaves_with_path", "map", "map_with_path", "reduce",
                 "reduce_associative", "structure", "transpose", "unflatten"):
        assert getattr(tree, name) is getattr(tree_util, f"tree_{name}")


def test_tree_functions_of_few_words() -> None:
    nested = {"a": [1, 2], "b": 3}
    assert tree_util.tree_all({"a": True, "b": [1]}) and not tree_util.tree_all([True, False])
    assert tree_util.tree_reduce(lambda a, b: 10 * a + b, nested) == 123
    assert tree_util.tree_reduce_associative(lambda a, b: a + b, nested) == 6
    assert tree_util.tree_broadcast([1, {"k": 2}], [(0, 0), {"k": [0]}]) == [(1, 1), {"k": [2]}]
    outer, inner = tree_util.tree_structure({"a": 0, "b": 0}), tree_util.tree_structure([0, 0])
    assert tree_util.tree_transpose(outer, inner, {"a": [1, 2], "b": [3, 4]}) == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    assert tree_util.treedef_children(tree_util.tree_structure(nested)) == [tree_util.tree_structure([0, 0]), tree_util.tree_structure(0)]
    children, keys = tree_util.flatten_one_level(nested)
    assert (list(children), keys) == ([[1, 2], 3], ("a", "b"))
    with_keys, _ = tree_util.flatten_one_level_with_keys(nested)
    assert [(tree_util.keystr((k,)), child) for k, child in with_keys] == [("['a']", [1, 2]), ("['b']", 3)]
    assert [tree_util.keystr(path) for path, *_ in tree_util.equality_errors(nested, {"a": [1], "b": 3})] == ["['a']"]
    assert isinstance(tree_util.default_registry, tree_util.PyTreeRegistry) and tree_util.KeyEntry is not None is not tree_util.KeyPath


def test_a_class_with_keys_is_a_tree() -> None:
    @tree_util.register_pytree_with_keys_class
    class Pair:
        def __init__(self, x: Any, y: Any) -> None:
            self.x, self.y = x, y

        def tree_flatten_with_keys(self) -> Any:
            return [(tree_util.GetAttrKey("x"), self.x), (tree_util.GetAttrKey("y"), self.y)], None

        @classmethod
        def tree_unflatten(cls, aux: None, children: Any) -> Any:
            return cls(*children)

    doubled = tree_util.tree_map(lambda v: 2 * v, Pair(1, [2]))
    assert (doubled.x, doubled.y) == (2, [4])
    assert [tree_util.keystr(path) for path, _ in tree_util.tree_leaves_with_path(doubled)] == [".x", ".y[0]"]


def test_linear_functions_are_trees_of_their_residuals() -> None:
    """What `vjp` and `linearize` give may leave a compiled function, and enter another."""
    def f(x: Any) -> Any:
        return fnp.sin(x) * x

    x = np.array([0.5, 2.0])
    slope = np.cos(x) * x + np.sin(x)
    _, pullback = ft.jit(lambda x: ft.vjp(f, x))(x)
    _, pushforward = ft.jit(lambda x: ft.linearize(f, x))(x)
    for linear in (lambda t: pullback(t)[0], pushforward, ft.jit(lambda t: pullback(t)[0])):
        np.testing.assert_allclose(linear(np.array([1.0, 3.0])), slope * [1, 3], rtol=1e-14)
    np.testing.assert_allclose(ft.jit(lambda g, t: g(t)[0])(pullback, np.ones(2)), slope, rtol=1e-14)
    assert tree.leaves(pullback) and tree.leaves(pushforward)


def test_errors_that_checks_report() -> None:
    def error_of(f: Any, x: Any) -> Any:
        return checkify.checkify(f, errors=checkify.all_checks)(x)[0]

    for f, x, kind in ((fnp.log, -1.0, checkify.NaNError), (lambda x: 1.0 / x, 0.0, checkify.DivisionByZeroError),
                       (lambda i: fnp.arange(3)[i], 5, checkify.OOBError)):
        assert isinstance(error_of(f, x).get_exception(), kind)
    assert checkify.ErrorCategory is not None and checkify.nan_checks == frozenset({checkify.NaNError})


def test_results_of_minimization_are_named() -> None:
    found = ft.scipy.optimize.minimize(lambda x: fnp.sum((x - 1.0) ** 2), np.zeros(2), method="BFGS")
    assert isinstance(found, ft.scipy.optimize.OptimizeResults) and found.success and np.allclose(found.x, 1.0)


def test_pictures_of_arrays(capsys: pytest.CaptureFixture[str]) -> None:
    debug.visualize_sharding((2, 3), debug.SingleDeviceSharding())
    assert "CPU 0" in capsys.readouterr().out


# -- the parts of optimizers ------------------------------------------------------------------------------------------

PARTS = {"adadelta": "scale_by_adadelta", "adam": "scale_by_adam", "adamax": "scale_by_adamax", "amsgrad": "scale_by_amsgrad",
         "adabelief": "scale_by_belief", "lion": "scale_by_lion", "radam": "scale_by_radam", "rmsprop": "scale_by_rms",
         "adagrad": "scale_by_rss", "yogi": "scale_by_yogi", "sign_sgd": "scale_by_sign"}
SAME_DEFAULTS = {"rmsprop": {"decay": 0.9}, "lion": {"weight_decay": 0.0}, "adadelta": {}}


@pytest.mark.parametrize("name", PARTS)
def test_an_optimizer_is_its_scaling_times_the_learning_rate(name: str) -> None:
    options = SAME_DEFAULTS.get(name, {})
    whole = getattr(optim, name)(0.1, **options)
    part = optim.chain(getattr(optim, PARTS[name])(), optim.scale_by_learning_rate(0.1))
    x = {"w": np.array([1.0, -2.0]), "b": np.array(0.5)}
    states = [whole.init(x), part.init(x)]
    for step in range(3):
        g = tree.map(lambda v, step=step: v * (step + 1.0), x)
        (a, states[0]), (b, states[1]) = whole.update(g, states[0], x), part.update(g, states[1], x)
        tree.map(np.testing.assert_array_equal, a, b)


def test_small_transformations() -> None:
    x = np.array([1.0, -2.0])
    halved = optim.stateless(lambda updates, params: tree.map(lambda u: u / 2, updates))
    assert halved.update(x, halved.init(x))[0].tolist() == [0.5, -1.0]
    extra = optim.with_extra_args_support(halved)
    assert extra.update(x, extra.init(x), x, value=3.0)[0].tolist() == [0.5, -1.0]
    by_step = optim.scale_by_schedule(lambda count: count + 1.0)
    state = by_step.init(x)
    for factor in (1.0, 2.0):
        y, state = by_step.update(x, state)
        assert y.tolist() == (factor * x).tolist()
    assert isinstance(state, optim.ScaleByScheduleState) and int(state.count) == 2


def test_clipping_and_the_identity() -> None:
    x = np.array([1.0, -2.0])
    assert optim.clip(1.5).update(x, optim.clip(1.5).init(x))[0].tolist() == [1.0, -1.5]
    assert optim.identity().update(x, optim.identity().init(x))[0].tolist() == x.tolist()


STATES = """BacktrackingLinesearchInfo EmaState EmptyState GradientTransformation GradientTransformationExtraArgs InjectHyperparamsState
MaskedState MultiTransformState PartitionState ScaleByAdaDeltaState ScaleByAdamState ScaleByAmsgradState ScaleByBacktrackingLinesearchState
ScaleByBeliefState ScaleByLBFGSState ScaleByLionState ScaleByRStdDevState ScaleByRStdDevWithCountState ScaleByRmsState
ScaleByRmsWithCountState ScaleByRssState ScaleByScheduleState ScaleByZoomLinesearchState TraceState ZoomLinesearchInfo"""


def test_states_are_named_tuples() -> None:
    for name in STATES.split():
        assert issubclass(getattr(optim, name), tuple) and getattr(optim, name)._fields is not None
    assert importlib.import_module("functrans.optim").Schedule is not None and optim.MaskedNode() == optim.MaskedNode()


# -- names that programs are ported by --------------------------------------------------------------------------------

def test_types_for_annotations() -> None:
    kinds = get_args(typing.ArrayLike)
    assert {ft.Array, np.ndarray, float} <= set(kinds)
    assert isinstance(fnp.ones(2), typing.ArrayLike) and not isinstance([1], typing.ArrayLike)
    assert {str, np.dtype} <= set(get_args(typing.DTypeLike))


def test_a_platform_without_a_function_is_refused() -> None:
    assert lax.platform_dependent(2.0, default=lambda x: x * 3, cuda=lambda x: x) == 6.0
    with pytest.raises(NotImplementedError, match=r"platform_dependent: there is a function for \['tpu'\].*test_surface.*Give cpu="):
        lax.platform_dependent(2.0, tpu=lambda x: x)
    assert lax.composite(lambda x, *, k: x * k, "my.k").__name__ == "<lambda>"
