"""What the pretended devices have, by architecture."""

from __future__ import annotations

from dataclasses import dataclass

MAX_THREADS = 1024  # of a block
MAX_BLOCK_Z = 64
MAX_GRID = (2**31 - 1, 65535, 65535)
DEFAULT_SHARED = 48 * 1024  # bytes of a block that need no request; limits above need `max_dynamic_shared_size_bytes`
REGISTERS = 65536  # of a block
MAX_REGISTERS = 255  # of a thread


@dataclass(frozen=True)
class Architecture:
    """Limits from the CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability"."""

    shared_bytes: int  # that a block may ask for
    multiprocessors: int  # of one device of this architecture, named beside the numbers
    example: str


ARCHITECTURES = {
    "75": Architecture(64 * 1024, 40, "T4"),
    "80": Architecture(163 * 1024, 108, "A100"),
    "86": Architecture(99 * 1024, 84, "RTX 3090 Ti"),
    "89": Architecture(99 * 1024, 128, "RTX 4090"),
    "90": Architecture(227 * 1024, 132, "H100"),
    "100": Architecture(227 * 1024, 148, "B200"),
    "120": Architecture(99 * 1024, 170, "RTX 5090"),
}


def attributes(architecture: str) -> dict[str, int]:
    """As `cupy.cuda.Device().attributes` names them."""
    found, digits = ARCHITECTURES[architecture], architecture
    return {
        "ComputeCapabilityMajor": int(digits[:-1]),
        "ComputeCapabilityMinor": int(digits[-1]),
        "MaxBlockDimX": MAX_THREADS,
        "MaxBlockDimY": MAX_THREADS,
        "MaxBlockDimZ": MAX_BLOCK_Z,
        "MaxGridDimX": MAX_GRID[0],
        "MaxGridDimY": MAX_GRID[1],
        "MaxGridDimZ": MAX_GRID[2],
        "MaxRegistersPerBlock": REGISTERS,
        "MaxSharedMemoryPerBlock": DEFAULT_SHARED,
        "MaxSharedMemoryPerBlockOptin": found.shared_bytes,
        "MaxThreadsPerBlock": MAX_THREADS,
        "MultiProcessorCount": found.multiprocessors,
        "WarpSize": 32,
    }
