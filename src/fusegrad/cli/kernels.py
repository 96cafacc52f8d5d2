"""`fusegrad kernels`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from typing import Annotated

import typer

from fusegrad.backend.compiler import Source
from fusegrad.backend.instances import needed_capability
from fusegrad.backend.nvrtc import compiler
from fusegrad.backend.resources import ARCHITECTURES, Usage, runs_on, usages
from fusegrad.cli.inventory import Part, inventory
from fusegrad.errors import perhaps
from fusegrad.expr.threads import usable_cores

CELL = "{:>9}"  # registers and occupancy, such as "128  25%"


def kernels(
    architecture: Annotated[
        list[str] | None, typer.Option("--arch", help=f"One of {', '.join(ARCHITECTURES)}; default: all of them.")
    ] = None,
    name: Annotated[str, typer.Option(help="Only files with this in their name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure, as one line of JSON.")] = False,
) -> None:
    """Compile every kernel by NVRTC and show what it needs, file by file.

    For each architecture the registers of a thread, and the share of a multiprocessor's threads that can be busy; then
    the static shared bytes and the threads of a block; what a launch adds to these bytes is not counted.  Spilled bytes
    stand behind the name; with any, the exit status is 1.  Architectures that lack instructions of a file are left out.
    All files take some minutes on two cores.  No GPU is needed, but the extra `emulated` or one of those for CUDA.
    """
    found, wanted = [], parts(name)
    for (source, _), of_part in zip(wanted, compiled(chosen(architecture), wanted), strict=True):
        found += of_part
        if not as_json:
            print("\n".join(table(source, of_part)), flush=True)
    print(json.dumps([asdict(usage) for usage in found]) if as_json else summary(found))
    if any(usage.spill_bytes for usage in found):
        raise typer.Exit(1)


def chosen(architectures: Sequence[str] | None) -> list[str]:
    names = [name.removeprefix("sm_") for name in architectures or ARCHITECTURES]
    for name in names:
        if name not in ARCHITECTURES:
            raise ValueError(f"--arch does not know {name}{perhaps(name, ARCHITECTURES)}")
    return names


def parts(name: str) -> list[Part]:
    everything = list(inventory())
    found = [part for part in everything if name in part[0].file]
    if not found:
        raise ValueError(f"--name matches no file{perhaps(name, {source.file for source, _ in everything})}")
    return found


def compiled(architectures: Sequence[str], wanted: Sequence[Part]) -> Iterator[list[Usage]]:
    """What the kernels of each part need on all architectures that can run them; NVRTC runs on all cores."""
    nvrtc, options = compiler()

    def of(part: Part, architecture: str) -> list[Usage]:
        return usages(nvrtc, *part, architecture, options)

    with ThreadPoolExecutor(usable_cores()) as pool:
        waiting = [
            [pool.submit(of, part, architecture) for architecture in architectures if runs_on(architecture, part[0])]
            for part in wanted
        ]
        for of_part in waiting:
            yield [usage for future in of_part for usage in future.result()]


def table(source: Source, found: Sequence[Usage]) -> Iterator[str]:
    """The kernels of one part, with a cell for each architecture."""
    heads = [*dict.fromkeys(usage.architecture for usage in found), "shared", "threads"]
    least = needed_capability(source)
    yield f"\n{source.file}{f', from sm_{least} on' if least else ''}\n{''.join(map(CELL.format, heads))}  kernel"
    for kernel, group in groupby(sorted(found, key=attrgetter("kernel")), key=attrgetter("kernel")):
        rows = list(group)
        cells = [f"{row.registers} {row.occupancy:>4.0%}" for row in rows]
        cells += [str(max(map(attrgetter(field), rows))) for field in ("shared_bytes", "threads")]
        spilled = max(row.spill_bytes for row in rows)
        yield f"{''.join(map(CELL.format, cells))}  {kernel}{f' spills {spilled} bytes' if spilled else ''}"


def summary(found: Sequence[Usage]) -> str:
    spilling = sorted({f"{usage.kernel} on {usage.architecture}" for usage in found if usage.spill_bytes})
    count = len({(usage.file, usage.kernel) for usage in found})
    architectures = ", ".join(dict.fromkeys(usage.architecture for usage in found)) or "none of these architectures"
    return f"\n{count} kernels for {architectures}: {'spills in ' + ', '.join(spilling) if spilling else 'no spills'}"
