"""Cases of `bench_ops.py`: matrix products, and linear layers with what is fused into them."""

from __future__ import annotations

from op_arrays import Case
from op_sizes import DRAW, PLANE, ROWS, WIDTH, N, alike

from fusegrad.expr import Function
from fusegrad.expr.activations import gelu, identity, relu
from fusegrad.ops import bias_activation, linear, matmul
from fusegrad.ops.matmul import column_sums, matmul_backward

GEMM, MATRIX = 2 * ROWS * WIDTH * WIDTH, (WIDTH, WIDTH)


def linear_layer(f: Function, flops: int) -> dict[str, Case]:
    """The layer with a function of its result, of which backward keeps what it needs."""
    source = linear.keeps(f)
    kept = {"h": PLANE} if source == "h" else {}
    space = {} if f is identity else {source: PLANE, "dh": PLANE}
    grads = {"dx": PLANE, "dweight": MATRIX, "dbias": (WIDTH,)}
    x = {"x": PLANE, "weight": MATRIX}
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
    forward = {"x": PLANE, "weight": MATRIX, "bias": (WIDTH,), "residual": PLANE, "y": PLANE, **kept}
    draw = {"mask": ("uint8", PLANE, 2), **DRAW}
    below = {linear.keeps(f): PLANE, "dx": PLANE, "dbias": (WIDTH,)}
    return {
        f"linear_{f}_residual": Case(linear.forward_residual(f, bool(kept)), forward, GEMM + (2 + flops) * N),
        f"linear_{f}_dropout": Case(
            linear.forward_dropout(f, bool(kept)), forward | draw, GEMM + (4 + flops) * N, {"rate": 0.1}
        ),
        f"linear_{f}_through": Case(
            linear.backward_through(f), {"dh": PLANE, "weight": MATRIX, **below}, GEMM + (2 + 2 * flops) * N
        ),
    }


CASES = {
    **linear_layer(identity, 0),
    **linear_layer(relu, 1),
    **linear_layer(gelu, 30),
    **fused_linear(gelu, 30),
    "bias_gelu": Case(bias_activation.forward(gelu, True), {**alike("x", "y", "h"), "bias": (WIDTH,)}, 31 * N),
    "bias_gelu_backward": Case(bias_activation.backward(gelu), {**alike("dy", "h", "dh"), "dbias": (WIDTH,)}, 42 * N),
    "matmul": Case(matmul, {"a": PLANE, "b": MATRIX, "y": PLANE}, GEMM),
    "matmul_backward": Case(
        matmul_backward, {"dy": PLANE, "a": PLANE, "b": MATRIX, "da": PLANE, "db": MATRIX}, 2 * GEMM
    ),
    "column_sums": Case(column_sums, {"x": PLANE, "y": (WIDTH,)}, N),
}
