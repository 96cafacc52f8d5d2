"""A model whose gradients are whatever a test says: numbers that decay, and numbers that do not."""

from __future__ import annotations

import numpy as np

from fusegrad.graph import Arrays, Input, Layer, Module, Param, ParamArena, Program, Spec

START = [2.0, 0.25, 1.5, -0.5]


class Leaf(Layer):
    """y = its numbers, so that the gradient of a sum with x is x."""

    def __init__(self, start, decay, dtype):
        self.dtype = dtype
        self.weight = Param((len(start),), lambda generator, shape: np.array(start), decay=decay)

    def plan(self):
        return Arrays({"y": Spec(self.weight.shape, self.dtype)})

    def forward(self, weight, y):
        y[...] = weight

    def backward(self, dy, dweight):
        dweight[...] = dy


class Leaves(Module):
    """The first half of the numbers decays, the second does not."""

    def __init__(self, start, dtype):
        half = len(start) // 2
        self.free, self.decaying = Leaf(start[half:], False, dtype), Leaf(start[:half], True, dtype)


def leaf_program(optimizer, start=START, dtype="float64"):
    leaves, half = Leaves(start, dtype), len(start) // 2
    x = Input((len(start),), dtype)
    loss = (leaves.decaying() * x[:half]).sum() + (leaves.free() * x[half:]).sum()
    return Program([x], loss, ParamArena(leaves, precision=dtype, backend="cpu"), optimizer)


def trained(optimizer, gradients, start=START, dtype="float64"):
    """The values after each step, those that decay first."""
    program, path = leaf_program(optimizer, start, dtype), []
    for gradient in gradients:
        program.step(gradient)
        path.append(numbers(program))
    return np.array(path)


def numbers(program, slot=None):
    """The values, or those of a slot, without the gaps between parameters; those that decay first."""
    views = program.optimizer_state.named_slots()
    return np.concatenate(
        [views[f"{slot}/{param.name}"] if slot else param.value for param in program.arena.params.values()]
    )
