"""Normalisation of every sample by itself, over groups of its channels."""

from __future__ import annotations

from copy import copy
from numbers import Real
from typing import Self

from fusegrad import initializers
from fusegrad.backend.signature import accumulated
from fusegrad.expr import Function
from fusegrad.expr.activations import identity
from fusegrad.expr.functions import composition
from fusegrad.graph import Arrays, Layer, Param, Spec, require
from fusegrad.graph.spec import is_whole
from fusegrad.layers.choice import Activation, chosen
from fusegrad.ops import group_norm


class GroupedNorm(Layer):
    """y = f((x - mean) / sqrt(var + eps) weight + bias), with mean and variance over groups of a sample's channels."""

    def begin(self, owner: str, activation: Activation, eps: float, affine: bool) -> None:
        expected = "an activation, its channels being those of its first input"
        require(not is_whole(activation), owner, expected, activation)
        require(isinstance(eps, Real) and eps > 0, owner, "eps above 0", repr(eps))
        self.eps = eps
        self.weight = Param((None,), initializers.ones, decay=False) if affine else None
        self.bias = Param((None,), initializers.zeros, decay=False) if affine else None
        self.use(chosen(owner, activation))

    def use(self, function: Function) -> None:
        """Make `function` the f of this layer."""
        self.function = function
        self.forward, self.backward = group_norm.forward(function), group_norm.backward(function)

    def absorb(self, function: Function) -> Self:
        fused = copy(self)
        fused.use(composition(function, self.function))
        return fused

    def in_groups(self, x: Spec, groups: int) -> Arrays:
        """The plan for so many groups; GraphError where they have one element, which has no variance."""
        expected = "more than one element for each mean"
        require(x.size > x.shape[0] * groups, self, expected, f"{x.shape} with {groups} in each sample")
        for param in self.layer_params().values():
            require(param.settle(x.shape[1:2]), self, f"{param.extents[0]} channels on axis 1", x.shape)
        of_groups = Spec((x.shape[0], groups), accumulated(x.dtype))
        return Arrays({"y": x}, saved={"mean": of_groups, "rstd": of_groups}, constants={"eps": self.eps})


class GroupNorm(GroupedNorm):
    """y = f((x - mean) / sqrt(var + eps) weight + bias), with mean and variance over a group of channels of a sample.

    Wu & He, 2018, arXiv:1803.08494.

    Args:
        groups: into how many groups of neighbours the channels are split.
        activation: f, as a layer (`SiLU()`), a function of `fg.expr`, or a name ("silu"); default: none.  It makes no
            difference to what runs whether it stands here or is the next layer.
        eps: what is added to the variance.
        affine: whether weight and bias are there.

    Shapes: x, y (batch, channels, …), of one dtype; weight and bias (channels,).
    Raises GraphError unless x is floating point, its channels are a multiple of groups and a group has two elements.
    """

    def __init__(self, groups: int, activation: Activation = None, *, eps: float = 1e-5, affine: bool = True) -> None:
        fits = is_whole(groups) and groups > 0
        require(fits, "GroupNorm", "a positive whole number as groups", repr(groups))
        self.groups = int(groups)
        self.begin("GroupNorm", activation, eps, affine)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 1, self, "floating-point input (batch, channels, …)", x)
        require(x.shape[1] % self.groups == 0, self, f"channels that {self.groups} groups divide", x.shape[1])
        return self.in_groups(x, self.groups)

    def __repr__(self) -> str:
        activation = "" if self.function is identity else f", {self.function}"
        return f"GroupNorm({self.groups}{activation})"


class InstanceNorm(GroupedNorm):
    """y = f((x - mean) / sqrt(var + eps) weight + bias), with mean and variance of each channel of each sample.

    Ulyanov et al., 2016, arXiv:1607.08022.

    Args:
        activation: f, as a layer (`ReLU()`), a function of `fg.expr`, or a name ("gelu"); default: none.
        eps: what is added to the variance.
        affine: whether weight and bias are there; as in PyTorch they are not unless asked for.

    Shapes: x, y (batch, channels, *extents), of one dtype; weight and bias (channels,).
    Raises GraphError unless x is floating point and its channels have two places or more.
    """

    def __init__(self, activation: Activation = None, *, eps: float = 1e-5, affine: bool = False) -> None:
        self.begin("InstanceNorm", activation, eps, affine)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 2, self, "floating-point input (batch, channels, *extents)", x)
        return self.in_groups(x, x.shape[1])

    def __repr__(self) -> str:
        return "InstanceNorm" if self.function is identity else f"InstanceNorm({self.function})"
