"""What cuBLASLt does not run, and wrong memory that the stand-in reports."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backend.cublaslt_bench import COLUMNS, INNER, ROWS, Bench

from cuda_on_cpu import LaunchError
from fusegrad.backend import cublaslt
from fusegrad.backend.cublaslt import Call, Epilogue

INVALID_VALUE, NOT_SUPPORTED = 7, 15


@pytest.fixture
def bench() -> Bench:
    return Bench()


def odd(bench: Bench, nbytes: int, *shape: int):
    """An array that begins so many bytes behind an aligned address."""
    size = int(np.prod(shape))
    return bench.draw(size + nbytes // 4)[nbytes // 4 :].reshape(shape)


REFUSED = {
    "a leading dimension below the rows": (lambda b, c: replace(c, a=replace(c.a, leading=ROWS - 1)), INVALID_VALUE),
    "inner axes of two lengths": (lambda b, c: replace(c, b=b.matrix(INNER + 1, COLUMNS)), INVALID_VALUE),
    "D of another shape": (lambda b, c: replace(c, d=b.matrix(ROWS + 1, COLUMNS)), INVALID_VALUE),
    "no rows": (lambda b, c: replace(c, a=replace(c.a, rows=0), d=replace(c.d, rows=0)), INVALID_VALUE),
    "matrices of D on top of each other": (lambda b, c: replace(c, count=2), INVALID_VALUE),
    "a bias of nothing": (lambda b, c: replace(c, epilogue=Epilogue("BIAS")), INVALID_VALUE),
    "sums to nowhere": (lambda b, c: replace(c, epilogue=Epilogue("BGRADA")), INVALID_VALUE),
    "aux at nowhere": (lambda b, c: replace(c, epilogue=Epilogue("GELU_AUX")), INVALID_VALUE),
    "aux at 4 bytes": (
        lambda b, c: replace(c, epilogue=Epilogue("GELU_AUX", None, odd(b, 4, COLUMNS, ROWS), ROWS)),
        INVALID_VALUE,
    ),
    "lines of aux that are not of 8": (
        lambda b, c: replace(c, epilogue=Epilogue("GELU_AUX", None, b.draw(COLUMNS, ROWS + 1), ROWS + 1)),
        INVALID_VALUE,
    ),
    "lines of aux that are too short": (
        lambda b, c: replace(c, epilogue=Epilogue("GELU_AUX", None, b.draw(COLUMNS, ROWS), ROWS - 8)),
        INVALID_VALUE,
    ),
    "a mask whose lines are not of 128 bits": (
        lambda b, c: replace(c, epilogue=Epilogue("RELU_AUX", None, b.cupy.empty((COLUMNS, 3), "uint8"), 24)),
        INVALID_VALUE,
    ),
    "a bias of another type": (
        lambda b, c: replace(c, epilogue=Epilogue("BIAS", b.draw(ROWS, dtype="float16"))),
        NOT_SUPPORTED,
    ),
    "aux of another type": (
        lambda b, c: replace(c, epilogue=Epilogue("GELU_AUX", None, b.draw(COLUMNS, ROWS, dtype="float16"), ROWS)),
        NOT_SUPPORTED,
    ),
    "factors of two types": (lambda b, c: replace(c, b=b.matrix(INNER, COLUMNS, "float16")), NOT_SUPPORTED),
    "half a result of float32": (lambda b, c: replace(c, d=b.matrix(ROWS, COLUMNS, "float16")), NOT_SUPPORTED),
    "an epilogue of float64": (
        lambda b, c: b.call(("float64", "float64"), Epilogue("BIAS", b.draw(ROWS, dtype="float64"))),
        NOT_SUPPORTED,
    ),
    "the slope of a product over one": (
        lambda b, c: Call(
            b.matrix(ROWS, 1), b.matrix(1, COLUMNS), c.d, epilogue=Epilogue("DGELU", None, b.draw(COLUMNS, ROWS), ROWS)
        ),
        NOT_SUPPORTED,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_library_would_not_run_is_refused(what, bench):
    change, expected = REFUSED[what]
    assert bench.status(bench.call()) == 0
    assert bench.status(change(bench, bench.call())) == expected


def test_a_workspace_that_is_too_small_is_refused(bench):
    bound = bench.bound(bench.call())
    *arguments, nbytes = bound.arguments
    bound.arguments = (*arguments, bound.algorithm.workspace_bytes - 1)
    with pytest.raises(bound.home.functions.cuBLASLtError, match="CUBLAS_STATUS_INVALID_VALUE") as refused:
        bound()
    assert refused.value.status == INVALID_VALUE and nbytes > bound.algorithm.workspace_bytes


def test_an_algorithm_for_aligned_arrays_does_not_run_on_others(bench):
    call = bench.call()
    algorithm = bench.bound(call).algorithm
    moved = replace(call, a=replace(call.a, memory=odd(bench, 4, INNER, ROWS)))
    bound = bench.bound(moved)
    bound()
    descriptors = bound.descriptors
    with pytest.raises(bound.home.functions.cuBLASLtError, match="was chosen for 256 bytes"):
        cublaslt.Matmul(bound.home, moved, descriptors, algorithm)()


def test_memory_that_was_never_written_is_reported(bench):
    call = bench.call()
    call = replace(call, b=replace(call.b, memory=bench.cupy.empty((COLUMNS, INNER), "float32")))
    with pytest.raises(LaunchError, match="cublasLtMatmul, of B, reads element"):
        bench.bound(call)()


def test_a_matrix_that_leaves_its_memory_is_reported(bench):
    call = bench.call()
    call = replace(call, a=replace(call.a, leading=ROWS + 1))
    with pytest.raises(LaunchError, match=r"cublasLtMatmul, A: .* the memory of the device ends"):
        bench.bound(call)()


def test_a_result_over_a_factor_is_reported(bench):
    call = bench.call()
    square = bench.matrix(INNER, INNER)
    with pytest.raises(LaunchError, match="D, which is written, overlaps A"):
        bench.bound(replace(call, a=square, b=bench.matrix(INNER, INNER), d=square))()
