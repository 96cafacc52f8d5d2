"""Normalisation in numbers: large means, threads, several processes, captured steps, mixed precision."""

from __future__ import annotations

from functools import partial
from threading import Barrier, Thread

import numpy as np
import pytest
from layers.outcomes import numbers

from fusegrad import optimizers
from fusegrad.backend import resolve
from fusegrad.expr.activations import identity, relu
from fusegrad.graph import Input, ParamArena, Program
from fusegrad.layers import BatchNorm, GroupNorm, LayerNorm, Linear, ReLU, Sequential
from fusegrad.ops import batch_norm


def statistics_of(evaluator, x):
    """y, mean and rstd, as the evaluator has them."""
    channels = x.shape[1]
    arrays = {"x": x, "weight": None, "bias": None, "y": np.empty_like(x)}
    names = ("mean", "rstd", "running_mean", "running_var")
    arrays |= {name: np.zeros(channels, x.dtype) for name in names}
    options = {"momentum": 0.1, "eps": 1e-5, "exchange": None}
    op = batch_norm.forward(identity)
    if evaluator != "cuda":
        op.bound(evaluator, **arrays, **options)()
        return arrays["y"], arrays["mean"], arrays["rstd"]
    backend = resolve("emulated")
    with backend.using_stream():
        given = {name: None if array is None else backend.asarray(array) for name, array in arrays.items()}
        op.bound(evaluator, **given, **options)()
        return [backend.to_numpy(given[name]) for name in ("y", "mean", "rstd")]


@pytest.mark.parametrize("shape", [(64, 3), (8, 3, 5, 7), (40, 2, 300)])
@pytest.mark.parametrize("evaluator", ["numpy", "numba", "cuda"])
def test_the_variance_around_a_large_mean_does_not_cancel(evaluator, shape):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    x = (1e4 + numbers(*shape)).astype("float32")
    wide = x.astype("float64")
    axes = (0, *range(2, x.ndim))
    y, mean, rstd = statistics_of(evaluator, x)
    np.testing.assert_allclose(mean, wide.mean(axes), rtol=2**-23)
    np.testing.assert_allclose(rstd, (wide.var(axes) + 1e-5) ** -0.5, rtol=1e-5)
    normal = (wide - wide.mean(axes, keepdims=True)) / np.sqrt(wide.var(axes, keepdims=True))
    np.testing.assert_allclose(y, normal, atol=3e4 * 2**-23)  # the rounded mean is off by up to 1e4 eps


def passes_on(x, dy, threads, monkeypatch):
    """All that forward and backward write, for so many threads."""
    monkeypatch.setenv("FUSEGRAD_THREADS", str(threads))
    channels = x.shape[1]
    known = {"weight": numbers(channels, seed=1), "bias": numbers(channels, seed=2)}
    mean, rstd, running_mean, running_var, dweight, dbias = (np.zeros(channels, "float32") for _ in range(6))
    y, dx = np.empty_like(x), np.empty_like(x)
    forward = batch_norm.forward(relu).bound(
        "numba", x, **known, y=y, mean=mean, rstd=rstd, running_mean=running_mean, running_var=running_var,
        momentum=0.1, eps=1e-5, exchange=None,
    )  # fmt: skip
    gradients = {"dx": dx, "dweight": dweight, "dbias": dbias}
    backward = batch_norm.backward(relu).bound(
        "numba", dy, x, **known, mean=mean, rstd=rstd, exchange=None, **gradients
    )
    forward()
    backward()
    return [array.tobytes() for array in (y, mean, rstd, running_mean, running_var, *gradients.values())]


def test_threads_do_not_change_a_bit(monkeypatch):
    pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    x, dy = numbers(16, 6, 80, 80), numbers(16, 6, 80, 80, seed=1)
    assert passes_on(x, dy, 1, monkeypatch) == passes_on(x, dy, 3, monkeypatch)


class Together:
    """What sums arrays over two threads."""

    def __init__(self):
        self.barrier, self.arrays = Barrier(2, timeout=60), {}

    def exchange(self, own, array):
        self.arrays[own] = array.copy()
        self.barrier.wait()
        array[...] = self.arrays[0] + self.arrays[1]
        self.barrier.wait()


