"""The convolution of the evaluator numba against the NumPy way in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from fusegrad.expr.activations import gelu
from fusegrad.ops import convolution
from fusegrad.ops.convolution import products
from fusegrad.ops.window import Window

pytest.importorskip("numba")
from fusegrad.ops.convolution import fast, space
from fusegrad.ops.convolution.fast import division, generated, multiplication, running, weight_gradient

PRODUCTS = ("correlate", "spread", "weigh")


@some.composite
def problems(draw):
    """A window, groups, and the shapes of x, weight and y."""
    rank = draw(some.integers(1, 3))
    several = some.tuples(*[some.integers(1, 3)] * rank)
    padding = draw(some.tuples(*[some.tuples(some.integers(0, 4), some.integers(0, 4))] * rank))
    window = Window(draw(several), draw(several), draw(several), padding)
    needed = [max(1, reach - sum(pad)) for reach, pad in zip(window.reach, padding, strict=True)]
    extents = tuple(least + draw(some.integers(0, 20 // rank)) for least in needed)
    groups, batch = draw(some.integers(1, 3)), draw(some.sampled_from([1, 2, 5, 17]))
    inner, outer = draw(some.sampled_from([(1, 1), (3, 7), (7, 7), (9, 1)]))
    x = (batch, groups * inner, *extents)
    return window, groups, x, (groups * outer, inner, *window.kernel), (batch, groups * outer, *window.outputs(extents))


def arrays(*shapes, seed=0):
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape).astype(np.float32) for shape in shapes]


def arguments(name, x, weight, y):
    """What a product reads and writes."""
    return {"correlate": (x, weight, y), "spread": (y, weight, x), "weigh": (y, x, weight)}[name]


def agree(got, expected, summands):
    scale = np.sqrt(np.mean(expected**2)) if expected.size else 0.0
    np.testing.assert_allclose(got, expected, rtol=0, atol=8 * np.finfo(np.float32).eps * np.sqrt(summands) * scale)


def check(name, problem, add, before_call=lambda: None):
    window, groups, *shapes = problem
    *read, written = arguments(name, *arrays(*shapes))
    expected = written.astype(np.float64)
    op, options = getattr(products, name), {"window": window, "groups": groups, "add": add}
    op.bound("numpy", *(array.astype(np.float64) for array in read), expected, **options)()
    call = op.bound("numba", *read, written, **options)
    before_call()
    call()
    _, weight, y = shapes
    agree(written, expected, y[0] * np.prod(y[2:]) if name == "weigh" else weight[1] * np.prod(weight[2:]) + 8)


@given(problems(), some.sampled_from(PRODUCTS), some.booleans())
@settings(derandomize=True, deadline=None, max_examples=40)
def test_products_agree_with_numpy_in_float64(problem, name, add):
    check(name, problem, add)


@pytest.mark.parametrize("vector", [(4, 32), (8, 16)])
@pytest.mark.parametrize("name", PRODUCTS)
def test_other_widths_of_vector_compute_the_same(name, vector, monkeypatch):
    for module in (multiplication, weight_gradient):
        monkeypatch.setattr(module, "machine", lambda: vector)
    window = Window((3, 2), (2, 1), (1, 2), ((1, 1), (2, 1)))
    check(name, (window, 1, (5, 3, 9, 8), (8, 3, 3, 2), (5, 8, *window.outputs((9, 8)))), False)


def test_the_machine_has_vectors_that_tables_know():
    lanes, registers = generated.machine()
    assert lanes in (4, 8, 16)
    assert registers in division.TILES


@pytest.mark.parametrize("keep_h", [False, True])
@pytest.mark.parametrize("name", ["forward", "transposed_forward"])
def test_a_pass_ends_with_bias_and_function(name, keep_h):
    window = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
    x, weight, bias, y = arrays((3, 8, 10, 9), (8, 8, 3, 3), (8,), (3, 8, 10, 9))
    expected, kept = y.astype(np.float64), {"h": np.empty_like(y)} if keep_h else {}
    expected_kept = {"h": np.empty_like(expected)} if keep_h else {}
    options = {"window": window, "groups": 1}
    op = getattr(convolution, name)(gelu, keep_h)
    op.bound("numba", x, weight, bias, y, **kept, **options)()
    wide = [array.astype(np.float64) for array in (x, weight, bias)]
    op.bound("numpy", *wide, expected, **expected_kept, **options)()
    agree(y, expected, 80)
    if keep_h:
        agree(kept["h"], expected_kept["h"], 80)


def test_an_empty_batch_gives_no_gradient():
    window = Window((3,), (1,), (1,), ((1, 1),))
    x, weight, y = arrays((0, 3, 5), (8, 3, 3), (0, 8, 5))
    for name in PRODUCTS:
        getattr(products, name).bound("numba", *arguments(name, x, weight, y), window=window, groups=1)()
    assert (weight == 0).all()


def test_what_is_not_a_number_stays_where_it_is_seen():
    window = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
    x, weight, y = arrays((2, 3, 8, 8), (8, 3, 3, 3), (2, 8, 8, 8))
    x[1, 2, 0, 5] = np.nan
    products.correlate.bound("numba", x, weight, y, window=window, groups=1)()
    seen = np.zeros((8, 8), bool)
    seen[:2, 4:7] = True
    assert np.array_equal(np.isnan(y), np.broadcast_to(seen, y.shape) & (np.arange(2) == 1)[:, None, None, None])


@pytest.mark.parametrize("name", PRODUCTS)
def test_results_have_the_same_bits_for_any_number_of_threads(name, monkeypatch):
    monkeypatch.setattr(running, "LEAST", 1)
    window = Window((3, 3), (2, 2), (1, 1), ((1, 1), (1, 1)))
    x, weight, y = arrays((40, 8, 9, 9), (8, 8, 3, 3), (40, 8, 5, 5))
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("FUSEGRAD_THREADS", threads)
        *read, written = arguments(name, x, weight, y)
        result = np.empty_like(written)
        getattr(products, name).bound("numba", *read, result, window=window, groups=1)()
        results.append(result)
    assert all(np.array_equal(result, results[0]) for result in results)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_call_finds_all_space_that_it_needs(name, monkeypatch):
    monkeypatch.setattr(running, "LEAST", 1)
    monkeypatch.setenv("FUSEGRAD_THREADS", "2")
    window = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
    read = arguments(name, *arrays((40, 64, 9, 30), (8, 64, 3, 3), (40, 8, 9, 30)))
    call = getattr(products, name).bound("numba", *read, window=window, groups=1)
    monkeypatch.setattr(space, "lines", lambda nbytes: pytest.fail(f"{nbytes} bytes were made in a call"))
    call()


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_keep_within_their_space_whatever_is_in_it(name, monkeypatch):
    behind, guarded = 1024, {}

    class Guarded:
        def floats(self, count):
            if self not in guarded:
                guarded[self] = space.lines(4 * (count + behind)).view(np.float32)
                guarded[self].fill(np.nan)
            return guarded[self][:count]

    def guard():
        for memory in ("memory", "common"):
            monkeypatch.setattr(running, memory, Guarded())

    window = Window((3, 2), (2, 1), (1, 2), ((4, 1), (2, 1)))
    check(name, (window, 2, (17, 6, 9, 8), (14, 3, 3, 2), (17, 14, *window.outputs((9, 8)))), False, guard)
    assert len(guarded) == 2
    assert all(np.isnan(block[-behind:]).all() for block in guarded.values())


@pytest.mark.parametrize("name", PRODUCTS)
def test_windows_may_see_nothing_but_padding(name):
    window = Window((1, 1), (2, 2), (1, 1), ((1, 0), (1, 0)))
    check(name, (window, 1, (3, 2, 1, 1), (8, 2, 1, 1), (3, 8, 1, 1)), False)


def test_memory_between_the_arrays_is_left_alone():
    window = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
    x, weight = arrays((3, 3, 7, 5), (8, 3, 3, 3))
    space = np.full(3 * 8 * 35 + 200, 7.0, np.float32)
    y = space[100:-100].reshape(3, 8, 7, 5)
    products.correlate.bound("numba", x, weight, y, window=window, groups=1)()
    assert (space[:100] == 7).all()
    assert (space[-100:] == 7).all()


def test_other_types_are_computed_the_numpy_way():
    window = Window((3,), (1,), (1,), ((1, 1),))
    x, weight, y = (array.astype(np.float64) for array in arrays((2, 3, 6), (8, 3, 3), (2, 8, 6)))
    expected = np.empty_like(y)
    products.correlate.bound("numba", x, weight, y, window=window, groups=1)()
    products.correlate.bound("numpy", x, weight, expected, window=window, groups=1)()
    assert np.array_equal(y, expected)
    assert not fast.computes("numba", x, weight, y)
