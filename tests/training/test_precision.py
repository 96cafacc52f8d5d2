"""Training in fewer bits on an emulated GPU: captured and not, through overflows, checkpoints and writes of users."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from rich.console import Console
from training.cases import blobs, classifier, everything, figures

from fusegrad import layers, losses, optimizers
from fusegrad.training import Callback, CheckpointError, ProgressBar, Trainer

x, y = blobs()
PRECISIONS = "float32", "tf32", "bfloat16", "float16"
OPTIMIZERS = {
    "adamw": lambda: optimizers.AdamW(0.02, clip_norm=0.5),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9, clip_value=0.1),
    "lamb": lambda: optimizers.LAMB(0.01, clip_norm=0.5),
}
HUGE = 2.0**24  # a factor of the loss with which gradients leave the range of float16


def trained(precision="float32", optimizer="adamw", **options):
    trainer = classifier(5, OPTIMIZERS[optimizer](), backend="emulated", precision=precision, **options)
    trainer.fit(x, y, batch_size=16, epochs=2, validation=blobs(20, seed=5))
    return trainer


def single(precision, **options):
    """One layer and plain gradient descent, before the first step."""
    network = layers.Linear(3, width_in=5)
    return Trainer(
        network, losses.CrossEntropy(), optimizers.SGD(0.1), precision=precision, backend="emulated", **options
    )


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_captured_steps_have_the_bits_of_those_called_one_by_one(precision, optimizer):
    captured, called = (trained(precision, optimizer, capture=capture) for capture in (True, False))
    assert everything(captured) == everything(called) and figures(captured) == figures(called)


@pytest.mark.parametrize(("capture", "launches"), [(True, 3), (False, 0)])
def test_steps_are_graphs_unless_one_does_without_capture(capture, launches):
    trainer = classifier(backend="emulated", capture=capture)
    trainer.step(x, y)
    before = trainer.arena.backend.xp.counters.graph_launches
    for _ in range(3):
        trainer.step(x, y)
    assert trainer.arena.backend.xp.counters.graph_launches == before + launches


def test_steps_of_each_precision_are_its_own_and_close_to_float32():
    exact = trained()
    for precision in ("bfloat16", "float16"):
        other = trained(precision)
        assert everything(other)["layers.0.weight"] != everything(exact)["layers.0.weight"]
        assert other.arena.value.dtype == "float32" and other.arena.half.dtype.name == precision
        assert other.history["loss"][-1] == pytest.approx(exact.history["loss"][-1], rel=0.05)


def test_a_step_that_overflows_is_skipped_and_the_next_ones_are_not():
    trainer = single("float16")
    trainer.step(x, y)
    trainer.arena.scaling.restore([HUGE, 0, 0, 1])
    before = everything(trainer)
    found = [float(trainer.step(x * 100, y)) for _ in range(8)]
    assert np.isfinite(found).all()
    assert trainer.skipped_steps > 0
    assert trainer.arena.scaling.saved()[0] == HUGE / 2**trainer.skipped_steps
    assert everything(trainer)["weight"] != before["weight"]

    again = single("float16")
    again.step(x, y)
    again.arena.scaling.restore([HUGE, 0, 0, 1])
    again.step(x * 100, y)
    for name in ("weight", "bias", "half"):
        assert everything(again)[name] == before[name]
    assert again.skipped_steps == 1


def test_activations_that_overflow_are_survived():
    trainer = single("float16")
    trainer.step(x, y)
    before = everything(trainer)
    trainer.step(x * 1e30, y)  # infinite in float16
    assert trainer.skipped_steps == 1
    assert everything(trainer)["weight"] == before["weight"] and everything(trainer)["half"] == before["half"]
    assert np.isfinite(float(trainer.step(x, y))) and trainer.skipped_steps == 1
    assert everything(trainer)["weight"] != before["weight"]


def test_history_and_progress_count_skipped_steps():
    class Overflow(Callback):
        def on_batch_end(self, trainer):
            if trainer.position.batch == 1:
                trainer.arena.scaling.restore([HUGE, 0, trainer.skipped_steps, 1])

    text = io.StringIO()
    trainer = single("float16")
    bar = ProgressBar(Console(file=text, width=200))
    trainer.fit(x * 100, y, batch_size=16, epochs=2, callbacks=[Overflow(), bar])
    skipped = trainer.history["skipped_steps"]
    assert 0 < skipped[0] < skipped[1] == trainer.skipped_steps
    assert "skipped_steps" in text.getvalue()
    other = trained("bfloat16")
    assert "skipped_steps" not in other.history.epochs[0] and other.skipped_steps == 0


class Stop(Callback):
    def on_batch_end(self, trainer):
        if trainer.position.batch == 2:
            trainer.stop()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_resumed_training_has_the_bits_of_an_uninterrupted_one(tmp_path, precision):
    def begun():
        trainer = classifier(5, OPTIMIZERS["adamw"](), backend="emulated", precision=precision)
        trainer.step(x, y)
        if trainer.arena.scaling:
            trainer.arena.scaling.restore([HUGE, 7, 3, 1])
        return trainer

    whole, stopped = begun(), begun()
    whole.fit(x, y, batch_size=16, epochs=2)
    stopped.fit(x, y, batch_size=16, epochs=2, callbacks=Stop())
    stopped.save(tmp_path / "c")
    resumed = classifier(5, OPTIMIZERS["adamw"](), backend="emulated", precision=precision)
    resumed.resume(tmp_path / "c")
    resumed.fit(x, y, batch_size=16, epochs=2)
    assert everything(resumed) == everything(whole) and figures(resumed) == figures(whole)


def test_a_checkpoint_of_another_precision_is_no_place_to_go_on(tmp_path):
    trained("float16").save(tmp_path / "c")
    other = classifier(5, OPTIMIZERS["adamw"](), backend="emulated", precision="bfloat16")
    with pytest.raises(CheckpointError, match="has precision float16, this trainer bfloat16; see load"):
        other.resume(tmp_path / "c")
    other.load(tmp_path / "c")
    assert np.isfinite(float(other.step(x, y)))


def write_value(trainer, state):
    trainer.model.weight.value = state["weight"]
    trainer.model.bias.value = state["bias"]


def load_state(trainer, state):
    trainer.arena.load_state_dict(state)


@pytest.mark.parametrize("write", [write_value, load_state])
@pytest.mark.parametrize("capture", [True, False])
def test_what_a_user_writes_is_what_the_next_step_computes_with(write, capture):
    trainer, fresh = (single("bfloat16", capture=capture) for _ in range(2))
    for _ in range(3):
        trainer.step(x, y)
    state = {"weight": np.full((3, 5), 0.25, "float32"), "bias": np.array([1, 0, -1], "float32")}
    fresh.predict(x)
    for one in (trainer, fresh):
        write(one, state)
    assert np.array_equal(trainer.predict(x), fresh.predict(x))
    assert float(trainer.step(x, y)) == float(fresh.step(x, y))
    assert float(trainer.step(x, y)) == float(fresh.step(x, y))


def test_resumed_parameters_are_what_the_next_step_computes_with(tmp_path):
    trainer, other = single("bfloat16"), single("bfloat16")
    trainer.fit(x, y, epochs=1)
    trainer.save(tmp_path / "c")
    other.fit(x, y, epochs=3)
    other.resume(tmp_path / "c")
    assert float(other.step(x, y)) == float(trainer.step(x, y))


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "tf32"])
def test_a_cpu_says_once_that_it_computes_in_float32(precision):
    trainer, exact = classifier(precision=precision), classifier()
    with pytest.warns(UserWarning, match=f'precision "{precision}" runs in float32 on the backend "cpu"') as warned:
        trainer.fit(x, y, batch_size=16)
    assert len(warned) == 1
    exact.fit(x, y, batch_size=16)
    assert everything(trainer) == everything(exact) and figures(trainer) == figures(exact)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.step(x, y)


def test_data_too_large_for_float16_is_named_as_the_cause():
    trainer = single("float16")
    with pytest.warns(UserWarning, match=r"lower the learning rate, or scale the data: \d+ updates were skipped"):
        trainer.fit(x * 1e30, y, epochs=1, batch_size=len(x))
    assert trainer.skipped_steps == 1
