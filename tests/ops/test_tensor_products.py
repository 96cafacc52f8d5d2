"""Products on tensor cores against NumPy in float64: layouts, tiles, parts, views, stacks, and all that follows sums.

Most of it runs under the checker.  Tiles are bound by name, since whoever chooses takes large ones for large products.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import cycle, product

import numpy as np
import pytest
from checks import check_close

from cuda_on_cpu import KernelError, StandIn
from cuda_on_cpu.stand_in.stand_in import ORDERS
from fusegrad.backend import sources
from fusegrad.backend.cuda import CudaBackend
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.expr.activations import gelu, identity, relu
from fusegrad.ops import dropout
from fusegrad.ops.gemm import Activated, Drop, Sloped, arithmetic, tensor
from fusegrad.ops.gemm.after import After
from fusegrad.ops.gemm.product import Product, products
from fusegrad.ops.gemm.tensor import LARGE, LARGEST, SMALL, Tile

pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")

DTYPES = "float16", "bfloat16", "float32"
LAYOUTS = list(product((True, False), repeat=2))  # for a and b, whether neighbours along the inner axis are adjacent
WHOLE = 2**30  # a length of parts that is more than any inner axis
COORDINATES = {"seed": 5, "step": 6, "node": 7}

# What a view takes of rows that were made longer: they are aligned, begin elsewhere, have odd distances, skip elements.
VIEWS = {
    "aligned": (0, lambda n: slice(n)),
    "shifted": (16, lambda n: slice(1, n + 1)),
    "odd": (3, lambda n: slice(n)),
    "skipping": (0.5, lambda n: slice(0, 2 * n, 2)),
}


@pytest.fixture(scope="module")
def device() -> EmulatedBackend:
    return EmulatedBackend("check")


def drawn(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-2, 2, shape).astype(np.dtype(dtype))


def tf32(x: np.ndarray) -> np.ndarray:
    """The nearest numbers of 10 bits of mantissa, ties away from zero."""
    return ((x.view("uint32") + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view("float32")


def factor(device, shape, dtype: str, seed: int, adjacent: bool = True, view: str = "aligned"):
    """A matrix, or a stack of them, on the device, and what tensor cores see of it in float64.

    Of the last two axes, the second has adjacent elements if `adjacent`, else the first.
    """
    *stack, first, second = shape
    height, width = (first, second) if adjacent else (second, first)
    more, kept = VIEWS[view]
    longer = width + int(more * 2 * width if more < 1 else more)
    host = drawn((*stack, height, longer + -longer % 16 * (view == "aligned")), dtype, seed)
    matrix, seen = (
        array[..., kept(width)] for array in (device.asarray(host), tf32(host) if dtype == "float32" else host)
    )
    if not adjacent:
        matrix, seen = matrix.swapaxes(-1, -2), seen.swapaxes(-1, -2)
    return matrix, seen.astype("float64")


def run(
    device, a, b, y, tile: Tile | None = None, length: int = WHOLE, *, add: bool = False, after: After | None = None
):
    """Bind by a tile, or as `tensor.bind` chooses, and launch."""
    with device.using_stream():
        for bound in bind(a, b, y, tile, length, add, after):
            bound()


def bind(a, b, y, tile, length, add, after) -> Iterator:
    for of in made(a, b, y, add, after):
        yield tensor.bind_tiles(of, tile, length) if tile else tensor.bind(of)


def made(a, b, y, add: bool = False, after: After | None = None) -> list[Product]:
    with arithmetic.using("tf32"):
        return list(products(a, b, y, add, after or Activated()))


def check(name: str, device, actual, expected, inner: int) -> None:
    """By the rule of `check_close`: sums are of float32, and results of the array's own dtype."""
    check_close(name, device.to_numpy(actual), expected, str(actual.dtype), inner)


SHAPES = {SMALL: [(65, 33, 63), (1, 200, 64)], LARGE: [(129, 70, 127), (128, 31, 130)], LARGEST: [(127, 65, 257)]}
PLAIN = [
    pytest.param(dtype, layout, tile, shape, id=f"{dtype}-{layout}-{tile}")
    for (dtype, layout), (tile, shape) in zip(
        product(DTYPES, LAYOUTS), cycle([(tile, shape) for tile in SHAPES for shape in SHAPES[tile]]), strict=False
    )
]


