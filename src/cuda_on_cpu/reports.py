"""What the checker found in a launch, as exceptions and as records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The runtime gives a number; the order is that of `enum Kind` in include/runtime/reports.h.
KINDS = ("", "memcheck", "racecheck", "initcheck", "synccheck", "align", "fail", "deadlock", "bounds")


class LaunchError(TypeError):
    """A launch with wrong arguments, sizes or options; nothing was run."""


@dataclass(frozen=True)
class Problem:
    """One finding: its kind (one of KINDS), the place `file.cu:line`, and who was there; `text` is all of it."""

    kind: str
    where: str
    message: str
    block: tuple[int, int, int]
    thread: tuple[int, int, int]
    text: str


class KernelError(RuntimeError):
    """The checker found `problems` while a kernel ran; what the kernel wrote must not be used."""

    def __init__(self, kernel: str, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{kernel}: {count}", *("  " + problem.text for problem in problems)]))
