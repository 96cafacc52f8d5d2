"""What cuBLASLt is told about a call, read back from the double and, where it is installed, from the library itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from backend.cublaslt_cases import CALLS, COLUMNS, INNER, ROWS, answers, call

from cuda_on_cpu import StandIn
from fusegrad.backend.cublaslt import library
from fusegrad.backend.cublaslt.descriptor import described, preference

# The binding asks for the driver's version and no more, as long as only descriptors are made.
DRIVER = """
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuInit(unsigned flags) { return 100; }  /* CUDA_ERROR_NO_DEVICE */
int cuGetErrorString(int error, const char **text) { *text = "a driver of a test"; return 0; }
int cuGetProcAddress(const char *name, void **found, int version, unsigned long long flags) {
    *found = 0; return 500;  /* CUDA_ERROR_NOT_FOUND */
}
int cuGetProcAddress_v2(const char *name, void **found, int version, unsigned long long flags, void *status) {
    *found = 0; return 500;
}
"""


def missing() -> str | None:
    """What the real library needs and is not here."""
    modules = {"nvmath": "nvmath-python", "nvidia.cublas": "a package of cuBLAS"}
    for module, name in modules.items():
        try:
            found = find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return f"{name} is not installed"
    return None if shutil.which("gcc") else "gcc, which builds a driver for it, is not installed"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The answers of the real library, in a process that finds a driver which offers no device."""
    if lack := missing():
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp("driver")
    source = folder / "driver.c"
    source.write_text(DRIVER)
    options = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(folder / "libcuda.so.1")]
    subprocess.run(["gcc", *options, str(source)], check=True)
    paths = [str(folder), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    tests = Path(__file__).parents[1]
    environment = os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(paths), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "backend.cublaslt_cases"]
    result = subprocess.run(command, cwd=tests, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def doubled() -> dict:
    return json.loads(json.dumps(answers(library(StandIn()))))


@pytest.mark.parametrize("question", ["numbers", "first values", "calls", "preferences", "refusals", "sizes"])
def test_the_double_answers_as_the_library_does(question, real, doubled):
    assert real["version"] >= 120900
    assert real[question] == doubled[question]


def test_all_calls_are_described(doubled):
    assert len(CALLS) == 16 * 7 + 4 + 3
    assert all(of["operation"]["EPILOGUE"] for of in doubled["calls"].values())


def test_an_epilogue_with_bias_and_aux_is_told_their_places_and_types(doubled):
    of = doubled["calls"]["GELU_AUX_BIAS bfloat16-bfloat16-exact"]["operation"]
    assert of == {
        "COMPUTE_TYPE": 68,
        "SCALE_TYPE": 0,
        "TRANSA": 0,
        "TRANSB": 0,
        "EPILOGUE": 164,
        "BIAS_POINTER": 1 << 20,
        "BIAS_DATA_TYPE": 14,
        "EPILOGUE_AUX_POINTER": 1 << 21,
        "EPILOGUE_AUX_LD": ROWS,
        "EPILOGUE_AUX_DATA_TYPE": 14,
    }


def test_a_mask_of_relu_has_no_type(doubled):
    of = doubled["calls"]["RELU_AUX_BIAS float32-float32-exact"]["operation"]
    assert "EPILOGUE_AUX_DATA_TYPE" not in of and of["EPILOGUE_AUX_LD"] == ROWS


@pytest.mark.parametrize(
    ("dtypes", "compute", "scale"),
    [
        ("float32-float32-exact", 68, 0),
        ("float32-float32-tf32", 77, 0),
        ("float16-float32-exact", 68, 0),
        ("bfloat16-bfloat16-exact", 68, 0),
        ("float64-float64-exact", 70, 1),
    ],
)
def test_sums_have_the_type_that_the_arithmetic_asks_for(dtypes, compute, scale, doubled):
    of = doubled["calls"][f"DEFAULT {dtypes}"]["operation"]
    assert (of["COMPUTE_TYPE"], of["SCALE_TYPE"]) == (compute, scale)


def test_transposed_factors_are_described_as_they_lie_in_memory(doubled):
    turned = doubled["calls"]["transposed (True, True)"]
    assert (turned["operation"]["TRANSA"], turned["operation"]["TRANSB"]) == (1, 1)
    assert turned["a"] == {"TYPE": 0, "ROWS": INNER, "COLS": ROWS, "LD": 131}
    assert turned["b"] == {"TYPE": 0, "ROWS": COLUMNS, "COLS": INNER, "LD": 132}


def test_a_stack_is_described_by_its_steps(doubled):
    stack = doubled["calls"]["a stack, added"]
    assert [stack[name]["STRIDED_BATCH_OFFSET"] for name in "abcd"] == [10_000, 10_000, 9_000, 8_000]
    assert {stack[name]["BATCH_COUNT"] for name in "abcd"} == {3}


def test_an_algorithm_has_to_observe_addresses_and_the_order_of_sums():
    of = preference(library(StandIn()), call(adds=True), 1 << 22).read_back()
    assert of == {
        "MAX_WORKSPACE_BYTES": 1 << 22,
        "REDUCTION_SCHEME_MASK": 2,  # parts in the type of the sums only
        "MIN_ALIGNMENT_A_BYTES": 256,
        "MIN_ALIGNMENT_B_BYTES": 256,
        "MIN_ALIGNMENT_C_BYTES": 8,
        "MIN_ALIGNMENT_D_BYTES": 256,
    }


def test_the_objects_of_the_library_are_freed_with_ours():
    functions = library(StandIn())
    descriptors = described(functions, call(adds=True))
    assert (len(functions.descriptors.alive), len(functions.layouts.alive)) == (1, 4)
    del descriptors
    assert not functions.descriptors.alive and not functions.layouts.alive
