"""Kernels that move elements by index: the order of their sums, dtypes, places in memory and what is empty."""

from __future__ import annotations

import numpy as np
import pytest
from checks import Case, Draw, check_parity
from ops.index_cases import CASES

from cuda_on_cpu import KernelError
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.ops import embedding, gather

GRADIENTS = [(op, case) for op in (embedding.backward, gather.backward) for case in CASES[op]]


@pytest.fixture(scope="module")
def device() -> EmulatedBackend:
    return EmulatedBackend("check")


def results(device: EmulatedBackend, op, *arrays, **options) -> list[np.ndarray]:
    on_device = [device.asarray(array) for array in arrays]
    with device.using_stream():
        op.launch(*on_device, **options)
    return [device.to_numpy(array) for array in on_device]


def test_embedding_gradients_are_those_of_one_hot_rows():
    generator = np.random.default_rng(0)
    index, dy = generator.integers(0, 7, (5, 6)), generator.normal(size=(5, 6, 3))
    dtable = np.empty((7, 3))
    embedding.backward(dy, index, dtable, padding=4)
    one_hot = (index[..., None] == np.arange(7)) & (np.arange(7) != 4)
    np.testing.assert_allclose(dtable, np.einsum("abr,abw->rw", one_hot, dy), rtol=1e-13, atol=1e-13)


def test_gather_gradients_are_those_of_one_hot_columns():
    generator = np.random.default_rng(0)
    index, dy = generator.integers(0, 7, (2, 5, 6)), generator.normal(size=(2, 5, 6))
    dx = np.empty((2, 5, 7))
    gather.backward(dy, index, dx)
    one_hot = index[..., None] == np.arange(7)
    np.testing.assert_allclose(dx, np.einsum("abjc,abj->abc", one_hot, dy), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("op", "case"), GRADIENTS, ids=lambda item: getattr(item, "label", None))
def test_sums_are_in_the_order_of_the_indices_to_the_last_bit(device, op, case):
    given = case.fill("float32")
    expected = {name: array.copy() for name, array in given.items()}
    op.reference(**expected, **case.options)  # np.add.at: one by one, in order
    *_, gradient = results(device, op, *given.values(), **case.options)
    np.testing.assert_array_equal(gradient, [*expected.values()][-1], strict=True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("width", [8, 12, 5])
def test_half_types_are_summed_in_float32_and_rounded_once(device, dtype, width):
    kind = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.float16
    generator = np.random.default_rng(0)
    index, dy = generator.integers(0, 3, 40), generator.normal(size=(40, width)).astype(kind)
    table = generator.normal(size=(3, width)).astype(kind)
    expected = table.astype("float32")
    np.add.at(expected, index, dy.astype("float32"))
    *_, dtable = results(device, embedding.backward, dy, index, table, add_dtable=True)
    np.testing.assert_array_equal(dtable.astype("float32"), expected.astype(kind).astype("float32"))

    *_, y = results(device, embedding.forward, table, index, np.zeros_like(dy))
    np.testing.assert_array_equal(y.astype("float32"), table[index].astype("float32"))

    columns = generator.integers(0, width, (3, 30))
    *_, picked = results(device, gather.forward, table, columns, np.zeros((3, 30), kind))
    np.testing.assert_array_equal(picked.astype("float32"), np.take_along_axis(table.astype("float32"), columns, 1))
    expected = np.zeros((3, width), "float32")
    np.add.at(expected, (np.arange(3)[:, None], columns), picked.astype("float32"))
    *_, dx = results(device, gather.backward, picked, columns, np.zeros_like(table))
    np.testing.assert_array_equal(dx.astype("float32"), expected.astype(kind).astype("float32"))


@pytest.mark.parametrize("op", [embedding.forward, embedding.backward, gather.forward, gather.backward])
def test_kernels_compute_in_float64(device, op):
    for case in CASES[op][:4]:
        check_parity(op.launch, op, case, dtype="float64", backend=device)


def test_rows_that_are_not_aligned_are_moved_one_by_one(device):
    whole = np.arange(1 + 5 * 8, dtype="float32")
    on_device = device.asarray(whole)
    index, y = device.asarray(np.array([4, 0, 4])), device.empty((3, 8), "float32")
    table = on_device[1:].reshape(5, 8)
    with device.using_stream():
        embedding.forward.launch(table, index, y)
        embedding.backward.launch(y, index, table, add_dtable=True)
    expected = whole[1:].reshape(5, 8)
    np.testing.assert_array_equal(device.to_numpy(y), expected[[4, 0, 4]])
    np.testing.assert_array_equal(device.to_numpy(table), expected * np.array([[2], [1], [1], [1], [3]]))


def test_without_indices_gradients_are_zero_or_stay(device):
    for add in (False, True):
        arrays = np.empty((0, 8), "float32"), np.empty(0, "int64"), np.ones((17, 8), "float32")
        assert (results(device, embedding.backward, *arrays, add_dtable=add)[-1] == add).all()
        arrays = np.empty((5, 0), "float32"), np.empty((5, 0), "int64"), np.ones((5, 6), "float32")
        assert (results(device, gather.backward, *arrays, add_dx=add)[-1] == add).all()


def test_without_rows_nothing_happens(device):
    empty, index = np.empty((0, 6), "float32"), np.empty((0, 6), "int32")
    assert results(device, gather.forward, empty, index, empty)[-1].shape == (0, 6)
    assert results(device, gather.backward, empty, index, empty)[-1].shape == (0, 6)
    table = np.empty((0, 4), "float32")
    assert results(device, embedding.backward, empty[:, :4].copy(), index[:, 0].copy(), table)[-1].shape == (0, 4)


@pytest.mark.parametrize("op", [embedding.forward, embedding.backward, gather.forward, gather.backward])
def test_one_launch_and_nothing_else(op):
    device, case = EmulatedBackend("fast"), CASES[op][2]
    arrays = [device.asarray(array) for array in case.fill("float32").values()]
    with device.using_stream():
        run = op.bound("cuda", *arrays, **case.options)
        before = device.xp.counters.as_dict()
        run()
    assert device.xp.counters.as_dict() == before | {"launches": before["launches"] + 1}


def test_an_index_beyond_the_table_is_found_by_the_checker(device):
    wrong = Case("wrong", {"table": (3, 4), "index": Draw((2,), 3, 4, "int64"), "y": (2, 4)})
    with pytest.raises(KernelError, match="out of bounds"):
        results(device, embedding.forward, *wrong.fill("float32").values())
