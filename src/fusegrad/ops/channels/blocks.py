"""NumPy's way to sums over samples and places: block by block, in which what is summed has space.

Sums are products with ones, which are up to five times faster than `sum`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from fusegrad.expr.loop import ROW, Loop
from fusegrad.ops.channels.planes import Planes
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.matmul import matmul
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.thread_space import Wanted, with_space

Arrays = Mapping[str, Any]


class Sums:
    """Adds up blocks of planes for each channel, with ones (places, 1) and space for a number of each plane."""

    def __init__(self, ones: Any, rows: Any) -> None:
        self.ones, self.rows = ones, rows

    @staticmethod
    def wanted(planes: Planes, dtype: Any) -> list[Wanted]:
        """The two arrays."""
        samples, channels, places = planes.block
        return [((places, 1), dtype), ((samples, channels, 1), dtype)]

    def begin(self) -> None:
        self.ones.fill(1)

    def adding(self, block: Any, totals: Any) -> Bound:
        """totals (channels,) += the sums of a block (samples, channels, places)."""
        samples, channels, places = block.shape
        if places == 1:
            return partial(add_rows, block, totals)
        rows = self.rows[:samples, :channels]
        product = matmul.bound("numpy", block, self.ones[:places], rows)
        return in_turn([product, partial(add_rows, rows, totals)])


def add_rows(rows: Any, totals: Any) -> None:
    np.add(totals, rows.sum(axis=(0, 2)), out=totals)


def bind_moments(x: Any, center: Any, squares: Any) -> Bound:
    """Mean and sum of squared deviations; what blocks give is added in float64."""
    planes = Planes(x)
    cube, count = planes.cube(x), planes.count

    def bind(totals: Any, space: Any, *of_sums: Any) -> Bound:
        away, around = totals
        sums = Sums(*of_sums)
        calls: list[Bound] = [sums.begin, partial(totals.fill, 0)]
        calls += [sums.adding(cube[block], away[block[1]]) for block in planes.blocks()]
        calls += [partial(np.divide, away, count, out=center), partial(totals.fill, 0)]
        for block in planes.blocks():
            elements, channels = cube[block], block[1]
            deviations = space[tuple(map(slice, elements.shape))]
            calls.append(partial(np.subtract, elements, center[channels, None], out=deviations))
            calls.append(sums.adding(deviations, away[channels]))
            calls.append(partial(np.multiply, deviations, deviations, out=deviations))
            calls.append(sums.adding(deviations, around[channels]))
        return in_turn([*calls, partial(put_moments, away, around, count, center, squares)])

    dtype = center.dtype
    wanted = ((2, planes.channels), np.dtype("float64")), (planes.block, dtype), *Sums.wanted(planes, dtype)
    return with_space(x, bind, *wanted)


def put_moments(away: Any, around: Any, count: int, center: Any, squares: Any) -> None:
    """What remains to do for sums of deviations and of their squares."""
    np.divide(away, count, out=away)  # by which the mean of numbers that are large beside their deviations was off
    np.add(center, away, out=center)
    np.copyto(squares, around - count * away * away)


def bind_sums(evaluator: str, work: Loop, arrays: Arrays, numbers: Arrays, targets: Arrays) -> Bound:
    """Each target (channels,) = the sum of what the loop assigns to its name, over `arrays`, which are like x."""
    planes = Planes(arrays["x"])
    cubes = {name: planes.cube(array) for name, array in arrays.items()}

    def bind(made: Any, spread: Any, *of_sums: Any) -> Bound:
        sums = Sums(*of_sums)
        calls: list[Bound] = [sums.begin, *(partial(target.fill, 0) for target in targets.values())]
        calls += [partial(np.copyto, space, number) for space, number in zip(spread, numbers.values(), strict=True)]
        for block in planes.blocks():
            given = {name: cube[block] for name, cube in cubes.items()}
            own = Planes(given["x"])
            terms = dict(zip(targets, made[:, : own.batch, : own.channels, : own.places], strict=True))
            rows = spread[:, : own.batch, block[1]].reshape(len(numbers), -1)
            flat = {name: own.flat(array) for name, array in (given | terms).items()}
            calls.append(bind_loop(evaluator, work, flat | dict(zip(numbers, rows, strict=True))))
            calls += [sums.adding(terms[name], target[block[1]]) for name, target in targets.items()]
        return in_turn(calls)

    dtype, samples = targets["dh"].dtype, 1 if planes.layout == ROW else planes.block[0]
    wanted = (len(targets), *planes.block), (len(numbers), samples, planes.channels)
    return with_space(arrays["x"], bind, *((shape, dtype) for shape in wanted), *Sums.wanted(planes, dtype))
