"""The forms in which data comes: one array, several in a tuple, or a dict of named ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fusegrad.graph import Spec

Structure = Any


def arranged(data: Any, name: str) -> Structure:
    """What the user gave as one array, a tuple of arrays or a dict of them; ValueError where it is none of these."""
    if isinstance(data, Mapping):
        return {key: as_array(item, f"{name}[{key!r}]") for key, item in data.items()}
    if isinstance(data, list | tuple) and data and all(getattr(item, "shape", ()) != () for item in data):
        return tuple(as_array(item, f"{name}[{i}]") for i, item in enumerate(data))
    return as_array(data, name)


def single(data: Any, name: str) -> Any:
    """What the user gave as one array; ValueError where it is several."""
    array = arranged(data, name)
    if isinstance(array, Mapping | tuple):
        raise ValueError(f"{name} expects one array, got a {type(data).__name__} of arrays")
    return array


def as_array(data: Any, name: str) -> Any:
    """The data itself where it is an array of NumPy or on a device, else NumPy's view of it."""
    is_array = isinstance(data, np.ndarray) or hasattr(data, "__cuda_array_interface__")
    try:
        array = data if is_array else np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} expects an array, got {type(data).__name__}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} expects numbers, got dtype {array.dtype}")
    if array.ndim == 0:
        raise ValueError(f"{name} expects an array with one row per sample, got a single {type(data).__name__}")
    return array


def leaves(structure: Structure, name: str) -> dict[str, Any]:
    """The items of a structure by labels such as `x`, `x[0]` and `x['image']`, which error messages use."""
    if isinstance(structure, Mapping):
        return {f"{name}[{key!r}]": item for key, item in structure.items()}
    if isinstance(structure, tuple):
        return {f"{name}[{i}]": item for i, item in enumerate(structure)}
    return {} if structure is None else {name: structure}


def items_of(structure: Structure) -> list[Any]:
    """The items of a structure without labels, which takes less time."""
    if isinstance(structure, dict):
        return list(structure.values())
    return [] if structure is None else list(structure) if isinstance(structure, tuple) else [structure]


def signature(structure: Structure) -> Any:
    """What tells structures of one form, with arrays of equal shapes and dtypes, from all others."""
    if isinstance(structure, dict):
        return tuple((name, item.shape, item.dtype) for name, item in structure.items())
    if isinstance(structure, tuple):
        return tuple((item.shape, item.dtype) for item in structure)
    return None if structure is None else (structure.shape, structure.dtype)


def picked(structure: Structure, rows: Any) -> Structure:
    """The same rows of every array."""
    if isinstance(structure, dict):
        return {name: item[rows] for name, item in structure.items()}
    if isinstance(structure, tuple):
        return tuple(item[rows] for item in structure)
    return None if structure is None else structure[rows]


def mapped(function: Callable[[str, Any], Any], structure: Structure, name: str) -> Structure:
    """A structure of the same form with `function(label, item)` in place of every item."""
    items = [function(label, item) for label, item in leaves(structure, name).items()]
    if isinstance(structure, Mapping):
        return dict(zip(structure, items, strict=True))
    return tuple(items) if isinstance(structure, tuple) else items[0] if items else None


def to_json(structure: Structure) -> Any:
    """A structure of Specs as plain values: `[shape, dtype]`, under "items" if there are several."""
    if isinstance(structure, Mapping):
        return {"items": {key: to_json(item) for key, item in structure.items()}}
    if isinstance(structure, tuple):
        return {"items": [to_json(item) for item in structure]}
    return None if structure is None else [list(structure.shape), structure.dtype]


def from_json(plain: Any) -> Structure:
    """The structure of Specs that `to_json` made plain."""
    if isinstance(plain, dict):
        items = plain["items"]
        if isinstance(items, dict):
            return {key: from_json(item) for key, item in items.items()}
        return tuple(from_json(item) for item in items)
    return None if plain is None else Spec(tuple(plain[0]), plain[1])
