"""Cases of what normalises channels: planes of one place, of few, for a warp and for a block, aligned and not."""

from __future__ import annotations

from math import prod
from typing import Any

from checks import Case, Draw
from ops.draws import marked, size_name

from fusegrad.expr.activations import relu
from fusegrad.ops import Op, batch_norm, channels, group_norm, last_axes_norm

Size = tuple[int, ...]
PLANES = (3, 5), (33, 31), (9, 40), (70, 33, 1, 1), (3, 2, 3), (11, 3, 5), (9, 3, 31), (9, 2, 8, 4), (2, 3, 33)
WIDE = (1, 2, 13, 100), (3, 1, 1030)
MANY = (300, 2, 40), (4200, 3), (2500, 2, 2)  # pieces of the samples for several blocks
NUMBERS = ("center", "scale", "shift")


def sums(shape: Size, *names: str) -> dict[str, Any]:
    """Arrays in the dtype of sums."""
    return dict.fromkeys(names, Draw(shape, 0.5, 2, "sum"))


def of(size: Size, *names: str) -> dict[str, Any]:
    """Numbers of channels."""
    return sums(size[1:2], *names)


def count(size: Size) -> int:
    return prod(size) // size[1]


def moments() -> list[Case]:
    sizes = PLANES + WIDE + MANY
    return [Case(size_name(size), {"x": size} | of(size, "center", "squares"), reduction=count(size)) for size in sizes]


def scale_forward(function: Any) -> list[Case]:
    cases = [
        Case(size_name(size), {"x": size, **of(size, *NUMBERS), "y": size}) for size in (*PLANES, *WIDE, (0, 3, 4))
    ]
    return marked(str(function), cases)


def scale_sums(function: Any, sizes: tuple[Size, ...]) -> list[Case]:
    names = (*NUMBERS, "dscale", "dshift")
    cases = [Case(size_name(s), {"dy": s, "x": s, **of(s, *names)}, reduction=count(s)) for s in sizes]
    return marked(str(function), cases)


def scale_backward(function: Any) -> list[Case]:
    def arrays(size: Size) -> dict[str, Any]:
        return {"dy": size, "x": size, **of(size, *NUMBERS, "offset", "tilt"), "dx": size}

    cases = [Case(size_name(size), arrays(size)) for size in PLANES + WIDE]
    cases += [Case(f"{size_name(size)}-adds", arrays(size), {"add_dx": True}) for size in PLANES[-3:]]
    bare = {"offset": None, "tilt": None}
    cases += [Case(f"{size_name(size)}-bare", arrays(size) | bare) for size in PLANES[-3:]]
    return marked(str(function), cases)


NORMED = (33, 31), (2, 3, 33), (9, 4, 5, 8)
RUNNING = ("running_mean", "running_var")
OPTIONS = {"momentum": 0.3, "eps": 1e-3, "exchange": None}


def weights(size: Size, *names: str) -> dict[str, Any]:
    return dict.fromkeys(names, size[1:2])


def norm_forward() -> list[Case]:
    def arrays(size: Size) -> dict[str, Any]:
        return {"x": size, **weights(size, "weight", "bias"), "y": size, **of(size, "mean", "rstd", *RUNNING)}

    cases = [Case(size_name(size), arrays(size), OPTIONS, count(size)) for size in NORMED]
    cases.append(Case("plain", arrays(NORMED[1]) | {"weight": None, "bias": None}, OPTIONS, count(NORMED[1])))
    return marked("relu", cases)


def norm_predict() -> list[Case]:
    def arrays(size: Size) -> dict[str, Any]:
        return {"x": size, **weights(size, "weight", "bias"), "y": size, **of(size, *RUNNING)}

    cases = [Case(size_name(size), arrays(size), {"eps": 1e-3}) for size in NORMED]
    cases.append(Case("plain", arrays(NORMED[1]) | {"weight": None, "bias": None}, {"eps": 1e-3}))
    return marked("relu", cases)


def norm_backward(statistics: tuple[str, ...], options: dict[str, Any]) -> list[Case]:
    def case(label: str, size: Size, *adds: str, **more: Any) -> Case:
        given = {"dy": size, "x": size, **weights(size, "weight", "bias"), **of(size, *statistics)}
        given |= {"dx": size, **weights(size, "dweight", "dbias")} | more
        return Case(label, given, options | {f"add_{name}": True for name in adds}, 4 * count(size))

    cases = [case(size_name(size), size) for size in NORMED]
    cases.append(case("adds", NORMED[1], "dx", "dweight", "dbias"))
    cases.append(case("plain", NORMED[1], weight=None, bias=None, dweight=None, dbias=None))
    cases.append(case("no-dx", NORMED[2], "dweight", dx=None))
    cases.append(case("sums", NORMED[2], dweight=Draw(NORMED[2][1:2], dtype="sum"), dbias=None))
    return marked("relu", cases)


