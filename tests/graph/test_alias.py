"""Arrays that share one place: programs compute the same bits as with a place for each, and need less memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_layers import Square

from fusegrad import optimizers
from fusegrad.expr.activations import relu, tanh
from fusegrad.graph import Arrays, Elementwise, Input, Layer, Model, ParamArena, Program, Value, stop_gradient
from fusegrad.graph.calls import Call
from fusegrad.graph.plan import plan_memory
from fusegrad.graph.spec import Buffer, Spec
from fusegrad.layers import BatchNorm, Concat, Conv2d, Dropout, Flatten, Linear, PReLU, ReLU, Sequential, Tanh

SHAPES = (4, 6), (2, 12)


class Doubled(Layer):
    """y = 2 x, whose backward adds by itself."""

    def plan(self, x):
        return Arrays({"y": x})

    def forward(self, x, y):
        np.multiply(x, 2, out=y)

    def backward(self, dy, dx, add_dx):
        dx[...] = dx + 2 * dy if add_dx else 2 * dy


def apart(build):
    """What `build` makes while every array has a place of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fusegrad.graph.phases.aliases", lambda calls, given, kept: {})
        return build()


def shares(program, a, b):
    return program.plan.offsets[a] == program.plan.offsets[b]


ONE = {
    "reshape": lambda x: x.reshape(SHAPES[x.shape == SHAPES[0]]),
    "twice reshaped": lambda x: x.reshape(24).reshape(x.shape),
    "stop": stop_gradient,
    "relu": ReLU(),
    "tanh": Tanh(),
    "affine": lambda x: 0.5 * x + 0.25,
    "identity": Elementwise(lambda x: x),
    "square": Square(),
    "doubled": Doubled(),
    "dropout": Dropout(0.3),
    "take": lambda x: Concat(axis=0)(x[1:], x[:1]),
    "row": lambda x: x[:1] - x,
}
TWO = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "relu of sum": Elementwise(lambda a, b: relu(a + b)),
    "tanh of sum": Elementwise(lambda a, b: tanh(a + b)),
    "product": Elementwise(lambda a, b: 0.5 * a * b - a),
}
MANY = ("linear", "prelu", "gelu")


class Drawn(Model):
    """A graph of random layers over values of two shapes of as many elements."""

    def __init__(self, steps):
        self.steps = steps
        make = {"linear": lambda: Linear(6), "prelu": PReLU, "gelu": lambda: Linear(6, "gelu")}
        self.layers = [make[kind]() if kind in MANY else None for kind, *_ in steps]
        self.values: list[Value] = []

    def call(self, x):
        values = [x]
        for (kind, a, b), layer in zip(self.steps, self.layers, strict=True):
            first, second = values[a % len(values)], values[b % len(values)]
            if layer is not None:
                made = layer(first.reshape(4, 6))
            elif kind in TWO:
                made = TWO[kind](first, second if second.shape == first.shape else second.reshape(first.shape))
            else:
                made = ONE[kind](first)
            values.append(made)
        self.values = values
        used = {value for made in values if made.node for value in made.node.input_values()}
        losses = [value.mean() for value in values if value not in used or value is values[-1]]
        return sum(losses[1:], losses[0])


@st.composite
def graphs(draw):
    """The steps of a graph, which of its values are kept, and of which gradients are wanted; mostly of recent ones."""
    kind = st.sampled_from([*ONE, *TWO, *TWO, *MANY])
    steps = [
        (draw(kind), number - draw(st.integers(0, min(2, number))), number - draw(st.integers(0, number)))
        for number in range(draw(st.integers(2, 9)))
    ]
    chosen = st.lists(st.integers(0, len(steps)), max_size=2, unique=True)
    return steps, draw(chosen), draw(chosen)


def results(steps, keep, gradients_of, backend):
    """The program of a graph, and what can be read in two passes, gradients being added up in the second, and steps."""
    model, x = Drawn(steps), Input((4, 6))
    loss = model(x)
    arena, passed = ParamArena(model, seed=1, backend=backend), way_of_gradients(loss)
    trains = any(value.node and value.node.layer.layer_params() for value in passed)
    kept = [model.values[i] for i in keep]
    reached = [model.values[i] for i in gradients_of if model.values[i] in passed]
    program = Program([x], loss, arena, optimizers.SGD(0.1) if trains else None, keep=kept, gradients_of=reached)
    found = []
    for number in range(2):
        rows = np.random.default_rng(number).normal(size=(4, 6)).astype("float32")
        found += [program.forward(rows), *map(program.read, kept)]
        if program.differentiates:
            program.backward(accumulate=number > 0)
            found += [*map(program.read, kept), *map(program.gradient, reached)]
            found += [param.grad.copy() for param in program.schedule.trained]
        found += [program.step(rows) for _ in range(2 * trains)]
    return program, [arena.backend.to_numpy(item) if hasattr(item, "shape") else float(item) for item in found]


