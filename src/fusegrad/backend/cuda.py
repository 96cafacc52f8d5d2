"""The backend of NVIDIA GPUs, and the one door to CuPy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fusegrad.backend.base import Backend, Feed, Shape, check_copy


def cupy_module() -> Any:
    """CuPy, imported when first asked for; ImportError where it is not installed or broken."""
    import cupy

    return cupy


def namespace(array: Any) -> Any:
    """The module whose functions make arrays of the same kind: NumPy, CuPy or what stands in for it."""
    if isinstance(array, np.ndarray):
        return np
    own = getattr(array, "__array_namespace__", None)
    return own() if own else cupy_module()


def is_on_device(array: Any) -> bool:
    return hasattr(array, "__cuda_array_interface__")


class CudaBackend(Backend):
    """CuPy on the device that is current when the backend is made, in the order of one stream of its own.

    The stream does not synchronise with the default one, so that it can be captured; `using_stream` keeps order with
    the stream that the caller uses, by events and without waiting on the host.  `copies` is the stream of copies from
    the host.  Threads take turns, or one would get into what another captures.  `asarray` and `copy_in` may return
    before page-locked memory of the caller has been read.
    """

    name = evaluator = "cuda"
    alignment = 256  # what cudaMalloc promises; 16-byte loads and tensor maps need 16 and 64

    def __init__(self, cupy: Any) -> None:
        self.xp = cupy
        self.device = cupy.cuda.Device()
        self._own = threading.local()  # an event of each thread, which can be used again once it is waited for
        self._turn = threading.RLock()
        self.stream, self.copies = (cupy.cuda.Stream(non_blocking=True) for _ in range(2))

    def empty(self, shape: Shape, dtype: DTypeLike) -> Any:
        with self.using_stream():
            return self.xp.empty(shape, dtype)

    def zeros(self, shape: Shape, dtype: DTypeLike) -> Any:
        with self.using_stream():
            return self.xp.zeros(shape, dtype)

    def asarray(self, array: Any, dtype: DTypeLike | None = None) -> Any:
        with self.using_stream():
            return self.xp.asarray(array, dtype)

    def to_numpy(self, array: Any) -> NDArray[Any]:
        with self.using_stream():
            copy: NDArray[Any] = array.get()
        return copy

    def copy_in(self, destination: Any, source: Any) -> None:
        check_copy(destination, source)
        with self.using_stream():
            if is_on_device(source):
                destination[...] = self.xp.asarray(source)
            else:
                destination.set(np.asarray(source, destination.dtype))

    def feeder(self, destinations: Sequence[Any]) -> Feed:
        from fusegrad.backend.feeder import Feeder  # here, since a CPU does not need it

        with self.using_stream():
            return Feeder(self, destinations)

    def capture(self, calls: Sequence[Callable[[], None]]) -> Callable[[], None]:
        from fusegrad.backend.captured import capture

        return capture(self, calls)

    def synchronize(self) -> None:
        with self._turn:
            self.stream.synchronize()

    @contextmanager
    def using_stream(self) -> Iterator[None]:
        with self._turn, self.device:
            caller = self.xp.cuda.get_current_stream()
            if caller == self.stream:
                yield
                return
            self._follow(self.stream, caller)
            try:
                with self.stream:
                    yield
            finally:
                caller.use()  # CuPy ends a block with the stream of the one around it, and forgets an earlier `use`
                self._follow(caller, self.stream)

    def _follow(self, later: Any, earlier: Any) -> None:
        """Let what `later` is given from now on wait for what `earlier` was given so far."""
        if not hasattr(self._own, "event"):
            self._own.event = self.xp.cuda.Event(disable_timing=True)
        later.wait_event(earlier.record(self._own.event))
