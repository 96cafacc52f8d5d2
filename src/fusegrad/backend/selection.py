"""Which backend new arenas get: `using` where it is active, else what `select` chose, else "auto"."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from fusegrad.backend.availability import BackendUnavailable, has_gpu, obstacles
from fusegrad.backend.base import Backend
from fusegrad.backend.cpu import CpuBackend
from fusegrad.backend.cuda import CudaBackend, cupy_module
from fusegrad.backend.emulated import EmulatedBackend, chosen_mode
from fusegrad.backend.evaluators import evaluator
from fusegrad.errors import perhaps

VARIABLE = "FUSEGRAD_BACKEND"
NAMES = ("auto", "cpu", "cuda", "emulated")


@dataclass(frozen=True)
class Choice:
    """A backend and the reason why it is this one."""

    backend: Backend
    why: str


class _Stack(threading.local):
    """The backends of the `using` blocks that this thread is in; a new thread is in none."""

    def __init__(self) -> None:
        self.choices: list[Choice] = []


_default: Choice | None = None
_stack = _Stack()


def select(name: str) -> Backend:
    """Make a backend the default of this process, for arenas made from now on.

    Args:
        name: "cpu", "cuda", "emulated", which runs the kernels of "cuda" on the CPU, slowly, or "auto", which is what
            the environment variable FUSEGRAD_BACKEND says, else "cuda" where CuPy sees a GPU, else "cpu".

    Raises ValueError for another name and BackendUnavailable, which says what to install, where CUDA cannot run; the
    default is then what it was.
    """
    global _default
    choice = choose(name, f'select("{name}")')
    _default = choice
    return choice.backend


@contextmanager
def using(name: str) -> Iterator[Backend]:
    """Make a backend, named as for `select`, the one of arenas made in this block by this thread.

    A thread started inside the block starts with the default of the process.
    """
    _stack.choices.append(choose(name, f'using("{name}")'))
    try:
        yield _stack.choices[-1].backend
    finally:
        _stack.choices.pop()


def current() -> Backend:
    """The backend that an arena made here and now gets."""
    return current_choice().backend


def current_choice() -> Choice:
    if _stack.choices:
        return _stack.choices[-1]
    return _default or choose("auto", "auto")


def resolve(name: str) -> Backend:
    """The backend of that name, whatever was selected; raises as `select` does."""
    return choose(name, "").backend


def choose(name: str, asked_by: str) -> Choice:
    if name not in NAMES:
        raise ValueError(f'unknown backend "{name}"{perhaps(name, NAMES)}')
    if name == "auto":
        name, reason = automatic()
        asked_by = f"{asked_by}: {reason}"
    make: dict[str, Callable[[], Backend]] = {
        "cpu": lambda: _cpu(evaluator()),
        "cuda": _cuda,
        "emulated": lambda: _emulated(chosen_mode()),
    }
    return Choice(make[name](), asked_by)


def automatic() -> tuple[str, str]:
    """The name of the backend that "auto" stands for, and why."""
    wanted = os.environ.get(VARIABLE) or "auto"
    if wanted not in NAMES:
        raise ValueError(f'{VARIABLE} names an unknown backend "{wanted}"{perhaps(wanted, NAMES)}')
    if wanted != "auto":
        return wanted, f"{VARIABLE}={wanted}"
    return ("cuda", "CuPy sees a GPU") if has_gpu() else ("cpu", "CuPy sees no GPU")


@cache
def _cpu(evaluator: str) -> CpuBackend:
    return CpuBackend(evaluator)


@cache
def _emulated(mode: str) -> EmulatedBackend:
    return EmulatedBackend(mode)


def _cuda() -> CudaBackend:
    missing = obstacles()
    if missing:
        raise BackendUnavailable(f'the backend "cuda" cannot run here: {"; ".join(missing)}')
    return _cuda_on(cupy_module().cuda.runtime.getDevice())


@cache
def _cuda_on(device: int) -> CudaBackend:
    return CudaBackend(cupy_module())
