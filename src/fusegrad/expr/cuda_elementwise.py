"""Loops as what CuPy's ElementwiseKernel is made of, for arrays of any strides and shapes that broadcast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fusegrad.expr.cuda_loop import kernel_name, reads
from fusegrad.expr.cuda_storage import arithmetic, storages
from fusegrad.expr.cuda_text import PREAMBLE, spelled, statements
from fusegrad.expr.loop import Loop


@dataclass(frozen=True)
class ElementwiseText:
    """The arguments of `cupy.ElementwiseKernel`, and the names of the arrays in the order in which it takes them."""

    in_params: str
    out_params: str
    operation: str
    name: str
    preamble: str
    order: tuple[str, ...]


def elementwise_text(loop: Loop, c_types: Mapping[str, str], dtypes: Mapping[str, str]) -> ElementwiseText:
    """A loop for arrays of these C++ types, which CuPy calls `dtypes`.

    CuPy's own classes of half types convert to float and back by themselves.  A target is read where it is written: in
    CuPy an output is a reference to the element.
    """
    targets = dict(loop.assignments)
    sources = [name for name in loop.names() if name not in targets]
    lines, held = statements(
        loop.roots, {name: spelled(name) for name in reads(loop)}, arithmetic(storages(loop, c_types))
    )
    writes = [f"{spelled(target)} = {held[root]};" for target, root in targets.items()]
    return ElementwiseText(
        ", ".join(f"{dtypes[name]} {spelled(name)}" for name in sources),
        ", ".join(f"{dtypes[name]} {spelled(name)}" for name in targets),
        "\n".join([*lines, "// Everything has been read; a target may be one of the arguments.", *writes]),
        kernel_name(loop),
        PREAMBLE,
        (*sources, *targets),
    )
