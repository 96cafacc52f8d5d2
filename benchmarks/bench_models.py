"""Training steps and evaluation: perceptrons bound by launches, narrow and wide ones, and convolutional networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sizes
from clocks import graph_of
from image_workloads import LENET, RESNET, ImageNetwork
from own_steps import batch_on, evaluation_of, program_of
from workloads import LAUNCH_BOUND, NARROW, WIDE

ROWS = sizes.chosen((1 << 6,), (1 << 10, 1 << 12), tuple(1 << power for power in (12, 14, 16, 18)))
IMAGES = [
    *(replace(LENET, batch=batch) for batch in sizes.chosen((2,), (64, 256), (256, 4096))),
    *(replace(RESNET, batch=batch) for batch in sizes.chosen((2,), (64,), (128, 1024))),
]
WORK = [
    sizes.chosen(replace(LAUNCH_BOUND, widths=(64, 32, 32, 10), batch=16), LAUNCH_BOUND, LAUNCH_BOUND),
    *(replace(NARROW, batch=rows) for rows in ROWS),
    sizes.chosen(replace(WIDE, widths=(64,) * 4, batch=32), replace(WIDE, widths=(1024,) * 4, batch=256), WIDE),
    *IMAGES,
]
PRECISIONS = "float32", "tf32", "bfloat16"


def short(work):
    name = work.name if isinstance(work, ImageNetwork) else "-".join(map(str, work.widths))
    return f"{name} x {work.batch}"


def skip_fewer_bits(contender, precision):
    if precision != "float32" and contender.evaluator != "cuda":
        pytest.skip("only kernels compute in fewer bits")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("work", WORK, ids=short)
def test_step(measure, contender, work, precision):
    """Of a batch that lies on the device already; see bench_data for the way there."""
    skip_fewer_bits(contender, precision)
    work = replace(work, precision=precision)
    program = program_of(work, contender.backend.name)
    batch = batch_on(program, work)
    if contender.name == "captured":
        program.capture()
    measure(lambda: program.step(*batch), flops=work.flops, nbytes=work.nbytes, dtype=precision, warm=True)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("work", IMAGES, ids=short)
def test_evaluation(measure, contender, work, precision):
    """The scores of a batch that is in its place."""
    skip_fewer_bits(contender, precision)
    work, backend = replace(work, precision=precision), contender.backend
    program = evaluation_of(work, backend.name)
    program.forward(*batch_on(program, work)[:1])
    calls = program.bound.forward
    run = graph_of(backend, calls) if contender.name == "captured" else lambda: backend.run(calls)
    measure(run, flops=work.forward_flops, nbytes=program.plan.nbytes, dtype=precision, warm=True)
