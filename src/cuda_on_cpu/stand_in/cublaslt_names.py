"""Names and numbers of cuBLASLt, as cublasLt.h 12.9 has them, as far as the double knows them."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Epilogue(IntEnum):
    DEFAULT = 1
    RELU = 2
    RELU_AUX = 130
    BIAS = 4
    RELU_BIAS = 6
    RELU_AUX_BIAS = 134
    DRELU = 136
    DRELU_BGRAD = 152
    GELU = 32
    GELU_AUX = 160
    GELU_BIAS = 36
    GELU_AUX_BIAS = 164
    DGELU = 192
    DGELU_BGRAD = 208
    BGRADA = 256
    BGRADB = 512


class MatmulDescAttribute(IntEnum):
    COMPUTE_TYPE = 0
    SCALE_TYPE = 1
    POINTER_MODE = 2
    TRANSA = 3
    TRANSB = 4
    EPILOGUE = 7
    BIAS_POINTER = 8
    EPILOGUE_AUX_POINTER = 11
    EPILOGUE_AUX_LD = 12
    EPILOGUE_AUX_DATA_TYPE = 22
    BIAS_DATA_TYPE = 26


class MatrixLayoutAttribute(IntEnum):
    TYPE = 0
    ORDER = 1
    ROWS = 2
    COLS = 3
    LD = 4
    BATCH_COUNT = 5
    STRIDED_BATCH_OFFSET = 6


class MatmulPreferenceAttribute(IntEnum):
    SEARCH_MODE = 0
    MAX_WORKSPACE_BYTES = 1
    REDUCTION_SCHEME_MASK = 3
    MIN_ALIGNMENT_A_BYTES = 5
    MIN_ALIGNMENT_B_BYTES = 6
    MIN_ALIGNMENT_C_BYTES = 7
    MIN_ALIGNMENT_D_BYTES = 8


class ReductionScheme(IntEnum):
    NONE = 0
    INPLACE = 1
    COMPUTE_TYPE = 2
    OUTPUT_TYPE = 4
    MASK = 7


class Status(IntEnum):
    """`cublasStatus_t`"""

    NOT_INITIALIZED = 1
    INVALID_VALUE = 7
    NOT_SUPPORTED = 15


class ComputeType(IntEnum):
    """`cublasComputeType_t`"""

    COMPUTE_32F = 68
    COMPUTE_64F = 70
    COMPUTE_32F_FAST_TF32 = 77


DTYPES = {0: "float32", 1: "float64", 2: "float16", 14: "bfloat16"}  # by cudaDataType

# Of every attribute the dtype of its value, and the value before it is set; -1 is the type of D.
DESC = {
    MatmulDescAttribute.COMPUTE_TYPE: ("int32", 0),
    MatmulDescAttribute.SCALE_TYPE: ("int32", 0),
    MatmulDescAttribute.POINTER_MODE: ("int32", 0),
    MatmulDescAttribute.TRANSA: ("int32", 0),
    MatmulDescAttribute.TRANSB: ("int32", 0),
    MatmulDescAttribute.EPILOGUE: ("uint32", 1),
    MatmulDescAttribute.BIAS_POINTER: ("intp", 0),
    MatmulDescAttribute.EPILOGUE_AUX_POINTER: ("intp", 0),
    MatmulDescAttribute.EPILOGUE_AUX_LD: ("int64", 0),
    MatmulDescAttribute.EPILOGUE_AUX_DATA_TYPE: ("int32", -1),
    MatmulDescAttribute.BIAS_DATA_TYPE: ("int32", -1),
}
LAYOUT = {
    MatrixLayoutAttribute.TYPE: ("uint32", 0),
    MatrixLayoutAttribute.ORDER: ("int32", 0),
    MatrixLayoutAttribute.ROWS: ("uint64", 0),
    MatrixLayoutAttribute.COLS: ("uint64", 0),
    MatrixLayoutAttribute.LD: ("int64", 0),
    MatrixLayoutAttribute.BATCH_COUNT: ("int32", 1),
    MatrixLayoutAttribute.STRIDED_BATCH_OFFSET: ("int64", 0),
}
PREFERENCE = {
    MatmulPreferenceAttribute.SEARCH_MODE: ("uint32", 0),
    MatmulPreferenceAttribute.MAX_WORKSPACE_BYTES: ("uint64", 0),
    MatmulPreferenceAttribute.REDUCTION_SCHEME_MASK: ("uint32", 7),
    MatmulPreferenceAttribute.MIN_ALIGNMENT_A_BYTES: ("uint32", 256),
    MatmulPreferenceAttribute.MIN_ALIGNMENT_B_BYTES: ("uint32", 256),
    MatmulPreferenceAttribute.MIN_ALIGNMENT_C_BYTES: ("uint32", 256),
    MatmulPreferenceAttribute.MIN_ALIGNMENT_D_BYTES: ("uint32", 256),
}

matmul_algo_dtype = np.dtype([("data_", np.uint64, (8,))])
matmul_heuristic_result_dtype = np.dtype(
    [
        ("algo", matmul_algo_dtype),
        ("workspace_size", np.uint64),
        ("state", np.int32),
        ("waves_count", np.float32),
        ("reserved", np.int32, (4,)),
    ]
)


class cuBLASLtError(Exception):
    """What nvmath raises; `status` is a `cublasStatus_t`."""

    def __init__(self, status: int, reason: str = "") -> None:
        self.status = int(status)
        super().__init__(f"{reason} (CUBLAS_STATUS_{Status(status).name})")


def dtype_name(number: int) -> str:
    """Of a cudaDataType; one that the double does not know has a name that no dtype has."""
    return DTYPES.get(number, f"cudaDataType {number}")
