"""Which tests run and which do not, by the lists of this folder."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
RELEASE = "1.23.2"  # of ONNX, whose tests the lists name
HEADING = re.compile(r"# (?P<group>\S+) (?P<count>\d+)(: (?P<reason>.+))?")


@dataclass
class Group:
    """A heading of a list, and the names below it."""

    title: str
    count: int
    reason: str | None
    names: list[str] = field(default_factory=list)


def groups(file: str) -> list[Group]:
    """`# Operator count: reason` and the tests that this concerns, one a line; ValueError for any other line."""
    found: list[Group] = []
    for line in (FOLDER / file).read_text(encoding="utf-8").splitlines():
        heading = HEADING.fullmatch(line)
        if heading:
            found.append(Group(heading["group"], int(heading["count"]), heading["reason"]))
        elif re.fullmatch(r"test_\w+", line):
            found[-1].names.append(line)
        else:
            raise ValueError(f'{file}: "{line}" is neither a heading nor the name of a test')
    return found


def names(file: str) -> list[str]:
    return [name for group in groups(file) for name in group.names]


def counts(file: str) -> Counter[str]:
    """How many tests the headings say there are of each operator."""
    total: Counter[str] = Counter()
    for group in groups(file):
        total[group.title] += group.count
    return total
