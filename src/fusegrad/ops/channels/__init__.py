"""What normalisation of channels is made of: arrays (batch, channels, *extents), and numbers, one for each channel.

`moments` gives mean and squares of each channel; `forward` scales and shifts channels, `sums` and `backward` are its
gradients.  `batch_norm` and `group_norm` are composed of these.  All go through the planes of an array, as `planes`
describes them: NumPy block by block (`blocks`), Numba plane by plane (`loops`), a GPU by `kernels`.
"""

from fusegrad.ops.channels.moments import moments
from fusegrad.ops.channels.scale import backward, forward, sums

__all__ = ["backward", "forward", "moments", "sums"]
