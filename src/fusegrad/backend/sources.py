"""The kernel files that come with the package, each with the headers it includes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from fusegrad.backend.compiler import Source

INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)


def kernel_files() -> list[str]:
    """The names of all files with kernels."""
    return sorted(entry.name for entry in folder().iterdir() if entry.name.endswith(".cu"))


def kernel_source(file: str, generated: Mapping[str, str] | None = None) -> Source:
    """A file of `fusegrad.kernels`, with the texts `generated` as further headers by name."""
    return with_headers(file, file_text(file), generated)


def with_headers(file: str, text: str, generated: Mapping[str, str] | None = None) -> Source:
    """A text with all that it includes from `fusegrad.kernels` or from what was generated for it."""
    headers: dict[str, str] = {}
    waiting = list(included(text))
    while waiting:
        name = waiting.pop()
        if name not in headers:
            headers[name] = generated[name] if generated and name in generated else file_text(name)
            waiting += included(headers[name])
    return Source(file, text, tuple(sorted(headers.items())))


def included(text: str) -> Iterator[str]:
    return (match[1] for match in INCLUDE.finditer(text))


@cache
def file_text(file: str) -> str:
    return (folder() / file).read_text(encoding="utf-8")


def folder() -> Traversable:
    return resources.files("fusegrad.kernels")
