"""How float32 matrices are multiplied: exactly, or on tensor cores with factors rounded to 11 bits (tf32)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

ARITHMETICS = "exact", "tf32"

_current: ContextVar[str] = ContextVar("arithmetic", default="exact")


def current() -> str:
    """The arithmetic of products that are bound now: "exact", the default, or "tf32"."""
    return _current.get()


@contextmanager
def using(arithmetic: str) -> Iterator[None]:
    """Float32 products that are bound inside have this arithmetic for good; ValueError where it is unknown."""
    if arithmetic not in ARITHMETICS:
        raise ValueError(f"products expect an arithmetic of {', '.join(ARITHMETICS)}, got {arithmetic!r}")
    token = _current.set(arithmetic)
    try:
        yield
    finally:
        _current.reset(token)
