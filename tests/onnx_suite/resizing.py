"""Resize and Upsample.

Where the outputs of a resized axis lie on the input is counted here, in fractions; what is there is interpolated by the
maps of `ops.axis_map`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np

from fusegrad.ops import resample
from fusegrad.ops.axis_map import AxisMap, interpolation, repeating
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator
from onnx_suite.shaping import axes_of


class Axis(NamedTuple):
    """One that is resized: its extents before and after, the scale, and what part of it is seen, of 0 .. 1."""

    extent: int
    places: int
    scale: Fraction
    start: float = 0.0
    end: float = 1.0


@operator("Upsample")
def upsampled(m: Machine, node: Node, x: Any, scales: Any) -> Any:
    """Every element as often as the scale says."""
    axes = axes_by_scales(x.shape, m.host(scales))
    return resampled(m, x, [nearest(axis, asymmetric, floor) for axis in axes])


@operator("Resize")
def resized(m: Machine, node: Node, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    along = axes_of(m, node, None, x.ndim) or list(range(x.ndim))
    extents = [x.shape[axis] for axis in along]
    if scales is not None and scales.size:
        chosen = axes_by_scales(extents, m.host(scales))
    else:
        chosen = axes_by_sizes(extents, m.whole(sizes), node.get("keep_aspect_ratio_policy", "stretch"))
    if roi is not None and roi.size:
        limits = m.host(roi).astype(float).reshape(2, -1).T
        chosen = [axis._replace(start=start, end=end) for axis, (start, end) in zip(chosen, limits, strict=True)]
    position = POSITIONS[node.get("coordinate_transformation_mode", "half_pixel")]
    by_axis = dict(zip(along, chosen, strict=True))
    axes = [by_axis.get(number, Axis(extent, extent, Fraction(1))) for number, extent in enumerate(x.shape)]
    if node.get("mode", "nearest") == "nearest":
        rounding = ROUNDINGS[node.get("nearest_mode", "round_prefer_floor")]
        return resampled(m, x, [nearest(axis, position, rounding) for axis in axes])
    if node.get("mode") != "linear" or node.get("antialias"):
        raise ValueError(f"Resize expects mode nearest, or linear without antialias, got {node.attributes}")
    return resampled(m, x, [linear(axis, position) for axis in axes])


def axes_by_scales(extents: Any, scales: np.ndarray) -> list[Axis]:
    """The scales are float32, of which the simplest fraction nearby is meant."""
    exact = [Fraction(float(scale)).limit_denominator(1000) for scale in scales]
    return [Axis(n, floor(n * scale), scale) for n, scale in zip(extents, exact, strict=True)]


def axes_by_sizes(extents: Any, sizes: list[int], policy: str) -> list[Axis]:
    """Of these sizes, or of one scale for all, such that none is larger, or none smaller, than its size."""
    scales = [Fraction(size, n) for n, size in zip(extents, sizes, strict=True)]
    if policy == "stretch":
        return [Axis(*item) for item in zip(extents, sizes, scales, strict=True)]
    scale = min(scales) if policy == "not_larger" else max(scales)
    return [Axis(n, floor(n * scale + Fraction(1, 2)), scale) for n in extents]


def half_pixel(axis: Axis, o: int) -> Fraction:
    return (o + Fraction(1, 2)) / axis.scale - Fraction(1, 2)


def half_pixel_symmetric(axis: Axis, o: int) -> Fraction:
    """As `half_pixel`, with the outputs in the middle where their number had to be rounded."""
    adjustment = axis.places / (axis.extent * axis.scale)
    return half_pixel(axis, o) + Fraction(axis.extent, 2) * (1 - adjustment)


def half_pixel_of_several(axis: Axis, o: int) -> Fraction:
    return half_pixel(axis, o) if axis.places > 1 else Fraction(0)


def aligned(axis: Axis, o: int) -> Fraction:
    """With the last output on the last element, where their number did not have to be rounded."""
    reach = axis.extent * axis.scale - 1
    return o * (axis.extent - 1) / reach if reach else Fraction(0)


def asymmetric(axis: Axis, o: int) -> Fraction:
    return o / axis.scale


def cropped(axis: Axis, o: int) -> Fraction:
    """Within the part that is seen; ValueError for places outside the array, which would be extrapolated."""
    start, end = Fraction(axis.start).limit_denominator(1000), Fraction(axis.end).limit_denominator(1000)
    part = Fraction(o, axis.places - 1) if axis.places > 1 else Fraction(1, 2)
    place = (start + (end - start) * part) * (axis.extent - 1)
    if not 0 <= place <= axis.extent - 1:
        raise ValueError(f"Resize expects what it crops within 0 .. {axis.extent - 1}, got {place}")
    return place


POSITIONS: dict[str, Callable[[Axis, int], Fraction]] = {
    "align_corners": aligned,
    "asymmetric": asymmetric,
    "half_pixel": half_pixel,
    "half_pixel_symmetric": half_pixel_symmetric,
    "pytorch_half_pixel": half_pixel_of_several,
    "tf_crop_and_resize": cropped,
}
ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "ceil": ceil,
    "floor": floor,
    "round_prefer_ceil": lambda place: floor(place + Fraction(1, 2)),
    "round_prefer_floor": lambda place: ceil(place - Fraction(1, 2)),
}


def nearest(axis: Axis, position: Callable[[Axis, int], Fraction], rounding: Callable[[Fraction], int]) -> AxisMap:
    places = [rounding(position(axis, o)) for o in range(axis.places)]
    rows = [((min(max(place, 0), axis.extent - 1), 1.0),) for place in places]
    return repeating(axis.extent, rows, 1 / axis.scale)


def linear(axis: Axis, position: Callable[[Axis, int], Fraction]) -> AxisMap:
    return interpolation(axis.extent, axis.places, 1 / axis.scale, lambda o: position(axis, o))


def resampled(m: Machine, x: Any, maps: list[AxisMap]) -> Any:
    """x with every axis mapped; up to three may change, those behind the first two."""
    if not all(of_axis.is_identity for of_axis in maps[:2]):
        raise ValueError("Resize expects samples and channels to stay as they are")
    shape = [len(of_axis.rows) for of_axis in maps]
    return m.made(resample.forward, x, shape=shape, maps=tuple(maps[2:]))
