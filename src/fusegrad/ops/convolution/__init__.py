"""Convolution over the last axes, in groups of channels, and its transpose.

With h = x * weight + bias, a correlation, and y = f(h).  Shapes of a convolution: x, dx (batch, channels_in, *extents);
weight, dweight (channels_out, channels_in / groups, *kernel); bias, dbias (channels_out,); h, dh, y, dy (batch,
channels_out, *window.outputs(extents)).  The transposed convolution is the input gradient of a convolution: with its
weight, (channels_in, channels_out / groups, *kernel), it makes y of extents whose window.outputs are the extents of x.
All arrays are C-contiguous.  Gradients that nobody needs are None; bias may be None.  Beside half types, y, h, dweight
and dbias may be float32.
"""

from fusegrad.ops.convolution.fused import backward, forward, transposed_backward, transposed_forward
from fusegrad.ops.convolution.products import correlate, spread, weigh

__all__ = ["backward", "correlate", "forward", "spread", "transposed_backward", "transposed_forward", "weigh"]
