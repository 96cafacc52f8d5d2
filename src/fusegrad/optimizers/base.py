"""What all optimizers share: hyper-parameters with a learning-rate schedule, and an update written as an expression."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any, TypedDict

from fusegrad.errors import perhaps
from fusegrad.expr import Expr, ExpressionError, Function, clip, sign, where
from fusegrad.expr.node import argument, as_expr, rebuilt, topological
from fusegrad.ops import BoundOp, loops
from fusegrad.schedules import Schedule, as_schedule

Copies = tuple[tuple[str, str], ...]
PROCEED = "proceed"  # the number that tells a conditional update whether to take place


class Limits(TypedDict, total=False):
    """Options of every optimizer; see `Optimizer`."""

    l1: float
    clip_norm: float | None
    clip_value: float | None


class Options(Limits, total=False):
    """Options of optimizers whose decay is the user's choice; see `Optimizer`."""

    weight_decay: float
    decoupled: bool


class Optimizer:
    """Hyper-parameters of an update rule; its state lives in the arena, one flat array per slot, zero at first.

    A subclass names its `slots`, may add per-update numbers to `scalars`, and defines `rule`, which names what it needs
    of `value`, `grad`, the slots and the scalars, and returns the new value and slots, in that order:

        class Signum(Optimizer):
            slots = ("m",)

            def rule(self, value, grad, m, rate):
                m = 0.9 * m + 0.1 * grad
                return value - rate * np.sign(m), m

    The rule is traced once and runs as one loop over the arena; gradients come scaled, clipped and with decay in them.

    Args:
        lr: learning rate, or a schedule (see `fusegrad.schedules`).
        weight_decay: strength of decay on parameters that have it (not biases), added to gradients as
            weight_decay · value.
        decoupled: whether decay subtracts rate · weight_decay · value from the value instead (arXiv:1711.05101).
        l1: strength of sign(value) added to the gradients of parameters with decay (Tibshirani, 1996).
        clip_norm: bound on the global norm of all gradients (Pascanu et al., 2013, arXiv:1211.5063).
        clip_value: bound on every element of the gradients.

    Raises ValueError for a negative number, and ExpressionError, when a program is made, for a rule that cannot be
    traced, names something unknown or returns too much or too little.
    """

    slots: tuple[str, ...] = ()
    per_parameter = False
    rule: Callable[..., Any]

    def __init__(
        self,
        lr: float | Schedule,
        *,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        l1: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.require(callable(lr) or (isinstance(lr, Real) and lr >= 0), "lr", "at least 0, or a schedule", repr(lr))
        self.require(weight_decay >= 0, "weight_decay", "at least 0", weight_decay)
        self.require(l1 >= 0, "l1", "at least 0", l1)
        self.require(clip_norm is None or clip_norm > 0, "clip_norm", "above 0", clip_norm)
        self.require(clip_value is None or clip_value > 0, "clip_value", "above 0", clip_value)
        self.lr, self.weight_decay, self.decoupled = as_schedule(lr), weight_decay, decoupled
        self.l1, self.clip_norm, self.clip_value = l1, clip_norm, clip_value

    @property
    def decays(self) -> bool:
        """Whether parameters with decay are treated otherwise than those without."""
        return bool(self.weight_decay or self.l1)

    def scalars(self, count: int) -> dict[str, float]:
        """The numbers of update `count` = 1, 2, …, always of the same names."""
        return {"rate": self.lr(count - 1)}

    def update(self, decay: bool, copies: Copies = (), conditional: bool = False) -> BoundOp:
        """The op that overwrites value and slots, of parameters with or without decay; see `loops.update`.

        A `conditional` one is also given the number `proceed`; if that is 0, everything stays what it is, bit by bit.
        """
        known = self.known()
        outputs = self.new_values({name: known[name] for name in known if name != "scale"})
        value, strength = known["value"], self.weight_decay if decay else 0.0
        grad = self.gradient(value, known["grad"] * known["scale"], decay)
        if not self.decoupled:
            grad = grad + value * strength
        elif strength:
            self.check("rate" in known, 'expects decoupled decay to find "rate" among its scalars')
            value = value - value * (known["rate"] * strength)  # value (1 - rate strength) would round the factor
        prepared = {known["value"]: value, known["grad"]: grad}
        outputs = tuple(rebuilt(output, prepared) for output in outputs)
        return self.traced(("value", *self.slots), outputs, copies, conditional)

    def known(self) -> dict[str, Expr]:
        """The arguments that an update may name."""
        names = ["value", "grad", *self.slots, "scale", *self.scalars(1)]
        self.check(len(set(names)) == len(names), f"expects slots and scalars of different names, got {names}")
        return {name: argument(name) for name in names}

    def gradient(self, value: Expr, grad: Expr, decay: bool) -> Expr:
        """The gradient clipped, and pulling to 0 where `l1` does."""
        if self.clip_value is not None:
            grad = clip(grad, -self.clip_value, self.clip_value)
        return grad + sign(value) * self.l1 if decay else grad

    def new_values(self, known: dict[str, Expr]) -> tuple[Expr, ...]:
        """What the rule makes of the known expressions; ExpressionError where it does not fit."""
        self.check(hasattr(self, "rule"), "is missing, which computes (new value, new slots) of value, grad, rate, …")
        parameters = inspect.signature(self.rule).parameters.values()
        for item in parameters:
            given = item.name in known or item.default is not item.empty
            self.check(given, f"names {item.name!r}, which it is not given{perhaps(item.name, known)}")
        try:
            result = self.rule(**{item.name: known[item.name] for item in parameters if item.name in known})
            outputs = tuple(map(as_expr, result if isinstance(result, tuple) else (result,)))
        except ExpressionError as error:
            raise ExpressionError(f"{self}.rule: {error}") from error
        wanted = ", ".join(f"new {name}" for name in ("value", *self.slots))
        fits = len(outputs) == 1 + len(self.slots) and not any(output.is_condition for output in outputs)
        self.check(fits, f"expects to return ({wanted}), got {len(outputs)}: {outputs}")
        return outputs

    def traced(
        self, targets: tuple[str, ...], outputs: tuple[Expr, ...], copies: Copies = (), conditional: bool = False
    ) -> BoundOp:
        """The op that overwrites `targets` with `outputs`; if `conditional`, as `update` says."""
        names = ["scale", *self.scalars(1)]
        if conditional:
            self.check(PROCEED not in self.known(), f"expects no slot or scalar called {PROCEED}, which is taken")
            names.append(PROCEED)
            pairs = zip(targets, outputs, strict=True)
            outputs = tuple(where(argument(PROCEED) > 0, output, argument(target)) for target, output in pairs)
        read = {node.value for node in topological(outputs) if node.op == "argument"}
        scalars = tuple(name for name in names if name in read)
        return loops.update(Function(str(self), ("value", "grad", *self.slots), scalars, outputs), targets, copies)

    def check(self, condition: bool, message: str) -> None:
        if not condition:
            raise ExpressionError(f"{self}.rule {message}")

    def require(self, condition: bool, name: str, expected: str, got: object) -> None:
        if not condition:
            raise ValueError(f"{self} expects {name} {expected}, got {got}")

    def require_betas(self, betas: tuple[float, float]) -> None:
        fits = len(betas) == 2 and all(0 <= beta < 1 for beta in betas)
        self.require(fits, "betas", "of at least 0 and below 1", betas)

    def __repr__(self) -> str:
        return type(self).__name__
