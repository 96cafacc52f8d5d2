"""The host compiler: which one, with which flags and headers, and the folder that keeps what it made."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cuda_on_cpu.installation import HEADER, include_folder

INCLUDE = Path(__file__).parent / "include"
PRECOMPILED = "cuda_on_cpu.h"
# Not -march=native: the cache may be shared between machines.
ARCHITECTURE = ("-march=x86-64-v3",) if platform.machine() in ("x86_64", "AMD64") else ()
# Without -fno-gnu-unique the shared arrays of templates would be one and the same in all modules of the process.
COMMON = ("-std=c++17", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-fno-gnu-unique", "-w")
THREAD_LOCAL = ("-ftls-model=local-dynamic", "-ffunction-sections", "-fdata-sections")  # as shared_arrays.py expects
# The instrumentation of two sanitizers without their libraries: the runtime has the functions that it calls.
UNDEFINED = "bounds,alignment,integer-divide-by-zero,shift,signed-integer-overflow"
CHECKS = ("-fsanitize=thread", f"-fsanitize={UNDEFINED}", "-fsanitize-recover=all", "-DCOC_CHECK=1")
# Products and sums are fused as NVRTC does.
MODES = {
    "fast": ("-O2", "-ffp-contract=fast"),
    "check": ("-O1", "-g1", "-ffp-contract=fast", "-fno-tree-vectorize", *CHECKS),
}
ALWAYS = (*COMMON, *THREAD_LOCAL, "-fno-strict-aliasing", *ARCHITECTURE)
_lock = threading.RLock()
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class BuildError(RuntimeError):
    """The host compiler or its headers are missing, or it rejected the kernel source."""


def compiler() -> str:
    """The command of the host compiler: CUDA_ON_CPU_CXX, else g++."""
    return os.environ.get("CUDA_ON_CPU_CXX", "g++")


def cache_folder() -> Path:
    """Where compiled objects lie: CUDA_ON_CPU_CACHE, else `cuda_on_cpu` in the user's cache; made if it is missing."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cuda_on_cpu"
    folder = Path(os.environ.get("CUDA_ON_CPU_CACHE") or usual)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(f"the folder of compiled objects, set by CUDA_ON_CPU_CACHE, cannot be made: {error}") from None
    return folder


def include_folders() -> list[Path]:
    """Our headers, and NVIDIA's: CUDA_ON_CPU_CUDA_INCLUDE, else those of `installation`; BuildError without any."""
    ours = [INCLUDE, INCLUDE / "stand_in"]
    if wanted := os.environ.get("CUDA_ON_CPU_CUDA_INCLUDE"):
        folders = [Path(folder) for folder in wanted.split(os.pathsep)]
        if not any((folder / HEADER).exists() for folder in folders):
            raise BuildError(f"CUDA_ON_CPU_CUDA_INCLUDE names {wanted}, where NVIDIA's header {HEADER} is not")
        return ours + folders
    if (folder := include_folder()) is None:
        raise BuildError(
            f"NVIDIA's header {HEADER} was not found in the package nvidia/cuda_runtime or nvidia/cu13, in CUDA_PATH, "
            "CUDA_HOME or /usr/local/cuda: install nvidia-cuda-runtime-cu12, or set CUDA_ON_CPU_CUDA_INCLUDE"
        )
    return [*ours, folder]


def compiler_version() -> str:
    """Identifies everything but kernels, options and mode that a compiled object depends on: g++, flags, headers."""
    folders = include_folders()
    options = [*ALWAYS, *(option for mode in MODES.values() for option in mode), *map(str, folders)]
    return digest(_compiler_banner(compiler()), *options, _header_texts(), *map(_nvidia_text, folders))


@cache
def _compiler_banner(command: str) -> str:
    return run([command, "--version"])


@cache
def _header_texts() -> str:
    """All our C++; read once per process, so that one process never mixes two states of it."""
    files = sorted(file for file in INCLUDE.rglob("*") if file.is_file())
    return "\0".join(f"{file.relative_to(INCLUDE)}\0{file.read_text()}" for file in files)


@cache
def translator_version() -> str:
    """Identifies what turns the text of a kernel into C++ of the host."""
    files = [INCLUDE.parent / "source.py", INCLUDE.parent / "build.py", *sorted(INCLUDE.parent.glob("inline_asm/*.py"))]
    return digest(*(file.read_text() for file in files))


@cache
def _nvidia_text(folder: Path) -> str:
    """NVIDIA's header of half types, which differs from version to version; empty in folders of ours."""
    file = folder / HEADER
    return digest(file.read_text()) if file.exists() else ""


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def run(command: Sequence[str], folder: Path | None = None) -> str:
    """Run a command in `folder` and return what it printed; BuildError if it is missing or fails."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    except FileNotFoundError:
        raise BuildError(
            f"the program {command[0]!r} was not found: install g++ 12 or newer with binutils, or name a compiler "
            "in CUDA_ON_CPU_CXX"
        ) from None
    if result.returncode:
        raise BuildError(f"{command[0]} failed:\n{result.stderr[:6000]}")
    return result.stdout


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """`path`, made by `make(temporary path)` unless it exists; several processes may do so at once."""
    with _lock:
        if not path.exists():
            temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
            make(temporary)
            temporary.replace(path)
    return path


def temporary_folder() -> Path:
    try:
        return Path(mkdtemp(dir=cache_folder()))
    except OSError as error:
        raise BuildError(f"nothing can be written to the folder of compiled objects: {error}") from None


def runtime_object() -> Path:
    """The compiled runtime, which is linked into each module; made once."""
    command = [compiler(), *ALWAYS, "-O2", f"-I{INCLUDE}", "-c", str(INCLUDE / "runtime.cpp")]
    return once(cache_folder() / f"runtime-{compiler_version()}.o", lambda out: compile_to(out, command))


def precompiled_header(mode: str) -> Path:
    """The folder with the precompiled header of a mode, which saves 0.6 s per module."""
    folder = cache_folder() / f"header-{mode}-{compiler_version()}"
    folder.mkdir(exist_ok=True)
    command = [compiler(), "-x", "c++-header", *flags(mode), str(INCLUDE / PRECOMPILED)]
    once(folder / f"{PRECOMPILED}.gch", lambda out: compile_to(out, command))
    return folder


def flags(mode: str) -> list[str]:
    """Flags of a mode and the folders of headers, the same for the precompiled header and for the modules."""
    return [*ALWAYS, *MODES[mode], *(f"-I{folder}" for folder in include_folders())]


def compile_to(out: Path, command: Sequence[str]) -> None:
    run([*command, "-o", str(out)])
