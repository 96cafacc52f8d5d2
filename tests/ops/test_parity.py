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
from fusegrad.backend.emulated import EmulatedBackend
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


@pytest.fixture(scope="module")
def emulated() -> EmulatedBackend:
    return EmulatedBackend("check")


@pytest.mark.parametrize("op", CASES, ids=name_of)
def test_the_kernels_on_the_emulated_gpu_under_the_checker(op, emulated):
    for case in CASES[op]:
        check_parity(op.launch, op, case, backend=emulated)


@pytest.mark.parametrize(("dtype", "every"), [("float16", 1), ("bfloat16", 3), ("float64", 3)])
@pytest.mark.parametrize("op", CASES, ids=name_of)
def test_the_kernels_in_other_precisions(op, dtype, every):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")
    backend = EmulatedBackend("fast")
    for case in CASES[op][::every]:
        check_parity(op.launch, op, case, dtype, backend)


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="needs CuPy and an NVIDIA GPU")
@pytest.mark.parametrize("op", CASES, ids=name_of)
def test_the_kernels_on_the_gpu(op):
    for case in CASES[op]:
        check_parity(op.launch, op, case, backend=resolve("cuda"))


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
