"""The ways in which the same work is run, and why one of them cannot run here.

| name | arrays | by what |
|---|---|---|
| numpy | NumPy | the references, loops as NumPy calls over blocks |
| cpu | NumPy | the same with loops that Numba compiles |
| cupy | CuPy | the references by CuPy's own functions, one kernel for each: nothing is fused |
| cuda | CuPy | our kernels, launched one by one |
| captured | CuPy | our kernels, a step as one CUDA graph |
| emulated | the stand-in for CuPy | our kernels on the CPU; its times say nothing about a GPU |
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from peer_steps import EVALUATOR, variable

from fusegrad.backend import Backend, BackendUnavailable, resolve
from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.loop import COLUMN, Loop
from fusegrad.ops import loops

NAMES = ("numpy", "cpu", "cupy", "cuda", "captured", "emulated")
ON_REQUEST = ("emulated",)
LACKING = (AttributeError, NotImplementedError, TypeError, ValueError)  # what a reference that needs NumPy ends in
ON_DEVICE = ("cupy", "cuda", "captured", "emulated")


@dataclass(frozen=True)
class Contender:
    """A name and the backend behind it."""

    name: str
    backend: Backend

    @property
    def evaluator(self) -> str:
        return self.backend.evaluator

    @property
    def is_on_device(self) -> bool:
        return self.name in ON_DEVICE


@contextmanager
def running(name: str) -> Iterator[Contender]:
    """The contender of that name while it runs; BackendUnavailable, with the reason, where it cannot."""
    match name:
        case "numpy" | "cpu":
            with variable(EVALUATOR, "numpy" if name == "numpy" else compiler()):
                yield Contender(name, resolve("cpu"))
        case "cupy":
            with unfused(resolve("cuda")) as backend:
                yield Contender(name, backend)
        case "cuda" | "captured":
            yield Contender(name, resolve("cuda"))
        case "emulated":
            yield Contender(name, resolve("emulated"))


def compiler() -> str:
    if find_spec("numba") is None:
        raise BackendUnavailable("Numba is not installed (extra fast); without it the CPU runs what `numpy` runs")
    return "numba"


@contextmanager
def unfused(backend: Any) -> Iterator[Backend]:
    """A backend of CuPy that runs references for as long as the block lasts."""
    blockwise = loops.bind_numpy
    backend.evaluator, loops.bind_numpy = "numpy", bind_node_by_node
    try:
        yield backend
    finally:
        loops.bind_numpy = blockwise
        del backend.evaluator  # that of its class is "cuda"


def bind_node_by_node(loop: Loop, arrays: Any) -> Any:
    """A loop as one call of the array's own module for every operation in it."""
    names = loop.names()

    def run() -> None:
        given = {name: arrays[name][..., None] if loop.layout(name) == COLUMN else arrays[name] for name in names}
        results = evaluate(loop.roots, given)
        for (target, _), result in zip(loop.assignments, results, strict=True):
            arrays[target][...] = result

    return run
