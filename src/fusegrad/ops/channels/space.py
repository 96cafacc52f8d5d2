"""Space for numbers of channels, made once when an op is bound."""

from __future__ import annotations

from typing import Any

from fusegrad.backend.cuda import namespace


class Space:
    """Makes arrays of the dtype of `like`, where it is."""

    def __init__(self, like: Any) -> None:
        self.like = like

    def of(self, *shape: int) -> Any:
        """Whatever happens to be in memory."""
        return namespace(self.like).empty(shape, self.like.dtype)

    def filled(self, value: float, *shape: int) -> Any:
        array = self.of(*shape)
        array.fill(value)
        return array

    def weight_and_bias(self, weight: Any, bias: Any, channels: int) -> dict[str, Any]:
        """Both (channels,) by name, with ones and zeros for None."""
        return {
            "weight": self.filled(1, channels) if weight is None else weight,
            "bias": self.filled(0, channels) if bias is None else bias,
        }
