"""Loops over elements as kernels, run on the CPU under the checker: widths, grids, dtypes, strides and layouts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from checks import Case, Draw, check_parity
from expr.cuda_loops import LOOPS, c, n, r, u, x, y

from cuda_on_cpu.stand_in.stand_in import ORDERS
from fusegrad import expr, optimizers
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.expr import maximum, sigmoid, where
from fusegrad.expr.activations import ACTIVATIONS
from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.loop import COLUMN, NUMBER, ROW, Loop, loop
from fusegrad.ops import elementwise, loop_kernels, loops
from fusegrad.ops.arithmetic import add

Arrays = dict[str, np.ndarray]
AXPY = loop("axpy", {"y": n * x + y}, n=NUMBER)
SPREAD = loop("spread", {"y": (x - c) * r}, r=ROW, c=COLUMN)
SPECIAL = np.tile([math.nan, math.inf, -math.inf, 0, 1, -1], 6)
ON_SPECIAL = {
    "choices": loop("choices", {"y": where(x < 0, math.inf, where(x <= 1, math.nan, -math.inf)), "x": -x}),
    "extremes": loop("extremes", {"y": maximum(x, u), "v": expr.minimum(x, u), "x": expr.sign(x), "u": sigmoid(u)}),
}


@pytest.fixture(scope="module")
def backend() -> EmulatedBackend:
    return EmulatedBackend("check")


@pytest.fixture
def widths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many elements a thread takes at once, of every kernel that is bound."""
    seen, text_of = [], loop_kernels.text_of
    monkeypatch.setattr(loop_kernels, "text_of", lambda *key: seen.append(key[-1]) or text_of(*key))
    return seen


def drawn(work: Loop, shape: tuple[int, ...], **dtypes: str) -> Arrays:
    """Random arrays of a loop, float32 where nothing else is said."""
    generator = np.random.default_rng(0)
    shapes = {ROW: shape[-1:], COLUMN: shape[:1], NUMBER: ()}
    draws = {name: generator.uniform(-3, 3, shapes.get(work.layout(name), shape)) for name in work.names()}
    return {name: np.asarray(draw, dtypes.get(name, "float32")) for name, draw in draws.items()}


def check_loop(backend: EmulatedBackend, work: Loop, arrays: Arrays, place: Any = None) -> None:
    """The kernel against the direct evaluation in float64; `place` puts an array of the host on the device."""
    reads = {name: array.astype("float64") for name, array in arrays.items()}
    reads |= {name: reads[name][:, None] for name in reads if work.layout(name) == COLUMN}
    expected = evaluate(work.roots, reads)
    with backend.using_stream():
        device = {name: (place or backend.asarray)(array) for name, array in arrays.items()}
        loops.bind_loop("cuda", work, device)()
    for (target, _), wanted in zip(work.assignments, expected, strict=True):
        rtol = 64 * float(np.finfo(arrays[target].dtype).eps)
        got = backend.to_numpy(device[target])
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol, err_msg=f"{work.name}: {target}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("work", LOOPS.values(), ids=LOOPS)
def test_kernels_compute_what_they_say(backend, work, dtype):
    """Targets in place would show what is computed twice, or read after it was written."""
    arrays = drawn(work, (1000,) if work.is_flat else (23, 44), **dict.fromkeys(work.names(), dtype))
    check_loop(backend, work, arrays)


def test_a_loop_of_any_name_is_a_kernel(backend):
    """Whose name is one of a file, too."""
    work = loop("fused " * 500, {"y": x + 1})
    check_loop(backend, work, drawn(work, (8,)))


@pytest.mark.parametrize("work", ON_SPECIAL.values(), ids=ON_SPECIAL)
def test_kernels_take_what_is_not_finite(backend, work):
    generator = np.random.default_rng(0)
    check_loop(backend, work, {name: np.float32(generator.permutation(SPECIAL)) for name in work.names()})


SHAPES = [((0,), 4), ((1,), 4), ((3,), 4), ((4,), 4), ((5,), 4), ((1024,), 4), ((1027,), 4), ((8, 33), 4)]


