"""What a stand-in counts, so that tests can state "no synchronisation in a step" or "no growth of memory"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

Entry = tuple[str, str]


class Counters:
    """Numbers that only grow, except `used_bytes`.

    `synchronisations` counts every wait of the host: `get`, `item`, `synchronize` of a stream, device or event.
    A launch of a graph counts in `graph_launches`, and its kernels not in `launches`.
    """

    def __init__(self) -> None:
        self.launches = 0
        self.graph_launches = 0
        self.synchronisations = 0
        self.copies_to_host = 0
        self.copies_to_device = 0
        self.allocations = 0  # of device memory
        self.used_bytes = 0
        self.peak_bytes = 0
        self._lock = RLock()  # memory may be released by a collection of garbage while the lock is held

    def add(self, **numbers: int) -> None:
        with self._lock:
            for name, number in numbers.items():
                setattr(self, name, getattr(self, name) + number)
            self.peak_bytes = max(self.peak_bytes, self.used_bytes)

    def as_dict(self) -> dict[str, int]:
        return {name: number for name, number in vars(self).items() if isinstance(number, int)}


class Log:
    """What was queued on which stream, kept only while somebody looks, so that it cannot grow without end."""

    def __init__(self) -> None:
        self._readers: list[list[Entry]] = []

    def append(self, what: str, stream: str) -> None:
        for entries in self._readers:
            entries.append((what, stream))

    @contextmanager
    def recording(self) -> Iterator[list[Entry]]:
        """A list that is filled with (operation, name of the stream) while the block runs."""
        entries: list[Entry] = []
        self._readers = [*self._readers, entries]
        try:
            yield entries
        finally:
            self._readers = [reader for reader in self._readers if reader is not entries]
