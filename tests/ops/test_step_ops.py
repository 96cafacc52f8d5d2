"""What surrounds a step on a device: conversions, delivery, batches of resident data, and loss scaling."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from fusegrad.backend import resolve
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.backend.permutation import permuted
from fusegrad.ops import delivery, elementwise, loss_scale, resident

FLOATS = "float64", "float32", "float16", "bfloat16"
PAIRS = list(permutations(FLOATS, 2))


@pytest.fixture(scope="module")
def backend() -> EmulatedBackend:
    return EmulatedBackend("check")


def on_device(op, backend, *arrays, **options):
    """The arrays as the kernels of an op leave them."""
    with backend.using_stream():
        given = [backend.asarray(array) for array in arrays]
        op.launch(*given, **options)
    return [backend.to_numpy(array) for array in given]


@pytest.mark.parametrize("size", [1, 37, 4096])
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_dtype_becomes_every_other_as_numpy_rounds(backend, source, target, size):
    pytest.importorskip("ml_dtypes", reason="NumPy's arrays of bfloat16")
    x = np.random.default_rng(0).normal(size=size).astype("float32").astype(source)
    y = np.zeros(size, target)
    for op in (elementwise.cast, elementwise.cast_backward):
        got = on_device(op, backend, x, y)
        op(x, y)
        np.testing.assert_array_equal(got[0], x)
        np.testing.assert_array_equal(got[1], y)
        np.testing.assert_array_equal(y, x.astype(target))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_gradients_of_another_dtype_are_added_and_rounded_once(backend, source, target):
    pytest.importorskip("ml_dtypes", reason="NumPy's arrays of bfloat16")
    dy, dx = (np.random.default_rng(0).normal(size=(2, 37)).astype("float32") * [[1], [1e-3]]).astype("float32")
    dy, dx = dy.astype(source), dx.astype(target)
    wide = "float64" if "float64" in (source, target) else "float32"
    expected = (dx.astype(wide) + dy.astype(wide)).astype(target)
    got = on_device(elementwise.cast_backward, backend, dy, dx, add_dx=True)
    elementwise.cast_backward(dy, dx, add_dx=True)
    np.testing.assert_array_equal(got[1], expected)
    np.testing.assert_array_equal(dx, expected)


def test_what_a_half_type_does_not_hold_becomes_infinite(backend):
    x, y = np.array([1e5, -1e5, np.nan, 65504], "float32"), np.zeros(4, "float16")
    got = on_device(elementwise.cast, backend, x, y)
    elementwise.cast(x, y)
    np.testing.assert_array_equal(y, [np.inf, -np.inf, np.nan, 65504])
    np.testing.assert_array_equal(got[1], y)


@pytest.mark.parametrize("first", [0, 5, 2**64 - 2])
def test_results_are_delivered_in_turn(backend, first):
    """Also where the number of turns passes the end of its 64 bits."""
    ring, turn, source = np.full(4, -1, "float32"), np.array(first, "uint64"), np.zeros((), "float32")
    with backend.using_stream():
        device = [backend.asarray(array) for array in (source, ring, turn)]
        run = delivery.deliver.bound("cuda", *device)
        for loss in range(7):
            backend.copy_in(device[0], np.array(loss, "float32"))
            run()
    with np.errstate(over="ignore"):
        for loss in range(7):
            source[...] = loss
            delivery.deliver(source, ring, turn)
    assert int(turn) == (first + 7) % 2**64
    assert sorted(ring) == [3, 4, 5, 6]
    assert ring[(first + 3) % 4] == 3
    for expected, got in zip((source, ring, turn), device, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(got), expected)


def test_captured_steps_take_the_rows_of_a_table_in_turn(backend):
    table = np.arange(12, dtype="float32").reshape(4, 3)
    for turn in (0, 3, 4, 2**40 + 1):
        numbers = on_device(delivery.row, backend, table, np.array(turn, "uint64"), np.zeros(3, "float32"))
        np.testing.assert_array_equal(numbers[2], table[turn % 4])
        assert int(numbers[1]) == turn


EVALUATORS = pytest.mark.parametrize("device", ["cpu", "emulated"])


def home_of(device: str, backend: EmulatedBackend) -> Any:
    return backend if device == "emulated" else resolve("cpu")


@EVALUATORS
def test_an_epoch_has_every_row_once_and_the_next_one_another_order(backend, device):
    home, rows, count = home_of(device, backend), 40, 8
    data = np.arange(rows, dtype="int64")
    epochs = []
    with home.using_stream():
        x, y = home.asarray(data), home.zeros((count,), "int64")
        seed, epoch, batch = (home.asarray(np.array(number, "uint64")) for number in (7, 2**33, 0))
        take = resident.take.bound(home.evaluator, x, y, seed, epoch, batch)
        advance = resident.advance.bound(home.evaluator, batch, epoch, batches=rows // count)
        for _ in range(3):
            taken = []
            for _ in range(rows // count):
                take()
                advance()
                taken.append(home.to_numpy(y).copy())
            epochs.append(np.concatenate(taken))
        assert (int(home.to_numpy(batch)), int(home.to_numpy(epoch))) == (0, 2**33 + 3)
    for number, order in enumerate(epochs):
        np.testing.assert_array_equal(order, permuted(data, rows, 7, 2**33 + number))
        np.testing.assert_array_equal(np.sort(order), data)
    assert all((a != b).any() for a, b in permutations(epochs, 2))


@pytest.mark.parametrize("target", ["float16", "bfloat16"])
def test_batches_in_half_precision_are_rounded_to_the_nearest(backend, target):
    pytest.importorskip("ml_dtypes", reason="NumPy's arrays of bfloat16")
    x = np.random.default_rng(0).normal(size=(33, 5)).astype("float32")
    y, numbers = np.zeros((4, 5), target), [np.array(number, "uint64") for number in (1, 2, 3)]
    got = on_device(resident.take, backend, x, y, *numbers)[1]
    np.testing.assert_array_equal(got, x[permuted(np.arange(12, 16), 33, 1, 2)].astype(target))
    resident.take(x, y, *numbers)
    np.testing.assert_array_equal(got, y)


@pytest.mark.parametrize("skipped", [0, 1, 2, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_data_may_begin_anywhere(backend, dtype, skipped):
    numbers = [np.array(number, "uint64") for number in (1, 2, 1)]
    whole = np.random.default_rng(0).integers(0, 100, skipped + 9 * 16).astype(dtype)
    y = np.zeros((4, 16), dtype)
    with backend.using_stream():
        x = backend.asarray(whole)[skipped:].reshape(9, 16)
        got, *given = (backend.asarray(array) for array in (y, *numbers))
        resident.take.launch(x, got, *given)
    resident.take(whole[skipped:].reshape(9, 16), y, *numbers)
    np.testing.assert_array_equal(backend.to_numpy(got), y)


@pytest.mark.parametrize("shuffle", [True, False])
def test_no_kernel_reads_beyond_the_data(backend, shuffle):
    """Of a batch that has more rows than are left, the others stay as they are."""
    x, y = np.arange(10, dtype="float32"), np.full(4, -1, "float32")
    numbers = [np.array(number, "uint64") for number in (1, 2, 2)]
    got = on_device(resident.take, backend, x, y, *numbers, shuffle=shuffle)[1]
    rows = permuted([8, 9], 10, 1, 2) if shuffle else [8, 9]
    np.testing.assert_array_equal(got, [*rows, -1, -1])


WRONG_BATCHES = {
    "dtype": (("float64", (4, 3)), TypeError, r"batches of float32 expect an array of that, or .* got float64"),
    "shape": (("float32", (4, 2)), ValueError, r"batches expect rows of shape \(3,\), got an array of shape \(4, 2\)"),
    "strides": (("float32", (3, 4)), ValueError, r"batches expect y to be contiguous, got strides \(4, 16\)"),
}


@pytest.mark.parametrize(("wanted", "error", "message"), WRONG_BATCHES.values(), ids=WRONG_BATCHES)
def test_an_array_that_does_not_suit_the_data_is_refused(backend, wanted, error, message):
    dtype, shape = wanted
    y = backend.zeros(shape, dtype)
    numbers = [backend.zeros((), "uint64")] * 3
    with backend.using_stream(), pytest.raises(error, match=message):
        resident.take.bound("cuda", backend.zeros((9, 3), "float32"), y.T if shape == (3, 4) else y, *numbers)


OUTCOMES = [True] * 7 + [False] + [True] * 4 + [False, False] + [True] * 3


@EVALUATORS
def test_the_factor_of_the_loss_follows_that_of_pytorch(backend, device):
    torch = pytest.importorskip("torch", reason="PyTorch, to compare with")
    home = home_of(device, backend)
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
    scaler.scale(weight)  # which makes its numbers
    with home.using_stream():
        state = home.asarray(np.array([1024, 0, 0, 1], "float32"))
        for finite in OUTCOMES:
            before, factor = weight.item(), scaler.get_scale()
            weight.grad = torch.full((1,), 1.0 if finite else float("inf"))
            scaler.step(optimizer)
            scaler.update()
            scale = home.asarray(np.array(0.5, "float32"))
            gradients = home.asarray(np.full(1000, 3e38, "float32")), home.asarray(weight.grad.numpy().copy())
            loss_scale.unscale.bound(home.evaluator, state, scale, gradients=gradients, growth_interval=3)()
            now = home.to_numpy(state)
            assert float(home.to_numpy(scale)) == 0.5 / factor
            assert now[0] == scaler.get_scale()
            assert now[1] == scaler._get_growth_tracker()
            assert now[3] == finite == (weight.item() != before)
        assert home.to_numpy(state)[2] == OUTCOMES.count(False)
