"""What a training step needs in memory: planned, measured, and as PyTorch does the same.

    python benchmarks/memory.py [network ...] [--batch 64] [--json results.json]

Every number is of a process of its own, which first trains the same network on two samples, so that libraries are
loaded and their own space is made, and then notes how far its resident memory grows beyond that in three steps.
`planned` is the block of the program and the arena with the optimizer's moments; `arrays` is the peak of what NumPy and
Python allocate, in another process, since counting them takes memory itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tracemalloc
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from resident import growth

import fusegrad as fg
from fusegrad.cli.networks import lenet, resnet20
from fusegrad.layers import Linear, ReLU

STEPS, MEGABYTE = 3, 1e6
HERE = Path(__file__).parent


def perceptron():
    """784-512-512-10."""
    return fg.Sequential(Linear(512), ReLU(), Linear(512), ReLU(), Linear(10))


def builder(name):
    """What makes the model of that name, and the shape of a sample."""
    if name == "perceptron":
        return perceptron, (784,)
    build, sample = {"lenet": (lenet, (1, 28, 28)), "resnet20": (resnet20, (3, 32, 32))}[name]
    return partial(build, 10), sample


NAMES = ("perceptron", "lenet", "resnet20")


def batch_of(batch, sample):
    """Random samples, and labels."""
    generator = np.random.default_rng(0)
    return generator.standard_normal((batch, *sample), np.float32), generator.integers(0, 10, batch)


def program_of(build, batch, sample):
    """The program that trains a model with momentum."""
    model, x, labels = build(), fg.Input((batch, *sample)), fg.Input((batch,), "int64")
    loss = fg.losses.CrossEntropy()(model(x), labels)
    return fg.Program([x, labels], loss, fg.ParamArena(model, backend="cpu"), fg.optimizers.SGD(0.01, momentum=0.9))


def trained(build, batch, sample):
    """The program after some steps."""
    program, data = program_of(build, batch, sample), batch_of(batch, sample)
    for _ in range(STEPS):
        float(program.step(*data))
    return program


def planned(program):
    """Bytes of the block, and of parameters, gradients, moments and statistics."""
    arena, slots = program.arena, program.optimizer_state.slots.values()
    return {"block": program.nbytes, "arena": sum(a.nbytes for a in (arena.value, arena.grad, arena.state, *slots))}


def resident(build, batch, sample):
    """Planned bytes and how far the process grows."""
    trained(build, 2, sample)
    program, grown = growth(lambda: trained(build, batch, sample))
    return planned(program) | {"process": grown}


def arrays(build, batch, sample):
    """The peak of what is allocated through Python and NumPy."""
    trained(build, 2, sample)
    tracemalloc.start()
    trained(build, batch, sample)
    return {"arrays": tracemalloc.get_traced_memory()[1]}


MEASURES = {"resident": resident, "arrays": arrays}


def child(script, *words):
    """What another process prints."""
    result = subprocess.run([sys.executable, str(HERE / script), *words], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{script} {' '.join(words)} failed:\n{result.stderr}")
    return json.loads(result.stdout)


def measured(name, batch):
    """All numbers of one network, in bytes; those of PyTorch are None where it is missing."""
    row = {"network": name, "batch": batch}
    for measure in MEASURES:
        row |= child("memory.py", name, "--batch", str(batch), "--measure", measure)
    row["torch"] = child("memory_torch.py", name, str(batch))["process"] if find_spec("torch") else None
    return row


def shown(row, out):
    plan = row["block"] + row["arena"]
    print(f"{row['network']}, batch {row['batch']}: megabytes", file=out)
    print(f"  planned  {plan / MEGABYTE:8.2f}   block {row['block'] / MEGABYTE:.2f}, arena", end=" ", file=out)
    print(f"{row['arena'] / MEGABYTE:.2f}", file=out)
    for name in ("arrays", "process", "torch"):
        if row[name] is None:
            print(f"  {name:<8}  is not installed", file=out)
        else:
            print(f"  {name:<8} {row[name] / MEGABYTE:8.2f}   {row[name] / plan:.3f} of planned", file=out)


def main(words=None, out=sys.stdout):
    parser = argparse.ArgumentParser(description="memory of a training step: planned, measured, and PyTorch's")
    parser.add_argument("networks", nargs="*", metavar="network", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--measure", choices=MEASURES, help="measure this alone, here, and print it as JSON")
    given = parser.parse_args(words)
    for name in given.networks:
        if name not in NAMES:
            parser.error(f"network expects one of {', '.join(NAMES)}, got {name}")
    if given.measure:
        build, sample = builder(given.networks[0])
        print(json.dumps(MEASURES[given.measure](build, given.batch, sample)), file=out)
        return
    rows = [measured(name, given.batch) for name in given.networks or NAMES]
    for row in rows:
        shown(row, out)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
