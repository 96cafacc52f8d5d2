"""The launch layer: kernels are compiled, kept, loaded and checked, on the emulated GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cuda_on_cpu import StandIn
from fusegrad.backend import loading
from fusegrad.backend.compiler import KernelCompileError
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.backend.kernel import Kernel, LaunchError
from fusegrad.backend.kernels import generated_kernel
from fusegrad.backend.loading import architecture
from fusegrad.backend.sources import with_headers

SCALE = """
#include "storage.cuh"
#include "factor.cuh"
// y = factor x + offset: one thread per element.
template <class T> __global__ void __launch_bounds__(128) scale(const T* x, T* y, int n, float offset) {
    const int i = blockIdx.x * 128 + threadIdx.x;
    if (i < n) y[i] = stored<T>(FACTOR * widened(x[i]) + (x ? offset : 0));
}
"""


@pytest.fixture
def cuda(tmp_path: Path, monkeypatch) -> EmulatedBackend:
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    return EmulatedBackend("check")


def scale(array, factor: str = "#define FACTOR 2", text: str = SCALE, name: str = "scale<float>") -> Kernel:
    return loading.loaded(array, with_headers("scale.cu", text, {"factor.cuh": factor}), name)


def test_a_kernel_runs_with_what_it_is_bound_to(cuda):
    x, y = cuda.asarray(np.arange(200, dtype="float32")), cuda.empty((200,), "float32")
    launch = scale(x).bind((2,), (128,), x, y, 200, 0.5)
    launch()
    np.testing.assert_array_equal(cuda.to_numpy(y), 2 * np.arange(200) + 0.5)


def test_half_types_are_stored_and_floats_computed(cuda):
    x, y = cuda.asarray(np.full(3, 1.001, "float16")), cuda.empty((3,), "float16")
    scale(x, name="scale<__half>").bind((1,), (128,), x, y, 3, 0)()
    np.testing.assert_array_equal(cuda.to_numpy(y), np.float16(2 * np.float32(np.float16(1.001))))


def test_a_kernel_is_compiled_once_for_all_processes_and_loaded_once(cuda, monkeypatch, tmp_path):
    x = cuda.zeros((3,), "float32")
    first = scale(x)
    assert scale(x) is first
    assert len(list(tmp_path.glob("*.cubin"))) == 1
    other = EmulatedBackend("check")
    monkeypatch.setattr(loading, "compiled", None)  # whoever compiles, fails
    scale(other.zeros((3,), "float32")).bind((0,), (128,), None, None, 0, 0)()


def test_a_kernel_is_loaded_on_the_device_of_its_array(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    cupy, current = StandIn(devices=2), []
    with cupy.cuda.Device(1):
        x = cupy.zeros(3, "float32")
    load = loading.load
    monkeypatch.setattr(loading, "load", lambda *given: current.append(cupy.cuda.Device().id) or load(*given))
    scale(x)
    assert (current, cupy.cuda.Device().id) == ([1], 0)


def test_a_file_that_does_not_load_is_named(cuda, tmp_path, monkeypatch):
    def damaged(path):
        raise RuntimeError("CUDA_ERROR_INVALID_IMAGE: device kernel image is invalid")

    monkeypatch.setattr(cuda.xp, "RawModule", damaged)
    with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_IMAGE") as caught:
        scale(cuda.zeros((3,), "float32"))
    (file,) = tmp_path.glob("*.cubin")
    assert caught.value.__notes__ == [f"scale<float> was to be loaded from {file}; if that is damaged, delete it"]


@pytest.mark.parametrize("change", ["header", "text", "type", "mode"])
def test_another_source_or_compiler_is_another_cubin(cuda, tmp_path, change):
    array = cuda.zeros((3,), "float32")
    scale(array)
    match change:
        case "header":
            scale(array, factor="#define FACTOR 3")
        case "text":
            scale(array, text=SCALE.replace("offset : 0", "offset : 1"))
        case "type":
            scale(array, name="scale<double>")
        case "mode":
            scale(EmulatedBackend("fast").zeros((3,), "float32"))
    assert len(list(tmp_path.glob("*.cubin"))) == 2


def test_an_error_of_the_compiler_names_file_and_line(cuda):
    with pytest.raises(KernelCompileError, match=r"scale\.cu:7.*offse\b"):
        scale(cuda.zeros((3,), "float32"), text=SCALE.replace("offset : 0", "offse : 0"))


def test_an_error_in_a_header_names_the_header(cuda):
    with pytest.raises(KernelCompileError, match=r"factor\.cuh:2"):
        scale(cuda.zeros((3,), "float32"), factor="#define FACTOR 2\nbroken here;")


def test_a_kernel_of_several_files_needs_no_list_of_them():
    names = [name for name, _ in with_headers("a.cu", '#include "reduce.cuh"\n#include "storage.cuh"').headers]
    assert names == ["reduce.cuh", "storage.cuh"]


def wrong(cuda, x=None, y=None, n=3, offset=0.0, grid=(1,), block=(128,), **options):
    x = cuda.zeros((3,), "float32") if x is None else x
    y = cuda.zeros((3,), "float32") if y is None else y
    scale(cuda.zeros((3,), "float32")).bind(grid, block, x, y, n, offset, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            lambda cuda: {"x": cuda.zeros((3,), "float64")},
            "scale<float> expects x to be an array of float32, got float64",
        ),
        (lambda cuda: {"x": np.zeros(3, "float32")}, "expects x to be an array on the device, got ndarray"),
        (lambda cuda: {"x": cuda.zeros((6,), "float32")[::2]}, "expects x to be contiguous, got strides"),
        (lambda cuda: {"n": 3.5}, "expects n to be an integer that int32 holds, got 3.5"),
        (lambda cuda: {"n": 1 << 40}, "expects n to be an integer that int32 holds"),
        (lambda cuda: {"n": float("nan")}, "expects n to be an integer that int32 holds, got nan"),
        (lambda cuda: {"n": float("inf")}, "expects n to be an integer that int32 holds, got inf"),
        (lambda cuda: {"offset": "much"}, "expects offset to be a number, got str"),
        (lambda cuda: {"block": (129,)}, "expects blocks of 1 to 128 threads, got"),
        (lambda cuda: {"block": (8, 8, 4)}, "expects blocks of 1 to 128 threads, got"),
        (lambda cuda: {"grid": (1, 65536)}, "expects a grid of up to"),
        (lambda cuda: {"shared_bytes": 1 << 20}, "asks for 1048576 bytes of shared memory, the device has"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(cuda, arguments, message):
    with pytest.raises(LaunchError, match=message):
        wrong(cuda, **arguments(cuda))


def test_too_few_arguments_are_refused(cuda):
    with pytest.raises(LaunchError, match=r"expects 4 arguments \(x, y, n, offset\), got 1"):
        scale(cuda.zeros((3,), "float32")).bind((1,), (1,), 3)


def test_no_blocks_launch_nothing(cuda):
    x = cuda.zeros((3,), "float32")
    before = cuda.xp.counters.launches
    scale(x).bind((0,), (128,), x, x, 0, 0)()
    assert cuda.xp.counters.launches == before


STRUCT = """
struct Line { long long rise; int start; };
__global__ void __launch_bounds__(32) line(long long* y, const struct Line of) {
    y[threadIdx.x] = of.start + of.rise * threadIdx.x;
}
"""
LINE = np.dtype([("rise", "i8"), ("start", "i4")], align=True)


def test_a_struct_goes_as_an_array_without_axes(cuda):
    y = cuda.empty((32,), "int64")
    run = loading.loaded(y, with_headers("line.cu", STRUCT), "line")
    run.bind((1,), (32,), y, np.array((1 << 40, 3), LINE))()
    np.testing.assert_array_equal(cuda.to_numpy(y), 3 + (np.arange(32) << 40))


@pytest.mark.parametrize("value", [3, np.arange(2), np.zeros((1,), LINE)], ids=["number", "plain", "with-an-axis"])
def test_what_is_no_struct_is_refused_by_name(cuda, value):
    y = cuda.empty((32,), "int64")
    run = loading.loaded(y, with_headers("line.cu", STRUCT), "line")
    with pytest.raises(LaunchError, match="line expects of to be a structured array of NumPy without axes"):
        run.bind((1,), (32,), y, value)


def test_an_absent_array_is_a_null_pointer(cuda):
    y = cuda.zeros((3,), "float32")
    text = SCALE.replace("FACTOR * widened(x[i]) + (x ? offset : 0)", "x ? FACTOR : offset")
    scale(y, text=text).bind((1,), (128,), None, y, 3, 7)()
    assert cuda.to_numpy(y).tolist() == [7, 7, 7]


def test_shared_memory_beyond_48_kib_is_asked_for(cuda):
    text = """
    __global__ void last(float* y, int n) {
        extern __shared__ __align__(16) float numbers[];
        numbers[n - 1] = 3;
        y[0] = numbers[n - 1];
    }
    """
    y = cuda.zeros((1,), "float32")
    generated_kernel(y, "last.cu", text, "last").bind((1,), (1,), y, 20_000, shared_bytes=80_000)()
    assert cuda.to_numpy(y).tolist() == [3]


@pytest.mark.parametrize(("capability", "exact"), [("75", "75"), ("89", "89"), ("90", "90a"), ("120", "120a")])
def test_the_architecture_has_its_suffix_where_there_is_one(capability, exact):
    assert architecture(capability) == exact
