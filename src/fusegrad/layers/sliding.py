"""How layers are told along which places a window slides: by numbers, one for all axes or one for each, and padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fusegrad.graph import require
from fusegrad.graph.spec import is_whole
from fusegrad.ops.window import Extents, Window, same

PerAxis = int | tuple[int, ...]
Padding = PerAxis | tuple[tuple[int, int], ...] | Literal["valid", "same"]
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Sliding:
    """A window whose padding may depend on the array, as "same" does; else it has a pair for each axis."""

    kernel: Extents
    stride: Extents
    dilation: Extents
    padding: Pairs | Literal["same"]

    def window(self, owner: object, extents: Extents) -> Window:
        """The window along axes of these extents; GraphError where not even one fits."""
        pairs = same(extents, self.kernel, self.stride, self.dilation) if self.padding == "same" else self.padding
        window = Window(self.kernel, self.stride, self.dilation, pairs)
        padded = tuple(extent + before + behind for extent, (before, behind) in zip(extents, pairs, strict=True))
        fits = all(extent >= reach for extent, reach in zip(padded, window.reach, strict=True))
        require(fits, owner, f"axes that with padding have at least {window.reach} places", padded)
        return window


def sliding(
    owner: object, rank: int, kernel_size: PerAxis, stride: PerAxis, padding: Padding, dilation: PerAxis
) -> Sliding:
    """The settings of a layer for windows along `rank` axes; GraphError for those that make no sense."""
    return Sliding(
        per_axis(owner, "kernel_size", kernel_size, rank),
        per_axis(owner, "stride", stride, rank),
        per_axis(owner, "dilation", dilation, rank),
        "same" if is_named(padding, "same") else pairs_of(owner, padding, rank),
    )


def per_axis(owner: object, name: str, entry: PerAxis, rank: int, least: int = 1) -> Extents:
    """`entry` for each of `rank` axes, of which it gives all or each; GraphError unless whole and at least `least`."""
    entries = tuple(entry) if isinstance(entry, tuple | list) else (entry,) * rank
    whole = len(entries) == rank and all(is_whole(number) and number >= least for number in entries)
    require(whole, owner, f"{name} as a whole number of at least {least}, or {rank} of them", repr(entry))
    return tuple(int(number) for number in entries)


def pairs_of(owner: object, padding: Padding, rank: int) -> Pairs:
    """What lies before and behind each axis."""
    if is_named(padding, "valid"):
        return ((0, 0),) * rank
    entries = tuple(padding) if isinstance(padding, tuple | list) else (padding,) * rank
    pairs = tuple(tuple(entry) if isinstance(entry, tuple | list) else (entry, entry) for entry in entries)
    fits = len(pairs) == rank and all(len(pair) == 2 for pair in pairs)
    whole = fits and all(is_whole(number) and number >= 0 for pair in pairs for number in pair)
    expected = f'padding as "valid", "same", a whole number of at least 0, or {rank} such numbers or (before, behind)'
    require(whole, owner, expected, repr(padding))
    return tuple((int(before), int(behind)) for before, behind in pairs)


def is_named(padding: Padding, name: str) -> bool:
    """Whether padding is given by this name, in letters of either case."""
    return isinstance(padding, str) and padding.lower() == name
