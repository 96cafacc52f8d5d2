"""Windows that slide over the last axes of an array, as convolutions and pools have them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

Extents = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """One entry for each axis that the window slides along; `padding` is what lies before and behind the array.

    The window at place o of an axis holds the elements o · stride - before + k · dilation for k < kernel.
    """

    kernel: Extents
    stride: Extents
    dilation: Extents
    padding: tuple[tuple[int, int], ...]

    @property
    def rank(self) -> int:
        return len(self.kernel)

    @property
    def size(self) -> int:
        """Elements of a window."""
        return prod(self.kernel)

    @property
    def reach(self) -> Extents:
        """How much of each axis one window spans."""
        return tuple(dilation * (kernel - 1) + 1 for kernel, dilation in zip(self.kernel, self.dilation, strict=True))

    def outputs(self, extents: Extents) -> Extents:
        """Windows along each axis of an array of these extents; below 1 where not even one fits."""
        return tuple(
            (extent + before + behind - reach) // stride + 1
            for extent, (before, behind), reach, stride in zip(
                extents, self.padding, self.reach, self.stride, strict=True
            )
        )


def same(extents: Extents, kernel: Extents, stride: Extents, dilation: Extents) -> tuple[tuple[int, int], ...]:
    """The padding with which there are ceil(extent / stride) windows; where it is odd, one more behind."""
    missing = (
        max(0, (-(-extent // step) - 1) * step + gap * (size - 1) + 1 - extent)
        for extent, size, step, gap in zip(extents, kernel, stride, dilation, strict=True)
    )
    return tuple((count // 2, count - count // 2) for count in missing)
