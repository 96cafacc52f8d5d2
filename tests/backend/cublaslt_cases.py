"""Calls of cuBLASLt as descriptors, and what the library, or its double, answers about them.

Run as a program it prints the answers of the real library; descriptors need neither a GPU nor memory behind addresses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from fusegrad.backend.cublaslt import Call, Epilogue, Matrix
from fusegrad.backend.cublaslt.descriptor import described, preference
from fusegrad.backend.cublaslt.opaque import ENUMERATIONS

ROWS, INNER, COLUMNS = 128, 24, 40  # of op(A) op(B)
EPILOGUES = [
    "DEFAULT",
    "BIAS",
    "RELU",
    "RELU_BIAS",
    "RELU_AUX",
    "RELU_AUX_BIAS",
    "GELU",
    "GELU_BIAS",
    "GELU_AUX",
    "GELU_AUX_BIAS",
    "DRELU",
    "DRELU_BGRAD",
    "DGELU",
    "DGELU_BGRAD",
    "BGRADA",
    "BGRADB",
]
DTYPES = [
    ("float32", "float32", "exact"),
    ("float32", "float32", "tf32"),
    ("float16", "float16", "exact"),
    ("bfloat16", "bfloat16", "exact"),
    ("float16", "float32", "exact"),
    ("bfloat16", "float32", "exact"),
    ("float64", "float64", "exact"),
]
LAYOUTS = [(False, False), (False, True), (True, False), (True, True)]


@dataclass(frozen=True)
class Address:
    """All that a descriptor takes of an array."""

    dtype: str
    address: int

    @property
    def data(self) -> SimpleNamespace:
        return SimpleNamespace(ptr=self.address)


def call(
    epilogue: str = "DEFAULT",
    dtypes: tuple[str, str, str] = DTYPES[0],
    transposed: tuple[bool, bool] = (False, False),
    count: int = 1,
    adds: bool = False,
) -> Call:
    factors, result, arithmetic = dtypes
    sizes = (ROWS, INNER), (INNER, COLUMNS)
    a, b = (
        Matrix(Address(factors, 256 * number), *(size[::-1] if turned else size), 130 + number, 10_000, turned)
        for number, size, turned in zip((1, 2), sizes, transposed, strict=True)
    )
    d = Matrix(Address(result, 4096), ROWS, COLUMNS, ROWS, 8_000)
    c = Matrix(Address(result, 8200), ROWS, COLUMNS, ROWS + 8, 9_000) if adds else None
    return Call(a, b, d, c, described_epilogue(epilogue, result), count, arithmetic)


def described_epilogue(name: str, dtype: str) -> Epilogue:
    bias = Address(dtype, 1 << 20) if "BIAS" in name or "BGRAD" in name else None
    has_aux = "AUX" in name or name.startswith(("DRELU", "DGELU"))
    aux = Address("uint8" if "RELU" in name else dtype, 1 << 21) if has_aux else None
    return Epilogue(name, bias, aux, ROWS if has_aux else 0)


CALLS = {
    **{f"{name} {'-'.join(dtypes)}": call(name, dtypes) for name in EPILOGUES for dtypes in DTYPES},
    **{f"transposed {layout}": call(transposed=layout) for layout in LAYOUTS},
    "a stack": call(count=3),
    "a stack, added": call(count=3, adds=True),
    "added": call(adds=True),
}


def answers(functions: Any) -> dict[str, Any]:
    """What a library says to all calls, the numbers of its names, its first values, and what it refuses."""
    return {
        "calls": {name: described(functions, item).read_back() for name, item in CALLS.items()},
        "preferences": {name: preference(functions, item, 1 << 22).read_back() for name, item in CALLS.items()},
        "numbers": numbers(functions),
        "first values": first_values(functions),
        "refusals": {name: status(functions, attempt) for name, attempt in attempts(functions).items()},
        "sizes": [functions.matmul_algo_dtype.itemsize, layout_of(functions.matmul_heuristic_result_dtype)],
    }


def layout_of(dtype: np.dtype) -> dict[str, list[Any]]:
    return {
        name: [str(part[0].base if part[0].fields is None else "struct"), part[1]]
        for name, part in dtype.fields.items()
    }


def numbers(functions: Any) -> dict[str, dict[str, int]]:
    """Of the names that the double has."""
    from cuda_on_cpu.stand_in import cublaslt_names

    kinds = [*ENUMERATIONS.values(), "Epilogue", "ReductionScheme"]
    return {
        kind: {item.name: int(getattr(functions, kind)[item.name]) for item in getattr(cublaslt_names, kind)}
        for kind in kinds
    }


def first_values(functions: Any) -> dict[str, dict[str, tuple[int, str]]]:
    """Of every attribute that the double has the value before it is set, and its dtype."""
    created = {"matmul_desc": (68, 0), "matrix_layout": (0, 4, 6, 5), "matmul_preference": ()}
    found = {}
    for kind, arguments in created.items():
        handle = getattr(functions, f"{kind}_create")(*arguments)
        found[kind] = {}
        for name, number in numbers(functions)[ENUMERATIONS[kind]].items():
            dtype = np.dtype(getattr(functions, f"get_{kind}_attribute_dtype")(number))
            value, size = np.zeros(1, dtype), np.zeros(1, np.uint64)
            get = getattr(functions, f"{kind}_get_attribute")
            get(handle, number, value.ctypes.data, value.nbytes, size.ctypes.data)
            found[kind][name] = [int(value[0]), dtype.name, int(size[0])]
        getattr(functions, f"{kind}_destroy")(handle)
    return found


def attempts(functions: Any) -> dict[str, Any]:
    """Calls that a library refuses, or that make no sense and are taken all the same."""
    desc, layout = functions.matmul_desc_create(68, 0), functions.matrix_layout_create(0, 4, 4, 4)
    epilogue, of_layout = int(functions.MatmulDescAttribute.EPILOGUE), functions.MatrixLayoutAttribute
    value = np.zeros(8, np.int64)
    at = value.ctypes.data

    def heuristic() -> None:
        functions.matmul_algo_get_heuristic(0, desc, layout, layout, layout, layout, 0, 1, at, at)

    def check() -> None:
        functions.matmul_algo_check(0, desc, layout, layout, layout, layout, at, at)

    def product() -> None:
        functions.matmul(0, desc, at, 0, layout, 0, layout, at, 0, layout, 0, layout, at, 0, 0, 0)

    return {
        "an epilogue of 8 bytes": lambda: functions.matmul_desc_set_attribute(desc, epilogue, at, 8),
        "an epilogue of 2 bytes": lambda: functions.matmul_desc_set_attribute(desc, epilogue, at, 2),
        "an epilogue from nowhere": lambda: functions.matmul_desc_set_attribute(desc, epilogue, 0, 4),
        "an unknown epilogue": lambda: functions.matmul_desc_set_attribute(desc, epilogue, at, 4),
        "an unknown attribute": lambda: functions.matmul_desc_set_attribute(desc, 99, at, 8),
        "too small a place for an epilogue": lambda: functions.matmul_desc_get_attribute(desc, epilogue, at, 2, at),
        "too small a leading dimension": lambda: functions.matrix_layout_create(0, 4, 4, 3),
        "no matrices": lambda: functions.matrix_layout_set_attribute(layout, int(of_layout.BATCH_COUNT), at, 4),
        "an unknown type": lambda: functions.matrix_layout_create(99, 4, 4, 4),
        "an unknown compute type": lambda: functions.matmul_desc_create(999, 0),
        "algorithms without a handle": heuristic,
        "a check without a handle": check,
        "a product without a handle": product,
    }


def status(functions: Any, attempt: Any) -> int:
    """The `cublasStatus_t` of what an attempt raises, 0 where it raises nothing."""
    try:
        attempt()
    except functions.cuBLASLtError as error:
        return int(error.status)
    return 0


if __name__ == "__main__":
    from nvmath.bindings import cublasLt

    print(json.dumps({"version": cublasLt.get_version(), **answers(cublasLt)}))
