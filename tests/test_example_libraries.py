"""`functrans.example_libraries` gives the numbers of the reference library, for equal keys (`float64`, keys of 32-bit Threefry)."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import numpy as fnp
from functrans import random
from functrans.example_libraries import optimizers, stax

KEY = random.PRNGKey(3)


def close(got, want, tol: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(got), want, rtol=tol, atol=tol)


# -- layers -----------------------------------------------------------------------------------------------------------

def test_a_network_of_most_layers() -> None:
    tower = [stax.serial(stax.Flatten, stax.Dense(4), last) for last in (stax.Tanh, stax.Softplus)]
    init, apply = stax.serial(
        stax.Conv(3, (3, 3), padding="SAME"), stax.BatchNorm(), stax.Relu, stax.MaxPool((2, 2)),
        stax.AvgPool((2, 2), strides=(1, 1), padding="SAME"), stax.ConvTranspose(2, (2, 2)), stax.FanOut(2), stax.parallel(*tower),
        stax.FanInSum, stax.Dense(3), stax.LogSoftmax)
    shape, params = init(KEY, (-1, 6, 6, 1))
    assert shape == (-1, 3)
    close([float(fnp.sum(x)) for x in ft.tree.leaves(params)], [
        -0.11557184398514814, -1.92494328525199e-06, 0.0, 3.0, 0.5376683192258603, 6.166603942694441e-07, -1.0757905681674569,
        0.003697171086365237, 1.8481757695196799, 0.004709362076220685, 1.5707557262283183, -0.023192542090893636])
    x = np.linspace(-1, 1, 72).reshape(2, 6, 6, 1)
    want = [[-1.45479192, -0.8037749, -1.14283044], [-1.80498461, -0.41280818, -1.75023106]]
    close(apply(params, x), want, 1e-7)
    close(ft.jit(apply)(params, x), want, 1e-7)
    slopes = ft.jit(ft.grad(lambda p: -fnp.mean(apply(p, x)[:, 0])))(params)
    assert ft.tree.structure(slopes) == ft.tree.structure(params)


def test_layers_one_by_one() -> None:
    init, apply = stax.Conv1DTranspose(2, (3,), strides=(2,), padding="SAME")
    shape, params = init(KEY, (1, 4, 2))
    assert shape == (1, 8, 2)
    close(fnp.sum(apply(params, np.ones((1, 4, 2)))), -1.5207123025476417)
    init, apply = stax.GeneralConv(("NCHW", "OIHW", "NCHW"), 2, (2, 2), strides=(2, 1))
    shape, params = init(KEY, (1, 3, 5, 5))
    assert shape == (1, 2, 2, 4) and [p.shape for p in params] == [(2, 3, 2, 2), (1, 2, 1, 1)]
    close(fnp.sum(apply(params, np.ones((1, 3, 5, 5)))), 14.36929244720779)
    init, apply = stax.GeneralConvTranspose(("NHWC", "HWIO", "NHWC"), 2, (2, 2), strides=(2, 1))
    shape, params = init(KEY, (1, 3, 5, 5))
    assert shape == (1, 6, 6, 2)
    close(fnp.sum(apply(params, np.ones((1, 3, 5, 5)))), 43.2333140092591)
    assert stax.MaxPool((2, 2), spec="NCHW")[0](KEY, (1, 2, 5, 5)) == ((1, 2, 4, 4), ())
    close(fnp.ravel(stax.SumPool((2, 2), strides=(2, 2))[1]((), np.ones((1, 4, 4, 1)))), [4, 4, 4, 4])
    padded = stax.AvgPool((2,), padding=((1, 0),))[1]((), np.arange(3.0).reshape(1, 3, 1))
    close(fnp.ravel(padded), [0, 0.5, 1.5])
    assert stax.FanInConcat(1)[0](KEY, [(2, 3), (2, 4)]) == ((2, 7), ())
    assert stax.shape_dependent(lambda s: stax.Dense(s[-1]))[0](KEY, (2, 5))[0] == (2, 5)
    close(stax.Elu[1]((), np.array([-1.0, 1.0])), [-0.63212056, 1], 1e-8)
    close(stax.Gelu[1]((), np.array([-1.0, 1.0])), [-0.15880801, 0.84119199], 1e-8)
    x = np.arange(3.0)
    for layer, fun in ((stax.Exp, np.exp), (stax.Identity, lambda x: x), (stax.Sigmoid, lambda x: 1 / (1 + np.exp(-x))),
                       (stax.elementwise(fnp.sum, keepdims=True), np.sum)):
        assert layer[0](KEY, (3,)) == ((3,), ())
        close(layer[1]((), x), fun(x))


@pytest.mark.parametrize(("center", "scale"), [(True, False), (False, True), (False, False), (True, True)])
def test_batch_norm(center: bool, scale: bool) -> None:
    init, apply = stax.BatchNorm(axis=(0,), center=center, scale=scale)
    _, (beta, gamma) = init(KEY, (4, 3))
    assert [np.shape(p) if isinstance(p, ft.Array) else p for p in (beta, gamma)] == [(3,) if center else (), (3,) if scale else ()]
    want = np.array([-1.34164019, -0.4472134, 0.4472134, 1.34164019])[:, None] * np.ones(3)
    close(apply((beta, gamma), np.arange(12.0).reshape(4, 3)), want, 1e-7)
    if center and scale:
        close(apply((beta + 1, 2 * gamma), np.arange(12.0).reshape(4, 3)), 2 * want + 1, 1e-7)


def test_dropout() -> None:
    _, apply = stax.Dropout(0.7)
    close(apply((), np.ones(8), rng=KEY), np.array([0, 1, 1, 1, 1, 1, 0, 1]) / 0.7)
    close(stax.Dropout(0.7, mode="test")[1]((), np.ones(3), rng=KEY), np.ones(3))
    init, apply = stax.serial(stax.Dense(3), stax.Dropout(0.5))
    _, params = init(KEY, (2, 4))
    close(apply(params, np.ones((2, 4)), rng=KEY), [[-0.32007098, -2.50335861, -1.32522122], [-0.32007098, 0, -1.32522122]], 1e-8)
    with pytest.raises(ValueError, match=r"Dropout draws random numbers.*test_example_libraries.py"):
        apply(params, np.ones((2, 4)))


# -- optimizers -------------------------------------------------------------------------------------------------------

REFERENCE = {
    "sgd": (optimizers.sgd(0.1), [0.3572, -0.8716, 1.1764, 0.1524], 0.07048),
    "momentum": (optimizers.momentum(0.1, 0.9), [-0.3925, 0.5333, -1.0097, -0.2382], -0.17648),
    "nesterov": (optimizers.nesterov(optimizers.exponential_decay(0.1, 2, 0.5), 0.9),
                 [-0.02380492124214667, -0.123574842385028, 0.04270835951977453, -0.04043324143262686], -0.047084569508818966),
    "adagrad": (optimizers.adagrad(0.1), [0.9295027497086017, -1.9314047844532132, 2.9301420069870487, 0.4286177328736676],
                0.2275590611682414),
    "rmsprop": (optimizers.rmsprop(0.1), [0.22551367096207753, -1.1893440529083696, 2.1302612438940325, -0.10989663578534327],
                -0.1583049543022315),
    "rmsprop_momentum": (optimizers.rmsprop_momentum(0.1),
                         [-0.7238298505027358, -0.04346038106214789, 0.8859028808944223, -0.6091586707961081], -0.2972653056530964),
    "adam": (optimizers.adam(0.1), [0.6015021136077534, -1.602590757557828, 2.600414740074241, 0.10391725796555325], -0.09094946449664588),
    "adamax": (optimizers.adamax(0.1), [0.6151935289529331, -1.6233724443861344, 2.60475185480595, 0.13020541295315052],
               -0.0509667327927799),
    "sm3": (optimizers.sm3(0.1), [0.9431206337235278, -1.9314047844532132, 2.9301420069870487, 0.45288008548259495], 0.2275590611682414),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_four_steps(name: str) -> None:
    opt, matrix, number = REFERENCE[name]

    def run(update):
        state = opt.init_fn({"a": np.array([[1.0, -2.0], [3.0, 0.5]]), "b": (np.array(0.3),)})
        for i in range(4):
            params = opt.params_fn(state)
            state = update(i, ft.tree.map(lambda x, i=i: 2 * x + 0.1 * i, params), state)
        return opt.params_fn(state)

    params = run(opt.update_fn)
    close(fnp.ravel(params["a"]), matrix)
    close(params["b"][0], number)
    if name in ("adam", "sm3"):
        close(fnp.ravel(run(ft.jit(opt.update_fn))["a"]), matrix)


def test_schedules() -> None:
    for schedule, want in [
        (optimizers.constant(0.1), [0.1] * 7),
        (optimizers.inverse_time_decay(0.1, 3, 0.5), [0.1, 0.6 / 7, 0.075, 0.2 / 3, 0.06, 0.6 / 11, 0.05]),
        (optimizers.inverse_time_decay(0.1, 3, 0.5, staircase=True), [0.1, 0.1, 0.1, 0.2 / 3, 0.2 / 3, 0.2 / 3, 0.05]),
        (optimizers.polynomial_decay(0.1, 5, 0.01, 2.0), [0.1, 0.0676, 0.0424, 0.0244, 0.0136, 0.01, 0.01]),
        (optimizers.piecewise_constant([2, 4], [1.0, 0.5, 0.1]), [1, 1, 1, 0.5, 0.5, 0.1, 0.1]),
        (optimizers.make_schedule(0.3), [0.3] * 7),
    ]:
        close([float(schedule(i)) for i in range(7)], want)


def test_states_and_gradients() -> None:
    opt = optimizers.adam(0.1)
    state = opt.update_fn(0, [np.array([3.0, 4.0])], opt.init_fn([np.ones(2)]))
    again = optimizers.pack_optimizer_state(optimizers.unpack_optimizer_state(state))
    assert ft.tree.structure(again) == ft.tree.structure(state)
    for a, b in zip(ft.tree.leaves(again), ft.tree.leaves(state), strict=True):
        close(a, np.asarray(b))
    close(optimizers.l2_norm({"a": np.array([3.0, 4.0]), "b": 12.0}), 13)
    close(optimizers.clip_grads([np.array([3.0, 4.0])], 1.0)[0], [0.6, 0.8])
    close(optimizers.clip_grads([np.array([3.0, 4.0])], 10.0)[0], [3, 4])


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda: optimizers.make_schedule("slow"), TypeError, "a number or a function of the step; got 'slow'"),
    (lambda: optimizers.piecewise_constant([2, 4], [1.0, 2.0]), ValueError, "one value more than boundaries; got 2 values and 2"),
    (lambda: optimizers.piecewise_constant([[2, 4]], [1.0, 2.0]), ValueError, "sequences of numbers"),
    (lambda: optimizers.sgd(0.1).update_fn(0, {"a": 1.0}, optimizers.sgd(0.1).init_fn((1.0,))), TypeError, "structure of the parameters"),
    (lambda: optimizers.pack_optimizer_state([1.0]), TypeError, "JoinPoints"),
])
def test_bad_input(call, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as error:
        call()
    assert "test_example_libraries.py" in str(error.value)
