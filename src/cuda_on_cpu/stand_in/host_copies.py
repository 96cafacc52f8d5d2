"""Copies between an array and the host, which wait for the device unless the host's memory is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.stand_in.marks import mark_written, require_written


class HostCopies:
    """The part of an array that copies from and to the host."""

    if TYPE_CHECKING:
        stand_in: Any
        host: NDArray[Any]
        memory: Any
        shape: Any
        dtype: Any
        size: Any

    def get(
        self, stream: Any = None, order: str = "C", out: NDArray[Any] | None = None, blocking: bool = True
    ) -> NDArray[Any]:
        """A copy on the host; LaunchError in check mode where an element was never written.

        Without `blocking`, and to pinned memory, it arrives when the host has waited for the stream.
        """
        stream = self.stand_in.stream_for_transfer("get", "D2H", stream)
        out = self._checked_out(order, out)
        require_written(self, "get()")
        self.stand_in.queue("get", stream)
        self.stand_in.counters.add(copies_to_host=1)
        span = self.stand_in.pinned.span_of(out, "get()")
        if span is None:
            out[...] = self.host
        else:
            contents = self.host.astype(self.dtype, "C" if out.flags.c_contiguous else "F")
            self.stand_in.transfers.write("get", span, stream, contents.tobytes("A"))
        if blocking or span is None:  # to pageable memory the driver waits, whatever is asked for
            self.stand_in.wait(stream)
        return out

    def _checked_out(self, order: str, out: NDArray[Any] | None) -> NDArray[Any]:
        if out is None:
            return np.empty_like(self.host, order=order)  # type: ignore[call-overload, no-any-return]
        if not isinstance(out, np.ndarray) or (out.dtype, out.shape) != (self.dtype, self.shape):
            raise TypeError(f"out of get() expects a numpy.ndarray of {self.dtype} and shape {self.shape}")
        if not (out.flags.c_contiguous or out.flags.f_contiguous):
            raise RuntimeError("`out` cannot be specified when copying to non-contiguous ndarray")
        return out

    def set(self, arr: NDArray[Any], stream: Any = None) -> None:
        """Copy from the host, where dtype and shape must be the same.

        Of pinned memory, the host must wait for the stream before it writes there again.
        """
        if not isinstance(arr, np.ndarray):
            raise TypeError(f"Only numpy.ndarray can be set to cupy.ndarray, got {type(arr).__name__}")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.host.flags.c_contiguous or self.host.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        stream = self.stand_in.stream_for_transfer("set", "H2D", stream)
        self.stand_in.queue("set", stream)
        self.stand_in.counters.add(copies_to_device=1)
        in_order = arr.flags.c_contiguous if self.host.flags.c_contiguous else arr.flags.f_contiguous
        span = self.stand_in.pinned.span_of(arr, "set()") if in_order else None  # else CuPy sets from a copy
        if span is not None:
            self.stand_in.transfers.read("set", span, stream, self.memory)
        self.host[...] = arr
        mark_written(self)

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def tobytes(self) -> bytes:
        return self.get().tobytes()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"an array of {self.dtype} is no index")
        return int(self.item())
