"""Launches recorded once as a CUDA graph, and launched as one from then on."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusegrad.backend.cuda import CudaBackend


class CapturedCalls:
    """A CUDA graph, with the calls that it was recorded from, which hold the arrays that it reads and writes."""

    def __init__(self, backend: CudaBackend, graph: Any, calls: Sequence[Callable[[], None]]) -> None:
        self.backend, self.graph, self.calls = backend, graph, list(calls)

    def __call__(self) -> None:
        with self.backend.using_stream():
            self.graph.launch(self.backend.stream)


def capture(backend: CudaBackend, calls: Sequence[Callable[[], None]]) -> CapturedCalls:
    """Record the calls without running them.

    Each must have run before, since loading a kernel is no part of a graph, and must do nothing but queue work: what
    allocates, waits for the device or copies from memory that is not page-locked raises CuPy's or CUDA's error.
    """
    with backend.using_stream():
        graph = recorded(backend.stream, calls)
        graph.upload(backend.stream)
    return CapturedCalls(backend, graph, calls)


def recorded(stream: Any, calls: Iterable[Callable[[], None]]) -> Any:
    """The graph of what the calls queue on a stream, which is the current one and does not capture yet."""
    with garbage_kept():
        stream.begin_capture()
        try:
            for call in calls:
                call()
        except BaseException:
            with suppress(Exception):  # what CUDA says of a graph that is not whole; the stream is free again
                stream.end_capture()
            raise
        return stream.end_capture()


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Let nothing go that only the garbage collector finds: a handle of cuBLASLt waits for the device when it goes,
    which would end the capture.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
