"""NVIDIA's compiler takes every kernel for every architecture, without spilling a register."""

from __future__ import annotations

import json
from importlib import import_module

import nvrtc
import pytest
from typer.testing import CliRunner

from fusegrad.backend.nvrtc import compiler
from fusegrad.backend.resources import ARCHITECTURES, Multiprocessor, occupancy, runs_on, usages
from fusegrad.backend.sources import kernel_files, with_headers
from fusegrad.cli import app
from fusegrad.cli.inventory import inventory

PARTS = {}
for source, names in inventory():
    PARTS.setdefault(source.file if source.file in kernel_files() else "generated", []).append((source, names))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("file", PARTS)
def test_no_kernel_spills(file, architecture):
    nvrtc.require(headers=True)
    parts = [part for part in PARTS[file] if runs_on(architecture, part[0])]
    if not parts:
        pytest.skip(f"{file} needs instructions that sm_{architecture} lacks")
    found = [usage for part in parts for usage in usages(compiler()[0], *part, architecture, compiler()[1])]
    assert found
    assert [usage for usage in found if usage.spill_bytes] == []


def test_a_spill_is_seen():
    nvrtc.require(headers=True)
    text = """
    extern "C" __global__ void __launch_bounds__(1024) greedy(float* x) {
        float held[200];
        for (int i = 0; i < 200; ++i) held[i] = x[i * 1024 + threadIdx.x];
        for (int k = 0; k < 200; ++k)
            for (int i = 0; i < 200; ++i) held[i] = held[i] * held[(i + 7) % 200] + held[(i + 31) % 200];
        for (int i = 0; i < 200; ++i) x[i * 1024 + threadIdx.x] = held[i];
    }
    """
    text = text.replace("for (int i", "#pragma unroll\nfor (int i")
    nvrtc_module, options = compiler()
    (usage,) = usages(nvrtc_module, with_headers("greedy.cu", text), ["greedy"], "80", options)
    assert usage.spill_bytes > 0
    assert usage.threads == 1024


@pytest.mark.parametrize(
    ("registers", "shared_bytes", "threads", "share"),
    [(32, 0, 256, 1.0), (128, 0, 256, 0.25), (32, 48 * 1024, 256, 0.375), (16, 0, 32, 0.5), (168, 0, 1024, 0.0)],
)
def test_occupancy_is_what_the_scarcest_resource_allows(registers, shared_bytes, threads, share):
    assert occupancy(ARCHITECTURES["80"], registers, shared_bytes, threads) == share


def test_every_architecture_has_its_own_limits():
    assert isinstance(ARCHITECTURES["75"], Multiprocessor)
    assert occupancy(ARCHITECTURES["75"], 32, 0, 256) == 1.0


def test_a_header_says_which_architectures_can_run_a_file():
    source = with_headers("copy.cu", '#include "copy.cuh"\n', {"copy.cuh": "// Copies.\n// Needs: sm_80\n"})
    assert [name for name in ARCHITECTURES if not runs_on(name, source)] == ["75"]


def command(*words: str):
    nvrtc.require(headers=True)
    return CliRunner().invoke(app, ["kernels", *words])


def test_the_command_prints_a_line_for_every_kernel():
    result = command("--name", "counter")
    assert result.exit_code == 0
    assert result.stdout.count("counter_count") == 1
    assert result.stdout.endswith("1 kernels for 75, 80, 86, 89, 90a, 100a, 120a: no spills\n")


def test_the_command_prints_all_figures_as_json():
    first, second = json.loads(command("--name", "counter", "--arch", "sm_80", "--arch", "90a", "--json").stdout)
    assert {"kernel", "registers", "spill_bytes", "shared_bytes", "occupancy"} <= first.keys()
    assert (first["architecture"], second["architecture"]) == ("80", "90a")


def test_the_command_leaves_out_architectures_that_lack_instructions(monkeypatch):
    text = '// Needs: sm_80\nextern "C" __global__ void __launch_bounds__(32) wait() { asm("cp.async.wait_all;"); }'
    module = import_module("fusegrad.cli.kernels")  # by its name in the package there is the command
    monkeypatch.setattr(module, "inventory", lambda: [(with_headers("wait.cu", text), ["wait"])])
    newer = command("--arch", "75", "--arch", "80").stdout
    assert newer.startswith("\nwait.cu, from sm_80 on\n")
    assert newer.endswith("\n1 kernels for 80: no spills\n")
    assert command("--arch", "75").stdout.endswith("\n0 kernels for none of these architectures: no spills\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--arch", "90"), "--arch does not know 90; perhaps you meant"),
        (("--name", "nothing"), "--name matches no file"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(words, message):
    result = command(*words)
    assert isinstance(result.exception, ValueError)
    assert message in str(result.exception)
