"""A file that holds all of training: arrays with names, and text; written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

FORMAT = 1
FACTS = [
    "format",
    "arena",
    "best",
    "example",
    "history",
    "machine",
    "optimizer",
    "position",
    "precision",
    "reductions",
    "seed",
    "tally",
    "updates",
    "versions",
]


class CheckpointError(ValueError):
    """A file that is no checkpoint, is damaged, or is one of another network."""


@dataclass(frozen=True)
class Stored:
    """Contents of a checkpoint: arrays and plain values.

    Arrays are named `param/<name>`, `slot/<slot>/<name>`, `gradient/<name>` and `best/<monitor>/<name>`.
    """

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
    metadata = {name: json.dumps(value, default=float) for name, value in facts.items()}
    content = save({name: np.asarray(array, order="C") for name, array in stored.arrays.items()}, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")  # always this name: what a crash leaves is written over
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        flush_folder(path.parent)


def flush_folder(path: Path) -> None:
    """Wait until the entries of a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str | PathLike[str]) -> Stored:
    """The contents of a checkpoint; CheckpointError for a file that is none, or is cut off, or of another format."""
    if Path(path).is_dir():
        raise CheckpointError(f"{path} is a folder, expected a checkpoint file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a whole checkpoint: {error}") from None
    if missing := [name for name in FACTS if name not in metadata]:
        raise CheckpointError(f"{path} is a safetensors file, but no checkpoint of fusegrad: it has no {missing}")
    facts = {name: parsed(path, name, metadata[name]) for name in FACTS}
    if facts["format"] != FORMAT:
        raise CheckpointError(f"{path} has checkpoint format {facts['format']}, expected {FORMAT}")
    return Stored(arrays, facts)


def parsed(path: str | PathLike[str], name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {name} is no JSON: {error}") from None
