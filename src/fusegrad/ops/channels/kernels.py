"""The launches of kernels/channel_moments.cu and kernels/channel_scale.cu."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.expr import Function
from fusegrad.ops.channels.planes import Planes
from fusegrad.ops.grids import FILLING, THREADS, WARP, WORTH_A_BLOCK, blocks
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.reduction import launch_sums

MOMENTS, SCALE = "channel_moments.cu", "channel_scale.cu"
FEW_PLACES, MANY_PLACES = 8, 1024  # below which a thread takes a plane, and above which a block does; not measured
FEW_SAMPLES = 8  # below which every warp has a channel of its own, or else most warps of a block would have no sample


class Pieces:
    """How the samples of x are cut into pieces for sums, which shapes alone decide, and the launch for them."""

    def __init__(self, x: Any) -> None:
        self.planes = planes = Planes(x)
        self.team = team_of(planes.places)
        self.across = WARP if self.team == 1 else 1
        if self.team == WARP and planes.batch < FEW_SAMPLES:
            self.across = THREADS // WARP
        self.tiles = -(-planes.channels // self.across)
        wanted = min(FILLING // max(1, self.tiles), -(-planes.count // WORTH_A_BLOCK), planes.batch)
        self.length = max(1, -(-planes.batch // max(1, wanted)))
        self.count = max(1, -(-planes.batch // self.length))

    @property
    def grid(self) -> tuple[int, int]:
        return self.tiles, self.count

    def types(self, x: Any) -> str:
        """The arguments of the templates."""
        return f"<{c_type(x.dtype)}, {self.team}, {self.across}>"

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.planes.batch, self.planes.channels, self.planes.places


def team_of(places: int) -> int:
    """How many threads share a plane."""
    return 1 if places < FEW_PLACES else WARP if places <= MANY_PLACES else THREADS


def launch_moments(x: Any, center: Any, squares: Any) -> Bound:
    pieces = Pieces(x)
    shape = pieces.planes.channels, pieces.count
    away, around = (namespace(x).empty(shape, center.dtype) for _ in range(2))
    own = kernel(x, MOMENTS, f"channel_moments_pieces{pieces.types(x)}")
    both = kernel(x, MOMENTS, f"channel_moments_all<{c_type(x.dtype)}>")
    grid = (-(-pieces.planes.channels // (THREADS // WARP)),)
    return in_turn(
        [
            own.bind(pieces.grid, (THREADS,), x, away, around, *pieces.sizes, pieces.length),
            both.bind(grid, (THREADS,), x, away, around, center, squares, *pieces.sizes, pieces.count, pieces.length),
        ]
    )


def launch_sums_of_channels(function: Function, dy: Any, x: Any, *arrays: Any) -> Bound:
    """For center, scale, shift, dscale and dshift."""
    *numbers, dscale, dshift = arrays
    pieces = Pieces(x)
    name = f"channel_scale_sums{pieces.types(x)}"
    run = kernel(x, SCALE, name, activation_header(function, x.dtype))
    sizes = *pieces.sizes, pieces.length
    if pieces.count == 1:
        return run.bind(pieces.grid, (THREADS,), dy, x, *numbers, dscale, dshift, *sizes)
    parts = [namespace(x).empty((pieces.count, dscale.size), dscale.dtype) for _ in range(2)]
    calls = [run.bind(pieces.grid, (THREADS,), dy, x, *numbers, *parts, *sizes)]
    for part, target in zip(parts, (dscale, dshift), strict=True):
        calls.append(launch_sums(part, target, outer=1, length=pieces.count, inner=target.size))
    return in_turn(calls)


def launch_rows(function: Function, name: str, like: Any, *arrays: Any, options: tuple[bool, ...] = ()) -> Bound:
    """A kernel whose teams take planes in turn."""
    rows, channels, places = prod(like.shape[:2]), like.shape[1], prod(like.shape[2:])
    team = team_of(places)
    run = kernel(like, SCALE, f"{name}<{c_type(like.dtype)}, {team}>", activation_header(function, like.dtype))
    grid = (blocks(rows, THREADS // team),)
    return run.bind(grid, (THREADS,), *arrays, rows, channels, places, *options)


@lru_cache(maxsize=1024)
def header_text(function: Function, arithmetic: str) -> str:
    from fusegrad.expr.cuda_text import PREAMBLE, device_text  # here, since a CPU does not need it

    of_h = function.renamed("h")
    slope = of_h.slope("h")
    texts = [device_text("activation", ["h"], [of_h.output], arithmetic)]
    texts.append(device_text("activation_slope", ["h"], [slope], arithmetic))
    return "\n".join(["#pragma once", PREAMBLE, f"// {function}: {of_h.output}, and {slope}", *texts])


def activation_header(function: Function, dtype: object) -> dict[str, str]:
    """By its name, the text that takes the place of kernels/activation.cuh, for arrays of `dtype`."""
    return {"activation.cuh": header_text(function, "double" if accumulated(dtype) == "float64" else "float")}
