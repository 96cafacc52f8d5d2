"""Sources to kernels: compiled when first asked for, kept on disk as cubins, and loaded once for each device."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Lock
from typing import Any

from fusegrad.backend.compiler import OPTIONS, Source, compiled
from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernel import Kernel
from fusegrad.backend.signature import parameters
from fusegrad.expr.modules import cache_folder, write_atomically

_loaded: dict[Any, Kernel] = {}  # until the process ends, as CuPy keeps its modules
_loading = Lock()


def loaded(array: Any, source: Source, name: str) -> Kernel:
    """The kernel from memory, from disk, or from the compiler, for the device that `array` lies on."""
    cupy, device = namespace(array), array.device
    with _loading:
        key = (cupy, device.id, source, name)
        if key not in _loaded:
            with device:  # CuPy loads for the current one
                _loaded[key] = load(cupy, device, source, name)
        return _loaded[key]


def load(cupy: Any, device: Any, source: Source, name: str) -> Kernel:
    file, lowered_name = cubin(cupy, source, name, architecture(device.compute_capability))
    try:
        function = cupy.RawModule(path=str(file)).get_function(lowered_name)
    except Exception as error:
        error.add_note(f"{name} was to be loaded from {file}; if that is damaged, delete it")
        raise
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
