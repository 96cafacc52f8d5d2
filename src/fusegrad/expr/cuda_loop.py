"""Loops as CUDA kernels, in which a thread moves 16 bytes at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fusegrad.expr.cuda_storage import Storage, arithmetic, storages
from fusegrad.expr.cuda_text import PREAMBLE, spelled, statements
from fusegrad.expr.loop import COLUMN, FULL, NUMBER, ROW, Loop
from fusegrad.expr.node import topological

THREADS = 256  # of a block
LONGEST_NAME = 80
VECTOR_BYTES = 16  # what one instruction loads or stores at most

GROUP = """\
// N neighbouring elements, which one instruction moves where they are 16 bytes; and the i-th such group of an array.
template <class T, int N> struct __align__(sizeof(T) * N) Group { T at[N]; };
template <int N, class T> __device__ __forceinline__ const Group<T, N>& group_at(const T* x, long long i) {
    return reinterpret_cast<const Group<T, N>*>(x)[i];
}
template <int N, class T> __device__ __forceinline__ Group<T, N>& group_at(T* x, long long i) {
    return reinterpret_cast<Group<T, N>*>(x)[i];
}
"""
ONE_GROUP = """\
template <int N>
__device__ __forceinline__ void {head} {{
{before}#pragma unroll
    for (int k = 0; k < N; ++k) {{
{inside}    }}
    // Everything has been read; a target may be one of the arguments.
{after}}}
"""
FLAT = """\
    // Thread t of the grid takes the groups t, t + threads, and so on, so that neighbours move neighbouring memory.
    // The indices have 64 bits: those of a large array do not fit in 32.
    const long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    const long long threads = (long long)gridDim.x * blockDim.x;
    // Not unrolled: a thread takes few groups, for which the compiler would spill registers.
#pragma unroll 1
    for (long long i = thread; i < n / WIDTH; i += threads) {group}<WIDTH>(i, {given});
    // The last n % WIDTH elements, one by one.
#pragma unroll 1
    for (long long i = n / WIDTH * WIDTH + thread; i < n; i += threads) {group}<1>(i, {given});
"""
REPEATED = """\
    // Along y the grid takes rows, along x the groups of a row; neighbours in x move neighbouring memory.
    // The indices have 64 bits: those of a large array do not fit in 32.
    const long long groups = columns / WIDTH;
    const long long left = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    const long long top = blockIdx.y * (long long)blockDim.y + threadIdx.y;
    const long long across = (long long)gridDim.x * blockDim.x, down = (long long)gridDim.y * blockDim.y;
#pragma unroll 1
    for (long long row = top; row < rows; row += down) {{
{numbers}#pragma unroll 1
        for (long long column = left; column < groups; column += across)
            {group}<WIDTH>(row * groups + column, column, {given});
    }}
