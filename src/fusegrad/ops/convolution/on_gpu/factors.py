"""Products of a convolution as their kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.ops.convolution.on_gpu.sweep import Sweep
from fusegrad.ops.epilogue import epilogue_header, is_identity, keeps
from fusegrad.ops.gemm.after import Activated, After, Sloped
from fusegrad.ops.gemm.product import Product
from fusegrad.ops.gemm.simt import bind_total
from fusegrad.ops.grids import THREADS
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.strides import Strided

FILE = "convolution.cu"
LIKE_Y = "saved", "residual", "h"


@dataclass(frozen=True, eq=False)
class Seen:
    """y = what `after` makes of weight · windows of x, or += that: a convolution, or the gradient by its input.

    weight is that of the convolution, (groups, channels_out, channels_in, taps); y has the second of its axes, or the
    third if `by_input`, and x has the other.
    """

    x: Any
    weight: Any
    y: Any
    sweep: Sweep
    by_input: bool
    after: After
    add: bool
    arithmetic: str

    @property
    def groups(self) -> int:
        return int(self.weight.shape[0])

    @property
    def rows(self) -> int:
        """Channels of y in a group."""
        return int(self.weight.shape[2 if self.by_input else 1])

    @property
    def channels(self) -> int:
        """Channels of x in a group."""
        return int(self.weight.shape[1 if self.by_input else 2])

    @property
    def inner(self) -> int:
        return self.sweep.taps * self.channels

    @property
    def columns(self) -> int:
        """Places of all samples."""
        return self.sweep.places

    @property
    def phases(self) -> int:
        return len(self.sweep.phases)

    @property
    def weight_strides(self) -> tuple[int, int]:
        """Of a row and of a channel of x, in elements."""
        _, _, inner, taps = self.weight.shape
        return (taps, inner * taps) if self.by_input else (inner * taps, taps)

    @property
    def types(self) -> str:
        return f"{c_type(self.x.dtype)}, {c_type(self.y.dtype)}"

    @property
    def header(self) -> dict[str, str]:
        """The text that takes the place of kernels/epilogue.cuh; nothing where that file will do."""
        function, sloped = self.after.function, isinstance(self.after, Sloped)
        if not sloped and (function is None or is_identity(function)):
            return {}
        return epilogue_header(function, self.x.dtype, sloped=sloped)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The last ones of a kernel."""
        like_y = (getattr(self.after, name, None) for name in LIKE_Y)
        return getattr(self.after, "bias", None), *like_y, self.y, self.add

    def turned(self) -> tuple[Any, list[Bound]]:
        """The weights as a product takes them, (phases, groups, rows, taps, channels), and what makes them so."""
        if not self.by_input and 1 in (self.sweep.taps, self.channels):
            return self.weight, []
        shape = (self.phases, self.groups, self.rows, self.sweep.taps, self.channels)
        turned = namespace(self.x).empty(shape, self.weight.dtype)
        run = kernel(self.x, FILE, f"convolution_turn<{c_type(self.x.dtype)}>")
        sizes = self.groups, self.rows, self.sweep.taps, *self.weight_strides, turned.size
        grid = (-(-turned.size // THREADS),)
        return turned, [run.bind(grid, (THREADS,), self.weight, turned, *self.sweep.arguments, *sizes)]


def check_after(after: After, y: Any) -> None:
    """ValueError where what follows a product of a convolution does not fit y (batch, channels, …)."""
    if getattr(after, "drop", None) is not None or getattr(after, "sums", None) is not None:
        raise ValueError("a convolution expects neither dropout nor sums behind it, got one of them")
    if isinstance(after, Sloped) and keeps(after.function) is not None and after.saved is None:
        raise ValueError(f"a convolution expects what the slope of {after.function} comes from, got None")
    for name in ("bias", *LIKE_Y):
        array, shape = getattr(after, name, None), y.shape[1:2] if name == "bias" else y.shape
        if array is not None and array.shape != shape:
            raise ValueError(f"a convolution expects {name} of the shape {shape}, got {array.shape}")


@dataclass(frozen=True, eq=False)
class Gradient:
    """dweight = dy · windows of xᵀ over the places of all samples, or += that; sizes are groups, rows and columns."""

    dy: Any
    x: Any
    dweight: Any
    sweep: Sweep
    sizes: tuple[int, int, int]
    add: bool
    arithmetic: str

    def parts(self, blocks: int, step: int, shortest: int, enough: int) -> tuple[int, int]:
        """Parts of the places, each summed by so many blocks, and the length of one, a multiple of `step`."""
        wanted = max(1, min(-(-enough // max(1, blocks)), self.sweep.places // shortest))
        length = max(1, -(-self.sweep.places // (wanted * step))) * step
        return max(1, -(-self.sweep.places // length)), length

    def space(self, parts: int) -> Any:
        return namespace(self.x).empty((parts, *self.sizes), accumulated(self.x.dtype))

    def total(self, first: Bound, parts: Any) -> Bound:
        """The launch that fills the parts, and the one that adds them."""
        groups, rows, columns = self.sizes
        of_x = Strided(self.x, (0, 0, 0, 0))
        of_y = Strided(self.dweight, (0, rows * columns, columns, 1))
        sizes = rows, self.sweep.places, columns
        product = Product(of_x, of_x, of_y, (1, groups), sizes, self.add, Activated(), self.arithmetic)
        return in_turn([first, bind_total(product, parts)])
