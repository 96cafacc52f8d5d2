"""The learning rate is lowered on a plateau, and stays so in later fits."""

from __future__ import annotations

import re

import numpy as np
import pytest
from training.cases import blobs, classifier, linear
from training.plateaus import descent, rates

from fusegrad import optimizers, schedules
from fusegrad.training import ReduceLROnPlateau, Trainer

x, y = blobs()
FALL = [3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
PLATEAUS = {  # figures, arguments, and how many halvings, plus one, there have been after each epoch
    "patience 2": (FALL, {"patience": 2}, [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5]),
    "patience 0 is 1": (FALL[:6], {"patience": 0}, [1, 1, 2, 3, 3, 4]),
    "cooldown": (FALL, {"patience": 2, "cooldown": 1}, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]),
    "cooldown 3": (FALL, {"patience": 1, "cooldown": 3}, [1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4]),
    "min_delta": ([3.0, 2.95, 2.9, 2.85], {"patience": 2, "min_delta": 0.1}, [1, 1, 2, 2]),
    "min_delta reached": ([3.0, 2.8, 2.6, 2.4], {"patience": 1, "min_delta": 0.1}, [1, 1, 1, 1]),
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_the_rate_after_each_epoch(name):
    script, options, halvings = PLATEAUS[name]
    expected = [0.8 * 0.5 ** (count - 1) for count in halvings]
    assert rates(script, ReduceLROnPlateau("loss", 0.5, **options)) == expected


def test_more_is_better_for_accuracy():
    script = [0.1, 0.2, 0.3, 0.3, 0.2]
    callback = ReduceLROnPlateau("accuracy", 0.5, patience=1)
    assert rates(script, callback, name="accuracy") == [0.8, 0.8, 0.8, 0.4, 0.2]


def test_an_epoch_that_is_not_a_number_is_no_better():
    script = [0.1, np.nan, np.nan, 0.2, np.nan]
    callback = ReduceLROnPlateau("accuracy", 0.5, patience=2)
    assert rates(script, callback, name="accuracy") == [0.8, 0.8, 0.4, 0.4, 0.4]


def test_the_rate_falls_to_min_lr_and_no_further():
    trainer = descent()
    seen = rates([1.0] * 8, ReduceLROnPlateau("loss", 0.1, patience=1, min_lr=0.003), trainer)
    assert seen == [0.8, 0.8 * 0.1, 0.8 * 0.1 * 0.1, 0.003, 0.003, 0.003, 0.003, 0.003]
    assert len(trainer.network.paced.reductions) == 3


@pytest.mark.parametrize(("patience", "cooldown", "min_lr"), [(1, 0, 0.0), (2, 0, 0.01), (3, 2, 0.0), (1, 4, 0.05)])
def test_rates_are_those_of_torch_which_waits_one_epoch_longer(patience, cooldown, min_lr):
    torch = pytest.importorskip("torch", reason="rates are compared with those of torch.optim.lr_scheduler")
    script = np.random.default_rng(patience).normal(size=40).tolist()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.8)
    options = {"factor": 0.7, "cooldown": cooldown, "min_lr": min_lr}
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, patience=patience - 1, threshold=0.05, threshold_mode="abs", eps=0, **options
    )
    expected = []
    for figure in script:
        scheduler.step(figure)
        expected.append(optimizer.param_groups[0]["lr"])
    assert len(set(expected)) > 3
    assert rates(script, ReduceLROnPlateau("loss", patience=patience, min_delta=0.05, **options)) == expected


def test_updates_are_made_at_the_lowered_rate():
    """Gradient descent moves in proportion to the rate."""

    def change(trainer):
        before = trainer.arena.value.copy()
        trainer.step(x, y)
        return trainer.arena.value - before

    lowered, plain = linear(precision="float64"), linear(precision="float64")
    rates([1.0, 1.0], ReduceLROnPlateau("loss", 0.25, patience=1), lowered)  # after the second epoch
    plain.fit(x, y, epochs=2, batch_size=35)
    assert (plain.lr, lowered.lr) == (0.1, 0.025)
    assert np.allclose(change(lowered), 0.25 * change(plain), rtol=1e-9, atol=0)


