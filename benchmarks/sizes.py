"""How large the arrays of the suites are: what FUSEGRAD_BENCH_SIZE says, which pytest's `--size` sets."""

from __future__ import annotations

import os

VARIABLE, DEFAULT = "FUSEGRAD_BENCH_SIZE", "medium"
NAMES = ("small", "medium", "large")  # for the emulator and for trying out, for CPUs, for GPUs


def name():
    """The size in force; ValueError for one that there is not."""
    wanted = os.environ.get(VARIABLE) or DEFAULT
    if wanted not in NAMES:
        raise ValueError(f"{VARIABLE} expects one of {', '.join(NAMES)}, got {wanted!r}")
    return wanted


def chosen(small, medium, large):
    """The one of three that belongs to the size in force."""
    return {"small": small, "medium": medium, "large": large}[name()]
