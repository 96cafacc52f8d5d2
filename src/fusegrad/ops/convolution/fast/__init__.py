"""The three products of a convolution for the evaluator numba: float32, near the speed of the machine.

Every element of a vector is a lane, and works on an image of its own, or on a strip of one.  So no channel and no
position wants to be a multiple of anything, and nothing is ever shifted within a vector:

    images, as they are           padded planes of vectors, one for every channel

    image 0   a b c               0       0       0       0       0
              d e f               0    (a A α)  (b B β) (c C γ)   0      one vector: the same place of three images
    image 1   A B C        →      0    (d D δ)  (e E ε) (f F φ)   0
              D E F               0       0       0       0       0
    image 2   α β γ …

An output is a sum of weights times vectors, and where those lie is a table: the place of its first tap, and distances
from there, the same for all outputs that see the same taps.  Kernel, stride, dilation, padding, rank, and whether it is
a convolution or its transpose, are other numbers in the tables, and nothing else:

    taps          what an output sees: places and distances along an axis
    lanes         which image, or strip of one, is in which lane
    division      how many strips, and what is computed at a time in registers
    layout        the planes of vectors that follow from these
    phases        outputs that see the same taps, in tiles
    packing       weights in the order in which tiles read them
    multiplication, weight_gradient    bind the products: tables and space are made, and the work divided
    multiplying, weighing, drivers     what a thread does of them; Numba compiles it
    microkernel, transposing, llvm     what it does with vectors, as text of LLVM; `vectors` tells what it is
    generated     the modules that are compiled

The microkernel holds a tile of channels × outputs in registers and adds the products of one channel and tap at a time:

                 o₀   o₁   o₂          outputs: vectors at places[o] + distance of the tap
           c₀  [ Σ    Σ    Σ  ]
           c₁  [ Σ    Σ    Σ  ]        channels: a weight each, the same for all lanes
           …

Every output is summed alike whatever the number of threads.  Space belongs to threads, grows when a product is bound,
and is a few megabytes, however many there are.
"""

from typing import Any

import numpy as np

from fusegrad.ops.convolution.fast.multiplication import bind_correlate, bind_spread
from fusegrad.ops.convolution.fast.weight_gradient import bind_weigh

__all__ = ["bind_correlate", "bind_spread", "bind_weigh", "computes"]


def computes(evaluator: str, *arrays: Any) -> bool:
    """Whether these are products for here."""
    return evaluator == "numba" and all(array.dtype == np.float32 for array in arrays)
