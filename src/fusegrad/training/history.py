"""What the epochs came to."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from fusegrad.errors import perhaps


class History:
    """Figures by epoch: `history.epochs[3]["loss"]`, or all of one name: `history["loss"]`.

    Every epoch has `epoch` (from 1), `loss` (the mean over samples), `samples_per_s` and `seconds` of training, the
    metrics, and with validation `val_loss` and `val_<metric>`.
    """

    def __init__(self, epochs: list[dict[str, Any]] | None = None) -> None:
        self.epochs = epochs or []

    def __getitem__(self, name: str) -> list[Any]:
        """The figures of that name, of all epochs that have it; KeyError if none has."""
        names = dict.fromkeys(key for epoch in self.epochs for key in epoch)
        if name not in names:
            raise KeyError(f'no epoch has "{name}"{perhaps(name, names)}')
        return [epoch[name] for epoch in self.epochs if name in epoch]

    def save(self, path: str | PathLike[str]) -> None:
        """Write JSON: a list with one object per epoch."""
        Path(path).write_text(json.dumps(self.epochs, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> History:
        return cls(json.loads(Path(path).read_text(encoding="utf-8")))

    def __repr__(self) -> str:
        return f"History of {len(self.epochs)} epochs{', the last ' + repr(self.epochs[-1]) if self.epochs else ''}"
