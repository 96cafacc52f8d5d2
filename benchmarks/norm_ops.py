"""Cases of `bench_ops.py`: normalisation of rows, of channels and their groups, and over several axes."""

from __future__ import annotations

from math import prod

from op_arrays import Case
from op_sizes import BATCH, CHANNELS, EXTENT, IMAGE_SIZE, IMAGES, PLANES, ROWS, WIDTH, N, alike

from fusegrad.expr.activations import relu
from fusegrad.ops import batch_norm, channels, group_norm, last_axes_norm, layer_norm, rms_norm

NUMBERS, GROUPS, NORMALIZED = (CHANNELS,), (BATCH, 4), (EXTENT, EXTENT)
KERNELS = (CHANNELS, CHANNELS, 3, 3)
EPS = {"eps": 1e-5}


def numbers(*names: str, shape=NUMBERS):
    return dict.fromkeys(names, shape)


SCALED, AFFINE = numbers("center", "scale", "shift"), numbers("weight", "bias")
STATISTICS, RUNNING = numbers("mean", "rstd"), numbers("running_mean", "running_var")
OF_GROUPS = numbers("mean", "rstd", shape=GROUPS)
IMAGE, SLOPES = {"x": IMAGES}, {"dy": IMAGES, "x": IMAGES, "dx": IMAGES}
GRADIENTS = numbers("dweight", "dbias")
OF_ROWS, ROW_WEIGHTS = numbers("mean", "rstd", shape=PLANES), numbers("weight", "bias", shape=NORMALIZED)
ROW_GRADIENTS = numbers("dweight", "dbias", shape=NORMALIZED)
LAYER_NORM, RMS_NORM = (
    {"gamma": (WIDTH,), **numbers("mean", "rstd", shape=(ROWS,))},
    {"gamma": (WIDTH,), "rstd": (ROWS,)},
)
NORM_SUMS, THROUGH = {"dgamma": (WIDTH,), "dbeta": (WIDTH,)}, alike("x", "residual", "total", "y")
BACK, BACK_THROUGH = alike("dy", "x", "dx"), alike("dy", "dtotal", "total", "dx") | {"dresidual": None}

CASES = {
    "layer_norm": Case(layer_norm.forward, {**alike("x", "y"), **LAYER_NORM, "beta": (WIDTH,)}, 8 * N, EPS),
    "layer_norm_residual": Case(layer_norm.forward_residual, {**THROUGH, **LAYER_NORM, "beta": (WIDTH,)}, 9 * N, EPS),
    "layer_norm_backward": Case(layer_norm.backward, BACK | LAYER_NORM | NORM_SUMS, 14 * N),
    "layer_norm_residual_backward": Case(layer_norm.backward_residual, BACK_THROUGH | LAYER_NORM | NORM_SUMS, 15 * N),
    "rms_norm": Case(rms_norm.forward, alike("x", "y") | RMS_NORM, 4 * N, EPS),
    "rms_norm_residual": Case(rms_norm.forward_residual, THROUGH | RMS_NORM, 5 * N, EPS),
    "rms_norm_backward": Case(rms_norm.backward, BACK | RMS_NORM | {"dgamma": (WIDTH,)}, 10 * N),
    "rms_norm_residual_backward": Case(
        rms_norm.backward_residual, BACK_THROUGH | RMS_NORM | {"dgamma": (WIDTH,)}, 11 * N
    ),
    "channel_moments": Case(channels.moments, IMAGE | numbers("center", "squares"), 4 * IMAGE_SIZE),
    "channel_scale": Case(channels.forward(relu), IMAGE | SCALED | {"y": IMAGES}, 4 * IMAGE_SIZE),
    "channel_scale_sums": Case(
        channels.sums(relu), {"dy": IMAGES} | IMAGE | SCALED | numbers("dscale", "dshift"), 8 * IMAGE_SIZE
    ),
    "channel_scale_backward": Case(
        channels.backward(relu), SLOPES | SCALED | numbers("offset", "tilt"), 9 * IMAGE_SIZE
    ),
    "batch_norm": Case(
        batch_norm.forward(relu),
        IMAGE | AFFINE | {"y": IMAGES} | STATISTICS | RUNNING,
        8 * IMAGE_SIZE,
        {"momentum": 0.1, "exchange": None} | EPS,
    ),
    "batch_norm_predict": Case(batch_norm.predict(relu), IMAGE | AFFINE | {"y": IMAGES} | RUNNING, 4 * IMAGE_SIZE, EPS),
    "batch_norm_backward": Case(
        batch_norm.backward(relu), SLOPES | AFFINE | STATISTICS | GRADIENTS, 17 * IMAGE_SIZE, {"exchange": None}
    ),
    "batch_norm_frozen_backward": Case(
        batch_norm.frozen_backward(relu), SLOPES | AFFINE | RUNNING | GRADIENTS, 14 * IMAGE_SIZE, EPS
    ),
    "batch_norm_fold": Case(
        batch_norm.fold,
        {"weight": KERNELS, "folded_weight": KERNELS} | numbers("bias", "gamma", "beta", "folded_bias") | RUNNING,
        prod(KERNELS),
        EPS,
    ),
    "group_norm": Case(group_norm.forward(relu), IMAGE | AFFINE | {"y": IMAGES} | OF_GROUPS, 8 * IMAGE_SIZE, EPS),
    "group_norm_backward": Case(group_norm.backward(relu), SLOPES | AFFINE | OF_GROUPS | GRADIENTS, 17 * IMAGE_SIZE),
    "layer_norm_last_axes": Case(
        last_axes_norm.layer_norm_forward, IMAGE | ROW_WEIGHTS | {"y": IMAGES} | OF_ROWS, 8 * IMAGE_SIZE, EPS
    ),
    "layer_norm_last_axes_backward": Case(
        last_axes_norm.layer_norm_backward,
        SLOPES | {"weight": NORMALIZED} | OF_ROWS | ROW_GRADIENTS,
        14 * IMAGE_SIZE,
    ),
    "rms_norm_last_axes": Case(
        last_axes_norm.rms_norm_forward,
        IMAGE | {"weight": NORMALIZED, "y": IMAGES, "rstd": PLANES},
        4 * IMAGE_SIZE,
        EPS,
    ),
    "rms_norm_last_axes_backward": Case(
        last_axes_norm.rms_norm_backward,
        SLOPES | {"weight": NORMALIZED, "dweight": NORMALIZED, "rstd": PLANES},
        10 * IMAGE_SIZE,
    ),
}
