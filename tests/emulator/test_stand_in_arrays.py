"""Arrays of the stand-in: CuPy's refusals, and the notes of what was written."""

from __future__ import annotations

import copy
import gc
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cuda_on_cpu import LaunchError, StandIn

DTYPES = ["bool", "int8", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64"]


@pytest.fixture(params=["check", "fast"])
def cp(request: pytest.FixtureRequest) -> StandIn:
    return StandIn(mode=request.param)


@pytest.fixture
def checked() -> StandIn:
    return StandIn(mode="check")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3, 4)])
def test_values_go_to_the_device_and_back(cp: StandIn, dtype: str, shape: tuple[int, ...]) -> None:
    values = (np.arange(int(np.prod(shape))).reshape(shape) % 2).astype(dtype)
    array = cp.asarray(values)
    assert (array.shape, array.dtype, array.nbytes, array.ndim) == (shape, dtype, values.nbytes, len(shape))
    assert array.data.ptr % 512 == 0
    result = array.get()
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, values)


def test_bfloat16_works_where_ml_dtypes_is_installed(cp: StandIn) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = cp.asarray([1.5, 2.5], ml_dtypes.bfloat16)
    assert array.dtype.name == "bfloat16"
    assert (array + array).astype("float32").get().tolist() == [3, 5]


@pytest.mark.parametrize("dtype", ["complex64", "U3", "O", ">f4", "datetime64[s]"])
def test_other_dtypes_are_refused(cp: StandIn, dtype: str) -> None:
    with pytest.raises(TypeError, match="arrays of the stand-in are of bfloat16, bool"):
        cp.empty(3, dtype)


MISTAKES: list[Callable[[Any, Any], Any]] = [
    lambda cp, x: np.asarray(x),
    lambda cp, x: np.array([x, x]),
    lambda cp, x: x + np.ones(3),
    lambda cp, x: np.ones(3) + x,
    lambda cp, x: operator.add(x, [1, 2, 3]),
    lambda cp, x: np.add(x, x, out=np.ones(3)),
    lambda cp, x: cp.sqrt(np.ones(3)),
    lambda cp, x: cp.sum([1, 2, 3]),
    lambda cp, x: cp.stack([x, np.ones(3)]),
    lambda cp, x: np.concatenate([x, np.ones(3)]),
    lambda cp, x: x.__setitem__(slice(None), np.ones(3)),
    lambda cp, x: x.__setitem__(slice(None), [1, 2, 3]),
    lambda cp, x: x + StandIn(mode=cp.mode).ones(3),
    lambda cp, x: x.set([1.0, 2.0, 3.0]),
    lambda cp, x: x.set(np.ones(3, "float32")),
    lambda cp, x: cp.broadcast_to(np.ones(3), (2, 3)),
    lambda cp, x: np.add.at(x, [0], 1),
    lambda cp, x: np.add(x, x, where=x > 0),
    lambda cp, x: hash(x),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_host_and_device_do_not_mix(cp: StandIn, mistake: Callable[[Any, Any], Any]) -> None:
    x = cp.ones(3)
    with pytest.raises(TypeError):
        mistake(cp, x)
    assert x.get().tolist() == [1, 1, 1]


def test_set_wants_the_same_shape_and_a_contiguous_destination(cp: StandIn) -> None:
    x = cp.zeros((2, 4))
    with pytest.raises(ValueError, match=r"Old shape: \(2, 4\), new shape: \(4,\)"):
        x.set(np.ones(4))
    with pytest.raises(RuntimeError, match="non-contiguous"):
        x[:, ::2].set(np.ones((2, 2)))


def test_what_cupy_lacks_the_stand_in_lacks(cp: StandIn) -> None:
    with pytest.raises(AttributeError, match="has no fromstring"):
        _ = cp.fromstring
    with pytest.raises(AttributeError, match=r"cupy.ndarray has no tostring"):
        _ = cp.ones(3).tostring
    with pytest.raises(TypeError, match="has no savetxt"):
        np.savetxt("nowhere", cp.ones(3))


def test_operations_agree_with_numpy(cp: StandIn) -> None:
    host = np.linspace(-2, 2, 12).reshape(3, 4)
    x = cp.asarray(host)
    pairs = [
        (x * 2 + x.T.T, host * 3),
        (np.exp(x), np.exp(host)),
        (cp.maximum(x, 0), np.maximum(host, 0)),
        (x @ x.T, host @ host.T),
        (cp.dot(x, x[0]), host @ host[0]),
        (x.sum(axis=0, keepdims=True), host.sum(0, keepdims=True)),
        (x.mean(1), host.mean(1)),
        (x.max(), host.max()),
        (np.add.reduce(x, axis=1), host.sum(1)),
        (cp.where(x > 0, x, 0.0), np.where(host > 0, host, 0)),
        (cp.stack([x, x], axis=1), np.stack([host, host], 1)),
        (np.concatenate([x, x]), np.concatenate([host, host])),
        (cp.broadcast_to(x[0], (2, 4)), np.broadcast_to(host[0], (2, 4))),
        (x.reshape(2, 6), host.reshape(2, 6)),
        (x.T.reshape(-1), host.T.reshape(-1)),
        (x.transpose(1, 0).ravel(), host.T.ravel()),
        (x[cp.asarray([2, 0])], host[[2, 0]]),
        (x[x > 0], host[host > 0]),
        (x.astype("float32"), host.astype("float32")),
        (cp.arange(2, 5, dtype="int32"), np.arange(2, 5, dtype="int32")),
        (cp.full_like(x, 3), np.full_like(host, 3)),
    ]
    for result, expected in pairs:
        assert isinstance(result, cp.ndarray)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result.get(), expected)
    assert cp.any(x > 1) and not cp.all(x > 1) and int(x.argmax()) == 11 and len(x) == 3


