"""Operations on arrays: they write into what they are given and know nothing of layers."""

from fusegrad.ops import (
    arithmetic,
    cross_entropy,
    dropout,
    elementwise,
    linear,
    loops,
    mean_loss,
    noise,
    norm,
    prelu,
    reduction,
    shape,
)
from fusegrad.ops.matmul import column_sums, matmul
from fusegrad.ops.op import BoundOp, Op, bound_op, op

__all__ = [
    "BoundOp",
    "Op",
    "arithmetic",
    "bound_op",
    "column_sums",
    "cross_entropy",
    "dropout",
    "elementwise",
    "linear",
    "loops",
    "matmul",
    "mean_loss",
    "noise",
    "norm",
    "op",
    "prelu",
    "reduction",
    "shape",
]
