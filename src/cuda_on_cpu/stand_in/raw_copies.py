"""`memcpy` and `memcpyAsync` of `cupy.cuda.runtime`: copies by addresses."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.array import Array
from cuda_on_cpu.stand_in.device import CUDARuntimeError
from cuda_on_cpu.stand_in.marks import mark_written, require_written, written_elements
from cuda_on_cpu.stand_in.pinned import PinnedSpan

HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE, DEFAULT = 1, 2, 3, 4
KINDS = {(True, False): HOST_TO_DEVICE, (False, True): DEVICE_TO_HOST, (True, True): DEVICE_TO_DEVICE}
HostBytes = PinnedSpan | NDArray[np.uint8]


def memcpy(stand_in: Any, dst: int, src: int, nbytes: int, kind: int) -> None:
    """A copy on the null stream, for which the host waits where it is one of the sides."""
    null = stand_in.cuda.null
    if not nbytes:
        return
    stand_in.refuse_beside_capture("memcpy", null)
    copy(stand_in, "memcpy", dst, src, nbytes, kind, null)
    if kind_of(stand_in, dst, src, kind) != DEVICE_TO_DEVICE:
        stand_in.wait(null)


def memcpy_async(stand_in: Any, dst: int, src: int, nbytes: int, kind: int, stream: Any) -> None:
    """A copy on a stream; the host waits for one to pageable memory, as with CUDA."""
    if not nbytes:
        return
    target = copy(stand_in, "memcpyAsync", dst, src, nbytes, kind, stream)
    if isinstance(target, np.ndarray):
        stand_in.wait(stream)


def copy(stand_in: Any, name: str, dst: int, src: int, nbytes: int, kind: int, stream: Any) -> Array | HostBytes:
    """Give a copy to a stream; its destination.  LaunchError where it would leave an allocation."""
    kind = kind_of(stand_in, dst, src, kind)
    target = (
        host_bytes(stand_in, name, dst, nbytes) if kind == DEVICE_TO_HOST else device_bytes(stand_in, name, dst, nbytes)
    )
    source = (
        host_bytes(stand_in, name, src, nbytes) if kind == HOST_TO_DEVICE else device_bytes(stand_in, name, src, nbytes)
    )
    if abs(dst - src) < nbytes:
        raise LaunchError(f"{name}: source and destination of {nbytes} bytes overlap")
    if stream.capture is not None and (isinstance(target, np.ndarray) or isinstance(source, np.ndarray)):
        stream.capture.breaks("cudaErrorStreamCaptureUnsupported", f"{name} with pageable memory of the host")
    touched = [(side, side is target) for side in (target, source) if not isinstance(side, np.ndarray)]
    function = {HOST_TO_DEVICE: to_the_device, DEVICE_TO_HOST: to_the_host, DEVICE_TO_DEVICE: on_the_device}[kind]
    stand_in.submit(name, function, (stand_in, name, target, source), touched, stream)
    return target


def to_the_device(stand_in: Any, name: str, target: Array, source: HostBytes) -> None:
    stand_in.counters.add(copies_to_device=1)
    if isinstance(source, PinnedSpan):
        contents = stand_in.transfers.read(name, source, stand_in.cuda.get_current_stream(), target.memory)
        source = np.frombuffer(contents, np.uint8)
    target.host[...] = source
    mark_written(target)


def to_the_host(stand_in: Any, name: str, target: HostBytes, source: Array) -> None:
    require_written(source, name)
    stand_in.counters.add(copies_to_host=1)
    if isinstance(target, PinnedSpan):
        stand_in.transfers.write(name, target, stand_in.cuda.get_current_stream(), source.host.tobytes())
    else:
        target[...] = source.host


def on_the_device(stand_in: Any, name: str, target: Array, source: Array) -> None:
    target.host[...] = source.host
    mark_written(target, written_elements(source))


def kind_of(stand_in: Any, dst: int, src: int, kind: int) -> int:
    on_device = (stand_in.memory_at(dst) is not None, stand_in.memory_at(src) is not None)
    found = KINDS.get(on_device) if kind == DEFAULT else kind
    if found is None or found not in KINDS.values():
        raise CUDARuntimeError(f"cudaErrorInvalidMemcpyDirection: kind {kind} of a copy from {src:#x} to {dst:#x}")
    return found


def device_bytes(stand_in: Any, name: str, address: int, nbytes: int) -> Array:
    """The bytes as an array."""
    memory = stand_in.memory_at(address)
    if memory is None:
        raise LaunchError(f"{name}: no memory of the device at {address:#x}")
    left = memory.address + memory.nbytes - address
    if nbytes > left:
        raise LaunchError(f"{name}: {nbytes} bytes, but the memory of the device ends after {left}")
    first = address - memory.start
    return Array(stand_in, memory.raw[first : first + nbytes], memory, stand_in.cuda.Device())


def host_bytes(stand_in: Any, name: str, address: int, nbytes: int) -> HostBytes:
    """Pageable memory as an array, of which nobody can tell whether it is there."""
    pinned: PinnedSpan | None = stand_in.pinned.span(address, nbytes, name)
    if pinned is not None:
        return pinned
    if not address or stand_in.memory_at(address) is not None:
        raise LaunchError(f"{name}: {address:#x} is no memory of the host")
    return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))
