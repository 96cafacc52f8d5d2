"""What the engine costs on the smallest network worth training: its step beside the same NumPy calls written by hand.

    python benchmarks/overhead.py

The two run in turn, so that both see the same machine; the ratio is the median over pairs of neighbouring runs.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter

import numpy as np
from by_hand import BATCH, WIDTHS, Perceptron, batch_of

import fusegrad as fg
from fusegrad.graph.feed import check_batch

REPEATS, STEPS = 40, 200
os.environ["FUSEGRAD_EVALUATOR"] = "numpy"  # as the calls by hand


def program(backend=None):
    """The program that trains the network of `by_hand`, with the parameters that its arena drew."""
    layers = [layer for width in WIDTHS[1:] for layer in (fg.layers.Linear(width), fg.layers.ReLU())][:-1]
    model = fg.Sequential(*layers)
    x, labels = fg.Input((BATCH, WIDTHS[0])), fg.Input((BATCH,), "int64")
    loss = fg.losses.CrossEntropy()(model(x), labels)
    arena = fg.ParamArena(model, seed=0, backend=backend)
    return fg.Program([x, labels], loss, arena, fg.optimizers.Adam(1e-3)), model


def pair():
    """An engine's step and one by hand, from the same parameters."""
    engine, model = program("cpu")
    linears = [layer for layer in model.layers if isinstance(layer, fg.layers.Linear)]
    by_hand = Perceptron([layer.weight.value for layer in linears], [layer.bias.value for layer in linears])
    return engine.step, by_hand.step


def microseconds(step, batch, steps=STEPS):
    """Mean time of a step."""
    start = perf_counter()
    for _ in range(steps):
        step(*batch)
    return (perf_counter() - start) / steps * 1e6


def interleaved(steps, batch, repeats=REPEATS):
    """(repeats, len(steps)) microseconds; every second round in reverse order."""
    for step in steps:
        microseconds(step, batch)
    times = np.empty((repeats, len(steps)))
    for row in range(repeats):
        order = range(len(steps)) if row % 2 else reversed(range(len(steps)))
        for column in order:
            times[row, column] = microseconds(steps[column], batch)
    return times


def shares(engine, batch, steps=STEPS):
    """Microseconds of every part of the engine's step, each timed alone."""
    engine.forward(*batch)
    bound, state = engine.bound, engine.optimizer_state
    parts = {
        "check and copy the batch": [lambda: bound.feed([*check_batch(bound.places, batch), *state.numbers_to_feed()])],
        "count the step": bound.forward[:1],
        "deliver the loss": bound.forward[-1:],
        "loss as Scalar": [engine.ring.take],
    }
    for kind, calls, bounds in (
        ("forward", engine.schedule.forward, bound.forward[1:-1]),
        ("backward", engine.schedule.backward, bound.backward),
    ):
        for call, run in zip(calls, bounds, strict=True):
            parts.setdefault(f"{kind}: {call.label}", []).append(run)
    parts["update"] = engine.updates
    return {name: sum(microseconds(call, (), steps) for call in calls) for name, calls in parts.items()}


def main(out=sys.stdout):
    batch = batch_of()
    engine, by_hand = pair()
    times = interleaved([engine, by_hand], batch)
    ratio = np.percentile(times[:, 0] / times[:, 1], [25, 50, 75])
    for name, column in zip(("engine", "by hand"), times.T, strict=True):
        low, median, high = np.percentile(column, [25, 50, 75])
        print(f"{name:<10}{median:8.1f} us   quartiles {low:.1f} .. {high:.1f}", file=out)
    print(f"{'ratio':<10}{ratio[1]:8.3f}      quartiles {ratio[0]:.3f} .. {ratio[2]:.3f}\n", file=out)
    for name, time in shares(engine.__self__, batch).items():
        print(f"{name:<32}{time:8.2f} us", file=out)
    return ratio[1]


if __name__ == "__main__":
    main()
