"""Checkpoints that do not fit, or are damaged, change nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from training.cases import blobs, classifier, everything

from fusegrad import layers, losses, optimizers
from fusegrad.training import Callback, CheckpointError, EarlyStopping, Trainer, checkpoint

x, y = blobs()


@pytest.fixture
def trained():
    trainer = classifier()
    trainer.fit(x, y, batch_size=16)
    return trainer


@pytest.fixture
def path(tmp_path, trained):
    trained.save(tmp_path / "checkpoint.safetensors")
    return tmp_path / "checkpoint.safetensors"


def other_trainer(*modules, optimizer=None):
    return Trainer(layers.Sequential(*modules), losses.CrossEntropy(), optimizer or optimizers.AdamW(), backend="cpu")


OTHERS = {
    "deeper": (
        lambda: other_trainer(layers.Linear(16), layers.Linear(16), layers.Linear(16), layers.Linear(3)),
        "without layers.1.weight, layers.1.bias, layers.2.weight and 1 more and has none beside",
    ),
    "wider": (
        lambda: other_trainer(layers.Linear(20), layers.ReLU(), layers.Dropout(), layers.Linear(3)),
        r"layers.0.weight has shape \(20, 5\), there \(16, 5\)",
    ),
    "input": (
        lambda: other_trainer(layers.Linear(16, width_in=4), layers.ReLU(), layers.Dropout(), layers.Linear(3)),
        "another network: layers.0: Linear.* width 4",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("read", ["load", "resume"])
@pytest.mark.parametrize("is_fresh", [True, False])
def test_a_checkpoint_of_another_network_changes_nothing(path, name, read, is_fresh):
    make, message = OTHERS[name]
    trainer = make()
    data = x[:, :4] if name == "input" else x
    if not is_fresh:
        trainer.fit(data, y)
        before = everything(trainer)
        if name == "input":
            message = r"layers.0.weight has shape \(16, 4\), there \(16, 5\)"
    with pytest.raises(CheckpointError, match=message):
        getattr(trainer, read)(path)
    if not is_fresh:
        assert everything(trainer) == before
    trainer.fit(x[:, :4], y) if is_fresh else trainer.fit(data, y)  # another width: nothing of the file has stuck


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": optimizers.SGD()}, "optimizer AdamW, this trainer SGD"),
        ({"precision": "float64"}, "precision float32, this trainer float64"),
        ({"seed": 1}, "seed 0, this trainer 1"),
    ],
)
def test_resume_refuses_a_trainer_made_otherwise_which_load_does_not_mind(path, options, message):
    trainer = classifier(**options)
    with pytest.raises(CheckpointError, match=message):
        trainer.resume(path)
    trainer.load(path)


@pytest.mark.parametrize(("momentum", "other"), [(0.0, 0.9), (0.9, 0.0)])
def test_gradient_descent_with_momentum_is_another_optimizer_than_without(tmp_path, momentum, other):
    trainer = classifier(optimizer=optimizers.SGD(0.1, momentum=momentum))
    trainer.fit(x, y)
    trainer.save(tmp_path / "c")
    with pytest.raises(CheckpointError, match="another state of the optimizer"):
        classifier(optimizer=optimizers.SGD(0.1, momentum=other)).resume(tmp_path / "c")


class SaveOnce(Callback):
    """Saves in the middle of an epoch and of a group of batches with one update."""

    def __init__(self, path):
        self.path = path

    def on_batch_end(self, trainer):
        if trainer.position.batch == 3:
            trainer.save(self.path)


@pytest.fixture
def begun(tmp_path):
    """A checkpoint in the middle of the second epoch, with gradients and best parameters."""
    path = tmp_path / "begun"
    callbacks = [EarlyStopping("loss"), SaveOnce(path)]
    classifier().fit(x, y, epochs=2, batch_size=16, accumulate=2, callbacks=callbacks)
    return path


@pytest.mark.parametrize("metrics", [(), ("top_k",), ("accuracy", "top_k")])
def test_other_metrics_in_the_middle_of_an_epoch_are_refused(begun, path, metrics):
    trainer = classifier(metrics=metrics)
    with pytest.raises(CheckpointError, match=r"has metrics \['accuracy'\], this trainer"):
        trainer.resume(begun)
    trainer.resume(path)  # at the end of an epoch they may change


def changed(path, change):
    """Rewrite a checkpoint after `change(arrays, facts)`."""
    with safe_open(path, "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = {name: json.loads(text) for name, text in file.metadata().items()}
    change(arrays, facts)
    texts = {name: text if isinstance(text, str) and text == "{" else json.dumps(text) for name, text in facts.items()}
    save_file(arrays, path, texts)


WEIGHT = "layers.0.weight"
DAMAGES = {
    "no JSON": lambda arrays, facts: facts.update(tally="{"),
    "position is a list": lambda arrays, facts: facts.update(position=[]),
    "position lacks a field": lambda arrays, facts: facts["position"].pop("pending"),
    "negative position": lambda arrays, facts: facts["position"].update(epoch=-1),
    "fraction of a batch": lambda arrays, facts: facts["position"].update(batch=1.5),
    "no tally": lambda arrays, facts: facts.update(tally=None),
    "text as loss": lambda arrays, facts: facts["tally"].update(loss="low"),
    "sums of a metric": lambda arrays, facts: facts["tally"]["metrics"].update(accuracy=3),
    "history": lambda arrays, facts: facts.update(history=3),
    "epoch without number": lambda arrays, facts: facts["history"][0].pop("epoch"),
    "seed too large": lambda arrays, facts: facts["arena"].update(seed=2**64),
    "negative step": lambda arrays, facts: facts["arena"].update(step=-1),
    "updates": lambda arrays, facts: facts.update(updates="many"),
    "example": lambda arrays, facts: facts.update(example=[[[70]], None, None]),
    "no gradient": lambda arrays, facts: arrays.pop(f"gradient/{WEIGHT}"),
    "gradient of another shape": lambda arrays, facts: arrays.update({f"gradient/{WEIGHT}": np.ones(3)}),
    "gradient of something else": lambda arrays, facts: arrays.update({"gradient/other": np.ones(3)}),
    "no best parameters": lambda arrays, facts: arrays.pop(f"best/loss/{WEIGHT}"),
    "best parameters of another shape": lambda arrays, facts: arrays.update({f"best/loss/{WEIGHT}": np.ones(3)}),
    "slot of another shape": lambda arrays, facts: arrays.update({f"slot/m/{WEIGHT}": np.ones(3)}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_changes_nothing(begun, trained, name):
    changed(begun, DAMAGES[name])
    before, epochs, position = everything(trained), trained.history.epochs[:], trained.position.state()
    with pytest.raises(CheckpointError):
        trained.resume(begun)
    assert everything(trained) == before and trained.history.epochs == epochs
    assert trained.position.state() == position and not trained.is_resumed
    fresh = classifier()
    with pytest.raises(CheckpointError):
        fresh.resume(begun)
    fresh.fit(x[:, :3], y)  # another width: nothing of the file has stuck


def test_the_checkpoint_that_was_damaged_is_whole_without_the_damage(begun):
    changed(begun, lambda arrays, facts: None)
    classifier().resume(begun)


def test_a_new_run_forgets_the_best_parameters_of_the_last_one(tmp_path, trained):
    trained.fit(x, y, callbacks=EarlyStopping("loss"))
    assert list(trained.best) == ["loss"]
    trained.fit(x, y)
    trained.save(tmp_path / "c")
    assert not checkpoint.read(tmp_path / "c").group("best")


def test_another_state_of_the_optimizer_is_refused(path, tmp_path, trained):
    trained.save(path)
    changed(path, lambda arrays, facts: arrays.pop("slot/v/layers.0.bias"))
    before = everything(trained)
    with pytest.raises(CheckpointError, match=r"another state of the optimizer: v/layers\.0\.bias differ"):
        trained.resume(path)
    assert everything(trained) == before
