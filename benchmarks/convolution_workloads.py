"""Convolutions of ResNet-50 that are timed on a GPU, and their gradients: what all libraries share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

LAYOUTS = "forward", "input gradient", "weight gradient"
ITEM = {"float32": 4, "tf32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class Convolution:
    """One product of a convolution that keeps the extents: (batch, inputs, side, side) by kernel x kernel."""

    layout: str
    batch: int
    inputs: int
    outputs: int
    kernel: int
    side: int
    precision: str

    def __str__(self):
        window = f"{self.kernel} x {self.kernel}, {self.inputs} to {self.outputs} channels"
        return f"{window}, {self.batch} images of {self.side} x {self.side}, {self.precision} {self.layout}"

    @property
    def shapes(self):
        """Of the arrays x, weight and y."""
        places = self.side, self.side
        weight = (self.outputs, self.inputs, self.kernel, self.kernel)
        return (self.batch, self.inputs, *places), weight, (self.batch, self.outputs, *places)

    @property
    def flops(self):
        _, weight, y = self.shapes
        return 2 * prod(weight) * y[0] * self.side**2

    @property
    def nbytes(self):
        """Every array once."""
        return ITEM[self.precision] * sum(map(prod, self.shapes))

    @property
    def dtype(self):
        return "bfloat16" if self.precision == "bfloat16" else "float32"

    def shrunk(self):
        return replace(self, batch=2, inputs=8, outputs=8, side=4)


BOTTLENECKS = (64, 56), (128, 28), (256, 14), (512, 7)  # channels and extents of the stages of ResNet-50
CONVOLUTIONS = [
    Convolution(layout, 64, channels, outputs, kernel, side, precision)
    for precision in ("bfloat16", "tf32")
    for channels, side in BOTTLENECKS
    for kernel, outputs in ((3, channels), (1, 4 * channels))
    for layout in LAYOUTS
]
