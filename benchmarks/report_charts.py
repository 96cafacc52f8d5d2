"""Results as pictures; the same results give the same bytes."""

from __future__ import annotations

from math import floor, log10
from pathlib import Path
from typing import Any

from on_gpu.plan import PEERS
from report_rows import ON_CPU, ON_GPU, Row, by_case

COLOURS = {"numpy": "#9db4c0", "cpu": "#5c6b73", "cupy": "#f4a259", "cuda": "#5b8e7d", "captured": "#2f5d50"}
LINE = 0.28  # inches for one bar


def of_suite(rows: list[Row], suite: str, file: Path) -> None:
    """Times of all cases of a suite, a bar for every contender, on a logarithmic axis."""
    cases = by_case(rows)
    names = [name for name in (*ON_CPU, *ON_GPU) if any(name in row for row in cases.values())]
    bars = {name: [row[name].seconds if name in row else None for row in cases.values()] for name in names}
    horizontal(list(cases), bars, f"{suite}: seconds", file)


def of_models(found: dict[str, Any], file: Path) -> None:
    """How many times as long as fusegrad others take."""
    rows = found["ratios"]
    names = [name for name in PEERS if any(name in row for row in rows)]
    horizontal(
        [row["row"] for row in rows], {name: [row.get(name) for row in rows] for name in names}, "times as long", file
    )


def horizontal(labels: list[str], bars: dict[str, list[float | None]], title: str, file: Path) -> None:
    from matplotlib.figure import Figure

    height = LINE * len(labels) * max(1, len(bars)) + 1.2
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.add_subplot()
    thickness = 0.8 / max(1, len(bars))
    for number, (name, values) in enumerate(bars.items()):
        there = [(place, value) for place, value in enumerate(values) if value is not None]
        places = [place + (number - (len(bars) - 1) / 2) * thickness for place, _ in there]
        axes.barh(places, [value for _, value in there], thickness, label=name, color=COLOURS.get(name))
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xscale("log")
    least = min(value for values in bars.values() for value in values if value)
    axes.set_xlim(left=10.0 ** floor(log10(least)))  # bars have no foot on such an axis: let it be a power of ten
    axes.set_xlabel(title)
    axes.legend()
    figure.savefig(file, dpi=120, metadata={"Software": None})  # which would name the version of Matplotlib
