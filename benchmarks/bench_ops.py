"""Every op alone, on arrays larger than the caches of one core: one line per op."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from fusegrad.ops import (
    Op,
    activation,
    adam,
    arithmetic,
    bce,
    cross_entropy,
    dropout,
    elementwise,
    linear,
    matmul,
    mse,
    noise,
    norm,
    reduction,
    sgd,
    shape,
)

ROWS, WIDTH, CLASSES, SIZE = 512, 1024, 1000, 1 << 20
PLANE, LOGITS, LABELS = (ROWS, WIDTH), (ROWS, CLASSES), ("int64", (ROWS,), CLASSES)
SEED, STEP = ("uint64", (), 9), ("uint64", (), 9)
ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "decoupled": True}


@dataclass(frozen=True)
class Case:
    """Arrays by name, as a shape (float32), (dtype, shape, limit), a tuple of shapes in a list, or another argument.

    `flops` counts additions, multiplications, divisions, comparisons and functions such as exp as one each.
    """

    op: Op
    arrays: Mapping[str, Any]
    flops: int
    options: Mapping[str, Any] = field(default_factory=dict)


def alike(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, PLANE)


def flat(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, (SIZE,)) | {"rate": (), "scale": ()}


BROADCAST = {"a": PLANE, "b": (WIDTH,)}
MEAN = {"x": PLANE, "target": PLANE, "weight": None}
LABELLED = {"target": LABELS, "weight": None, "class_weight": None}
SOFT = {"target": LOGITS, "weight": None, "class_weight": None}
WEIGHT = {"weight": (WIDTH, WIDTH)}
N, L, GEMM = ROWS * WIDTH, ROWS * CLASSES, 2 * ROWS * WIDTH * WIDTH

CASES = {
    "relu": Case(activation.relu, alike("x", "y"), N),
    "relu_backward": Case(activation.relu_backward, alike("dy", "y", "dx"), 2 * N),
    "sigmoid": Case(activation.sigmoid, alike("x", "y"), 4 * N),
    "sigmoid_backward": Case(activation.sigmoid_backward, alike("dy", "y", "dx"), 3 * N),
    "tanh": Case(activation.tanh, alike("x", "y"), N),
    "tanh_backward": Case(activation.tanh_backward, alike("dy", "y", "dx"), 3 * N),
    "adamw": Case(
        adam.update, flat("value", "grad", "m", "v") | {"correction1": (), "correction2": ()}, 14 * SIZE, ADAM
    ),
    "add": Case(arithmetic.add, {**BROADCAST, "y": PLANE}, N),
    "add_backward": Case(
        arithmetic.add_backward, {"dy": PLANE, "da": PLANE, "db": (WIDTH,)}, N, {"add_da": False, "add_db": False}
    ),
    "subtract": Case(arithmetic.subtract, {**BROADCAST, "y": PLANE}, N),
    "subtract_backward": Case(
        arithmetic.subtract_backward,
        {"dy": PLANE, "da": PLANE, "db": (WIDTH,)},
        2 * N,
        {"add_da": False, "add_db": False},
    ),
    "multiply": Case(arithmetic.multiply, {**BROADCAST, "y": PLANE}, N),
    "multiply_backward": Case(
        arithmetic.multiply_backward, {"dy": PLANE, **BROADCAST, "da": PLANE, "db": (WIDTH,)}, 3 * N
    ),
    "divide": Case(arithmetic.divide, {**BROADCAST, "y": PLANE}, N),
    "divide_backward": Case(
        arithmetic.divide_backward, {"dy": PLANE, "b": (WIDTH,), "y": PLANE, "da": PLANE, "db": (WIDTH,)}, 4 * N
    ),
    "affine": Case(arithmetic.affine, alike("x", "y"), 2 * N, {"scale": 2.0, "shift": 1.0}),
    "power": Case(arithmetic.power, alike("x", "y"), N, {"exponent": 1.5}),
    "power_backward": Case(arithmetic.power_backward, alike("dy", "x", "dx"), 3 * N, {"exponent": 1.5}),
    "bce": Case(bce.forward, {**MEAN, "y": ()}, 8 * N),
    "bce_backward": Case(bce.backward, {"dy": (), **MEAN, "dx": PLANE}, 6 * N),
    "cross_entropy": Case(cross_entropy.forward, {"x": LOGITS, **LABELLED, "y": (), "probability": LOGITS}, 5 * L),
    "cross_entropy_backward": Case(
        cross_entropy.backward, {"dy": (), "probability": LOGITS, **LABELLED, "dx": LOGITS}, 2 * L
    ),
    "soft_cross_entropy": Case(cross_entropy.forward, {"x": LOGITS, **SOFT, "y": (), "probability": LOGITS}, 8 * L),
    "soft_cross_entropy_backward": Case(
        cross_entropy.backward, {"dy": (), "probability": LOGITS, **SOFT, "dx": LOGITS}, 4 * L
    ),
    "dropout": Case(
        dropout.forward,
        {"x": PLANE, "y": PLANE, "mask": ("uint8", PLANE, 2), "seed": SEED, "step": STEP, "node": 1},
        3 * N,
        {"rate": 0.1},
    ),
    "dropout_backward": Case(
        dropout.backward, {"dy": PLANE, "mask": ("uint8", PLANE, 2), "dx": PLANE}, 2 * N, {"rate": 0.1}
    ),
    "fill": Case(elementwise.fill, {"x": PLANE, "number": 1.0}, 0),
    "copy": Case(elementwise.copy, alike("x", "y"), 0),
    "accumulate": Case(elementwise.accumulate, alike("x", "y"), N),
    "linear": Case(linear.forward, {"x": PLANE, **WEIGHT, "bias": (WIDTH,), "y": PLANE}, GEMM + N),
    "linear_backward": Case(
        linear.backward,
        {"dy": PLANE, "x": PLANE, **WEIGHT, "dx": PLANE, "dweight": (WIDTH, WIDTH), "dbias": (WIDTH,)},
        2 * GEMM + N,
    ),
    "matmul": Case(matmul, {"a": PLANE, "b": (WIDTH, WIDTH), "y": PLANE}, GEMM),
    "mse": Case(mse.forward, {**MEAN, "y": ()}, 3 * N),
    "mse_backward": Case(mse.backward, {"dy": (), **MEAN, "dx": PLANE, "dtarget": None}, 2 * N),
    "normal": Case(noise.normal, {"y": PLANE, "seed": SEED, "step": STEP, "node": 1}, N, {"mean": 0.0, "std": 1.0}),
    "clip": Case(norm.clip_scale, {"scale": (), "gradients": [(SIZE,)]}, 2 * SIZE, {"limit": 1.0}),
    "sum": Case(reduction.total, {"x": PLANE, "y": (1, WIDTH)}, N, {"axis": (0,), "scale": 1.0}),
    "sum_backward": Case(reduction.total_backward, {"dy": (1, WIDTH), "dx": PLANE}, N, {"scale": 1.0}),
    "sgd": Case(sgd.update, flat("value", "grad"), 3 * SIZE, {"weight_decay": 0.0}),
    "momentum": Case(
        sgd.momentum_update,
        flat("value", "grad", "velocity"),
        5 * SIZE,
        {"momentum": 0.9, "nesterov": False, "weight_decay": 0.0},
    ),
    "take": Case(shape.take, {"x": PLANE, "y": (ROWS, WIDTH // 2)}, 0, {"index": (..., slice(WIDTH // 2))}),
    "take_backward": Case(
        shape.take_backward,
        {"dy": (ROWS, WIDTH // 2), "dx": PLANE},
        0,
        {"index": (..., slice(WIDTH // 2)), "add_dx": False},
    ),
    "concat": Case(
        shape.concat, {"y": PLANE, "parts": [(ROWS, WIDTH // 2)] * 2}, 0, {"extents": (WIDTH // 2,) * 2, "axis": 1}
    ),
    "split": Case(
        shape.split, {"y": PLANE, "parts": [(ROWS, WIDTH // 2)] * 2}, 0, {"extents": (WIDTH // 2,) * 2, "axis": 1}
    ),
}


def make(backend, entry):
    """The array, or the tuple of arrays, of an entry of a case; other entries stay what they are."""
    generator = np.random.default_rng(0)
    match entry:
        case list():
            return tuple(make(backend, item) for item in entry)
        case (str(dtype), shape, limit):
            return backend.asarray(generator.integers(0, limit, shape, dtype))
        case tuple():
            return backend.asarray(generator.uniform(0.5, 1, entry).astype("float32"))
    return entry


def size(argument) -> int:
    return sum(map(size, argument)) if isinstance(argument, tuple) else getattr(argument, "nbytes", 0)


@pytest.mark.parametrize("name", CASES)
def test_op(measure, backend, name):
    case = CASES[name]
    arrays = {key: make(backend, entry) for key, entry in case.arrays.items()}
    run = case.op.reference if backend.name == "cpu" else case.op.launch
    measure(lambda: run(**arrays, **case.options), flops=case.flops, nbytes=size(tuple(arrays.values())))
