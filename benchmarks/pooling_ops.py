"""Cases of `bench_ops.py`: pooling and resampling of images."""

from __future__ import annotations

from fractions import Fraction

from op_arrays import Case
from op_sizes import BATCH, CHANNELS, EXTENT, IMAGE_SIZE, IMAGES, PLANES

from fusegrad.ops import global_pool, max_pool, pixel_shuffle, resample
from fusegrad.ops.axis_map import linear, nearest, window_means
from fusegrad.ops.window import Window

HALVED = (BATCH, CHANNELS, EXTENT // 2, EXTENT // 2)
QUARTERS = (BATCH, 4 * CHANNELS, EXTENT // 2, EXTENT // 2)
PAIRS = Window((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0)))
STEM = Window((3, 3), (2, 2), (1, 1), ((1, 1), (1, 1)))
TAPS, INDICES, AT = ("uint8", HALVED, 4), ("int64", HALVED, 4), ("int64", PLANES, EXTENT**2)
MEANS = {"maps": window_means(PAIRS, (EXTENT, EXTENT), (EXTENT // 2, EXTENT // 2), True)}
REPEATED = {"maps": (nearest(EXTENT // 2, EXTENT, Fraction(1, 2)),) * 2}
BILINEAR = {"maps": (linear(EXTENT // 2, EXTENT, Fraction(1, 2)),) * 2}

CASES = {
    "max_pool": Case(max_pool.forward, {"x": IMAGES, "y": HALVED, "taps": TAPS}, IMAGE_SIZE, {"window": PAIRS}),
    "max_pool_predict": Case(max_pool.predict, {"x": IMAGES, "y": HALVED}, IMAGE_SIZE, {"window": PAIRS}),
    "max_pool_backward": Case(
        max_pool.backward, {"dy": HALVED, "taps": TAPS, "dx": IMAGES}, IMAGE_SIZE, {"window": PAIRS}
    ),
    "max_pool_overlapping": Case(
        max_pool.forward, {"x": IMAGES, "y": HALVED, "taps": TAPS}, 9 * IMAGE_SIZE // 4, {"window": STEM}
    ),
    "max_pool_indices": Case(
        max_pool.forward_indices,
        {"x": IMAGES, "y": HALVED, "taps": TAPS, "indices": INDICES},
        IMAGE_SIZE,
        {"window": PAIRS},
    ),
    "average_pool": Case(resample.forward, {"x": IMAGES, "y": HALVED}, 2 * IMAGE_SIZE, MEANS),
    "average_pool_backward": Case(resample.backward, {"dy": HALVED, "dx": IMAGES}, IMAGE_SIZE, MEANS),
    "upsample_nearest": Case(resample.forward, {"x": HALVED, "y": IMAGES}, IMAGE_SIZE, REPEATED),
    "upsample_bilinear": Case(resample.forward, {"x": HALVED, "y": IMAGES}, 8 * IMAGE_SIZE, BILINEAR),
    "upsample_bilinear_backward": Case(resample.backward, {"dy": IMAGES, "dx": HALVED}, 8 * IMAGE_SIZE, BILINEAR),
    "global_mean": Case(global_pool.mean, {"x": IMAGES, "y": PLANES}, IMAGE_SIZE),
    "global_mean_backward": Case(global_pool.mean_backward, {"dy": PLANES, "dx": IMAGES}, IMAGE_SIZE),
    "global_largest": Case(global_pool.largest, {"x": IMAGES, "y": PLANES, "places": AT}, IMAGE_SIZE),
    "global_largest_predict": Case(global_pool.predict_largest, {"x": IMAGES, "y": PLANES}, IMAGE_SIZE),
    "global_largest_backward": Case(global_pool.largest_backward, {"dy": PLANES, "places": AT, "dx": IMAGES}, 0),
    "pixel_shuffle": Case(pixel_shuffle.shuffle, {"x": QUARTERS, "y": IMAGES}, 0, {"factor": 2}),
    "pixel_shuffle_backward": Case(pixel_shuffle.shuffle_backward, {"dy": IMAGES, "dx": QUARTERS}, 0, {"factor": 2}),
    "pixel_unshuffle": Case(pixel_shuffle.unshuffle, {"x": IMAGES, "y": QUARTERS}, 0, {"factor": 2}),
    "pixel_unshuffle_backward": Case(
        pixel_shuffle.unshuffle_backward, {"dy": QUARTERS, "dx": IMAGES}, 0, {"factor": 2}
    ),
}
