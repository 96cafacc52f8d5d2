"""A deep copy of a model is a model of its own, whatever the first one has run before."""

from __future__ import annotations

import copy
from importlib.util import find_spec

import numpy as np
import pytest

from fusegrad import losses, optimizers
from fusegrad.graph import Input, ParamArena, Program
from fusegrad.layers import Linear, Sequential

ROWS = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


@pytest.fixture(params=["numpy", "numba"], autouse=True)
def evaluator(request, monkeypatch, tmp_path):
    if request.param == "numba" and find_spec("numba") is None:
        pytest.skip("the evaluator numba needs Numba")
    monkeypatch.setenv("FUSEGRAD_EVALUATOR", request.param)
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))


def trained(**options):
    """A model after two steps and an evaluation, and the program that made the steps."""
    model = Sequential(Linear(5, "gelu"), Linear(2))
    x, target = Input((4, 3)), Input((4, 2))
    loss = losses.MSE()(model(x), target)
    program = Program([x, target], loss, ParamArena(model, **options), optimizers.Adam(0.1))
    for _ in range(2):
        program.step(ROWS, ROWS[:, :2])
    model(ROWS)
    return model, program


def test_each_has_its_own_weights():
    model, program = trained()
    twin = copy.deepcopy(model)
    before = model(ROWS)
    np.testing.assert_array_equal(twin(ROWS), before)
    twin.layers[0].weight.value = np.zeros((5, 3))
    assert not np.array_equal(twin(ROWS), before)
    np.testing.assert_array_equal(model(ROWS), before)
    program.step(ROWS, ROWS[:, :2])
    assert not np.array_equal(model(ROWS), before)


def test_a_copy_trains_on_like_the_original():
    model, program = trained()
    twin = copy.deepcopy(model)
    arena, optimizer = twin.layers[0].weight.arena, program.optimizer_state.optimizer
    x, target = Input((4, 3)), Input((4, 2))
    second = Program([x, target], losses.MSE()(twin(x), target), arena, optimizer)
    batch = ROWS, ROWS[:, :2]
    assert [float(second.step(*batch)) for _ in range(3)] == [float(program.step(*batch)) for _ in range(3)]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_in_half_precision_each_has_its_own_factor_of_the_loss(precision, evaluator):
    model, program = trained(precision=precision, backend="emulated")
    twin = copy.deepcopy(model)
    arena, x, target = twin.layers[0].weight.arena, Input((4, 3)), Input((4, 2))
    second = Program([x, target], losses.MSE()(twin(x), target), arena, program.optimizer_state.optimizer)
    batch = ROWS, ROWS[:, :2]
    assert [float(second.step(*batch)) for _ in range(3)] == [float(program.step(*batch)) for _ in range(3)]
    assert arena.backend is program.arena.backend
    if precision == "float16":
        before = program.arena.scaling.saved()
        arena.scaling.restore([4, 3, 2, 1])
        assert float(arena.backend.number(arena.scaling.factor)) == 4
        assert program.arena.scaling.saved() == before
