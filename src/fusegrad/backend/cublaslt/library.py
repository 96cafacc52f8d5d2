"""The one door to cuBLASLt, and what it needs of a device: a handle and a workspace."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import cache
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary, finalize

from fusegrad.backend.cuda import namespace

HOPPER = 90
FUSING = range(HOPPER, 110)  # compute capabilities 9.0 and 10.x, ten times each
LARGE, SMALL = 32 << 20, 4 << 20  # bytes of workspace that NVIDIA recommends from Hopper on, and before it


def library(xp: Any) -> Any:
    """The functions of cuBLASLt for arrays of `xp`: nvmath's for CuPy, their double for what stands in for it.

    None where they cannot be used; `obstacle` says why.
    """
    if not isinstance(xp, ModuleType):
        from cuda_on_cpu.stand_in.cublaslt import double  # here, since nobody else needs it

        return double(xp)
    module, _ = loaded()
    return module


def obstacle(xp: Any) -> str | None:
    """What keeps cuBLASLt from being used for arrays of `xp`, and its remedy; None where nothing does."""
    return loaded()[1] if isinstance(xp, ModuleType) else None


@cache
def loaded() -> tuple[Any, str | None]:
    """nvmath's module or None, and why it is None."""
    try:
        module = import_module("nvmath.bindings.cublasLt")
        module.get_version()  # loads the library, and asks the driver for its version
    except ImportError as error:
        return None, f"nvmath-python is not installed ({error}); it comes with the extras cuda12 and cuda13"
    except RuntimeError as error:  # of nvmath and of its finder of libraries
        return None, f"cuBLASLt cannot be loaded: {error}"
    return module, None


class Home:
    """cuBLASLt on one device.

    All calls there share the workspace, so they are given to streams of which each waits for the other.
    """

    def __init__(self, xp: Any, device: Any, functions: Any) -> None:
        self.xp, self.device, self.functions = xp, device, functions
        self.capability = int(device.compute_capability)
        with device:
            self.handle = int(functions.create())
            finalize(self, functions.destroy, self.handle).atexit = False  # the driver may be gone by then
            self.workspace = xp.empty(LARGE if self.capability >= HOPPER else SMALL, "uint8")

    @property
    def name(self) -> str:
        """Of the device, for choices that hold on all of its kind."""
        found = self.xp.cuda.runtime.getDeviceProperties(self.device.id)["name"]
        return str(found.decode())

    @property
    def fuses(self) -> bool:
        """Whether epilogues run inside the product; elsewhere they are a second kernel, slower than our own."""
        return self.capability in FUSING


# Weak on both sides: a home lives as long as something is bound in it.
_homes: MutableMapping[Any, MutableMapping[int, Home]] = WeakKeyDictionary()
_making = Lock()


def home(array: Any) -> Home | None:
    """cuBLASLt on the device that `array` lies on; None where `library` is."""
    xp, device = namespace(array), array.device
    functions = library(xp)
    if functions is None:
        return None
    with _making:
        on_devices = _homes.setdefault(xp, WeakValueDictionary())
        found = on_devices.get(device.id)
        if found is None:
            found = on_devices[device.id] = Home(xp, device, functions)
        return found
