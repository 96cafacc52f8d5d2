"""Batches made by another thread while the one before is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import length_hint
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Generic, TypeVar

from fusegrad.training.checks import whole_number

Item = TypeVar("Item")


class Background(Iterable[Item]):
    """See `background`."""

    def __init__(self, batches: Iterable[Item], ahead: int) -> None:
        self.batches, self.ahead = batches, whole_number(ahead, "ahead", least=1)

    def __length_hint__(self) -> int:
        return length_hint(self.batches)

    def __iter__(self) -> Iterator[Item]:
        maker = Maker(self.batches, self.ahead)
        maker.thread.start()
        try:
            while True:
                items, error = maker.made.get()
                if error is not None:
                    raise error
                if not items:
                    return
                maker.room.release()
                yield from items
        finally:
            maker.stop()


def background(batches: Iterable[Item], ahead: int = 2) -> Iterable[Item]:
    """The same batches in the same order, of which a thread prepares up to `ahead` before they are asked for.

    Can be gone through as often as `batches` can: of an iterator it makes an iterator.  What the thread raises is
    raised where a batch would have come; who stops early, by `break` or `close`, stops the thread, too.  Raises
    ValueError for `ahead` below 1.
    """
    made = Background(batches, ahead)
    return iter(made) if isinstance(batches, Iterator) else made


class Maker(Generic[Item]):
    """A thread and the queue that it fills: one batch at a time, or none with what it raised; none alone is the end."""

    def __init__(self, batches: Iterable[Item], ahead: int) -> None:
        self.batches, self.is_stopped = batches, False
        self.room = Semaphore(ahead)
        self.made: SimpleQueue[tuple[list[Item], BaseException | None]] = SimpleQueue()
        self.thread = Thread(target=self.make, name="fusegrad batches", daemon=True)

    def make(self) -> None:
        try:
            source = iter(self.batches)
            while self.has_room():
                self.made.put(([next(source)], None))
        except StopIteration:
            self.made.put(([], None))
        except BaseException as error:
            self.made.put(([], error))

    def has_room(self) -> bool:
        """Wait for room; False where nobody wants further batches."""
        self.room.acquire()
        return not self.is_stopped

    def stop(self) -> None:
        """Let the thread end after the batch that it is making, and wait for that."""
        self.is_stopped = True
        self.room.release()
        self.thread.join()
