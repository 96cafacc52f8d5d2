"""The cuda backend on a machine without a GPU: the same code and kernels, on the CPU, under a checker if wanted."""

from __future__ import annotations

import os
from collections.abc import Sequence

from fusegrad.backend.availability import BackendUnavailable
from fusegrad.backend.cuda import CudaBackend
from fusegrad.errors import perhaps

VARIABLE = "FUSEGRAD_EMULATOR"
MODES = "fast", "check"


class EmulatedBackend(CudaBackend):
    """`CudaBackend` over the stand-in for CuPy of `cuda_on_cpu`, whose kernels are the same text compiled by g++.

    Args:
        mode: "fast", or "check", which reports races, accesses out of bounds, reads of what was never written, and
            more, with file, line and thread.
        orders: of threads and blocks; with several, every kernel runs in each and must leave the same bits.

    Raises BackendUnavailable where g++ or NVIDIA's headers are missing.
    """

    name = "emulated"

    def __init__(self, mode: str, orders: Sequence[str] = ("forward",)) -> None:
        missing = obstacle()
        if missing:
            raise BackendUnavailable(f'the backend "emulated" cannot run here: {missing}')
        from cuda_on_cpu import StandIn  # here, since nobody else needs it

        super().__init__(StandIn(mode=mode, orders=orders))


def obstacle() -> str | None:
    """What keeps kernels from being compiled for this machine's CPU, and its remedy; None where nothing does."""
    from cuda_on_cpu import BuildError, compiler_version

    try:
        compiler_version()
    except BuildError as error:
        return str(error)
    return None


def chosen_mode() -> str:
    """What FUSEGRAD_EMULATOR asks for: "fast", the default, or "check"."""
    wanted = os.environ.get(VARIABLE) or MODES[0]
    if wanted not in MODES:
        raise ValueError(f'{VARIABLE} names an unknown mode "{wanted}"{perhaps(wanted, MODES)}')
    return wanted
