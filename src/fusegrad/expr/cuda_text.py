"""Expressions as CUDA C++: device functions for kernels that others write, and the statements of loops.

Arithmetic is float or double, never mixed: every literal carries the type, and C++ chooses `exp(float)` by overloading.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusegrad.expr.functions import Function
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