def way_of_gradients(loss):
    """The values that the loss has gradients with respect to."""
    waiting, seen = [loss], set()
    while waiting:
        value = waiting.pop()
        if value not in seen:
            seen.add(value)
            waiting += value.node.input_values() if value.node and value.node.layer.backward else ()
    return seen


def check_bits(steps, keep, gradients_of, backend="cpu"):
    together, found = results(steps, keep, gradients_of, backend)
    separate, expected = apart(lambda: results(steps, keep, gradients_of, backend))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert together.nbytes <= separate.nbytes * 1.05
    return together


@settings(max_examples=100, deadline=None, derandomize=True)
@given(graphs())
def test_random_graphs_compute_the_same_bits_as_apart(graph):
    check_bits(*graph)


EVERYTHING = [
    ("linear", 0, 0),
    ("reshape", 1, 0),
    ("relu of sum", 2, 1),
    ("dropout", 3, 0),
    ("gelu", 4, 0),
    ("add", 5, 3),
    ("prelu", 6, 0),
    ("stop", 6, 0),
    ("subtract", 7, 8),
    ("tanh", 9, 0),
]


@pytest.mark.parametrize(("backend", "evaluator"), [("cpu", "numpy"), ("cpu", "numba"), ("emulated", "numpy")])
def test_most_layers_in_one_graph(backend, evaluator, monkeypatch):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    monkeypatch.setenv("FUSEGRAD_EVALUATOR", evaluator)
    program = check_bits(EVERYTHING, [3], [6], backend)
    assert len(program.plan.aliases) > 10


class Block(Model):
    """y = relu(x + F(x)), with convolutions and normalisation in F."""

    def __init__(self):
        normalised = [layer for _ in range(2) for layer in (Conv2d(4, 3, padding=1, bias=False), BatchNorm(), ReLU())]
        self.branch, self.relu = Sequential(*normalised[:-1]), ReLU()

    def call(self, x):
        return self.relu(self.branch(x) + x)


def residual(backend):
    """A step of three blocks."""
    model = Sequential(Conv2d(4, 3, padding=1), Block(), Block(), Block(), Flatten(), Linear(3))
    x = Input((2, 3, 6, 6))
    return Program([x], model(x).mean(), ParamArena(model, backend=backend), optimizers.SGD(0.1))


@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_residual_blocks_compute_the_same_bits_as_apart(backend):
    rows = np.random.default_rng(0).normal(size=(2, 3, 6, 6)).astype("float32")
    programs = residual(backend), apart(lambda: residual(backend))
    together, separate = ([float(program.step(rows)) for _ in range(4)] for program in programs)
    assert together == separate


def test_the_backward_pass_of_a_residual_sum_writes_one_gradient():
    program = residual("cpu")
    after = program.explain().split("\n\n")[1].splitlines()
    array = 4 * 2 * 4 * 6 * 6
    backward = [line.split()[-2] for line in after if line.split()[0] == "Elementwise.backward"]
    assert backward == [f"{3 * array:,}"] * 3  # dy and y are read, one gradient is written
    assert not any(line.split()[0] == "accumulate" for line in after)


def test_a_captured_step_computes_what_single_calls_do():
    def losses(captured):
        model, x = Drawn(EVERYTHING), Input((4, 6))
        program = Program([x], model(x), ParamArena(model, backend="emulated"), optimizers.SGD(0.1))
        if captured:
            program.capture()
        rows = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
        return [float(program.step(rows)) for _ in range(4)]

    assert losses(captured=True) == losses(captured=False)


def test_other_shapes_and_copies_move_nothing():
    x = Input((4, 6))
    y = Square()(x)
    z = stop_gradient(y).reshape(2, 12)
    flat = Flatten()(z.reshape(3, 2, 4))
    program = Program([x], flat, ParamArena([]))
    assert all(shares(program, y.data, other.data) for other in (z, flat))
    after = program.explain().split("\n\n")[1].splitlines()
    moved = {line.split()[0]: line.split()[-2:] for line in after[2:-1]}
    assert moved.pop("Square.forward")[0] == "192"
    assert set(map(tuple, moved.values())) == {("0", "0")}


def test_gradients_of_other_shapes_are_the_same_memory():
    x, layer = Input((4, 6)), Linear(6)
    h = layer(x)
    program = Program([x], Square()(h.reshape(2, 12)).sum(), ParamArena(layer), optimizers.SGD())
    (back,) = [call for call in program.schedule.backward if call.label == "Reshape.backward"]
    assert shares(program, *back.arguments)


