"""Products of a GPU in every way that kernels/matmul.cu has, with everything that may follow, against NumPy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from checks import check_close, check_parity, is_float, sum_dtype
from ops.product_cases import CASES

from fusegrad.backend import random
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.expr.activations import gelu, identity, relu
from fusegrad.ops import bias_activation, matmul
from fusegrad.ops.gemm import Activated, Drop, Sloped, arithmetic, bind_product, choice, simt
from fusegrad.ops.gemm.product import LONGEST, products

SEED, STEP, NODE, RATE = np.asarray(2**40 + 7, "uint64"), np.asarray(12, "uint64"), 5, 0.25
WAYS = "tiles of 64", "tiles of 128", "parts of"
EVEN = {"tiles of 64": (65, 9, 68), "tiles of 128": (129, 9, 132), "parts of": (17, 300, 36)}  # rows, inner, columns
UNEVEN = {"tiles of 64": (66, 20, 67), "tiles of 128": (130, 9, 133), "parts of": (9, 270, 35)}
FORWARD = {
    "bias-h": (gelu, ("bias", "h")),
    "bias-residual": (relu, ("bias", "residual")),
    "bias-drop": (relu, ("bias", "drop")),
    "h-drop-residual": (gelu, ("h", "drop", "residual")),
    "drop": (None, ("drop",)),
    "residual": (None, ("residual",)),
}


@pytest.fixture(scope="module")
def backend():
    backend = EmulatedBackend("check")
    with backend.using_stream():
        yield backend


def drawn(sizes: tuple[int, ...], dtype: str = "float32", y_dtype: str = "") -> dict[str, np.ndarray]:
    """Arrays for a product of (stack, …, rows, inner, columns) and for all that may follow, outputs filled, too."""
    *stack, rows, inner, columns = sizes
    y = (*stack, rows, columns)
    shapes = {"a": (*stack, rows, inner), "b": (inner, columns), "bias": (columns,), "sums": (columns,)}
    generator = np.random.default_rng(0)
    arrays = {}
    for name in ("a", "b", "bias", "sums", "y", "h", "residual", "saved"):
        own = dtype if name in shapes else y_dtype or dtype
        arrays[name] = generator.uniform(-2, 2, shapes.get(name, y)).astype(own)
    return arrays | {"mask": np.zeros(y, "uint8"), "seed": SEED, "step": STEP}


def widened(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.astype("float64") if is_float(array.dtype) else array for name, array in arrays.items()}


def after_forward(function: Any, parts: tuple[str, ...], arrays: dict[str, Any]) -> Activated:
    named = {name: arrays[name] for name in ("bias", "h", "residual") if name in parts}
    drop = Drop(arrays["mask"], arrays["seed"], arrays["step"], NODE, RATE) if "drop" in parts else None
    return Activated(function, drop=drop, **named)


def forward(given: dict[str, np.ndarray], function: Any, parts: tuple[str, ...], add: bool) -> dict[str, np.ndarray]:
    """What is to be in the arrays that are written, from float64 ones."""
    h = given["a"] @ given["b"] + (given["bias"] if "bias" in parts else 0)
    y, written = (function or identity)(h), {"h": h} if "h" in parts else {}
    if "drop" in parts:
        written["mask"] = np.empty_like(given["mask"])
        random.keep(written["mask"], SEED, STEP, NODE, RATE)
        y = y * written["mask"] / (1 - RATE)
    return written | {"y": y + (given["residual"] if "residual" in parts else 0) + (given["y"] if add else 0)}


def backward(given: dict[str, np.ndarray], function: Any, add: bool, add_sums: bool) -> dict[str, np.ndarray]:
    slopes = {None: 1, "y": given["saved"] > 0, "h": function.derivative()(given["saved"])}
    y = given["a"] @ given["b"] * slopes[bias_activation.keeps(function)] + (given["y"] if add else 0)
    return {"y": y, "sums": y.reshape(-1, y.shape[-1]).sum(0) + (given["sums"] if add_sums else 0)}


def check(backend: EmulatedBackend, arrays: dict[str, Any], expected: dict[str, np.ndarray], dtype: str) -> None:
    """With an input among what is expected, it must be as it was."""
    rows, inner = arrays["y"].size // arrays["y"].shape[-1], arrays["a"].shape[-1]
    for name, wanted in expected.items():
        length = inner * rows if name == "sums" else inner
        check_close(name, backend.to_numpy(arrays[name]), wanted, dtype, length)


def run(arrays: dict[str, Any], after: Any, add: bool, way: str) -> None:
    """The product in one way of those that the kernels have."""
    (product,) = products(arrays["a"], arrays["b"], arrays["y"], add, after)
    (bind,) = [bind for name, bind in simt.candidates(product) if name.startswith(way)]
    bind()()


def on(backend: EmulatedBackend, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: backend.asarray(array) for name, array in arrays.items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", FORWARD)
def test_what_follows_a_forward_product(backend, what, way):
    function, parts = FORWARD[what]
    for sizes, add in ((EVEN[way], False), (UNEVEN[way], True)):
        given = drawn(sizes)
        arrays = on(backend, given)
        run(arrays, after_forward(function, parts, arrays), add, way)
        check(backend, arrays, widened(given) | forward(widened(given), function, parts, add), "float32")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", [gelu, relu, identity], ids=str)
def test_what_follows_a_backward_product(backend, function, way):
    for sizes, add in ((EVEN[way], False), (UNEVEN[way], True)):
        given = drawn(sizes)
        arrays = on(backend, given)
        saved = arrays["saved"] if bias_activation.keeps(function) else None
        run(arrays, Sloped(function, saved, arrays["sums"], add_sums=add), add, way)
        check(backend, arrays, widened(given) | backward(widened(given), function, add, add), "float32")


@pytest.mark.parametrize(
    ("dtype", "y_dtype"), [("float64", ""), ("float16", ""), ("float16", "float32"), ("bfloat16", "float32")]
)
@pytest.mark.parametrize("way", WAYS)
def test_other_precisions(dtype, y_dtype, way):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")
    backend, (function, parts) = EmulatedBackend("fast"), FORWARD["h-drop-residual"]
    with backend.using_stream():
        given = drawn(EVEN[way], dtype, y_dtype)
        arrays = on(backend, given)
        run(arrays, after_forward(function, parts, arrays), True, way)
        check(backend, arrays, widened(given) | forward(widened(given), function, parts, True), dtype)
        arrays = on(backend, given) | {"sums": backend.zeros(EVEN[way][2], sum_dtype(dtype))}
        run(arrays, Sloped(gelu, arrays["saved"], arrays["sums"]), False, way)
        check(backend, arrays, backward(widened(given), gelu, False, False), dtype)


@pytest.mark.parametrize("add", [False, True])
def test_numpy_multiplies_half_types_in_float32_for_a_result_of_float32(add):
    given = drawn((9, 300, 7), "float16", "float32")
    expected = widened(given)
    matmul.reference(given["a"], given["b"], given["y"], add)
    check_close("y", given["y"], expected["a"] @ expected["b"] + add * expected["y"], "float32", 300)


MIXED = [
    (op, case)
    for op, cases in CASES.items()
    for case in cases
    if case.label.endswith("-mixed") and "backward" not in op.__qualname__  # which goes through arrays of half types
]


@pytest.mark.parametrize("evaluator", ["numpy", "numba"])
def test_a_cpu_computes_float32_results_of_half_types(evaluator):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    assert len(MIXED) > 5
    for op, case in MIXED:
        check_parity(partial(op.at_once, evaluator), op, case, "float16")


@pytest.mark.parametrize("stack", [(3,), (2, 3)])
def test_dropout_and_sums_count_through_a_stack(backend, stack):
    given = drawn((*stack, 5, 7, 9))
    arrays = on(backend, given)
    function, parts = FORWARD["bias-drop"]
    bind_product(arrays["a"], arrays["b"], arrays["y"], after=after_forward(function, parts, arrays))()
    check(backend, arrays, widened(given) | forward(widened(given), function, parts, False), "float32")
    sloped = Sloped(gelu, arrays["saved"], arrays["sums"])
    bind_product(arrays["a"], arrays["b"], arrays["y"], after=sloped)()
    check(backend, arrays, backward(widened(given), gelu, False, False), "float32")


VIEWS = {
    "columns-of-a-wider-one": lambda make: make((33, 40))[:, 3:39],
    "every-other-column": lambda make: make((33, 72))[:, ::2],
    "transposed": lambda make: make((36, 33)).T,
    "of-a-stack-of-three-axes": lambda make: make((2, 2, 3, 4, 40))[:, :, :2, :3, :36],
}


@pytest.mark.parametrize("view", VIEWS)
def test_y_and_what_lies_like_it_may_be_views(backend, view):
    wholes = {}

    def seen(name: str) -> Any:
        return VIEWS[view](lambda shape: wholes.setdefault(name, backend.asarray(np.ones(shape, "float32"))))

    like_y = {name: seen(name) for name in ("y", "h", "residual")}
    *stack, rows, columns = like_y["y"].shape
    given = drawn((*stack, rows, 20, columns))
    arrays = on(backend, given) | like_y
    bind_product(arrays["a"], arrays["b"], arrays["y"], after=Activated(gelu, arrays["bias"], arrays["h"]))()
    expected = widened(given)
    h = expected["a"] @ expected["b"] + expected["bias"]
    check(backend, arrays, {"h": h, "y": gelu(h)}, "float32")
    more = Activated(gelu, residual=arrays["residual"])
    bind_product(arrays["a"], arrays["b"], arrays["y"], add=True, after=more)()
    check(backend, arrays, {"y": gelu(h) + gelu(expected["a"] @ expected["b"]) + 1}, "float32")
    written = sum(int((backend.to_numpy(wholes[name]) != 1).sum()) for name in ("y", "h"))
    assert written <= 2 * like_y["y"].size  # and nothing beside the views


REFUSED = {
    "a bias of float32": lambda x: Activated(bias=x["sums"][:8]),
    "h like y": lambda x: Activated(h=x["h"][::2]),
    "residual like y": lambda x: Activated(residual=x["residual"].T),
    "saved like y": lambda x: Sloped(gelu, saved=x["bias"]),
    "sums of float32": lambda x: Sloped(gelu, x["saved"], x["mask"][0]),
    "a contiguous mask of uint8": lambda x: Activated(drop=Drop(x["y"], 1, 2, 3, 0.5)),
    "h, from which the slope of gelu comes": lambda x: Sloped(gelu, sums=x["sums"]),
    "y, from which the slope of relu comes": lambda x: Sloped(relu),
    "h apart from y": lambda x: Activated(gelu, h=x["y"]),
    "h apart from residual": lambda x: Activated(gelu, h=x["h"], residual=x["h"]),
    "saved apart from y": lambda x: Sloped(gelu, x["y"]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_arrays_that_do_not_fit_are_refused(backend, message):
    arrays = on(backend, drawn((9, 4, 9)))
    with pytest.raises(ValueError, match=f"expects {message}"):
        bind_product(arrays["a"], arrays["b"], arrays["y"], after=REFUSED[message](arrays))


@pytest.mark.parametrize(
    ("dtypes", "message"),
    [
        (("float32", "float32", "float16"), "y of float32, got"),
        (("float16", "float16", "float64"), "y of float16 or float32, got"),
        (("float16", "float32", "float32"), "factors of one dtype"),
        (("int32", "int32", "int32"), "floating-point factors"),
    ],
)
def test_dtypes_that_do_not_fit_are_refused(backend, dtypes, message):
    a, b, y = (backend.zeros((4, 4), dtype) for dtype in dtypes)
    with pytest.raises(ValueError, match=message):
        bind_product(a, b, y)


def test_vectors_are_refused(backend):
    matrix, vector = backend.zeros((4, 4), "float32"), backend.zeros((4,), "float32")
    with pytest.raises(ValueError, match=r"got \(4, 4\) \(4,\) = \(4,\)"):
        bind_product(matrix, vector, vector)


def test_arrays_without_elements_may_begin_anywhere(backend):
    a, y = backend.zeros((0, 4), "float32"), backend.zeros((0, 4), "float32")
    bind_product(a, backend.zeros((4, 4), "float32"), y, after=Activated(gelu, h=y, residual=y))()


def test_sums_through_a_stack_that_two_axes_cannot_walk_are_refused(backend):
    a, y = backend.zeros((2, 3, 4, 5, 6), "float32"), backend.zeros((4, 6, 8, 5, 8), "float32")[::2, ::2, ::2]
    with pytest.raises(ValueError, match="expects a stack that two axes can walk"):
        bind_product(a, a[0, 0, 0].T[:, :5] @ y[0, 0, 0], y, after=Sloped(identity, sums=y[0, 0, 0, 0]))


def test_sides_are_limited(backend):
    lines = backend.xp.lib.stride_tricks.as_strided(backend.zeros((1,), "float32"), (LONGEST + 1, 1), (0, 4))
    with pytest.raises(ValueError, match="expects sides of up to"):
        bind_product(lines, lines[:1], lines)


def test_the_arithmetic_is_that_of_where_a_product_is_bound(backend):
    arrays = on(backend, drawn((9, 4, 9)))
    halves = on(backend, drawn((9, 4, 9), "float16"))

    def found(x: dict[str, Any]) -> str:
        return next(products(x["a"], x["b"], x["y"], False, Activated())).arithmetic

    assert found(arrays) == "exact"
    with arithmetic.using("tf32"):
        assert (found(arrays), found(halves)) == ("tf32", "exact")
    assert found(arrays) == "exact"
    with pytest.raises(ValueError, match="arithmetic of exact, tf32, got 'fast'"), arithmetic.using("fast"):
        pass


def test_the_first_provider_that_can_is_taken(backend, monkeypatch):
    arrays = on(backend, drawn((9, 4, 9)))
    seen = []
    monkeypatch.setattr(choice, "PROVIDERS", (lambda product: seen.append(product.sizes), lambda product: seen.clear))
    bind_product(arrays["a"], arrays["b"], arrays["y"])()
    assert seen == []
    monkeypatch.setattr(choice, "PROVIDERS", (lambda product: seen.append(product.sizes), simt.bind))
    bind_product(arrays["a"], arrays["b"], arrays["y"])()
    assert seen == [(9, 4, 9)]
