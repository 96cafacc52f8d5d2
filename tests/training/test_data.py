"""The order of rows is a pure function of seed and epoch."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusegrad.training.batches import batches
from fusegrad.training.row_data import RowData

x, y = np.arange(20.0).reshape(10, 2), np.arange(10)


def test_without_shuffling_batches_are_views_in_order():
    parts = list(batches(x, y, 4, shuffle=False))
    assert [len(rows) for rows, _ in parts] == [4, 4, 2]
    assert all(np.shares_memory(rows, x) for rows, _ in parts)
    assert np.array_equal(np.concatenate([labels for _, labels in parts]), y)


def test_x_alone_and_drop_last():
    parts = list(batches(x, batch_size=4, drop_last=True))
    assert [rows.shape for rows in parts] == [(4, 2), (4, 2)]


def test_structures_keep_their_form_and_rows_stay_together():
    for batch, (first, second) in batches({"a": x, "b": x[:, 0]}, (y, -y), 3):
        assert np.array_equal(batch["a"][:, 0], batch["b"]) and np.array_equal(batch["b"], first * 2)
        assert np.array_equal(first, -second)


@given(rows=st.integers(1, 50), size=st.integers(1, 60), seed=st.integers(0, 2**60), epoch=st.integers(0, 1000))
def test_every_row_comes_once_and_an_epoch_can_be_entered_anywhere(rows, size, seed, epoch):
    data = RowData(np.arange(rows), batch_size=size, seed=seed, shuffle=True)
    whole = [batch.x.tolist() for batch in data.batches(epoch)]
    assert len(whole) == len(data)
    assert sorted(chain(*whole)) == list(range(rows))
    middle = len(whole) // 2
    assert [batch.x.tolist() for batch in data.batches(epoch, start=middle)] == whole[middle:]
    assert sorted({batch.size for batch in data.examples()}) == sorted({len(part) for part in whole})


def test_seed_and_epoch_change_the_order():
    rows = np.arange(1000)
    chosen = [{"seed": seed, "epoch": epoch} for seed, epoch in [(0, 0), (0, 0), (0, 1), (1, 0)]]
    orders = [np.concatenate(list(batches(rows, **options))).tolist() for options in chosen]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2] and orders[0] != orders[3] and orders[2] != orders[3]


def test_faults_are_named():
    with pytest.raises(ValueError, match="batch_size expects at least 1"):
        batches(x, y, 0)
    with pytest.raises(ValueError, match="y expects 10 rows, as many as x, got 9"):
        batches(x, y[1:])
    for options in ({"seed": -1}, {"seed": 0.5}, {"seed": 2**64}, {"epoch": -1}, {"epoch": 2**64}):
        with pytest.raises(ValueError, match=rf"{next(iter(options))} expects"):
            batches(x, y, **options)
    with pytest.raises(ValueError, match=r"sampler expects fg\.data\.Balanced\(labels\), got 'balanced'"):
        batches(x, y, sampler="balanced")
