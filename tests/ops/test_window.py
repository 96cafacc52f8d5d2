"""Windows: how many there are, what they hold, and padding that makes them as many as steps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fusegrad.ops.window import Window, same

AXES = st.tuples(*(st.integers(1, high) for high in (12, 5, 4, 3)), st.integers(0, 4), st.integers(0, 4))


def held(window, extent):
    """The places of each window that lies within the padded axis, counted one by one."""
    (size,), (step,), (gap,), ((before, behind),) = window.kernel, window.stride, window.dilation, window.padding
    starts = range(-before, extent + behind, step)
    windows = ([start + k * gap for k in range(size)] for start in starts)
    return [places for places in windows if places[-1] < extent + behind]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(AXES)
def test_there_are_as_many_outputs_as_windows_within_the_padded_array(axis):
    extent, size, step, gap, before, behind = axis
    window = Window((size,), (step,), (gap,), ((before, behind),))
    assert max(0, window.outputs((extent,))[0]) == len(held(window, extent))
    assert window.reach == (gap * (size - 1) + 1,)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(AXES)
def test_same_padding_is_the_least_with_one_output_for_every_step(axis):
    extent, size, step, gap, _, _ = axis
    ((before, behind),) = pairs = same((extent,), (size,), (step,), (gap,))
    window = Window((size,), (step,), (gap,), pairs)
    assert window.outputs((extent,)) == (-(-extent // step),)
    assert 0 <= behind - before <= 1
    if behind:
        less = Window((size,), (step,), (gap,), ((before, behind - 1),))
        assert less.outputs((extent,))[0] < -(-extent // step)


def test_every_axis_has_its_own_numbers():
    window = Window((3, 2), (1, 2), (2, 1), ((1, 0), (0, 3)))
    assert (window.rank, window.size, window.reach) == (2, 6, (5, 2))
    assert window.outputs((5, 6)) == (2, 4)
