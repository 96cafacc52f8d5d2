"""Random numbers of kernels are those of NumPy: the same bits, whatever the shape, the coordinates and the place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from backend.test_random import KNOWN_ANSWERS, ONES

from fusegrad.backend import random, resolve
from fusegrad.backend.availability import has_gpu
from fusegrad.backend.cuda import CudaBackend
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.backend.kernel import LaunchError
from fusegrad.backend.kernels import generated_kernel
from fusegrad.backend.random_kernels import bind_normal

SHAPES = (), (0,), (1,), (3,), (4,), (5, 3), (1023,), (1024,), (1025,), (4, 513)
EQUAL = [
    (random.bits, "uint32", ()),
    (random.keep, "uint8", (0.3,)),
    (random.keep, "bool", (0.3,)),
    (random.uniform, "float32", ()),
    (random.uniform, "float64", ()),
]
COORDINATES = [
    (0, 0, 0),
    (1, 2, 3),
    (1 << 63, 1 << 31, ONES),
    ((1 << 64) - 1, (1 << 64) - 1, 1 << 31),
    (0xFEDCBA9876543210, 0x123456789, 7),
]

BLOCKS = """
#include "philox.cuh"
// words[4i], … = philox(counter and key i): one thread per counter.
__global__ void words_of_counters(const unsigned* counters, unsigned* words, int n) {
    const int i = threadIdx.x;
    if (i >= n) return;
    const unsigned* c = counters + 6 * i;
    const Words drawn_words = philox(c[0], c[1], c[2], c[3], c[4], c[5]);
    for (int k = 0; k < 4; ++k) words[4 * i + k] = drawn_words.at[k];
}
// words[4i], … = those of block i: one thread per block.
__global__ void words_of_blocks(const unsigned* blocks, unsigned* words, int n, unsigned node,
                                unsigned long long step, unsigned long long seed) {
    const int i = threadIdx.x;
    if (i >= n) return;
    const Words drawn_words = drawn(blocks[i], node, step, seed);
    for (int k = 0; k < 4; ++k) words[4 * i + k] = drawn_words.at[k];
}
"""


@pytest.fixture(scope="module", params=["emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request) -> CudaBackend:
    if request.param == "emulated":
        return EmulatedBackend("check")
    if not has_gpu():
        pytest.skip("needs CuPy and an NVIDIA GPU")
    return resolve("cuda")


def on_host(function: Any, shape: Any, dtype: str, seed: int, step: int, node: int, *more: float) -> Any:
    out = np.empty(shape, dtype)
    function(out, seed, step, node, *more)
    return out


def on_device(device: CudaBackend, function: Any, shape: Any, dtype: str, *coordinates: Any) -> Any:
    out = device.empty(shape, dtype)
    with device.using_stream():
        function(out, *coordinates)
    return device.to_numpy(out)


def run(device: CudaBackend, name: str, numbers: Any, *more: int) -> Any:
    given, words = device.asarray(numbers), device.empty((len(numbers), 4), "uint32")
    kernel = generated_kernel(given, "blocks.cu", BLOCKS, name)
    with device.using_stream():
        kernel.bind((1,), (32,), given, words, len(numbers), *more)()
    return device.to_numpy(words)


def test_known_answers(device):
    counters = np.array([counter + key for counter, key, _ in KNOWN_ANSWERS], "uint32")
    expected = [words for _, _, words in KNOWN_ANSWERS]
    assert run(device, "words_of_counters", counters).tolist() == expected


def test_blocks_beyond_those_that_fit_in_memory(device):
    seed, step, node = 0xFEDCBA9876543210, 0x123456789, 7
    blocks = np.array([0, (1 << 30) - 1, 1 << 30, (1 << 31) - 1, 1 << 31, ONES], "uint32")
    keys, steps = random.round_keys(seed), random.halves(step)
    expected = [random.philox(int(block), int(block) + 1, node, steps, keys) for block in blocks]
    np.testing.assert_array_equal(run(device, "words_of_blocks", blocks, node, step, seed), expected)


@pytest.mark.parametrize(("function", "dtype", "more"), EQUAL)
def test_every_shape_has_the_same_bits(device, function, dtype, more):
    for shape in SHAPES:
        drawn = on_device(device, function, shape, dtype, 1, 2, 3, *more)
        np.testing.assert_array_equal(drawn, on_host(function, shape, dtype, 1, 2, 3, *more), strict=True)


@pytest.mark.parametrize(("function", "dtype", "more"), EQUAL)
def test_all_coordinates_count_as_numbers_and_as_arrays(device, function, dtype, more):
    for seed, step, node in COORDINATES:
        expected = on_host(function, 70, dtype, seed, step, node, *more)
        arrays = (device.asarray(np.uint64(seed)), device.asarray(np.uint64(step)), node)
        for coordinates in ((seed, step, node), arrays, (*arrays[:1], step, node)):
            np.testing.assert_array_equal(on_device(device, function, 70, dtype, *coordinates, *more), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_differs_by_roundings_at_most(device, dtype):
    for shape in SHAPES:
        expected = on_host(random.normal, shape, "float64", 5, 6, 7)
        drawn = on_device(device, random.normal, shape, dtype, 5, 6, 7)
        # a radius of up to 5.8, with the errors of two roundings, a root, a logarithm and, on the host, a large angle
        tolerance = 5.8 * (4 + 3.2 * (dtype == "float64")) * np.finfo(dtype).eps
        assert drawn.dtype == dtype
        np.testing.assert_allclose(drawn, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("skipped", [1, 2, 3])
@pytest.mark.parametrize(("function", "dtype"), [(random.bits, "uint32"), (random.normal, "float32")])
def test_arrays_may_begin_anywhere(device, function, dtype, skipped):
    whole = device.zeros((40,), dtype)
    with device.using_stream():
        function(whole[skipped:], 1, 2, 3)
    expected = np.concatenate([np.zeros(skipped), on_host(function, 40 - skipped, dtype, 1, 2, 3)])
    np.testing.assert_allclose(device.to_numpy(whole), expected, rtol=0, atol=1e-5)


def test_a_launch_draws_anew_when_the_step_on_the_device_has_changed(device):
    out, step = device.empty((33,), "float32"), device.zeros((), "uint64")
    with device.using_stream():
        launch = bind_normal(out, 1, step, 3, mean=2.0, std=0.5)
        for number in (5, 6):
            step[...] = number
            launch()
            expected = 2 + 0.5 * on_host(random.normal, 33, "float64", 1, number, 3)
            np.testing.assert_allclose(device.to_numpy(out), expected, atol=1e-5)


def test_a_draw_allocates_nothing_and_waits_for_nothing():
    device = EmulatedBackend("fast")
    out, seed, step = device.empty((33,), "float32"), device.zeros((), "uint64"), device.zeros((), "uint64")
    with device.using_stream():
        random.uniform(out, seed, step, 3)
        before = device.xp.counters.as_dict()
        random.uniform(out, seed, step, 3)
        after = device.xp.counters.as_dict()
    assert after == before | {"launches": before["launches"] + 1}


def test_other_arrays_and_coordinates_are_refused(device):
    out = device.zeros((4,), "float32")
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        random.normal(device.zeros((4,), "int64"), 1, 2, 3)
    with pytest.raises(ValueError, match="C-contiguous"):
        random.uniform(device.zeros((4, 4), "float32")[:, :2], 1, 2, 3)
    for coordinates in ((-1, 2, 3), (1, 1 << 64, 3), (1, 2, 1 << 32), (device.zeros((), "int64"), 2, 3)):
        with pytest.raises(LaunchError, match=r"random_uniform<float> expects (seed|step|node)"):
            random.uniform(out, *coordinates)
    with pytest.raises(ValueError, match=r"rate expects a number in \[0, 1\)"):
        random.keep(device.zeros((4,), "uint8"), 1, 2, 3, 1.0)
    assert not device.to_numpy(out).any()
