"""Every op alone, at `medium` on arrays larger than the caches of one core: one line per op."""

from __future__ import annotations

from typing import Any

import pytest
import sizes
from clocks import graph_of
from op_arrays import Case, make

from fusegrad.expr import Function, function, sqrt
from fusegrad.expr.activations import gelu, identity, relu, sigmoid, tanh
from fusegrad.losses.binary import binary_cross_entropy
from fusegrad.losses.regression import squared_error
from fusegrad.ops import (
    arithmetic,
    bias_activation,
    counter,
    cross_entropy,
    delivery,
    dropout,
    elementwise,
    embedding,
    gather,
    layer_norm,
    linear,
    log_softmax,
    loops,
    loss_scale,
    matmul,
    mean_loss,
    noise,
    norm,
    prelu,
    r2,
    reduction,
    resident,
    rms_norm,
    scoring,
    shape,
    transpose,
)
from fusegrad.ops.matmul import column_sums, matmul_backward

ROWS, WIDTH, CLASSES, SIZE = sizes.chosen(
    (64, 128, 100, 1 << 12), (512, 1024, 1000, 1 << 20), (4096, 4096, 32000, 1 << 25)
)
PLANE, LOGITS, LABELS = (ROWS, WIDTH), (ROWS, CLASSES), ("int64", (ROWS,), CLASSES)
N, L, GEMM = ROWS * WIDTH, ROWS * CLASSES, 2 * ROWS * WIDTH * WIDTH
HALF, PICKED = (ROWS, WIDTH // 2), ("int64", (ROWS, WIDTH // 2), WIDTH)
SEED, STEP = ("uint64", (), 9), ("uint64", (), 9)
SUMS = ("float64", (2,), 9)


def alike(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, PLANE)


def of_one(f: Function, flops: int, backward_flops: int) -> dict[str, Case]:
    """A function of one argument, forward and backward."""
    (kept,) = loops.kept(f)
    return {
        str(f): Case(loops.forward(f), alike("x", "y"), flops * N),
        f"{f}_backward": Case(loops.backward(f), alike("dy", kept, "dx"), backward_flops * N),
    }


def of_two(f: Function, flops: int, backward_flops: int) -> dict[str, Case]:
    """A loss of predictions and targets, forward and backward."""
    given = {"x": PLANE, "target": PLANE, "weight": None}
    back = {"dy": (), **given, "factor": (ROWS,), "dx": PLANE, "dtarget": None}
    return {
        str(f): Case(mean_loss.forward(f), {**given, "losses": PLANE, "y": ()}, flops * N),
        f"{f}_backward": Case(mean_loss.backward(f), back, backward_flops * N),
    }


def linear_layer(f: Function, flops: int) -> dict[str, Case]:
    """The layer with a function of its result, of which backward keeps what it needs."""
    source = linear.keeps(f)
    kept = {"h": PLANE} if source == "h" else {}
    space = {} if f is identity else {source: PLANE, "dh": PLANE}
    grads = {"dx": PLANE, "dweight": (WIDTH, WIDTH), "dbias": (WIDTH,)}
    x = {"x": PLANE, "weight": (WIDTH, WIDTH)}
    return {
        f"linear_{f}": Case(
            linear.forward(f, bool(kept)), {**x, "bias": (WIDTH,), "y": PLANE, **kept}, GEMM + (1 + flops) * N
        ),
        f"linear_{f}_backward": Case(
            linear.backward(f), {"dy": PLANE, **x, **space, **grads}, 2 * GEMM + (1 + 2 * flops) * N
        ),
    }


def fused_linear(f: Function, flops: int) -> dict[str, Case]:
    """The layer with what else may follow its product, and the gradient by what the layer below puts out before f."""
    kept = {"h": PLANE} if linear.keeps(f) == "h" else {}
    forward = {"x": PLANE, "weight": (WIDTH, WIDTH), "bias": (WIDTH,), "residual": PLANE, "y": PLANE, **kept}
    draw = {"mask": ("uint8", PLANE, 2), "seed": SEED, "step": STEP, "node": 1}
    below = {linear.keeps(f): PLANE, "dx": PLANE, "dbias": (WIDTH,)}
    return {
        f"linear_{f}_residual": Case(linear.forward_residual(f, bool(kept)), forward, GEMM + (2 + flops) * N),
        f"linear_{f}_dropout": Case(
            linear.forward_dropout(f, bool(kept)), forward | draw, GEMM + (4 + flops) * N, {"rate": 0.1}
        ),
        f"linear_{f}_through": Case(
            linear.backward_through(f), {"dh": PLANE, "weight": (WIDTH, WIDTH), **below}, GEMM + (2 + 2 * flops) * N
        ),
    }


def _adam(value, grad, m, v, *, rate, correction):
    m = 0.9 * m + 0.1 * grad
    v = 0.999 * v + 0.001 * (grad * grad)
    return value - rate * m / (sqrt(v) * correction + 1e-8), m, v


adam = loops.update(function(_adam, name="adam"), ("value", "m", "v"))

BROADCAST = {"a": PLANE, "b": (WIDTH,)}
CLASSIFIED = {"weight": None, "class_weight": None, "smoothing": 0.0}
LABELLED, SOFT = {"target": LABELS, **CLASSIFIED}, {"target": LOGITS, **CLASSIFIED}
KEPT = {"x": LOGITS, "peaks": (ROWS,), "sums": (ROWS,)}
SCORED, UNSCORED = {**KEPT, "y": ()}, {**KEPT, "dy": (), "dx": LOGITS}
PRELU = {"x": PLANE, "slope": (WIDTH,)}
LAYER_NORM = {"gamma": (WIDTH,), "mean": (ROWS,), "rstd": (ROWS,)}
RMS_NORM = {"gamma": (WIDTH,), "rstd": (ROWS,)}
NORM_SUMS, EPS = {"dgamma": (WIDTH,), "dbeta": (WIDTH,)}, {"eps": 1e-5}

CASES = {
    **of_one(relu, 1, 2),
    **of_one(sigmoid, 4, 3),
    **of_one(tanh, 1, 3),
    **of_one(gelu, 30, 40),
    "prelu": Case(prelu.forward, {**PRELU, "y": PLANE}, 3 * N),
    "prelu_backward": Case(
        prelu.backward, {"dy": PLANE, **PRELU, "product": PLANE, "dx": PLANE, "dslope": (WIDTH,)}, 6 * N
    ),
    "adam": Case(
        adam,
        dict.fromkeys(("value", "grad", "m", "v"), (SIZE,)) | {"rate": (), "correction": ()},
        13 * SIZE,
        moved=28 * SIZE,
    ),
    "add": Case(arithmetic.add, {**BROADCAST, "y": PLANE}, N),
    "add_backward": Case(
        arithmetic.add_backward, {"dy": PLANE, "da": PLANE, "db": (WIDTH,)}, N, {"add_da": False, "add_db": False}
    ),
    "subtract": Case(arithmetic.subtract, {**BROADCAST, "y": PLANE}, N),
    "subtract_backward": Case(
        arithmetic.subtract_backward,
        {"dy": PLANE, "da": PLANE, "db": (WIDTH,)},
        2 * N,
        {"add_da": False, "add_db": False},
    ),
    "multiply": Case(arithmetic.multiply, {**BROADCAST, "y": PLANE}, N),
    "multiply_backward": Case(
        arithmetic.multiply_backward, {"dy": PLANE, **BROADCAST, "da": PLANE, "db": (WIDTH,)}, 3 * N
    ),
    "divide": Case(arithmetic.divide, {**BROADCAST, "y": PLANE}, N),
    "divide_backward": Case(
        arithmetic.divide_backward, {"dy": PLANE, "b": (WIDTH,), "y": PLANE, "da": PLANE, "db": (WIDTH,)}, 4 * N
    ),
    **of_two(binary_cross_entropy, 8, 6),
    **of_two(squared_error, 3, 3),
    "cross_entropy": Case(cross_entropy.forward, {**SCORED, **LABELLED}, 4 * L),
    "cross_entropy_backward": Case(cross_entropy.backward, {**UNSCORED, **LABELLED}, 3 * L),
    "soft_cross_entropy": Case(cross_entropy.forward, {**SCORED, **SOFT}, 7 * L),
    "soft_cross_entropy_backward": Case(cross_entropy.backward, {**UNSCORED, **SOFT}, 6 * L),
    "log_softmax": Case(log_softmax.forward, {"x": LOGITS, "y": LOGITS}, 5 * L),
    "log_softmax_backward": Case(log_softmax.backward, {"dy": LOGITS, "y": LOGITS, "dx": LOGITS}, 4 * L),
    "softmax": Case(log_softmax.softmax_forward, {"x": LOGITS, "y": LOGITS}, 5 * L),
    "softmax_backward": Case(log_softmax.softmax_backward, {"dy": LOGITS, "y": LOGITS, "dx": LOGITS}, 4 * L),
    "dropout": Case(
        dropout.forward,
        {"x": PLANE, "y": PLANE, "mask": ("uint8", PLANE, 2), "seed": SEED, "step": STEP, "node": 1},
        3 * N,
        {"rate": 0.1},
    ),
    "dropout_backward": Case(
        dropout.backward, {"dy": PLANE, "mask": ("uint8", PLANE, 2), "dx": PLANE}, 2 * N, {"rate": 0.1}
    ),
    "fill": Case(elementwise.fill, {"x": PLANE, "number": 1.0}, 0),
    "copy": Case(elementwise.copy, alike("x", "y"), 0),
    "accumulate": Case(elementwise.accumulate, alike("x", "y"), N, moved=12 * N),
    "axpy": Case(elementwise.axpy, {"a": (), **alike("x", "y")}, 2 * N, moved=12 * N),
    "cast": Case(elementwise.cast, {"x": PLANE, "y": ("float16", PLANE, 1)}, 0),
    "cast_backward": Case(
        elementwise.cast_backward, {"dy": ("float16", PLANE, 2), "dx": PLANE}, N, {"add_dx": True}, moved=10 * N
    ),
    **linear_layer(identity, 0),
    **linear_layer(relu, 1),
    **linear_layer(gelu, 30),
    **fused_linear(gelu, 30),
    "bias_gelu": Case(bias_activation.forward(gelu, True), {**alike("x", "y", "h"), "bias": (WIDTH,)}, 31 * N),
    "bias_gelu_backward": Case(bias_activation.backward(gelu), {**alike("dy", "h", "dh"), "dbias": (WIDTH,)}, 42 * N),
    "matmul": Case(matmul, {"a": PLANE, "b": (WIDTH, WIDTH), "y": PLANE}, GEMM),
    "matmul_backward": Case(
        matmul_backward,
        {"dy": PLANE, "a": PLANE, "b": (WIDTH, WIDTH), "da": PLANE, "db": (WIDTH, WIDTH)},
        2 * GEMM,
    ),
    "column_sums": Case(column_sums, {"x": PLANE, "y": (WIDTH,)}, N),
    "normal": Case(noise.normal, {"y": PLANE, "seed": SEED, "step": STEP, "node": 1}, N, {"mean": 0.0, "std": 1.0}),
    "clip": Case(norm.clip_scale, {"scale": (), "gradients": [(SIZE,)]}, 2 * SIZE, {"limit": 1.0}),
    "unscale": Case(
        loss_scale.unscale,
        {"state": (4,), "scale": (), "gradients": [(SIZE,)]},
        SIZE,
        {"growth_interval": 1},  # so that the scale falls from run to run: it overflows where the factor is below 1
    ),
    "trust_ratio": Case(norm.trust_ratio, {"value": (SIZE,), "direction": (SIZE,), "ratio": ()}, 4 * SIZE),
    "count": Case(counter.count, {"step": STEP}, 1),
    "batch": Case(
        resident.take,
        {"x": (4 * ROWS, WIDTH), "y": PLANE, "seed": SEED, "epoch": STEP, "batch": ("uint64", (), 4)},
        0,
        moved=8 * N,
    ),
    "next_batch": Case(resident.advance, {"batch": STEP, "epoch": STEP}, 2, {"batches": 100}),
    "deliver": Case(delivery.deliver, {"source": (), "ring": (SIZE,), "turn": STEP}, 1, moved=24),
    "row": Case(delivery.row, {"table": (ROWS, 8), "turn": STEP, "y": (8,)}, 0, moved=72),
    "sum": Case(reduction.total, {"x": PLANE, "y": (1, WIDTH)}, N, {"axis": (0,), "scale": 1.0}),
    "sum_backward": Case(reduction.total_backward, {"dy": (1, WIDTH), "dx": PLANE}, N, {"axis": (0,), "scale": 1.0}),
    "layer_norm": Case(layer_norm.forward, {**alike("x", "y"), **LAYER_NORM, "beta": (WIDTH,)}, 8 * N, EPS),
    "layer_norm_residual": Case(
        layer_norm.forward_residual,
        {**alike("x", "residual", "total", "y"), **LAYER_NORM, "beta": (WIDTH,)},
        9 * N,
        EPS,
    ),
    "layer_norm_backward": Case(layer_norm.backward, {**alike("dy", "x", "dx"), **LAYER_NORM, **NORM_SUMS}, 14 * N),
    "layer_norm_residual_backward": Case(
        layer_norm.backward_residual,
        {**alike("dy", "dtotal", "total", "dx"), "dresidual": None, **LAYER_NORM, **NORM_SUMS},
        15 * N,
    ),
    "rms_norm": Case(rms_norm.forward, {**alike("x", "y"), **RMS_NORM}, 4 * N, EPS),
    "rms_norm_residual": Case(
        rms_norm.forward_residual, {**alike("x", "residual", "total", "y"), **RMS_NORM}, 5 * N, EPS
    ),
    "rms_norm_backward": Case(rms_norm.backward, {**alike("dy", "x", "dx"), **RMS_NORM, "dgamma": (WIDTH,)}, 10 * N),
    "rms_norm_residual_backward": Case(
        rms_norm.backward_residual,
        {**alike("dy", "dtotal", "total", "dx"), "dresidual": None, **RMS_NORM, "dgamma": (WIDTH,)},
        11 * N,
    ),
    "accuracy": Case(scoring.accuracy, {"prediction": LOGITS, "target": LABELS, "weight": None, "sums": SUMS}, L),
    "top_k": Case(scoring.top_k, {"prediction": LOGITS, "target": LABELS, "weight": None, "sums": SUMS}, L, {"k": 5}),
    "absolute_error": Case(
        scoring.absolute_error, {"prediction": PLANE, "target": PLANE, "weight": None, "sums": SUMS}, 3 * N
    ),
    "r2": Case(
        r2.add, {"prediction": PLANE, "target": PLANE, "weight": None, "sums": ("float64", (4, WIDTH), 2)}, 8 * N
    ),
    "take": Case(
        shape.take, {"x": PLANE, "y": (ROWS, WIDTH // 2)}, 0, {"index": (..., slice(WIDTH // 2))}, moved=4 * N
    ),
    "take_backward": Case(
        shape.take_backward,
        {"dy": (ROWS, WIDTH // 2), "dx": PLANE},
        0,
        {"index": (..., slice(WIDTH // 2)), "add_dx": False},
    ),
    "embedding": Case(
        embedding.forward, {"table": (CLASSES, WIDTH), "index": LABELS, "y": PLANE}, 0, moved=8 * (N + ROWS)
    ),
    "embedding_backward": Case(embedding.backward, {"dy": PLANE, "index": LABELS, "dtable": (CLASSES, WIDTH)}, N),
    "gather": Case(gather.forward, {"x": PLANE, "index": PICKED, "y": HALF}, 0, moved=8 * N),
    "gather_backward": Case(gather.backward, {"dy": HALF, "index": PICKED, "dx": PLANE}, N // 2),
    "transpose": Case(transpose.transpose, {"x": PLANE, "y": (WIDTH, ROWS)}, 0, {"axes": (1, 0)}),
    "reshape": Case(shape.reshape, {"x": PLANE, "y": (N,)}, 0),
    "reshape_backward": Case(shape.reshape_backward, {"dy": (N,), "dx": PLANE}, 0),
    "concat": Case(
        shape.concat, {"x": [(ROWS, WIDTH // 2)] * 2, "y": PLANE}, 0, {"extents": (WIDTH // 2,) * 2, "axis": 1}
    ),
    "split": Case(
        shape.split, {"dy": PLANE, "dx": [(ROWS, WIDTH // 2)] * 2}, 0, {"extents": (WIDTH // 2,) * 2, "axis": 1}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_op(measure, contender, name):
    case, backend = CASES[name], contender.backend
    arrays = {key: make(backend, entry) for key, entry in case.arrays.items()}
    with backend.using_stream():
        run = case.op.bound(contender.evaluator, **arrays, **case.options)  # as a program binds it
    if contender.name == "captured":
        run = graph_of(backend, [run])
    measure(run, flops=case.flops, nbytes=case.nbytes(arrays))
