"""The planes of vectors that a product of the fast convolution reads, and the arrays around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

from fusegrad.ops.convolution.fast.division import Sizes, divided, tile
from fusegrad.ops.convolution.fast.drivers import Shape
from fusegrad.ops.convolution.fast.lanes import Lanes, Padded, Whole, padded, whole
from fusegrad.ops.convolution.fast.taps import Axis, Extents, Seen


@dataclass(frozen=True)
class Layout:
    """A product's lanes, what is seen along each axis, and a tile: `rows` channels and `columns` outputs or taps."""

    sizes: Sizes
    lanes: Lanes
    axes: tuple[Axis, ...]
    rows: int
    columns: int

    @property
    def vector_bytes(self) -> int:
        return 4 * self.lanes.count

    @property
    def buffer(self) -> Extents:
        """Extents of a padded plane."""
        return tuple(axis.extent for axis in self.axes)

    @property
    def plane_bytes(self) -> int:
        """A padded plane of vectors, and those that its last row may have too many.

        They are an odd number of vectors, so that the same place of many planes is not in the same set of a cache.
        """
        return ((prod(self.buffer) + self.lanes.count) | 1) * self.vector_bytes

    @property
    def panels(self) -> int:
        """Tiles that the channels of a group make."""
        return -(-self.sizes.outer // self.rows)

    @cached_property
    def padded(self) -> Padded:
        """What is read."""
        sizes, before = self.sizes, tuple(axis.before for axis in self.axes)
        return padded(self.lanes, sizes.groups * sizes.inner, sizes.read, before, self.buffer, self.axes[0].advance)

    @cached_property
    def whole(self) -> Whole:
        """What is written; of a weight gradient, the output gradients."""
        return whole(self.lanes, self.sizes.groups * self.sizes.outer, self.sizes.written)

    def shape(self, taps: int) -> Shape:
        """The numbers that a thread needs, for weights of so many taps."""
        sizes = self.sizes
        return Shape(
            lanes=self.lanes.count,
            size=self.vector_bytes,
            groups=sizes.groups,
            inner=sizes.inner,
            outer=sizes.outer,
            rows=self.rows,
            panels=self.panels,
            depth=taps * sizes.inner,
            plane_bytes=self.plane_bytes,
            planes_bytes=sizes.groups * sizes.inner * self.plane_bytes,
            x_bytes=4 * prod(sizes.read),
            y_bytes=4 * prod(sizes.written),
        )


@lru_cache(maxsize=64)
def laid_out(sizes: Sizes, seen: Seen, machine: tuple[int, int], workers: int, kept: int = 0) -> Layout:
    """The layout that suits so many workers; see `divided`.  Products of the same sizes share it, with its tables."""
    count, registers = machine
    return Layout(sizes, *divided(sizes, seen, count, workers, kept), *tile(sizes.outer, registers))
