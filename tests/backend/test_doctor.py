from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from threadpoolctl import threadpool_limits

from cuda_on_cpu import StandIn
from fusegrad.backend import blas, doctor, using
from fusegrad.backend.doctor import distribution_version, usable_cores


def test_a_machine_without_gpu(machine: Any) -> None:
    machine()
    report = doctor()
    assert (report.backend, report.why) == ("cpu", "auto: CuPy sees no GPU")
    assert report.rejected["cuda"].startswith("no NVIDIA driver was found")
    assert report.missing["cupy"] == 'pip install "fusegrad[cuda12]"'
    assert report.versions["NumPy"] == np.__version__
    assert report.versions["Python"] == platform.python_version()
    assert report.versions["CUDA driver"] is None


def test_a_machine_with_gpu(machine: Any) -> None:
    machine(StandIn(), driver=12090)
    report = doctor()
    assert (report.backend, report.why) == ("cuda", "auto: CuPy sees a GPU")
    assert report.rejected == {}
    assert "cupy" not in report.missing
    assert report.versions["CUDA driver"] == "12.9"


def test_a_backend_that_cannot_run_is_reported_and_not_raised(machine: Any) -> None:
    machine(variable="cuda")
    report = doctor()
    assert report.backend is None
    assert report.why.startswith('the backend "cuda" cannot run here')
    machine(variable="gpu")
    assert "FUSEGRAD_BACKEND names an unknown backend" in doctor().why


def test_missing_packages_come_with_the_extra_that_brings_them(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine()
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    missing = doctor().missing
    assert missing["scikit-learn"] == missing["matplotlib"] == 'pip install "fusegrad[demo]"'


def test_the_report_is_readable_and_goes_through_json(machine: Any) -> None:
    machine(driver=12040)
    with using("cpu"):
        report = doctor()
    assert json.loads(json.dumps(report.as_dict())) == report.as_dict()
    assert report.as_dict()["rejected"] == report.rejected
    lines = str(report).splitlines()
    assert lines[0].split("  ")[0] == "backend"
    assert lines[0].endswith('cpu (using("cpu"))')
    assert any(line.startswith("no cupy ") and line.endswith('pip install "fusegrad[cuda12]"') for line in lines)
    assert len({len(line) - len(line.split("  ", 1)[1].lstrip()) for line in lines}) == 1  # one column of answers


def test_blas_tells_library_and_threads() -> None:
    name, threads = blas()
    assert name
    with threadpool_limits(1, user_api="blas"):
        assert blas() == (name, min(threads, 1))


def test_blas_prefers_the_library_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = [
        {
            "user_api": "openmp",
            "internal_api": "openmp",
            "filepath": "numpy/libgomp",
            "version": None,
            "num_threads": 9,
        },
        {"user_api": "blas", "internal_api": "mkl", "filepath": "scipy/x", "version": "2025.1", "num_threads": 8},
        {
            "user_api": "blas",
            "internal_api": "openblas",
            "filepath": "numpy.libs/x",
            "version": "0.3",
            "num_threads": 4,
        },
    ]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
    assert blas() == ("openblas 0.3", 4)


def test_blas_that_does_not_tell_its_threads_is_named_as_numpy_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threadpoolctl, "threadpool_info", list)
    built_with: Any = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert blas() == (f"{built_with['name']} {built_with['version']}", 0)


def test_distribution_version_takes_the_first_that_is_installed() -> None:
    assert distribution_version("no-such-distribution", "numpy") == np.__version__
    assert distribution_version("no-such-distribution") is None


def test_usable_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cores() == 7
