"""Layers, under the names that PyTorch and Keras gave them."""

from fusegrad.graph import Elementwise
from fusegrad.layers.activation import (
    CELU,
    ELU,
    GELU,
    SELU,
    HardSigmoid,
    HardSwish,
    HardTanh,
    Identity,
    LeakyReLU,
    LogSigmoid,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Squareplus,
    Swish,
    Tanh,
)
from fusegrad.layers.dropout import Dropout
from fusegrad.layers.linear import Linear
from fusegrad.layers.merge import Add, Concat
from fusegrad.layers.sequential import Sequential
from fusegrad.layers.shape import Flatten, Reshape

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Add",
    "Concat",
    "Dropout",
    "Elementwise",
    "Flatten",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "Reshape",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Squareplus",
    "Swish",
    "Tanh",
]
