"""Loops over elements on a GPU: generated kernels for contiguous arrays, CuPy's ElementwiseKernel for all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from math import prod
from typing import Any

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import generated_kernel
from fusegrad.backend.signature import c_type
from fusegrad.expr.cuda_elementwise import elementwise_text
from fusegrad.expr.cuda_loop import THREADS, cuda_text, kernel_name, vector_width
from fusegrad.expr.loop import COLUMN, FULL, NUMBER, ROW, ROWS, Loop
from fusegrad.ops.grids import FILLING
from fusegrad.ops.op import Bound

MOST_BLOCKS = 4 * FILLING  # of a grid; beyond them a thread takes several rounds
Arrays = Mapping[str, Any]


def bind_kernel(work: Loop, arrays: Arrays) -> Bound:
    """The loop over arrays of a GPU; full ones have one size, and where one is not contiguous one shape.

    Raises ValueError for arrays of other sizes than their layouts say.
    """
    work = replace(work, layouts=tuple(pair for pair in work.layouts if pair[1] != ROWS))  # which here are as full ones
    full = {name: arrays[name] for name in work.names() if work.layout(name) == FULL}
    shape = next(iter(full.values())).shape
    rows, columns = (1, prod(shape)) if work.is_flat else (prod(shape[:-1]), shape[-1])
    sizes = {FULL: rows * columns, ROW: columns, COLUMN: rows, NUMBER: 1}
    for name in work.names():
        size = sizes[work.layout(name)]
        if arrays[name].size != size:
            raise ValueError(f"{work.name} expects {name} of {size} elements, got {arrays[name].shape}")
    if all(array.flags.c_contiguous for array in full.values()):
        return bind_contiguous(work, arrays, rows, columns)
    if any(array.shape != shape for array in full.values()):
        shapes = {name: array.shape for name, array in full.items()}
        raise ValueError(f"{work.name} expects arrays of one shape where one is not contiguous, got {shapes}")
    return bind_elementwise(work, {name: spread(work, name, arrays[name], shape) for name in work.names()})


def bind_contiguous(work: Loop, arrays: Arrays, rows: int, columns: int) -> Bound:
    """The launch of the generated kernel, whose text depends on dtypes and alignment, and whose grid on the size."""
    types = {name: c_type(arrays[name].dtype) for name in work.names()}
    width = vector_width(work, types)
    if not is_aligned(work, arrays, width) or not (work.is_flat or columns % width == 0):
        width = 1
    name = kernel_name(work)
    run = generated_kernel(arrays[work.names()[0]], f"{name}.cu", text_of(work, tuple(types.items()), width), name)
    given = [arrays[array] for array in work.names()]
    if work.is_flat:
        return run.bind((min(MOST_BLOCKS, -(-columns // (width * THREADS))),), (THREADS,), *given, columns)
    grid, block = geometry(rows, columns // width)
    return run.bind(grid, block, *given, rows, columns)


@lru_cache(maxsize=1024)
def text_of(work: Loop, types: tuple[tuple[str, str], ...], width: int) -> str:
    return cuda_text(work, dict(types), width)


def is_aligned(work: Loop, arrays: Arrays, width: int) -> bool:
    """Whether groups of `width` elements lie where one instruction can move them; slices need not begin there."""
    vectors = (arrays[name] for name in work.names() if work.layout(name) in (FULL, ROW))
    return all(array.data.ptr % (width * array.itemsize) == 0 for array in vectors)


def geometry(rows: int, groups: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Grid and block for rows of so many groups: a block is as wide as a row or the threads allow, and takes rows."""
    across = min(THREADS, 1 << max(0, groups - 1).bit_length())
    down = THREADS // across
    blocks = min(MOST_BLOCKS, -(-groups // across))
    return (blocks, min(max(1, MOST_BLOCKS // max(1, blocks)), -(-rows // down))), (across, down)


def spread(work: Loop, name: str, array: Any, shape: tuple[int, ...]) -> Any:
    """An array as it broadcasts to the shape of the loop."""
    if work.layout(name) != COLUMN:
        return array
    if not array.flags.c_contiguous:  # or the next line would make a copy
        raise ValueError(f"{work.name} expects {name} to be contiguous, got strides {array.strides}")
    return array.reshape(*shape[:-1], 1)


def bind_broadcast(work: Loop, arrays: Arrays) -> Bound:
    """A loop over arrays of any strides whose shapes broadcast to that of its targets.

    Rows, columns and numbers that are repeated go to the generated kernel, if there is one way to see the targets as
    rows and columns that suits all of them.
    """
    shape = arrays[work.assignments[0][0]].shape
    for axis in range(max(0, len(shape) - 1), -1, -1):
        layouts = {name: layout(arrays[name], shape, axis) for name in work.names()}
        if None not in layouts.values():
            repeated = tuple(sorted((name, how) for name, how in layouts.items() if how and how != FULL))
            shapes = {FULL: (prod(shape[:axis]), prod(shape[axis:])), ROW: (-1,), COLUMN: (-1,), NUMBER: (), None: ()}
            seen = {name: arrays[name].reshape(shapes[how]) for name, how in layouts.items()}
            return bind_kernel(replace(work, layouts=repeated), seen)
    return bind_elementwise(work, arrays)


def layout(array: Any, shape: tuple[int, ...], axis: int) -> str | None:
    """How an array lies over `shape` seen as rows and columns, the latter being the axes from `axis` on."""
    own = (1,) * (len(shape) - array.ndim) + array.shape
    if not array.flags.c_contiguous:
        return None
    if own == shape:
        return FULL
    if array.size == 1:
        return NUMBER
    if (prod(own[:axis]), own[axis:]) == (1, shape[axis:]):
        return ROW
    return COLUMN if (own[:axis], prod(own[axis:])) == (shape[:axis], 1) else None


def bind_elementwise(work: Loop, arrays: Arrays) -> Bound:
    """The loop by CuPy, for arrays of any strides and shapes that broadcast to that of the targets."""
    dtypes = {name: str(arrays[name].dtype) for name in work.names()}
    text = elementwise_text(work, {name: c_type(dtype) for name, dtype in dtypes.items()}, dtypes)
    make = namespace(arrays[work.names()[0]]).ElementwiseKernel
    run = make(text.in_params, text.out_params, text.operation, text.name, preamble=text.preamble, no_return=True)
    return partial(run, *(arrays[name] for name in text.order))
