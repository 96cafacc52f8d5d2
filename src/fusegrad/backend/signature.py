"""What a kernel wants to be given, read from its C++ text: CuPy passes any arguments to any kernel.

The text is the project's own, so a few forms are all there are: `const T* __restrict__ x`, `float eps`, with types of
C_TYPES, parameters of the kernel's template, `accumulator<T>` (see kernels/storage.cuh); and `struct Name`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

C_TYPES = {
    "bool": "bool",
    "signed char": "int8",
    "unsigned char": "uint8",
    "short": "int16",
    "unsigned short": "uint16",
    "int": "int32",
    "unsigned": "uint32",
    "unsigned int": "uint32",
    "long long": "int64",
    "unsigned long long": "uint64",
    "__half": "float16",
    "__nv_bfloat16": "bfloat16",
    "float": "float32",
    "double": "float64",
}
STRUCT = "struct"  # in place of a dtype
BY_DTYPE = {dtype: name for name, dtype in C_TYPES.items() if name != "unsigned int"}
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: its name, the dtype, and whether it is the address of an array."""

    name: str
    dtype: str
    is_array: bool


def c_type(dtype: object) -> str:
    """The C++ type of an array's elements, `__half` for float16; TypeError where kernels have none."""
    if str(dtype) not in BY_DTYPE:
        raise TypeError(f"kernels have no type for {dtype}; they know {', '.join(BY_DTYPE)}")
    return BY_DTYPE[str(dtype)]


def accumulated(dtype: object) -> str:
    """The dtype in which kernels add numbers of a dtype: `accumulator` of kernels/storage.cuh."""
    return "float64" if str(dtype) == "float64" else "float32"


def parameters(text: str, name: str) -> tuple[Parameter, ...]:
    """The parameters of the kernel `name`, such as "layer_norm_forward<float>", in a source; ValueError without it."""
    plain, _, arguments = name.partition("<")
    code = COMMENT.sub("", text)
    found = re.search(rf"__global__[^;{{}}]*?\b{plain}\s*\(", code)
    if not found:
        raise ValueError(f"the source has no kernel {plain}")
    known = dict(zip(template_parameters(code[: found.start()]), split(arguments.rstrip(">")), strict=False))
    return tuple(parameter(item, known) for item in split(code[found.end() : closing(code, found.end())]))


def template_parameters(before: str) -> list[str]:
    """The names in the `template <class T, int THREADS>` that ends a text, none without it."""
    found = re.search(r"template\s*<([^<>]*)>\s*(?:extern\s+\"C\"\s*)?$", before)
    return [item.split()[-1] for item in split(found[1])] if found else []


def closing(code: str, start: int) -> int:
    """Where the bracket closes that was opened before `start`."""
    depth = 1
    for place in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if depth == 0:
            return place
    raise ValueError("the parameters of the kernel do not end")


def split(items: str) -> list[str]:
    """The parts between the commas that no <> encloses."""
    parts, depth = [""], 0
    for character in items:
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def parameter(text: str, known: dict[str, str]) -> Parameter:
    words = re.sub(r"\b(const|__restrict__|__grid_constant__)\b", " ", text.replace("*", " * ")).split()
    name, words = words[-1], words[:-1]
    is_array = "*" in words
    dtype = element(" ".join(word for word in words if word != "*"), known)
    if is_array and dtype == STRUCT:
        raise ValueError(f"a parameter of a kernel, {name}, points to a struct, which arrays have none of")
    return Parameter(name, dtype, is_array)


def element(spelled: str, known: dict[str, str]) -> str:
    """The dtype of a C++ type."""
    sums = re.fullmatch(r"accumulator<\s*(\w+)\s*>", spelled)
    if sums:
        return accumulated(element(sums[1], known))
    if spelled.startswith("struct "):
        return STRUCT
    spelled = known.get(spelled, spelled)
    if spelled not in C_TYPES:
        raise ValueError(f"a parameter of a kernel has the type {spelled}, which is none of {', '.join(C_TYPES)}")
    return C_TYPES[spelled]
