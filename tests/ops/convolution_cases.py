"""Cases of convolutions: one to three axes, strides, gaps, groups, and windows that hardly touch the array.

Sums are over K = channels_in / groups · kernel for a convolution, over channels_out / groups · kernel for its input
gradient, and over samples and places for the weight gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from checks import Case, Draw
from ops.draws import marked

from fusegrad.expr import Function
from fusegrad.expr.activations import gelu, identity, relu
from fusegrad.ops import Op, convolution
from fusegrad.ops.epilogue import keeps
from fusegrad.ops.window import Window

FUNCTIONS = identity, relu, gelu
ADDS = "add_dx", "add_dweight", "add_dbias"


def window(kernel: tuple[int, ...], stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Window:
    """A window whose other entries are one number for all axes, or one for each."""
    stride, dilation, padding = (
        (entry,) * len(kernel) if isinstance(entry, int) else entry for entry in (stride, dilation, padding)
    )
    both = tuple((entry, entry) if isinstance(entry, int) else entry for entry in padding)
    return Window(kernel, stride, dilation, both)


@dataclass(frozen=True)
class Size:
    """A convolution of `channels` (in, out)."""

    label: str
    batch: int
    channels: tuple[int, int]
    extents: tuple[int, ...]
    window: Window
    groups: int = 1

    @property
    def wide(self) -> tuple[int, ...]:
        """The shape of x."""
        return (self.batch, self.channels[0], *self.extents)

    @property
    def narrow(self) -> tuple[int, ...]:
        """The shape of y."""
        return (self.batch, self.channels[1], *self.window.outputs(self.extents))

    @property
    def weight(self) -> tuple[int, ...]:
        return (self.channels[1], self.channels[0] // self.groups, *self.window.kernel)

    @property
    def options(self) -> dict[str, Any]:
        return {"window": self.window, "groups": self.groups}

    @property
    def longest(self) -> int:
        """Terms of the longest sum among the three products and the bias gradients."""
        places = self.batch * prod(max(pair) for pair in zip(self.narrow[2:], self.extents, strict=True))
        return max(1, places, max(self.channels) // self.groups * self.window.size)


SIZES = (
    Size("line", 3, (1, 5), (37,), window((5,), padding=2)),
    Size("image", 2, (3, 8), (9, 11), window((3, 3), padding=1)),
    Size("plain-product", 2, (33, 31), (5, 7), window((1, 1))),
    Size("deep", 1, (33, 36), (6, 6), window((3, 3), padding=1)),
    Size("strided", 2, (4, 6), (11, 8), window((3, 3), (2, 3), ((0, 1), (1, 1)))),
    Size("leaves-some-out", 2, (3, 4), (8, 9), window((1, 1), 2)),
    Size("dilated", 1, (3, 4), (13, 12), window((3, 2), dilation=(2, 3))),
    Size("dilated-strided", 2, (2, 3), (14, 15), window((3, 3), 2, 2, 2)),
    Size("groups", 2, (6, 9), (7, 6), window((3, 3), padding=1), 3),
    Size("depthwise", 3, (5, 5), (8, 9), window((3, 3), padding=1), 5),
    Size("depthwise-multiplied", 2, (3, 6), (7, 10), window((3, 5), 2, ((1, 1), (2, 2))), 3),
    Size("wide-padding", 2, (2, 3), (4, 5), window((3, 3), padding=(3, 4))),
    Size("stride-beyond-extent", 2, (3, 4), (6, 1), window((3, 3), (1, 4), (2, 4), (1, 2))),
    Size("one-element", 2, (3, 4), (1, 1), window((3, 3), padding=1)),
    Size("volume", 2, (3, 4), (5, 4, 6), window((2, 3, 3), (1, 2, 1), (0, 1, 1))),
    Size("no-samples", 0, (2, 3), (5, 5), window((3, 3))),
    Size("no-channels", 2, (0, 4), (5, 5), window((3, 3), padding=1)),
    Size("channels", 2, (12, 20), (9, 10), window((3, 3), 2, 1)),
    Size("channels-leave-some-out", 2, (10, 12), (5, 6), window((1, 1), 2)),
    Size("channels-in-groups", 2, (20, 40), (6, 7), window((3, 2), padding=(2, 1), dilation=(2, 1)), 2),
    Size("channels-of-volume", 1, (10, 12), (3, 5, 4), window((2, 3, 3), (1, 2, 1), (0, 1, 1))),
    Size("channels-in-tiles", 2, (65, 66), (7, 7), window((3, 3), padding=1)),
    Size("in-parts", 4, (9, 16), (9, 36), window((3, 3), padding=1)),
)
GROUPS = Size("groups-in-large-tiles", 1, (128, 128 * 65), (1,), window((1,)), 128)
FUSED = tuple(
    size for size in SIZES if size.label in ("image", "strided", "depthwise", "no-samples", "channels-in-groups")
)


def product(names: str, size: Size, add: bool = False) -> Case:
    """A product of the arrays of the three names, of the shapes of y or x, weight, and x or y."""
    shapes = {"x": size.wide, "dx": size.wide, "y": size.narrow, "dy": size.narrow}
    arrays = {name: shapes.get(name, size.weight) for name in names.split()}
    return Case(f"{size.label}{'-adds' * add}", arrays, size.options | {"add": add}, size.longest)


def products(names: str) -> list[Case]:
    adding = [product(names, size, add=True) for size in SIZES if size.label in ("deep", "groups", "depthwise")]
    return [product(names, size) for size in SIZES] + adding


def forward(function: Function, keep_h: bool, transposed: bool) -> list[Case]:
    """y = f(h), where x and y have changed places if `transposed`."""

    def case(size: Size, **other: Any) -> Case:
        x, y = (size.narrow, size.wide) if transposed else (size.wide, size.narrow)
        arrays = {"x": x, "weight": size.weight, "bias": y[1:2]} | dict.fromkeys(["y", *["h"] * keep_h], y)
        return Case("-".join([size.label, *other]), arrays | other, size.options, size.longest)

    cases = [case(size) for size in FUSED]
    cases.append(case(FUSED[0], bias=None))
    return marked(f"{function}{'-h' * keep_h}", cases)


def backward(function: Function, transposed: bool) -> list[Case]:
    kept = keeps(function)
    own = [] if function is identity else ["dh", *([kept] if kept else [])]

    def case(size: Size, label: str, adds: tuple[str, ...] = (), **other: Any) -> Case:
        x, y = (size.narrow, size.wide) if transposed else (size.wide, size.narrow)
        arrays = {"dy": y, "x": x, "weight": size.weight, **dict.fromkeys(own, y)}
        arrays |= {"dx": x, "dweight": size.weight, "dbias": y[1:2]}
        options = size.options | {name: name in adds for name in ADDS}
        return Case(f"{size.label}{label}", arrays | other, options, size.longest)

    image = FUSED[0]
    cases = [case(size, "") for size in FUSED]
    cases += [case(image, "-adds", ADDS), case(image, "-without-input", dx=None, dbias=None)]
    cases.append(case(image, "-without-weight", dweight=None))
    channels = image.channels[0 if transposed else 1]
    cases.append(case(image, "-mixed", dweight=Draw(image.weight, dtype="sum"), dbias=Draw((channels,), dtype="sum")))
    return marked(str(function), cases)


CASES: dict[Op, list[Case]] = {
    convolution.correlate: [product("x weight y", GROUPS), *products("x weight y")],
    convolution.spread: products("dy weight dx"),
    convolution.weigh: products("dy x dweight"),
    **{convolution.forward(f, h): forward(f, h, False) for f, h in ((identity, False), (relu, False), (gelu, True))},
    **{convolution.transposed_forward(f, h): forward(f, h, True) for f, h in ((relu, False), (gelu, True))},
    **{convolution.backward(f): backward(f, False) for f in FUNCTIONS},
    **{convolution.transposed_backward(f): backward(f, True) for f in FUNCTIONS},
}
