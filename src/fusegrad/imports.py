"""Names that a package has although it imports them only when they are first asked for (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any


def on_demand(package: str, **names: Sequence[str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package or module: `names` lists, by module of `package`, what is found there.

    A list that is empty stands for the module itself.
    """
    places = {name: module for module, own in names.items() for name in own or (module,)}

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{places[name]}")
        return getattr(module, name) if names[places[name]] else module

    return find
