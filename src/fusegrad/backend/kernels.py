"""Kernels for arrays: how ops ask for them.  What compiles and loads them is imported when the first one is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusegrad.backend.kernel import Kernel


def kernel(array: Any, file: str, name: str, generated: Mapping[str, str] | None = None) -> Kernel:
    """A kernel of the package for the device that `array` lies on.

    Args:
        file: the file in `fusegrad.kernels`, such as "layer_norm.cu".
        name: the kernel with the arguments of its template, such as "layer_norm_forward<float>".
        generated: texts of headers that the file includes and the package does not have.

    Raises KernelCompileError where the source does not compile.
    """
    from fusegrad.backend.loading import loaded  # here, since a CPU needs none of it
    from fusegrad.backend.sources import kernel_source

    return loaded(array, kernel_source(file, generated), name)


def generated_kernel(array: Any, file: str, text: str, name: str) -> Kernel:
    """A kernel of a text that was generated, under the file name that messages are to give."""
    from fusegrad.backend.loading import loaded
    from fusegrad.backend.sources import with_headers

    return loaded(array, with_headers(file, text), name)
