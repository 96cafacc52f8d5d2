"""Every op against its reference in float64, case by case."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from checks import Case, Draw, check_parity
from op_names import all_names, name_of
from ops.cases import CASES

from fusegrad.backend import resolve
from fusegrad.backend.availability import has_gpu
from fusegrad.ops import BoundOp, elementwise, op

ALL = [pytest.param(op, case, id=f"{name_of(op)}-{case.label}") for op, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("op", "case"), ALL)
def test_the_reference_in_float32(op, case):
    check_parity(op.reference, op, case)


LAST = {name_of(op): op for op in CASES if isinstance(op, BoundOp)}  # of those made by one name: compiling takes time


@pytest.mark.parametrize("op", LAST.values(), ids=LAST)
def test_what_numba_compiles(op, tmp_path_factory, monkeypatch):
    pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.getbasetemp()))
    for case in CASES[op]:
        check_parity(partial(op.at_once, "numba"), op, case)


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="needs CuPy and an NVIDIA GPU")
@pytest.mark.parametrize("op", CASES, ids=name_of)
def test_what_runs_on_the_gpu(op):
    backend = resolve("cuda")
    with backend.using_stream():
        for case in CASES[op]:
            check_parity(op.launch, op, case, backend=backend)


def test_every_op_has_cases():
    assert all_names()
    assert all_names() - {name_of(op) for op, cases in CASES.items() if cases} == set()


def test_labels_are_unique():
    ids = [parameters.id for parameters in ALL]
    assert len(ids) == len(set(ids))


def wrong_formula(x, y):
    y[...] = 1.0001 * x


def overwritten_input(x, y):
    y[...] = x
    x[0] += 1


def half_done(x, y):
    y[: len(y) // 2] = x[: len(y) // 2]


@pytest.mark.parametrize("wrong", [wrong_formula, overwritten_input, half_done])
def test_a_planted_fault_is_found(wrong):
    with pytest.raises(AssertionError, match="allowed"):
        check_parity(wrong, elementwise.copy, Case("planted", {"x": (33,), "y": (33,)}))


def test_writing_where_the_reference_adds_is_found():
    with pytest.raises(AssertionError, match="planted: y is off by"):
        check_parity(elementwise.copy.reference, elementwise.accumulate, Case("planted", {"x": (33,), "y": (33,)}))


def test_wrong_integers_are_found():
    @op
    def flip(mask):
        np.bitwise_xor(mask, 1, out=mask)

    with pytest.raises(AssertionError, match="mask"):
        check_parity(lambda mask: None, flip, Case("planted", {"mask": Draw((33,), 0, 2, "uint8")}))
