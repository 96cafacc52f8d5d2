"""How the elements of arrays lie in memory, and in what type they are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fusegrad.expr.loop import NUMBER, Loop
from fusegrad.expr.node import ExpressionError

INTEGERS = {"bool": 1, "signed char": 1, "unsigned char": 1, "short": 2, "unsigned short": 2}
INTEGERS |= {"int": 4, "unsigned": 4, "long long": 8, "unsigned long long": 8}


@dataclass(frozen=True)
class Storage:
    """The C++ type of elements, their size, what computes them, and the way from one to the other."""

    element: str
    nbytes: int
    arithmetic: str
    load: str = "{}"
    store: str = "{}"
    include: str = ""


# The half types are storage only: they are read as float and rounded once, when they are written.
STORAGES = {
    "float": Storage("float", 4, "float"),
    "double": Storage("double", 8, "double"),
    "__half": Storage("__half", 2, "float", "__half2float({})", "__float2half_rn({})", "cuda_fp16.h"),
    "__nv_bfloat16": Storage(
        "__nv_bfloat16", 2, "float", "__bfloat162float({})", "__float2bfloat16_rn({})", "cuda_bf16.h"
    ),
    **{name: Storage(name, nbytes, name) for name, nbytes in INTEGERS.items()},
}


def storages(loop: Loop, dtype: str | Mapping[str, str]) -> dict[str, Storage]:
    """How every array of a loop lies in memory, for one C++ type of all or one of each by name.

    With one for all, numbers lie there as what computes them.
    """
    if not isinstance(dtype, str):
        return {name: STORAGES[dtype[name]] for name in loop.names()}
    number = STORAGES[STORAGES[dtype].arithmetic]
    return {name: number if loop.layout(name) == NUMBER else STORAGES[dtype] for name in loop.names()}


def arithmetic(stored: Mapping[str, Storage]) -> str:
    """The type that computes a loop: double where an array has it, else float; integers alone stay what they are.

    Raises ExpressionError for integers of several types.
    """
    kinds = sorted({storage.arithmetic for storage in stored.values()})
    if len(kinds) == 1:
        return kinds[0]
    if not {"float", "double"} & set(kinds):
        raise ExpressionError(f"a loop expects integers of one type, got {', '.join(kinds)}")
    return "double" if "double" in kinds else "float"
