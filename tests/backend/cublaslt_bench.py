"""Arrays and calls for tests of cuBLASLt on a stand-in."""

from __future__ import annotations

from math import sqrt

import numpy as np
from checks import eps_of

from cuda_on_cpu import StandIn
from fusegrad.backend import cublaslt
from fusegrad.backend.cublaslt import Call, Epilogue, Matrix
from fusegrad.backend.cuda import CudaBackend

ROWS, INNER, COLUMNS = 24, 7, 5  # of op(A), op(B)


class Bench:
    """Arrays on a stand-in for an H100, by columns as the library has them."""

    def __init__(self, architecture: str = "90") -> None:
        self.cupy = StandIn(architecture=architecture)
        self.backend = CudaBackend(self.cupy)
        self.generator = np.random.default_rng(0)

    def draw(self, *shape: int, dtype: str = "float32"):
        return self.cupy.asarray(self.generator.uniform(-1, 1, shape).astype(dtype))

    def matrix(self, rows: int, columns: int, dtype: str = "float32", *, transposed: bool = False) -> Matrix:
        memory = self.draw(columns, rows, dtype=dtype)
        return Matrix(memory, rows, columns, rows, transposed=transposed)

    def call(self, dtypes=("float32", "float32"), epilogue: Epilogue | None = None, **others) -> Call:
        factors, result = dtypes
        a, b = self.matrix(ROWS, INNER, factors), self.matrix(INNER, COLUMNS, factors)
        return Call(a, b, self.matrix(ROWS, COLUMNS, result), epilogue=epilogue or Epilogue(), **others)

    def home(self) -> cublaslt.Home:
        found = cublaslt.home(self.cupy.empty(1, "float32"))
        assert found is not None
        return found

    def bound(self, call: Call) -> cublaslt.Matmul:
        bound = cublaslt.bound(self.home(), call)
        assert bound is not None
        return bound

    def status(self, call: Call) -> int:
        """What the library says when it is asked for algorithms."""
        home = self.home()
        descriptors = cublaslt.descriptor.described(home.functions, call)
        wanted = cublaslt.descriptor.preference(home.functions, call, home.workspace.nbytes)
        results, count = np.zeros(1, home.functions.matmul_heuristic_result_dtype), np.zeros(1, np.int32)
        try:
            home.functions.matmul_algo_get_heuristic(
                home.handle, *descriptors.handles(), wanted.handle, 1, results.ctypes.data, count.ctypes.data
            )
        except home.functions.cuBLASLtError as error:
            return error.status
        return 0


def wide(matrix: Matrix) -> np.ndarray:
    """op of the matrix, in float64 and as one thinks of it."""
    plane = matrix.memory.get().astype("float64")
    return plane if matrix.transposed else plane.T


def close(actual: np.ndarray, expected: np.ndarray, dtype: str, reduction: int = INNER) -> None:
    error = np.abs(actual.astype("float64") - expected).max()
    assert error <= 8 * eps_of(dtype) * sqrt(reduction) * np.sqrt(np.mean(np.square(expected)))
