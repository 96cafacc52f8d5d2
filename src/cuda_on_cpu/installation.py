"""Where NVIDIA's compiler and headers lie: in PyPI packages first, then in a toolkit.

Packages of CUDA 12 have a folder each; those of CUDA 13 share `nvidia/cu13`.  A toolkit is found by CUDA_PATH, by
CUDA_HOME, or in /usr/local/cuda.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

LIBRARIES = ("cuda_nvrtc/lib/libnvrtc.so.*", "cu13/lib/libnvrtc.so.*")
INCLUDES = ("cuda_runtime/include", "cu13/include")
HEADER = "cuda_fp16.h"  # in every folder of headers


def nvrtc_library() -> Path | None:
    """The file libnvrtc.so.<version>; None where there is none."""
    patterns = [(package, library) for package in packages() for library in LIBRARIES]
    patterns += [(toolkit, "lib64/libnvrtc.so.*") for toolkit in toolkits()]
    for folder, pattern in patterns:
        # libnvrtc.alt.so is the compiler once more, for hosts with another allocator.
        if found := [file for file in sorted(folder.glob(pattern)) if ".alt." not in file.name]:
            return found[0]
    return None


def include_folder() -> Path | None:
    """The folder of the CUDA runtime's headers, those of the half types among them; None where there is none."""
    folders = [package / include for package in packages() for include in INCLUDES]
    folders += [toolkit / "include" for toolkit in toolkits()]
    return next((folder for folder in folders if (folder / HEADER).exists()), None)


def packages() -> Iterator[Path]:
    """The folder `nvidia` of every place that packages are installed in."""
    spec = find_spec("nvidia")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(folder)


def toolkits() -> Iterator[Path]:
    for variable in ("CUDA_PATH", "CUDA_HOME"):
        if folder := os.environ.get(variable):
            yield Path(folder)
    yield Path("/usr/local/cuda")
