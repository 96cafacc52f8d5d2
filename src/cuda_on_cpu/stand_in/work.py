"""The one way to a pretended device: what is given to a stream is run and noted, or recorded, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.counters import Log
from cuda_on_cpu.stand_in.device import CUDARuntimeError


class Work:
    """The part of a stand-in that gives work to streams."""

    if TYPE_CHECKING:
        counters: Any
        cuda: Any
        log: Log
        thread: Any
        transfers: Any

    def submit(
        self,
        name: str,
        function: Callable[..., None],
        arguments: tuple[Any, ...],
        touched: Sequence[tuple[Any, bool]],
        stream: Any = None,
    ) -> bool:
        """Run `function(*arguments)`, or record it where the stream captures; whether it was run.

        `touched`: the memory of device and pinned host that it uses, and whether it writes there.
        """
        stream = stream or self.cuda.get_current_stream()
        if stream.capture is not None:
            stream.capture.add(stream, name, function, arguments, touched)
            return False
        self.refuse_beside_capture(name, stream)
        with self.on(stream):
            function(*arguments)
        self.queue(name, stream)
        return True

    @contextmanager
    def on(self, stream: Any) -> Iterator[None]:
        """Let a stream be current, on whatever device, while what it was given runs."""
        device, before = self.cuda.runtime.getDevice(), self.cuda.get_current_stream()
        self.thread.streams[device] = stream
        try:
            yield
        finally:
            self.thread.streams[device] = before

    def require_device_of(self, stream: Any, what: str, device: int) -> None:
        """CUDARuntimeError where a stream is of another device; the null stream is one of the current device."""
        found = self.cuda.runtime.getDevice() if stream.ptr == 0 else stream.device_id
        if found != device:
            raise CUDARuntimeError(
                f"cudaErrorInvalidResourceHandle: {what} of device {device} on {stream.name} of device {found}"
            )

    def wait(self, stream: Any) -> None:
        """Let the host wait for a stream."""
        self.counters.add(synchronisations=1)
        self.transfers.finish(self.transfers.behind(stream))

    def queue(self, what: str, stream: Any = None) -> None:
        """Note that something was given to a stream, the current one by default."""
        if not self.thread.silent:
            self.log.append(what, (stream or self.cuda.get_current_stream()).name)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Let the parts of an operation go unnoted."""
        before = self.thread.silent
        self.thread.silent = True
        try:
            yield
        finally:
            self.thread.silent = before

    def is_recording(self, stream: Any = None) -> bool:
        return (stream or self.cuda.get_current_stream()).capture is not None

    def captures_beside_null(self) -> list[Any]:
        """The captures that disallow the null stream here: of blocking streams, which wait for it, and of this thread,
        whose work would miss in the graph.
        """
        return [each for each in self.cuda.captures if each.thread == get_ident() or not each.origin.is_non_blocking]

    def refuse_beside_capture(self, name: str, stream: Any) -> None:
        for capture in self.captures_beside_null() if stream.ptr == 0 else ():
            if not capture.origin.is_non_blocking:
                capture.breaks("cudaErrorStreamCaptureImplicit", f"{name} on the null stream")
            raise CUDARuntimeError(
                f"cudaErrorStreamCaptureImplicit: {name} on the null stream while {capture.origin.name} captures"
            )

    def refuse_wait_for_device(self, what: str, device: int) -> None:
        """Whatever thread waits, the streams of the device that capture are never done: the capture is lost."""
        for capture in self.cuda.captures:
            if capture.origin.device_id == device:
                capture.breaks("cudaErrorStreamCaptureUnsupported", what)

    def stream_for_transfer(self, name: str, direction: str, stream: Any = None) -> Any:
        """`stream` or the current one; RuntimeError where it captures, since CuPy refuses also pinned memory then."""
        stream = stream or self.cuda.get_current_stream()
        if stream.capture is not None:
            raise RuntimeError(
                f"{name}(): the current stream is capturing, so {direction} transfers are disallowed; "
                "runtime.memcpyAsync with pinned memory can be captured"
            )
        self.refuse_beside_capture(f"{name}()", stream)
        return stream

    def refuse_implicit_capture(self) -> None:
        """A stream that is not non-blocking waits for the null one, which therefore cannot be used beside it."""
        for capture in self.cuda.captures:
            if not capture.origin.is_non_blocking:
                raise CUDARuntimeError(
                    f"cudaErrorStreamCaptureImplicit: the null stream depends on {capture.origin.name}, which captures"
                )

    def refuse_allocation(self, name: str) -> None:
        """LaunchError where CuPy would go on, with memory that its pool may give to others before the graph runs."""
        stream = self.cuda.get_current_stream()
        captures_here = any(capture.thread == get_ident() for capture in self.cuda.captures)
        if stream.capture is not None or (stream.ptr == 0 and captures_here):
            raise LaunchError(
                f"{name} allocates device memory during a capture: CuPy's pool would give the block to others while "
                "the graph still uses it; allocate before, and write into `out` or by [...]"
            )
