"""The list helpers of `functrans.util` and the messages of `functrans.errors`."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functrans import errors, util


@pytest.mark.parametrize("module", [util], ids=lambda m: m.__name__)
def test_doctests(module):
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0


def test_zip_and_map_are_lists_and_strict():
    assert util.safe_zip() == []
    assert util.safe_zip([1], [2], [3]) == [(1, 2, 3)]
    assert util.safe_map(str, iter([1, 2])) == ["1", "2"]
    with pytest.raises(ValueError, match="shorter"):
        util.safe_zip([1, 2], [3])
    with pytest.raises(ValueError, match="longer"):
        util.safe_map(max, [1], [3, 4])
    with pytest.raises(TypeError, match="at least one"):
        util.safe_map(max)


def test_unzip_of_nothing():
    assert util.unzip2([]) == ([], [])
    assert util.unzip3(iter([])) == ([], [], [])


@given(st.lists(st.tuples(st.booleans(), st.integers())))
def test_merge_inverts_partition(pairs):
    mask, xs = util.unzip2(pairs)
    falses, trues = util.partition_list(mask, xs)
    assert trues == [x for flag, x in pairs if flag]
    assert util.merge_lists(mask, falses, trues) == xs


def test_partition_and_merge_refuse_wrong_lengths():
    with pytest.raises(ValueError):
        util.partition_list([True], [1, 2])
    with pytest.raises(ValueError, match="1 false and 1 true entries, but 2 and 0"):
        util.merge_lists([True, False], [1, 2], [])


def test_split_list():
    assert util.split_list([1, 2, 3], []) == [[1, 2, 3]]
    assert util.split_list([1, 2, 3], [0, 3]) == [[], [1, 2, 3], []]
    for sizes in ([2, 2], [-1, 2]):
        with pytest.raises(ValueError, match="length 3"):
            util.split_list([1, 2, 3], sizes)


@pytest.mark.parametrize("axis, ndim, expected", [(0, 1, 0), (-1, 1, 0), (2, 3, 2), (-3, 3, 0), (np.int32(-2), 3, 1)])
def test_canonicalize_axis(axis, ndim, expected):
    result = util.canonicalize_axis(axis, ndim)
    assert result == expected and type(result) is int


@pytest.mark.parametrize("axis, ndim", [(3, 3), (-4, 3), (1, 1), (-2, 1)])
def test_canonicalize_axis_out_of_bounds_as_numpy(axis, ndim):
    with pytest.raises(np.exceptions.AxisError) as ours:
        util.canonicalize_axis(axis, ndim)
    with pytest.raises(np.exceptions.AxisError) as theirs:
        np.zeros((1,) * ndim).sum(axis=axis)
    assert str(ours.value).startswith(f"at {__file__}:") and (ours.value.axis, ours.value.ndim) == (axis, ndim)
    assert str(ours.value).split("): ")[1] == str(theirs.value) == f"axis {axis} is out of bounds for array of dimension {ndim}"


def test_canonicalize_axis_refuses_a_float():
    with pytest.raises(TypeError):
        util.canonicalize_axis(1.0, 3)


def test_tuple_insert_and_delete():
    assert util.tuple_insert((1, 2), 2, 3) == (1, 2, 3)
    assert util.tuple_delete((1, 2, 3), 0) == (2, 3)
    with pytest.raises(IndexError, match="index 3"):
        util.tuple_insert((1, 2), 3, 0)
    with pytest.raises(IndexError, match="index -1"):
        util.tuple_delete((1, 2), -1)


BASES = [
    (errors.ConcretizationTypeError, TypeError), (errors.TracerBoolConversionError, errors.ConcretizationTypeError),
    (errors.TracerIntegerConversionError, TypeError), (errors.TracerArrayConversionError, TypeError),
    (errors.NonConcreteBooleanIndexError, IndexError), (errors.UnexpectedTracerError, TypeError),
    (errors.JaxRuntimeError, RuntimeError), (errors.JAXTypeError, TypeError), (errors.JAXIndexError, IndexError),
    (errors.KeyReuseError, RuntimeError), (errors.InconclusiveDimensionOperation, ValueError),
    (errors.JaxprTypeError, TypeError),
]  # fmt: skip


@pytest.mark.parametrize("cls, base", BASES, ids=lambda c: c.__name__)
def test_exception_bases(cls, base):
    assert issubclass(cls, base) and issubclass(cls, errors.FunctransError)
    assert "aised" in cls.__doc__ or "Under the name" in cls.__doc__


MAKERS = [
    (errors.boolean_index_error, errors.NonConcreteBooleanIndexError, "functrans.numpy.nonzero(mask, size=n)"),
]


@pytest.mark.parametrize("make, cls, repair", MAKERS, ids=lambda m: getattr(m, "__name__", None))
def test_messages_name_value_line_and_repair(make, cls, repair):
    error = make("traced float64[3]", "model.py:7 (f)")
    assert type(error) is cls
    assert "traced float64[3]" in str(error) and "at model.py:7 (f)" in str(error) and repair in str(error)
    assert " at " not in str(make("x", "")).split("\n", 1)[1]  # no empty place without a line