def folds() -> list[Case]:
    def arrays(*size: int) -> dict[str, Any]:
        given = {"weight": size, "bias": size[:1], "folded_weight": size, "folded_bias": size[:1]}
        return given | dict.fromkeys(("gamma", "beta"), size[:1]) | sums(size[:1], *RUNNING)

    cases = [Case(size_name(size), arrays(*size), {"eps": 1e-3}) for size in ((33, 31), (5, 3, 2, 4))]
    return [*cases, Case("plain", arrays(4, 3) | dict.fromkeys(("bias", "gamma", "beta")), {"eps": 1e-3})]


GROUPED = ((2, 6, 5, 3), 3), ((3, 4, 33), 1), ((5, 32), 8), ((2, 3, 40), 3)


def group_arrays(size: Size, groups: int) -> dict[str, Any]:
    return {"x": size, **weights(size, "weight", "bias"), **sums((size[0], groups), "mean", "rstd")}


def group_forward() -> list[Case]:
    def case(label: str, size: Size, groups: int, **more: Any) -> Case:
        return Case(label, group_arrays(size, groups) | {"y": size} | more, {"eps": 1e-3}, prod(size[1:]))

    cases = [case(f"{size_name(size)}-{groups}", size, groups) for size, groups in GROUPED]
    return marked("relu", [*cases, case("plain", *GROUPED[0], weight=None, bias=None)])


def group_backward() -> list[Case]:
    def case(label: str, size: Size, groups: int, *adds: str, **more: Any) -> Case:
        given = {"dy": size, **group_arrays(size, groups), "dx": size, **weights(size, "dweight", "dbias")} | more
        return Case(label, given, {f"add_{name}": True for name in adds}, 4 * prod(size[1:]))

    cases = [case(f"{size_name(size)}-{groups}", size, groups) for size, groups in GROUPED]
    cases.append(case("adds", *GROUPED[0], "dx", "dweight", "dbias"))
    cases.append(case("plain", *GROUPED[1], weight=None, bias=None, dweight=None, dbias=None))
    cases.append(case("no-dx", *GROUPED[2], "dweight", dx=None, dbias=None))
    return marked("relu", cases)


def rows_cases(
    inputs: tuple[str, ...], parameters: tuple[str, ...], numbers: tuple[str, ...], **options: Any
) -> list[Case]:
    """Of norms over the last axis and the last two."""
    cases = []
    for rows, normalized in (((3, 2), (33,)), ((4,), (3, 5))):
        given = dict.fromkeys(inputs, rows + normalized) | dict.fromkeys(parameters, normalized)
        given |= sums(rows, *numbers)
        cases.append(Case(size_name(rows + normalized), given, options, 33))
    return [*cases, Case("plain", cases[1].arrays | dict.fromkeys(parameters), options, 33)]


CASES: dict[Op, list[Case]] = {
    channels.moments: moments(),
    channels.forward(relu): scale_forward(relu),
    channels.sums(relu): scale_sums(relu, PLANES + WIDE + MANY),
    channels.backward(relu): scale_backward(relu),
    batch_norm.forward(relu): norm_forward(),
    batch_norm.predict(relu): norm_predict(),
    batch_norm.backward(relu): norm_backward(("mean", "rstd"), {"exchange": None}),
    batch_norm.frozen_backward(relu): norm_backward(RUNNING, {"eps": 1e-3}),
    batch_norm.fold: folds(),
    group_norm.forward(relu): group_forward(),
    group_norm.backward(relu): group_backward(),
    last_axes_norm.layer_norm_forward: rows_cases(("x", "y"), ("weight", "bias"), ("mean", "rstd"), eps=1e-3),
    last_axes_norm.layer_norm_backward: rows_cases(
        ("dy", "x", "dx"), ("weight", "dweight", "dbias"), ("mean", "rstd"), add_dx=True
    ),
    last_axes_norm.rms_norm_forward: rows_cases(("x", "y"), ("weight",), ("rstd",), eps=1e-3),
    last_axes_norm.rms_norm_backward: rows_cases(("dy", "x", "dx"), ("weight", "dweight"), ("rstd",), add_dx=True),
}
