"""Cases of loops over elements: functions of one and of two arguments, PReLU, and an update of parameters."""

from __future__ import annotations

from math import prod

from checks import Case, Draw
from ops.draws import SCALAR, alike, marked, positive, size_name

from fusegrad.expr import Expr, function, sqrt
from fusegrad.expr.activations import gelu, relu
from fusegrad.ops import Op, loops, prelu

product = function(lambda a, b: a * b, name="product")
ratio = function(lambda a, b: a / (1 + b * b), name="ratio")


def backward_of_one(kept: str) -> list[Case]:
    names = "dy", kept, "dx"
    return [*alike(*names), *marked("adds", alike(*names, add_dx=True))]


def backward_of_two(*kept: str, grads: tuple[str, str]) -> list[Case]:
    """Written, added, and one of both; each alone where nobody needs the other."""
    first, second = grads
    names = "dy", *kept, first, second
    cases = [*alike(*names), *marked("adds", alike(*names, **{f"add_{grad}": True for grad in grads}))]
    shapes = dict.fromkeys(names, (31, 33))
    cases.append(Case("one-adds", shapes, {f"add_{second}": True}))
    return [*cases, *(Case(f"no-{grad}", shapes | {grad: None}) for grad in grads)]


# the shape of x, the axis of the slopes, and how many there are: rows, columns, repeated stretches, and one for all
PRELUS = [
    ((1, 1), 1, 1),
    ((31, 33), 1, 33),
    ((3, 5, 7), 2, 7),
    ((2, 64), 1, 64),
    ((3, 1028), 1, 1028),
    ((0, 4), 1, 4),
    ((3, 5, 7), 1, 5),
    ((2, 33, 4, 8), 1, 33),
    ((33, 5), 0, 33),
    ((3, 5, 7), 0, 1),
]


def prelu_case(size: tuple[int, ...], axis: int, slopes: int) -> Case:
    arrays = dict.fromkeys(("x", "y"), size) | {"slope": (slopes,)}
    return Case(f"{size_name(size)}-{axis}-{slopes}", arrays, {"axis": axis})


def prelu_backward_case(
    size: tuple[int, ...], axis: int, slopes: int, adds: bool = False, without: str | None = None
) -> Case:
    arrays = dict.fromkeys(("dy", "x", "product", "dx"), size) | dict.fromkeys(("slope", "dslope"), (slopes,))
    label = f"{size_name(size)}-{axis}-{slopes}{'-adds' if adds else ''}{f'-no-{without}' if without else ''}"
    missing = {} if without is None else {without: None}
    return Case(label, arrays | missing, {"axis": axis, "add_dslope": adds}, max(1, prod(size) // slopes))


def prelu_backward() -> list[Case]:
    few = (PRELUS[1], PRELUS[6], PRELUS[9])
    return [
        *(prelu_backward_case(*given) for given in PRELUS),
        *(prelu_backward_case(*given, adds=True) for given in few),
        *(prelu_backward_case(*given, without=grad) for given in few for grad in ("dx", "dslope")),
    ]


def _adam(value: Expr, grad: Expr, m: Expr, v: Expr, *, rate: Expr, correction: Expr) -> tuple[Expr, ...]:
    m = 0.9 * m + 0.1 * grad
    v = 0.99 * v + 0.01 * (grad * grad)
    return value - rate * m / (sqrt(v) * correction + 1e-3), m, v


rule, updated = function(_adam, name="adam"), ("value", "m", "v")
adam, adam_and_half = loops.update(rule, updated), loops.update(rule, updated, (("half", "value"),))
ADAM = [
    Case(
        str(n),
        {"value": (n,), "grad": (n,), "m": (n,), "v": positive((n,)), "rate": SCALAR, "correction": SCALAR},
    )
    for n in (1, 33, 1000, 100_000)
]
WITH_HALF = [
    Case(f"half-{case.label}", {**case.arrays, "half": Draw(case.arrays["grad"], dtype="float16")}) for case in ADAM
]

CASES: dict[Op, list[Case]] = {
    **{loops.forward(f): marked(str(f), alike("x", "y")) for f in (relu, gelu)},
    **{loops.forward(f): marked(str(f), alike(*f.arguments, "y")) for f in (product, ratio)},
    loops.backward(relu): marked("relu", backward_of_one("y")),
    loops.backward(gelu): marked("gelu", backward_of_one("x")),
    **{loops.backward(f): marked(str(f), backward_of_two("a", "b", grads=("da", "db"))) for f in (product, ratio)},
    prelu.forward: [prelu_case(*given) for given in PRELUS],
    prelu.backward: prelu_backward(),
    adam: ADAM,
    adam_and_half: WITH_HALF,
}
