"""All operators by name: whoever imports this has them entered."""

from __future__ import annotations

from onnx_suite import (
    activations,
    convolutions,
    elementwise,
    losses,
    normalisations,
    plumbing,
    pools,
    products,
    rearranging,
    reductions,
    resizing,
    shaping,
    training,
)
from onnx_suite.node import OPERATORS as OPERATORS

FAMILIES = (
    activations,
    convolutions,
    elementwise,
    losses,
    normalisations,
    plumbing,
    pools,
    products,
    rearranging,
    reductions,
    resizing,
    shaping,
    training,
)
