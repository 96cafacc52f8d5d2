"""Programs for the shapes that come along, the least recently used of them dropped."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class LeastRecentlyUsed(Generic[Kept]):
    """What `build` makes for a key, kept for the next time; at most `limit` of them.

    The ninth key of one cache warns: data whose shapes vary much are better padded to a few lengths.
    """

    def __init__(self, limit: int = 32, warn_at: int = 9) -> None:
        self.limit, self.warn_at = limit, warn_at
        self.made = 0
        self.kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def get(self, key: Hashable, build: Callable[[], Kept]) -> Kept:
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        made = build()
        self.made += 1
        if self.made == self.warn_at:
            advice = "each has a plan of its own; pad batches to a few lengths"
            warnings.warn(f"{self.made} different batch shapes so far: {advice}", stacklevel=3)
        self.kept[key] = made
        if len(self.kept) > self.limit:
            self.kept.popitem(last=False)
        return made
