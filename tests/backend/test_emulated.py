"""The emulated backend is chosen by name alone, says what it lacks, and stays out of the way of the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fusegrad as fg
from fusegrad.backend import BackendUnavailable, doctor, resolve
from fusegrad.backend.emulated import EmulatedBackend


def test_it_is_chosen_by_name(monkeypatch):
    monkeypatch.delenv("FUSEGRAD_EMULATOR", raising=False)
    with fg.using("emulated") as backend:
        assert (backend.name, backend.evaluator, backend.xp.mode) == ("emulated", "cuda", "fast")
    assert resolve("emulated") is backend


def test_the_environment_asks_for_checks(monkeypatch):
    monkeypatch.setenv("FUSEGRAD_EMULATOR", "check")
    assert resolve("emulated").xp.mode == "check"


def test_an_unknown_mode_is_refused_with_a_hint(monkeypatch):
    monkeypatch.setenv("FUSEGRAD_EMULATOR", "chek")
    with pytest.raises(ValueError, match='FUSEGRAD_EMULATOR names an unknown mode "chek"; perhaps you meant "check"'):
        resolve("emulated")


def test_without_a_compiler_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("CUDA_ON_CPU_CXX", "no-such-compiler")
    with pytest.raises(BackendUnavailable, match=r'"emulated" cannot run here: .*no-such-compiler.*install g\+\+'):
        EmulatedBackend("fast")
    assert "no-such-compiler" in doctor().rejected["emulated"]


def test_neither_import_nor_the_cpu_loads_the_emulator():
    program = "import sys, fusegrad as fg; fg.select('cpu'); print([name for name in sys.modules if 'cuda_on' in name])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
