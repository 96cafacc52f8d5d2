from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from cuda_on_cpu import StandIn
from fusegrad.backend import availability
from fusegrad.backend.availability import driver_version, has_gpu, obstacles


def failing(error: Exception) -> Any:
    def call(*args: Any) -> None:
        raise error

    return call


def test_nothing_stands_in_the_way_of_a_complete_machine(machine: Any) -> None:
    machine(StandIn(), driver=12090)
    assert has_gpu()
    assert obstacles() == []


def test_a_bare_machine_lacks_driver_and_cupy(machine: Any) -> None:
    machine()
    assert not has_gpu()
    assert obstacles() == [
        "no NVIDIA driver was found: install the one for your GPU",
        'CuPy is not installed: pip install "fusegrad[cuda12]"',
    ]


@pytest.mark.parametrize(("driver", "extra"), [(12040, "cuda12"), (13000, "cuda13"), (13020, "cuda13")])
def test_the_driver_decides_which_cupy_to_install(machine: Any, driver: int, extra: str) -> None:
    machine(driver=driver)
    assert obstacles() == [f'CuPy is not installed: pip install "fusegrad[{extra}]"']


def test_cupy_without_driver(machine: Any) -> None:
    machine(StandIn(devices=0))
    assert obstacles() == ["no NVIDIA driver was found: install the one for your GPU"]


def test_a_cupy_that_sees_a_gpu_is_believed_where_the_driver_is_not_found(machine: Any) -> None:
    machine(StandIn(devices=1), driver=None)
    assert obstacles() == []


def test_a_driver_older_than_cupy(machine: Any) -> None:
    machine(StandIn(devices=0), driver=11080)
    assert obstacles() == ["the driver supports CUDA 11.8, CuPy needs 12.9: update the driver"]


def test_hidden_devices_are_mentioned(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(StandIn(devices=0), driver=12090)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert obstacles() == [
        'the driver offers no GPU: cudaErrorNoDevice: no CUDA-capable device is detected (CUDA_VISIBLE_DEVICES is "")'
    ]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert not obstacles()[0].endswith(")")


def test_missing_libraries_are_named_with_the_extra_for_the_cupy_that_is_there(machine: Any) -> None:
    cupy = machine(StandIn(), driver=13000)
    cupy.cuda.nvrtc.getVersion = failing(RuntimeError("libnvrtc.so.12"))
    del cupy.cuda.cublas
    assert obstacles() == ['cannot load NVRTC, cuBLAS: pip install "fusegrad[cuda12]"']


def test_headers_are_looked_for_where_cupy_looks(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(StandIn(), driver=12090)
    monkeypatch.setitem(availability.LIBRARIES, "the CUDA headers", availability.cuda_headers)
    asked = []
    finder = SimpleNamespace(find_nvidia_header_directory=asked.append)
    monkeypatch.setitem(sys.modules, "cuda", SimpleNamespace(pathfinder=finder))
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    assert obstacles() == ['cannot load the CUDA headers: pip install "fusegrad[cuda12]"']
    assert asked == ["cudart"]


def test_a_broken_cupy_says_why_in_one_line(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(driver=12090)
    monkeypatch.setattr(availability, "cupy_module", failing(ImportError("\n=====\nFailed to import CuPy.\n\nmore")))
    assert not has_gpu()
    assert obstacles() == ["CuPy cannot be imported: Failed to import CuPy."]


@pytest.mark.parametrize(("status", "expected"), [(0, 12040), (34, None)])
def test_the_driver_is_asked_for_its_version(
    monkeypatch: pytest.MonkeyPatch, status: int, expected: int | None
) -> None:
    def answer(pointer: Any) -> int:
        pointer._obj.value = 12040
        return status

    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(cuDriverGetVersion=answer))
    assert driver_version() == expected


def test_no_driver_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", failing(OSError("libcuda.so.1: cannot open shared object file")))
    assert driver_version() is None
