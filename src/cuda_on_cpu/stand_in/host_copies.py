"""Copies between an array and the host, the only ways across; each one to the host is a wait of the host."""

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
        shape: Any
        dtype: Any
        size: Any

    def get(self, stream: Any = None, order: str = "C", out: NDArray[Any] | None = None) -> NDArray[Any]:
        """A copy on the host; LaunchError in check mode where an element was never written."""
        self.stand_in.queue("get", stream)
        self.stand_in.counters.add(synchronisations=1, copies_to_host=1)
        require_written(self, "get()")
        if out is None:
            return np.array(self.host, order=order)  # type: ignore[call-overload, no-any-return]
        if not isinstance(out, np.ndarray) or (out.dtype, out.shape) != (self.dtype, self.shape):
            raise TypeError(f"out of get() expects a numpy.ndarray of {self.dtype} and shape {self.shape}")
        out[...] = self.host
        return out

    def set(self, arr: NDArray[Any], stream: Any = None) -> None:
        """Copy from the host, where dtype and shape must be the same."""
        if not isinstance(arr, np.ndarray):
            raise TypeError(f"Only numpy.ndarray can be set to cupy.ndarray, got {type(arr).__name__}")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.host.flags.c_contiguous or self.host.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        self.stand_in.queue("set", stream)
        self.stand_in.counters.add(copies_to_device=1)
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