@pytest.mark.parametrize(("dtype", "layout", "tile", "shape"), PLAIN)
def test_sums_of_any_layout_are_those_of_float64(device, dtype, layout, tile, shape):
    rows, inner, columns = shape
    a, of_a = factor(device, (rows, inner), dtype, 1, layout[0])
    b, of_b = factor(device, (inner, columns), dtype, 2, not layout[1])
    y = device.empty((rows, columns), "float32")
    run(device, a, b, y, tile)
    check("y", device, y, of_a @ of_b, inner)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (5, 7, 3), (2, 300, 1), (31, 1, 32), (64, 32, 64), (66, 129, 65), (0, 4, 5)]
)
def test_any_shape_will_do(device, shape):
    rows, inner, columns = shape
    a, of_a = factor(device, (rows, inner), "float16", 1)
    b, of_b = factor(device, (inner, columns), "float16", 2, False)
    y = device.empty((rows, columns), "float16")
    run(device, a, b, y)
    check("y", device, y, of_a @ of_b, inner)


@pytest.mark.parametrize(("view_of_a", "view_of_b"), [("shifted", "odd"), ("odd", "skipping"), ("skipping", "aligned")])
@pytest.mark.parametrize(("dtype", "layout"), list(zip(DTYPES, LAYOUTS[1:], strict=True)))
def test_views_that_cannot_be_copied_as_a_whole(device, dtype, layout, view_of_a, view_of_b):
    a, of_a = factor(device, (35, 75), dtype, 1, layout[0], view_of_a)
    b, of_b = factor(device, (75, 67), dtype, 2, not layout[1], view_of_b)
    y = device.empty((35, 67), "float32")
    run(device, a, b, y, SMALL)
    check("y", device, y, of_a @ of_b, 75)


@pytest.mark.parametrize(("of_a", "of_b"), [((3, 2), (3, 2)), ((3, 1), (2,)), ((), (3, 2)), ((2, 1, 3), (1, 4, 1))])
def test_stacks_and_their_broadcasts(device, of_a, of_b):
    a, a_seen = factor(device, (*of_a, 9, 40), "bfloat16", 1)
    b, b_seen = factor(device, (*of_b, 40, 17), "bfloat16", 2)
    expected = a_seen @ b_seen
    y = device.empty(expected.shape, "float32")
    run(device, a, b, y)
    check("y", device, y, expected, 40)


@pytest.mark.parametrize(
    ("dtype", "tile", "length"), [("float16", SMALL, 64), ("bfloat16", LARGE, 96), ("float32", SMALL, 48)]
)
def test_parts_of_the_inner_axis_have_the_same_sum(device, dtype, tile, length):
    a, of_a = factor(device, (2, 33, 250), dtype, 1)
    b, of_b = factor(device, (250, 18), dtype, 2, False)
    bias, y = device.asarray(drawn((18,), dtype, 3)), device.empty((2, 33, 18), "float32")
    run(device, a, b, y, tile, length, after=Activated(relu, bias))
    check("y", device, y, np.maximum(of_a @ of_b + device.to_numpy(bias).astype("float64"), 0), 250)


# What follows the sums, for each the dtypes of factors and results, and a tile.
AFTERWARDS = [
    ("float16", "float16", SMALL),
    ("bfloat16", "float32", LARGE),
    ("float32", "float32", LARGEST),
    ("bfloat16", "bfloat16", LARGEST),
    ("float16", "float32", SMALL),
]


def operands(device, dtype: str, y_dtype: str, *, shape=(70, 41, 72), seed: int = 0):
    """a, b, y with numbers in it, a maker of arrays like y, and the sums in float64."""
    rows, inner, columns = shape
    a, of_a = factor(device, (rows, inner), dtype, seed + 1)
    b, of_b = factor(device, (inner, columns), dtype, seed + 2, False)

    def like_y(number: int):
        host = drawn((rows, columns), y_dtype, seed + number)
        return device.asarray(host), host.astype("float64")

    return a, b, like_y, of_a @ of_b, inner


