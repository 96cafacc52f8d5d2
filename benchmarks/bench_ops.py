"""Every op alone, at `medium` on arrays larger than the caches of one core; the cases lie in files by theme."""

from __future__ import annotations

import convolution_ops
import elementwise_ops
import linear_ops
import loss_ops
import norm_ops
import pooling_ops
import pytest
import random_ops
import shaping_ops
import step_ops
from clocks import graph_of
from op_arrays import Case, make

THEMES = (
    elementwise_ops,
    linear_ops,
    convolution_ops,
    pooling_ops,
    norm_ops,
    shaping_ops,
    random_ops,
    loss_ops,
    step_ops,
)
CASES: dict[str, Case] = {name: case for theme in THEMES for name, case in theme.CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_op(measure, contender, name):
    case, backend = CASES[name], contender.backend
    arrays = {key: make(backend, entry) for key, entry in case.arrays.items()}
    with backend.using_stream():
        run = case.op.bound(contender.evaluator, **arrays, **case.options)  # as a program binds it
    if contender.name == "captured":
        run = graph_of(backend, [run])
    measure(run, flops=case.flops, nbytes=case.nbytes(arrays))
