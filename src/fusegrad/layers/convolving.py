"""What convolutions and their transposes share as layers."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import ClassVar, Self

from fusegrad.expr import Function
from fusegrad.expr.activations import identity
from fusegrad.expr.functions import composition
from fusegrad.graph import Arrays, Layer, Param, Spec, require
from fusegrad.graph.precision import HALF
from fusegrad.graph.spec import is_whole
from fusegrad.layers.choice import Activation, chosen
from fusegrad.ops.epilogue import keeps
from fusegrad.ops.op import BoundOp
from fusegrad.ops.window import Window


class Convolving(Layer):
    """y = f(h), h being made of x, a window, a weight and a bias by the ops that `makers` make for f."""

    computes_in = HALF
    rank: ClassVar[int]
    makers: ClassVar[tuple[Callable[[Function, bool], BoundOp], Callable[[Function], BoundOp]]]
    weight: Param
    title: str

    def choose(self, activation: Activation) -> None:
        """Make `activation` the f of this layer."""
        owner = f"{self.title})"
        expected = "an activation, and options by name; it finds channels_in itself"
        require(not is_whole(activation), owner, expected, activation)
        self.use(chosen(owner, activation))

    def use(self, function: Function) -> None:
        """Make `function` the f of this layer."""
        make_forward, make_backward = self.makers
        self.function = function
        self.keeps_h = keeps(function) == "h"
        self.predict, self.forward = make_forward(function, False), make_forward(function, self.keeps_h)
        self.backward = make_backward(function)

    def absorb(self, function: Function) -> Self:
        fused = copy(self)
        fused.use(composition(function, self.function))
        return fused

    def check(self, x: Spec) -> None:
        """GraphError unless x is floating point and has a batch, channels and the axes of the window."""
        axes = ("length", "height, width", "depth, height, width")[self.rank - 1]
        require(x.is_float and len(x.shape) == self.rank + 2, self, f"floating-point (batch, channels, {axes})", x)

    def arrays(self, y: Spec, window: Window, groups: int) -> Arrays:
        saved = {} if self.function is identity else {"dh": y, "h": y} if self.keeps_h else {"dh": y}
        return Arrays({"y": y}, saved=saved, constants={"window": window, "groups": groups})

    def __repr__(self) -> str:
        return f"{self.title})" if self.function is identity else f"{self.title}, {self.function})"


def positive(owner: object, name: str, number: int) -> int:
    """`number` as it is; GraphError unless it is a whole one of at least 1."""
    require(is_whole(number) and number > 0, owner, f"a positive whole number as {name}", repr(number))
    return int(number)


def divided(owner: object, name: str, channels: int, groups: int) -> int:
    """Channels of each group; GraphError where they do not come out even."""
    require(channels % groups == 0, owner, f"{name} that {groups} groups divide", channels)
    return channels // groups
