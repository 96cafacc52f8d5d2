"""Programs: their parts and the whole, what they read and refuse."""

from __future__ import annotations

import numpy as np
import pytest
from networks import NETWORKS, Goal, gan, mlp, residual, two_headed

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Linear, ReLU, Sequential
from fusegrad.losses import MSE
from fusegrad.optimizers import SGD, Adam, AdamW


def made(build=mlp, optimizer=None, **options):
    """A program for the only goal of a network, on the CPU, and a batch."""
    network = build()
    (goal,) = network.goals
    arena = ParamArena(network.module, backend="cpu")
    return Program(goal.inputs, goal.loss, arena, optimizer, **options), goal.batch()


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("optimizer", [SGD, AdamW])
def test_steps_repeat_bit_for_bit(build, optimizer):
    paths = []
    for _ in range(2):
        network = build()
        arena = ParamArena(network.module, backend="cpu")
        programs = network.programs(arena, optimizer)
        losses = [
            float(program.step(*goal.batch(seed)))
            for seed in range(5)
            for program, goal in zip(programs, network.goals, strict=True)
        ]
        paths.append((losses, arena.value.tobytes()))
    assert paths[0] == paths[1]


@pytest.mark.parametrize("build", [mlp, residual, two_headed])
def test_training_lowers_the_loss(build):
    program, batch = made(build, Adam(0.003))
    losses = [float(program.step(*batch)) for _ in range(50)]
    assert losses[-1] < 0.5 * losses[0]


def test_forward_backward_and_update_make_a_step():
    whole, batch = made(optimizer=Adam(0.01))
    parts, _ = made(optimizer=Adam(0.01))
    for _ in range(3):
        loss = whole.step(*batch)
        same = parts.forward(*batch)
        parts.backward()
        parts.update()
        assert float(loss) == float(same)
        np.testing.assert_array_equal(whole.arena.value, parts.arena.value)
    assert int(whole.arena.step) == int(parts.arena.step) == 3


@pytest.mark.parametrize("build", [mlp, residual, two_headed])
def test_accumulated_gradients_are_the_sum(build):
    program, _ = made(build, SGD())
    batches = [Goal(program.inputs, program.outputs[0], None).batch(seed) for seed in range(3)]
    gradients = []
    for batch in batches:
        program.forward(*batch)
        program.backward()
        gradients.append(program.arena.grad.copy())
    for number, batch in enumerate(batches):
        program.forward(*batch)
        program.backward(accumulate=number > 0)
    np.testing.assert_allclose(program.arena.grad, sum(gradients), rtol=1e-4, atol=1e-6)


def test_two_half_batches_make_a_whole_one():
    layer, loss = Linear(2), MSE()
    generator = np.random.default_rng(0)
    x, target = generator.normal(size=(8, 3)), generator.normal(size=(8, 2))

    def program(rows):
        values = Input((rows, 3), "float64"), Input((rows, 2), "float64")
        return values, loss(layer(values[0]), values[1])

    whole, half = program(8), program(4)
    arena = ParamArena(layer, precision="float64")
    whole, half = Program(*whole, arena, SGD()), Program(*half, arena, SGD())
    whole.forward(x, target)
    whole.backward()
    expected = arena.grad.copy()
    for rows in slice(0, 4), slice(4, 8):
        half.forward(x[rows], target[rows])
        half.backward(accumulate=rows.start > 0)
    np.testing.assert_allclose(arena.grad / 2, expected, rtol=1e-12)


def test_backward_runs_once_for_a_forward():
    program, batch = made(optimizer=SGD())
    program.step(*batch)
    before = program.arena.grad.copy()
    with pytest.raises(GraphError, match="backward expects a forward pass before it"):
        program.backward()
    np.testing.assert_array_equal(program.arena.grad, before)


def test_an_evaluation_computes_what_training_saw():
    network = mlp()
    arena, (goal,) = ParamArena(network.module, backend="cpu"), network.goals
    training, evaluation = (Program(goal.inputs, goal.loss, arena, optimizer) for optimizer in (SGD(), None))
    batch = goal.batch()
    before = float(evaluation.forward(*batch))
    assert float(training.step(*batch)) == before
    assert float(evaluation.forward(*batch)) < before
    assert int(arena.step) == 1


def test_what_an_evaluation_does_not_do():
    program, batch = made()
    for act, message in [
        (program.backward, "backward expects a program with an optimizer, train= or gradients_of=, got an evaluating"),
        (program.update, "update expects a program with an optimizer, got one without"),
        (lambda: program.step(*batch), "expects a program with an optimizer"),
    ]:
        with pytest.raises(GraphError, match=message):
            act()
    assert int(program.arena.step) == 0


