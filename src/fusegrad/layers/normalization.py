"""Batch normalisation."""

from __future__ import annotations

from copy import copy
from numbers import Real

from fusegrad import initializers
from fusegrad.backend.signature import accumulated
from fusegrad.expr import Function
from fusegrad.expr.activations import identity
from fusegrad.expr.functions import composition
from fusegrad.graph import Arrays, Layer, Param, Spec, require
from fusegrad.graph.spec import is_whole
from fusegrad.layers.choice import Activation, chosen
from fusegrad.layers.folding import Folded, Folding, Product
from fusegrad.layers.linear import Linear
from fusegrad.ops import batch_norm
from fusegrad.ops.batch_norm import Exchange


class BatchNorm(Layer):
    """y = f((x - mean) / sqrt(var + eps) weight + bias), with the mean and variance of each channel over a batch.

    Ioffe & Szegedy, 2015, arXiv:1502.03167.  A training pass uses the statistics of its batch and moves the running
    ones towards them: running = (1 - momentum) running + momentum batch, with the variance of a sample, which divides
    by count - 1.  Evaluating programs use the running ones, and fold the layer into a product before it.

    Args:
        activation: f, as a layer (`ReLU()`), a function of `fg.expr`, or a name ("gelu"); default: none.  It makes no
            difference to what runs whether it stands here or is the next layer.
        momentum: the share of a batch in the running statistics.
        eps: what is added to the variance.
        affine: whether weight and bias are there.
        frozen: whether training passes use the running statistics, too, and leave them as they are.
        exchange: for processes that share a batch, a function that replaces an array by its sum over all of them, on
            the device and in the order of its stream; statistics are then those of the whole batch.
        channels: of x; default: what the first call brings.

    Shapes: x, y (batch, channels, …), of one dtype; weight, bias, running_mean and running_var (channels,).
    Raises GraphError unless x is floating point and has channels, and a training program ValueError for one element in
    each channel, of which there is no variance.
    """

    def __init__(
        self,
        activation: Activation = None,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        affine: bool = True,
        frozen: bool = False,
        exchange: Exchange | None = None,
        channels: int | None = None,
    ) -> None:
        expected = "an activation first; its channels are those of its first input, or `channels=…`"
        require(not is_whole(activation), "BatchNorm", expected, activation)
        share = isinstance(momentum, Real) and 0 <= momentum <= 1
        require(share, "BatchNorm", "a momentum from 0 to 1", repr(momentum))
        require(isinstance(eps, Real) and eps > 0, "BatchNorm", "eps above 0", repr(eps))
        require(exchange is None or callable(exchange), "BatchNorm", "a function as exchange", repr(exchange))
        fits = channels is None or (is_whole(channels) and channels > 0)
        require(fits, "BatchNorm", "a positive whole number as channels", repr(channels))
        self.momentum, self.eps, self.is_frozen, self.exchange = momentum, eps, bool(frozen), exchange
        self.weight = Param((channels,), initializers.ones, decay=False) if affine else None
        self.bias = Param((channels,), initializers.zeros, decay=False) if affine else None
        self.running_mean = Param((channels,), initializers.zeros, decay=False, trainable=False)
        self.running_var = Param((channels,), initializers.ones, decay=False, trainable=False)
        self.use(chosen("BatchNorm", activation))

    @property
    def frozen(self) -> bool:
        """Whether training passes use the running statistics; decided when the layer is made."""
        return self.is_frozen

    @frozen.setter
    def frozen(self, frozen: bool) -> None:
        expected = "frozen when it is made, `BatchNorm(frozen=True)`, since programs are planned for it"
        require(frozen == self.is_frozen, self, expected, frozen)

    def use(self, function: Function) -> None:
        """Make `function` the f of this layer."""
        self.function = function
        self.predict = batch_norm.predict(function)
        self.forward = self.predict if self.frozen else batch_norm.forward(function)
        self.backward = batch_norm.frozen_backward(function) if self.frozen else batch_norm.backward(function)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 1, self, "floating-point input (batch, channels, …)", x)
        for param in self.layer_params().values():
            require(param.settle(x.shape[1:2]), self, f"{param.extents[0]} channels on axis 1", x.shape)
        if self.frozen:
            return Arrays({"y": x}, constants={"eps": self.eps})
        of_channels = Spec(x.shape[1:2], accumulated(x.dtype))
        constants = {"momentum": self.momentum, "eps": self.eps, "exchange": self.exchange}
        return Arrays({"y": x}, saved={"mean": of_channels, "rstd": of_channels}, constants=constants)

    def absorb(self, function: Function) -> BatchNorm:
        fused = copy(self)
        fused.use(composition(function, self.function))
        return fused

    def folds(self, producer: Layer, x: Spec) -> tuple[Layer, Layer] | None:
        """For programs that only evaluate: products that have its channels as the first axis of their weights."""
        if not isinstance(producer, Product) or producer.function is not identity:
            return None
        if isinstance(producer, Linear) and len(x.shape) > 2:  # whose outputs are the last axis, not axis 1
            return None
        return Folding(producer, self, x.dtype), Folded(producer).absorb(self.function)

    def __repr__(self) -> str:
        return "BatchNorm" if self.function is identity else f"BatchNorm({self.function})"
