"""Expressions as CUDA C++: device functions for kernels that others write, and whole kernels for loops.

Arithmetic is float or double, never mixed: every literal carries the type, and C++ chooses `exp(float)` by overloading.
The half types are storage only; they are read as float and rounded once, when they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fusegrad.expr.functions import Function
from fusegrad.expr.loop import COLUMN, FULL, NUMBER, ROW, Loop
from fusegrad.expr.node import Expr, topological
from fusegrad.expr.primitives import PRIMITIVES

# What the texts call beside CUDA's own functions; a kernel file takes it once, before any of them.
PREAMBLE = """\
// The smaller of two, NaN where one is: like np.minimum, and unlike fminf, which drops a NaN.
template <class T> __device__ __forceinline__ T fg_min(T a, T b) { return a < b || a != a ? a : b; }

// The larger of two, NaN where one is.
template <class T> __device__ __forceinline__ T fg_max(T a, T b) { return a > b || a != a ? a : b; }

// -1, 0 or 1, NaN for NaN.
template <class T> __device__ __forceinline__ T fg_sign(T x) { return x > T(0) ? T(1) : x < T(0) ? T(-1) : x; }

// 1 / (1 + e^-x), which is 0 where e^-x overflows.
template <class T> __device__ __forceinline__ T fg_sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }
"""


@dataclass(frozen=True)
class Storage:
    """How elements of a dtype lie in memory: their C++ type, what computes them, and the way from one to the other."""

    element: str
    arithmetic: str
    load: str = "{}"
    store: str = "{}"
    include: str = ""


STORAGES = {
    "float": Storage("float", "float"),
    "double": Storage("double", "double"),
    "half": Storage("__half", "float", "__half2float({})", "__float2half_rn({})", "cuda_fp16.h"),
    "bfloat16": Storage("__nv_bfloat16", "float", "__bfloat162float({})", "__float2bfloat16_rn({})", "cuda_bf16.h"),
}


def device_function(function: Function, dtype: str, name: str) -> str:
    """Device functions `name`, of the arguments and scalars, and `name_by_<argument>`, its derivatives; dtype is
    "float" or "double".  They need PREAMBLE.

    The derivatives take what `Function.kept_slopes` is made of: y, the output, alone where that is enough, else the
    arguments; the scalars follow.  A function of several outputs writes them to its last parameters, and has no
    derivatives here.
    """
    given = [*function.arguments, *function.scalars]
    if len(function.outputs) > 1:
        return f"// {function}\n{device_text(name, given, function.outputs, dtype)}"
    texts = [f"// {function}: {function.output}\n{device_text(name, given, function.outputs, dtype)}"]
    reads = kept(function)
    for argument, slope in zip(function.arguments, function.kept_slopes, strict=True):
        comment = f"// its derivative by {argument}, in terms of {', '.join(reads)}: {slope}\n"
        derivative = device_text(f"{name}_by_{identifier(argument)}", [*reads, *function.scalars], [slope], dtype)
        texts.append(comment + derivative)
    return "\n".join(texts)


def kept(function: Function) -> list[str]:
    """What the derivatives are computed from: the output, y, or the arguments."""
    reads = {node.value for node in topological(function.kept_slopes) if node.op == "argument"}
    return ["y"] if reads <= {"y", *function.scalars} else list(function.arguments)


def device_text(name: str, given: Sequence[str], outputs: Sequence[Expr], dtype: str) -> str:
    """One device function of numbers by name, that returns its output, or writes several to references."""
    lines, held = statements(outputs, {argument: spelled(argument) for argument in given}, dtype)
    parameters = [f"{dtype} {spelled(argument)}" for argument in given]
    if len(outputs) == 1:
        result, last = dtype, [f"return {held[outputs[0]]};"]
    else:
        result, last = "void", [f"output{i} = {held[output]};" for i, output in enumerate(outputs)]
        parameters += [f"{dtype}& output{i}" for i in range(len(outputs))]
    head = f"__device__ __forceinline__ {result} {name}({', '.join(parameters)}) {{\n"
    return head + "".join(f"    {line}\n" for line in [*lines, *last]) + "}\n"


def cuda_text(loop: Loop, dtype: str) -> str:
    """The kernel `kernel_name(loop)` for arrays of dtype "float", "double", "half" or "bfloat16".

    Its parameters are the arrays of `loop.names()` in that order, numbers being pointers to one element, of float
    where the arrays are of a half type; then `long long n`, or where arrays are repeated `long long rows, long long
    columns`.  It works for any grid: of one dimension, and with rows and columns of two, columns along x.
    """
    storage = STORAGES[dtype]
    include = f"#include <{storage.include}>\n\n" if storage.include else ""
    return f"{include}{PREAMBLE}\n{kernel_text(loop, storage)}"


def kernel_text(loop: Loop, storage: Storage) -> str:
    names, targets = loop.names(), [target for target, _ in loop.assignments]
    size = "long long n" if loop.is_flat else "long long rows, long long columns"
    parameters = ", ".join([*(parameter(loop, name, name in targets, storage) for name in names), size])
    reads = [node.value for node in topological(loop.roots) if node.op == "argument"]
    numbers = [name for name in reads if loop.layout(name) == NUMBER]
    lines = [f"// {', '.join(f'{target} = {root}' for target, root in loop.assignments)}"]
    lines += [f'extern "C" __global__ void {kernel_name(loop)}({parameters}) {{']
    lines += [f"    const {storage.arithmetic} {spelled(name)}number = *{spelled(name)};" for name in numbers]
    strides = [("i", "x", "n")] if loop.is_flat else [("row", "y", "rows"), ("column", "x", "columns")]
    lines += [f"    // {comment}" for comment in ABOUT_STRIDES]
    for depth, (index, axis, end) in enumerate(strides, 1):
        lines.append("    " * depth + STRIDE.format(i=index, axis=axis, end=end))
    depth = len(strides)
    lines += ["    " * (depth + 1) + line for line in element(loop, reads, storage)]
    lines += ["    " * level + "}" for level in range(depth, -1, -1)]
    return "\n".join(lines) + "\n"


def kernel_name(loop: Loop) -> str:
    return f"loop_{re.sub(r'[^A-Za-z0-9]+', '_', loop.name).strip('_')}"


ABOUT_STRIDES = (
    "Neighbouring threads take neighbouring elements, then go on by the size of the grid.",
    "The indices have 64 bits: those of a large array do not fit in 32.",
)
STRIDE = (
    "for (long long {i} = blockIdx.{axis} * (long long)blockDim.{axis} + threadIdx.{axis}; {i} < {end}; "
    "{i} += (long long)gridDim.{axis} * blockDim.{axis}) {{"
)


def parameter(loop: Loop, name: str, written: bool, storage: Storage) -> str:
    """One pointer; without `__restrict__`, since a target may be an argument under another name."""
    element = storage.arithmetic if loop.layout(name) == NUMBER else storage.element
    return f"{'' if written else 'const '}{element}* {spelled(name)}"


def element(loop: Loop, reads: Iterable[str], storage: Storage) -> list[str]:
    """The statements for one element: all reads and operations, then the writes."""
    full = "[i]" if loop.is_flat else "[row * columns + column]"
    index = {FULL: full, ROW: "[column]", COLUMN: "[row]"}
    known = {
        name: f"{spelled(name)}number"
        if loop.layout(name) == NUMBER
        else storage.load.format(f"{spelled(name)}{index[loop.layout(name)]}")
        for name in reads
    }
    lines, held = statements(loop.roots, known, storage.arithmetic)
    writes = [
        f"{spelled(target)}{full} = {storage.store.format(held[root])};"
        for (target, _), root in zip(loop.assignments, loop.roots, strict=True)
    ]
    return [*lines, "// Everything has been read; a target may be one of the arguments.", *writes]


def statements(roots: Sequence[Expr], arguments: dict[str, str], dtype: str) -> tuple[list[str], dict[Expr, str]]:
    """One statement per node that the roots need, each once, and the text that stands for every node afterwards."""
    held: dict[Expr, str] = {}
    lines: list[str] = []
    for node in topological(roots):
        match node.op:
            case "constant":
                held[node] = literal(node.value, dtype)
                continue
            case "named":
                held[node] = held[node.args[0]]
                continue
            case "argument":
                text = arguments[node.value]
            case _:
                text = PRIMITIVES[node.op].cuda.format(*(held[operand] for operand in node.args))
        held[node] = f"t{len(lines)}"
        lines.append(f"const {'bool' if node.is_condition else dtype} t{len(lines)} = {text};")
    return lines, held


def literal(value: float, dtype: str) -> str:
    """A number in the precision of `dtype`, by the fewest digits that give it exactly; inf and NaN by their bits."""
    with np.errstate(over="ignore"):
        number = np.float32(value) if dtype == "float" else np.float64(value)
    if np.isfinite(number):
        return f"{number!s}f" if dtype == "float" else str(number)
    if dtype == "float":
        return f"__int_as_float(0x{number.view(np.uint32):08x})"
    return f"__longlong_as_double(0x{number.view(np.uint64):016x}LL)"


def spelled(name: str) -> str:
    """A name that C++ accepts for an array or number; no keyword, function or variable here ends like this."""
    return identifier(name) + "_"


def identifier(name: str) -> str:
    """A name of Python in ASCII, for not every compiler takes `α`."""
    return "".join(c if c.isascii() else f"u{ord(c):x}" for c in name)
