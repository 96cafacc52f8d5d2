"""Checkpoints: whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from contextlib import contextmanager

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from training.cases import blobs, classifier, everything, figures

from fusegrad import backend
from fusegrad.graph import GraphError
from fusegrad.training import CheckpointError, checkpoint

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
    assert facts["position"]["epoch"] == 1 and facts["arena"] == {"seed": 0, "step": 5, "loss_scaling": None}
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


@contextmanager
def full_disk(monkeypatch):
    """Files cannot grow beyond 1000 bytes: writing fails in the middle, with an error of the system."""
    resource = pytest.importorskip("resource", reason="limits the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def failing_disk(monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        yield


@pytest.mark.parametrize("fault", [full_disk, failing_disk])
def test_a_failure_while_writing_leaves_the_old_file(path, trained, monkeypatch, fault):
    old = path.read_bytes()
    trained.fit(x, y)
    with fault(monkeypatch), pytest.raises(OSError, match=r"File too large|[Ii]nput/output error"):
        trained.save(path)
    assert path.read_bytes() == old
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing half-written lies about
    trained.save(path)
    assert path.read_bytes() != old


def test_what_a_crash_left_is_written_over_and_folders_are_made(tmp_path, trained):
    folder = tmp_path / "runs" / "first"
    trained.save(folder / "c")
    (folder / ".c.part").write_bytes(b"half" * 100_000)
    trained.save(folder / "c")
    assert [file.name for file in folder.iterdir()] == ["c"]
    trained.resume(folder / "c")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere files have no such permissions")
def test_the_file_has_the_permissions_of_any_new_file(path, trained):
    mask = os.umask(0o027)
    try:
        trained.save(path)
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_file_is_on_the_disk_before_it_takes_the_name(path, trained, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    trained.save(path)
    assert calls == ["fsync", "replace", "fsync"]


def test_a_folder_is_no_checkpoint(tmp_path, trained):
    with pytest.raises(CheckpointError, match="is a folder, expected a checkpoint file"):
        trained.load(tmp_path)


def test_the_history_that_fit_returned_goes_on_after_resume(path):
    trainer = classifier()
    history = trainer.fit(x, y, epochs=2, batch_size=16)
    epochs = history.epochs
    trainer.resume(path)
    assert history is trainer.history and epochs is history.epochs and history["epoch"] == [1]


def test_figures_of_numpy_can_be_saved(tmp_path, trained):
    trained.history.epochs[0]["mine"] = np.float32(0.5)
    trained.save(tmp_path / "c")
    trained.resume(tmp_path / "c")
    assert trained.history["mine"] == [0.5]


def test_another_number_of_blas_threads_warns(path, trained, monkeypatch):
    library, threads = backend.blas()
    monkeypatch.setattr(backend, "blas", lambda: (library, threads + 1))
    with pytest.warns(UserWarning, match=f"BLAS threads {threads}, here {threads + 1}.*last bits may differ"):
        trained.resume(path)
