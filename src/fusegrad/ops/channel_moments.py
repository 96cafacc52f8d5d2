"""The mean of each channel, and the sum of squared deviations from it, which does not cancel where the mean is large.

Shapes: x (batch, channels, *extents), contiguous, with at least one element for each channel; center, squares
(channels,), float32 where x is float16 or bfloat16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.channel_kernels import launch_moments
from fusegrad.ops.channel_planes import Planes
from fusegrad.ops.channel_scale import is_for_numba
from fusegrad.ops.op import Bound, bound_op
from fusegrad.ops.plane_sums import PlaneSums


@bound_op
def moments(evaluator: str, x: Any, center: Any, squares: Any) -> Bound:
    """center = the mean of x, squares = Σ (x - center)², both over samples and places."""
    planes = Planes(x)
    if is_for_numba(evaluator, x, planes):
        from fusegrad.ops import channel_rows  # here, since only who has Numba needs it

        return channel_rows.bind_moments(planes.cube(x), center, squares)
    return NumpyMoments(planes, x, center, squares)


moments.cuda(launch_moments)


class NumpyMoments:
    """The moments, block by block; what blocks of float32 give is added in float64."""

    def __init__(self, planes: Planes, x: Any, center: Any, squares: Any) -> None:
        self.count, self.center, self.squares = planes.count, center, squares
        self.totals, self.around = np.empty((2, planes.channels))
        cube = planes.cube(x)
        blocks = planes.blocks()
        space = np.empty_like(cube[blocks[0]])
        self.blocks = [Block(cube[block], block[1], space, self) for block in blocks]

    def __call__(self) -> None:
        self.totals.fill(0)
        for block in self.blocks:
            block.add_elements()
        np.divide(self.totals, self.count, out=self.center)
        self.totals.fill(0)
        self.around.fill(0)
        for block in self.blocks:
            block.add_deviations()
        self.totals /= self.count  # by which the mean of numbers that are large beside their deviations was off
        np.add(self.center, self.totals, out=self.center)
        np.copyto(self.squares, self.around - self.count * self.totals * self.totals)


class Block:
    """Some samples of some channels, and space for as many deviations."""

    def __init__(self, cube: Any, channels: slice, space: Any, whole: NumpyMoments) -> None:
        self.cube, self.deviations = cube, space[: cube.shape[0], : cube.shape[1]]
        self.center = whole.center[channels, None]
        self.totals, self.around = whole.totals[channels], whole.around[channels]
        self.of_elements, self.of_deviations = PlaneSums(cube), PlaneSums(self.deviations)

    def add_elements(self) -> None:
        self.of_elements.add_to(self.totals)

    def add_deviations(self) -> None:
        np.subtract(self.cube, self.center, out=self.deviations)
        self.of_deviations.add_to(self.totals)
        np.multiply(self.deviations, self.deviations, out=self.deviations)
        self.of_deviations.add_to(self.around)
