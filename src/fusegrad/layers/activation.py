"""Activations: y = f(x), element by element.  Shapes: x, y (…), of one floating-point dtype.

Each is a function of `fusegrad.expr.activations`; a formula of one's own makes as good a layer:
`Elementwise(lambda x: x * tanh(softplus(x)))`.
"""

from __future__ import annotations

from typing import Literal

from fusegrad.expr import activations
from fusegrad.graph import Elementwise, require


class Identity(Elementwise):
    """y = x."""

    def __init__(self) -> None:
        super().__init__(activations.identity)


class ReLU(Elementwise):
    """y = max(x, 0); the derivative at 0 is 0 (Nair and Hinton, 2010)."""

    def __init__(self) -> None:
        super().__init__(activations.relu)


class ReLU6(Elementwise):
    """y = min(max(x, 0), 6) (Krizhevsky, 2010)."""

    def __init__(self) -> None:
        super().__init__(activations.relu6)


class SELU(Elementwise):
    """y = λ x above 0, λ α (eˣ − 1) below, constants that keep mean 0 and variance 1 (Klambauer et al., 2017)."""

    def __init__(self) -> None:
        super().__init__(activations.selu)


class Sigmoid(Elementwise):
    """y = 1 / (1 + exp(−x))."""

    def __init__(self) -> None:
        super().__init__(activations.sigmoid)


class LogSigmoid(Elementwise):
    """y = log(1 / (1 + exp(−x)))."""

    def __init__(self) -> None:
        super().__init__(activations.log_sigmoid)


class HardSigmoid(Elementwise):
    """y = min(max(x + 3, 0), 6) / 6 (Howard et al., 2019)."""

    def __init__(self) -> None:
        super().__init__(activations.hard_sigmoid)


class Tanh(Elementwise):
    """y = tanh(x)."""

    def __init__(self) -> None:
        super().__init__(activations.tanh)


class HardTanh(Elementwise):
    """y = min(max(x, −1), 1) (Collobert, 2004)."""

    def __init__(self) -> None:
        super().__init__(activations.hard_tanh)


class Softplus(Elementwise):
    """y = log(1 + eˣ) (Dugas et al., 2001)."""

    def __init__(self) -> None:
        super().__init__(activations.softplus)


class Softsign(Elementwise):
    """y = x / (1 + |x|) (Bergstra et al., 2009)."""

    def __init__(self) -> None:
        super().__init__(activations.softsign)


class SiLU(Elementwise):
    """y = x σ(x), also called Swish (Elfwing et al., 2017; Ramachandran et al., 2017)."""

    def __init__(self) -> None:
        super().__init__(activations.silu)


class HardSwish(Elementwise):
    """y = x min(max(x + 3, 0), 6) / 6 (Howard et al., 2019)."""

    def __init__(self) -> None:
        super().__init__(activations.hard_swish)


class Mish(Elementwise):
    """y = x tanh(softplus(x)) (Misra, 2019)."""

    def __init__(self) -> None:
        super().__init__(activations.mish)


class LeakyReLU(Elementwise):
    """y = x above 0, negative_slope · x below (Maas et al., 2013)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(activations.leaky_relu(negative_slope))


class ELU(Elementwise):
    """y = x above 0, α (eˣ − 1) below (Clevert et al., 2016)."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(activations.elu(alpha))


class CELU(Elementwise):
    """y = x above 0, α (exp(x/α) − 1) below (Barron, 2017)."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(activations.celu(alpha))


class Squareplus(Elementwise):
    """y = (x + sqrt(x² + b)) / 2 (Barron, 2021)."""

    def __init__(self, b: float = 4.0) -> None:
        super().__init__(activations.squareplus(b))


class GELU(Elementwise):
    """y = x Φ(x), with Φ the distribution of N(0, 1), or its approximation by tanh (Hendrycks and Gimpel, 2016).

    Raises GraphError unless `approximate` is "none" or "tanh".
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        require(approximate in ("none", "tanh"), "GELU", 'approximate "none" or "tanh"', approximate)
        super().__init__(activations.gelu if approximate == "none" else activations.gelu_tanh)


class Threshold(Elementwise):
    """y = x above `threshold`, else `value` (Konda et al., 2014, arXiv:1402.3337)."""

    def __init__(self, threshold: float = 1.0, value: float = 0.0) -> None:
        super().__init__(activations.threshold(threshold, value))


class HardShrink(Elementwise):
    """y = 0 for |x| <= bound, else x."""

    def __init__(self, bound: float = 0.5) -> None:
        super().__init__(activations.hard_shrink(bound))


class SoftShrink(Elementwise):
    """y = 0 for |x| <= bound, else x moved towards 0 by `bound`."""

    def __init__(self, bound: float = 0.5) -> None:
        super().__init__(activations.soft_shrink(bound))


Swish = SiLU
