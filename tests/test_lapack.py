"""The binding of LAPACK: routines are found, integers have the right size, workspaces are asked for, errors are clear."""

from __future__ import annotations

import numpy as np
import pytest

from functrans import lapack
from functrans.lapack import LWORK, WORK, Number, Scratch, Slot

F64 = np.dtype("float64")


def test_integers_are_as_wide_as_the_library_has_them() -> None:
    pivots, info = np.full(3, -1, lapack.integer()), np.full(1, -1, lapack.integer())
    a = np.asfortranarray(np.array([[0.0, 0, 1], [0, 1, 0], [2, 0, 0]]))
    call = lapack.call("getrf", F64, 3, 3, Slot(0, 9), 3, Slot(1, 3), Slot(2, 1))
    lapack.run(call, 1, [np.ascontiguousarray(a.T), pivots, info])
    assert pivots.tolist() == [3, 2, 3]
    assert info.tolist() == [0]


def test_workspace_is_asked_for() -> None:
    call = lapack.call("geqrf", F64, 50, 40, Slot(0, 2000), 50, Slot(1, 40), WORK, LWORK, Slot(2, 1))
    (scratch,) = call.scratch
    assert scratch.dtype == "float64"
    assert scratch.size >= 40
    assert scratch.size in call.args


def test_a_call_is_repeated_over_a_batch() -> None:
    a, b = np.stack([np.eye(2), 4 * np.eye(2)]), np.ones((2, 2, 3))
    call = lapack.call("trsm", F64, "R", "L", "N", "N", 3, 2, Number(2.0, "float64"), Slot(0, 4), 2, Slot(1, 6), 3)
    lapack.run(call, 2, [a, b])
    np.testing.assert_array_equal(b, np.stack([np.full((2, 3), 2.0), np.full((2, 3), 0.5)]))


def test_threads_are_given_back() -> None:
    names = lapack.thread_control()
    if not names:
        pytest.skip("the library is not OpenBLAS")
    before = lapack._function(names[0])()
    lapack.run(lapack.call("potrf", F64, "U", 1, Slot(0, 1), 1, Slot(1, 1)), 1, [np.ones((1, 1)), np.zeros(1, lapack.integer())])
    assert lapack._function(names[0])() == before


def test_unknown_routines_are_named() -> None:
    with pytest.raises(RuntimeError, match="no routine dnothing"):
        lapack.address("dnothing")


def test_large_matrices_may_use_threads() -> None:
    small, large = (lapack.call("potrf", F64, "U", n, Slot(0, n * n), n, Slot(1, 1)) for n in (8, 1000))
    assert small.is_short
    assert not large.is_short
    assert Scratch("float64", 3) not in small.args
