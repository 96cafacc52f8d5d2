"""What the library is told about a call, once: the operation, four layouts, and what an algorithm has to observe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fusegrad.backend.cublaslt.call import Call, Epilogue, Matrix, alignment
from fusegrad.backend.cublaslt.opaque import Opaque

# cudaDataType of library_types.h, cublasComputeType_t of cublas_api.h.
TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}
EXACT = {"float32": 68, "float16": 68, "bfloat16": 68, "float64": 70}  # COMPUTE_32F, COMPUTE_64F
FAST_TF32 = 77
# Parts of a sum may be added in a separate step, in the order of the parts and before rounding.  Left out are sums in
# place, where the order is that in which blocks take turns, and those of parts rounded to the type of D.
REDUCTIONS = "COMPUTE_TYPE"


@dataclass(frozen=True, eq=False)
class Descriptors:
    """The library's objects for one call, alive as long as this is."""

    operation: Opaque
    a: Opaque
    b: Opaque
    c: Opaque
    d: Opaque

    def handles(self) -> tuple[int, ...]:
        """In the order in which the library's functions take them."""
        return tuple(opaque.handle for opaque in (self.operation, self.a, self.b, self.c, self.d))

    def read_back(self) -> dict[str, dict[str, int]]:
        """What was set of each, as the library has it now."""
        return {name: opaque.read_back() for name, opaque in vars(self).items()}


def scale_dtype(call: Call) -> str:
    """Of the factors before op(A) op(B) and C."""
    return "float64" if call.a.dtype == "float64" else "float32"


def described(functions: Any, call: Call) -> Descriptors:
    """The objects for a call."""
    a, b, d = (layout(functions, matrix, call.count) for matrix in (call.a, call.b, call.d))
    c = d if call.c is None else layout(functions, call.c, call.count)
    return Descriptors(operation(functions, call), a, b, c, d)


def operation(functions: Any, call: Call) -> Opaque:
    compute = FAST_TF32 if call.arithmetic == "tf32" else EXACT[call.a.dtype]
    attributes = {"TRANSA": int(call.a.transposed), "TRANSB": int(call.b.transposed)}
    attributes |= of_epilogue(functions, call.epilogue)
    created = {"COMPUTE_TYPE": compute, "SCALE_TYPE": TYPES[scale_dtype(call)]}
    return Opaque(functions, "matmul_desc", created, attributes)


def of_epilogue(functions: Any, epilogue: Epilogue) -> dict[str, int]:
    attributes = {"EPILOGUE": int(functions.Epilogue[epilogue.name])}
    if epilogue.bias is not None:
        attributes |= {"BIAS_POINTER": address(epilogue.bias), "BIAS_DATA_TYPE": TYPES[str(epilogue.bias.dtype)]}
    if epilogue.aux is not None:
        attributes |= {"EPILOGUE_AUX_POINTER": address(epilogue.aux), "EPILOGUE_AUX_LD": epilogue.leading}
        if str(epilogue.aux.dtype) in TYPES:  # a mask of ReLU has no type
            attributes["EPILOGUE_AUX_DATA_TYPE"] = TYPES[str(epilogue.aux.dtype)]
    return attributes


def layout(functions: Any, matrix: Matrix, count: int) -> Opaque:
    created = {"TYPE": TYPES[matrix.dtype], "ROWS": matrix.rows, "COLS": matrix.columns, "LD": matrix.leading}
    attributes = {"BATCH_COUNT": count, "STRIDED_BATCH_OFFSET": matrix.step} if count > 1 else {}
    return Opaque(functions, "matrix_layout", created, attributes)


def preference(functions: Any, call: Call, workspace_bytes: int) -> Opaque:
    """What the library is to observe when it proposes algorithms."""
    matrices = {"A": call.a, "B": call.b, "C": call.c or call.d, "D": call.d}
    attributes = {
        "MAX_WORKSPACE_BYTES": workspace_bytes,
        "REDUCTION_SCHEME_MASK": int(functions.ReductionScheme[REDUCTIONS]),
    }
    attributes |= {f"MIN_ALIGNMENT_{name}_BYTES": alignment(matrix.address) for name, matrix in matrices.items()}
    return Opaque(functions, "matmul_preference", {}, attributes)


def address(array: Any) -> int:
    return int(array.data.ptr)
