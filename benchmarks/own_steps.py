"""The work of `workloads` as programs and ops of fusegrad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from image_workloads import CLASSES, ImageNetwork
from workloads import BETAS, EPS, LR, Operation, Perceptron, normal_numbers

import fusegrad as fg
from fusegrad.backend import Backend
from fusegrad.backend.dtypes import dtype_of
from fusegrad.cli import networks
from fusegrad.ops import cross_entropy, layer_norm

Calls = list[Callable[[], None]]


def program_of(work: Perceptron | ImageNetwork, backend: str) -> Any:
    """The training program of a network, with the parameters that all libraries begin with."""
    model, x, labels = model_of(work), fg.Input((work.batch, *work.sample)), fg.Input((work.batch,), "int64")
    loss = fg.losses.CrossEntropy()(model(x), labels)
    arena = arena_of(model, work, backend)
    return fg.Program([x, labels], loss, arena, fg.optimizers.Adam(LR, betas=BETAS, eps=EPS))


def evaluation_of(work: ImageNetwork, backend: str) -> Any:
    """The program that evaluates it."""
    model, x = model_of(work), fg.Input((work.batch, *work.sample))
    scores = model(x)
    return fg.Program([x], scores, arena_of(model, work, backend))


def model_of(work: Perceptron | ImageNetwork) -> Any:
    if isinstance(work, Perceptron):
        linears = [fg.layers.Linear(width, work.activation) for width in work.widths[1:-1]]
        return fg.Sequential(*linears, fg.layers.Linear(work.widths[-1]))
    return networks.lenet(CLASSES) if work.name == "lenet" else networks.resnet20(CLASSES, work.blocks)


def arena_of(model: Any, work: Perceptron | ImageNetwork, backend: str) -> Any:
    """An arena with the parameters of the work; the model has been called once, which made them."""
    arena = fg.ParamArena(model, precision=work.precision, backend=backend)
    trained = [param for _, param in model.named_params() if param.trainable]
    for param, value in zip(trained, work.first_values(), strict=True):
        param.value = value
    return arena


def update_of(optimizer: Any, size: int, backend: str, precision: str = "float32") -> Any:
    """A program of which only `update` is of interest: that of `size` parameters in one array."""
    model, row = fg.layers.Linear(1, bias=False, weight_init=fg.initializers.zeros), fg.Input((1, size))
    loss = fg.mean(model(row))
    program = fg.Program([row], loss, fg.ParamArena(model, precision=precision, backend=backend), optimizer)
    program.arena.grad[...] = program.arena.backend.asarray(normal_numbers((size,)))
    return program


def calls_of(work: Operation, backend: Backend) -> Calls:
    """Forward and backward of an operation on arrays of its own, or an update by Adam."""
    if work.kind == "adam":
        return [*update_of(fg.optimizers.Adam(LR, betas=BETAS, eps=EPS), *work.shape, backend.name).updates]
    arrays = {"softmax cross-entropy": classified, "layer norm": normalised}[work.kind]
    with backend.using_stream():
        return [op.bound(backend.evaluator, **given) for op, given in arrays(work, backend)]


def classified(work: Operation, backend: Backend) -> list[tuple[Any, dict[str, Any]]]:
    rows, columns = work.shape
    x, dx = plane(work, backend), backend.empty(work.shape, dtype_of(work.dtype))
    labels = backend.asarray(np.random.default_rng(3).integers(0, columns, rows))
    goals = {"target": labels, "weight": None, "class_weight": None, "smoothing": 0.0}
    kept = {name: backend.zeros((rows,), "float32") for name in ("peaks", "sums")}
    loss, one = backend.zeros((), "float32"), backend.asarray(np.ones((), "float32"))
    return [
        (cross_entropy.forward, {"x": x, **goals, "y": loss, **kept}),
        (cross_entropy.backward, {"dy": one, "x": x, **goals, **kept, "dx": dx}),
    ]


def normalised(work: Operation, backend: Backend) -> list[tuple[Any, dict[str, Any]]]:
    rows, columns = work.shape
    x, dy, y, dx = (plane(work, backend) for _ in range(4))
    gamma, beta, dgamma, dbeta = (numbers_on(backend, (columns,), work.dtype) for _ in range(4))
    kept = {"gamma": gamma, "mean": backend.zeros((rows,), "float32"), "rstd": backend.zeros((rows,), "float32")}
    return [
        (layer_norm.forward, {"x": x, "y": y, **kept, "beta": beta, "eps": 1e-5}),
        (layer_norm.backward, {"dy": dy, "x": x, "dx": dx, **kept, "dgamma": dgamma, "dbeta": dbeta}),
    ]


def plane(work: Operation, backend: Backend) -> Any:
    return numbers_on(backend, work.shape, work.dtype)


def numbers_on(backend: Backend, shape: tuple[int, ...], dtype: str) -> Any:
    """Random numbers in the memory of the device."""
    return backend.asarray(normal_numbers(shape).astype(dtype_of(dtype)))


def batch_on(program: Any, work: Perceptron | ImageNetwork) -> list[Any]:
    """One batch in the memory of the device."""
    return [program.arena.backend.asarray(array) for array in work.data()]
