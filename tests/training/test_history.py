"""History, curves and the progress bar."""

from __future__ import annotations

import io
import math
import re
import sys

import numpy as np
import pytest
from rich.console import Console
from training.cases import blobs, classifier

from fusegrad.errors import MissingExtra
from fusegrad.training import History, ProgressBar, plot_curves

x, y = blobs()
HISTORY = History([{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 0.25, "val_loss": 0.5}])


def test_history_survives_a_file_bit_for_bit(tmp_path):
    HISTORY.save(tmp_path / "history.json")
    assert History.load(tmp_path / "history.json").epochs == HISTORY.epochs


def test_a_file_has_null_for_what_json_cannot_say(tmp_path):
    history = History([{"epoch": 1, "loss": math.nan, "mine": np.float32(0.5), "peak": np.float64("inf")}])
    history.save(tmp_path / "h")
    assert '"loss": null' in (text := (tmp_path / "h").read_text()) and '"peak": null' in text
    [epoch] = History.load(tmp_path / "h").epochs
    assert math.isnan(epoch["loss"]) and epoch["mine"] == 0.5


def test_figures_by_name():
    assert HISTORY.keys() == ["epoch", "loss", "val_loss"]
    assert HISTORY["loss"] == [0.1 + 0.2, 0.25] and HISTORY["val_loss"] == [0.5]
    with pytest.raises(KeyError, match='no epoch has "los"; perhaps you meant "loss"'):
        HISTORY["los"]


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_curves_are_drawn_in_the_format_of_the_name(tmp_path, suffix, start):
    pytest.importorskip("matplotlib", reason="matplotlib draws the curves")
    plot_curves(HISTORY, tmp_path / f"curves.{suffix}")
    assert (tmp_path / f"curves.{suffix}").read_bytes().startswith(start)
    assert "matplotlib.pyplot" not in sys.modules


def test_nothing_to_draw(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib draws the curves")
    with pytest.raises(ValueError, match="at least one epoch"):
        plot_curves(History(), tmp_path / "curves.png")


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"drawing curves needs matplotlib: pip install .fusegrad\[demo\]"):
        plot_curves(HISTORY, tmp_path / "curves.png")


def shown(terminal: bool) -> str:
    stream = io.StringIO()
    bar = ProgressBar(Console(file=stream, force_terminal=terminal, width=60))
    classifier().fit(x, y, epochs=2, validation=(x, y), callbacks=[bar])
    return stream.getvalue()


def test_a_file_gets_the_table_alone():
    lines = shown(terminal=False).splitlines()
    assert lines[0].split() == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "samples/s"]
    assert [line.split()[0] for line in lines[1:]] == ["1/2", "2/2"]
    assert len({len(line) for line in lines}) == 1


def test_a_terminal_gets_a_bar_too():
    text = shown(terminal=True)
    assert "epoch 1/2" in text and "━" in text
    rows = [line.split()[:1] for line in re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()]
    assert [row for row in rows if row in (["1/2"], ["2/2"])] == [["1/2"], ["2/2"]]
