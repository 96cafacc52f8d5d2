"""The items of `make gpu`: `gpu_items.py <section> <first> [<part> <parts>]` prints a line of JSON for each.

It begins with the one numbered `first`; of several parts, which run at the same time, each takes its share.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import fusegrad as fg  # noqa: E402

fg.__path__.append(str(ROOT))  # fusegrad.kernels is the folder kernels/, which an installation would put in its place

from on_gpu import capture, checks, contest, convolutions, machine, products, speed  # noqa: E402

SECTIONS = {
    "presence": machine.presence,
    "machine": machine.machine,
    "primitives": checks.primitives,
    "parity": checks.parity,
    "precision": checks.precision,
    "capture": capture.capture,
    "training": checks.training,
    "speed": speed.speed,
    "gemm": products.gemm,
    "convolutions": convolutions.convolutions,
    "fusegrad-eager": contest.eager,
    "fusegrad-captured": contest.captured,
    "fusegrad-steps": contest.several,
}
KNOWN = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, TypeError, ValueError)


def found_by(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What an item found, or why it failed; a RuntimeError, which CUDA's faults are, ends the process."""
    try:
        return run()
    except KNOWN as error:
        return {"failed": f"{type(error).__name__}: {error}"}


def main(section: str, first: int, part: int = 0, parts: int = 1) -> None:
    for name, run in islice(SECTIONS[section](), part + first * parts, None, parts):
        begin = time.perf_counter()
        found = {"name": name, **found_by(run)}
        print(json.dumps(found | {"s": time.perf_counter() - begin}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
