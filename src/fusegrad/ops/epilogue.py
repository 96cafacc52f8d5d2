"""The function at the end of a product or a sum, as the header that kernels include for it."""

from __future__ import annotations

from fusegrad.expr import Function


def epilogue_header(function: Function, dtype: object) -> dict[str, str]:
    """By its name, the text that takes the place of kernels/epilogue.cuh, for arrays of `dtype`.

    It has `activation`, a function of one number, and its derivative `activation_by_h`.
    """
    from fusegrad.expr.cuda_text import PREAMBLE, device_function  # here, since a CPU does not need it

    arithmetic = "double" if str(dtype) == "float64" else "float"
    text = device_function(function.renamed("h"), arithmetic, "activation")
    return {"epilogue.cuh": f"#pragma once\n{PREAMBLE}\n{text}"}
