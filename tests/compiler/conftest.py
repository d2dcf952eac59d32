"""The comparison that the compiler's tests share: eager NumPy, the interpreter of the kernel IR and compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from functrans.compiler.driver import Executable, compile_jaxpr
from functrans.kernel_interpret import run
from functrans.kernel_verify import verify
from functrans.transforms.tracing import make_jaxpr

Check = Callable[..., Executable]


def listed(x: Any) -> list[np.ndarray]:
    return [np.asarray(v) for v in (x if isinstance(x, (tuple, list)) else [x])]


def assert_same(got: np.ndarray, want: np.ndarray, tolerance: float, what: str) -> None:
    """Equal shape, dtype and values: exactly for tolerance 0 (signs of zeros too), else relative to the largest magnitude."""
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, expected {want.dtype}"
    if tolerance == 0 or want.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, want, err_msg=what)
        if want.dtype.kind == "f":
            numbers = ~np.isnan(want)
            np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(want[numbers]), err_msg=f"{what}: signs of zeros")
        return
    finite = np.abs(want)[np.isfinite(want)]
    scale = float(finite.max(initial=0))
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def compare(fun: Callable[..., Any], *args: Any, tolerance: float = 1e-13) -> Executable:
    """Run `fun` eagerly, interpreted and compiled; all three must agree. Returns the executable."""
    with np.errstate(all="ignore"):
        want = listed(fun(*args))
    executable = compile_jaxpr(make_jaxpr(fun)(*args))
    program = executable.stages.program
    verify(program)
    values = [np.array(a, order="C") for a in args]
    compiled = executable(values)
    for i, (got, expected) in enumerate(zip(listed(compiled), want, strict=True)):
        assert_same(got, expected, tolerance, f"compiled output {i}")
    computed = run(program, values)
    plan = executable.plan
    for i, ((kind, which), expected) in enumerate(zip(plan, want, strict=True)):
        if kind == "out":
            assert_same(computed[which], expected, tolerance, f"interpreted output {i}")
    return executable


@pytest.fixture(scope="session")
def check() -> Check:
    """`compare` as a fixture."""
    return compare
