"""Convolutions on the emulated GPU against NumPy in float64: tensor cores, every tile, and all that may follow sums.

The cases of all ops, in convolution_cases.py, run on whatever is chosen for them; here the ways are chosen by name.
"""

from __future__ import annotations

import numpy as np
import pytest
from checks import check_close
from ops.convolution_cases import window

from cuda_on_cpu import StandIn
from cuda_on_cpu.stand_in.stand_in import ORDERS
from fusegrad.backend.cuda import CudaBackend
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.expr.activations import gelu, identity, relu
from fusegrad.ops import convolution
from fusegrad.ops.convolution.on_gpu import kernels, tensor_tiles, tiles
from fusegrad.ops.convolution.on_gpu.sweep import divisor, of_gradient
from fusegrad.ops.gemm import Activated, Drop, Sloped, arithmetic
from fusegrad.ops.gemm.tensor import LARGE, SMALL

pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")

DENSE = window((3, 3), padding=1)  # over images of 8 x 8, so that groups of places are whole
STRIDED = window((3, 2), (2, 3), 1, (1, 2))
OPTIONS = {"groups": 2}


@pytest.fixture(scope="module")
def device() -> EmulatedBackend:
    return EmulatedBackend("check")


def drawn(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Numbers that tensor cores do not round: of few bits."""
    return (np.random.default_rng(seed).integers(-64, 65, shape) / 32).astype(np.dtype(dtype))


class Made:
    """Arrays of a convolution of two groups of `channels`, and of what may follow it."""

    def __init__(self, device, dtype: str, of=DENSE, channels=(10, 12), extents=(8, 8), y_dtype: str | None = None):
        self.device, self.window, self.dtype, self.y_dtype = device, of, dtype, y_dtype or dtype
        inner, rows = channels
        self.wide, self.narrow = (2, 2 * inner, *extents), (2, 2 * rows, *of.outputs(extents))
        self.host = {
            "x": drawn(self.wide, dtype, 1),
            "weight": drawn((2 * rows, inner, *of.kernel), dtype, 2),
            "dy": drawn(self.narrow, dtype, 3),
        }
        self.terms = max(inner, rows) * of.size

    def on_device(self, *names: str):
        return [self.device.asarray(self.host[name]) for name in names]

    def in_float64(self, *names: str):
        return [self.host[name].astype("float64") for name in names]

    def like(self, shape, seed: int, dtype: str | None = None):
        host = drawn(shape, dtype or self.y_dtype, seed)
        return self.device.asarray(host), host.astype("float64")

    def correlation(self) -> np.ndarray:
        expected = np.empty(self.narrow)
        convolution.correlate(*self.in_float64("x", "weight"), expected, window=self.window, **OPTIONS)
        return expected

    def input_gradient(self) -> np.ndarray:
        expected = np.empty(self.wide)
        convolution.spread(*self.in_float64("dy", "weight"), expected, window=self.window, **OPTIONS)
        return expected

    def weight_gradient(self) -> np.ndarray:
        expected = np.empty(self.host["weight"].shape)
        convolution.weigh(*self.in_float64("dy", "x"), expected, window=self.window, **OPTIONS)
        return expected

    def run(self, launch, *arrays, **options) -> None:
        with self.device.using_stream(), arithmetic.using("tf32"):
            launch(*arrays, window=self.window, **OPTIONS, **options)()

    def check(self, name: str, actual, expected, terms: int | None = None) -> None:
        check_close(name, self.device.to_numpy(actual), expected, str(actual.dtype), terms or self.terms)


@pytest.mark.parametrize(("dtype", "of"), [("float16", DENSE), ("bfloat16", STRIDED), ("float32", STRIDED)])
def test_tensor_cores_compute_all_three_products(device, dtype, of):
    made = Made(device, dtype, of)
    x, weight, dy = made.on_device("x", "weight", "dy")
    y, dx = (device.empty(shape, "float32") for shape in (made.narrow, made.wide))
    dweight = device.empty(weight.shape, "float32")
    before = device.xp.counters.launches
    made.run(kernels.correlation, x, weight, y)
    made.run(kernels.input_gradient, dy, weight, dx)
    made.run(kernels.weight_gradient, dy, x, dweight)
    assert device.xp.counters.launches == before + 6  # two turn weights, and one adds parts
    made.check("y", y, made.correlation())
    made.check("dx", dx, made.input_gradient())
    made.check("dweight", dweight, made.weight_gradient(), y.size)


TILES = [(tensor_tiles, SMALL, "bfloat16"), (tensor_tiles, LARGE, "float16"), (tensor_tiles, LARGE, "float32")]
TILES += [(tiles, tiles.SMALL, "float16"), (tiles, tiles.LARGE, "float32")]


@pytest.mark.parametrize(("provider", "tile", "dtype"), TILES)
def test_every_tile_has_its_part_of_rows_and_places(device, monkeypatch, provider, tile, dtype):
    monkeypatch.setattr(kernels, "bind", lambda of: provider.bind(of, tile))
    made = Made(device, dtype, channels=(3, 130), y_dtype="float32")
    x, weight = made.on_device("x", "weight")
    y, before = made.like(made.narrow, 4)
    made.run(kernels.correlation, x, weight, y, add=True)
    made.check("y", y, made.correlation() + before)


FOLLOWED = [("float16", "float16", DENSE), ("bfloat16", "float32", STRIDED)]


@pytest.mark.parametrize(("dtype", "y_dtype", "of"), FOLLOWED)
def test_bias_and_gelu_with_h_kept_a_residual_and_an_addend(device, dtype, y_dtype, of):
    made = Made(device, dtype, of, y_dtype=y_dtype)
    (y, before), (h, _), (residual, of_residual) = (made.like(made.narrow, seed) for seed in (4, 5, 6))
    bias, of_bias = made.like(made.narrow[1:2], 7, dtype)
    after = Activated(gelu, bias, h, residual)
    made.run(kernels.correlation, *made.on_device("x", "weight"), y, add=True, after=after)
    expected = made.correlation() + of_bias[:, None, None]
    made.check("h", h, expected)
    made.check("y", y, gelu(expected) + of_residual + before)


@pytest.mark.parametrize(("dtype", "y_dtype", "of"), FOLLOWED)
def test_slopes_of_what_is_below(device, dtype, y_dtype, of):
    made = Made(device, dtype, of, y_dtype=y_dtype)
    (dx, _), (saved, of_saved) = (made.like(made.wide, seed) for seed in (4, 5))
    made.run(kernels.input_gradient, *made.on_device("dy", "weight"), dx, after=Sloped(gelu, saved))
    made.check("dx", dx, made.input_gradient() * gelu.derivative()(of_saved))


def test_halves_on_devices_without_such_instructions():
    device = CudaBackend(StandIn(mode="check", architecture="75"))
    made = Made(device, "float16")
    x, weight, dy = made.on_device("x", "weight", "dy")
    y, dx = (device.empty(shape, "float32") for shape in (made.narrow, made.wide))
    dweight = device.empty(weight.shape, "float16")
    made.run(kernels.correlation, x, weight, y)
    made.run(kernels.input_gradient, dy, weight, dx)
    made.run(kernels.weight_gradient, dy, x, dweight)
    made.check("y", y, made.correlation())
    made.check("dx", dx, made.input_gradient())
    made.check("dweight", dweight, made.weight_gradient(), y.size)


def test_numbers_that_are_not_finite_reach_only_what_sees_them(device):
    made = Made(device, "float16")
    made.host["x"][1, 3, 7, 0] = np.nan
    x, weight = made.on_device("x", "weight")
    y = device.empty(made.narrow, "float16")
    made.run(kernels.correlation, x, weight, y)
    expected = np.ones(made.narrow, bool)
    expected[1, :12, 6:8, 0:2] = False
    np.testing.assert_array_equal(np.isfinite(device.to_numpy(y)), expected)


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_phases_have_every_tap_once(device, dilation):
    """What stays NaN in dx, where dy is NaN, is what the reference has there."""
    of = window((4, 5), (2, 3), 2, dilation)
    made = Made(device, "float16", of, extents=(13, 17))
    made.host["dy"][1, 2, 1, 2] = np.nan
    dx = device.empty(made.wide, "float16")
    made.run(kernels.input_gradient, *made.on_device("dy", "weight"), dx)
    np.testing.assert_array_equal(np.isnan(device.to_numpy(dx)), np.isnan(made.input_gradient()))


def test_no_phase_sums_more_taps_than_some_element_has(device):
    dy, dx = device.empty((1, 2, 5, 5), "float32"), device.empty((1, 2, 10, 10), "float32")
    sweep = of_gradient(dy, dx, window((2, 2), 2), 1)
    assert (len(sweep.phases), sweep.taps, sweep.places) == (4, 1, 25)


def test_phases_are_no_more_than_elements_along_an_axis(device):
    dy, dx = device.empty((1, 2, 1), "float32"), device.empty((1, 2, 6), "float32")
    sweep = of_gradient(dy, dx, window((1 << 20,), 1 << 20, padding=1 << 19), 1)
    assert (len(sweep.phases), sweep.taps, sweep.places) == (6, 1, 1)


@pytest.mark.parametrize("channels", [2, 12], ids=["threads", "tiles"])
def test_phases_may_be_more_than_a_grid_has_lines_of_blocks(device, channels):
    """They are bound only: to run so many blocks takes too long here."""
    dy, dx = (device.empty((1, channels, extent), "float32") for extent in (1, 70_000))
    weight = device.empty((channels, channels, 1), "float32")
    with device.using_stream():
        kernels.input_gradient(dy, weight, dx, window=window((1,), 70_000), groups=1)


@pytest.mark.parametrize("by", [1, 2, 3, 5, 7, 8, 9, 49, 196, 1000, 2**16 + 1, 2**30 + 1, 2**31 - 1])
def test_division_by_multiplication_is_exact(by):
    number, factor, shift = divisor(by)
    near = np.arange(-2, 3)[:, None] + by * np.linspace(0, (2**31 - 1) // by, 50).astype("int64")
    values = near[(near >= 0) & (near < 2**31)].astype("uint64")
    found = values if number == 1 else (values * np.uint64(factor)) >> np.uint64(32 + shift)
    np.testing.assert_array_equal(found, values // np.uint64(by))


def test_every_order_of_threads_gives_the_same_bits():
    """On tensor cores; the cases of ops are compared in float32."""
    dtype, device = "float16", EmulatedBackend("fast", orders=ORDERS)  # runs every kernel in each order, and compares
    made = Made(device, dtype, STRIDED)
    x, weight, dy = made.on_device("x", "weight", "dy")
    made.run(kernels.correlation, x, weight, device.empty(made.narrow, dtype), after=Activated(relu))
    made.run(kernels.input_gradient, dy, weight, device.empty(made.wide, dtype))
    made.run(kernels.weight_gradient, dy, x, device.empty(weight.shape, "float32"))


class Huge:
    shape = (1, 2, 2**15, 2**15)

    def __len__(self) -> int:
        return 1


def test_what_does_not_fit_is_refused_and_what_fits_is_not(device):
    made = Made(device, "float16")
    x, weight = made.on_device("x", "weight")
    y, mask = device.empty(made.narrow, "float16"), device.empty(made.narrow, "uint8")
    drop = Drop(mask, 1, 2, 3, 0.5)
    refused = {
        "expects bias of the shape": Activated(bias=device.empty((5,), "float16")),
        "expects h of the shape": Activated(h=x),
        "neither dropout nor sums": Activated(drop=drop),
        "what the slope of gelu comes from": Sloped(gelu),
    }
    for message, after in refused.items():
        with pytest.raises(ValueError, match=message):
            made.run(kernels.correlation, x, weight, y, after=after)
    with pytest.raises(ValueError, match="up to 2147483392 elements"):
        of_gradient(Huge(), Huge(), window((1, 1)), 1)
    made.run(kernels.correlation, x, weight, y, after=Sloped(identity))
    made.check("y", y, made.correlation())
