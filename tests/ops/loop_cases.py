"""Cases of loops over elements: functions of one and of two arguments, PReLU, and an update of parameters."""

from __future__ import annotations

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


PRELUS = (1, 1), (31, 33), (3, 5, 7), (2, 64), (3, 1028), (0, 4)


def prelu_backward() -> list[Case]:
    def arrays(size: tuple[int, ...]) -> dict[str, tuple[int, ...] | None]:
        return dict.fromkeys(("dy", "x", "product", "dx"), size) | dict.fromkeys(("slope", "dslope"), size[-1:])

    cases = [Case(size_name(size), arrays(size), reduction=size[0] * size[-2]) for size in PRELUS]
    cases.append(Case("adds", arrays((31, 33)), {"add_dslope": True}, 31))
    return [*cases, *(Case(f"no-{grad}", arrays((31, 33)) | {grad: None}, reduction=31) for grad in ("dx", "dslope"))]


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
    prelu.forward: [Case(size_name(size), {"x": size, "slope": size[-1:], "y": size}) for size in PRELUS],
    prelu.backward: prelu_backward(),
    adam: ADAM,
    adam_and_half: WITH_HALF,
}
