"""Training steps of perceptrons: one bound by launches, narrow ones over many rows, and wide ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sizes
from own_steps import batch_on, program_of
from workloads import LAUNCH_BOUND, NARROW, WIDE

ROWS = sizes.chosen((1 << 6,), (1 << 10, 1 << 12), tuple(1 << power for power in (12, 14, 16, 18)))
WORK = [
    sizes.chosen(replace(LAUNCH_BOUND, widths=(64, 32, 32, 10), batch=16), LAUNCH_BOUND, LAUNCH_BOUND),
    *(replace(NARROW, batch=rows) for rows in ROWS),
    sizes.chosen(replace(WIDE, widths=(64,) * 4, batch=32), replace(WIDE, widths=(1024,) * 4, batch=256), WIDE),
]
PRECISIONS = "float32", "tf32", "bfloat16"


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("work", WORK, ids=lambda work: f"{'-'.join(map(str, work.widths))} x {work.batch}")
def test_step(measure, contender, work, precision):
    """Of a batch that lies on the device already; see bench_data for the way there."""
    if precision != "float32" and contender.evaluator != "cuda":
        pytest.skip("only kernels compute in fewer bits")
    work = replace(work, precision=precision)
    program = program_of(work, contender.backend.name)
    batch = batch_on(program, work)
    if contender.name == "captured":
        program.capture()
    measure(lambda: program.step(*batch), flops=work.flops, nbytes=work.nbytes, dtype=precision, warm=True)
