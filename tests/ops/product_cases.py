"""Cases of matrix products, and of the linear layer with functions that keep nothing, y and h for backward."""

from __future__ import annotations

from typing import Any

from checks import Case, Draw
from ops.draws import marked, size_name

from fusegrad.expr import Function
from fusegrad.expr.activations import gelu, identity, relu
from fusegrad.ops import Op, linear, matmul
from fusegrad.ops.matmul import column_sums

FUNCTIONS = identity, relu, gelu
LINEARS = (1, 1, 1), (31, 33, 17), (33, 64, 10), (128, 300, 65)  # rows, width_in, width_out
FLAT, TIME = (20, 33, 17), (4, 5)


def linear_forward(function: Function, keep_h: bool) -> list[Case]:
    def arrays(width_in: int, width_out: int, *rows: int) -> dict[str, Any]:
        given = {"x": (*rows, width_in), "weight": (width_out, width_in), "bias": (width_out,)}
        return given | dict.fromkeys(("y", *(["h"] if keep_h else [])), (*rows, width_out))

    cases = [Case(size_name(size), arrays(*size[1:], size[0]), reduction=size[1]) for size in LINEARS]
    cases.append(Case("time", arrays(33, 17, *TIME), reduction=33))
    cases.append(Case("no-bias", arrays(33, 17, 31) | {"bias": None}, reduction=33))
    return marked(f"{function}{'-h' * keep_h}", cases)


def linear_backward(function: Function) -> list[Case]:
    kept = linear.keeps(function)
    own = [] if function is identity else ["dh", *([kept] if kept else [])]

    def arrays(width_in: int, width_out: int, *rows: int) -> dict[str, Any]:
        given = {"dy": (*rows, width_out), "x": (*rows, width_in), "weight": (width_out, width_in)}
        given |= dict.fromkeys(own, (*rows, width_out))
        return given | {"dx": (*rows, width_in), "dweight": (width_out, width_in), "dbias": (width_out,)}

    cases = [Case(size_name(size), arrays(*size[1:], size[0]), reduction=max(size)) for size in LINEARS]
    adds = [dict.fromkeys(["add_dx", "add_dweight", "add_dbias"], True), {"add_dweight": True}, {"add_dx": True}]
    cases += [Case("-".join(options), arrays(33, 17, 31), options, 33) for options in adds]
    cases.append(Case("time", arrays(33, 17, *TIME), reduction=33))
    lacks = [("dx",), ("dweight", "dbias"), ("dbias",)]
    cases += [Case(f"no-{'-'.join(n)}", arrays(33, 17, 31) | dict.fromkeys(n), reduction=33) for n in lacks]
    return marked(str(function), cases)


MATRICES = [
    Case("31x33x17", {"a": (31, 33), "b": (33, 17), "y": (31, 17)}, reduction=33),
    Case("stack", {"a": (3, 5, 7), "b": (3, 7, 9), "y": (3, 5, 9)}, reduction=7),
    Case("b-transposed", {"a": (31, 33), "b": Draw((33, 17), order="F"), "y": (31, 17)}, reduction=33),
    Case("a-transposed", {"a": Draw((31, 33), order="F"), "b": (33, 17), "y": (31, 17)}, {"add": True}, 33),
    Case("adds", {"a": (8, 300), "b": (300, 8), "y": (8, 8)}, {"add": True}, 300),
    Case("adds-in-pieces", {"a": (700, 3), "b": (3, 999), "y": (700, 999)}, {"add": True}, 3),
    Case("adds-a-stack-in-pieces", {"a": (3, 400, 3), "b": (3, 3, 300), "y": (3, 400, 300)}, {"add": True}, 3),
]
SUMS = [
    Case(f"{size_name(size)}{'-adds' * add}", {"x": size, "y": size[1:]}, {"add": add}, size[0])
    for size in ((1, 1), (31, 33), (1000, 7))
    for add in (False, True)
]

CASES: dict[Op, list[Case]] = {
    **{linear.forward(f, keep_h): linear_forward(f, keep_h) for f in FUNCTIONS for keep_h in (False, True)},
    **{linear.backward(f): linear_backward(f) for f in FUNCTIONS},
    matmul: MATRICES,
    column_sums: SUMS,
}
