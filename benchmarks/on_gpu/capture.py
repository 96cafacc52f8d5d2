"""Whether a captured step has the bits of the same launches made one by one, and several steps those of single ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fusegrad as fg
from fusegrad.cli.networks import resnet20
from on_gpu.device import BACKEND, REHEARSED, Found, Items

STEPS = 2 if REHEARSED else 10
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD with momentum": lambda: fg.optimizers.SGD(0.1, momentum=0.9),
    "AdamW, clipped": lambda: fg.optimizers.AdamW(1e-3, clip_norm=1.0),
    "LAMB": lambda: fg.optimizers.LAMB(1e-3),
    "Adam, scheduled": lambda: fg.optimizers.Adam(fg.schedules.cosine(1e-3, STEPS)),
}
PRECISIONS = "tf32", "bfloat16", "float16"


def capture() -> Items:
    from networks import NETWORKS, mlp

    for build in (*NETWORKS, images):
        yield f"{build.__name__}, Adam", lambda build=build: same_bits(build, fg.optimizers.Adam, "float32")
    for name, make in OPTIMIZERS.items():
        yield f"mlp, {name}", lambda make=make: same_bits(mlp, make, "float32")
    for precision in PRECISIONS:
        yield f"mlp, Adam, {precision}", lambda precision=precision: same_bits(mlp, fg.optimizers.Adam, precision)
    for precision in ("float32", "bfloat16"):
        yield f"{STEPS} steps in one launch, {precision}", lambda precision=precision: several_at_once(precision)


def images() -> Any:
    """A small ResNet, whose normalisation keeps statistics of its batches."""
    from networks import Goal, Network

    model, x, labels = resnet20(10, blocks=1), fg.Input((4, 3, 8, 8)), fg.Input((4,), "int64")
    return Network(model, [Goal([x, labels], fg.losses.CrossEntropy()(model(x), labels), model)])


def same_bits(build: Callable[[], Any], make: Callable[[], Any], precision: str) -> Found:
    """Losses and parameters of eager and captured programs after the same batches."""
    eager, captured = (trained(build(), make, precision, is_captured) for is_captured in (False, True))
    return verdict(eager, captured) | {"steps": STEPS}


def trained(network: Any, make: Callable[[], Any], precision: str, is_captured: bool) -> list[Any]:
    """The losses of all players at every step, and in the end the parameters and what layers keep beside them."""
    arena = fg.ParamArena(network.module, precision=precision, backend=BACKEND)
    programs = network.programs(arena, make)
    if is_captured:
        for program in programs:
            program.capture()
    pairs = list(zip(programs, network.goals, strict=True))
    losses = [float(program.step(*goal.batch(seed))) for seed in range(STEPS) for program, goal in pairs]
    return [np.array(losses), *map(arena.backend.to_numpy, (arena.value, arena.state))]


def several_at_once(precision: str) -> Found:
    """Parameters after steps over a data set on the device, launched together and one by one."""
    together, single = ([final_parameters(precision, steps)] for steps in (STEPS, 1))
    return verdict(together, single) | {"steps": STEPS}


def final_parameters(precision: str, steps: int) -> Any:
    from networks import mlp

    network = mlp()
    arena = fg.ParamArena(network.module, precision=precision, backend=BACKEND)
    (program,) = network.programs(arena, fg.optimizers.Adam)
    batches = [network.goals[0].batch(seed) for seed in range(3)]
    data = [np.concatenate(arrays) for arrays in zip(*batches, strict=True)]
    launched = program.capture(steps=steps, data=data)
    for _ in range(STEPS // steps):
        launched.run()
    return arena.backend.to_numpy(arena.value)


def verdict(first: list[Any], second: list[Any]) -> Found:
    if all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True)):
        return {"equal": True}
    worst = max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))
    return {"equal": False, "failed": f"bits differ, numbers by up to {worst:.3g}"}
