from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cuda_on_cpu import StandIn
from fusegrad.backend import BackendUnavailable, current, resolve, select, using
from fusegrad.backend.selection import current_choice


def in_a_thread(function: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_auto_is_cpu_without_a_gpu_and_cuda_with_one(machine: Any) -> None:
    machine()
    assert current().name == "cpu"
    machine(StandIn(), driver=12090)
    assert current().name == "cuda"


def test_auto_with_a_gpu_but_without_its_libraries_raises_and_does_not_fall_back(machine: Any) -> None:
    del machine(StandIn(), driver=12090).cuda.cublas
    with pytest.raises(BackendUnavailable, match="cannot load cuBLAS"):
        current()


def test_the_variable_overrides_auto_and_only_auto(machine: Any) -> None:
    machine(StandIn(), driver=12090, variable="cpu")
    assert current().name == select("auto").name == "cpu"
    assert select("cuda").name == current().name == "cuda"


@pytest.mark.parametrize("value", ["", "auto"])
def test_a_variable_that_says_nothing_leaves_auto_as_it_is(machine: Any, value: str) -> None:
    machine(variable=value)
    assert current().name == "cpu"


def test_select_is_for_all_threads(machine: Any) -> None:
    machine(StandIn(), driver=12090)
    select("cpu")
    assert in_a_thread(current) is current()
    assert in_a_thread(lambda: select("cuda")) is current()


def test_using_nests_and_is_undone_by_an_error(machine: Any) -> None:
    machine(StandIn(), driver=12090)
    with pytest.raises(ZeroDivisionError), using("cpu") as outer:
        with using("cuda") as inner:
            assert current() is inner
        assert current() is outer
        raise ZeroDivisionError
    assert (outer.name, inner.name, current().name) == ("cpu", "cuda", "cuda")


def test_using_is_for_its_own_thread_and_goes_before_select(machine: Any) -> None:
    machine(StandIn(), driver=12090)
    with using("cpu"):
        select("cuda")
        assert current().name == "cpu"
        assert in_a_thread(current).name == "cuda"


def test_resolve_changes_nothing(machine: Any) -> None:
    machine(StandIn(), driver=12090, variable="cpu")
    assert resolve("cuda").name == "cuda"
    assert resolve("auto") is current() is resolve("cpu")


def test_there_is_one_cuda_backend_for_each_device(machine: Any) -> None:
    cupy = machine(StandIn(devices=2), driver=12090)
    first = resolve("cuda")
    with cupy.cuda.Device(1):
        assert resolve("cuda") is not first
    assert resolve("cuda") is first


def test_cuda_without_a_gpu_says_what_to_do_and_leaves_the_default(machine: Any) -> None:
    machine(variable="cpu")
    before = select("auto")
    with pytest.raises(BackendUnavailable) as error:
        select("cuda")
    assert str(error.value) == (
        'the backend "cuda" cannot run here: no NVIDIA driver was found: install the one for your GPU; '
        'CuPy is not installed: pip install "fusegrad[cuda12]"'
    )
    assert current() is before
    with pytest.raises(BackendUnavailable), using("cuda"):
        pass
    assert current() is before


def test_unknown_names(machine: Any) -> None:
    machine(variable="cudaa")
    with pytest.raises(ValueError, match='unknown backend "gpus"; known: auto, cpu, cuda'):
        select("gpus")
    with pytest.raises(ValueError, match='FUSEGRAD_BACKEND names an unknown backend "cudaa"; perhaps you meant "cuda"'):
        current()


@pytest.mark.parametrize(
    ("variable", "call", "why"),
    [
        (None, None, "auto: CuPy sees no GPU"),
        ("cpu", None, "auto: FUSEGRAD_BACKEND=cpu"),
        (None, "auto", 'select("auto"): CuPy sees no GPU'),
        (None, "cpu", 'select("cpu")'),
    ],
)
def test_the_reason_of_a_choice_is_kept(machine: Any, variable: str | None, call: str | None, why: str) -> None:
    machine(variable=variable)
    if call:
        select(call)
    assert current_choice().why == why
    with using("cpu"):
        assert current_choice().why == 'using("cpu")'
