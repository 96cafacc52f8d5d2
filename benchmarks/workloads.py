"""Networks and single operations that are timed on a GPU, in fusegrad and in other libraries: what all of them share.

Only NumPy is needed here, since every library is imported in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

STEPS_AT_ONCE = 16  # where a library can make several in one launch
DRAWN = 1 << 22
LR, BETAS, EPS = 1e-3, (0.9, 0.999), 1e-8  # of Adam, in every library


@dataclass(frozen=True)
class Perceptron:
    """A training step of fully connected layers: forward, mean softmax cross-entropy, backward, Adam in float32.

    `precision` is that of the products: "float32", "tf32", or "bfloat16" with parameters and moments in float32.
    """

    widths: tuple[int, ...]
    batch: int
    activation: str = "relu"
    precision: str = "float32"

    def __str__(self):
        layers, alike = len(self.widths) - 1, len(set(self.widths)) == 1
        spelled = f"{layers} layers of {self.widths[0]}" if alike else "-".join(map(str, self.widths))
        return f"{spelled}, batch {self.batch}, {self.activation}, {self.precision}"

    @property
    def sample(self):
        return self.widths[:1]

    @property
    def parameters(self):
        return sum(a * b + b for a, b in pairwise(self.widths))

    @property
    def flops(self):
        """Of the products: three for every layer, but two for the first, whose input needs no gradient."""
        products = [2 * self.batch * a * b for a, b in pairwise(self.widths)]
        return 3 * sum(products) - products[0]

    @property
    def nbytes(self):
        """That cannot be avoided: Adam reads four arrays of float32 and writes three; the batch is read."""
        return 28 * self.parameters + 4 * self.batch * self.widths[0]

    def initial(self):
        """Weights after He as (width out, width in) arrays, and biases of zero."""
        generator = np.random.default_rng(0)
        draws = ((b, a, generator.standard_normal((b, a), np.float32)) for a, b in pairwise(self.widths))
        weights = [draw * np.float32(np.sqrt(2 / a)) for b, a, draw in draws]
        return weights, [np.zeros(b, np.float32) for b in self.widths[1:]]

    def first_values(self):
        """The same, layer by layer."""
        return [array for pair in zip(*self.initial(), strict=True) for array in pair]

    def data(self, batches=1):
        """Random rows, never zeros, which a GPU multiplies faster; and labels."""
        generator, rows = np.random.default_rng(1), batches * self.batch
        x = generator.standard_normal((rows, self.widths[0]), np.float32)
        return x, generator.integers(0, self.widths[-1], rows)


def normal_numbers(shape):
    """An array of N(0, 1), in which the first numbers are repeated where it is large: drawing takes its time."""
    return np.resize(np.random.default_rng(2).standard_normal(DRAWN, np.float32), shape)


@dataclass(frozen=True)
class Operation:
    """One of "adam" over (numbers,), and "softmax cross-entropy" and "layer norm" over (rows, columns), both passes."""

    kind: str
    shape: tuple[int, ...]
    dtype: str = "float32"

    def __str__(self):
        return f"{self.kind} {' x '.join(map(str, self.shape))}, {self.dtype}"

    @property
    def nbytes(self):
        """The least to be moved: seven arrays by Adam, else what each pass reads and writes, however it is fused.

        That is logits twice and their gradient, and for a norm x, y, dy, x again and dx.
        """
        size, item = int(np.prod(self.shape)), {"float32": 4, "bfloat16": 2}[self.dtype]
        return {"adam": 7, "softmax cross-entropy": 3, "layer norm": 5}[self.kind] * size * item

    @property
    def flops(self):
        return 0

    def data(self):
        return normal_numbers(self.shape)


LAUNCH_BOUND = Perceptron((784, 512, 512, 10), 128)
NARROW = Perceptron((64,) * 6, 1 << 18, precision="bfloat16")
WIDE = Perceptron((4096,) * 4, 8192, "gelu_tanh", "bfloat16")
PERCEPTRONS = [
    replace(LAUNCH_BOUND, precision="bfloat16"),
    WIDE,
    LAUNCH_BOUND,
    replace(LAUNCH_BOUND, precision="tf32"),
    NARROW,
    replace(NARROW, batch=1 << 14),
]
ADAM, CROSS_ENTROPY, LAYER_NORM = (
    Operation("adam", (50_000_000,)),
    Operation("softmax cross-entropy", (8192, 50257), "bfloat16"),
    Operation("layer norm", (8192, 4096), "bfloat16"),
)
OPERATIONS = [ADAM, CROSS_ENTROPY, LAYER_NORM]


def shrunk(work):
    """The same kind of work of a size for trying out; what is not of this file knows it by itself."""
    if not isinstance(work, Operation | Perceptron):
        return work.shrunk()
    if isinstance(work, Operation):
        return replace(work, shape=(64, 104)[: len(work.shape)])
    return replace(work, widths=tuple(min(width, 8) for width in work.widths), batch=8)
