"""How batches reach a training step: from the host, or from a data set that lies on the device."""

from __future__ import annotations

from itertools import cycle

import pytest
import sizes
from own_steps import batch_on, program_of
from workloads import Perceptron

import fusegrad as fg

WORK = Perceptron((sizes.chosen(64, 784, 784), 16, 10), sizes.chosen(16, 256, 1024))
BATCHES, STEPS = sizes.chosen(2, 8, 64), sizes.chosen(2, 8, 32)


def program_for(contender):
    made = program_of(WORK, contender.backend.name)
    if contender.name == "captured":
        made.capture()
    return made


def of_one_step(measure, run):
    measure(run, flops=WORK.flops, nbytes=WORK.nbytes, warm=True)


@pytest.mark.parametrize("way", ["pageable", "pinned"])
def test_copy(measure, contender, way):
    """A batch alone, straight from ordinary memory or through the page-locked buffers of a program."""
    backend, sources = contender.backend, WORK.data()
    places = [backend.empty(array.shape, array.dtype) for array in sources]
    feed = backend.feeder(places)

    def straight():
        for place, source in zip(places, sources, strict=True):
            backend.copy_in(place, source)

    run = straight if way == "pageable" else lambda: feed(list(sources))
    measure(run, nbytes=sum(array.nbytes for array in sources), warm=True)


def test_from_the_host(measure, contender):
    """Arrays of NumPy, one batch after the other."""
    program, (x, labels) = program_for(contender), WORK.data(BATCHES)
    batches = cycle(zip(x.reshape(BATCHES, WORK.batch, -1), labels.reshape(BATCHES, -1), strict=True))
    of_one_step(measure, lambda: program.step(*next(batches)))


def test_from_the_device(measure, contender):
    """The same batch every time."""
    program = program_for(contender)
    batch = batch_on(program, WORK)
    of_one_step(measure, lambda: program.step(*batch))


def test_from_a_data_set_on_the_device(measure, contender):
    """Several steps in one launch, each of which draws its rows on the device."""
    if contender.name != "captured":
        pytest.skip("belongs to a captured program")
    steps = program_for(contender).capture(steps=STEPS, data=WORK.data(BATCHES))
    measure(steps.run, flops=STEPS * WORK.flops, nbytes=STEPS * WORK.nbytes, warm=True, steps=STEPS)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
def test_an_epoch_of_fit(measure, contender, shuffle):
    """Everything that `Trainer.fit` does, for one epoch."""
    x, labels = WORK.data(BATCHES)
    layers = [fg.layers.Linear(width) for width in WORK.widths[1:]]
    model = fg.Sequential(layers[0], fg.layers.ReLU(), layers[1])
    loss, optimizer = fg.losses.CrossEntropy(), fg.optimizers.Adam(1e-3)
    trainer = fg.Trainer(model, loss, optimizer, backend=contender.backend.name)

    def epoch():
        trainer.fit(x, labels, batch_size=WORK.batch, shuffle=shuffle)

    measure(epoch, flops=BATCHES * WORK.flops, nbytes=BATCHES * WORK.nbytes, warm=True, steps=BATCHES)
