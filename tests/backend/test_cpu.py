from __future__ import annotations

import numpy as np
import pytest

import fusegrad as fg
from cuda_on_cpu import StandIn
from fusegrad.backend.cpu import CpuBackend


@pytest.mark.parametrize("nbytes", [1, 7, 8, 1000, 1 << 20])
def test_memory_starts_at_a_cache_line(nbytes: int) -> None:
    cpu = CpuBackend()
    arrays = [allocate((nbytes,), "uint8") for _ in range(8) for allocate in (cpu.empty, cpu.zeros)]  # 8 addresses
    assert cpu.alignment == 64
    assert {array.ctypes.data % 64 for array in arrays} == {0}


def test_asarray_does_not_copy_a_numpy_array() -> None:
    array = np.ones(3)
    assert CpuBackend().asarray(array) is array


def test_arrays_of_a_device_are_fetched(machine) -> None:
    device_array = machine(StandIn()).asarray(np.arange(3))
    destination = np.zeros(3)
    CpuBackend().copy_in(destination, device_array)
    np.testing.assert_array_equal(destination, [0, 1, 2])
    np.testing.assert_array_equal(CpuBackend().asarray(device_array), [0, 1, 2])


def test_to_numpy_takes_arrays_of_every_backend(machine) -> None:
    here, there = np.arange(3), StandIn().arange(3)
    assert fg.to_numpy(here) is here
    np.testing.assert_array_equal(fg.to_numpy(there), here)
    np.testing.assert_array_equal(fg.to_numpy([0, 1, 2]), here)
