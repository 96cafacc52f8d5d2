"""How a peer on the GPU is run: `<file> <variant> <first>` prints a line of JSON for every row from the first on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from workloads import shrunk

Row = tuple[str, Callable[[], dict[str, Any]]]
LOSSES = 3


class Missing(Exception):
    """Why a variant does not take part in a row."""


def rates(work: Any, seconds: float) -> dict[str, float]:
    """What a step or an operation does in a second."""
    return {
        "us": seconds * 1e6,
        "tflop_per_s": work.flops / seconds / 1e12,
        "gb_per_s": work.nbytes / seconds / 1e9,
    }


def rows_of(works: list[Any], measured: Callable[[Any], dict[str, Any]], rehearsed: bool) -> Iterator[Row]:
    """A row for each piece of work, under its name though it be shrunk for a rehearsal."""
    for work in works:
        yield str(work), lambda work=work: measured(shrunk(work) if rehearsed else work)


def found_by(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a row found, or why not: what a compiler lacks comes as any exception, and other rows are to run."""
    try:
        return run()
    except (ImportError, Missing) as error:
        return {"missing": str(error)}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {(str(error).strip() or '-').splitlines()[0]}"}


def main(variants: dict[str, Callable[[], Iterator[Row]]]) -> None:
    variant, first = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for number, (name, run) in enumerate(variants[variant]()):
        if number >= first:
            begin = time.perf_counter()
            found = {"name": name, **found_by(run)}
            print(json.dumps(found | {"s": time.perf_counter() - begin}), flush=True)
