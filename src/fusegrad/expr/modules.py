"""Generated modules on disk, where the next process finds them, and what was compiled of them."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Lock
from types import ModuleType

VARIABLE = "FUSEGRAD_CACHE"
_loading = Lock()


def cache_folder() -> Path:
    """FUSEGRAD_CACHE, else `fusegrad` in XDG_CACHE_HOME or ~/.cache; made where it is missing.

    Raises OSError, which names the variable, where it cannot be written.
    """
    wanted = os.environ.get(VARIABLE)
    folder = (
        Path(wanted).expanduser()
        if wanted
        else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fusegrad"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written ({error}); set {VARIABLE} to a folder that can; "
            "a CPU with FUSEGRAD_EVALUATOR=numpy needs none"
        ) from error


def generated_module(text: str) -> ModuleType:
    """The module with this source, under a name made of its hash.

    It is in `sys.modules` before anything of it is compiled: Numba files what it compiles under the module's name, and
    looks for it there in the next process.
    """
    name = f"fusegrad_loop_{hashlib.sha256(text.encode()).hexdigest()[:24]}"
    with _loading:
        if name not in sys.modules:
            file = cache_folder() / f"{name}.py"
            if not file.exists():
                write_atomically(file, text.encode())
            spec = spec_from_file_location(name, file)
            assert spec is not None and spec.loader is not None
            module = sys.modules[name] = module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        return sys.modules[name]


def write_atomically(file: Path, content: bytes) -> None:
    """Another process sees the whole file or none."""
    handle, partial = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(partial, file)
    except BaseException:
        os.unlink(partial)
        raise