def test_the_gradient_of_a_sum_is_that_of_both_its_parts():
    x, first, second = Input((4, 6)), Linear(6), Linear(6)
    a = first(x)
    b = second(Tanh()(a))
    y = a + b
    program = Program([x], Square()(y).sum(), ParamArena([first, second]), optimizers.SGD())
    assert shares(program, y.grad, b.grad)
    assert shares(program, y.grad, a.grad)  # to which Tanh adds when the other two have been read
    separate = apart(lambda: Program([x], Square()(y).sum(), ParamArena([first, second]), optimizers.SGD()))
    assert not shares(separate, y.grad, b.grad)


def test_a_sum_under_an_activation_hands_one_gradient_to_both_parts():
    x, first, second = Input((4, 6)), Linear(6), Linear(6)
    a = first(x)
    b = second(Tanh()(a))
    y = ReLU()(a + b)
    program = Program([x], Square()(y).sum(), ParamArena([first, second]), optimizers.SGD())
    (back,) = [call for call in program.schedule.backward if call.label == "Elementwise.backward"]
    assert shares(program, a.grad, b.grad)
    assert shares(program, y.grad, b.grad)
    assert a.grad in back.writes


def test_what_is_added_to_while_its_twin_is_read_is_a_copy():
    x = Input((4, 6))
    a, b = Square()(x), Square()(x)
    y = a + b
    loss = Square()(a).sum() + Square()(y).sum()  # of which backward passes come in reverse order
    program = Program([x], loss, ParamArena([]), gradients_of=[x, b])
    assert shares(program, y.grad, a.grad)
    assert not shares(program, a.grad, b.grad)


def test_what_a_pass_adds_to_is_not_what_it_reads():
    x, first, second = Input((4, 6)), Linear(6), Linear(6)
    a = first(x)
    b = second(a)  # whose backward pass reads the gradient of b and adds to that of a
    y = a + b
    program = Program([x], Square()(y).sum(), ParamArena([first, second]), optimizers.SGD())
    assert shares(program, y.grad, a.grad)
    assert not shares(program, a.grad, b.grad)


def test_an_activation_is_written_over_what_nobody_reads_again():
    x, layer = Input((4, 6)), Square()
    h = layer(x)
    y = Tanh()(h)
    loss = Square()(y).sum()
    assert shares(Program([x], loss, ParamArena([]), gradients_of=[x]), h.data, y.data)
    assert not shares(Program([x], loss, ParamArena([]), gradients_of=[x], keep=[h]), h.data, y.data)
    again = Square()(h).sum() + loss
    assert not shares(Program([x], again, ParamArena([]), gradients_of=[x]), h.data, y.data)


def test_layers_that_do_not_allow_it_get_a_place_for_each_array():
    x = Input((4, 6))
    h = Doubled()(x)
    y = Doubled()(h)
    program = Program([x], y, ParamArena([]))
    assert not shares(program, h.data, y.data)
    assert program.plan.aliases == {}


def test_one_value_under_two_names_is_not_written_over():
    x = Input((4, 6))
    h = Square()(x)
    y = Elementwise(lambda a, b: a - b)(h, h)
    program = Program([x], y, ParamArena([]))
    assert not shares(program, h.data, y.data)
    huge = np.full((4, 6), 1e30, "float32")
    assert np.isnan(program.forward(huge)).all()  # inf - inf, which would be 0 for one name


def test_a_shared_place_is_kept_as_long_as_any_owner_is_alive():
    a, b, c, d = (Buffer(Spec((1000,), "float32")) for _ in range(4))
    calls = [Call("1", print, (a,)), Call("2", print, (a, b)), Call("3", print, (c,)), Call("4", print, (b, d))]
    plan = plan_memory(calls, [], [], 64, {b: a})
    assert plan.offsets[a] == plan.offsets[b] != plan.offsets[c]
    assert plan.offsets[d] != plan.offsets[b]
    assert (plan.nbytes, plan.lower_bound, plan.unplanned) == (2 * 4032, 2 * 4032, 4 * 4032)


def test_rows_of_reshapes_and_activations_need_memory_for_one():
    def program():
        model = Sequential(*(layer for _ in range(4) for layer in (Flatten(), Dropout(0.1))))
        x = Input((64, 8, 8))
        return Program([x], model(x).sum(), ParamArena(model), gradients_of=[x])

    together, separate = program(), apart(program)
    assert together.nbytes <= together.plan.lower_bound * 1.05
    assert together.nbytes < 0.7 * separate.nbytes
