"""The three products of a convolution for the evaluator numba: float32, near the speed of the machine."""

from fusegrad.ops.convolution.fast.binding import bind_correlate, bind_spread, bind_weigh, computes

__all__ = ["bind_correlate", "bind_spread", "bind_weigh", "computes"]