@pytest.mark.parametrize(("dtype", "y_dtype", "tile"), AFTERWARDS)
def test_bias_and_relu_and_an_addend(device, dtype, y_dtype, tile):
    a, b, like_y, sums, inner = operands(device, dtype, y_dtype)
    y, before = like_y(3)
    bias = drawn((72,), dtype, 4)
    run(device, a, b, y, tile, add=True, after=Activated(relu, device.asarray(bias)))
    check("y", device, y, before + np.maximum(sums + bias.astype("float64"), 0), inner)


@pytest.mark.parametrize(("dtype", "y_dtype", "tile"), AFTERWARDS[::2])
@pytest.mark.parametrize("columns", [72, 67])
def test_bias_and_gelu_with_h_kept_and_a_residual(device, dtype, y_dtype, tile, columns):
    a, b, like_y, sums, inner = operands(device, dtype, y_dtype, shape=(70, 41, columns))
    (y, _), (h, _), (residual, of_residual) = like_y(3), like_y(4), like_y(5)
    bias = drawn((columns,), dtype, 6)
    run(device, a, b, y, tile, after=Activated(gelu, device.asarray(bias), h, residual))
    expected = sums + bias.astype("float64")
    check("h", device, h, expected, inner)
    check("y", device, y, gelu(expected) + of_residual, inner)


@pytest.mark.parametrize(("dtype", "y_dtype", "tile"), AFTERWARDS[:3])
@pytest.mark.parametrize("columns", [72, 33])
def test_dropout_is_that_of_the_op(device, dtype, y_dtype, tile, columns):
    a, b, like_y, sums, inner = operands(device, dtype, y_dtype, shape=(70, 41, columns))
    (y, _), (residual, of_residual) = like_y(3), like_y(4)
    mask = device.empty((70, columns), "uint8")
    run(device, a, b, y, tile, after=Activated(residual=residual, drop=Drop(mask, **COORDINATES, rate=0.3)))
    expected, of_mask = np.empty_like(sums), np.empty(sums.shape, "uint8")
    dropout.forward(sums, expected, of_mask, **COORDINATES, rate=0.3)
    np.testing.assert_array_equal(device.to_numpy(mask), of_mask)
    check("y", device, y, expected + of_residual, inner)


@pytest.mark.parametrize("add_sums", [False, True])
@pytest.mark.parametrize(("dtype", "y_dtype", "tile"), AFTERWARDS)
def test_slopes_with_sums_over_rows(device, dtype, y_dtype, tile, add_sums):
    a, b, like_y, sums, inner = operands(device, dtype, y_dtype, shape=(133, 41, 68))
    (y, _), (saved, of_saved) = like_y(3), like_y(4)
    before = drawn((68,), "float32", 5)
    column_sums = device.asarray(before)
    run(device, a, b, y, tile, after=Sloped(gelu, saved, column_sums, add_sums))
    expected = sums * gelu.derivative()(of_saved)
    check("y", device, y, expected, inner)
    check("sums", device, column_sums, expected.sum(0) + before * add_sums, inner * 133)


def test_slopes_from_y_and_slopes_that_are_the_same_everywhere(device):
    a, b, like_y, sums, inner = operands(device, "float16", "float16")
    (y, _), (saved, of_saved) = like_y(3), like_y(4)
    run(device, a, b, y, after=Sloped(relu, saved))
    check("y", device, y, sums * (of_saved > 0), inner)
    column_sums = device.empty((72,), "float16")
    run(device, a, b, y, SMALL, 32, after=Sloped(identity, None, column_sums))
    check("y", device, y, sums, inner)
    check("sums", device, column_sums, sums.sum(0), inner * 70)


def test_numbers_that_are_not_finite_stay_in_their_rows_and_columns(device):
    a, _ = factor(device, (40, 33), "float16", 1)
    b, _ = factor(device, (33, 40), "float16", 2)
    a[39, 32], b[32, 39] = np.inf, np.nan
    y = device.empty((40, 40), "float16")
    run(device, a, b, y)
    found = np.isfinite(device.to_numpy(y).astype("float32"))
    expected = np.ones((40, 40), bool)
    expected[39], expected[:, 39] = False, False
    np.testing.assert_array_equal(found, expected)


