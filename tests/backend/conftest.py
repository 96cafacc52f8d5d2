from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from cuda_on_cpu import StandIn
from fusegrad.backend import availability, selection
from fusegrad.backend.cpu import CpuBackend
from fusegrad.backend.cuda import CudaBackend, cupy_module

Machine = Callable[..., Any]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with what the arguments say: `cupy` (None: not installed), the `driver`'s CUDA version, a variable."""

    def make(cupy: Any = None, driver: int | None = None, variable: str | None = None) -> Any:
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        for module in (availability, sys.modules["fusegrad.backend.doctor"]):  # its name in the package is a function
            monkeypatch.setattr(module, "driver_version", lambda: driver)
        monkeypatch.setitem(availability.LIBRARIES, "the CUDA headers", lambda cupy: "include")
        monkeypatch.setattr(selection, "_default", None)
        if variable is None:
            monkeypatch.delenv(selection.VARIABLE, raising=False)
        else:
            monkeypatch.setenv(selection.VARIABLE, variable)
        selection._cuda_on.cache_clear()
        return cupy

    yield make
    selection._cuda_on.cache_clear()


@pytest.fixture(params=["cpu", "stand-in", pytest.param("cuda", marks=pytest.mark.gpu)])
def backend(request: pytest.FixtureRequest, machine: Machine) -> Any:
    """Every kind of backend; the stand-in runs the code for CuPy without a GPU."""
    if request.param == "cpu":
        return CpuBackend()
    if request.param == "stand-in":
        return CudaBackend(machine(StandIn(), driver=12090))
    missing = availability.obstacles()
    if missing:
        pytest.skip("; ".join(missing))
    return CudaBackend(cupy_module())
