"""Values inside of tuples, lists and dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def inside(value: Any, function: Callable[[Any], Any]) -> Any:
    """The same container of what `function` makes of each part; `value` itself where it is no container."""
    if isinstance(value, tuple | list):
        return type(value)(function(part) for part in value)
    if isinstance(value, dict):
        return {key: function(part) for key, part in value.items()}
    return value
