"""Layers that change the shape: they move elements, repeat them or leave some out."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from numbers import Real
from typing import Any, Literal

from fusegrad.graph import Arrays, Layer, Spec, Value, require
from fusegrad.graph.layer import Module
from fusegrad.graph.spec import is_whole
from fusegrad.graph.structure import Reshape, Transpose
from fusegrad.ops import pad
from fusegrad.ops.padding import MODES

__all__ = ["Flatten", "Pad", "Reshape", "Transpose"]


class Flatten(Module):
    """y = x with all axes after the first joined.

    Shapes: x (batch, …), y (batch, width).  Raises GraphError if x has no axes.
    """

    def __call__(self, x: Value) -> Value:
        require(isinstance(x, Value), self, "a Value (see fg.Input)", type(x).__name__)
        require(len(x.shape) > 0, self, "input (batch, …)", x.spec)
        return x.reshape(x.shape[0], prod(x.shape[1:]))


class Pad(Layer):
    """y = x with more entries before and behind along its last axes: `Pad(((1, 1), (2, 0)))`.

    Args:
        padding: for each of the last axes in order how many entries come before and behind, or one number for both
            sides; with "constant", numbers below 0 take entries away.
        mode: what the new entries hold: "constant", `value`; "reflect", what lies as far on the other side of the first
            or last entry; "edge", that entry itself; "wrap", what lies at the other end.
        value: the constant.

    Shapes: x (…, n), y (…, before + n + behind), likewise for other axes.
    Raises GraphError for an unknown mode, for numbers that the mode does not allow, where x has fewer axes or is not
    floating point, and where nothing would be left; "reflect" can add up to n - 1 entries on a side, "wrap" n.
    """

    forward, backward = pad.forward, pad.backward

    def __init__(
        self,
        padding: Sequence[int | tuple[int, int]],
        mode: Literal["constant", "reflect", "edge", "wrap"] = "constant",
        value: float = 0.0,
    ) -> None:
        require(mode in MODES, "Pad", f"one of the modes {', '.join(MODES)}", repr(mode))
        require(isinstance(padding, Sequence), "Pad", "padding for each of the last axes, such as (1, (2, 0))", padding)
        require(isinstance(value, Real), "Pad", "a number as value", repr(value))
        self.padding, self.mode, self.value = tuple(map(pair_of, padding)), mode, float(value)
        allowed = mode == "constant" or all(number >= 0 for pair in self.padding for number in pair)
        require(allowed, self, "numbers of at least 0, but for the mode constant", padding)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float, self, "floating-point input", x)
        untouched = len(x.shape) - len(self.padding)
        require(untouched >= 0, self, f"{len(self.padding)} axes or more", x.shape)
        pads = ((0, 0),) * untouched + self.padding
        most = {"reflect": -1, "wrap": 0}
        for extent, pair in zip(x.shape, pads, strict=True):
            fits = self.mode not in most or max(pair) <= extent + most[self.mode]
            fits = fits and min(extent + pair[0], extent + pair[1], extent + sum(pair)) > 0
            require(fits, self, f"padding that {extent} entries allow", pair)
        y = Spec(tuple(extent + sum(pair) for extent, pair in zip(x.shape, pads, strict=True)), x.dtype)
        return Arrays({"y": y}, constants={"pads": pads, "mode": self.mode, "value": self.value})

    def __repr__(self) -> str:
        return f'Pad({self.padding}, "{self.mode}")'


def pair_of(entry: Any) -> tuple[int, int]:
    """What comes before and behind; GraphError for what says neither."""
    pair = tuple(entry) if isinstance(entry, Sequence) else (entry, entry)
    require(len(pair) == 2 and all(map(is_whole, pair)), "Pad", "a whole number or a pair of them for each axis", entry)
    return int(pair[0]), int(pair[1])
