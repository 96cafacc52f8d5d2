"""One launch: what the runtime is told, and what its reports mean.  The structures mirror include/runtime/state.h."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cuda_on_cpu.reports import KINDS, Problem
from cuda_on_cpu.shared_arrays import SharedArray

ORDERS = ("forward", "reverse", "random", "warps_reversed")  # in which threads and blocks run
STATIC_SHARED, DYNAMIC_SHARED = -1, -2  # in place of an array
MAX_REPORTS = 16
NEAR = 4096  # bytes, within which an overrun is taken for one
MAX_THREADS = 1024  # of a block; there are so many stacks
Triple: TypeAlias = tuple[int, int, int]
# The runtime keeps its state in globals of the module, and all modules run on the same stacks: one launch at a time.
lock = threading.Lock()
os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
_stacks: list[int] = []


@dataclass
class ArrayRange:
    """Memory that a kernel may touch.

    `granule` is the size in bytes of the pieces that races and initialisation are tracked for; `valid` is the address
    of one byte per granule, 0 where nothing was ever written, or None if that is not tracked.
    """

    address: int
    nbytes: int
    granule: int
    read_only: bool
    valid: int | None
    name: str


class RangeStructure(ctypes.Structure):
    """struct ArrayRange"""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("bytes", ctypes.c_uint64),
        ("valid", ctypes.c_void_p),
        ("granule", ctypes.c_int),
        ("read_only", ctypes.c_int),
    )


class SharedStructure(ctypes.Structure):
    """struct SharedRange"""

    _fields_ = (("offset", ctypes.c_uint32), ("bytes", ctypes.c_uint32))


class ReportStructure(ctypes.Structure):
    """struct Report"""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("line", ctypes.c_int),
        ("pc", ctypes.c_size_t),
        ("block", ctypes.c_uint * 3),
        ("thread", ctypes.c_uint * 3),
        ("other_thread", ctypes.c_uint * 3),
        ("other_block", ctypes.c_uint),
        ("offset", ctypes.c_int64),
        ("array", ctypes.c_int),
        ("size", ctypes.c_int),
        ("message", ctypes.c_char * 160),
    )


class LaunchStructure(ctypes.Structure):
    """struct Launch"""

    _fields_ = (
        ("invoke", ctypes.c_void_p),
        ("arguments", ctypes.POINTER(ctypes.c_void_p)),
        ("arrays", ctypes.POINTER(RangeStructure)),
        ("shared", ctypes.POINTER(SharedStructure)),
        ("stacks", ctypes.c_void_p),
        ("reports", ctypes.POINTER(ReportStructure)),
        ("seed", ctypes.c_uint64),
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("dynamic_bytes", ctypes.c_uint),
        ("n_arrays", ctypes.c_int),
        ("n_shared", ctypes.c_int),
        ("max_reports", ctypes.c_int),
        ("check", ctypes.c_int),
        ("order", ctypes.c_int),
        ("strict_exit", ctypes.c_int),
        ("allow_interblock", ctypes.c_int),
        ("flush_denormals", ctypes.c_int),
    )


def structures(ranges: Sequence[ArrayRange]) -> ctypes.Array[RangeStructure]:
    entries = [RangeStructure(r.address, r.nbytes, r.valid, r.granule, r.read_only) for r in ranges]
    return (RangeStructure * len(entries))(*entries)


def stacks(library: ctypes.CDLL) -> int:
    """The address of the stacks on which the threads of all launches of this process run; the first one makes them."""
    if not _stacks:
        library.coc_make_stacks.restype = ctypes.c_void_p
        if (address := library.coc_make_stacks()) is None:
            raise MemoryError("there is no memory for the stacks of CUDA threads")
        _stacks.append(address)
    return _stacks[0]


def run(library: ctypes.CDLL, launch: LaunchStructure) -> list[ReportStructure]:
    """Run a launch and return what was found."""
    reports = (ReportStructure * MAX_REPORTS)()
    launch.reports, launch.max_reports = reports, MAX_REPORTS
    with lock:
        launch.stacks = stacks(library)
        library.coc_start(ctypes.byref(launch))
        while (found := library.coc_run()) < 0:  # after a tenth of a second: between two calls Ctrl-C is noticed
            pass
    return reports[:found]


def problems(
    reports: Sequence[ReportStructure],
    ranges: Sequence[ArrayRange],
    shared: Sequence[SharedArray],
    places: Callable[[int, int], list[str]],
) -> list[Problem]:
    """Reports as problems; `places(line, pc)` are where one is and its callers.  A place has a problem only once."""
    found = [problem(report, memory(report, ranges, shared), places) for report in reports]
    return list({(p.kind, p.where, p.message): p for p in reversed(found)}.values())[::-1]


def problem(report: ReportStructure, detail: str, places: Callable[[int, int], list[str]]) -> Problem:
    kind, (at, *callers) = KINDS[report.kind], places(report.line, report.pc)
    message = re.sub(r"line (\d+)", lambda match: places(int(match[1]), 0)[0], report.message.decode(errors="replace"))
    block, thread = triple(report.block), triple(report.thread)
    text = f"{kind}: {at}: {message}{detail}; block {block} thread {thread}"
    if kind == "racecheck":
        text += f" against thread {triple(report.other_thread)} of block {report.other_block}"
    text += f"; called from {', '.join(callers)}" if callers else ""
    return Problem(kind, at, message, block, thread, text)


def triple(numbers: Sequence[int]) -> Triple:
    x, y, z = numbers
    return x, y, z


def memory(report: ReportStructure, ranges: Sequence[ArrayRange], shared: Sequence[SharedArray]) -> str:
    """Which memory an access meant, in brackets."""
    if 0 <= report.array < len(ranges):
        array = ranges[report.array]
        past = overrun(array, report.offset, ranges) if KINDS[report.kind] == "memcheck" else ""
        place = f"{array.name}: byte offset {report.offset} of {array.nbytes}{past}"
    elif report.array == STATIC_SHARED:
        place = f"shared {nearest(report.offset, shared)}"
    elif report.array == DYNAMIC_SHARED:
        place = f"dynamic shared memory, byte offset {report.offset}"
    else:
        return ""
    return f" [{place}, access of {report.size} bytes]"


def overrun(array: ArrayRange, offset: int, ranges: Sequence[ArrayRange]) -> str:
    """The array that ends right before what was reached, where arrays lie side by side and the one behind is const."""
    address = array.address + offset
    before = [other for other in ranges if not other.read_only and 0 <= address - (other.address + other.nbytes) < NEAR]
    if not array.read_only or not before:
        return ""
    other = max(before, key=lambda other: other.address)
    return f", {address - other.address - other.nbytes} bytes past the end of {other.name}"


def nearest(offset: int, shared: Sequence[SharedArray]) -> str:
    """The shared array that an offset means: the one that it lies in, else the last that begins before it."""
    array = next((a for a in reversed(shared) if a.offset <= offset), shared[0])
    return f"{array.name}: byte offset {offset - array.offset} of {array.nbytes}"
