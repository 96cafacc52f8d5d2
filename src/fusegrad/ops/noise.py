"""Random draws as op: y of any shape; seed, step 0-d; node int."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.backend import random
from fusegrad.backend.random_kernels import bind_normal
from fusegrad.ops.op import Bound, op


@op
def normal(y: Any, seed: Any, step: Any, node: int, mean: float, std: float) -> None:
    """y ~ N(mean, std²), a function of (seed, step, node, index) alone."""
    random.normal(y, seed, step, node)
    np.multiply(y, std, out=y)
    np.add(y, mean, out=y)


@normal.cuda
def launch(y: Any, seed: Any, step: Any, node: int, mean: float, std: float) -> Bound:
    return bind_normal(y, seed, step, node, mean=mean, std=std)
