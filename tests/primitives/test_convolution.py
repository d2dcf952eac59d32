"""Convolutions and window reductions against sums written out, in every layout, with strides, padding, dilations and groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functrans import lax
from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.transforms.vmap import vmap
from tests.numpy.checks import close, differentiates

RNG = np.random.default_rng(15)
X, K = RNG.normal(size=(4, 6, 7, 5)), RNG.normal(size=(6, 6, 3, 2))


def spread(x: np.ndarray, steps: Any) -> np.ndarray:
    """Zeros between the elements of the spatial axes."""
    out = np.zeros((*x.shape[:2], *((n - 1) * s + 1 for n, s in zip(x.shape[2:], steps, strict=True))))
    out[(..., *(slice(None, None, s) for s in steps))] = x
    return out


def naive(x: np.ndarray, k: np.ndarray, strides: Any, pads: Any, lhs_dilation: Any = (1, 1), rhs_dilation: Any = (1, 1),
          feature_group_count: int = 1, batch_group_count: int = 1) -> np.ndarray:
    """One element of the result after the other, in the layout NCHW."""
    x, k = spread(x, lhs_dilation), spread(k, rhs_dilation)
    x = np.pad(x, ((0, 0), (0, 0), *((max(lo, 0), max(hi, 0)) for lo, hi in pads)))
    x = x[(..., *(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(x.shape[2:], pads, strict=True)))]
    groups = feature_group_count * batch_group_count
    h, w = ((n - m) // s + 1 for n, m, s in zip(x.shape[2:], k.shape[2:], strides, strict=True))
    per, n = k.shape[0] // groups, x.shape[0] // batch_group_count
    out = np.zeros((n, k.shape[0], h, w))
    for o in range(k.shape[0]):
        g = o // per
        part = x[g * n:(g + 1) * n] if batch_group_count > 1 else x[:, g * k.shape[1]:(g + 1) * k.shape[1]]
        for i in range(h):
            for j in range(w):
                seen = part[:, :, i * strides[0]:i * strides[0] + k.shape[2], j * strides[1]:j * strides[1] + k.shape[3]]
                out[:, o, i, j] = (seen * k[o]).sum((1, 2, 3))
    return out


CASES: dict[str, Any] = {
    "plain": ((1, 1), [(0, 0), (0, 0)], {}), "strides and padding": ((2, 3), [(1, 2), (0, 3)], {}),
    "cropped": ((1, 1), [(-1, 2), (0, -1)], {}),
    "dilated kernel": ((1, 2), [(2, 2), (1, 1)], {"rhs_dilation": (2, 1)}),
    "dilated operand": ((1, 2), [(2, 1), (0, 3)], {"lhs_dilation": (2, 3)}),
    "batch groups": ((2, 1), [(1, 1), (0, 1)], {"batch_group_count": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_convolutions(name: str) -> None:
    strides, pads, options = CASES[name]
    want = naive(X, K, strides, pads, **options)

    def ours(x: Any, k: Any) -> Any:
        return lax.conv_general_dilated(x, k, strides, pads, **options)

    close(ours(X, K), want)
    close(jit(ours)(X, K), want)
    close(jit(vmap(ours, (0, None)))(np.stack([X, 2 * X]), K), np.stack([want, 2 * want]))
    close(vmap(ours, (None, 0))(X, np.stack([K, -K])), np.stack([want, -want]))
    differentiates(ours, X, K, tol=1e-5)


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_feature_groups(groups: int) -> None:
    k = RNG.normal(size=(6, 6 // groups, 3, 2))
    want = naive(X, k, (1, 2), [(1, 1), (1, 1)], feature_group_count=groups)
    close(jit(lambda x, k: lax.conv_general_dilated(x, k, (1, 2), [(1, 1), (1, 1)], feature_group_count=groups))(X, k), want)
    differentiates(lambda x, k: lax.conv_general_dilated(x, k, (1, 2), "SAME", feature_group_count=groups), X, k, tol=1e-5)


def test_layouts_and_names_of_padding() -> None:
    same = [(1, 1), (0, 1)]  # odd padding goes to the end, with SAME_LOWER to the start
    close(lax.conv(X, K, (1, 1), "SAME"), naive(X, K, (1, 1), same))
    close(lax.conv(X, K, (1, 1), "SAME_LOWER"), naive(X, K, (1, 1), [(1, 1), (1, 0)]))
    close(lax.conv_with_general_padding(X, K, (2, 2), "VALID", None, None), naive(X, K, (2, 2), [(0, 0), (0, 0)]))
    for layouts in (("NHWC", "HWIO", "NHWC"), ("HWNC", "OHWI", "CNWH")):
        x, k = (np.einsum(f"{a}->{b}", v) for v, a, b in ((X, "NCHW", layouts[0]), (K, "OIHW", layouts[1])))
        want = np.einsum(f"NCHW->{layouts[2]}", naive(X, K, (1, 1), same))
        close(lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=layouts), want)
        assert lax.conv_general_shape_tuple(x.shape, k.shape, (1, 1), "SAME", layouts) == want.shape
    x32, k32 = X.astype("float32"), K.astype("float32")
    assert lax.conv_general_dilated(x32, k32, (1, 1), "SAME", preferred_element_type="float64").dtype == "float64"


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_transposed_convolutions(padding: str, strides: Any) -> None:
    """With the kernel transposed it is the transpose of the convolution: <conv x, y> = <x, conv_transpose y>."""
    layouts = ("NHWC", "HWIO", "NHWC")
    sizes = (6, 9) if padding == "SAME" else (7, 8)
    k = RNG.normal(size=(3, 2, 4, 5))
    x = RNG.normal(size=(2, *sizes, 4))
    y = lax.conv_general_dilated(x, k, strides, padding, dimension_numbers=layouts)
    bar = RNG.normal(size=y.shape)
    back = lax.conv_transpose(bar, k, strides, padding, dimension_numbers=layouts, transpose_kernel=True)
    assert back.shape == lax.conv_transpose_shape_tuple(bar.shape, (*k.shape[:2], 5, 4), strides, padding, layouts)
    whole = np.zeros(x.shape)
    kept = tuple(slice(0, min(a, b)) for a, b in zip(back.shape, x.shape, strict=True))
    whole[kept] = np.asarray(back)[kept]
    close(np.sum(np.asarray(y) * bar), np.sum(whole * x), 1e-10)


def test_patches_and_local_kernels() -> None:
    patches = lax.conv_general_dilated_patches(X, (3, 2), (1, 2), "VALID")
    close(patches[:, :, 1, 1], X[:, :, 1:4, 2:4].reshape(4, 36))
    own = RNG.normal(size=(5, 36, *patches.shape[2:]))
    got = lax.conv_general_dilated_local(X, own, (1, 2), "VALID", (3, 2))
    close(got, np.einsum("nfhw,ofhw->nohw", patches, own))


@pytest.mark.parametrize(("name", "init", "reference"), [
    ("max", -np.inf, np.max), ("min", np.inf, np.min), ("add", 0.0, np.sum), ("mul", 1.0, np.prod),
])
def test_reduce_window(name: str, init: float, reference: Any) -> None:
    padded = np.pad(X, ((0, 0), (0, 0), (1, 0), (0, 2)), constant_values=init)
    rows = [[reference(padded[:, :, i:i + 3, j:j + 2], (2, 3)) for j in range(0, 6, 2)] for i in range(6)]
    want = np.stack([np.stack(row, -1) for row in rows], -2)

    def ours(x: Any) -> Any:
        return lax.reduce_window(x, init, getattr(lax, name), (1, 1, 3, 2), (1, 1, 1, 2), ((0, 0), (0, 0), (1, 0), (0, 2)))

    close(ours(X), want)
    close(jit(ours)(X), want)
    differentiates(ours, X, tol=1e-5)
    assert lax.reduce_window_shape_tuple(X.shape, (1, 1, 3, 2), (1, 1, 1, 2), ((0, 0), (0, 0), (1, 0), (0, 2))) == want.shape


def test_reduce_window_by_any_function() -> None:
    def hypot(a: Any, b: Any) -> Any:
        return fnp.sqrt(a * a + b * b)

    x = RNG.normal(size=9)
    want = np.array([np.sqrt((x[i:i + 5:2] ** 2).sum()) for i in range(5)])
    close(lax.reduce_window(x, 0.0, hypot, (3,), window_dilation=(2,)), want)
    pair = lax.reduce_window((x, -x), (0.0, 0.0), lambda a, b: (a[0] + b[0], a[1] + b[1]), (2,), base_dilation=(2,))
    close(pair, (np.repeat(x, 2)[1:17], -np.repeat(x, 2)[1:17]))


def test_names_of_padding_are_sizes() -> None:
    assert lax.padtype_to_pads((5, 6), (2, 3), (1, 2), "SAME") == [(0, 1), (0, 1)]
    assert lax.padtype_to_pads((5, 6), (2, 3), (1, 2), "SAME_LOWER") == [(1, 0), (1, 0)]
    assert lax.padtype_to_pads((5, 6), (2, 3), (1, 2), "VALID") == [(0, 0), (0, 0)]
    for arguments, kind, words in [(((5,), (2,), (1,), [(1, 1)]), TypeError, "padtype_to_pads: padding must be"),
                                   (((5,), (2,), (1,), "HALF"), ValueError, "padding must be"),
                                   (((5, 6), (2, 3), (1,), "SAME"), ValueError, "must be as long as one another")]:
        with pytest.raises(kind, match=words):
            lax.padtype_to_pads(*arguments)


def test_errors() -> None:
    def refuses(message: str, kind: Any = ValueError, **changes: Any) -> None:
        given = {"lhs": X, "rhs": K, "window_strides": (1, 1), "padding": "SAME", **changes}
        with pytest.raises(kind, match=message):
            lax.conv_general_dilated(**given)

    refuses("ndim to be equal, got 4 and 3", TypeError, rhs=K[0])
    refuses("three layouts of 4 letters", TypeError, dimension_numbers=("NCH", "OIH", "NCH"))
    refuses("must name each axis once", dimension_numbers=("NCHH", "OIHW", "NCHW"))
    refuses("the kernel takes 6 in each of 2 groups", feature_group_count=2)
    refuses("do not fall into 4 groups", batch_group_count=4)
    refuses("'SAME', 'SAME_LOWER' or 'VALID'", padding="HALF")
    refuses("must be given as pairs", lhs_dilation=(2, 2))
    refuses("window_strides must be one positive integer for each of the 2 spatial axes", window_strides=(1,))
    for strides in (1, (1.5, 1)):
        refuses(r"window_strides must be one positive integer .* Write for example \(1, 1\), at .*test_convolution", window_strides=strides)
    for padding in ([(1,), (1,)], 1, [1, 1], [(1, 1)], [(1.5, 1), (1, 1)], None):
        refuses(r"one pair \(before, after\) .* Write for example \[\(1, 1\), \(1, 1\)\], at .*test_convolution", padding=padding)
    refuses("need an axis of the batch", TypeError, lhs=1.0, rhs=1.0)
    with pytest.raises(ValueError, match="strides must be one positive integer"):
        lax.conv_transpose(X, K, 1, "SAME")
    with pytest.raises(ValueError, match=r"one pair \(before, after\)"):
        lax.conv_transpose(X, np.swapaxes(K, 0, 1), (1, 1), [(1,), (1,)], dimension_numbers=("NCHW", "IOHW", "NCHW"))
    with pytest.raises(ValueError, match=r"filter_shape must be .* got 2\."):
        lax.conv_general_dilated_patches(X, 2, (1, 1), "SAME")
    with pytest.raises(ValueError, match="window_strides must be one positive integer"):
        lax.reduce_window(X, 0.0, lax.add, (1, 1, 2, 2), 1)
    with pytest.raises(ValueError, match="window_dimensions must be one positive integer for each of the 4 axes"):
        lax.reduce_window(X, 0.0, lax.add, (2, 2))


# -- putting together -------------------------------------------------------------------------------------------------

def test_assembly() -> None:
    a, b = RNG.normal(size=(2, 3, 4))
    for axis in (0, 1, -1):
        close(lax.stack([a, b], axis), np.stack([a, b], axis))
        close(lax.unstack(a, axis), tuple(np.moveaxis(a, axis, 0)))
    close(lax.tile(a, (2, 3)), np.tile(a, (2, 3)))
    close(lax.broadcast_like(a[:1], a), np.broadcast_to(a[:1], a.shape))
    close(lax.index_take(a, np.array([[2, 0]]), (0,)), a[[2, 0]])
    close(lax.index_take(a, np.array([[2, 0], [1, 3]]), (0, 1)), a[[2, 0], [1, 3]])
    assert lax.broadcast_shapes((2, 1), (3,)) == (2, 3) and lax.dtype(np.int8(1)) == np.int8 and lax.empty((2, 3), "int8").shape == (2, 3)
    with pytest.raises(ValueError, match="Incompatible shapes for broadcasting"):
        lax.broadcast_shapes((2,), (3,))
    with pytest.raises(ValueError, match="must have one shape"):
        lax.stack([a, b[0]])
    with pytest.raises(TypeError, match="one number, not negative, for each axis"):
        lax.tile(a, (2,))
    with pytest.raises(ValueError, match="does not broadcast"):
        lax.broadcast_like(a, a[0])
    assert not hasattr(fnp.ones(3), "mT")
    with pytest.raises(ValueError, match="at least two-dimensional"):
        _ = fnp.ones(3).mT
