"""Runs CUDA C++ kernel source on the CPU and checks memory accesses and synchronisation."""

from cuda_on_cpu.build import build
from cuda_on_cpu.inline_asm import Unsupported
from cuda_on_cpu.launch import ArrayRange
from cuda_on_cpu.module import Kernel, Module
from cuda_on_cpu.reports import KernelError, LaunchError, Problem
from cuda_on_cpu.stand_in import StandIn
from cuda_on_cpu.toolchain import BuildError, compiler_version

__all__ = [
    "ArrayRange",
    "BuildError",
    "Kernel",
    "KernelError",
    "LaunchError",
    "Module",
    "Problem",
    "StandIn",
    "Unsupported",
    "build",
    "compiler_version",
]
