"""`StandIn`: an object to be used where code takes the module `cupy`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.machinery import ModuleSpec
from threading import local
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

from cuda_on_cpu.stand_in import elements
from cuda_on_cpu.stand_in.array import Array
from cuda_on_cpu.stand_in.counters import Counters, Entry, Log
from cuda_on_cpu.stand_in.creation import Creation
from cuda_on_cpu.stand_in.cuda import Cuda
from cuda_on_cpu.stand_in.elementwise import ElementwiseKernel
from cuda_on_cpu.stand_in.functions import function
from cuda_on_cpu.stand_in.limits import ARCHITECTURES
from cuda_on_cpu.stand_in.memory import Memory
from cuda_on_cpu.stand_in.pinned import PinnedPool
from cuda_on_cpu.stand_in.questions import Questions
from cuda_on_cpu.stand_in.raw_module import RawKernel, RawModule
from cuda_on_cpu.stand_in.streams import Stream
from cuda_on_cpu.stand_in.transfers import Transfers
from cuda_on_cpu.stand_in.work import Work

MODES = ("check", "fast")
ORDERS = ("forward", "reverse", "random", "warps_reversed")


class ThreadState(local):
    """What is current in a thread, and what the blocks around it will make current again."""

    def __init__(self) -> None:
        self.device, self.silent = 0, False
        self.outer_devices: list[int] = []
        self.streams: dict[int, Stream] = {}  # by devices, which have the null stream else
        self.blocks: list[tuple[int, Stream]] = []  # device and stream


class StandIn(Creation, Questions, Work):
    """CuPy on a machine with pretended GPUs, whose kernels run on the CPU.

    Args:
        mode: "check" finds wrong accesses and barriers and elements that nothing wrote; "fast" only computes.
        orders: of threads and blocks, each of "forward", "reverse", "random", "warps_reversed".  With several, kernels
            run once in each, from the same state, and must leave the same bits.
        architecture: of the pretended devices, such as "80"; its limits hold for launches.
        devices: how many there are.

    Nothing is shared between two stand-ins.  `counters` counts launches, synchronisations and bytes; `recording()`
    gives a list of what is queued on which stream.
    """

    __name__ = "cupy"
    __version__ = "14.0.0"
    ndarray = Array

    def __init__(
        self,
        mode: str = "check",
        orders: Sequence[str] = ("forward",),
        architecture: str = "80",
        devices: int = 1,
    ) -> None:
        check_settings(mode, orders, architecture)
        self.__spec__ = ModuleSpec("cupy", None)  # so that it can be put into sys.modules, and found there
        self.mode, self.orders, self.architecture, self.devices = mode, tuple(orders), architecture, devices
        self.counters, self.log, self.thread = Counters(), Log(), ThreadState()
        self.memories: WeakValueDictionary[int, Memory] = WeakValueDictionary()  # by their addresses
        self.pinned, self.transfers = PinnedPool(), Transfers()
        self.cuda = Cuda(self)
        self.lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=self.as_strided))
        self._core = SimpleNamespace(core=SimpleNamespace(assemble_cupy_compiler_options=tuple))

    def __repr__(self) -> str:
        return f"<StandIn for cupy, {self.mode} mode, sm_{self.architecture}>"

    def __getattr__(self, name: str) -> Any:
        return function(self, name)

    def copyto(self, dst: Array, src: Any) -> None:
        """Copy an array of the device, or a number, over `dst`."""
        elements.assign(dst, ..., src, "copyto")

    def RawModule(self, code: str | None = None, **options: Any) -> RawModule:
        """`cupy.RawModule`: kernels of a source text or of a file that holds what `cuda.nvrtc` compiled."""
        return RawModule(self, code, **options)

    def RawKernel(self, code: str, name: str, options: tuple[str, ...] = ()) -> RawKernel:
        """`cupy.RawKernel`: one kernel of a source text."""
        return RawModule(self, code, options=options).get_function(name)

    def ElementwiseKernel(self, in_params: str, out_params: str, operation: str, *rest: Any, **options: Any) -> Any:
        """`cupy.ElementwiseKernel`: a kernel from the text of the body of its loop."""
        return ElementwiseKernel(self, in_params, out_params, operation, *rest, **options)

    def get_default_memory_pool(self) -> SimpleNamespace:
        counters = self.counters
        return SimpleNamespace(
            used_bytes=lambda: counters.used_bytes, total_bytes=lambda: counters.peak_bytes, free_all_blocks=tuple
        )

    def recording(self) -> AbstractContextManager[list[Entry]]:
        """A list that is filled with (operation, name of the stream) while the block runs."""
        return self.log.recording()


def check_settings(mode: str, orders: Sequence[str], architecture: str) -> None:
    if mode not in MODES:
        raise ValueError(f"mode expects one of {MODES}, got {mode!r}")
    if isinstance(orders, str) or not orders or not set(orders) <= set(ORDERS):
        raise ValueError(f"orders expects some of {ORDERS}, got {orders!r}")
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture expects one of {sorted(ARCHITECTURES)}, got {architecture!r}")
