"""The time of `import fusegrad` beyond that of `import numpy`."""

from __future__ import annotations

import imports

SECONDS = 0.15


def test_import(benchmark):
    times = benchmark.pedantic(imports.interleaved, rounds=1)
    difference = imports.beyond_numpy(times)
    benchmark.extra_info["beyond_numpy_ms"] = difference * 1e3
    assert difference <= SECONDS
