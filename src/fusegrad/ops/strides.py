"""Views of arrays as kernels take them, which know no strides of their own: contiguous memory, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fusegrad.backend.cuda import namespace

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Strided:
    """A stack of matrices in `memory`, a contiguous array that begins with their first element.

    `strides`, in elements, are of the axes of the stack, then of rows and columns.
    """

    memory: Any
    strides: Sizes

    def at(self, place: Sequence[int]) -> Strided:
        """What lies at this place of the first axes of the stack."""
        offset = sum(index * stride for index, stride in zip(place, self.strides, strict=False))
        memory = self.memory.reshape(-1)[offset:] if offset else self.memory
        return Strided(memory, self.strides[len(place) :])


def strided(array: Any, of_stack: Sizes) -> Strided:
    return Strided(contiguous(array), of_stack + element_strides(array)[-2:])


def contiguous(array: Any) -> Any:
    """The memory that a view lies in, from its first element to its last, as a contiguous array."""
    turned = array.transpose(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))
    if turned.flags.c_contiguous:
        return turned
    last = sum((size - 1) * stride for size, stride in zip(array.shape, element_strides(array), strict=True))
    return namespace(array).lib.stride_tricks.as_strided(array, (1 + last,), (array.itemsize,))


def element_strides(array: Any) -> Sizes:
    """The strides in elements; ValueError where one is negative and matters."""
    if any(stride < 0 and size > 1 for size, stride in zip(array.shape, array.strides, strict=True)):
        raise ValueError(f"kernels expect strides that are not negative, got {array.strides} of shape {array.shape}")
    return tuple(stride // array.itemsize for stride in array.strides)


def broadcast_strides(array: Any, stack: Sizes) -> Sizes:
    """The strides with which the axes before the last two go along those of `stack`: 0 where they are repeated."""
    own = array.shape[:-2]
    missing = len(stack) - len(own)
    if missing < 0 or any(size not in (1, wanted) for size, wanted in zip(own, stack[missing:], strict=True)):
        raise ValueError(f"a stack {stack} of matrices expects factors of such stacks, got one of {array.shape}")
    pairs = zip(own, element_strides(array), strict=False)
    return (0,) * missing + tuple(0 if size == 1 else stride for size, stride in pairs)


def merged(sizes: Sizes, strides: Sequence[Sizes]) -> tuple[Sizes, list[Sizes]]:
    """The same walk through several arrays with as few axes as can be, but at least two."""
    axes: list[tuple[int, Sizes]] = []
    for size, steps in zip(sizes, zip(*strides, strict=True), strict=True):
        if axes and all(before == size * step for before, step in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * size, steps)
        elif size != 1:
            axes.append((size, steps))
    axes = [(1, (0,) * len(strides))] * (2 - len(axes)) + axes
    return tuple(size for size, _ in axes), [tuple(steps[i] for _, steps in axes) for i in range(len(strides))]
