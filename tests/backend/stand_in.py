"""A strict stand-in for CuPy: what `fusegrad.backend` uses of it, with CuPy's refusals, on NumPy memory.

Arrays refuse to become NumPy arrays except by `get`, and operations refuse NumPy arrays except where CuPy copies from
the host.  All that is queued is written to `log` with the stream that was current.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

SCALARS = (bool, int, float, np.generic)


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """`cupy.ndarray`."""

    def __init__(self, cupy: StandIn, memory: np.ndarray) -> None:
        self.cupy, self.memory = cupy, memory

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> DeviceArray:
        assert method == "__call__"
        if "out" in options:
            options["out"] = tuple(self.cupy.unwrap(array, DeviceArray) for array in options["out"])
        inputs = tuple(self.cupy.unwrap(item, (DeviceArray, *SCALARS)) for item in inputs)
        return self.cupy.queue(ufunc.__name__, np.asarray(ufunc(*inputs, **options)))

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "dtype", "size", "strides", "flags"):
            return getattr(self.memory, name)
        if name == "T":
            return DeviceArray(self.cupy, self.memory.T)
        raise AttributeError(f"the stand-in for cupy.ndarray has no {name}")

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {"version": 3}

    def __getitem__(self, index: Any) -> DeviceArray:
        return DeviceArray(self.cupy, self.memory[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.memory[index] = self.cupy.unwrap(value, (DeviceArray, *SCALARS))
        self.cupy.queue("setitem", self.memory)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self.memory)))

    def reshape(self, *shape: Any) -> DeviceArray:
        return DeviceArray(self.cupy, self.memory.reshape(*shape))

    def astype(self, dtype: Any) -> DeviceArray:
        return self.cupy.queue("astype", self.memory.astype(dtype))

    def get(self) -> np.ndarray:
        self.cupy.log.append(("get", self.cupy.current.name))
        return self.memory.copy()

    def set(self, array: Any) -> None:
        if not isinstance(array, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if (array.dtype, array.shape) != (self.dtype, self.shape):
            raise TypeError(f"{array.dtype} {array.shape} cannot be set to {self.dtype} {self.shape}")
        self.memory[...] = array
        self.cupy.queue("set", self.memory)


class Stream:
    def __init__(self, cupy: StandIn, name: str) -> None:
        self.cupy, self.name = cupy, name
        self.outer: list[Stream] = []

    def __enter__(self) -> Stream:
        self.outer.append(self.cupy.current)
        self.cupy.current = self
        return self

    def __exit__(self, *error: object) -> None:
        self.cupy.current = self.outer.pop()

    def record(self, event: SimpleNamespace) -> SimpleNamespace:
        event.recorded_on = self.name
        return event

    def wait_event(self, event: SimpleNamespace) -> None:
        self.cupy.log.append((f"wait for {event.recorded_on}", self.name))

    def synchronize(self) -> None:
        self.cupy.log.append(("synchronize", self.name))


class Device:
    def __init__(self, cupy: StandIn) -> None:
        self.cupy = cupy
        self.outer: list[int] = []
        self.id = cupy.device

    def __enter__(self) -> Device:
        self.outer.append(self.cupy.device)
        self.cupy.device = self.id
        return self

    def __exit__(self, *error: object) -> None:
        self.cupy.device = self.outer.pop()


class StandIn(ModuleType):
    """`import cupy`, on a machine with `devices` GPUs."""

    def __init__(self, devices: int = 1) -> None:
        super().__init__("cupy")
        self.__spec__ = ModuleSpec("cupy", None)
        self.ndarray, self.log = DeviceArray, []
        self.current, self.device = Stream(self, "default"), 0
        self.cuda = SimpleNamespace(
            Device=lambda: Device(self),
            Event=lambda *, disable_timing: SimpleNamespace(),
            Stream=lambda *, non_blocking: Stream(self, "own"),
            cublas=SimpleNamespace(getVersion=lambda handle: 120900),
            get_current_stream=lambda: self.current,
            is_available=lambda: devices > 0,
            nvrtc=SimpleNamespace(getVersion=lambda: (12, 9)),
            runtime=SimpleNamespace(
                CUDARuntimeError=RuntimeError,
                getDevice=lambda: self.device,
                getDeviceCount=lambda: devices,
                runtimeGetVersion=lambda: 12090,
            ),
        )

    def queue(self, what: str, memory: np.ndarray) -> DeviceArray:
        self.log.append((what, self.current.name))
        return DeviceArray(self, memory)

    def unwrap(self, value: Any, types: Any) -> Any:
        if not isinstance(value, types):
            raise TypeError(f"Unsupported type {type(value)}")
        return value.memory if isinstance(value, DeviceArray) else value

    def empty(self, shape: Any, dtype: Any) -> DeviceArray:
        return self.queue("empty", np.full(shape, 7, dtype))

    def zeros(self, shape: Any, dtype: Any) -> DeviceArray:
        return self.queue("zeros", np.zeros(shape, dtype))

    def arange(self, *limits: int, dtype: Any) -> DeviceArray:
        return self.queue("arange", np.arange(*limits, dtype=dtype))

    def stack(self, arrays: list[DeviceArray]) -> DeviceArray:
        return self.queue("stack", np.stack([self.unwrap(array, DeviceArray) for array in arrays]))

    def asarray(self, array: Any, dtype: Any = None) -> DeviceArray:
        if isinstance(array, DeviceArray):
            return array if dtype in (None, array.dtype) else array.astype(dtype)
        return self.queue("asarray", np.array(array, dtype))
