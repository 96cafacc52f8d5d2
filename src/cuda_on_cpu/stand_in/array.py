"""`cupy.ndarray`: memory of the pretended device, which no NumPy function may touch unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

from cuda_on_cpu.stand_in import elements, evaluation
from cuda_on_cpu.stand_in.host_copies import HostCopies
from cuda_on_cpu.stand_in.memory import Memory, checked_dtype

REDUCTIONS = ("all", "any", "argmax", "argmin", "cumprod", "cumsum", "max", "mean", "min", "prod", "std", "sum", "var")
OTHERS = ("argsort", "clip", "diagonal", "dot", "nonzero", "ptp", "repeat", "round", "squeeze", "swapaxes", "take")


class Flags(SimpleNamespace):
    """`c_contiguous`, `f_contiguous` and `owndata`; also by index, in upper case."""

    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, name.lower()))


class Array(HostCopies, NDArrayOperatorsMixin):
    """A view of memory of a stand-in, made by its functions such as `empty`.

    Not a subclass of numpy.ndarray, whose conversion to NumPy cannot be refused.  `host` is the same memory as NumPy
    sees it: looking there neither counts as a copy nor checks anything.
    """

    __array_priority__ = 100

    def __init__(self, stand_in: Any, host: NDArray[Any], memory: Memory, device: Any) -> None:
        self.stand_in, self.host, self.memory, self.device = stand_in, host, memory, device

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The stand-in, which has the functions of the module `cupy`."""
        return self.stand_in

    def __array__(self, *args: Any, **options: Any) -> NDArray[Any]:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to convert.")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return evaluation.evaluate_ufunc(self.stand_in, ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        own = getattr(self.stand_in, function.__name__, None)
        if own is None:
            raise TypeError(f"the stand-in for cupy has no {function.__name__}")
        return own(*args, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in REDUCTIONS or name in OTHERS:
            return lambda *args, **options: getattr(self.stand_in, name)(self, *args, **options)
        raise AttributeError(f"the stand-in for cupy.ndarray has no {name}")

    shape = property(lambda self: self.host.shape)
    strides = property(lambda self: self.host.strides)
    dtype = property(lambda self: self.host.dtype)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    itemsize = property(lambda self: self.host.itemsize)
    nbytes = property(lambda self: self.host.nbytes)
    T = property(lambda self: self.transpose())

    @property
    def flags(self) -> Flags:
        flags = self.host.flags
        owndata = self.host.nbytes == self.memory.nbytes
        return Flags(c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=owndata)

    @property
    def data(self) -> SimpleNamespace:
        """`ptr`, the address; `mem`, the allocation; `device_id`."""
        return SimpleNamespace(ptr=int(self.host.ctypes.data), mem=self.memory, device_id=self.device.id)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        strides = None if self.host.flags.c_contiguous else self.strides
        pointer = (self.data.ptr if self.size else 0, False)
        return {"shape": self.shape, "typestr": self.dtype.str, "strides": strides, "data": pointer, "version": 3}

    def seen_as(self, host: NDArray[Any]) -> Array:
        """An array of the same memory for another view of `host`."""
        return Array(self.stand_in, host, self.memory, self.device)

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<array on the stand-in's device: {self.dtype} {self.shape}>"

    def __str__(self) -> str:
        return str(self.get())

    def __getitem__(self, index: Any) -> Any:
        return elements.selected(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        elements.assign(self, index, value, "setitem")

    def fill(self, value: Any) -> None:
        elements.assign(self, ..., value, "fill")

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        return evaluation.rearranged(self, lambda host: host.reshape(*shape, order=order))

    def ravel(self, order: str = "C") -> Any:
        return evaluation.rearranged(self, lambda host: host.ravel(order))

    def flatten(self, order: str = "C") -> Any:
        return self.ravel(order).copy()

    def transpose(self, *axes: Any) -> Any:
        return evaluation.rearranged(self, lambda host: host.transpose(*axes))

    def view(self, dtype: DTypeLike | None = None) -> Array:
        return self.seen_as(self.host.view(self.dtype if dtype is None else checked_dtype(dtype)))

    def astype(self, dtype: DTypeLike, order: str = "K", *, copy: bool = True) -> Any:
        dtype = checked_dtype(dtype)
        if not copy and dtype == self.dtype:
            return self
        return elements.copied(self, dtype, "astype")

    def copy(self, order: str = "C") -> Any:
        return elements.copied(self, self.dtype, "copy")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.copy()

    __copy__ = copy
