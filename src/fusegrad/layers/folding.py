"""A product whose weights have taken up the normalisation that follows it, in programs that only evaluate."""

from __future__ import annotations

from typing import Protocol

from fusegrad.expr import Function
from fusegrad.graph import Arrays, Layer, Param, Spec
from fusegrad.layers.convolution import Convolution
from fusegrad.layers.depthwise_convolution import DepthwiseConvolution
from fusegrad.layers.linear import Linear
from fusegrad.ops import batch_norm

Product = Linear | Convolution | DepthwiseConvolution  # weights (channels, …), channels of the result first


class Norm(Protocol):
    """What there is to be folded."""

    weight: Param | None
    bias: Param | None
    running_mean: Param
    running_var: Param
    eps: float


class Folding(Layer):
    """The weight and bias of a product that does what `product` and then `norm` do, both in `dtype`."""

    forward, backward = batch_norm.fold, None

    def __init__(self, product: Product, norm: Norm, dtype: str) -> None:
        self.weight, self.bias = product.weight, product.bias
        self.gamma, self.beta = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.eps, self.dtype = norm.eps, dtype

    def plan(self) -> Arrays:
        folded = {"folded_weight": self.weight.shape, "folded_bias": self.running_mean.shape}
        specs = {name: Spec(shape, self.dtype) for name, shape in folded.items()}
        return Arrays(specs, constants={"eps": self.eps})


class Folded(Layer):
    """`product` with a weight and a bias that come as inputs."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.forward = product.predict

    def plan(self, x: Spec, weight: Spec, bias: Spec) -> Arrays:
        return self.product.plan(x)

    def absorb(self, function: Function) -> Folded:
        return Folded(self.product.absorb(function))

    def __repr__(self) -> str:
        return repr(self.product)
