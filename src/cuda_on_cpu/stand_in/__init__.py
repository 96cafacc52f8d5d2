"""A strict stand-in for the part of `cupy` that an engine uses; its kernels run on the CPU."""

from cuda_on_cpu.stand_in.stand_in import StandIn

__all__ = ["StandIn"]
