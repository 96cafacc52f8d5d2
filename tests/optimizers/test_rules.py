"""Rules of one's own: what they may say, what they cost, and what is wrong with them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from optimizers.leaves import START, Leaves

from fusegrad import optimizers
from fusegrad.expr import ExpressionError
from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Linear
from fusegrad.ops import loops, op
from fusegrad.optimizers import Optimizer


class Signum(Optimizer):
    slots = ("m",)

    def rule(self, value: Any, grad: Any, m: Any, rate: Any) -> Any:
        m = 0.9 * m + 0.1 * grad
        return value - rate * np.sign(m), m


class SignDescent(Optimizer):
    def rule(self, grad: Any, value: Any, *, rate: Any, boost: float = 1.0) -> Any:
        return value - rate * boost * np.sign(grad)


class RMSprop(Optimizer):
    """The built-in one, as a user would write it."""

    slots = ("square",)

    def rule(self, value: Any, grad: Any, square: Any, rate: Any) -> Any:
        square = square * 0.99 + grad * grad * (1 - 0.99)
        return value - grad / (np.sqrt(square) + 1e-8) * rate, square


def linear_program(optimizer: Any) -> Program:
    layer, x = Linear(1, bias=False), Input((1, 2))
    return Program([x], layer(x).sum(), ParamArena(layer, backend="cpu"), optimizer)


def test_a_rule_of_ones_own() -> None:
    program = linear_program(SignDescent(0.5))
    before = program.arena.value.copy()
    program.step([[3.0, -0.1]])
    np.testing.assert_allclose(program.arena.value - before, [-0.5, 0.5], rtol=1e-6)


def test_a_rule_of_ones_own_has_slots_decay_and_clipping() -> None:
    program = linear_program(Signum(0.5, weight_decay=0.1, decoupled=True, clip_value=1.0))
    before = program.arena.value.copy()
    program.step([[3.0, -0.1]])
    np.testing.assert_allclose(program.arena.value - before * 0.95, [-0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(program.optimizer_state.slots["m"], [0.1, -0.01], rtol=1e-6)


def loops_of(optimizer: Optimizer, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made = []

    def spy(evaluator: str, work: Any, arrays: Any) -> Any:
        made.append((work, {name: array.shape for name, array in arrays.items()}))
        return lambda: None

    monkeypatch.setattr(loops, "bind_loop", spy)
    linear_program(optimizer)
    return [entry for entry in made if entry[0].name == str(optimizer)]


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "clip_norm": 1.0, "decoupled": True}], ids=["", "decay"])
def test_a_rule_of_ones_own_is_the_same_loop_as_the_built_in_one(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = loops_of(RMSprop(0.01, **options), monkeypatch)
    assert len(own) == 1
    assert own == loops_of(optimizers.RMSprop(0.01, **options), monkeypatch)


def rule_of(formula: Any, **attributes: Any) -> Optimizer:
    return type("Mine", (Optimizer,), {"rule": staticmethod(formula), **attributes})(0.5)


WRONG = {
    "unknown": (
        rule_of(lambda value, gradd, rate: value),
        "Mine.rule names 'gradd', which it is not given; perhaps you meant \"grad\"?",
    ),
    "unknown scalar": (
        rule_of(lambda value, grad, m, pace: (value, m), slots=("m",)),
        "Mine.rule names 'pace', which it is not given; known: grad, m, rate, value",
    ),
    "slots as *": (rule_of(lambda value, *slots: value, slots=("m",)), "Mine.rule names 'slots'"),
    "too little": (
        rule_of(lambda value, grad, m, rate: value - rate * m, slots=("m",)),
        "Mine.rule expects to return (new value, new m), got 1: ((value - (rate * m)),)",
    ),
    "too much": (
        rule_of(lambda value, grad: (value, grad)),
        "Mine.rule expects to return (new value), got 2: (value, grad)",
    ),
    "nothing": (rule_of(lambda value, grad: None), "Mine.rule: an expression is made of numbers, got NoneType"),
    "a condition": (rule_of(lambda value, grad: value > grad), "Mine.rule expects to return (new value), got 1"),
    "a choice": (
        rule_of(lambda value, grad: value if grad > 0 else grad),
        "Mine.rule: (0.0 < grad) has no truth value",
    ),
    "NumPy": (rule_of(lambda value, grad: np.cumsum(value)), "Mine.rule: "),
    "names twice": (
        rule_of(lambda value, grad, rate: (value, rate), slots=("rate",)),
        "Mine.rule expects slots and scalars of different names, got ['value', 'grad', 'rate', 'scale', 'rate']",
    ),
    "a name of the loop": (rule_of(lambda value, sqrt: (value, sqrt), slots=("sqrt",)), "Mine: no array can be called"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_rule_is_said_before_anything_changes(name: str) -> None:
    optimizer, message = WRONG[name]
    leaves, x = Leaves(START, "float32"), Input((2,))
    arena = ParamArena(leaves, backend="cpu")
    before = arena.value.copy()
    with pytest.raises(ExpressionError, match=f"^{re.escape(message)}"):
        Program([x], (leaves.free() * x).sum(), arena, optimizer)
    assert arena.optimizer_states == {}
    np.testing.assert_array_equal(arena.value, before)


def test_decoupled_decay_needs_a_rate() -> None:
    class Paceless(Optimizer):
        def scalars(self, count: int) -> dict[str, float]:
            return {"pace": 0.1}

        def rule(self, value: Any, grad: Any, pace: Any) -> Any:
            return value - pace * grad

    linear_program(Paceless(1.0, weight_decay=0.1))
    with pytest.raises(ExpressionError, match=r'^Paceless\.rule expects decoupled decay to find "rate" among'):
        linear_program(Paceless(1.0, weight_decay=0.1, decoupled=True))


def test_a_misspelt_array_of_an_op_of_ones_own_is_named() -> None:
    class Misspelt(Optimizer):
        def update(self, decay: bool) -> Any:
            @op
            def update(value: Any, gradd: Any) -> None:
                raise AssertionError("never runs")

            return update

    expected = "Misspelt.update names 'gradd', which it is not given; perhaps you meant \"grad\"?"
    with pytest.raises(GraphError, match=re.escape(expected)):
        linear_program(Misspelt(0.5))
