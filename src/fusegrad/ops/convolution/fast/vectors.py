"""What the vector code is called with.  `microkernel` writes it; in a generated module it has the names declared here.

All arguments are numbers; addresses and distances are bytes.  A vector has an element for every lane.
"""

from __future__ import annotations

CHUNK = 800  # outputs that are kept until they are written, a multiple of every width of vector
STRETCH = 64  # places that output gradients are multiplied at before the next channels are; a panel of them is 32 kB
Number = int


def product(
    weights: Number,
    buffer: Number,
    offsets: Number,
    count: Number,
    positions: Number,
    out: Number,
    targets: Number,
    height: Number,
) -> None:
    """out[height · i + targets[j]] = Σ over k < count of weights[k, i] buffer[positions[j] + offsets[k]], vectors."""


def correlation(dy: Number, x: Number, offsets: Number, positions: Number, count: Number, out: Number) -> None:
    """out[j, i] += Σ over p < count and lanes of dy[p, i] x[offsets[j] + positions[p]]."""


def rows_in(source: Number, starts: Number, counts: Number, done: Number, out: Number, distance: Number) -> None:
    """Vector i of out = element done + i of the rows at starts[lane] of the source; 0 from counts[lane] on."""


def put_y(source: Number, out: Number, starts: Number, counts: Number, done: Number) -> None:
    """The other way round, written or added: vector i to element done + i of the rows, below counts[lane]."""


def put_h(source: Number, out: Number, starts: Number, counts: Number, done: Number) -> None:
    """As `put_y`, always written."""


def fetch(base: Number, starts: Number, done: Number) -> None:
    """Ask for the memory at base + starts[lane] + done, which will be read."""


def claim(base: Number, starts: Number, done: Number) -> None:
    """The same for what will be written."""


def zero_vector(out: Number) -> None:
    """out = 0."""


def biased(line: object, bias: float) -> None:
    """line += bias."""


def activated(line: object) -> None:
    """line = f(line)."""
