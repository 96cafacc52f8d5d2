"""One op, two implementations under one name: a NumPy reference and a fused kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

Implementation = Callable[..., None]


class Op:
    """A function that writes into the arrays it is given.

    NumPy arrays run the reference.  CuPy arrays run the kernel, or the reference while no kernel has been registered;
    references therefore use only what NumPy and CuPy share.
    """

    def __init__(self, reference: Implementation) -> None:
        update_wrapper(self, reference)
        self.reference = reference
        self.launch = reference

    def cuda(self, launch: Implementation) -> Implementation:
        """Register the launch of the fused kernel: same parameters, same meaning."""
        self.launch = launch
        return launch

    def __call__(self, *arrays: Any, **options: Any) -> None:
        run = self.reference if type(arrays[0]) is np.ndarray else self.launch
        run(*arrays, **options)


def op(reference: Implementation) -> Op:
    """Make an op of its NumPy reference; a kernel can be registered beside it with `.cuda`."""
    return Op(reference)
