"""Updates of many parameters: Adam and SGD, with and without a bound on the norm, and with a half-precision copy."""

from __future__ import annotations

import pytest
import sizes
from clocks import graph_of
from own_steps import update_of

from fusegrad.optimizers import SGD, Adam

SIZES = sizes.chosen((10_000,), (100_000, 1_000_000, 10_000_000), (100_000, 1_000_000, 10_000_000, 50_000_000))
RULES = {"sgd": (SGD, 12, 2), "momentum": (lambda lr, **options: SGD(lr, momentum=0.9, **options), 20, 4)}
RULES |= {"adam": (Adam, 28, 13)}  # bytes and operations for each parameter
CLIPPED_BYTES, COPIED_BYTES = 4, 2


@pytest.mark.parametrize("copied", [False, True], ids=["one copy", "half copy"])
@pytest.mark.parametrize("clip", [None, 1.0], ids=["free", "clipped"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RULES)
def test_update(measure, contender, name, size, clip, copied):
    if copied and contender.evaluator != "cuda":
        pytest.skip("only kernels compute in fewer bits, and need a copy to read")
    make, nbytes, flops = RULES[name]
    precision = "bfloat16" if copied else "float32"
    program = update_of(make(1e-3, clip_norm=clip), size, contender.backend.name, precision)
    nbytes += CLIPPED_BYTES * bool(clip) + COPIED_BYTES * copied
    backend = contender.backend
    captured = contender.name == "captured"
    run = graph_of(backend, program.updates) if captured else lambda: backend.run(program.updates)
    measure(run, flops=(flops + 2 * bool(clip)) * size, nbytes=nbytes * size)
