"""What a step gives to a GPU: copies from the host, and kernels that were bound before, but nothing that allocates.

So the kernels can be captured in a CUDA graph.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fusegrad import losses, optimizers
from fusegrad.backend import resolve
from fusegrad.graph import Input, Model, ParamArena, Program, normal, stop_gradient
from fusegrad.layers import Concat, Dropout, Linear, PReLU
from fusegrad.ops import Op

BATCH, WIDTH = 6, 10


class Everything(Model):
    """Every kind of layer that the library has, with more than one reader for some of the Values."""

    def __init__(self):
        self.linear, self.score = Linear(WIDTH, "gelu"), Linear(3)
        self.prelu, self.dropout, self.concat = PReLU(), Dropout(0.25), Concat()

    def call(self, x):
        hidden = self.dropout(self.prelu(self.linear(x)))
        noisy = hidden + normal((BATCH, WIDTH), std=0.1) * hidden.mean(axis=1, keepdims=True)
        centred = (noisy - noisy.mean(axis=0)) / (1.0 + (noisy * noisy).sum(axis=0))
        joined = self.concat(centred[:, ::2], centred[:, 3:], stop_gradient(hidden)[:, -1:])
        mixed = joined.reshape(BATCH, 1, -1) @ joined.reshape(BATCH, -1, 1)
        return self.score(joined), mixed.reshape(BATCH, 1)


def everything(optimizer, backend="emulated"):
    """The program and a batch for it."""
    x, labels = Input((BATCH, WIDTH), name="x"), Input((BATCH,), "int64", name="labels")
    target, weight = Input((BATCH, 1), name="target"), Input((BATCH,), name="weight")
    model = Everything()
    scores, number = model(x)
    loss = losses.CrossEntropy()(scores, labels) + 0.1 * losses.Huber()(number, target, weight)
    program = Program([x, labels, target, weight], loss, ParamArena(model, backend=backend), optimizer)
    generator = np.random.default_rng(0)
    floats = [generator.random(value.shape, "float32") for value in (x, target, weight)]
    return program, [floats[0], generator.integers(0, 3, BATCH), *floats[1:]]


OPTIMIZERS = [optimizers.AdamW(0.01, clip_norm=0.5), optimizers.LAMB(0.01), optimizers.SGD(0.1, momentum=0.9)]


@pytest.fixture(scope="module", params=OPTIMIZERS, ids=str)
def program_and_batch(request):
    program, batch = everything(request.param)
    program.step(*batch)  # compiles what is left to compile
    return program, batch


def test_every_pass_of_a_program_is_an_op(program_and_batch):
    program, _ = program_and_batch
    predicting = Program(program.inputs, program.outputs, program.arena)
    lists = [predicting.schedule.forward, program.schedule.forward, program.schedule.backward, program.schedule.adding]
    passes = [call for calls in lists for call in calls]
    assert {"Dropout.predict", "Dropout.backward", "MatMul.backward"} <= {call.label for call in passes}
    assert [call.label for call in passes if not isinstance(call.function, Op)] == []


def test_a_step_launches_kernels_and_copies_in_what_it_is_given(program_and_batch):
    program, batch = program_and_batch
    xp = program.arena.backend.xp
    launches = xp.counters.launches
    with xp.recording() as log:
        program.step(*batch)
    queued = Counter("wait" if what.startswith("wait for") else what for what, _ in log)
    waits = queued.pop("wait")  # of the library's stream for that of the caller, and back; they do not stop the host
    assert waits == 2 + 2  # and of the stream of copies for the library's, and back
    assert queued.pop("memcpyAsync") == 1 + len(batch) + 1  # to the device, and there to each array and to the numbers
    assert queued.total() == xp.counters.launches - launches
    assert len(program.bound.step) >= queued.total() > 30


def test_steps_need_no_memory_and_do_not_wait(program_and_batch):
    program, batch = program_and_batch
    counters = program.arena.backend.xp.counters
    before = counters.as_dict()
    for _ in range(5):
        program.step(*batch)
    after = counters.as_dict()
    for name in ("allocations", "used_bytes", "peak_bytes", "synchronisations", "copies_to_host"):
        assert after[name] == before[name], name


def test_forward_backward_and_update_are_launches_too(program_and_batch):
    program, batch = program_and_batch
    backend = program.arena.backend
    program.forward(*batch)
    for calls in (program.bound.forward, program.bound.backward, program.bound.adding, program.updates):
        launches = backend.xp.counters.launches
        with backend.using_stream(), backend.xp.recording() as log:
            for call in calls:
                call()
        assert len(log) == backend.xp.counters.launches - launches
        assert len({stream for _, stream in log}) == 1
    program.backward()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_what_kernels_work_in_belongs_to_the_stream_and_device_of_the_backend(optimizer):
    backend = resolve("emulated")
    with backend.xp.recording() as log:
        everything(optimizer)
    made = [stream for what, stream in log if what in ("empty", "zeros", "asarray")]
    assert len(made) > 20
    assert set(made) == {backend.stream.name}


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_losses_and_parameters_are_those_of_numpy(optimizer):
    (first, batch), (second, _) = everything(optimizer, "cpu"), everything(optimizer)
    paths = [[float(program.step(*batch)) for _ in range(3)] for program in (first, second)]
    np.testing.assert_allclose(paths[1], paths[0], rtol=1e-5)
    assert int(second.arena.step) == 3
    for name, array in first.arena.state_dict().items():
        np.testing.assert_allclose(second.arena.state_dict()[name], array, rtol=1e-3, atol=1e-5, err_msg=name)
