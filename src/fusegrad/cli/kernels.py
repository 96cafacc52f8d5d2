"""`fusegrad kernels`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import product
from typing import Annotated

import typer

from fusegrad.backend.nvrtc import compiler
from fusegrad.backend.resources import ARCHITECTURES, Usage, usages
from fusegrad.cli.inventory import Part, inventory
from fusegrad.expr.threads import usable_cores

HEADINGS = ("file", "kernel", "sm", "registers", "spills", "shared", "threads", "occupancy")


def kernels(
    architecture: Annotated[
        list[str] | None, typer.Option("--arch", help=f"One of {', '.join(ARCHITECTURES)}; default: all of them.")
    ] = None,
    name: Annotated[str, typer.Option(help="Only files with this in their name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Compile every kernel by NVRTC and show what it needs: registers, spills, shared memory, occupancy.

    It takes the extra `emulated` or one of those for CUDA, but no GPU.  Exits with 1 where a kernel spills registers.
    """
    found = list(compiled(chosen(architecture), [part for part in inventory() if name in part[0].file]))
    if as_json:
        print(json.dumps([asdict(usage) for usage in found]))
    else:
        print(table(found))
    if any(usage.spill_bytes for usage in found):
        raise typer.Exit(1)


def chosen(architectures: Sequence[str] | None) -> list[str]:
    unknown = [name for name in architectures or () if name not in ARCHITECTURES]
    if unknown:
        raise ValueError(f"--arch expects one of {', '.join(ARCHITECTURES)}, got {unknown[0]}")
    return list(architectures or ARCHITECTURES)


def compiled(architectures: Sequence[str], parts: Sequence[Part]) -> Iterator[Usage]:
    """What all kernels need on all architectures; NVRTC runs on all cores."""
    nvrtc, options = compiler()

    def of(work: tuple[Part, str]) -> list[Usage]:
        (source, names), architecture = work
        return usages(nvrtc, source, names, architecture, options)

    with ThreadPoolExecutor(usable_cores()) as pool:
        for found in pool.map(of, product(parts, architectures)):
            yield from found


def table(found: Sequence[Usage]) -> str:
    rows = [HEADINGS, *(tuple(map(spelled, asdict(usage).values())) for usage in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)


def spelled(value: str | float) -> str:
    return f"{value:.0%}" if isinstance(value, float) else str(value)
