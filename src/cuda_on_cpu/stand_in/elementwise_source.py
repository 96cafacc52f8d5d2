"""The CUDA C++ text of an ElementwiseKernel, for given dtypes and a given number of axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

C_TYPES = {
    "bool": "bool",
    "int8": "signed char",
    "uint8": "unsigned char",
    "int16": "short",
    "uint16": "unsigned short",
    "int32": "int",
    "uint32": "unsigned int",
    "int64": "long long",
    "uint64": "unsigned long long",
    "float16": "__half",
    "float32": "float",
    "float64": "double",
    "bfloat16": "__nv_bfloat16",
}


@dataclass(frozen=True)
class Parameter:
    """`raw T x`: `type` is a dtype, or a variable of one letter."""

    name: str
    type: str
    raw: bool
    constant: bool

    @property
    def is_variable(self) -> bool:
        return len(self.type) == 1


def parameters(text: str, constant: bool) -> tuple[Parameter, ...]:
    """The parameters of a list such as "T x, raw float32 y"."""
    return tuple(parameter(part.split(), constant) for part in text.split(",") if part.strip())


def parameter(words: list[str], constant: bool) -> Parameter:
    raw = words[0] == "raw"
    if len(words) != 2 + raw:
        raise ValueError(f"a parameter reads `[raw] type name`, got {' '.join(words)!r}")
    kind, name = words[-2:]
    if name == "i" or name.startswith("_"):
        raise ValueError(f"the name {name!r} of a parameter is one that the loop uses")
    if len(kind) > 1 and np.dtype(kind).name not in C_TYPES:
        raise ValueError(f"the type {kind!r} of {name} is none that the stand-in knows")
    return Parameter(name, kind, raw, constant)


def source(
    name: str,
    params: Sequence[Parameter],
    types: Mapping[str, np.dtype[Any]],
    are_arrays: Sequence[bool],
    ndim: int,
    operation: str,
    preamble: str,
) -> str:
    """One thread per element; the offset of each array follows from the index by its strides, in elements."""
    variables = {p.type: C_TYPES[types[p.name].name] for p in params if p.is_variable}
    typedefs = "".join(f"    typedef {c_type} {letter};\n" for letter, c_type in sorted(variables.items()))
    declared, bound = [], ""
    for p, is_array in zip(params, are_arrays, strict=True):
        c_type = C_TYPES[types[p.name].name]
        declared += declarations(p, c_type, is_array, ndim)
        if is_array and not p.raw:
            bound += f"    {'const ' * p.constant}{c_type}& {p.name} = _raw_{p.name}[{offset(p.name, ndim)}];\n"
    declared += ["long long _total", *(f"long long _size_{axis}" for axis in range(ndim))]
    return f"""\
// Thread i handles element i, in C order, of the arrays broadcast to {ndim} axes.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
{preamble}
struct _Indexer {{
    long long total;
    __device__ long long size() const {{ return total; }}
}};
extern "C" __global__ void {name}({", ".join(declared)}) {{
{typedefs}    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= _total) return;
    const _Indexer _ind = {{_total}};
{indices(ndim)}{bound}{operation};
}}
"""


def declarations(p: Parameter, c_type: str, is_array: bool, ndim: int) -> list[str]:
    constant = "const " * p.constant
    if not is_array:
        return [f"{constant}{c_type} {p.name}"]
    if p.raw:
        return [f"{constant}{c_type}* {p.name}"]
    return [f"{constant}{c_type}* _raw_{p.name}", *(f"long long _stride_{p.name}_{axis}" for axis in range(ndim))]


def indices(ndim: int) -> str:
    """Of element i on each axis, the last first."""
    lines = ["    long long _rest = i;"]
    for axis in reversed(range(ndim)):
        lines.append(f"    const long long _index_{axis} = _rest % _size_{axis}; _rest /= _size_{axis};")
    return "\n".join(lines) + "\n"


def offset(name: str, ndim: int) -> str:
    return " + ".join(f"_index_{axis} * _stride_{name}_{axis}" for axis in range(ndim)) or "0"
