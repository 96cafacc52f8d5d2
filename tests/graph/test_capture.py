"""Steps as one CUDA graph compute what the calls compute one by one, bit for bit, and leave the host alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import fusegrad as fg
from fusegrad import data, losses, optimizers, schedules
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.backend.selection import Choice
from fusegrad.graph import Arrays, GraphError, Input, Layer, ParamArena, Program, normal
from fusegrad.layers import Dropout, Linear, Sequential
from fusegrad.ops import op

ROWS, WIDTH, BATCH = 22, 6, 4
GENERATOR = np.random.default_rng(0)
X, LABELS = GENERATOR.normal(size=(ROWS, WIDTH)).astype("float32"), GENERATOR.integers(0, 3, ROWS)
PRECISIONS = "float32", "tf32", "bfloat16", "float16"


@pytest.fixture(scope="module")
def checked():
    return EmulatedBackend("check")


@pytest.fixture
def on_the_checked_gpu(checked, monkeypatch):
    monkeypatch.setattr("fusegrad.backend.selection._default", Choice(checked, "test"))


def program(precision="float32", optimizer=None, backend=None):
    model = Sequential(Linear(9, "gelu"), Dropout(0.3), Linear(3))
    x, labels = Input((BATCH, WIDTH), name="x"), Input((BATCH,), "int64", name="labels")
    loss = losses.CrossEntropy()(model(x), labels)
    arena = ParamArena(model, precision=precision, backend=backend)
    rule = optimizer or optimizers.AdamW(schedules.cosine(0.1, 20), clip_norm=0.5)
    return Program([x, labels], loss, arena, rule)


def batches(count, epoch=0):
    order = list(data.batches(X, LABELS, BATCH, epoch=epoch, drop_last=True))
    return [order[i % len(order)] for i in range(count)]


def state(program):
    arrays = {**program.arena.state_dict(), **program.optimizer_state.saved().slots, "step": int(program.arena.step)}
    if program.arena.half is not None:
        arrays["half"] = program.arena.backend.to_numpy(program.arena.half)
    return arrays


def check_equal(first, second):
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array, err_msg=name)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_captured_steps_are_those_of_the_calls_bit_for_bit(precision, on_the_checked_gpu):
    eager, captured = program(precision), program(precision)
    captured.capture()
    steps = batches(4)
    expected = [float(eager.step(*batch)) for batch in steps]
    assert [float(captured.step(*batch)) for batch in steps] == expected
    assert len(set(expected)) == len(steps)
    check_equal(state(eager), state(captured))


@pytest.mark.parametrize("rule", [optimizers.SGD(0.1, momentum=0.9), optimizers.LAMB(0.01)], ids=str)
def test_whatever_the_optimizer(rule, on_the_checked_gpu):
    eager, captured = program(optimizer=rule), program(optimizer=rule)
    captured.capture()
    for batch in batches(3):
        eager.step(*batch)
        captured.step(*batch)
    check_equal(state(eager), state(captured))


def test_a_captured_step_is_one_launch_beside_copies():
    trained = program(backend="emulated")
    trained.capture()
    for batch in batches(2):
        trained.step(*batch)
    counters = trained.arena.backend.xp.counters
    before = counters.as_dict()
    with trained.arena.backend.xp.recording() as log:
        trained.step(*batches(1)[0])
    queued = Counter("wait" if what.startswith("wait for") else what for what, _ in log)
    assert queued == {"wait": 4, "memcpyAsync": 4, "launch graph": 1}
    after = counters.as_dict()
    assert after["graph_launches"] == before["graph_launches"] + 1
    for name in ("launches", "allocations", "used_bytes", "synchronisations", "copies_to_host"):
        assert after[name] == before[name], name


def test_a_larger_program_makes_the_smaller_one_capture_anew():
    small = program(backend="emulated")
    small.capture()
    for batch in batches(2):
        small.step(*batch)
    before = small.captured
    x = Input((500, WIDTH))
    large = Program([x], small.nodes[0].layer(x), small.arena)
    assert large.nbytes > small.nbytes
    large.forward(GENERATOR.normal(size=x.shape))
    for batch in batches(2):
        small.step(*batch)
    assert small.captured is not None
    assert small.captured is not before


@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_many_steps_move_to_the_larger_block(backend):
    small, twin = program(backend=backend), program(backend=backend)
    steps, others = (each.capture(steps=2, data=[X, LABELS]) for each in (small, twin))
    steps.run(), others.run()
    x = Input((500, WIDTH))
    Program([x], small.nodes[0].layer(x), small.arena).forward(GENERATOR.normal(size=x.shape))
    for _ in range(2):
        losses_of = [float(loss) for loss in steps.run()]
        assert losses_of == [float(loss) for loss in others.run()]
        assert float(fg.to_numpy(small.read(small.outputs[0]))) == losses_of[-1]


def test_a_step_that_was_interrupted_does_not_confuse_the_losses(monkeypatch):
    trained, twin = program(backend="emulated"), program(backend="emulated")
    steps = batches(3)
    for each in (trained, twin):
        each.step(*steps[0])
    last = trained.bound.step.pop()

    def interrupted():
        raise KeyboardInterrupt

    trained.bound.step.append(interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained.step(*steps[1])
    trained.bound.step[-1] = last
    twin.step(*steps[1])
    trained.arena.load_state_dict(twin.arena.state_dict())
    assert float(trained.forward(*steps[2])) == float(twin.forward(*steps[2]))


@pytest.mark.parametrize("backend", ["cpu", "emulated"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_many_steps_in_one_launch_are_those_steps(backend, shuffle):
    one_by_one, together = program(backend=backend), program(backend=backend)
    whole = ROWS // BATCH
    order = [
        batch
        for epoch in range(2)
        for batch in data.batches(X, LABELS, BATCH, epoch=epoch, shuffle=shuffle, drop_last=True)
    ]
    assert len(order) == 2 * whole
    expected = [float(one_by_one.step(*batch)) for batch in order[:9]]
    steps = together.capture(steps=3, data=[X, LABELS], shuffle=shuffle)
    assert [float(loss) for _ in range(3) for loss in steps.run()] == expected
    check_equal(state(one_by_one), state(together))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_many_steps_in_half_precision(precision):
    one_by_one, together = (program(precision, backend="emulated") for _ in range(2))
    expected = [float(one_by_one.step(*batch)) for batch in batches(4)]
    steps = together.capture(steps=2, data=[X, LABELS])
    assert [float(loss) for _ in range(2) for loss in steps.run()] == expected
    check_equal(state(one_by_one), state(together))


def test_they_go_on_where_they_are_told():
    one_by_one, together = program(backend="emulated"), program(backend="emulated")
    order = list(data.batches(X, LABELS, BATCH, epoch=7, drop_last=True))[3:]
    expected = [float(one_by_one.step(*batch)) for batch in order]
    steps = together.capture(steps=2, data=[X, LABELS])
    steps.seek(7, 3)
    assert [float(loss) for loss in steps.run()] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 2}, "capture expects data for more than one step, got None"),
        ({"steps": 65, "data": [X, LABELS]}, "capture expects 1 to 64 steps at once, got 65"),
        ({"steps": 2, "data": [X]}, "capture expects 2 arrays as data, got 1"),
        ({"steps": 2, "data": [X[:3], LABELS[:3]]}, "capture expects at least 4 rows, got 3"),
        ({"steps": 2, "data": [X[:, :5], LABELS]}, "x expects data of shape (22, 6), got (22, 5)"),
        ({"steps": 2, "data": [X, LABELS + 1]}, "labels expects integers in 0 .. 3-1, got 3"),
        ({"steps": 2, "data": [1.0, LABELS]}, "capture expects at least 4 rows, got 0"),
        ({"steps": 2, "data": [X, 1]}, "labels expects data of shape (22,), got ()"),
        ({"steps": 2, "data": [X + 1j, LABELS]}, "x expects dtype float32, got complex64"),
        ({"steps": 2.5, "data": [X, LABELS]}, "capture expects 1 to 64 steps at once, got 2.5"),
        ({"steps": True, "data": [X, LABELS]}, "capture expects 1 to 64 steps at once, got True"),
        ({"seed": -1, "data": [X, LABELS]}, f"capture expects a seed in 0 .. {2**64 - 1}, got -1"),
        ({"seed": 1.5, "data": [X, LABELS]}, f"capture expects a seed in 0 .. {2**64 - 1}, got 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(GraphError) as error:
        program(backend="cpu").capture(**arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(("epoch", "batch"), [(-1, 0), (0.5, 0), (0, 5), (0, -1), (0, 1.0)])
def test_a_place_outside_the_data_is_refused(epoch, batch):
    steps = program(backend="cpu").capture(steps=2, data=[X, LABELS])
    with pytest.raises(GraphError, match=r"capture expects an? (epoch|batch) in 0 \.\. \d+, got "):
        steps.seek(epoch, batch)
    assert [float(loss) for loss in steps.run()]


def test_inputs_without_rows_have_no_data():
    layer, x, scale = Linear(2), Input((BATCH, WIDTH)), Input((), name="scale")
    loss = (layer(x) * scale).sum()
    arena = ParamArena(layer, backend="cpu")
    for inputs, arrays in ([x, scale], [X, X[0]]), ([scale, x], [X[0], X]):
        with pytest.raises(GraphError, match=r"scale expects rows, for data to fill, got shape \(\)"):
            Program(inputs, loss, arena, optimizers.SGD(0.1)).capture(steps=2, data=arrays)


def test_a_program_without_inputs_takes_no_data():
    layer = Linear(2, width_in=3)
    trained = Program([], layer(normal((4, 3))).sum(), ParamArena(layer, backend="cpu"), optimizers.SGD(0.1))
    with pytest.raises(GraphError, match="capture expects inputs, which data is for, got a program without"):
        trained.capture(steps=2, data=[])


@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_data_may_lie_in_any_order(backend):
    losses_of = [
        [float(loss) for loss in program(backend=backend).capture(steps=2, data=[data, LABELS]).run()]
        for data in (X, np.asfortranarray(X), X.astype("float64"), X[:, ::-1][:, ::-1])
    ]
    assert losses_of == [losses_of[0]] * 4


class Scale(Layer):
    """A layer whose passes are functions of arrays."""

    def plan(self, x):
        return Arrays({"y": x})

    def forward(self, x, y):
        np.multiply(x, 2, out=y)

    def backward(self, dy, dx):
        np.multiply(dy, 2, out=dx)


def test_a_pass_that_is_no_op_is_refused():
    layer, x = Linear(2), Input((BATCH, WIDTH))
    loss = Scale()(layer(x)).sum()
    trained = Program([x], loss, ParamArena(layer), optimizers.SGD(0.1))
    assert trained.obstacle == "Scale.forward"
    with pytest.raises(GraphError, match=r"expects passes that only launch kernels, .* got Scale\.forward"):
        trained.capture()


@op
def against_the_gradient(value, grad, scale):
    np.subtract(value, scale * grad, out=value)


class Plain:
    """An optimizer whose update has no kernels."""

    slots, clip_norm, per_parameter, decays = (), None, False, False

    def scalars(self, count):
        return {"rate": 1.0}

    def update(self, decay, copies=(), conditional=False):
        return against_the_gradient

    def __repr__(self):
        return "Plain"


def test_neither_is_an_update_without_kernels_nor_what_follows_it():
    layer, x = Linear(2), Input((BATCH, WIDTH))
    y = layer(x)
    arena = ParamArena(layer)
    updated = Program([x], y.sum(), arena, Plain())
    assert updated.obstacle == "Plain.update"
    with pytest.raises(GraphError, match=r"expects passes that only launch kernels, .* got Plain\.update"):
        updated.capture()
    followed = Program([x], y.sum(), arena, optimizers.SGD(0.1), afterwards=[(against_the_gradient, (y, y, 1.0))])
    assert followed.obstacle == "afterwards[0]"


def test_an_evaluating_program_has_no_steps():
    x = Input((BATCH, WIDTH))
    with pytest.raises(GraphError, match="capture expects a program with an optimizer, got one without"):
        Program([x], x.sum(), ParamArena([])).capture()
