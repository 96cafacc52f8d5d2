"""Matrix products by cuBLASLt, through NVIDIA's own binding `nvmath.bindings.cublasLt`.

CuPy refuses its cuBLAS while a stream captures; cuBLASLt takes stream and workspace as arguments, and is recorded like
a kernel.  What a call is made of is set once, when it is bound; the call itself asks, allocates and waits for nothing.
"""

from __future__ import annotations

from fusegrad.backend.cublaslt.call import Call, Epilogue, Matrix
from fusegrad.backend.cublaslt.library import Home, home, library, obstacle
from fusegrad.backend.cublaslt.matmul import Matmul, bound

__all__ = ["Call", "Epilogue", "Home", "Matmul", "Matrix", "bound", "home", "library", "obstacle"]
