"""Whole programs by NumPy and by Numba: the same losses, and the same bits for every number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from networks import NETWORKS

from fusegrad import layers, losses, optimizers
from fusegrad.graph import Input, ParamArena, Program
from fusegrad.layers import Linear, Sequential

pytest.importorskip("numba", reason="the evaluator numba needs Numba")


@pytest.fixture(autouse=True)
def a_cache_of_its_own(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.getbasetemp() / "loops"))


def path(build, evaluator, monkeypatch, steps=3):
    """The losses of some steps of a network."""
    monkeypatch.setenv("FUSEGRAD_EVALUATOR", evaluator)
    network = build()
    arena = ParamArena(network.module, backend="cpu")
    assert arena.backend.evaluator == evaluator
    programs = network.programs(arena, optimizers.Adam)
    pairs = list(zip(programs, network.goals, strict=True))
    return [float(program.step(*goal.batch())) for _ in range(steps) for program, goal in pairs]


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_both_compute_the_same(build, monkeypatch):
    np.testing.assert_allclose(path(build, "numba", monkeypatch), path(build, "numpy", monkeypatch), rtol=1e-4)


@pytest.mark.parametrize("classes", [3, 10, 64])
def test_a_logit_that_is_no_number_makes_the_loss_none(classes, monkeypatch):
    monkeypatch.setenv("FUSEGRAD_EVALUATOR", "numba")
    x, labels = Input((4, classes)), Input((4,), "int64")
    program = Program([x, labels], losses.CrossEntropy()(x, labels), ParamArena([]), gradients_of=[x])
    for place in range(classes):
        logits = np.zeros((4, classes), "float32")
        logits[1, place] = np.nan
        assert np.isnan(float(program.forward(logits, np.zeros(4, "int64"))))
        program.backward()
        np.testing.assert_array_equal(np.isnan(program.gradient(x)).any(1), [False, True, False, False])


ROWS, WIDTH = 600, 700  # large enough for several threads


def wide(weighted, evaluator, threads, monkeypatch):
    """Losses and parameters after some steps of a network whose loops are split."""
    monkeypatch.setenv("FUSEGRAD_EVALUATOR", evaluator)
    monkeypatch.setenv("FUSEGRAD_THREADS", threads)
    x, labels, weight = Input((ROWS, 8)), Input((ROWS,), "int64"), Input((ROWS,))
    model = Sequential(Linear(WIDTH, "gelu"), layers.PReLU(), Linear(WIDTH))
    loss = losses.CrossEntropy()(model(x), labels, *([weight] if weighted else []))
    program = Program([x, labels, weight][: 2 + weighted], loss, ParamArena(model), optimizers.AdamW(1e-2))
    generator = np.random.default_rng(0)
    batch = [generator.normal(size=(ROWS, 8)), generator.integers(0, WIDTH, ROWS), generator.random(ROWS)]
    path = [float(program.step(*batch[: 2 + weighted])) for _ in range(3)]
    return path, program.arena.value.copy()


@pytest.mark.parametrize("weighted", [False, True], ids=["mean", "weighted"])
def test_threads_change_no_bit(weighted, monkeypatch):
    for evaluator in ("numpy", "numba"):
        path, value = wide(weighted, evaluator, "1", monkeypatch)
        for threads in "23":
            other_path, other_value = wide(weighted, evaluator, threads, monkeypatch)
            assert other_path == path
            np.testing.assert_array_equal(other_value, value)
        np.testing.assert_allclose(path, wide(weighted, "numpy", "1", monkeypatch)[0], rtol=1e-4)
