"""Chosen algorithms on disk, one small file for each kind of call."""

from __future__ import annotations

from fusegrad.backend import findings
from fusegrad.backend.cublaslt.call import Call
from fusegrad.backend.cublaslt.library import Home

TOPIC = "cublaslt"
WORDS = 8  # of 64 bits, in an algorithm


def kind(home: Home, call: Call) -> str:
    """All that a choice depends on: an algorithm is of use to one version of the library only."""
    return repr((home.name, home.functions.get_version(), home.workspace.nbytes, call.signature()))


def known(kind: str) -> list[int] | None:
    """The words of the algorithm for this kind of call; None where there is no file, or a damaged one."""
    words = (findings.known(TOPIC, kind) or {}).get("algorithm")
    if not isinstance(words, list) or len(words) != WORDS:
        return None
    whole = all(isinstance(word, int) and 0 <= word < 1 << 64 for word in words)
    return words if whole else None


def keep(kind: str, words: list[int]) -> None:
    findings.keep(TOPIC, kind, {"algorithm": words})
