"""Cases of `bench_ops.py`: ops that choose, move, pad, split and gate what lies along an axis."""

from __future__ import annotations

from op_arrays import Case
from op_sizes import CLASSES, EXTENT, HALF, IMAGE_SIZE, IMAGES, LABELS, PLANE, PLANES, ROWS, WIDTH, N

from fusegrad.expr import function, sigmoid
from fusegrad.ops import embedding, gated, gather, maxout, pad, shape, transpose

PADS, PADDED = ((0, 0), (0, 0), (1, 1), (1, 1)), (*PLANES, EXTENT + 2, EXTENT + 2)
PICKED, TURNED = ("int64", HALF, WIDTH), (WIDTH, ROWS)
HALVES = {"extents": (WIDTH // 2,) * 2, "axis": 1}
FIRST = {"index": (..., slice(WIDTH // 2))}
REFLECTED, WHICH = {"pads": PADS, "mode": "reflect"}, ("uint8", HALF, 2)
PIECES = {"pieces": 2, "axis": 1}
glu = function(lambda a, b: a * sigmoid(b), name="glu")

CASES = {
    "take": Case(shape.take, {"x": PLANE, "y": HALF}, 0, FIRST, moved=4 * N),
    "take_backward": Case(shape.take_backward, {"dy": HALF, "dx": PLANE}, 0, FIRST | {"add_dx": False}),
    "embedding": Case(
        embedding.forward, {"table": (CLASSES, WIDTH), "index": LABELS, "y": PLANE}, 0, moved=8 * (N + ROWS)
    ),
    "embedding_backward": Case(embedding.backward, {"dy": PLANE, "index": LABELS, "dtable": (CLASSES, WIDTH)}, N),
    "gather": Case(gather.forward, {"x": PLANE, "index": PICKED, "y": HALF}, 0, moved=8 * N),
    "gather_backward": Case(gather.backward, {"dy": HALF, "index": PICKED, "dx": PLANE}, N // 2),
    "transpose": Case(transpose.transpose, {"x": PLANE, "y": TURNED}, 0, {"axes": (1, 0)}),
    "transpose_backward": Case(transpose.transpose_backward, {"dy": TURNED, "dx": PLANE}, 0, {"axes": (1, 0)}),
    "reshape": Case(shape.reshape, {"x": PLANE, "y": (N,)}, 0),
    "reshape_backward": Case(shape.reshape_backward, {"dy": (N,), "dx": PLANE}, 0),
    "concat": Case(shape.concat, {"x": [HALF] * 2, "y": PLANE}, 0, HALVES),
    "split": Case(shape.split, {"dy": PLANE, "dx": [HALF] * 2}, 0, HALVES),
    "split_apart": Case(shape.split_apart(2), {"x": PLANE, "y0": HALF, "y1": HALF}, 0, HALVES),
    "split_apart_backward": Case(shape.split_apart_backward(2), {"dy0": HALF, "dy1": HALF, "dx": PLANE}, 0, HALVES),
    "glu": Case(gated.forward(glu), {"x": PLANE, "y": HALF}, 5 * N // 2, {"axis": 1}),
    "glu_backward": Case(
        gated.backward(glu), {"dy": HALF, "x": PLANE, "dx": PLANE}, 8 * N // 2, {"axis": 1, "add_dx": False}
    ),
    "maxout": Case(maxout.forward, {"x": PLANE, "y": HALF, "which": WHICH}, N, PIECES),
    "maxout_backward": Case(maxout.backward, {"dy": HALF, "which": WHICH, "dx": PLANE}, 0, PIECES),
    "pad": Case(pad.forward, {"x": IMAGES, "y": PADDED}, 0, REFLECTED | {"value": 0.0}),
    "pad_backward": Case(pad.backward, {"dy": PADDED, "dx": IMAGES}, IMAGE_SIZE, REFLECTED),
}
