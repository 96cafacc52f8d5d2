"""Kernels of softmax and of the losses: dtypes, places in memory, extreme logits, labels that are no class."""

from __future__ import annotations

import numpy as np
import pytest
from checks import check_close, check_parity, sum_dtype
from op_names import name_of
from ops.loss_cases import CASES, LABELLED, SMOOTHED, SOFT, differentiated, entropy, labels, scored

from fusegrad.backend import resolve
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.ops import cross_entropy, log_softmax
from fusegrad.ops.weighting import bind_factor, bind_mean, put_factor, put_mean

ROWWISE = [op for op in CASES if op.__module__ in (cross_entropy.__name__, log_softmax.__name__)]
LARGE = "8201x3", "1030x1025"


@pytest.fixture(scope="module")
def device() -> EmulatedBackend:
    return EmulatedBackend("check")


def on(device: EmulatedBackend, arrays: dict) -> dict:
    return {name: device.asarray(a) if isinstance(a, np.ndarray) else a for name, a in arrays.items()}


def losses_and_gradient(device, x, target, smoothing=0.0, evaluator="cuda", **options) -> tuple[np.ndarray, ...]:
    """The mean loss and its gradient."""
    given = on(device, {"x": x, "target": target, "weight": None, "class_weight": None} | options)
    y, peaks, sums = (device.empty(shape, sum_dtype(x.dtype)) for shape in ((), len(x), len(x)))
    given |= {"smoothing": smoothing, "peaks": peaks, "sums": sums}
    dx, dy = device.empty(x.shape, x.dtype), device.asarray(np.ones((), y.dtype))
    with device.using_stream():
        cross_entropy.forward.bound(evaluator, y=y, **given)()
        cross_entropy.backward.bound(evaluator, dy=dy, dx=dx, **given)()
    return device.to_numpy(y), device.to_numpy(dx)


@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize("op", CASES, ids=name_of)
def test_other_dtypes(device, op, dtype):
    with device.using_stream():
        for case in (case for case in CASES[op] if not case.label.endswith(LARGE)):
            check_parity(op.launch, op, case, dtype, backend=device)


@pytest.mark.parametrize("pass_", ["forward", "backward"])
def test_bfloat16_is_computed_in_float32(device, pass_):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    op = getattr(log_softmax, pass_)
    names = ("x", "y") if pass_ == "forward" else ("dy", "y", "dx")
    arrays = {name: np.linspace(-2, 2, 33 * 31).reshape(33, 31).astype(bfloat16) for name in names}
    expected = {name: array.astype("float64") for name, array in arrays.items()}
    op.reference(**expected)
    actual = on(device, arrays)
    with device.using_stream():
        op.launch(**actual)
    (out, wanted), *_ = reversed([(device.to_numpy(actual[name]), expected[name]) for name in names])
    np.testing.assert_allclose(out.astype("float64"), wanted, rtol=2.0**-8, atol=1e-3)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_labels_of_every_integer_type(device, dtype, smoothing):
    case = entropy(dtype, 33, 10, labels(33, 10, dtype), smoothing, ignored=3)
    check_parity(cross_entropy.forward.launch, cross_entropy.forward, scored(case), backend=device)
    check_parity(cross_entropy.backward.launch, cross_entropy.backward, differentiated(case), backend=device)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("wrong", [10, -1, 2**40, -(2**62)])
def test_a_label_that_is_no_class_reads_nothing_and_makes_the_loss_nan(device, wrong, smoothing):
    x = np.random.default_rng(0).normal(size=(3, 10)).astype("float32")
    y, dx = losses_and_gradient(device, x, np.array([1, wrong, 2]), smoothing)
    assert np.isnan(y)
    assert np.isnan(dx).all(1).tolist() == [False, True, False]


