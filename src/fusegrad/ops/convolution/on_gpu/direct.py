"""Products of a convolution with few channels in a group, such as depthwise ones, by kernels/direct_convolution.cu."""

from __future__ import annotations

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.convolution.on_gpu.factors import Gradient, Seen
from fusegrad.ops.grids import FILLING, THREADS
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.reduction import launch_sums

FILE = "direct_convolution.cu"
SHORTEST_PART = 1024  # of a sum that is shared by several blocks; not measured


def bind(of: Seen) -> Bound:
    """A thread for every element of y."""
    run = kernel(of.x, FILE, f"direct_correlate<{of.types}>", of.header)
    blocks = of.phases * of.groups * of.rows * -(-of.columns // THREADS)
    sizes = of.rows, of.columns, of.groups, *of.weight_strides
    return run.bind((blocks,), (THREADS,), of.x, of.weight, *of.sweep.arguments, *sizes, *of.arguments)


def bind_gradient(of: Gradient) -> Bound:
    """A block for every element of dweight, and for every part of the places; then the total over parts."""
    groups, rows, columns = of.sizes
    weights = groups * rows * columns
    count, length = of.parts(weights, 1, SHORTEST_PART, FILLING)
    parts = of.space(count)
    run = kernel(of.x, FILE, f"direct_weigh<{c_type(of.x.dtype)}>")
    given = of.dy, of.x, parts, *of.sweep.arguments, rows, columns, of.sweep.places, length
    first = run.bind((weights, count), (THREADS,), *given)
    return in_turn([first, launch_sums(parts, of.dweight, outer=1, length=count, inner=weights, add=of.add)])
