"""Kernels for arrays: compiled when first asked for, kept on disk as cubins, and loaded once for each device."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from fusegrad.backend.compiler import OPTIONS, Source, compiled
from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernel import Kernel
from fusegrad.backend.signature import parameters
from fusegrad.backend.sources import kernel_source, with_headers
from fusegrad.expr.modules import cache_folder, write_atomically

_loaded: WeakKeyDictionary[Any, dict[Any, Kernel]] = WeakKeyDictionary()
_loading = Lock()


def kernel(array: Any, file: str, name: str, generated: Mapping[str, str] | None = None) -> Kernel:
    """A kernel of the package for the device that `array` lies on.

    Args:
        file: the file in `fusegrad.kernels`, such as "layer_norm.cu".
        name: the kernel with the arguments of its template, such as "layer_norm_forward<float>".
        generated: texts of headers that the file includes and the package does not have.

    Raises KernelCompileError where the source does not compile.
    """
    return loaded(array, kernel_source(file, generated), name)


def generated_kernel(array: Any, file: str, text: str, name: str) -> Kernel:
    """A kernel of a text that was generated, under the file name that messages are to give."""
    return loaded(array, with_headers(file, text), name)


def loaded(array: Any, source: Source, name: str) -> Kernel:
    """The kernel from memory, from disk, or from the compiler."""
    cupy, device = namespace(array), array.device
    with _loading:
        kernels = _loaded.setdefault(cupy, {})
        key = (device.id, source, name)
        if key not in kernels:
            kernels[key] = load(cupy, device, source, name)
        return kernels[key]


def load(cupy: Any, device: Any, source: Source, name: str) -> Kernel:
    file, lowered_name = cubin(cupy, source, name, architecture(device.compute_capability))
    function = cupy.RawModule(path=str(file)).get_function(lowered_name)
    most_shared = int(device.attributes["MaxSharedMemoryPerBlockOptin"])
    return Kernel(function, name, parameters(source.text, name), most_shared)


def architecture(compute_capability: str) -> str:
    """The exact architecture: from 9.0 on with the suffix that allows what only this one can do."""
    return f"{compute_capability}a" if int(compute_capability) >= 90 else compute_capability


def cubin(cupy: Any, source: Source, name: str, architecture: str) -> tuple[Path, str]:
    """A file with the machine code, and the name that the kernel has in it."""
    nvrtc = cupy.cuda.nvrtc
    include = cupy._core.core.assemble_cupy_compiler_options(())  # where CuPy finds the headers of CUDA
    identity = repr((source, name, architecture, OPTIONS, include, nvrtc.getVersion()))
    stem = cache_folder() / hashlib.sha256(identity.encode()).hexdigest()[:32]
    file, name_file = stem.with_suffix(".cubin"), stem.with_suffix(".name")
    if not file.exists():
        with compiled(nvrtc, source, [name], architecture, include) as program:
            write_atomically(name_file, nvrtc.getLoweredName(program, name).encode())
            # CuPy takes the last byte for the end of a text, and drops it.  Last: where the file is, the name is, too.
            write_atomically(file, nvrtc.getCUBIN(program) + b"\0")
    return file, name_file.read_text(encoding="utf-8")