def test_every_candidate_computes_the_product_and_the_first_is_the_chosen_one():
    device = EmulatedBackend("fast")
    a, of_a = factor(device, (130, 1100), "bfloat16", 1)
    b, of_b = factor(device, (1100, 140), "bfloat16", 2)
    y = device.empty((130, 140), "float32")
    (of,) = made(a, b, y)
    ways = list(tensor.candidates(of))
    assert len({name for name, _ in ways}) == len(ways) >= 10
    assert ways[0][0] == "tiles of 64 x 64 in 4 stages, parts of 576"
    with device.using_stream():
        for name, way in ways:
            y.fill(np.nan)
            way()()
            check(name, device, y, of_a @ of_b, 1100)


@pytest.mark.parametrize(
    ("sizes", "matrices", "tile", "parts"),
    [
        ((64, 256, 64), 1, SMALL, 1),
        ((64, 8192, 64), 1, SMALL, 16),
        ((64, 8192, 64), 128, SMALL, 1),
        ((2048, 1024, 1024), 1, LARGE, 1),
        ((8192, 1024, 4096), 1, LARGEST, 1),
        ((100000, 64, 64), 1, SMALL, 1),
    ],
)
def test_the_chosen_tiles_are_the_largest_of_which_there_are_enough(sizes, matrices, tile, parts):
    memory = np.empty(1, "float16")
    strided = tensor.Strided(memory, (0, 0, 0, 0))
    of = Product(strided, strided, strided, (1, matrices), sizes, False, Activated(), "exact")
    chosen, length = tensor.chosen(of)
    assert (chosen, -(-sizes[1] // length)) == (tile, parts)


def test_exact_products_and_older_devices_are_for_others(device):
    for dtype, expected in {"float64": False, "float16": True}.items():
        a, y = device.empty((8, 8), dtype), device.empty((8, 8), dtype)
        (of,) = products(a, a, y, False, Activated())
        assert tensor.is_possible(of) == expected
    exact = device.empty((8, 8), "float32")
    assert [tensor.bind(of) for of in products(exact, exact, exact, False, Activated())] == [None]
    older = CudaBackend(StandIn(mode="fast", architecture="75")).empty((8, 8), "float16")
    assert [tensor.bind(of) for of in products(older, older, older, False, Activated())] == [None]
    assert [list(tensor.candidates(of)) for of in products(older, older, older, False, Activated())] == [[]]


@pytest.mark.parametrize(("dtype", "y_dtype", "tile"), [("float16", "float16", SMALL), ("float32", "float32", LARGE)])
def test_every_order_of_threads_gives_the_same_bits(dtype, y_dtype, tile):
    device = EmulatedBackend("fast", orders=ORDERS)  # runs every kernel in each order, and compares
    a, b, like_y, *_ = operands(device, dtype, y_dtype)
    (y, _), (saved, _) = like_y(3), like_y(4)
    run(device, a, b, y, tile, 32, after=Sloped(gelu, saved, device.empty((72,), "float32")))
    run(device, a, b, y, tile, after=Sloped(gelu, saved, device.empty((72,), "float32")))


@pytest.mark.parametrize("view", ["aligned", "odd"])
def test_a_panel_that_is_not_waited_for_is_reported(device, monkeypatch, tmp_path, view):
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    text = sources.file_text
    monkeypatch.setattr(sources, "file_text", partial(wait_too_little, text))
    a, _ = factor(device, (64, 200), "float16", 1, view=view)
    y = device.empty((64, 64), "float32")
    b, _ = factor(device, (200, 64), "float16", 2)
    with pytest.raises(KernelError, match=r"cp\.async"):
        run(device, a, b, y, SMALL)


def wait_too_little(text, file: str) -> str:
    return text(file).replace("wait_for_groups<STAGES - 2>()", "wait_for_groups<STAGES - 1>()")
