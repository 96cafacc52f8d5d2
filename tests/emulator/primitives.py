"""Whether a GPU, or what stands in for one, does what an emulator claims: every bit of every primitive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SOURCE = Path(__file__).with_name("primitives.cu").read_text()
LANE = np.arange(32)
FULL = 2**32 - 1
GROUP, IN_GROUP = LANE >> 2, LANE & 3  # how mma.sync names the lanes
Launch = Callable[..., NDArray[Any]]


def check_primitives(cupy: Any) -> dict[str, str]:
    """For each primitive "ok", or what differs from NumPy.

    cupy: a module with CuPy's interface, for a device of compute capability 8.0 or more.
    """
    module = cupy.RawModule(code=SOURCE, options=("-std=c++17",))

    def launch(kernel: str, shape: tuple[int, ...], dtype: Any, *inputs: NDArray[Any]) -> NDArray[Any]:
        result = cupy.empty(shape, dtype)
        module.get_function(kernel)((1,), (32,), (*(cupy.asarray(np.ascontiguousarray(x)) for x in inputs), result))
        return result.get()

    return {name: difference(*check(launch)) for name, check in CHECKS.items()}


def difference(got: NDArray[Any], wanted: Any) -> str:
    """Compares the bits; "ok" or the first element that differs."""
    wanted = np.broadcast_to(np.asarray(wanted).astype(got.dtype), got.shape)
    bits = [np.ascontiguousarray(x).view(f"u{x.dtype.itemsize}") for x in (got, wanted)]
    wrong = np.argwhere(bits[0] != bits[1])
    if not len(wrong):
        return "ok"
    first = tuple(map(int, wrong[0]))
    return f"{len(wrong)} of {got.size} differ, first {list(first)}: {got[first]}, expected {wanted[first]}"


def random(seed: int, low: int, high: int, *shape: int) -> NDArray[np.int32]:
    return np.random.default_rng(seed).integers(low, high, shape, np.int32)


def words(seed: int, *shape: int) -> NDArray[np.uint32]:
    return np.random.default_rng(seed).integers(0, 2**32, shape, np.uint32)


def shuffles(launch: Launch) -> tuple[Any, Any]:
    x = random(0, -100, 100, 32)
    width, distance = np.ix_(2 << np.arange(5), np.arange(32), np.zeros(32, int))[:2]
    place, exclusive = LANE & width - 1, LANE ^ distance
    sources = [
        LANE - place + (distance & width - 1),
        np.where(place >= distance, LANE - distance, LANE),
        np.where(place + distance < width, LANE + distance, LANE),
        np.where(exclusive <= LANE | width - 1, exclusive, LANE),
    ]
    return launch("shuffles", (4, 5, 32, 32), np.int32, x), x[np.array(sources)]


def partial_shuffles(launch: Launch) -> tuple[Any, Any]:
    x = random(1, -100, 100, 32)
    pairs = (x.astype(np.int64) << 32) + LANE
    return launch("partial_shuffles", (2, 32), np.int64, x), [np.where(LANE < 20, x[19 - LANE], 0), pairs[LANE ^ 1]]


def shuffle_predicates(launch: Launch) -> tuple[Any, Any]:
    x, segment = random(2, 0, 100, 32), LANE & 0x18
    sources = np.array([segment + 5, LANE - 3, LANE + 3, LANE ^ 6])
    inside = np.array([sources[0] < 32, sources[1] >= segment, sources[2] <= segment + 7, sources[3] <= segment + 3])
    wanted = x[np.where(inside, sources, LANE)] + (inside.astype(np.int64) << 31)
    return launch("shuffle_predicates", (4, 32), np.uint32, x.view(np.uint32)), wanted


def votes(launch: Launch) -> tuple[Any, Any]:
    x = random(3, -5, 15, 32)
    x[:20] = np.abs(x[:20]) + 1  # so that the first 20 lanes agree, but not all
    x[31] = 0
    ballot = int(((x > 0) << LANE).sum())
    first = np.where(LANE < 20, 1, 0)
    wanted = [np.full(32, v) for v in (ballot, ballot > 0, ballot == FULL)] + [first * 0xFFFFF, first, first]
    return launch("votes", (6, 32), np.uint32, x), wanted


def matches(launch: Launch) -> tuple[Any, Any]:
    different, same = random(4, 0, 5, 32), np.full(32, 7, np.int32)
    got, wanted = [], []
    for x in (different, same):
        lanes = ((x[:, None] == x).astype(np.int64) << LANE).sum(1)
        all_same = (x == x[0]).all()
        got.append(launch("matches", (4, 32), np.uint32, x))
        wanted.append([lanes, lanes, np.full(32, FULL * all_same), np.full(32, all_same)])
    return np.array(got), wanted


def reductions(launch: Launch) -> tuple[Any, Any]:
    x = words(5, 32).view(np.int32)
    x[:8] |= 0x1000
    u = x.view(np.uint32)
    values = [x.sum(dtype=np.int32), x.min(), x.max(), u.min(), u.max()]
    values += [f.reduce(u) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)]
    return launch("reductions", (8, 32), np.int32, x).view(np.uint32), [[int(v) & FULL] * 32 for v in values]


def load_matrices(launch: Launch) -> tuple[Any, Any]:
    x = words(6, 4, 8, 4)
    matrices, column = x.view(np.uint16).reshape(4, 8, 8).astype(np.uint32), 2 * IN_GROUP
    stored = matrices[:, GROUP, column] | matrices[:, GROUP, column + 1] << 16
    transposed = matrices[:, column, GROUP] | matrices[:, column + 1, GROUP] << 16
    wanted = [y[:count] for y in (stored, transposed) for count in (1, 2, 4)]
    return launch("load_matrices", (14, 32), np.uint32, x), np.concatenate(wanted)


def asynchronous_copies(launch: Launch) -> tuple[Any, Any]:
    x = words(7, 4, 32, 4)
    octets, place = x.view(np.uint8), np.arange(16)
    size = np.array([4, 8, 16, 16])[:, None, None]
    copied = np.where(place < (LANE % 17)[:, None], octets, 0)
    wanted = np.where(place < size, copied, 0xEE).astype(np.uint8).view(np.uint32)
    return launch("asynchronous_copies", (4, 32, 4), np.uint32, x), wanted


def groups_of_copies(launch: Launch) -> tuple[Any, Any]:
    x = words(8, 4, 32)
    return launch("groups_of_copies", (4, 32), np.uint32, x), x


def multiply(name: str, depth: int, encode: Callable[[Any], NDArray[np.uint32]], dirt: int = 0) -> Any:
    """A check of one mma.sync; `encode` makes a register of the one or two numbers along the last axis."""

    def check(launch: Launch) -> tuple[Any, Any]:
        a, b, c = random(9, -8, 9, 16, depth), random(10, -8, 9, depth, 8), random(11, -99, 99, 16, 8)
        per_word = 1 if encode is floats else 2
        blocks = range(depth // (4 * per_word))  # of A and B along the depth; the lanes hold one register of each
        k = [IN_GROUP[:, None] * per_word + np.arange(per_word) + 4 * per_word * block for block in blocks]
        a_words = [encode(a[(GROUP + 8 * lower)[:, None], k[block]]) for block in blocks for lower in (0, 1)]
        b_words = [encode(b[k[block], GROUP[:, None]]) for block in blocks]
        register = np.arange(4)[:, None]
        row, column = GROUP + 8 * (register >> 1), 2 * IN_GROUP + (register & 1)
        inputs = [np.array(registers) | np.uint32(dirt) for registers in (a_words, b_words)]
        got = launch(name, (4, 32), np.float32, *inputs, c[row, column].astype(np.float32))
        return got, (a @ b + c)[row, column]

    return check


def halves(x: Any) -> NDArray[np.uint32]:
    return x.astype(np.float16, order="C").view(np.uint32)[:, 0]


def bfloats(x: Any) -> NDArray[np.uint32]:
    bits = x.astype(np.float32).view(np.uint32) >> 16  # exact: the integers are small
    return bits.astype(np.uint16, order="C").view(np.uint32)[:, 0]


def floats(x: Any) -> NDArray[np.uint32]:
    return x.astype(np.float32, order="C").view(np.uint32)[:, 0]


def round_to_tf32(launch: Launch) -> tuple[Any, Any]:
    x = (words(12, 32) & 0xBFFFFFFF).view(np.float32)  # below 2, so that nothing overflows
    x[:6] = [1 + 2**-11, -1 - 2**-11, 1 + 3 * 2**-11, 0, -0.0, np.inf]
    u = x.view(np.uint32)
    return launch("round_to_tf32", (32,), np.uint32, x), np.where(np.isinf(x), u, u + 0x1000 & 0xFFFFE000)


def fuse_halves(launch: Launch) -> tuple[Any, Any]:
    # Powers so near to each other that float64 is exact.  The first sum is 2051 - 2**-20: a rounding to float before
    # that to f16 would give 2052.
    rng = np.random.default_rng(13)
    numbers = (rng.standard_normal((3, 64)) * 2.0 ** rng.integers(-5, 6, (3, 64))).astype(np.float16)
    numbers[:, 0] = 1 + 2**-10, 1 - 2**-10, 2050
    a, b, c = numbers.astype(np.float64)
    f16 = (a * b + c).astype(np.float16).view(np.uint32)
    codes = (numbers.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    a, b, c = (codes.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    inputs = np.concatenate([numbers.view(np.uint32), codes.view(np.uint32)], 1)
    wanted = [f16.view(np.uint32), nearest_bfloat(a * b + c).view(np.uint32)]
    return launch("fuse_halves", (2, 32), np.uint32, *np.ascontiguousarray(inputs)), wanted


def nearest_bfloat(x: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Rounds once, to nearest even."""
    power = 2.0 ** (np.frexp(x)[1] - 8)
    return ((np.rint(x / power) * power).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


CHECKS: dict[str, Callable[[Launch], tuple[Any, Any]]] = {
    "shuffles of all widths": shuffles,
    "shuffles of a part of the warp, and of 64 bits": partial_shuffles,
    "predicates of shfl.sync": shuffle_predicates,
    "votes": votes,
    "matches": matches,
    "reductions": reductions,
    "ldmatrix": load_matrices,
    "cp.async": asynchronous_copies,
    "groups of cp.async": groups_of_copies,
    "mma.sync bf16": multiply("multiply_bf16", 16, bfloats),
    "mma.sync f16": multiply("multiply_f16", 16, halves),
    "mma.sync tf32": multiply("multiply_tf32", 8, floats),
    "mma.sync bf16 of half the depth": multiply("multiply_bf16_short", 8, bfloats),
    "mma.sync tf32 of half the depth": multiply("multiply_tf32_short", 4, floats),
    "mma.sync tf32 ignores the last 13 bits": multiply("multiply_tf32", 8, floats, 0x1FFF),
    "cvt.rna.tf32": round_to_tf32,
    "fma.rn of halves": fuse_halves,
}
