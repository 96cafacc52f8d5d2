"""Arrays, streams and random numbers on the CPU and on NVIDIA GPUs, and the choice between them."""

from fusegrad.backend.availability import BackendUnavailable
from fusegrad.backend.base import Backend
from fusegrad.backend.cpu import to_numpy
from fusegrad.backend.doctor import Report, blas, doctor, versions
from fusegrad.backend.selection import current, resolve, select, using

__all__ = [
    "Backend",
    "BackendUnavailable",
    "Report",
    "blas",
    "current",
    "doctor",
    "resolve",
    "select",
    "to_numpy",
    "using",
    "versions",
]