def test_views_share_memory_and_numbers_stay_on_the_device(cp: StandIn) -> None:
    x = cp.zeros((2, 3))
    x[1, 2][...] = 5
    x.T[0] += 1
    x.reshape(-1)[1:2].fill(7)
    assert x.get().tolist() == [[1, 7, 0], [1, 0, 5]]
    assert isinstance(x[0, 0], cp.ndarray) and x[0, 0].shape == ()
    assert [row.get().tolist() for row in x] == [[1, 7, 0], [1, 0, 5]]
    assert x.view("int64")[0, 2].item() == 0
    assert x.T.flags.f_contiguous and not x.T.flags["C_CONTIGUOUS"] and not x[1].flags.owndata


def test_copies_are_apart(cp: StandIn) -> None:
    x = cp.arange(3)
    for other in (x.copy(), copy.deepcopy(x), cp.array(x), x.flatten(), x.astype(x.dtype)):
        other += 1
    assert x.get().tolist() == [0, 1, 2]
    assert cp.asarray(x) is x and x.astype(x.dtype, copy=False) is x and cp.ascontiguousarray(x) is x


def test_an_array_knows_its_stand_in(cp: StandIn) -> None:
    x = cp.ones((2, 3), "float32")
    assert x.__array_namespace__() is cp is cp.get_array_module(x)
    assert cp.get_array_module(x.get()) is np
    assert x.__cuda_array_interface__["data"] == (x.data.ptr, False)
    assert x.T.__cuda_array_interface__["strides"] == (4, 12)
    assert x.device == cp.cuda.Device(0)


def test_questions_about_arrays_read_no_element(checked: StandIn) -> None:
    x = checked.empty((2, 3), "float32")
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 3), 2, 6)
    assert np.result_type(x, "float64") == "float64"
    assert np.shares_memory(x, x[1:]) and not np.may_share_memory(x[0], x[1])
    assert np.zeros_like(x).get().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert np.empty_like(x).shape == (2, 3)


READS: list[Callable[[Any, Any], Any]] = [
    lambda cp, x: x.get(),
    lambda cp, x: x[1].item(),
    lambda cp, x: x + 1,
    lambda cp, x: x.sum(),
    lambda cp, x: cp.exp(x, out=cp.empty(3)),
    lambda cp, x: np.add(cp.ones(3), 1, out=cp.zeros(3), where=x.astype("bool")),
    lambda cp, x: cp.ones(3)[x.astype("int64")],
    lambda cp, x: x.copy().get(),
    lambda cp, x: cp.stack([cp.ones(3), x]).get(),
    lambda cp, x: x.astype("float32").get(),
    lambda cp, x: x.reshape(3, 1).T.get(),
    lambda cp, x: cp.broadcast_to(x, (2, 3)).get(),
    lambda cp, x: x[cp.asarray([1, 2])].get(),
    lambda cp, x: cp.repeat(x, 2).get(),
]


