"""The items of `make gpu`: `gpu_items.py <section> <first>` prints a line of JSON for every item from the first on."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import fusegrad as fg  # noqa: E402

fg.__path__.append(str(ROOT))  # fusegrad.kernels is the folder kernels/, which an installation would put in its place

import numpy as np  # noqa: E402

Item = tuple[str, Callable[[], dict[str, Any]]]
BACKEND = os.environ.get("FUSEGRAD_BACKEND") or "cuda"
REHEARSED = BACKEND == "emulated"
REPEATS = 1 if REHEARSED else 30
FLUSH_BYTES = 1 if REHEARSED else 256 << 20  # more than the second-level cache of any GPU
COPIED = 1 << 10 if REHEARSED else 1 << 28  # numbers of four bytes


def machine() -> Iterator[Item]:
    """What this is, and what its memory can do: the figure that others are compared with."""

    def facts() -> dict[str, Any]:
        cupy = device().xp
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        versions = {name: metadata.version(name) for name in ("numpy", "torch", "jax") if installed(name)}
        versions |= {"cupy": cupy.__version__, "nvrtc": ".".join(map(str, cupy.cuda.nvrtc.getVersion()))}
        versions |= {"driver": cupy.cuda.runtime.driverGetVersion(), "python": sys.version.split()[0]}
        return {"device": properties["name"].decode(), "backend": BACKEND, **versions}

    def copy() -> dict[str, Any]:
        source = device().zeros((COPIED,), "float32")
        target = device().empty((COPIED,), "float32")
        seconds = timed(lambda: target.__setitem__(slice(None), source))
        return {"bytes": source.nbytes, "gb_per_s": 2 * source.nbytes / seconds / 1e9}

    yield "facts", facts
    yield "copy", copy


def primitives() -> Iterator[Item]:
    """Whether shuffles, ldmatrix, cp.async and mma do here what the emulator takes them to do."""
    from emulator.primitives import check_primitives

    def facts() -> dict[str, Any]:
        found = check_primitives(device().xp)
        wrong = {name: verdict for name, verdict in found.items() if verdict != "ok"}
        return {"checked": len(found)} | ({"failed": str(wrong)} if wrong else {})

    yield "warp, copy and matrix instructions", facts


def parity() -> Iterator[Item]:
    """Every op on every one of its cases, against the reference in float64."""
    from checks import largest_error
    from op_names import name_of
    from ops.cases import CASES

    def of(op: Any, cases: Any) -> dict[str, Any]:
        backend, worst = device(), 0.0
        with backend.using_stream():
            for case in cases:
                error = largest_error(op.launch, op, case, backend=backend)
                if not error <= 1:
                    return {"failed": f"{case.label} is off by {error:.3g} of what is allowed"}
                worst = max(worst, error)
        return {"cases": len(cases), "error": worst}

    for op, cases in CASES.items():
        yield name_of(op), lambda op=op, cases=cases: of(op, cases)


def training() -> Iterator[Item]:
    """The losses of the first steps on the GPU beside those on the CPU."""

    def digits() -> dict[str, Any]:
        losses = {backend: first_losses(backend) for backend in ("cpu", BACKEND)}
        error = np.abs(np.divide(losses[BACKEND], losses["cpu"]) - 1).max()
        return {"steps": len(losses["cpu"]), "error": float(error)}

    yield "digits", digits


def first_losses(backend: str) -> list[float]:
    """Of a small network with dropout on random numbers, by one optimizer step after the other."""
    generator = np.random.default_rng(0)
    x, target = generator.standard_normal((64, 64)).astype("float32"), generator.integers(0, 10, 64)
    layers = fg.layers
    model = fg.Sequential(layers.Linear(64, "gelu"), layers.Dropout(0.2), layers.Linear(64, "relu"), layers.Linear(10))
    trainer = fg.Trainer(model, fg.losses.CrossEntropy(), fg.optimizers.AdamW(1e-3), backend=backend)
    return [float(trainer.step(x, target)) for _ in range(50)]


def speed() -> Iterator[Item]:
    """Every op on arrays larger than caches: time, bytes and operations per second."""
    from bench_ops import CASES, make, size

    def of(case: Any) -> dict[str, Any]:
        arrays = {key: make(device(), entry) for key, entry in case.arrays.items()}
        seconds = timed(case.op.bound("cuda", **arrays, **case.options))
        nbytes = size(tuple(arrays.values()))
        return {"us": seconds * 1e6, "gb_per_s": nbytes / seconds / 1e9, "gflop_per_s": case.flops / seconds / 1e9}

    for name, case in CASES.items():
        yield name, lambda case=case: of(case)


def timed(run: Callable[[], object]) -> float:
    """The median time of a call in seconds, by the clock of the GPU, its second-level cache emptied before each."""
    backend = device()
    cupy, times = backend.xp, []
    with backend.using_stream():
        flush = cupy.empty(FLUSH_BYTES, "uint8")
        run()
        for _ in range(REPEATS):
            flush.fill(0)
            start, end = cupy.cuda.Event(), cupy.cuda.Event()
            start.record()
            run()
            end.record()
            end.synchronize()
            times.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return median(times)


def device() -> Any:
    return fg.backend.resolve(BACKEND)


def installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def found_by(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What an item found, or why it failed; a RuntimeError, which CUDA's faults are, ends the process."""
    try:
        return run()
    except (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        return {"failed": f"{type(error).__name__}: {error}"}


def main(section: str, first: int) -> None:
    sections = {run.__name__: run for run in (machine, primitives, parity, training, speed)}
    for number, (name, run) in enumerate(sections[section]()):
        if number >= first:
            begin = time.perf_counter()
            found = {"name": name, **found_by(run)}
            print(json.dumps(found | {"s": time.perf_counter() - begin}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
