"""What the epochs came to."""

from __future__ import annotations

import json
import math
from os import PathLike
from pathlib import Path
from typing import Any

from fusegrad.errors import perhaps


class History:
    """Figures by epoch: `history.epochs[3]["loss"]`, or all of one name: `history["loss"]`.

    Every epoch has `epoch` (from 1), `loss` (the mean over samples), `samples_per_s` and `seconds` of training, the
    metrics, and with validation `val_loss` and `val_<metric>`; in float16 also `skipped_steps`, of all epochs so far.
    """

    def __init__(self, epochs: list[dict[str, Any]] | None = None) -> None:
        self.epochs = epochs or []

    def __getitem__(self, name: str) -> list[Any]:
        """The figures of that name, of all epochs that have it; KeyError if none has."""
        if name not in self.keys():
            raise KeyError(f'no epoch has "{name}"{perhaps(name, self.keys())}')
        return [epoch[name] for epoch in self.epochs if name in epoch]

    def keys(self) -> list[str]:
        """The names of all figures."""
        return list(dict.fromkeys(key for epoch in self.epochs for key in epoch))

    def save(self, path: str | PathLike[str]) -> None:
        """Write JSON: a list with one object per epoch; null for numbers that are not finite, which JSON lacks."""
        epochs = [{name: plain(figure) for name, figure in epoch.items()} for epoch in self.epochs]
        Path(path).write_text(json.dumps(epochs, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> History:
        """Read what `save` wrote; null becomes NaN."""
        epochs = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls([{name: math.nan if f is None else f for name, f in epoch.items()} for epoch in epochs])

    def __repr__(self) -> str:
        return f"History of {len(self.epochs)} epochs{', the last ' + repr(self.epochs[-1]) if self.epochs else ''}"


def plain(figure: Any) -> Any:
    """A figure as JSON can say it."""
    if figure is None or isinstance(figure, str | int):
        return figure
    number = float(figure)
    return number if math.isfinite(number) else None
