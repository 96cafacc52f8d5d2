"""A loaded kernel, and a launch of it that has been checked: CuPy itself checks no argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fusegrad.backend.signature import STRUCT, Parameter

Sizes = tuple[int, ...]


class LaunchError(TypeError):
    """A kernel was bound to arguments or sizes that it cannot run with; nothing was launched."""


class Kernel:
    """A kernel on a device, with the parameters that its source names."""

    def __init__(self, function: Any, name: str, parameters: Sequence[Parameter], most_shared_bytes: int) -> None:
        self.function, self.name, self.parameters = function, name, parameters
        self.most_threads = int(function.max_threads_per_block)
        self.most_shared_bytes = most_shared_bytes

    def bind(self, grid: Sizes, block: Sizes, *arguments: Any, shared_bytes: int = 0) -> Callable[[], None]:
        """A launch with these arguments, in the order of the source; one without blocks does nothing.

        Arrays are C-contiguous, of the dtype that the kernel names, or None; numbers become what the kernel wants.
        Raises LaunchError, which names kernel and parameter, where something does not fit.
        """
        if len(arguments) != len(self.parameters):
            wanted = ", ".join(parameter.name for parameter in self.parameters)
            raise LaunchError(f"{self.name} expects {len(self.parameters)} arguments ({wanted}), got {len(arguments)}")
        pairs = zip(self.parameters, arguments, strict=True)
        given = tuple(self.argument(parameter, argument) for parameter, argument in pairs)
        self.check_sizes(grid, block)
        self.reserve(shared_bytes)
        if 0 in grid:  # CuPy would launch one block
            return nothing
        return Launch(self.function, tuple(map(int, grid)), tuple(map(int, block)), given, int(shared_bytes))

    def argument(self, parameter: Parameter, argument: Any) -> Any:
        where = f"{self.name} expects {parameter.name}"
        if parameter.dtype == STRUCT:
            return struct(where, argument)
        if not parameter.is_array:
            return number(where, parameter.dtype, argument)
        if argument is None:
            return None
        if not hasattr(argument, "__cuda_array_interface__"):
            raise LaunchError(f"{where} to be an array on the device, got {type(argument).__name__}")
        if str(argument.dtype) != parameter.dtype:
            raise LaunchError(f"{where} to be an array of {parameter.dtype}, got {argument.dtype}")
        if not argument.flags.c_contiguous:
            raise LaunchError(f"{where} to be contiguous, got strides {argument.strides} of shape {argument.shape}")
        return argument

    def check_sizes(self, grid: Sizes, block: Sizes) -> None:
        threads = int(np.prod(block))
        if not 0 < len(block) <= 3 or not 0 < threads <= self.most_threads:
            raise LaunchError(f"{self.name} expects blocks of 1 to {self.most_threads} threads, got {block}")
        limits = (2**31 - 1, 65535, 65535)
        if not 0 < len(grid) <= 3 or any(not 0 <= size <= limit for size, limit in zip(grid, limits, strict=False)):
            raise LaunchError(f"{self.name} expects a grid of up to {limits} blocks, got {grid}")

    def reserve(self, shared_bytes: int) -> None:
        """Ask for dynamic shared memory beyond what every kernel may have together with its static one."""
        static = self.function.shared_size_bytes
        whole = shared_bytes + static
        if whole > self.most_shared_bytes:
            raise LaunchError(
                f"{self.name} asks for {whole} bytes of shared memory, the device has {self.most_shared_bytes}"
            )
        if whole > self.function.max_dynamic_shared_size_bytes:  # once, and for all launches
            self.function.max_dynamic_shared_size_bytes = self.most_shared_bytes - static


class Launch:
    """A kernel with all that it is launched with."""

    __slots__ = ("arguments", "block", "function", "grid", "shared_bytes")

    def __init__(self, function: Any, grid: Sizes, block: Sizes, arguments: tuple[Any, ...], shared_bytes: int) -> None:
        self.function, self.grid, self.block = function, grid, block
        self.arguments, self.shared_bytes = arguments, shared_bytes

    def __call__(self) -> None:
        self.function(self.grid, self.block, self.arguments, shared_mem=self.shared_bytes)


def nothing() -> None:
    """The launch of no blocks."""


def struct(where: str, value: Any) -> Any:
    """A struct as CuPy takes it: an array of NumPy without axes, whose dtype has the fields of the C++ one."""
    if not isinstance(value, np.ndarray) or value.shape or value.dtype.fields is None:
        raise LaunchError(f"{where} to be a structured array of NumPy without axes, got {type(value).__name__}")
    return value


def number(where: str, dtype: str, value: Any) -> np.generic:
    """The number as the kernel takes it, which for integers is exactly the same."""
    if not isinstance(value, (bool, int, float, np.generic)):
        raise LaunchError(f"{where} to be a number, got {type(value).__name__}")
    kind = np.dtype(dtype)
    if kind.kind in "iub" and not fits(value, kind):
        raise LaunchError(f"{where} to be an integer that {dtype} holds, got {value}")
    converted: np.generic = kind.type(value)
    return converted


def fits(value: Any, kind: np.dtype[Any]) -> bool:
    """Whether a value is a whole number of the kind."""
    low, high = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    return bool(low <= value <= high and int(value) == value)
