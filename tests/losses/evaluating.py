"""Losses run through programs."""

from __future__ import annotations

import numpy as np

from fusegrad.graph import Input, ParamArena, Program


def value(loss, *arrays, dtype="float64"):
    """The loss of arrays."""
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    return float(Program(values, loss(*values), ParamArena([], precision=dtype)).forward(*arrays))


def value_and_gradient(loss, *arrays, dtype="float64"):
    """The loss, and its gradient by the first array."""
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    program = Program(values, loss(*values), ParamArena([], precision=dtype), gradients_of=values[:1])
    y = float(program.forward(*arrays))
    program.backward()
    return y, np.array(program.gradient(values[0]))
