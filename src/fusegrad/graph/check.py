"""Gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.graph.algebra import add
from fusegrad.graph.algebra import sum as total
from fusegrad.graph.arena import ParamArena
from fusegrad.graph.evaluation import flatten
from fusegrad.graph.feed import index_limits
from fusegrad.graph.layer import Module
from fusegrad.graph.program import Program
from fusegrad.graph.spec import Spec, require
from fusegrad.graph.value import Value

Point = list[NDArray[Any]]


class GradientError(AssertionError):
    """A gradient that disagrees with finite differences."""


def check_gradients(
    layer: Module | Callable[..., Any],
    *specs: Spec | Sequence[int],
    seed: int = 0,
    wrt: Sequence[int] | None = None,
    directions: int = 5,
    rtol: float = 1e-6,
) -> float:
    """Compare the gradients of `layer` with central differences in float64 along random directions.

    The loss is a randomly weighted sum of all outputs; a direction moves all parameters and floating-point inputs at
    once, so one number checks every gradient: |g·d - (f(+εd) - f(-εd)) / 2ε| / max(|g·d|, |g| |d| / √n).

    Args:
        layer: a layer, a model, or any function of Values.
        specs: one per input, or its shape; floats are taken as float64, integers are drawn from 0 .. limit-1.
        wrt: positions of the inputs to differentiate; default: all floating-point ones.

    Returns the largest relative error over `directions`; raises GradientError where it exceeds `rtol`.
    """
    complete = [spec if isinstance(spec, Spec) else Spec(tuple(spec)) for spec in specs]
    moved = [i for i, spec in enumerate(complete) if spec.is_float] if wrt is None else wrt
    with visiting(layer):
        probe = Probe(layer, complete, seed, moved)
        worst = float(np.max([probe.relative_error() for _ in range(directions)]))
    if not worst <= rtol:
        raise GradientError(f"{layer}: gradients differ from finite differences by {worst:.1e}, allowed {rtol:.1e}")
    return worst


@contextmanager
def visiting(layer: object) -> Iterator[None]:
    """Let the parameters live in another arena for a while, and bring them home."""
    params = layer.params() if isinstance(layer, Module) else []
    homes = [(param, param.name, param.arena) for param in params]
    try:
        yield
    finally:
        for param, name, arena in homes:
            param.name, param.arena = name, arena


class Probe:
    """A point in the space of parameters and inputs, and the loss and its gradient there."""

    epsilon = 1e-6

    def __init__(
        self, layer: Module | Callable[..., Any], specs: Sequence[Spec], seed: int, wrt: Sequence[int]
    ) -> None:
        self.generator = np.random.default_rng(seed)
        doubles = [Spec(spec.shape, "float64" if spec.is_float else spec.dtype) for spec in specs]
        inputs = [Value(spec, name=f"input {i}") for i, spec in enumerate(doubles)]
        outputs = [value for value in flatten(layer(*inputs)) if value.spec.is_float]
        weights = [Value(value.spec) for value in outputs]
        terms = [total(value * weight) for value, weight in zip(outputs, weights, strict=True)]
        loss = reduce(add, terms)
        self.arena = ParamArena(
            layer if isinstance(layer, Module) else [], seed=seed, precision="float64", backend="cpu"
        )
        self.params = [param for param in self.arena.params.values() if param.trainable]
        self.places, self.moved = list(wrt), [inputs[i] for i in wrt]
        require(bool(self.params or self.moved), layer, "a parameter or a floating-point input", "neither")
        self.program = Program([*inputs, *weights], loss, self.arena, train=self.params, gradients_of=self.moved)
        self.limits = index_limits(self.program.nodes)
        self.batch = [self.draw(value) for value in (*inputs, *weights)]

    def draw(self, value: Value) -> NDArray[Any]:
        if value.spec.is_float:
            return self.generator.normal(size=value.shape)
        return self.generator.integers(0, self.below(value), value.shape).astype(value.dtype)

    def below(self, value: Value) -> int:
        return min((limit.below for limit in self.limits.get(value, ())), default=2)

    def relative_error(self) -> float:
        """One random direction."""
        self.loss()
        self.program.backward()
        gradient = [param.grad.copy() for param in self.params] + [self.program.gradient(value) for value in self.moved]
        direction = [self.generator.normal(size=array.shape) for array in gradient]
        analytic = sum(float(np.vdot(g, d)) for g, d in zip(gradient, direction, strict=True))
        numeric = (self.moved_loss(direction, 1) - self.moved_loss(direction, -1)) / (2 * self.epsilon)
        scale = np.sqrt(sum(float(np.vdot(g, g)) for g in gradient))  # |g| |d| / √n, since |d| is about √n
        return float(abs(analytic - numeric) / max(abs(analytic), scale, np.finfo("float64").tiny))

    def loss(self) -> float:
        """The loss here; the step is held, so that random layers draw the same."""
        self.arena.step[...] = 0
        return float(self.program.forward(*self.batch))

    def moved_loss(self, direction: Point, sign: int) -> float:
        before = [param.value.copy() for param in self.params] + [self.batch[i].copy() for i in self.places]
        self.place([array + sign * self.epsilon * d for array, d in zip(before, direction, strict=True)])
        loss = self.loss()
        self.place(before)
        return loss

    def place(self, point: Point) -> None:
        for param, array in zip(self.params, point, strict=False):
            param.value = array
        for i, array in zip(self.places, point[len(self.params) :], strict=True):
            self.batch[i] = array
