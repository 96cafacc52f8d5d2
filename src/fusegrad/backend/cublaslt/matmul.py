"""A product of cuBLASLt, bound for good: called with nothing, it queues itself on the current stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.backend.cublaslt.algorithms import Algorithm, chosen
from fusegrad.backend.cublaslt.call import Call
from fusegrad.backend.cublaslt.descriptor import Descriptors, described, scale_dtype
from fusegrad.backend.cublaslt.library import Home


class Matmul:
    """A call with its algorithm, and all that has to stay alive for it.

    The call allocates, asks and waits for nothing, so a capture can record it.
    """

    __slots__ = ("algorithm", "arguments", "call", "descriptors", "home", "scales")

    def __init__(self, home: Home, call: Call, descriptors: Descriptors, algorithm: Algorithm) -> None:
        self.home, self.call, self.descriptors, self.algorithm = home, call, descriptors, algorithm
        self.scales = np.array([1, call.c is not None], scale_dtype(call))  # before op(A) op(B) and before C
        self.arguments = self.given()

    def given(self) -> tuple[int, ...]:
        """The arguments of `cublasLtMatmul`, but for the stream."""
        call, at = self.call, int(self.scales.ctypes.data)
        operation, a, b, c, d = self.descriptors.handles()
        added = call.d if call.c is None else call.c
        factors = at, call.a.address, a, call.b.address, b, at + self.scales.itemsize
        space = int(self.algorithm.data.ctypes.data), int(self.home.workspace.data.ptr), self.home.workspace.nbytes
        return self.home.handle, operation, *factors, added.address, c, call.d.address, d, *space

    def __call__(self) -> None:
        home: Any = self.home
        home.functions.matmul(*self.arguments, home.xp.cuda.get_current_stream().ptr)


def bound(home: Home, call: Call) -> Matmul | None:
    """The call with the algorithm chosen for it; None where the library has none.

    Raises RuntimeError while the current stream captures.
    """
    descriptors = described(home.functions, call)
    algorithm = chosen(home, call, descriptors, lambda algorithm: Matmul(home, call, descriptors, algorithm))
    return None if algorithm is None else Matmul(home, call, descriptors, algorithm)
