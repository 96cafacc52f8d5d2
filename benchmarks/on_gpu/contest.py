"""The rows on which libraries are compared, in fusegrad: launched call by call, captured, and several steps at once."""

from __future__ import annotations

from typing import Any

from clocks import graph_of
from image_workloads import IMAGE_NETWORKS, ImageNetwork
from own_steps import batch_on, calls_of, program_of
from step_times import median_step
from workloads import OPERATIONS, PERCEPTRONS, STEPS_AT_ONCE, Operation, Perceptron, shrunk

from on_gpu.device import BACKEND, REHEARSED, Found, Items, device, timed

LOSSES = 3
NETWORKS = [*PERCEPTRONS, *IMAGE_NETWORKS]


def eager() -> Items:
    for work in NETWORKS:
        yield str(work), lambda work=work: stepped(small(work), is_captured=False)
    for work in OPERATIONS:
        yield str(work), lambda work=work: operated(small(work), is_captured=False)


def captured() -> Items:
    for work in NETWORKS:
        yield str(work), lambda work=work: stepped(small(work), is_captured=True)
    for work in OPERATIONS:
        yield str(work), lambda work=work: operated(small(work), is_captured=True)


def several() -> Items:
    """Steps over a data set on the device, in one launch."""
    for work in NETWORKS:
        yield str(work), lambda work=work: many_steps(small(work))


def small(work: Any) -> Any:
    return shrunk(work) if REHEARSED else work


def stepped(work: Perceptron | ImageNetwork, is_captured: bool) -> Found:
    """A step on a batch that lies on the device."""
    program = program_of(work, BACKEND)
    batch = batch_on(program, work)
    if is_captured:
        program.capture()
    losses = [float(program.step(*batch)) for _ in range(LOSSES)]
    return rates(work, step_seconds(lambda: program.step(*batch))) | {"losses": losses}


def many_steps(work: Perceptron | ImageNetwork) -> Found:
    program = program_of(work, BACKEND)
    launched = program.capture(steps=STEPS_AT_ONCE, data=work.data(STEPS_AT_ONCE))
    return rates(work, step_seconds(launched.run) / STEPS_AT_ONCE)


def operated(work: Operation, is_captured: bool) -> Found:
    calls = calls_of(work, device())
    run = graph_of(device(), calls) if is_captured else lambda: [call() for call in calls]
    return rates(work, timed(run))


def step_seconds(run: Any) -> float:
    wait = device().synchronize
    return median_step(run, wait, repeats=1, seconds=0.0) if REHEARSED else median_step(run, wait)


def rates(work: Any, seconds: float) -> Found:
    return {
        "us": seconds * 1e6,
        "tflop_per_s": work.flops / seconds / 1e12,
        "gb_per_s": work.nbytes / seconds / 1e9,
    }
