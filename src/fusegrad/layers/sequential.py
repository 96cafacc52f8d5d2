"""Layers in a row."""

from __future__ import annotations

from fusegrad.graph import GraphError, Model, Module, Value


class Sequential(Model):
    """The layers (or models) one after the other; parameters are named `layers.0.weight` and so on.

    Raises GraphError with the place of the layer that does not fit.
    """

    def __init__(self, *layers: Module) -> None:
        for layer in layers:
            if not isinstance(layer, Module):
                raise GraphError(f"Sequential expects layers, got {layer!r}; {hint(layer)}")
        self.layers = list(layers)

    def call(self, x: Value) -> Value:
        for index, layer in enumerate(self.layers):
            try:
                x = layer(x)
            except GraphError as error:
                raise error.within(f"layers.{index}") from None
        return x


def hint(given: object) -> str:
    """What to write instead of what is no layer."""
    if isinstance(given, list | tuple):
        return "write Sequential(*layers)"
    if callable(given) and not isinstance(given, type):
        return "a scalar function becomes one by Elementwise(function)"
    return "such as ReLU(), not ReLU"
