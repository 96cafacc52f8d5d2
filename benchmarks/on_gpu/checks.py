"""Whether what the GPU computes is right: instructions, every op on all its cases in every precision, first losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fusegrad as fg
from fusegrad.backend.dtypes import dtype_of
from fusegrad.cli import networks
from on_gpu.device import BACKEND, REHEARSED, Found, Items, device

HALVES = "float16", "bfloat16"
STEPS, IMAGE_STEPS = (10, 3) if REHEARSED else (50, 10)  # of training


def primitives() -> Items:
    """Whether shuffles, ldmatrix, cp.async and mma do here what the emulator takes them to do."""
    from emulator.primitives import check_primitives

    def facts() -> Found:
        found = check_primitives(device().xp)
        wrong = {name: verdict for name, verdict in found.items() if verdict != "ok"}
        return {"checked": len(found)} | ({"failed": str(wrong)} if wrong else {})

    yield "warp, copy and matrix instructions", facts


def parity() -> Items:
    """Every op on every one of its cases, against the reference in float64."""
    yield from each_op("float32")


def precision() -> Items:
    """The same in half types."""
    for dtype in HALVES:
        yield from each_op(dtype)


def each_op(dtype: str) -> Items:
    from op_names import name_of
    from ops.cases import CASES

    dtype_of(dtype)  # lets NumPy know the name of bfloat16
    for op, cases in CASES.items():
        name = name_of(op) if dtype == "float32" else f"{name_of(op)} {dtype}"
        yield name, lambda op=op, cases=cases: errors_of(op, cases, dtype)


def errors_of(op: Any, cases: Any, dtype: str) -> Found:
    """The largest error over all cases, as a share of what is allowed."""
    from checks import largest_error

    backend, worst = device(), 0.0
    with backend.using_stream():
        for case in cases:
            error = largest_error(op.launch, op, case, backend, dtype)
            if not error <= 1:
                return {"failed": f"{case.label} is off by {error:.3g} of what is allowed"}
            worst = max(worst, error)
    return {"cases": len(cases), "error": worst}


def training() -> Items:
    """The losses of the first steps on the GPU beside those on the CPU."""
    yield "digits", lambda: compared(perceptron, (64, 64), STEPS)
    yield "images", lambda: compared(convolutional, (16, 1, 8, 8), IMAGE_STEPS)


def compared(build: Callable[[], Any], shape: tuple[int, ...], steps: int) -> Found:
    """The largest difference between losses, relative."""
    losses = {backend: first_losses(backend, build(), shape, steps) for backend in ("cpu", BACKEND)}
    error = np.abs(np.divide(losses[BACKEND], losses["cpu"]) - 1).max()
    return {"steps": steps, "error": float(error)}


def first_losses(backend: str, model: Any, shape: tuple[int, ...], steps: int) -> list[float]:
    """Of a model on random numbers, by one optimizer step after the other."""
    generator = np.random.default_rng(0)
    x, target = generator.standard_normal(shape).astype("float32"), generator.integers(0, 10, shape[0])
    trainer = fg.Trainer(model, fg.losses.CrossEntropy(), fg.optimizers.AdamW(1e-3), backend=backend)
    return [float(trainer.step(x, target)) for _ in range(steps)]


def perceptron() -> Any:
    """With dropout."""
    layers = fg.layers
    return fg.Sequential(layers.Linear(64, "gelu"), layers.Dropout(0.2), layers.Linear(64, "relu"), layers.Linear(10))


def convolutional() -> Any:
    """LeNet for images of 8 x 8, normalised after its first convolution."""
    lenet = networks.lenet(10, kernel=3, padding=1)
    first, *others = lenet.layers
    return fg.Sequential(first, fg.layers.BatchNorm(), *others)
