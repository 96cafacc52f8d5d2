"""Layers, under the names that PyTorch and Keras gave them; what few scripts use is loaded when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusegrad.graph import Elementwise
from fusegrad.imports import on_demand
from fusegrad.layers.activation import (
    CELU,
    ELU,
    GELU,
    SELU,
    HardShrink,
    HardSigmoid,
    HardSwish,
    HardTanh,
    Identity,
    LeakyReLU,
    LogSigmoid,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    SoftShrink,
    Softsign,
    Squareplus,
    Swish,
    Tanh,
    Threshold,
)
from fusegrad.layers.dropout import Dropout, SpatialDropout, StochasticDepth
from fusegrad.layers.linear import Linear
from fusegrad.layers.sequential import Sequential

if TYPE_CHECKING:
    from fusegrad.layers.convolution import Conv1d, Conv2d, Conv3d
    from fusegrad.layers.depthwise_convolution import DepthwiseConv1d, DepthwiseConv2d
    from fusegrad.layers.embedding import Embedding
    from fusegrad.layers.extremes import Maximum, Minimum
    from fusegrad.layers.gated import GEGLU, GLU, Gated, ReGLU, SwiGLU
    from fusegrad.layers.group_norm import GroupNorm, InstanceNorm
    from fusegrad.layers.layer_norm import LayerNorm, RMSNorm
    from fusegrad.layers.maxout import Maxout
    from fusegrad.layers.merge import Add, Concat, Multiply, Split
    from fusegrad.layers.noise import GaussianDropout, GaussianNoise
    from fusegrad.layers.normalization import BatchNorm
    from fusegrad.layers.plane_pooling import (
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveAvgPool3d,
        GlobalAvgPool,
        GlobalMaxPool,
    )
    from fusegrad.layers.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
    from fusegrad.layers.prelu import PReLU
    from fusegrad.layers.shape import Flatten, Pad, Reshape, Transpose
    from fusegrad.layers.softmax import LogSoftmax, Softmax
    from fusegrad.layers.transposed_convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
    from fusegrad.layers.upsampling import PixelShuffle, PixelUnshuffle, Upsample

__all__ = [
    "CELU",
    "ELU",
    "GEGLU",
    "GELU",
    "GLU",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "Concat",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "DepthwiseConv1d",
    "DepthwiseConv2d",
    "Dropout",
    "Elementwise",
    "Embedding",
    "Flatten",
    "Gated",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Identity",
    "InstanceNorm",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Maximum",
    "Maxout",
    "Minimum",
    "Mish",
    "Multiply",
    "PReLU",
    "Pad",
    "PixelShuffle",
    "PixelUnshuffle",
    "RMSNorm",
    "ReGLU",
    "ReLU",
    "ReLU6",
    "Reshape",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpatialDropout",
    "Split",
    "Squareplus",
    "StochasticDepth",
    "SwiGLU",
    "Swish",
    "Tanh",
    "Threshold",
    "Transpose",
    "Upsample",
]

__getattr__ = on_demand(
    __name__,
    __all__,
    {
        "convolution": ("Conv1d", "Conv2d", "Conv3d"),
        "depthwise_convolution": ("DepthwiseConv1d", "DepthwiseConv2d"),
        "embedding": ("Embedding",),
        "extremes": ("Maximum", "Minimum"),
        "gated": ("GEGLU", "GLU", "Gated", "ReGLU", "SwiGLU"),
        "group_norm": ("GroupNorm", "InstanceNorm"),
        "layer_norm": ("LayerNorm", "RMSNorm"),
        "maxout": ("Maxout",),
        "merge": ("Add", "Concat", "Multiply", "Split"),
        "noise": ("GaussianDropout", "GaussianNoise"),
        "normalization": ("BatchNorm",),
        "plane_pooling": (
            "AdaptiveAvgPool1d",
            "AdaptiveAvgPool2d",
            "AdaptiveAvgPool3d",
            "GlobalAvgPool",
            "GlobalMaxPool",
        ),
        "pooling": ("AvgPool1d", "AvgPool2d", "AvgPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d"),
        "prelu": ("PReLU",),
        "shape": ("Flatten", "Pad", "Reshape", "Transpose"),
        "softmax": ("LogSoftmax", "Softmax"),
        "transposed_convolution": ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
        "upsampling": ("PixelShuffle", "PixelUnshuffle", "Upsample"),
    },
)
