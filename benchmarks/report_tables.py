"""Results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from on_gpu.plan import CHECKS, OWN, PEERS
from report_rows import ON_CPU, ON_GPU, Row, best_of, by_case

Table = tuple[Sequence[str], list[list[str]]]  # heads and lines


def markdown(table: Table) -> str:
    """The first column is text, the others are figures, to the right."""
    heads, lines = table
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rule, *lines])


def seconds(time: float | None) -> str:
    """Three digits with a unit: `12.3 µs`."""
    if time is None:
        return "-"
    unit, factor = next(((unit, factor) for unit, factor in (("s", 1), ("ms", 1e3)) if time * factor >= 1), ("µs", 1e6))
    return f"{figure(time * factor)} {unit}"


def figure(number: float | None) -> str:
    """Three digits: `0.0123`, `1.23`, `12.3`, `12,345`."""
    if number is None:
        return "-"
    return f"{number:,.0f}" if abs(number) >= 99.95 else f"{number:#.3g}"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def side_by_side(rows: list[Row]) -> Table:
    """The best of the CPU and the best of the GPU for every case, and how many times as long the CPU takes."""
    figures = ("GFLOP/s", "GB/s", "of the machine")
    heads = ["case", "CPU", *figures, "GPU", *figures, "CPU / GPU"]
    lines = []
    for case, row in by_case(rows).items():
        cpu, gpu = best_of(row, ON_CPU), best_of(row, ON_GPU)
        ratio = cpu.seconds / gpu.seconds if cpu and gpu else None
        lines.append([case, *cells_of(cpu), *cells_of(gpu), figure(ratio)])
    return heads, lines


def cells_of(row: Row | None) -> list[str]:
    if row is None:
        return ["-"] * 4
    return [seconds(row.seconds), figure(row.gflop_per_s), figure(row.gb_per_s), percent(row.share)]


def contenders(rows: list[Row]) -> Table:
    """The time of everyone who took part."""
    names = [name for name in (*ON_CPU, *ON_GPU) if any(row.contender == name for row in rows)]
    lines = []
    for case, row in by_case(rows).items():
        lines.append([case, *(seconds(row[name].seconds if name in row else None) for name in names)])
    return ["case", *names], lines


def gpu_tables(found: dict[str, Any]) -> dict[str, Table]:
    """The tables of a run of `gpu.py`, by name; those without lines are left out."""
    tables = {
        "machine": (["rate", "measured"], machine(found)),
        "targets": (["target", "value", "met"], targets(found)),
        "checks": (["check", "items", "failed"], checks(found)),
        "models": models(found),
        "kernels": (["op", "time", "GB/s", "of a copy", "GFLOP/s"], kernels(found)),
        "products": (["product", "ours", "TFLOP/s", "cuBLASLt's speed"], products(found)),
        "convolutions": (["convolution", "time", "TFLOP/s", "of the machine", "cuDNN / fusegrad"], convolutions(found)),
    }
    return {name: table for name, table in tables.items() if table[1]}


def machine(found: dict[str, Any]) -> list[list[str]]:
    units = {"gb_per_s": "GB/s", "tflop_per_s": "TFLOP/s"}
    items = found.get("machine", [])
    return [
        [item["name"], f"{figure(item[key])} {unit}"] for item in items for key, unit in units.items() if key in item
    ]


def targets(found: dict[str, Any]) -> list[list[str]]:
    return [[item["target"], figure(item["value"]), item["met"]] for item in found.get("targets", [])]


def checks(found: dict[str, Any]) -> list[list[str]]:
    counted = [(name, found[name]) for name in CHECKS if found.get(name)]
    return [[name, str(len(items)), str(sum("failed" in item for item in items))] for name, items in counted]


def models(found: dict[str, Any]) -> Table:
    """Time of every row by every library."""
    libraries = [name for name in (*OWN, *PEERS) if name != "torch-convolutions"]  # which have a table of their own
    sections = [name for name in libraries if any("us" in item for item in found.get(name, []))]
    times = {name: {item["name"]: item["us"] for item in found[name] if "us" in item} for name in sections}
    shares = {row["row"]: row["of_machine"] for row in found.get("ratios", [])}
    lines = []
    for row in dict.fromkeys(row for name in sections for row in times[name]):
        cells = (times[name].get(row) for name in sections)
        spelled = (seconds(None if time is None else time / 1e6) for time in cells)
        lines.append([row, *spelled, percent(shares.get(row)), figure(fastest_peer(times, row))])
    return ["step or operation", *sections, "of the machine", "fastest peer / fusegrad"], lines


def fastest_peer(times: dict[str, dict[str, float]], row: str) -> float | None:
    """Its time by the least of ours."""
    theirs, ours = ([times[name][row] for name in names if row in times.get(name, {})] for names in (PEERS, OWN))
    return min(theirs) / min(ours) if theirs and ours else None


def kernels(found: dict[str, Any]) -> list[list[str]]:
    copies = [item for item in found.get("machine", []) if item["name"] == "copy"]
    copied = next((item["gb_per_s"] for item in copies if "gb_per_s" in item), None)
    lines = []
    for item in found.get("speed", []):
        if "us" in item:
            share = item["gb_per_s"] / copied if copied else None
            rates = figure(item["gb_per_s"]), percent(share), figure(item["gflop_per_s"])
            lines.append([item["name"], seconds(item["us"] / 1e6), *rates])
    return lines


def products(found: dict[str, Any]) -> list[list[str]]:
    items = [item for item in found.get("gemm", []) if "ours" in item]
    return [[i["name"], i["ours"], figure(i["tflop_per_s"]), percent(i.get("by_library"))] for i in items]


def convolutions(found: dict[str, Any]) -> list[list[str]]:
    ratios = {row["row"]: row for row in found.get("ratios", [])}
    lines = []
    for item in found.get("convolutions", []):
        if "us" in item:
            row = ratios.get(item["name"], {})
            shares = percent(row.get("of_machine")), figure(row.get("torch-convolutions"))
            lines.append([item["name"], seconds(item["us"] / 1e6), figure(item["tflop_per_s"]), *shares])
    return lines
