"""Which of the library's algorithms a call uses: the fastest of what it proposes, timed once for each kind of call.

The choice is kept on disk, so that the same shapes have the same algorithm, and the same bits, on the same machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend.cublaslt import choices
from fusegrad.backend.cublaslt.call import Call
from fusegrad.backend.cublaslt.descriptor import Descriptors, preference
from fusegrad.backend.cublaslt.library import Home
from fusegrad.backend.timing import Run, elapsed, repeated

PROPOSALS = 16  # that the library is asked for
ROUNDS, CALLS = 3, 4  # of a timing
NOT_SUPPORTED = 15  # of cublasStatus_t


@dataclass(frozen=True, eq=False)
class Algorithm:
    """The 64 bytes of a `cublasLtMatmulAlgo_t`, and how much workspace it needs."""

    data: NDArray[np.uint64]
    workspace_bytes: int


def chosen(home: Home, call: Call, descriptors: Descriptors, run: Callable[[Algorithm], Run]) -> Algorithm | None:
    """The algorithm for a call, of which `run` makes the call itself; None where the library has none.

    Raises RuntimeError while the current stream captures.
    """
    if home.xp.cuda.get_current_stream().is_capturing():
        raise RuntimeError("a product of cuBLASLt expects to be bound before a capture begins, got one while capturing")
    kind = choices.kind(home, call)
    known = remembered(home, descriptors, kind)
    if known is not None:
        return known
    found = proposed(home, call, descriptors)
    if len(found) < 2:
        return found[0] if found else None
    best = found[fastest(home, call, [run(algorithm) for algorithm in found])]
    choices.keep(kind, [int(word) for word in best.data])
    return best


def proposed(home: Home, call: Call, descriptors: Descriptors) -> list[Algorithm]:
    """What the library thinks fast, best first."""
    functions = home.functions
    wanted = preference(functions, call, home.workspace.nbytes)
    results = np.zeros(PROPOSALS, functions.matmul_heuristic_result_dtype)
    count = np.zeros(1, np.int32)
    places = results.ctypes.data, count.ctypes.data
    try:
        functions.matmul_algo_get_heuristic(home.handle, *descriptors.handles(), wanted.handle, PROPOSALS, *places)
    except functions.cuBLASLtError as error:
        if error.status == NOT_SUPPORTED:
            return []
        error.add_note(f"cuBLASLt was asked for algorithms for {call.signature()}")
        raise
    usable = (result for result in results[: count[0]] if result["state"] == 0)
    return [Algorithm(result["algo"]["data_"].copy(), int(result["workspace_size"])) for result in usable]


def remembered(home: Home, descriptors: Descriptors, kind: str) -> Algorithm | None:
    """The choice of an earlier time, where there is one that the library still takes."""
    words = choices.known(kind)
    if words is None:
        return None
    data, result = np.array(words, np.uint64), np.zeros(1, home.functions.matmul_heuristic_result_dtype)
    places = data.ctypes.data, result.ctypes.data
    try:
        home.functions.matmul_algo_check(home.handle, *descriptors.handles(), *places)
    except home.functions.cuBLASLtError:
        return None
    needed = int(result["workspace_size"][0])
    return Algorithm(data, needed) if needed <= home.workspace.nbytes else None


def fastest(home: Home, call: Call, runs: Sequence[Run]) -> int:
    """The number of the fastest run; arrays that they write are as they were afterwards."""
    before = [(array, array.copy()) for array in call.written()]
    try:
        times = timed(home, runs)
    finally:
        for array, content in before:
            array[...] = content
    return min(times, key=lambda number: times[number])


def timed(home: Home, runs: Sequence[Run]) -> dict[int, float]:
    """Milliseconds of the runs that the library does not refuse: its proposals are no promise.

    Raises its error where it refuses all of them.
    """
    times: dict[int, float] = {}
    refused: Exception | None = None
    for number, run in enumerate(runs):
        try:
            times[number] = milliseconds(home, run)
        except home.functions.cuBLASLtError as error:
            refused = error
    if refused is not None and not times:
        raise refused
    return times


def milliseconds(home: Home, run: Run) -> float:
    """The least time of a call, behind one that is not timed."""
    run()
    launch = repeated(home.xp.cuda, run, CALLS)
    return min(elapsed(home.xp.cuda, launch) for _ in range(ROUNDS)) / CALLS
