"""Cases of losses."""

from __future__ import annotations

from math import prod
from typing import Any

from checks import Case, Draw
from ops.draws import marked, positive, share, size_name, with_arrays

from fusegrad.expr import function
from fusegrad.ops import Op, cross_entropy, mean_loss

squared_error = function(lambda x, target: (x - target) * (x - target), name="squared_error")


def pair(*shape: int, weighted: bool = False) -> Case:
    """A mean over predictions and targets of one shape."""
    batch = shape[:1]
    label = size_name(shape) + "-weighted" * weighted
    arrays = {"x": shape, "target": share(shape), "weight": share(batch) if weighted else None}
    return Case(label, arrays, reduction=prod(shape))


def gradients(*needed: str) -> list[Case]:
    """Cases of the backward pass; the gradients that are not needed are None."""
    wanted = {name: "x" if name in needed else None for name in ("dx", "dtarget")}
    cases = []
    for case in MEANS:
        (pairwise,) = with_arrays([case], dy=(), factor=case.arrays["x"][:1], **wanted)
        cases.append(pairwise)
    return marked("-".join(needed), cases)


MEANS = [pair(1, 1), pair(33), pair(31, 33), pair(3, 5, 7), pair(31, 7, weighted=True), pair(33, weighted=True)]


def classes(kind: str, *, smoothing: float = 0.0, outputs: dict[str, str | tuple[int, ...]]) -> list[Case]:
    """Cases of cross-entropy for "labels" or "soft" targets; outputs are shapes, or "x" for that of the logits."""
    cases = []
    for rows, width in (1, 2), (31, 10), (33, 1000), (128, 33):
        target = share((rows, width)) if kind == "soft" else Draw((rows,), 0, width, "int32")
        goal = (rows, width) if kind == "soft" or smoothing else None
        for label, weight, class_weight in (
            ("", None, None),
            ("-weighted", share((rows,)), None),
            ("-class-weighted", None, positive((width,))),
            ("-both", share((rows,)), positive((width,))),
        ):
            arrays: dict[str, Any] = {"target": target, "weight": weight, "class_weight": class_weight, "goal": goal}
            arrays |= {name: {"x": (rows, width), "rows": (rows,)}.get(entry, entry) for name, entry in outputs.items()}
            cases.append(Case(f"{rows}x{width}{label}", arrays, {"smoothing": smoothing}, rows + width))
    return marked(f"{kind}{'-smoothed' * bool(smoothing)}", cases)


def cross_entropies(**outputs: str | tuple[int, ...]) -> list[Case]:
    return [
        case for kind in ("labels", "soft") for s in (0.0, 0.1) for case in classes(kind, smoothing=s, outputs=outputs)
    ]


CASES: dict[Op, list[Case]] = {
    mean_loss.forward(squared_error): with_arrays(MEANS, losses="x", y=()),
    mean_loss.backward(squared_error): [*gradients("dx"), *gradients("dtarget"), *gradients("dx", "dtarget")],
    cross_entropy.forward: cross_entropies(x="x", losses="rows", y=(), probability="x"),
    cross_entropy.backward: cross_entropies(dy=(), probability="x", factor="rows", dx="x"),
}