@pytest.mark.parametrize("read", READS)
def test_elements_that_nothing_wrote_cannot_be_read(checked: StandIn, read: Callable[[Any, Any], Any]) -> None:
    x = checked.empty(3)
    x[0] = x[2] = 0.0
    with pytest.raises(LaunchError, match="which nothing ever wrote"):
        read(checked, x)
    x[1] = 0.0
    read(checked, x)


def test_the_first_element_that_nothing_wrote_is_named(checked: StandIn) -> None:
    x = checked.empty((3, 4), "float16")
    x[:, :2], x[0] = 1, 2
    with pytest.raises(LaunchError, match=r"get\(\) reads element \(1, 2\) of an array of float16 and shape \(3, 4\)"):
        x.get()


WRITES: list[Callable[[Any, Any], Any]] = [
    lambda cp, x: x.set(np.ones((2, 3))),
    lambda cp, x: x.fill(1),
    lambda cp, x: np.copyto(x, cp.ones(3)),
    lambda cp, x: x.__setitem__(..., cp.ones(3)),
    lambda cp, x: np.add(cp.ones((2, 3)), 1, out=x),
    lambda cp, x: np.sum(cp.ones((4, 2, 3)), axis=0, out=x),
    lambda cp, x: [row.fill(0) for row in x.T],
    lambda cp, x: x.view("uint8").fill(0),
    lambda cp, x: np.negative(cp.ones((2, 3)), out=x.T.T),
]


@pytest.mark.parametrize("write", WRITES)
def test_every_way_to_write_is_noted(checked: StandIn, write: Callable[[Any, Any], Any]) -> None:
    x = checked.empty((2, 3))
    write(checked, x)
    assert x.get().shape == (2, 3)


def test_where_writes_only_where_it_is_true(checked: StandIn) -> None:
    x, mask = checked.empty(3), checked.asarray([True, False, True])
    np.add(checked.ones(3), 1, out=x, where=mask)
    assert x[::2].get().tolist() == [2, 2]
    with pytest.raises(LaunchError, match=r"element \(1,\)"):
        x.get()


def test_copying_what_was_not_written_makes_the_copy_unreadable(checked: StandIn) -> None:
    x, y = checked.empty(3), checked.ones(3)
    y[:2] = x[:2]
    assert y[2].item() == 1
    with pytest.raises(LaunchError, match="nothing ever wrote"):
        y.get()


def test_fast_mode_reads_anything() -> None:
    assert np.isnan(StandIn(mode="fast").empty(3).get()).all()


def test_memory_is_counted(cp: StandIn) -> None:
    x = cp.empty((100, 10), "float32")
    view = x[10:]
    assert cp.counters.used_bytes == cp.get_default_memory_pool().used_bytes() == 4000
    del x
    assert cp.counters.used_bytes == 4000
    del view
    gc.collect()
    assert (cp.counters.used_bytes, cp.counters.peak_bytes) == (0, 4000)


def test_copies_and_waits_are_counted(cp: StandIn) -> None:
    x = cp.asarray(np.ones(3))
    y = cp.exp(x + cp.zeros(3))
    before = cp.counters.as_dict()
    assert (before["copies_to_device"], before["copies_to_host"], before["synchronisations"]) == (1, 0, 0)
    assert float(y[0]) == np.exp(1.0)
    y.set(np.zeros(3))
    cp.cuda.get_current_stream().synchronize()
    assert not y.tolist()[0]
    after = cp.counters.as_dict()
    assert (after["copies_to_device"], after["copies_to_host"], after["synchronisations"]) == (2, 2, 3)


def test_arrays_of_the_host_keep_their_order():
    cupy = StandIn()
    columns = cupy.asarray(np.asarray(np.arange(6).reshape(2, 3), order="F"))
    assert columns.flags.f_contiguous
    assert not columns.flags.c_contiguous
    np.testing.assert_array_equal(columns.get(), np.arange(6).reshape(2, 3))


def test_views_by_strides_stay_in_the_memory_of_their_array():
    cupy = StandIn()
    x = cupy.arange(10, dtype="float32")
    every_third = cupy.lib.stride_tricks.as_strided(x[1:], (3,), (12,))
    np.testing.assert_array_equal(every_third.get(), [1, 4, 7])
    with pytest.raises(ValueError, match="leaves the memory"):
        cupy.lib.stride_tricks.as_strided(x[1:], (4,), (12,))


def test_printing_an_array_shows_its_numbers():
    cupy = StandIn()
    assert str(cupy.arange(3)) == "[0 1 2]"
    assert "int64 (3,)" in repr(cupy.arange(3))
