"""The factor by which losses are multiplied so that gradients keep within the range of float16."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fusegrad.backend import Backend
from fusegrad.ops import loss_scale

FIRST = 2.0**16


class LossScaling:
    """A factor on the device that grows while gradients are finite, and halves when they are not.

    An update whose gradients are not finite is skipped: parameters and optimizer state stay as they are, while
    schedules and the optimizer's count of updates go on, since only the device knows.  Micikevicius et al., 2018,
    arXiv:1710.03740; the constants are those of PyTorch's GradScaler.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.state = backend.asarray(np.array([FIRST, 0, 0, 1], "float32"))
        self.factor, self.proceed = (self.state[i : i + 1].reshape(()) for i in (0, 3))

    def __deepcopy__(self, memo: object) -> LossScaling:
        """A factor of its own on the same backend: `factor` and `proceed` are views, which a plain copy would part."""
        new = LossScaling(self.backend)
        new.restore(self.saved())
        return new

    def unscale(self, scale: Any, gradients: Sequence[Any]) -> Callable[[], None]:
        """The call that divides `scale` by the factor, adapts that, and decides whether the update takes place."""
        options = {"gradients": tuple(gradients)}
        return loss_scale.unscale.bound(self.backend.evaluator, self.state, scale, **options)

    @property
    def skipped(self) -> int:
        """How many updates were skipped, after all work queued so far."""
        return int(self.saved()[2])

    def saved(self) -> list[float]:
        """The factor, good updates since it changed, skipped updates and whether the last one took place."""
        return [float(number) for number in self.backend.to_numpy(self.state)]

    def restore(self, saved: Sequence[float]) -> None:
        """Take over what `saved` gave."""
        self.backend.copy_in(self.state, np.asarray(saved, "float32"))
