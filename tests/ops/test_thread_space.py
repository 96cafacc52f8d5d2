"""Space of threads: shared by the calls of one, apart in two, and enough for calls within calls."""

from __future__ import annotations

import gc
import tracemalloc
from threading import Thread

import numpy as np
import pytest
from layers.outcomes import numbers

from fusegrad.expr.activations import relu
from fusegrad.ops import batch_norm, group_norm, last_axes_norm
from fusegrad.ops.thread_space import memory, with_space

FLOAT = np.dtype("float32")
EVALUATORS = pytest.mark.parametrize("evaluator", ["numpy", "numba"])


def filling(like, value, seen, within=None):
    """A call that fills an array of its own, makes the call `within`, and then notes what is in the array."""

    def bind(space):
        inner = within() if within else lambda: None

        def call():
            space.fill(value)
            inner()
            seen.append((value, space.tolist()))

        return call

    return with_space(like, bind, ((3,), FLOAT))


def test_calls_share_what_a_call_within_them_leaves_alone():
    like, seen = np.empty(0), []
    outer = filling(like, 1, seen, lambda: filling(like, 2, seen, lambda: filling(like, 3, seen)))
    after = filling(like, 4, seen)
    outer()
    after()
    outer()
    assert [value for value, _ in seen] == [3, 2, 1, 4, 3, 2, 1]
    assert all(found == [value] * 3 for value, found in seen)


def test_a_call_that_cannot_be_bound_leaves_no_space_taken():
    def refuse(space):
        places.append(space.ctypes.data)
        raise ValueError("no")

    places = []
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            with_space(np.empty(0), refuse, ((3,), FLOAT))
    assert places[0] == places[1]


SHAPE = (8, 6, 20, 20)


def passes(evaluator, x, dy):
    """Forward and backward passes of norms, bound, and the arrays that they write."""
    mean, rstd, running_mean, running_var, dweight, dbias = (np.zeros(6, FLOAT) for _ in range(6))
    y, dx = np.zeros_like(x), np.zeros_like(x)
    weight, bias = numbers(6, seed=1), numbers(6, seed=2)
    grads = {"dx": dx, "dweight": dweight, "dbias": dbias}
    statistics, of_rows = np.zeros((2, 8, 3), FLOAT), np.zeros((2, *SHAPE[:2]), FLOAT)
    row_weight, row_grads = numbers(20, 20, seed=3), np.zeros((2, 20, 20), FLOAT)
    kept = {"running_mean": running_mean, "running_var": running_var, "momentum": 0.1, "eps": 1e-3, "exchange": None}
    lines = {"weight": row_weight, "mean": of_rows[0], "rstd": of_rows[1]}
    calls = [
        batch_norm.forward(relu).bound(evaluator, x, weight, bias, y, mean, rstd, **kept),
        batch_norm.backward(relu).bound(evaluator, dy, x, weight, bias, mean, rstd, None, **grads),
        group_norm.forward(relu).bound(evaluator, x, weight, bias, y, *statistics, 1e-3),
        group_norm.backward(relu).bound(evaluator, dy, x, weight, bias, *statistics, **grads),
        last_axes_norm.layer_norm_forward.bound(evaluator, x, bias=None, y=y, eps=1e-3, **lines),
        last_axes_norm.layer_norm_backward.bound(
            evaluator, dy, x, **lines, dx=dx, dweight=row_grads[0], dbias=row_grads[1]
        ),
    ]
    return calls, (mean, rstd, running_mean, running_var, dweight, dbias, y, dx, statistics, of_rows, row_grads)


def results(calls, arrays):
    """What every call writes, together."""
    found = []
    for call in calls:
        call()
        found.append(b"".join(array.tobytes() for array in arrays))
    return found


@EVALUATORS
def test_passes_of_norms_in_another_thread_have_space_of_their_own(evaluator):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    x, dy = numbers(*SHAPE), numbers(*SHAPE, seed=1)
    expected, found = results(*passes(evaluator, x, dy)), []
    here = passes(evaluator, x, dy)
    memory.bytes.fill(0)
    with np.errstate(all="ignore"):
        thread = Thread(target=lambda: found.extend(results(*here)))
        thread.start()
        thread.join()
    assert found == expected
    assert not memory.bytes.any()  # which is that of this thread


@EVALUATORS
def test_norms_that_are_bound_make_no_space_of_their_own(evaluator):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    x, dy = numbers(*SHAPE), numbers(*SHAPE, seed=1)
    first = passes(evaluator, x, dy)
    tracemalloc.start()
    try:
        more = [passes(evaluator, x, dy) for _ in range(4)]
        gc.collect()
        snapshot = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)]
        )
    finally:
        tracemalloc.stop()
    held = sum(trace.size for trace in snapshot.traces) / len(more)
    asked = sum(array.nbytes for array in first[1]) + 4 * (12 + 400)  # weights, too
    assert held - asked < 4096  # numbers of channels; a block of an array like x would be 64 KiB or more
