"""Mixed precision: what a graph computes in, and copies of parameters that are never stale."""

from __future__ import annotations

import warnings
from collections import Counter
from weakref import WeakKeyDictionary

import numpy as np
import pytest

import fusegrad as fg
from fusegrad import initializers, losses, optimizers
from fusegrad.backend.dtypes import dtype_of
from fusegrad.graph import Arrays, GraphError, Input, Layer, Param, ParamArena, Program, Spec
from fusegrad.layers import Dropout, Linear, PReLU, Sequential

BATCH, WIDTH = 5, 6
GENERATOR = np.random.default_rng(0)
X, LABELS = GENERATOR.normal(size=(BATCH, WIDTH)).astype("float32"), GENERATOR.integers(0, 3, BATCH)
EPS = {"float32": 2.0**-23, "tf32": 2.0**-11, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def network(precision, backend="emulated", **options):
    """A program with several readers of one Value, a sum in its loss, and the hidden Value."""
    model = Sequential(Linear(9, "gelu"), PReLU(), Dropout(0.2), Linear(3))
    x, labels = Input((BATCH, WIDTH), name="x"), Input((BATCH,), "int64", name="labels")
    hidden = model.layers[1](model.layers[0](x))
    scores = model.layers[3](model.layers[2](hidden))
    loss = losses.CrossEntropy()(scores, labels) + 0.1 * (hidden * hidden).sum()
    arena = ParamArena(model, precision=precision, backend=backend)
    kept = {"keep": [hidden, scores], "gradients_of": [x, hidden]} | options
    return Program([x, labels], loss, arena, optimizers.Adam(0.01), **kept), hidden, scores, model


def dtypes(program):
    """What each kind of pass computes in: the dtype of its first floating-point array."""
    return {
        call.label: next(b.spec.dtype for b in call.buffers() if b.spec is not None and b.spec.is_float)
        for call in [*program.schedule.forward, *program.schedule.backward]
        if any(b.spec is not None and b.spec.is_float for b in call.buffers())
    }


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_products_are_of_half_precision_and_losses_of_full(precision):
    program, *_ = network(precision)
    found = dtypes(program)
    half = {name for name, dtype in found.items() if dtype == precision}
    assert half >= {"Linear.forward", "Linear.backward", "PReLU.forward", "Dropout.forward", "Multiply.forward"}
    assert found["Total.forward"] == "float32"


def test_cross_entropy_has_logits_of_half_precision_and_all_else_in_full():
    program, *_ = network("bfloat16", keep=[], gradients_of=[])
    calls = {call.label: call.buffers() for call in [*program.schedule.forward, *program.schedule.backward]}
    for name, count in ("CrossEntropy.forward", 1), ("CrossEntropy.backward", 2):
        found = Counter(b.spec.dtype for b in calls[name] if b.spec is not None and b.spec.is_float)
        assert found == {"bfloat16": count, "float32": 3}


@pytest.mark.parametrize("precision", ["float32", "tf32", "float64"])
def test_without_half_precision_the_graph_is_what_it_was(precision):
    x = Input((BATCH, WIDTH), "float64" if precision == "float64" else "float32")
    layer = Linear(3)
    program = Program([x], layer(x).sum(), ParamArena(layer, precision=precision, backend="emulated"), train=layer)
    assert not [call.label for call in program.schedule.forward if "Cast" in call.label]
    assert program.arena.half is None


@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float16"])
def test_losses_values_and_gradients_are_those_of_float32_but_for_rounding(precision):
    results = []
    for name in ("float32", precision):
        program, hidden, scores, model = network(name)
        if program.arena.scaling is not None:
            program.arena.scaling.restore([2.0**8, 0, 0, 1])  # with the first factor these gradients would be too large
        loss = float(program.forward(X, LABELS))
        program.backward()
        grads = [program.gradient(program.inputs[0]), program.gradient(hidden), program.read(scores)]
        scale = 1.0 if program.arena.scaling is None else program.arena.scaling.saved()[0]
        grads += [param.grad / np.float32(scale) for param in model.params()]
        results.append([np.float64(loss), *(fg.to_numpy(array) for array in grads)])
    for exact, rounded in zip(*results, strict=True):
        assert rounded.dtype == exact.dtype
        allowed = 8 * EPS[precision] * np.sqrt(WIDTH) * np.sqrt(np.mean(np.square(exact)))
        assert np.abs(rounded - exact).max() <= allowed


def test_what_is_rounded_shows():
    first, second = (float(network(name)[0].forward(X, LABELS)) for name in ("float32", "bfloat16"))
    assert first != second


def test_random_draws_are_those_of_float32():
    masks = []
    for precision in ("float32", "bfloat16"):
        layer, x = Dropout(0.5), Input((BATCH, WIDTH))
        y = layer(x)
        arena = ParamArena(layer, precision=precision, backend="emulated")
        program = Program([x], y.sum(), arena, keep=[y], gradients_of=[x])
        program.forward(X)
        masks.append(fg.to_numpy(program.read(y)) == 0)
    np.testing.assert_array_equal(*masks)
    assert 0 < masks[0].sum() < masks[0].size


VIEWS = WeakKeyDictionary()  # of a parameter, by program, taken before its steps


def stale(program):
    half = program.arena.backend.to_numpy(program.arena.half).astype("float32")
    value = program.arena.backend.to_numpy(program.arena.value)
    return bool(np.abs(half - value).max() > EPS["bfloat16"] * np.abs(value).max())


def assign(program, model):
    model.layers[0].weight.value = 3 * np.ones((9, WIDTH))


def load(program, model):
    model.load_state_dict({name: 0.5 + array for name, array in model.state_dict().items()})


def write_in_place(program, model):
    model.layers[0].bias.value[...] = 7


def write_into_a_view(program, model):
    VIEWS[program][...] = 7
    program.arena.changed()


def initialize(program, model):
    program.arena.initialize(3)


WRITES = assign, load, write_in_place, write_into_a_view, initialize


@pytest.mark.parametrize("write", WRITES)
def test_copies_are_made_anew_after_a_write_from_outside(write):
    program, _, _, model = network("bfloat16")
    program.capture()
    VIEWS[program] = model.layers[0].weight.value
    for _ in range(2):
        program.step(X, LABELS)
        assert not stale(program)
    write(program, model)
    assert stale(program)
    program.step(X, LABELS)
    assert not stale(program)


@pytest.mark.parametrize("write", WRITES)
def test_a_write_from_outside_decides_the_next_loss(write):
    program, _, _, model = network("bfloat16", keep=[], gradients_of=[])
    other, _, _, twin = network("bfloat16", keep=[], gradients_of=[])
    VIEWS[program] = model.layers[0].weight.value
    program.step(X, LABELS)
    write(program, model)
    twin.load_state_dict(model.state_dict())
    other.arena.step[...], other.arena.seed[...] = program.arena.step, program.arena.seed
    assert float(program.forward(X, LABELS)) == float(other.forward(X, LABELS))


def test_gradients_of_parameters_and_optimizer_state_stay_float32():
    program, *_ = network("bfloat16")
    state = program.optimizer_state
    assert {str(array.dtype) for array in (program.arena.grad, program.arena.value, *state.slots.values())} == {
        "float32"
    }


@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float16"])
def test_a_cpu_computes_in_float32_and_says_so(precision):
    with pytest.warns(UserWarning, match=f'precision "{precision}" runs in float32 on the backend "cpu"'):
        program, *_ = network(precision, backend="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin, *_ = network("float32", backend="cpu")
    assert float(program.step(X, LABELS)) == float(twin.step(X, LABELS))
    assert program.arena.precision.name == "float32"


@pytest.mark.parametrize(
    ("name", "message"),
    [("bfloat", 'got "bfloat"; perhaps you meant "bfloat16"'), (None, "got None"), ([8], r"got \[8\]")],
)
def test_an_unknown_precision_is_refused(name, message):
    with pytest.raises(GraphError, match=f"precision expects one of float32, .*, {message}"):
        ParamArena([], precision=name)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_a_model_evaluates_arrays_of_every_floating_point_dtype(precision, dtype):
    model, rows = Sequential(Linear(3)), X.astype(dtype_of(dtype))
    model(Input((BATCH, WIDTH)))
    ParamArena(model, precision=precision, backend="emulated")
    np.testing.assert_array_equal(fg.to_numpy(model(rows)), fg.to_numpy(model(rows.astype("float32"))))


class Widened(Layer):
    """y = x a in float32, whatever the dtype of x."""

    def __init__(self):
        self.a = Param((WIDTH,), initializers.normal(1.0))

    def plan(self, x):
        return Arrays({"y": Spec(x.shape, "float32")})

    def forward(self, x, a, y):
        np.multiply(x, a, out=y)

    def backward(self, x, dy, da):
        np.sum(x * dy, axis=0, out=da)


@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_a_layer_may_read_half_precision_where_parameters_are_float32(backend):
    layer, x = Widened(), Input((BATCH, WIDTH), "float16")
    program = Program([x], layer(x).sum(), ParamArena(layer, backend=backend), optimizers.SGD(0.1))
    rows = X.astype("float16").astype("float64")
    expected = (rows * fg.to_numpy(layer.a.value)).sum()
    assert float(program.step(X)) == pytest.approx(expected, rel=1e-5)
    assert fg.to_numpy(layer.a.grad) == pytest.approx(rows.sum(0), rel=1e-5)


def overflowing(scale):
    layer, x = Linear(3, width_in=WIDTH), Input((BATCH, WIDTH))
    arena = ParamArena(layer, precision="float16", backend="emulated")
    program = Program([x], scale * layer(x).mean(), arena, optimizers.Adam(0.01))
    return program, arena


def test_an_overflow_skips_the_update_and_halves_the_factor():
    program, arena = overflowing(scale=40.0)  # 2**16 · 40 / 15 is more than float16 holds
    program.capture()
    before = arena.state_dict()
    program.step(X)
    assert arena.scaling.saved() == [2.0**15, 0, 1, 0]
    for name, array in arena.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    for _ in range(4):
        program.step(X)
    factor, good, skipped, proceeds = arena.scaling.saved()
    assert (good > 0, skipped >= 2, proceeds) == (True, True, 1)
    assert factor == 2.0 ** (16 - skipped)
    assert not np.array_equal(arena.state_dict()["bias"], before["bias"])
    assert all(np.isfinite(array).all() for array in arena.state_dict().values())


def test_the_size_of_updates_does_not_depend_on_the_factor():
    results = []
    for factor in (2.0**10, 2.0**4):
        program, arena = overflowing(scale=1.0)
        arena.scaling.restore([factor, 0, 0, 1])
        program.step(X)
        results.append(arena.state_dict())
    for name, array in results[0].items():
        np.testing.assert_allclose(results[1][name], array, rtol=1e-3)


def test_each_conversion_is_made_once():
    program, *_ = network("bfloat16", keep=[], gradients_of=[])
    casts = Counter(call.label for call in program.schedule.forward)["Cast.forward"]
    assert casts == 2  # the input, and what is summed
