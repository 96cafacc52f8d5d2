"""In what numbers a network is trained."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from fusegrad.backend import Backend
from fusegrad.errors import perhaps
from fusegrad.graph.spec import GraphError, require

# What a layer computes in: like its widest input, in half or in full precision; or MIXED, on inputs as they come, half
# ones too, with sums and results in full precision.
INPUTS, HALF, FULL, MIXED = "inputs", "half", "full", "mixed"


@dataclass(frozen=True)
class Precision:
    """The dtypes of a network, by the name under which users know them.

    `master` is the dtype of parameters, gradients, optimizer state, losses and sums; `compute` that of products and of
    what flows between them, for which parameters are copied where it is another.  `products` says how float32 is
    multiplied: "exact", or "tf32", with factors of 11 bits.  With `scales_loss` gradients are those of the loss times a
    factor that keeps them within the range of float16 (Micikevicius et al., 2018, arXiv:1710.03740).
    """

    name: str
    master: str = "float32"
    compute: str = "float32"
    products: str = "exact"
    scales_loss: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether everything is computed in the dtype of parameters."""
        return not self.is_mixed and self.products == "exact"

    @property
    def is_mixed(self) -> bool:
        return self.compute != self.master

    def while_binding(self) -> AbstractContextManager[None]:
        """Products that are bound in this block multiply as this precision has it."""
        if self.products == "exact":
            return nullcontext()
        from fusegrad.ops.gemm import arithmetic  # here, since a CPU does not need it

        return arithmetic.using(self.products)


FLOAT32 = Precision("float32")
PRECISIONS = {
    precision.name: precision
    for precision in (
        FLOAT32,
        Precision("float64", "float64", "float64"),
        Precision("tf32", products="tf32"),
        Precision("bfloat16", compute="bfloat16"),
        Precision("float16", compute="float16", scales_loss=True),
    )
}


def precision_on(backend: Backend, name: str) -> Precision:
    """The precision of that name as the backend has it; GraphError for an unknown name.

    A CPU has no fast arithmetic of fewer bits: there float32 takes the place of bfloat16, float16 and tf32.
    """
    names = ", ".join(PRECISIONS)
    require(isinstance(name, str), "precision", f"one of {names}", name)
    if name not in PRECISIONS:
        raise GraphError(f'precision expects one of {names}, got "{name}"{perhaps(name, PRECISIONS)}')
    wanted = PRECISIONS[name]
    return wanted if backend.evaluator == "cuda" or wanted.is_exact else FLOAT32
