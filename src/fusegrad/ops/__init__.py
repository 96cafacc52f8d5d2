"""Operations on arrays: they write into what they are given and know nothing of layers."""

from fusegrad.ops import (
    activation,
    adam,
    arithmetic,
    bce,
    cross_entropy,
    dropout,
    elementwise,
    linear,
    mse,
    noise,
    norm,
    reduction,
    sgd,
    shape,
)
from fusegrad.ops.matmul import matmul
from fusegrad.ops.op import Op, op

__all__ = [
    "Op",
    "activation",
    "adam",
    "arithmetic",
    "bce",
    "cross_entropy",
    "dropout",
    "elementwise",
    "linear",
    "matmul",
    "mse",
    "noise",
    "norm",
    "op",
    "reduction",
    "sgd",
    "shape",
]