@pytest.mark.parametrize(("shape", "width"), SHAPES, ids=str)
def test_flat_loops_of_every_size_move_16_bytes(backend, widths, shape, width):
    check_loop(backend, AXPY, drawn(AXPY, shape))
    assert widths == [width]


PLANES = [((0, 4), 4), ((1, 1), 1), ((3, 4), 4), ((5, 6), 1), ((300, 4), 4), ((2, 1028), 4), ((3, 258), 1)]


@pytest.mark.parametrize(("shape", "width"), PLANES, ids=str)
def test_rows_and_columns_move_16_bytes_where_they_divide_a_row(backend, widths, shape, width):
    check_loop(backend, SPREAD, drawn(SPREAD, shape))
    assert widths == [width]


def test_a_slice_that_begins_anywhere_moves_single_elements(backend, widths):
    def place(array: np.ndarray) -> Any:
        whole = backend.zeros(array.size + 1, array.dtype)
        whole[1:] = backend.asarray(array)
        return whole[1:] if array.ndim else backend.asarray(array)

    check_loop(backend, AXPY, drawn(AXPY, (37,)), place)
    assert widths == [1]


@pytest.mark.parametrize("work", [AXPY, SPREAD], ids=["flat", "repeated"])
def test_a_grid_that_is_too_small_goes_over_the_arrays_again(backend, work, monkeypatch):
    monkeypatch.setattr(loop_kernels, "MOST_BLOCKS", 2)
    check_loop(backend, work, drawn(work, (5000,) if work.is_flat else (9, 2060)))


MIXED = {
    "half": (AXPY, {"y": "float16", "x": "float16"}, 8),
    "half and float": (AXPY, {"y": "float32", "x": "float16"}, 4),
    "float from half alone": (AXPY, {"y": "float16", "x": "float16", "n": "float16"}, 8),
    "double in one": (AXPY, {"y": "float32", "x": "float64", "n": "float64"}, 2),
    "rows": (SPREAD, {"y": "float16", "x": "float16"}, 4),
}


@pytest.mark.parametrize(("work", "dtypes", "width"), MIXED.values(), ids=MIXED)
def test_arrays_of_one_loop_may_differ_in_dtype(backend, widths, work, dtypes, width):
    check_loop(backend, work, drawn(work, (77,) if work.is_flat else (5, 24), **dtypes))
    assert widths == [width]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_integers_are_copied_exactly(backend, dtype):
    numbers = np.random.default_rng(0).integers(0, 2**31 - 1, (7, 9)).astype(dtype)
    with backend.using_stream():
        source, whole, turned = backend.asarray(numbers), backend.zeros((7, 9), dtype), backend.zeros((9, 7), dtype)
        elementwise.copy(source, whole)
        elementwise.copy(source.T, turned)
    np.testing.assert_array_equal(backend.to_numpy(whole), numbers)
    np.testing.assert_array_equal(backend.to_numpy(turned), numbers.T)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_arrays_of_any_strides_go_through_cupy(backend, widths, dtype):
    def place(array: np.ndarray) -> Any:
        whole = backend.zeros((2 * array.shape[0], array.shape[1]), dtype) if array.ndim == 2 else None
        if whole is None:
            return backend.asarray(array)
        whole[::-2] = backend.asarray(array)
        return whole[::-2]

    check_loop(backend, SPREAD, drawn(SPREAD, (6, 5), **dict.fromkeys(SPREAD.names(), dtype)), place)
    assert widths == []


def test_other_sizes_than_the_layout_says_are_refused(backend):
    arrays = {name: backend.asarray(array) for name, array in drawn(SPREAD, (6, 5)).items()}
    with pytest.raises(ValueError, match=r"spread expects r of 5 elements, got \(6,\)"):
        loops.bind_loop("cuda", SPREAD, arrays | {"r": arrays["c"]})