"""


def cuda_text(loop: Loop, dtype: str | Mapping[str, str], width: int) -> str:
    """The kernel `kernel_name(loop)`, for blocks of up to THREADS threads.

    Its parameters are the arrays of `loop.names()` in that order, numbers being pointers to one element; then `long
    long n`, or where arrays are repeated `long long rows, long long columns`.  It works for any grid: of one dimension,
    and with rows and columns of two, columns along x.

    Args:
        dtype: the C++ type of all elements, such as "float" or "__half", numbers then being what computes those; or
            the type of every array by name.
        width: how many neighbours a thread takes at once: 1, or `vector_width`.  Full arrays and rows then start at a
            multiple of that many of their elements, and `columns` is a multiple of it.
    """
    stored = storages(loop, dtype)
    includes = "".join(
        f"#include <{file}>\n" for file in sorted({storage.include for storage in stored.values()}) if file
    )
    return f"{includes}{PREAMBLE}\n{GROUP}\n{kernel_text(loop, stored, width)}"


def vector_width(loop: Loop, dtype: str | Mapping[str, str]) -> int:
    """How many elements of the widest array are 16 bytes."""
    stored = storages(loop, dtype)
    return VECTOR_BYTES // max(stored[name].nbytes for name in loop.names() if loop.layout(name) in (FULL, ROW))


def kernel_name(loop: Loop) -> str:
    """The name of a loop in C++; only the beginning of the long ones of many fused nodes, for it names files, too."""
    return f"loop_{re.sub(r'[^A-Za-z0-9]+', '_', loop.name[:LONGEST_NAME]).strip('_')}"


def kernel_text(loop: Loop, stored: Mapping[str, Storage], width: int) -> str:
    """The function for a group of elements, and the kernel that calls it for all of them."""
    formulas = ", ".join(f"{target} = {root}" for target, root in loop.assignments)
    return f"constexpr int WIDTH = {width};\n\n// {formulas}\n{group_text(loop, stored)}\n{whole_text(loop, stored)}"


def group_text(loop: Loop, stored: Mapping[str, Storage]) -> str:
    """N neighbouring elements: all reads and operations, then the writes."""
    arrays = [name for name in reads(loop) if not is_number(loop, name)]
    known = {name: held(name) for name in reads(loop)}
    known |= {name: stored[name].load.format(f"{spelled(name)}read.at[k]") for name in arrays}
    lines, results = statements(loop.roots, known, arithmetic(stored))
    loads, space, writes = [], [], []
    for name in arrays:
        index = "i" if loop.layout(name) == FULL else "column"
        loads.append(f"const auto {spelled(name)}read = group_at<N>({spelled(name)}, {index});")
    for name, root in loop.assignments:
        space.append(f"Group<{stored[name].element}, N> {spelled(name)}written;")
        lines.append(f"{spelled(name)}written.at[k] = {stored[name].store.format(results[root])};")
        writes.append(f"group_at<N>({spelled(name)}, i) = {spelled(name)}written;")
    given = ["long long i"] if loop.is_flat else ["long long i", "long long column"]
    for name in loop.names():
        number = f"{arithmetic(stored)} {held(name)}"
        given.append(number if is_number(loop, name) else pointer(loop, stored, name))
    before, inside, after = indented(4, [*loads, *space]), indented(8, lines), indented(4, writes)
    head = f"{kernel_name(loop)}_group({', '.join(given)})"
    return ONE_GROUP.format(head=head, before=before, inside=inside, after=after)


def indented(spaces: int, lines: list[str]) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in lines)


def whole_text(loop: Loop, stored: Mapping[str, Storage]) -> str:
    """The kernel over all groups."""
    name = kernel_name(loop)
    size = "long long n" if loop.is_flat else "long long rows, long long columns"
    given = ", ".join(held(a) if is_number(loop, a) else spelled(a) for a in loop.names())
    numbers = indented(4, number_lines(loop, stored, NUMBER, "0"))
    by_row = indented(8, number_lines(loop, stored, COLUMN, "row"))
    body = (FLAT if loop.is_flat else REPEATED).format(group=f"{name}_group", given=given, numbers=by_row)
    pointers = [pointer(loop, stored, name) for name in loop.names()]
    # At least one block: without this number the compiler spills registers to make room for more blocks.
    head = f'extern "C" __global__ void __launch_bounds__({THREADS}, 1)\n{name}({", ".join([*pointers, size])})'
    return f"{head} {{\n{numbers}{body}}}\n"


def number_lines(loop: Loop, stored: Mapping[str, Storage], layout: str, index: str) -> list[str]:
    """The reads of what is one number for many elements."""
    names = [name for name in reads(loop) if loop.layout(name) == layout]
    texts = {name: stored[name].load.format(f"{spelled(name)}[{index}]") for name in names}
    return [f"const {arithmetic(stored)} {held(name)} = {text};" for name, text in texts.items()]


def pointer(loop: Loop, stored: Mapping[str, Storage], name: str) -> str:
    """One array; without `__restrict__`, since a target may be an argument under another name."""
    written = name in dict(loop.assignments)
    return f"{'' if written else 'const '}{stored[name].element}* {spelled(name)}"


def reads(loop: Loop) -> list[str]:
    return [node.value for node in topological(loop.roots) if node.op == "argument"]


def is_number(loop: Loop, name: str) -> bool:
    """Whether an array has one number for all elements that a thread takes at once."""
    return loop.layout(name) in (NUMBER, COLUMN)


def held(name: str) -> str:
    """What holds the number of an array that has one for many elements."""
    return f"{spelled(name)}number"
