"""The probe of the hardware: the emulator passes it, NVIDIA's compiler takes it, and on a GPU it is the first test."""

from __future__ import annotations

from importlib import import_module

import nvrtc
import pytest
from emulator import primitives

from cuda_on_cpu import StandIn
from fusegrad.backend.availability import has_gpu

ALL_RIGHT = dict.fromkeys(primitives.CHECKS, "ok")


@pytest.mark.parametrize("order", ["forward", "reverse", "random", "warps_reversed"])
def test_the_emulator_does_what_it_claims(order):
    assert primitives.check_primitives(StandIn(mode="check", orders=(order,))) == ALL_RIGHT


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="needs CuPy and an NVIDIA GPU")
def test_the_hardware_does_what_the_emulator_claims():
    assert primitives.check_primitives(import_module("cupy")) == ALL_RIGHT


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_nvidias_compiler_takes_the_probe(architecture):
    nvrtc.require()
    assert nvrtc.ptx(primitives.SOURCE, architecture=architecture).count(".visible .entry") == 16


def test_a_difference_is_told():
    def wrong(*arguments):
        got = primitives.shuffles(*arguments)
        return got[0] + 1, got[1]

    primitives.CHECKS["wrong"] = wrong
    try:
        report = primitives.check_primitives(StandIn(mode="fast"))["wrong"]
    finally:
        del primitives.CHECKS["wrong"]
    assert "20480 of 20480 differ, first [0, 0, 0, 0]" in report
