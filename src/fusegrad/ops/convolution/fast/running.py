"""Work of the fast convolution on the threads that there are, with the memory it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from fusegrad.expr.threads import run_together, thread_count
from fusegrad.ops.convolution.space import Memory, memory, reserve

LEAST = 1 << 21  # multiplications that are worth a thread
Range = tuple[int, int]
common = Memory()  # of a thread that calls, for what those that help it read or write, too


class Together:
    """work(shared, own, range) for all of 0 .. count, divided among threads where so many multiplications pay.

    `shared` are floats that all of them see, `own` the bytes that only one does.  They are anybody's before and after.
    """

    def __init__(
        self, work: Callable[[Any, Any, Range], None], count: int, multiplications: int, floats: int, nbytes: int
    ) -> None:
        pieces = max(1, min(thread_count(), count, multiplications // LEAST))
        self.ranges = list(pairwise(i * count // pieces for i in range(pieces + 1)))
        self.work, self.floats, self.nbytes = work, floats, nbytes
        common.grow(4 * floats)
        reserve(pieces, nbytes)

    def share(self, use: Callable[[Any], None]) -> None:
        """use(shared), before or behind the work."""
        use(common.floats(self.floats))

    def __call__(self) -> None:
        shared = common.floats(self.floats)
        run_together([partial(self.piece, shared, span) for span in self.ranges])

    def piece(self, shared: Any, span: Range) -> None:
        self.work(shared, memory.floats(-(-self.nbytes // 4)), span)
