"""What kernels need of a GPU, by the assembler's own words, and how much of its threads they leave idle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fusegrad.backend.compiler import Source, compiled
from fusegrad.backend.instances import needed_capability

THREADS = re.compile(r"\.entry (\S+?)\(.*?\n\.maxntid (\d+)(?:, (\d+), (\d+))?", re.DOTALL)
WARP = 32
REGISTERS = 65536  # of a multiprocessor, for every architecture below
REGISTER_UNIT = 256  # in which a warp gets them
SHARED_UNIT = 128  # bytes, in which a block gets shared memory


@dataclass(frozen=True)
class Multiprocessor:
    """What one has for all the blocks that run on it (CUDA C++ Programming Guide, table of compute capabilities)."""

    threads: int
    blocks: int
    shared_bytes: int
    system_bytes: int  # of shared memory, that the system takes of every block


ARCHITECTURES = {
    "75": Multiprocessor(1024, 16, 64 * 1024, 0),
    "80": Multiprocessor(2048, 32, 164 * 1024, 1024),
    "86": Multiprocessor(1536, 16, 100 * 1024, 1024),
    "89": Multiprocessor(1536, 24, 100 * 1024, 1024),
    "90a": Multiprocessor(2048, 32, 228 * 1024, 1024),
    "100a": Multiprocessor(2048, 32, 228 * 1024, 1024),
    "120a": Multiprocessor(1536, 24, 100 * 1024, 1024),
}


@dataclass(frozen=True)
class Usage:
    """One kernel on one architecture: registers of a thread, bytes that it spills to memory and reads back, threads and
    static shared memory of a block, and the share of a multiprocessor's threads that its blocks can fill.

    What a launch adds to the shared memory, by the size of its arrays, is not known here and lowers that share.
    """

    file: str
    kernel: str
    architecture: str
    registers: int
    spill_bytes: int
    shared_bytes: int
    threads: int
    occupancy: float


def runs_on(architecture: str, source: Source) -> bool:
    """Whether an architecture has all instructions of a source."""
    return int(architecture.removesuffix("a")) >= needed_capability(source)


def usages(nvrtc: Any, source: Source, names: Sequence[str], architecture: str, options: Sequence[str]) -> list[Usage]:
    """What these kernels of a source need on an architecture; KernelCompileError where it does not compile."""
    from cuda_on_cpu.ptxas import resources

    with compiled(nvrtc, source, names, architecture, options) as program:
        needs = resources(nvrtc.getProgramLog(program))
        threads = dict(block_sizes(nvrtc.getPTX(program).decode()))
        found = []
        for name in names:
            lowered = nvrtc.getLoweredName(program, name)
            need, block = needs[lowered], threads[lowered]
            share = occupancy(ARCHITECTURES[architecture], need.registers, need.shared_bytes, block)
            sizes = (need.registers, need.spill_bytes, need.shared_bytes, block, share)
            found.append(Usage(source.file, name.rpartition("::")[2], architecture, *sizes))
        return found


def block_sizes(ptx: str) -> Iterator[tuple[str, int]]:
    """Every kernel with the threads that its launch bounds allow a block."""
    for match in THREADS.finditer(ptx):
        yield match[1], int(match[2]) * int(match[3] or 1) * int(match[4] or 1)


def occupancy(processor: Multiprocessor, registers: int, shared_bytes: int, threads: int) -> float:
    """The share of the threads of a multiprocessor that whole blocks can fill."""
    warps = -(-threads // WARP)
    of_warp = -(-registers * WARP // REGISTER_UNIT) * REGISTER_UNIT
    shared = -(-(shared_bytes + processor.system_bytes) // SHARED_UNIT) * SHARED_UNIT
    limits = [processor.threads // (warps * WARP), processor.blocks, REGISTERS // of_warp // warps]
    limits += [processor.shared_bytes // shared] if shared else []
    return min(limits) * warps * WARP / processor.threads
