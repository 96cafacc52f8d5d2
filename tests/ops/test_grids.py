"""How kernels share out work."""

from __future__ import annotations

import pytest

from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.ops.grids import FILLING, Teams, blocks, elements_at_once, rows_by_columns, teams


@pytest.mark.parametrize(
    ("rows", "width", "expected"),
    [
        (33, 1024, Teams(32, (5,), (256,))),
        (33, 1025, Teams(256, (33,), (256,))),
        (33, 16385, Teams(512, (33,), (512,))),
        (10**6, 10, Teams(32, (FILLING,), (256,))),
        (0, 10, Teams(32, (0,), (256,))),
    ],
)
def test_a_warp_has_a_row_or_a_block_if_it_is_long(rows, width, expected):
    assert teams(rows, width) == expected


def test_a_grid_is_as_small_as_does_the_work_at_once_and_no_larger_than_what_runs_at_once():
    assert [blocks(items, 256) for items in (0, 1, 256, 257, 10**9)] == [0, 1, 1, 2, FILLING]


@pytest.mark.parametrize(
    ("rows", "columns", "grid", "block"),
    [
        (8192, 192, (1024, 2), (32, 8)),  # a warp has a row, in three rounds
        (100_000, 1, (391, 1), (1, 256)),
        (100_000, 5, (3125, 1), (8, 32)),
        (1, 1 << 20, (1, 2048), (256, 1)),
        (0, 7, (0, 1), (8, 32)),
        (5, 0, (1, 0), (1, 256)),
    ],
)
def test_short_rows_share_a_block_and_long_ones_are_shared_out(rows, columns, grid, block):
    assert rows_by_columns(rows, columns) == (grid, block)


def test_sixteen_bytes_are_moved_at_once_where_they_fit():
    device = EmulatedBackend("fast")
    whole = device.zeros((33,), "float32")
    assert elements_at_once(8, whole) == 4
    assert elements_at_once(6, whole) == 1
    assert elements_at_once(8, whole, whole[1:]) == 1
    assert elements_at_once(8, whole, None) == 4
    assert elements_at_once(8, device.zeros((4,), "float16")) == 8
    assert elements_at_once(8, device.zeros((4,), "float64")) == 2
