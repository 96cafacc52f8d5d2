"""Cases of ops that move elements: rows and elements by index, and axes in another order."""

from __future__ import annotations

from math import prod
from typing import Any

from checks import Case, Draw
from ops.draws import size_name

from fusegrad.ops import Op, embedding, gather, transpose

# rows and width of the table, and the shape of the indices: widths that 16 bytes divide and others, one row, rows on
# both sides of a power of two, many equal indices, and more than a block looks at in a round
TABLES = [
    ((1, 1), (1,)),
    ((7, 4), ()),
    ((31, 33), (8, 5)),
    ((32, 64), (33,)),
    ((33, 3), (700,)),
    ((300, 12), (3, 5, 7)),
    ((5, 260), (40,)),
    ((3, 4), (2500,)),
]
FEW, MANY = ((31, 33), (8, 5)), ((3, 4), (2500,))


def embedding_case(table: tuple[int, int], index: tuple[int, ...], dtype: str, **options: Any) -> Case:
    rows, width = table
    arrays = {"table": table, "index": Draw(index, 0, rows, dtype), "y": (*index, width)}
    if options:
        arrays = {"dy": arrays["y"], "index": arrays["index"], "dtable": table}
    label = "-".join(
        [size_name(table), size_name(index), dtype, *(f"{name}-{given}" for name, given in options.items())]
    )
    return Case(label, arrays, options, 1 + prod(index) // rows)


def embedding_backward() -> list[Case]:
    cases = [embedding_case(*shapes, "int64", add_dtable=False) for shapes in TABLES]
    cases += [embedding_case(*shapes, "int32", add_dtable=True) for shapes in TABLES]
    return [
        *cases,
        *(
            embedding_case(*shapes, "int64", padding=2, add_dtable=add)
            for shapes in (FEW, MANY)
            for add in (False, True)
        ),
    ]


# rows, width and number of picks: one of each, fewer and more than a warp and a block, one row and many
PICKS = [
    ((1, 1), 1),
    ((31, 33), 1),
    ((3, 5), 70),
    ((4, 300), 33),
    ((2, 9), 600),
    ((300, 40), 3),
    ((2, 3, 7), 5),
    ((17,), 31),
]


def gather_case(x: tuple[int, ...], picks: int, dtype: str, **options: Any) -> Case:
    index = (*x[:-1], picks)
    arrays = {"x": x, "index": Draw(index, 0, x[-1], dtype), "y": index}
    if options:
        arrays = {"dy": index, "index": arrays["index"], "dx": x}
    label = "-".join([size_name(x), str(picks), dtype, *(f"{name}-{given}" for name, given in options.items())])
    return Case(label, arrays, options, 1 + picks)


# shapes and orders of axes: nothing moves, tiles that are full and others, stacks, axes that join, ones
ORDERS = [
    ((), ()),
    ((7,), (0,)),
    ((31, 33), (1, 0)),
    ((32, 64), (1, 0)),
    ((1, 70), (1, 0)),
    ((65, 3), (1, 0)),
    ((3, 33, 5), (0, 2, 1)),
    ((2, 3, 40, 35), (0, 1, 3, 2)),
    ((2, 5, 3, 8), (0, 2, 1, 3)),
    ((300, 2, 3), (1, 0, 2)),
    ((4, 5, 6), (2, 1, 0)),
    ((4, 5, 6), (1, 2, 0)),
    ((4, 5, 6), (2, 0, 1)),
    ((4, 5, 6), (0, 1, 2)),
    ((3, 1, 4, 1, 5), (4, 3, 0, 1, 2)),
    ((2, 3, 4, 5, 6), (3, 1, 4, 0, 2)),
    ((2, 3, 2, 3, 4), (2, 1, 0, 3, 4)),
]


def transpose_cases() -> list[Case]:
    return [
        Case(f"{size_name(shape)}-{size_name(axes)}", {"x": shape, "y": tuple(shape[a] for a in axes)}, {"axes": axes})
        for shape, axes in ORDERS
    ]


CASES: dict[Op, list[Case]] = {
    embedding.forward: [embedding_case(*shapes, dtype) for shapes in TABLES for dtype in ("int32", "int64")],
    embedding.backward: embedding_backward(),
    gather.forward: [gather_case(*shapes, dtype) for shapes in PICKS for dtype in ("int32", "int64")],
    gather.backward: [
        *(gather_case(*shapes, "int64", add_dx=False) for shapes in PICKS),
        *(gather_case(*shapes, "int32", add_dx=True) for shapes in PICKS),
    ],
    transpose.transpose: transpose_cases(),
}
