"""Memory for temporaries: a fixed piece for every thread, whatever the network."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

NBYTES = 9 << 17
LINE = 64
TYPES = {"": "f", "i": "i", "b": "?", "c": "b"}  # of the suffixes of `numpy_text`


class Scratch(threading.local):
    """The temporaries of the calling thread; they share memory, since one loop runs at a time in a thread."""

    def __init__(self) -> None:
        memory = np.empty(NBYTES + LINE, np.uint8)
        start = -memory.ctypes.data % LINE
        self.memory = memory[start : start + NBYTES]
        self.known: dict[tuple[Any, ...], list[NDArray[Any]]] = {}

    def arrays(self, names: tuple[str, ...], shape: tuple[int, ...], itemsize: int) -> list[NDArray[Any]]:
        """Arrays of one shape for names such as `_0__i`: temporary 0 in the type of the suffix."""
        key = names, shape, itemsize
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = [self.array(name, shape, itemsize) for name in names]
        return found

    def array(self, name: str, shape: tuple[int, ...], itemsize: int) -> NDArray[Any]:
        number, _, suffix = name.removeprefix("_").partition("__")
        size = int(np.prod(shape))
        stride = -(-size * itemsize // LINE) * LINE
        dtype = np.dtype(TYPES[suffix] + (str(itemsize) if suffix in ("", "i") else ""))
        start = int(number) * stride
        return self.memory[start : start + size * dtype.itemsize].view(dtype).reshape(shape)


scratch = Scratch()


def block_size(temporaries: int, itemsize: int, preferred: int = 1 << 17) -> int:
    """Elements per block: as many as the scratch has room for, since with smaller ones Python itself took the time.

    Blocks of 16,384 took up to 1.4 times as long, and left nothing to gain for a second thread.
    """
    if not temporaries:
        return preferred
    return max(LINE, min(preferred, NBYTES // (temporaries * itemsize) // LINE * LINE))
