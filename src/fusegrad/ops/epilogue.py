"""The function at the end of a product or a sum, as the header that kernels include for it."""

from __future__ import annotations

from fusegrad.expr import Function
from fusegrad.expr.activations import identity


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
