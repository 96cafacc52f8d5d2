"""Products by cuBLASLt on the emulated GPU, against float64, and which of them it does whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from checks import check_close, sum_dtype
from ops.library_bench import COLUMNS, INNER, ROWS, Backward, Bench, Forward, wide

from fusegrad.backend import resolve
from fusegrad.backend.availability import has_gpu
from fusegrad.expr.activations import gelu, gelu_tanh, identity, relu, tanh
from fusegrad.ops.bias_activation import keeps
from fusegrad.ops.gemm import Activated, Drop, Sloped, arithmetic, library

WHOLE, IN_TWO = "cuBLASLt", "cuBLASLt, then bias_activation.cu"
DTYPES = "float32", "float16", "bfloat16", "float64"


@dataclass(frozen=True)
class Way:
    """An architecture, and the name of what is to run there."""

    architecture: str
    name: str


WAYS = [Way("90", WHOLE), Way("90", IN_TWO), Way("80", IN_TWO)]


def ids(way: Way) -> str:
    return f"sm_{way.architecture} {way.name}"


FORWARDS = [
    Forward(function, biased, keep_h)
    for function, keep_h in [(None, False), (relu, False), (gelu_tanh, False), (gelu_tanh, True)]
    for biased in (False, True)
]
PLAIN = Forward(None, False, False)
FOLLOWED = [*FORWARDS, Backward(False), Backward(True)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", WAYS, ids=ids)
@pytest.mark.parametrize("followed", FOLLOWED, ids=str)
def test_products_with_all_that_follows(followed, way, dtype):
    there = followed.check(Bench(way.architecture, dtype), way.name)
    if way.name == WHOLE:
        assert there is (dtype != "float64" or followed == PLAIN)
    else:
        assert there is (followed != PLAIN)


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="needs CuPy and an NVIDIA GPU")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("followed", FOLLOWED, ids=str)
def test_all_ways_on_the_gpu(followed, dtype):
    bench = Bench(dtype=dtype, backend=resolve("cuda"))
    if lack := library.cublaslt.obstacle(bench.backend.xp):
        pytest.skip(lack)
    there = [followed.check(bench, name) for name in (WHOLE, IN_TWO)]
    assert any(there)


@pytest.mark.parametrize("function", [relu, tanh, gelu, identity], ids=str)
@pytest.mark.parametrize("add_sums", [False, True])
def test_slopes_of_other_functions_follow_in_a_launch(function, add_sums):
    bench = Bench()
    a, b, sums = bench.draw(ROWS, INNER), bench.draw(INNER, COLUMNS), bench.draw(COLUMNS)
    h = bench.draw(ROWS, COLUMNS)
    saved = {None: None, "h": h, "y": bench.backend.asarray(function(h.get()))}[keeps(function)]
    product = bench.product(Sloped(function, saved, sums, add_sums), a=a, b=b)
    before = wide(sums) * add_sums
    assert bench.names(product) == [IN_TWO]
    bench.run(product, IN_TWO)
    expected = wide(a) @ wide(b) * function.derivative()(wide(h))
    bench.check("y", product.y.memory, expected)
    bench.check("sums", sums, before + expected.sum(0), INNER * ROWS)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_of_float32_beside_halves_follow_in_a_launch(dtype):
    bench = Bench(dtype=dtype)
    a, b, saved = bench.draw(ROWS, INNER), bench.draw(INNER, COLUMNS), bench.draw(ROWS, COLUMNS)
    sums = bench.draw(COLUMNS, dtype="float32")
    product = bench.product(Sloped(gelu_tanh, saved, sums), a=a, b=b)
    assert bench.names(product) == [IN_TWO]
    bench.run(product, IN_TWO)
    expected = wide(a) @ wide(b) * gelu_tanh.derivative()(wide(saved))
    bench.check("sums", sums, expected.sum(0), INNER * ROWS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("marks", ["", "a", "b", "ab"])
def test_plain_products_of_factors_that_lie_either_way(marks, add, dtype):
    bench = Bench("80", dtype)
    a = bench.draw(INNER, ROWS).T if "a" in marks else bench.draw(ROWS, INNER)
    b = bench.draw(COLUMNS, INNER).T if "b" in marks else bench.draw(INNER, COLUMNS)
    product = bench.product(a=a, b=b, add=add)
    before = wide(product.y.memory) * add
    bench.run(product, WHOLE)
    bench.check("y", product.y.memory, before + wide(a) @ wide(b))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_have_products_of_float32(dtype):
    bench = Bench("80", dtype)
    a, b = bench.draw(ROWS, INNER), bench.draw(INNER, COLUMNS)
    product = bench.product(a=a, b=b, y_dtype=str(sum_dtype(dtype)), add=True)
    before = wide(product.y.memory)
    bench.run(product, WHOLE)
    check_close("y", bench.backend.to_numpy(product.y.memory), before + wide(a) @ wide(b), "float32", INNER)


SIZES = (1, 1, 1), (1, 9, 24), (13, 1, 24), (13, 9, 1), (3, 300, 2), (65, 17, 33)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_awkward_sizes(turned, size):
    rows, inner, columns = size
    bench = Bench("80")
    a, b = bench.draw(rows, inner), bench.draw(columns, inner).T if turned else bench.draw(inner, columns)
    product = bench.product(a=a, b=b, y=bench.draw(rows, columns))
    bench.run(product, WHOLE)
    bench.check("y", product.y.memory, wide(a) @ wide(b), inner)


STACKS = {
    "stack": ((3, 5, 7), (3, 7, 9)),
    "of two axes that are one": ((2, 3, 5, 7), (2, 3, 7, 9)),
    "for one": ((3, 5, 7), (7, 9)),
    "one for a stack": ((5, 7), (3, 7, 9)),
}


@pytest.mark.parametrize("what", STACKS)
@pytest.mark.parametrize("add", [False, True])
def test_stacks(add, what):
    bench = Bench("80")
    a, b = (bench.draw(*shape) for shape in STACKS[what])
    shape = np.matmul(wide(a), wide(b)).shape
    product = bench.product(a=a, b=b, y=bench.draw(*shape), add=add)
    before = wide(product.y.memory).reshape(shape) * add
    bench.run(product, WHOLE)
    bench.check("y", product.y.memory.reshape(shape), before + wide(a) @ wide(b), 7)


def test_heads_of_attention_are_a_stack_of_interleaved_matrices():
    bench = Bench("80")
    q, k = (bench.draw(5, 3, 8).transpose(1, 0, 2) for _ in range(2))
    scores = bench.draw(3, 5, 5)
    bench.run(bench.product(a=q, b=k.transpose(0, 2, 1), y=scores), WHOLE)
    bench.check("scores", scores, wide(q) @ wide(k).transpose(0, 2, 1), 8)
    mixed = bench.draw(5, 3, 8)
    bench.run(bench.product(a=scores, b=q, y=mixed.transpose(1, 0, 2)), WHOLE)
    bench.check("mixed", mixed.transpose(1, 0, 2), wide(scores) @ wide(q), 5)


def test_a_residual_is_added_in_the_same_call():
    bench = Bench()
    a, b, bias, residual = (
        bench.draw(ROWS, INNER),
        bench.draw(INNER, COLUMNS),
        bench.draw(COLUMNS),
        bench.draw(ROWS, COLUMNS),
    )
    product = bench.product(Activated(None, bias, residual=residual), a=a, b=b)
    bench.run(product, WHOLE)
    bench.check("y", product.y.memory, wide(a) @ wide(b) + wide(bias) + wide(residual))
    assert bench.names(product) == [WHOLE]


def test_tf32_is_the_arithmetic_of_the_product():
    bench = Bench("80")
    a, b = bench.draw(ROWS, INNER), bench.draw(INNER, COLUMNS)
    exact = bench.product(a=a, b=b)
    with arithmetic.using("tf32"):
        rounded = bench.product(a=a, b=b)
    for product in exact, rounded:
        bench.run(product, WHOLE)
    expected = wide(a) @ wide(b)
    errors = [np.abs(wide(product.y.memory) - expected).max() for product in (exact, rounded)]
    assert errors[0] < 4 * INNER * 2.0**-24 < 2.0**-14 < errors[1] < 4 * INNER * 2.0**-11


def dropped(bench: Bench) -> Activated:
    seed, step = (bench.backend.zeros(1, "uint64") for _ in range(2))
    return Activated(gelu_tanh, drop=Drop(bench.backend.zeros((ROWS, COLUMNS), "uint8"), seed, step, 1, 0.5))


NOTHING = {
    "dropout": lambda bench: bench.product(dropped(bench)),
    "a residual behind a function": lambda bench: bench.product(Activated(relu, residual=bench.draw(ROWS, COLUMNS))),
    "a sum behind a function": lambda bench: bench.product(Activated(relu), add=True),
    "no rows": lambda bench: bench.product(a=bench.draw(0, INNER), y=bench.draw(0, COLUMNS)),
    "no inner axis": lambda bench: bench.product(a=bench.draw(ROWS, 0), b=bench.draw(0, COLUMNS)),
}


@pytest.mark.parametrize("what", NOTHING)
def test_what_it_cannot_do_is_left_to_others(what):
    bench = Bench()
    product = NOTHING[what](bench)
    assert bench.names(product) == []
    assert library.bind(product) is None


UNKNOWN_STRIDES = {
    "y by columns": lambda bench: bench.product(y=bench.draw(COLUMNS, ROWS).T),
    "every other column": lambda bench: bench.product(a=bench.draw(ROWS, 2 * INNER)[:, ::2]),
    "one row for all": lambda bench: bench.product(a=repeated(bench)),
    "two axes that no step walks": lambda bench: bench.product(
        a=bench.draw(2, 4, ROWS, INNER)[:, :3], b=bench.draw(INNER, COLUMNS), y=bench.draw(2, 3, ROWS, COLUMNS)
    ),
}


def repeated(bench: Bench) -> Any:
    return bench.backend.xp.lib.stride_tricks.as_strided(bench.draw(INNER), (ROWS, INNER), (0, 4))


@pytest.mark.parametrize("what", UNKNOWN_STRIDES)
def test_strides_that_it_does_not_know_bind_nothing(what):
    bench = Bench("80")
    assert library.bind(UNKNOWN_STRIDES[what](bench)) is None


def shifted(bench: Bench, *shape: int) -> Any:
    return bench.draw(int(np.prod(shape)) + 1)[1:].reshape(shape)


NOT_WHOLE = {
    "another function": lambda bench: Activated(tanh),
    "an exact gelu": lambda bench: Activated(gelu),
    "h of relu": lambda bench: Activated(relu, h=bench.draw(ROWS, COLUMNS)),
    "a bias at 4 bytes": lambda bench: Activated(relu, shifted(bench, COLUMNS)),
    "h at 4 bytes": lambda bench: Activated(gelu_tanh, h=shifted(bench, ROWS, COLUMNS)),
    "sums that are added": lambda bench: Sloped(gelu_tanh, bench.draw(ROWS, COLUMNS), bench.draw(COLUMNS), True),
}


@pytest.mark.parametrize("what", NOT_WHOLE)
def test_what_it_cannot_do_whole_is_done_in_two(what):
    bench = Bench()
    assert bench.names(bench.product(NOT_WHOLE[what](bench))) == [IN_TWO]


def test_lines_of_h_that_are_not_of_eight_are_written_in_two():
    bench = Bench()
    after = Activated(gelu_tanh, h=bench.draw(ROWS, 23))
    product = bench.product(after, b=bench.draw(INNER, 23), y=bench.draw(ROWS, 23))
    assert bench.names(product) == [IN_TWO]


def test_without_the_library_nothing_is_bound(monkeypatch):
    monkeypatch.setattr(library.cublaslt, "home", lambda array: None)
    assert library.bind(Bench().product()) is None


def test_a_product_can_be_captured():
    bench = Bench()
    product = bench.product(Activated(relu, bench.draw(COLUMNS)))
    stream = bench.backend.stream
    with bench.backend.using_stream():
        bound = library.bind(product)
        assert bound is not None
    with bench.backend.xp.cuda.Device(), stream:
        stream.begin_capture()
        bound()
        graph = stream.end_capture()
    assert graph.nodes == ("cublasLtMatmul",)
