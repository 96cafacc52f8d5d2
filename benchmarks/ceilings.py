"""What a machine can do: bytes that a copy moves and operations that a large product makes in a second.

Both are measured in the same run as what is compared with them, since clocks and power differ from run to run.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
import sizes
from clocks import DeviceClock

from fusegrad.backend.dtypes import dtype_of
from fusegrad.ops import elementwise
from fusegrad.ops.gemm import arithmetic
from fusegrad.ops.matmul import matmul

REPEATS = 7


@dataclass(frozen=True)
class Ceiling:
    """Bytes and floating-point operations per second; 0 where that was not measured."""

    bandwidth: float
    rate: float

    def floor(self, flops, nbytes):
        """The seconds below which this machine cannot do so many operations and move so many bytes, and by which."""
        times = {"memory": nbytes / self.bandwidth if self.bandwidth else 0.0}
        times["arithmetic"] = flops / self.rate if self.rate else 0.0
        limit = max(times, key=times.__getitem__)
        return times[limit], limit


def ceiling(contender, precision="float32"):
    return Ceiling(bandwidth(contender), product_rate(contender, precision))


def bandwidth(contender):
    """Bytes per second, read and written, of the faster of the library's copy and ours."""
    backend, count = contender.backend, sizes.chosen(1 << 16, 1 << 25, 1 << 28)
    source, target = (backend.zeros((count,), "float32") for _ in range(2))
    ways = [lambda: np.copyto(target, source), elementwise.copy.bound(backend.evaluator, source, target)]
    if contender.is_on_device:
        ways[0] = lambda: target.__setitem__(slice(None), source)
    return 2 * source.nbytes / min(seconds(contender, way) for way in ways)


def product_rate(contender, precision):
    """Operations per second of a large product of random matrices; zeros would be faster."""
    backend, width = contender.backend, sizes.chosen(64, 1024, 8192)
    kind, how = (dtype_of("float32"), "tf32") if precision == "tf32" else (dtype_of(precision), "exact")
    generator = np.random.default_rng(0)
    a, b = (backend.asarray(generator.standard_normal((width, width), np.float32).astype(kind)) for _ in range(2))
    y = backend.empty((width, width), kind)
    with backend.using_stream(), arithmetic.using(how):
        product = matmul.bound(backend.evaluator, a, b, y)
    return 2 * width**3 / seconds(contender, product)


def seconds(contender, run):
    if contender.is_on_device:
        return median(DeviceClock(contender.backend).warm(run, REPEATS, 1))
    times = []
    run()
    for _ in range(REPEATS):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return median(times)
