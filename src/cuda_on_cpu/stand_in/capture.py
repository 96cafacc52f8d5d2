"""The capture of streams: operations become nodes of a graph instead of being run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import get_ident
from typing import Any, NoReturn

from cuda_on_cpu.stand_in.device import CUDARuntimeError
from cuda_on_cpu.stand_in.frozen import FrozenArray, frozen, thawed
from cuda_on_cpu.stand_in.pinned import PinnedSpan

Use = tuple[FrozenArray | PinnedSpan, bool]  # memory, and whether it is written


@dataclass(frozen=True)
class Node:
    """A recorded operation; bit n of `follows` is set where node n comes before it."""

    name: str
    number: int
    follows: int
    function: Callable[..., None]
    arguments: tuple[Any, ...]
    uses: tuple[Use, ...]

    @property
    def title(self) -> str:
        return f"{self.name} (node {self.number})"

    def require_memory(self) -> None:
        for memory, _ in self.uses:
            memory.require_alive(self.title)

    def run(self) -> None:
        self.function(*thawed(self.arguments, self.title))


class Capture:
    """What is recorded from `begin_capture` of the stream `origin` on, also on streams that wait for it.

    `tails` has for each of these streams the nodes that come before its next one, as bits.
    """

    def __init__(self, origin: Any, is_relaxed: bool) -> None:
        self.origin, self.is_relaxed, self.thread = origin, is_relaxed, get_ident()
        self.nodes: list[Node] = []
        self.streams = [origin]
        self.tails: dict[int, int] = {origin.ptr: 0}
        self.broken_by = ""

    def add(
        self,
        stream: Any,
        name: str,
        function: Callable[..., None],
        arguments: tuple[Any, ...],
        touched: Sequence[tuple[Any, bool]],
    ) -> None:
        self.require_valid()
        number, follows = len(self.nodes), self.tails[stream.ptr]
        uses = tuple((frozen(memory), writes) for memory, writes in touched)
        self.nodes.append(Node(name, number, follows, function, frozen(arguments), uses))
        self.tails[stream.ptr] = follows | 1 << number

    def join(self, stream: Any, follows: int) -> None:
        """Let the next node of a stream, which may be new here, come after these nodes."""
        self.require_valid()
        if stream.capture is None:
            stream.capture = self
            self.streams.append(stream)
        self.tails[stream.ptr] = self.tails.get(stream.ptr, 0) | follows

    def close(self) -> list[Node]:
        """Let the streams go; what was recorded.  CUDARuntimeError where that is no graph."""
        for stream in self.streams:
            stream.capture = None
        self.require_valid()
        nodes, self.nodes = self.nodes, []  # events keep the capture
        joined = self.tails[self.origin.ptr]
        if unjoined := [node.title for node in nodes if not joined >> node.number & 1]:
            raise CUDARuntimeError(
                f"cudaErrorStreamCaptureUnjoined: {self.origin.name} does not wait for {', '.join(unjoined)}, captured "
                "on another stream"
            )
        return nodes

    def breaks(self, error: str, operation: str) -> NoReturn:
        """Refuse an operation after which CUDA gives the whole capture up."""
        self.broken_by = self.broken_by or operation
        raise CUDARuntimeError(f"{error}: {operation} is not permitted while {self.origin.name} captures")

    def require_thread(self) -> None:
        """CUDARuntimeError in another thread than that of the beginning, unless the capture is relaxed."""
        if not self.is_relaxed and self.thread != get_ident():
            raise CUDARuntimeError(
                f"cudaErrorStreamCaptureWrongThread: the capture of {self.origin.name} was begun in another thread"
            )

    def require_valid(self) -> None:
        if self.broken_by:
            raise CUDARuntimeError(
                f"cudaErrorStreamCaptureInvalidated: the capture of {self.origin.name} ended with {self.broken_by}"
            )
