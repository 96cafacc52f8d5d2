"""Cases of normalisations of rows: widths for a warp and for a block, of whole groups of 16 bytes and others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checks import Case, Draw
from ops.draws import marked, size_name

from fusegrad.ops import Op, layer_norm, rms_norm

Size = tuple[int, ...]
Arrays = Callable[[Size], dict[str, Any]]
# The widest do not fit shared memory: first rows, then sums over rows, then both.
SIZES = (1, 1), (33, 31), (9, 32), (3, 3, 33), (32,), (8, 512), (3, 513), (2, 1028), (2, 13_000), (1, 26_000), (0, 33)
MANY = (2050, 4), (258, 516)  # more rows than are added up in one go
ODD, EVEN = ((9, 33), (3, 513)), ((9, 32), (3, 516))  # for a warp and for a block


def arrays_of(rows: tuple[str, ...], weights: tuple[str, ...], numbers: tuple[str, ...]) -> Arrays:
    """Arrays of a size: those of whole rows, of one row, and with a number for each row."""

    def arrays(size: Size) -> dict[str, Any]:
        drawn = dict.fromkeys(numbers, Draw(size[:-1], 0.5, 2, "sum"))
        return dict.fromkeys(rows, size) | dict.fromkeys(weights, size[-1:]) | drawn

    return arrays


def cases(arrays: Arrays, sizes: tuple[Size, ...], lacks: tuple[str, ...] = (), **options: Any) -> list[Case]:
    """A case for each size, in which the arrays called `lacks` are None."""
    without = "".join(f"-no-{name}" for name in lacks)
    return [
        Case(size_name(size) + without, arrays(size) | dict.fromkeys(lacks), options, max(size[0], size[-1]))
        for size in sizes
    ]


def forwards(arrays: Arrays, *lacks: tuple[str, ...]) -> list[Case]:
    found = cases(arrays, SIZES, eps=1e-3)
    for names in lacks:
        found += cases(arrays, ODD + EVEN, names, eps=1e-3)
    return found


def backwards(arrays: Arrays, targets: tuple[str, ...], *lacks: tuple[str, ...]) -> list[Case]:
    found = cases(arrays, SIZES + MANY)
    found += marked("adds", cases(arrays, ODD + EVEN, **{f"add_{name}": True for name in targets}))
    found += marked("adds-dx", cases(arrays, EVEN, add_dx=True))
    for names in lacks:
        found += cases(arrays, ODD if "gamma" in names else EVEN, names)
    return found


ALONE, RESIDUAL = ("x", "y"), ("x", "residual", "total", "y")
SLOPES, ARRIVING = ("dy", "x", "dx"), ("dy", "dtotal", "total", "dx", "dresidual")
LAYER, LAYER_SUMS = ("mean", "rstd"), ("gamma", "dgamma", "dbeta")
ALL_OF_LAYER, ALL_OF_RMS = ("dx", "dresidual", "dgamma", "dbeta"), ("dx", "dresidual", "dgamma")

CASES: dict[Op, list[Case]] = {
    layer_norm.forward: forwards(arrays_of(ALONE, ("gamma", "beta"), LAYER), ("beta",), ("gamma", "beta")),
    layer_norm.forward_residual: forwards(arrays_of(RESIDUAL, ("gamma", "beta"), LAYER), ("gamma",)),
    layer_norm.backward: backwards(
        arrays_of(SLOPES, LAYER_SUMS, LAYER),
        ("dx", "dgamma", "dbeta"),
        ("gamma", "dgamma"),
        ("dgamma",),
        ("dbeta",),
        ("dgamma", "dbeta"),
        ("dx",),
    ),
    layer_norm.backward_residual: backwards(
        arrays_of(ARRIVING, LAYER_SUMS, LAYER), ALL_OF_LAYER, ("gamma", "dgamma"), ("dtotal",), ("dx",), ("dresidual",)
    ),
    rms_norm.forward: forwards(arrays_of(ALONE, ("gamma",), ("rstd",)), ("gamma",)),
    rms_norm.forward_residual: forwards(arrays_of(RESIDUAL, ("gamma",), ("rstd",)), ("gamma",)),
    rms_norm.backward: backwards(
        arrays_of(SLOPES, ("gamma", "dgamma"), ("rstd",)), ("dx", "dgamma"), ("gamma", "dgamma"), ("dgamma",), ("dx",)
    ),
    rms_norm.backward_residual: backwards(
        arrays_of(ARRIVING, ("gamma", "dgamma"), ("rstd",)),
        ALL_OF_RMS,
        ("gamma", "dgamma"),
        ("dtotal",),
        ("dx",),
        ("dresidual",),
    ),
}
