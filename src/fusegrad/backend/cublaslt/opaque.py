"""The library's own objects, which are made of attributes: descriptions of a product and of matrices, preferences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import finalize

import numpy as np

ENUMERATIONS = {
    "matmul_desc": "MatmulDescAttribute",
    "matrix_layout": "MatrixLayoutAttribute",
    "matmul_preference": "MatmulPreferenceAttribute",
}


class Opaque:
    """An object of the library at the address `handle`, of a kind of ENUMERATIONS; it is freed with this one.

    It is made with the values of `created`, and then gets `attributes`.
    """

    def __init__(self, functions: Any, kind: str, created: Mapping[str, int], attributes: Mapping[str, int]) -> None:
        self.functions, self.kind, self.names = functions, kind, (*created, *attributes)
        self.handle = int(self.function("{}_create")(*created.values()))
        finalize(self, self.function("{}_destroy"), self.handle).atexit = False
        for name, value in attributes.items():
            number, dtype = self.attribute(name)
            content = np.array([value], dtype)
            self.function("{}_set_attribute")(self.handle, number, content.ctypes.data, content.nbytes)

    def read_back(self) -> dict[str, int]:
        """The attributes that were set, as the library has them now."""
        return {name: self.read(name) for name in self.names}

    def read(self, name: str) -> int:
        number, dtype = self.attribute(name)
        content, size = np.zeros(1, dtype), np.zeros(1, np.uint64)
        get = self.function("{}_get_attribute")
        get(self.handle, number, content.ctypes.data, content.nbytes, size.ctypes.data)
        if size[0] != content.nbytes:
            raise RuntimeError(f"cuBLASLt gave {size[0]} bytes for {self.kind}.{name}, expected {content.nbytes}")
        return int(content[0])

    def attribute(self, name: str) -> tuple[int, Any]:
        """Its number and the dtype of its value."""
        number = int(getattr(self.functions, ENUMERATIONS[self.kind])[name])
        return number, self.function("get_{}_attribute_dtype")(number)

    def function(self, name: str) -> Any:
        return getattr(self.functions, name.format(self.kind))
