"""What pytest-benchmark wrote, as rows: one for each case of a suite and contender."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

ON_CPU, ON_GPU = ("numpy", "cpu"), ("cupy", "cuda", "captured")  # the later are faster, where they are there


@dataclass(frozen=True)
class Row:
    """A case as one contender ran it; rates and the share of the machine are None where they are not known."""

    suite: str
    case: str
    contender: str
    seconds: float
    gflop_per_s: float | None = None
    gb_per_s: float | None = None
    share: float | None = None


def rows_of(results: dict[str, Any]) -> list[Row]:
    """The rows of a file of pytest-benchmark, without those of no contender and those of the emulator."""
    entries = [entry for entry in results["benchmarks"] if "contender" in entry["extra_info"]]
    return [row_of(entry) for entry in entries if entry["extra_info"]["contender"] in (*ON_CPU, *ON_GPU)]


def row_of(entry: dict[str, Any]) -> Row:
    facts = entry["extra_info"]
    suite = re.search(r"bench_(\w+)\.py", entry["fullname"])
    assert suite, entry["fullname"]
    rates = {name: facts.get(name) or None for name in ("gflop_per_s", "gb_per_s", "share")}
    return Row(suite[1], case_of(entry, facts), facts["contender"], entry["stats"]["median"], **rates)


def case_of(entry: dict[str, Any], facts: dict[str, Any]) -> str:
    """`relu, medium` for `test_op[cuda-relu]`, `update adam, large` for `test_update[cuda-adam]`."""
    test, _, parameters = entry["name"].removeprefix("test_").partition("[")
    rest = parameters.removesuffix("]").removeprefix(facts["contender"]).removeprefix("-")
    words = [rest] if rest and test in ("op", "layer", "network") else [test.replace("_", " "), rest]
    return f"{' '.join(filter(None, words))}, {facts['size']}"


def by_case(rows: list[Row]) -> dict[str, dict[str, Row]]:
    """Rows by case and contender, in the order in which they came; the last of equal ones counts."""
    cases: dict[str, dict[str, Row]] = {}
    for row in rows:
        cases.setdefault(row.case, {})[row.contender] = row
    return cases


def best_of(row: dict[str, Row], names: tuple[str, ...]) -> Row | None:
    """The row of the last of the contenders that took part."""
    return next((row[name] for name in reversed(names) if name in row), None)
