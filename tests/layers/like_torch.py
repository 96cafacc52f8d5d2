"""Layers with a weight and a bias, held against functions of PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layers.outcomes import outcome

from fusegrad.graph import Layer


def given(array: np.ndarray) -> Callable[..., np.ndarray]:
    """An initializer."""
    return lambda generator, shape: array


def check_with_parameters(
    make: Callable[..., Layer], function: Callable[..., Any], x: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> None:
    """The layer of this weight and bias and function(x, weight, bias) agree to 1e-5 of the largest value.

    So do the gradients of all three.
    """
    torch = pytest.importorskip("torch", reason="values and gradients are compared with those of PyTorch")
    tensors = [torch.tensor(array, requires_grad=True) for array in (x, weight, bias)]
    y = function(*tensors)
    found = outcome(make(weight_init=given(weight), bias_init=given(bias)), x)
    (y * torch.from_numpy(found.weights)).sum().backward()
    pairs = [("y", found.y, y.detach().numpy()), ("dx", found.gradients[0], tensors[0].grad.numpy())]
    gradients = zip(("weight", "bias"), tensors[1:], strict=True)
    pairs += [(f"d{name}", found.parameters[name], tensor.grad.numpy()) for name, tensor in gradients]
    for name, got, wanted in pairs:
        assert got.shape == wanted.shape
        error, allowed = np.abs(got - wanted).max(initial=0), 1e-5 * np.abs(wanted).max(initial=0)
        assert error <= allowed, f"{name} is off by {error:.2e}, allowed {allowed:.2e}"
