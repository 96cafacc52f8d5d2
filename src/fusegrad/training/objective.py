"""Losses, one or several, as one function of a model's outputs and the targets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from fusegrad.graph import GraphError, Layer, Model, Module, Value, require
from fusegrad.training.callback import described
from fusegrad.training.structure import Structure, leaves


class Objective:
    """The sum of one or several losses.

    Args:
        loss: a layer or function called as `loss(output, target)`, or with the weight of samples as third argument if
            its signature names `weight`; or a list of them, matched to outputs and targets in order; or a dict of
            them, matched by name.  A single loss receives outputs and targets in the form in which they are.
    """

    def __init__(self, loss: Any) -> None:
        self.loss = tuple(loss) if isinstance(loss, list | tuple) else loss
        self.parts = named_parts(self.loss)
        for label, part in self.parts.items():
            if not callable(part) or isinstance(part, type):
                raise ValueError(f"{label} expects a loss that can be called, got {described(part)}")

    @property
    def modules(self) -> dict[str, Module]:
        """Losses that may have parameters, by name."""
        return {label: part for label, part in self.parts.items() if isinstance(part, Module)}

    def check_weight(self) -> None:
        """GraphError unless every loss takes the weight of samples."""
        for label, part in self.parts.items():
            if not takes_weight(part):
                raise GraphError(f"sample_weight was given, but {label} {part} has no argument `weight`")

    def check_targets(self, y: Structure) -> None:
        """ValueError where a loss that has `check_target` finds a number out of range in its array of targets.

        Targets of another form than the losses are left to `matched`, whose message says more.
        """
        arrays = leaves(y, "y")
        several = isinstance(self.loss, Mapping | tuple)
        parts = self.parts.values() if several else [self.loss]
        labels = [f"y[{name!r}]" for name in self.loss] if isinstance(self.loss, Mapping) else list(arrays)
        if not several and isinstance(y, Mapping | tuple):
            return
        for label, part in zip(labels, parts, strict=False):
            if label in arrays and hasattr(part, "check_target") and (fault := part.check_target(arrays[label])):
                raise ValueError(f"{label} expects {fault}")

    def __call__(self, output: Structure, target: Structure, weight: Value | None) -> Value:
        """The scalar to minimise."""
        if weight is not None:
            self.check_weight()
        triples = self.matched(output, target)
        terms = [part(y, t) if weight is None else part(y, t, weight) for part, y, t in triples]
        for term, label in zip(terms, self.parts, strict=True):
            scalar = isinstance(term, Value) and term.shape == ()
            require(scalar, label, "to return a scalar Value", term)
        total: Value = sum(terms[1:], start=terms[0])
        return total

    def matched(self, output: Structure, target: Structure) -> list[tuple[Callable[..., Any], Any, Any]]:
        """Every loss with its output and target; GraphError where they do not match."""
        if isinstance(self.loss, Mapping):
            for owner, structure in (("outputs", output), ("targets", target)):
                names = list(structure) if isinstance(structure, Mapping) else type(structure).__name__
                fits = isinstance(structure, Mapping) and set(structure) == set(self.loss)
                require(fits, "a dict of losses", f"{owner} by the names {list(self.loss)}", names)
            return [(part, output[name], target[name]) for name, part in self.loss.items()]
        if isinstance(self.loss, tuple):
            for owner, structure in (("outputs", output), ("targets", target)):
                fits = isinstance(structure, list | tuple) and len(structure) == len(self.loss)
                got = len(structure) if isinstance(structure, list | tuple) else type(structure).__name__
                require(fits, "a list of losses", f"{len(self.loss)} {owner} in a tuple", got)
            return list(zip(self.loss, output, target, strict=True))
        return [(self.loss, output, target)]


def named_parts(loss: Any) -> dict[str, Any]:
    if isinstance(loss, Mapping):
        return {f"loss.{name}": part for name, part in loss.items()}
    if isinstance(loss, tuple):
        return {f"loss.{index}": part for index, part in enumerate(loss)}
    return {"loss": loss}


def takes_weight(loss: Any) -> bool:
    """Whether the signature has `weight`; that of a layer is its `plan`, that of a model its `call`."""
    function = loss.plan if isinstance(loss, Layer) else loss.call if isinstance(loss, Model) else loss
    return "weight" in inspect.signature(function).parameters