def test_outputs_of_any_shape_come_as_fresh_arrays():
    layer, x = Linear(2), Input((3, 4))
    y = layer(x)
    arena = ParamArena(layer, backend="cpu")
    one, several = Program([x], y, arena), Program([x], [y, y.sum(0), x], arena)
    array = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    first = one.forward(array)
    expected = first.copy()
    one.forward(2 * array)
    np.testing.assert_array_equal(first, expected)
    results = several.forward(array)
    np.testing.assert_array_equal(results[0], expected)
    np.testing.assert_allclose(results[1], expected.sum(0), rtol=1e-5)
    np.testing.assert_array_equal(results[2], array)


def test_kept_values_are_read_as_they_were():
    model, x = Sequential(Linear(5), ReLU(), Linear(2)), Input((3, 4), name="x")
    hidden = model.layers[1](model.layers[0](x))
    loss = model.layers[2](hidden).sum()
    program = Program([x], loss, ParamArena(model), SGD(0.1), keep=[x, hidden], gradients_of=[hidden])
    array = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    weight, head = (model.layers[i].weight.value.copy() for i in (0, 2))
    value = program.step(array)
    np.testing.assert_array_equal(program.read(x), array)
    np.testing.assert_allclose(program.read(hidden), np.maximum(array @ weight.T, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(program.gradient(hidden), np.tile(head.sum(0), (3, 1)), rtol=1e-5)
    assert program.read(loss) == np.float32(value)


@pytest.mark.parametrize("which", ["x", "hidden"])
def test_what_is_not_kept_cannot_be_read(which):
    layer, x = Linear(2), Input((3, 4), name="x")
    hidden = layer(x)
    program = Program([x], hidden.sum(), ParamArena(layer), SGD())
    program.step(np.ones((3, 4)))
    value = {"x": x, "hidden": hidden}[which]
    with pytest.raises(GraphError, match=r"Value\(.*\) was not kept; pass keep=\[value\] to the Program"):
        program.read(value)
    with pytest.raises(GraphError, match=r"the gradient of Value\(.*\) was not kept; pass gradients_of="):
        program.gradient(value)


def test_nothing_can_be_read_before_it_is_computed():
    x = Input((3,))
    program = Program([x], x.sum(), ParamArena([]), keep=[x], gradients_of=[x])
    for act in program.backward, lambda: program.read(x), lambda: program.gradient(x):
        with pytest.raises(GraphError, match="forward must run first"):
            act()
    program.forward(np.ones(3))
    with pytest.raises(GraphError, match="gradient expects a backward pass before it"):
        program.gradient(x)


def test_two_optimizers_over_one_graph_train_their_own_parts():
    network = gan()
    arena = ParamArena(network.module, backend="cpu")
    programs = network.programs(arena, lambda: Adam(0.01))
    players = network.module.discriminator, network.module.generator
    for program, goal, trained, frozen in zip(programs, network.goals, players, players[::-1], strict=True):
        before = arena.state_dict()
        program.step(*goal.batch())
        moved = {param for name, param in arena.params.items() if not np.array_equal(param.value, before[name])}
        assert moved == set(trained.params())
        assert not moved & set(frozen.params())


def test_one_optimizer_does_not_train_two_sets():
    network = gan()
    with pytest.raises(GraphError, match="SGD trains other parameters of this arena already; make a second optimizer"):
        optimizer = SGD()
        network.programs(ParamArena(network.module), lambda: optimizer)


def test_programs_of_two_shapes_share_the_state_of_one_optimizer():
    layer, loss, optimizer = Linear(2), MSE(), Adam(0.1)
    x = [Input((rows, 3)) for rows in (4, 2)]
    target = [Input((rows, 2)) for rows in (4, 2)]
    losses = [loss(layer(a), b) for a, b in zip(x, target, strict=True)]
    arena = ParamArena(layer)
    long, short = (Program([x[i], target[i]], losses[i], arena, optimizer) for i in (0, 1))
    long.step(np.ones((4, 3)), np.ones((4, 2)))
    short.step(np.ones((2, 3)), np.ones((2, 2)))
    assert long.optimizer_state is short.optimizer_state
    assert long.optimizer_state.count == 2


def test_batches_of_any_memory_layout_and_lists():
    layer, x = Linear(2), Input((3, 4))
    program = Program([x], layer(x), ParamArena(layer))
    array = np.random.default_rng(0).normal(size=(3, 4))
    expected = program.forward(array.astype("float32"))
    wide = np.zeros((6, 8))
    wide[::2, ::-2] = array
    for same in array, array.tolist(), np.asfortranarray(array), wide[::2, ::-2], array.T.copy().T:
        np.testing.assert_array_equal(program.forward(same), expected)


def test_a_graph_deeper_than_the_stack():
    x = y = Input((2,), "float64")
    for _ in range(3000):
        y = 1.0 * y
    program = Program([x], y.sum(), ParamArena([], precision="float64"), gradients_of=[x])
    assert float(program.forward([1, 2])) == 3
    program.backward()
    np.testing.assert_array_equal(program.gradient(x), [1, 1])
    assert program.nbytes <= 4 * program.arena.backend.alignment
