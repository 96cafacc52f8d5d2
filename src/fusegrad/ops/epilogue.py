"""The function at the end of a product or a sum: what backward needs of it, and the header that kernels include."""

from __future__ import annotations

from fusegrad.expr import Function
from fusegrad.expr.activations import identity
from fusegrad.expr.node import argument
from fusegrad.ops.loops import kept


def epilogue_header(
    function: Function | None, dtype: object, *, sloped: bool = False, dropped: bool = False
) -> dict[str, str]:
    """By its name, the text that takes the place of kernels/epilogue.cuh, for arrays of `dtype`; None is the identity.

    It has `activation`, a function of one number, and its derivative `activation_by_h`; and for kernels/finish.cuh the
    constants SLOPED and DROPPED: whether the derivative follows a product, not the function, and whether dropout does.
    """
    from fusegrad.expr.cuda_text import PREAMBLE, device_function  # here, since a CPU does not need it

    arithmetic = "double" if str(dtype) == "float64" else "float"
    text = device_function((function or identity).renamed("h"), arithmetic, "activation")
    flags = {"SLOPED": sloped, "DROPPED": dropped}
    constants = "".join(f"constexpr bool {name} = {str(value).lower()};\n" for name, value in flags.items())
    return {"epilogue.cuh": f"#pragma once\n{constants}\n{PREAMBLE}\n{text}"}


def keeps(function: Function) -> str | None:
    """What backward computes f' from: "y", "h", or nothing where f' is the same everywhere."""
    names = kept(function)
    return None if not names else "y" if names == ["y"] else "h"


def is_identity(function: Function) -> bool:
    return function.output is argument(function.arguments[0])
