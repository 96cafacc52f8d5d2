"""A hundred steps of every optimizer against PyTorch's or Optax's, in float32 and, where these can, float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optimizers.leaves import trained

from fusegrad import optimizers as ours

STEPS, SIZE = 100, 32
generator = np.random.default_rng(1)
GRADIENTS = generator.normal(size=(STEPS, SIZE)) * np.logspace(-3, 1, SIZE)
START = generator.normal(size=SIZE)
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
ADAM = {"lr": 0.02, "betas": (0.8, 0.95)}
TORCH: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.01}),
    "momentum": ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    "dampened": ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3}),
    "nesterov": ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "adagrad": ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.1, "weight_decay": 0.1}),
    "adadelta": ("Adadelta", {"lr": 0.5, "weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {"lr": 0.01, "weight_decay": 0.1}),
    "rmsprop with momentum": ("RMSprop", {"lr": 0.001, "momentum": 0.9}),
    "centered": ("RMSprop", {"lr": 0.01, "alpha": 0.9, "centered": True}),
    "centered with momentum": ("RMSprop", {"lr": 0.001, "alpha": 0.9, "centered": True, "momentum": 0.9}),
    "adam": ("Adam", {**ADAM, "weight_decay": 0.1}),
    "amsgrad": ("Adam", {**ADAM, "amsgrad": True}),
    "adamw": ("AdamW", {**ADAM, "weight_decay": 0.1}),
    "adamw with amsgrad": ("AdamW", {**ADAM, "amsgrad": True}),
    "adamax": ("Adamax", {**ADAM, "weight_decay": 0.1}),
    "nadam": ("NAdam", {**ADAM, "weight_decay": 0.1}),
    "nadam decoupled": ("NAdam", {**ADAM, "weight_decay": 0.1, "decoupled": True}),
    "radam": ("RAdam", {**ADAM, "weight_decay": 0.1}),
    "radam decoupled": ("RAdam", {**ADAM, "weight_decay": 0.1, "decoupled": True}),
    "the defaults of adadelta": ("Adadelta", {}),
    "the defaults of adagrad": ("Adagrad", {}),
    "the defaults of adam": ("Adam", {}),
    "the defaults of adamw": ("AdamW", {}),
    "the defaults of adamax": ("Adamax", {}),
    "the defaults of nadam": ("NAdam", {}),
    "the defaults of radam": ("RAdam", {}),
    "the defaults of rmsprop": ("RMSprop", {}),
}
OPTAX: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "lion": (ours.Lion(0.01, betas=(0.8, 0.95), weight_decay=0.1), "lion", {"weight_decay": 0.1}),
    "lamb": (ours.LAMB(0.01, betas=(0.8, 0.95), weight_decay=0.1), "lamb", {"weight_decay": 0.1}),
    "lamb without decay": (ours.LAMB(0.01, betas=(0.8, 0.95), weight_decay=0.0), "lamb", {}),
}


def path_of(optimizer: Any, dtype: str) -> Any:
    return trained(optimizer, GRADIENTS, START, dtype)


def torch_path(torch: Any, name: str, options: dict[str, Any], dtype: str) -> Any:
    halves = [torch.tensor(half.astype(dtype), requires_grad=True) for half in np.split(START, 2)]
    known = {("decoupled_weight_decay" if key == "decoupled" else key): value for key, value in options.items()}
    groups: list[dict[str, Any]] = [{"params": [halves[0]]}, {"params": [halves[1]], "weight_decay": 0.0}]
    optimizer, path = getattr(torch.optim, name)(groups, **known), []
    for gradient in GRADIENTS.astype(dtype):
        for half, part in zip(halves, np.split(gradient, 2), strict=True):
            half.grad = torch.from_numpy(part)
        optimizer.step()
        path.append(torch.cat(halves).detach().numpy())
    return np.array(path)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", TORCH)
def test_a_hundred_steps_are_those_of_torch(case: str, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="trajectories are compared with those of torch.optim")
    name, options = TORCH[case]
    tolerance = max(TOLERANCE[dtype], 1e-8 if name == "NAdam" else 0)  # whose products torch keeps in float32
    path = path_of(getattr(ours, name)(**options), dtype)
    np.testing.assert_allclose(path, torch_path(torch, name, options, dtype), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", OPTAX)
def test_a_hundred_steps_are_those_of_optax(case: str) -> None:
    optax = pytest.importorskip("optax", reason="trajectories are compared with those of optax")
    jax = pytest.importorskip("jax", reason="optax runs on it")
    optimizer, name, decay = OPTAX[case]
    mask = {"mask": {"decaying": True, "free": False}} if decay else {}
    rule = getattr(optax, name)(0.01, b1=0.8, b2=0.95, **decay, **mask)

    def split(array: Any) -> Any:
        return dict(zip(("decaying", "free"), np.split(array.astype("float32"), 2), strict=True))

    @jax.jit
    def step(params: Any, state: Any, gradient: Any) -> Any:
        changes, state = rule.update(gradient, state, params)
        return optax.apply_updates(params, changes), state

    params, path = split(START), []
    state = rule.init(params)
    for gradient in GRADIENTS:
        params, state = step(params, state, split(gradient))
        path.append(np.concatenate([params["decaying"], params["free"]]))
    np.testing.assert_allclose(path_of(optimizer, "float32"), path, rtol=1e-5, atol=1e-5)
