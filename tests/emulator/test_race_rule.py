"""Races of random programs: reported if and only if vector clocks find one, whatever the order of threads."""

from __future__ import annotations

import random

import numpy as np
import pytest
from emulator.launches import ORDERS, inline, launch

from cuda_on_cpu import KernelError

LANES = (0, 1, 2, 3, 32, 33)  # the threads that do anything: of two warps
READ, WRITE, ADD, SYNCWARP, SYNCTHREADS = range(1, 6)
# Thread t does prog[64 step + t], an operation plus 16 times the element of the shared array.
INTERPRETER = """__shared__ int s[2];
int t = threadIdx.x, sum = 0;
if (t < 2) s[t] = 0;
__syncthreads();
for (int step = 0; step < n; step++) {
    int operation = program[step * 64 + t] & 15, element = program[step * 64 + t] >> 4;
    if (operation == 1) sum += s[element];
    if (operation == 2) s[element] = step;
    if (operation == 3) atomicAdd(&s[element], 1);
    if (operation == 4) __syncwarp(mask[step]);
    if (operation == 5) __syncthreads();
}
y[t] = sum;"""
Step = dict[int, tuple[int, int]]  # operation and element by thread


def random_step(rng: random.Random) -> Step:
    kind = rng.random()
    if kind < 0.6:
        accesses = {t: (rng.choice((READ, READ, WRITE, ADD, ADD)), rng.randrange(2)) for t in LANES}
        return {t: access for t, access in accesses.items() if rng.random() < 0.2}
    if kind < 0.9:
        warp = rng.choice((LANES[:4], LANES[4:]))
        return dict.fromkeys(warp if rng.random() < 0.7 else rng.sample(warp, 2), (SYNCWARP, 0))
    return dict.fromkeys(range(64), (SYNCTHREADS, 0))


def has_race(steps: list[Step]) -> bool:
    """Two accesses of different threads race if none comes before the other, and neither both read nor both add."""
    clocks = {t: np.eye(64, dtype=int)[t] for t in LANES}
    done: list[tuple[int, int, int, int]] = []  # thread, operation, element, time of the thread
    for step in steps:
        group = [t for t in LANES if step.get(t, (0, 0))[0] in (SYNCWARP, SYNCTHREADS)]
        latest = np.max([clocks[t] for t in group], axis=0) if group else None
        for t in group:
            clocks[t] = latest + np.eye(64, dtype=int)[t]
        for t, (operation, element) in step.items():
            if operation not in (READ, WRITE, ADD):
                continue
            for other, before, place, time in done:
                harmless = operation == before != WRITE
                if other != t and place == element and not harmless and clocks[t][other] < time:
                    return True
            done.append((t, operation, element, clocks[t][t]))
    return False


def is_reported(steps: list[Step], order: str) -> bool:
    program, mask = np.zeros((len(steps), 64), np.int32), np.zeros(len(steps), np.uint32)
    for number, step in enumerate(steps):
        for t, (operation, element) in step.items():
            program[number, t] = operation + 16 * element
            mask[number] |= np.uint32(1 << t % 32)
    kernel = inline(INTERPRETER, "const int* program, const unsigned* mask, int* y, int n")
    try:
        launch(kernel, 1, 64, program, mask, np.zeros(64, np.int32), np.int32(len(steps)), order=order)
    except KernelError as error:
        assert {problem.kind for problem in error.problems} == {"racecheck"}
        return True
    return False


@pytest.mark.parametrize("order", ORDERS)
def test_a_race_is_reported_if_and_only_if_there_is_one(order):
    rng, expected = random.Random(20), []
    for _ in range(150):
        steps = [random_step(rng) for _ in range(rng.randint(4, 12))]
        expected.append(has_race(steps))
        assert is_reported(steps, order) == expected[-1], steps
    assert 30 < sum(expected) < 120
