"""What a layer makes of arrays, and the gradients, to be held against another library's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fusegrad.graph import Input, Module, ParamArena, Program


class Outcome(NamedTuple):
    """The output, and the gradients of Σ weights · output with respect to inputs and parameters."""

    y: np.ndarray
    weights: np.ndarray
    gradients: list[np.ndarray]
    parameters: dict[str, np.ndarray]


def outcome(layer: Module | Callable[..., Any], *arrays: np.ndarray, seed: int = 0, backend: str = "cpu") -> Outcome:
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    y = layer(*values)
    weight = Input(y.shape, y.dtype)
    precision = "float64" if y.dtype == "float64" else "float32"
    arena = ParamArena(layer if isinstance(layer, Module) else [], seed=seed, precision=precision, backend=backend)
    moved = [value for value in values if value.spec.is_float]
    loss = (y * weight).sum()
    program = Program([*values, weight], loss, arena, train=[*arena.params.values()], keep=[y], gradients_of=moved)
    weights = np.random.default_rng(1).normal(size=y.shape).astype(y.dtype)
    program.forward(*arrays, weights)
    program.backward()
    host = arena.backend.to_numpy
    gradients = [host(program.gradient(value)).copy() for value in moved]
    parameters = {name: host(param.grad).copy() for name, param in arena.params.items() if param.trainable}
    return Outcome(host(program.read(y)).copy(), weights, gradients, parameters)


def prediction(layer: Module | Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """The output of a program without a backward pass."""
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    arena = ParamArena(layer if isinstance(layer, Module) else [], backend="cpu")
    return Program(values, layer(*values), arena).forward(*arrays).copy()


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def check_like_torch(layer: Module | Callable[..., Any], function: Callable[..., Any], *arrays: np.ndarray) -> None:
    """Values and gradients agree with those of a function of tensors, to 1e-5 of the largest."""
    import torch

    tensors = [torch.from_numpy(array).requires_grad_(array.dtype.kind == "f") for array in arrays]
    found = outcome(layer, *arrays)
    expected = function(*tensors)
    (expected * torch.from_numpy(found.weights)).sum().backward()
    pairs = [(found.y, expected.detach().numpy())]
    moved = [tensor for tensor in tensors if tensor.requires_grad]
    pairs += zip(found.gradients, [tensor.grad.numpy() for tensor in moved], strict=True)
    for got, wanted in pairs:
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max(initial=0))