def test_strides_need_one_shape(backend):
    work = loop("sum", {"y": x + u})
    arrays = {name: backend.asarray(array) for name, array in drawn(work, (6, 5)).items()}
    with pytest.raises(ValueError, match="sum expects arrays of one shape where one is not contiguous"):
        loops.bind_loop("cuda", work, arrays | {"x": arrays["x"].reshape(5, 6).T, "u": arrays["u"].reshape(30)})


SEEN = {  # shapes of a and b, and whether the generated kernel takes them
    "equal": ((3, 4, 5), (3, 4, 5), True),
    "last axis": ((3, 4, 5), (5,), True),
    "last axes": ((3, 4, 5), (1, 4, 5), True),
    "one per row": ((3, 4, 5), (3, 4, 1), True),
    "one per plane": ((3, 4, 5), (3, 1, 1), True),
    "number": ((3, 4, 5), (1, 1), True),
    "in between": ((3, 4, 5), (4, 1), False),
    "both": ((3, 1), (1, 5), True),
    "both in between": ((3, 1, 2), (1, 5, 1), False),
}


@pytest.mark.parametrize(("a", "b", "generated"), SEEN.values(), ids=SEEN)
def test_what_is_repeated_is_seen_as_rows_or_columns(backend, widths, a, b, generated):
    case = Case("sum", {"a": a, "b": b, "y": np.broadcast_shapes(a, b)})
    with backend.using_stream():
        check_parity(add.launch, add, case, backend=backend)
    assert bool(widths) == generated


IN_BOTH = [(name, "float32") for name in ACTIVATIONS] + [(name, "float64") for name in ("gelu", "mish", "squareplus")]


@pytest.mark.parametrize(("name", "dtype"), IN_BOTH)
def test_activations_and_their_gradients(backend, name, dtype):
    function = ACTIVATIONS[name]
    (argument,), forward, backward = function.arguments, loops.forward(function), loops.backward(function)
    kept = loops.kept(function)
    with backend.using_stream():
        shapes = {argument: (37,), "y": (37,)}
        check_parity(forward.launch, forward, Case("forward", shapes), dtype, backend)
        shapes = {"dy": (37,), **{each: Draw((37,), 0.1, 0.9) for each in kept}, f"d{argument}": (37,)}
        check_parity(backward.launch, backward, Case("backward", shapes), dtype, backend)


RULES = [
    getattr(optimizers, name)(clip_value=1.0, weight_decay=0.1) for name in optimizers.__all__ if name != "Optimizer"
]


@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_updates_with_a_copy_in_half_precision(backend, optimizer):
    update = optimizer.update(True, copies=(("half", "value"),))
    arrays = {name: Draw((77,), 0.1, 0.9) for name in ("value", "grad", *optimizer.slots)}
    arrays |= {name: Draw((), 0.1, 0.9) for name in ("scale", *optimizer.scalars(1))}
    arrays["half"] = Draw((77,), dtype="float16")
    case = Case("update", {name: arrays[name] for name in update.__signature__.parameters})
    with backend.using_stream():
        check_parity(update.launch, update, case, backend=backend)


def test_a_copy_in_bfloat16_is_rounded_to_the_nearest(backend):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="NumPy's arrays of bfloat16")
    update = optimizers.SGD(0.5).update(False, copies=(("brain", "value"),))
    value, grad = np.random.default_rng(0).normal(size=(2, 37)).astype("float32")
    numbers = np.array(1, "float32"), np.array(0.5, "float32")
    given = value, grad, *numbers, np.zeros(37, ml_dtypes.bfloat16)
    on_device = [backend.asarray(array) for array in given]
    with backend.using_stream():
        update.launch(*on_device)
    update(*given)
    for expected, got in zip(given, on_device, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(got), expected)
    np.testing.assert_array_equal(given[-1], value.astype(ml_dtypes.bfloat16))


@pytest.mark.parametrize("work", [*LOOPS.values(), SPREAD], ids=[*LOOPS, "spread"])
def test_every_order_of_threads_gives_the_same_bits(work):
    backend = EmulatedBackend("fast", orders=ORDERS)  # runs every kernel in each order, and compares
    check_loop(backend, work, drawn(work, (5000,) if work.is_flat else (23, 44)))
