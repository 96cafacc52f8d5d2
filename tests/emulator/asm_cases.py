"""Kernels of one asm statement, with operands that have edges, and with what NumPy computes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

N = 512
INTEGER_EDGES = [0, 1, 5, 31, 32, 33, -1, -2]
FLOAT_EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 3e9, -3e9, 1e30, np.inf, -np.inf, np.nan]
HALF_EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0]


@dataclass(frozen=True)
class Kind:
    """A type of operands: how it lies in arrays, its C++ type and its constraint letter.

    read, write: between what lies in arrays and what NumPy computes with.
    """

    dtype: Any
    cpp: str
    letter: str
    read: Callable[[Any], Any] = lambda x: x
    write: Callable[[Any], Any] = lambda x: x


def from_bfloat(x: NDArray[Any]) -> NDArray[np.float64]:
    return (x.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def to_bfloat(x: NDArray[Any]) -> NDArray[np.uint16]:
    """Rounds once, to nearest even: by way of a float whose last bit is odd where it is not exact."""
    x = np.asarray(x, np.float64)
    near = x.astype(np.float32)
    u = near.view(np.uint32) - (np.abs(near.astype(np.float64)) > np.abs(x))
    u |= near.astype(np.float64) != x
    return ((u + 0x7FFF + (u >> 16 & 1)) >> 16).astype(np.uint16)


KINDS = {
    "u16": Kind(np.uint16, "unsigned short", "h"),
    "u32": Kind(np.uint32, "unsigned", "r"),
    "u64": Kind(np.uint64, "unsigned long long", "l"),
    "s16": Kind(np.int16, "short", "h"),
    "s32": Kind(np.int32, "int", "r"),
    "s64": Kind(np.int64, "long long", "l"),
    "f32": Kind(np.float32, "float", "f"),
    "f64": Kind(np.float64, "double", "d"),
    "f16": Kind(
        np.uint16,
        "unsigned short",
        "h",
        lambda x: x.view(np.float16).astype(np.float64),
        lambda x: np.asarray(x).astype(np.float16).view(np.uint16),
    ),
    "bf16": Kind(np.uint16, "unsigned short", "h", from_bfloat, to_bfloat),
}


@dataclass(frozen=True)
class Case:
    """`template` with the result %0 and the operands %1 …; `kinds` are "result = operand operand".

    expected: of arrays of the operands.  ulps: how far an approximation may be off, relative to 1 or to what is larger.
    """

    template: str
    kinds: str
    expected: Callable[..., Any]
    ulps: float = 0

    def __str__(self) -> str:
        return self.template

    @property
    def result(self) -> str:
        return self.kinds.split(" = ")[0]

    @property
    def operands(self) -> list[str]:
        return self.kinds.split(" = ")[1].split()

    @property
    def array_dtype(self) -> Any:
        return basic(self.result).dtype

    def kernel(self, name: str) -> str:
        """The source: one thread per element, any number of blocks."""
        kinds, result = [basic(kind) for kind in self.operands], basic(self.result)
        inputs = ", ".join(f'"{kind.letter}"({letter}[i])' for kind, letter in zip(kinds, "abc", strict=False))
        parameters = [f"const {kind.cpp}* {letter}" for kind, letter in zip(kinds, "abc", strict=False)]
        return f"""
            extern "C" __global__ void {name}({", ".join([*parameters, f"{result.cpp}* y"])}) {{
                const int i = blockIdx.x * blockDim.x + threadIdx.x;
                asm("{self.template}" : "={result.letter}"(y[i]) : {inputs});
            }}"""

    def inputs(self) -> list[NDArray[Any]]:
        return [numbers(kind, position) for position, kind in enumerate(self.operands)]

    def check(self, inputs: list[NDArray[Any]], got: NDArray[Any]) -> None:
        with np.errstate(all="ignore"):
            wanted = self.expected(*(read(kind, x) for kind, x in zip(self.operands, inputs, strict=True)))
            wanted = written(self.result, wanted)
        check_values(self.result, got, wanted, self.ulps)


def check_values(kind: str, got: NDArray[Any], wanted: NDArray[Any], ulps: float) -> None:
    """Equal bits, except those of NaN; or values that are near enough."""
    values = [np.asarray(read(kind, x), np.float64 if "f" in kind else None) for x in (got, wanted)]
    if ulps:
        tolerance = ulps * (2.0**-10 if "f16" in kind else 2.0**-23)
        np.testing.assert_allclose(*values, rtol=tolerance, atol=tolerance)
        return
    np.testing.assert_array_equal(*values)
    if "f" in kind:
        np.testing.assert_array_equal(*(np.signbit(x) | np.isnan(x) for x in values))


def basic(kind: str) -> Kind:
    """What holds a pair of halves is an integer."""
    return KINDS["u32"] if kind.endswith("x2") else KINDS[kind]


def read(kind: str, x: NDArray[Any]) -> Any:
    """What NumPy computes with; of pairs an array with the low halves and the high ones as columns."""
    if kind.endswith("x2"):
        return KINDS[kind[:-2]].read(np.ascontiguousarray(x).view(np.uint16)).reshape(-1, 2)
    return KINDS[kind].read(x)


def written(kind: str, x: Any) -> NDArray[Any]:
    if kind.endswith("x2"):
        return np.ascontiguousarray(KINDS[kind[:-2]].write(x)).view(np.uint32).reshape(-1)
    return np.asarray(KINDS[kind].write(x)).astype(KINDS[kind].dtype)


def numbers(kind: str, position: int) -> NDArray[Any]:
    """Random numbers, after every edge in combination with every edge of the other operands."""
    rng = np.random.default_rng(position)
    if kind.endswith("x2"):
        halves = [numbers(kind[:-2], position), numbers(kind[:-2], position + 7)]
        return np.stack(halves, 1).view(np.uint32).reshape(-1)
    if kind[0] in "us":
        edges = np.array([edge[position % 2] for edge in product(INTEGER_EDGES, repeat=2)])
        random = rng.integers(-(2**63), 2**63, N - len(edges))
        return np.concatenate([edges, random]).astype(KINDS[kind].dtype)
    # Products and sums of the halves are exact in float64, as what is computed of them is rounded once.
    values, powers = (HALF_EDGES, 6) if "16" in kind else (FLOAT_EDGES, 20)
    edges = np.array([edge[position % 2] for edge in product(values, repeat=2)])
    random = rng.standard_normal(N - len(edges)) * 2.0 ** rng.integers(-powers, powers, N - len(edges))
    return written(kind, np.concatenate([edges, random]))
