"""The door to cuBLASLt: which one opens, and what is said where none does."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from cuda_on_cpu import StandIn
from fusegrad.backend import cublaslt
from fusegrad.backend.cublaslt.library import loaded


@pytest.fixture
def binding(monkeypatch: pytest.MonkeyPatch):
    """Sets what is found as nvmath's binding; None stands for one that is not installed."""

    def put(module: ModuleType | None) -> None:
        monkeypatch.setitem(sys.modules, "nvmath.bindings.cublasLt", module)
        monkeypatch.setitem(sys.modules, "nvmath.bindings", ModuleType("nvmath.bindings"))
        monkeypatch.setitem(sys.modules, "nvmath", ModuleType("nvmath"))
        loaded.cache_clear()

    yield put
    loaded.cache_clear()


CUPY = ModuleType("cupy")


def test_a_binding_that_is_not_installed_is_named_with_the_extras(binding):
    binding(None)
    assert cublaslt.library(CUPY) is None
    obstacle = cublaslt.obstacle(CUPY)
    assert obstacle is not None and "nvmath-python is not installed" in obstacle and "cuda12" in obstacle


def test_a_library_that_does_not_load_says_why(binding):
    def no_driver() -> int:
        raise RuntimeError("CUDA driver is not found")

    module = ModuleType("nvmath.bindings.cublasLt")
    module.get_version = no_driver
    binding(module)
    assert cublaslt.library(CUPY) is None
    assert cublaslt.obstacle(CUPY) == "cuBLASLt cannot be loaded: CUDA driver is not found"


def test_a_binding_that_works_is_what_cupy_gets(binding):
    module = ModuleType("nvmath.bindings.cublasLt")
    module.get_version = lambda: 120903
    binding(module)
    assert cublaslt.library(CUPY) is module and cublaslt.obstacle(CUPY) is None


def test_a_stand_in_gets_a_double_of_its_own():
    one, other = StandIn(), StandIn()
    assert cublaslt.library(one) is cublaslt.library(one)
    assert cublaslt.library(one) is not cublaslt.library(other)
    assert cublaslt.obstacle(one) is None


@pytest.mark.parametrize(
    ("architecture", "fuses"),
    [("75", False), ("80", False), ("89", False), ("90", True), ("100", True), ("120", False)],
)
def test_epilogues_are_fused_on_hopper_and_on_blackwell_for_servers(architecture, fuses):
    cupy = StandIn(architecture=architecture)
    home = cublaslt.home(cupy.empty(1, "float32"))
    assert home is not None and home.fuses is fuses


def test_the_package_loads_neither_binding_nor_double():
    program = (
        "import sys, fusegrad.backend.cublaslt; print([n for n in sys.modules if 'nvmath' in n or 'cuda_on' in n])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
