"""Every rule computes alike by NumPy and by Numba."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optimizers.leaves import trained

from fusegrad import optimizers

SIZE = 2 * 5000  # some blocks, and a rest
BOTH = {"weight_decay": 0.1, "l1": 0.01, "clip_value": 2.0}
RULES = [
    optimizers.SGD(0.01, momentum=0.9, dampening=0.1, **BOTH),
    optimizers.Adagrad(0.01, **BOTH),
    optimizers.Adadelta(**BOTH),
    optimizers.RMSprop(0.01, centered=True, momentum=0.9, **BOTH),
    optimizers.AMSGrad(0.01, **BOTH),
    optimizers.AdamW(0.01),
    optimizers.Adamax(0.01),
    optimizers.NAdam(0.01, **BOTH),
    optimizers.RAdam(0.01, betas=(0.5, 0.8)),
    optimizers.Lion(0.01, **BOTH),
    optimizers.LAMB(0.01, **BOTH),
]


@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_numpy_and_numba_agree(optimizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the evaluator numba is compared with NumPy")
    generator = np.random.default_rng(0)
    gradients, start = generator.normal(size=(8, SIZE)), generator.normal(size=SIZE)
    paths = []
    for evaluator in ("numpy", "numba"):
        monkeypatch.setenv("FUSEGRAD_EVALUATOR", evaluator)
        paths.append(trained(optimizer, gradients, start, "float32"))
    np.testing.assert_allclose(*paths, rtol=1e-5, atol=1e-6)
