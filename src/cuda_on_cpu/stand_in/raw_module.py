"""`cupy.RawModule` and the kernels that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.build import build
from cuda_on_cpu.module import Kernel, Module
from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in import limits
from cuda_on_cpu.stand_in.execution import execute
from cuda_on_cpu.stand_in.launch_checks import Sizes, check_pointer, geometry, scalar
from cuda_on_cpu.stand_in.ranges import stretches


class RawModule:
    """Kernels of the text `code`, or of a file at `path` with what `cuda.nvrtc.getCUBIN` gave."""

    def __init__(
        self,
        stand_in: Any,
        code: str | None = None,
        *,
        path: str | None = None,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        name_expressions: Sequence[str] | None = None,
    ) -> None:
        if (code is None) == (path is None):
            raise TypeError("RawModule expects either code or path")
        if not isinstance(options, tuple):
            raise TypeError(f"options expects a tuple of str, got {type(options).__name__}")
        self.stand_in, self.code, self.options = stand_in, code, options
        self.file_path, self.name_expressions = path, tuple(name_expressions or ())
        self.filename = "module.cu"  # in reports
        self._module: Module | None = None
        self._kernels: dict[str, RawKernel] = {}

    def compile(self) -> None:
        self._loaded()

    def get_function(self, name: str) -> RawKernel:
        """The kernel, and the same object each time: what is set on it stays."""
        module = self._loaded()
        if name not in module.kernels:
            raise RuntimeError(f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}; found {list(module.kernels)}")
        return self._kernels.setdefault(name, RawKernel(self.stand_in, module.kernels[name]))

    def _loaded(self) -> Module:
        if self._module is None:
            self._module = Module(self._file())
            if self._module.mode != self.stand_in.mode:
                raise RuntimeError(f"a module of {self._module.mode} mode cannot run in {self.stand_in.mode} mode")
        return self._module

    def _file(self) -> Path:
        if self.code is None:
            return Path(str(self.file_path))
        options = (f"-arch=sm_{self.stand_in.architecture}", *self.options)
        return build(self.code, self.filename, options, self.name_expressions, self.stand_in.mode)


class RawKernel:
    """A kernel.  Beyond CuPy's attributes it has some that say what it is made for:

    deterministic: False where results may depend on the order of threads, as with sums by float atomics.
    inplace_ok: True where arguments may overlap in part.
    allow_interblock: True where blocks communicate through memory.
    strict_exit: False where threads may return before a barrier that others reach.
    """

    def __init__(self, stand_in: Any, kernel: Kernel) -> None:
        self.stand_in, self.kernel = stand_in, kernel
        self.name = self.__name__ = kernel.name
        self.deterministic, self.strict_exit = True, True
        self.inplace_ok, self.allow_interblock = False, False
        self._dynamic_bytes = limits.DEFAULT_SHARED - self.shared_size_bytes

    @property
    def shared_size_bytes(self) -> int:
        """Of its static shared arrays."""
        return int(self.kernel.static_shared_bytes)

    @property
    def max_threads_per_block(self) -> int:
        """The first of its `__launch_bounds__`, or the limit of the device."""
        return min(int(self.kernel.launch_bounds), limits.MAX_THREADS)

    @property
    def num_regs(self) -> int:
        """How many registers a thread can have when a block is as large as it may be; the real number is NVRTC's."""
        return min(limits.MAX_REGISTERS, limits.REGISTERS // self.max_threads_per_block)

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        """How much dynamic shared memory a launch may ask for; more than the default must be set first."""
        return self._dynamic_bytes

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, nbytes: int) -> None:
        limit = limits.ARCHITECTURES[self.stand_in.architecture].shared_bytes
        if not 0 <= nbytes <= limit - self.shared_size_bytes:
            raise LaunchError(
                f"{self.name}: {nbytes} bytes of dynamic and {self.shared_size_bytes} of static shared memory; "
                f"sm_{self.stand_in.architecture} has {limit}"
            )
        self._dynamic_bytes = int(nbytes)

    @property
    def attributes(self) -> dict[str, int]:
        names = ("max_threads_per_block", "num_regs", "shared_size_bytes", "max_dynamic_shared_size_bytes")
        return {name: getattr(self, name) for name in names}

    def __call__(self, grid: Any, block: Any, args: Any, *, shared_mem: int = 0, stream: Any = None) -> None:
        """Run the kernel; LaunchError where the launch is wrong, KernelError where the checker finds something."""
        blocks, threads = geometry(self.name, grid, block)
        self._check_resources(threads, shared_mem)
        signature = self.kernel.signature
        if not isinstance(args, tuple) or len(args) != len(signature):
            count = f"{len(args)} in a {type(args).__name__}" if hasattr(args, "__len__") else repr(args)
            raise LaunchError(f"{self.name}: takes a tuple of {len(signature)} arguments, got {count}")
        values = [self._value(i, *pair) for i, pair in enumerate(zip(args, signature, strict=True))]
        arrays = [
            (i, argument, parameter[0] == "Pc")
            for i, (argument, parameter) in enumerate(zip(args, signature, strict=True))
            if parameter[0] != "S" and argument is not None
        ]
        self.run(blocks, threads, values, arrays, shared_mem, stream)

    def run(
        self,
        grid: Sizes,
        block: Sizes,
        values: Sequence[NDArray[Any]],
        arrays: Sequence[tuple[int, Any, bool]],
        shared_bytes: int = 0,
        stream: Any = None,
    ) -> None:
        """Launch or record, with the bytes of arguments, and (position, array, whether it is only read) of arrays."""
        stream = stream or self.stand_in.cuda.get_current_stream()
        self.stand_in.require_device_of(stream, f"a launch of {self.name}", self.stand_in.cuda.runtime.getDevice())
        if self.stand_in.is_recording(stream):
            stretches(self.name, arrays, self.inplace_ok)  # refuses now what would fail at each launch of the graph
        arguments = (self, grid, block, values, arrays, shared_bytes)
        touched = [(array, not read_only) for _, array, read_only in arrays]
        if self.stand_in.submit(self.name, execute, arguments, touched, stream):
            self.stand_in.counters.add(launches=1)

    def _value(self, position: int, argument: Any, parameter: tuple[str, ...]) -> NDArray[Any]:
        """The bytes of an argument; those of None are a null pointer, as in CuPy."""
        kind, wanted, *size = parameter
        if kind == "S":
            return scalar(self.name, position, argument, wanted, int(size[0]))
        if argument is None:
            return np.zeros(1, np.uint64)
        check_pointer(self.name, position, argument, wanted, self.stand_in)
        return np.array([argument.data.ptr], np.uint64)

    def _check_resources(self, threads: tuple[int, int, int], shared_mem: int) -> None:
        count = threads[0] * threads[1] * threads[2]
        if count > self.max_threads_per_block:
            raise LaunchError(f"{self.name}: {count} threads, but __launch_bounds__({self.max_threads_per_block})")
        if not isinstance(shared_mem, int | np.integer) or shared_mem < 0:
            raise LaunchError(f"{self.name}: shared_mem expects a number of bytes, got {shared_mem!r}")
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise LaunchError(
                f"{self.name}: shared_mem={shared_mem} exceeds {self.max_dynamic_shared_size_bytes}; "
                "raise max_dynamic_shared_size_bytes first"
            )
