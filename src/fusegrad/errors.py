"""What every floor needs to fail helpfully: hints for misspelt names, and imports that say what to install."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType


def perhaps(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest of the known names, or all of them where none is near."""
    names = list(known)
    lower = {known_name.lower(): known_name for known_name in names}
    near = get_close_matches(name.lower(), lower, n=1)
    if near:
        return f'; perhaps you meant "{lower[near[0]]}"?'
    return f"; known: {', '.join(sorted(names))}" if names else ""


class MissingExtra(ImportError):
    """A feature needs a package that one of the extras of fusegrad installs."""


def require_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Import `module`, or raise MissingExtra: `<purpose> needs <package>: pip install "fusegrad[<extra>]"`."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name not in (package, module):  # it is there, but lacks a package of its own
            raise
        raise MissingExtra(f'{purpose} needs {package}: pip install "fusegrad[{extra}]"', name=package) from None
