"""A call of cuBLASLt in its own terms: matrices by columns, D = epilogue(op(A) op(B) + C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WIDEST = 256  # bytes; a stricter alignment than this makes no difference


@dataclass(frozen=True, eq=False)
class Matrix:
    """`columns` lines of `rows` neighbouring elements, `leading` elements apart; the first lies where `memory` begins.

    `step`, in elements, leads to the next matrix of a stack, or is 0 where one serves all; `transposed` is for A and B.
    """

    memory: Any
    rows: int
    columns: int
    leading: int
    step: int = 0
    transposed: bool = False

    @property
    def dtype(self) -> str:
        return str(self.memory.dtype)

    @property
    def address(self) -> int:
        return int(self.memory.data.ptr)

    def signature(self) -> tuple[Any, ...]:
        """All that the choice of an algorithm may depend on."""
        sizes = self.rows, self.columns, self.leading, self.step
        return self.dtype, *sizes, self.transposed, alignment(self.address)


@dataclass(frozen=True, eq=False)
class Epilogue:
    """What follows the sums, by its name in `cublasLtEpilogue_t`.

    `bias` (rows of D,) is added, or where the name has BGRAD receives sums.  `aux` is written where the name has AUX,
    and read by DRELU and DGELU; its `leading` dimension is in elements, which in a mask of ReLU are bits.
    """

    name: str = "DEFAULT"
    bias: Any = None
    aux: Any = None
    leading: int = 0

    def signature(self) -> tuple[Any, ...]:
        return self.name, *(of_array(array) for array in (self.bias, self.aux)), self.leading

    def written(self) -> list[Any]:
        """The arrays that the epilogue writes beside D."""
        written = [self.bias] if "BGRAD" in self.name else []
        return [*written, self.aux] if "AUX" in self.name else written


@dataclass(frozen=True, eq=False)
class Call:
    """D = epilogue(op(A) op(B) + C); without C where it is None, which may be D itself otherwise.

    `count` matrices by their steps.  `arithmetic` is "exact" or "tf32", for float32.
    """

    a: Matrix
    b: Matrix
    d: Matrix
    c: Matrix | None = None
    epilogue: Epilogue = Epilogue()
    count: int = 1
    arithmetic: str = "exact"

    def signature(self) -> tuple[Any, ...]:
        added = None if self.c is None else (*self.c.signature(), self.c.address == self.d.address)
        factors = self.a.signature(), self.b.signature()
        return *factors, self.d.signature(), added, self.epilogue.signature(), self.count, self.arithmetic

    def written(self) -> list[Any]:
        return [self.d.memory, *self.epilogue.written()]


def of_array(array: Any) -> tuple[str, int] | None:
    return None if array is None else (str(array.dtype), alignment(int(array.data.ptr)))


def alignment(address: int) -> int:
    """The largest power of two that divides an address, up to WIDEST."""
    return min(address & -address, WIDEST) or WIDEST
