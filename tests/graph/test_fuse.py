"""Runs of elementwise layers become one node, or the epilogue of the product before them; what is computed stays."""

from __future__ import annotations

import numpy as np
import pytest
from networks import NETWORKS

from fusegrad import expr, layers, losses, optimizers
from fusegrad import sum as total
from fusegrad.graph import GraphError, Input, ParamArena, Program, check_gradients
from fusegrad.graph.fuse import fuse
from fusegrad.graph.phases import numbered
from fusegrad.layers import GELU, Dropout, Elementwise, Linear, ReLU, Sequential, Sigmoid, SiLU, Tanh


def trained(model, shape=(4, 3), **options):
    x = Input(shape)
    return Program([x], model(x).sum(), ParamArena(model), optimizers.SGD(0.1), **options)


def forward_labels(program):
    return [call.label for call in program.schedule.forward]


WAYS = {
    "layers": lambda: Sequential(Linear(5), ReLU(), Linear(2)),
    "argument": lambda: Sequential(Linear(5, ReLU()), Linear(2)),
    "name": lambda: Sequential(Linear(5, "relu"), Linear(2)),
    "function": lambda: Sequential(Linear(5, expr.function(lambda x: expr.maximum(x, 0))), Linear(2)),
    "formula": lambda: Sequential(Linear(5, lambda x: expr.maximum(x, 0)), Linear(2)),
    "custom layer": lambda: Sequential(Linear(5), Elementwise(lambda x: expr.maximum(x, 0)), Linear(2)),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_way_of_writing_changes_neither_calls_nor_bits(way):
    first, other = trained(WAYS["layers"]()), trained(WAYS[way]())
    assert [c.label for c in other.schedule.backward] == [c.label for c in first.schedule.backward]
    assert forward_labels(other) == ["Linear.forward", "Linear.forward", "Total.forward"]
    other.arena.value[...] = first.arena.value  # which other names drew otherwise
    x = np.random.default_rng(0).normal(size=(4, 3))
    assert [float(other.step(x)) for _ in range(3)] == [float(first.step(x)) for _ in range(3)]
    np.testing.assert_array_equal(other.arena.value, first.arena.value)


def test_a_run_of_activations_is_one_epilogue():
    program = trained(Sequential(Linear(5), Tanh(), Sigmoid(), GELU()))
    assert forward_labels(program) == ["Linear.forward", "Total.forward"]


def test_a_run_elsewhere_is_one_node():
    x, a = Input((4, 3)), Input((4, 3))
    y = ((x * 2.0 + 1.0) * a - x) / (a * a + 1.0)
    program = Program([x, a], y.sum(), ParamArena([]), gradients_of=[x, a])
    assert forward_labels(program) == ["Elementwise.forward", "Total.forward"]
    X, A = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    np.testing.assert_allclose(float(program.forward(X, A)), (((2 * X + 1) * A - X) / (A * A + 1)).sum(), rtol=1e-5)
    program.backward()
    np.testing.assert_allclose(program.gradient(x), (2 * A - 1) / (A * A + 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kept", ["keep", "gradients_of"])
def test_a_value_that_is_asked_for_stays(kept):
    layer, x = Linear(5), Input((4, 3))
    h = layer(x)
    program = Program([x], ReLU()(h).sum(), ParamArena(layer), optimizers.SGD(0.1), **{kept: [h]})
    assert forward_labels(program) == ["Linear.forward", "ReLU.forward", "Total.forward"]


def test_a_value_with_two_readers_stays():
    layer, x = Linear(5), Input((4, 3))
    h = layer(x)
    program = Program([x], (ReLU()(h) * Tanh()(h)).sum(), ParamArena(layer), optimizers.SGD(0.1))
    assert forward_labels(program) == ["Linear.forward", "Elementwise.forward", "Total.forward"]


def test_a_value_read_twice_by_one_node_is_fused():
    x = Input((4, 3))
    h = x + 1.0
    program = Program([x], (h * h).sum(), ParamArena([]), gradients_of=[x])
    assert forward_labels(program) == ["Elementwise.forward", "Total.forward"]
    program.forward(np.full((4, 3), 2.0))
    program.backward()
    np.testing.assert_array_equal(program.gradient(x), np.full((4, 3), 6.0))


def test_broadcasting_ends_a_run():
    x, row = Input((4, 3)), Input((3,))
    program = Program([x, row], ((x + 1.0) * row).sum(), ParamArena([]), gradients_of=[row])
    assert forward_labels(program) == ["Elementwise.forward", "Multiply.forward", "Total.forward"]


def test_random_draws_do_not_depend_on_what_is_fused():
    model = Sequential(Linear(5), ReLU(), Tanh(), Dropout(0.5), Linear(2))
    x = Input((64, 3))
    middle = model.layers[0](x)
    drawn = model.layers[3](model.layers[2](model.layers[1](middle)))
    loss, arena = model.layers[4](drawn).sum(), ParamArena(model)
    masks = []
    for keep in ([drawn], [drawn, middle]):
        program = Program([x], loss, arena, train=model, keep=keep)
        arena.step[...] = 0
        program.forward(np.ones((64, 3)))
        masks.append(program.read(drawn))
    np.testing.assert_array_equal(*masks)


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_networks_compute_the_same_with_and_without(build, monkeypatch):
    def losses_of(network):
        programs = network.programs(ParamArena(network.module, precision="float32"), optimizers.Adam)
        rows = range(3)
        return [[float(p.step(*goal.batch())) for p, goal in zip(programs, network.goals, strict=True)] for _ in rows]

    fused = losses_of(build())
    monkeypatch.setattr("fusegrad.graph.phases.fuse", lambda nodes, kept: nodes)
    np.testing.assert_allclose(fused, losses_of(build()), rtol=2e-5)


def test_fusing_never_adds_nodes_and_leaves_the_graph_as_it_is():
    model, x = Sequential(Linear(5), SiLU(), Linear(5), SiLU()), Input((4, 3))
    y = model(x)
    node = y.node
    program = Program([x], total(y), ParamArena(model), optimizers.SGD(0.1))
    assert len(fuse(numbered(program.task), program.keep)) < len(program.nodes)
    assert y.node is node
    assert [type(node.layer).__name__ for node in program.nodes] == ["Linear", "SiLU", "Linear", "SiLU", "Total"]


def test_a_residual_branch_keeps_its_gradient():
    class Residual(layers.Sequential):
        def call(self, x):
            return super().call(x) * 0.5 + x

    check_gradients(Residual(Linear(3), GELU(), Linear(3), Tanh()), (4, 3))


def test_every_row_block_of_a_tall_product_is_finished(monkeypatch):
    monkeypatch.setattr("fusegrad.ops.linear.PIECE_ROWS", 7)
    monkeypatch.setattr("fusegrad.ops.linear.PIECE_BYTES", 1)
    layer, x = Linear(5, "gelu"), Input((31, 3))
    program = Program([x], layer(x), ParamArena(layer))
    X = np.random.default_rng(0).normal(size=(31, 3)).astype("float32")
    h = X @ layer.weight.value.T + layer.bias.value
    np.testing.assert_allclose(program.forward(X), expr.activations.gelu(h), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("rellu", r"Linear\(5\) knows no activation 'rellu'; perhaps you meant \"relu\"\?"),
        (ReLU, "such as ReLU\\(\\), not ReLU"),
        (64, "expects an activation, a name or a scalar function, got 64"),
        (lambda a, b: a + b, "expects an activation of one argument"),
        (lambda x: x if x > 0 else 0, "has no truth value while it is traced"),
        (Dropout(0.5), "expects an activation, a name or a scalar function, got Dropout"),
    ],
)
def test_what_is_no_activation_is_refused(activation, message):
    with pytest.raises(GraphError, match=message):
        Linear(5, activation)


def test_a_loss_in_the_middle_of_a_run_is_right():
    x = Input((4, 3))
    y = expr_chain(x)
    program = Program([x], losses.MSE()(y, x), ParamArena([]), gradients_of=[x])
    assert forward_labels(program) == ["Elementwise.forward", "MSE.forward"]


def expr_chain(x):
    return Tanh()(Sigmoid()(x * 3.0))
