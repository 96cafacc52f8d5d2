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
                hint = "write Sequential(*layers)" if isinstance(layer, list | tuple) else "such as ReLU(), not ReLU"
                raise GraphError(f"Sequential expects layers, got {layer!r}; {hint}")
        self.layers = list(layers)

    def call(self, x: Value) -> Value:
        for index, layer in enumerate(self.layers):
            try:
                x = layer(x)
            except GraphError as error:
                raise error.within(f"layers.{index}") from None
        return x
