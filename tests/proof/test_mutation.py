"""Every barrier is necessary, and the checker knows: without it, a case of some op is reported.

A barrier that nobody misses is redundant, or the checker has a gap.
"""

from __future__ import annotations

import pytest
from checks import run_case
from proof.sources import FILES, Barrier, barriers, cases_of, dtype_for, users

from cuda_on_cpu import KernelError
from fusegrad.backend import sources
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.backend.signature import COMMENT
from fusegrad.backend.sources import file_text

BARRIERS = barriers()


def test_all_barriers_are_known():
    code = [COMMENT.sub("", file_text(file)) for file in FILES]
    assert len(BARRIERS) == sum(text.count("__sync") + text.count("bar.sync") for text in code) > 5


def test_every_kernel_file_has_ops_that_launch_it():
    files = [file for file in FILES if file.endswith(".cu")]
    assert [file for file in files if next(cases_of(file), None) is None] == []


@pytest.mark.parametrize("barrier", BARRIERS, ids=str)
def test_a_removed_barrier_is_reported(barrier: Barrier, monkeypatch, tmp_path):
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    text = sources.file_text
    monkeypatch.setattr(
        sources, "file_text", lambda file: barrier.removed_from(text(file)) if file == barrier.file else text(file)
    )
    assert reported(barrier), f"no case misses the barrier at {barrier}"


def reported(barrier: Barrier) -> bool:
    backend = EmulatedBackend("check")
    for file in users(barrier.file):
        for op, case in cases_of(file):
            try:
                run_case(op, case, backend, dtype_for(file))
            except KernelError as error:
                return bool({problem.kind for problem in error.problems} & {"racecheck", "initcheck"})
    return False
