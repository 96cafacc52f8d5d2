"""What a call of cuBLASLt touches, from addresses to arrays, and its way to the stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.array import Array
from cuda_on_cpu.stand_in.cublaslt_checks import Layout, Problem
from cuda_on_cpu.stand_in.cublaslt_product import multiply
from cuda_on_cpu.stand_in.marks import mark_written, require_written
from cuda_on_cpu.stand_in.memory import overlap
from cuda_on_cpu.stand_in.raw_copies import device_bytes

NAME = "cublasLtMatmul"
Arrays = dict[str, Array]


def launch(
    stand_in: Any,
    problem: Problem,
    scales: tuple[float, float],
    addresses: dict[str, int],
    workspace: tuple[int, int],
    stream: int,
) -> None:
    """Give the product, with alpha and beta, to the stream with this number.

    LaunchError where it would leave an allocation, or write what it reads.
    """
    arrays = matrices(stand_in, problem, addresses) | beside(stand_in, problem)
    if not scales[1]:
        del arrays["C"]  # which the library does not read then
    arrays["workspace"] = at(stand_in, "the workspace", workspace[0], (workspace[1],), (1,), np.dtype("uint8"))
    written = written_names(problem)
    require_apart(arrays, written)
    touched = [(array, name in written) for name, array in arrays.items()]
    if stand_in.submit(NAME, run, (problem, *scales, arrays), touched, stand_in.cuda.stream_of(stream)):
        stand_in.counters.add(launches=1)


def run(problem: Problem, alpha: float, beta: float, arrays: Arrays) -> None:
    written = written_names(problem)
    for name, array in arrays.items():
        if name not in written:
            require_written(array, f"{NAME}, of {name},")
    with np.errstate(all="ignore"):
        multiply(problem, alpha, beta, {name: array.host for name, array in arrays.items()})
    for name in written - {"workspace"}:
        mark_written(arrays[name])


def written_names(problem: Problem) -> set[str]:
    bias = {"bias"} if "BGRAD" in problem.name else set()
    return {"D", "workspace"} | bias | ({"aux"} if problem.writes_aux else set())


def matrices(stand_in: Any, problem: Problem, addresses: dict[str, int]) -> Arrays:
    return {name: stack(stand_in, name, addresses[name], layout) for name, layout in problem.layouts.items()}


def stack(stand_in: Any, name: str, address: int, layout: Layout) -> Array:
    """Of shape (count, rows, columns)."""
    dtype = np.dtype(layout.dtype)
    steps = layout.step, 1, layout.leading
    strides = tuple(step * dtype.itemsize for step in steps)
    return at(stand_in, name, address, (layout.count, layout.rows, layout.columns), strides, dtype)


def beside(stand_in: Any, problem: Problem) -> Arrays:
    """Bias and aux, where the epilogue has them."""
    found: Arrays = {}
    dtype, rows, columns = np.dtype(problem.d.dtype), problem.d.rows, problem.d.columns
    if problem.uses_bias:
        size = columns if problem.name == "BGRADB" else rows
        found["bias"] = at(stand_in, "bias", problem.bias, (size,), (dtype.itemsize,), dtype)
    if problem.writes_aux or problem.reads_aux:
        if "RELU" in problem.name:  # bits
            dtype, rows, leading = np.dtype("uint8"), -(-rows // 8), problem.aux_leading // 8
        else:
            leading = problem.aux_leading * dtype.itemsize
        found["aux"] = at(stand_in, "aux", problem.aux, (rows, columns), (dtype.itemsize, leading), dtype)
    return found


def at(
    stand_in: Any, name: str, address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    """The array at an address."""
    nbytes = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) + dtype.itemsize
    span = device_bytes(stand_in, f"{NAME}, {name}", address, nbytes)
    return span.seen_as(np.ndarray(shape, dtype, span.memory.raw, address - span.memory.start, strides))


def require_apart(arrays: Arrays, written: set[str]) -> None:
    """LaunchError where something is written that is used under another name, but for C, which may be D."""
    for name in sorted(written):
        for other, array in arrays.items():
            same = {name, other} == {"C", "D"} and array.data.ptr == arrays[name].data.ptr
            if other != name and not same and overlap(array.host, arrays[name].host):
                raise LaunchError(f"{NAME}: {name}, which is written, overlaps {other}")
