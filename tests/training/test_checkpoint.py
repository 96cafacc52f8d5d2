"""Checkpoints: whole or not at all, and refused where they do not fit."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from training.cases import blobs, classifier, everything, figures

from fusegrad import backend, layers, losses, optimizers
from fusegrad.graph import GraphError
from fusegrad.training import CheckpointError, Trainer, checkpoint

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


def test_the_file_names_arrays_and_says_where_it_comes_from(path, trained):
    with safe_open(path, "numpy") as file:
        names, facts = set(file.keys()), {name: json.loads(text) for name, text in file.metadata().items()}
    params = set(trained.arena.params)
    expected = {f"param/{n}" for n in params} | {f"slot/{slot}/{n}" for slot in "mv" for n in params}
    assert names == expected
    assert facts["format"] == 1 and facts["optimizer"] == "AdamW" and facts["updates"] == 5
    assert facts["position"]["epoch"] == 1 and facts["arena"] == {"seed": 0, "step": 5}
    assert facts["machine"]["backend"] == "cpu" and facts["machine"]["BLAS threads"] >= 0
    assert facts["versions"]["NumPy"] == np.__version__


def test_load_takes_the_parameters_alone(path, trained):
    other = classifier(seed=8)
    other.load(path)  # settles the widths of a model that has seen no data
    assert np.array_equal(other.arena.value, trained.arena.value)
    assert other.arena.step == 0 and other.history.epochs == []
    assert np.array_equal(other.predict(x), trained.predict(x))


def test_a_trainer_without_parameters_has_nothing_to_save(tmp_path):
    with pytest.raises(GraphError, match="no parameters yet"):
        classifier().save(tmp_path / "c")
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_from_before_training_resumes(tmp_path):
    trainer = classifier(seed=2)
    trainer.predict(x)
    trainer.save(tmp_path / "c")
    other = classifier(seed=2)
    other.fit(x, y, epochs=2)
    other.resume(tmp_path / "c")
    other.fit(x, y, epochs=2)
    whole = classifier(seed=2)
    whole.fit(x, y, epochs=2)
    assert everything(other) == everything(whole) and figures(other) == figures(whole)


@pytest.mark.parametrize("keep", [0, 7, 100, 2000, -1])
def test_a_truncated_file_is_one_clear_error(path, trained, keep):
    path.write_bytes(path.read_bytes()[:keep])
    before = everything(trained)
    for read in (trained.load, trained.resume):
        with pytest.raises(CheckpointError, match="is not a whole checkpoint"):
            read(path)
    assert everything(trained) == before and not trained.is_resumed


def test_foreign_files_are_refused(tmp_path, trained):
    text, tensors, newer = tmp_path / "a.txt", tmp_path / "b.safetensors", tmp_path / "c.safetensors"
    text.write_text("x" * 500)
    with pytest.raises(CheckpointError, match="is not a whole checkpoint"):
        trained.load(text)
    for facts in ({"format": "pt"}, None):  # as PyTorch's files say, and as files without any
        save_file({"a": np.ones(3)}, tensors, facts)
        with pytest.raises(CheckpointError, match="no checkpoint of fusegrad"):
            trained.load(tensors)
    save_file({"a": np.ones(3)}, newer, dict.fromkeys(checkpoint.FACTS, "{}") | {"format": "2"})
    with pytest.raises(CheckpointError, match="format 2, expected 1"):
        trained.load(newer)
    with pytest.raises(FileNotFoundError):
        trained.load(tmp_path / "none")


@pytest.mark.parametrize("broken", ["save_file", "flush"])
def test_a_failure_while_writing_leaves_the_old_file(path, trained, monkeypatch, broken):
    old = path.read_bytes()

    def fail(*arguments):
        raise OSError("disk full")

    trained.fit(x, y)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, broken, fail)
        with pytest.raises(OSError, match="disk full"):
            trained.save(path)
    assert path.read_bytes() == old
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing half-written lies about
    trained.save(path)
    assert path.read_bytes() != old


def test_the_file_is_on_the_disk_before_it_takes_the_name(path, trained, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    trained.save(path)
    assert calls == ["fsync", "replace", "fsync"]


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
    ],
)
def test_resume_refuses_another_optimizer_or_precision_which_load_does_not_mind(path, options, message):
    trainer = classifier(**options)
    with pytest.raises(CheckpointError, match=message):
        trainer.resume(path)
    trainer.load(path)


def test_another_state_of_the_optimizer_is_refused(path, tmp_path, trained):
    trained.save(path)
    with safe_open(path, "numpy") as file:
        arrays, facts = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    del arrays["slot/v/layers.0.bias"]
    save_file(arrays, path, facts)
    before = everything(trained)
    with pytest.raises(CheckpointError, match=r"another state of the optimizer: v/layers\.0\.bias differ"):
        trained.resume(path)
    assert everything(trained) == before


def test_another_number_of_blas_threads_warns(path, trained, monkeypatch):
    library, threads = backend.blas()
    monkeypatch.setattr(backend, "blas", lambda: (library, threads + 1))
    with pytest.warns(UserWarning, match=f"BLAS threads {threads}, here {threads + 1}.*last bits may differ"):
        trained.resume(path)
