"""Corners in which a graph engine easily goes wrong without a word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusegrad.backend import random
from fusegrad.graph import (
    Arrays,
    GradientError,
    GraphError,
    Input,
    Layer,
    Module,
    Param,
    ParamArena,
    Program,
    check_gradients,
)
from fusegrad.initializers import normal, zeros
from fusegrad.layers import Concat, Linear, ReLU, Sequential
from fusegrad.losses import MSE, CrossEntropy
from fusegrad.optimizers import SGD, Adam


def traced(model: Module, rows: int = 4, width: int = 3) -> Any:
    x = Input((rows, width), name="x")
    return x, model(x)


def test_check_gradients_leaves_the_parameters_at_home():
    model = Sequential(Linear(2))
    traced(model)
    arena = ParamArena(model, seed=3)
    before = model.state_dict()
    check_gradients(model, (4, 3))
    assert model.arena is arena
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


def test_an_output_that_is_an_input_must_be_listed():
    x, z = Input((2, 3)), Input((2, 3), name="z")
    for options in ({"output": z}, {"output": x.sum(), "keep": [z]}):
        with pytest.raises(GraphError, match=r"depends on .* of z.*, which is not among the program's inputs"):
            Program([x], arena=ParamArena([]), **options)


def test_what_is_computed_cannot_be_fed():
    x = Input((2, 3))
    with pytest.raises(GraphError, match=r"inputs expects graph inputs \(see fg\.Input\), got"):
        Program([x, h := x * 2], h + 1, ParamArena([]))


class FirstAndOthers(Layer):
    """y = x0 + 2 the sum of the others, whose names in errors are close to that of the first."""

    def plan(self, x0, *x):
        return Arrays({"y": x0})

    def forward(self, x0, x, y):
        y[...] = x0 + 2 * sum(x)

    def backward(self, dy, dx0, dx):
        dx0[...] = dy
        for part in dx:
            part[...] = 2 * dy


def test_names_of_variadic_inputs_do_not_collide_with_others():
    assert check_gradients(lambda a: FirstAndOthers()(a * 1, a * 1, a * 1) + a * a, (3, 2)) < 1e-6
    assert check_gradients(lambda a: FirstAndOthers()(a, a, a), (3, 2)) < 1e-6


class Tied(Layer):
    """One parameter under two names, of which backward can add to one only."""

    def __init__(self):
        self.u = self.v = Param((3,), normal(1.0))

    def plan(self, x):
        return Arrays({"y": x})

    def forward(self, x, u, v, y):
        y[...] = x * u * v

    def backward(self, x, u, v, dy, dx, du, dv, add_dv):
        if dx is not None:
            dx[...] = dy * u * v
        du[...] = (dy * x * v).sum(0)
        dv[...] = (dy * x * u).sum(0) + (dv if add_dv else 0)


def test_a_parameter_under_two_names_gets_both_gradients():
    layer = Tied()
    assert check_gradients(layer, (4, 3)) < 1e-6
    x = Input((4, 3))
    program = Program([x], layer(x).sum(), ParamArena(layer), train=layer)
    batch = np.random.default_rng(0).normal(size=(4, 3))
    program.forward(batch)
    program.backward()
    once = layer.u.grad.copy()
    program.forward(batch)
    program.backward(accumulate=True)
    np.testing.assert_allclose(layer.u.grad, 2 * once, rtol=1e-6)


class Named(Layer):
    def __init__(self):
        self.w = Param((3,), zeros)


class LikeItsParameter(Named):
    def plan(self, w):
        return Arrays({"y": w})


class LikeACoordinate(Named):
    def plan(self, step):
        return Arrays({"y": step})


@pytest.mark.parametrize("layer", [LikeItsParameter(), LikeACoordinate()], ids=str)
def test_two_arrays_cannot_have_one_name(layer):
    with pytest.raises(GraphError, match=r"expects one name for each array, got \['(w|step)'"):
        layer(Input((2, 3)))


class Forgetful(Layer):
    def plan(self, x):
        return Arrays({"y": x, "z": x})

    def forward(self, x, y):
        y[...] = x

    backward = None


def test_a_pass_that_does_not_name_its_output_is_refused():
    x = Input((2, 3))
    y, z = Forgetful()(x)
    with pytest.raises(GraphError, match=r"Forgetful\.forward expects to be given its output 'z'"):
        Program([x], y + z, ParamArena([]))


def test_optimizer_state_passes_through_an_arena_without_programs():
    model, optimizer = Sequential(Linear(2)), Adam()
    x, y = traced(model)
    first = ParamArena(model)
    Program([x], y.sum(), first, optimizer).step(np.ones((4, 3)))
    second = ParamArena(model)
    second.adopt(first)
    third = ParamArena(model)
    third.adopt(second)
    assert third.optimizer_state(optimizer, model.params()).count == 1


def test_a_model_that_was_changed_is_traced_anew():
    model = Sequential(Linear(2))
    traced(model)
    ParamArena(model)
    x = -np.ones((4, 3), "float32")
    before = model(x)
    model.layers.append(ReLU())
    np.testing.assert_array_equal(model(x), np.maximum(before, 0))


def test_an_update_needs_the_gradients_of_its_own_forward_pass():
    model = Sequential(Linear(2))
    x, y = traced(model)
    program = Program([x], y.sum(), ParamArena(model), SGD(0.1))
    program.step(np.ones((4, 3)))
    before = model.state_dict()
    program.forward(np.ones((4, 3)))
    with pytest.raises(GraphError, match="update expects a backward pass after the forward pass, got none"):
        program.update()
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


@pytest.mark.parametrize("optimizer", [Adam(weight_decay=0.5), SGD(weight_decay=0.5, momentum=0.9)], ids=str)
def test_a_gradient_can_be_read_after_the_update(optimizer):
    model = Sequential(Linear(2))
    x, y = traced(model)
    program = Program([x], y.sum(), ParamArena(model), optimizer)
    program.forward(np.ones((4, 3)))
    program.backward()
    program.update(scale=0.5)
    np.testing.assert_array_equal(model.params()[0].grad, np.full((2, 3), 4.0))


def test_constants_are_copied():
    weights, x, labels = np.ones(3, "float32"), Input((2, 3)), Input((2,), "int64")
    program = Program([x, labels], CrossEntropy(weights)(x, labels), ParamArena([]))
    batch = np.eye(2, 3), [0, 1]
    before = float(program.forward(*batch))
    weights[:] = [0, 5, 0]
    assert float(program.forward(*batch)) == before


class NotANumber(Layer):
    def plan(self, x):
        return Arrays({"y": x})

    def forward(self, x, y):
        y[...] = x

    def backward(self, dy, dx):
        dx.fill(np.nan)


def test_a_gradient_that_is_not_a_number_is_an_error():
    with pytest.raises(GradientError, match="nan"):
        check_gradients(NotANumber(), (2, 3))


def test_two_losses_of_one_input_keep_their_own_ranges():
    labels, many, few = Input((2,), "int64"), Input((2, 10)), Input((2, 5))
    program = Program([many, labels], CrossEntropy()(many, labels), ParamArena([]))
    CrossEntropy()(few, labels)
    program.forward(np.zeros((2, 10)), [9, 0])


def test_labels_of_the_other_byte_order_are_read_right():
    x, labels = Input((4, 3)), Input((4,), "int64", name="labels")
    program = Program([x, labels], CrossEntropy()(x, labels), ParamArena([]))
    program.forward(np.zeros((4, 3)), np.array([0, 1, 2, 0], ">i8"))
    with pytest.raises(GraphError, match=r"labels expects integers in 0 \.\. 3-1, got 256"):
        program.forward(np.zeros((4, 3)), np.array([0, 1, 256, 2], ">i8"))


def test_an_initializer_that_fails_is_named_and_moves_nothing():
    model = Sequential(Linear(2), Linear(2))
    traced(model)
    arena = ParamArena(model)

    def failing(generator, shape):
        raise ValueError("no luck")

    model.layers[1].weight.init = failing
    with pytest.raises(GraphError, match=r"the initializer of layers\.1\.weight \(2, 2\) failed: no luck"):
        ParamArena(model)
    assert model.arena is arena


def test_train_takes_modules_and_parameters():
    first, second = Linear(2), Linear(2)
    x = Input((4, 3))
    loss, arena = second(first(x)).sum(), ParamArena([first, second])
    for train in (first.weight, [first, second.bias], first):
        Program([x], loss, arena, SGD(0.1), train=train).step(np.ones((4, 3)))


def test_a_small_loss_beside_large_logits_keeps_its_digits():
    x, labels = Input((1, 2)), Input((1,), "int64")
    program = Program([x, labels], CrossEntropy()(x, labels), ParamArena([]))
    for size in (1e2, 1e4, 1e6):
        assert float(program.forward([[size, size - 1]], [0])) == pytest.approx(np.log1p(np.exp(-1)), rel=1e-6)


def test_the_power_zero_is_one_with_gradient_zero():
    x = Input((3,))
    program = Program([x], (x**0 + x).sum(), ParamArena([]), gradients_of=[x])
    assert float(program.forward([0.0, 1.0, 2.0])) == 6
    program.backward()
    np.testing.assert_array_equal(program.gradient(x), np.ones(3))


def test_concat_does_not_keep_its_inputs():
    x = Input((64, 64))
    together = Concat()(*[x * float(i) for i in range(8)])
    program = Program([x], MSE()(together, together * 0.5), ParamArena([]), gradients_of=[x])
    kept = {buffer for call in program.schedule.backward for buffer in call.buffers()}
    concat = next(node for node in program.nodes if isinstance(node.layer, Concat))
    assert not kept & {value.data for value in concat.input_values()}


def test_a_program_refuses_to_run_when_its_parameters_have_moved():
    model = Sequential(Linear(2))
    x, y = traced(model)
    program = Program([x], y.sum(), ParamArena(model), SGD(0.1))
    program.step(np.ones((4, 3)))
    ParamArena(model)
    for run in program.step, program.forward, lambda rows: program.update():
        with pytest.raises(GraphError, match=r"layers\.0\.weight has moved to a later arena; make the program anew"):
            run(np.ones((4, 3)))


class Redrawing(Layer):
    """y = x times noise that backward draws again instead of keeping it."""

    def plan(self, x):
        return Arrays({"y": x}, saved={"noise": x})

    def forward(self, x, y, noise, seed, step, node):
        random.normal(noise, seed, step, node)
        np.multiply(x, noise, out=y)

    def backward(self, dy, dx, seed, step, node):
        random.normal(dx, seed, step, node)
        np.multiply(dx, dy, out=dx)


def test_backward_draws_what_forward_drew():
    layer, x = Linear(3), Input((4, 3))
    program = Program([x], Redrawing()(layer(x)).sum(), ParamArena(layer), train=layer)
    batch = np.random.default_rng(0).normal(size=(4, 3))
    for _ in range(2):
        loss = float(program.forward(batch))
        program.backward()
        # the loss is linear in the weight and the bias, so it equals its gradient times them
        linear = sum(float(np.vdot(param.grad, param.value)) for param in layer.params())
        assert linear == pytest.approx(loss, rel=1e-5)
    assert check_gradients(Redrawing(), (4, 3)) < 1e-6


class Fragile(Layer):
    """y = x, or an error."""

    breaks = False

    def plan(self, x):
        return Arrays({"y": x})

    def forward(self, x, y):
        y[...] = x

    def backward(self, dy, dx):
        if self.breaks:
            raise RuntimeError("broken")
        dx[...] = dy


def test_a_step_that_fails_counts_no_update_and_allows_none():
    layer, fragile, x = Linear(2), Fragile(), Input((4, 3))
    program = Program([x], fragile(layer(x)).sum(), ParamArena(layer), Adam())
    program.step(np.ones((4, 3)))
    before = layer.weight.value.copy()
    fragile.breaks = True
    with pytest.raises(RuntimeError, match="broken"):
        program.step(np.ones((4, 3)))
    assert program.optimizer_state.count == 1
    with pytest.raises(GraphError, match="update expects a backward pass"):
        program.update()
    np.testing.assert_array_equal(layer.weight.value, before)


def test_a_backward_pass_that_fails_is_not_made_again_over_what_it_has_overwritten():
    layer, fragile, x = Linear(3, "tanh"), Fragile(), Input((4, 3))
    y = layer(fragile(x))
    program = Program([x], (y * y).sum(), ParamArena(layer), gradients_of=[x])
    program.forward(np.ones((4, 3)))
    fragile.breaks = True
    with pytest.raises(RuntimeError, match="broken"):
        program.backward()
    fragile.breaks = False
    for read in (program.backward, lambda: program.gradient(x)):
        with pytest.raises(GraphError, match="forward must run first"):
            read()
    program.forward(np.ones((4, 3)))
    program.backward()
    assert np.isfinite(program.gradient(x)).all()
