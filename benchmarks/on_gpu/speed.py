"""Every op on arrays larger than caches: time, bytes and operations per second."""

from __future__ import annotations

import os
from typing import Any

from on_gpu.device import REHEARSED, Found, Items, device, timed


def speed() -> Items:
    import sizes

    os.environ.setdefault(sizes.VARIABLE, "small" if REHEARSED else "large")  # the table reads it when it is imported
    from bench_ops import CASES
    from op_arrays import make

    def of(case: Any) -> Found:
        arrays = {key: make(device(), entry) for key, entry in case.arrays.items()}
        with device().using_stream():
            seconds = timed(case.op.bound("cuda", **arrays, **case.options))
        nbytes = case.nbytes(arrays)
        return {"us": seconds * 1e6, "gb_per_s": nbytes / seconds / 1e9, "gflop_per_s": case.flops / seconds / 1e9}

    for name, case in CASES.items():
        yield name, lambda case=case: of(case)
