"""Names that a package has although it imports them only when they are first asked for (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from fusegrad.errors import perhaps


def on_demand(
    module: str, public: Sequence[str], names: Mapping[str, Sequence[str]], package: str | None = None
) -> Callable[[str], Any]:
    """The `__getattr__` of a module: `names` lists, by module of `package`, what is found there.

    An empty list stands for the module itself.  `package` is the module itself where it is one, and `public` all names
    that it has, of which the nearest is in the message of the AttributeError for another.
    """
    places = {name: place for place, own in names.items() for name in own or (place,)}

    def find(name: str) -> Any:
        if name not in places:
            hint = perhaps(name, public)
            near = hint if hint.startswith("; perhaps") else ""  # of the others there are too many
            raise AttributeError(f"module {module!r} has no attribute {name!r}{near}")
        found = import_module(f"{package or module}.{places[name]}")
        return getattr(found, name) if names[places[name]] else found

    return find
