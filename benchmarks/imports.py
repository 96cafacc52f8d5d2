"""What `import fusegrad` costs beyond `import numpy`, which nobody who has it can avoid.

    python benchmarks/imports.py

Fresh processes import one or the other in turn, and time it themselves, so that the start of Python does not count.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np

REPEATS = 15
TIMED = "from time import perf_counter as now; start = now(); import {}; print(now() - start)"


def seconds(module: str) -> float:
    """Time of an import in a process of its own."""
    done = subprocess.run([sys.executable, "-c", TIMED.format(module)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def interleaved(repeats: int = REPEATS) -> np.ndarray:
    """(repeats, 2) seconds for numpy and fusegrad; the first round, which fills the caches of files, is not counted."""
    rounds = [[seconds("numpy"), seconds("fusegrad")] for _ in range(repeats + 1)]
    return np.array(rounds[1:])


def beyond_numpy(times: np.ndarray) -> float:
    """Difference of the medians in seconds."""
    numpy, fusegrad = np.median(times, axis=0)
    return fusegrad - numpy


def main() -> float:
    times = interleaved()
    for name, column in zip(("numpy", "fusegrad"), times.T, strict=True):
        low, median, high = np.percentile(column, [25, 50, 75]) * 1e3
        print(f"import {name:<10}{median:7.1f} ms   quartiles {low:.1f} .. {high:.1f}")
    difference = beyond_numpy(times)
    print(f"difference       {difference * 1e3:7.1f} ms")
    return difference


if __name__ == "__main__":
    main()
