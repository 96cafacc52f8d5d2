"""What fusegrad found on this machine, for people and for bug reports."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from fusegrad.backend.availability import BackendUnavailable, cuda_extra, driver_version, obstacles, spell
from fusegrad.backend.emulated import obstacle
from fusegrad.backend.evaluators import evaluator as chosen_evaluator
from fusegrad.backend.selection import current_choice
from fusegrad.errors import MissingExtra
from fusegrad.expr.threads import thread_count, usable_cores


@dataclass(frozen=True)
class Report:
    """The chosen backend and what it runs on.

    `backend` is None where what was asked for cannot run; `why` then says what is missing.  `versions` has None for
    what is not there.  `rejected` gives the reason for each backend that cannot run, and `missing` the command that
    installs each optional package that is not installed.  A figure of threads that cannot be read is 0.
    """

    backend: str | None
    why: str
    versions: dict[str, str | None]
    blas: str
    blas_threads: int
    evaluator: str
    loop_threads: int
    cores: int
    rejected: dict[str, str]
    missing: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = {
            "backend": f"{self.backend or 'none'} ({self.why})",
            **{name: version or "not found" for name, version in self.versions.items()},
            "BLAS": f"{self.blas}, threads: {self.blas_threads or 'unknown'}",
            "loops": f"{self.evaluator}, threads: {self.loop_threads or 'unknown'}",
            "usable cores": str(self.cores),
            **{f"no {name}": reason for name, reason in self.rejected.items()},
            **{f"no {package}": command for package, command in self.missing.items()},
        }
        width = max(map(len, lines))
        return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items())


def doctor() -> Report:
    """Look at this machine; never raises for what is missing."""
    try:
        choice = current_choice()
        backend, why = choice.backend.name, choice.why
    except (BackendUnavailable, MissingExtra, ValueError) as error:
        backend, why = None, str(error)
    library, threads = blas()
    evaluator, loop_threads = loops()
    return Report(
        backend=backend,
        why=why,
        versions=versions(),
        blas=library,
        blas_threads=threads,
        evaluator=evaluator,
        loop_threads=loop_threads,
        cores=usable_cores(),
        rejected=rejected(),
        missing=missing_packages(),
    )


def rejected() -> dict[str, str]:
    """The backends that cannot run here, and why."""
    reasons = {"cuda": "; ".join(obstacles()), "emulated": obstacle()}
    return {name: reason for name, reason in reasons.items() if reason}


def blas() -> tuple[str, int]:
    """Name with version, and number of threads, of the library that multiplies NumPy's matrices on the CPU.

    Both decide the last bits of products.  Threads are 0 where the library does not tell.
    """
    from threadpoolctl import threadpool_info

    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    found.sort(key=lambda pool: "numpy" not in pool["filepath"])  # other packages may have brought their own
    if found:
        return f"{found[0]['internal_api']} {found[0]['version']}", found[0]["num_threads"]
    config: Any = np.show_config(mode="dicts")
    built_with = config["Build Dependencies"]["blas"]
    return f"{built_with['name']} {built_with['version']}", 0


def loops() -> tuple[str, int]:
    """By what loops over elements run on the CPU, or why by nothing, and over how many threads large ones are split."""
    try:
        return chosen_evaluator(), thread_count()
    except (ValueError, MissingExtra) as error:
        return f"none ({error})", 0


def versions() -> dict[str, str | None]:
    """Versions by name, None for what is not installed."""
    driver = driver_version()
    return {
        "fusegrad": distribution_version("fusegrad"),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "Numba": distribution_version("numba"),
        "CuPy": distribution_version("cupy", "cupy-cuda12x", "cupy-cuda13x"),
        "CUDA driver": spell(driver) if driver else None,
    }


def distribution_version(*names: str) -> str | None:
    """The version of the first of these distributions that is installed."""
    from importlib import metadata

    for name in names:
        try:
            return str(metadata.version(name))
        except metadata.PackageNotFoundError:
            continue
    return None


def missing_packages() -> dict[str, str]:
    """By optional package that is not installed, the command that installs it."""
    extras = {"cupy": cuda_extra(), "matplotlib": "demo", "numba": "fast", "sklearn": "demo"}
    names = {"sklearn": "scikit-learn"}
    return {
        names.get(module, module): f'pip install "fusegrad[{extra}]"'
        for module, extra in extras.items()
        if find_spec(module) is None
    }