def norm_of(x, dy, exchange):
    """y, dx, the running statistics, dweight and dbias of what one process has of a batch."""
    channels = x.shape[1]
    known = {"weight": numbers(channels, seed=1), "bias": numbers(channels, seed=2)}
    mean, rstd, running_mean, running_var, dweight, dbias = (np.zeros(channels, x.dtype) for _ in range(6))
    y, dx = np.empty_like(x), np.empty_like(x)
    running = {"running_mean": running_mean, "running_var": running_var}
    options = {"momentum": 0.1, "eps": 1e-5, "exchange": exchange}
    batch_norm.forward(relu)(x, **known, y=y, mean=mean, rstd=rstd, **running, **options)
    batch_norm.backward(relu)(
        dy, x, **known, mean=mean, rstd=rstd, exchange=exchange, dx=dx, dweight=dweight, dbias=dbias
    )
    return y, dx, running_mean, running_var, dweight, dbias


def test_processes_that_share_a_batch_have_the_statistics_of_the_whole():
    x, dy = (numbers(8, 3, 4, seed=seed).astype("float64") for seed in (1, 2))
    x[2:] += 5  # so that the parts have other means than the whole
    together, parts, found = Together(), (slice(0, 2), slice(2, 8)), {}

    def work(own):
        found[own] = norm_of(x[parts[own]], dy[parts[own]], partial(together.exchange, own))

    threads = [Thread(target=work, args=(own,)) for own in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = norm_of(x, dy, None)
    for place in range(2):  # y and dx
        np.testing.assert_allclose(
            np.concatenate([found[0][place], found[1][place]]), whole[place], rtol=1e-10, atol=1e-12
        )
    for place in range(2, 4):  # running statistics, the same in both
        np.testing.assert_array_equal(found[0][place], found[1][place])
        np.testing.assert_allclose(found[0][place], whole[place], rtol=1e-12)
    for place in range(4, 6):  # gradients of parameters, which are of the own part
        np.testing.assert_allclose(found[0][place] + found[1][place], whole[place], rtol=1e-10)


def test_exchange_is_called_by_the_layer_with_sums_that_begin_with_the_count():
    seen = []
    layer, x = BatchNorm(exchange=lambda array: seen.append(array.copy())), Input((4, 3, 5))
    program = Program([x], (layer(x) * 2.0).sum(), ParamArena(layer, backend="cpu"), gradients_of=[x])
    program.forward(numbers(4, 3, 5))
    program.backward()
    assert [array.shape for array in seen] == [(4,), (3,), (7,)]
    assert seen[0][0] == seen[2][0] == 20


def network():
    return Sequential(Linear(12), BatchNorm("relu"), Linear(8), GroupNorm(2), ReLU(), LayerNorm(), Linear(3))


def trained(backend, precision="float32", capture=False):
    """Losses and state after some steps."""
    x, target = Input((6, 5)), Input((6, 3))
    model = network()
    y = model(x)
    arena = ParamArena(model, backend=backend, precision=precision)
    program = Program([x, target], ((y - target) * (y - target)).mean(), arena, optimizers.SGD(0.1))
    if capture:
        program.capture()
    batch = numbers(6, 5), numbers(6, 3, seed=1)
    path = [float(program.step(*batch)) for _ in range(4)]
    return path, arena.state_dict()


def test_captured_steps_are_those_that_are_not():
    path, state = trained("emulated")
    captured_path, captured_state = trained("emulated", capture=True)
    assert captured_path == path
    for name, array in state.items():
        np.testing.assert_array_equal(captured_state[name], array)


def test_steps_on_a_gpu_are_those_of_numpy():
    (path, state), (other_path, other_state) = trained("cpu"), trained("emulated")
    np.testing.assert_allclose(other_path, path, rtol=1e-4)
    for name, array in state.items():
        np.testing.assert_allclose(other_state[name], array, rtol=1e-3, atol=1e-4, err_msg=name)


def test_statistics_are_float32_in_mixed_precision():
    pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")
    (path, state), (half_path, half_state) = trained("emulated"), trained("emulated", "bfloat16")
    np.testing.assert_allclose(half_path, path, rtol=0.1)
    for name in ("layers.1.running_mean", "layers.1.running_var"):
        assert half_state[name].dtype == "float32"
        np.testing.assert_allclose(half_state[name], state[name], rtol=0.02, atol=0.01)
