"""The one table of parity cases: every op with the shapes, astride warp and tile sizes, on which it is compared."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from checks import Case, Draw

from fusegrad.ops import (
    Op,
    activation,
    adam,
    arithmetic,
    bce,
    cross_entropy,
    dropout,
    elementwise,
    linear,
    matmul,
    mse,
    noise,
    norm,
    reduction,
    sgd,
    shape,
)

SIZES = (), (1,), (31,), (33,), (8, 32), (3, 5, 7), (1000,)
SCALAR = Draw((), 0.1, 0.9)
COORDINATES = {"seed": Draw((), 0, 2**40, "uint64"), "step": Draw((), 1, 2**40, "uint64"), "node": 3}


def size_name(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size)) or "number"


def alike(*names: str, **options: Any) -> list[Case]:
    """Cases in which all arrays have one shape, for each of SIZES."""
    return [Case(size_name(size), dict.fromkeys(names, size), options) for size in SIZES]


def marked(mark: str, cases: list[Case]) -> list[Case]:
    """The cases under labels that tell them from others of the same shapes."""
    return [replace(case, label=f"{case.label}-{mark}") for case in cases]


def positive(shape: tuple[int, ...]) -> Draw:
    return Draw(shape, 0.5, 2)


def share(shape: tuple[int, ...]) -> Draw:
    return Draw(shape, 0, 1)


def bits(shape: tuple[int, ...]) -> Draw:
    return Draw(shape, 0, 2, "uint8")


# shapes of a, b and their broadcast, and the longest sum that a gradient takes over it
BROADCASTS = {
    "equal": ((8, 33), (8, 33), (8, 33), 1),
    "row": ((31, 33), (33,), (31, 33), 31),
    "column": ((31, 33), (31, 1), (31, 33), 33),
    "number": ((31, 33), (), (31, 33), 31 * 33),
    "both": ((31, 1), (1, 33), (31, 33), 33),
    "numbers": ((), (), (), 1),
    "deep": ((4, 1, 5), (3, 1), (4, 3, 5), 20),
}


def binary() -> list[Case]:
    return [Case(label, {"a": a, "b": positive(b), "y": y}) for label, (a, b, y, _) in BROADCASTS.items()]


def binary_backward(*factors: str, **options: Any) -> list[Case]:
    cases = []
    for label, (a, b, y, length) in BROADCASTS.items():
        known = {"a": a, "b": positive(b), "y": y}
        arrays = {"dy": y, "da": a, "db": b} | {name: known[name] for name in factors}
        cases.append(Case(label, arrays, options, length))
    cases.append(Case("only-a", arrays | {"db": None}, options, length))
    cases.append(Case("only-b", arrays | {"da": None}, options, length))
    return cases


def adding_backward() -> list[Case]:
    writing = binary_backward(add_da=False, add_db=False)
    return [*writing, *marked("adds", binary_backward(add_da=True, add_db=True))]


LINEARS = (1, 1, 1), (31, 33, 17), (33, 64, 10), (128, 300, 65)  # rows, width_in, width_out


def linear_forward() -> list[Case]:
    def arrays(rows: int, inner: int, outer: int) -> dict[str, Any]:
        return {"x": (rows, inner), "weight": (outer, inner), "bias": (outer,), "y": (rows, outer)}

    cases = [Case(size_name(size), arrays(*size), reduction=size[1]) for size in LINEARS]
    deep = {"x": (4, 5, 33), "y": (4, 5, 17)}
    cases.append(Case("time", arrays(20, 33, 17) | deep, reduction=33))
    return [*cases, Case("no-bias", arrays(31, 33, 17) | {"bias": None}, reduction=33)]


def linear_backward() -> list[Case]:
    def arrays(rows: int, inner: int, outer: int) -> dict[str, Any]:
        given = {"dy": (rows, outer), "x": (rows, inner), "weight": (outer, inner)}
        return given | {"dx": (rows, inner), "dweight": (outer, inner), "dbias": (outer,)}

    cases = [Case(size_name(size), arrays(*size), reduction=max(size)) for size in LINEARS]
    adds = [dict.fromkeys(["add_dx", "add_dweight", "add_dbias"], True), {"add_dweight": True}, {"add_dx": True}]
    cases += [Case("-".join(options), arrays(31, 33, 17), options, 33) for options in adds]
    deep = {"dy": (4, 5, 17), "x": (4, 5, 33), "dx": (4, 5, 33)}
    cases.append(Case("time", arrays(20, 33, 17) | deep, reduction=33))
    lacks = [("dx",), ("dweight", "dbias"), ("dbias",)]
    cases += [Case(f"no-{'-'.join(n)}", arrays(31, 33, 17) | dict.fromkeys(n), reduction=33) for n in lacks]
    return cases


MATRICES = [
    Case("31x33x17", {"a": (31, 33), "b": (33, 17), "y": (31, 17)}, reduction=33),
    Case("stack", {"a": (3, 5, 7), "b": (3, 7, 9), "y": (3, 5, 9)}, reduction=7),
    Case("b-transposed", {"a": (31, 33), "b": Draw((33, 17), order="F"), "y": (31, 17)}, reduction=33),
    Case("a-transposed", {"a": Draw((31, 33), order="F"), "b": (33, 17), "y": (31, 17)}, {"add": True}, 33),
    Case("adds", {"a": (8, 300), "b": (300, 8), "y": (8, 8)}, {"add": True}, 300),
]


def pair(*shape: int, **arrays: Any) -> Case:
    """A loss of predictions and targets of one shape."""
    weighted = arrays.get("weight") is not None
    label = size_name(shape) + ("-weighted" if weighted else "")
    return Case(label, {"x": shape, "target": share(shape), "weight": None, **arrays}, reduction=prod(shape))


MEANS = [pair(1, 1), pair(33), pair(31, 33), pair(3, 5, 7), pair(31, 7, weight=share((31,)))]


def with_arrays(cases: list[Case], **arrays: Any) -> list[Case]:
    """The cases with further arrays; "x" stands for the shape of x."""
    extended = []
    for case in cases:
        more = {name: case.arrays["x"] if entry == "x" else entry for name, entry in arrays.items()}
        extended.append(replace(case, arrays={**case.arrays, **more}))
    return extended


def classes(soft: bool, **outputs: str | tuple[int, ...]) -> list[Case]:
    """Cases of cross-entropy for labels or soft targets; outputs are shapes, or "x" for that of the logits."""
    cases = []
    for rows, width in (1, 2), (31, 10), (33, 1000), (128, 33):
        target = {"target": share((rows, width))} if soft else {"target": Draw((rows,), 0, width, "int32")}
        for label, weight, class_weight in (
            ("", None, None),
            ("-weighted", share((rows,)), None),
            ("-class-weighted", None, positive((width,))),
            ("-both", share((rows,)), positive((width,))),
        ):
            shapes = {name: (rows, width) if entry == "x" else entry for name, entry in outputs.items()}
            arrays = {**target, "weight": weight, "class_weight": class_weight, **shapes}
            cases.append(Case(f"{rows}x{width}{label}", arrays, reduction=rows + width))
    return cases


def optimizer(slots: dict[str, Any], **options: Any) -> list[Case]:
    scalars = {"rate": SCALAR, "scale": SCALAR}
    return [Case(str(n), {"value": (n,), "grad": (n,), **each(slots, n), **scalars}, options) for n in (1, 33, 1000)]


def each(slots: dict[str, Any], size: int) -> dict[str, Any]:
    return {name: positive((size,)) if kind == "positive" else (size,) for name, kind in slots.items()}


def adam_cases(**options: Any) -> list[Case]:
    fixed = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-3}
    cases = optimizer({"m": "any", "v": "positive"}, **fixed, **options)
    return with_arrays(cases, correction1=SCALAR, correction2=SCALAR)


def momentum_cases(**options: Any) -> list[Case]:
    return optimizer({"velocity": "any"}, momentum=0.9, **options)


TAKES = {
    "element": ((5,), (2,), ()),
    "row": ((5, 7), (1,), (7,)),
    "columns": ((5, 7), (slice(None), slice(2, 6)), (5, 4)),
    "every-second": ((9, 3), (slice(1, None, 2),), (4, 3)),
    "backwards": ((9, 3), (slice(None, None, -1),), (9, 3)),
    "last-axis": ((2, 3, 5), (..., -1), (2, 3)),
}
PARTS = {
    "rows": ([(2, 5), (1, 5), (3, 5)], (6, 5), 0),
    "columns": ([(4, 31), (4, 33)], (4, 64), 1),
    "middle": ([(2, 1, 5), (2, 7, 5)], (2, 8, 5), 1),
    "one": ([(7, 3)], (7, 3), 0),
}
PIECES = [
    Case(label, {"y": y, "parts": parts}, {"extents": tuple(part[axis] for part in parts), "axis": axis})
    for label, (parts, y, axis) in PARTS.items()
]


CASES: dict[Op, list[Case]] = {
    activation.relu: alike("x", "y"),
    activation.relu_backward: alike("dy", "y", "dx"),
    activation.sigmoid: alike("x", "y"),
    activation.sigmoid_backward: alike("dy", "y", "dx"),
    activation.tanh: alike("x", "y"),
    activation.tanh_backward: alike("dy", "y", "dx"),
    adam.update: [
        *adam_cases(weight_decay=0.0, decoupled=False),
        *marked("decay", adam_cases(weight_decay=0.1, decoupled=False)),
        *marked("decoupled", adam_cases(weight_decay=0.1, decoupled=True)),
    ],
    arithmetic.add: binary(),
    arithmetic.add_backward: adding_backward(),
    arithmetic.subtract: binary(),
    arithmetic.subtract_backward: adding_backward(),
    arithmetic.multiply: binary(),
    arithmetic.multiply_backward: binary_backward("a", "b"),
    arithmetic.divide: binary(),
    arithmetic.divide_backward: binary_backward("b", "y"),
    arithmetic.affine: [
        *alike("x", "y", scale=0.25, shift=0.0),
        *marked("shift", alike("x", "y", scale=3.0, shift=-0.5)),
    ],
    arithmetic.power: [
        *alike("x", "y", exponent=2.0),
        Case("square-root", {"x": positive((33, 3)), "y": (33, 3)}, {"exponent": 0.5}),
        Case("inverse", {"x": positive((33, 3)), "y": (33, 3)}, {"exponent": -1.0}),
    ],
    arithmetic.power_backward: [
        *alike("dy", "x", "dx", exponent=2.0),
        Case("square-root", {"dy": (33, 3), "x": positive((33, 3)), "dx": (33, 3)}, {"exponent": 0.5}),
        Case("inverse", {"dy": (33, 3), "x": positive((33, 3)), "dx": (33, 3)}, {"exponent": -1.0}),
    ],
    bce.forward: with_arrays(MEANS, y=()),
    bce.backward: with_arrays(MEANS, dy=(), dx="x"),
    cross_entropy.forward: [
        *classes(False, x="x", y=(), probability="x"),
        *marked("soft", classes(True, x="x", y=(), probability="x")),
    ],
    cross_entropy.backward: [
        *classes(False, dy=(), probability="x", dx="x"),
        *marked("soft", classes(True, dy=(), probability="x", dx="x")),
    ],
    dropout.forward: [
        Case(size_name(size), {"x": size, "y": size, "mask": bits(size), **COORDINATES}, {"rate": 0.3})
        for size in SIZES
    ],
    dropout.backward: [
        Case(size_name(size), {"dy": size, "mask": bits(size), "dx": size}, {"rate": 0.3}) for size in SIZES
    ],
    elementwise.fill: alike("x", number=-1.5),
    elementwise.copy: alike("x", "y"),
    elementwise.accumulate: alike("x", "y"),
    linear.forward: linear_forward(),
    linear.backward: linear_backward(),
    matmul: MATRICES,
    mse.forward: with_arrays(MEANS, y=()),
    mse.backward: [
        *with_arrays(MEANS, dy=(), dx="x", dtarget=None),
        *marked("only-target", with_arrays(MEANS, dy=(), dx=None, dtarget="x")),
        *marked("both", with_arrays(MEANS, dy=(), dx="x", dtarget="x")),
    ],
    noise.normal: [Case(size_name(size), {"y": size, **COORDINATES}, {"mean": 0.5, "std": 2.0}) for size in SIZES],
    norm.clip_scale: [
        Case("clips", {"scale": SCALAR, "gradients": [(33,), (1000,)]}, {"limit": 0.5}, 1033),
        Case("leaves", {"scale": SCALAR, "gradients": [(33,), (7,)]}, {"limit": 1e3}, 40),
    ],
    reduction.total: [
        Case("rows", {"x": (31, 33), "y": (1, 33)}, {"axis": (0,), "scale": 1.0}, 31),
        Case("columns-mean", {"x": (31, 33), "y": (31, 1)}, {"axis": (1,), "scale": 1 / 33}, 33),
        Case("all", {"x": (3, 5, 7), "y": (1, 1, 1)}, {"axis": (0, 1, 2), "scale": 0.5}, 105),
        Case("outer", {"x": (3, 5, 7), "y": (1, 5, 1)}, {"axis": (0, 2), "scale": 1.0}, 21),
        Case("none", {"x": (), "y": ()}, {"axis": (), "scale": 1.0}),
    ],
    reduction.total_backward: [
        Case("rows", {"dy": (1, 33), "dx": (31, 33)}, {"scale": 1.0}),
        Case("all", {"dy": (1, 1, 1), "dx": (3, 5, 7)}, {"scale": 0.25}),
    ],
    sgd.update: [*optimizer({}, weight_decay=0.0), *marked("decay", optimizer({}, weight_decay=0.1))],
    sgd.momentum_update: [
        *momentum_cases(nesterov=False, weight_decay=0.0),
        *marked("decay", momentum_cases(nesterov=False, weight_decay=0.1)),
        *marked("nesterov", momentum_cases(nesterov=True, weight_decay=0.1)),
    ],
    shape.take: [Case(label, {"x": x, "y": y}, {"index": index}) for label, (x, index, y) in TAKES.items()],
    shape.take_backward: [
        Case(f"{label}-{'adds' if add else 'writes'}", {"dy": y, "dx": x}, {"index": index, "add_dx": add})
        for label, (x, index, y) in TAKES.items()
        for add in (False, True)
    ],
    shape.concat: PIECES,
    shape.split: [
        *PIECES,
        Case("one-unneeded", {"y": (4, 9), "parts": [(4, 2), None, (4, 3)]}, {"extents": (2, 4, 3), "axis": 1}),
    ],
}