@pytest.mark.parametrize("width", [3, 1025, 16385])
def test_logits_of_minus_infinity_have_probability_zero(device, width):
    x = np.full((2, width), -np.inf, "float32")
    x[:, width // 2] = 5000
    x[1, -1] = 4999
    y, dx = losses_and_gradient(device, x, np.full(2, width // 2))
    share = 1 / (1 + np.exp(-1))
    expected = np.zeros_like(x)
    expected[1, width // 2], expected[1, -1] = (share - 1) / 2, (1 - share) / 2
    np.testing.assert_allclose(dx, expected, rtol=1e-6)
    np.testing.assert_allclose(y, -np.log(share) / 2, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_row_without_a_softmax_is_nan_and_others_are_not(device, bad):
    x = np.zeros((3, 33), "float32")
    x[1, 7] = bad
    y, dx = losses_and_gradient(device, x, np.zeros(3, "int64"))
    assert np.isnan(y)
    assert np.isnan(dx).all(1).tolist() == [False, True, False]
    assert np.isfinite(dx[[0, 2]]).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_huge_logits_cost_their_difference(device, smoothing):
    y, dx = losses_and_gradient(device, np.array([[10000, 0, -10000, 0]], "float32"), np.array([0]), smoothing)
    assert dx.tolist() == [[smoothing * share for share in (0.75, -0.25, -0.25, -0.25)]]
    assert y == smoothing * (0 + 10000 + 20000 + 10000) / 4


@pytest.mark.parametrize("evaluator", ["numpy", "numba", "cuda"])
@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_logits_far_from_0_cost_no_digits(device, evaluator, smoothing):
    if evaluator == "numba":
        pytest.importorskip("numba")
    generator = np.random.default_rng(0)
    x, target = 10000 + generator.integers(-8, 8, (33, 40)), generator.integers(0, 40, 33)
    goal = (1 - smoothing) * np.eye(40)[target] + smoothing / 40
    log_p = x - 10000 - np.log(np.exp(x - 10000.0).sum(1, keepdims=True))
    home = device if evaluator == "cuda" else resolve("cpu")
    y, dx = losses_and_gradient(home, x.astype("float32"), target, smoothing, evaluator)
    check_close("y", y, -(goal * log_p).sum(1).mean(), "float32", 40)
    check_close("dx", dx, (np.exp(log_p) - goal) / 33, "float32", 40)


@pytest.mark.parametrize("case", [LABELLED[2], SMOOTHED[0], SOFT[2]], ids=lambda case: case.label)
@pytest.mark.parametrize("moved", ["x", "dx", "target"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_arrays_that_begin_anywhere(device, case, moved, dtype):
    for op, given in (cross_entropy.forward, scored(case)), (cross_entropy.backward, differentiated(case)):

        def launch(op=op, **arrays):
            if moved in arrays:
                original = arrays[moved]
                arrays[moved] = device.empty(original.size + 1, original.dtype)[1:].reshape(original.shape)
                arrays[moved][...] = original
            op.launch(**arrays)
            if moved == "dx" and moved in arrays:
                original[...] = arrays[moved]

        check_parity(launch, op, given, dtype, device)


@pytest.mark.parametrize("op", ROWWISE, ids=name_of)
def test_a_call_is_launches_of_kernels_and_nothing_else(device, op):
    for case in CASES[op][:12]:
        actual = on(device, case.fill("float32"))
        with device.using_stream():
            run = op.bound("cuda", **actual, **case.options)
            used = device.xp.get_default_memory_pool().used_bytes()
            run()
        assert device.xp.get_default_memory_pool().used_bytes() == used
        for call in getattr(run, "calls", [run]):
            assert type(call).__module__ == "fusegrad.backend.kernel" or call.__name__ == "nothing"


@pytest.mark.parametrize("weight", [[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 0.5, -0.5]], ids=["none", "of both signs"])
def test_weights_that_sum_to_0_make_loss_and_gradient_0(device, weight):
    weight = np.array(weight, "float32")
    x = np.random.default_rng(0).normal(size=(4, 10)).astype("float32")
    y, factor, dy = np.ones((), "float32"), np.ones(4, "float32"), np.ones((), "float32")
    put_mean(x, weight, y)
    put_factor(weight, dy, x.size, factor)
    assert not y
    assert not factor.any()
    of_x, weights, y, factor, dy = map(device.asarray, (x, weight, y + 1, factor + 1, dy))
    with device.using_stream():
        bind_mean("cuda", of_x, weights, y)()
        bind_factor("cuda", weights, dy, x.size, factor)()
    assert not device.to_numpy(y)
    assert not device.to_numpy(factor).any()
    y, dx = losses_and_gradient(device, x, np.arange(4), weight=weight)
    assert y == 0
    assert not dx.any()


def test_a_mean_over_more_elements_than_a_grid_takes_at_once(device):
    losses = np.random.default_rng(0).random((70, 30001), "float32")
    weight = np.random.default_rng(1).random(70, "float32")
    fast = EmulatedBackend("fast")
    for weights in None, weight:
        y, expected = fast.empty((), "float32"), np.empty(())
        with fast.using_stream():
            given = fast.asarray(losses), None if weights is None else fast.asarray(weights)
            bind_mean("cuda", *given, y)()
        put_mean(losses.astype("float64"), weights, expected)
        check_close("mean", fast.to_numpy(y), expected, "float32")
