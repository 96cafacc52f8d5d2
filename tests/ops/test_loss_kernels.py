"""Kernels of softmax and of the losses: dtypes, places in memory, extreme logits, labels that are no class."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from checks import check_close, check_parity
from op_names import name_of
from ops.loss_cases import CASES, LABELLED, SMOOTHED, SOFT, labels

from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.ops import cross_entropy, log_softmax
from fusegrad.ops.weighting import bind_factor, bind_mean, put_factor, put_mean

ROWWISE = [op for op in CASES if op.__module__ in (cross_entropy.__name__, log_softmax.__name__)]
LARGE = "8201x3", "1030x1025"
GRADIENTS = [case for case in CASES[cross_entropy.backward] if not case.label.endswith(LARGE)]


@pytest.fixture(scope="module")
def device() -> EmulatedBackend:
    return EmulatedBackend("check")


def on(device: EmulatedBackend, arrays: dict) -> dict:
    return {name: device.asarray(a) if isinstance(a, np.ndarray) else a for name, a in arrays.items()}


def losses_and_gradient(device, x, target, smoothing=0.0, **options) -> tuple[np.ndarray, ...]:
    """The mean loss, the probabilities and the gradient of the mean."""
    arrays = {"weight": None, "class_weight": None, "goal": np.empty_like(x)} | options
    ignored = arrays.pop("ignored", None)
    given = on(device, {"target": target, "smoothing": smoothing, **arrays})
    rows = device.empty(len(x), x.dtype)
    y, probability, dx = (device.empty(shape, x.dtype) for shape in ((), x.shape, x.shape))
    with device.using_stream():
        cross_entropy.forward.launch(
            x=device.asarray(x), losses=rows, y=y, probability=probability, ignored=ignored, **given
        )
        dy = device.asarray(np.ones((), x.dtype))
        cross_entropy.backward.launch(dy=dy, probability=probability, factor=rows, dx=dx, ignored=ignored, **given)
    return device.to_numpy(y), device.to_numpy(probability), device.to_numpy(dx)


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
    target = labels(33, 10, dtype)
    for op in cross_entropy.forward, cross_entropy.backward:
        case = replace(CASES[op][-1], label=dtype, options={"smoothing": smoothing, "ignored": 3})
        sizes = dict.fromkeys(("x", "goal", "probability", "dx"), (33, 10)) | {"losses": (33,), "factor": (33,)}
        arrays = {name: sizes.get(name, entry) for name, entry in case.arrays.items()} | {"target": target}
        if not smoothing:
            arrays["goal"] = None
        with device.using_stream():
            check_parity(op.launch, op, replace(case, arrays=arrays | {"weight": None}), backend=device)


@pytest.mark.parametrize("run", ["reference", "numba", "kernels"])
@pytest.mark.parametrize("case", GRADIENTS, ids=lambda case: case.label)
def test_the_gradient_may_take_the_place_of_the_probabilities(device, case, run):
    arrays = case.fill("float32")
    expected = {name: array.copy() if isinstance(array, np.ndarray) else array for name, array in arrays.items()}
    cross_entropy.backward.reference(**expected, **case.options)
    if run == "numba":
        pytest.importorskip("numba")
    actual = on(device, arrays) if run == "kernels" else arrays
    actual["dx"] = actual["probability"]
    with device.using_stream():
        call = {
            "reference": cross_entropy.backward.reference,
            "numba": partial(cross_entropy.backward.at_once, "numba"),
            "kernels": cross_entropy.backward.launch,
        }[run]
        call(**actual, **case.options)
    got = device.to_numpy(actual["dx"]) if run == "kernels" else actual["dx"]
    check_close(case.label, got, expected["dx"].astype("float64"), "float32", case.reduction)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("wrong", [10, -1, 2**40, -(2**62)])
def test_a_label_that_is_no_class_reads_nothing_and_makes_the_loss_nan(device, wrong, smoothing):
    x = np.random.default_rng(0).normal(size=(3, 10)).astype("float32")
    y, probability, dx = losses_and_gradient(device, x, np.array([1, wrong, 2]), smoothing)
    assert np.isnan(y)
    assert np.isfinite(probability).all()
    assert np.isnan(dx).all(1).tolist() == [False, True, False]


@pytest.mark.parametrize("width", [3, 1025, 16385])
def test_logits_of_minus_infinity_have_probability_zero(device, width):
    x = np.full((2, width), -np.inf, "float32")
    x[:, width // 2] = 5000
    x[1, -1] = 4999
    y, probability, dx = losses_and_gradient(device, x, np.full(2, width // 2))
    share = 1 / (1 + np.exp(-1))
    expected = np.zeros_like(x)
    expected[0, width // 2], expected[1, width // 2], expected[1, -1] = 1, share, 1 - share
    np.testing.assert_allclose(probability, expected, rtol=1e-6)
    np.testing.assert_allclose(y, -np.log(share) / 2, rtol=1e-6)
    assert np.isfinite(dx).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_row_without_a_softmax_is_nan_and_others_are_not(device, bad):
    x = np.zeros((3, 33), "float32")
    x[1, 7] = bad
    y, probability, _ = losses_and_gradient(device, x, np.zeros(3, "int64"))
    assert np.isnan(y)
    assert np.isnan(probability).all(1).tolist() == [False, True, False]
    assert np.isfinite(probability[[0, 2]]).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_huge_logits_cost_their_difference(device, smoothing):
    y, probability, _ = losses_and_gradient(
        device, np.array([[10000, 0, -10000, 0]], "float32"), np.array([0]), smoothing
    )
    assert probability.tolist() == [[1, 0, 0, 0]]
    assert y == smoothing * (0 + 10000 + 20000 + 10000) / 4


@pytest.mark.parametrize("case", [LABELLED[2], SMOOTHED[0], SOFT[2]], ids=lambda case: case.label)
@pytest.mark.parametrize("moved", ["x", "probability", "target"])
def test_arrays_that_begin_anywhere(device, case, moved):
    x = np.random.default_rng(0).normal(size=(31, 10)).astype("float32")
    arrays = {"x": x, "losses": np.empty(31, "float32"), "y": np.empty((), "float32"), "probability": np.empty_like(x)}
    given = case.fill("float32") | arrays
    expected = {name: np.copy(array) if isinstance(array, np.ndarray) else array for name, array in given.items()}
    cross_entropy.forward.reference(**expected, **case.options)
    actual = on(device, given)
    array = given[moved]
    with device.using_stream():
        actual[moved] = device.asarray(np.append(array.reshape(-1)[:1], array))[1:].reshape(array.shape)
        cross_entropy.forward.launch(**actual, **case.options)
    check_close("y", device.to_numpy(actual["y"]), expected["y"].astype("float64"), "float32", 41)
    probability = device.to_numpy(actual["probability"])
    check_close("probability", probability, expected["probability"].astype("float64"), "float32", 41)


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
    y, _, dx = losses_and_gradient(device, x, np.arange(4), weight=weight)
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
