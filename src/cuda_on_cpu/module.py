"""A compiled module, loaded into the process, and its kernels."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from math import prod
from pathlib import Path

from cuda_on_cpu import launch as launches
from cuda_on_cpu.build import SOURCE_FOLDER
from cuda_on_cpu.launch import MAX_THREADS, ORDERS, ArrayRange, LaunchStructure, SharedStructure
from cuda_on_cpu.reports import KernelError, LaunchError
from cuda_on_cpu.shared_arrays import SharedArray, shared_arrays
from cuda_on_cpu.source import place
from cuda_on_cpu.toolchain import BuildError, run

LARGEST_LINE = 1 << 32  # smaller values of a program counter are numbered lines


class EntryStructure(ctypes.Structure):
    """struct KernelEntry"""

    _fields_ = (("invoke", ctypes.c_void_p), ("describe", ctypes.c_void_p), ("launch_bounds", ctypes.c_int))


class Module:
    """The shared object that `build` made, at `path`, copied there or not; the file must stay as long as this object.

    `kernels` maps the names that were given to `build` to kernels; `mode` is "fast" or "check"; `filename` is that of
    the kernel source, without folders.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path).resolve()
        self.library = ctypes.CDLL(str(self.path))
        self.library.coc_module_base.restype = ctypes.c_uint64
        symbol = ctypes.c_char.in_dll(self.library, "coc_description")
        description = json.loads(ctypes.string_at(ctypes.addressof(symbol)))
        self.files: list[str] = description["files"]
        self.filename, self.mode = self.files[0], str(description["mode"])
        self._places: dict[int, list[str]] = {}
        self.flush_denormals: bool = description["flush_denormals"]
        shared = shared_arrays(self.path, description["shared"])
        self.kernels = {
            name: Kernel(self, name, number, shared[name])
            for number, name in enumerate(description["kernels"])
            if name in shared  # the preprocessor may have left out others
        }

    def places(self, line: int, pc: int) -> list[str]:
        """`file.cu:line` of a numbered line, or if that is 0 of a program counter, which may be a line as well.

        Then the places from where functions that the compiler has inlined were called, the innermost first.
        """
        if line or pc < LARGEST_LINE:
            return [place(line or pc, self.files)]
        if pc not in self._places:
            self._places[pc] = self._places_of_call(pc)
        return self._places[pc]

    def _places_of_call(self, pc: int) -> list[str]:
        """The places in the user's files of the call that returns to `pc`.

        Line 0 where addr2line does not tell: a finding without its line is better than none.
        """
        offset = hex(pc - 1 - self.library.coc_module_base())
        try:
            lines = run(["addr2line", "-i", "-e", str(self.path), offset]).splitlines()
        except BuildError:  # binutils are missing
            lines = []
        own = [line.rpartition(":")[2].split()[0] for line in lines if line.startswith(SOURCE_FOLDER)]
        return list(dict.fromkeys(place(int(number), self.files) for number in own)) or [f"{self.filename}:0"]


class Kernel:
    """One kernel.

    `signature`: per parameter ("P", type) for a pointer, ("Pc", type) for one to const, or ("S", type, size, alignment)
    for a value; `launch_bounds`: the most threads per block; `static_shared_bytes`: of its static shared arrays.
    """

    def __init__(self, module: Module, name: str, number: int, shared: Sequence[SharedArray]) -> None:
        self.module, self.name, self.shared = module, name, shared
        self.entry = EntryStructure.in_dll(module.library, f"coc_kernel_{number}")
        self.launch_bounds: int = self.entry.launch_bounds
        self.signature = self._signature()
        self.static_shared_bytes = sum(array.nbytes for array in shared)
        self._shared = (SharedStructure * len(shared))(
            *[SharedStructure(array.offset, array.nbytes) for array in shared]
        )

    def _signature(self) -> list[tuple[str, ...]]:
        text = ctypes.create_string_buffer(16384)
        ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int)(self.entry.describe)(text, len(text))
        return [tuple(part.split(":")) for part in text.value.decode().split(";") if part]

    def launch(
        self,
        grid: Sequence[int],
        block: Sequence[int],
        argument_addresses: Sequence[int],
        ranges: Sequence[ArrayRange],
        dynamic_bytes: int = 0,
        order: str = "forward",
        seed: int = 0,
        strict_exit: bool = True,
        allow_interblock: bool = False,
    ) -> None:
        """Run the kernel, and raise KernelError if the checker found anything.

        `grid` and `block` have three sizes.  `argument_addresses`: where the value of each parameter lies; `ranges`:
        every array the kernel may touch; `order`: one of forward, reverse, random (by `seed`), warps_reversed.
        `strict_exit` reports barriers and warp operations that returned threads do not reach; `allow_interblock` does
        not report races between blocks, for kernels in which the last block finishes the work.
        """
        self._require_sizes(grid, block, argument_addresses, order)
        ranges = sorted(ranges, key=lambda array: array.address)
        launch = LaunchStructure(
            invoke=self.entry.invoke,
            arguments=(ctypes.c_void_p * len(argument_addresses))(*argument_addresses),
            arrays=launches.structures(ranges),
            shared=self._shared,
            seed=seed,
            grid=tuple(grid),
            block=tuple(block),
            dynamic_bytes=dynamic_bytes,
            n_arrays=len(ranges),
            n_shared=len(self.shared),
            check=self.module.mode == "check",
            order=ORDERS.index(order),
            strict_exit=strict_exit,
            allow_interblock=allow_interblock,
            flush_denormals=self.module.flush_denormals,
        )
        if reports := launches.run(self.module.library, launch):
            raise KernelError(self.name, launches.problems(reports, ranges, self.shared, self.module.places))

    def _require_sizes(self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[int], order: str) -> None:
        """What would end the process instead of being reported."""
        if len(grid) != 3 or len(block) != 3 or min(*grid, *block) < 1 or prod(block) > MAX_THREADS:
            raise LaunchError(f"{self.name}: grid {grid} and block {block}: three positive sizes each, 1024 threads")
        if len(arguments) != len(self.signature):
            raise LaunchError(f"{self.name}: {len(arguments)} arguments for {len(self.signature)} parameters")
        if order not in ORDERS:
            raise LaunchError(f"{self.name}: order {order!r}; known: {', '.join(ORDERS)}")
