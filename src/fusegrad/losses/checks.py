"""What losses ask of their inputs."""

from __future__ import annotations

from fusegrad.graph import Arrays, Layer, Spec, require


def check_pair(layer: Layer, x: Spec, target: Spec, weight: Spec | None) -> Arrays:
    """One scalar from predictions and targets of one shape."""
    require(x.is_float and len(x.shape) > 0, layer, "floating-point predictions (batch, …)", x)
    require(target.is_float, layer, "floating-point targets", target)
    require(target.shape == x.shape, layer, f"targets of the predictions' shape {x.shape}", target.shape)
    check_weight(layer, x.shape[0], weight)
    return Arrays({"y": Spec((), x.dtype)})


def check_weight(layer: Layer, batch: int, weight: Spec | None) -> None:
    if weight is not None:
        require(
            weight.shape == (batch,) and weight.is_float,
            layer,
            f"one floating-point weight for each of {batch} samples",
            weight,
        )
