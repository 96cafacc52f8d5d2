"""Cases of pooling and resampling: windows beside each other and overlapping, with gaps, in padding, beyond the array.

Taps are drawn: under padding the middle of the window alone, which every window has in the array.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from checks import Case, Draw
from ops.draws import marked, size_name

from fusegrad.ops import Op, global_pool, max_pool, pixel_shuffle, resample
from fusegrad.ops.axis_map import AxisMap, adaptive_mean, linear, linear_between_corners, nearest, window_means
from fusegrad.ops.window import Window

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Pool:
    """Windows over x; places as they come, or as given where a last one reaches beyond the padding."""

    label: str
    x: Shape
    window: Window
    rounded_up: Shape = ()

    @property
    def y(self) -> Shape:
        return (*self.x[:2], *(self.rounded_up or self.window.outputs(self.x[2:])))

    def taps(self) -> Draw:
        is_padded = self.rounded_up or any(before or behind for before, behind in self.window.padding)
        middle = 0
        for size in self.window.kernel:
            middle = middle * size + size // 2
        low, high = (middle, middle + 1) if is_padded else (0, self.window.size)
        return Draw(self.y, low, high, max_pool.tap_dtype(self.window))

    def arrays(self, *names: str) -> dict[str, Any]:
        shapes = {"x": self.x, "dx": self.x, "y": self.y, "dy": self.y, "taps": self.taps()}
        shapes["indices"] = Draw(self.y, 0, 9, "int64")
        return {name: shapes[name] for name in names}


PAIRS = Window((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0)))
STEM = Window((3, 3), (2, 2), (1, 1), ((1, 1), (1, 1)))
GAPS = Window((3, 2), (1, 2), (2, 3), ((2, 1), (0, 1)))
POOLS = [
    Pool("apart", (1, 1, 5, 7), Window((2, 1), (3, 3), (1, 1), ((0, 0), (0, 0)))),
    Pool("line", (3, 11, 33), Window((3,), (2,), (1,), ((1, 1),))),
    Pool("pairs", (2, 3, 8, 9), PAIRS),
    Pool("many-planes", (20, 16, 4, 4), PAIRS),
    Pool("large-plane", (1, 2, 40, 41), PAIRS),
    Pool("empty", (0, 3, 4, 4), PAIRS),
    Pool("stem", (2, 3, 9, 12), STEM),
    Pool("beyond", (2, 2, 6, 8), Window((3, 3), (2, 2), (1, 1), ((0, 0), (0, 0))), (3, 4)),
    Pool("gaps", (2, 2, 9, 8), GAPS),
    Pool("volume", (2, 2, 4, 5, 6), Window((2, 3, 2), (1, 2, 2), (1, 1, 1), ((0, 0), (1, 1), (0, 0)))),
    Pool("wide-window", (1, 2, 20, 19), Window((17, 16), (2, 1), (1, 1), ((0, 0), (0, 0)))),
]


def max_pool_cases(*names: str, add: bool | None = None, among: list[Pool] = POOLS) -> list[Case]:
    options = {} if add is None else {"add_dx": add}
    return [
        Case(pool.label, pool.arrays(*names), {"window": pool.window, **options}, pool.window.size) for pool in among
    ]


@dataclass(frozen=True)
class Resampling:
    """Maps of the axes of x."""

    label: str
    x: Shape
    maps: tuple[AxisMap, ...]

    def case(self, first: str, last: str, **options: Any) -> Case:
        shape = (*self.x[:2], *(len(axis.rows) for axis in self.maps))
        terms = prod(max(len(row) for side in (axis, axis.transposed()) for row in side.rows) for axis in self.maps)
        shapes = {"x": self.x, "dx": self.x, "y": shape, "dy": shape}
        return Case(self.label, {first: shapes[first], last: shapes[last]}, {"maps": self.maps, **options}, terms)


def means(pool: Pool, *, count_include_pad: bool) -> Resampling:
    name = f"mean-{pool.label}-{'with' if count_include_pad else 'without'}-padding"
    return Resampling(name, pool.x, window_means(pool.window, pool.x[2:], pool.y[2:], count_include_pad))


RESAMPLINGS = [
    *(means(pool, count_include_pad=True) for pool in POOLS),
    *(means(pool, count_include_pad=False) for pool in POOLS if pool.label in ("stem", "beyond", "gaps")),
    Resampling("adaptive", (2, 3, 7, 5), (adaptive_mean(7, 3), adaptive_mean(5, 8))),
    Resampling("nearest", (2, 3, 5, 4), (nearest(5, 10, Fraction(1, 2)), nearest(4, 6, Fraction(2, 3)))),
    Resampling("same", (2, 3, 5), (nearest(5, 5, Fraction(1)),)),
    Resampling("linear", (2, 3, 1, 33), (linear(1, 2, Fraction(1, 2)), linear(33, 66, Fraction(1, 2)))),
    Resampling("corners", (2, 3, 4, 3, 5), tuple(linear_between_corners(n, 2 * n - 1) for n in (4, 3, 5))),
]


PLANES = [(1, 1, 1), (2, 3, 7, 7), (3, 40, 2, 2), (2, 2, 5, 6, 7), (9, 1, 33), (1, 2, 40, 41), (0, 3, 4)]


def planes(*names: str) -> list[Case]:
    def case(shape: Shape) -> Case:
        size, few = prod(shape[2:]), shape[:2]
        kinds = {"x": shape, "dx": shape, "y": few, "dy": few, "places": Draw(few, 0, size, "int64")}
        return Case(size_name(shape), {name: kinds[name] for name in names}, reduction=size)

    return [case(shape) for shape in PLANES]


SHUFFLES = [((2, 8, 3, 5), 2), ((1, 18, 4, 33), 3), ((3, 4, 7), 4), ((1, 8, 2, 3, 4), 2), ((0, 4, 3, 3), 2)]


def shuffles(first: str, last: str, *, to_fine: bool) -> list[Case]:
    def case(coarse: Shape, factor: int) -> Case:
        channels = coarse[1] // factor ** len(coarse[2:])
        fine = (coarse[0], channels, *(extent * factor for extent in coarse[2:]))
        shapes = (coarse, fine) if to_fine else (fine, coarse)
        return Case(f"{size_name(coarse)}-{factor}", dict(zip((first, last), shapes, strict=True)), {"factor": factor})

    return [case(*each) for each in SHUFFLES]


CASES: dict[Op, list[Case]] = {
    max_pool.forward: max_pool_cases("x", "y", "taps"),
    max_pool.predict: max_pool_cases("x", "y", among=POOLS[2:5]),
    max_pool.forward_indices: max_pool_cases("x", "y", "taps", "indices", among=[*POOLS[:4], *POOLS[8:]]),
    max_pool.backward: [
        *marked("write", max_pool_cases("dy", "taps", "dx", add=False)),
        *marked("add", max_pool_cases("dy", "taps", "dx", add=True)),
    ],
    resample.forward: [each.case("x", "y") for each in RESAMPLINGS],
    resample.backward: [
        *marked("write", [each.case("dy", "dx", add_dx=False) for each in RESAMPLINGS]),
        *marked("add", [each.case("dy", "dx", add_dx=True) for each in RESAMPLINGS[::3]]),
    ],
    global_pool.mean: planes("x", "y"),
    global_pool.mean_backward: planes("dy", "dx"),
    global_pool.largest: planes("x", "y", "places"),
    global_pool.predict_largest: planes("x", "y"),
    global_pool.largest_backward: planes("dy", "places", "dx"),
    pixel_shuffle.shuffle: shuffles("x", "y", to_fine=True),
    pixel_shuffle.shuffle_backward: shuffles("dy", "dx", to_fine=False),
    pixel_shuffle.unshuffle: shuffles("x", "y", to_fine=False),
    pixel_shuffle.unshuffle_backward: shuffles("dy", "dx", to_fine=True),
}