def test_a_schedule_goes_on_below_min_lr_by_itself():
    trainer = classifier(optimizer=optimizers.SGD(schedules.step(0.8, every=4, factor=0.1)))  # 2 updates an epoch
    seen = rates([1.0] * 6, ReduceLROnPlateau("loss", 0.5, patience=1, min_lr=0.03), trainer)
    assert seen == pytest.approx([0.8, 0.04, 0.03, 0.008, 0.008, 0.0008])


def test_the_rate_stays_lowered_in_later_fits_and_the_optimizer_is_as_it_was():
    optimizer = optimizers.SGD(0.8)
    trainer, callback = classifier(optimizer=optimizer), ReduceLROnPlateau("loss", 0.5, patience=2)
    assert trainer.lr == 0.8
    assert rates([1.0] * 3, callback, trainer)[-1] == trainer.lr == 0.4
    trainer.fit(x, y, batch_size=35)
    assert trainer.lr == 0.4
    assert rates([1.0] * 3, callback, trainer) == [0.4, 0.4, 0.2]
    assert optimizer.scalars(1) == {"rate": 0.8}
    assert classifier(optimizer=optimizer).lr == 0.8


def test_a_fit_begins_without_the_cooldown_of_the_last_one():
    trainer, callback = descent(), ReduceLROnPlateau("loss", 0.5, patience=1, cooldown=5)
    assert rates([1.0] * 2, callback, trainer) == [0.8, 0.4]
    assert rates([1.0] * 2, callback, trainer) == [0.4, 0.2]


def test_two_trainers_of_one_optimizer_and_arena_have_rates_of_their_own():
    first = linear(lr=0.8)
    assert rates([1.0] * 2, ReduceLROnPlateau("loss", 0.5, patience=1), first)[-1] == 0.4
    second = Trainer(first.model, first.objective.loss, first.optimizer)
    second.step(x, y)
    state = first.arena.optimizer_states[first.optimizer]
    assert second.arena is first.arena and (first.lr, second.lr) == (0.4, 0.8)
    assert state.scalars["rate"] == np.float32(0.8)
    first.step(x, y)
    assert state.scalars["rate"] == np.float32(0.4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1.0}, "factor expects a number above 0 and below 1, got 1.0"),
        ({"factor": 0}, "factor expects a number above 0 and below 1, got 0"),
        ({"factor": np.nan}, "factor expects a number above 0 and below 1, got nan"),
        ({"patience": -1}, "patience expects at least 0, got -1"),
        ({"patience": 2.5}, "patience expects an integer, got 2.5"),
        ({"cooldown": -1}, "cooldown expects at least 0, got -1"),
        ({"min_lr": -0.1}, "min_lr expects a number of at least 0, got -0.1"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ReduceLROnPlateau(**options)


def test_an_unknown_figure_is_refused_before_training():
    trainer = classifier()
    with pytest.raises(ValueError, match=r'^ReduceLROnPlateau cannot monitor "val_loss"; give fit validation='):
        trainer.fit(x, y, callbacks=ReduceLROnPlateau())
    assert trainer.history.epochs == []


def test_an_optimizer_without_a_rate_is_refused():
    class Sign(optimizers.Optimizer):
        def scalars(self, count):
            return {"pace": 0.01}

        def rule(self, value, grad, pace):
            return value - pace * np.sign(grad)

    trainer = classifier(optimizer=Sign(0.01))
    with pytest.raises(ValueError, match=r"^Sign has no learning rate: its scalars are \['pace'\], without \"rate\"$"):
        trainer.fit(x, y, callbacks=ReduceLROnPlateau("loss"))
    trainer.fit(x, y)
    assert trainer.history["epoch"] == [1]
