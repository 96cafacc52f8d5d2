"""LAMB: Adam whose step is as long, in proportion to the parameter, whatever the gradients."""

from __future__ import annotations

from typing import Any, Unpack

from fusegrad.expr import sqrt
from fusegrad.ops import BoundOp
from fusegrad.ops.norm import trust_ratio
from fusegrad.ops.op import Bound, in_turn
from fusegrad.optimizers.base import Copies, Limits
from fusegrad.optimizers.moments import Moments
from fusegrad.schedules import Schedule


class LAMB(Moments):
    """direction = m̂ / (sqrt(v̂) + eps) + weight_decay · value, value -= lr · ‖value‖ / ‖direction‖ · direction.

    The norms are those of each parameter; where one is 0, their ratio counts as 1.  m and v are those of Adam.  You et
    al., 2020, arXiv:1904.00962.  Options: see `Optimizer`.
    """

    slots = ("m", "v", "direction")
    per_parameter = True

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        **options: Unpack[Limits],
    ) -> None:
        super().__init__(lr, betas=betas, eps=eps, weight_decay=weight_decay, decoupled=True, **options)

    def scalars(self, count: int) -> dict[str, float]:
        return super().scalars(count) | {"ratio": 1.0}  # of which an update makes that of the parameter

    def update(self, decay: bool, copies: Copies = (), conditional: bool = False) -> BoundOp:
        look, step = self.look(decay, conditional), self.step(copies, conditional)

        def bind(evaluator: str, **arrays: Any) -> Bound:
            parts = (look, trust_ratio, step)
            return in_turn([part.bound(evaluator, **named(part, arrays)) for part in parts])

        names = tuple(dict.fromkeys([*look.__signature__.parameters, *step.__signature__.parameters]))
        return BoundOp(bind, names, loops=look.loops + step.loops)

    def look(self, decay: bool, conditional: bool) -> BoundOp:
        """The first pass: the moments, and where to go."""
        known = self.known()
        value, correction1, correction2 = known["value"], known["correction1"], known["correction2"]
        grad = self.gradient(value, known["grad"] * known["scale"], decay)
        m, v = self.first(grad, known["m"]), self.second(grad, known["v"])
        adam = m / (sqrt(v) + correction2 * self.eps) * (correction2 / correction1)
        direction = adam + value * (self.weight_decay if decay else 0.0)
        return self.traced(("m", "v", "direction"), (m, v, direction), conditional=conditional)

    def step(self, copies: Copies, conditional: bool) -> BoundOp:
        """The second pass, when both norms are known."""
        known = self.known()
        value = known["value"] - known["direction"] * (known["rate"] * known["ratio"])
        return self.traced(("value",), (value,), copies, conditional)


def named(op: BoundOp, arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: arrays[name] for name in op.__signature__.parameters}
