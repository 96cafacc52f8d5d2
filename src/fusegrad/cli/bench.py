"""`fusegrad bench`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any

import typer

from fusegrad import backend as backends
from fusegrad.backend import Backend, cublaslt
from fusegrad.cli.bench_products import Case, Row, measure

SIZES = {"cuda": "4096x4096x4096", "cpu": "1024x1024x1024", "emulated": "130x70x132"}
HEADS = "ms", "TFLOP/s", "of fastest", "of cuBLASLt", "error"
CELL = "{:>12}"


class Dtype(StrEnum):
    """What is multiplied: tf32 is float32 with factors rounded to 11 bits."""

    float32 = "float32"
    tf32 = "tf32"
    bfloat16 = "bfloat16"
    float16 = "float16"


class Epilogue(StrEnum):
    """What follows the sums."""

    none = "none"
    bias = "bias"
    bias_relu = "bias-relu"
    bias_gelu = "bias-gelu"
    gelu_slope = "gelu-slope"


class Layout(StrEnum):
    """How the factors lie in memory: as in the forward pass of a linear layer, and in its gradients by x and W."""

    xwt = "xwt"
    dhw = "dhw"
    dhtx = "dhtx"


bench = typer.Typer(help="Measure parts of the library on this machine.", no_args_is_help=True)


@bench.command()
def gemm(
    backend: Annotated[str, typer.Option(help="auto, cpu, cuda or emulated.")] = "auto",
    size: Annotated[
        list[str] | None,
        typer.Option(
            help="ROWSxINNERxCOLUMNS; may be given several times.  "
            f"Default: {', '.join(f'{size} on {name}' for name, size in SIZES.items())}."
        ),
    ] = None,
    dtype: Annotated[Dtype, typer.Option(help="Of the factors.")] = Dtype.float32,
    epilogue: Annotated[Epilogue, typer.Option(help="What follows the sums; GELU is its form with tanh.")] = (
        Epilogue.none
    ),
    layout: Annotated[Layout, typer.Option(help="x Wᵀ, dh W, or dhᵀ x, whose y is float32.")] = Layout.xwt,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure, as one line of JSON.")] = False,
) -> None:
    """Time all ways to compute a matrix product, and compare each with float64 on some rows.

    Errors are shares of the root of the mean square.  With any that rounding does not explain, the exit status is 1.

    A CPU has one way, that of the reference; an emulated GPU shows errors, but no times, which would mean nothing.
    """
    home = backends.resolve(backend)
    sizes = [parsed(text) for text in size or [SIZES[home.name]]]
    cases = [Case(*sides, str(dtype), str(epilogue), str(layout)) for sides in sizes]
    found = []
    for case in cases:
        rows = measure(home, case)
        found += [(case, row) for row in rows]
        if not as_json:
            print("\n".join(table(home, case, rows)), flush=True)
    if as_json:
        print(json.dumps([entry(home, case, row) for case, row in found]))
    if not all(row.is_right for _, row in found):
        raise typer.Exit(1)


def parsed(text: str) -> tuple[int, int, int]:
    """Rows, inner and columns; ValueError where they are not three numbers above zero."""
    sides = text.split("x")
    if len(sides) != 3 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise ValueError(f"--size expects ROWSxINNERxCOLUMNS, such as 512x784x10, got {text!r}")
    rows, inner, columns = map(int, sides)
    return rows, inner, columns


def table(home: Backend, case: Case, rows: Sequence[Row]) -> Iterator[str]:
    """The ways to compute one product, with a cell for each figure that there is."""
    sizes = f"{case.rows} x {case.inner} x {case.columns}"
    yield f"\n{sizes} of {case.dtype}, {case.layout}, epilogue {case.epilogue}, on {device(home)}"
    cells = [figures(row) for row in rows]
    there = [column for column in range(len(HEADS)) if any(line[column] for line in cells)]
    yield f"{''.join(CELL.format(HEADS[column]) for column in there)}  candidate"
    for row, line in zip(rows, cells, strict=True):
        wrong = "" if row.is_right else f"  WRONG: rounding explains {case.allowed:.1e}"
        yield f"{''.join(CELL.format(line[column]) for column in there)}  {row.candidate}{wrong}"
    yield from remarks(home)


def figures(row: Row) -> list[str]:
    """In the order of HEADS, empty where there is none."""
    time, rate, of_fastest, of_library = row.milliseconds, row.tflop_per_s, row.of_fastest, row.of_cublaslt
    shares = ["" if share is None else f"{share:.0%}" for share in (of_fastest, of_library)]
    return ["" if time is None else f"{time:.4g}", "" if rate is None else f"{rate:.4g}", *shares, f"{row.error:.1e}"]


def remarks(home: Backend) -> Iterator[str]:
    if home.name == "emulated":
        yield "no times: those of an emulated GPU mean nothing"
    if home.name == "cuda" and (missing := cublaslt.obstacle(home.xp)):
        yield f"without cuBLASLt: {missing}"


def device(home: Backend) -> str:
    if home.name == "cpu":
        return "cpu"
    runtime = home.xp.cuda.runtime
    return str(runtime.getDeviceProperties(runtime.getDevice())["name"].decode())


def entry(home: Backend, case: Case, row: Row) -> dict[str, Any]:
    """All figures of a row by name; an error that is infinite, which JSON does not have, is None."""
    of_row = asdict(row) | {"error": row.error if isfinite(row.error) else None}
    return {"backend": home.name, "device": device(home), **asdict(case), "allowed": case.allowed, **of_row}
