"""A file that holds all of training: arrays with names, and text; written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

FORMAT = 1
FACTS = [
    "format",
    "arena",
    "example",
    "history",
    "machine",
    "optimizer",
    "position",
    "precision",
    "tally",
    "updates",
    "versions",
]


class CheckpointError(ValueError):
    """A file that is no checkpoint, is damaged, or is one of another network."""


@dataclass(frozen=True)
class Stored:
    """Contents of a checkpoint: arrays as `param/<name>`, `slot/<slot>/<name>`, `gradient/<name>`, and plain values."""

    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]

    def group(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays whose names start with `prefix/`, without it."""
        start = len(prefix) + 1
        return {name[start:]: array for name, array in self.arrays.items() if name.startswith(f"{prefix}/")}


def write(path: str | PathLike[str], stored: Stored) -> None:
    """Write a safetensors file beside `path`, flush it to the disk and put it in place in one step."""
    path = Path(path)
    facts = {"format": FORMAT} | stored.facts
    metadata = {name: json.dumps(value) for name, value in facts.items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in stored.arrays.items()}
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        save_file(arrays, part, metadata)
        flush(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        flush(path.parent)


def flush(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str | PathLike[str]) -> Stored:
    """The contents of a checkpoint; CheckpointError for a file that is none, or is cut off, or of another format."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a whole checkpoint: {error}") from None
    if missing := [name for name in FACTS if name not in metadata]:
        raise CheckpointError(f"{path} is a safetensors file, but no checkpoint of fusegrad: it has no {missing}")
    facts = {name: json.loads(metadata[name]) for name in FACTS}
    if facts["format"] != FORMAT:
        raise CheckpointError(f"{path} has checkpoint format {facts['format']}, expected {FORMAT}")
    return Stored(arrays, facts)
