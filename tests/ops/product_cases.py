"""Cases of matrix products, and of the linear layer with functions that keep nothing, y and h for backward.

Tiles of the kernels are of 64 or 128 rows and columns, in steps of 16 or 8; sums of more than 256 products of few tiles
are shared by several blocks; groups of 4 columns are moved at once, where they are aligned.  "mixed" marks float32
results of half types.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from checks import Case, Draw
from ops.draws import COORDINATES, bits, marked, size_name

from fusegrad.expr import Function
from fusegrad.expr.activations import gelu, identity, relu
from fusegrad.ops import Op, bias_activation, linear, matmul
from fusegrad.ops.matmul import column_sums, matmul_backward

FUNCTIONS = identity, relu, gelu
LINEARS = (1, 1, 1), (31, 33, 17), (33, 64, 10), (128, 300, 65), (3, 4, 129)  # rows, width_in, width_out
FUSED = (31, 33, 17), (65, 20, 68), (3, 4, 129)
TIME = (4, 5)
ADDS = "add_dx", "add_dweight", "add_dbias"
PLANES = (1, 1), (31, 33), (65, 128), (300, 129), (9, 4), (0, 3)


def linear_forward(function: Function, keep_h: bool) -> list[Case]:
    def arrays(width_in: int, width_out: int, *rows: int) -> dict[str, Any]:
        given = {"x": (*rows, width_in), "weight": (width_out, width_in), "bias": (width_out,)}
        return given | dict.fromkeys(("y", *(["h"] if keep_h else [])), (*rows, width_out))

    cases = [Case(size_name(size), arrays(*size[1:], size[0]), reduction=size[1]) for size in LINEARS]
    cases.append(Case("time", arrays(33, 17, *TIME), reduction=33))
    cases.append(Case("no-rows", arrays(33, 17, 0), reduction=33))
    cases.append(Case("in-parts", arrays(600, 5, 7), reduction=600))
    cases.append(Case("no-bias", arrays(33, 17, 31) | {"bias": None}, reduction=33))
    cases += [Case("mixed", with_sums(arrays(33, 17, 31), "y", "h"), reduction=33)]
    return marked(f"{function}{'-h' * keep_h}", cases)


def with_sums(arrays: dict[str, Any], *names: str) -> dict[str, Any]:
    """The arrays, of which these have the dtype of sums."""
    return arrays | {name: Draw(arrays[name], dtype="sum") for name in names if name in arrays}


def fused_forward(function: Function, keep_h: bool, options: dict[str, Any], **more: Any) -> list[Case]:
    """Of `linear_forward`, with further arrays that are like y, or what a function makes of its shape."""

    def case(label: str, width_in: int, width_out: int, *rows: int, **other: Any) -> Case:
        given = {"x": (*rows, width_in), "weight": (width_out, width_in), "bias": (width_out,)}
        given |= dict.fromkeys(("y", *(["h"] if keep_h else [])), (*rows, width_out))
        given |= {name: entry(given["y"]) if callable(entry) else entry for name, entry in (more | other).items()}
        return Case(label, given, options, reduction=width_in)

    cases = [case(size_name(size), *size[1:], size[0]) for size in FUSED]
    cases += [case("time", 33, 17, *TIME), case("no-rows", 33, 17, 0), case("in-parts", 600, 5, 7)]
    cases += [case("no-bias", 9, 8, 31, bias=None)]
    mixed = case("mixed", 33, 20, 31)
    cases.append(replace(mixed, arrays=with_sums(mixed.arrays, "y", "h", "residual")))
    return marked(f"{function}{'-h' * keep_h}", cases)


def with_residual(function: Function, keep_h: bool) -> list[Case]:
    return fused_forward(function, keep_h, {}, residual=tuple)


def with_dropout(function: Function, keep_h: bool) -> list[Case]:
    draw = {"mask": bits, **COORDINATES}
    both = fused_forward(function, keep_h, {"rate": 0.3}, residual=tuple, **draw)
    alone = [replace(case, arrays=case.arrays | {"residual": None}) for case in both[1:3]]
    return both + marked("no-residual", alone)


def through(function: Function) -> list[Case]:
    saved = [] if linear.keeps(function) is None else [linear.keeps(function)]

    def case(label: str, width_in: int, width_out: int, *rows: int, add: bool = False, **other: Any) -> Case:
        given = {"dh": (*rows, width_out), "weight": (width_out, width_in)}
        given |= dict.fromkeys([*saved, "dx"], (*rows, width_in)) | {"dbias": (width_in,)} | other
        label = f"{label}{'-adds' * add}"
        return Case(label, given, {"add_dbias": add}, reduction=max(1, *rows, width_out))

    cases = [case(size_name(size), size[2], size[1], size[0], add=add) for size in FUSED for add in (False, True)]
    cases += [case("tall", 5, 3, 200), case("time", 33, 17, *TIME), case("no-rows", 33, 17, 0, add=True)]
    cases += [case("in-parts", 33, 300, 17), case("in-parts", 7, 600, 17, add=True)]
    cases += [case("no-dbias", 12, 17, 31, dbias=None), case("mixed", 33, 17, 31, dbias=Draw((33,), dtype="sum"))]
    return marked(str(function), cases)


def linear_backward(function: Function) -> list[Case]:
    kept = linear.keeps(function)
    own = [] if function is identity else ["dh", *([kept] if kept else [])]

    def arrays(width_in: int, width_out: int, *rows: int) -> dict[str, Any]:
        given = {"dy": (*rows, width_out), "x": (*rows, width_in), "weight": (width_out, width_in)}
        given |= dict.fromkeys(own, (*rows, width_out))
        return given | {"dx": (*rows, width_in), "dweight": (width_out, width_in), "dbias": (width_out,)}

    cases = [Case(size_name(size), arrays(*size[1:], size[0]), reduction=max(size)) for size in LINEARS]
    adds = [dict.fromkeys(ADDS, True), {"add_dweight": True}, {"add_dx": True}]
    cases += [Case("-".join(options), arrays(33, 17, 31), options, 33) for options in adds]
    cases.append(Case("time", arrays(33, 17, *TIME), reduction=33))
    cases.append(Case("no-rows", arrays(33, 17, 0), {"add_dbias": True}, 33))
    cases.append(Case("in-parts", arrays(5, 4, 700), reduction=700))
    lacks = [("dx",), ("dweight", "dbias"), ("dbias",)]
    cases += [Case(f"no-{'-'.join(n)}", arrays(33, 17, 31) | dict.fromkeys(n), reduction=33) for n in lacks]
    mixed = with_sums(arrays(33, 17, 31), "dweight", "dbias")
    cases += [Case(f"mixed{'-adds' * add}", mixed, dict.fromkeys(ADDS, add), 33) for add in (False, True)]
    return marked(str(function), cases)


def bias_forward(function: Function, keep_h: bool) -> list[Case]:
    def arrays(*size: int) -> dict[str, Any]:
        return {"x": size, "bias": size[-1:], "y": size, **({"h": size} if keep_h else {})}

    cases = [Case(size_name(size), arrays(*size)) for size in (*PLANES, (3, 5, 7))]
    cases.append(Case("no-bias", arrays(31, 33) | {"bias": None}))
    return marked(f"{function}{'-h' * keep_h}", cases)


def bias_backward(function: Function) -> list[Case]:
    kept = bias_activation.keeps(function)
    own = [] if function is identity else ["dh", *([kept] if kept else [])]

    def arrays(*size: int) -> dict[str, Any]:
        return {"dy": size, **dict.fromkeys(own, size), "dbias": size[-1:]}

    cases = [
        Case(f"{size_name(size)}{'-adds' * add}", arrays(*size), {"add_dbias": add}, max(1, size[0]))
        for size in PLANES
        for add in (False, True)
    ]
    cases.append(Case("time", arrays(3, 5, 7), {"add_dbias": False}, 15))
    cases.append(Case("no-dbias", arrays(31, 33) | {"dbias": None}, {"add_dbias": False}))
    return marked(str(function), cases)


def product(rows: int, inner: int, columns: int, mark: str = "", **options: Any) -> Case:
    """One product, with factors that lie in memory as the letters of `mark` say: a or b means transposed."""
    orders = {name: "F" if name in mark else "C" for name in "ab"}
    a, b = Draw((rows, inner), order=orders["a"]), Draw((inner, columns), order=orders["b"])
    label = "-".join([size_name((rows, inner, columns)), *mark, *options])
    return Case(label, {"a": a, "b": b, "y": (rows, columns)}, options, max(1, inner))


def mixed(case: Case) -> Case:
    """The case with a y that has the dtype of sums."""
    return replace(case, label=f"{case.label}-mixed", arrays=with_sums(dict(case.arrays), "y"))


def stack(label: str, a: tuple[int, ...], b: tuple[int, ...], **options: Any) -> Case:
    y = (*max(a[:-2], b[:-2], key=len), a[-2], b[-1])
    return Case(label, {"a": a, "b": b, "y": y}, options, a[-1])


MATRICES = [
    *(product(31, 33, 17, mark) for mark in ("", "a", "b", "ab")),
    *(product(64, 16, 64, mark) for mark in ("", "a", "b", "ab")),
    *(product(65, 17, 65, mark, add=True) for mark in ("", "a", "b", "ab")),
    product(1, 1, 1),
    product(63, 15, 63),
    product(5, 0, 3),
    product(5, 0, 3, add=True),
    product(0, 4, 3),
    product(300, 3, 2),
    product(2, 3, 300),
    product(8, 300, 8, add=True),  # in parts
    product(65, 272, 3, "ab"),
    product(1, 1000, 1),
    product(700, 3, 999, add=True),  # in pieces
    stack("stack", (3, 5, 7), (3, 7, 9)),
    stack("stack-in-parts", (2, 5, 260), (2, 260, 9), add=True),
    stack("stack-of-large-tiles", (32, 129, 9), (32, 9, 129)),
    stack("stack-for-one", (2, 3, 4, 5, 6), (6, 7)),
    stack("one-for-stack", (5, 6), (3, 2, 6, 7), add=True),
    stack("adds-a-stack-in-pieces", (3, 400, 3), (3, 3, 300), add=True),
    *map(mixed, [product(31, 33, 17), product(65, 17, 68, "ab", add=True), product(8, 300, 8, add=True)]),
    mixed(stack("stack", (3, 5, 7), (7, 9))),
]


def gradients(*sizes: int, without: str = "", **adds: bool) -> Case:
    """The gradients of a product of (stacks of) matrices, whose rows, inner and columns are the last sizes."""
    *stacked, rows, inner, columns = sizes
    a, b, y = (*stacked, rows, inner), (*stacked, inner, columns), (*stacked, rows, columns)
    arrays = {"dy": y, "a": a, "b": b, "da": a, "db": b} | ({without: None} if without else {})
    label = "-".join([size_name(sizes), *([f"no-{without}"] if without else []), *adds])
    return Case(label, arrays, adds, max(rows, columns))


GRADIENTS = [
    gradients(31, 33, 17),
    gradients(31, 33, 17, add_da=True, add_db=True),
    gradients(31, 33, 17, add_db=True),
    gradients(31, 33, 17, without="da"),
    gradients(31, 33, 17, without="db", add_da=True),
    gradients(2, 3, 5, 7, 4),
    gradients(3, 5, 7, 4, add_da=True),
]
SUMS = [
    Case(f"{size_name(size)}{'-adds' * add}", {"x": size, "y": size[1:]}, {"add": add}, max(1, size[0]))
    for size in ((1, 1), (31, 33), (1000, 7), (0, 3))
    for add in (False, True)
]

CASES: dict[Op, list[Case]] = {
    **{bias_activation.forward(f, keep_h): bias_forward(f, keep_h) for f in FUNCTIONS for keep_h in (False, True)},
    **{bias_activation.backward(f): bias_backward(f) for f in FUNCTIONS},
    **{linear.forward(f, keep_h): linear_forward(f, keep_h) for f in FUNCTIONS for keep_h in (False, True)},
    **{linear.forward_residual(f, h): with_residual(f, h) for f, h in ((identity, False), (gelu, True))},
    **{linear.forward_dropout(f, h): with_dropout(f, h) for f, h in ((relu, False), (gelu, True))},
    **{linear.backward(f): linear_backward(f) for f in FUNCTIONS},
    **{linear.backward_through(f): through(f) for f in FUNCTIONS},
    matmul: MATRICES,
    matmul_backward: GRADIENTS,
    column_sums: SUMS,
}
