"""Normalisation: values, gradients and running statistics are those of PyTorch; what is kept, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.outcomes import numbers, outcome

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, ReLU, RMSNorm, Sequential

TORCH = "values and gradients are compared with those of PyTorch"
EXAMPLES = settings(max_examples=12, deadline=None, derandomize=True)
ACTIVATIONS = st.sampled_from([None, "relu", "tanh", "silu"])
EXTENTS = st.lists(st.integers(1, 5), max_size=3).map(tuple)


def randomize(model, seed=0):
    """Let parameters and running statistics be anything."""
    generator = np.random.default_rng(seed)
    for param in model.params():
        param.value = generator.uniform(0.5, 2, param.shape)


def as_torch(torch, layer, module):
    """The module with the parameters and state of the layer."""
    state = {name: torch.from_numpy(param.value.copy()) for name, param in layer.named_params()}
    module.load_state_dict(state, strict=False)
    return module


def activated(torch, activation):
    return getattr(torch.nn.functional, activation) if activation else lambda y: y


def check_close(name, got, wanted):
    error, allowed = np.abs(got - wanted).max(initial=0), 1e-5 * np.abs(wanted).max(initial=0)
    assert error <= allowed, f"{name} is off by {error:.2e}, allowed {allowed:.2e}"


def check_like_torch(torch, layer, module, x, activation=None):
    """y, dx and all gradients of parameters, for parameters that are anything."""
    layer(Input(x.shape))
    ParamArena(layer, backend="cpu")
    randomize(layer)
    as_torch(torch, layer, module)
    for param in layer.params():
        param.init = given_array(param.value.copy())
    found = outcome(layer, x)
    tensor = torch.from_numpy(x.copy()).requires_grad_()
    y = activated(torch, activation)(module(tensor))
    (y * torch.from_numpy(found.weights)).sum().backward()
    check_close("y", found.y, y.detach().numpy())
    check_close("dx", found.gradients[0], tensor.grad.numpy())
    for name, param in module.named_parameters():
        check_close(f"d{name}", found.parameters[name], param.grad.numpy())


def given_array(array):
    return lambda generator, shape: array


def batch_norm_of_torch(torch, x, **options):
    kind = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}
    return kind[x.ndim](x.shape[1], **options)


@EXAMPLES
@given(st.integers(8, 12), st.integers(1, 5), EXTENTS, ACTIVATIONS, st.booleans(), st.booleans())
def test_values_and_gradients_of_batch_norm_are_those_of_torch(batch, channels, extents, activation, affine, frozen):
    torch = pytest.importorskip("torch", reason=TORCH)
    x = numbers(batch, channels, *extents)
    module = batch_norm_of_torch(torch, x, affine=affine).train(not frozen)
    check_like_torch(torch, BatchNorm(activation, affine=affine, frozen=frozen), module, x, activation)


@EXAMPLES
@given(st.integers(2, 6), st.integers(1, 4), EXTENTS, st.sampled_from([0.1, 0.5]))
def test_running_statistics_of_batch_norm_are_those_of_torch(batch, channels, extents, momentum):
    torch = pytest.importorskip("torch", reason=TORCH)
    x = numbers(3, batch, channels, *extents) * 3 + 2
    layer, value = BatchNorm(momentum=momentum), Input(x.shape[1:])
    y = layer(value)
    program = Program([value], y.sum(), ParamArena(layer, backend="cpu"), gradients_of=[value])
    module = batch_norm_of_torch(torch, x[0], momentum=momentum)
    for own in x:
        program.forward(own)
        module(torch.from_numpy(own))
    state = {name: param.value for name, param in layer.named_params()}
    assert set(state) == set(module.state_dict()) - {"num_batches_tracked"}
    check_close("running_mean", state["running_mean"], module.running_mean.numpy())
    check_close("running_var", state["running_var"], module.running_var.numpy())
    evaluated = Program([value], y, layer.weight.arena).forward(x[0])
    check_close("y", evaluated, module.eval()(torch.from_numpy(x[0])).detach().numpy())


@EXAMPLES
@given(st.integers(1, 4), st.integers(1, 3), st.integers(2, 3), EXTENTS, ACTIVATIONS, st.booleans())
def test_values_and_gradients_of_group_norm_are_those_of_torch(batch, groups, size, extents, activation, affine):
    torch = pytest.importorskip("torch", reason=TORCH)
    x = numbers(batch, groups * size, 5, *extents)
    module = torch.nn.GroupNorm(groups, groups * size, affine=affine)
    check_like_torch(torch, GroupNorm(groups, activation, affine=affine), module, x, activation)


@EXAMPLES
@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(1, 5), max_size=2), ACTIVATIONS, st.booleans())
def test_values_and_gradients_of_instance_norm_are_those_of_torch(batch, channels, extents, activation, affine):
    torch = pytest.importorskip("torch", reason=TORCH)
    x = numbers(batch, channels, 8, *extents)
    kind = (torch.nn.InstanceNorm1d, torch.nn.InstanceNorm2d, torch.nn.InstanceNorm3d)[len(extents)]
    check_like_torch(torch, InstanceNorm(activation, affine=affine), kind(channels, affine=affine), x, activation)


@EXAMPLES
@given(st.lists(st.integers(1, 4), max_size=2), st.integers(1, 2), st.booleans(), st.booleans())
def test_values_and_gradients_of_norms_of_rows_are_those_of_torch(rows, axes, affine, bias):
    torch = pytest.importorskip("torch", reason=TORCH)
    normalized = (3, 7)[-axes:]
    x = numbers(*rows, *normalized)
    module = torch.nn.LayerNorm(normalized, elementwise_affine=affine, bias=bias)
    check_like_torch(torch, LayerNorm(normalized, affine=affine, bias=bias), module, x)
    module = torch.nn.RMSNorm(normalized, eps=1e-6, elementwise_affine=affine)
    check_like_torch(torch, RMSNorm(normalized, affine=affine), module, x)


def test_a_function_behind_a_norm_becomes_part_of_it():
    x = Input((4, 6, 5))
    for layer in (BatchNorm(), GroupNorm(2), InstanceNorm()):
        model = Sequential(layer, ReLU())
        program = Program([x], model(x).sum(), ParamArena(model, backend="cpu"), gradients_of=[x])
        assert [call.label for call in program.schedule.forward] == [f"{type(layer).__name__}.forward", "Total.forward"]


@pytest.mark.parametrize("layer", [BatchNorm("relu"), GroupNorm(2, "relu")], ids=str)
def test_of_what_has_the_size_of_the_input_backward_keeps_only_the_input(layer):
    x = Input((8, 4, 16, 16))
    y = layer(x)
    (backward,) = {call for call in program_of(layer, x, y).schedule.backward if call.label.endswith("Norm.backward")}
    large = [buffer for buffer in backward.buffers() if buffer.spec is not None and buffer.spec.size == x.spec.size]
    assert set(large) == {x.data, y.grad, x.grad}


def program_of(layer, x, y):
    return Program([x], y.sum(), ParamArena(layer, backend="cpu"), gradients_of=[x])


def test_one_element_in_each_channel_can_be_evaluated_but_not_trained():
    layer, x = BatchNorm(), Input((1, 3))
    y = layer(x)
    arena = ParamArena(layer, backend="cpu")
    np.testing.assert_allclose(Program([x], y, arena).forward(np.ones((1, 3), "float32")), 1, rtol=1e-5)
    with pytest.raises(ValueError, match=r"more than one element for each channel in training, got \(1, 3\)"):
        Program([x], y.sum(), arena, gradients_of=[x])


def test_running_statistics_are_not_learnt():
    layer = BatchNorm()
    assert [name for name, param in layer.named_params() if param.trainable] == ["weight", "bias"]
    assert not any(param.decay for param in layer.params())


ERRORS = {
    "BatchNorm expects a momentum from 0 to 1, got 2": lambda: BatchNorm(momentum=2),
    "BatchNorm expects eps above 0, got 0": lambda: BatchNorm(eps=0),
    "BatchNorm expects a momentum from 0 to 1, got None": lambda: BatchNorm(momentum=None),
    "BatchNorm expects eps above 0, got '1'": lambda: BatchNorm(eps="1"),
    "BatchNorm expects a positive whole number as channels, got 2.5": lambda: BatchNorm(channels=2.5),
    "BatchNorm expects a function as exchange, got 5": lambda: BatchNorm(exchange=5),
    "BatchNorm expects an activation first; its channels are those of its first input, or `channels=…`, got 64": (
        lambda: BatchNorm(64)
    ),
    "BatchNorm expects floating-point input (batch, channels, …), got (3,) float32": lambda: BatchNorm()(Input((3,))),
    "BatchNorm expects floating-point input (batch, channels, …), got (3, 4) int64": lambda: BatchNorm()(
        Input((3, 4), "int64")
    ),
    "BatchNorm expects 5 channels on axis 1, got (3, 4)": lambda: BatchNorm(channels=5)(Input((3, 4))),
    "GroupNorm expects a positive whole number as groups, got 0": lambda: GroupNorm(0),
    "GroupNorm expects an activation, its channels being those of its first input, got 64": lambda: GroupNorm(8, 64),
    "GroupNorm expects eps above 0, got None": lambda: GroupNorm(8, eps=None),
    "InstanceNorm expects an activation, its channels being those of its first input, got 64": lambda: InstanceNorm(64),
    "GroupNorm(3) expects channels that 3 groups divide, got 4": lambda: GroupNorm(3)(Input((2, 4, 5))),
    "GroupNorm(4) expects more than one element for each mean, got (2, 4) with 4": lambda: GroupNorm(4)(Input((2, 4))),
    "InstanceNorm expects floating-point input (batch, channels, *extents), got (2, 4)": lambda: InstanceNorm()(
        Input((2, 4))
    ),
    "InstanceNorm expects more than one element for each mean, got (2, 4, 1)": lambda: InstanceNorm()(Input((2, 4, 1))),
    "LayerNorm expects positive whole numbers as normalized_shape, got (3, 0)": lambda: LayerNorm((3, 0)),
    "LayerNorm(3, 4) expects last axes (3, 4), got (2, 4, 3)": lambda: LayerNorm((3, 4))(Input((2, 4, 3))),
    "LayerNorm(3, 4) expects floating-point input (*rows, *normalized), got (4,)": lambda: LayerNorm((3, 4))(
        Input((4,))
    ),
    "RMSNorm(5) expects last axes (5,), got (2, 4)": lambda: RMSNorm(5)(Input((2, 4))),
    "RMSNorm expects eps above 0, got -1": lambda: RMSNorm(eps=-1),
    "LayerNorm expects eps above 0, got None": lambda: LayerNorm(eps=None),
}  # fmt: skip


@pytest.mark.parametrize("text", ERRORS)
def test_what_does_not_fit_is_refused(text):
    with pytest.raises(GraphError) as found:
        ERRORS[text]()
    assert text in str(found.value)


def test_a_layer_norm_takes_the_width_of_its_first_input_and_no_other():
    layer = LayerNorm()
    layer(Input((2, 4)))
    with pytest.raises(GraphError, match=r"LayerNorm\(\) expects last axes \(4,\), got \(2, 5\)"):
        layer(Input((2, 5)))


def test_freezing_is_decided_when_the_layer_is_made():
    layer = BatchNorm()
    layer.frozen = False
    with pytest.raises(GraphError, match=r"BatchNorm.* expects frozen when it is made, `BatchNorm\(frozen=True\)`"):
        layer.frozen = True
    assert not layer.frozen and BatchNorm(frozen=True).frozen
