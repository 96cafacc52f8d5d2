from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fusegrad.backend import Backend, random
from fusegrad.backend.random import halves, philox

ONES = 0xFFFFFFFF
PI = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]

# Random123 1.14, tests/kat_vectors, lines of philox4x32 with 10 rounds.
KNOWN_ANSWERS = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([ONES] * 4, [ONES] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (*PI, [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
]
FUNCTIONS = [(random.bits, "uint32"), (random.uniform, "float32"), (random.normal, "float64")]


def draw(function: Callable[..., None], shape: Any, dtype: str, seed: Any = 1, step: Any = 2, node: int = 3) -> Any:
    out = np.empty(shape, dtype)
    function(out, seed, step, node)
    return out


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_known_answers(counter: list[int], key: list[int], words: list[int]) -> None:
    block, node, *step = counter
    keys = random.round_keys(key[0] | key[1] << 32)
    step = halves(step[0] | step[1] << 32)
    assert philox(block, block + 1, node, step, keys).tolist() == words


@pytest.mark.parametrize(("function", "dtype"), FUNCTIONS)
def test_seed_and_step_may_lie_in_arrays_of_the_backend(
    backend: Backend, function: Callable[..., None], dtype: str
) -> None:
    seed, step = 0xFEDCBA9876543210, 0x123456789
    expected = draw(function, (5, 3), dtype, seed, step)
    for convert in (int, lambda number: backend.asarray(np.uint64(number))):
        out = backend.empty((5, 3), dtype)
        function(out, convert(seed), convert(step), 3)
        np.testing.assert_allclose(backend.to_numpy(out), expected, rtol=1e-6)  # the GPU has other cosines


def one_block(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 as the paper states it, on Python ints."""
    for _ in range(10):
        (high0, low0), (high1, low1) = (
            divmod(0xD2511F53 * counter[0], 1 << 32),
            divmod(0xCD9E8D57 * counter[2], 1 << 32),
        )
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B9) & ONES, (key[1] + 0xBB67AE85) & ONES]
    return counter


def test_the_layout_of_counter_and_key_is_as_documented() -> None:
    words = draw(random.bits, 8 * random.IN_CACHE, "uint32", seed=2 << 32 | 1, step=5 << 32 | 4, node=3)
    for index in (0, 1, 6, 11, 4 * random.IN_CACHE - 1, 4 * random.IN_CACHE + 2):
        assert words[index] == one_block([index // 4, 3, 4, 5], [1, 2])[index % 4]


@pytest.mark.parametrize(("function", "dtype"), FUNCTIONS)
def test_draws_do_not_depend_on_how_many_there_are_or_on_the_shape(function: Callable[..., None], dtype: str) -> None:
    many = draw(function, 4 * random.IN_CACHE + 999, dtype)
    for shape in [(), (0,), 1, 2, 3, 5, (3, 7), (2, 2, 2), 4 * random.IN_CACHE, 4 * random.IN_CACHE + 1]:
        few = draw(function, shape, dtype).reshape(-1)
        np.testing.assert_array_equal(few, many[: few.size])


@pytest.mark.parametrize("function", [random.uniform, random.normal])
def test_draws_of_both_precisions_agree(function: Callable[..., None]) -> None:
    single, double = (draw(function, 10_000, dtype) for dtype in ("float32", "float64"))
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-6)


def test_seed_step_and_node_each_give_other_words_in_all_their_bits() -> None:
    changes = [
        {},
        *({name: 1 << bit} for name in ("seed", "step") for bit in (0, 31, 32, 63)),
        {"node": 0},
        {"node": 1 << 31},
    ]
    words = [draw(random.bits, 64, "uint32", **({"seed": 0, "step": 0, "node": 5} | change)) for change in changes]
    assert len({word for array in words for word in array.tolist()}) == 64 * len(words)


def test_bits_are_fair_and_uncorrelated() -> None:
    words = draw(random.bits, 100_000, "uint32")
    signs = np.unpackbits(words.view(np.uint8).reshape(-1, 4), axis=1) * 2.0 - 1
    scale = 1 / np.sqrt(len(signs))
    assert np.abs(signs.mean(0)).max() < 4.5 * scale
    between_bits = signs.T @ signs / len(signs) - np.eye(32)
    between_neighbours = signs[1:].T @ signs[:-1] / len(signs)
    assert np.abs(between_bits).max() < 5 * scale
    assert np.abs(between_neighbours).max() < 5 * scale


def test_uniform_fills_the_interval_evenly() -> None:
    count, bins = 200_000, 256
    drawn = np.histogram(draw(random.uniform, count, "float32"), bins, (0, 1))[0]
    expected = count / bins
    chi_squared = ((drawn - expected) ** 2 / expected).sum()
    assert drawn.sum() == count
    assert abs(chi_squared - (bins - 1)) < 4 * np.sqrt(2 * (bins - 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unit_never_reaches_its_ends(dtype: Any) -> None:
    low, high = random.unit(np.array([0, ONES], np.uint32), dtype)
    assert low.dtype == dtype
    assert 0 < low == 1 - high


def test_normal_has_the_moments_and_the_quantiles_of_its_law() -> None:
    z = draw(random.normal, 200_000, "float32").astype(float)
    scale = 1 / np.sqrt(z.size)
    assert abs(z.mean()) < 4 * scale
    assert abs((z**2).mean() - 1) < 4 * np.sqrt(2) * scale
    assert abs((z**3).mean()) < 4 * np.sqrt(15) * scale
    assert abs((z**4).mean() - 3) < 4 * np.sqrt(96) * scale
    for quantile, probability in [(-1.959964, 0.025), (-0.6744898, 0.25), (1.281552, 0.9), (2.326348, 0.99)]:
        assert abs((z < quantile).mean() - probability) < 4 * scale / 2
    assert all(abs((a * b).mean()) < 4 * scale for a, b in pairwise([z[0::4], z[1::4], z[2::4], z[3::4]]))


def test_normal_is_box_muller_of_pairs_of_words() -> None:
    u, v = ((draw(random.bits, (500, 2), "uint32") >> 9) + 0.5).T / 2**23
    expected = np.sqrt(-2 * np.log(u)) * np.stack([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)])
    np.testing.assert_allclose(draw(random.normal, (500, 2), "float64"), expected.T, rtol=1e-12, atol=1e-12)


def test_normal_is_finite_at_the_ends_of_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = np.array([0, 0, 0, ONES, ONES, 0, ONES, ONES], np.uint32)
    out = np.empty(8, np.float32)
    monkeypatch.setattr(random, "draws", lambda out, *rest: [(out, ends)])
    random.normal(out, 1, 2, 3)
    assert np.isfinite(out).all()
    assert 5.7 < np.abs(out).max() < 5.8


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_keep_drops_its_share(rate: float, dtype: str) -> None:
    mask = np.empty((100, 1000), dtype)
    random.keep(mask, 1, 2, 3, rate)
    dropped = (mask == 0).mean()
    assert set(np.unique(mask)) <= {0, 1}
    assert abs(dropped - rate) <= 4 * np.sqrt(rate * (1 - rate) / mask.size)


def test_keep_follows_the_words() -> None:
    mask = np.empty(1001, np.uint8)
    random.keep(mask, 1, 2, 3, 0.25)
    np.testing.assert_array_equal(mask, draw(random.bits, 1001, "uint32") >= 1 << 30)


def test_keep_drops_words_below_the_rate_and_keeps_those_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.empty(2, np.uint8)
    monkeypatch.setattr(random, "draws", lambda *arguments: [(mask, np.array([(1 << 30) - 1, 1 << 30], np.uint32))])
    random.keep(mask, 1, 2, 3, 0.25)
    assert mask.tolist() == [0, 1]


def test_a_higher_rate_drops_what_a_lower_one_drops() -> None:
    low, high = np.empty((2, 1000), np.uint8)
    random.keep(low, 1, 2, 3, 0.2)
    random.keep(high, 1, 2, 3, 0.6)
    assert (high <= low).all()


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_keep_refuses_other_rates(rate: float) -> None:
    with pytest.raises(ValueError, match=r"rate expects a number in \[0, 1\)"):
        random.keep(np.empty(3, np.uint8), 1, 2, 3, rate)


def test_other_dtypes_and_layouts_are_refused_and_left_as_they_are() -> None:
    integers, strided = np.zeros(4, np.int64), np.zeros((4, 4), np.float32).T[:, :2]
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        random.uniform(integers, 1, 2, 3)
    with pytest.raises(ValueError, match="C-contiguous"):
        random.normal(strided, 1, 2, 3)
    assert not integers.any() and not strided.any()


@pytest.mark.parametrize("seed", [-1, 1 << 64])
def test_a_seed_beyond_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(OverflowError):
        random.bits(np.empty(4, np.uint32), seed, 2, 3)
