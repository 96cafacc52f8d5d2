"""How far the resident memory of a process grows, as Linux counts it."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

STATUS, CLEAR, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs"), "5"  # which forgets the peak so far


def kilobytes(name):
    """A number of /proc/self/status in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])


def growth(work):
    """The result of `work()`, and by how many bytes the memory of this process was larger than before at its peak."""
    if not sys.platform.startswith("linux"):
        raise OSError(f"the peak of resident memory is read from /proc, which {sys.platform} does not have")
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed is not to be found there again, and not counted
    CLEAR.write_text(PEAK)
    before = kilobytes("VmRSS")
    result = work()
    return result, kilobytes("VmHWM") - before
