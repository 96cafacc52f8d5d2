"""An optimizer whose state was saved goes on with the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optimizers.leaves import leaf_program

from fusegrad import optimizers

GRADIENTS = np.random.default_rng(2).normal(size=(12, 4))
MAKERS: dict[str, Any] = {
    "dampened": lambda: optimizers.SGD(0.1, momentum=0.9, dampening=0.5),
    "adagrad": lambda: optimizers.Adagrad(0.1, lr_decay=0.1),
    "centered": lambda: optimizers.RMSprop(0.1, centered=True, momentum=0.9),
    "amsgrad": lambda: optimizers.AMSGrad(0.1),
    "nadam": lambda: optimizers.NAdam(0.1),
    "radam": lambda: optimizers.RAdam(0.1, betas=(0.5, 0.8)),
    "lamb": lambda: optimizers.LAMB(0.1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_restored_optimizer_goes_on_with_the_same_bits(name: str, dtype: str) -> None:
    whole, first, second = (leaf_program(MAKERS[name](), dtype=dtype) for _ in range(3))
    for gradient in GRADIENTS:
        whole.step(gradient)
    for gradient in GRADIENTS[:7]:
        first.step(gradient)
    second.arena.load_state_dict(first.arena.state_dict())
    second.optimizer_state.restore(first.optimizer_state.saved())
    for gradient in GRADIENTS[7:]:
        second.step(gradient)
    np.testing.assert_array_equal(second.arena.value, whole.arena.value)
